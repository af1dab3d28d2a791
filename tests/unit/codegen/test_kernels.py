"""Generated kernels at the edges: every short length, every layout, empty arrays, dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from unit.codegen import running

import jitflow.ops.table  # noqa: F401  registers the operators
from jitflow.core.dtypes import BOOL, C64, F16, F32, I8, I64, DType, from_numpy
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Graph, Value


def graph_of(make: Callable[..., Any], *arrays: Any, symbolic: bool = False) -> Graph:
    builder = Builder()
    inputs = []
    for array in arrays:
        dtype = from_numpy(np.asarray(array).dtype)
        assert dtype is not None
        value = builder.input("x", ArrayType(dtype, np.shape(array)))
        if symbolic:
            shape = tuple(builder.dimension_symbol(value, axis) for axis in range(array.ndim))
            value.type = ArrayType(dtype, shape)
        inputs.append(value)
    made = make(builder, *inputs)
    return builder.finish([made] if isinstance(made, Value) else made)


def test_every_length_has_its_tail() -> None:
    def make(b: Builder, x: Value) -> list[Value]:
        e = b.emit("multiply", b.emit("square", x), x)
        return [e, b.emit("sum", e, axes=(0,), keepdims=False), b.emit("negative", x)]

    whole = np.arange(200, dtype=np.float64)
    compiled = running.Compiled(running.segment_of(graph_of(make, whole, symbolic=True), [whole]))
    for n in [*range(40), 63, 64, 65, 127, 128, 129, 200]:
        cubes, total, negative = compiled(whole[:n])
        np.testing.assert_array_equal(cubes, whole[:n] ** 3)
        assert total == np.sum(whole[:n] ** 3)
        np.testing.assert_array_equal(negative, -whole[:n])


@pytest.mark.parametrize("n", [1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 65, 100])
def test_static_lengths_stay_within_their_output(n: int) -> None:
    def make(b: Builder, x: Value) -> Value:
        return b.emit("add", b.emit("exp", x), x)

    x = np.linspace(1, 2, n).astype(np.float32)
    compiled = running.Compiled(running.segment_of(graph_of(make, x), [x]))
    arguments, (out,), keep = compiled.arguments([x])
    guarded = np.full(n + 128, 7.0, np.float32)
    arguments[1] = running.ctypes.c_void_p(guarded.ctypes.data)
    compiled.function(*arguments)
    np.testing.assert_allclose(guarded[:n], np.exp(x) + x, rtol=1e-6)
    assert np.all(guarded[n:] == 7.0)
    del out, keep


@pytest.mark.parametrize("dtype", [BOOL, I8, I64, F16, F32, C64], ids=str)
def test_layouts(dtype: DType) -> None:
    def make(b: Builder, x: Value) -> list[Value]:
        flat = b.emit("reshape", x, shape=(x.type.size,))
        other = b.emit("transpose", x, axes=(1, 0))
        return [b.emit("where", b.emit("equal", x, x), x, x), flat, other]

    base = np.arange(60 * 70).reshape(60, 70).astype(dtype.numpy)
    arrays = [
        base[:20, :33], np.asfortranarray(base[:20, :33]), base[:40:2, :66:2],
        base[19::-1, 32::-1], base.T[:20, :33], base[:1, :33],
        np.broadcast_to(base[:1, :33], (20, 33)),
    ]  # fmt: skip
    for x in arrays:
        found = running.run(graph_of(make, x), x)
        np.testing.assert_array_equal(found[0], x)
        np.testing.assert_array_equal(found[1], x.ravel())
        np.testing.assert_array_equal(found[2], x.T)
        found = running.run(graph_of(make, x), x, strided=True, orders={0: (1, 0), 2: (1, 0)})
        np.testing.assert_array_equal(found[0], x)
        np.testing.assert_array_equal(found[2], x.T)


def test_unaligned_inputs() -> None:
    raw = np.zeros(8 * 50 + 3, np.uint8)
    x = raw[3:].view(np.float64)
    x[...] = np.arange(50)
    assert not x.flags.aligned
    (found,) = running.run(graph_of(lambda b, x: b.emit("square", x), x), x)
    np.testing.assert_array_equal(found, np.arange(50.0) ** 2)


@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0), (3, 0, 2)])
def test_empty_arrays(shape: tuple[int, ...]) -> None:
    def make(b: Builder, x: Value) -> list[Value]:
        return [
            b.emit("exp", x),
            b.emit("sum", x, axes=(0,), keepdims=False),
            b.emit("prod", x, axes=tuple(range(x.type.rank)), keepdims=False),
            b.emit("cumsum", x, axis=0),
        ]

    x = np.zeros(shape, np.float32)
    found = running.run(graph_of(make, x), x)
    for result, expected in zip(found, [x, x.sum(0), x.prod(), x.cumsum(0)], strict=True):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("kind", ["argmax", "argmin"])
@pytest.mark.parametrize("axis", [0, 1])
def test_searches_find_the_first_and_prefer_nan(kind: str, axis: int) -> None:
    x = np.random.default_rng(1).integers(0, 4, (37, 45)).astype(np.float32)
    x[5, 7] = x[5, 30] = x[20, 7] = np.nan
    found = running.run(graph_of(lambda b, x: b.emit(kind, x, axes=(axis,), keepdims=False), x), x)
    np.testing.assert_array_equal(found[0], getattr(np, kind)(x, axis=axis))


def test_nan_goes_through_extremes_and_zeros_keep_their_sign() -> None:
    x = np.zeros((3, 40), np.float32)
    x[1, 17] = np.nan
    x[2] = -0.0
    found = running.run(graph_of(lambda b, x: b.emit("max", x, axes=(1,), keepdims=False), x), x)
    np.testing.assert_array_equal(found[0], [0.0, np.nan, -0.0])
    assert np.signbit(found[0]).tolist() == [False, False, True]


def test_scatter_adds_in_index_order() -> None:
    base, index = np.zeros(5), np.array([1, 1, -1, 1, 0])
    value = np.array([1.0, 2.0, 4.0, 8.0, 16.0])

    def make(b: Builder, x: Value, v: Value, i: Value) -> Value:
        return b.emit("scatter", x, v, i, axes=(0,), mode="add")

    (found,) = running.run(graph_of(make, base, value, index), base, value, index)
    assert found.tolist() == [16.0, 11.0, 0.0, 0.0, 4.0]


def test_scalars_are_passed_by_value() -> None:
    def make(b: Builder, x: Value, y: Value, z: Value) -> list[Value]:
        return [b.emit("multiply", x, b.emit("cast", y, dtype=x.type.dtype)), b.emit("real", z)]

    x = np.arange(5, dtype=np.float32)
    found = running.run(graph_of(make, x, np.int8(3), np.complex128(2 + 1j)), x, 3, 2 + 1j)
    assert found[0].tolist() == [0, 3, 6, 9, 12]
    assert found[1] == 2.0


def test_half_precision_is_rounded_once_from_double() -> None:
    x = np.array([1 + 2.0**-11 + 2.0**-40, 1 + 2.0**-11, -65520.0, np.inf, np.nan, 2.0**-25])
    target = from_numpy(np.dtype(np.float16))
    (found,) = running.run(graph_of(lambda b, x: b.emit("cast", x, dtype=target), x), x)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(found, x.astype(np.float16))

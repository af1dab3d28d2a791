"""Folds of rows and columns: in one block, in several, and split over programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import triton_running
from helpers.triton_running import LARGE, SMALL

from jitflow.codegen.triton.frame import Limits
from jitflow.core.dtypes import BOOL, C64, F16, F32, I32, I64, U8, DType, from_numpy
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Graph, Value

LIMITS = {"whole": LARGE, "blocks": SMALL}
REDUCTIONS = {
    "sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "argmax": np.argmax,
    "argmin": np.argmin,
}  # fmt: skip


def graph_of(make: Callable[..., Any], *arrays: Any, symbolic: bool = False) -> Graph:
    builder = Builder()
    inputs = []
    for array in arrays:
        value = builder.input("x", ArrayType(from_numpy(array.dtype), array.shape))
        if symbolic:
            shape = tuple(builder.dimension_symbol(value, axis) for axis in range(array.ndim))
            value.type = ArrayType(value.type.dtype, shape)
        inputs.append(value)
    made = make(builder, *inputs)
    return builder.finish([made] if isinstance(made, Value) else made)


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("dtype", [F32, I64, I32, U8, F16, C64, BOOL], ids=str)
def test_reductions(dtype: DType, axis: int | None, limits: str) -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(0, 4, (5, 130)).astype(dtype.numpy)
    axes = (0, 1) if axis is None else (axis,)
    names = [n for n in REDUCTIONS if axis is not None or not n.startswith("arg")]
    if dtype is BOOL:
        names = ["any", "all"]
    names = [name for name in names if not (dtype.kind in "fc" and name == "prod")]

    def make(b: Builder, x: Value) -> list[Value]:
        return [b.emit(name, x, axes=axes, keepdims=False) for name in names]

    found = triton_running.run(graph_of(make, x), x, limits=LIMITS[limits])
    for name, result in zip(names, found, strict=True):
        function = getattr(np, name)
        options = {"dtype": x.dtype} if name in ("sum", "prod") else {}
        np.testing.assert_array_equal(result, function(x, axis=axis, **options))


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("symbolic", [False, True])
def test_one_long_row(symbolic: bool, limits: str) -> None:
    """A fold of everything, what is made of it for each element, and another fold of that."""

    def make(b: Builder, x: Value) -> list[Value]:
        most = b.emit("max", x, axes=(0,), keepdims=True)
        e = b.emit("exp", b.emit("subtract", x, most))
        total = b.emit("sum", e, axes=(0,), keepdims=True)
        return [b.emit("divide", e, total), total, b.emit("argmax", x, axes=(0,), keepdims=False)]

    for n in (1, 700):
        x = np.random.default_rng(n).normal(size=n)
        found = triton_running.run(graph_of(make, x, symbolic=symbolic), x, limits=LIMITS[limits])
        e = np.exp(x - x.max())
        np.testing.assert_allclose(found[0], e / e.sum(), rtol=1e-12)
        np.testing.assert_allclose(found[1], e.sum(keepdims=True), rtol=1e-12)
        assert found[2] == np.argmax(x)


def test_long_rows_are_split_over_programs() -> None:
    x = np.zeros(5000)
    graph = graph_of(lambda b, x: b.emit("sum", x, axes=(0,), keepdims=False), x)
    _, program = triton_running.program_of(graph, [x], SMALL)
    first, last = program.kernels
    assert first.grid[1].count({}) == 16  # twice the programs that fill the device
    assert len(last.grid) == 1
    _, program = triton_running.program_of(graph, [x], LARGE)
    assert len(program.kernels) == 1


@pytest.mark.parametrize("limits", LIMITS)
def test_searches_find_the_first_and_prefer_nan(limits: str) -> None:
    x = np.random.default_rng(1).integers(0, 4, (5, 140)).astype(np.float32)
    x[3, 7] = x[3, 100] = np.nan

    def make(b: Builder, x: Value) -> list[Value]:
        return [
            b.emit(name, x, axes=(axis,), keepdims=False)
            for name in ("argmax", "argmin", "max", "min")
            for axis in (0, 1)
        ]

    found = triton_running.run(graph_of(make, x), x, limits=LIMITS[limits])
    wanted = [f(x, axis=a) for f in (np.argmax, np.argmin, np.max, np.min) for a in (0, 1)]
    for result, expected in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("axis", [0, 1])
def test_scans(axis: int, limits: str) -> None:
    x = np.random.default_rng(2).integers(-5, 5, (6, 100)).astype(np.float64)
    x[:, 3] = 1.0

    def make(b: Builder, x: Value) -> list[Value]:
        one = b.emit("cumsum", b.emit("negative", x), axis=axis)
        return [one, b.emit("cumprod", b.emit("sign", x), axis=axis), b.emit("square", one)]

    found = triton_running.run(graph_of(make, x), x, limits=LIMITS[limits])
    sums = np.cumsum(-x, axis)
    for result, expected in zip(found, [sums, np.cumprod(np.sign(x), axis), sums**2], strict=True):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("dtype", "shape", "symbolic"),
    [
        (I64, (1000,), False), (F32, (1000,), True), (U8, (3, 1000), False),
        (C64, (1000, 3), False), (F16, (2, 500), False), (BOOL, (700,), False),
    ],
)  # fmt: skip
def test_scans_of_long_rows_in_parts(dtype: DType, shape: tuple[int, ...], symbolic: bool) -> None:
    x = np.random.default_rng(2).integers(0, 2, shape).astype(dtype.numpy)
    axis = int(np.argmax(shape))

    def make(b: Builder, x: Value) -> Value:
        if dtype is BOOL:
            x = b.emit("cast", x, dtype=I32)
        return b.emit("cumsum", b.emit("add", x, x), axis=axis)

    graph = graph_of(make, x, symbolic=symbolic)
    _, program = triton_running.program_of(graph, [x], limits=SMALL)
    assert len(program.kernels) == 2
    (found,) = triton_running.run(graph, x, limits=SMALL)
    twice = x.astype(found.dtype) * 2
    np.testing.assert_array_equal(found, np.cumsum(twice, axis, dtype=found.dtype))


def test_short_scans_and_many_of_them_are_one_kernel() -> None:
    for shape in [(40,), (600, 100)]:
        x = np.ones(shape, np.float32)
        graph = graph_of(lambda b, x: b.emit("cumsum", x, axis=x.type.rank - 1), x)
        _, program = triton_running.program_of(graph, [x], limits=SMALL)
        assert len(program.kernels) == 1


@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0), (3, 0, 2)])
def test_empty_arrays(shape: tuple[int, ...]) -> None:
    def make(b: Builder, x: Value) -> list[Value]:
        every = tuple(range(x.type.rank))
        return [
            b.emit("exp", x),
            b.emit("sum", x, axes=(0,), keepdims=False),
            b.emit("prod", x, axes=every, keepdims=False),
            b.emit("cumsum", x, axis=0),
        ]

    x = np.zeros(shape, np.float32)
    for symbolic in (False, True):
        found = triton_running.run(graph_of(make, x, symbolic=symbolic), x)
        for result, expected in zip(found, [x, x.sum(0), x.prod(), x.cumsum(0)], strict=True):
            np.testing.assert_array_equal(result, expected)


def test_sums_of_halves_are_made_in_single() -> None:
    x = np.full((2, 3000), 1.0, np.float16)
    graph = graph_of(lambda b, x: b.emit("sum", x, axes=(1,), keepdims=False), x)
    for limits in (LARGE, Limits(row_block=64, whole_row=64)):
        (found,) = triton_running.run(graph, x, limits=limits)
        np.testing.assert_array_equal(found, np.full(2, 3000, np.float16))

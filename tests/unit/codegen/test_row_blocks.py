"""Products by blocks of rows: what is put into the loop, what stays out of it, and the results."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import jitflow
from jitflow.codegen.commands import CallProduct, Repeat, every
from jitflow.codegen.cpu import own_products
from jitflow.codegen.cpu.target import host
from jitflow.codegen.program import lower
from jitflow.core.dtypes import F32
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from tests.unit.codegen.running import Compiled, segment_of

pytestmark = pytest.mark.skipif(
    not host().has_fma or host().vector_bits < 256, reason="products are made by BLAS here"
)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """More threads of BLAS make such products together."""
    monkeypatch.setattr(own_products, "blas_threads", lambda: 1)


def normal(*shape, dtype=np.float32):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def patches_side_by_side(x, w):
    parts = [x[:, i : i + 32, j : j + 32] for i in range(3) for j in range(3)]
    return np.maximum(np.concatenate(parts, axis=-1) @ w.reshape(-1, w.shape[-1]), 0)


def windows(x, w):
    return np.tensordot(sliding_window_view(x, (3, 3), axis=(1, 2)), w, ([4, 5, 3], [0, 1, 2]))


def turned_weights(x, w):
    """Channels first, and the weights of a channel in a row."""
    v = sliding_window_view(x.transpose(0, 3, 1, 2), (3, 3), axis=(2, 3))
    columns = v.transpose(0, 2, 3, 1, 4, 5).reshape(-1, w[..., 0].size)
    rows = w.transpose(3, 2, 0, 1).reshape(w.shape[-1], -1).copy()
    return np.tanh((columns @ rows.T).reshape(len(x), 32, 32, -1).transpose(0, 3, 1, 2))


def patches_are_kept(x, w):
    parts = [x[:, i : i + 32, j : j + 32] for i in range(3) for j in range(3)]
    columns = np.concatenate(parts, axis=-1).reshape(-1, w[..., 0].size)
    return columns, columns @ w.reshape(-1, w.shape[-1])


def patches_are_used_again(x, w):
    parts = [x[:, i : i + 32, j : j + 32] for i in range(3) for j in range(3)]
    columns = np.concatenate(parts, axis=-1)
    y = columns @ w.reshape(-1, w.shape[-1])
    return y + columns[..., : w.shape[-1]], columns.sum(axis=0)


def other_rows_are_used(x, w):
    y = patches_side_by_side(x, w).reshape(-1, w.shape[-1])
    return y[::-1] + y, y - y.mean(axis=0)


def in_place(x, w):
    y = patches_side_by_side(x, w)
    x[:, :32, :32, : w.shape[-1]] += y
    return y.sum()


def two_layers(x, w):
    y = patches_side_by_side(x, w)
    y = np.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return patches_side_by_side(y, w[:, :, : w.shape[-1]]) / np.sqrt(np.abs(w).sum() + 1)


def odd(x, w):
    """37 columns of 31 rows: nothing divides them."""
    wide = np.concatenate([x[:, :31], x[:, 1:32, ::-1]], axis=2)[:, :, :37]
    parts = [wide[:, :, j : j + 35] for j in range(3)]
    return np.concatenate([*parts, *parts], axis=-1) @ w.reshape(-1, w.shape[-1])[:96]


PROGRAMS = [
    patches_side_by_side, windows, turned_weights, patches_are_kept, patches_are_used_again,
    other_rows_are_used, in_place, two_layers, odd,
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("program", PROGRAMS)
def test_results(program, dtype):
    compiled = jitflow.compile(program)
    for _ in range(2):
        given, expected = ((normal(4, 34, 34, 16, dtype=dtype), normal(3, 3, 16, 16, dtype=dtype))
                           for _ in range(2))  # fmt: skip
        results = compiled(*given), program(*expected)
        pairs = zip(*(r if isinstance(r, tuple) else (r,) for r in results), strict=True)
        for got, wanted in [*pairs, *zip(given, expected, strict=True)]:
            scale = np.abs(wanted).max()
            np.testing.assert_allclose(got / scale, wanted / scale, atol=3e-6, rtol=0)


def convolution(rows=32, is_kept=False, is_summed=False):
    """Windows of three rows and columns, a product, and what is done with it."""
    builder = Builder("f")
    x = builder.input("x", ArrayType(F32, (4, rows + 2, 34, 16)))
    w = builder.input("w", ArrayType(F32, (144, 32)))
    v = builder.emit(
        "strided", x, axes=(0, 1, 2, 1, 2, 3), steps=(1,) * 6, shape=(4, rows, 32, 3, 3, 16)
    )
    left = builder.emit("reshape", v, shape=(4 * rows * 32, 144))
    y = builder.emit("matmul", left, w)
    outputs = [left] if is_kept else []
    if is_summed:
        y = builder.emit("subtract", y, builder.emit("max", y, axes=(0,), keepdims=True))
    return builder.finish([builder.emit("absolute", y), *outputs])


def lowered(graph):
    return lower(segment_of(graph, [np.ones(v.type.shape, np.float32) for v in graph.inputs]))


def product_of(program):
    (call,) = (c for c in every(program.commands) if isinstance(c, CallProduct))
    return call


def test_patches_and_result_are_never_in_memory_as_a_whole():
    made = lowered(convolution())
    assert [type(command) for command in made.program.commands] == [Repeat]
    assert len(made.program.kernels) == 2
    assert product_of(made.program).rows in range(64, 512)
    assert made.arena.size < 4096 * 144  # a quarter of the patches


def test_patches_that_are_kept_are_made_by_blocks_too():
    made = lowered(convolution(is_kept=True))
    assert [type(command) for command in made.program.commands] == [Repeat]
    call = product_of(made.program)
    assert call.left.pointer.storage == "out1"
    assert call.result.pointer.storage.startswith("tmp")


def test_a_kernel_that_needs_all_rows_stays_behind():
    made = lowered(convolution(is_summed=True))
    kinds = [type(command) for command in made.program.commands]
    assert kinds[0] is Repeat
    assert len(kinds) > 1
    assert made.arena.size > 4096 * 32 * 4


def test_few_rows_are_one_product():
    made = lowered(convolution(rows=4))
    assert not any(isinstance(command, Repeat) for command in made.program.commands)


def test_threads_of_blas_make_it_as_a_whole(monkeypatch):
    monkeypatch.setattr(own_products, "blas_threads", lambda: 2)
    made = lowered(convolution())
    assert not any(isinstance(command, Repeat) for command in made.program.commands)


@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize("is_summed", [False, True])
def test_graphs(is_kept, is_summed):
    graph = convolution(is_kept=is_kept, is_summed=is_summed)
    x, w = normal(4, 34, 34, 16), normal(144, 32)
    found = Compiled(segment_of(graph, [x, w]))(x, w)
    found = found if isinstance(found, (list, tuple)) else [found]
    v = sliding_window_view(x, (3, 3), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    left = v.reshape(-1, 144)
    y = left @ w
    y = y - y.max(axis=0) if is_summed else y
    np.testing.assert_allclose(found[0], np.abs(y), rtol=1e-4, atol=1e-4)
    if is_kept:
        np.testing.assert_array_equal(found[1], left)

"""Gathers and scatters: the last of several that meet, sums that meet, indices out of bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import triton_running
from helpers.triton_running import LARGE, SMALL

from jitflow.core.dtypes import from_numpy
from jitflow.core.errors import CheckFailed
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Graph, Value
from jitflow.ir.interpreter import run as interpret

LIMITS = {"whole": LARGE, "blocks": SMALL}


def graph_of(make: Callable[..., Any], *arrays: Any) -> Graph:
    builder = Builder()
    inputs = [builder.input("x", ArrayType(from_numpy(x.dtype), x.shape)) for x in arrays]
    made = make(builder, *inputs)
    return builder.finish([made] if isinstance(made, Value) else made)


def check(graph: Graph, inputs: list[np.ndarray], limits: str) -> None:
    expected = interpret(graph, [x.copy() for x in inputs])
    found = triton_running.run(graph, *inputs, limits=LIMITS[limits])
    for result, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-12)


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("mode", ["set", "add", "multiply", "minimum", "maximum"])
@pytest.mark.parametrize("dtype", ["i8", "f8", "i4", "u1"])
def test_scatters_that_meet(dtype: str, mode: str, limits: str) -> None:
    rng = np.random.default_rng(5)
    base = rng.integers(1, 5, (12, 3)).astype(dtype)
    value = rng.integers(1, 4, (40, 3)).astype(dtype)
    index = rng.integers(-12, 12, 40)
    graph = graph_of(
        lambda b, x, v, i: b.emit("scatter", x, b.emit("square", v), i, axes=(0,), mode=mode),
        base, value, index,
    )  # fmt: skip
    check(graph, [base, value, index], limits)


@pytest.mark.parametrize("limits", LIMITS)
def test_two_indices_that_broadcast(limits: str) -> None:
    rng = np.random.default_rng(6)
    base, value = rng.normal(size=(6, 2, 7)), rng.normal(size=(9, 5, 2))
    rows, columns = rng.integers(0, 6, (9, 1)), rng.integers(-7, 7, 5)
    graph = graph_of(
        lambda b, x, v, i, j: [
            b.emit("scatter", x, v, i, j, axes=(0, 2), mode="set"),
            b.emit("gather", x, i, j, axes=(0, 2)),
        ],
        base, value, rows, columns,
    )  # fmt: skip
    check(graph, [base, value, rows, columns], limits)


def test_replaced_elements_are_stored_by_all_programs() -> None:
    base, value, index = np.zeros(50), np.ones(4000), np.arange(4000) % 50
    graph = graph_of(
        lambda b, x, v, i: b.emit("scatter", x, v, i, axes=(0,), mode="set"), base, value, index
    )
    _, program = triton_running.program_of(graph, [base, value, index], SMALL)
    names = [kernel.name for kernel in program.kernels]
    assert names[-3:] == ["kernel_clear_slots", "kernel_claim_slots", "kernel_scatter"]
    assert program.kernels[-1].grid[0].count({}) == 4000 // 16
    assert not any("for " in kernel.source for kernel in program.kernels)


def test_an_index_out_of_bounds_fails() -> None:
    x, index = np.arange(10.0), np.array([3, 10])
    graph = graph_of(lambda b, x, i: b.emit("gather", x, i, axes=(0,)), x, index)
    with pytest.raises(CheckFailed):
        triton_running.run(graph, x, index)
    graph = graph_of(
        lambda b, x, i: b.emit("scatter", x, b.emit("cast", i, dtype=x.type.dtype), i,
                               axes=(0,), mode="set"),
        x, index,
    )  # fmt: skip
    with pytest.raises(CheckFailed):
        triton_running.run(graph, x, index)

"""Inputs for graphs, and exact comparison of what two graphs give."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from helpers.compare import assert_same
from jitflow.core import dims
from jitflow.ir import interpreter
from jitflow.ir.graph import DimensionOf, Graph
from jitflow.ops.samples import mixed


def random_inputs(graph: Graph, rng: np.random.Generator) -> list[np.ndarray]:
    """Arrays for every input, with special values; symbols are small numbers from 2 on."""
    symbols = {name: int(rng.integers(2, 6)) for name in graph.symbols}
    numbers = {
        id(d.value): symbols[name]
        for name, d in graph.symbols.items()
        if not isinstance(d, DimensionOf)
    }
    inputs = []
    for value in graph.inputs:
        shape = tuple(dims.evaluate(dim, symbols) for dim in value.type.shape)
        if id(value) in numbers:
            inputs.append(np.array(numbers[id(value)]))
        else:
            inputs.append(np.array(mixed(rng, value.type.dtype, shape)))
    return inputs


def run_quietly(graph: Graph, inputs: list[Any]) -> tuple[list[Any], list[Any]]:
    """Outputs, and the inputs after the graph has written to them."""
    inputs = [np.array(given) for given in inputs]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        return interpreter.run(graph, inputs, write=True), inputs


def assert_graphs_agree(before: Graph, after: Graph, seed: int, ulp: int = 0) -> None:
    """Both give the same outputs and write the same on the same random inputs."""
    inputs = random_inputs(before, np.random.default_rng(seed))
    (outputs, written), (found, found_written) = (
        run_quietly(graph, inputs) for graph in (before, after)
    )
    for expected, value in zip((*outputs, *written), (*found, *found_written), strict=True):
        assert_same(value, expected, ulp)

"""Random graphs: compiled code against the reference interpreter, values and writes in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.random_graphs import Maker
from unit.codegen import running

from jitflow.ir.interpreter import run as interpret

pytestmark = pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")

SEEDS = range(100)


@pytest.mark.parametrize("seed", SEEDS)
def test_small_graphs(seed: int) -> None:
    compare(Maker(seed))


@pytest.mark.parametrize("seed", range(1000, 1020))
def test_large_graphs(seed: int) -> None:
    compare(Maker(seed, nodes=40))


@pytest.mark.parametrize("seed", range(2000, 2040))
def test_symbolic_dimensions(seed: int) -> None:
    compare(Maker(seed, symbolic=True))


@np.errstate(all="ignore")
def compare(maker: Maker) -> None:
    graph, inputs = maker.make()
    copies = [np.array(x) for x in inputs]
    expected = interpret(graph, copies, write=True)
    found = running.run(graph, *inputs)
    for value, result, wanted in zip(graph.outputs, found, expected, strict=True):
        assert_close(value.name, result, wanted)
    for value, array, copy in zip(graph.inputs, inputs, copies, strict=True):
        assert_close(value.name, array, copy)


def assert_close(name: str, found: Any, expected: Any) -> None:
    """Integers exactly; floats within what another order of summation in f32 gives."""
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-5, err_msg=name)

"""Random graphs, and loops and branches, through the GPU back end against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import triton_running
from helpers.loop_graphs import GRAPHS
from helpers.random_graphs import Maker
from helpers.random_loops import LoopMaker
from helpers.triton_running import LARGE, SMALL

from jitflow.ir import pipeline
from jitflow.ir.interpreter import run as interpret
from jitflow.ir.parser import parse

pytestmark = pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")

LIMITS = {"whole": LARGE, "blocks": SMALL}


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("seed", range(30))
def test_small_graphs(seed: int, limits: str) -> None:
    compare(*Maker(seed).make(), limits)


@pytest.mark.parametrize("seed", range(1000, 1005))
def test_large_graphs(seed: int) -> None:
    compare(*Maker(seed, nodes=40).make(), "whole")


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("seed", range(2000, 2008))
def test_symbolic_dimensions(seed: int, limits: str) -> None:
    compare(*Maker(seed, symbolic=True).make(), limits)


@pytest.mark.parametrize("name", GRAPHS)
def test_loops_and_branches(name: str) -> None:
    text, inputs = GRAPHS[name]
    given = [np.array(x) if isinstance(x, np.ndarray) else x for x in inputs]
    compare(parse(text), given, "whole", rtol=1e-13)


@pytest.mark.parametrize("symbolic", [False, True], ids=["static", "symbolic"])
@pytest.mark.parametrize("seed", range(6))
def test_random_loops(seed: int, symbolic: bool) -> None:
    graph, inputs = LoopMaker(seed, symbolic).make()
    compare(pipeline.run(graph) if seed % 2 else graph, inputs, "whole", rtol=1e-9, atol=1e-12)


@np.errstate(all="ignore")
def compare(graph: Any, inputs: Any, limits: str, rtol: float = 2e-4, atol: float = 1e-5) -> None:
    """Outputs, and inputs that are written in place."""
    copies = [np.array(x) for x in inputs]
    expected = interpret(graph, copies, write=True)
    found = triton_running.run(graph, *inputs, limits=LIMITS[limits])
    for result, wanted in zip([*found, *inputs], [*expected, *copies], strict=True):
        np.testing.assert_allclose(result, wanted, rtol=rtol, atol=atol)

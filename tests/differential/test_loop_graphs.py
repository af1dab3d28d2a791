"""Loops and branches: compiled code against the reference interpreter, text, and verifier."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.loop_graphs import GRAPHS
from helpers.random_loops import LoopMaker
from unit.codegen import running

from jitflow.ir import pipeline
from jitflow.ir.interpreter import run as interpret
from jitflow.ir.parser import parse
from jitflow.ir.printer import print_graph
from jitflow.ir.verifier import verify


@pytest.mark.parametrize("name", GRAPHS)
def test_text_round_trips(name: str) -> None:
    graph = parse(GRAPHS[name][0])
    verify(graph)
    text = print_graph(graph)
    assert print_graph(parse(text)) == text


@pytest.mark.parametrize("optimised", [False, True], ids=["traced", "after-passes"])
@pytest.mark.parametrize("name", GRAPHS)
def test_compiled_as_interpreted(name: str, optimised: bool) -> None:
    text, inputs = GRAPHS[name]
    graph = parse(text)
    expected_inputs = [np.array(x) for x in inputs]
    expected = interpret(graph, expected_inputs, write=True)
    if optimised:
        graph = pipeline.run(graph)
        verify(graph)
    given = [np.array(x) if isinstance(x, np.ndarray) else x for x in inputs]
    found = running.run(graph, *given)
    for result, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-13)
    for array, wanted in zip(given, expected_inputs, strict=True):
        np.testing.assert_allclose(array, wanted, rtol=1e-13)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("symbolic", [False, True], ids=["static", "symbolic"])
def test_random_loops(seed: int, symbolic: bool) -> None:
    graph, inputs = LoopMaker(seed, symbolic).make()
    verify(graph)
    text = print_graph(graph)
    assert print_graph(parse(text)) == text
    expected_inputs = [np.array(x) for x in inputs]
    expected = interpret(graph, expected_inputs, write=True)
    if seed % 2:
        graph = pipeline.run(graph)
        verify(graph)
    found = running.run(graph, *inputs)
    for result, wanted in zip([*found, *inputs], [*expected, *expected_inputs], strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-9, atol=1e-12)

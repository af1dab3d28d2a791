"""Loops that code generation declines, and loops in segments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.loop_graphs import GRAPHS

from jitflow.codegen.support import supports
from jitflow.ir import interpreter
from jitflow.ir.parser import parse
from jitflow.ir.verifier import verify
from jitflow.runtime.outline import outline
from jitflow.runtime.partition import partition


def results(graph: Any, inputs: list[Any]) -> list[Any]:
    given = [np.array(x) for x in inputs]
    return [*interpreter.run(graph, given, write=True), *given]


@pytest.mark.parametrize("name", GRAPHS)
def test_a_call_out_runs_the_loop(name: str) -> None:
    text, inputs = GRAPHS[name]
    graph = outline(parse(text), lambda node: False)
    verify(graph)
    assert any(node.operator.name == "call_out" for node in graph.nodes)
    for found, wanted in zip(results(graph, inputs), results(parse(text), inputs), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_loop_is_part_of_a_segment(name: str) -> None:
    text, inputs = GRAPHS[name]
    graph = parse(text)
    assert outline(graph, supports) is graph
    (segment,) = partition(graph, supports).segments
    verify(segment.graph)
    taken = {value.name: x for value, x in zip(graph.inputs, inputs, strict=True)}
    given = [taken[value.name] for value in segment.takes]
    found = interpreter.run(segment.graph, given)
    wanted = interpreter.run(parse(text), [np.array(x) for x in inputs])
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)

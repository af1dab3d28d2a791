"""Random graphs: their text parses back to itself, they verify, and the pipeline keeps meaning."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.compare import assert_same
from helpers.golden import apply_passes
from helpers.graphs import run_quietly
from helpers.random_graphs import Maker

from jitflow.ir import pipeline
from jitflow.ir.parser import parse
from jitflow.ir.printer import print_graph
from jitflow.ir.verifier import verify

SEEDS = range(60)


def make(seed: int) -> tuple:
    graph, inputs = Maker(seed, nodes=25, symbolic=seed % 3 == 0).make()
    pairs = zip(graph.inputs, inputs, strict=True)
    return graph, [np.reshape(x, ()) if value.type.rank == 0 else x for value, x in pairs]


@pytest.mark.parametrize("seed", SEEDS)
def test_text_parses_back_to_the_same_text(seed: int) -> None:
    graph, inputs = make(seed)
    verify(graph)
    text = print_graph(graph)
    again = parse(text)
    verify(again)
    assert print_graph(again) == text
    for found, expected in zip(
        run_quietly(again, inputs)[0], run_quietly(graph, inputs)[0], strict=True
    ):
        assert_same(found, expected)


@pytest.mark.parametrize(
    ("seed", "name"),
    [(seed, "pipeline") for seed in SEEDS]
    + [(seed, name) for seed in range(9) for name in pipeline.NAMED],
)
def test_passes_keep_outputs_and_writes(seed: int, name: str) -> None:
    graph, inputs = make(seed)
    before = print_graph(graph)
    after = apply_passes(graph, (name,))
    assert print_graph(graph) == before, "a pass changed its input"
    expected, found = run_quietly(graph, inputs), run_quietly(after, inputs)
    for left, right in zip((*found[0], *found[1]), (*expected[0], *expected[1]), strict=True):
        assert_same(left, right)


def test_interpreter_outputs_share_no_memory_with_written_inputs() -> None:
    graph = parse(
        """
        graph @f(%x: f64[3]) -> f64[3] {
          %t: f64[3] = transpose %x {axes=[0]}
          %n: f64[3] = negative %x
          write %x = %n
          return %t
        }
        """
    )
    (old,), (new,) = run_quietly(graph, [np.array([1.0, 2.0, 3.0])])
    assert_same(old, np.array([1.0, 2.0, 3.0]))
    assert_same(new, np.array([-1.0, -2.0, -3.0]))

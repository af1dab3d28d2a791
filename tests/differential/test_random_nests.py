"""Random loop nests over array elements, independent or not: compiled against eager, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from nest_programs import ARRAYS, arguments, program

import jitflow
from jitflow.ir import pipeline
from jitflow.ir.graph import Graph

SEEDS = range(120)


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Numbers of loops of each graph before and after the pass, in turn."""
    found: list[int] = []
    before = pipeline.VectoriseLoops.run

    def run(self: object, graph: Graph) -> Graph:
        new = before(self, graph)
        found.extend(sum(n.operator.name == "for" for n in g.walk()) for g in (graph, new))
        return new

    monkeypatch.setattr(pipeline.VectoriseLoops, "run", run)
    yield found


@pytest.mark.parametrize("first", SEEDS[::20])
def test_random_nests(first: int, loops: list[int]) -> None:
    with jitflow.config().override(strict=True, verify_ir=True, measure=False):
        for seed in range(first, first + 20):
            function, source = program(seed)
            expected, given = arguments(seed), arguments(seed)
            with np.errstate(all="ignore"):
                function(**expected)
                jitflow.compile(function)(**given)
            for name in ARRAYS:
                np.testing.assert_array_equal(given[name], expected[name], source, strict=True)
    assert sum(loops[1::2]) <= sum(loops[::2]) - 5

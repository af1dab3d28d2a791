"""Random loop nests over array elements, independent or not: compiled against eager, bit for bit."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from nest_programs import ARRAYS, arguments, program

import jitflow
from jitflow.ir import pipeline
from jitflow.ir.graph import Graph
from jitflow.ir.passes import independent
from jitflow.runtime.replay import SegmentFlags

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


def told(function: object, given: dict[str, np.ndarray]) -> set[str]:
    """The warnings of a call, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(**given)  # type: ignore[operator]
    return {str(warning.message) for warning in caught}


@pytest.mark.parametrize("first", SEEDS[:40:20])
def test_random_nests_with_branches(
    first: int, loops: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(independent, "FEWEST_BRANCHING", independent.FEWEST)
    flagged: list[int] = []
    before = SegmentFlags.__call__

    def note(self: SegmentFlags, flags: int, *args: object) -> object:
        flagged.append(flags)
        return before(self, flags, *args)

    monkeypatch.setattr(SegmentFlags, "__call__", note)
    with jitflow.config().override(strict=True, verify_ir=True, measure=False):
        for seed in range(first, first + 20):
            function, source = program(seed, branches=True)
            compiled = jitflow.compile(function)
            expected, given = arguments(seed), arguments(seed)
            with np.errstate(all="ignore"):
                function(**expected)
                compiled(**given)
            for name in ARRAYS:
                np.testing.assert_array_equal(given[name], expected[name], source, strict=True)
            wanted = told(function, arguments(seed))
            flagged.clear()
            assert told(compiled, arguments(seed)) == wanted, source
            assert wanted or not flagged, source
    assert sum(loops[1::2]) <= sum(loops[::2]) - 1

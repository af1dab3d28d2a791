"""What can warn is computed though nobody uses it, or not all of it; what cannot goes."""

import numpy as np
import pytest
from helpers.graphs import run_quietly

from jitflow.ir.graph import Graph
from jitflow.ir.parser import parse
from jitflow.ir.passes.dce import RemoveDead
from jitflow.ir.passes.observe import ObserveDead
from jitflow.ir.passes.regions import TidyRegions
from jitflow.ir.verifier import verify

GRAPH = """
graph @observed(%x: f64[4], %n: i64[]) -> f64[3] {
  %unused: f64[4] = log %x  @m.py:3
  %quiet: f64[4] = negative %x  @m.py:3
  %whole: i32[4] = cast %x {dtype=i32}  @m.py:4
  %part: f64[4] = sqrt %x  @m.py:5
  %some: f64[1] = slice %part {starts=[0], steps=[1], shape=[1]}  @m.py:5
  %u: f64[4] = multiply %x, %x  @m.py:6
  %right: f64[3] = slice %u {starts=[1], steps=[1], shape=[3]}  @m.py:6
  %left: f64[3] = slice %u {starts=[0], steps=[1], shape=[3]}  @m.py:6
  %d: f64[3] = subtract %right, %left  @m.py:6
  %e: f64[3] = add %d, %some  @m.py:7
  return %e
}
"""


def observed(text: str) -> tuple[Graph, set[str]]:
    """The graph after the pass, and the values of which something was added."""
    graph = parse(text)
    before = {value.name for node in graph.walk() for value in node.results}
    graph = ObserveDead().run(graph)
    verify(graph)
    tests = [node for node in graph.walk() if node.operator.name in ("isfinite", "equal")]
    return graph, {node.operands[0].name for node in tests if node.results[0].name not in before}


def test_dead_and_partly_used_values_are_observed() -> None:
    graph, found = observed(GRAPH)
    assert found == {"unused", "whole", "part"}
    assert len(graph.outputs) == 4
    assert all(value.type.rank == 0 for value in graph.outputs[1:])
    names = {value.name for node in RemoveDead().run(graph).nodes for value in node.results}
    assert found <= names
    assert "quiet" not in names


def test_what_is_dead_may_be_left_for_the_observer() -> None:
    graph = RemoveDead(keeps_loud=True).run(parse(GRAPH))
    names = {value.name for node in graph.nodes for value in node.results}
    assert {"unused", "whole", "part"} <= names
    assert "quiet" not in names


PARTS = """
graph @parts(%x: f64[2,6], %k: i64[3]) -> f64[] {{
  %y: f64[2,6] = sqrt %x  @m.py:3
  %z: f64[2,6] = add %y, %y  @m.py:3
{slices}
  %sum: f64[] = add %a, %b  @m.py:9
  return %sum
}}
"""

COVERING = {
    "three in a row": ([(0, 0, 1, 1, 2, 2), (0, 2, 1, 1, 2, 3), (0, 4, 1, 1, 2, 2)], True),
    "a gap": ([(0, 0, 1, 1, 2, 2), (0, 3, 1, 1, 2, 3)], False),
    "even and odd": ([(0, 0, 1, 2, 2, 3), (0, 5, 1, -2, 2, 3)], True),
    "even ones": ([(0, 0, 1, 2, 2, 3), (0, 4, 1, -2, 2, 3)], False),
    "quarters": ([(r, c, 1, 1, 1, 3) for r in (0, 1) for c in (0, 3)], True),
    "three quarters": ([(r, c, 1, 1, 1, 3) for r, c in ((0, 0), (1, 0), (1, 3))], False),
}


@pytest.mark.parametrize(("slices", "covers"), COVERING.values(), ids=COVERING)
def test_slices_that_cover_a_value_use_what_it_is_made_of(slices: list, covers: bool) -> None:
    lines = []
    for number, (row, column, *steps, rows, columns) in enumerate(slices):
        attributes = f"starts=[{row}, {column}], steps={steps}, shape=[{rows}, {columns}]"
        lines.append(f"  %s{number}: f64[{rows},{columns}] = slice %z {{{attributes}}}")
        lines.append(f"  %t{number}: f64[] = sum %s{number} {{axes=[0, 1], keepdims=false}}")
    lines.append("  %a: f64[] = add %t0, %t1")
    last = "%t1" if len(slices) == 2 else "%t2"
    lines.append(f"  %c: f64[] = add {last}, %t{len(slices) - 1}")
    lines.append("  %b: f64[] = add %c, %c")
    _, found = observed(PARTS.format(slices="\n".join(lines)))
    assert found == (set() if covers else {"z"})


def test_rows_of_a_gather_are_looked_up_by_any_element() -> None:
    text = """
    graph @rows(%x: f64[5,4], %k: i64[3]) -> f64[3,1] {
      %g: f64[3,4] = gather %x, %k {axes=[0]}  @m.py:3
      %part: f64[3,1] = slice %g {starts=[0, 2], steps=[1, 1], shape=[3, 1]}  @m.py:3
      return %part
    }
    """
    assert observed(text)[1] == set()
    fewer = text.replace("shape=[3, 1]", "shape=[2, 1]").replace("f64[3,1]", "f64[2,1]")
    assert observed(fewer)[1] == {"g"}


REGIONS = """
graph @f(%x: f64[8], %n: i64[], %c: bool[]) -> f64[8] {
  %zero: i64[] = constant {value=i64[](0)}
  %one: i64[] = constant {value=i64[](1)}
  %s: f64[8], %last: f64[8] = for %zero, %n, %one, %x, %x (%i: i64[], %u: f64[8], %old: f64[8]) {
    %dead: f64[8] = log %u  @m.py:3
    %halves: f64[8] = sqrt %u  @m.py:4
    %left: f64[4] = slice %halves {starts=[0], steps=[1], shape=[4]}  @m.py:4
    %right: f64[4] = slice %halves {starts=[4], steps=[1], shape=[4]}  @m.py:4
    %both: f64[8] = concatenate %right, %left {axis=0}  @m.py:4
    %cycle: f64[8] = exp %old  @m.py:5
    yield %both, %cycle
  }
  %t: f64[8] = cond %c () {
    %tangent: f64[8] = tan %s  @m.py:7
    yield %s
  } () {
    yield %x
  }
  return %t
}
"""


def test_regions_give_what_they_saw() -> None:
    graph, found = observed(REGIONS)
    assert found == {"dead", "cycle", "tangent"}
    loop, branch = (node for node in graph.nodes if node.regions)
    assert [len(node.results) for node in (loop, branch)] == [3, 2]
    tidied = TidyRegions().run(graph)
    names = {value.name for node in tidied.walk() for value in node.results}
    assert found <= names
    inputs = [np.arange(8.0), np.array(3), np.array(True)]
    (before,), _ = run_quietly(parse(REGIONS), inputs)
    (after, *seen), _ = run_quietly(tidied, inputs)
    np.testing.assert_array_equal(after, before)
    assert [bool(value) for value in seen] == [False, True]


def test_values_that_the_next_iteration_uses_are_used() -> None:
    _, found = observed("""
    graph @f(%x: f64[], %n: i64[]) -> f64[] {
      %b: bool[] = constant {value=bool[](true)}
      %s: f64[], %more: bool[] = while %x, %b (%u: f64[], %again: bool[]) {
        yield %again
      } (%v: f64[], %last: bool[]) {
        %w: f64[] = sqrt %v  @m.py:3
        %test: f64[] = subtract %w, %x  @m.py:4
        %less: bool[] = less %test, %x  @m.py:4
        yield %w, %less
      }
      return %s
    }
    """)
    assert found == set()

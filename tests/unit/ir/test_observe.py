"""What can warn is computed though nobody uses it, or not all of it; what cannot goes."""

from jitflow.ir.parser import parse
from jitflow.ir.passes.dce import RemoveDead
from jitflow.ir.passes.observe import ObserveDead

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


def test_dead_and_partly_used_values_are_observed() -> None:
    graph = RemoveDead().run(ObserveDead().run(parse(GRAPH)))
    names = {value.name for node in graph.nodes for value in node.results}
    assert {"unused", "whole", "part"} <= names
    assert "quiet" not in names
    assert len(graph.outputs) == 4
    assert all(value.type.rank == 0 for value in graph.outputs[1:])


def test_slices_that_cover_a_value_observe_it() -> None:
    graph = ObserveDead().run(parse(GRAPH))
    assert not any(value.name.startswith("u.") for node in graph.nodes for value in node.results)

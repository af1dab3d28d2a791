"""The reference interpreter: symbols, writes, checks, the hook before each node."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.compare import assert_same

from jitflow.core.errors import CheckFailed, InvalidGraph
from jitflow.ir import interpreter
from jitflow.ir.graph import Node
from jitflow.ir.parser import parse


def test_symbols_come_from_axes_scalars_and_results() -> None:
    graph = parse(
        """
        graph @f(%x: f64[s0], %n: i64[]) -> (i64[s1], f64[s2])
            where s0 = %x.shape[0], s1 = %n, s2 = %m {
          %m: i64[] = add %n, %n
          %a: i64[s1] = iota {length=s1, dtype=i64}
          %b: f64[s2] = slice %x {starts=[s0-2*s1], steps=[1], shape=[s2]}
          return %a, %b
        }
        """
    )
    a, b = interpreter.run(graph, [np.arange(9.0), 3])
    assert_same(a, np.arange(3))
    assert_same(b, np.arange(3.0, 9.0))


def test_writes_happen_only_when_asked_and_only_at_the_end() -> None:
    graph = parse(
        """
        graph @swap(%x: f64[2], %y: f64[2], %ok: bool[]) -> () {
          write %x = %y
          write %y = %x
          require %ok
          return
        }
        """
    )
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert interpreter.run(graph, [x, y, True]) == []
    assert_same(x, np.array([1.0, 2.0]))
    with pytest.raises(CheckFailed):
        interpreter.run(graph, [x, y, False], write=True)
    assert_same(x, np.array([1.0, 2.0]))
    interpreter.run(graph, [x, y, True], write=True)
    assert_same(x, np.array([3.0, 4.0]))
    assert_same(y, np.array([1.0, 2.0]))


def test_the_hook_sees_each_node_before_it_runs() -> None:
    graph = parse(
        """
        graph @f(%x: f64[]) -> f64[] {
          %a: f64[] = negative %x  @m.py:3
          %b: f64[] = reciprocal %a  @m.py:4
          return %b
        }
        """
    )
    lines: list[int] = []
    seen: list[int] = []

    def before(node: Node) -> None:
        lines.append(node.location.line)

    def on_error(kind: str, flag: int) -> None:
        seen.append(lines[-1])

    with np.errstate(divide="call", call=on_error):
        interpreter.run(graph, [0.0], hooks=interpreter.Hooks(before, lambda node, values: None))
    assert lines == [3, 4]
    assert seen == [4]


def test_a_call_out_must_keep_its_promise() -> None:
    graph = parse(
        """
        graph @f(%x: f64[3]) -> f32[] {
          %n: f32[] = call_out %x {function=@numpy.linalg:norm, types=[f32[]], effect=false}
          return %n
        }
        """
    )
    with pytest.raises(InvalidGraph, match=r"call_out gave float64\(\), not f32\[\]"):
        interpreter.run(graph, [np.ones(3)])


def test_inputs_are_counted() -> None:
    graph = parse("graph @f(%x: f64[]) -> f64[] {\n return %x\n}")
    with pytest.raises(InvalidGraph, match="takes 1 inputs, not 2"):
        interpreter.run(graph, [1.0, 2.0])
    with pytest.raises(InvalidGraph, match="has rank 1"):
        interpreter.run(graph, [[1.0]])

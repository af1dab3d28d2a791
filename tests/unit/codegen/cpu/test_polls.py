"""Which loops look for signals, and what they may have written by then."""

import textwrap

import numpy as np
import pytest
from unit.codegen import running

import jitflow.ops.table  # noqa: F401  registers the operators
from jitflow.codegen.cpu.compile import compile_segment
from jitflow.core.dataclass import replace
from jitflow.ir.parser import parse

HEAD = """
graph @f(%a: f64[8], %n: i64[]) -> (f64[8]) {
  %zero: i64[] = constant {value=i64[](0)}
  %one: i64[] = constant {value=i64[](1)}
  %short: i64[] = constant {value=i64[](30)}
  %long: i64[] = constant {value=i64[](3000000000)}
"""

OPEN = "for %zero, %n, %one"
SHORT = "for %zero, %short, %one"
LONG = "for %zero, %long, %one"

LOOP = """
  %s: f64[8] = HEAD, %a (%i: i64[], %u: f64[8]) {
    %e: f64[8] = exp %u
    yield %e
  }
  return %s
}
"""
WHILE = """
  %s: f64[8] = while %a (%u: f64[8]) {
    %t: f64[] = sum %u {axes=[0], keepdims=false}
    %c: bool[] = less %t, %t
    yield %c
  } (%v: f64[8]) {
    %e: f64[8] = exp %v
    yield %e
  }
  return %s
}
"""


def body_of(text, polls=True, writes=False):
    graph = parse(textwrap.dedent(HEAD + text))
    if writes:
        graph.writes = [(graph.inputs[0], graph.outputs[0])]
    given = running.segment_of(graph, [np.ones(8), 3])
    return compile_segment(replace(given, polls=polls))


@pytest.mark.parametrize("loop", [LOOP.replace("HEAD", OPEN), LOOP.replace("HEAD", LONG), WHILE])
def test_loops_that_may_be_long_look(loop):
    body = body_of(loop)
    assert body.polls == ()
    assert "call i32 @jf.poll" in body.text


def test_a_short_loop_does_not_look():
    body = body_of(LOOP.replace("HEAD", SHORT))
    assert body.polls is None
    assert "jf.poll" not in body.text


def test_no_loop_looks_where_an_exception_must_not_leave():
    body = body_of(LOOP.replace("HEAD", OPEN), polls=False)
    assert body.polls is None
    assert "jf.poll" not in body.text


def test_an_input_that_the_loop_writes_is_named():
    assert body_of(LOOP.replace("HEAD", OPEN), writes=True).polls == (0,)


def test_an_input_that_is_written_behind_the_loop_is_not_named():
    late = LOOP.replace("HEAD", OPEN).replace("return %s", "%z: f64[8] = sqrt %s\n  return %z")
    assert body_of(late, writes=True).polls == ()

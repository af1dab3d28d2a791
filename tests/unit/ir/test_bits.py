"""Which loops use a number up."""

import textwrap

import pytest

import jitflow.ops.table  # noqa: F401  registers the operators
from jitflow.ir.bits import uses_up_bits
from jitflow.ir.parser import parse

CONSTANTS = """
  %zero: i64[] = constant {value=i64[](0)}
  %one: i64[] = constant {value=i64[](1)}
  %ten: i64[] = constant {value=i64[](10)}
"""

TESTED = """
graph @f(%n: i64[]) -> (i64[]) {{{constants}
  %last: i64[] = while %n (%u: i64[]) {{
    %c: bool[] = {condition}
    yield %c
  }} (%x: i64[]) {{
    %y: i64[] = {step}
    yield %y
  }}
  return %last
}}"""

CARRIED = """
graph @f(%n: i64[], %go: bool[]) -> (i64[]) {{{constants}
  %gone: bool[], %last: i64[] = while %go, %n (%a: bool[], %u: i64[]) {{
    yield %a
  }} (%b: bool[], %x: i64[]) {{
    %below: i64[] = subtract %x, %one
    %y: i64[] = {step}
    %c: bool[] = {condition}
    yield %c, %y
  }}
  return %last
}}"""


def node_of(text, condition, step):
    graph = parse(textwrap.dedent(text.format(condition=condition, step=step, constants=CONSTANTS)))
    return next(node for node in graph.walk() if node.operator.name == "while")


@pytest.mark.parametrize(
    "condition,step,ends",
    [
        ("greater %u, %zero", "right_shift %x, %one", True),
        ("less %zero, %u", "floor_divide %x, %ten", True),
        ("greater_equal %u, %one", "floor_divide %x, %ten", True),
        ("greater_equal %u, %zero", "floor_divide %x, %ten", False),  # 0 stays 0
        ("not_equal %u, %zero", "right_shift %x, %one", False),  # -1 stays -1
        ("greater %u, %zero", "right_shift %x, %zero", False),
        ("greater %u, %zero", "floor_divide %x, %one", False),
        ("greater %u, %zero", "subtract %x, %one", False),
        ("greater %u, %zero", "right_shift %ten, %one", False),
        ("less %u, %ten", "right_shift %x, %one", False),
    ],
)
def test_a_number_that_the_condition_looks_at(condition, step, ends):
    assert uses_up_bits(node_of(TESTED, condition, step)) is ends


@pytest.mark.parametrize(
    "condition,step,ends",
    [
        ("not_equal %y, %zero", "bitwise_and %x, %below", True),
        ("not_equal %y, %zero", "bitwise_and %below, %x", True),
        ("greater %y, %zero", "right_shift %x, %one", True),
        ("not_equal %y, %one", "bitwise_and %x, %below", False),
        ("not_equal %x, %zero", "bitwise_and %x, %below", False),  # of the iteration before
        ("not_equal %y, %zero", "bitwise_and %x, %ten", False),
    ],
)
def test_a_number_that_the_iteration_before_looked_at(condition, step, ends):
    assert uses_up_bits(node_of(CARRIED, condition, step)) is ends

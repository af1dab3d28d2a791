"""Branches that arithmetic replaces, and those that must stay."""

from __future__ import annotations

import pytest

from jitflow.ir import pipeline
from jitflow.ir.parser import parse

CHOICE = """
graph @f(%p: bool[], %x: i64[], %y: i64[]) -> (i64[], bool[]) {
  %a: i64[], %b: bool[] = cond %p () {
    %yes: bool[] = constant {value=bool[](true)}
    yield %x, %yes
  } () {
    %no: bool[] = constant {value=bool[](false)}
    yield %y, %no
  }
  return %a, %b
}
"""


def test_a_branch_that_chooses_is_no_branch() -> None:
    graph = pipeline.NAMED["counting"].run(parse(CHOICE))
    names = [node.operator.name for node in graph.walk()]
    assert "cond" not in names
    assert names.count("where") == 1
    assert graph.outputs[1] is graph.inputs[0]


@pytest.mark.parametrize(
    "work", ["require %q", "%z: i64[] = floor_divide %x, %y", "%z: i64[] = checked_add %x, %y"]
)
def test_what_may_fail_stays_in_its_branch(work: str) -> None:
    text = CHOICE.replace("%yes:", f"{work}\n    %yes:").replace(
        "%p: bool[],", "%p: bool[], %q: bool[],"
    )
    graph = pipeline.NAMED["counting"].run(parse(text))
    assert "cond" in [node.operator.name for node in graph.walk()]


def test_a_condition_turned_round() -> None:
    text = (
        CHOICE.replace("(true)", "(maybe)")
        .replace("(false)", "(true)")
        .replace("(maybe)", "(false)")
    )
    graph = pipeline.NAMED["counting"].run(parse(text))
    assert graph.outputs[1].producer.operator.name == "logical_not"

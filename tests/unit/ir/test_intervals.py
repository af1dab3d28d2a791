"""What intervals of integers prove, and what they must not."""

from __future__ import annotations

import numpy as np
import pytest

import jitflow
from jitflow.ir import pipeline
from jitflow.ir.intervals import Intervals
from jitflow.ir.parser import parse
from jitflow.ir.printer import print_graph


def names_after(text: str) -> list[str]:
    """Operators that the pass leaves."""
    return [node.operator.name for node in pipeline.NAMED["bounded"].run(parse(text)).walk()]


SEARCH = """
graph @f(%a: f64[8], %i: i64[]) -> i64[]
    where s0 = %w {
  %zero: i64[] = constant {value=i64[](0)}
  %one: i64[] = constant {value=i64[](1)}
  %eight: i64[] = constant {value=i64[](8)}
  %start: bool[] = greater_equal %i, %zero
  %below: bool[] = less %i, %eight
  require %below
  %flag: bool[], %last: i64[] = while %start, %i (%go: bool[], %j: i64[]) {
    yield %go
  } (%go1: bool[], %j1: i64[]) {
    %sum: i64[] = add %j1, %eight
    %is_negative: bool[] = less %j1, %zero
    %w: i64[] = where %is_negative, %sum, %j1
    %from: bool[] = greater_equal %w, %zero
    %to: bool[] = less %w, %eight
    %inside: bool[] = logical_and %from, %to
    require %inside
    %row: f64[1] = slice %a {starts=[s0], steps=[1], shape=[1]}
    %x: f64[] = squeeze %row {axes=[0]}
    %next: i64[] = checked_subtract %j1, %one
    %more: bool[] = greater_equal %next, %zero
    %again: bool[] = cond %more () {
      %limit: f64[] = constant {value=f64[](0.5)}
      %large: bool[] = greater %x, %limit
      yield %large
    } () {
      %no: bool[] = constant {value=bool[](false)}
      yield %no
    }
    yield %again, %next
  }
  return %last
}
"""


def test_a_search_downwards_needs_no_check_of_its_index() -> None:
    names = names_after(SEARCH)
    assert names.count("require") == 1  # the one before the loop
    assert "checked_subtract" not in names
    assert "where" not in names


def test_without_the_condition_the_check_stays() -> None:
    text = SEARCH.replace("%start: bool[] = greater_equal", "%start: bool[] = less_equal")
    names = names_after(text)
    assert names.count("require") == 2
    assert "where" in names


BRANCH = """
graph @f(%i: i64[], %n: i64[]) -> (i64[], i64[]) {
  %zero: i64[] = constant {value=i64[](0)}
  %one: i64[] = constant {value=i64[](1)}
  %positive: bool[] = greater %i, %zero
  %a: i64[] = cond %positive () {
    %less1: i64[] = checked_subtract %i, %one
    yield %less1
  } () {
    yield %zero
  }
  %b: i64[] = checked_subtract %i, %one
  return %a, %b
}
"""


def test_what_a_branch_says_holds_inside_of_it() -> None:
    after = print_graph(pipeline.NAMED["bounded"].run(parse(BRANCH)))
    inside, behind = after.split("%b")[0], after.split("%b")[1]
    assert "= subtract" in inside
    assert "checked_subtract" in behind


COUNTER = """
graph @f(%n: i64[]) -> i64[] {
  %zero: i64[] = constant {value=i64[](0)}
  %one: i64[] = constant {value=i64[](1)}
  %last: i64[] = while %zero (%i: i64[]) {
    %more: bool[] = less %i, %n
    yield %more
  } (%j: i64[]) {
    %next: i64[] = checked_add %j, %one
    yield %next
  }
  %after: i64[] = checked_add %last, %one
  return %after
}
"""


def test_a_counter_below_a_number_cannot_overflow() -> None:
    assert "checked_add" not in names_after(COUNTER)
    text = COUNTER.replace("checked_add %last, %one", "checked_add %last, %n")
    assert names_after(text).count("checked_add") == 1


def test_a_sum_that_is_carried_stays_checked() -> None:
    text = COUNTER.replace("checked_add %j, %one", "checked_add %j, %n")
    assert names_after(text).count("checked_add") == 2


def test_a_counter_of_loops_in_loops_never_overflows() -> None:
    text = """
graph @f(%n: i64[], %a: bool[9]) -> i64[]
    where s0 = %k {
  %zero: i64[] = constant {value=i64[](0)}
  %one: i64[] = constant {value=i64[](1)}
  %c: i64[] = for %zero, %n, %one, %zero (%i: i64[], %c0: i64[]) {
    %hits: i64[] = for %zero, %n, %one, %c0 (%k: i64[], %c1: i64[]) {
      %step: i64[] = checked_add %c1, %one
      %even: bool[] = equal %k, %one
      %new: i64[] = where %even, %step, %c1
      yield %new
    }
    yield %hits
  }
  return %c
}
"""
    assert "checked_add" not in names_after(text)
    assert "checked_add" in names_after(
        text.replace("checked_add %c1, %one", "checked_add %c1, %k")
    )
    assert "checked_add" in names_after(text.replace("%n, %one, %zero (", "%n, %one, %n ("))


SYMBOLIC = """
graph @f(%a: f64[s0], %k: i64[]) -> i64[]
    where s0 = %a.shape[0] {
  %zero: i64[] = constant {value=i64[](0)}
  %one: i64[] = constant {value=i64[](1)}
  %n: i64[] = dimension {dim=s0}
  %last: i64[] = while %zero (%i: i64[]) {
    %more: bool[] = less %i, %n
    yield %more
  } (%j: i64[]) {
    %from: bool[] = greater_equal %j, %zero
    %to: bool[] = less %j, %n
    %inside: bool[] = logical_and %from, %to
    require %inside
    %next: i64[] = checked_add %j, %one
    yield %next
  }
  return %last
}
"""


def test_bounds_may_be_symbolic() -> None:
    names = names_after(SYMBOLIC)
    assert "require" not in names
    assert "checked_add" not in names


def test_sums_that_wrap_are_any_number() -> None:
    graph = parse(
        """
graph @f(%i: i64[]) -> bool[] {
  %zero: i64[] = constant {value=i64[](0)}
  %one: i64[] = constant {value=i64[](1)}
  %ok: bool[] = greater_equal %i, %zero
  require %ok
  %next: i64[] = add %i, %one
  %still: bool[] = greater_equal %next, %zero
  return %still
}
"""
    )
    assert not Intervals(graph).numbers


def test_a_division_that_may_fail_stays() -> None:
    graph = parse(
        """
graph @f(%flag: bool[]) -> i64[] {
  %zero: i64[] = constant {value=i64[](0)}
  %divisor: i64[] = cast %flag {dtype=i64}
  %rest: i64[] = remainder %zero, %divisor
  return %rest
}
"""
    )
    found = Intervals(graph)
    assert not found.numbers
    assert not found.natural


def binary_search(a, x):
    low, high = 0, len(a)
    while low < high:
        middle = (low + high) // 2
        if a[middle] < x:
            low = middle + 1
        else:
            high = middle
    return low


def backwards(a, i):
    total = 0.0
    while i >= 0 and a[i] < 0.9:
        total += a[i] + a[i - 1]
        i -= 1
    return total, i


@pytest.mark.parametrize("length", [1, 2, 7, 30])
def test_searches_are_as_eager(length: int) -> None:
    a = np.sort(np.random.default_rng(length).random(length))
    compiled = jitflow.compile(binary_search)
    for x in (-1.0, 0.0, 0.4, 0.9, 2.0):
        assert compiled(a, x) == binary_search(a, x)


def test_an_index_beyond_the_end_is_found_on_the_way() -> None:
    a = np.random.default_rng(0).random(9) * 0.8
    compiled = jitflow.compile(backwards)
    for start in (8, 0, 3, -1):
        assert compiled(a, start) == backwards(a, start)
    for start in (9, 2**62):
        with pytest.raises(IndexError, match="out of bounds"):
            compiled(a, start)

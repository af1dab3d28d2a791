"""Compiling that is not won back ends; compiling that is, goes on."""

import time

import numpy as np
import pytest

import jitflow
from jitflow.ir.parser import parse
from jitflow.runtime import worth
from jitflow.runtime.worth import Account, Spending, eager_seconds

SCALARS = parse("""
graph @scalars(%x: f64[]) -> f64[] {
  %y: f64[] = sin %x
  return %y
}
""")
ARRAYS = parse("""
graph @arrays(%x: f64[1000000]) -> f64[1000000] {
  %y: f64[1000000] = sin %x
  return %y
}
""")


MILLISECOND = parse("""
graph @two(%x: f64[1000]) -> f64[1000] {
  %start: i64[] = constant {value=i64[](0)}
  %stop: i64[] = constant {value=i64[](40)}
  %step: i64[] = constant {value=i64[](1)}
  %y: f64[1000] = for %start, %stop, %step, %x (%i: i64[], %c: f64[1000]) {
    %d: f64[1000] = sin %c
    yield %d
  }
  return %y
}
""")


LOOP = """
graph @loop(%x: f64[], %n: i64[]) -> f64[] {
  %zero: i64[] = constant {value=i64[](0)}
  %one: i64[] = constant {value=i64[](1)}
  %y: f64[] = for %zero, %n, %one, %x (%i: i64[], %c: f64[]) {
    %d: f64[] = sin %c
    yield %d
  }
  return %y
}
"""


WHILE = """
graph @halved(%n: f64[]) -> f64[2] {
  %x: f64[2] = constant {value=f64[2](1.0, 2.0)}
  %r: f64[2], %m: f64[] = while %x, %n (%u: f64[2], %k: f64[]) {
    %none: f64[] = constant {value=f64[](0.0)}
    %more: bool[] = greater %k, %none
    yield %more
  } (%v: f64[2], %l: f64[]) {
    %half: f64[] = constant {value=f64[](0.5)}
    %w: f64[2] = multiply %v, %half
    %less: f64[] = multiply %l, %half
    yield %w, %less
  }
  return %r
}
"""


@pytest.fixture
def clock(monkeypatch):
    """The processor time, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(time, "thread_time", lambda: now[0])
    monkeypatch.setattr(Account, "now", Account())
    return now


def test_the_iterations_of_a_loop_count():
    assert 1e-4 < eager_seconds(MILLISECOND) < 1e-3
    assert eager_seconds(parse(LOOP)) == float("inf")
    assert eager_seconds(parse(WHILE)) == float("inf")


@pytest.mark.parametrize(("graph", "refuses"), [(SCALARS, True), (None, True), (ARRAYS, False)])
def test_pieces_that_win_little_are_few(clock, graph, refuses):
    spent = Spending(float("inf"))
    for _ in range(4):
        assert not spent.refusal(1) or refuses
        spent.begin()
        clock[0] += 0.25
        spent.end(graph)
    assert bool(spent.refusal(4)) == refuses


def test_a_trace_is_told_when_it_takes_too_long(clock):
    spent = Spending(float("inf"))
    spent.begin()
    clock[0] += 0.1
    assert not spent.is_spent(SCALARS)
    clock[0] += 1.0
    assert spent.is_spent(SCALARS)
    assert not spent.is_spent(ARRAYS)


def test_a_limit_counts_all_pieces(clock):
    spent = Spending(0.5)
    spent.begin()
    clock[0] += 1.0
    assert spent.is_spent(ARRAYS)
    spent.end(ARRAYS)
    assert "pieces took" in spent.refusal(2)


def test_a_trace_that_takes_too_long_is_left_to_python(monkeypatch):
    monkeypatch.setattr(worth, "_IN_VAIN", 0.0)

    namespace = {"np": np}
    exec("def many(x):\n" + "    x = float(np.cos(x)) + 1.0\n" * 200 + "    return x\n", namespace)
    many = jitflow.compile(namespace["many"])
    for _ in range(3):
        assert many(0.5) == many.__wrapped__(0.5)
    assert not many.report().pieces
    assert "JF-B015" in {code for code, _ in many.report().journal.eager}


def test_a_loop_that_was_tried_counts_as_work(clock):
    spent = Spending(float("inf"))
    spent.begin()
    clock[0] += 1.0
    assert spent.is_spent(SCALARS)
    spent.note_attempt(ARRAYS.nodes)
    assert not spent.is_spent(SCALARS)
    spent.end(SCALARS)
    assert not spent.refusal(1)
    spent.begin()
    clock[0] += 1.0
    spent.end(SCALARS)
    assert spent.refusal(2)


def test_what_attempts_found_is_lent_once_and_given_back(clock):
    for graphs, refuses in (((None,) * 3, True), ((None, None, ARRAYS, None), False)):
        Account.enter()
        spent = Spending(float("inf"))
        for graph in graphs:
            spent.begin()
            spent.note_attempt(MILLISECOND.nodes)
            clock[0] += 0.5
            spent.end(graph)
        assert bool(spent.refusal(4)) == refuses
        Account.leave()


def test_attempts_cannot_win_more_than_a_whole_call(clock):
    spent = Spending(float("inf"))
    spent.begin(whole=1e-5)
    spent.note_attempt(MILLISECOND.nodes)
    clock[0] += 1.0
    spent.end()
    assert spent.refusal(1)


def test_what_others_took_in_vain_in_this_call_counts(clock):
    Account.enter()
    try:
        for most in (0.6, 0.06):
            spent = Spending(float("inf"))
            spent.begin()
            clock[0] += most
            spent.end(SCALARS)
            assert not spent.refusal(1)
            clock[0] += 0.1
            spent.end(SCALARS)
            assert spent.refusal(1)
    finally:
        Account.leave()
    spent.begin()
    Account.enter()  # another call of the program
    try:
        spent = Spending(float("inf"))
        spent.begin()
        clock[0] += 0.5
        spent.end(SCALARS)
        assert not spent.refusal(1)
    finally:
        Account.leave()

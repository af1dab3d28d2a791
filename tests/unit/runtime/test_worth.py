"""Compiling that is not won back ends; compiling that is, goes on."""

import time

import numpy as np
import pytest

import jitflow
from jitflow.ir.parser import parse
from jitflow.runtime import worth
from jitflow.runtime.worth import Spending

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


@pytest.fixture
def clock(monkeypatch):
    """The processor time, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(time, "thread_time", lambda: now[0])
    return now


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

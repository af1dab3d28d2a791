"""Loops that stay in Python with compiled pieces in their bodies: the faster way for the rest."""

import dis
import math
import time

import numpy as np
import pytest

import jitflow
from jitflow.runtime import loop_trial
from jitflow.runtime.loop_trial import LoopTrial
from jitflow.tracer.rejoin import round_from


@pytest.fixture(autouse=True)
def settings():
    with jitflow.config().override(strict=True, trace_everything=True):
        yield


def round_behind(function, call):
    """The way around from behind the first call of the global `call`."""
    code = function.__code__
    found = list(dis.get_instructions(code))
    at = next(n for n, i in enumerate(found) if i.argval == call and i.opname == "LOAD_GLOBAL")
    end = next(n for n in range(at, len(found)) if found[n].opname == "CALL")
    following = next(i for i in found[end + 1 :] if i.opname != "CACHE")
    return code, round_from(code, following.offset)


def test_an_iteration_is_told_apart_where_all_pass():
    def every(xs):
        total = 0
        for x in xs:
            total += math.sqrt(abs(x))
        return total

    code, found = round_behind(every, "abs")
    assert found is not None
    assert found.header in found.ways.closed
    assert dis.opname[code.co_code[found.ways.stop]] in ("CALL", "PRECALL")


def test_an_iteration_is_not_told_apart_where_some_pass():
    def some(xs):
        total = 0
        for x in xs:
            if x > 0:
                total += abs(x)
        return total

    assert round_behind(some, "abs")[1] is None


def test_outside_of_loops_there_is_no_way_around():
    def straight(x):
        return abs(x) + 1

    assert round_behind(straight, "abs")[1] is None


def times_of(trial, compiled, eager, pieces=1):
    """What a trial is told, in its own order, until it knows."""
    for _ in range(100):
        if trial.verdict is not None:
            break
        way = trial.next_way
        trial.note(way, compiled if way == "compiled" else eager, pieces)


@pytest.fixture
def trial(monkeypatch):
    monkeypatch.setattr(loop_trial, "_comes_back", lambda point, way: True)
    return LoopTrial(None, None)


def test_python_wins_where_iterations_are_clearly_faster(trial):
    times_of(trial, 20e-6, 2e-6)
    assert trial.verdict == "eager"


def test_compiled_iterations_stay_where_python_is_about_as_fast(trial):
    times_of(trial, 20e-6, 19e-6)
    assert trial.verdict == "compiled"


def test_long_pieces_are_not_run_as_python(trial):
    """A native iteration of a tenth of a second may be half a minute of Python."""
    asked = []
    for _ in range(50):
        if trial.verdict is not None:
            break
        asked.append(trial.next_way)
        trial.note("compiled", 0.1, 2)
    assert trial.verdict == "compiled"
    assert set(asked) == {"compiled"}


def scattered(xs, table):
    """Small pieces between calls that the tracer does not know."""
    total = 0.0
    for x in xs:
        y = math.sin(x) * 2.0 + math.cos(x) - 1.0 if x > 0.5 else math.sin(x)
        table[str(x)] = y
        total += y * y + math.sqrt(abs(y))
    return total


def test_one_long_call_is_not_much_slower_than_eager():
    """The call is the first and only one: what it needs to know, it has to find out by itself."""
    xs = [n / 7000 for n in range(7000)]
    compiled = jitflow.compile(scattered)
    expected, found = {}, {}
    start = time.process_time()
    for _ in range(20):
        total = scattered(xs, expected)
    eager = (time.process_time() - start) / 20
    compiled(xs[:64], {})  # compiles
    start = time.process_time()
    assert compiled(xs, found) == total
    assert time.process_time() - start < 6 * eager + 0.2
    assert found == expected


@pytest.fixture
def eager_iterations(monkeypatch):
    """How many iterations were run as Python, to measure them; however slow the machine is."""
    monkeypatch.setattr(loop_trial, "_SHORT", 1.0)
    run, counted = LoopTrial.eager_iteration, []
    monkeypatch.setattr(
        LoopTrial, "eager_iteration", lambda self, state: counted.append(1) or run(self, state)
    )
    return counted


def test_results_and_effects_are_kept_while_iterations_are_measured(eager_iterations):
    """Each iteration runs once, in order, whichever way."""

    def walk(xs, seen):
        state = np.zeros(3)
        for n, x in enumerate(xs):
            state = state * 0.5 + x
            seen.add(str(n))
            if x > 0.99:
                state[1] += n
        return state

    xs = np.random.default_rng(3).random(400).tolist()
    expected, found = set(), set()
    np.testing.assert_array_equal(jitflow.compile(walk)(xs, found), walk(xs, expected))
    assert found == expected
    assert eager_iterations


def test_exceptions_leave_measured_iterations_as_eager(eager_iterations):
    def until(xs, seen):
        for x in xs:
            seen.add(str(math.sqrt(x)))
        return len(seen)

    for bad in (40, 45, 50, 60, 90):
        xs = [float(n) for n in range(100)]
        xs[bad] = -1.0
        expected, found = set(), set()
        with pytest.raises(ValueError) as eager:
            until(xs, expected)
        with pytest.raises(ValueError) as compiled:
            jitflow.compile(until)(xs, found)
        assert str(compiled.value) == str(eager.value)
        assert found == expected
    assert eager_iterations

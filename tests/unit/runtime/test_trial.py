"""Calls that Python takes part in: timed both ways, and the faster way stays."""

import time

import numpy as np
import pytest

import jitflow
from jitflow.runtime import dispatch, forwarding, worth
from jitflow.runtime.trial import Trial, Trials, size_class


def eager_codes(compiled):
    return {code for code, _ in compiled.report().journal.eager}


def test_a_trial_alternates_until_it_has_three_times_of_each():
    trial = Trial()
    ways = []
    while trial.verdict is None:
        ways.append(trial.next_way())
        trial.note(ways[-1], {"compiled": 3e-6, "eager": 4e-6}[ways[-1]])
    assert ways == ["compiled", "eager"] * 3
    assert trial.verdict == "compiled"


def test_after_a_call_that_compiled_much_python_is_timed():
    trial = Trial()
    trial.note_compilation(1)
    assert trial.next_way() == "compiled"
    trial.note_compilation(9)
    assert trial.next_way() == "eager"
    Trials(lambda _: None).measure(trial, "eager", lambda: None)
    assert trial.next_way() == "compiled"


def test_the_least_time_decides_and_a_tie_is_compiled():
    trial = Trial()
    for compiled, eager in ((5e-6, 1e-6), (1e-6, 9e-6), (2e-6, 9e-6)):
        trial.note("compiled", compiled)
        trial.note("eager", eager)
    assert trial.verdict == "compiled"


def test_one_time_of_each_is_enough_where_calls_take_long():
    trial = Trial()
    trial.note("compiled", 0.1)
    trial.note("eager", 0.02)
    assert trial.verdict == "eager"


def test_time_in_which_a_function_waits_is_not_counted():
    trials = Trials(lambda trial: None)
    _, trial = trials.way((1,), {})
    trials.measure(trial, "compiled", lambda: time.sleep(0.05))
    assert 0 <= trial.times["compiled"][0] < 0.02


def test_calls_in_which_another_function_is_compiled_say_nothing():
    trials, others = Trials(lambda trial: None), Trials(lambda trial: None)
    _, trial = trials.way((1,), {})
    trials.measure(trial, "eager", others.begin_compilation)
    assert (trial.times["eager"], trial.compilations) == ([], 0)
    trials.measure(trial, "compiled", trials.begin_compilation)
    assert (trial.times["compiled"], trial.compilations) == ([], 1)
    trials.measure(trial, "eager", lambda: None)
    assert len(trial.times["eager"]) == 1


def test_a_function_that_compiles_again_and_again_is_left_to_python():
    trial = Trial()
    for _ in range(8):
        assert trial.verdict is None
        trial.note_compilation(1)
    assert trial.verdict == "eager"


def test_classes_of_sizes():
    small, large = np.zeros(9), np.zeros(1000)
    assert size_class((small, 3)) == size_class((np.ones(15), 2))
    assert size_class((small, 3)) != size_class((large, 3))
    assert size_class((small, 3)) != size_class((small, 300))
    assert size_class((small, 3)) != size_class((small, 3.0))


def test_calls_of_itself_go_the_same_way():
    trials = Trials(lambda trial: None)
    way, trial = trials.way((1,), {})
    assert (way, trials.measure(trial, "eager", lambda: trials.way((1,), {}))) == (
        "compiled",
        ("eager", None),
    )


def test_a_function_that_is_slower_compiled_runs_eagerly_with_the_same_results():
    @jitflow.compile
    def text(x):
        return [str(x.dtype.newbyteorder()), hash(x.tobytes()), x + 1]

    x = np.arange(3.0)
    for _ in range(20):
        _, number, values = text(x)
        assert number == hash(x.tobytes())
        np.testing.assert_array_equal(values, x + 1)
    assert "JF-B021" in eager_codes(text)


def test_a_class_of_sizes_where_pieces_win_stays_compiled():
    @jitflow.compile
    def chain(x):
        y = np.sqrt(x * x + 1) * np.exp(-x) + np.sin(x) * np.cos(x)
        time.sleep(0)
        return y * y + y - np.tanh(y) * 0.5 + np.log1p(y * y)

    x = np.random.default_rng(0).random(200_000)
    for _ in range(10):
        chain(x)
    assert "JF-B021" not in eager_codes(chain)


def test_exceptions_are_not_measured():
    @jitflow.compile
    def fails(x, message):
        x.tobytes()
        raise ValueError(message)

    for _ in range(10):
        with pytest.raises(ValueError, match="so it is"):
            fails(np.arange(3.0), "so it is")
    assert "JF-B021" not in eager_codes(fails)


def test_without_measuring_every_call_is_compiled():
    @jitflow.compile
    def text(x):
        return hash(x.tobytes()), x + 1

    with jitflow.config().override(measure=False):
        for _ in range(20):
            text(np.arange(3.0))
    assert "JF-B021" not in eager_codes(text)


def test_no_more_pieces_after_much_compilation(monkeypatch):
    monkeypatch.setattr(worth, "_MANY", 3)

    @jitflow.compile
    def prints(x):
        for k in range(12):
            x = x * 1.5 + k
            print(end="")
            x = np.sqrt(x) + len(str(k)) * np.ones(len(x) + k)[: len(x)]
        return x

    x = np.ones(50)
    expected = prints.__wrapped__(x.copy())
    with jitflow.config().override(max_compile_seconds=0, max_poor_pieces=1000):
        np.testing.assert_allclose(prints(x.copy()), expected)
        np.testing.assert_allclose(prints(x.copy()), expected)
    assert prints.report().pieces <= 4, str(prints.report())


def test_a_compiled_verdict_does_not_outlive_the_pieces_it_was_made_of():
    trials = Trials(lambda trial: None)
    _, trial = trials.way((1,), {})
    for _ in range(3):
        trial.note("compiled", 1e-3)
        trial.note("eager", 2e-3)
    assert trial.verdict == "compiled"
    trials.reopen()
    assert trials.way((1,), {})[0] == "compiled"
    for _ in range(3):
        trial.note("compiled", 9e-3)
    assert trial.verdict == "eager"
    trials.reopen()
    assert trial.verdict == "eager"


@pytest.mark.parametrize("sizes", [(3, 3), (3, 300)])
def test_calls_that_are_faster_as_python_go_straight_there(sizes, monkeypatch):
    """Until others come: then the dispatcher sees them again."""
    seen = []

    @jitflow.compile
    def text(x):
        return hash(x.tobytes()), x + 1

    first, second = (np.arange(float(size)) for size in sizes)
    calls = dispatch.Dispatcher.call
    monkeypatch.setattr(
        dispatch.Dispatcher, "call", lambda self, *args: seen.append(args) or calls(self, *args)
    )
    monkeypatch.setattr(Trial, "note", _eager_wins)
    for x in (first, second):
        for _ in range(2000):
            assert text(x)[1][-1] == x[-1] + 1
    if forwarding.address():
        assert len(seen) < 200
    assert any(args[0] is second for args in seen)


def _eager_wins(trial, way, seconds):
    trial.times[way].append({"compiled": 2e-6, "eager": 1e-6}[way])
    if min(map(len, trial.times.values())) >= 3:
        trial.verdict = "eager"


def test_classes_without_a_hash():
    """Arguments are told apart by their classes, whatever these define."""

    class Unhashable(type):
        __hash__ = None

    class Scale(metaclass=Unhashable):
        by = 2.0

    assert hash(size_class((Scale(), Scale, np.ones(3)))) is not None
    compiled = jitflow.compile(lambda scale, x: x * scale.by)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(Scale(), np.ones(3)), np.full(3, 2.0))

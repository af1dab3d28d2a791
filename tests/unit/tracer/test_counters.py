"""Integers that are symbolic from the start, since a piece changes them for its next call."""

import json

import numpy as np

import jitflow

X = np.linspace(-1.0, 1.0, 5)


class Counter:
    def __init__(self):
        self.calls, self.state = 0, {"step": 0}


def test_an_attribute_that_counts_calls_needs_one_variant():
    @jitflow.compile
    def step(counter, x):
        counter.calls += 1
        counter.state["step"] += 2
        return x / counter.calls + counter.state["step"]

    counter = Counter()
    found = [step(counter, X) for _ in range(5)]
    for k, result in enumerate(found, 1):
        np.testing.assert_array_equal(result, X / k + 2 * k)
    assert (counter.calls, counter.state) == (5, {"step": 10})
    assert step.report().recompiles == 0, str(step.report())


def test_an_attribute_that_is_set_back_stays_known():
    @jitflow.compile
    def nested(counter, x):
        counter.calls += 1
        result = x[: counter.calls] * 2
        counter.calls -= 1
        return result

    counter = Counter()
    for _ in range(3):
        np.testing.assert_array_equal(nested(counter, X), X[:1] * 2)
    graph = json.loads(nested.report().to_json())["pieces"][0]["texts"]["graph"]
    assert "shape=[1]" in graph, graph


def test_a_variable_of_a_loop_left_to_python_has_one_variant(capsys):
    @jitflow.compile
    def run(x, n, width):
        at, total = 0, x * 0.0
        for k in range(n):
            if at + width > 40:
                at = 0
            total = total + np.sin(x) * at + np.cos(x + k)
            print(f"{total[0]:.3f}")
            at += width
        return total

    expected = run.__wrapped__(X, 12, 5)
    printed = capsys.readouterr().out
    np.testing.assert_allclose(run(X, 12, 5), expected, rtol=1e-14)
    assert capsys.readouterr().out == printed
    assert run.report().recompiles <= 2, str(run.report())


def test_all_numbers_of_a_list_change_together():
    @jitflow.compile
    def take(x, places):
        total = 0.0
        for place in places:
            total = total + x[place] * 2.0
        return total

    rng = np.random.default_rng(3)
    for k in range(6):
        places = [0, 1, 2, 3] if k < 2 else [int(p) for p in rng.integers(0, 5, 4)]
        assert take(X, places) == take.__wrapped__(X, places)
    assert take.report().recompiles <= 1, str(take.report())

"""Loops over elements with branches: both arms for all iterations, the flags and checks of one."""

import copy
import warnings

import numpy as np
import pytest

import jitflow
from jitflow.runtime.replay import SegmentFlags

RNG = np.random.default_rng(9)
M = RNG.standard_normal((40, 50))
X = RNG.standard_normal(70)


def both_arms(a, b):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if a[i, j] > 0:
                b[i, j] = np.sqrt(a[i, j])
            else:
                b[i, j] = a[i, j] / (a[i, j] - 1.0)


def one_arm(a, b):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if a[i, j] != 0:
                b[i, j] = 1.0 / a[i, j]


def expression(a, b):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            x = a[i, j]
            b[i, j] = np.sqrt(x) if x > 0 else (x * 2.0 if x < -1 else -x)


def three_ways(a, b):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if a[i, j] > 0.5:
                b[i, j] = a[i, j] - 0.5
            elif a[i, j] < -0.5 and b[i, j] > 0:
                b[i, j] += a[i, j]
            else:
                b[i, j] = 0.0


def set_first(a, b):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            b[i, j] = 0.25
            if a[i, j] > 0:
                b[i, j] = np.sqrt(a[i, j])
                if a[i, j] > 1:
                    b[i, j] *= 3.0


def edges(a, b):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if i % 2 == 0 and 3 <= j < 30:
                b[i, j] = a[i, j] * 4.0
            else:
                b[i, j] = a[i, j] + i


def whole_numbers(a, b):
    k = (a * 3).astype(np.int64)
    m = (b * 3).astype(np.int64)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if m[i, j] != 0:
                b[i, j] = k[i, j] // m[i, j]


def skipped(a, b):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if a[i, j] < 0:
                continue
            b[i, j] = np.sqrt(a[i, j])


PROGRAMS = [both_arms, one_arm, expression, three_ways, set_first, edges, whole_numbers, skipped]


@pytest.fixture
def flagged(monkeypatch):
    """Floating-point flags that native code has set."""
    found = []
    before = SegmentFlags.__call__

    def note(self, flags, *args):
        found.append(flags)
        return before(self, flags, *args)

    monkeypatch.setattr(SegmentFlags, "__call__", note)
    return found


def loops_left(compiled):
    """The loops of all pieces after the passes."""
    texts = [piece.texts["graph"] for piece in compiled.report().journal.pieces]
    return sum(text.count(" = for ") for text in texts)


@pytest.mark.parametrize("function", PROGRAMS)
def test_branches_in_independent_loops(function, flagged):
    compiled = jitflow.compile(function)
    b = RNG.standard_normal(M.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for a in (M, -M, np.zeros_like(M), M[::-1]):
            expected, got = b.copy(), b.copy()
            function(a, expected)
            compiled(a, got)
            np.testing.assert_array_equal(got, expected)
            assert np.array_equal(np.signbit(got), np.signbit(expected))
    assert not flagged
    assert loops_left(compiled) == 0


def test_a_taken_arm_warns(flagged):
    def roots(a, b):
        for i in range(a.shape[0]):
            if a[i] != 2.0:
                b[i] = np.sqrt(a[i])

    compiled = jitflow.compile(roots)
    for a in (np.full(64, 2.0), np.linspace(-1, 1, 64)):
        told = []
        for run in (roots, compiled):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                run(a, np.zeros(64))
            told.append({str(warning.message) for warning in caught})
        assert told[0] == told[1]
    assert flagged


def test_an_index_that_a_condition_makes_sure_of():
    def backward(x, y):
        for i in range(x.shape[0]):
            if i > 0:
                y[i] = x[i - 1] * 2.0

    def beyond(x, y):
        for i in range(x.shape[0]):
            if i + 1 < x.shape[0]:
                y[i] = x[i + 1] * 2.0

    for function in (backward, beyond):
        expected, got = np.zeros(70), np.zeros(70)
        function(X, expected)
        jitflow.compile(function)(X, got)
        np.testing.assert_array_equal(got, expected)


def test_iterations_that_need_each_other_stay_a_loop():
    def running(x, y):
        for i in range(1, x.shape[0]):
            if x[i] > 0:
                y[i] = y[i - 1] + x[i]
            else:
                y[i] = 0.0

    compiled = jitflow.compile(running)
    expected, got = copy.copy(X), copy.copy(X)
    running(X, expected)
    compiled(X, got)
    np.testing.assert_array_equal(got, expected)
    assert loops_left(compiled) == 1


def test_what_overlaps_is_as_eager():
    def shifted(a, b):
        for i in range(a.shape[0]):
            if a[i] > 0:
                b[i] = a[i] * 2.0
            else:
                b[i] = -1.0

    compiled = jitflow.compile(shifted)
    for _ in range(2):
        for one, other in ((0, 1), (1, 0), (0, 0)):
            expected, got = X.copy(), X.copy()
            shifted(expected[one : one + 64], expected[other : other + 64])
            compiled(got[one : one + 64], got[other : other + 64])
            np.testing.assert_array_equal(got, expected)

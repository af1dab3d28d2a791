"""Loops and branches in which data decide of what type a number is."""

import numpy as np
import pytest
from helpers.loops import control_nodes

X = np.random.default_rng(11).normal(size=90)
D = X[:80] + 1j


def float_then_scalar(x):
    total = 0.0
    for i in range(x.shape[0]):
        if x[i] > 0:
            total += x[i]
    return total


def integer_then_scalar(x):
    total = 0
    for value in x:
        if value > 0.5:
            total += value
    return total, total * 2, -total, total > 3


def tuple_of_kinds(x):
    best, place = 0.0, (0, 0)
    for i in range(len(x)):
        for j in range(i):
            if x[i] * x[j] > best:
                best, place = x[i] * x[j], (i, j)
    return best, place


def greatest(x):
    biggest, smallest = 0.0, 1
    for i in range(len(x)):
        biggest = max(biggest, abs(x[i]))
        smallest = min(smallest, x[i])
    return biggest, smallest


def complex_or_zero(d):
    y = np.zeros(len(d), np.complex128)
    for i in range(len(d)):
        y[i] = 2 * (d[i - 1] if i > 1 else 0) + 1
    return y


def integer_or_float(x):
    n = 0
    for value in x:
        if value > 0:
            n += 1
        elif value < -1:
            n += 0.5
    return n / 2, n * 2, -n, n == 3, isinstance(n, int)


def left_early(x, y):
    t = 0.0
    for i in range(len(x)):
        if x[i] > 0:
            t = x[i]
        y[i] = t
        if t > 1:
            break
    return y, t


def used_in_calls(x):
    s = 0.0
    for i in range(len(x)):
        if x[i] > 1:
            s = x[i]
        s = s * 0.5
    return np.sqrt(s), abs(s), float(s), int(s), x * s


def truth_of_a_comparison(x):
    found = False
    for i in range(len(x)):
        if x[i] > 0.2:
            found = x[i] > 2
    return found, not found


def attribute(box, x):
    for i in range(len(x)):
        if x[i] > 0:
            box.value += x[i]
    return box.value


class Box:
    def __init__(self):
        self.value = 0


CASES = [
    *((f, (X,), (np.abs(X),), (-np.abs(X),)) for f in (
        float_then_scalar, integer_then_scalar, tuple_of_kinds, greatest, integer_or_float, used_in_calls,
        truth_of_a_comparison,
    )),
    (complex_or_zero, (D,)),
    (left_early, (X, X * 0), (-np.abs(X), X * 0)),
    (attribute, (Box(), X), (Box(), -np.abs(X))),
]  # fmt: skip
CAPTURED = {float_then_scalar, tuple_of_kinds, truth_of_a_comparison, left_early}
"""Those whose types are a Python number and the NumPy scalar that holds it."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_type_that_depends_on_data(case, check_loops):
    function, *calls = case
    report = check_loops(function, *calls)
    if function in CAPTURED:
        assert report.breaks == 0
        assert control_nodes(report)
        assert report.pieces == 1


def test_zero_division_is_that_of_the_type(check_loops):
    """A Python zero raises, a NumPy one warns."""

    def divide(x, limit):
        s = 0.0
        for i in range(len(x)):
            if x[i] > limit:
                s = x[i] * 0
        return 1 / s

    check_loops(divide, (np.abs(X), 0.0), (np.abs(X), 1e9))


def test_integer_that_no_float_holds(check_loops):
    def grown(x, n):
        s = 0
        for i in range(len(x)):
            if x[i] > 0:
                s = n * 3 + i
            elif x[i] < -2:
                s = 0.5
        return s

    check_loops(grown, (X, 5), (X, 2**53), (X, 2**62))


def test_an_index_that_is_an_int_or_an_int64(check_loops):
    def learn(values, next_state, reward, draws, episodes):
        for _ in range(episodes):
            state = 0
            for _ in range(30):
                if draws.rand() < 0.3:
                    action = draws.randint(values.shape[1])
                else:
                    action = np.argmax(values[state])
                after = next_state[state, action]
                target = reward[state, action] + 0.9 * np.max(values[after])
                values[state, action] += 0.1 * (target - values[state, action])
                state = after
                if state == values.shape[0] - 1:
                    break
        return values, values[state]

    draws = np.random.RandomState(0)
    table = draws.randint(0, 12, (12, 4))
    reward = draws.randn(12, 4)
    report = check_loops(learn, *2 * ((np.zeros((12, 4)), table, reward, draws, 8),))
    assert not report.breaks

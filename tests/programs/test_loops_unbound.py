"""Variables that data decide to be bound; unbound ones raise where eager Python does."""

import numpy as np
import pytest
from helpers.loops import control_nodes

X = np.random.default_rng(0).normal(size=40)


def longest_run(x):
    i = runs = 0
    while i < len(x):
        j = i
        while j < len(x) and x[j] > 0:
            j += 1
        if j > i:
            runs += 1
            length = j - i
            if runs == 1 or length > longest:  # noqa: F821
                longest = length
        i = j + 1
    return runs, longest


def last_over(x, limit):
    for i in range(len(x)):
        if x[i] > limit:
            found = i
            row = x * 2
    return found, row


def of_pairs(x, limit):
    for i in range(len(x)):
        for j in range(i):
            if x[i] > limit:
                found = i, j
            if j > 3 and x[i] > limit:
                y = found[0] + 1
    return found, y


def squared_differences(x):
    total = 0.0
    for i in range(len(x)):
        if i > 0:
            total += (x[i] - before) ** 2  # noqa: F821
        before = x[i]  # noqa: F841
    return total


def unbound_by_data(x, limit):
    y = 1.0
    for i in range(len(x)):
        if x[i] > limit:
            del y
    return y


def bound_in_one_arm(x, limit):
    if x.sum() > limit:
        y = x * 2
    if x.sum() > limit + 1:
        z = 3.0
    if x.sum() > limit + 1:
        return y + z
    return x


def converges(x, tolerance):
    before = 0
    for step in range(500):
        x = x * 0.5 + 1
        norm = np.sqrt(x @ x)
        if abs(norm - before) < tolerance:
            break
        before = norm
    return x, norm, step


def collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps, n


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        (longest_run, [(X,), (abs(X),), (-abs(X),), (X[:0],)]),
        (last_over, [(X, 1.0), (X, 9.0), (X[:0], 1.0)]),
        (of_pairs, [(X, 1.0), (X, 9.0), (X[:3], 0.0)]),
        (squared_differences, [(X,), (X[:1],), (X[:0],)]),
        (unbound_by_data, [(X, 9.0), (X, 1.0)]),
    ],
)
def test_as_eager(check_loops, function, calls):
    report = check_loops(function, *calls)
    assert control_nodes(report)


def test_bound_in_one_arm(check_loops):
    check_loops(bound_in_one_arm, (X, -99.0), (X, 99.0), (X, X.sum() - 0.5))


def test_a_break_in_the_iteration_that_settles_kinds(check_loops):
    report = check_loops(converges, (X, 1e-9), (X, 1e9), (X, 0.0))
    assert report.breaks == 0
    assert "while" in control_nodes(report)


def test_a_loop_on_constants_is_not_unrolled_for_ever(check_loops):
    report = check_loops(collatz, (27,), (1,), (97,))
    assert report.breaks == 0

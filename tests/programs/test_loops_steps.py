"""Slices whose step data or loop variables decide: ``a[p * p::p] = False``."""

import numpy as np
import pytest
from helpers.loops import control_nodes

import jitflow

X = np.random.default_rng(1).normal(size=60)


def sieve(n):
    is_prime = np.ones(n + 1, dtype=bool)
    is_prime[:2] = False
    p = 2
    while p * p <= n:
        if is_prime[p]:
            is_prime[p * p :: p] = False
        p += 1
    return np.flatnonzero(is_prime)


def sieve_by_range(n):
    is_prime = np.ones(n + 1, dtype=bool)
    is_prime[:2] = False
    for p in range(2, int(n**0.5) + 1):
        if is_prime[p]:
            is_prime[2 * p : n + 1 : p] = False
    return is_prime.sum()


def means_of_phases(x, n):
    out = np.zeros(n)
    for s in range(1, n):
        out[s] = x[s::s].mean() + x[:-1:s].sum()
    return out


def backwards(x, n):
    out = np.zeros(n)
    for s in range(1, n):
        out[s] = x[::-s].sum() + x[40:10:-s].max()
        x[::-s] += 1
    return out, x


def by_data(x, steps):
    total = 0.0
    for s in steps:
        total += x[1::s].sum()
        x[::s] *= 0.5
        y = x[2::s]
        y[:1] += total
    return total, x


def of_matrix(m, n):
    for s in range(1, n):
        m[::s, 1::s] += m[0, 0] * s
        m[0, ::s] = m[::s, 0][: len(m[0, ::s])][:1].sum()
    return m


def sieve_by_elements(n):
    is_prime = np.ones(n + 1, dtype=bool)
    p = 2
    while p * p <= n:
        if is_prime[p]:
            for multiple in range(p * p, n + 1, p):
                is_prime[multiple] = False
        p += 1
    return is_prime


def shell_sort(x, gap):
    """Gaps halve; the inner loop goes down by them."""
    x = x.copy()
    while gap > 0:
        for i in range(gap, len(x)):
            for j in range(i, gap - 1, -gap):
                if x[j - gap] > x[j]:
                    x[j - gap], x[j] = x[j], x[j - gap]
        gap //= 2
    return x


def steps_of_data(x, steps):
    total = 0.0
    for step in steps:
        for k in range(0, len(x), step):
            total += x[k]
    return total


def no_loop(x, y):
    s = int(y.sum())
    return x[::s] * 2, x[1::s]


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        (sieve, [(200,), (500,), (3,), (1,)]),
        (sieve_by_range, [(200,), (500,), (30,)]),
        (sieve_by_elements, [(5000,), (6000,), (30,)]),
        (shell_sort, [(X, 30), (X, 20)]),
        (means_of_phases, [(X, 20), (X, 30), (X[::2], 25)]),
        (backwards, [(X.copy(), 20), (X.copy(), 60), (X[:45][::-1], 25)]),
        (
            by_data,
            [
                (X, np.arange(1, 30)),
                (X, np.array([70, 1, 3] * 5)),
                (X, np.array([1, 2, 0] * 5)),
                (X, np.array([3, -2, 1, -100] * 5)),
            ],
        ),
        (of_matrix, [(np.arange(90.0).reshape(9, 10), 20), (np.ones((1, 1)), 30)]),
    ],
)
def test_as_eager(check_loops, function, calls):
    report = check_loops(function, *calls)
    assert control_nodes(report)
    assert report.breaks == 0


def test_steps_of_both_signs(check_loops):
    """The sign of a step is checked in the loop; where it is another one Python takes over."""
    check_loops(steps_of_data, (X, np.arange(1, 9)), (X, np.array([3, -1, 2])))


def test_a_step_of_zero():
    compiled = jitflow.compile(steps_of_data)
    with jitflow.config().override(strict=True):
        compiled(X, np.arange(1, 9))
        with pytest.raises(ValueError, match=r"range\(\) arg 3 must not be zero"):
            compiled(X, np.array([1, 0, 2]))


def test_without_a_loop(check_loops):
    ones = np.ones(3, int)
    report = check_loops(no_loop, (X, ones), (X, ones * 4), (X, ones * 0), (X, -ones))
    assert report.breaks == 0

"""Generators and iterables that one call uses up: sum, min, max, any, all, list."""

import math

import numpy as np
import pytest
from helpers.loops import control_nodes

X = np.linspace(-1.0, 1.0, 61)
A = np.random.default_rng(0).random((30, 30))
FLOATS = X.tolist()
INTEGERS = [(7 * i) % 31 for i in range(90)]


def product(a, b):
    n = len(a)
    c = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            c[i, j] = sum(a[i, k] * b[k, j] for k in range(n))
    return c


def forward_substitution(a, b):
    x = np.zeros(len(b))
    for i in range(len(b)):
        x[i] = (b[i] - sum(a[i, k] * x[k] for k in range(i))) / (a[i, i] + 1.0)
    return x


def primes(n):
    return [k for k in range(2, n) if all(k % d for d in range(2, int(math.sqrt(k)) + 1))]


def first_that_raises(x, n):
    return any(x[k] > 0.99 for k in range(n)), all(1 / (k - 40) < 1 for k in range(n))


def extremes(a):
    total = 0.0
    for i in range(len(a)):
        total += max(a[i, k] for k in range(i + 1)) - min(abs(a[i, k] - 0.5) for k in range(i, 30))
    return total


def filtered(x, limit):
    return (
        sum(v for v in x if v > limit),
        sum(1 for v in x if v <= limit),
        max(v * v for v in x if v > limit),
        any(v == limit for v in x),
        list(v + 1 for v in x if v < limit),
    )


def statistics_of_list(x):
    n = len(x)
    mean = sum(x) / n
    variance = sum((t - mean) ** 2 for t in x) / (n - 1)
    return mean, variance, max(x), min(x), all(t == t for t in x), sum(x, 2)


def builtins_of_arrays(x):
    return sum(x), max(x), min(x), any(x > 0.5), all(x > -2), sum(x, 1)


def pairs(p):
    n = len(p)
    return sum(1 / math.dist(p[i], p[j]) for i in range(n) for j in range(i))


def functions(n, h):
    f = lambda t: math.exp(-t * t)  # noqa: E731
    return h * (0.5 * (f(0) + f(n * h)) + sum(f(i * h) for i in range(1, n)))


def squares(n):
    for i in range(n):
        if i % 3:
            yield i * i
        else:
            yield -i


def of_function(n):
    return sum(squares(n)), max(squares(n)), all(s < 100 for s in squares(n)), list(squares(n))


def side_effects(x, n):
    seen = []

    def look(i):
        seen.append(i)
        return x[i]

    found = any(look(i) > 0.2 for i in range(n))
    return found, seen


def half_used(x):
    numbers = (v * 2 for v in x)
    first = next(numbers)
    return first, sum(numbers)


PROGRAMS = [
    (product, (A, A.T)),
    (forward_substitution, (A, A[0])),
    (primes, (150,), (4,)),
    (first_that_raises, (X, 30), (X, 40), (X, 41), (X, 70)),
    (extremes, (A,)),
    (filtered, (X, 0.1), (X, -0.5), (X, 5.0), (FLOATS, 0.1), (INTEGERS, 12)),
    (statistics_of_list, (FLOATS,), (INTEGERS,), (FLOATS[:70],), ([0.1] * 80,)),
    (builtins_of_arrays, (X,), (X[:40],), (np.arange(50),)),
    (pairs, (A[:, :2],)),
    (functions, (100, 0.01), (3, 0.5), (1, 0.5)),
    (of_function, (60,), (9,), (70,), (0,)),
    (side_effects, (X, 61), (X, 20)),
    (half_used, (X,), (FLOATS,)),
]


@pytest.mark.parametrize(("program", "calls"), [(p, c) for p, *c in PROGRAMS])
def test_as_python(check_loops, program, calls):
    check_loops(program, *calls)


@pytest.mark.parametrize("program", [product, forward_substitution, extremes, primes, pairs])
def test_in_one_piece(check_loops, program):
    calls = next(calls for known, *calls in PROGRAMS if known is program)
    report = check_loops(program, *calls)
    assert report.breaks == 0
    assert {"for", "while"} & set(control_nodes(report)) or report.pieces == 1


def test_empty_sequences_and_nan(check_loops):
    def f(x, n):
        return max(x[i] for i in range(n)), min(x[i] for i in range(1, n))

    odd = np.where(np.arange(61) % 7 == 3, np.nan, X)
    check_loops(f, (X, 20), (odd, 61), (odd[3:], 30), (X, 1), (X, 0))


def test_sum_of_mixed_numbers(check_loops):
    def f(x, n):
        return sum(x[i] if i % 2 else i for i in range(n)), sum(i / 2 for i in range(n))

    check_loops(f, (FLOATS, 60), (X, 60), (X, 0))

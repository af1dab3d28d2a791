"""Integers in loops: counters under conditions, powers of two, sums and products that overflow."""

import numpy as np
import pytest
from helpers.loops import control_nodes

X = np.random.default_rng(0).integers(-50, 50, 400)
LARGE = 2**62


def histogram(x):
    low = high = 0
    rest = 1
    for value in x:
        if value < -10:
            low += 1
            rest *= -1
        elif value > 20:
            high -= 3
    return low, high, rest


def both_arms(x):
    up = down = 0
    for value in x:
        if value > 0:
            up += 1
        else:
            down += 1
    return up, down


def quotients(x):
    total = 0
    for k in range(len(x)):
        n = int(x[k])
        total += n // 8 + n % 16 - n // 2 * (n % 2) + n // 7 - n % 7
    return total


def overflowing(x, start):
    """Python's integers have no end: what does not fit is left to Python."""
    total, product, least = start, 3, -start
    for value in x:
        if value > 0:
            total += LARGE // 4
        if value > 45:
            product = product * 5 - 1
        least -= 1
    return total, product, least


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        (histogram, [(X,), (X[::2],), (X[:0],)]),
        (both_arms, [(X,), (-X,)]),
        (quotients, [(X,), (-X,), (X * 10**15,)]),
    ],
)
def test_as_eager(check_loops, function, calls):
    report = check_loops(function, *calls)
    assert control_nodes(report)
    assert report.breaks == 0


@pytest.mark.parametrize("start", [0, LARGE, 2 * LARGE - 300, -2 * LARGE + 500])
def test_overflow(check_loops, start):
    check_loops(overflowing, (X[:30], 0), (X, start), (-X, start))


def wrapped_product(n):
    total = 1
    for k in range(1, n):
        total = total * k
    return total


def test_factorials(check_loops):
    """20! fits 64 bits, 21! does not."""
    check_loops(wrapped_product, (10,), (20,), (21,), (22,), (40,))

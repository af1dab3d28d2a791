"""Ranges whose bounds, steps or lengths 64 bits do not hold: Python's integers do."""

import numpy as np
import pytest

import jitflow

WIDE = [
    (0, 2**70, 2**60),
    (-(2**70), 2**70, 2**69),
    (-(2**63), 2**63 - 1, 1),
    (-(2**63), 2**63 - 1, 2**62),
    (2**63 - 1, -(2**63), -1),
    (2**80, 0, -1),
    (0, 2**63 - 1, 2),
    (0, 9, 2**63),
]


def few(x, start, stop, step):
    count = 0
    for i in range(start, stop, step):
        count += 1
        x[0] += 1.0
        if count > 5:
            break
    return count, i


def whole(x):
    for i in range(-(2**63), 2**63 - 1):
        x[0] += 1.0
        if x[0] > 5:
            break
    return i


def one_step(x):
    for i in range(0, 4, 2**63 - 1):
        x[i] += 1.0
    return i


def behind_64_bits(x):
    for i in range(2**62, 2**70, 2**62):
        x[0] += 1.0
        if x[0] > 8:
            break
    return i


def down(x):
    for i in range(2**64, 0, -(2**63)):
        x[0] += i
    return i


def grown(x):
    k = 2
    for _ in x:
        k = k * 10**9
    s = 0
    for s in range(k):
        x[0] += 1
        if x[0] > 40:
            break
    for i in range(k, 4, 3):
        x[0] += i
    return s, k


def too_long(x):
    return x + len(range(0, 2**70, 3))


def is_any(x):
    return x + 1 if range(2**70) else x


def outcome(function, *args):
    x = np.ones(6)
    try:
        result = repr(function(x, *args))
    except OverflowError as error:
        result = repr(error)
    return result, x.tolist()


def check(function, *args):
    compiled = jitflow.compile(function)
    with jitflow.config().override(strict=True, verify_ir=True, measure=False):
        for _ in range(3):
            assert outcome(compiled, *args) == outcome(function, *args)


@pytest.mark.parametrize("bounds", WIDE)
def test_bounds_that_are_given(bounds):
    check(few, *bounds)


@pytest.mark.parametrize(
    "function", [whole, one_step, behind_64_bits, down, grown, too_long, is_any]
)
def test_bounds_that_are_known(function):
    check(function)

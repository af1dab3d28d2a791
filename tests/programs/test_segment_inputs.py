"""Pieces of several segments: what a later segment takes is what an earlier one gave."""

import numpy as np
import pytest

RANDOM = np.random.default_rng(0)
SMALL, SQUARE = RANDOM.random(6), RANDOM.random((5, 5))
CUBE = RANDOM.random((4, 5, 6))


def numbers_after_a_call_out(x, p):
    y = np.sort(x * p)
    total, twice = x.sum(), p * 2
    return y * p, y * total, total, twice, y * twice, x.shape[0] * y


def strided_inputs_after_a_call_out(a, b):
    y = a.T + b.T
    q = np.linalg.inv(y)
    t = a.transpose(0, 1)[::2].T * 2
    return y, y * q, a.T * q, t, (y * 3).T * q


def extents_after_a_call_out(a):
    y = a.transpose(1, 0, 2) * 2
    q = np.sort(a)
    return (
        y,
        np.fft.fft(y),
        y.sum(axis=0),
        q[:, :2, 0] * y[0, 0, 0],
        y + q.transpose(1, 0, 2),
        a[::2] * q[::2],
    )


@pytest.mark.parametrize("dynamic", [None, True])
def test_numbers(check, dynamic):
    calls = [(SMALL, p) for p in (2.5, np.float64(2.5), 3)]
    check(numbers_after_a_call_out, *calls, dynamic=dynamic)


@pytest.mark.parametrize("dynamic", [None, True])
def test_strided_inputs(check, dynamic):
    wide = RANDOM.random((10, 5))
    calls = [(SQUARE, SQUARE), (wide[::2], SQUARE.T), (np.asfortranarray(SQUARE), SQUARE[::-1])]
    check(strided_inputs_after_a_call_out, *calls, dynamic=dynamic)


@pytest.mark.parametrize("dynamic", [None, True])
def test_extents(check, dynamic):
    wide = RANDOM.random((8, 5, 6))
    calls = [(CUBE,), (wide[::2],), (np.asfortranarray(CUBE),)]
    check(extents_after_a_call_out, *calls, dynamic=dynamic)

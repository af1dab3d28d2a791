"""Numbers that become elements have to fit, as eager NumPy sees to it."""

import numpy as np
import pytest


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8, np.uint64])
def test_numpy_integers_in_a_list(check, dtype):
    def f(number):
        return np.array([number, 1], dtype=dtype)

    numbers = (np.int64(100), np.int64(-1), np.int64(2**40), np.uint64(2**64 - 1), np.int16(300))
    check(f, *((number,) for number in numbers))


@pytest.mark.parametrize("number", [np.int64(300), np.int64(-7), np.uint64(2**64 - 1), np.uint8(9)])
def test_numpy_integers_stored(check, number):
    def f(x, value):
        x[1] = value
        x[2:] = value
        return x

    def constant(x):
        x[1] = number
        return x

    for dtype in (np.int8, np.int64, np.uint64):
        check(f, (np.arange(4, dtype=dtype), number))
        check(constant, (np.arange(4, dtype=dtype),))


def test_whole_arrays_are_cast(check):
    def f(x, y):
        x[:] = y
        return x, np.array(y, dtype=np.int8)

    check(f, (np.arange(2, dtype=np.int8), np.array([300, -300])))
    check(f, (np.arange(2, dtype=np.int8), np.int64(3)))


def test_joined_numbers(check):
    def f(x, number):
        return np.r_[x, number, 5]

    x = np.arange(3, dtype=np.int8)
    check(f, (x, 100), (x, 255), (x, 2.5))
    check(lambda: np.r_[0 : 36 : np.complex64(10j)], ())


def test_negative_zero_to_begin_with(check):
    def f(x, start):
        return np.signbit(np.sum(x, initial=start)), np.signbit(x.sum(initial=-0.0))

    check(f, (np.full(9, -0.0), -0.0), (np.full(9, -0.0), 0.0), (np.array([-0.0, 0.0]), -0.0))
    check(f, (np.full(3, -0.0, np.float16), np.float16(-0.0)))


def test_degrees_of_freedom_given_twice(check):
    def f(x):
        return np.nanvar(x, ddof=1, correction=0)

    check(f, (np.arange(3.0),))
    check(lambda x: np.nanvar(x, correction=1), (np.arange(3.0),))


def test_out_of_two_results_is_a_tuple(check):
    def f(x, out):
        return np.frexp(x, out=out)

    check(f, (np.arange(3.0), np.empty(3)))
    check(f, (np.arange(3.0), (np.empty(3), None)))

"""What segments hand to each other around a call-out: numbers, memory order, arrays they write."""

import numpy as np
import pytest

X = np.random.default_rng(0).normal(size=(4, 5))
LAYOUTS = {"C": X, "F": X.T, "sliced": X[::2, ::2], "reversed": X[::-1, ::-1]}


@pytest.fixture(params=LAYOUTS)
def x(request):
    return LAYOUTS[request.param]


@pytest.mark.parametrize("number", [2.5, 3, True, 1j, np.float32(2), np.int16(3)])
def test_numbers_reach_later_segments(check, number):
    def f(x, s):
        return np.sort(x) * s

    check(f, (X, number))


def test_numbers_made_by_an_earlier_segment(check, x):
    def f(x):
        a, b, n = float(x.max()), x.min(), int((x > 0).sum())
        return a, b, n, np.sort(x) * a + b * n

    check(f, (x,))


def test_arrays_made_by_an_earlier_segment(check, x):
    def f(x):
        doubled = (x * 2).T
        return doubled, np.sort(x).T + doubled

    check(f, (x,))


def test_layout_of_the_arguments_of_a_later_segment(check, x):
    def f(x):
        return np.sort(x, axis=0) + x

    check(f, (x,))


def test_layout_of_what_a_call_out_gives(check, x):
    def f(x):
        z = np.sort(x, axis=0)
        return z, z.T, z + 1

    check(f, (x,))


def test_array_sorted_in_place_and_read(check, x):
    def f(x):
        x.sort()
        return np.sort(x), x.max(axis=-1, keepdims=True)

    check(f, (x,))


def test_arrays_of_one_shape_that_only_a_guard_knows(check):
    def f(x, y):
        x[...] = y
        return x

    def square(n):
        return np.zeros((n, n), int), np.arange(n * n).reshape(n, n) + np.float32(0.25)

    check(f, *(square(n) for n in (4, 5, 6, 4)))


def test_strides_of_axes_that_expand_dims_adds(check, x):
    def f(x):
        return np.expand_dims(x, 0), np.expand_dims(x, (1, -1)), x[None], np.expand_dims(x[0], 0)

    check(f, (x,), (np.ones((3, 1)),))


def test_fold_across_short_rows_of_bytes(check):
    def f(x):
        return x.min(axis=(0, -1)), x.astype(np.complex64)

    check(f, *((np.arange(n * 20, dtype=np.int8).reshape(n, 4, 5),) for n in (1, 2, 3)))

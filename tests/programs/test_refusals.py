"""What eager NumPy refuses or warns about, compiled code refuses in the same words and place."""

import concurrent.futures

import numpy as np
import pytest

X = np.arange(6.0).reshape(2, 3)
I = np.array([0, 1, 0])  # noqa: E741


REFUSED = {
    "device": lambda x: np.zeros(3, device="nonsense"),
    "where by name": lambda x: np.where(x > 1, x=x, y=x),
    "putmask by name": lambda x: np.putmask(a=x, mask=x > 1, values=x),
    "clip with one bound": lambda x: np.clip(x, 1),
    "clip with both names": lambda x: np.clip(x, 1, 2, max=3),
    "correction and ddof": lambda x: np.std(x, ddof=1, correction=1),
    "astype of a list": lambda x: np.astype([1, 2], np.float32),
    "concatenate to out and dtype": lambda x: np.concatenate([x, x], out=x, dtype=x.dtype),
    "choose by floats": lambda x: np.choose(x, [x, x]),
    "too large": lambda x: np.empty(2**64),
    "too many axes": lambda x: np.add.outer(x.reshape((1,) * 40), x.reshape((1,) * 40)),
    "too many indices": lambda x: np.ones((1,) * 64)[(np.array([0]),) * 64],
    "where without out": lambda x: np.negative(x, where=x > 1).shape,
    "third argument of maximum": lambda x: np.maximum(x, x, x + 0),
    "pad of nothing": lambda x: np.pad(x[:0], 1, mode="edge"),
    "axis by a word": lambda x: np.roll(x, 1, "first"),
    "more shifts than axes": lambda x: np.roll(x, (1, 2, 3), (0, 1)),
    "tolerance": lambda x: np.isclose(x, x, rtol=np.nan),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(check, name):
    refused = REFUSED[name]

    def f(x):
        y = x + 1
        try:
            refused(x)
        except (TypeError, ValueError, IndexError, MemoryError) as error:
            return y, type(error).__name__, str(error)
        return y

    check(f, (X,))


def test_refused_though_nobody_reads_it(check):
    def f(x):
        y = x + 1
        np.clip(x, 1)
        return y

    check(f, (X,))


def test_sequence_repeated_by_a_numpy_integer(check):
    def f(x, n):
        return [1, 2] * n, x * n, (n * (3, 4))

    check(f, (X, np.int64(2)), (X, np.int8(3)))


def test_weak_numbers_in_isclose(check):
    below = float(1.0 - np.finfo("f8").eps)

    def f(x):
        return np.isclose(x, below, rtol=0, atol=0), np.isclose(x, 2, atol=0, rtol=below / 2)

    check(f, (np.array(1, "f4"),), (np.array(1.0),))


def test_classes_of_native_code(check):
    def f(x):
        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(np.sum, x).result()

    check(f, (X,))


def test_import_of_what_is_not_loaded(check):
    def f(x):
        from multiprocessing import shared_memory

        return x + 1, shared_memory.__name__

    check(f, (X,))


def test_integer_array_of_floats(check):
    def f(x, number):
        y = x + 1
        try:
            return np.array([number], dtype="b"), y
        except (ValueError, OverflowError) as error:
            return y, str(error)

    check(f, (X, np.float64(np.nan)), (X, 2.5))


def test_numpy_scalar_and_other_objects(check):
    class NotArray:
        def __array__(self, dtype=None, copy=None):
            raise TypeError("run you fools")

    def f(x, other):
        y = x + 1
        try:
            x == other  # noqa: B015
        except TypeError as error:
            return y, str(error)
        return y

    def g(x):
        return (x[0, 0] == "a") is np.False_, (x[0, 0] == None) is False, x + 1  # noqa: E711

    check(f, (X, NotArray()))
    check(g, (X,))


def test_subclass_of_a_numpy_scalar(check):
    class Loud(np.float32):
        def __lt__(self, other):
            return "less"

    def f(x):
        return Loud(1) < 2, np.float32(1) < 2, x + 1

    check(f, (X,))


def test_split_of_too_few_axes(check):
    def f(x):
        y = x + 1
        try:
            np.vsplit(x[0], 3)
        except ValueError as error:
            return y, str(error)
        return y

    check(f, (X,))

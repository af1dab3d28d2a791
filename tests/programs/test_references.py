"""Programs that look at references see those of eager Python."""

import sys
import time

import numpy as np
import pytest

import jitflow


def test_function_that_counts_references():
    @jitflow.compile
    def f(x, key):
        before = sys.getrefcount(key)
        for _ in range(3):
            x = x + 1
        return sys.getrefcount(key) - before

    key = object()
    for _ in range(3):
        assert f(np.ones(3), key) == 0
    assert "reference counts" in str(f.report())


def test_comprehension_that_counts_references():
    @jitflow.compile
    def f(x):
        pieces = [x + 1, x * 2]
        return [sys.getrefcount(piece) for piece in pieces]

    for _ in range(3):
        assert len(set(f(np.ones(3)))) == 1


def test_resize_sees_a_second_name():
    @jitflow.compile
    def f(n):
        x = np.arange(n)
        y = x  # noqa: F841 - is the second reference
        print(end="")
        x.resize((2 * n,))
        return x

    with pytest.raises(ValueError, match="resize"):
        f(3)


def test_memory_that_is_hardly_touched():
    """An array of zeros takes memory when it is used, and not before."""

    @jitflow.compile
    def f():
        x = np.zeros(2**33, np.int8)
        print(end="")
        return x[3]

    start = time.perf_counter()
    assert f() == 0
    assert time.perf_counter() - start < 5

"""Loops that end when what they fold is decided: where the answer lies, and what must go on."""

import time
import warnings

import numpy as np
import pytest

import jitflow


@pytest.mark.parametrize("length", [1, 100, 1000, 5000])
@pytest.mark.parametrize("step", [1, -1, 2])
def test_one_deciding_element_anywhere(length, step):
    any_of = jitflow.compile(lambda x: x.any())
    all_of = jitflow.compile(lambda x: (x == 0).all())
    for place in {0, length // 2, length - 1}:
        x = np.zeros(length * abs(step), np.float32)[::step]
        assert not any_of(x)
        assert all_of(x)
        x[place] = 3
        assert any_of(x)
        assert not all_of(x)


@pytest.mark.parametrize("axis", [0, 1, (0, 1), None])
def test_rows_are_decided_one_by_one(axis):
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(33, 700)) < 0.002
    for function in (lambda x: x.any(axis=axis), lambda x: (~x).all(axis=axis)):
        alone, beside = jitflow.compile(function), jitflow.compile(lambda x: (function(x), x.sum()))
        np.testing.assert_array_equal(alone(x), function(x))
        np.testing.assert_array_equal(beside(x)[0], function(x))


@pytest.mark.parametrize("shape", [(200, 3), (200, 6), (3, 200), (40, 5, 3), (7, 9)])
def test_lanes_that_are_rows(shape):
    x = np.random.default_rng(1).uniform(size=shape)
    for axis in range(len(shape)):
        any_of = jitflow.compile(lambda x: (x > 0.8).any(axis=axis))
        all_of = jitflow.compile(lambda x: (x > 0.2).all(axis=axis))
        for values in (x, np.asfortranarray(x), x[::-1]):
            np.testing.assert_array_equal(any_of(values), (values > 0.8).any(axis=axis))
            np.testing.assert_array_equal(all_of(values), (values > 0.2).all(axis=axis))


def test_the_rest_is_not_read():
    x = np.zeros(8_000_000, bool)
    compiled = jitflow.compile(lambda x: x.any())

    def spent():
        times = []
        for _ in range(5):
            start = time.perf_counter()
            compiled(x)
            times.append(time.perf_counter() - start)
        return min(times)

    whole = spent()
    x[10] = True
    assert spent() < whole / 5


def test_what_can_warn_is_computed():
    compiled = jitflow.compile(lambda x: (1 / x > 0.5).any())
    x = np.ones(10_000)
    compiled(x)
    x[-1] = 0
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert compiled(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x[-1] = 1
        assert compiled(x)

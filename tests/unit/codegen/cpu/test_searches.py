"""argmax and argmin along vector loops: first of equals, NaN, every block, leftovers."""

import numpy as np
import pytest

import jitflow

DTYPES = ["f4", "f8", "f2", "i8", "i4", "u1", "i2", "?"]


def check(x, axis=None):
    compiled = jitflow.compile(lambda x: (x.argmax(axis=axis), x.argmin(axis=axis)))
    for got, wanted in zip(compiled(x), (x.argmax(axis=axis), x.argmin(axis=axis))):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [1, 2, 15, 64, 100, 1000, 4096, 4097, 20_000])
def test_many_equal_elements(dtype, length):
    rng = np.random.default_rng(length)
    check(rng.integers(0, 3, length).astype(dtype))
    check(rng.integers(0, 1 + length // 2, length).astype(dtype))
    check(np.zeros(length, dtype))


@pytest.mark.parametrize("place", [0, 5, 4095, 4096, 9998, 9999])
def test_one_extreme_anywhere(place):
    x = np.zeros(10_000, np.float32)
    for value in (1, -1, np.inf, -np.inf, np.nan):
        x[place] = value
        check(x)
    x[7] = np.nan
    check(x)


def test_only_infinities_and_zeros_of_both_signs():
    check(np.full(100, -np.inf))
    check(np.full(5000, np.inf, np.float32))
    check(np.array([0.0, -0.0] * 50))
    check(np.array([-0.0, 0.0] * 50))
    check(np.full(70, np.iinfo(np.int64).min))


@pytest.mark.parametrize("axis", [0, 1, 2, None])
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 130), (9, 70, 2)])
def test_axes(axis, shape):
    rng = np.random.default_rng(1)
    for x in (rng.normal(size=shape), rng.integers(0, 9, shape), rng.normal(size=shape).T):
        check(x, axis)


def test_computed_elements_and_lengths_that_vary():
    compiled = jitflow.compile(lambda x: np.argmax(np.abs(x - 0.3) * 2))
    rng = np.random.default_rng(2)
    for length in (100, 200, 317, 9000, 31, 1):
        x = rng.normal(size=length)
        assert compiled(x) == np.argmax(np.abs(x - 0.3) * 2)
    with pytest.raises(ValueError, match="empty sequence"):
        compiled(np.zeros(0))

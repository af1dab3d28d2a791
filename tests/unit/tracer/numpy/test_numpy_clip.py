"""`clip`: which of equal zeros, which NaN, and bounds that cross."""

import itertools

import numpy as np
import pytest

import jitflow

NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan)


def bits(array):
    """Values with their signs; one NaN is like another."""
    parts = array.view(f"f{array.itemsize // 2}") if array.dtype.kind == "c" else array
    return [("nan" if np.isnan(x) else x, bool(np.signbit(x)) and not np.isnan(x)) for x in parts]


def columns(dtype):
    """Every combination of value and bounds."""
    numbers = NUMBERS
    if np.dtype(dtype).kind == "c":
        numbers = [complex(a, b) for a in (0.0, -0.0, 1.0, np.nan) for b in (-0.0, 2.0, np.nan)]
    return np.array(list(itertools.product(numbers, repeat=3)), dtype).T.copy()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16"])
def test_clip_gives_the_bits_that_numpy_gives(dtype):
    @jitflow.compile
    def clip(x, low, high):
        return np.clip(x, low, high)

    with np.errstate(invalid="ignore"):
        x, low, high = columns(dtype)
        assert bits(clip(x, low, high)) == bits(np.clip(x, low, high))


@pytest.mark.parametrize("low, high", [(0.0, 1), (-1, -0.0), (1, -1), (-0.0, np.zeros(1))])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8"])
@pytest.mark.parametrize("count", [1, 3])
def test_zeros_at_bounds_that_are_numbers(low, high, dtype, count):
    for x in (np.zeros(count, dtype), -np.zeros(count, dtype)):
        assert bits(jitflow.compile(np.clip)(x, low, high)) == bits(np.clip(x, low, high))
        compiled = jitflow.compile(lambda x: x.clip(low, high))
        assert bits(compiled(x)) == bits(x.clip(low, high))

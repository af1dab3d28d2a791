"""Division and remainders of vectors: every integer width, extremes, quotients near integers."""

import numpy as np
import pytest

import jitflow

INTEGERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
FUNCTIONS = [np.floor_divide, np.remainder, np.fmod]


def integers(dtype, rng):
    """Random ones of all magnitudes, extremes, and around the bound of exact quotients."""
    info = np.iinfo(dtype)
    special = [info.min, info.min + 1, info.max, info.max - 1, 0, 1, 2, 3, 7, info.max // 2]
    special += [value for n in (50, 51, 52) for value in (2**n - 1, 2**n) if value < info.max]
    wide = rng.integers(info.min, info.max, 900, dtype=dtype, endpoint=True)
    shifts = rng.integers(0, info.bits, 900).astype(dtype)
    return np.concatenate([wide >> shifts, np.repeat(np.array(special, dtype), 12)])


def divisible(x, y):
    """Operands that NumPy divides without a warning."""
    y = np.where(y == 0, y.dtype.type(3), y)
    if y.dtype.kind == "i":
        y = np.where((x == np.iinfo(x.dtype).min) & (y == -1), y.dtype.type(2), y)
    return x, y


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_integers(function, dtype):
    rng = np.random.default_rng(5)
    values = integers(dtype, rng)
    x, y = divisible(values, rng.permutation(values))
    compiled = jitflow.compile(lambda x, y: function(x, y))
    np.testing.assert_array_equal(compiled(x, y), function(x, y))


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("divisor", [1, 2, 3, 7, 10, 64, 127, -1, -3, "max", "min"])
def test_constant_divisors(dtype, divisor):
    info = np.iinfo(dtype)
    number = {"max": info.max, "min": info.min or 5}.get(divisor, divisor)
    if number < info.min:
        pytest.skip("no such number")
    x = integers(dtype, np.random.default_rng(6))
    x = x[x != info.min] if number == -1 else x
    compiled = jitflow.compile(lambda x: (x // number, x % number))
    for got, wanted in zip(compiled(x), (x // number, x % number)):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_floats_of_all_magnitudes_and_near_multiples(function, dtype):
    rng = np.random.default_rng(7)
    info = np.finfo(dtype)
    low, high = np.log2(float(info.smallest_subnormal)), np.log2(float(info.max)) - 1
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, info.tiny, info.smallest_subnormal, info.max]
    wide = np.exp2(rng.uniform(low, high, 3000)) * rng.choice([-1, 1], 3000)
    y = np.concatenate([wide, rng.normal(size=3000), np.repeat(special, 40)]).astype(dtype)
    compiled = jitflow.compile(lambda x, y: function(x, y))
    with np.errstate(all="ignore"):
        near = rng.permutation(y) * rng.integers(1, 99, y.size).astype(dtype)
        below = np.nextafter(near, np.array(0, dtype))
        for x in (rng.permutation(y), near, below, np.nextafter(near, np.array(9, dtype))):
            got, wanted = compiled(x, y), function(x, y)
            np.testing.assert_array_equal(got, wanted)
            number = ~np.isnan(wanted)
            np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(wanted)[number])


def test_no_stray_flags():
    x = np.array([1e300, 3.5, 0.0, 1e-310, 5.0, 1e300] * 20)
    y = np.array([1e-300, 1.5, 2.0, 1e300, np.inf, 1e300] * 20)
    compiled = jitflow.compile(lambda x, y: np.fmod(x, y))
    expected = np.fmod(x, y)
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        np.testing.assert_array_equal(compiled(x, y), expected)


def test_zero_divisors_still_warn():
    compiled = jitflow.compile(lambda x, y: x // y)
    x = np.arange(100)
    compiled(x, x + 1)
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in floor_divide"):
        result = compiled(x, x - 50)
    assert result[50] == 0

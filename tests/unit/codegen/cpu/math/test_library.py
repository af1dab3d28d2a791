"""Accuracy, special values and floating-point flags of the vector math library."""

import functools
import itertools
import math
import warnings

import mpmath
import numpy as np
import pytest
from math_kernels import Kernel

from jitflow.codegen.cpu.math import BOUNDS, NAMES
from jitflow.core.dtypes import F16, F32, F64

BINARY = {"power", "arctan2", "hypot"}
DTYPES = (F32, F64)
SPECIALS = (
    0.0,
    -0.0,
    math.inf,
    -math.inf,
    math.nan,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    -2.0,
    3.0,
    -3.0,
    1e-45,
    -1e-45,
    1e-30,
    -1e-30,
    3e38,
    -3e38,
    1e300,
    -1e300,
    5e-324,
    1e5,
    -1e5,
    100.0,
    -100.0,
)


@functools.cache
def kernel(name, dtype):
    return Kernel(name, dtype, 2 if name in BINARY else 1)


def mpmath_function(name):
    function = {"erf": mpmath.erf, "erfc": mpmath.erfc}[name]

    def values(x):
        with mpmath.workprec(80):
            return np.array([np.longdouble(mpmath.nstr(function(float(v)), 22)) for v in x])

    return values


def exact(name):
    """The function on `numpy.longdouble` arrays, exact to far below one unit of f64."""
    return getattr(np, name, None) or mpmath_function(name)


def magnitudes(dtype, rng, count):
    low, high = (-149, 128) if dtype is F32 else (-1074, 1024)
    return np.exp2(rng.uniform(low, high, count))


def arguments(name, dtype, rng, count=3000):
    """Arguments over the whole domain, most of them where something happens."""
    number = dtype.numpy.type
    wide = magnitudes(dtype, rng, count) * rng.choice([-1, 1], count)
    bands = [rng.uniform(-r, r, count) for r in (0.2, 1.0, 3.0, 12.0, 110.0, 750.0)]
    with np.errstate(over="ignore"):
        return np.concatenate([wide, *bands, 1 + rng.normal(size=count) * 1e-3]).astype(number)


def ulp_errors(result, reference):
    """Distance to `reference` in units in the last place of the rounded reference."""
    number = result.dtype.type
    with np.errstate(all="ignore"):
        rounded = reference.astype(number)
        finite = np.isfinite(rounded) & (np.abs(rounded) < np.finfo(number).max)
        unit = np.spacing(np.abs(rounded)).astype(np.longdouble)
        error = np.abs(result.astype(np.longdouble) - reference) / unit
    same = (result == rounded) | (np.isnan(result) & np.isnan(rounded))
    border = np.abs(result) >= np.finfo(number).max
    return np.where(finite, error, np.where(same | border, 0, np.inf))


def check_accuracy(name, dtype, *operands):
    with np.errstate(all="ignore"):
        reference = exact(name)(*[x.astype(np.longdouble) for x in operands])
    errors = ulp_errors(kernel(name, dtype)(*operands), reference)
    assert not np.isnan(errors).any()
    worst = int(errors.argmax())
    assert errors[worst] <= BOUNDS[name][dtype.name], [x[worst] for x in operands]


UNARY = [n for n in NAMES if n not in BINARY and n not in {"lgamma", "erf", "erfc"}]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_error_is_within_the_stated_bound(name, dtype):
    check_accuracy(name, dtype, arguments(name, dtype, np.random.default_rng(1)))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_error_functions_against_mpmath(name, dtype):
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.uniform(-6, 6, 300), rng.uniform(-30, 30, 200)])
    check_accuracy(name, dtype, x.astype(dtype.numpy))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", sorted(BINARY))
def test_binary_error_is_within_the_stated_bound(name, dtype):
    rng = np.random.default_rng(3)
    x = arguments(name, dtype, rng)
    check_accuracy(name, dtype, x, rng.permutation(x))
    check_accuracy(name, dtype, np.abs(x), (x[::-1] / 16).astype(x.dtype))


def eager(name, *operands):
    """NumPy's result and the floating-point warnings it gave."""
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("always")
        result = getattr(np, name)(*operands)
    return result, {str(w.message).split()[0] for w in caught}


def special_arguments(name, dtype):
    values = [dtype.numpy.type(v) for v in SPECIALS]
    return itertools.product(values, repeat=2 if name in BINARY else 1)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", [n for n in NAMES if hasattr(np, n)])
def test_special_values_and_flags_are_those_of_numpy(name, dtype):
    differences = []
    with np.errstate(all="ignore"):
        cases = list(special_arguments(name, dtype))
    for case in cases:
        operands = [np.array([v]) for v in case]
        expected, warned = eager(name, *operands)
        result, flags = kernel(name, dtype)(*operands), kernel(name, dtype).flags
        same = np.array_equal(result, expected, equal_nan=True)
        same &= bool(np.isnan(expected[0]) or np.signbit(result[0]) == np.signbit(expected[0]))
        near = np.isclose(result[0], expected[0], rtol=8 * np.finfo(dtype.numpy).eps, atol=0)
        if name == "power" and np.isinf(case[1]):  # C leaves the flags of these open
            warned = flags
        if not (same or near) or warned != flags:
            differences.append((case, result[0], expected[0], flags, warned))
    assert not differences


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["erf", "erfc", "lgamma"])
def test_special_functions_are_those_of_the_math_module(name, dtype):
    values = [v for v in SPECIALS if dtype is F64 or 1e-40 < abs(v) < 1e30 or not v]
    for value in values:
        try:
            expected = getattr(math, name)(value)
        except (ValueError, OverflowError):
            expected = math.inf
        result = kernel(name, dtype)(np.array([value], dtype.numpy))[0]
        assert result == pytest.approx(expected, rel=1e-6, nan_ok=True), value


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "power"])
def test_half_precision_is_rounded_once_from_single(name):
    rng = np.random.default_rng(4)
    x = np.abs(arguments(name, F16, rng, 300)) + np.float16(0.01)
    operands = [x, x[::-1].copy()][: 2 if name in BINARY else 1]
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(*operands)
        result = kernel(name, F16)(*operands)
    assert np.array_equal(result, expected, equal_nan=True)


def test_bounds_are_stated_for_every_function_and_within_two_units():
    assert set(BOUNDS) == set(NAMES)
    own = [bound for name in NAMES if name != "lgamma" for bound in BOUNDS[name].values()]
    assert max(own) <= 2.0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_huge_arguments_are_reduced_exactly(name, dtype):
    rng = np.random.default_rng(5)
    x = (magnitudes(dtype, rng, 300) * rng.choice([-1, 1], 300)).astype(dtype.numpy)
    with mpmath.workprec(1200):
        function = getattr(mpmath, name)
        expected = np.array([float(function(mpmath.mpf(float(v)))) for v in x])
    assert np.allclose(kernel(name, dtype)(x), expected, rtol=4 * np.finfo(dtype.numpy).eps, atol=0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_ordinary_values_set_no_flags(name, dtype):
    x = np.linspace(1.05, 1.9, 40).astype(dtype.numpy)
    if name in {"arcsin", "arccos", "arctanh"}:
        x -= 1
    run = kernel(name, dtype)
    run(*[x, x][: 2 if name in BINARY else 1])
    assert not run.flags

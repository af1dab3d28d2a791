"""`math` functions of integers and sequences, and `cmath`: results and exceptions as Python's."""

import cmath
import itertools
import math

import numpy as np
import pytest

import jitflow

INTEGERS = [0, 1, 7, 12, 99, 2**52 - 1, (2**31 - 1) ** 2, -12, True, np.int32(6)]
FLOATS = [0.0, 1.5, -2.0, -2.5, 3.0, 170.0, 172.0, math.inf, math.nan]
COMPLEX = [0j, -0.0 + 0j, 1.5 - 2j, -3 + 0j, complex(-3, -0.0), 710 + 1j, 1e308j, 2, True, 0.25]

OF_INTEGERS = {
    "gcd": lambda n, k: math.gcd(n, k),
    "gcd of three": lambda n, k: math.gcd(n, 30, k),
    "lcm": lambda n, k: math.lcm(n, k),
    "isqrt": lambda n, k: (math.isqrt(n), k),
    "factorial": lambda n, k: (math.factorial(min(n, 25)), k),
    "comb": lambda n, k: math.comb(min(n, 60), min(k, 70)),
    "perm": lambda n, k: math.perm(min(n, 30), min(k, 40)),
}
OF_FLOATS = {
    "gamma": lambda x, y: (math.gamma(x), y),
    "remainder": lambda x, y: math.remainder(x, y),
    "hypot of three": lambda x, y: math.hypot(x, y, 2.0),
    "dist": lambda x, y: math.dist((x, 1.0), [y, 2]),
    "fsum": lambda x, y: math.fsum([x, y, 1e-30, -x]),
    "gcd of floats": lambda x, y: math.gcd(x, y),
}
OF_COMPLEX = {
    "exp": lambda z, w: (cmath.exp(z), w),
    "sqrt": lambda z, w: (cmath.sqrt(z), w),
    "log": lambda z, w: (cmath.log(z), w),
    "sinh": lambda z, w: (cmath.sinh(z), w),
    "phase": lambda z, w: (cmath.phase(z), w),
    "polar": lambda z, w: (cmath.polar(z), w),
    "rect": lambda z, w: cmath.rect(z.real, w.imag),
    "isnan": lambda z, w: (cmath.isnan(z), cmath.isinf(w), cmath.isfinite(w)),
}


def outcome(function, x, y):
    try:
        return "returned", function(x, y)
    except (ValueError, OverflowError, TypeError) as error:
        return type(error).__name__, str(error)


def is_same(expected, got):
    if isinstance(expected, tuple):
        return len(expected) == len(got) and all(map(is_same, expected, got))
    if type(expected) is complex and type(got) is complex:
        return is_same((expected.real, expected.imag), (got.real, got.imag))
    if type(expected) is not float or math.isnan(expected) or expected == got:
        return repr(expected) == repr(got)
    return type(got) is float and abs(expected - got) <= 3 * math.ulp(expected)


def check(function, values):
    compiled = jitflow.compile(function, dynamic=True)
    with jitflow.config().override(strict=True, trace_everything=True):
        for x, y in itertools.product(values, values):
            expected, got = outcome(function, x, y), outcome(compiled, x, y)
            assert is_same(expected, got), (x, y, expected, got)
    assert jitflow.stats()["pieces"] > 0


@pytest.mark.parametrize("name", OF_INTEGERS)
def test_of_integers(name):
    check(OF_INTEGERS[name], INTEGERS)


@pytest.mark.parametrize("name", OF_FLOATS)
def test_of_floats(name):
    check(OF_FLOATS[name], FLOATS)


@pytest.mark.parametrize("name", OF_COMPLEX)
def test_of_complex_numbers(name):
    check(OF_COMPLEX[name], COMPLEX)


@pytest.mark.parametrize("x", [0.5, 1.5, -2.0, -2.5, 0.0, 170.0, 1e306, math.inf, math.nan])
def test_logarithm_of_gamma(x):
    """Python's own is exact in absolute terms alone."""
    compiled = jitflow.compile(math_lgamma, dynamic=True)
    with jitflow.config().override(strict=True, trace_everything=True):
        expected, got = outcome(math_lgamma, x, 0), outcome(compiled, x, 0)
    assert expected[0] == got[0]
    if expected[0] == "returned":
        assert got[1] == pytest.approx(expected[1], nan_ok=True, rel=1e-14, abs=1e-15)
    else:
        assert got[1] == expected[1]


def math_lgamma(x, y):
    return math.lgamma(x) + y


def test_loops_with_them_are_captured():
    def program(x):
        total, roots = 0, 0
        for i in range(1, len(x)):
            total += math.gcd(i, len(x)) + math.comb(i % 9, 2)
            roots += math.isqrt(i)
            x[i] = math.fsum(x[i - 1 : i + 2]) + math.dist(x[0:2], x[1:3]) + math.lgamma(i + 0.5)
        z = 0j
        for i in range(len(x)):
            z = 0.5 * z + cmath.exp(1j * x[i]) + cmath.rect(1.0, i)
        return total, roots, x, z

    compiled = jitflow.compile(program)
    expected, got = program(np.arange(90.0) % 7), compiled(np.arange(90.0) % 7)
    assert expected[:2] == got[:2]
    np.testing.assert_allclose(got[2], expected[2], rtol=1e-13)
    assert abs(got[3] - expected[3]) < 1e-11
    assert not compiled.report().breaks
    assert jitflow.stats()["loops_captured"] >= 2

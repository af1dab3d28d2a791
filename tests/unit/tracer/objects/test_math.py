"""The `math` module on numbers known only at run time: results and exceptions as Python's."""

import itertools
import math

import pytest

import jitflow

NUMBERS = [0.0, -0.0, 1.0, 2.0, -3.5, 9.99, 1e308, 1e-320, math.inf, -math.inf, math.nan, 100, -7]
PAIRS = list(itertools.product(NUMBERS, NUMBERS))

FUNCTIONS = {
    "log of a base": lambda x, y: math.log(x, y),
    "fmod": lambda x, y: math.fmod(x, y),
    "modf": lambda x, y: (math.modf(x), y),
    "isclose": lambda x, y: math.isclose(x, y),
    "isclose with tolerances": lambda x, y: math.isclose(x, y, rel_tol=0.1, abs_tol=1),
    "prod": lambda x, y: math.prod([x, y, 2]),
    "prod from a start": lambda x, y: math.prod((x,), start=y),
    "cbrt": lambda x, y: math.cbrt(x) if y == y else y,
    "exp2": lambda x, y: math.exp2(x) if y == y else y,
}


def outcome(function, x, y):
    try:
        return "returned", function(x, y)
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        return type(error).__name__, str(error)


def is_same(expected, got):
    if isinstance(expected, tuple):
        return len(expected) == len(got) and all(map(is_same, expected, got))
    if type(expected) is not float or math.isnan(expected) or expected == got:
        return repr(expected) == repr(got)
    return type(got) is float and abs(expected - got) <= 2 * math.ulp(expected)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_python(name):
    function = FUNCTIONS[name]
    compiled = jitflow.compile(function, dynamic=True)
    with jitflow.config().override(strict=True, trace_everything=True):
        for x, y in PAIRS:
            expected, got = outcome(function, x, y), outcome(compiled, x, y)
            assert is_same(expected, got), (x, y, expected, got)
    assert jitflow.stats()["pieces"] > 0

"""Python numbers known only at run time: floats, symbolic integers, checks where Python raises."""

import math

import numpy as np
import pytest
from running import check, trace_call

from jitflow.core.config import config
from jitflow.guards.predicates import Equals, Relation

DYNAMIC = frozenset("*")


def x3():
    return np.array([1.0, 2.0, 3.0])


def one_piece(function, *args, **kwargs):
    return check(function, *args, codes=[], pieces=1, **kwargs)


def test_floats_are_not_specialised():
    def function(x, t):
        return x * t, t + 1, t - 2.5, 3 * t, t / 2, t // 0.7, t % 0.3, -t, +t, abs(-t)

    record = trace_call(function, x3(), 0.1)
    assert not any(isinstance(g, Equals) for g in record.guards)
    one_piece(function, x3(), 0.1)


@pytest.mark.parametrize("t", [0.7, 2.0, 1e-8])
def test_powers(t):
    def function(x, t, u):
        return x + 1, t**2, t**3, t**0.5, t**-1, t**u, 2.0**t, t**1, pow(t, 2)

    one_piece(function, x3(), t, 1.5)


def test_float_comparisons_as_values():
    def function(x, t, u):
        return x + 1, t < u, t == u, t >= 1, not t, (t < u) + 1, bool(t)

    one_piece(function, x3(), 0.5, 1.5)


def test_conversions():
    def function(x, t, n):
        return x + 1, int(t), float(n), round(t), bool(n), complex(t), int(-t), math.floor(-t)

    one_piece(function, x3(), 2.7, 5)
    one_piece(function, x3(), 2.7, 5, dynamic=DYNAMIC)


def test_minimum_and_maximum():
    def function(x, t, u):
        return x + 1, min(t, u), max(t, u, 3.5), min([t, u]), sum([t, u, 0.1])

    one_piece(function, x3(), 0.1, 0.2)


FUNCTIONS = "sqrt exp log log2 log10 log1p expm1 sin cos tan atan sinh cosh tanh fabs degrees"


@pytest.mark.parametrize("name", [*FUNCTIONS.split(), "radians", "erf", "isnan", "floor", "ceil"])
def test_math_functions(name):
    function = getattr(math, name)

    def traced(x, t):
        return x + function(t), type(function(t))

    one_piece(traced, x3(), 0.75)


@pytest.mark.parametrize("name", ["asin", "acos", "atanh"])
def test_bounded_math_functions(name):
    function = getattr(math, name)

    def traced(x, t):
        y = x + function(t) + math.atan2(t, 2.0) + math.hypot(t, 1.0)
        return y, math.copysign(t, -1.0)

    one_piece(traced, x3(), 0.25)


def failing_checks(function, *args):
    """Number of `require` nodes that fail when the piece runs."""
    from jitflow.ir import interpreter

    record = trace_call(function, *args)
    inputs = [args[fact.source.index] for fact in record.inputs]
    with pytest.raises(interpreter.CheckFailed), np.errstate(all="ignore"):
        interpreter.run(record.graph, inputs, write=False)


@pytest.mark.parametrize(
    ("body", "t"),
    [
        (lambda x, t: x / (1.0 / t), 0.0),
        (lambda x, t: x * math.sqrt(t), -1.0),
        (lambda x, t: x * math.log(t), 0.0),
        (lambda x, t: x * math.exp(t), 1000.0),
        (lambda x, t: x * t**0.5, -2.0),
        (lambda x, t: x * t**2, 1e200),
        (lambda x, t: x * math.acos(t), 2.0),
        (lambda x, t: x * (t % t), 0.0),
    ],
)
def test_where_python_raises_a_check_fails(body, t):
    failing_checks(body, x3(), t)


def test_symbolic_integers():
    def function(x, n, m):
        k = 2 * n + m - 1
        return x * n, k, n * n, n // 2, n % 3, -n, n / 4, n**2, abs(n), n & 6, n - n

    record = trace_call(function, x3(), 5, 7, dynamic=DYNAMIC)
    assert not any(isinstance(g, Equals) for g in record.guards)
    one_piece(function, x3(), 5, 7, dynamic=DYNAMIC)


def test_comparison_of_symbolic_integers_is_decided_and_guarded():
    def function(x, n, m):
        if n < m and n != 3:
            return x + n
        return x - m

    record = trace_call(function, x3(), 5, 7, dynamic=DYNAMIC)
    assert any(isinstance(g, Relation) for g in record.guards)
    one_piece(function, x3(), 5, 7, dynamic=DYNAMIC)
    one_piece(function, x3(), 8, 7, dynamic=DYNAMIC)


def test_large_symbolic_integers_are_checked():
    def function(x, n):
        return x + 1, n * n

    record = trace_call(function, x3(), 2**40, dynamic=DYNAMIC)
    assert "checked_multiply" in [node.operator.name for node in record.graph.nodes]


def test_symbolic_integer_as_an_index_is_specialised():
    def function(x, items, n):
        return x + items[n], range(n), list(range(n)), "ab" * n

    one_piece(function, x3(), [1, 2, 3], 2, dynamic=DYNAMIC)


def test_range_with_symbolic_bounds():
    def function(x, n):
        total = x
        for i in range(n):
            total = total + i
        return total, range(n), range(1, n + 1)

    with config().override(strict=True):
        check(function, x3(), 4, dynamic=DYNAMIC)


def test_complex_numbers():
    def function(x, z):
        return x + 1, z * z, z + 1, z - 2j, -z, z == z, (z * 2.0)

    one_piece(function, x3(), 1.5 + 2j)


def test_bools_known_at_run_time():
    def function(x, t):
        positive = t > 0
        return (
            x + 1,
            positive & (t < 2),
            positive | False,
            positive ^ True,
            not positive,
            positive + 1,
        )

    one_piece(function, x3(), 1.0)


def test_sum_of_floats_is_pythons():
    def function(x, t):
        return x + 1, sum([t, 1e16, -1e16, t, 0.1]), sum(v for v in (t, t))

    one_piece(function, x3(), 0.1)


def test_numpy_scalars_stay_numpy_scalars():
    def function(x, s):
        return x + s, s + 1, s * 2.0, -s, s > 1, abs(s), s == 2

    one_piece(function, x3(), np.float32(2.5))


@pytest.mark.parametrize("value", [0.0, -0.0, math.nan, math.inf])
def test_special_values(value):
    def function(x, t):
        return x + t, t * 2, -t, t == t, t < 1, abs(t)

    one_piece(function, x3(), value)


def test_divmod_and_quantifiers():
    def function(x, t, n):
        return (
            x + 1,
            divmod(t, 0.4),
            divmod(7, n),
            any([0, n]),
            all([1, n]),
            any(v > 5 for v in (1, n)),
        )

    one_piece(function, x3(), 1.3, 2)

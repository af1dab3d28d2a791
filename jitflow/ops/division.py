"""Scalar bodies of floor division and remainders, as NumPy's C source defines them.

Integer zero divisors, where NumPy warns and gives 0, and the least integer divided by -1, where it
warns of overflow, fail a run-time check: the eager call then warns. Float bodies follow
`npy_divmod` and `npy_remainder` (``numpy/_core/src/npymath/npy_math_internal.h.src``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.ops.bodies import is_negative, is_zero, like


def _require_divisor(e: Any, y: Any) -> None:
    e.require(e.not_equal(y, like(e, y, 0)))


def _without_minus_one(e: Any, y: Any) -> Any:
    """`y` with -1 replaced by 1: the remainder is 0 either way, and cannot overflow."""
    return e.select(e.equal(y, like(e, y, -1)), like(e, y, 1), y)


def _signs_differ(e: Any, x: Any, y: Any) -> Any:
    return e.bit_xor(is_negative(e, x), is_negative(e, y))


def _harmless(e: Any, y: Any) -> Any:
    """`y` with zero replaced by 1, so that lanes that fail the check do not trap."""
    return e.select(is_zero(e, y), like(e, y, 1), y)


def integer_floor_divide(e: Any, x: Any, y: Any) -> Any:
    """Quotient rounded down."""
    _require_divisor(e, y)
    divisor = _harmless(e, y)
    dtype = e.dtype(x)
    if dtype.kind == "u":
        return e.integer_divide(x, divisor)
    least = like(e, x, int(np.iinfo(dtype.numpy).min))
    negates = e.equal(y, like(e, y, -1))
    e.require(e.bit_not(e.bit_and(e.equal(x, least), negates)))
    divisor = _without_minus_one(e, divisor)
    quotient = e.integer_divide(x, divisor)
    inexact = e.not_equal(e.multiply(quotient, divisor), x)
    down = e.bit_and(inexact, _signs_differ(e, x, divisor))
    quotient = e.select(down, e.subtract(quotient, like(e, x, 1)), quotient)
    return e.select(negates, e.negative(x), quotient)


def integer_remainder(e: Any, x: Any, y: Any) -> Any:
    """Remainder with the divisor's sign."""
    _require_divisor(e, y)
    divisor = _harmless(e, y)
    if e.dtype(x).kind == "u":
        return e.integer_remainder(x, divisor)
    divisor = _without_minus_one(e, divisor)
    rest = e.integer_remainder(x, divisor)
    moved = e.bit_and(e.bit_not(is_zero(e, rest)), _signs_differ(e, rest, divisor))
    return e.select(moved, e.add(rest, divisor), rest)


def integer_fmod(e: Any, x: Any, y: Any) -> Any:
    """Remainder with the dividend's sign."""
    _require_divisor(e, y)
    divisor = _harmless(e, y)
    if e.dtype(x).kind == "i":
        divisor = _without_minus_one(e, divisor)
    return e.integer_remainder(x, divisor)


def _adjusted_remainder(e: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """C's remainder, the one with the divisor's sign, and where they differ."""
    rest = e.float_remainder(x, y)
    nonzero = e.not_equal(rest, like(e, rest, 0))
    moved = e.bit_and(nonzero, _signs_differ(e, y, rest))
    adjusted = e.select(moved, e.add(rest, y), rest)
    return rest, e.select(nonzero, adjusted, e.copysign(like(e, y, 0), y)), moved


def float_remainder(e: Any, x: Any, y: Any) -> Any:
    """`npy_remainder`: the sign of `y`; NaN where `y` is zero."""
    rest, adjusted, _ = _adjusted_remainder(e, x, y)
    return e.select(is_zero(e, y), rest, adjusted)


def float_floor_divide(e: Any, x: Any, y: Any) -> Any:
    """`npy_floor_divide`: from the exact remainder, snapped to the nearest integer."""
    zero = is_zero(e, y)
    rest, _, moved = _adjusted_remainder(e, x, e.select(zero, like(e, y, 1), y))
    quotient = e.divide(e.subtract(x, e.select(zero, like(e, x, 0), rest)), y)
    quotient_down = e.select(moved, e.subtract(quotient, like(e, x, 1)), quotient)
    floor = e.floor(quotient_down)
    above = e.less(like(e, x, 0.5), e.subtract(quotient_down, floor))
    snapped = e.select(above, e.add(floor, like(e, x, 1)), floor)
    result = e.select(is_zero(e, quotient_down), _zero_sign(e, x, y), snapped)
    return e.select(zero, quotient, result)


def _zero_sign(e: Any, x: Any, y: Any) -> Any:
    """Zero with the sign of ``x / y``."""
    one = like(e, x, 1)
    return e.multiply(like(e, x, 0), e.multiply(e.copysign(one, x), e.copysign(one, y)))

"""exp, exp2, expm1: reduction to ``2**n * exp(r)``, a polynomial, and an exact scaling.

Arguments outside the range where the reduction works are replaced by zero, so that they set no
flag, and their results are put in at the end.
"""

from __future__ import annotations

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.lanes import Lanes, fma, polynomial, where

# Magnitudes from here on are outside: results overflow, or underflow to zero.
OUTSIDE = {"f32": 128.0, "f64": 1024.0}
OUTSIDE_EXPM1 = {"f32": 88.75, "f64": 709.8}
OUTSIDE_EXP2 = {"f32": 160.0, "f64": 1088.0}


def rounded(x: Lanes, factor: float | Lanes) -> tuple[Lanes, Lanes]:
    """The integer nearest to ``x * factor`` as a number, and a pattern with it in its low bits."""
    rounder = x.format.rounder
    shifted = fma(x, factor, rounder)
    return shifted - rounder, shifted.bits


def power_of_two(pattern: Lanes, offset: int = 0) -> Lanes:
    """``2 ** (n + offset)`` for `n` in the low bits of `pattern`; the result must be normal."""
    layout = pattern.format
    return (((pattern + (layout.bias + offset)) << layout.mantissa)).number


def scale(x: Lanes, pattern: Lanes, sign: Lanes) -> Lanes:
    """``x * 2**n``, rounded once, for `x` near 1 and any `n` up to three times the exponent range.

    `sign` is negative where `n` is. The exponent is added as an integer, moved away from the
    border of the range, and moved back by a multiplication that rounds or overflows.
    """
    layout = x.format
    shift = (layout.bias // 2 + 1) << layout.mantissa
    away = where(sign.bits < 0, pattern.like(shift), -shift)
    moved = (x.bits + (pattern << layout.mantissa) + away).number
    return moved * (layout.pattern(1.0) - away).number


def outside(x: Lanes, bounds: dict[str, float]) -> Lanes:
    """bool: magnitude not below the bound of this format, or NaN."""
    layout = x.format
    return x.magnitude_bits() >= layout.pattern(bounds[layout.dtype.name])


def limits(x: Lanes, is_outside: Lanes, low: float = 0.0) -> Lanes:
    """Result for an argument outside: inf, `low` or NaN, with overflow where `x` is finite."""
    layout = x.format
    negative = x.bits <= layout.sign + layout.infinity
    factor = 2.0 ** (layout.bias - 5)
    return where(negative, low / factor, where(is_outside, x, 0.0)) * factor


def exp(x: Lanes) -> Lanes:
    """e**x."""
    is_outside = outside(x, OUTSIDE)
    inside = where(is_outside, 0.0, x)
    n, pattern = rounded(inside, c.LOG2_E[x.dtype.name][0])
    high, low = c.LN2[x.dtype.name]
    r = fma(n, -low, fma(n, -high, inside))
    tail = fma(r, polynomial(r, c.EXP[x.dtype.name]), 1.0)
    result = scale(fma(r, tail, 1.0), pattern, inside)
    return where(is_outside, limits(x, is_outside), result)


def exp2(x: Lanes) -> Lanes:
    """2**x."""
    is_outside = outside(x, OUTSIDE_EXP2)
    inside = where(is_outside, 0.0, x)
    n, pattern = rounded(inside, 1.0)
    r = inside - n
    result = scale(fma(r, polynomial(r, c.EXP2[x.dtype.name]), 1.0), pattern, inside)
    return where(is_outside, limits(x, is_outside), result)


def expm1_half(x: Lanes) -> tuple[Lanes, Lanes]:
    """``(e**x - 1) / 2`` and what rounding lost, where `x` is between `lowest` and overflow."""
    name = x.dtype.name
    n, pattern = rounded(x, c.LOG2_E[name][0])
    high, low = c.LN2[name]
    first = fma(n, -high, x)
    r = fma(n, -low, first)
    tail = fma(r * r, polynomial(r, c.EXP[name]), fma(n, -low, first - r))
    fraction = r + tail
    half = power_of_two(pattern, -1)
    return fma(fraction, half, half - 0.5), (tail - (fraction - r)) * half


def expm1(x: Lanes) -> Lanes:
    """e**x - 1, accurate near zero."""
    layout = x.format
    is_outside = outside(x, OUTSIDE_EXPM1)
    lowest = -0.6932 * (layout.mantissa + 3)  # the result is -1 from here on
    inside = where(is_outside, 0.0, x)
    saturated = inside.bits >= layout.sign + layout.pattern(-lowest)  # also where positive
    negative = inside.bits < 0
    half, _ = expm1_half(where(saturated & negative, lowest, inside))
    tiny = x.magnitude_bits() < layout.pattern(2.0 ** -(layout.mantissa + 2))
    result = where(tiny, x, half + half)
    return where(is_outside, limits(x, is_outside, -1.0), result)

"""exp, exp2, expm1: reduction to ``2**n * exp(r)``, a polynomial, and an exact scaling.

Arguments outside the range where the reduction works are replaced by zero, so that they set no
flag, and their results are put in at the end.
"""

from __future__ import annotations

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.lanes import Lanes, fma, polynomial, rarely, where

# Magnitudes from here on are outside: results overflow, or underflow to zero.
OUTSIDE = {"f32": 128.0, "f64": 1024.0}
OUTSIDE_EXP2 = {"f32": 160.0, "f64": 1088.0}
# Magnitudes from here on need a careful scaling: results may be denormal or overflow.
BORDER = {"f32": 87.3, "f64": 708.3}
BORDER_EXP2 = {"f32": 126.0, "f64": 1022.0}


def rounded(x: Lanes, factor: float | Lanes) -> tuple[Lanes, Lanes]:
    """The integer nearest to ``x * factor`` as a number, and a pattern with it in its low bits."""
    rounder = x.format.rounder
    shifted = fma(x, factor, rounder)
    return shifted - rounder, shifted.bits


def power_of_two(pattern: Lanes, offset: int = 0) -> Lanes:
    """``2 ** (n + offset)`` for `n` in the low bits of `pattern`; the result must be normal."""
    layout = pattern.format
    return ((pattern + (layout.bias + offset)) << layout.mantissa).number


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


def limits(x: Lanes, is_outside: Lanes, low: float = 0.0) -> Lanes:
    """Result for an argument outside: inf, `low` or NaN, with overflow where `x` is finite."""
    layout = x.format
    negative = x.bits <= layout.sign + layout.infinity
    factor = 2.0 ** (layout.bias - 5)
    return where(negative, low / factor, where(is_outside, x, 0.0)) * factor


def finish(x: Lanes, fraction: Lanes, pattern: Lanes, border: float, bound: float) -> Lanes:
    """``fraction * 2**n``: plainly up to `border`, with care up to `bound`, and limits beyond."""
    layout = x.format
    bits = x.magnitude_bits()

    def careful() -> Lanes:
        is_outside = bits >= layout.pattern(bound)
        scaled = scale(fraction, where(is_outside, 0, pattern), x)
        return where(is_outside, limits(x, is_outside), scaled)

    plain = (fraction.bits + (pattern << layout.mantissa)).number
    return rarely(bits >= layout.pattern(border), plain, careful)


def inside(x: Lanes, bound: float) -> Lanes:
    """`x`, with its magnitude cut to `bound`; also for inf and NaN, by integer arithmetic."""
    bits = x.magnitude_bits()
    limit = x.format.pattern(bound)
    return where(bits < limit, bits, limit).number.with_sign_of(x)


def _parts(x: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """``e**x`` as ``(1 + r * tail) * 2**n``: `r`, `tail`, and a pattern with n in its low bits."""
    name = x.dtype.name
    bounded = inside(x, OUTSIDE[name])
    n, pattern = rounded(bounded, c.LOG2_E[name][0])
    high, low = c.LN2[name]
    r = fma(n, -low, fma(n, -high, bounded))
    return r, fma(r, polynomial(r, c.EXP[name]), 1.0), pattern


def exp(x: Lanes) -> Lanes:
    """e**x."""
    name = x.dtype.name
    r, tail, pattern = _parts(x)
    return finish(x, fma(r, tail, 1.0), pattern, BORDER[name], OUTSIDE[name])


def exp_residue(x: Lanes) -> Lanes:
    """``e**x / exp(x) - 1``: what rounding took from `exp`, for those who go on with it."""
    r, tail, _ = _parts(x)
    fraction = fma(r, tail, 1.0)
    above = fraction - 1.0
    return fma(r, tail, -above) * fma(above, above - 1.0, 1.0)  # about 1 / fraction


def exp2(x: Lanes) -> Lanes:
    """2**x."""
    name = x.dtype.name
    bounded = inside(x, OUTSIDE_EXP2[name])
    n, pattern = rounded(bounded, 1.0)
    r = bounded - n
    fraction = fma(r, polynomial(r, c.EXP2[name]), 1.0)
    return finish(x, fraction, pattern, BORDER_EXP2[name], OUTSIDE_EXP2[name])


def expm1(x: Lanes) -> Lanes:
    """e**x - 1, accurate near zero."""
    layout = x.format
    name = x.dtype.name
    bits = x.magnitude_bits()
    bounded = inside(x, BORDER[name])
    n, pattern = rounded(bounded, c.LOG2_E[name][0])
    high, low = c.LN2[name]
    first = fma(n, -high, bounded)
    r = fma(n, -low, first)
    tail = fma(r * r, polynomial(r, c.EXP[name]), fma(n, -low, first - r))
    power = power_of_two(pattern)
    result = fma(r + tail, power, power - 1.0)
    small = where(bits < layout.pattern(2.0 ** -(layout.mantissa + 2)), x, result)

    def careful() -> Lanes:
        below = where(x.is_nan(), x, -1.0)
        return where(x.bits < 0, below, exp(where(x.bits < 0, 0.0, x)))

    return rarely(bits >= layout.pattern(BORDER[name]), small, careful)

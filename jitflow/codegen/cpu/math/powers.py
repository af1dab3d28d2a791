"""power, cbrt, hypot."""

from __future__ import annotations

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.exponential import (
    BORDER_EXP2,
    OUTSIDE_EXP2,
    inside,
    rounded,
    scale,
)
from jitflow.codegen.cpu.math.lanes import (
    Lanes,
    flag,
    fma,
    polynomial,
    rare_call,
    rarely,
    where,
)
from jitflow.codegen.cpu.math.logarithm import exponent_and_fraction, is_ordinary, whole
from jitflow.codegen.cpu.math.pairs import fast_two_sum, two_product


def _log2_pair(x: Lanes) -> tuple[Lanes, Lanes]:
    """log2 of ordinary numbers as a sum of two, to a dozen bits more than the format has.

    With ``s = f / (2 + f)`` it is ``k + s (C0 + s² (C1 + s² Q(s²)))``; what rounding loses is
    kept for all but Q.
    """
    name = x.dtype.name
    (c0, c0_low), (c1, c1_low) = c.POWER_C0[name], c.POWER_C1[name]
    offset, m = exponent_and_fraction(x)
    f = m - 1.0
    denominator = f + 2.0
    missing = f - (denominator - 2.0)
    inverse = 1.0 / denominator
    s = f * inverse
    s_low = fma(-s, missing, fma(-s, denominator, f)) * inverse
    square, square_low = two_product(s, s)
    square_low = fma(s + s, s_low, square_low)
    rest = fma(square, polynomial(square, (c1_low, *c.POWER_LOG2[name])), c0_low)
    rise, rise_low = two_product(square, square.like(c1))
    rise_low = fma(square_low, c1, rise_low + rest)
    factor, factor_low = fast_two_sum(square.like(c0), rise)
    fraction, fraction_low = two_product(s, factor)
    fraction_low = fma(s_low, factor, fma(s, factor_low + rise_low, fraction_low))
    total, total_low = fast_two_sum(whole(offset), fraction)
    return total, total_low + fraction_low


def _exponent(x: Lanes, y: Lanes) -> tuple[Lanes, Lanes]:
    """``y log2(x)`` as a sum of two numbers."""
    log, log_low = _log2_pair(x)
    exponent, exponent_low = two_product(y, log)
    return exponent, fma(y, log_low, exponent_low)


def _is_odd(y: Lanes, finite: Lanes) -> Lanes:
    """bool: an odd integer."""
    half = where(finite, y, 0.0) * 0.5
    return finite & y.equals(y.rint()) & half.differs(half.rint())


def power(x: Lanes, y: Lanes) -> Lanes:
    """``x ** y``, with the special cases of C's ``pow``.

    First ``|x| ** y`` by ``2 ** (y log2(|x|))``, which is some number, without flags, where it
    does not apply.
    """
    layout = x.format
    name = x.dtype.name
    bounded = inside(y, 2.0 ** (layout.mantissa + 13))  # larger ones saturate all the same
    high, low = _exponent(abs(x), bounded)
    exponent = high + low
    n, pattern = rounded(exponent, 1.0)
    r = (high - n) + low
    fraction = fma(r, polynomial(r, c.EXP2[name]), 1.0)
    plain = (fraction.bits + (pattern << layout.mantissa)).number
    finite = y.magnitude_bits() < layout.infinity
    within = exponent.magnitude_bits() < layout.pattern(BORDER_EXP2[name])

    def unusual() -> Lanes:
        regular = is_ordinary(abs(x)) & finite
        magnitude = _careful(exponent, fraction, pattern, regular)
        undefined = regular & (x.bits < 0) & y.differs(y.rint())
        flag("invalid", undefined)
        signed = (magnitude.bits ^ where(_is_odd(y, finite), x.bits & layout.sign, 0)).number
        value = where(regular, where(undefined, float("nan"), signed), _power_limits(x, y))
        bits = x.magnitude_bits()
        denormal = (bits < layout.pattern(layout.tiny)) & bits.differs(0) & finite
        return rare_call("pow", denormal, value, x, y)

    return rarely(~(is_ordinary(x) & finite & within), plain, unusual)


def _careful(exponent: Lanes, fraction: Lanes, pattern: Lanes, regular: Lanes) -> Lanes:
    """The power of regular numbers where it may be denormal, zero, or overflow."""
    layout = exponent.format
    bound = OUTSIDE_EXP2[layout.dtype.name]
    beyond = exponent.magnitude_bits() >= layout.pattern(bound)
    _, limit = rounded(inside(exponent, bound), 1.0)
    power = where(regular, where(beyond, limit, pattern), 0)
    return scale(where(beyond, 1.0, fraction), power, exponent)


def _power_limits(x: Lanes, y: Lanes) -> Lanes:
    """The power where `x` is 0, inf or NaN, or `y` is inf or NaN."""
    layout = x.format
    magnitude, exponent = x.magnitude_bits(), y.magnitude_bits()
    infinity, one = layout.infinity, layout.pattern(1.0)
    infinite = exponent.equals(infinity)
    # Of an infinite exponent only the side of 1 matters, of an infinite or zero base the sign.
    large = magnitude > where(infinite, magnitude.like(one), 0)
    grows = (large ^ (y.bits < 0)) & exponent.differs(0)
    size = where(grows, magnitude.like(infinity), 0)
    unit = exponent.equals(0) | (infinite & magnitude.equals(one))
    size = where(unit, one, size)
    negative = _is_odd(y, exponent < infinity) & (x.bits < 0)
    result = (size | where(negative, size.like(layout.sign), 0)).number
    flag("divide", magnitude.equals(0) & (y.bits < 0) & (exponent <= infinity) & ~unit)
    undefined = ((magnitude > infinity) & ~unit) | (exponent > infinity)
    undefined = undefined & x.differs(1.0) & exponent.differs(0)
    return where(undefined, where(x.is_nan(), x, y), where(x.equals(1.0), 1.0, result))


def cbrt(x: Lanes) -> Lanes:
    """Cube root: a polynomial, and one step of Newton's (f32) or Halley's (f64) method."""
    layout = x.format
    name = x.dtype.name
    a = x.magnitude_bits().number
    ordinary = is_ordinary(a)

    def root(a: Lanes) -> Lanes:
        offset, m = exponent_and_fraction(a)
        k = whole(offset)
        third, pattern = rounded(k, 1 / 3)
        rest = fma(third, -3.0, k)  # -1, 0 or 1: its power of two goes into the number
        value = fma(m * rest, fma(rest, 0.25, 0.75), m)
        up, down = c.CBRT_2[name][0], c.CBRT_HALF[name][0]
        root_of_rest = fma(rest, fma(rest, (up + down) / 2 - 1, (up - down) / 2), 1.0)
        y = polynomial(m, c.CBRT[name]) * root_of_rest
        square = y * y
        if name == "f32":
            y = fma(value / square - y, 1 / 3, y)
        else:
            error = fma(square, y, -value)
            y = fma(y, -error / fma(square, y + y, value), y)
        return (y.bits + (pattern << layout.mantissa)).number

    def special() -> Lanes:
        lift = 3 * (layout.mantissa // 3 + 1)
        denormal = (a.bits < layout.pattern(layout.tiny)) & a.bits.differs(0)
        lifted = root(where(denormal, a, 1.0) * 2.0**lift) * 2.0 ** (-lift // 3)
        return where(denormal, lifted, a)

    return rarely(~ordinary, root(a), special).with_sign_of(x)


def hypot(x: Lanes, y: Lanes) -> Lanes:
    """``sqrt(x² + y²)`` of numbers scaled to the larger one's binade."""
    layout = x.format
    p, q = x.magnitude_bits(), y.magnitude_bits()
    above = p > q
    larger, smaller = where(above, p, q), where(above, q, p)
    unit = 1 << layout.mantissa
    field = larger & layout.infinity
    field = where(field < unit, unit, field)
    infinite = larger >= layout.infinity
    inverse = ((2 * layout.bias + 1) * unit - where(infinite, unit, field)).number
    a = where(infinite, 0, larger).number * inverse
    b = where(infinite, 0, smaller).number * inverse
    root = fma(a, a, b * b).sqrt()
    result = root * 0.5 * where(infinite, unit, field).number

    def limits() -> Lanes:
        either = p.equals(layout.infinity) | q.equals(layout.infinity)
        return where(either, float("inf"), where(p > q, x, y))

    return rarely(infinite, result, limits)

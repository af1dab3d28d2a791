"""log, log2, log10, log1p: ``x = 2**k * (1 + f)`` with 1 + f near 1, and a polynomial in f."""

from __future__ import annotations

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.lanes import Lanes, flag, fma, polynomial, where

SQRT_HALF = 0.5**0.5


def exponent_and_fraction(x: Lanes) -> tuple[Lanes, Lanes]:
    """Integer `k`, still shifted to the exponent's place, and `m` with ``x = 2**k m``.

    `m` is between sqrt(1/2) and sqrt(2). For positive, finite, normal `x`; other lanes give
    harmless values.
    """
    layout = x.format
    start = layout.pattern(SQRT_HALF)
    offset = x.bits - start
    fraction = offset & ((1 << layout.mantissa) - 1)
    return offset - fraction, (fraction + start).number


def split(x: Lanes) -> tuple[Lanes, Lanes]:
    """``k`` as a number and ``f`` near 0 with ``x = 2**k (1 + f)``, denormal `x` too."""
    layout = x.format
    denormal = x.magnitude_bits() < layout.pattern(layout.tiny)
    lift = layout.mantissa + 1
    normal = x * where(denormal, x.like(2.0**lift), 1.0)
    shifted, m = exponent_and_fraction(normal)
    unlift = where(denormal, x.like(layout.rounder + lift), layout.rounder)
    return whole(shifted, unlift), m - 1.0


def whole(shifted: Lanes, bias: float | Lanes) -> Lanes:
    """The integer of `exponent_and_fraction` as a number, less `bias` and plus the rounder."""
    layout = shifted.format
    integer = (shifted >> layout.mantissa) + layout.pattern(layout.rounder)
    return integer.number - bias


def log_limits(x: Lanes, result: Lanes) -> Lanes:
    """`result` where `x` is positive and finite; else inf, -inf with divide, NaN with invalid."""
    layout = x.format
    bits = x.bits
    zero = x.magnitude_bits().equals(0)
    negative = (bits <= layout.sign + layout.infinity) & (bits > layout.sign)
    flag("divide", zero)
    flag("invalid", negative)
    ordinary = (bits > 0) & (bits < layout.infinity)
    limit = where(zero, -float("inf"), where(negative, float("nan"), x))
    return where(ordinary, result, limit)


def log_tail(f: Lanes) -> Lanes:
    """``log(1 + f) - f``."""
    cube = fma(f, polynomial(f, c.LOG[f.dtype.name]), -0.5)
    return f * f * cube


def _scaled(x: Lanes, unit: tuple[float, float], factor: tuple[float, float]) -> Lanes:
    """``k unit + log(1 + f) factor``, both given as sums of two numbers."""
    k, f = split(x)
    high, low = factor
    tail = fma(log_tail(f), high, f * low)
    if unit[1]:
        tail = fma(k, unit[1], tail)
    return log_limits(x, fma(k, unit[0], fma(f, high, tail)))


def log(x: Lanes) -> Lanes:
    """Natural logarithm."""
    k, f = split(x)
    result = fma(k, c.LN2[x.dtype.name][0], f + log_tail(f))
    return log_limits(x, result)


def log2(x: Lanes) -> Lanes:
    """Logarithm to base 2."""
    return _scaled(x, (1.0, 0.0), c.LOG2_E[x.dtype.name])


def log10(x: Lanes) -> Lanes:
    """Logarithm to base 10."""
    name = x.dtype.name
    return _scaled(x, c.LOG10_2[name], c.LOG10_E[name])


def log1p(x: Lanes) -> Lanes:
    """log(1 + x), accurate near zero: what the sum loses is put back into `f`."""
    layout = x.format
    bounded = where(x.magnitude_bits() < layout.infinity, x, 0.0)
    total = 1.0 + bounded
    lost = bounded - (total - 1.0)
    shifted, m = exponent_and_fraction(total)
    top = layout.bias << layout.mantissa  # nothing is lost up there, and 2**-k is denormal
    inverse = (layout.pattern(1.0) - where(shifted < top, shifted, 0)).number
    f = fma(lost, inverse, m - 1.0)
    k = whole(shifted, layout.rounder)
    result = fma(k, c.LN2[x.dtype.name][0], f + log_tail(f))
    return log_limits(1.0 + x, result.with_sign_of(x))

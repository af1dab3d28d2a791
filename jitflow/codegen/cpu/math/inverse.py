"""arcsin, arccos, arctan, arctan2: polynomials after a reduction to a small range."""

from __future__ import annotations

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.lanes import Lanes, flag, fma, polynomial, rarely, where


def _arcsin_parts(x: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """``root``, ``rest``, and bool ``large``, with p = root + rest.

    arcsin |x| is p where small, and pi/2 - 2 p where large.
    """
    layout = x.format
    bits = x.magnitude_bits()
    one = layout.pattern(1.0)
    a = where(bits < one, bits, one).number
    large = bits > layout.pattern(0.5)
    square = where(large, fma(a, -0.5, 0.5), a * a)
    root = where(large, square.sqrt(), a)
    return root, root * square * polynomial(square, c.ASIN[x.dtype.name]), large


def _beyond_one(x: Lanes, result: Lanes) -> Lanes:
    """`result`, but NaN with invalid where the magnitude is above 1."""
    layout = x.format
    bits = x.magnitude_bits()

    def undefined() -> Lanes:
        flag("invalid", (bits > layout.pattern(1.0)) & (bits <= layout.infinity))
        return where(x.is_nan(), x, float("nan"))

    return rarely(bits > layout.pattern(1.0), result, undefined)


def arcsin(x: Lanes) -> Lanes:
    """Inverse sine."""
    root, rest, large = _arcsin_parts(x)
    high, low = c.HALF_PI[x.dtype.name][:2]
    turned = fma(root, -2.0, high)
    missing = fma(root, -2.0, high - turned)
    below = fma(rest, -2.0, missing + low)
    result = where(large, turned, root) + where(large, below, rest)
    return _beyond_one(x, result.with_sign_of(x))


def arccos(x: Lanes) -> Lanes:
    """Inverse cosine: 2 p, pi - 2 p, or pi/2 minus or plus p."""
    root, rest, large = _arcsin_parts(x)
    high, low = c.PI[x.dtype.name]
    p = root + rest
    negative = x.bits < 0
    part = (where(large, p * -2.0, p).bits ^ (x.bits & x.format.sign)).number
    whole = where(large, where(negative, x.like(high), 0.0), high / 2)
    below = where(large, where(negative, x.like(low), 0.0), low / 2)
    return _beyond_one(x, whole - (part - below))


def _arctan_fraction(t: Lanes) -> Lanes:
    """Inverse tangent for magnitudes up to 1."""
    square = t * t
    return fma(t * square, polynomial(square, c.ATAN[t.dtype.name]), t)


def arctan(x: Lanes) -> Lanes:
    """Inverse tangent: of ``-1 / x`` plus pi/2 for large magnitudes."""
    layout = x.format
    bits = x.magnitude_bits()
    large = bits > layout.pattern(1.0)
    a = bits.number
    p = _arctan_fraction(where(large, -1.0, a) / where(large, a, 1.0))
    high, low = c.HALF_PI[x.dtype.name][:2]
    return where(large, high + (p + low), p).with_sign_of(x)


def arctan2(y: Lanes, x: Lanes) -> Lanes:
    """Angle of the point (x, y): of the smaller coordinate over the larger, and a quarter turn."""
    layout = x.format
    across, up = x.magnitude_bits(), y.magnitude_bits()
    steep = up > across
    larger, smaller = where(steep, up, across), where(steep, across, up)
    special = (larger - 1).unsigned >= layout.infinity - 1  # zero, inf or NaN
    ratio = where(special, 0, smaller).number / where(special, layout.pattern(1.0), larger).number
    p = _arctan_fraction(ratio)

    def angle(p: Lanes) -> Lanes:
        high, low = c.PI[x.dtype.name]
        left = x.bits < 0
        flip = (where(steep, p.bits.like(layout.sign), 0) ^ x.bits) & layout.sign
        whole = where(steep, p.like(high / 2), where(left, p.like(high), 0.0))
        rest = where(steep, p.like(low / 2), where(left, p.like(low), 0.0))
        return (whole + ((p.bits ^ flip).number + rest)).with_sign_of(y)

    def limits() -> Lanes:
        both_infinite = smaller.equals(layout.infinity)
        result = angle(where(both_infinite, p.like(c.HALF_PI[x.dtype.name][0] / 2), p))
        return where(larger > layout.infinity, where(steep, y, x), result)

    return rarely(special & larger.differs(0), angle(p), limits)

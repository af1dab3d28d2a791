"""arcsinh, arccosh, arctanh: logarithms of a number w, with care where w is near 1.

``log(w) = k log(2) + 2 artanh(s)`` with ``s = (w - 2**k) / (w + 2**k)``. Where k is 0, s is had
without cancellation: it is the hyperbolic tangent of half the result.
"""

from __future__ import annotations

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.lanes import Lanes, flag, fma, polynomial, rarely, where
from jitflow.codegen.cpu.math.logarithm import exponent_and_fraction, log, whole


def _twice_artanh(s: Lanes) -> Lanes:
    square = s * s
    return fma(s * square, polynomial(square, c.LOG[s.dtype.name]), s + s)


def _log(w: Lanes, near: Lanes, numerator: Lanes, denominator: Lanes) -> Lanes:
    """``log(w)`` for ordinary `w`; where `near`, s is ``numerator / denominator``."""
    layout = w.format
    offset, _ = exponent_and_fraction(w)
    power = ((offset & (-1 << layout.mantissa)) + layout.pattern(1.0)).number
    s = where(near, numerator, w - power) / where(near, denominator, w + power)
    k = where(near, 0.0, whole(offset))
    return fma(k, c.LN2[w.dtype.name][0], _twice_artanh(s))


def _huge(x: Lanes, result: Lanes) -> Lanes:
    """`result`, but ``log(2 |x|)`` where squares overflow; inf and NaN too."""
    layout = x.format
    bits = x.magnitude_bits()
    big = bits >= layout.pattern(2.0 ** (layout.mantissa + 4))

    def limit() -> Lanes:
        return log(where(big, abs(x), 1.0)) + c.LN2[x.dtype.name][0]

    return rarely(big, result, limit)


def arcsinh(x: Lanes) -> Lanes:
    """Inverse hyperbolic sine: log(a + sqrt(a² + 1)) of the magnitude."""
    layout = x.format
    bits = x.magnitude_bits()
    limit = layout.pattern(2.0 ** (layout.mantissa + 4))
    a = where(bits < limit, bits, limit).number
    root = fma(a, a, 1.0).sqrt()
    near = bits < layout.pattern(0.35)
    result = _log(a + root, near, a, 1.0 + root)
    return _huge(x, result).with_sign_of(x)


def arccosh(x: Lanes) -> Lanes:
    """Inverse hyperbolic cosine: log(x + sqrt(x² - 1))."""
    layout = x.format
    limit = layout.pattern(2.0 ** (layout.mantissa + 4))
    bits = where(x.bits < limit, x.bits, limit)
    a = where(bits < layout.pattern(1.0), 1.0, bits.number)
    t = a - 1.0
    root = fma(t, t, t + t).sqrt()
    result = _log(a + root, bits < layout.pattern(1.06), root, a + 1.0)

    def unusual() -> Lanes:
        below = (x.bits < layout.pattern(1.0)) & ~x.is_nan()
        flag("invalid", below)
        return where(below, float("nan"), _huge(where(below, 1.0, x), x))

    usual = (x.bits >= layout.pattern(1.0)) & (x.bits < limit)
    return rarely(~usual, result, unusual)


def arctanh(x: Lanes) -> Lanes:
    """Inverse hyperbolic tangent: half the logarithm of (1 + a) / (1 - a)."""
    layout = x.format
    bits = x.magnitude_bits()
    one = layout.pattern(1.0)
    usual = bits < one
    a = where(usual, bits, 0).number
    above, below = 1.0 + a, 1.0 - a
    half = 1 << (layout.mantissa - 1)
    near = bits < layout.pattern(0.2)
    shifted = where(near, 0, (above.bits - below.bits + half) & (-1 << layout.mantissa))
    power = (shifted + one).number
    scaled = below * power
    s = where(near, a, above - scaled) / where(near, 1.0, above + scaled)
    k = whole(shifted)
    result = fma(k, c.LN2[x.dtype.name][0], _twice_artanh(s)) * 0.5

    def unusual() -> Lanes:
        pole = bits.equals(one)
        flag("divide", pole)
        flag("invalid", (bits > one) & (bits <= layout.infinity))
        return where(pole, float("inf"), where(bits > layout.infinity, x, float("nan")))

    return rarely(~usual, result, unusual).with_sign_of(x)

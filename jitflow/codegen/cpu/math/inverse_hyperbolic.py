"""arcsinh, arccosh, arctanh: logarithms of a number w, with care where w is near 1.

``log(w) = k log(2) + 2 artanh(s)`` with ``s = (w - 2**k) / (w + 2**k)``, w not below 2**k: nothing
cancels. Where k is 0, s is the hyperbolic tangent of half the result, which is had in other ways.
"""

from __future__ import annotations

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.lanes import Lanes, flag, fma, polynomial, rarely, where
from jitflow.codegen.cpu.math.logarithm import log, whole
from jitflow.codegen.cpu.math.pairs import fast_two_sum


def _series(s: Lanes, low: Lanes) -> Lanes:
    """``2 artanh(s + low) - 2 s``."""
    square = s * s
    return fma(s * square, polynomial(square, c.ARTANH[s.dtype.name]), low + low)


def _binade(w: Lanes) -> tuple[Lanes, Lanes]:
    """``2**k`` not above `w`, and `k` in the exponent's place."""
    layout = w.format
    power = (w.bits & layout.infinity).number
    return power, power.bits - layout.pattern(1.0)


def _log(
    shifted: Lanes,
    numerator: Lanes,
    denominator: Lanes,
    numerator_low: Lanes,
    denominator_low: Lanes | None = None,
) -> Lanes:
    """``k log(2) + 2 artanh(s)``, with s the quotient of two sums."""
    inverse = 1.0 / denominator
    s = numerator * inverse
    rest = fma(-s, denominator, numerator) + numerator_low
    if denominator_low is not None:
        rest = fma(-s, denominator_low, rest)
    series = _series(s, rest * inverse)
    return fma(whole(shifted), c.LN2[s.dtype.name][0], s + s + series)


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
    square = fma(a, a, 1.0)
    root = square.sqrt()
    w, w_low = fast_two_sum(root, a)
    power, shifted = _binade(w)
    near = shifted.equals(0)  # there s is a / (1 + root)
    numerator = where(near, a, w - power)
    denominator = where(near, root + 1.0, w + power)
    root_low = fma(-root, root, square) + fma(a, a, 1.0 - square)  # twice, nearly
    low = fma(root_low, 0.5, root - (denominator - 1.0))
    log = _log(shifted, numerator, denominator, where(near, 0.0, w_low), where(near, low, 0.0))
    tiny = bits < layout.pattern(2.0 ** -(layout.mantissa // 2 + 2))
    return _huge(x, where(tiny, bits.number, log)).with_sign_of(x)


def arccosh(x: Lanes) -> Lanes:
    """Inverse hyperbolic cosine: log(x + sqrt(x² - 1)), or the root times a polynomial near 1."""
    layout = x.format
    name = x.dtype.name
    limit = layout.pattern(2.0 ** (layout.mantissa + 4))
    bits = where(x.bits < limit, x.bits, limit)
    a = where(bits < layout.pattern(1.0), 1.0, bits.number)
    t = a - 1.0
    root = fma(t, t, t + t).sqrt()
    w, w_low = fast_two_sum(a, root)
    power, shifted = _binade(w)
    log = _log(shifted, w - power, w + power, w_low)
    bounded = where(bits < layout.pattern(1.25), t, 0.0)
    near = fma(root * bounded, polynomial(bounded, c.ACOSH[name]), root)
    result = where(bits < layout.pattern(1.25), near, log)

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
    shifted = (above.bits - below.bits) & (-1 << layout.mantissa)
    near = shifted.equals(0)
    power = (shifted + one).number
    scaled = below * power
    lost = fma(a - (1.0 - below), power, a - (above - 1.0))
    s = where(near, a, above - scaled + lost) / where(near, 1.0, above + scaled)
    log = s + s + _series(s, s.like(0.0))
    result = fma(whole(shifted), c.LN2[x.dtype.name][0], log) * 0.5

    def unusual() -> Lanes:
        pole = bits.equals(one)
        flag("divide", pole)
        flag("invalid", (bits > one) & (bits <= layout.infinity))
        return where(pole, float("inf"), where(bits > layout.infinity, x, float("nan")))

    return rarely(~usual, result, unusual).with_sign_of(x)

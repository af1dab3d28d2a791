"""tanh, sinh, cosh: from the exponential of the magnitude; sinh has a polynomial near zero."""

from __future__ import annotations

from collections.abc import Callable

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.exponential import (
    BORDER,
    OUTSIDE,
    limits,
    power_of_two,
    rounded,
    scale,
)
from jitflow.codegen.cpu.math.lanes import Lanes, fma, polynomial, rarely, where

# tanh rounds to 1 from here on.
TANH_ONE = {"f32": 9.02, "f64": 19.07}


def tanh(x: Lanes) -> Lanes:
    """Hyperbolic tangent: ``h / (h + 1)`` with ``h = (exp(2 |x|) - 1) / 2``.

    Below 1/2 the quotient q is taken once more, as ``h - h q``: the roundings of `q` and of the
    divisor then count little beside the one of `h`.
    """
    layout = x.format
    name = x.dtype.name
    bits = x.magnitude_bits()
    saturated = layout.pattern(TANH_ONE[name])
    a = where(bits < saturated, bits, saturated).number
    n, pattern = rounded(a, 2 * c.LOG2_E[name][0])
    high, low = c.LN2[name]
    r = fma(n, -high / 2, a)  # of exp(2 r)
    rest = polynomial(r, c.HALF_EXPM1_TWICE[name])
    if name == "f64":  # in f32 the low part is far below the last bit
        r_low = n * (-low / 2)
        first = r + fma(r * r, rest, r_low)
    else:
        first = fma(r * r, rest, r)
    power = power_of_two(pattern)
    half = (power.bits - (1 << layout.mantissa)).number
    h = fma(power, first, half - 0.5)
    quotient = h / (h + 1.0)
    result = where(bits < layout.pattern(0.5), fma(-h, quotient, h), quotient)
    return rarely(bits > layout.infinity, result.with_sign_of(x), lambda: x)


def _half_exponential(x: Lanes, combine: Callable[[Lanes, Lanes], Lanes]) -> Lanes:
    """``combine(h, 1 / (4 h))`` for ``h = exp(|x|) / 2``; it is `h` where that may overflow."""
    layout = x.format
    name = x.dtype.name
    bits = x.magnitude_bits()
    bound = layout.pattern(OUTSIDE[name])
    a = where(bits < bound, bits, bound).number
    n, pattern = rounded(a, c.LOG2_E[name][0])
    high, low = c.LN2[name]
    r = fma(n, -low, fma(n, -high, a))
    fraction = fma(r, fma(r, polynomial(r, c.EXP[name]), 1.0), 1.0)
    half = pattern - 1
    regular = bits < layout.pattern(BORDER[name])
    h = (fraction.bits + where(regular, half << layout.mantissa, 0)).number

    def careful() -> Lanes:
        is_outside = bits >= bound
        scaled = scale(fraction, where(is_outside, 0, half), a)
        return where(is_outside, limits(bits.number, is_outside), scaled)

    return rarely(~regular, combine(h, 0.25 / h), careful)


def sinh(x: Lanes) -> Lanes:
    """Hyperbolic sine."""
    near = x.magnitude_bits() < x.format.pattern(1.0)
    a = where(near, abs(x), 0.0)
    square = a * a
    small = fma(a * square, polynomial(square, c.SINH[x.dtype.name]), a)
    large = _half_exponential(x, lambda h, inverse: h - inverse)
    return where(near, small, large).with_sign_of(x)


def cosh(x: Lanes) -> Lanes:
    """Hyperbolic cosine."""
    return _half_exponential(x, lambda h, inverse: h + inverse)

"""tanh, sinh, cosh: the exponential of the magnitude, with a polynomial near zero."""

from __future__ import annotations

from collections.abc import Callable

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.exponential import BORDER, OUTSIDE, limits, rounded, scale
from jitflow.codegen.cpu.math.lanes import Lanes, fma, polynomial, rarely, where

# tanh rounds to 1 from here on.
TANH_ONE = {"f32": 9.02, "f64": 19.07}


def tanh(x: Lanes) -> Lanes:
    """Hyperbolic tangent: a polynomial near zero, else ``1 - 2 / (exp(2 |x|) + 1)``."""
    layout = x.format
    name = x.dtype.name
    bits = x.magnitude_bits()
    saturated = layout.pattern(TANH_ONE[name])
    a = where(bits < saturated, bits, saturated).number
    n, pattern = rounded(a, 2 * c.LOG2_E[name][0])
    high = c.LN2[name][0] / 2
    r = fma(n, -high, a)  # of exp(2 r)
    tail = fma(r, polynomial(r, c.EXP_TWICE[name]), 2.0)
    power = (fma(r, tail, 1.0).bits + (pattern << layout.mantissa)).number
    large = 1.0 - 2.0 / (power + 1.0)
    square = a * a
    small = fma(a * square, polynomial(square, c.TANH[name]), a)
    result = where(bits < layout.pattern(0.55), small, large)
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

"""tanh, sinh, cosh: the exponential of the magnitude, with cancellation avoided near zero."""

from __future__ import annotations

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.exponential import rounded
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

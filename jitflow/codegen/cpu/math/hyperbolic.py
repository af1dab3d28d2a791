"""tanh, sinh, cosh: the exponential of the magnitude, with cancellation avoided near zero."""

from __future__ import annotations

from jitflow.codegen.cpu.math.exponential import expm1_half
from jitflow.codegen.cpu.math.lanes import Lanes, fma, where

# tanh rounds to 1 from here on.
TANH_ONE = {"f32": 9.02, "f64": 19.07}


def tanh(x: Lanes) -> Lanes:
    """Hyperbolic tangent: ``e / (e + 2)`` with ``e = expm1(2 |x|)``."""
    layout = x.format
    bits = x.magnitude_bits()
    limit = TANH_ONE[x.dtype.name]
    saturated = (bits > layout.pattern(limit)) & (bits <= layout.infinity)
    bounded = where(saturated, limit, bits.number)
    half, below = expm1_half(bounded + bounded)
    whole = half + 1.0
    quotient = half / whole
    # What rounding `whole` lost, where it matters; the quotient's slope is -q / whole.
    lost = where(bits < layout.pattern(1.0), half - (whole - 1.0), 0.0)
    error = fma(-quotient, lost, below)
    result = fma(error, 1.0 - quotient, quotient)
    return result.with_sign_of(x)

"""erf, erfc, and lgamma, which is left to the C library."""

from __future__ import annotations

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.exponential import rounded, scale
from jitflow.codegen.cpu.math.lanes import Lanes, fma, polynomial, rare_call, rarely, where
from jitflow.codegen.cpu.math.pairs import fast_two_sum, two_product

ERF_SPLIT = 0.92
# erf rounds to 1 from here on; erfc underflows to zero.
ERF_ONE = {"f32": 3.93, "f64": 5.93}
ERFC_ZERO = {"f32": 10.06, "f64": 27.23}


def _erf_small(x: Lanes) -> Lanes:
    return fma(x, polynomial(x * x, c.ERF_SMALL[x.dtype.name]), x)


def erf(x: Lanes) -> Lanes:
    """Error function: a polynomial near zero, else 1 - exp(polynomial)."""
    layout = x.format
    name = x.dtype.name
    bits = x.magnitude_bits()
    one = layout.pattern(ERF_ONE[name])
    a = where(bits < one, bits, one).number
    exponent = a * polynomial(a, c.ERF_LARGE[name])
    n, pattern = rounded(exponent, c.LOG2_E[name][0])
    r = fma(n, -c.LN2[name][0], exponent)
    fraction = fma(r, fma(r, polynomial(r, c.EXP[name]), 1.0), 1.0)
    large = 1.0 - (fraction.bits + (pattern << layout.mantissa)).number
    result = where(bits < layout.pattern(ERF_SPLIT), _erf_small(a), large).with_sign_of(x)
    return rarely(bits > layout.infinity, result, lambda: x)


def erfc(x: Lanes) -> Lanes:
    """1 - erf(x): exp(-x²) times a polynomial in (x - 4) / (x + 4), accurate far out."""
    layout = x.format
    name = x.dtype.name
    bits = x.magnitude_bits()
    zero = layout.pattern(ERFC_ZERO[name])
    a = where(bits < zero, bits, zero).number
    square = a * a
    lost = fma(a, a, -square)
    n, pattern = rounded(square, -c.LOG2_E[name][0])
    high, low = c.LN2[name]
    r = fma(n, -low, fma(n, -high, -square))
    # exp(r) - 1 rounds little; with 1, and then minus `lost`, it is a sum of two numbers.
    power, power_low = fast_two_sum(r.like(1.0), fma(r * r, polynomial(r, c.EXP[name]), r))
    power_low = fma(power, -lost, power_low)
    t = (a - 4.0) / (a + 4.0)
    first, *others = c.ERFC[name]
    slope = polynomial(t, others)
    numerator = fma(t, slope, first)
    numerator_low = fma(t, slope, first - numerator)
    denominator = fma(a, 2.0, 1.0)
    inverse = 1.0 / denominator
    quotient = numerator * inverse
    missing = fma(a, 2.0, 1.0 - denominator)
    remainder = fma(-quotient, missing, fma(-quotient, denominator, numerator) + numerator_low)
    value, value_low = two_product(power, quotient)
    value_low = fma(power, remainder * inverse, fma(power_low, quotient, value_low))
    tail_value = scale(value + value_low, pattern, -a)
    far = where(x.bits < 0, 2.0 - tail_value, tail_value)
    result = where(bits < layout.pattern(0.5), 1.0 - _erf_small(x), far)
    return rarely(bits > layout.infinity, result, lambda: x)


def lgamma(x: Lanes) -> Lanes:
    """Logarithm of the magnitude of the gamma function."""
    return rare_call("lgamma", x.bits.equals(x.bits), x, x)

"""sin, cos, tan: reduction by multiples of pi / 2 held in three parts, then polynomials.

Larger arguments than the reduction can bear, and infinities, go to the C library lane by lane.
"""

from __future__ import annotations

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.exponential import rounded
from jitflow.codegen.cpu.math.lanes import Lanes, fma, polynomial, rare_call, where
from jitflow.codegen.cpu.math.pairs import fast_two_sum, two_product

# Magnitudes from here on are left to the C library.
HUGE = {"f32": 1e5, "f64": 1e9}


def reduce(x: Lanes) -> tuple[Lanes, Lanes]:
    """``r`` between -pi/4 and pi/4 and the pattern of `n` with ``x = n pi/2 + r``."""
    n, pattern = rounded(x, c.TWO_OVER_PI[x.dtype.name][0])
    r = x
    for part in c.HALF_PI[x.dtype.name]:
        r = fma(n, -part, r)
    return r, pattern


def huge(x: Lanes) -> Lanes:
    """bool: too large for the reduction, or infinite; False for NaN."""
    layout = x.format
    bound = layout.pattern(HUGE[x.dtype.name])
    return (x.magnitude_bits() - bound).unsigned <= layout.infinity - bound


def sine(r: Lanes, square: Lanes) -> Lanes:
    """Of a reduced argument."""
    return fma(r * square, polynomial(square, c.SIN[r.dtype.name]), r)


def cosine(r: Lanes, square: Lanes) -> Lanes:
    """Of a reduced argument."""
    tail = polynomial(square, c.COS[r.dtype.name])
    return fma(square, fma(square, tail, -0.5), 1.0)


def _select(x: Lanes, quarter: int) -> Lanes:
    """Sine of ``x + quarter pi/2``."""
    layout = x.format
    is_huge = huge(x)
    r, pattern = reduce(where(is_huge, 0.0, x))
    square = r * r
    turn = pattern + quarter if quarter else pattern
    is_cosine = (turn & 1).differs(0)
    value = where(is_cosine, cosine(r, square), sine(r, square))
    flip = (turn << (layout.dtype.bits - 2)) & layout.sign
    result = (value.bits ^ flip).number
    if not quarter:
        tiny = x.magnitude_bits() < layout.pattern(2.0 ** -(layout.mantissa // 2 + 2))
        result = where(tiny, x, result)
    return rare_call("cos" if quarter else "sin", is_huge, result, x)


def sin(x: Lanes) -> Lanes:
    """Sine."""
    return _select(x, 0)


def cos(x: Lanes) -> Lanes:
    """Cosine."""
    return _select(x, 1)


def tan(x: Lanes) -> Lanes:
    """Tangent: of the reduced argument, or minus its reciprocal; with what the reduction loses."""
    layout = x.format
    name = x.dtype.name
    is_huge = huge(x)
    bounded = where(is_huge, 0.0, x)
    n, pattern = rounded(bounded, c.TWO_OVER_PI[name][0])
    high, middle, low = c.HALF_PI[name]
    first = fma(n, -high, bounded)
    product, product_low = two_product(n, n.like(middle))
    r, r_low = fast_two_sum(first, -product)  # `first` has no bits below those of `product`
    r_low = fma(n, -low, r_low - product_low)
    square = r * r
    r_low = fma(square, r_low, r_low)  # times the slope, nearly
    tangent = r + fma(r * square, polynomial(square, c.TAN[name]), r_low)
    odd = (pattern & 1).differs(0)
    value = where(odd, -1.0, tangent) / where(odd, tangent, 1.0)
    tiny = x.magnitude_bits() < layout.pattern(2.0 ** -(layout.mantissa // 2 + 2))
    return rare_call("tan", is_huge, where(tiny, x, value), x)

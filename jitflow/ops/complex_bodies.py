"""Scalar bodies of complex arithmetic, operation for operation as NumPy's loops do it.

Sources: ``numpy/_core/src/umath/loops.c.src``; products: ``loops_arithm_fp.dispatch.c.src`` there.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from jitflow.core.dtypes import F32, F64
from jitflow.ops import bodies
from jitflow.ops.bodies import is_finite, is_infinite, is_nan, is_zero, like, parts


@functools.cache
def numpy_fuses_products() -> bool:
    """Whether NumPy's loops for complex products use fused multiply-add on this machine."""
    factor = np.full(8, 1.0 + 2.0**-30)
    square = np.square(factor + 1j * factor)  # fused: the real part is what rounding took away
    return bool(np.any(square.real != 0))


def _product(e: Any, ar: Any, ai: Any, br: Any, bi: Any) -> Any:
    if numpy_fuses_products() and not getattr(e, "rank_zero", False):
        real = e.fma(ar, br, e.negative(e.multiply(ai, bi)))
        return e.complex(real, e.fma(ar, bi, e.multiply(ai, br)))
    return _plain_product(e, ar, ai, br, bi)


def _plain_product(e: Any, ar: Any, ai: Any, br: Any, bi: Any) -> Any:
    real = e.subtract(e.multiply(ar, br), e.multiply(ai, bi))
    return e.complex(real, e.add(e.multiply(ar, bi), e.multiply(ai, br)))


def running_multiply(e: Any, x: Any, y: Any) -> Any:
    """The product in a fold or a running product: NumPy's loops over one place never fuse it."""
    return _plain_product(e, *parts(e, x), *parts(e, y))


def multiply(e: Any, x: Any, y: Any) -> Any:
    """(a + bi)(c + di) by four products."""
    return _product(e, *parts(e, x), *parts(e, y))


def square(e: Any, x: Any) -> Any:
    """The product with itself."""
    return _product(e, *parts(e, x), *parts(e, x))


def conjugate(e: Any, x: Any) -> Any:
    """The imaginary part negated."""
    return e.complex(e.real(x), e.negative(e.imaginary(x)))


def divide(e: Any, x: Any, y: Any) -> Any:
    """Smith's algorithm: scaled by the larger part of the divisor; one path for both cases."""
    (xr, xi), (yr, yi) = parts(e, x), parts(e, y)
    by_real = e.less_equal(e.absolute(yi), e.absolute(yr))
    zero = e.bit_and(is_zero(e, yr), is_zero(e, yi))
    big = e.select(zero, like(e, yr, 1), e.select(by_real, yr, yi))
    small = e.select(by_real, yi, yr)
    ratio = e.divide(small, big)
    scale = e.divide(like(e, yr, 1), e.add(big, e.multiply(small, ratio)))
    xr_ratio, xi_ratio = e.multiply(xr, ratio), e.multiply(xi, ratio)
    real = e.add(e.select(by_real, xr, xr_ratio), e.select(by_real, xi_ratio, xi))
    imaginary = e.subtract(e.select(by_real, xi, xi_ratio), e.select(by_real, xr_ratio, xr))
    divisor = e.select(zero, like(e, yr, 0), like(e, yr, 1))
    real = e.select(zero, e.divide(xr, divisor), e.multiply(real, scale))
    imaginary = e.select(zero, e.divide(xi, divisor), e.multiply(imaginary, scale))
    return e.complex(real, imaginary)


def reciprocal(e: Any, x: Any) -> Any:
    """``1/x`` scaled by the larger part."""
    real, imaginary = parts(e, x)
    by_real = e.less_equal(e.absolute(imaginary), e.absolute(real))
    big = e.select(by_real, real, imaginary)
    small = e.select(by_real, imaginary, real)
    ratio = e.divide(small, big)
    divisor = e.add(big, e.multiply(small, ratio))
    one = like(e, real, 1)
    return e.complex(
        e.divide(e.select(by_real, one, ratio), divisor),
        e.divide(e.negative(e.select(by_real, ratio, one)), divisor),
    )


_REACH = {F32: 78, F64: 695}
"""Exponents from which on a factor is split off: integers whose power of e is nearly a float."""


def exp(e: Any, z: Any) -> Any:
    """``exp(x) (cos y + i sin y)``; a product that is finite where ``exp(x)`` is not is found.

    Special values are those of C99, annex G.6.3.1.
    """
    x, y = parts(e, z)
    reach = _REACH[e.dtype(x)]
    is_bounded = is_finite(e, y)
    is_far = e.less(like(e, x, reach), x)
    exponent = e.select(is_far, e.subtract(x, like(e, x, reach)), x)
    size = e.math("exp", exponent)
    rest = e.multiply(size, e.residue("exp", exponent))
    rest = e.select(is_far, like(e, x, 0), rest)
    factor = e.select(is_far, like(e, x, math.exp(reach)), like(e, x, 1))
    angle = e.select(is_bounded, y, like(e, y, 0))

    def part(name: str) -> Any:
        direction = e.multiply(factor, e.math(name, angle))
        value = e.fma(size, direction, e.multiply(rest, direction))
        return e.copysign(value, direction)  # of zero, too

    real, imaginary = part("cos"), part("sin")
    imaginary = e.select(is_zero(e, y), y, imaginary)
    e.flag("invalid", e.bit_not(is_bounded))
    vanishes = e.equal(x, like(e, x, -math.inf))
    nan = like(e, x, math.nan)
    unbounded_real = e.select(vanishes, like(e, x, 0), e.select(is_infinite(e, x), x, nan))
    unbounded_imaginary = e.select(vanishes, e.copysign(like(e, x, 0), y), nan)
    return e.complex(
        e.select(is_bounded, real, unbounded_real),
        e.select(is_bounded, imaginary, unbounded_imaginary),
    )


def sign(e: Any, x: Any) -> Any:
    """``x/|x|``; one infinite part decides; NaN where a part is NaN or both are infinite."""
    real, imaginary = parts(e, x)
    size = e.math("hypot", real, imaginary)
    real_infinite, imaginary_infinite = is_infinite(e, real), is_infinite(e, imaginary)
    infinite = e.bit_or(real_infinite, imaginary_infinite)
    none = e.bit_or(is_zero(e, size), infinite)
    divisor = e.select(none, like(e, size, 1), size)

    def part(value: Any, own: Any, other: Any) -> Any:
        unit = e.copysign(like(e, value, 1), value)
        at_infinity = e.select(own, unit, like(e, value, 0))
        at_infinity = e.select(e.bit_and(own, other), like(e, value, float("nan")), at_infinity)
        at_infinity = e.select(is_nan(e, size), like(e, value, float("nan")), at_infinity)
        quotient = e.select(is_zero(e, size), like(e, value, 0), e.divide(value, divisor))
        return e.select(infinite, at_infinity, quotient)

    return e.complex(
        part(real, real_infinite, imaginary_infinite),
        part(imaginary, imaginary_infinite, real_infinite),
    )


def equal(e: Any, x: Any, y: Any) -> Any:
    """Both parts equal."""
    (xr, xi), (yr, yi) = parts(e, x), parts(e, y)
    return e.bit_and(e.equal(xr, yr), e.equal(xi, yi))


def not_equal(e: Any, x: Any, y: Any) -> Any:
    """One part unequal."""
    return e.bit_not(equal(e, x, y))


def less(e: Any, x: Any, y: Any) -> Any:
    """Lexicographic; False with NaN in an imaginary part that would not matter."""
    (xr, xi), (yr, yi) = parts(e, x), parts(e, y)
    numbers = e.bit_not(e.bit_or(is_nan(e, xi), is_nan(e, yi)))
    by_real = e.bit_and(e.less(xr, yr), numbers)
    return e.bit_or(by_real, e.bit_and(e.equal(xr, yr), e.less(xi, yi)))


def less_equal(e: Any, x: Any, y: Any) -> Any:
    """Lexicographic, as `less`."""
    (xr, xi), (yr, yi) = parts(e, x), parts(e, y)
    numbers = e.bit_not(e.bit_or(is_nan(e, xi), is_nan(e, yi)))
    by_real = e.bit_and(e.less(xr, yr), numbers)
    return e.bit_or(by_real, e.bit_and(e.equal(xr, yr), e.less_equal(xi, yi)))


def is_unordered(e: Any, x: Any, y: Any) -> Any:
    """Whether NumPy's comparison meets a NaN: among real parts, or imaginary ones that decide."""
    (xr, xi), (yr, yi) = parts(e, x), parts(e, y)
    imaginary = e.bit_and(e.equal(xr, yr), e.bit_or(is_nan(e, xi), is_nan(e, yi)))
    return e.bit_or(e.bit_or(is_nan(e, xr), is_nan(e, yr)), imaginary)


def has_nan(e: Any, x: Any) -> Any:
    """Whether a part is NaN."""
    return e.bit_or(*bodies.both_parts(e, is_nan, x))


def extreme(e: Any, x: Any, y: Any, *, largest: bool, skip_nan: bool) -> Any:
    """The lexicographically larger or smaller operand; the first one where equal."""
    ordered = less_equal(e, y, x) if largest else less_equal(e, x, y)
    first = e.bit_or(ordered, has_nan(e, y if skip_nan else x))
    return bodies.select(e, first, x, y)


def is_nonzero(e: Any, x: Any) -> Any:
    """Whether a part is not zero (NaN counts)."""
    real, imaginary = parts(e, x)
    return e.bit_or(
        e.not_equal(real, like(e, real, 0)), e.not_equal(imaginary, like(e, imaginary, 0))
    )

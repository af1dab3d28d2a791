"""log, log2, log10, log1p: ``x = 2**k * (1 + f)`` with 1 + f near 1, and a polynomial in f."""

from __future__ import annotations

from collections.abc import Callable

from jitflow.codegen.cpu.math import coefficients as c
from jitflow.codegen.cpu.math.lanes import Lanes, flag, fma, polynomial, rarely, where

SQRT_HALF = 0.5**0.5


def exponent_and_fraction(x: Lanes) -> tuple[Lanes, Lanes]:
    """Bits with the integer `k` in the exponent's place, and `m` with ``x = 2**k m``.

    `m` is between sqrt(1/2) and sqrt(2). For positive, finite, normal `x`; other lanes give
    finite values and no flags, whatever they are.
    """
    layout = x.format
    start = layout.pattern(SQRT_HALF)
    offset = x.bits - start
    fraction = offset & ((1 << layout.mantissa) - 1)
    return offset, (fraction + start).number


def whole(offset: Lanes, bias: float = 0.0) -> Lanes:
    """The `k` of `exponent_and_fraction` plus `bias`, as a number."""
    layout = offset.format
    k = offset >> layout.mantissa
    if layout.dtype.bits == 32:
        number = k.cast(layout.dtype)
        return number + bias if bias else number
    return (k + layout.pattern(layout.rounder)).number - (layout.rounder - bias)


def series(f: Lanes) -> tuple[Lanes, Lanes]:
    """``s`` and ``t`` with ``log(1 + f) = f - s t``, where ``s = f / (2 + f)``.

    log(1 + f) is 2 artanh(s), and 2 s is f - s f.
    """
    s = f / (f + 2.0)
    square = s * s
    return s, fma(-square, polynomial(square, c.LOG[f.dtype.name]), f)


def is_ordinary(x: Lanes) -> Lanes:
    """bool: positive, normal and finite."""
    layout = x.format
    low = layout.pattern(layout.tiny)
    return (x.bits - low).unsigned < layout.infinity - low


def finish(x: Lanes, formula: Callable[[Lanes, float], Lanes]) -> Lanes:
    """``formula(x, 0)`` where `x` is ordinary; `formula` takes a number to add to `k`.

    Denormals are made normal; zero gives -inf with divide, negatives NaN with invalid.
    """
    layout = x.format
    ordinary = is_ordinary(x)

    def special() -> Lanes:
        bits = x.bits
        zero = x.magnitude_bits().equals(0)
        negative = (bits <= layout.sign + layout.infinity) & (bits > layout.sign)
        flag("divide", zero)
        flag("invalid", negative)
        limit = where(zero, -float("inf"), where(negative, float("nan"), x))
        denormal = (bits > 0) & (bits < layout.pattern(layout.tiny))
        lift = layout.mantissa + 1
        lifted = where(denormal, x, 1.0) * 2.0**lift
        return where(denormal, formula(lifted, -float(lift)), limit)

    return rarely(~ordinary, formula(x, 0.0), special)


def log(x: Lanes) -> Lanes:
    """Natural logarithm."""

    def formula(x: Lanes, bias: float) -> Lanes:
        offset, m = exponent_and_fraction(x)
        f = m - 1.0
        s, t = series(f)
        return fma(whole(offset, bias), c.LN2[x.dtype.name][0], fma(-s, t, f))

    return finish(x, formula)


def _scaled(x: Lanes, unit: tuple[float, float], factor: tuple[float, float]) -> Lanes:
    """``k unit + log(1 + f) factor``, both given as sums of two numbers."""

    def formula(x: Lanes, bias: float) -> Lanes:
        offset, m = exponent_and_fraction(x)
        f = m - 1.0
        s, t = series(f)
        k = whole(offset, bias)
        high, low = factor
        tail = fma(-s * t, high, f * low)
        if unit[1]:
            tail = fma(k, unit[1], tail)
        return fma(k, unit[0], fma(f, high, tail))

    return finish(x, formula)


def log2(x: Lanes) -> Lanes:
    """Logarithm to base 2."""
    return _scaled(x, (1.0, 0.0), c.LOG2_E[x.dtype.name])


def log10(x: Lanes) -> Lanes:
    """Logarithm to base 10."""
    name = x.dtype.name
    return _scaled(x, c.LOG10_2[name], c.LOG10_E[name])


def log1p(x: Lanes) -> Lanes:
    """log(1 + x), accurate near zero: what the sum loses is put back into `f`."""
    layout = x.format
    total = 1.0 + x
    largest = 2.0 ** (layout.bias - 1)  # beyond this the 1 does not matter, and 2**-k is denormal
    low = layout.pattern(largest)
    regular = (total.bits > 0) & (total.bits < low)
    bounded = where(regular, x, 0.0)

    sum_ = where(regular, total, 1.0)
    lost = bounded - (sum_ - 1.0)
    offset, m = exponent_and_fraction(sum_)
    inverse = (layout.pattern(1.0) - (offset & (-1 << layout.mantissa))).number
    f = fma(lost, inverse, m - 1.0)
    s, t = series(f)
    result = fma(whole(offset), c.LN2[x.dtype.name][0], fma(-s, t, f)).with_sign_of(x)
    return rarely(~regular, result, lambda: log(total))

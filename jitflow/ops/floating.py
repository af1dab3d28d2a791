"""Records of rounding and of the representation of floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dtypes import BOOL, F32, F64, FLOATS, I32, I64, INTEGERS, DType
from jitflow.ops import bodies
from jitflow.ops.bodies import by_kind, is_infinite, is_nan, is_negative, is_zero, like
from jitflow.ops.kinds import elementwise
from jitflow.ops.samples import mixed, random_values

_SINGLE_AND_DOUBLE = (F32, F64)


def _rounding(name: str, dtypes: tuple[DType, ...], doc: str) -> Any:
    def same(e: Any, x: Any) -> Any:
        return x

    def body(e: Any, x: Any) -> Any:
        return getattr(e, name)(x)

    return elementwise(
        name,
        "x",
        dtypes=dtypes,
        numpy=getattr(np, name),
        cpu=by_kind(real=body, bool=same, integer=same),
        doc=doc,
    )


# Integer loops of floor, ceil and trunc came with NumPy 2.1; the tracer asks NumPy which it has.
floor = _rounding("floor", (BOOL, *INTEGERS, *FLOATS), "The largest integer not above x.")
ceil = _rounding("ceil", (BOOL, *INTEGERS, *FLOATS), "The smallest integer not below x.")
trunc = _rounding("trunc", (BOOL, *INTEGERS, *FLOATS), "The integer part, towards zero.")
rint = _rounding("rint", FLOATS, "The nearest integer; the even one where two are as near.")

copysign = elementwise(
    "copysign", "x y", dtypes=FLOATS, numpy=np.copysign, cpu=lambda e, x, y: e.copysign(x, y),
    doc="The magnitude of x with the sign of y.",
)  # fmt: skip


def _signbit(e: Any, x: Any) -> Any:
    return is_negative(e, e.bitcast(x, bodies.signed(e.dtype(x))))


signbit = elementwise(
    "signbit", "x", dtypes=FLOATS, result=BOOL, numpy=np.signbit, cpu=_signbit, native_half=True,
    doc="Whether the sign bit is set; True for -0.0.",
)  # fmt: skip


def _next_magnitude(e: Any, x: Any, step: Any) -> Any:
    """The float whose bits are those of `x` plus `step`."""
    integer = bodies.signed(e.dtype(x))
    return e.bitcast(e.add(e.bitcast(x, integer), step), e.dtype(x))


def _nextafter(e: Any, x: Any, y: Any) -> Any:
    integer = bodies.signed(e.dtype(x))
    away = e.bit_not(e.bit_xor(e.less(x, y), e.less(like(e, x, 0), x)))
    step = e.select(away, e.constant(1, integer), e.constant(-1, integer))
    moved = _next_magnitude(e, x, step)
    # The largest number steps to infinity: by an addition, which raises the overflow flag too.
    overflows = e.bit_and(is_infinite(e, moved), e.bit_not(is_infinite(e, x)))
    largest = e.select(overflows, x, like(e, x, 0))
    moved = e.select(overflows, e.add(largest, largest), moved)
    least = e.bitcast(e.constant(1, integer), e.dtype(x))
    moved = e.select(is_zero(e, x), e.copysign(least, y), moved)
    moved = e.select(e.equal(x, y), y, moved)
    return e.select(e.bit_or(is_nan(e, x), is_nan(e, y)), e.add(x, y), moved)


nextafter = elementwise(
    "nextafter", "x y", dtypes=FLOATS, numpy=np.nextafter, cpu=_nextafter,
    body_dtypes=_SINGLE_AND_DOUBLE, doc="The float after x in the direction of y.",
)  # fmt: skip


def _spacing(e: Any, x: Any) -> Any:
    integer = bodies.signed(e.dtype(x))
    next_value = _next_magnitude(e, x, e.constant(1, integer))
    least = e.bitcast(e.constant(1, integer), e.dtype(x))
    next_value = e.select(is_zero(e, x), least, next_value)
    gap = e.subtract(next_value, e.select(is_infinite(e, x), like(e, x, 0), x))
    return e.select(is_infinite(e, x), e.subtract(x, x), gap)


spacing = elementwise(
    "spacing", "x", dtypes=FLOATS, numpy=np.spacing, cpu=_spacing, body_dtypes=_SINGLE_AND_DOUBLE,
    doc="Distance to the next float of larger magnitude, with the sign of x; NaN of infinities.",
)  # fmt: skip


def _power_of_two(e: Any, exponent: Any, dtype: DType) -> Any:
    """``2.0 ** exponent`` for exponents of normal numbers, by its bits."""
    integer = bodies.signed(dtype)
    bias, width = (1023, 52) if dtype is F64 else (127, 23)
    biased = e.add(e.cast(exponent, integer), e.constant(bias, integer))
    return e.bitcast(e.shift_left(biased, e.constant(width, integer)), dtype)


def _ldexp(e: Any, x: Any, exponent: Any) -> Any:
    """As musl's `scalbn`: at most two steps into range, so that a denormal is rounded once."""
    dtype = e.dtype(x)
    high, low, digits = (1023, -1022, 53) if dtype is F64 else (127, -126, 24)
    up, down = 2.0**high, 2.0 ** (low + digits)
    value, rest = x, exponent
    one = like(e, x, 1)
    for _ in range(2):
        over, under = e.less(like(e, rest, high), rest), e.less(rest, like(e, rest, low))
        scale = e.select(over, like(e, x, up), e.select(under, like(e, x, down), one))
        taken = e.select(under, like(e, rest, low + digits), like(e, rest, 0))
        taken = e.select(over, like(e, rest, high), taken)
        value, rest = e.multiply(value, scale), e.subtract(rest, taken)
    rest = e.select(e.less(like(e, rest, high), rest), like(e, rest, high), rest)
    rest = e.select(e.less(rest, like(e, rest, low)), like(e, rest, low), rest)
    return e.multiply(value, _power_of_two(e, rest, dtype))


def _ldexp_samples(rng: np.random.Generator, dtype: DType, shape: Any) -> tuple[np.ndarray, ...]:
    exponents = random_values(rng, I32, shape, -2200, 2200)
    near = rng.random(shape) < 0.5
    return mixed(rng, dtype, shape), np.where(near, exponents // 100, exponents).astype(np.int32)


ldexp = elementwise(
    "ldexp", "x exponent", dtypes=(), numpy=np.ldexp, cpu=_ldexp, samples=_ldexp_samples,
    pairs=tuple((dtype, integer) for dtype in FLOATS for integer in (I32, I64)),
    extra={"dtypes": FLOATS}, cost=4,
    doc="x * 2**exponent; the exponent is i32 or i64.",
)  # fmt: skip


def _heaviside(e: Any, x: Any, at_zero: Any) -> Any:
    step = e.select(is_negative(e, x), like(e, x, 0), like(e, x, 1))
    return e.select(is_nan(e, x), x, e.select(is_zero(e, x), at_zero, step))


heaviside = elementwise(
    "heaviside", "x at_zero", dtypes=FLOATS, numpy=np.heaviside, cpu=_heaviside,
    doc="0 below zero, 1 above, `at_zero` at zero, NaN of NaN.",
)  # fmt: skip

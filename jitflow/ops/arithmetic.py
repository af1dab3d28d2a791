"""Records of arithmetic: sums, products, quotients, remainders, signs and powers."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dtypes import ALL, FLOATS, INEXACT, INTEGERS, NUMBERS
from jitflow.ops import bodies, complex_bodies
from jitflow.ops.bodies import by_kind, is_negative, is_zero, like, partwise
from jitflow.ops.division import (
    float_floor_divide,
    float_remainder,
    integer_floor_divide,
    integer_fmod,
    integer_remainder,
)
from jitflow.ops.kinds import elementwise, real_part
from jitflow.ops.samples import interesting, mixed, random_values, with_divisor

add = elementwise(
    "add", "x y", dtypes=ALL, numpy=np.add,
    cpu=by_kind(
        real=lambda e, x, y: e.add(x, y),
        complex=partwise(lambda e, x, y: e.add(x, y)),
        bool=lambda e, x, y: e.bit_or(x, y),
    ),
    extra={"atomic": "add"}, doc="Sum; integers wrap, bool is or.",
)  # fmt: skip

subtract = elementwise(
    "subtract", "x y", dtypes=NUMBERS, numpy=np.subtract,
    cpu=by_kind(
        real=lambda e, x, y: e.subtract(x, y),
        complex=partwise(lambda e, x, y: e.subtract(x, y)),
    ),
    doc="Difference; integers wrap.",
)  # fmt: skip

multiply = elementwise(
    "multiply", "x y", dtypes=ALL, numpy=np.multiply,
    cpu=by_kind(
        real=lambda e, x, y: e.multiply(x, y),
        complex=complex_bodies.multiply,
        bool=lambda e, x, y: e.bit_and(x, y),
    ),
    extra={"linear": (0, 1)}, doc="Product; integers wrap, bool is and.",
)  # fmt: skip

divide = elementwise(
    "divide", "x y", dtypes=INEXACT, numpy=np.divide, cost=4,
    cpu=by_kind(real=lambda e, x, y: e.divide(x, y), complex=complex_bodies.divide),
    extra={"linear": (0,)}, doc="Quotient; IEEE for real operands.",
)  # fmt: skip

floor_divide = elementwise(
    "floor_divide", "x y", dtypes=(*INTEGERS, *FLOATS), numpy=np.floor_divide, cost=12, checks=True,
    cpu=by_kind(real=float_floor_divide, integer=integer_floor_divide), samples=with_divisor,
    doc="Quotient rounded down; an integer zero divisor and -1 under the least integer fail.",
)  # fmt: skip

remainder = elementwise(
    "remainder", "x y", dtypes=(*INTEGERS, *FLOATS), numpy=np.remainder, cost=12, checks=True,
    cpu=by_kind(real=float_remainder, integer=integer_remainder), samples=with_divisor,
    doc="Remainder with the divisor's sign; an integer zero divisor fails.",
)  # fmt: skip

fmod = elementwise(
    "fmod", "x y", dtypes=(*INTEGERS, *FLOATS), numpy=np.fmod, cost=12, checks=True,
    cpu=by_kind(real=lambda e, x, y: e.float_remainder(x, y), integer=integer_fmod),
    samples=with_divisor,
    doc="Remainder with the dividend's sign; an integer zero divisor fails.",
)  # fmt: skip

_EXPONENT_BITS = 6


def _integer_power(e: Any, x: Any, y: Any) -> Any:
    """Repeated squaring; exponents outside ``[0, 64)`` fail and are left to NumPy."""
    dtype = e.dtype(x)
    within = e.less_equal(y, like(e, y, 63))
    if dtype.kind == "i":
        within = e.bit_and(within, e.less_equal(like(e, y, 0), y))
    e.require(within)
    result, base = like(e, x, 1), x
    for position in range(_EXPONENT_BITS):
        bit = e.bit_and(y, like(e, y, 1 << position))
        result = e.select(is_zero(e, bit), result, e.multiply(result, base))
        if position + 1 < _EXPONENT_BITS:
            base = e.multiply(base, base)
    return result


def _power_samples(rng: np.random.Generator, dtype: Any, shape: Any) -> tuple[np.ndarray, ...]:
    if dtype.is_integer:
        return mixed(rng, dtype, shape), random_values(rng, dtype, shape, 0, 20)
    return mixed(rng, dtype, shape), mixed(rng, dtype, shape, -4, 4)


power = elementwise(
    "power", "x y", dtypes=NUMBERS, numpy=np.power, cost=30, checks=True, ulp=4,
    cpu=by_kind(real=bodies.math("power"), integer=_integer_power),
    body_dtypes=(*INTEGERS, *FLOATS), samples=_power_samples,
    doc="Power; integer exponents outside [0, 64) fail.",
)  # fmt: skip

negative = elementwise(
    "negative", "x", dtypes=NUMBERS, numpy=np.negative,
    cpu=by_kind(
        real=lambda e, x: e.negative(x), complex=partwise(lambda e, x: e.negative(x))
    ),
    doc="Negation; flips the sign of zeros, wraps integers.",
)  # fmt: skip

positive = elementwise(
    "positive", "x", dtypes=NUMBERS, numpy=np.positive, cpu=lambda e, x: x, cost=0,
    doc="The operand.", native_half=True,
)  # fmt: skip

absolute = elementwise(
    "absolute", "x", dtypes=ALL, result=real_part, numpy=np.absolute,
    cpu=by_kind(
        real=lambda e, x: e.absolute(x),
        complex=lambda e, z: e.math("hypot", *bodies.parts(e, z)),
        bool=lambda e, x: x,
        integer=lambda e, x: x if e.dtype(x).kind == "u" else e.absolute(x),
    ),
    extra={"complex_cost": 6}, ulp=2, doc="Magnitude; real for complex operands; wraps integers.",
)  # fmt: skip


def _sign(e: Any, x: Any) -> Any:
    positive_part = e.select(bodies.greater(e, x, like(e, x, 0)), like(e, x, 1), like(e, x, 0))
    if e.dtype(x).kind == "u":
        return positive_part
    value = e.select(is_negative(e, x), like(e, x, -1), positive_part)
    return e.select(bodies.is_nan(e, x), x, value) if e.dtype(x).is_float else value


sign = elementwise(
    "sign", "x", dtypes=NUMBERS, numpy=np.sign, ulp=2,
    cpu=by_kind(real=_sign, complex=complex_bodies.sign),
    doc="-1, 0 or 1; NaN of NaN; z/|z| for complex operands.",
)  # fmt: skip

conjugate = elementwise(
    "conjugate", "x", dtypes=NUMBERS, numpy=np.conjugate,
    cpu=by_kind(real=lambda e, x: x, complex=complex_bodies.conjugate),
    doc="Complex conjugate; a real operand itself.",
)  # fmt: skip


def _integer_reciprocal(e: Any, x: Any) -> Any:
    """1 and -1 are their own; zero fails, NumPy warns about it; all others give 0."""
    e.require(e.not_equal(x, like(e, x, 0)))
    unit = e.equal(x, like(e, x, 1))
    if e.dtype(x).kind == "i":
        unit = e.bit_or(unit, e.equal(x, like(e, x, -1)))
    return e.select(unit, x, like(e, x, 0))


def _nonzero_integers(rng: np.random.Generator, dtype: Any, shape: Any) -> tuple[np.ndarray, ...]:
    values = mixed(rng, dtype, shape)
    if dtype.is_integer:
        values = np.where(values == 0, np.ones((), dtype.numpy), values)
    return (values,)


reciprocal = elementwise(
    "reciprocal", "x", dtypes=NUMBERS, numpy=np.reciprocal, cost=4, checks=True,
    cpu=by_kind(
        real=lambda e, x: e.divide(like(e, x, 1), x),
        complex=complex_bodies.reciprocal,
        integer=_integer_reciprocal,
    ),
    samples=_nonzero_integers, doc="1/x; truncated for integers, where zero fails.",
)  # fmt: skip

square = elementwise(
    "square", "x", dtypes=NUMBERS, numpy=np.square,
    cpu=by_kind(real=lambda e, x: e.multiply(x, x), complex=complex_bodies.square),
    doc="x*x; integers wrap.",
)  # fmt: skip

sqrt = elementwise(
    "sqrt", "x", dtypes=INEXACT, numpy=np.sqrt, cost=6, cpu=lambda e, x: e.sqrt(x),
    body_dtypes=FLOATS, doc="Square root; NaN where x < 0.",
)  # fmt: skip

cbrt = elementwise(
    "cbrt", "x", dtypes=FLOATS, numpy=np.cbrt, cost=20, cpu=bodies.math("cbrt"), ulp=2,
    samples=interesting(1, -1e3, 1e3), doc="Cube root.",
)  # fmt: skip


def extreme(e: Any, x: Any, y: Any, *, largest: bool, skip_nan: bool) -> Any:
    """The larger or smaller operand; equal zeros give the second one, as NumPy's SIMD loops do
    for f32 and f64.

    With `skip_nan` a NaN loses against a number, else it wins. The inner choice is one instruction
    on x86 (``maxps``: its second operand where the order is undefined).
    """
    if e.dtype(x).is_complex:
        return complex_bodies.extreme(e, x, y, largest=largest, skip_nan=skip_nan)
    if not e.dtype(x).is_float:
        if e.dtype(x).kind == "b":
            return e.bit_or(x, y) if largest else e.bit_and(x, y)
        return e.select(e.less(y, x) if largest else e.less(x, y), x, y)
    ordered = e.select(e.less(y, x) if largest else e.less(x, y), x, y)
    return e.select(bodies.is_nan(e, y if skip_nan else x), x, ordered)


def _half_extreme(e: Any, x: Any, y: Any, *, largest: bool, skip_nan: bool) -> Any:
    """As `extreme`; NumPy's f16 loops give the first of equal zeros."""
    if e.dtype(x).name != "f16":
        return extreme(e, x, y, largest=largest, skip_nan=skip_nan)
    ordered = e.less_equal(y, x) if largest else e.less_equal(x, y)
    return e.select(e.bit_or(ordered, bodies.is_nan(e, y if skip_nan else x)), x, y)


def _make_extreme(name: str, largest: bool, skip_nan: bool, doc: str) -> Any:
    def body(e: Any, x: Any, y: Any) -> Any:
        return _half_extreme(e, x, y, largest=largest, skip_nan=skip_nan)

    return elementwise(
        name, "x y", dtypes=ALL, numpy=getattr(np, name), cpu=body, native_half=True, doc=doc,
        extra={} if skip_nan else {"atomic": "max" if largest else "min"},
    )  # fmt: skip


maximum = _make_extreme("maximum", True, False, "The larger operand; NaN where one is NaN.")
minimum = _make_extreme("minimum", False, False, "The smaller operand; NaN where one is NaN.")
fmax = _make_extreme("fmax", True, True, "The larger operand; a NaN loses against a number.")
fmin = _make_extreme("fmin", False, True, "The smaller operand; a NaN loses against a number.")

degrees = elementwise(
    "degrees", "x", dtypes=FLOATS, numpy=np.degrees,
    cpu=lambda e, x: e.multiply(x, like(e, x, _ratio(e, x, 180.0, np.pi))),
    doc="Radians to degrees.",
)  # fmt: skip

radians = elementwise(
    "radians", "x", dtypes=FLOATS, numpy=np.radians,
    cpu=lambda e, x: e.multiply(x, like(e, x, _ratio(e, x, np.pi, 180.0))),
    doc="Degrees to radians.",
)  # fmt: skip


def _ratio(e: Any, x: Any, numerator: float, denominator: float) -> float:
    """The quotient computed in the dtype of `x`, as NumPy's C source has it."""
    real = e.dtype(x).numpy.type
    return float(real(numerator) / real(denominator))

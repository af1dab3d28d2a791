"""Small pieces that the scalar bodies of several operators share, over the abstract `Emitter`.

Complex operands are taken apart here: no body asks the emitter for arithmetic on complex values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitflow.core.dtypes import BOOL, F32, F64, I32, DType, parse_dtype

Body = Callable[..., Any]


def like(e: Any, x: Any, number: Any) -> Any:
    """The constant `number` in the dtype of `x`."""
    return e.constant(number, e.dtype(x))


def is_nan(e: Any, x: Any) -> Any:
    """Whether the float `x` is NaN."""
    return e.not_equal(x, x)


def is_zero(e: Any, x: Any) -> Any:
    """Whether the real `x` is zero."""
    return e.equal(x, like(e, x, 0))


def is_negative(e: Any, x: Any) -> Any:
    """Whether the real `x` is less than zero (False for -0.0)."""
    return e.less(x, like(e, x, 0))


def is_finite(e: Any, x: Any) -> Any:
    """Whether the float `x` is neither NaN nor infinite."""
    return e.less(e.absolute(x), like(e, x, float("inf")))


def is_infinite(e: Any, x: Any) -> Any:
    """Whether the float `x` is an infinity."""
    return e.equal(e.absolute(x), like(e, x, float("inf")))


def greater(e: Any, x: Any, y: Any) -> Any:
    """``x > y``; False with NaN."""
    return e.less(y, x)


def greater_equal(e: Any, x: Any, y: Any) -> Any:
    """``x >= y``; False with NaN."""
    return e.less_equal(y, x)


def select(e: Any, condition: Any, x: Any, y: Any) -> Any:
    """`x` where `condition`, else `y`; complex values by their parts."""
    if not e.dtype(x).is_complex:
        return e.select(condition, x, y)
    (xr, xi), (yr, yi) = parts(e, x), parts(e, y)
    return e.complex(e.select(condition, xr, yr), e.select(condition, xi, yi))


def parts(e: Any, z: Any) -> tuple[Any, Any]:
    """Real and imaginary part of a complex value."""
    return e.real(z), e.imaginary(z)


def by_kind(
    *,
    real: Body | None = None,
    complex: Body | None = None,
    bool: Body | None = None,
    integer: Body | None = None,
) -> Body:
    """A body that is chosen by the kind of the first operand's dtype.

    `real` covers floats, and integers and bool where these have no body of their own.
    """

    def body(e: Any, *operands: Any, **attributes: Any) -> Any:
        dtype = e.dtype(operands[0])
        chosen = real
        if dtype.is_complex:
            chosen = complex
        elif dtype is BOOL and bool is not None:
            chosen = bool
        elif dtype.is_integer and integer is not None:
            chosen = integer
        if chosen is None:
            raise TypeError(f"no body for {dtype}")
        return chosen(e, *operands, **attributes)

    return body


def partwise(body: Body) -> Body:
    """A body for complex values that does `body` to the real and the imaginary parts."""

    def complex_body(e: Any, *operands: Any) -> Any:
        pairs = [parts(e, z) for z in operands]
        return e.complex(
            body(e, *(real for real, _ in pairs)), body(e, *(imaginary for _, imaginary in pairs))
        )

    return complex_body


def both_parts(e: Any, test: Body, x: Any) -> tuple[Any, Any]:
    """`test` on the real and on the imaginary part."""
    real, imaginary = parts(e, x)
    return test(e, real), test(e, imaginary)


def unsigned(dtype: DType) -> DType:
    """The unsigned integer dtype of the width of `dtype`."""
    return parse_dtype(f"u{dtype.bits}")


def signed(dtype: DType) -> DType:
    """The signed integer dtype of the width of `dtype`."""
    return parse_dtype(f"i{dtype.bits}")


def math(name: str) -> Body:
    """The function `name` of the vector math library; of scalars, that of the C library."""

    def body(e: Any, *operands: Any) -> Any:
        if getattr(e, "rank_zero", False):
            return e.scalar_math(name, *operands)
        return e.math(name, *operands)

    return body


def round_to_odd(e: Any, x: Any) -> Any:
    """f64 as f32, with the last bit set where it is inexact: rounding that to f16 is then right."""
    near = e.cast(x, F32)
    wide = e.cast(near, F64)
    bits = e.bitcast(near, I32)
    too_far = e.less(e.absolute(x), e.absolute(wide))
    towards_zero = e.subtract(bits, e.cast(too_far, I32))
    inexact = e.cast(e.not_equal(wide, x), I32)
    return e.bitcast(e.bit_or(towards_zero, inexact), F32)

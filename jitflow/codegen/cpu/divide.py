"""Integer division and floating remainders of vectors, by floating-point quotients.

Processors have no vector instruction for either. A quotient in a float format with twice the bits
truncates to the exact integer quotient: where ``x = q * y + r``, ``x / y`` differs from ``q + 1``
by at least ``1 / y``, far more than it is rounded by. 64-bit integers have no such format; they use
f64 below 2**52, and the rare lanes that are larger are divided one by one. Single elements are left
to the processor's scalar instructions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from jitflow.codegen.cpu import rare
from jitflow.codegen.cpu.values import Register, scalar_type, vector_type
from jitflow.core.dtypes import BOOL, F16, F32, F64, I32, U32, U64, DType

if TYPE_CHECKING:
    from jitflow.codegen.cpu.emit import LlvmEmitter

_SAFE_BITS = 51
"""64-bit integers below this power of two are divided by way of f64, constants included."""

_MOST_EXPONENT = {"f32": 22, "f64": 51}
"""Difference of exponents up to which a quotient is exact to the last integer."""


def integer_divide(e: LlvmEmitter, x: Register, y: Register) -> Register:
    """Quotient towards zero; the divisor is not 0, and nothing overflows."""
    if max(x.lanes, y.lanes) == 1:
        return _by_instruction(e, x, y)
    if x.dtype.bits <= 16 and y.literal:  # LLVM multiplies by a magic number
        return _by_instruction(e, x, y)
    if x.dtype.bits < 64:
        return _by_float(e, x, y, F32 if x.dtype.bits <= 16 else F64)
    large = e.bit_or(_is_large(e, x), _is_large(e, y))
    if large.literal:
        return _by_instruction(e, x, y)
    small = e.select(large, e.constant(1, y.dtype), y) if not y.literal else y
    usual = e.select(large, e.constant(1, x.dtype), x)
    quotient = _by_float(e, usual, small, F64)
    return e.rare(large, quotient, lambda: _by_instruction(e, x, y))


def integer_remainder(e: LlvmEmitter, x: Register, y: Register) -> Register:
    """Remainder with the dividend's sign; the divisor is not 0, and nothing overflows."""
    if max(x.lanes, y.lanes) == 1:
        return e.binary("urem" if x.dtype.kind == "u" else "srem", x, y)
    return e.subtract(x, e.multiply(integer_divide(e, x, y), y))


def _by_instruction(e: LlvmEmitter, x: Register, y: Register) -> Register:
    return e.binary("udiv" if x.dtype.kind == "u" else "sdiv", x, y)


def _is_large(e: LlvmEmitter, x: Register) -> Register:
    """Whether an integer has more bits than a quotient in f64 allows."""
    if x.literal:
        return e.constant(abs(int(x.text)) >= 1 << _SAFE_BITS, BOOL)
    bound = 1 << _SAFE_BITS
    if x.dtype.kind == "i":
        x = e.bitcast(e.add(x, e.constant(bound, x.dtype)), U64)
        bound *= 2
    return e.less_equal(e.constant(bound, U64), x)


def _by_float(e: LlvmEmitter, x: Register, y: Register, dtype: DType) -> Register:
    wide = e.cast(x, dtype)
    quotient = e.multiply(wide, _reciprocal(e, y, dtype)) if y.literal else None
    if quotient is None:
        quotient = e.divide(wide, e.cast(y, dtype))
    return _truncated(e, quotient, x.dtype)


def _reciprocal(e: LlvmEmitter, y: Register, dtype: DType) -> Register:
    """1 / y for a constant, rounded away from zero: multiples of y do not fall below."""
    divisor = int(y.text) if y.dtype.kind == "i" else int(y.text) & ((1 << y.dtype.bits) - 1)
    number = dtype.numpy
    inverse = abs(number.type(1) / number.type(divisor))
    if math.frexp(divisor)[0] not in (0.5, -0.5):
        inverse = np.nextafter(inverse, number.type(math.inf))
    return e.constant(math.copysign(inverse, divisor), dtype)


def _truncated(e: LlvmEmitter, x: Register, dtype: DType) -> Register:
    """A float that is in range as an integer, towards zero."""
    wide = dtype if dtype.bits >= 32 else I32
    name = "fptoui" if wide.kind == "u" else "fptosi"
    source = vector_type(scalar_type(x.dtype), x.lanes)
    target = vector_type(scalar_type(wide), x.lanes)
    text = e.text.value(f"{name} {source} {x.text} to {target}")
    return e.cast(Register(text, wide, x.lanes, e.text.depth), dtype)


def float_remainder(e: LlvmEmitter, x: Register, y: Register) -> Register:
    """C's `fmod`: exact, with the sign of `x`."""
    if x.dtype is F16:
        return e.cast(float_remainder(e, e.cast(x, F32), e.cast(y, F32)), F16)
    lanes, (x, y) = e.level(x, y)
    if lanes == 1:
        return rare.lane_call(e, "fmod", x, y)
    size, divisor = e.absolute(x), e.absolute(y)
    above, below, unusual = _regions(e, size, divisor)
    one = e.constant(1, x.dtype)
    usual = e.bit_and(above, e.bit_not(unusual))
    rest = _reduced(e, e.select(usual, size, one), e.select(usual, divisor, one))
    result = e.copysign(e.select(below, size, rest), x)
    return e.scalar_call("fmod", unusual, result, x, y)


def _regions(
    e: LlvmEmitter, size: Register, divisor: Register
) -> tuple[Register, Register, Register]:
    """Where magnitudes are to be reduced, where they are below the divisor, where neither is sure.

    Bit patterns are compared: a comparison with NaN would set a flag.
    """
    integer, mantissa = (U32, 23) if size.dtype is F32 else (U64, 52)
    infinite = ((1 << (size.dtype.bits - 1 - mantissa)) - 1) << mantissa
    x, y = e.bitcast(size, integer), e.bitcast(divisor, integer)
    below = e.less(x, y)
    least = e.constant(1 << mantissa, integer)
    range_ = e.constant(infinite - (1 << mantissa), integer)
    is_normal = e.less(e.subtract(y, least), range_)
    reach = e.constant(_MOST_EXPONENT[size.dtype.name] << mantissa, integer)
    is_near = e.less_equal(e.subtract(x, y), reach)
    is_finite = e.less(x, e.constant(infinite, integer))
    small_is_sure = e.bit_and(below, e.less_equal(y, e.constant(infinite, integer)))
    large_is_sure = e.bit_and(e.bit_and(is_normal, is_near), is_finite)
    unusual = e.bit_not(e.select(below, small_is_sure, large_is_sure))
    return e.bit_not(below), e.bit_and(below, small_is_sure), unusual


def _reduced(e: LlvmEmitter, x: Register, y: Register) -> Register:
    """``x - y * trunc(x / y)`` for positive numbers; the quotient may be one too large."""
    rest = e.fma(e.negative(e.trunc(e.divide(x, y))), y, x)
    return e.select(e.less(rest, e.constant(0, x.dtype)), e.add(rest, y), rest)

"""Conversions between dtypes as NumPy makes them on this kind of processor.

Float to integer truncates in the processor's 32- or 64-bit conversion and keeps the low bits, which
is what C compilers (and so NumPy) do for values that do not fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.codegen.cpu.values import Register, scalar_type, value_of_text, vector_type
from jitflow.core.dtypes import BOOL, F16, F32, F64, I32, I64, U32, U64, DType
from jitflow.ops import bodies

if TYPE_CHECKING:
    from jitflow.codegen.cpu.emit import LlvmEmitter


def cast(e: LlvmEmitter, x: Register, dtype: DType) -> Register:
    """`x` converted to another dtype."""
    source = x.dtype
    if dtype.is_complex:
        return _to_complex(e, x, dtype)
    if source.is_complex:
        if dtype is BOOL:
            return e.bit_or(cast(e, e.real(x), BOOL), cast(e, e.imaginary(x), BOOL))
        return e.cast(e.real(x), dtype)
    if x.literal:
        return _literal(e, x, dtype)
    if dtype is BOOL:
        return e.not_equal(x, e.constant(0, source))
    if source.is_float and dtype.is_float:
        return _float_to_float(e, x, dtype)
    if source.is_float:
        return _float_to_integer(e, x, dtype)
    if dtype.is_float:
        return _integer_to_float(e, x, dtype)
    return _integer_to_integer(e, x, dtype)


def _to_complex(e: LlvmEmitter, x: Register, dtype: DType) -> Register:
    real, imaginary = e.cast(e.real(x), dtype.real), e.cast(e.imaginary(x), dtype.real)
    return e.complex(real, imaginary)


def _convert(e: LlvmEmitter, name: str, x: Register, dtype: DType) -> Register:
    source = vector_type(scalar_type(x.dtype), x.lanes)
    target = vector_type(scalar_type(dtype), x.lanes)
    return _renamed(e, f"{name} {source} {x.text} to {target}", dtype, x.lanes)


def _renamed(e: LlvmEmitter, instruction: str, dtype: DType, lanes: int) -> Register:
    return Register(e.text.value(instruction), dtype, lanes, e.text.depth)


def _literal(e: LlvmEmitter, x: Register, dtype: DType) -> Register:
    """A constant is converted by spelling it again, where its text says its value plainly."""
    value: Any = x.text
    if x.dtype is BOOL:
        value = x.text == "true"
    elif x.dtype.is_integer:
        value = int(x.text)
    else:
        value = value_of_text(x.text)
        if dtype not in (F32, F64) or not _is_exact(value, dtype):
            named = _convert(e, "bitcast", Register(x.text, x.dtype), x.dtype)
            return cast(e, e.opaque(named), dtype)  # LLVM would set no flag
    return e.constant(bool(value) if dtype is BOOL else value, dtype)


def _is_exact(value: float, dtype: DType) -> bool:
    """Whether a dtype has a number; False of NaN."""
    with np.errstate(over="ignore", under="ignore"):
        return float(dtype.numpy.type(value)) == value


def _float_to_float(e: LlvmEmitter, x: Register, dtype: DType) -> Register:
    if dtype.itemsize > x.dtype.itemsize:
        return _convert(e, "fpext", x, dtype)
    if x.dtype is F64 and dtype is F16:
        return _convert(e, "fptrunc", bodies.round_to_odd(e, x), F16)
    return _convert(e, "fptrunc", x, dtype)


def _float_to_integer(e: LlvmEmitter, x: Register, dtype: DType) -> Register:
    if x.dtype is F16:
        wide = _convert(e, "fpext", x, F32)
        if dtype is U32:
            return e.cast(e.cast(wide, I64), U32)
        return _float_to_integer(e, wide, dtype)
    if dtype is U64 or (dtype is U32 and x.lanes > 1):
        return _float_to_unsigned(e, x, dtype)
    through = I64 if dtype.itemsize == 8 or dtype.name == "u32" else I32
    return _integer_to_integer(e, _convert(e, "fptosi", x, through), dtype)


def _float_to_unsigned(e: LlvmEmitter, x: Register, dtype: DType) -> Register:
    """Below half the range the signed conversion, above it the same with half the range taken off.

    So do C compilers for u64, and for vectors of u32.
    """
    signed, half = (I64, 2.0**63) if dtype is U64 else (I32, 2.0**31)
    limit = e.constant(half, x.dtype)
    large = e.less_equal(limit, x)
    plain = _convert(e, "fptosi", e.select(large, e.subtract(x, limit), x), signed)
    top = e.constant(-int(half), signed)
    return e.bitcast(e.select(large, e.bit_xor(plain, top), plain), dtype)


def _integer_to_float(e: LlvmEmitter, x: Register, dtype: DType) -> Register:
    name = "uitofp" if x.dtype.kind in "ub" else "sitofp"
    if dtype is F16:
        return _convert(e, "fptrunc", _convert(e, name, x, F32), F16)
    converted = _convert(e, name, x, dtype)
    return e.opaque(converted) if x.dtype is BOOL else converted  # LLVM sees one of 0 and 1


def _integer_to_integer(e: LlvmEmitter, x: Register, dtype: DType) -> Register:
    width = 1 if x.dtype is BOOL else x.dtype.bits
    if width == dtype.bits:
        return e.bitcast(x, dtype)
    if width > dtype.bits:
        return _convert(e, "trunc", x, dtype)
    return _convert(e, "zext" if x.dtype.kind in "ub" else "sext", x, dtype)

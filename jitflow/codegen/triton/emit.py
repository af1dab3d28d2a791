"""The emitter of Triton expressions: scalar bodies of operators become lines of a kernel.

NumPy's meaning is kept: IEEE quotients and roots, negation that flips the sign of zeros, integers
that wrap. Triton's own ``exp``, ``sqrt`` and ``/`` of f32 are approximations and are not used; the
math library is CUDA's libdevice, within 2 ULP.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from jitflow.codegen.triton.text import SourceText
from jitflow.codegen.triton.values import TYPES, Value, axes_of
from jitflow.core.dtypes import BF16, BOOL, C64, C128, F16, F32, F64, I32, I64, U32, U64, DType
from jitflow.ops import bodies

_LIBDEVICE = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "power": "pow",
}  # fmt: skip
"""Functions of the math library whose names differ from ours."""

_COMPLEX = {"f32": C64, "f64": C128}


class TritonEmitter:
    """`ops.emitter.Emitter` over `Value`; `require` tells `on_require` of every check."""

    def __init__(
        self,
        text: SourceText,
        fastmath: bool = False,
        on_require: Callable[[Value], None] | None = None,
    ) -> None:
        self.text = text
        self.fastmath = fastmath
        self.on_require = on_require
        self.rank_zero = False

    # Building blocks

    def make(self, expression: str, dtype: DType, *operands: Value) -> Value:
        """The value of an expression over operands."""
        return Value(self.text.value(expression), dtype, axes_of(*operands))

    def dtype(self, x: Value) -> DType:
        return x.dtype

    def constant(self, value: Any, dtype: DType) -> Value:
        if dtype.is_complex:
            parts = [self.constant(part, dtype.real).text for part in (value.real, value.imag)]
            return Value(parts[0], dtype, imaginary=parts[1])
        if dtype is BF16:
            return self.convert(self.constant(value, F32), BF16)
        text = f"tl.full([], {_literal(value, dtype)}, {TYPES[dtype.name]})"
        return Value(self.text.constant(text), dtype)

    def convert(self, x: Value, dtype: DType) -> Value:
        """Triton's own conversion."""
        return self.make(f"{x.text}.to({TYPES[dtype.name]})", dtype, x)

    # Conversions

    def cast(self, x: Value, dtype: DType) -> Value:
        if x.dtype is dtype:
            return x
        if dtype.is_complex:
            parts = self.cast(self.real(x), dtype.real), self.cast(self.imaginary(x), dtype.real)
            return self.complex(*parts)
        if x.dtype.is_complex:
            if dtype is BOOL:
                return self.bit_or(*(self.cast(part, BOOL) for part in bodies.parts(self, x)))
            return self.cast(self.real(x), dtype)
        if x.dtype is BF16 and dtype is not F32:
            return self.cast(self.convert(x, F32), dtype)
        if dtype is BOOL:
            return self.not_equal(x, self.constant(0, x.dtype))
        if x.dtype.is_float and dtype.is_float:
            return self.round(x, dtype)
        if x.dtype.is_float:
            return self.to_integer(x, dtype)
        if dtype.is_half:
            return self.convert(self.convert(x, F32), dtype)
        return self.convert(x, dtype)

    def round(self, x: Value, dtype: DType) -> Value:
        """A float as another one, rounded once."""
        if x.dtype is F64 and dtype.is_half:
            return self.convert(bodies.round_to_odd(self, x), dtype)
        if x.dtype is F16 and dtype is BF16:
            return self.convert(self.convert(x, F32), dtype)
        return self.convert(x, dtype)

    def to_integer(self, x: Value, dtype: DType) -> Value:
        """Through 32 or 64 bits, whose low ones stay."""
        if x.dtype is F16:
            x = self.convert(x, F32)
        if dtype is U64:
            return self.convert(x, U64)
        through = I64 if dtype.itemsize == 8 or dtype is U32 else I32
        wide = self.convert(x, through)
        return wide if dtype is through else self.convert(wide, dtype)

    def bitcast(self, x: Value, dtype: DType) -> Value:
        if x.dtype is dtype:
            return x
        return self.make(f"{x.text}.to({TYPES[dtype.name]}, bitcast=True)", dtype, x)

    # Arithmetic

    def binary(self, symbol: str, x: Value, y: Value) -> Value:
        """An operation of Python's on two values."""
        return self.make(f"{x.text} {symbol} {y.text}", x.dtype, x, y)

    def add(self, x: Value, y: Value) -> Value:
        return self.binary("+", x, y)

    def subtract(self, x: Value, y: Value) -> Value:
        return self.binary("-", x, y)

    def multiply(self, x: Value, y: Value) -> Value:
        return self.binary("*", x, y)

    def overflowing(self, name: str, x: Value, y: Value) -> None:
        """Triton has no instruction that tells."""

    def divide(self, x: Value, y: Value) -> Value:
        if x.dtype is F32 and not self.fastmath:
            return self.make(f"tl.div_rn({x.text}, {y.text})", F32, x, y)
        return self.binary("/", x, y)

    def integer_divide(self, x: Value, y: Value) -> Value:
        return self.binary("//", x, y)

    def integer_remainder(self, x: Value, y: Value) -> Value:
        return self.subtract(x, self.multiply(self.integer_divide(x, y), y))

    def float_remainder(self, x: Value, y: Value) -> Value:
        return self.library("fmod", x, y)

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        return self.make(f"tl.fma({x.text}, {y.text}, {z.text})", x.dtype, x, y, z)

    def negative(self, x: Value) -> Value:
        if not x.dtype.is_float:
            return self.subtract(self.constant(0, x.dtype), x)
        integer = bodies.signed(x.dtype)
        sign = self.constant(-(1 << (x.dtype.bits - 1)), integer)
        return self.bitcast(self.bit_xor(self.bitcast(x, integer), sign), x.dtype)

    def absolute(self, x: Value) -> Value:
        return self.make(f"tl.abs({x.text})", x.dtype, x)

    def sqrt(self, x: Value) -> Value:
        exact = x.dtype is F32 and not self.fastmath
        return self.make(f"tl.sqrt{'_rn' if exact else ''}({x.text})", x.dtype, x)

    def floor(self, x: Value) -> Value:
        return self.make(f"tl.floor({x.text})", x.dtype, x)

    def ceil(self, x: Value) -> Value:
        return self.make(f"tl.ceil({x.text})", x.dtype, x)

    def trunc(self, x: Value) -> Value:
        return self.library("trunc", x)

    def rint(self, x: Value) -> Value:
        return self.library("rint", x)

    def copysign(self, x: Value, y: Value) -> Value:
        integer = bodies.signed(x.dtype)
        sign = self.constant(-(1 << (x.dtype.bits - 1)), integer)
        magnitude = self.bit_and(self.bitcast(x, integer), self.bit_not(sign))
        taken = self.bit_and(self.bitcast(y, integer), sign)
        return self.bitcast(self.bit_or(magnitude, taken), x.dtype)

    # Comparisons and bits

    def compare(self, symbol: str, x: Value, y: Value) -> Value:
        """A bool from two values."""
        return self.make(f"{x.text} {symbol} {y.text}", BOOL, x, y)

    def equal(self, x: Value, y: Value) -> Value:
        return self.compare("==", x, y)

    def not_equal(self, x: Value, y: Value) -> Value:
        return self.compare("!=", x, y)

    def less(self, x: Value, y: Value) -> Value:
        return self.compare("<", x, y)

    def less_equal(self, x: Value, y: Value) -> Value:
        return self.compare("<=", x, y)

    def bit_and(self, x: Value, y: Value) -> Value:
        return self.binary("&", x, y)

    def bit_or(self, x: Value, y: Value) -> Value:
        return self.binary("|", x, y)

    def bit_xor(self, x: Value, y: Value) -> Value:
        return self.binary("^", x, y)

    def bit_not(self, x: Value) -> Value:
        ones = True if x.dtype is BOOL else -1 if x.dtype.kind == "i" else (1 << x.dtype.bits) - 1
        return self.bit_xor(x, self.constant(ones, x.dtype))

    def shift_left(self, x: Value, count: Value) -> Value:
        return self.binary("<<", x, count)

    def shift_right(self, x: Value, count: Value) -> Value:
        return self.binary(">>", x, count)

    def count_ones(self, x: Value) -> Value:
        wide = x
        if x.dtype.bits < 32:
            wide = self.cast(self.bitcast(x, bodies.unsigned(x.dtype)), U32)
        wide = self.bitcast(wide, bodies.signed(wide.dtype))
        return self.cast(self.make(f"libdevice.popc({wide.text})", I32, wide), x.dtype)

    def select(self, condition: Value, x: Value, y: Value) -> Value:
        text = f"tl.where({condition.text}, {x.text}, {y.text})"
        return self.make(text, x.dtype, condition, x, y)

    def settled(self, x: Value) -> Value:
        return x  # a GPU has no flags

    def computed(self, x: Value) -> Value:
        return x

    def whole(self, z: Value) -> Value:
        return z

    # Complex values

    def complex(self, real: Value, imaginary: Value) -> Value:
        axes = axes_of(real, imaginary)
        return Value(real.text, _COMPLEX[real.dtype.name], axes, imaginary.text)

    def real(self, x: Value) -> Value:
        return Value(x.text, x.dtype.real, x.axes)

    def imaginary(self, x: Value) -> Value:
        if not x.dtype.is_complex:
            return self.constant(0, x.dtype)
        return Value(x.imaginary, x.dtype.real, x.axes)

    # The math library, checks, flags

    def math(self, name: str, *operands: Value) -> Value:
        if operands[0].dtype is F16:
            wide = [self.convert(x, F32) for x in operands]
            return self.convert(self.math(name, *wide), F16)
        return self.library(_LIBDEVICE.get(name, name), *operands)

    def residue(self, name: str, x: Value) -> Value:
        return self.constant(0, x.dtype)

    def library(self, name: str, *operands: Value) -> Value:
        """A function of libdevice, whose result has the operands' dtype."""
        arguments = ", ".join(x.text for x in operands)
        return self.make(f"libdevice.{name}({arguments})", operands[0].dtype, *operands)

    def require(self, condition: Value) -> None:
        if self.on_require is not None:
            self.on_require(condition)

    def flag(self, name: str, condition: Value) -> None:
        """A GPU has no floating-point flags, and eager code on it gives no warnings."""

    def rare(self, condition: Value, value: Value, slow: Callable[[], Value]) -> Value:
        return self.select(condition, slow(), value)

    def scalar_call(self, name: str, condition: Value, otherwise: Value, *operands: Value) -> Value:
        return self.select(condition, self.library(name, *operands), otherwise)


def _literal(value: Any, dtype: DType) -> str:
    """A Python expression with exactly this value."""
    if dtype is BOOL:
        return str(bool(value))
    if dtype.is_integer:
        bits = int(value) & ((1 << dtype.bits) - 1)
        least = 1 << (dtype.bits - 1)
        return str(bits - 2 * least if dtype.kind == "i" and bits >= least else bits)
    with np.errstate(over="ignore"):
        number = float(np.asarray(value).astype(dtype.numpy))
    if math.isfinite(number):
        return repr(number)
    return f"float('{number}')"

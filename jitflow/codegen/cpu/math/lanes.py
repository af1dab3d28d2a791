"""Arithmetic notation over an `Emitter`: what the functions of the library are written in.

Owns the wrapper `Lanes` (a value with operators), polynomials, and the layout of the two floating
formats. Numbers in an expression become constants of the other operand's dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jitflow.core.dataclass import dataclass
from jitflow.core.dtypes import F32, F64, I32, I64, U32, U64, DType
from jitflow.ops.emitter import Emitter


@dataclass(frozen=True)
class Format:
    """Layout of a floating format.

    Attributes
    ----------
    dtype, integer : DType
        The format and the signed integer of the same width.
    mantissa : int
        Stored bits of the significand.
    bias : int
        Bias of the exponent.
    """

    dtype: DType
    integer: DType
    mantissa: int
    bias: int

    @property
    def sign(self) -> int:
        """Bit pattern of the sign bit, as a signed integer."""
        return -(1 << (self.dtype.bits - 1))

    @property
    def magnitude(self) -> int:
        """Mask of everything but the sign bit."""
        return (1 << (self.dtype.bits - 1)) - 1

    @property
    def infinity(self) -> int:
        """Bit pattern of infinity."""
        return (2 * self.bias + 1) << self.mantissa

    @property
    def tiny(self) -> float:
        """Smallest normal number."""
        return 2.0 ** (1 - self.bias)

    @property
    def rounder(self) -> float:
        """Adding it rounds to an integer, found in the low bits of the sum's pattern."""
        return 1.5 * 2.0**self.mantissa

    def pattern(self, value: float) -> int:
        """Bit pattern of a non-negative number."""
        scalar = self.dtype.numpy.type(value)
        return int(scalar.view(self.integer.numpy))


FORMATS = {
    "f32": Format(F32, I32, 23, 127),
    "f64": Format(F64, I64, 52, 1023),
}


class Lanes:
    """A value of an emitter with Python's operators; `bits` and `number` reinterpret it."""

    __slots__ = ("emitter", "value")

    def __init__(self, emitter: Emitter[Any], value: Any) -> None:
        self.emitter = emitter
        self.value = value

    @property
    def dtype(self) -> DType:
        """Element type."""
        return self.emitter.dtype(self.value)

    @property
    def format(self) -> Format:
        """Layout of the floating format of this value's width."""
        return FORMATS["f64" if self.dtype.bits == 64 else "f32"]

    @property
    def bits(self) -> Lanes:
        """Bit pattern as a signed integer."""
        return Lanes(self.emitter, self.emitter.bitcast(self.value, self.format.integer))

    @property
    def number(self) -> Lanes:
        """The floating number with this bit pattern."""
        return Lanes(self.emitter, self.emitter.bitcast(self.value, self.format.dtype))

    @property
    def unsigned(self) -> Lanes:
        """The same integer bits as an unsigned integer: below zero is above everything."""
        wide = self.dtype.bits == 64
        return Lanes(self.emitter, self.emitter.bitcast(self.value, U64 if wide else U32))

    def like(self, value: float | Lanes) -> Lanes:
        """`value` as lanes of this dtype."""
        if isinstance(value, Lanes):
            return value
        return Lanes(self.emitter, self.emitter.constant(value, self.dtype))

    def cast(self, dtype: DType) -> Lanes:
        """Converted to `dtype` as `astype` does."""
        return Lanes(self.emitter, self.emitter.cast(self.value, dtype))

    def _binary(self, method: str, other: float | Lanes) -> Lanes:
        operation = getattr(self.emitter, method)
        return Lanes(self.emitter, operation(self.value, self.like(other).value))

    def _unary(self, method: str) -> Lanes:
        return Lanes(self.emitter, getattr(self.emitter, method)(self.value))

    def __add__(self, other: float | Lanes) -> Lanes:
        return self._binary("add", other)

    def __radd__(self, other: float) -> Lanes:
        return self.like(other) + self

    def __sub__(self, other: float | Lanes) -> Lanes:
        return self._binary("subtract", other)

    def __rsub__(self, other: float) -> Lanes:
        return self.like(other) - self

    def __mul__(self, other: float | Lanes) -> Lanes:
        return self._binary("multiply", other)

    def __rmul__(self, other: float) -> Lanes:
        return self.like(other) * self

    def __truediv__(self, other: float | Lanes) -> Lanes:
        return self._binary("divide", other)

    def __rtruediv__(self, other: float) -> Lanes:
        return self.like(other) / self

    def __and__(self, other: int | Lanes) -> Lanes:
        return self._binary("bit_and", other)

    def __or__(self, other: int | Lanes) -> Lanes:
        return self._binary("bit_or", other)

    def __xor__(self, other: int | Lanes) -> Lanes:
        return self._binary("bit_xor", other)

    def __lshift__(self, other: int | Lanes) -> Lanes:
        return self._binary("shift_left", other)

    def __rshift__(self, other: int | Lanes) -> Lanes:
        return self._binary("shift_right", other)

    def __lt__(self, other: float | Lanes) -> Lanes:
        return self._binary("less", other)

    def __le__(self, other: float | Lanes) -> Lanes:
        return self._binary("less_equal", other)

    def __gt__(self, other: float | Lanes) -> Lanes:
        return self.like(other) < self

    def __ge__(self, other: float | Lanes) -> Lanes:
        return self.like(other) <= self

    def __neg__(self) -> Lanes:
        return self._unary("negative")

    def __abs__(self) -> Lanes:
        return self._unary("absolute")

    def __invert__(self) -> Lanes:
        return self._unary("bit_not")

    def equals(self, other: float | Lanes) -> Lanes:
        """bool: equality (False with NaN)."""
        return self._binary("equal", other)

    def differs(self, other: float | Lanes) -> Lanes:
        """bool: inequality (True with NaN)."""
        return self._binary("not_equal", other)

    def sqrt(self) -> Lanes:
        """IEEE square root."""
        return self._unary("sqrt")

    def rint(self) -> Lanes:
        """Nearest integer, ties to even."""
        return self._unary("rint")

    def with_sign_of(self, other: Lanes) -> Lanes:
        """Its magnitude with the sign bit of `other`."""
        return self._binary("copysign", other)

    def magnitude_bits(self) -> Lanes:
        """Bit pattern without the sign: ordered as the magnitudes, NaN above infinity.

        Tests on it set no flags, where a comparison of NaN as a number reports invalid.
        """
        return self.bits & self.format.magnitude

    def is_nan(self) -> Lanes:
        """bool: NaN."""
        return self.differs(self)


def fma(x: Lanes, y: float | Lanes, z: float | Lanes) -> Lanes:
    """``x * y + z`` rounded once."""
    emitter = x.emitter
    return Lanes(emitter, emitter.fma(x.value, x.like(y).value, x.like(z).value))


def where(condition: Lanes, x: float | Lanes, y: float | Lanes) -> Lanes:
    """`x` where `condition` holds, else `y`; one of them is a value, not a number."""
    typed = x if isinstance(x, Lanes) else y
    assert isinstance(typed, Lanes)
    emitter = typed.emitter
    return Lanes(emitter, emitter.select(condition.value, typed.like(x).value, typed.like(y).value))


def polynomial(x: Lanes, coefficients: Sequence[float]) -> Lanes:
    """``c[0] + c[1] x + c[2] x^2 + ...`` by Horner's rule: fewest instructions and constants."""
    *lower, top = coefficients
    result = x.like(top)
    for coefficient in reversed(lower):
        result = fma(result, x, coefficient)
    return result


def flag(name: str, condition: Lanes) -> None:
    """Report the floating-point exception `name` where `condition` holds."""
    condition.emitter.flag(name, condition.value)


def rarely(condition: Lanes, value: Lanes, slow: Callable[[], Lanes]) -> Lanes:
    """`value`, but ``slow()`` in the rare lanes where `condition` holds."""
    emitter = value.emitter
    return Lanes(emitter, emitter.rare(condition.value, value.value, lambda: slow().value))


def rare_call(name: str, condition: Lanes, otherwise: Lanes, *operands: Lanes) -> Lanes:
    """`otherwise`, but C's ``name(operands...)`` in the rare lanes where `condition` holds."""
    emitter = otherwise.emitter
    values = [operand.value for operand in operands]
    return Lanes(emitter, emitter.scalar_call(name, condition.value, otherwise.value, *values))

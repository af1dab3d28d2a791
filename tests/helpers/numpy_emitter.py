"""An `Emitter` whose values are NumPy arrays: runs scalar bodies with no back end."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from jitflow.core.dtypes import BOOL, DType, from_numpy
from jitflow.core.errors import CheckFailed

_MATH = {
    "power": np.power,
    "hypot": np.hypot,
    "arctan2": np.arctan2,
    "erf": math.erf,
    "erfc": math.erfc,
}


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return math.inf


def _fused(x: Any, y: Any, z: Any) -> Any:
    """``x * y + z`` of NumPy scalars, rounded once."""
    plain = x * y + z
    if not (np.isfinite(x) and np.isfinite(y) and np.isfinite(z)) or x == 0 or y == 0:
        return plain
    exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
    if exact == 0:
        return x.dtype.type(0)
    if x.dtype == np.float32:
        return _nearest(exact, np.float32)
    try:
        return np.float64(exact.numerator / exact.denominator)
    except OverflowError:
        return np.float64(-math.inf if exact < 0 else math.inf)


def _nearest(exact: Fraction, kind: Any) -> Any:
    """The float of `kind` nearest to `exact`, even where two are as near."""
    try:
        guess = kind(exact.numerator / exact.denominator)
    except OverflowError:
        return kind(-math.inf if exact < 0 else math.inf)
    if np.isinf(guess):
        return guess
    around = [guess, np.nextafter(guess, kind(-np.inf)), np.nextafter(guess, kind(np.inf))]
    finite = [value for value in around if np.isfinite(value)]
    best = min(abs(Fraction(float(value)) - exact) for value in finite)
    near = [value for value in finite if abs(Fraction(float(value)) - exact) == best]
    return near[0] if len(near) == 1 else next(v for v in near if v.view(np.uint32) % 2 == 0)


class NumpyEmitter:
    """Element-wise instructions by the NumPy functions that mean just that and no more."""

    fastmath = False

    def dtype(self, x: Any) -> DType:
        dtype = from_numpy(np.asarray(x).dtype)
        assert dtype is not None
        return dtype

    def same(self, *values: Any) -> None:
        assert len({self.dtype(value) for value in values}) == 1, [v.dtype for v in values]

    def constant(self, value: Any, dtype: DType) -> Any:
        return np.array(value, dtype.numpy)

    def cast(self, x: Any, dtype: DType) -> Any:
        return np.asarray(x).astype(dtype.numpy)

    def bitcast(self, x: Any, dtype: DType) -> Any:
        assert self.dtype(x).itemsize == dtype.itemsize
        return np.asarray(x).view(dtype.numpy)

    def _binary(name: str, kinds: str):  # type: ignore[no-untyped-def, misc]
        def method(self: Any, x: Any, y: Any) -> Any:
            self.same(x, y)
            assert self.dtype(x).kind in kinds, (name, self.dtype(x))
            return np.asarray(getattr(np, name)(x, y))

        return method

    add = _binary("add", "iuf")
    subtract = _binary("subtract", "iuf")
    multiply = _binary("multiply", "iuf")
    divide = _binary("divide", "f")
    float_remainder = _binary("fmod", "f")
    copysign = _binary("copysign", "f")
    equal = _binary("equal", "iuf")
    not_equal = _binary("not_equal", "iuf")
    less = _binary("less", "iuf")
    less_equal = _binary("less_equal", "iuf")
    bit_and = _binary("bitwise_and", "iub")
    bit_or = _binary("bitwise_or", "iub")
    bit_xor = _binary("bitwise_xor", "iub")

    def overflowing(self, name: str, x: Any, y: Any) -> None:
        """NumPy has no function that tells."""

    def _unary(name: str, kinds: str):  # type: ignore[no-untyped-def, misc]
        def method(self: Any, x: Any) -> Any:
            assert self.dtype(x).kind in kinds, (name, self.dtype(x))
            return np.asarray(getattr(np, name)(x))

        return method

    negative = _unary("negative", "iuf")
    absolute = _unary("absolute", "iuf")
    sqrt = _unary("sqrt", "f")
    floor = _unary("floor", "f")
    ceil = _unary("ceil", "f")
    trunc = _unary("trunc", "f")
    rint = _unary("rint", "f")
    bit_not = _unary("invert", "iub")

    def integer_divide(self, x: Any, y: Any) -> Any:
        self._check_divisor(x, y)
        quotient = np.floor_divide(x, y)
        inexact = quotient * y != x
        return np.asarray(quotient + (inexact & ((x < 0) != (y < 0))).astype(quotient.dtype))

    def integer_remainder(self, x: Any, y: Any) -> Any:
        self._check_divisor(x, y)
        return np.asarray(np.fmod(x, y))

    def _check_divisor(self, x: Any, y: Any) -> None:
        self.same(x, y)
        assert np.all(y != 0), "the body lets a zero divisor through"
        if self.dtype(x).kind == "i":
            least = np.iinfo(x.dtype).min
            assert not np.any((x == least) & (y == -1)), "the body lets an overflow through"

    def shift_left(self, x: Any, count: Any) -> Any:
        self._check_count(x, count)
        return np.asarray(np.left_shift(x, count))

    def shift_right(self, x: Any, count: Any) -> Any:
        self._check_count(x, count)
        return np.asarray(np.right_shift(x, count))

    def _check_count(self, x: Any, count: Any) -> None:
        self.same(x, count)
        assert np.all((count >= 0) & (count < self.dtype(x).bits)), "a count is out of range"

    def count_ones(self, x: Any) -> Any:
        unsigned = np.asarray(x).view(f"u{x.dtype.itemsize}")
        return np.bitwise_count(unsigned).astype(x.dtype)

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        self.same(x, y, z)
        x, y, z = np.broadcast_arrays(x, y, z)
        triples = zip(x.flat, y.flat, z.flat, strict=True)
        return np.array([_fused(*triple) for triple in triples], x.dtype).reshape(x.shape)

    def settled(self, x: Any) -> Any:
        return x

    def computed(self, x: Any) -> Any:
        return x

    def whole(self, z: Any) -> Any:
        return z

    def select(self, condition: Any, x: Any, y: Any) -> Any:
        assert self.dtype(condition) is BOOL
        self.same(x, y)
        assert self.dtype(x).kind != "c"
        return np.where(condition, x, y)

    def complex(self, real: Any, imaginary: Any) -> Any:
        self.same(real, imaginary)
        real, imaginary = np.broadcast_arrays(real, imaginary)
        result = np.empty(real.shape, np.complex64 if real.dtype == np.float32 else np.complex128)
        result.real, result.imag = real, imaginary
        return result

    def real(self, x: Any) -> Any:
        return np.array(x.real)

    def imaginary(self, x: Any) -> Any:
        return np.array(x.imag)

    def residue(self, name, x):
        return np.zeros_like(x)

    def math(self, name: str, *operands: Any) -> Any:
        self.same(*operands)
        if name in ("erf", "erfc", "lgamma"):
            function = _lgamma if name == "lgamma" else _MATH[name]
            values = [function(float(v)) for v in np.ravel(operands[0])]
            return np.array(values).astype(operands[0].dtype).reshape(operands[0].shape)
        return np.asarray(getattr(np, name)(*operands))

    def require(self, condition: Any) -> None:
        if not np.all(condition):
            raise CheckFailed("a run-time check does not hold")

    def flag(self, name: str, condition: Any) -> None:
        """The flags of the values are compared where native code runs."""
        assert name in ("divide", "overflow", "invalid")
        assert self.dtype(condition) is BOOL

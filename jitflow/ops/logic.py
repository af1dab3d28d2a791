"""Records of comparisons, logic on truth values, bitwise logic and shifts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jitflow.core.dtypes import ALL, BOOL, I64, INTEGERS, U8, U64, DType
from jitflow.ops import bodies, complex_bodies
from jitflow.ops.bodies import by_kind, is_negative, like
from jitflow.ops.kinds import elementwise
from jitflow.ops.samples import mixed, random_values

_MIXED_SIGNS = ((I64, U64), (U64, I64))


def _order(e: Any, operation: str, x: Any, y: Any) -> Any:
    """A comparison of real values; bools are ordered as integers, i64 and u64 by value."""
    if e.dtype(x) is BOOL:
        return {
            "less": lambda: e.bit_and(e.bit_not(x), y),
            "less_equal": lambda: e.bit_or(e.bit_not(x), y),
            "equal": lambda: e.bit_not(e.bit_xor(x, y)),
            "not_equal": lambda: e.bit_xor(x, y),
        }[operation]()
    if e.dtype(x) is e.dtype(y):
        return getattr(e, operation)(x, y)
    return _mixed_order(e, operation, x, y)


def _mixed_order(e: Any, operation: str, x: Any, y: Any) -> Any:
    """i64 against u64: a negative value is less than every unsigned one."""
    x_negative = is_negative(e, x) if e.dtype(x) is I64 else e.constant(False, BOOL)
    y_negative = is_negative(e, y) if e.dtype(y) is I64 else e.constant(False, BOOL)
    same = getattr(e, operation)(
        x if e.dtype(x) is U64 else e.bitcast(x, U64), y if e.dtype(y) is U64 else e.bitcast(y, U64)
    )
    if operation == "equal":
        return e.bit_and(same, e.bit_not(e.bit_or(x_negative, y_negative)))
    if operation == "not_equal":
        return e.bit_or(same, e.bit_or(x_negative, y_negative))
    return e.bit_or(x_negative, e.bit_and(same, e.bit_not(y_negative)))


def _comparison(name: str, operation: str, swapped: bool, doc: str) -> Any:
    def body(e: Any, x: Any, y: Any) -> Any:
        if swapped:
            x, y = y, x
        if e.dtype(x).is_complex:
            if operation.startswith("less"):
                e.flag("invalid", complex_bodies.is_unordered(e, x, y))
            return getattr(complex_bodies, operation)(e, x, y)
        return _order(e, operation, x, y)

    return elementwise(
        name,
        "x y",
        dtypes=ALL,
        pairs=_MIXED_SIGNS,
        result=BOOL,
        numpy=getattr(np, name),
        cpu=body,
        doc=doc,
    )


equal = _comparison("equal", "equal", False, "x == y; False with NaN.")
not_equal = _comparison("not_equal", "not_equal", False, "x != y; True with NaN.")
less = _comparison("less", "less", False, "x < y; complex values lexicographically.")
less_equal = _comparison("less_equal", "less_equal", False, "x <= y.")
greater = _comparison("greater", "less", True, "x > y.")
greater_equal = _comparison("greater_equal", "less_equal", True, "x >= y.")


def truth(e: Any, x: Any) -> Any:
    """Whether `x` is true in Python's sense: not zero; NaN is true."""
    dtype = e.dtype(x)
    if dtype is BOOL:
        return x
    if dtype.is_complex:
        return complex_bodies.is_nonzero(e, x)
    return e.not_equal(x, like(e, x, 0))


def _logical(name: str, combine: Callable[..., Any], doc: str, operands: str = "x y") -> Any:
    def body(e: Any, *values: Any) -> Any:
        return combine(e, *(truth(e, value) for value in values))

    return elementwise(
        name, operands, dtypes=ALL, result=BOOL, numpy=getattr(np, name), cpu=body, doc=doc
    )


logical_and = _logical("logical_and", lambda e, x, y: e.bit_and(x, y), "Both are not zero.")
logical_or = _logical("logical_or", lambda e, x, y: e.bit_or(x, y), "One is not zero.")
logical_xor = _logical("logical_xor", lambda e, x, y: e.bit_xor(x, y), "Exactly one is not zero.")
logical_not = _logical("logical_not", lambda e, x: e.bit_not(x), "It is zero.", "x")

_BITS: tuple[DType, ...] = (BOOL, *INTEGERS)

bitwise_and = elementwise(
    "bitwise_and", "x y", dtypes=_BITS, numpy=np.bitwise_and, cpu=lambda e, x, y: e.bit_and(x, y),
    doc="Bits that both have.",
)  # fmt: skip

bitwise_or = elementwise(
    "bitwise_or", "x y", dtypes=_BITS, numpy=np.bitwise_or, cpu=lambda e, x, y: e.bit_or(x, y),
    doc="Bits that one has.",
)  # fmt: skip

bitwise_xor = elementwise(
    "bitwise_xor", "x y", dtypes=_BITS, numpy=np.bitwise_xor, cpu=lambda e, x, y: e.bit_xor(x, y),
    doc="Bits that differ.",
)  # fmt: skip

invert = elementwise(
    "invert", "x", dtypes=_BITS, numpy=np.invert, cpu=lambda e, x: e.bit_not(x),
    doc="Every bit flipped; logical not for bool.",
)  # fmt: skip


def _shift(e: Any, x: Any, count: Any, operation: str) -> Any:
    """Counts outside ``[0, bits)`` shift everything out, as `npy_lshift` and `npy_rshift` do."""
    dtype = e.dtype(x)
    as_unsigned = count if dtype.kind == "u" else e.bitcast(count, bodies.unsigned(dtype))
    inside = e.less(as_unsigned, like(e, as_unsigned, dtype.bits))
    shifted = getattr(e, operation)(x, e.select(inside, count, like(e, count, 0)))
    gone = like(e, x, 0)
    if operation == "shift_right" and dtype.kind == "i":
        gone = e.select(is_negative(e, x), like(e, x, -1), gone)
    return e.select(inside, shifted, gone)


def _shift_samples(rng: np.random.Generator, dtype: DType, shape: Any) -> tuple[np.ndarray, ...]:
    low = -3 if dtype.kind == "i" else 0
    return mixed(rng, dtype, shape), random_values(rng, dtype, shape, low, dtype.bits + 3)


left_shift = elementwise(
    "left_shift", "x y", dtypes=INTEGERS, numpy=np.left_shift, samples=_shift_samples,
    cpu=lambda e, x, y: _shift(e, x, y, "shift_left"),
    doc="x * 2**y; 0 where y is negative or not less than the width.",
)  # fmt: skip

right_shift = elementwise(
    "right_shift", "x y", dtypes=INTEGERS, numpy=np.right_shift, samples=_shift_samples,
    cpu=lambda e, x, y: _shift(e, x, y, "shift_right"),
    doc="x // 2**y; 0 or -1 where y is negative or not less than the width.",
)  # fmt: skip


def _bitwise_count(e: Any, x: Any) -> Any:
    signed = e.dtype(x).kind == "i"
    return e.cast(e.count_ones(e.absolute(x) if signed else x), U8)


bitwise_count = elementwise(
    "bitwise_count", "x", dtypes=INTEGERS, result=U8, numpy=np.bitwise_count, cpu=_bitwise_count,
    doc="Number of set bits of the magnitude, as u8.",
)  # fmt: skip


def _test(name: str, body: Callable[..., Any], doc: str) -> Any:
    """A test on floats; integers and bool are never NaN or infinite.

    The answer may be known where the value is not (``x / 0`` is never finite): its computation may
    set a flag all the same.
    """

    def cpu(e: Any, x: Any) -> Any:
        return body(e, e.computed(x))

    dtypes = ALL
    return elementwise(
        name, "x", dtypes=dtypes, result=BOOL, numpy=getattr(np, name), cpu=cpu, doc=doc
    )


def _never(e: Any, x: Any) -> Any:
    return e.constant(False, BOOL)


isnan = _test(
    "isnan",
    by_kind(
        real=bodies.is_nan,
        complex=lambda e, x: e.bit_or(*bodies.both_parts(e, bodies.is_nan, x)),
        bool=_never,
        integer=_never,
    ),
    "It is NaN, or a part is.",
)
isinf = _test(
    "isinf",
    by_kind(
        real=bodies.is_infinite,
        complex=lambda e, x: e.bit_or(*bodies.both_parts(e, bodies.is_infinite, x)),
        bool=_never,
        integer=_never,
    ),
    "It is an infinity, or a part is.",
)
isfinite = _test(
    "isfinite",
    by_kind(
        real=bodies.is_finite,
        complex=lambda e, x: e.bit_and(*bodies.both_parts(e, bodies.is_finite, x)),
        bool=lambda e, x: e.constant(True, BOOL),
        integer=lambda e, x: e.constant(True, BOOL),
    ),
    "It is neither NaN nor infinite.",
)

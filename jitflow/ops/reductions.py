"""Records of reductions and running reductions (scans)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jitflow.core.dtypes import ALL, BOOL, NUMBERS, DType
from jitflow.ops import bodies, complex_bodies
from jitflow.ops.arithmetic import add, extreme, multiply
from jitflow.ops.kinds import reduction, scan, search


def _fold(ufunc: np.ufunc) -> Callable[..., Any]:
    def numpy(x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
        x = np.asarray(x)
        typed = {} if ufunc in (np.maximum, np.minimum) else {"dtype": x.dtype}
        return ufunc.reduce(x, axis=axes, keepdims=keepdims, **typed)

    return numpy


def _combine(record: Any) -> Callable[..., Any]:
    def body(e: Any, x: Any, y: Any, **attributes: Any) -> Any:
        return record.cpu(e, x, y)

    return body


def _product(e: Any, x: Any, y: Any, **attributes: Any) -> Any:
    if e.dtype(x).is_complex:
        return complex_bodies.running_multiply(e, x, y)
    body: Any = multiply.cpu
    return body(e, x, y)


def _extreme(largest: bool) -> Callable[..., Any]:
    def body(e: Any, x: Any, y: Any, **attributes: Any) -> Any:
        return extreme(e, x, y, largest=largest, skip_nan=False)

    return body


def least(dtype: DType) -> Any:
    """The neutral element of `max`."""
    if dtype.is_integer:
        return int(np.iinfo(dtype.numpy).min)
    if dtype.is_complex:
        return complex(-np.inf, -np.inf)
    return dtype.kind != "b" and -np.inf


def greatest(dtype: DType) -> Any:
    """The neutral element of `min`."""
    if dtype.is_integer:
        return int(np.iinfo(dtype.numpy).max)
    if dtype.is_complex:
        return complex(np.inf, np.inf)
    return dtype.kind == "b" or np.inf


sum_ = reduction(
    "sum", dtypes=NUMBERS, numpy=_fold(np.add), identity=lambda dtype: 0, cpu=_combine(add),
    ulp=64, extra={"pairwise": True},
    doc="Sum in the operand's dtype; in NumPy's order where that costs no speed.",
)  # fmt: skip

prod = reduction(
    "prod", dtypes=NUMBERS, numpy=_fold(np.multiply), identity=lambda dtype: 1,
    cpu=_product, ulp=64, doc="Product in the operand's dtype.",
)  # fmt: skip

max_ = reduction(
    "max", dtypes=ALL, numpy=_fold(np.maximum), identity=least, cpu=_extreme(True),
    has_identity=False, doc="Largest element; NaN where there is one.",
)  # fmt: skip

min_ = reduction(
    "min", dtypes=ALL, numpy=_fold(np.minimum), identity=greatest, cpu=_extreme(False),
    has_identity=False, doc="Smallest element; NaN where there is one.",
)  # fmt: skip

any_ = reduction(
    "any", dtypes=(BOOL,), numpy=_fold(np.logical_or), identity=lambda dtype: False,
    cpu=lambda e, x, y, **_: e.bit_or(x, y), extra={"absorbing": True},
    doc="Whether an element is true.",
)  # fmt: skip

all_ = reduction(
    "all", dtypes=(BOOL,), numpy=_fold(np.logical_and), identity=lambda dtype: True,
    cpu=lambda e, x, y, **_: e.bit_and(x, y), extra={"absorbing": False},
    doc="Whether all elements are true.",
)  # fmt: skip


def _replaces(largest: bool) -> Callable[..., Any]:
    """Whether `candidate` beats `best`: strictly, and a NaN beats every number."""

    def body(e: Any, best: Any, candidate: Any, **attributes: Any) -> Any:
        low, high = (best, candidate) if largest else (candidate, best)
        dtype = e.dtype(best)
        if dtype is BOOL:
            return e.bit_and(e.bit_not(low), high)
        if dtype.is_complex:
            beats = complex_bodies.less(e, low, high)
            new, old = complex_bodies.has_nan(e, candidate), complex_bodies.has_nan(e, best)
        elif dtype.is_float:
            beats = e.less(low, high)
            new, old = bodies.is_nan(e, candidate), bodies.is_nan(e, best)
        else:
            return e.less(low, high)
        return e.bit_and(e.bit_or(beats, new), e.bit_not(old))

    return body


def _position(function: Callable[..., Any]) -> Callable[..., Any]:
    def numpy(x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
        return function(np.asarray(x), axis=axes[0], keepdims=keepdims)

    return numpy


argmax = search(
    "argmax", numpy=_position(np.argmax), cpu=_replaces(True),
    doc="Position of the first largest element; of the first NaN where there is one.",
)  # fmt: skip

argmin = search(
    "argmin", numpy=_position(np.argmin), cpu=_replaces(False),
    doc="Position of the first smallest element; of the first NaN where there is one.",
)  # fmt: skip


def _running(ufunc: np.ufunc) -> Callable[..., Any]:
    def numpy(x: Any, *, axis: int) -> Any:
        x = np.asarray(x)
        return ufunc.accumulate(x, axis=axis, dtype=x.dtype)

    return numpy


def _negative_zero(dtype: DType) -> Any:
    """What leaves every number as it is, -0.0 too."""
    if dtype.is_complex:
        return complex(-0.0, -0.0)
    return -0.0 if dtype.is_float else 0


cumsum = scan(
    "cumsum", numpy=_running(np.add), identity=_negative_zero, cpu=_combine(add),
    doc="Running sum along an axis, in the operand's dtype and in order.",
)  # fmt: skip

cumprod = scan(
    "cumprod", numpy=_running(np.multiply), identity=lambda dtype: 1, cpu=_product,
    doc="Running product along an axis, in the operand's dtype and in order.",
)  # fmt: skip

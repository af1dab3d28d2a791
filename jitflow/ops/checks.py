"""Records of run-time checks: arithmetic of Python integers in 64 bits, and `require`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from jitflow.core.dtypes import F64, I64, U64
from jitflow.core.errors import CheckFailed
from jitflow.ops.bodies import is_negative, like
from jitflow.ops.kinds import Types, elementwise, is_bool_scalar
from jitflow.ops.record import Attributes, Kind, Operator, register
from jitflow.ops.samples import uniform


def _checked(function: Callable[[int, int], int]) -> Callable[..., Any]:
    """The integer operation on each pair of elements; CheckFailed where 64 bits do not hold it."""

    def numpy(x: Any, y: Any) -> np.ndarray:
        left, right = np.broadcast_arrays(np.asarray(x), np.asarray(y))
        values = [function(int(a), int(b)) for a, b in zip(left.flat, right.flat, strict=True)]
        if not all(-(2**63) <= value < 2**63 for value in values):
            raise CheckFailed("an integer does not fit in 64 bits")
        return np.array(values, np.int64).reshape(left.shape)

    return numpy


def _add(e: Any, x: Any, y: Any) -> Any:
    exact = e.overflowing("add", x, y)
    if exact is not None:
        return _unless(e, *exact)
    total = e.add(x, y)
    overflow = is_negative(e, e.bit_and(e.bit_xor(total, x), e.bit_xor(total, y)))
    return _unless(e, total, overflow)


def _subtract(e: Any, x: Any, y: Any) -> Any:
    exact = e.overflowing("sub", x, y)
    if exact is not None:
        return _unless(e, *exact)
    difference = e.subtract(x, y)
    overflow = is_negative(e, e.bit_and(e.bit_xor(x, y), e.bit_xor(difference, x)))
    return _unless(e, difference, overflow)


def _multiply(e: Any, x: Any, y: Any) -> Any:
    """Vectors are checked by the product in double precision, which is off by less than one part
    in 2**51: products within that of 2**63 fail too.
    """
    exact = e.overflowing("mul", x, y)
    if exact is not None:
        return _unless(e, *exact)
    estimate = e.absolute(e.multiply(e.cast(x, F64), e.cast(y, F64)))
    e.require(e.less(estimate, like(e, estimate, 2.0**63 * (1 - 2.0**-50))))
    return e.multiply(x, y)


def _unless(e: Any, result: Any, overflow: Any) -> Any:
    """The result; fails on overflow."""
    e.require(e.bit_not(overflow))
    return result


def _shift_left(e: Any, x: Any, count: Any) -> Any:
    """Checked by the shift back; a count out of ``[0, 64)`` fails."""
    is_inside = e.less(e.bitcast(count, U64), like(e, e.bitcast(count, U64), 64))
    distance = e.select(is_inside, count, like(e, count, 0))
    shifted = e.shift_left(x, distance)
    e.require(e.bit_and(is_inside, e.equal(e.shift_right(shifted, distance), x)))
    return shifted


def _python_shift(x: int, count: int) -> int:
    if not 0 <= count < 64:
        raise CheckFailed("a shift out of 64 bits")
    return x << count


_FACTORS = uniform((-1e6, 1e6), (-1e6, 1e6))


def _make(
    name: str,
    function: Callable[[int, int], int],
    body: Any,
    doc: str,
    samples: Any = _FACTORS,
) -> Operator:
    return elementwise(
        name,
        "x y",
        dtypes=(I64,),
        numpy=_checked(function),
        cpu=body,
        checks=True,
        samples=samples,
        doc=doc,
    )


checked_add = _make("checked_add", operator.add, _add, "Sum; fails on overflow.")
checked_subtract = _make(
    "checked_subtract", operator.sub, _subtract, "Difference; fails on overflow."
)
checked_multiply = _make("checked_multiply", operator.mul, _multiply, "Product; fails on overflow.")
checked_left_shift = _make(
    "checked_left_shift",
    _python_shift,
    _shift_left,
    "Left shift; fails on overflow and by counts out of 64 bits.",
    uniform((-1e6, 1e6), (0, 40)),
)


def _infer_require(types: Types, attributes: Attributes) -> Types:
    (condition,) = types
    if not is_bool_scalar(condition):
        raise TypeError(f"require takes bool[], not {condition}")
    return ()


def _require(condition: Any) -> tuple[()]:
    if not condition:
        raise CheckFailed("a run-time check does not hold")
    return ()


require = register(
    Operator(
        "require",
        Kind.SYMBOL,
        ("condition",),
        _infer_require,
        _require,
        cpu=lambda e, condition: e.require(condition),
        checks=True,
        doc="No result; the piece leaves with a failed check unless the condition holds.",
    )
)

"""Overflow of NumPy scalars: Python's operators on integers warn, unlike loops over arrays.

The result is the wrapped one either way. So a run-time check leaves the piece where the operation
overflows, and the eager run that follows warns (or raises) as NumPy does. Numbers that become
elements of integer arrays are checked too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jitflow.core.dtypes import F64, I64, DType
from jitflow.ir.graph import Value
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy.operands import Operand, cast, constant_as, emit, graph_value
from jitflow.tracer.values import ArrayValue, ConstantValue

_CHECKED = {
    "add": "checked_add",
    "subtract": "checked_subtract",
    "multiply": "checked_multiply",
}
_LARGE = 2.0**-50
"""Products in double precision are off by less than this part."""


def checked(
    context: TraceContext, ufunc: np.ufunc, items: list[Operand], dtype: DType
) -> Value | None:
    """Leave the piece where ``ufunc(*items)`` of integer scalars does not fit `dtype`.

    Gives the result where the check computes it anyway.
    """
    rule = _RULES.get(ufunc.__name__)
    if rule is None or dtype.kind not in "iu":
        return None
    values = [graph_value(context, item, dtype) for item in items]
    if dtype is I64 and rule is _arithmetic:
        return emit(context, _CHECKED[ufunc.__name__], *values)
    for condition in rule(context, ufunc.__name__, values, dtype):
        facts.require(context, condition)
    return None


def check_fits(context: TraceContext, number: Value, dtype: DType) -> None:
    """Leave the piece where ``int(number)`` of a scalar is not in the range of an integer `dtype`.

    An assignment of a number to elements converts it as Python does, and raises.
    """
    source = number.type.dtype
    if not dtype.is_integer or not (source.is_float or source.is_integer):
        return
    info = np.iinfo(dtype.numpy)
    low, high = int(info.min), int(info.max)
    if source.is_float:
        value = cast(context, number, F64)
        least, most = _float_limits(low, high)
        conditions = [
            emit(context, "less_equal", _limit(context, least, F64), value),
            emit(context, "less_equal", value, _limit(context, most, F64)),
        ]
    else:
        own = np.iinfo(source.numpy)
        conditions = []
        if own.min < low:
            conditions.append(emit(context, "less_equal", _limit(context, low, source), number))
        if own.max > high:
            conditions.append(emit(context, "less_equal", number, _limit(context, high, source)))
    for condition in conditions:
        facts.require(context, condition)


def stored(context: TraceContext, item: Operand, dtype: DType) -> Value:
    """An operand as an element of an array of `dtype`: NumPy takes its integers for ``int(item)``.

    Arrays, and numbers that become a whole array, are cast.
    """
    number, is_integer = item.value, item.dtype.is_integer and dtype.is_integer
    if not is_integer or item.weak is not None or isinstance(number, ArrayValue):
        return graph_value(context, item, dtype)
    if isinstance(number, ConstantValue):
        return graph_value(context, Operand(ConstantValue(int(number.value)), I64, int), dtype)
    value = graph_value(context, item)
    check_fits(context, value, dtype)
    return cast(context, value, dtype)


def _float_limits(low: int, high: int) -> tuple[float, float]:
    """The first and last double whose integer part is between two integers."""
    least, most = float(low - 1), float(high + 1)
    if least == low:  # it has no bits behind the point
        return least, float(np.nextafter(most, 0.0))
    return float(np.nextafter(least, 0.0)), float(np.nextafter(most, 0.0))


def _limit(context: TraceContext, number: float, dtype: DType) -> Value:
    return emit(context, "constant", value=constant_as(number, dtype))


def _arithmetic(context: TraceContext, name: str, values: list[Value], dtype: DType) -> list[Value]:
    if dtype.itemsize == 8 and dtype.kind == "u":
        return _unsigned_words(context, name, values, dtype)
    wide = [cast(context, value, I64) for value in values]
    return _within(context, emit(context, _CHECKED[name], *wide), dtype)


def _within(context: TraceContext, value: Value, dtype: DType) -> list[Value]:
    """That an i64 value is in the range of a narrower dtype."""
    info = np.iinfo(dtype.numpy)
    return [
        emit(context, "less_equal", _limit(context, int(info.min), I64), value),
        emit(context, "less_equal", value, _limit(context, int(info.max), I64)),
    ]


def _unsigned_words(
    context: TraceContext, name: str, values: list[Value], dtype: DType
) -> list[Value]:
    left, right = values
    if name == "subtract":
        return [emit(context, "less_equal", right, left)]
    if name == "add":
        return [emit(context, "less_equal", left, emit(context, "add", left, right))]
    one = _limit(context, 1, dtype)
    divisor = emit(context, "maximum", right, one)
    quotient = emit(context, "floor_divide", emit(context, "multiply", left, divisor), divisor)
    return [emit(context, "equal", quotient, left)]


def _power(context: TraceContext, name: str, values: list[Value], dtype: DType) -> list[Value]:
    base, exponent = (cast(context, value, F64) for value in values)
    size = emit(context, "power", emit(context, "absolute", base), exponent)
    limit = float(np.iinfo(dtype.numpy).max) * (1 - _LARGE)
    return [emit(context, "less_equal", size, _limit(context, limit, F64))]


def _negative(context: TraceContext, name: str, values: list[Value], dtype: DType) -> list[Value]:
    if dtype.kind == "u":
        return [emit(context, "equal", values[0], _limit(context, 0, dtype))]
    return _absolute(context, name, values, dtype)


def _absolute(context: TraceContext, name: str, values: list[Value], dtype: DType) -> list[Value]:
    if dtype.kind == "u":
        return []
    least = _limit(context, int(np.iinfo(dtype.numpy).min), dtype)
    return [emit(context, "not_equal", values[0], least)]


def _division(context: TraceContext, name: str, values: list[Value], dtype: DType) -> list[Value]:
    zero = _limit(context, 0, dtype)
    conditions = [emit(context, "not_equal", values[1], zero)]
    if dtype.kind == "i" and name != "remainder":
        least = _limit(context, int(np.iinfo(dtype.numpy).min), dtype)
        fits = emit(context, "not_equal", values[0], least)
        other = emit(context, "not_equal", values[1], _limit(context, -1, dtype))
        conditions.append(emit(context, "logical_or", fits, other))
    return conditions


_Rule = Callable[[TraceContext, str, list[Value], DType], list[Value]]
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(_CHECKED, _arithmetic),
    **dict.fromkeys(("floor_divide", "remainder", "divmod"), _division),
    "power": _power,
    "square": _power,
    "negative": _negative,
    "absolute": _absolute,
}

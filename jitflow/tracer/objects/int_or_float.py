"""Numbers that are ints in some calls and floats in others: `IntOrFloatValue`.

``max(0, x)`` is one, and ``total = 0`` to which floats are added under a condition. A float64 holds
them, which is exact for the ints that may occur: what would make them too large is declined.
With a float they mean the same operation; with another int the result is again one or the other.
"""

from __future__ import annotations

import numpy as np

from jitflow.core.dtypes import BOOL, F16, F64, I64
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer.context import TraceContext
from jitflow.tracer.objects import scalars
from jitflow.tracer.objects.number_values import box_of, boxed, constant_float, graph_value
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    IntOrFloatValue,
    PyValue,
    ScalarValue,
)

LARGEST = 2**53
_STEPS = tuple(2**power for power in (10, 20, 30, 40, 53))
"""Bounds of the ints are rounded up to one of these, so that those of a loop settle soon."""

Held = tuple[Value, Value, int]
"""The number (f64[]), whether it is a float (bool[]), a bound of the ints."""


def bound_of(number: int) -> int:
    """The bound to keep for ints up to `number`; JF-B010 where a float64 may not hold them."""
    for step in _STEPS:
        if number <= step:
            return step
    raise Unsupported("JF-B010", "an int or a float that is too large for a float64")


def as_float(value: PyValue) -> PyValue:
    """The float that is equal to a number of either type; any other value as it is."""
    if isinstance(value, IntOrFloatValue):
        return ScalarValue("float", F64, value.value)
    return value


def fits_numpy(other: PyValue) -> bool:
    """Whether an int and a float mean the same beside `other`, which is NumPy's."""
    if isinstance(other, ArrayValue | ScalarValue):
        return other.dtype.kind in "fc" and other.dtype is not F16
    return isinstance(other, ConstantValue) and other.value.dtype.kind in "fc"


def beside(left: PyValue, right: PyValue) -> tuple[PyValue, PyValue]:
    """The operands of an operation as floats where the other one is NumPy's."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, IntOrFloatValue) and _is_numpys(other):
            if not fits_numpy(other):
                raise unknown()
            return as_float(left), as_float(right)
    return left, right


def _is_numpys(value: PyValue) -> bool:
    if isinstance(value, ConstantValue):
        return isinstance(value.value, np.generic)
    return isinstance(value, ArrayValue) or getattr(value, "box", "") == "scalar"


def choose(
    context: TraceContext, condition: Value, left: PyValue, right: PyValue
) -> PyValue | None:
    """``left if condition else right`` of ints and floats; None of anything else."""
    if not _is_mixed(left, right):
        return None
    first, second = (_held(context, value) for value in (left, right))
    number = context.builder.emit("where", condition, first[0], second[0])
    is_float = context.builder.emit("where", condition, first[1], second[1])
    return IntOrFloatValue(number, is_float, max(first[2], second[2]))


def _is_mixed(*values: PyValue) -> bool:
    if any(isinstance(value, IntOrFloatValue) for value in values):
        return all(isinstance(v, IntOrFloatValue) or box_of(v) in ("int", "float") for v in values)
    return {box_of(value) for value in values} == {"int", "float"}


def _held(context: TraceContext, value: PyValue) -> Held:
    if isinstance(value, IntOrFloatValue):
        return value.value, value.is_float, value.largest
    if box_of(value) == "float":
        return graph_value(context, value, F64), context.truth(True), 0
    bound = LARGEST
    if isinstance(value, ConstantValue):
        bound = bound_of(abs(value.value))
    scalars.require_exact_float(context, value)
    return graph_value(context, value, F64), context.truth(False), bound


def binary(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right`` of such numbers and Python's."""
    boxes = {box_of(value) for value in (left, right) if not isinstance(value, IntOrFloatValue)}
    small = all(isinstance(v, IntOrFloatValue | ConstantValue) for v in (left, right))
    if (boxes <= {"float", "complex"} and boxes) or (op == "/" and small and boxes <= {"int"}):
        return scalars.binary(context, op, as_float(left), as_float(right))
    if op not in ("+", "-", "*") or not _is_mixed(left, right):
        raise unknown()
    sides = [_held(context, value) for value in (left, right)]
    number = graph_value(context, scalars.binary(context, op, *map(_float, sides)), F64)
    largest = sides[0][2] * sides[1][2] if op == "*" else sides[0][2] + sides[1][2]
    is_float = context.builder.emit("logical_or", sides[0][1], sides[1][1])
    return _made(context, number, is_float, bound_of(largest))


def _float(held: Held) -> PyValue:
    return ScalarValue("float", F64, held[0])


def _made(context: TraceContext, number: Value, is_float: Value, largest: int) -> PyValue:
    """A result; the int 0 is no negative zero."""
    emit = context.builder.emit
    positive = emit("add", number, constant_float(context, 0.0))
    return IntOrFloatValue(emit("where", is_float, number, positive), is_float, largest)


def compare(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right`` of such numbers and Python's."""
    if not all(isinstance(v, IntOrFloatValue) or box_of(v) for v in (left, right)):
        raise unknown()
    return scalars.compare(context, op, as_float(left), as_float(right))


def unary(context: TraceContext, op: str, value: IntOrFloatValue) -> PyValue:
    """``-``, ``+``, or ``abs`` for `op` "abs"."""
    if op == "+":
        return value
    if op == "~":
        raise unknown()
    record = {"-": "negative", "abs": "absolute"}[op]
    number = boxed("float", context.builder.emit(record, value.value))
    return _made(context, graph_value(context, number, F64), value.is_float, value.largest)


def truth(context: TraceContext, value: IntOrFloatValue) -> PyValue:
    """``bool(value)``."""
    return scalars.truth(context, ScalarValue("float", F64, value.value))


def sides(context: TraceContext, value: IntOrFloatValue) -> tuple[PyValue, PyValue, PyValue]:
    """Whether it is a float, the float that it may be, the int that it may be."""
    emit = context.builder.emit
    harmless = emit("where", value.is_float, constant_float(context, 0.0), value.value)
    integer = boxed("int", emit("cast", harmless, dtype=I64))
    return ScalarValue("bool", BOOL, value.is_float), as_float(value), integer


def unknown() -> Unsupported:
    """What is raised where the type decides."""
    return Unsupported("JF-B005", "a number is int or float")

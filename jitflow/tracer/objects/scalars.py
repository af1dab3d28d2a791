"""Arithmetic and comparison of Python numbers, at least one of them known only at run time.

A float or complex is a rank-0 graph value; `integers` has the ints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.core.dtypes import BOOL, C128, F64, I64
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.objects import integers
from jitflow.tracer.objects.number_values import (
    DTYPES,
    RECORDS,
    box_of,
    boxed,
    constant_float,
    dim_of,
    graph_value,
)
from jitflow.tracer.values import ConstantValue, PyValue, ScalarValue

if TYPE_CHECKING:
    from jitflow.tracer.objects import equal_numbers, powers
else:
    equal_numbers = LazyModule("jitflow.tracer.objects.equal_numbers")
    powers = LazyModule("jitflow.tracer.objects.powers")

_EXACT = 2**53
_RANK = {"bool": 0, "int": 1, "float": 2, "complex": 3}


def binary(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right`` of two Python numbers, at least one known only at run time."""
    if box_of(left) is None or box_of(right) is None:
        raise TypeError("not Python numbers")
    return equal_numbers.get(
        context, op, (left, right), lambda: _computed(context, op, left, right)
    )


def _computed(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    boxes = box_of(left), box_of(right)
    if op == "**":
        return powers.power(context, left, right)
    kind = max(boxes, key=lambda box: _RANK[box])  # type: ignore[index]
    if kind == "bool":
        return _booleans(context, op, left, right)
    if kind == "int":
        if op == "/":
            return _true_divided(context, left, right)
        return integers.binary(context, op, left, right)
    if kind == "float":
        return _floats(context, op, left, right)
    return _complexes(context, op, left, right)


def _booleans(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    names = {"&": "logical_and", "|": "logical_or", "^": "logical_xor"}
    if op in names:
        operands = (graph_value(context, left, BOOL), graph_value(context, right, BOOL))
        return boxed("bool", context.builder.emit(names[op], *operands))
    if op == "/":
        return _true_divided(
            context, integers.as_int(context, left), integers.as_int(context, right)
        )
    return integers.binary(context, op, left, right)


def _true_divided(context: TraceContext, left: PyValue, right: PyValue) -> PyValue:
    """Exact as Python's as long as both operands are exact in a float."""
    for operand in (left, right):
        require_exact_float(context, operand)
    return _floats(context, "/", left, right)


def require_exact_float(context: TraceContext, value: PyValue) -> None:
    """Rely on an integer being representable as a float."""
    if box_of(value) != "int" or (isinstance(value, ConstantValue) and abs(value.value) <= _EXACT):
        return
    dim = dim_of(value)
    if dim is not None and integers.fits(context, dim * 2**10):
        return
    if isinstance(value, ConstantValue):
        raise Unsupported("JF-B010", "an integer that is not exact in a float")
    number = graph_value(context, value, I64)
    limit = context.builder.emit("dimension", dim=_EXACT)
    low = context.builder.emit("dimension", dim=-_EXACT)
    facts.require(context, context.builder.emit("less_equal", number, limit))
    facts.require(context, context.builder.emit("less_equal", low, number))


def _floats(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    names = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}
    names |= {"//": "floor_divide", "%": "remainder"}
    if op not in names:
        raise Unsupported("JF-B009", f"TypeError: unsupported operand types for {op}")
    a, b = graph_value(context, left, F64), graph_value(context, right, F64)
    if op in ("/", "//", "%"):
        _require_nonzero(context, right, b)
    return boxed("float", context.builder.emit(names[op], a, b))


def _require_nonzero(context: TraceContext, value: PyValue, number: Value) -> None:
    """Python raises ZeroDivisionError: the piece is run again as Python then."""
    if isinstance(value, ConstantValue):
        if value.value == 0:
            raise Unsupported("JF-B009", "ZeroDivisionError")
        return
    zero = constant_float(context, 0.0)
    facts.require(context, context.builder.emit("not_equal", number, zero))


def _complexes(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    names = {"+": "add", "-": "subtract", "*": "multiply"}
    a, b = graph_value(context, left, C128), graph_value(context, right, C128)
    if op == "/":
        return boxed("complex", _complex_quotient(context, a, b))
    if op not in names:
        raise Unsupported("JF-B009", f"TypeError: unsupported operand types for {op}")
    return boxed("complex", context.builder.emit(names[op], a, b))


def _complex_quotient(context: TraceContext, a: Value, b: Value) -> Value:
    """By Smith's method as CPython has it (`_Py_c_quot`): not the roundings of NumPy's."""
    emit = context.builder.emit
    x, y = ((emit("real", value), emit("imag", value)) for value in (a, b))
    sizes = [emit("absolute", part) for part in y]
    facts.require(context, emit("not_equal", b, graph_value(context, ConstantValue(0j), C128)))
    is_wide = emit("greater_equal", *sizes)
    larger, smaller = emit("where", is_wide, *y), emit("where", is_wide, y[1], y[0])
    ratio = emit("divide", smaller, larger)
    scale = emit("add", larger, emit("multiply", smaller, ratio))
    near, far = emit("where", is_wide, *x), emit("where", is_wide, x[1], x[0])
    real = emit("divide", emit("add", near, emit("multiply", far, ratio)), scale)
    turned = emit("subtract", far, emit("multiply", near, ratio))
    other = emit("subtract", emit("multiply", near, ratio), far)
    imaginary = emit("divide", emit("where", is_wide, turned, other), scale)
    return emit("complex", real, imaginary)


def compare(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right`` of two Python numbers, at least one known only at run time."""
    kinds = {box_of(left), box_of(right)}
    if kinds <= {"int", "bool"}:
        return integers.compare(context, op, left, right)
    if "complex" in kinds and op not in ("==", "!="):
        raise Unsupported("JF-B009", "TypeError: complex numbers are not ordered")
    dtype = C128 if "complex" in kinds else F64
    for operand in (left, right):
        require_exact_float(context, operand)
    a, b = graph_value(context, left, dtype), graph_value(context, right, dtype)
    return boxed("bool", context.builder.emit(RECORDS[op], a, b))


def unary(context: TraceContext, op: str, value: PyValue) -> PyValue:
    """``-value``, ``+value`` or ``~value`` of a Python number known only at run time."""
    box = box_of(value)
    if box in ("bool", "int"):
        return integers.unary(context, op, value)
    if op == "~" or box is None:
        raise Unsupported("JF-B009", f"TypeError: bad operand type for unary {op}")
    if op == "+":
        return value
    number = graph_value(context, value, DTYPES[box])
    return boxed(box, context.builder.emit("negative", number))


def truth(context: TraceContext, value: ScalarValue) -> PyValue:
    """``bool(value)`` of a Python number known only at run time."""
    if value.box == "bool":
        return value
    zero = ConstantValue({"int": 0, "float": 0.0, "complex": 0j}[value.box])
    return compare(context, "!=", value, zero)


def logical_not(context: TraceContext, value: PyValue) -> PyValue:
    """``not value`` of the result of `truth`."""
    if isinstance(value, ConstantValue):
        return ConstantValue(not value.value)
    number = graph_value(context, value, BOOL)
    return boxed("bool", context.builder.emit("logical_not", number))

"""Python numbers at trace time: what type one has, its graph value, constants made by Python."""

from __future__ import annotations

import operator as python_operator
from collections.abc import Callable
from typing import Any

from jitflow.core.dataclass import replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BOOL, C128, F64, I64, DType
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.values import ConstantValue, PyValue, ScalarValue

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": python_operator.add,
    "-": python_operator.sub,
    "*": python_operator.mul,
    "/": python_operator.truediv,
    "//": python_operator.floordiv,
    "%": python_operator.mod,
    "**": python_operator.pow,
    "@": python_operator.matmul,
    "&": python_operator.and_,
    "|": python_operator.or_,
    "^": python_operator.xor,
    "<<": python_operator.lshift,
    ">>": python_operator.rshift,
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "-": python_operator.neg,
    "+": python_operator.pos,
    "~": python_operator.invert,
    "not": python_operator.not_,
}
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": python_operator.lt,
    "<=": python_operator.le,
    "==": python_operator.eq,
    "!=": python_operator.ne,
    ">": python_operator.gt,
    ">=": python_operator.ge,
}
RECORDS = {
    "<": "less",
    "<=": "less_equal",
    "==": "equal",
    "!=": "not_equal",
    ">": "greater",
    ">=": "greater_equal",
}
DTYPES = {"bool": BOOL, "int": I64, "float": F64, "complex": C128}
_CLASSES = {bool: "bool", int: "int", float: "float", complex: "complex"}


def box_of(value: PyValue) -> str | None:
    """``"bool"``, ``"int"``, ``"float"`` or ``"complex"`` for a Python number, else None."""
    if isinstance(value, ScalarValue):
        return value.box if value.box != "scalar" else None
    if isinstance(value, ConstantValue):
        return _CLASSES.get(type(value.value))
    return None


def boxed(box: str, value: Value) -> ScalarValue:
    """A Python number whose graph value is `value`; its arithmetic gives no warnings."""
    if value.producer is not None:
        value.producer.location = replace(value.producer.location, quiet=True)
    return ScalarValue(box, DTYPES[box], value)


def integer(context: TraceContext, dim: Dim) -> PyValue:
    """The Python int that a dimension is."""
    if isinstance(dim, int):
        return ConstantValue(dim)
    return ScalarValue("int", I64, None, dim)


def dim_of(value: PyValue) -> Dim | None:
    """The exact expression of an integer, where it has one."""
    if isinstance(value, ConstantValue) and type(value.value) in (int, bool):
        return int(value.value)
    return value.dim if isinstance(value, ScalarValue) else None


def graph_value(context: TraceContext, value: PyValue, dtype: DType) -> Value:
    """The rank-0 graph value of a Python number, converted as Python converts it."""
    if isinstance(value, ConstantValue):
        number = _converted(value.value, dtype)
        return context.scalar_graph_value(ConstantValue(number), dtype)
    return context.scalar_graph_value(value, dtype)


def _converted(number: Any, dtype: DType) -> Any:
    """A constant as the Python type of `dtype`."""
    try:
        result = {"b": bool, "i": int, "f": float, "c": complex}[dtype.kind](number)
    except OverflowError:
        raise Unsupported("JF-B009", "int too large to convert to float") from None
    if dtype is I64 and not -(2**63) <= result < 2**63:
        raise Unsupported("JF-B010", "an integer of more than 64 bits")
    return result


def specialise(context: TraceContext, value: ScalarValue) -> ConstantValue:
    """An integer fixed to its value in the traced call; JF-B010 where that is not known."""
    known = facts.fixed(context, value.dim)
    if known is None:
        is_known = value.dim is not None and facts.evaluate(context, value.dim) is not None
        why = "that is another one each time" if is_known else "known only at run time"
        raise Unsupported("JF-B010", f"an {value.box} {why}")
    return ConstantValue(known)


def constant_float(context: TraceContext, number: float) -> Value:
    """The graph value of a float constant."""
    return context.scalar_graph_value(ConstantValue(number), F64)


def require_finite(context: TraceContext, result: Value, *operands: Value) -> None:
    """Python raises OverflowError where finite operands give an infinite result."""
    emit = context.builder.emit
    finite = emit("isfinite", result)
    for operand in operands:
        finite = emit("logical_or", finite, emit("logical_not", emit("isfinite", operand)))
    facts.require(context, finite)


def constant_binary(op: str, left: PyValue, right: PyValue) -> ConstantValue:
    """The operator on two constants, computed by Python."""
    if not isinstance(left, ConstantValue) or not isinstance(right, ConstantValue):
        raise TypeError("not constants")
    _refuse_large(op, left.value, right.value)
    return evaluate(BINARY[op], left.value, right.value)


def evaluate(function: Callable[..., Any], *operands: Any) -> ConstantValue:
    """A constant computed by Python; what raises is left to Python at run time."""
    try:
        return ConstantValue(function(*operands))
    except Exception as error:
        raise Unsupported("JF-B009", f"{type(error).__name__}: {error}") from None


def _refuse_large(op: str, left: Any, right: Any) -> None:
    """Keep trace time bounded: no gigantic integers or strings."""
    if op in ("**", "<<") and isinstance(left, int) and isinstance(right, int):
        size = right if op == "<<" else left.bit_length() * right
        if size > 100_000:
            raise Unsupported("JF-B010", f"{op} with a gigantic result")
    if op == "*" and isinstance(left, str | bytes | int) and isinstance(right, str | bytes | int):
        sizes = [v if isinstance(v, int) else len(v) for v in (left, right)]
        if not (isinstance(left, int) and isinstance(right, int)) and sizes[0] * sizes[1] > 10**6:
            raise Unsupported("JF-B010", "repetition with a gigantic result")

"""Arithmetic and comparison of Python integers, at least one of them known only at run time.

An integer is an exact polynomial over symbols as long as it provably fits 64 bits, else checked
64-bit arithmetic; where neither serves it is specialised to its value in the traced call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import DimensionOf, Value
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.objects.number_values import (
    BINARY,
    RECORDS,
    boxed,
    constant_binary,
    dim_of,
    graph_value,
    integer,
    specialise,
)
from jitflow.tracer.values import ConstantValue, PyValue, ScalarValue

if TYPE_CHECKING:
    from jitflow.tracer import conditions
else:
    conditions = LazyModule("jitflow.tracer.conditions")

_BITWISE = {"&": "bitwise_and", "|": "bitwise_or", "^": "bitwise_xor"}


def as_int(context: TraceContext, value: PyValue) -> PyValue:
    """A bool as the int that it is; an int as it is."""
    if isinstance(value, ScalarValue) and value.box == "bool":
        return boxed("int", context.scalar_graph_value(value, I64))
    if isinstance(value, ConstantValue):
        return ConstantValue(int(value.value))
    return value


def binary(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right`` of two ints or bools; any operator but ``/``."""
    left, right = as_int(context, left), as_int(context, right)
    if op in ("+", "-", "*"):
        return linear(context, op, left, right)
    if op in ("//", "%"):
        return _divided(context, op, left, right)
    if op in _BITWISE:
        operands = _operands(context, left, right)
        return checked(context, op, _BITWISE[op], operands, left, right)
    if op in ("<<", ">>"):
        return shifted(context, op, left, right)
    return constant(context, op, left, right)


def unary(context: TraceContext, op: str, value: PyValue) -> PyValue:
    """``-value``, ``+value`` or ``~value`` of an int or bool."""
    value = as_int(context, value)
    if op == "+":
        return value
    return linear(context, "-", ConstantValue({"-": 0, "~": -1}[op]), value)


def _operands(context: TraceContext, left: PyValue, right: PyValue) -> tuple[Value, Value]:
    return graph_value(context, left, I64), graph_value(context, right, I64)


def shifted(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """A shift; by a negative count, and out of 64 bits, it is left to Python."""
    emit = context.builder.emit
    if isinstance(right, ConstantValue) and right.value < 0:
        raise Unsupported("JF-B009", "ValueError: negative shift count")
    if not _stays_small(context, op, left, right):
        return constant(context, op, left, right)
    number, count = _operands(context, left, right)
    if op == "<<":
        return checked(context, op, "checked_left_shift", (number, count), left, right)
    if not isinstance(right, ConstantValue):
        zero = graph_value(context, ConstantValue(0), I64)
        facts.require(context, emit("less_equal", zero, count))
    return checked(context, op, "right_shift", (number, count), left, right)


def _stays_small(context: TraceContext, op: str, left: PyValue, right: PyValue) -> bool:
    """Whether a shift has a result of 64 bits in the traced call, as far as that is known."""
    dims_of = (dim_of(left), dim_of(right))
    known = [None if dim is None else facts.evaluate(context, dim) for dim in dims_of]
    if known[1] is not None and (known[1] < 0 or (op == "<<" and known[1] > 63)):
        return False
    if op == ">>" or None in known:
        return True
    result: int = BINARY[op](*known)
    return -(2**63) <= result < 2**63


def linear(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """A sum, difference or product."""
    a, b = dim_of(left), dim_of(right)
    if a is not None and b is not None:
        dim: Dim = BINARY[op](a, b)
        if fits(context, dim):
            return integer(context, dim)
    name = {"+": "checked_add", "-": "checked_subtract", "*": "checked_multiply"}[op]
    operands = _operands(context, left, right)
    return checked(context, op, name, operands, left, right)


def checked(
    context: TraceContext,
    op: str,
    record: str,
    operands: tuple[Value, Value],
    left: PyValue,
    right: PyValue,
) -> ScalarValue:
    """An integer that a node gives; with its value in the traced call where that is known."""
    result = boxed("int", context.builder.emit(record, *operands))
    known = [
        None if dim is None else facts.evaluate(context, dim)
        for dim in (dim_of(left), dim_of(right))
    ]
    if None not in known and result.value is not None:
        result.dim = facts.late_symbol(context, result.value, BINARY[op](*known))
    return result


def fits(context: TraceContext, dim: Dim) -> bool:
    """Whether a polynomial provably stays within 64 bits, adding guards on inputs for it."""
    if isinstance(dim, int):
        return -(2**63) <= dim < 2**63
    total = 0
    for monomial, coefficient in dim.terms:
        bound = abs(coefficient)
        for name in monomial:
            limit = _limit(context, name, len(monomial))
            if limit is None:
                return False
            bound *= limit
        total += bound
    return total < 2**63


def _limit(context: TraceContext, name: str, degree: int) -> int | None:
    """A bound of a symbol's magnitude: of memory for extents, guarded for integer inputs."""
    if name in context.ranges:
        return _limit_of_range(context, name, degree)
    if name in context.late_symbols:
        limit = context.objects.limits.get(name)
        return limit if limit is None or degree == 1 or limit <= 2**31 else None
    definition = context.builder.graph.symbols.get(name)
    value = None if definition is None else definition.value
    is_input = value is not None and any(value is known for known in context.builder.graph.inputs)
    if not is_input:
        return 2**47 if degree == 1 else 2**31  # an index of a loop that ends in finite time
    if degree == 1 and isinstance(definition, DimensionOf):
        return 2**47
    known = context.trace_values.get(name)
    if known is None or abs(known) > 2**31:
        return None
    facts.rely_on(context, dims.symbol(name), "<=", 2**31)
    if not isinstance(definition, DimensionOf):
        facts.rely_on(context, -(2**31), "<=", dims.symbol(name))
    return 2**31


def _limit_of_range(context: TraceContext, name: str, degree: int) -> int | None:
    """A bound of the index of a loop, from those of the bounds of its range."""
    largest = 2**47 if degree == 1 else 2**31
    for limits in context.ranges[name]:
        found = [_magnitude(context, limit, degree) for limit in limits]
        known = [bound for bound in found if bound is not None]
        if not known or min(known) > largest:
            return None
    return largest


def _magnitude(context: TraceContext, dim: Dim, degree: int) -> int | None:
    if isinstance(dim, int):
        return abs(dim)
    total = 0
    for monomial, coefficient in dim.terms:
        bound = abs(coefficient)
        for symbol in monomial:
            limit = _limit(context, symbol, max(degree, len(monomial)))
            if limit is None:
                return None
            bound *= limit
        total += bound
    return total


def _divided(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    a, b = dim_of(left), dim_of(right)
    if isinstance(right, ConstantValue):
        if right.value == 0:
            raise Unsupported("JF-B009", "ZeroDivisionError: integer division or modulo by zero")
        if right.value == -1:
            negated = linear(context, "-", ConstantValue(0), left)
            return negated if op == "//" else ConstantValue(0)
        exact = None if a is None else facts.divide_exactly(context, a, right.value)
        if exact is not None:
            return integer(context, exact) if op == "//" else ConstantValue(0)
    elif b is not None and facts.evaluate(context, b) is not None:
        if not facts.decide(context, 1, "<=", b):
            return constant(context, op, left, right)
    else:
        divisor, zero = _operands(context, right, ConstantValue(0))
        facts.require(context, context.builder.emit("not_equal", divisor, zero))
    name = "floor_divide" if op == "//" else "remainder"
    operands = _operands(context, left, right)
    result = checked(context, op, name, operands, left, right)
    if isinstance(right, ConstantValue) and isinstance(result.dim, dims.SymbolicDim):
        small = op == "%" and abs(right.value) <= 2**31
        if small or (a is not None and fits(context, a * 2**15)):
            context.objects.limits[str(result.dim)] = abs(right.value) if small else 2**47
    return result


def constant(context: TraceContext, op: str, left: PyValue, right: PyValue) -> ConstantValue:
    """The operator on the values that the operands have in the traced call."""
    return constant_binary(op, *(_fixed(context, value) for value in (left, right)))


def _fixed(context: TraceContext, value: PyValue) -> PyValue:
    return specialise(context, value) if isinstance(value, ScalarValue) else value


def compare(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right`` of two ints or bools, as a Python bool."""
    left, right = as_int(context, left), as_int(context, right)
    a, b = dim_of(left), dim_of(right)
    if a is not None and b is not None:
        if op in (">", ">="):
            a, b, op = b, a, {">": "<", ">=": "<="}[op]
        proved = facts.prove(context, a, op, b)
        if proved is not None:
            return ConstantValue(proved)
        if None not in (facts.evaluate(context, a), facts.evaluate(context, b)):
            if op in ("==", "!="):
                conditions.check_not_counter(context, a, b)
            return ConstantValue(facts.decide(context, a, op, b))
        operands = [context.builder.emit("dimension", dim=dim) for dim in (a, b)]
    else:
        operands = [graph_value(context, operand, I64) for operand in (left, right)]
    return boxed("bool", context.builder.emit(RECORDS[op], *operands))

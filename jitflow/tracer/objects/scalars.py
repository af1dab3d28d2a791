"""Arithmetic and comparison of Python numbers, known at trace time or only at run time.

Numbers that are constants are computed by Python itself. A float or complex known at run time is
a rank-0 graph value. An integer known at run time is an exact polynomial over symbols as long as it
provably fits 64 bits, else checked 64-bit arithmetic; where neither serves it is specialised to its
value in the traced call.
"""

from __future__ import annotations

import operator as python_operator
from collections.abc import Callable
from typing import Any

from jitflow.core import dims
from jitflow.core.dataclass import replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BOOL, C128, F64, I64, DType
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import DimensionOf, Value
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
_EXACT = 2**53
_RANK = {"bool": 0, "int": 1, "float": 2, "complex": 3}
_DTYPES = {"bool": BOOL, "int": I64, "float": F64, "complex": C128}
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
    return ScalarValue(box, _DTYPES[box], value)


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
    known = None if value.dim is None else facts.evaluate(context, value.dim)
    if known is None or value.dim is None:
        raise Unsupported("JF-B010", f"{value.box} known only at run time")
    facts.rely_on(context, value.dim, "==", known)
    return ConstantValue(known)


def binary(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right`` of two Python numbers, at least one known only at run time."""
    boxes = box_of(left), box_of(right)
    if None in boxes:
        raise TypeError("not Python numbers")
    kind = max(boxes, key=lambda box: _RANK[box])  # type: ignore[index]
    if kind == "bool":
        return _booleans(context, op, left, right)
    if kind == "int":
        return _integers(context, op, _as_int(context, left), _as_int(context, right))
    if kind == "float":
        return _floats(context, op, left, right)
    return _complexes(context, op, left, right)


def _booleans(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    names = {"&": "logical_and", "|": "logical_or", "^": "logical_xor"}
    if op in names:
        operands = (graph_value(context, left, BOOL), graph_value(context, right, BOOL))
        return boxed("bool", context.builder.emit(names[op], *operands))
    return _integers(context, op, _as_int(context, left), _as_int(context, right))


def _as_int(context: TraceContext, value: PyValue) -> PyValue:
    if isinstance(value, ScalarValue) and value.box == "bool":
        return boxed("int", context.scalar_graph_value(value, I64))
    if isinstance(value, ConstantValue):
        return ConstantValue(int(value.value))
    return value


# Integers


def _integers(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    if op in ("+", "-", "*"):
        return _linear(context, op, left, right)
    if op in ("//", "%"):
        return _divided(context, op, left, right)
    if op == "/":
        return _true_divided(context, left, right)
    if op in ("&", "|", "^"):
        name = {"&": "bitwise_and", "|": "bitwise_or", "^": "bitwise_xor"}[op]
        operands = (graph_value(context, left, I64), graph_value(context, right, I64))
        return _integer_result(context, op, name, operands, left, right)
    if op == "**" and isinstance(right, ConstantValue) and 0 < right.value <= 8:
        result = left
        for _ in range(right.value - 1):
            result = _linear(context, "*", result, left)
        return result
    fixed = [specialise(context, v) if isinstance(v, ScalarValue) else v for v in (left, right)]
    return constant_binary(op, fixed[0], fixed[1])


def _linear(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    a, b = dim_of(left), dim_of(right)
    if a is not None and b is not None:
        dim: Dim = BINARY[op](a, b)
        if fits(context, dim):
            return integer(context, dim)
    name = {"+": "checked_add", "-": "checked_subtract", "*": "checked_multiply"}[op]
    operands = (graph_value(context, left, I64), graph_value(context, right, I64))
    facts.before_check(context, *operands)
    return _integer_result(context, op, name, operands, left, right)


def _integer_result(
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
            negated = _linear(context, "-", ConstantValue(0), left)
            return negated if op == "//" else ConstantValue(0)
        exact = None if a is None else facts.divide_exactly(context, a, right.value)
        if exact is not None:
            return integer(context, exact) if op == "//" else ConstantValue(0)
    elif b is not None and facts.evaluate(context, b) is not None:
        if not facts.decide(context, 1, "<=", b):
            return constant_binary(op, _fixed(context, left), _fixed(context, right))
    else:
        one = context.builder.emit("dimension", dim=1)
        divisor = graph_value(context, right, I64)
        facts.require(context, context.builder.emit("less_equal", one, divisor))
    name = "floor_divide" if op == "//" else "remainder"
    operands = (graph_value(context, left, I64), graph_value(context, right, I64))
    result = _integer_result(context, op, name, operands, left, right)
    if isinstance(right, ConstantValue) and isinstance(result.dim, dims.SymbolicDim):
        small = op == "%" and abs(right.value) <= 2**31
        if small or (a is not None and fits(context, a * 2**15)):
            context.objects.limits[str(result.dim)] = abs(right.value) if small else 2**47
    return result


def _fixed(context: TraceContext, value: PyValue) -> PyValue:
    return specialise(context, value) if isinstance(value, ScalarValue) else value


def _true_divided(context: TraceContext, left: PyValue, right: PyValue) -> PyValue:
    """Exact as Python's as long as both operands are exact in a float."""
    for operand in (left, right):
        _require_exact_float(context, operand)
    return _floats(context, "/", left, right)


def _require_exact_float(context: TraceContext, value: PyValue) -> None:
    """Rely on an integer being representable as a float."""
    if box_of(value) != "int" or (isinstance(value, ConstantValue) and abs(value.value) <= _EXACT):
        return
    dim = dim_of(value)
    if dim is not None and fits(context, dim * 2**10):
        return
    if isinstance(value, ConstantValue):
        raise Unsupported("JF-B010", "an integer that is not exact in a float")
    number = graph_value(context, value, I64)
    limit = context.builder.emit("dimension", dim=_EXACT)
    low = context.builder.emit("dimension", dim=-_EXACT)
    facts.require(context, context.builder.emit("less_equal", number, limit))
    facts.require(context, context.builder.emit("less_equal", low, number))


# Floats


def _floats(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    if op == "**":
        return _float_power(context, left, right)
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


def constant_float(context: TraceContext, number: float) -> Value:
    """The graph value of a float constant."""
    return context.scalar_graph_value(ConstantValue(number), F64)


def _float_power(context: TraceContext, left: PyValue, right: PyValue) -> PyValue:
    """``**``: a complex result, a zero to a negative power and an overflow are left to Python."""
    emit = context.builder.emit
    a, b = graph_value(context, left, F64), graph_value(context, right, F64)
    exponent = right.value if isinstance(right, ConstantValue) else None
    whole = exponent is not None and float(exponent).is_integer()
    zero = constant_float(context, 0.0)
    if exponent is None or exponent < 0:
        facts.require(context, emit("not_equal", a, zero))
    if not whole:
        facts.require(context, emit("less_equal", zero, a))
    if exponent == 1:
        return boxed("float", a)
    result = emit("multiply", a, a) if exponent == 2 else emit("power", a, b)
    require_finite(context, result, a, b)
    return boxed("float", result)


def require_finite(context: TraceContext, result: Value, *operands: Value) -> None:
    """Python raises OverflowError where finite operands give an infinite result."""
    emit = context.builder.emit
    finite = emit("isfinite", result)
    for operand in operands:
        finite = emit("logical_or", finite, emit("logical_not", emit("isfinite", operand)))
    facts.require(context, finite)


def _complexes(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    names = {"+": "add", "-": "subtract", "*": "multiply"}
    if op not in names:
        raise Unsupported("JF-B010", f"complex {op}")
    a, b = graph_value(context, left, C128), graph_value(context, right, C128)
    return boxed("complex", context.builder.emit(names[op], a, b))


# Comparison and unary operators


def compare(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right`` of two Python numbers, at least one known only at run time."""
    kinds = {box_of(left), box_of(right)}
    if kinds <= {"int", "bool"}:
        return _compare_integers(context, op, _as_int(context, left), _as_int(context, right))
    if "complex" in kinds and op not in ("==", "!="):
        raise Unsupported("JF-B009", "TypeError: complex numbers are not ordered")
    dtype = C128 if "complex" in kinds else F64
    for operand in (left, right):
        _require_exact_float(context, operand)
    a, b = graph_value(context, left, dtype), graph_value(context, right, dtype)
    return boxed("bool", context.builder.emit(RECORDS[op], a, b))


def _compare_integers(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    a, b = dim_of(left), dim_of(right)
    if a is not None and b is not None:
        if op in (">", ">="):
            a, b, op = b, a, {">": "<", ">=": "<="}[op]
        proved = facts.prove(context, a, op, b)
        if proved is not None:
            return ConstantValue(proved)
        if None not in (facts.evaluate(context, a), facts.evaluate(context, b)):
            return ConstantValue(facts.decide(context, a, op, b))
        operands = [context.builder.emit("dimension", dim=dim) for dim in (a, b)]
    else:
        operands = [graph_value(context, operand, I64) for operand in (left, right)]
    return boxed("bool", context.builder.emit(RECORDS[op], *operands))


def unary(context: TraceContext, op: str, value: PyValue) -> PyValue:
    """``-value``, ``+value`` or ``~value`` of a Python number known only at run time."""
    box = box_of(value)
    if box in ("bool", "int"):
        value = _as_int(context, value)
        if op == "-":
            return _linear(context, "-", ConstantValue(0), value)
        if op == "~":
            return _linear(context, "-", ConstantValue(-1), value)
        return value
    if op == "~" or box is None:
        raise Unsupported("JF-B009", f"TypeError: bad operand type for unary {op}")
    if op == "+":
        return value
    number = graph_value(context, value, _DTYPES[box])
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

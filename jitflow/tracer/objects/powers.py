"""``**`` of Python numbers, at least one of them known only at run time.

What has another type by its values is left to Python by a check: an int to a negative power (a
float, where the sign is not known), a negative number to a broken power (complex); likewise what
raises: a zero to a negative power, and an overflow. An int beyond 64 bits is left to Python too.
"""

from __future__ import annotations

from jitflow.core.dtypes import C128, F64, I64
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.objects import integers
from jitflow.tracer.objects.number_values import (
    box_of,
    boxed,
    constant_float,
    dim_of,
    graph_value,
    require_finite,
)
from jitflow.tracer.values import ConstantValue, PyValue

_LARGEST = 2**63 - 1
_SURELY_FITS = 2.0**62
_MOST_FACTORS = 8
_MOST_SQUARED = 100


def power(context: TraceContext, left: PyValue, right: PyValue) -> PyValue:
    """``left ** right`` of two Python numbers."""
    boxes = {box_of(left), box_of(right)}
    if "complex" in boxes:
        return _complex_power(context, left, right)
    if "float" in boxes:
        return _float_power(context, left, right)
    base, exponent = (integers.as_int(context, value) for value in (left, right))
    if not _is_natural(context, exponent):
        return _float_power(context, base, exponent)
    return _integer_power(context, base, exponent)


def _is_natural(context: TraceContext, exponent: PyValue) -> bool:
    """Whether an int is not negative; where nothing tells, a check at run time says so."""
    dim = dim_of(exponent)
    if dim is not None:
        proved = facts.prove(context, 0, "<=", dim)
        if proved is not None:
            return proved
        if facts.evaluate(context, dim) is not None:
            return facts.decide(context, 0, "<=", dim)
    zero = graph_value(context, ConstantValue(0), I64)
    number = graph_value(context, exponent, I64)
    facts.require(context, context.builder.emit("less_equal", zero, number))
    return True


def _integer_power(context: TraceContext, left: PyValue, right: PyValue) -> PyValue:
    """An int to a power that is not negative."""
    if isinstance(right, ConstantValue) and right.value <= _MOST_FACTORS:
        return _product(context, left, right.value)
    if isinstance(left, ConstantValue):
        known = _known_base(context, left.value, right)
        if known is not None:
            return known
    if not _stays_small(context, left, right):
        return integers.constant(context, "**", left, right)
    operands = graph_value(context, left, I64), graph_value(context, right, I64)
    _require_fit(context, left, right, *operands)
    return integers.checked(context, "**", "power", operands, left, right)


def _product(context: TraceContext, value: PyValue, factors: int) -> PyValue:
    """A polynomial as long as it fits."""
    result: PyValue = ConstantValue(1) if factors == 0 else value
    for _ in range(factors - 1):
        result = integers.linear(context, "*", result, value)
    return result


def _known_base(context: TraceContext, base: int, exponent: PyValue) -> PyValue | None:
    """Powers of 1, -1 and of powers of two, which need no loop."""
    if base == 1:
        return ConstantValue(1)
    if base == -1:
        odd = integers.binary(context, "&", exponent, ConstantValue(1))
        twice = integers.linear(context, "*", ConstantValue(2), odd)
        return integers.linear(context, "-", ConstantValue(1), twice)
    if base > 1 and base & (base - 1) == 0:
        bits = ConstantValue(base.bit_length() - 1)
        count = integers.linear(context, "*", bits, exponent)
        return integers.shifted(context, "<<", ConstantValue(1), count)
    return None


def _stays_small(context: TraceContext, left: PyValue, right: PyValue) -> bool:
    """Whether the result has 64 bits in the traced call, as far as that is known."""
    base, exponent = (
        None if dim is None else facts.evaluate(context, dim)
        for dim in (dim_of(left), dim_of(right))
    )
    if base is None:
        return exponent is None or exponent < 64
    if exponent is None or abs(base) < 2:
        return True
    return exponent < 64 and abs(base) ** exponent <= _LARGEST


def _require_fit(
    context: TraceContext, left: PyValue, right: PyValue, base: Value, exponent: Value
) -> None:
    """Rely on a power of 64 bits."""
    emit = context.builder.emit
    if isinstance(left, ConstantValue):
        if abs(left.value) > 1:
            most = _largest_exponent(abs(left.value))
            facts.require(context, emit("less_equal", exponent, _int(context, most)))
        return
    if isinstance(right, ConstantValue):
        most = int(_SURELY_FITS ** (1 / right.value))
        facts.require(context, emit("less_equal", base, _int(context, most)))
        facts.require(context, emit("less_equal", _int(context, -most), base))
        return
    size = emit("absolute", graph_value(context, left, F64))
    size = emit("power", size, graph_value(context, right, F64))
    facts.require(context, emit("less_equal", size, constant_float(context, _SURELY_FITS)))


def _largest_exponent(base: int) -> int:
    exponent = 0
    while base ** (exponent + 1) <= _LARGEST:
        exponent += 1
    return exponent


def _int(context: TraceContext, number: int) -> Value:
    return graph_value(context, ConstantValue(number), I64)


def _float_power(context: TraceContext, left: PyValue, right: PyValue) -> PyValue:
    """A float, by way of C's ``pow``."""
    emit = context.builder.emit
    a, b = graph_value(context, left, F64), graph_value(context, right, F64)
    exponent = right.value if isinstance(right, ConstantValue) else None
    _require_nonzero_base(context, left, right, a, b)
    _require_real(context, left, right, a, b)
    if exponent == 1:
        return boxed("float", a)
    result = emit("multiply", a, a) if exponent == 2 else emit("power", a, b)
    require_finite(context, result, a, b)
    return boxed("float", result)


def _require_nonzero_base(
    context: TraceContext, left: PyValue, right: PyValue, a: Value, b: Value
) -> None:
    """Python raises ZeroDivisionError for a zero to a negative power."""
    emit = context.builder.emit
    if isinstance(left, ConstantValue) and left.value != 0:
        return
    zero = constant_float(context, 0.0)
    nonzero = emit("not_equal", a, zero)
    if not isinstance(right, ConstantValue):
        negative = emit("less", b, zero)
        nonzero = emit("logical_or", nonzero, emit("logical_not", negative))
    elif not right.value < 0:
        return
    facts.require(context, nonzero)


def _require_real(context: TraceContext, left: PyValue, right: PyValue, a: Value, b: Value) -> None:
    """Python gives a complex number for a negative one to a power that is not whole."""
    emit = context.builder.emit
    if box_of(right) != "float" or (isinstance(left, ConstantValue) and not left.value < 0):
        return
    real = emit("logical_not", emit("less", a, constant_float(context, 0.0)))
    if not isinstance(right, ConstantValue):
        real = emit("logical_or", real, emit("equal", emit("floor", b), b))
    elif float(right.value).is_integer():
        return
    facts.require(context, real)


def _complex_power(context: TraceContext, left: PyValue, right: PyValue) -> PyValue:
    """To a small positive whole power: by repeated squares (CPython's `c_powu`)."""
    exponent = right.value if isinstance(right, ConstantValue) else 0
    if type(exponent) not in (int, float) or not 0 < exponent <= _MOST_SQUARED or exponent % 1:
        raise Unsupported("JF-B010", "complex **")
    emit = context.builder.emit
    square = graph_value(context, left, C128)
    result = graph_value(context, ConstantValue(1 + 0j), C128)
    bits = int(exponent)
    while bits:
        if bits & 1:
            result = emit("multiply", result, square)
        bits >>= 1
        if bits:
            square = emit("multiply", square, square)
    facts.require(context, emit("logical_not", emit("isinf", result)))
    return boxed("complex", result)

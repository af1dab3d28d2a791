"""Built-in functions on numbers: float, int, abs, round, min, max, sum, divmod, pow, any, all."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.dtypes import BOOL, C128, F64, I64
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import facts, numpy, versions
from jitflow.tracer.objects import either
from jitflow.tracer.objects.comparison import call_special, compare, is_numeric, known_truth, truth
from jitflow.tracer.objects.iterators import get_iterator, items_of, next_item
from jitflow.tracer.objects.keys import index_of
from jitflow.tracer.objects.model import InstanceValue
from jitflow.tracer.objects.nested import call_nested
from jitflow.tracer.objects.number_values import (
    box_of,
    boxed,
    constant_float,
    evaluate,
    graph_value,
    require_finite,
)
from jitflow.tracer.objects.operators import binary
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.strings import real_text
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import (
    ConstantValue,
    EitherValue,
    IntOrFloatValue,
    PyValue,
    ScalarValue,
    SequenceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer.objects import consuming, int_or_float
else:
    consuming = LazyModule("jitflow.tracer.objects.consuming")
    int_or_float = LazyModule("jitflow.tracer.objects.int_or_float")

_LIMIT = float(2**62)


def _float(tracer: Tracer, value: PyValue | None = None) -> PyValue:
    if value is None:
        return ConstantValue(0.0)
    value = int_or_float.as_float(either.as_equal(resolve(tracer, value)))
    if is_numeric(value):
        return numpy.to_python(tracer.context, float, value)
    if isinstance(value, ConstantValue):
        return evaluate(float, value.value)
    if isinstance(value, InstanceValue):
        return _converted(tracer, value, "__float__")
    box = box_of(value)
    if box is None or box == "complex":
        raise Unsupported("JF-B009", f"TypeError: float() of a {value.python_type.__name__}")
    if box == "float":
        return value
    return boxed("float", graph_value(tracer.context, value, F64))


def _int(tracer: Tracer, value: PyValue | None = None, base: PyValue | None = None) -> PyValue:
    if value is None:
        return ConstantValue(0)
    value = int_or_float.as_float(resolve(tracer, value))
    if base is not None:
        return evaluate(int, real_text(tracer, value), index_of(tracer, base))
    if is_numeric(value):
        return numpy.to_python(tracer.context, int, value)
    if isinstance(value, ConstantValue):
        return evaluate(int, value.value)
    if isinstance(value, InstanceValue):
        return _converted(tracer, value, "__int__")
    box = box_of(value)
    if box == "int":
        return value
    if box == "bool":
        return boxed("int", graph_value(tracer.context, value, I64))
    if box == "float":
        return truncated(tracer, "trunc", graph_value(tracer.context, value, F64))
    raise Unsupported("JF-B009", f"TypeError: int() of a {value.python_type.__name__}")


def truncated(tracer: Tracer, record: str, number: Value) -> PyValue:
    """A float rounded by `record` (``trunc``, ``floor``, ``ceil``, ``rint``) to a Python int."""
    context = tracer.context
    emit = context.builder.emit
    size = emit("absolute", number)
    facts.require(context, emit("less", size, constant_float(context, _LIMIT)))
    return boxed("int", emit("cast", emit(record, number), dtype=I64))


def _converted(tracer: Tracer, value: InstanceValue, name: str) -> PyValue:
    result = call_special(tracer, value, name)
    if result is None:
        raise Unsupported("JF-B009", f"TypeError: {value.cls.__name__} has no {name}")
    return result


def _bool(tracer: Tracer, value: PyValue | None = None) -> PyValue:
    return ConstantValue(False) if value is None else truth(tracer, value)


def _as_python(tracer: Tracer, value: PyValue) -> PyValue:
    """A real NumPy scalar as a float; any other value as it is."""
    if isinstance(value, ScalarValue) and value.box == "scalar" and not value.dtype.is_complex:
        return numpy.to_python(tracer.context, float, value)
    return value


def _complex(tracer: Tracer, real: PyValue | None = None, imag: PyValue | None = None) -> PyValue:
    context = tracer.context
    parts = [resolve(tracer, part) for part in (real, imag) if part is not None]
    if all(isinstance(part, ConstantValue) for part in parts):
        return evaluate(complex, *(part.value for part in parts))  # type: ignore[attr-defined]
    if len(parts) == 1 and is_numeric(parts[0]):
        return numpy.to_python(context, complex, parts[0])
    if len(parts) == 1 and box_of(parts[0]) == "complex":
        return parts[0]
    parts = [_as_python(tracer, part) for part in parts]
    if not all(box_of(part) in ("int", "bool", "float") for part in parts):
        raise Unsupported("JF-B010", "complex() of values known only at run time")
    values = [graph_value(context, part, F64) for part in parts]
    if len(values) == 1:
        values.append(constant_float(context, 0.0))
    return ScalarValue("complex", C128, context.builder.emit("complex", *values))


def _absolute(tracer: Tracer, value: PyValue) -> PyValue:
    value = resolve(tracer, value)
    context = tracer.context
    if isinstance(value, EitherValue):
        return either.unary(context, "abs", value)
    if isinstance(value, IntOrFloatValue):
        return int_or_float.unary(context, "abs", value)
    if is_numeric(value):
        return numpy.unary(context, "abs", value)
    if isinstance(value, ConstantValue):
        return evaluate(abs, value.value)
    if isinstance(value, InstanceValue):
        return _converted(tracer, value, "__abs__")
    box = box_of(value)
    if box == "complex":
        number = graph_value(context, value, C128)
        size = context.builder.emit("absolute", number)
        require_finite(context, size, number)
        return boxed("float", size)
    if box == "float":
        return boxed("float", context.builder.emit("absolute", graph_value(context, value, F64)))
    if box == "int":
        is_negative = compare(tracer, "<", value, ConstantValue(0))
        if isinstance(is_negative, ConstantValue):
            return binary(tracer, "-", ConstantValue(0), value) if is_negative.value else value
        negated = binary(tracer, "-", ConstantValue(0), value)
        return _chosen(tracer, is_negative, negated, value)
    raise Unsupported("JF-B010", f"abs() of a {value.python_type.__name__}")


def _round(tracer: Tracer, value: PyValue, digits: PyValue | None = None) -> PyValue:
    value = resolve(tracer, value)
    digits = None if digits is None else resolve(tracer, digits)
    if digits is None:
        value = int_or_float.as_float(value)
    if digits is not None and not (isinstance(digits, ConstantValue) and digits.value is None):
        if isinstance(value, ScalarValue) and value.box == "scalar":
            return numpy.call(tracer.context, np.round, [value, digits], {})
        real = real_text(tracer, value)
        return evaluate(round, real, index_of(tracer, digits))
    if isinstance(value, ConstantValue):
        return evaluate(round, value.value)
    if isinstance(value, InstanceValue):
        return _converted(tracer, value, "__round__")
    if box_of(value) == "int":
        return value
    if isinstance(value, ScalarValue) and value.dtype.is_float:
        number = tracer.context.scalar_graph_value(value, F64)
        return truncated(tracer, "rint", number)
    raise Unsupported("JF-B010", f"round() of a {value.python_type.__name__}")


# Choices


def _extreme(op: str) -> Callable[..., PyValue]:
    def handler(
        tracer: Tracer,
        *args: PyValue,
        key: PyValue | None = None,
        default: PyValue | None = None,
    ) -> PyValue:
        is_plain = len(args) == 1 and key is None and default is None
        if is_plain and consuming.is_consumed(tracer, args[0]):
            choose = partial(_better, tracer, op)
            return consuming.consume(tracer, args[0], consuming.Best(tracer, choose))
        items = items_of(tracer, args[0]) if len(args) == 1 else list(args)
        if not items:
            if default is None or len(args) != 1:
                raise Unsupported("JF-B009", "ValueError: the sequence is empty")
            return default
        function = None if key is None else resolve(tracer, key)
        if isinstance(function, ConstantValue) and function.value is None:
            function = None
        return _best(tracer, op, items, function)

    return handler


def _better(
    tracer: Tracer, op: str, best: PyValue, item: PyValue, is_bound: Value | None
) -> PyValue:
    """The better one of two, the first of which is there where `is_bound` is true."""
    found = _best(tracer, op, [best, item], None)
    if is_bound is None:
        return found
    return _chosen(tracer, ScalarValue("bool", BOOL, is_bound), found, item)


def _best(tracer: Tracer, op: str, items: list[PyValue], key: PyValue | None) -> PyValue:
    """The first of the best items, by the comparisons that Python makes."""
    best = resolve(tracer, items[0])
    best_key = best if key is None else call_nested(tracer, key, best)
    for item in items[1:]:
        item = resolve(tracer, item)
        item_key = item if key is None else call_nested(tracer, key, item)
        better = truth(tracer, compare(tracer, op, item_key, best_key))
        if not isinstance(better, ConstantValue):
            if key is not None:
                raise Unsupported("JF-B005", "min() or max() by a key known only at run time")
            best = best_key = _chosen(tracer, better, item, best)
        elif better.value:
            best, best_key = item, item_key
    return best


def _chosen(tracer: Tracer, condition: PyValue, left: PyValue, right: PyValue) -> PyValue:
    """``left if condition else right`` of two numbers of one Python type."""
    context = tracer.context
    chooser = context.scalar_graph_value(condition, BOOL)
    mixed = int_or_float.choose(context, chooser, left, right)
    if mixed is not None:
        return mixed
    if (
        isinstance(left, EitherValue)
        or isinstance(right, EitherValue)
        or left.python_type is not right.python_type
    ):
        return either.choose(context, chooser, left, right)
    dtype = next((v.dtype for v in (left, right) if isinstance(v, ScalarValue)), None)
    if dtype is None:
        raise Unsupported("JF-B005", "min() or max() of objects by data")
    operands = [context.scalar_graph_value(value, dtype) for value in (left, right)]
    box = box_of(left) or "scalar"
    return ScalarValue(box, dtype, context.builder.emit("where", chooser, *operands))


# Sums


def _sum(tracer: Tracer, iterable: PyValue, start: PyValue | None = None) -> PyValue:
    if consuming.is_consumed(tracer, iterable):
        first = ConstantValue(0) if start is None else resolve(tracer, start)
        return consuming.consume(tracer, iterable, consuming.Total(tracer, first, _COMPENSATED))
    items = [resolve(tracer, item) for item in items_of(tracer, iterable)]
    total = ConstantValue(0) if start is None else resolve(tracer, start)
    if all(isinstance(item, ConstantValue) for item in (total, *items)):
        return evaluate(
            lambda: sum((item.value for item in items), total.value)  # type: ignore[attr-defined]
        )
    assert versions.current is not None
    if versions.current.compensates_sums and _is_compensated(total, items):
        return _compensated_sum(tracer, total, items)
    for item in items:
        total = binary(tracer, "+", total, item)
    return total


def _is_compensated(total: PyValue, items: list[PyValue]) -> bool:
    """Whether a CPython that compensates sums does so for these."""
    kinds = {box_of(item) for item in items}
    if not ({"float"} <= kinds):
        return False
    if kinds != {"float"} or box_of(total) not in ("int", "float"):
        raise Unsupported("JF-B003", "sum() of floats and other numbers")
    return True


def _compensated_sum(tracer: Tracer, total: PyValue, items: list[PyValue]) -> PyValue:
    """What CPython 3.12 gives for a sum of floats."""
    low: PyValue = ConstantValue(0.0)
    for item in items:
        total, low = _with_error(tracer, total, low, item)
    return _together(tracer, total, low)


def _with_error(
    tracer: Tracer, total: PyValue, error: PyValue, item: PyValue
) -> tuple[PyValue, PyValue]:
    """``cs_add`` of CPython's bltinmodule.c."""
    context = tracer.context
    emit = context.builder.emit
    high, low, x = (graph_value(context, value, F64) for value in (total, error, item))
    new = emit("add", high, x)
    is_larger = emit("greater_equal", emit("absolute", high), emit("absolute", x))
    first = emit("add", emit("subtract", high, new), x)
    second = emit("add", emit("subtract", x, new), high)
    low = emit("add", low, emit("where", is_larger, first, second))
    return boxed("float", new), boxed("float", low)


def _together(tracer: Tracer, total: PyValue, error: PyValue) -> PyValue:
    """``cs_to_double`` of CPython's bltinmodule.c."""
    context = tracer.context
    emit = context.builder.emit
    high, low = (graph_value(context, value, F64) for value in (total, error))
    zero = constant_float(context, 0.0)
    usable = emit("logical_and", emit("not_equal", low, zero), emit("isfinite", low))
    return boxed("float", emit("where", usable, emit("add", high, low), high))


def _divmod(tracer: Tracer, left: PyValue, right: PyValue) -> PyValue:
    left, right = resolve(tracer, left), resolve(tracer, right)
    if is_numeric(left) or is_numeric(right):
        return numpy.binary(tracer.context, "divmod", left, right)
    if not (box_of(left) and box_of(right)):
        raise Unsupported("JF-B003", "divmod of objects")
    parts = [binary(tracer, op, left, right) for op in ("//", "%")]
    return SequenceValue(tuple, parts)


def _power(tracer: Tracer, base: PyValue, exp: PyValue, mod: PyValue | None = None) -> PyValue:
    if mod is None:
        return binary(tracer, "**", base, exp)
    return evaluate(pow, *(index_of(tracer, value) for value in (base, exp, mod)))


def _quantifier(stops_at: bool) -> Callable[..., PyValue]:
    def handler(tracer: Tracer, iterable: PyValue) -> PyValue:
        if consuming.is_consumed(tracer, iterable):
            return consuming.consume(tracer, iterable, consuming.Quantifier(tracer, stops_at))
        iterator = get_iterator(tracer, iterable)
        while (item := next_item(tracer, iterator)) is not None:
            if known_truth(tracer, item) is stops_at:
                return ConstantValue(stops_at)
        return ConstantValue(not stops_at)

    return handler


def _index(tracer: Tracer, value: PyValue) -> PyValue:
    """``operator.index``: the int that an integer is."""
    found = resolve(tracer, value)
    box = box_of(found)
    if box == "int":
        return found
    is_scalar = isinstance(found, ScalarValue) and found.box == "scalar"
    if is_scalar and found.dtype.is_integer:  # type: ignore[attr-defined]
        return _int(tracer, found)
    if isinstance(found, ConstantValue):
        return evaluate(operator.index, found.value)
    special = call_special(tracer, found, "__index__") if isinstance(found, InstanceValue) else None
    if special is not None:
        return special
    raise Unsupported("JF-B003", f"operator.index of a {found.python_type.__name__}")


_COMPENSATED = (_with_error, _together)

HANDLERS: dict[Any, Callable[..., PyValue]] = {
    operator.index: _index,
    builtins.float: _float,
    builtins.int: _int,
    builtins.bool: _bool,
    builtins.complex: _complex,
    builtins.abs: _absolute,
    builtins.round: _round,
    builtins.min: _extreme("<"),
    builtins.max: _extreme(">"),
    builtins.sum: _sum,
    builtins.divmod: _divmod,
    builtins.pow: _power,
    builtins.any: _quantifier(True),
    builtins.all: _quantifier(False),
}

"""The `math` module on numbers known only at run time.

Where Python raises (a domain error, an overflow) a run-time check leaves the piece.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from jitflow.core.dtypes import F64
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import facts, numpy
from jitflow.tracer.objects.comparison import call_special, is_numeric
from jitflow.tracer.objects.model import InstanceValue
from jitflow.tracer.objects.number_calls import truncated
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.scalars import (
    binary,
    box_of,
    boxed,
    constant_float,
    evaluate,
    graph_value,
    require_finite,
)
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ConstantValue, PyValue

_ANYWHERE = {
    math.atan: "arctan",
    math.atan2: "arctan2",
    math.tanh: "tanh",
    math.asinh: "arcsinh",
    math.fabs: "absolute",
    math.copysign: "copysign",
    math.degrees: "degrees",
    math.radians: "radians",
    math.erf: "erf",
    math.erfc: "erfc",
}
_PREDICATES = {math.isnan: "isnan", math.isinf: "isinf", math.isfinite: "isfinite"}
_ROUNDINGS = {math.floor: "floor", math.ceil: "ceil", math.trunc: "trunc"}
_OVERFLOWING = {math.exp: "exp", math.expm1: "expm1", math.sinh: "sinh", math.cosh: "cosh"}
_PERIODIC = {math.sin: "sin", math.cos: "cos", math.tan: "tan"}
_BOUNDED = {
    math.sqrt: ("sqrt", "less", 0.0),
    math.log: ("log", "less_equal", 0.0),
    math.log2: ("log2", "less_equal", 0.0),
    math.log10: ("log10", "less_equal", 0.0),
    math.log1p: ("log1p", "less_equal", -1.0),
    math.acosh: ("arccosh", "less", 1.0),
}
"""Record, and the comparison with a bound that is a domain error; NaN passes."""
_WITHIN_ONE = {
    math.asin: ("arcsin", "greater"),
    math.acos: ("arccos", "greater"),
    math.atanh: ("arctanh", "greater_equal"),
}


def _numbers(tracer: Tracer, args: tuple[PyValue, ...]) -> list[Value]:
    """The arguments as Python converts them: by ``__float__``."""
    context = tracer.context
    values = []
    for arg in args:
        if is_numeric(arg):
            arg = numpy.to_python(context, float, arg)
        if box_of(arg) not in ("bool", "int", "float"):
            raise Unsupported("JF-B009", f"TypeError: must be real number: {arg!r}")
        values.append(graph_value(context, arg, F64))
    return values


def _handler(
    function: Callable[..., Any], emit: Callable[[Tracer, list[Value]], PyValue]
) -> Callable[..., PyValue]:
    """On constants Python computes; otherwise the graph does."""

    def handler(tracer: Tracer, *args: PyValue) -> PyValue:
        values = tuple(resolve(tracer, arg) for arg in args)
        if all(isinstance(value, ConstantValue) for value in values):
            return evaluate(function, *(v.value for v in values))  # type: ignore[attr-defined]
        if len(values) == 1 and isinstance(values[0], InstanceValue):
            found = call_special(tracer, values[0], f"__{function.__name__}__")
            if found is not None:
                return found
        if len(values) == 1 and function in _ROUNDINGS and box_of(values[0]) == "int":
            return values[0]
        return emit(tracer, _numbers(tracer, values))

    return handler


def _anywhere(record: str) -> Callable[[Tracer, list[Value]], PyValue]:
    return lambda tracer, x: boxed("float", tracer.context.builder.emit(record, *x))


def _predicate(record: str) -> Callable[[Tracer, list[Value]], PyValue]:
    return lambda tracer, x: boxed("bool", tracer.context.builder.emit(record, *x))


def _rounding(record: str) -> Callable[[Tracer, list[Value]], PyValue]:
    return lambda tracer, x: truncated(tracer, record, x[0])


def _overflowing(record: str) -> Callable[[Tracer, list[Value]], PyValue]:
    def emit(tracer: Tracer, x: list[Value]) -> PyValue:
        result = tracer.context.builder.emit(record, *x)
        require_finite(tracer.context, result, *x)
        return boxed("float", result)

    return emit


def _periodic(record: str) -> Callable[[Tracer, list[Value]], PyValue]:
    def emit(tracer: Tracer, x: list[Value]) -> PyValue:
        _refuse_where(tracer, tracer.context.builder.emit("isinf", x[0]))
        return boxed("float", tracer.context.builder.emit(record, *x))

    return emit


def _bounded(
    record: str, comparison: str, bound: float, magnitude: bool = False
) -> Callable[[Tracer, list[Value]], PyValue]:
    def emit(tracer: Tracer, x: list[Value]) -> PyValue:
        context = tracer.context
        if len(x) != 1:
            raise Unsupported("JF-B003", f"math.{record} with two arguments")
        checked = context.builder.emit("absolute", x[0]) if magnitude else x[0]
        limit = constant_float(context, bound)
        _refuse_where(tracer, context.builder.emit(comparison, checked, limit))
        return boxed("float", context.builder.emit(record, x[0]))

    return emit


def _refuse_where(tracer: Tracer, condition: Value) -> None:
    """Leave the piece where Python raises ValueError."""
    context = tracer.context
    facts.require(context, context.builder.emit("logical_not", condition))


def _hypotenuse(tracer: Tracer, x: list[Value]) -> PyValue:
    if len(x) != 2:
        raise Unsupported("JF-B003", "math.hypot of other than two numbers")
    return boxed("float", tracer.context.builder.emit("hypot", *x))


def _power(tracer: Tracer, x: list[Value]) -> PyValue:
    left, right = (boxed("float", value) for value in x)
    return binary(tracer.context, "**", left, right)


def _handlers() -> dict[Any, Callable[..., PyValue]]:
    table: dict[Any, Callable[[Tracer, list[Value]], PyValue]] = {}
    table |= {function: _anywhere(record) for function, record in _ANYWHERE.items()}
    table |= {function: _predicate(record) for function, record in _PREDICATES.items()}
    table |= {function: _rounding(record) for function, record in _ROUNDINGS.items()}
    table |= {function: _overflowing(record) for function, record in _OVERFLOWING.items()}
    table |= {function: _periodic(record) for function, record in _PERIODIC.items()}
    table |= {function: _bounded(*row) for function, row in _BOUNDED.items()}
    table |= {
        function: _bounded(record, comparison, 1.0, magnitude=True)
        for function, (record, comparison) in _WITHIN_ONE.items()
    }
    table |= {math.hypot: _hypotenuse, math.pow: _power}
    return {function: _handler(function, emit) for function, emit in table.items()}


HANDLERS = _handlers()

"""The `cmath` module on numbers known only at run time.

What has an operator of its own is computed by it where the numbers are finite; for the rest Python
is called. What raises leaves the piece.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable
from typing import Any

from jitflow.core.dtypes import BOOL, C128
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import facts, numpy
from jitflow.tracer.numpy.callouts import Callee, Slot, call_out
from jitflow.tracer.objects.comparison import is_numeric
from jitflow.tracer.objects.number_calls import HANDLERS as NUMBER_CALLS
from jitflow.tracer.objects.number_values import box_of, boxed, evaluate, graph_value
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ConstantValue, PyValue, SequenceValue

_BY_PYTHON = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cos",
    "cosh",
    "log",
    "log10",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
]
_PREDICATES = {cmath.isnan: "isnan", cmath.isinf: "isinf", cmath.isfinite: "isfinite"}


def _number(tracer: Tracer, value: PyValue) -> Value:
    """An argument as Python converts it."""
    context = tracer.context
    if is_numeric(value):
        value = numpy.to_python(context, complex, value)
    if box_of(value) not in ("bool", "int", "float", "complex"):
        raise Unsupported("JF-B009", f"TypeError: must be a number: {value!r}")
    return graph_value(context, value, C128)


def _handler(
    function: Callable[..., Any], emit: Callable[[Tracer, list[Value]], PyValue]
) -> Callable[..., PyValue]:
    """On constants Python computes; otherwise the graph does."""

    def handler(tracer: Tracer, *args: PyValue) -> PyValue:
        values = [resolve(tracer, arg) for arg in args]
        if all(isinstance(value, ConstantValue) for value in values):
            return evaluate(function, *(v.value for v in values))  # type: ignore[attr-defined]
        return emit(tracer, [_number(tracer, value) for value in values])

    return handler


def _by_python(function: Callable[..., complex]) -> Callable[[Tracer, list[Value]], PyValue]:
    def emit(tracer: Tracer, x: list[Value]) -> PyValue:
        slots = tuple(Slot(position, "complex") for position in range(len(x)))
        made = call_out(tracer.context, Callee(function, slots), x, [C128], ())[0]
        return boxed("complex", made)

    return emit


def _exponential(tracer: Tracer, x: list[Value]) -> PyValue:
    """Finite, of finite numbers; Python has rules of its own for the others."""
    context, emit = tracer.context, tracer.context.builder.emit
    (z,) = x
    facts.require(context, emit("isfinite", z))
    result = emit("exp", z)
    facts.require(context, emit("isfinite", result))
    return boxed("complex", result)


def _parts(tracer: Tracer, z: Value) -> tuple[Value, Value]:
    emit = tracer.context.builder.emit
    return emit("real", z), emit("imag", z)


def _phase(tracer: Tracer, x: list[Value]) -> PyValue:
    real, imaginary = _parts(tracer, x[0])
    return boxed("float", tracer.context.builder.emit("arctan2", imaginary, real))


def _polar(tracer: Tracer, x: list[Value]) -> PyValue:
    size = NUMBER_CALLS[abs](tracer, boxed("complex", x[0]))
    return SequenceValue(tuple, [size, _phase(tracer, x)])


def _rectangular(tracer: Tracer, *args: PyValue) -> PyValue:
    """``cmath.rect``, of finite numbers."""
    values = [resolve(tracer, arg) for arg in args]
    if all(isinstance(value, ConstantValue) for value in values):
        return evaluate(cmath.rect, *(v.value for v in values))  # type: ignore[attr-defined]
    context, emit = tracer.context, tracer.context.builder.emit
    floats = [NUMBER_CALLS[float](tracer, value) for value in values]
    size, angle = (context.scalar_graph_value(value) for value in floats)
    for number in (size, angle):
        facts.require(context, emit("isfinite", number))
    parts = [emit("multiply", size, emit(record, angle)) for record in ("cos", "sin")]
    return boxed("complex", emit("complex", *parts))


def _predicate(record: str) -> Callable[[Tracer, list[Value]], PyValue]:
    def emit(tracer: Tracer, x: list[Value]) -> PyValue:
        found = tracer.context.builder.emit(record, x[0])
        assert found.type.dtype is BOOL
        return boxed("bool", found)

    return emit


def _handlers() -> dict[Any, Callable[..., PyValue]]:
    table: dict[Any, Callable[[Tracer, list[Value]], PyValue]] = {
        cmath.exp: _exponential,
        cmath.phase: _phase,
        cmath.polar: _polar,
    }
    for name in _BY_PYTHON:
        function = getattr(cmath, name)
        table[function] = _by_python(function)
    table |= {function: _predicate(record) for function, record in _PREDICATES.items()}
    handlers = {function: _handler(function, emit) for function, emit in table.items()}
    return {**handlers, cmath.rect: _rectangular}


HANDLERS = _handlers()

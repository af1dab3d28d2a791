"""The `math` module on numbers known only at run time.

Where Python raises (a domain error, an overflow) a run-time check leaves the piece.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jitflow.core.dtypes import F64
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import facts, numpy
from jitflow.tracer.numpy.callouts import Callee, Slot, call_out
from jitflow.tracer.objects import either, operators
from jitflow.tracer.objects.comparison import call_special, is_numeric
from jitflow.tracer.objects.iterators import items_of
from jitflow.tracer.objects.model import InstanceValue
from jitflow.tracer.objects.number_calls import truncated
from jitflow.tracer.objects.number_values import (
    box_of,
    boxed,
    constant_float,
    evaluate,
    graph_value,
    require_finite,
)
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.scalars import binary
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ConstantValue, PyValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer.objects import int_or_float
else:
    int_or_float = LazyModule("jitflow.tracer.objects.int_or_float")

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
    math.cbrt: "cbrt",
}
_PREDICATES = {math.isnan: "isnan", math.isinf: "isinf", math.isfinite: "isfinite"}
_ROUNDINGS = {math.floor: "floor", math.ceil: "ceil", math.trunc: "trunc"}
_OVERFLOWING = {
    math.exp: "exp",
    math.exp2: "exp2",
    math.expm1: "expm1",
    math.sinh: "sinh",
    math.cosh: "cosh",
}
_PERIODIC = {math.sin: "sin", math.cos: "cos", math.tan: "tan"}
_BOUNDED = {
    math.sqrt: ("sqrt", "less", 0.0),
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
    for given in args:
        arg = int_or_float.as_float(either.as_equal(given))
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
            raise Unsupported("JF-B009", f"TypeError: math.{record} of {len(x)} arguments")
        checked = context.builder.emit("absolute", x[0]) if magnitude else x[0]
        limit = constant_float(context, bound)
        _refuse_where(tracer, context.builder.emit(comparison, checked, limit))
        return boxed("float", context.builder.emit(record, x[0]))

    return emit


def _refuse_where(tracer: Tracer, condition: Value) -> None:
    """Leave the piece where Python raises ValueError."""
    context = tracer.context
    facts.require(context, context.builder.emit("logical_not", condition))


def _logarithm(tracer: Tracer, x: list[Value]) -> PyValue:
    """``math.log(x)`` and ``math.log(x, base)``: a quotient of logarithms, as in CPython."""
    parts = [_bounded("log", "less_equal", 0.0)(tracer, [value]) for value in x]
    if len(parts) == 1:
        return parts[0]
    return binary(tracer.context, "/", *parts)


def _float_remainder(tracer: Tracer, x: list[Value]) -> PyValue:
    emit = tracer.context.builder.emit
    _refuse_where(tracer, emit("isinf", x[0]))
    _refuse_where(tracer, emit("equal", x[1], constant_float(tracer.context, 0.0)))
    return boxed("float", emit("fmod", *x))


def _parts(tracer: Tracer, x: list[Value]) -> PyValue:
    """``math.modf``: fraction and whole part, both with the sign of the number."""
    emit = tracer.context.builder.emit
    whole = emit("trunc", x[0])
    zero = constant_float(tracer.context, 0.0)
    fraction = emit("where", emit("isinf", x[0]), zero, emit("subtract", x[0], whole))
    signed = [boxed("float", emit("copysign", part, x[0])) for part in (fraction, whole)]
    return SequenceValue(tuple, list(signed))


def _is_close(
    tracer: Tracer,
    a: PyValue,
    b: PyValue,
    *,
    rel_tol: PyValue | None = None,
    abs_tol: PyValue | None = None,
) -> PyValue:
    """``math.isclose``, with tolerances known when it is traced."""
    relative = _tolerance(tracer, rel_tol, 1e-9)
    absolute = _tolerance(tracer, abs_tol, 0.0)
    values = tuple(resolve(tracer, arg) for arg in (a, b))
    if all(isinstance(value, ConstantValue) for value in values):
        return evaluate(
            lambda: math.isclose(
                *(value.value for value in values),  # type: ignore[attr-defined]
                rel_tol=relative,
                abs_tol=absolute,
            )
        )
    context, emit = tracer.context, tracer.context.builder.emit
    x, y = _numbers(tracer, values)
    distance = emit("absolute", emit("subtract", y, x))
    scale = constant_float(context, relative)
    allowed = [emit("absolute", emit("multiply", scale, value)) for value in (y, x)]
    allowed.append(constant_float(context, absolute))
    near = [emit("less_equal", distance, limit) for limit in allowed]
    close = emit("logical_or", emit("logical_or", near[0], near[1]), near[2])
    infinite = emit("logical_or", emit("isinf", x), emit("isinf", y))
    is_finite = emit("logical_not", infinite)
    return boxed("bool", emit("logical_or", emit("equal", x, y), _both(tracer, close, is_finite)))


def _both(tracer: Tracer, left: Value, right: Value) -> Value:
    return tracer.context.builder.emit("logical_and", left, right)


def _tolerance(tracer: Tracer, given: PyValue | None, default: float) -> float:
    if given is None:
        return default
    known = resolve(tracer, given)
    if not isinstance(known, ConstantValue):
        raise Unsupported("JF-B003", "math.isclose with a tolerance known only at run time")
    if type(known.value) not in (int, float) or not known.value >= 0:
        raise Unsupported("JF-B009", "math.isclose with a tolerance that is not positive")
    return float(known.value)


def _product(tracer: Tracer, iterable: PyValue, *, start: PyValue | None = None) -> PyValue:
    """``math.prod``: one multiplication after the other."""
    total: PyValue = ConstantValue(1) if start is None else resolve(tracer, start)
    for item in items_of(tracer, iterable):
        total = operators.binary(tracer, "*", total, resolve(tracer, item))
    return total


def _hypotenuse(tracer: Tracer, x: list[Value]) -> PyValue:
    if len(x) == 1:
        return boxed("float", tracer.context.builder.emit("absolute", x[0]))
    if len(x) != 2:
        return _by_python(math.hypot)(tracer, x)
    return boxed("float", tracer.context.builder.emit("hypot", *x))


def _log_gamma(tracer: Tracer, x: list[Value]) -> PyValue:
    """Finite, of what is neither infinite nor one of the poles."""
    result = tracer.context.builder.emit("lgamma", *x)
    require_finite(tracer.context, result, *x)
    return boxed("float", result)


def _by_python(function: Callable[..., float]) -> Callable[[Tracer, list[Value]], PyValue]:
    """A call-out: what raises in it leaves the piece."""

    def emit(tracer: Tracer, x: list[Value]) -> PyValue:
        slots = tuple(Slot(position, "float") for position in range(len(x)))
        return boxed("float", call_out(tracer.context, Callee(function, slots), x, [F64], ())[0])

    return emit


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
    table |= {math.hypot: _hypotenuse, math.pow: _power, math.log: _logarithm}
    table |= {math.fmod: _float_remainder, math.modf: _parts}
    table |= {function: _by_python(function) for function in (math.gamma, math.ulp)}
    table |= {math.remainder: _by_python(math.remainder), math.lgamma: _log_gamma}
    handlers = {function: _handler(function, emit) for function, emit in table.items()}
    return {**handlers, math.isclose: _is_close, math.prod: _product}


HANDLERS = _handlers()

"""Strings: f-strings, ``%`` and the methods of constant strings.

Text is built only from constants: a number known at run time has no text while tracing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.guards.sources import StateSource
from jitflow.tracer.objects.comparison import call_special
from jitflow.tracer.objects.iterators import items_of
from jitflow.tracer.objects.model import DictValue, InstanceValue, LazyValue
from jitflow.tracer.objects.number_values import evaluate, specialise
from jitflow.tracer.objects.plain import overrides
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.trace import ANY_VALUE
from jitflow.tracer.values import ConstantValue, PyValue, ScalarValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer import conditions
else:
    conditions = LazyModule("jitflow.tracer.conditions")


def real_text(tracer: Tracer, value: PyValue) -> Any:
    """The object of a constant, or of a tuple, list or dict of constants, for formatting."""
    if ANY_VALUE in tracer.context.dynamic and _is_text_from_outside(value):
        raise Unsupported("JF-B010", "a text that is another one each time")
    value = resolve(tracer, value)
    if isinstance(value, ConstantValue):
        if type(value.value).__module__ == "builtins" or isinstance(value.value, type):
            return value.value
    elif isinstance(value, SequenceValue) and value.kind in (tuple, list):
        return value.real_of(real_text(tracer, item) for item in value.items)
    elif isinstance(value, DictValue) and value.kind is dict:
        return {key: real_text(tracer, item) for key, (_, item) in value.items.items()}
    elif isinstance(value, ScalarValue) and value.dim is not None:
        conditions.check_not_counter(tracer.context, value.dim, code="JF-B010")
        return specialise(tracer.context, value).value
    raise Unsupported("JF-B010", f"text of a {value.python_type.__name__} known at run time")


def _is_text_from_outside(value: PyValue) -> bool:
    return (
        isinstance(value, LazyValue)
        and isinstance(value.source, StateSource)
        and (type(value.real) is str)
    )


def format_value(
    tracer: Tracer, value: PyValue, conversion: str, specification: PyValue | None
) -> PyValue:
    """One replacement field of an f-string."""
    value = resolve(tracer, value)
    if isinstance(value, InstanceValue):
        return _format_instance(tracer, value, conversion, specification)
    real = real_text(tracer, value)
    spec = "" if specification is None else real_text(tracer, specification)
    convert = {"": None, "s": str, "r": repr, "a": ascii}[conversion]
    return evaluate(lambda: format(real if convert is None else convert(real), spec))


def _format_instance(
    tracer: Tracer, value: InstanceValue, conversion: str, specification: PyValue | None
) -> PyValue:
    """The text that ``__format__``, ``__str__`` or ``__repr__`` written in Python give."""
    names = {"": ("__format__", "__str__", "__repr__"), "s": ("__str__", "__repr__")}
    spec = ConstantValue("") if specification is None else specification
    for name in names.get(conversion, ("__repr__",)):
        if not overrides(value.cls, name):
            continue
        arguments = [spec] if name == "__format__" else []
        text = call_special(tracer, value, name, *arguments)
        if text is not None:
            return text if name == "__format__" else format_value(tracer, text, "", spec)
    raise Unsupported("JF-B010", f"text of a {value.cls.__name__}")


def build_string(tracer: Tracer, parts: list[PyValue]) -> PyValue:
    """The parts of an f-string joined."""
    return ConstantValue("".join(real_text(tracer, part) for part in parts))


def format_percent(tracer: Tracer, text: Any, value: PyValue) -> PyValue:
    """``text % value``."""
    real = real_text(tracer, value)
    return evaluate(lambda: text % real)


def call_method(
    tracer: Tracer, receiver: Any, name: str, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """A method of a constant of a built-in type, run by Python on constants."""
    if name == "join" and len(args) == 1:
        parts = [real_text(tracer, item) for item in items_of(tracer, args[0])]
        return evaluate(receiver.join, parts)
    reals = [real_text(tracer, arg) for arg in args]
    named = {key: real_text(tracer, arg) for key, arg in kwargs.items()}
    result = evaluate(lambda: getattr(receiver, name)(*reals, **named))
    return as_value(result.value)


def as_value(real: Any) -> PyValue:
    """The value of a fresh result: containers become virtual ones."""
    if type(real) in (list, tuple):
        return SequenceValue(type(real), [as_value(item) for item in real])
    if type(real) is dict:
        return DictValue({key: (as_value(key), as_value(item)) for key, item in real.items()})
    return ConstantValue(real)

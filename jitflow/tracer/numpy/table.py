"""The table of NumPy callables: which function or method is handled where, with its parameters.

A handler is registered with the signature of the NumPy callable as text, because many of them are
C functions that `inspect` cannot read. `bind` matches a call to it; what the signature does not
name is JF-B008, what the eager call would refuse is JF-B009.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.errors import Unsupported
from jitflow.tracer.context import TraceContext
from jitflow.tracer.values import ConstantValue, PyValue, SequenceValue

Handler = Callable[..., PyValue]
Decorator = Callable[[Handler], Handler]


class Missing:
    """Stands for an argument that was not given, where that differs from None."""

    def __repr__(self) -> str:
        return "<no value>"


MISSING = Missing()
_REQUIRED = object()


@dataclass(frozen=True)
class Parameter:
    """One parameter; `kind` is ``""``, ``"*"``, ``"**"`` or ``"keyword"`` (only by keyword)."""

    name: str
    default: Any = _REQUIRED
    kind: str = ""


@dataclass(frozen=True)
class Entry:
    """A handler with the parameters of the callable it stands for.

    `fold` allows evaluation at trace time where every argument is known.
    """

    handler: Handler
    parameters: tuple[Parameter, ...]
    fold: bool = True
    name: str = ""
    defaults: dict[str, PyValue] = field(default_factory=dict)


FUNCTIONS: dict[Any, Entry] = {}
METHODS: dict[str, Entry] = {}


def function(*callables: Any, signature: str, method: str = "", fold: bool = True) -> Decorator:
    """Register the decorated handler ``(context, **parameters)`` for NumPy functions.

    With `method` it also stands for the ndarray method of that name with the same parameters.
    """

    def decorate(handler: Handler) -> Handler:
        for item in callables:
            name = getattr(item, "__name__", str(item))
            FUNCTIONS[item] = Entry(handler, parse_signature(signature), fold, f"np.{name}")
        if method:
            METHODS[method] = Entry(handler, parse_signature(signature), fold, f"ndarray.{method}")
        return handler

    return decorate


def method(*names: str, signature: str, fold: bool = True) -> Decorator:
    """Register the decorated handler ``(context, receiver, ...)`` for ndarray methods."""

    def decorate(handler: Handler) -> Handler:
        for name in names:
            METHODS[name] = Entry(handler, parse_signature(signature), fold, f"ndarray.{name}")
        return handler

    return decorate


def by_name(path: str) -> Any:
    """The NumPy callable at a dotted path, or None where this NumPy has none."""
    found: Any = np
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def function_named(*paths: str, signature: str, method: str = "", fold: bool = True) -> Decorator:
    """As `function`, for callables that not every NumPy has."""
    present = [item for item in map(by_name, paths) if item is not None]
    return function(*present, signature=signature, method=method, fold=fold)


@cache
def parse_signature(text: str) -> tuple[Parameter, ...]:
    """Parameters from text such as ``a, axis=None, *, dtype=None, **rest``; `_` is MISSING."""
    parameters: list[Parameter] = []
    kind = ""
    for item in filter(None, (part.strip() for part in _split(text))):
        if item == "*":
            kind = "keyword"
        elif item == "/":
            parameters = [replace(p, kind="positional") for p in parameters]
        elif item.startswith("*"):
            stars = item[: 2 if item.startswith("**") else 1]
            parameters.append(Parameter(item.lstrip("*"), kind=stars))
            kind = "keyword"
        else:
            name, equals, default = item.partition("=")
            value = _default(default) if equals else _REQUIRED
            parameters.append(Parameter(name.strip(), value, kind))
    return tuple(parameters)


def _split(text: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and not depth:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]


def _default(text: str) -> Any:
    return MISSING if text.strip() == "_" else ast.literal_eval(text.strip())


def bind(entry: Entry, args: list[PyValue], kwargs: dict[str, PyValue]) -> dict[str, PyValue]:
    """Arguments by parameter name; defaults are constants, and MISSING the constant MISSING."""
    bound: dict[str, PyValue] = {}
    rest, keywords = list(args), dict(kwargs)
    for parameter in entry.parameters:
        name = parameter.name
        if parameter.kind == "*":
            bound[name], rest = SequenceValue(tuple, rest), []
        elif parameter.kind == "**":
            bound.update(keywords)
            keywords = {}
        elif rest and parameter.kind != "keyword":
            if name in keywords:
                raise Unsupported("JF-B009", f"{entry.name} got {name!r} twice")
            bound[name] = rest.pop(0)
        elif name in keywords and parameter.kind != "positional":
            bound[name] = keywords.pop(name)
        elif parameter.default is _REQUIRED:
            raise Unsupported("JF-B009", f"{entry.name} misses {name!r}")
        else:
            bound[name] = _wrap(parameter.default)
    if rest or keywords:
        detail = f"{entry.name} with {', '.join(keywords) or 'more positional arguments'}"
        raise Unsupported("JF-B008", detail)
    _check_device(entry, bound)
    return bound


def _check_device(entry: Entry, bound: dict[str, PyValue]) -> None:
    """``device`` and ``like`` have only one meaning for arrays of NumPy's own."""
    for name, allowed in (("device", (None, "cpu")), ("like", (None,))):
        value = bound.get(name)
        if value is not None and not (isinstance(value, ConstantValue) and value.value in allowed):
            raise Unsupported("JF-B008", f"{entry.name} with {name}")


def _wrap(default: Any) -> PyValue:
    if isinstance(default, tuple):
        return SequenceValue(tuple, [_wrap(item) for item in default])
    return ConstantValue(default)


def invoke(
    context: TraceContext, entry: Entry, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """Bind and run the handler."""
    return entry.handler(context, **bind(entry, args, kwargs))

"""Calls of classes that have no ``__init__`` written in Python."""

from __future__ import annotations

import enum
import types
from typing import TYPE_CHECKING

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.tracer import random_types
from jitflow.tracer.objects.classes import search
from jitflow.tracer.objects.functions import check_instantiable, make_by_constructor
from jitflow.tracer.objects.model import InstanceValue, ObjectCallValue
from jitflow.tracer.objects.number_values import evaluate
from jitflow.tracer.objects.plain import has_own_constructor, is_generated_tuple, is_plain_class
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import real_of, resolve
from jitflow.tracer.values import ConstantValue, PyValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer.numpy import random
else:
    random = LazyModule("jitflow.tracer.numpy.random")

_HARMLESS = frozenset({"operator.itemgetter", "operator.attrgetter", "operator.methodcaller"})


def construct(
    tracer: Tracer, cls: type, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """``cls(*args, **kwargs)``."""
    if is_plain_class(cls) and cls not in (np.finfo, np.iinfo):
        check_instantiable(cls)
        if has_own_constructor(cls):
            return make_by_constructor(tracer, cls, args, kwargs)
        if args or kwargs:
            raise Unsupported("JF-B009", f"TypeError: {cls.__name__}() takes no arguments")
        return InstanceValue(cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _named_tuple(tracer, cls, args, kwargs)
    if isinstance(cls, enum.EnumMeta) and len(args) == 1 and not kwargs:
        real = real_of(resolve(tracer, args[0]))
        return evaluate(lambda: cls(real))
    if cls in (np.finfo, np.iinfo) and len(args) == 1:
        real = real_of(resolve(tracer, args[0]))
        return evaluate(lambda: cls(real))
    if is_fresh_object(cls):
        return ObjectCallValue(cls, args, kwargs)
    if random_types.is_python_class(cls) and len(args) <= 1 and not kwargs:
        seed = resolve(tracer, args[0]) if args else ConstantValue(None)
        return random.made(tracer.context, cls, seed)
    raise Unsupported("JF-B003", f"{cls.__module__}.{cls.__qualname__}()")


def is_fresh_object(cls: type) -> bool:
    """Whether making an instance has no effect and keeps its arguments: most exceptions."""
    if f"{cls.__module__}.{cls.__qualname__}" in _HARMLESS:
        return True
    return issubclass(cls, BaseException) and not any(
        isinstance(search(cls, name), types.FunctionType) for name in ("__init__", "__new__")
    )


def _named_tuple(
    tracer: Tracer, cls: type, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    fields: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
    if not is_generated_tuple(cls):
        raise Unsupported("JF-B003", f"{cls.__name__}.__new__")
    given = dict(zip(fields, args, strict=False))
    if len(args) > len(fields) or given.keys() & kwargs.keys() or kwargs.keys() - set(fields):
        raise Unsupported("JF-B009", f"TypeError: arguments of {cls.__name__}")
    given |= kwargs
    defaults = cls._field_defaults  # type: ignore[attr-defined]
    items: list[PyValue] = []
    for name in fields:
        if name not in given and name not in defaults:
            raise Unsupported("JF-B009", f"TypeError: {cls.__name__} misses {name!r}")
        items.append(given[name] if name in given else ConstantValue(defaults[name]))
    return SequenceValue(cls, items)

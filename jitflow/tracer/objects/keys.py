"""Keys and indices: from values to the Python objects by which containers find their items."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import IsObject
from jitflow.tracer import facts
from jitflow.tracer.objects.model import FunctionValue, IdentityValue, InstanceValue
from jitflow.tracer.objects.number_values import specialise
from jitflow.tracer.objects.plain import is_hashable_key, overrides
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ConstantValue, PyValue, ScalarValue, SequenceValue, SliceValue


def key_of(tracer: Tracer, value: PyValue, among: Mapping[Any, Any] | None = None) -> Any:
    """The dict key that `value` is; instances made in the piece stand for themselves.

    An ``id()`` is a key only `among` keys that are no numbers.

    Raises
    ------
    Unsupported
        JF-B010 where it is known only at run time, JF-B009 where it is unhashable.
    """
    value = resolve(tracer, value)
    if isinstance(value, ConstantValue):
        if isinstance(value.value, np.generic) or is_hashable_key(value.value):
            return value.value
    elif isinstance(value, ScalarValue):
        return specialise(tracer.context, value).value
    elif isinstance(value, SequenceValue) and issubclass(value.kind, tuple):
        return tuple(key_of(tracer, item) for item in value.items)
    elif isinstance(value, FunctionValue) or (
        isinstance(value, InstanceValue) and not overrides(value.cls, "__hash__")
    ):
        _identify(tracer, value)
        return value if value.real is None else value.real
    elif isinstance(value, IdentityValue) and _has_no_number(among):
        _identify(tracer, value.value)
        return (IdentityValue, id(value.value))
    elif isinstance(value, IdentityValue) and value.value.source is not None:
        real = getattr(value.value, "real", None)
        if real is not None:
            tracer.context.guard(IsObject(value.value.source, real))  # its id is that number
            return id(real)
    raise Unsupported("JF-B003", f"{value.python_type.__name__} as a key")


def _identify(tracer: Tracer, value: PyValue) -> None:
    real = getattr(value, "real", None)
    if real is not None and value.source is not None:
        tracer.context.objects.identify(real, value.source)


def _has_no_number(keys: Mapping[Any, Any] | None) -> bool:
    return keys is not None and not any(isinstance(key, int | float) for key in keys)


def is_open(tracer: Tracer, key: PyValue) -> bool:
    """Whether `key` is an integer that no call is known to have a value for."""
    key = resolve(tracer, key)
    if not isinstance(key, ScalarValue) or not key.dtype.is_integer:
        return False
    return key.dim is None or facts.evaluate(tracer.context, key.dim) is None


def index_of(tracer: Tracer, value: PyValue) -> int:
    """The integer that `value` is; a symbolic one is specialised."""
    value = resolve(tracer, value)
    if isinstance(value, ScalarValue) and value.dtype.is_integer:
        value = specialise(tracer.context, value)
    if not isinstance(value, ConstantValue):
        raise Unsupported("JF-B010", f"{value.python_type.__name__} as an index")
    try:
        return operator.index(value.value)
    except TypeError as error:
        raise Unsupported("JF-B009", f"TypeError: {error}") from None


def slice_of(tracer: Tracer, value: SliceValue) -> slice:
    """The slice of integers that `value` is."""
    parts = []
    for part in (value.start, value.stop, value.step):
        part = resolve(tracer, part)
        is_none = isinstance(part, ConstantValue) and part.value is None
        parts.append(None if is_none else index_of(tracer, part))
    return slice(*parts)

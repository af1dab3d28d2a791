"""Attributes of classes that the piece sets: counters, switches, settings kept on a class.

Until its first change a class has no value here, and its attributes are read from outside. Only
plain data may be set: what decides how instances behave is guarded as it was at the start.
"""

from __future__ import annotations

import enum
from typing import Any

from jitflow.guards.predicates import MISSING
from jitflow.guards.sources import AttributeSource, ConstantSource
from jitflow.tracer.objects.effects import refuse_mutation, will_change
from jitflow.tracer.objects.model import (
    ClassDictionaryValue,
    DictValue,
    InstanceValue,
    LazyValue,
    SetValue,
)
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve, settled
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, ScalarValue, SequenceValue

_HEAP_TYPE, _IMMUTABLE_TYPE = 1 << 9, 1 << 8
_DATA = (ConstantValue, ScalarValue, ArrayValue, SequenceValue, DictValue, SetValue, InstanceValue)


def changed_attribute(tracer: Tracer, cls: type, name: str) -> PyValue | None:
    """What the piece has set ``cls.name`` to; None where it is as it was."""
    classes = tracer.context.objects.classes
    if not classes:
        return None
    for base in cls.__mro__:
        found = own_attribute(tracer, base, name)
        if found is not None or name in vars(base):
            return found
    return None


def own_attribute(tracer: Tracer, cls: type, name: str) -> PyValue | None:
    """Likewise, without the bases of the class."""
    value = tracer.context.objects.classes.get(cls)
    return None if value is None else value.items.get(name)


def set_attribute(tracer: Tracer, cls: type, name: str, new: PyValue) -> None:
    """``cls.name = new``."""
    is_plain = _is_plain(resolve(tracer, new))
    if not (_is_open(cls) and _is_data(cls, name) and is_plain):
        raise refuse_mutation(f"attribute {name} of class {cls.__name__}")
    table = tracer.context.objects
    value = table.classes.get(cls)
    if value is None:
        value = table.classes[cls] = ClassDictionaryValue(cls)
    original(value, name)
    will_change(tracer, value)
    value.items[name] = new
    value.written[name] = None


def original(value: ClassDictionaryValue, name: str) -> PyValue | None:
    """The attribute at the start of the piece, always the same value; None where it had none."""
    if name not in value.originals and name in vars(value.real):
        source = AttributeSource(class_source(value.real), name)
        value.originals[name] = LazyValue(vars(value.real)[name], source)
    return value.originals.get(name)


def is_same(left: PyValue, right: PyValue | None) -> bool:
    """Whether an attribute has the same value as before."""
    if isinstance(left, LazyValue) and isinstance(right, LazyValue) and left.source == right.source:
        return True
    return settled(left) is settled(right)


def _is_open(cls: type) -> bool:
    """Whether setting an attribute of a class does nothing else."""
    if isinstance(cls, enum.EnumMeta) or type(cls).__setattr__ is not type.__setattr__:
        return False
    return bool(cls.__flags__ & _HEAP_TYPE) and not cls.__flags__ & _IMMUTABLE_TYPE


def _is_data(cls: type, name: str) -> bool:
    """Whether neither the class nor one of its bases has more than data under a name."""
    if name.startswith("__"):
        return False
    meta = next((vars(base)[name] for base in type.mro(type(cls)) if name in vars(base)), MISSING)
    found = (vars(base)[name] for base in cls.__mro__ if name in vars(base))
    return meta is MISSING and not any(_is_descriptor(type(raw)) for raw in found)


def _is_plain(new: PyValue) -> bool:
    """Whether a value is no descriptor: reading it from an instance runs nothing."""
    if isinstance(new, ConstantValue) and isinstance(new.value, type):
        return not _is_descriptor(type(new.value))
    return isinstance(new, _DATA) and not _is_descriptor(new.python_type)


def _is_descriptor(cls: Any) -> bool:
    return any(hasattr(cls, name) for name in ("__get__", "__set__", "__delete__", "__set_name__"))


def class_source(cls: type) -> ConstantSource:
    """A class that a guard on a type or an identity has already fixed."""
    return ConstantSource(cls, cls.__name__)

"""copy.copy, copy.deepcopy and dataclasses.replace."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

from jitflow.core.errors import Unsupported
from jitflow.tracer import numpy
from jitflow.tracer.objects import attributes, dicts, instances, sets
from jitflow.tracer.objects.model import (
    DictValue,
    FunctionValue,
    InstanceValue,
    PartialValue,
    SetValue,
)
from jitflow.tracer.objects.nested import call_nested
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, ScalarValue, SequenceValue

_HOOKS = ("__copy__", "__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__")


def _copy(tracer: Tracer, x: PyValue) -> PyValue:
    value = resolve(tracer, x)
    if isinstance(value, ArrayValue):
        return _copy_array(tracer, value)
    if isinstance(value, DictValue):
        return dicts.copy(tracer, value)
    if isinstance(value, SetValue):
        return value if value.kind is frozenset else sets.copy(tracer, value)
    if isinstance(value, SequenceValue):
        return SequenceValue(list, list(value.items)) if value.kind is list else value
    if isinstance(value, InstanceValue):
        return _copy_instance(value, instances.all_attributes(value))
    return _atom(value)


def _deepcopy(tracer: Tracer, x: PyValue, memo: PyValue | None = None) -> PyValue:
    if memo is not None:
        raise Unsupported("JF-B003", "copy.deepcopy with a memo")
    return _deep(tracer, x, {})


def _deep(tracer: Tracer, x: PyValue, memo: dict[int, PyValue]) -> PyValue:
    value = resolve(tracer, x)
    if id(value) in memo:
        return memo[id(value)]
    result: PyValue
    if isinstance(value, ArrayValue):
        result = memo[id(value)] = _copy_array(tracer, value)
    elif isinstance(value, DictValue):
        result = memo[id(value)] = DictValue({}, None, value.kind, value.default_factory)
        for key, (key_value, item) in value.items.items():
            result.items[key] = (key_value, _deep(tracer, item, memo))
    elif isinstance(value, SequenceValue):
        result = memo[id(value)] = SequenceValue(value.kind, [])
        result.items.extend(_deep(tracer, item, memo) for item in value.items)
        if value.kind is not list and _same(tracer, value.items, result.items):
            result = memo[id(value)] = value
    elif isinstance(value, SetValue):
        result = sets.copy(tracer, value)
    elif isinstance(value, InstanceValue):
        result = memo[id(value)] = _copy_instance(value, {})
        for name, item in instances.all_attributes(value).items():
            result.attributes[name] = _deep(tracer, item, memo)
    else:
        result = _atom(value)
    return result


def _same(tracer: Tracer, old: list[PyValue], new: list[PyValue]) -> bool:
    return all(resolve(tracer, a) is b for a, b in zip(old, new, strict=True))


def _copy_array(tracer: Tracer, value: ArrayValue) -> PyValue:
    return numpy.method(tracer.context, value, "copy", [ConstantValue("K")], {})


def _copy_instance(value: InstanceValue, fields: dict[str, PyValue]) -> InstanceValue:
    for name in _HOOKS:
        if getattr(value.cls, name, None) is not getattr(object, name, None):
            raise Unsupported("JF-B003", f"copy of {value.cls.__name__}, which has {name}")
    result = InstanceValue(value.cls)
    result.attributes.update(fields)
    return result


def _atom(value: PyValue) -> PyValue:
    if isinstance(value, ConstantValue | ScalarValue | FunctionValue):
        return value
    raise Unsupported("JF-B003", f"copy of a {value.python_type.__name__}")


def _replace(tracer: Tracer, obj: PyValue, /, **changes: PyValue) -> PyValue:
    """``dataclasses.replace``: the class called with the fields, some of them changed."""
    value = resolve(tracer, obj)
    if not isinstance(value, InstanceValue) or not dataclasses.is_dataclass(value.cls):
        raise Unsupported("JF-B009", "TypeError: replace() takes a dataclass instance")
    fields: dict[str, Any] = value.cls.__dataclass_fields__
    for name, field in fields.items():
        if field._field_type is not dataclasses._FIELD or not field.init:  # type: ignore[attr-defined]
            if name in changes or field._field_type is dataclasses._FIELD_INITVAR:  # type: ignore[attr-defined]
                raise Unsupported("JF-B003", f"replace() of field {name}")
            continue
        if name not in changes:
            changes[name] = attributes.get_attribute(tracer, value, name)
    return call_nested(tracer, PartialValue(ConstantValue(value.cls), [], changes))


HANDLERS: dict[Any, Callable[..., PyValue]] = {
    copy.copy: _copy,
    copy.deepcopy: _deepcopy,
    dataclasses.replace: _replace,
}

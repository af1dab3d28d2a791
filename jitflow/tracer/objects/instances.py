"""Instances of Python classes: the attribute protocol, and making new ones."""

from __future__ import annotations

import functools
import types
from typing import Any

from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import MISSING, IsThere, KeysAre
from jitflow.guards.sources import AttributeSource, ItemSource, Source
from jitflow.tracer.objects.class_dictionaries import changed_attribute, class_source
from jitflow.tracer.objects.classes import (
    bind,
    constant_object,
    function_of_class,
    get_property,
    guard_not_shadowed,
    guard_search,
    is_data_descriptor,
    is_hidden,
    is_plain_value,
    is_slot,
    search,
)
from jitflow.tracer.objects.effects import will_change
from jitflow.tracer.objects.model import DictValue, InstanceValue, LazyValue
from jitflow.tracer.objects.modules import AttributeMissing
from jitflow.tracer.objects.plain import overrides, python_function
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.values import ConstantValue, PyValue


def get_attribute(tracer: Tracer, value: InstanceValue, name: str) -> PyValue:
    """``value.name`` by the plain protocol."""
    raw = search(value.cls, name)
    if raw is not MISSING and is_data_descriptor(raw):
        return _data_descriptor(tracer, value, name, raw)
    found = stored(value, name)
    if found is not None:
        return found
    changed = changed_attribute(tracer, value.cls, name)
    if changed is not None:
        if name not in value.deleted:
            guard_not_shadowed(tracer, value, name)
        return changed
    if raw is MISSING:
        return _missing(tracer, value, name)
    if is_plain_value(raw):
        base = value.source or class_source(value.cls)
        if value.source is not None and name in value.deleted:
            base = class_source(value.cls)
        return LazyValue(raw, AttributeSource(base, name))
    guard_search(tracer, value.cls, name, raw)
    if name not in value.deleted:
        guard_not_shadowed(tracer, value, name)
    if isinstance(raw, functools.cached_property):
        return _cached(tracer, value, name, raw)
    return bind(tracer, raw, value, value.cls, name)


def set_attribute(tracer: Tracer, value: InstanceValue, name: str, new: PyValue) -> None:
    """``value.name = new``."""
    setter: Any = value.cls.__setattr__
    if overrides(value.cls, "__setattr__"):
        if not isinstance(setter, types.FunctionType):
            raise Unsupported("JF-B013", f"{value.cls.__name__}.__setattr__")
        if _is_frozen(value.cls):
            raise Unsupported("JF-B009", f"assignment to field {name!r} of a frozen dataclass")
        guard_search(tracer, value.cls, "__setattr__", setter)
        function = function_of_class(tracer, setter)
        tracer.run_nested(function, [value, ConstantValue(name), new], {})
        return
    set_plainly(tracer, value, name, new)


def set_plainly(tracer: Tracer, value: InstanceValue, name: str, new: PyValue) -> None:
    """``object.__setattr__(value, name, new)``."""
    raw = search(value.cls, name)
    if isinstance(raw, property):
        function = python_function(raw.fset)
        if function is None:
            raise Unsupported("JF-B009", f"property {name!r} without a setter")
        guard_search(tracer, value.cls, name, raw)
        tracer.run_nested(function_of_class(tracer, function), [value, new], {})
        return
    setter = search(type(raw), "__set__")
    if isinstance(setter, types.FunctionType):
        guard_search(tracer, value.cls, name, raw)
        descriptor = constant_object(tracer, raw, name)
        tracer.run_nested(function_of_class(tracer, setter), [descriptor, value, new], {})
        return
    _check_writable(value, name, raw)
    store(tracer, value, name, new)


def store(tracer: Tracer, value: InstanceValue, name: str, new: PyValue) -> None:
    """Put an attribute into the instance's own storage."""
    if name in value.deleted:  # it comes last in the dictionary then
        raise Unsupported("JF-B014", f"attribute {name} is deleted, and set again")
    will_change(tracer, value)
    value.attributes[name] = new
    if value.source is not None:
        value.written[name] = None
    if value.dictionary is not None and not is_slot(search(value.cls, name)):
        tracer.context.objects.save(value.dictionary)
        value.dictionary.items[name] = (ConstantValue(name), new)


def delete_attribute(tracer: Tracer, value: InstanceValue, name: str) -> None:
    """``del value.name``."""
    if overrides(value.cls, "__delattr__"):
        raise Unsupported("JF-B013", f"{value.cls.__name__}.__delattr__")
    if is_hidden(value.cls, name):
        raise Unsupported("JF-B013", f"deletion through the descriptor {name}")
    if stored(value, name) is None:
        raise AttributeMissing(f"{value.cls.__name__!r} object has no attribute {name!r}")
    if value.source is not None and name not in value.written:  # the program may never read it
        tracer.context.guard(IsThere(AttributeSource(value.source, name)))
    will_change(tracer, value)
    value.attributes.pop(name, None)
    if value.dictionary is not None:
        tracer.context.objects.save(value.dictionary)
        value.dictionary.items.pop(name, None)
    if value.source is not None:
        value.deleted.add(name)
        value.written[name] = None


def dictionary(tracer: Tracer, value: InstanceValue) -> DictValue:
    """``vars(value)``."""
    if not value.cls.__dictoffset__:
        raise AttributeMissing(f"{value.cls.__name__!r} object has no attribute '__dict__'")
    if value.dictionary is None:
        if value.source is not None:
            source = AttributeSource(value.source, "__dict__")
            tracer.context.guard(KeysAre(source, tuple(vars(value.real))))
        items: dict[Any, tuple[PyValue, PyValue]] = {
            name: (ConstantValue(name), item)
            for name, item in all_attributes(value).items()
            if not is_slot(search(value.cls, name))
        }
        tracer.context.objects.save(value)
        value.dictionary = DictValue(items, owner=value)
    return value.dictionary


def all_attributes(value: InstanceValue) -> dict[str, PyValue]:
    """Every instance attribute with its newest value, in the order of the dictionary."""
    names = dict.fromkeys(real_attributes(value.real)) if value.real is not None else {}
    names.update(dict.fromkeys(value.attributes))
    found = {name: stored(value, name) for name in names if name not in value.deleted}
    return {name: item for name, item in found.items() if item is not None}


def real_attributes(real: Any) -> list[str]:
    """Names in the dictionary and the filled slots of a real instance."""
    names = list(getattr(real, "__dict__", ()))
    for base in type(real).__mro__:
        for name, raw in vars(base).items():
            if is_slot(raw) and name not in names and hasattr(real, name):
                names.append(name)
    return names


def special_method(tracer: Tracer, value: PyValue, name: str) -> PyValue | None:
    """The method `name` of the class of `value`, bound; None where the class has none."""
    cls = value.python_type
    raw = search(cls, name)
    guard_search(tracer, cls, name, raw)
    if raw is MISSING or raw is None:
        return None
    return bind(tracer, raw, value, cls, name)


def stored(value: InstanceValue, name: str) -> PyValue | None:
    """The attribute in the instance's own storage; lazily what was there before."""
    if name in value.attributes:
        return value.attributes[name]
    if value.real is None or name in value.deleted or value.source is None:
        return None
    dictionary = getattr(value.real, "__dict__", None)
    if dictionary is not None and name in dictionary:
        real = dictionary[name]
    else:
        raw = search(value.cls, name)
        if not is_slot(raw):
            return None
        try:
            real = raw.__get__(value.real, value.cls)
        except AttributeError:
            return None
    source: Source = AttributeSource(value.source, name)
    if is_hidden(value.cls, name):
        source = ItemSource(AttributeSource(value.source, "__dict__"), name)
    value.attributes[name] = item = LazyValue(real, source)
    return item


def _data_descriptor(tracer: Tracer, value: InstanceValue, name: str, raw: Any) -> PyValue:
    if isinstance(raw, property):
        guard_search(tracer, value.cls, name, raw)
        return get_property(tracer, raw, value, name)
    if is_slot(raw):
        found = stored(value, name)
        if found is None:
            raise AttributeMissing(f"slot {name!r} is empty")
        return found
    if name == "__class__":
        return ConstantValue(value.cls)
    if name == "__dict__":
        return dictionary(tracer, value)
    if isinstance(search(type(raw), "__get__"), types.FunctionType):
        guard_search(tracer, value.cls, name, raw)
        return bind(tracer, raw, value, value.cls, name)
    raise Unsupported("JF-B013", f"{value.cls.__name__}.{name} is a {type(raw).__name__}")


def _cached(
    tracer: Tracer, value: InstanceValue, name: str, raw: functools.cached_property[Any]
) -> PyValue:
    function = python_function(raw.func)
    if function is None:
        raise Unsupported("JF-B013", f"cached property {name}")
    result = tracer.run_nested(function_of_class(tracer, function), [value], {})
    store(tracer, value, name, result)
    return result


def _missing(tracer: Tracer, value: InstanceValue, name: str) -> PyValue:
    guard_search(tracer, value.cls, name, MISSING)
    if name not in value.deleted:
        guard_not_shadowed(tracer, value, name)
    fallback = search(value.cls, "__getattr__")
    if isinstance(fallback, types.FunctionType):
        guard_search(tracer, value.cls, "__getattr__", fallback)
        function = function_of_class(tracer, fallback)
        return tracer.run_nested(function, [value, ConstantValue(name)], {})
    if fallback is not MISSING:
        raise Unsupported("JF-B013", f"{value.cls.__name__}.__getattr__")
    raise AttributeMissing(f"{value.cls.__name__!r} object has no attribute {name!r}")


def _check_writable(value: InstanceValue, name: str, raw: Any) -> None:
    if is_hidden(value.cls, name):
        raise Unsupported("JF-B013", f"assignment through the descriptor {name}")
    if not value.cls.__dictoffset__ and not is_slot(raw):
        raise Unsupported("JF-B009", f"AttributeError: no attribute {name!r} to set")


def _is_frozen(cls: type) -> bool:
    parameters = getattr(cls, "__dataclass_params__", None)
    return parameters is not None and parameters.frozen and "__setattr__" in vars(cls)

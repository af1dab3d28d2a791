"""``value.name``, ``value.name = new`` and ``del value.name``, by the kind of the value."""

from __future__ import annotations

import enum
import types
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.guards.predicates import HasNoItem, TypeIs
from jitflow.guards.sources import AttributeSource, ConstantSource, MadeSource
from jitflow.tracer import numpy
from jitflow.tracer.objects import class_dictionaries, instances, sequences
from jitflow.tracer.objects.classes import (
    class_attribute,
    get_property,
    search,
    super_attribute,
)
from jitflow.tracer.objects.effects import refuse_mutation, will_change
from jitflow.tracer.objects.model import (
    ArrayMethodValue,
    BuiltinMethodValue,
    DequeValue,
    DictValue,
    DictViewValue,
    FunctionValue,
    InstanceValue,
    IteratorValue,
    LazyValue,
    MethodValue,
    NamespaceValue,
    ObjectCallValue,
    OpaqueValue,
    PartialValue,
    RangeValue,
    SetValue,
    SuperValue,
)
from jitflow.tracer.objects.modules import AttributeMissing, module_attribute, store_global
from jitflow.tracer.objects.plain import IMMUTABLE, overrides
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import real_of, resolve
from jitflow.tracer.random_types import PYTHON_DRAWS, is_generator, is_python_generator
from jitflow.tracer.values import (
    ArrayValue,
    CompanionValue,
    ConstantValue,
    NumbersValue,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer.numpy import companions
else:
    companions = LazyModule("jitflow.tracer.numpy.companions")


def get_attribute(tracer: Tracer, value: PyValue, name: str) -> PyValue:
    """``value.name``."""
    if name == "append" and sequences.can_grow(tracer, value):
        return BuiltinMethodValue(value, name)
    value = resolve(tracer, value)
    if name == "__class__" and not isinstance(value, InstanceValue):
        return ConstantValue(value.python_type)
    rule = _GETTERS.get(type(value))
    if rule is None:
        raise Unsupported("JF-B013", f"{value.python_type.__name__}.{name}")
    return rule(tracer, value, name)


def find_attribute(tracer: Tracer, value: PyValue, name: str) -> PyValue | None:
    """``getattr(value, name, None)`` that tells a missing attribute from None."""
    try:
        return get_attribute(tracer, value, name)
    except AttributeMissing:
        return None


def set_attribute(tracer: Tracer, value: PyValue, name: str, new: PyValue) -> None:
    """``value.name = new``."""
    value = resolve(tracer, value)
    if isinstance(value, InstanceValue):
        instances.set_attribute(tracer, value, name, new)
    elif isinstance(value, ArrayValue):
        numpy.set_attribute(tracer.context, value, name, resolve(tracer, new))
    elif isinstance(value, ConstantValue) and type(value.value) is types.ModuleType:
        store_global(tracer, vars(value.value), name, new)
    elif isinstance(value, ConstantValue) and isinstance(value.value, type):
        class_dictionaries.set_attribute(tracer, value.value, name, new)
    elif isinstance(value, FunctionValue) and not name.startswith("__"):
        will_change(tracer, value)
        value.attributes[name] = new
    else:
        raise refuse_mutation(f"attribute {name} of {value.python_type.__name__}")


def delete_attribute(tracer: Tracer, value: PyValue, name: str) -> None:
    """``del value.name``."""
    value = resolve(tracer, value)
    if isinstance(value, InstanceValue):
        instances.delete_attribute(tracer, value, name)
    elif isinstance(value, ConstantValue) and type(value.value) is types.ModuleType:
        store_global(tracer, vars(value.value), name, None)
    else:
        raise refuse_mutation(f"deletion of attribute {name} of {value.python_type.__name__}")


def get_special(tracer: Tracer, value: PyValue, name: str) -> PyValue:
    """A special method found on the class of `value`, bound."""
    value = resolve(tracer, value)
    if isinstance(value, InstanceValue):
        found = instances.special_method(tracer, value, name)
        if found is not None:
            return found
        raise AttributeMissing(f"{value.cls.__name__!r} object has no method {name!r}")
    return get_attribute(tracer, value, name)


def get_super_attribute(tracer: Tracer, cls: PyValue, receiver: PyValue, name: str) -> PyValue:
    """``super(cls, receiver).name``."""
    real = real_of(resolve(tracer, cls))
    return super_attribute(tracer, real, resolve(tracer, receiver), name)


def _constant(tracer: Tracer, value: ConstantValue, name: str) -> PyValue:
    real = value.value
    if isinstance(real, types.ModuleType):
        return module_attribute(tracer, real, name)
    if isinstance(real, type):
        return class_attribute(tracer, real, name)
    if isinstance(real, enum.Enum):
        return _enum_member(tracer, value, name)
    if isinstance(real, np.generic):
        return _number(tracer, value, name)
    if isinstance(real, np.ufunc | np.dtype) or type(real) in _PLAIN_CONSTANTS:
        return _constant_attribute(value, name)
    raise Unsupported("JF-B013", f"{type(real).__name__}.{name}")


def _constant_attribute(value: ConstantValue, name: str) -> PyValue:
    real = value.value
    try:
        found = getattr(real, name)
    except AttributeError as error:
        raise AttributeMissing(str(error)) from None
    if isinstance(real, np.ufunc | np.dtype) or isinstance(found, np.generic | np.dtype):
        return ConstantValue(found)
    if type(found) in IMMUTABLE:
        return ConstantValue(found)
    if callable(found) and type(real) in IMMUTABLE:
        return BuiltinMethodValue(value, name)
    if isinstance(found, type):
        return ConstantValue(found)
    raise Unsupported("JF-B013", f"{type(real).__name__}.{name}")


def _enum_member(tracer: Tracer, value: ConstantValue, name: str) -> PyValue:
    real = value.value
    if name in ("name", "value", "_name_", "_value_"):
        found = getattr(real, name)
        if type(found) in IMMUTABLE or isinstance(found, enum.Enum):
            return ConstantValue(found)
        return LazyValue(found, AttributeSource(ConstantSource(real, str(real)), name))
    raw = search(type(real), name)
    if isinstance(raw, types.FunctionType):
        function = class_attribute(tracer, type(real), name)
        return MethodValue(function, value, name)
    if isinstance(raw, property) and isinstance(raw.fget, types.FunctionType):
        return get_property(tracer, raw, value, name)
    return LazyValue(getattr(real, name), AttributeSource(ConstantSource(real, str(real)), name))


def _number(tracer: Tracer, value: PyValue, name: str) -> PyValue:
    if not hasattr(value.python_type, name):
        raise AttributeMissing(f"{value.python_type.__name__!r} object has no attribute {name!r}")
    if numpy.has_method(value, name):
        return ArrayMethodValue(value, name)
    return numpy.attribute(tracer.context, value, name)


def _sequence(tracer: Tracer, value: SequenceValue, name: str) -> PyValue:
    fields = getattr(value.kind, "_fields", None)
    if fields is not None:
        if name in fields:
            found: PyValue = value.items[fields.index(name)]
            return found
        raw = search(value.kind, name)
        if isinstance(raw, types.FunctionType) and not hasattr(tuple, name):
            if name in ("_replace", "_asdict"):
                return BuiltinMethodValue(value, name)
            return MethodValue(class_attribute(tracer, value.kind, name), value, name)
        if isinstance(raw, property):
            return get_property(tracer, raw, value, name)
        if name in ("_fields", "_make"):
            return get_attribute(tracer, ConstantValue(value.kind), name)
    return _native(tracer, value, name)


def _native(tracer: Tracer, value: PyValue, name: str) -> PyValue:
    """A method of a built-in container or iterator."""
    if not hasattr(value.python_type, name):
        raise AttributeMissing(f"{value.python_type.__name__!r} object has no attribute {name!r}")
    return BuiltinMethodValue(value, name)


def _dict(tracer: Tracer, value: DictValue, name: str) -> PyValue:
    if name == "default_factory" and value.default_factory is not None:
        return value.default_factory
    return _native(tracer, value, name)


def _triple(tracer: Tracer, value: RangeValue | SliceValue, name: str) -> PyValue:
    if name in ("start", "stop", "step"):
        part: PyValue = getattr(value, name)
        return part
    return _native(tracer, value, name)


def _instance(tracer: Tracer, value: InstanceValue, name: str) -> PyValue:
    return instances.get_attribute(tracer, value, name)


def _function(tracer: Tracer, value: FunctionValue, name: str) -> PyValue:
    if name in value.attributes:
        return value.attributes[name]
    simple = {"__name__": value.name, "__qualname__": value.qualname}
    if name in simple:
        return ConstantValue(simple[name])
    if name == "__call__":
        return value
    if value.real is None:
        if name in ("__doc__", "__module__"):
            doc = value.code.co_consts[0] if value.code.co_consts else None
            module = value.globals.get("__name__")
            found = module if name == "__module__" else doc
            return ConstantValue(found if isinstance(found, str) else None)
        if name in vars(types.FunctionType) or hasattr(object, name):
            raise Unsupported("JF-B013", f"{value.qualname}.{name}")
        raise AttributeMissing(f"function {value.name} has no attribute {name!r}")
    if name in ("__doc__", "__module__", "__code__"):
        return ConstantValue(getattr(value.real, name))
    assert value.source is not None
    if name in vars(value.real):
        return LazyValue(vars(value.real)[name], AttributeSource(value.source, name))
    if hasattr(value.real, name):
        raise Unsupported("JF-B013", f"{value.qualname}.{name}")
    tracer.context.guard(HasNoItem(AttributeSource(value.source, "__dict__"), name))
    raise AttributeMissing(f"function {value.name} has no attribute {name!r}")


def _method(tracer: Tracer, value: MethodValue, name: str) -> PyValue:
    if name == "__self__":
        return value.receiver
    if name == "__func__":
        return value.function
    return get_attribute(tracer, value.function, name)


def _partial(tracer: Tracer, value: PartialValue, name: str) -> PyValue:
    if name == "func":
        return value.function
    if name == "args":
        return SequenceValue(tuple, list(value.arguments))
    if name == "keywords" and value.source is None:
        return DictValue({key: (ConstantValue(key), item) for key, item in value.keywords.items()})
    raise Unsupported("JF-B013", f"functools.partial.{name}")


def _super(tracer: Tracer, value: SuperValue, name: str) -> PyValue:
    return super_attribute(tracer, value.cls, value.receiver, name)


def _object_call(tracer: Tracer, value: ObjectCallValue, name: str) -> PyValue:
    if name == "args" and issubclass(value.function, BaseException):
        return SequenceValue(tuple, list(value.arguments))
    raise Unsupported("JF-B013", f"{value.function.__name__}.{name}")


def _builtin_method(tracer: Tracer, value: PyValue, name: str) -> PyValue:
    if name == "__name__":
        return ConstantValue(value.name)  # type: ignore[attr-defined]
    if name == "__self__":
        return value.receiver  # type: ignore[attr-defined, no-any-return]
    raise Unsupported("JF-B013", f"{name} of a built-in method")


def _opaque(tracer: Tracer, value: OpaqueValue, name: str) -> PyValue:
    """A method of an object the tracer does not know: Python finds it again, and calls it."""
    cls = type(value.real)
    raw = search(cls, name)
    if is_generator(value.real) and callable(raw):
        if not isinstance(value.source, MadeSource):
            tracer.context.guard(TypeIs(value.source, cls))
        return BuiltinMethodValue(value, name)
    if is_python_generator(value.real) and callable(raw) and not _has_own(value.real, name):
        if not isinstance(value.source, MadeSource):
            tracer.context.guard(TypeIs(value.source, cls))
        if name in PYTHON_DRAWS or not isinstance(raw, types.FunctionType):
            return BuiltinMethodValue(value, name)
        function = LazyValue(raw, ConstantSource(raw, name))
        return MethodValue(function, value, name)
    is_method = isinstance(raw, types.FunctionType | types.MethodDescriptorType)
    is_plain = cls is deque or not overrides(cls, "__getattribute__")
    if is_method and is_plain and not _has_own(value.real, name):
        tracer.context.guard(TypeIs(value.source, cls))
        return BuiltinMethodValue(value, name)
    raise Unsupported("JF-B013", f"{name} of {type(value.real).__name__} object")


def _deque(tracer: Tracer, value: DequeValue, name: str) -> PyValue:
    return ConstantValue(value.maxlen) if name == "maxlen" else _native(tracer, value, name)


def _companion(tracer: Tracer, value: CompanionValue, name: str) -> PyValue:
    return companions.attribute(tracer.context, value, name)


def _has_own(obj: Any, name: str) -> bool:
    return name in getattr(obj, "__dict__", ())


_PLAIN_CONSTANTS = (
    *IMMUTABLE,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    np.finfo,
    np.iinfo,
)

_GETTERS: dict[type, Callable[[Tracer, Any, str], PyValue]] = {
    ConstantValue: _constant,
    ArrayValue: _number,
    ScalarValue: _number,
    CompanionValue: _companion,
    SequenceValue: _sequence,
    DictValue: _dict,
    DictViewValue: _native,
    NamespaceValue: _native,
    SetValue: _native,
    DequeValue: _deque,
    RangeValue: _triple,
    SliceValue: _triple,
    NumbersValue: _native,
    IteratorValue: _native,
    InstanceValue: _instance,
    FunctionValue: _function,
    MethodValue: _method,
    PartialValue: _partial,
    SuperValue: _super,
    ObjectCallValue: _object_call,
    BuiltinMethodValue: _builtin_method,
    ArrayMethodValue: _builtin_method,
    OpaqueValue: _opaque,
}

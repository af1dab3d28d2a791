"""Classes: searching their dictionaries without running descriptors, and binding what is found."""

from __future__ import annotations

import functools
import types
from typing import Any

from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import MISSING, HasNoItem, SearchesClass
from jitflow.guards.sources import AttributeSource, ConstantSource
from jitflow.tracer.objects.class_dictionaries import changed_attribute, class_source, own_attribute
from jitflow.tracer.objects.model import (
    BuiltinMethodValue,
    FunctionValue,
    InstanceValue,
    LazyValue,
    MethodValue,
)
from jitflow.tracer.objects.modules import AttributeMissing
from jitflow.tracer.objects.plain import python_function
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import function_value, resolve
from jitflow.tracer.values import ConstantValue, PyValue

NATIVE_METHODS = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.BuiltinFunctionType,
)


def search(cls: type, name: str) -> Any:
    """The raw entry of the first class in the MRO that has `name`, else MISSING."""
    for base in cls.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return MISSING


def guard_search(tracer: Tracer, cls: type, name: str, found: Any) -> None:
    """Rely on what `search` gave."""
    tracer.context.guard(SearchesClass(class_source(cls), name, found))


def is_data_descriptor(raw: Any) -> bool:
    """Whether `raw` comes before the instance dictionary."""
    return hasattr(type(raw), "__set__") or hasattr(type(raw), "__delete__")


def is_slot(raw: Any) -> bool:
    """Whether it is what a class has for a name in ``__slots__``."""
    return isinstance(raw, types.MemberDescriptorType)


def is_hidden(cls: type, name: str) -> bool:
    """Whether an instance's own entry `name` is in its dictionary only: a descriptor hides it."""
    raw = search(cls, name)
    return raw is not MISSING and is_data_descriptor(raw) and not is_slot(raw)


def is_plain_value(raw: Any) -> bool:
    """Whether an entry of a class dictionary is simply the attribute's value."""
    return not hasattr(type(raw), "__get__")


def guard_not_shadowed(tracer: Tracer, value: PyValue, name: str) -> None:
    """Rely on the instance dictionary not having `name`."""
    if value.source is not None and value.python_type.__dictoffset__:
        tracer.context.guard(HasNoItem(AttributeSource(value.source, "__dict__"), name))


def function_of_class(tracer: Tracer, function: types.FunctionType) -> FunctionValue:
    """The value of a function that a class dictionary holds; the search is guarded."""
    source = ConstantSource(function, function.__qualname__)
    value = resolve(tracer, LazyValue(function, source))
    if not isinstance(value, FunctionValue):
        value = function_value(tracer, function, source)
    return value


def bind(tracer: Tracer, raw: Any, receiver: PyValue, cls: type, name: str) -> PyValue:
    """What ``receiver.name`` gives for the non-data entry `raw` of class `cls`."""
    function = python_function(raw)
    if function is not None:
        return MethodValue(function_of_class(tracer, function), receiver, name)
    if isinstance(raw, staticmethod):
        return unwrapped(tracer, raw.__func__)
    if isinstance(raw, classmethod) and python_function(raw.__func__) is not None:
        return MethodValue(unwrapped(tracer, raw.__func__), ConstantValue(cls), name)
    if isinstance(raw, types.MethodDescriptorType | types.WrapperDescriptorType):
        return BuiltinMethodValue(receiver, name)
    if isinstance(raw, types.BuiltinFunctionType | type):
        return ConstantValue(raw)
    getter = search(type(raw), "__get__")
    if isinstance(getter, types.FunctionType):
        descriptor = constant_object(tracer, raw, name)
        called = function_of_class(tracer, getter)
        return tracer.run_nested(called, [descriptor, receiver, ConstantValue(cls)], {})
    raise Unsupported("JF-B013", f"{cls.__name__}.{name} is a {type(raw).__name__}")


def constant_object(tracer: Tracer, obj: Any, name: str) -> PyValue:
    """The value of an object that a guard has fixed by identity."""
    return resolve(tracer, LazyValue(obj, ConstantSource(obj, name)))


def unwrapped(tracer: Tracer, function: Any) -> PyValue:
    """The function inside a staticmethod or classmethod that is guarded."""
    found = python_function(function)
    if found is not None:
        return function_of_class(tracer, found)
    return resolve(tracer, LazyValue(function, ConstantSource(function, "function")))


def get_property(tracer: Tracer, raw: property, receiver: PyValue, name: str) -> PyValue:
    """Run a property's getter."""
    function = python_function(raw.fget)
    if function is None:
        raise Unsupported("JF-B013", f"property {name} without a Python getter")
    getter = function_of_class(tracer, function)
    return tracer.run_nested(getter, [receiver], {})


def class_attribute(tracer: Tracer, cls: type, name: str) -> PyValue:
    """``cls.name`` of a class that is guarded by identity."""
    if name in ("__name__", "__qualname__", "__module__", "__doc__"):
        return ConstantValue(getattr(cls, name))
    if name in ("__mro__", "__bases__", "__dict__", "__annotations__", "__subclasses__"):
        raise Unsupported("JF-B013", f"{cls.__name__}.{name}")
    if name == "__class__":
        return ConstantValue(type(cls))
    meta = search(type(cls), name)
    if meta is not MISSING and is_data_descriptor(meta):
        raise Unsupported("JF-B013", f"{name} of metaclass {type(cls).__name__}")
    changed = changed_attribute(tracer, cls, name)
    if changed is not None:
        return changed
    raw = search(cls, name)
    if raw is MISSING:
        return _metaclass_attribute(tracer, cls, name, meta)
    if is_plain_value(raw):
        return LazyValue(raw, AttributeSource(class_source(cls), name))
    guard_search(tracer, cls, name, raw)
    function = python_function(raw)
    if function is not None:
        return function_of_class(tracer, function)
    if isinstance(raw, NATIVE_METHODS):
        return ConstantValue(getattr(cls, name))
    if isinstance(raw, property | functools.cached_property | types.MemberDescriptorType):
        raise Unsupported("JF-B013", f"{cls.__name__}.{name} itself, a {type(raw).__name__}")
    if isinstance(cls, type) and _is_enum_member(cls, raw, name):
        return ConstantValue(getattr(cls, name))
    return bind(tracer, raw, ConstantValue(cls), cls, name)


def _is_enum_member(cls: type, raw: Any, name: str) -> bool:
    return name in getattr(cls, "__members__", ())


def _metaclass_attribute(tracer: Tracer, cls: type, name: str, meta: Any) -> PyValue:
    if name in getattr(cls, "__members__", ()):
        return ConstantValue(getattr(cls, name))
    if meta is MISSING:
        if search(type(cls), "__getattr__") is not MISSING:
            raise Unsupported("JF-B013", f"__getattr__ of metaclass {type(cls).__name__}")
        guard_search(tracer, cls, name, MISSING)
        raise AttributeMissing(f"type object {cls.__name__!r} has no attribute {name!r}")
    if isinstance(meta, NATIVE_METHODS):
        return BuiltinMethodValue(ConstantValue(cls), name)
    guard_search(tracer, type(cls), name, meta)
    return bind(tracer, meta, ConstantValue(cls), type(cls), name)


def super_attribute(tracer: Tracer, cls: type, receiver: PyValue, name: str) -> PyValue:
    """``super(cls, receiver).name``."""
    is_class = isinstance(receiver, ConstantValue) and isinstance(receiver.value, type)
    start: type = receiver.value if is_class else receiver.python_type  # type: ignore[attr-defined]
    if is_class and cls not in start.__mro__:
        start, is_class = receiver.python_type, False
    mro = start.__mro__
    if cls not in mro:
        raise Unsupported("JF-B009", f"super({cls.__name__}, ...) of another class")
    for base in mro[mro.index(cls) + 1 :]:
        if (changed := own_attribute(tracer, base, name)) is not None:
            return changed
        if name not in vars(base):
            continue
        raw = vars(base)[name]
        guard_search(tracer, base, name, raw)
        if isinstance(raw, property):
            return get_property(tracer, raw, receiver, name)
        if is_plain_value(raw):
            return LazyValue(raw, AttributeSource(class_source(base), name))
        function = python_function(raw)
        if is_class and function is not None:
            return function_of_class(tracer, function)
        is_known = name in ("__call__", "__new__") or isinstance(receiver, InstanceValue)
        if isinstance(raw, NATIVE_METHODS) and not is_known:
            raise Unsupported("JF-B003", f"super().{name} of {base.__name__}")
        return bind(tracer, raw, receiver, start, name)
    raise AttributeMissing(f"super object has no attribute {name!r}")

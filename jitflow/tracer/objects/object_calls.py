"""Built-in functions on objects and classes: isinstance, getattr, type, super, partial, ..."""

from __future__ import annotations

import abc
import builtins
import functools
import operator
import types
import typing
from collections.abc import Callable
from typing import Any

from jitflow.core.errors import Unsupported
from jitflow.core.shown import shown
from jitflow.guards.predicates import IsObject
from jitflow.tracer.objects import attributes, comparison, instances, operators
from jitflow.tracer.objects.classes import guard_search, search
from jitflow.tracer.objects.model import (
    BuiltinMethodValue,
    IdentityValue,
    InstanceValue,
    LazyValue,
    ObjectCallValue,
    OpaqueValue,
    PartialValue,
    SuperValue,
)
from jitflow.tracer.objects.namespaces import namespace_value
from jitflow.tracer.objects.nested import call_nested
from jitflow.tracer.objects.plain import is_plain_class
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.strings import format_value, real_text
from jitflow.tracer.objects.wrap import python_type, real_of, resolve
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, ScalarValue, SequenceValue

NONE = ConstantValue(None)
_UNION = type(typing.Union[int, str])  # noqa: UP007  the older kind, which is no UnionType


def _is_instance(tracer: Tracer, value: PyValue, classes: PyValue) -> PyValue:
    kind = python_type(tracer, value)
    return ConstantValue(_is_subclass_of(kind, _class_info(tracer, classes)))


def _is_subclass(tracer: Tracer, cls: PyValue, classes: PyValue) -> PyValue:
    kind = real_of(resolve(tracer, cls))
    if not isinstance(kind, type):
        raise Unsupported("JF-B009", "TypeError: issubclass() arg 1 must be a class")
    return ConstantValue(_is_subclass_of(kind, _class_info(tracer, classes)))


def _class_info(tracer: Tracer, value: PyValue) -> tuple[type, ...]:
    value = resolve(tracer, value)
    if isinstance(value, SequenceValue):
        return tuple(cls for item in value.items for cls in _class_info(tracer, item))
    if type(getattr(value, "real", None)) is _UNION:
        return _classes_of_union(tracer, value)
    real = real_of(value)
    if isinstance(real, types.UnionType):
        real = real.__args__
        return tuple(real)
    if not isinstance(real, type):
        raise Unsupported("JF-B009", f"TypeError: {shown(real)} is not a class")
    return (real,)


def _classes_of_union(tracer: Tracer, value: PyValue) -> tuple[type, ...]:
    """The classes of a real ``typing.Union[...]``."""
    union = value.real  # type: ignore[attr-defined]
    found = typing.get_args(union)
    if value.source is None or not all(isinstance(cls, type) for cls in found):
        raise Unsupported("JF-B003", f"isinstance with {union}")
    tracer.context.guard(IsObject(value.source, union))
    return found


def _is_subclass_of(kind: type, classes: tuple[type, ...]) -> bool:
    for cls in classes:
        if type(cls).__instancecheck__ not in (
            type.__instancecheck__,
            abc.ABCMeta.__instancecheck__,
        ):
            raise Unsupported("JF-B003", f"isinstance with metaclass {type(cls).__name__}")
        if issubclass(kind, cls):
            return True
    return False


def _type(tracer: Tracer, value: PyValue) -> PyValue:
    return ConstantValue(python_type(tracer, value))


def _name_of(tracer: Tracer, name: PyValue) -> str:
    real = real_of(resolve(tracer, name))
    if not isinstance(real, str):
        raise Unsupported("JF-B009", "TypeError: attribute name must be string")
    return real


def _get_attribute(
    tracer: Tracer, value: PyValue, name: PyValue, default: PyValue | None = None
) -> PyValue:
    text = _name_of(tracer, name)
    if default is None:
        found = attributes.get_attribute(tracer, value, text)
    else:
        found = attributes.find_attribute(tracer, value, text) or default
    if isinstance(found, LazyValue):
        tracer.context.loads.append(found)
    return found


def _has_attribute(tracer: Tracer, value: PyValue, name: PyValue) -> PyValue:
    found = attributes.find_attribute(tracer, value, _name_of(tracer, name))
    if isinstance(found, LazyValue):
        tracer.context.loads.append(found)
    return ConstantValue(found is not None)


def _set_attribute(tracer: Tracer, value: PyValue, name: PyValue, new: PyValue) -> PyValue:
    attributes.set_attribute(tracer, value, _name_of(tracer, name), new)
    return NONE


def _delete_attribute(tracer: Tracer, value: PyValue, name: PyValue) -> PyValue:
    attributes.delete_attribute(tracer, value, _name_of(tracer, name))
    return NONE


def _callable(tracer: Tracer, value: PyValue) -> PyValue:
    value = resolve(tracer, value)
    if isinstance(value, ConstantValue):
        return ConstantValue(callable(value.value))
    if isinstance(value, OpaqueValue):
        raise Unsupported("JF-B003", f"callable({type(value.real).__name__})")
    return ConstantValue(any("__call__" in vars(cls) for cls in value.python_type.__mro__))


def _super(tracer: Tracer, cls: PyValue, receiver: PyValue) -> PyValue:
    found, owner = real_of(resolve(tracer, cls)), resolve(tracer, receiver)
    classes = [owner.python_type]
    if isinstance(owner, ConstantValue) and isinstance(owner.value, type):
        classes.append(owner.value)
    if not (isinstance(found, type) and any(issubclass(kind, found) for kind in classes)):
        raise Unsupported("JF-B009", "TypeError: arguments of super()")
    return SuperValue(found, owner)


def _partial(tracer: Tracer, function: PyValue, /, *args: PyValue, **kwargs: PyValue) -> PyValue:
    function = resolve(tracer, function)
    if isinstance(function, PartialValue):
        merged = {**function.keywords, **kwargs}
        return PartialValue(function.function, [*function.arguments, *args], merged)
    return PartialValue(function, list(args), kwargs)


def _length(tracer: Tracer, value: PyValue) -> PyValue:
    return comparison.length(tracer, value)


def _representation(tracer: Tracer, value: PyValue) -> PyValue:
    return format_value(tracer, value, "r", None)


def _format(tracer: Tracer, value: PyValue, specification: PyValue | None = None) -> PyValue:
    return format_value(tracer, value, "", specification)


def _string(tracer: Tracer, value: PyValue | None = None) -> PyValue:
    return ConstantValue("") if value is None else format_value(tracer, value, "s", None)


def _hash(tracer: Tracer, value: PyValue) -> PyValue:
    real = real_text(tracer, value)
    if isinstance(real, str | bytes):
        raise Unsupported("JF-B010", "hash of a string")
    return ConstantValue(hash(real))


def _side_effect(name: str) -> Callable[..., PyValue]:
    def handler(tracer: Tracer, *args: PyValue, **kwargs: PyValue) -> PyValue:
        raise Unsupported("JF-B004", f"{name}()")

    return handler


def _identity(tracer: Tracer, value: PyValue) -> PyValue:
    value = resolve(tracer, value)
    if isinstance(value, ConstantValue | ScalarValue | ArrayValue):
        raise Unsupported("JF-B010", f"id() of a {value.python_type.__name__}")
    return IdentityValue(value)


def _variables(tracer: Tracer, value: PyValue | None = None) -> PyValue:
    target = None if value is None else resolve(tracer, value)
    if isinstance(target, InstanceValue):
        return instances.dictionary(tracer, target)
    if isinstance(target, ConstantValue) and type(target.value) is types.ModuleType:
        return namespace_value(tracer, vars(target.value))
    raise Unsupported("JF-B013", "vars()")


def _globals(tracer: Tracer) -> PyValue:
    return namespace_value(tracer, tracer.context.namespace)


# Methods that every object has


def call_object_method(
    tracer: Tracer, callee: BuiltinMethodValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """A method that an instance of a Python class has from `object`."""
    receiver = callee.receiver
    assert isinstance(receiver, InstanceValue)
    if callee.name == "__init__" and not args and not kwargs:
        return NONE
    if callee.name == "__init_subclass__":
        return NONE
    if callee.name == "__setattr__" and len(args) == 2:
        instances.set_plainly(tracer, receiver, _name_of(tracer, args[0]), args[1])
        return NONE
    if callee.name == "__getattribute__" and len(args) == 1:
        return instances.get_attribute(tracer, receiver, _name_of(tracer, args[0]))
    if callee.name in ("__eq__", "__ne__") and len(args) == 1:
        same = comparison.is_same(tracer, receiver, args[0])
        if not same:
            return ConstantValue(NotImplemented)
        return ConstantValue(same == (callee.name == "__eq__"))
    raise Unsupported("JF-B003", f"{receiver.cls.__name__}.{callee.name}")


def _new_object(tracer: Tracer, cls: PyValue, /, *args: PyValue, **kwargs: PyValue) -> PyValue:

    real = real_of(resolve(tracer, cls))
    if not is_plain_class(real):
        raise Unsupported("JF-B003", f"object.__new__({real.__name__})")
    if args or kwargs:  # they are for an __init__ of the class, never for a __new__ of it
        if real.__new__ is not object.__new__ or real.__init__ is object.__init__:
            raise Unsupported("JF-B009", f"TypeError: arguments of {real.__name__}")
        for name in ("__new__", "__init__"):
            guard_search(tracer, real, name, search(real, name))
    return InstanceValue(real)


def call_getter(
    tracer: Tracer, callee: ObjectCallValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """A call of an `operator.itemgetter`, `attrgetter` or `methodcaller`."""
    if callee.function is operator.itemgetter and len(args) == 1:
        found = [operators.get_item(tracer, args[0], key) for key in callee.arguments]
    elif callee.function is operator.attrgetter and len(args) == 1:
        names = [_name_of(tracer, name).split(".") for name in callee.arguments]
        found = [_follow(tracer, args[0], path) for path in names]
    elif callee.function is operator.methodcaller and len(args) == 1:
        name = _name_of(tracer, callee.arguments[0])
        method = attributes.get_attribute(tracer, args[0], name)
        return call_nested(tracer, PartialValue(method, callee.arguments[1:], callee.keywords))
    else:
        raise Unsupported("JF-B003", f"call of a {callee.function.__name__}")
    return found[0] if len(found) == 1 else SequenceValue(tuple, found)


def _follow(tracer: Tracer, value: PyValue, path: list[str]) -> PyValue:
    for name in path:
        value = attributes.get_attribute(tracer, value, name)
    return value


# The operator module


def _binary(op: str, in_place: bool = False) -> Callable[..., PyValue]:
    def handler(tracer: Tracer, left: PyValue, right: PyValue, /) -> PyValue:
        return operators.binary(tracer, op, left, right, in_place)

    return handler


def _unary(op: str) -> Callable[..., PyValue]:
    def handler(tracer: Tracer, value: PyValue, /) -> PyValue:
        return operators.unary(tracer, op, value)

    return handler


def _compare(op: str) -> Callable[..., PyValue]:
    def handler(tracer: Tracer, left: PyValue, right: PyValue, /) -> PyValue:
        return comparison.compare(tracer, op, left, right)

    return handler


def _is_same(wanted: bool) -> Callable[..., PyValue]:
    def handler(tracer: Tracer, left: PyValue, right: PyValue, /) -> PyValue:
        return ConstantValue(comparison.is_same(tracer, left, right) is wanted)

    return handler


def _set_item(tracer: Tracer, value: PyValue, key: PyValue, new: PyValue) -> PyValue:
    operators.set_item(tracer, value, key, new)
    return NONE


def _delete_item(tracer: Tracer, value: PyValue, key: PyValue) -> PyValue:
    operators.delete_item(tracer, value, key)
    return NONE


def _operator_handlers() -> dict[Any, Callable[..., PyValue]]:
    table: dict[Any, Callable[..., PyValue]] = {}
    for op, name in operators.NAMES.items():
        function = {"and": "and_", "or": "or_"}.get(name, name)
        table[getattr(operator, function)] = _binary(op)
        table[getattr(operator, f"i{name}")] = _binary(op, in_place=True)
    for op, name in comparison.NAMES.items():
        table[getattr(operator, name)] = _compare(op)
    for op, name in {"-": "neg", "+": "pos", "~": "invert", "not": "not_"}.items():
        table[getattr(operator, name)] = _unary(op)
    table[operator.truth] = lambda tracer, value: comparison.truth(tracer, value)
    table[operator.getitem] = lambda tracer, a, b: operators.get_item(tracer, a, b)
    table[operator.contains] = lambda tracer, a, b: comparison.contains(tracer, a, b)
    table[operator.setitem], table[operator.delitem] = _set_item, _delete_item
    table[operator.is_], table[operator.is_not] = _is_same(True), _is_same(False)
    return table


def _namespace(tracer: Tracer, /, **fields: PyValue) -> PyValue:
    """``types.SimpleNamespace(**fields)``."""
    made = InstanceValue(types.SimpleNamespace)
    made.attributes.update(fields)
    return made


HANDLERS: dict[Any, Callable[..., PyValue]] = {
    builtins.isinstance: _is_instance,
    builtins.issubclass: _is_subclass,
    builtins.type: _type,
    builtins.getattr: _get_attribute,
    builtins.hasattr: _has_attribute,
    builtins.setattr: _set_attribute,
    builtins.delattr: _delete_attribute,
    builtins.callable: _callable,
    builtins.super: _super,
    builtins.len: _length,
    builtins.repr: _representation,
    builtins.format: _format,
    builtins.str: _string,
    builtins.hash: _hash,
    builtins.id: _identity,
    builtins.vars: _variables,
    builtins.globals: _globals,
    builtins.print: _side_effect("print"),
    builtins.input: _side_effect("input"),
    builtins.open: _side_effect("open"),
    builtins.object.__new__: _new_object,
    functools.partial: _partial,
    types.SimpleNamespace: _namespace,
    **_operator_handlers(),
}

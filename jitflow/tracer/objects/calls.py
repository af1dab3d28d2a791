"""Calls of everything: Python functions run nested, built-in callables by their tables."""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
import weakref
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from jitflow.core import devices
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.core.shown import shown
from jitflow.guards.sources import ConstantSource
from jitflow.tracer import numpy
from jitflow.tracer.objects import (
    container_calls,
    copying,
    iterator_calls,
    math_calls,
    number_calls,
    object_calls,
    sequences,
)
from jitflow.tracer.objects.comparison import call_special
from jitflow.tracer.objects.constructors import construct
from jitflow.tracer.objects.functions import REPLACED, instantiate, is_question, resolve_call
from jitflow.tracer.objects.keys import key_of
from jitflow.tracer.objects.methods import call_method
from jitflow.tracer.objects.model import (
    ArrayMethodValue,
    BuiltinMethodValue,
    FunctionValue,
    InstanceValue,
    LazyValue,
    MethodValue,
    ObjectCallValue,
    OpaqueValue,
    PartialValue,
    WeakReferenceValue,
)
from jitflow.tracer.objects.number_values import evaluate
from jitflow.tracer.objects.plain import IMMUTABLE
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve, resolve_deeply
from jitflow.tracer.random_types import is_generator, is_python_generator
from jitflow.tracer.values import ConstantValue, PyValue

if TYPE_CHECKING:
    from jitflow.tracer.objects import (
        cmath_calls,
        generator_managers,
        integer_math,
        weak_references,
    )
else:
    cmath_calls = LazyModule("jitflow.tracer.objects.cmath_calls")
    generator_managers = LazyModule("jitflow.tracer.objects.generator_managers")
    integer_math = LazyModule("jitflow.tracer.objects.integer_math")
    weak_references = LazyModule("jitflow.tracer.objects.weak_references")

Handler = Callable[..., PyValue]
MANAGER: Any = contextlib._GeneratorContextManager

HANDLERS: dict[Any, Handler] = {
    **object_calls.HANDLERS,
    **number_calls.HANDLERS,
    **math_calls.HANDLERS,
    **container_calls.HANDLERS,
    **iterator_calls.HANDLERS,
    **copying.HANDLERS,
    weakref.ref: lambda tracer, *args: weak_references.make(tracer, *args),
    MANAGER.__enter__: lambda tracer, manager: generator_managers.enter(tracer, manager),
    MANAGER.__exit__: lambda tracer, manager, kind, value, traceback: generator_managers.leave(
        tracer, manager, kind
    ),
}
REPLACED.update(f for f in HANDLERS if isinstance(f, types.FunctionType))

_SELDOM: dict[str | None, Any] = {"math": integer_math, "cmath": cmath_calls}
"""Handlers of functions that few programs call, by the modules of these."""
_PURE_MODULES = frozenset({"math", "cmath", "_operator", "builtins"})
_PURE_BUILTINS = frozenset(
    [
        "abs",
        "all",
        "any",
        "ascii",
        "bin",
        "callable",
        "chr",
        "divmod",
        "format",
        "hash",
        "hex",
        "len",
        "max",
        "min",
        "oct",
        "ord",
        "pow",
        "repr",
        "round",
        "sorted",
        "sum",
    ]
)
"""The others have an effect, or look at the frame that calls them."""


def call(
    tracer: Tracer, callee: PyValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """``callee(*args, **kwargs)``; Python functions run nested, to their end."""
    callee = resolve(tracer, callee)
    request = resolve_call(tracer, callee, args, kwargs)
    if request is not None:
        result = tracer.run_nested(request.function, request.arguments, request.keywords)
        return result if request.instance is None else request.instance
    if isinstance(callee, MethodValue):
        return call(tracer, callee.function, [callee.receiver, *args], kwargs)
    if isinstance(callee, PartialValue):
        merged = {**callee.keywords, **kwargs}
        return call(tracer, callee.function, [*callee.arguments, *args], merged)
    if isinstance(callee, ArrayMethodValue):
        deep, named = _deeply(tracer, args, kwargs)
        receiver = resolve(tracer, callee.receiver)
        return numpy.method(tracer.context, receiver, callee.name, deep, named)
    if isinstance(callee, BuiltinMethodValue):
        return _call_builtin_method(tracer, callee, args, kwargs)
    if isinstance(callee, FunctionValue):
        if is_question(callee.real):
            return ConstantValue(True)
        return _call_constant(tracer, callee.real, args, kwargs)
    if isinstance(callee, ConstantValue):
        return _call_constant(tracer, callee.value, args, kwargs)
    if isinstance(callee, WeakReferenceValue) and not (args or kwargs):
        return weak_references.follow(tracer, callee)
    if isinstance(callee, ObjectCallValue):
        return object_calls.call_getter(tracer, callee, args, kwargs)
    raise Unsupported("JF-B003", f"call of a {callee.python_type.__name__}")


def invoke(
    tracer: Tracer, handler: Handler, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """Run a handler whose parameters are those of the callable that it stands for."""
    try:
        _signature(handler).bind(tracer, *args, **kwargs)
    except TypeError as error:
        raise Unsupported("JF-B009", f"TypeError: {error}") from None
    return handler(tracer, *args, **kwargs)


@cache
def _signature(handler: Handler) -> inspect.Signature:
    return inspect.signature(handler)


def _deeply(
    tracer: Tracer, args: list[PyValue], kwargs: dict[str, PyValue]
) -> tuple[list[PyValue], dict[str, PyValue]]:
    named = {name: resolve_deeply(tracer, arg) for name, arg in kwargs.items()}
    return [resolve_deeply(tracer, arg) for arg in args], named


def _call_constant(
    tracer: Tracer, function: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    handler = _handler_of(function)
    if handler is not None:
        return invoke(tracer, handler, args, kwargs)
    if numpy.is_known(function):
        deep, named = _deeply(tracer, args, kwargs)
        return numpy.call(tracer.context, function, deep, named)
    if (own := devices.namesake(function)) is not None:
        deep, named = _deeply(tracer, args, kwargs)
        return numpy.call_namesake(tracer.context, own, deep, named)
    if isinstance(function, functools._lru_cache_wrapper):
        return _call_cached(tracer, function, args, kwargs)
    if isinstance(function, type):
        return construct(tracer, function, args, kwargs)
    if isinstance(function, types.MethodDescriptorType | types.WrapperDescriptorType) and args:
        receiver = resolve(tracer, args[0])
        if isinstance(receiver, InstanceValue):
            bound = BuiltinMethodValue(receiver, function.__name__)
            return object_calls.call_object_method(tracer, bound, args[1:], kwargs)
        return call_method(tracer, receiver, function.__name__, args[1:], kwargs)
    return _call_pure(tracer, function, args, kwargs)


def _handler_of(function: Any) -> Handler | None:
    try:
        found = HANDLERS.get(function)
    except TypeError:
        return None
    if found is None and isinstance(function, types.BuiltinFunctionType):
        seldom: dict[Any, Handler] = getattr(_SELDOM.get(function.__module__), "HANDLERS", {})
        found = seldom.get(function)
    return found


def _call_builtin_method(
    tracer: Tracer, callee: BuiltinMethodValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    if callee.name == "append" and len(args) == 1 and not kwargs:
        lazy = callee.receiver
        if isinstance(lazy, LazyValue) and sequences.can_grow(tracer, lazy):
            return sequences.grow(tracer, lazy, args[0])
    receiver = resolve(tracer, callee.receiver)
    if isinstance(receiver, InstanceValue):
        bound = BuiltinMethodValue(receiver, callee.name)
        return object_calls.call_object_method(tracer, bound, args, kwargs)
    if isinstance(receiver, OpaqueValue) and is_generator(receiver.real):
        deep, named = _deeply(tracer, args, kwargs)
        from jitflow.tracer.numpy import random

        return random.draw(tracer.context, receiver, callee.name, deep, named)
    if isinstance(receiver, OpaqueValue) and is_python_generator(receiver.real):
        from jitflow.tracer.objects import python_random

        return python_random.draw(tracer.context, receiver, callee.name, args, kwargs)
    if isinstance(receiver, ConstantValue):
        real = receiver.value
        if isinstance(real, type) and callee.name == "__call__":
            return _instantiate(tracer, real, args, kwargs)
        if isinstance(real, type):
            return _call_constant(tracer, getattr(real, callee.name), args, kwargs)
    return call_method(tracer, receiver, callee.name, args, kwargs)


def _instantiate(
    tracer: Tracer, cls: type, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """``type.__call__(cls, ...)``: past a metaclass that has a say."""
    request = instantiate(tracer, cls, args, kwargs)
    if request is None or request.instance is None:
        return construct(tracer, cls, args, kwargs)
    tracer.run_nested(request.function, request.arguments, request.keywords)
    return request.instance


def _call_cached(
    tracer: Tracer, function: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """A function under `functools.lru_cache`, on constants: called once and for all, here.

    Its result is the object that every later call gives, as it is in eager code.
    """
    reals = [_real_key(tracer, arg) for arg in args]
    named = {name: _real_key(tracer, arg) for name, arg in kwargs.items()}
    result = evaluate(lambda: function(*reals, **named)).value
    if type(result) in IMMUTABLE:
        return ConstantValue(result)
    return LazyValue(result, ConstantSource(result, function.__name__))


def _real_key(tracer: Tracer, value: PyValue) -> Any:
    """The hashable object that `value` is; none that the piece makes."""
    key = key_of(tracer, value)
    parts = [key]
    while parts:
        part = parts.pop()
        if isinstance(part, PyValue):
            raise Unsupported("JF-B010", f"a new {part.python_type.__name__} for a cached function")
        if isinstance(part, tuple):
            parts += part
    return key


def _call_pure(
    tracer: Tracer, function: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """A native function without effect, on constants: Python computes it."""
    name = getattr(function, "__name__", None) or shown(function)
    module = getattr(function, "__module__", None)
    if module in ("builtins", "time", "io", "sys", "os", "posix", "logging") and (
        module != "builtins" or name not in _PURE_BUILTINS
    ):
        raise Unsupported("JF-B004", f"{name}()")
    if not isinstance(function, types.BuiltinFunctionType) or module not in _PURE_MODULES:
        raise Unsupported("JF-B003", f"{module}.{name}")
    values = [resolve(tracer, arg) for arg in args]
    named = {key: resolve(tracer, arg) for key, arg in kwargs.items()}
    for value in (*values, *named.values()):
        if isinstance(value, InstanceValue) and len(values) == 1:
            special = call_special(tracer, value, f"__{name}__")
            if special is not None:
                return special
        if not isinstance(value, ConstantValue) or type(value.value) not in IMMUTABLE:
            raise Unsupported("JF-B003", f"{module}.{name} of a {value.python_type.__name__}")
    reals = [value.value for value in values]  # type: ignore[attr-defined]
    keywords = {key: value.value for key, value in named.items()}  # type: ignore[attr-defined]
    return evaluate(lambda: function(*reals, **keywords))

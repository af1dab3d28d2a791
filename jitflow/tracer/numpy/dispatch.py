"""Finds the handler of a call, method, operator or attribute; undoes what a declined one did."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.devices import HOST
from jitflow.core.lazy import LazyModule
from jitflow.tracer import arrays
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import folding, table, ufuncs
from jitflow.tracer.numpy.arguments import dim_value, raises, unsupported
from jitflow.tracer.numpy.families import function_entry, method_entry
from jitflow.tracer.numpy.operators import binary_operator, comparison, unary_operator
from jitflow.tracer.random_types import generators
from jitflow.tracer.user_calls import noted
from jitflow.tracer.values import ArrayValue, PyValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer.numpy import conversion, indexing, properties, residence, ufunc_methods
else:
    conversion = LazyModule("jitflow.tracer.numpy.conversion")
    indexing = LazyModule("jitflow.tracer.numpy.indexing")
    properties = LazyModule("jitflow.tracer.numpy.properties")
    residence = LazyModule("jitflow.tracer.numpy.residence")
    ufunc_methods = LazyModule("jitflow.tracer.numpy.ufunc_methods")

_ARRAY_METHOD = type(np.ndarray.sum)


def _is_on_device(context: TraceContext) -> bool:
    return context.kind is not None and not context.kind.is_host


def _settled(
    context: TraceContext, operands: Iterable[PyValue], result: PyValue, boxes: str = "scalar"
) -> PyValue:
    """The result of a call as the memory of the piece's arrays has it; see `residence`."""
    if _is_on_device(context):
        return residence.settled(context, operands, result, boxes)
    if context.kind is None and isinstance(result, (ArrayValue, SequenceValue)):
        context.live_on(HOST, "a new array")
    return result


def is_known(function: Any) -> bool:
    """Whether `call` may be tried."""
    try:
        if function_entry(function) is not None:
            return True
    except TypeError:
        return False
    if isinstance(function, np.ufunc):
        return True
    if isinstance(getattr(function, "__self__", None), (np.ufunc, *generators())):
        return True
    if isinstance(function, type):
        return issubclass(function, np.dtype) or _is_scalar_type(function)
    if isinstance(function, _ARRAY_METHOD):
        return getattr(function, "__objclass__", None) in (np.ndarray, np.generic)
    return folding.is_foldable(function)


def _is_scalar_type(cls: type) -> bool:
    """Whether this is one of NumPy's own scalar types; subclasses may do otherwise."""
    return issubclass(cls, np.generic) and cls.__module__ == "numpy"


def call(
    context: TraceContext, function: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """``function(*args, **kwargs)``."""
    args = [context.resolve(value) for value in args]
    kwargs = {name: context.resolve(value) for name, value in kwargs.items()}
    operands = [*args, *kwargs.values()]
    if _is_on_device(context):
        residence.check_function(context, function, operands)
    with arrays.transaction(context), noted(context, function, args, kwargs):
        result = nested_call(context, function, args, kwargs)
        return _settled(context, operands, result, "scalar bool")


def call_namesake(
    context: TraceContext, function: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """A call of the function that the package of a device has in the place of NumPy's."""
    args = [context.resolve(value) for value in args]
    kwargs = {name: context.resolve(value) for name, value in kwargs.items()}
    if not (_is_on_device(context) and residence.has_array([*args, *kwargs.values()])):
        raise unsupported(f"{function.__name__} of a device's package without an array of it")
    return call(context, function, args, kwargs)


def nested_call(
    context: TraceContext, function: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """`call` within a handler: folded where all is known."""
    folded = folding.fold(context, function, args, kwargs)
    return folded if folded is not None else _call(context, function, args, kwargs)


def _call(
    context: TraceContext, function: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    entry = function_entry(function)
    if entry is not None:
        return table.invoke(context, entry, args, kwargs)
    if isinstance(function, np.ufunc):
        return ufuncs.call(context, function, args, kwargs)
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return ufunc_methods.call(context, owner, function.__name__, args, kwargs)
    if isinstance(owner, generators()):
        from jitflow.tracer.numpy import random

        return random.call(context, function, args, kwargs)
    if isinstance(function, type) and _is_scalar_type(function):
        return conversion.scalar_type(context, function, args, kwargs)
    if isinstance(function, _ARRAY_METHOD) and args:
        return nested_method(context, args[0], function.__name__, args[1:], kwargs)
    raise unsupported(f"{getattr(function, '__name__', function)}")


def method(
    context: TraceContext,
    receiver: PyValue,
    name: str,
    args: list[PyValue],
    kwargs: dict[str, PyValue],
) -> PyValue:
    """``receiver.name(*args, **kwargs)``."""
    args = [context.resolve(value) for value in args]
    kwargs = {key: context.resolve(value) for key, value in kwargs.items()}
    receiver = context.resolve(receiver)
    with arrays.transaction(context), noted(context, name, [receiver, *args], kwargs):
        result = nested_method(context, receiver, name, args, kwargs)
        return _settled(context, [receiver, *args, *kwargs.values()], result)


def nested_method(
    context: TraceContext,
    receiver: PyValue,
    name: str,
    args: list[PyValue],
    kwargs: dict[str, PyValue],
) -> PyValue:
    """`method` within a handler."""
    special = conversion.scalar_method(context, receiver, name, args, kwargs)
    if special is not None:
        return special
    entry = method_entry(name)
    if entry is None:
        raise unsupported(f"{receiver.python_type.__name__}.{name}")
    return table.invoke(context, entry, [receiver, *args], kwargs)


def has_method(receiver: PyValue, name: str) -> bool:
    """Whether `name` is a method of the receiver's class."""
    return callable(getattr(receiver.python_type, name, None))


def attribute(context: TraceContext, receiver: PyValue, name: str) -> PyValue:
    """``receiver.name``."""
    with arrays.transaction(context):
        return properties.get(context, context.resolve(receiver), name)


def set_attribute(context: TraceContext, receiver: PyValue, name: str, value: PyValue) -> None:
    """``receiver.name = value``."""
    with arrays.transaction(context):
        properties.set(context, context.resolve(receiver), name, context.resolve(value))


def binary(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right``."""
    left, right = context.resolve(left), context.resolve(right)
    function = divmod if op == "divmod" else getattr(operator, op)
    if _is_on_device(context):
        residence.check_operands(context, (left, right))
    with arrays.transaction(context), noted(context, function, (left, right)):
        result = binary_operator(context, op, left, right)
        return _settled(context, (left, right), result)


def unary(context: TraceContext, op: str, operand: PyValue) -> PyValue:
    """``op operand``."""
    operand = context.resolve(operand)
    with arrays.transaction(context), noted(context, getattr(operator, op), (operand,)):
        return _settled(context, (operand,), unary_operator(context, op, operand))


def compare(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right``."""
    left, right = context.resolve(left), context.resolve(right)
    if _is_on_device(context):
        residence.check_operands(context, (left, right))
    with arrays.transaction(context):
        result = comparison(context, op, left, right)
        return _settled(context, (left, right), result)


def _array(value: PyValue) -> ArrayValue:
    if not isinstance(value, ArrayValue):
        raise unsupported(f"subscript of {value.python_type.__name__}")
    return value


def getitem(context: TraceContext, array: PyValue, key: PyValue) -> PyValue:
    """``array[key]``."""
    with arrays.transaction(context):
        owner = _array(context.resolve(array))
        return _settled(context, (owner,), indexing.getitem(context, owner, key))


def join(context: TraceContext, kind: type, key: PyValue) -> PyValue:
    """``np.r_[key]`` or ``np.c_[key]``."""
    from jitflow.tracer.numpy import joiners

    with arrays.transaction(context):
        return _settled(context, (), joiners.joined(context, kind, key))


def setitem(context: TraceContext, array: PyValue, key: PyValue, value: PyValue) -> None:
    """``array[key] = value``."""
    target, value = context.resolve(array), context.resolve(value)
    call = operator.setitem, (target, key, value)
    with arrays.transaction(context), noted(context, *call):
        indexing.setitem(context, _array(target), key, value)


def length(context: TraceContext, array: PyValue) -> PyValue:
    """``len(array)``."""
    if not isinstance(array, ArrayValue):
        raise raises(f"object of type {array.python_type.__name__!r} has no len()")
    return dim_value(indexing.length(context, array))


def iterate(context: TraceContext, array: PyValue) -> list[PyValue]:
    """The items of an array along its first axis."""
    with arrays.transaction(context):
        return indexing.rows(context, _array(context.resolve(array)))


def contains(context: TraceContext, array: PyValue, item: PyValue) -> PyValue:
    """``item in array``: ``bool((array == item).any())``."""
    with arrays.transaction(context):
        equal = comparison(context, "eq", context.resolve(array), context.resolve(item))
        if not isinstance(equal, ArrayValue):
            return conversion.to_python(context, bool, equal)
        found = ufunc_methods.reduce(context, np.logical_or, equal)
        return conversion.to_python(context, bool, found)


def to_python(context: TraceContext, kind: type, value: PyValue) -> PyValue:
    """``kind(value)`` for float, int, bool and complex."""
    with arrays.transaction(context):
        return conversion.to_python(context, kind, context.resolve(value))

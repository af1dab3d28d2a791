"""The NumPy front end: from NumPy calls, methods and operators on traced values to graph nodes.

The interpreter and the object model call these functions and nothing else of this package. Each
raises `core.errors.Unsupported` where the result could not be exact, and has then changed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitflow.core.lazy import LazyModule
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import dispatch
from jitflow.tracer.values import PyValue

if TYPE_CHECKING:
    from jitflow.tracer.numpy import joiners
else:
    joiners = LazyModule("jitflow.tracer.numpy.joiners")


def is_known(function: Any) -> bool:
    """Whether `call` may be tried: NumPy functions, ufuncs, their methods, scalar types, dtype."""
    return dispatch.is_known(function)


def call(
    context: TraceContext, function: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """``function(*args, **kwargs)`` for a function that `is_known`."""
    return dispatch.call(context, function, args, kwargs)


def call_namesake(
    context: TraceContext, function: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """`call`, where the package of a device has a function of its own for NumPy's `function`."""
    return dispatch.call_namesake(context, function, args, kwargs)


def method(
    context: TraceContext,
    receiver: PyValue,
    name: str,
    args: list[PyValue],
    kwargs: dict[str, PyValue],
) -> PyValue:
    """``receiver.name(*args, **kwargs)`` of an ndarray, a NumPy scalar or a Python number."""
    return dispatch.method(context, receiver, name, args, kwargs)


def has_method(receiver: PyValue, name: str) -> bool:
    """Whether `name` is a method of the receiver's class (supported or not), not data."""
    return dispatch.has_method(receiver, name)


def attribute(context: TraceContext, receiver: PyValue, name: str) -> PyValue:
    """``receiver.name`` where it is data: ``shape``, ``dtype``, ``T``, ``real``, ..."""
    return dispatch.attribute(context, receiver, name)


def set_attribute(context: TraceContext, receiver: PyValue, name: str, value: PyValue) -> None:
    """``receiver.name = value``: ``real``, ``imag``, ``flat``."""
    dispatch.set_attribute(context, receiver, name, value)


def binary(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """A binary operator by the name of its `operator` function: ``add``, ``and_``, ``iadd``, ...

    An in-place operator on an array writes it and returns it.
    """
    return dispatch.binary(context, op, left, right)


def unary(context: TraceContext, op: str, operand: PyValue) -> PyValue:
    """``neg``, ``pos``, ``invert``, ``abs``."""
    return dispatch.unary(context, op, operand)


def compare(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``lt``, ``le``, ``eq``, ``ne``, ``gt``, ``ge``."""
    return dispatch.compare(context, op, left, right)


def getitem(context: TraceContext, array: PyValue, key: PyValue) -> PyValue:
    """``array[key]``."""
    return dispatch.getitem(context, array, key)


def is_joiner(kind: type) -> bool:
    """Whether objects of this class are ``np.r_`` or ``np.c_``."""
    return joiners.is_joiner(kind)


def join(context: TraceContext, kind: type, key: PyValue) -> PyValue:
    """``np.r_[key]`` or ``np.c_[key]`` by the class of the object."""
    return dispatch.join(context, kind, key)


def setitem(context: TraceContext, array: PyValue, key: PyValue, value: PyValue) -> None:
    """``array[key] = value``."""
    dispatch.setitem(context, array, key, value)


def length(context: TraceContext, array: PyValue) -> PyValue:
    """``len(array)``."""
    return dispatch.length(context, array)


def iterate(context: TraceContext, array: PyValue) -> list[PyValue]:
    """The items that ``for item in array`` gives; the extent must be known."""
    return dispatch.iterate(context, array)


def contains(context: TraceContext, array: PyValue, item: PyValue) -> PyValue:
    """``item in array``, as a Python bool."""
    return dispatch.contains(context, array, item)


def to_python(context: TraceContext, kind: type, value: PyValue) -> PyValue:
    """``float(value)``, ``int(value)``, ``bool(value)``, ``complex(value)`` of a number or array.

    The result is a `ScalarValue` whose value is known at run time only, or a constant.
    """
    return dispatch.to_python(context, kind, value)

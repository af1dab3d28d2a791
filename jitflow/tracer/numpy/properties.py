"""Data attributes of arrays and numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jitflow.core import dims
from jitflow.tracer import arrays
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import views
from jitflow.tracer.numpy.arguments import dim_value, raises, shape_value, unsupported
from jitflow.tracer.numpy.operands import emit, operand
from jitflow.tracer.values import ArrayValue, CompanionValue, ConstantValue, PyValue, ScalarValue


def get(context: TraceContext, receiver: PyValue, name: str) -> PyValue:
    """``receiver.name``."""
    if isinstance(receiver, ConstantValue):
        return _of_constant(receiver, name)
    table = _ARRAY if isinstance(receiver, ArrayValue) else _SCALAR
    rule = table.get(name)
    if isinstance(receiver, ArrayValue) and name in _OF_HOST and not receiver.storage.kind.is_host:
        raise unsupported(f"{name} of an array on {receiver.storage.kind}")
    if name in _OF_MEMORY and isinstance(receiver, ArrayValue) and receiver.storage.uncertain:
        raise unsupported(f"{name} of an array that is perhaps another one")
    if rule is None:
        if hasattr(receiver.python_type, name):
            raise unsupported(f"{receiver.python_type.__name__}.{name}")
        raise raises(f"{receiver.python_type.__name__!r} object has no attribute {name!r}")
    return rule(context, receiver)


def _of_constant(receiver: ConstantValue, name: str) -> PyValue:
    try:
        return ConstantValue(getattr(receiver.value, name))
    except AttributeError as error:
        raise raises(str(error)) from None


def _transposed(context: TraceContext, array: ArrayValue) -> PyValue:
    return views.transposed(array, tuple(reversed(range(len(array.shape)))))


def _matrix_transposed(context: TraceContext, array: ArrayValue) -> PyValue:
    rank = len(array.shape)
    if rank < 2:
        raise raises("matrix transpose with ndim < 2 is undefined")
    return views.transposed(array, (*range(rank - 2), rank - 1, rank - 2))


def part(context: TraceContext, array: ArrayValue, name: str) -> ArrayValue:
    """``array.real`` or ``array.imag``: a view of a complex array."""
    if not array.dtype.is_complex:
        if name == "real":
            return array
        zeros = _zeros_like(context, array)
        zeros.writeable, zeros.base, zeros.view_call = False, array, ("imag", ())
        return zeros
    return arrays.view(
        array, ((name, {}),), array.shape, array.strides, name, dtype=array.dtype.real
    )


def _zeros_like(context: TraceContext, array: ArrayValue) -> ArrayValue:
    number = np.zeros((), array.dtype.numpy)
    number.flags.writeable = False
    value = emit(context, "constant", value=number)
    order = arrays.order_of(context, array)
    return arrays.fresh(context, emit(context, "full", value, shape=array.shape), order)


def _base(context: TraceContext, array: ArrayValue) -> PyValue:
    owner = array
    while owner.base is not None:
        owner = owner.base
    if owner.source is not None:
        raise unsupported("base of an array from outside the compiled code")
    return ConstantValue(None) if owner is array else owner


def _strides(context: TraceContext, array: ArrayValue) -> PyValue:
    arrays.pin_strides(context, array)
    return shape_value(array.strides)


def _flat(context: TraceContext, array: ArrayValue) -> PyValue:
    if len(array.shape) > _MOST_FLAT_AXES:
        raise raises(f"this function only supports up to {_MOST_FLAT_AXES} dimensions")
    return CompanionValue(array, "flat")


_MOST_FLAT_AXES = 32
"""NumPy iterates over the elements of no array with more."""

_OF_HOST = frozenset({"base", "device", "flags", "flat"})
"""Attributes that arrays of devices have of their own, or not at all."""

_OF_MEMORY = frozenset({"base", "flags", "strides"})
"""Attributes that tell how an array lies in memory."""

_ARRAY: dict[str, Callable[[TraceContext, Any], PyValue]] = {
    "shape": lambda context, array: shape_value(array.shape),
    "ndim": lambda context, array: ConstantValue(len(array.shape)),
    "size": lambda context, array: dim_value(dims.product(array.shape)),
    "dtype": lambda context, array: ConstantValue(array.dtype.numpy),
    "itemsize": lambda context, array: ConstantValue(array.dtype.itemsize),
    "nbytes": lambda context, array: dim_value(dims.product(array.shape) * array.dtype.itemsize),
    "T": _transposed,
    "mT": _matrix_transposed,
    "real": lambda context, array: part(context, array, "real"),
    "imag": lambda context, array: part(context, array, "imag"),
    "strides": _strides,
    "base": _base,
    "device": lambda context, array: ConstantValue("cpu"),
    "flags": lambda context, array: CompanionValue(array, "flags"),
    "flat": _flat,
}


def _scalar_part(context: TraceContext, scalar: ScalarValue, name: str) -> PyValue:
    if scalar.dtype.is_complex:
        value = emit(context, name, context.scalar_graph_value(scalar))
    elif name == "real":
        if scalar.box == "bool":
            return ScalarValue("int", scalar.dtype, context.scalar_graph_value(scalar))
        return scalar
    else:
        number = np.zeros((), scalar.dtype.numpy)
        number.flags.writeable = False
        value = emit(context, "constant", value=number)
    box = scalar.box if scalar.box in ("scalar", "int", "float") else "float"
    return ScalarValue(box, value.type.dtype, value)


def _numpy_only(rule: Callable[[Any], Any]) -> Callable[[TraceContext, ScalarValue], PyValue]:
    def get(context: TraceContext, scalar: ScalarValue) -> PyValue:
        if scalar.box != "scalar":
            raise raises(f"{scalar.box!r} object has no such attribute")
        result = rule(scalar)
        return result if isinstance(result, PyValue) else ConstantValue(result)

    return get


_SCALAR: dict[str, Callable[[TraceContext, Any], PyValue]] = {
    "real": lambda context, scalar: _scalar_part(context, scalar, "real"),
    "imag": lambda context, scalar: _scalar_part(context, scalar, "imag"),
    "shape": _numpy_only(lambda scalar: shape_value(())),
    "strides": _numpy_only(lambda scalar: shape_value(())),
    "ndim": _numpy_only(lambda scalar: 0),
    "size": _numpy_only(lambda scalar: 1),
    "dtype": _numpy_only(lambda scalar: scalar.dtype.numpy),
    "itemsize": _numpy_only(lambda scalar: scalar.dtype.itemsize),
    "nbytes": _numpy_only(lambda scalar: scalar.dtype.itemsize),
    "T": _numpy_only(lambda scalar: scalar),
    "base": _numpy_only(lambda scalar: None),
    "device": _numpy_only(lambda scalar: "cpu"),
}


def set(context: TraceContext, receiver: PyValue, name: str, value: PyValue) -> None:
    """``receiver.name = value``."""
    from jitflow.tracer.numpy import companions
    from jitflow.tracer.numpy.indexing import assign

    if isinstance(receiver, ArrayValue) and name in ("real", "imag"):
        if name == "imag" and not receiver.dtype.is_complex:
            raise raises("array does not have imaginary part to set")
        assign(context, part(context, receiver, name), operand(context, value))
        return
    if isinstance(receiver, ArrayValue) and name == "flat":
        companions.fill(context, receiver, value)
        return
    raise unsupported(f"assignment to {receiver.python_type.__name__}.{name}")

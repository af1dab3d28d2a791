"""Conversions between arrays, NumPy scalars and Python numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dtypes import BOOL, C128, F64, I64, DType
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy.arguments import raises, supported_dtype, unsupported
from jitflow.tracer.numpy.operands import Operand, cast, emit, graph_value, operand
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    ScalarValue,
    SequenceValue,
)

_PYTHON_TYPES: dict[type, DType] = {bool: BOOL, int: I64, float: F64, complex: C128}
_MAX_LIST = 16


def python_class(dtype: DType) -> type:
    """The Python number that ``.item()`` gives."""
    return {"b": bool, "i": int, "u": int, "f": float, "c": complex}[dtype.kind]


def to_python(context: TraceContext, kind: type, value: PyValue) -> PyValue:
    """``kind(value)`` for bool, int, float and complex.

    Raises
    ------
    Unsupported
        JF-B009 where eager Python raises, JF-B008 where it warns.
    """
    if isinstance(value, ConstantValue):
        return _constant(kind, value.value)
    if isinstance(value, ArrayValue):
        value = _only_element(context, kind, value)
    if not isinstance(value, ScalarValue):
        raise unsupported(f"{kind.__name__} of {value.python_type.__name__}")
    if value.box == kind.__name__:
        return value
    if kind is int and value.dim is not None:
        return ScalarValue("int", I64, value.value, value.dim)
    number = graph_value(context, operand(context, value))
    return ScalarValue(kind.__name__, _PYTHON_TYPES[kind], _as_python(context, kind, number))


def _constant(kind: type, number: Any) -> PyValue:
    try:
        return ConstantValue(kind(number))
    except (TypeError, ValueError, OverflowError) as error:
        raise raises(str(error)) from None


def _only_element(context: TraceContext, kind: type, array: ArrayValue) -> ScalarValue:
    for extent in array.shape:
        if facts.decide(context, extent, "==", 0):
            raise unsupported("truth value of an empty array")
        if not facts.decide(context, extent, "==", 1):
            if kind is bool:
                raise raises("The truth value of an array with more than one element is ambiguous")
            raise raises("only 0-dimensional arrays can be converted to Python scalars")
    if array.shape and kind is not bool:
        raise unsupported("conversion of an array with ndim > 0 to a number")
    value = arrays.read(context, array)
    if array.shape:
        value = emit(context, "reshape", value, shape=())
    return ScalarValue("scalar", array.dtype, value)


def _as_python(context: TraceContext, kind: type, number: Value) -> Value:
    dtype = number.type.dtype
    if kind is bool:
        return cast(context, number, BOOL)
    if dtype.is_complex and kind is not complex:
        raise unsupported(f"{kind.__name__} of a complex number")
    if kind is int:
        return _as_integer(context, number)
    return cast(context, number, _PYTHON_TYPES[kind])


def _as_integer(context: TraceContext, number: Value) -> Value:
    """Truncated, and checked to fit 64 bits: NaN and infinities raise in Python."""
    if number.type.dtype.is_float:
        number = cast(context, number, F64)
        limit = emit(context, "constant", value=_readonly(np.asarray(2.0**63)))
        size = emit(context, "absolute", number)
        facts.require(context, emit(context, "less", size, limit))
    if number.type.dtype.name == "u64":
        limit = emit(context, "constant", value=_readonly(np.asarray(2**63, np.uint64)))
        facts.require(context, emit(context, "less", number, limit))
    return cast(context, number, I64)


def _readonly(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def scalar_type(
    context: TraceContext, kind: type, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """``numpy.float64(value)`` and its like: a NumPy scalar, or an array for an array."""
    if kwargs or len(args) != 1:
        raise unsupported(f"np.{kind.__name__} with these arguments")
    if kind in (np.generic, np.number, np.integer, np.floating, np.inexact):
        raise raises(f"cannot create '{kind.__name__}' instances")
    try:
        dtype = supported_dtype(np.dtype(kind))
    except TypeError:
        raise unsupported(f"np.{kind.__name__}") from None
    item = operand(context, args[0])
    if isinstance(item.value, ScalarValue) and dtype.is_integer and item.dtype.is_float:
        checked = _as_integer(context, graph_value(context, item))
        if dtype is not I64:
            raise unsupported(f"np.{kind.__name__} of a float")
        return ScalarValue("scalar", dtype, checked)
    value = convert(context, item, dtype)
    order = arrays.order_of(context, item.value) if isinstance(item.value, ArrayValue) else None
    return arrays.boxed(context, value, order)


def convert(context: TraceContext, item: Operand, dtype: DType) -> Value:
    """``astype`` with casting "unsafe"; JF-B008 where NumPy warns about the imaginary part."""
    if item.dtype.is_complex and not dtype.is_complex and dtype is not BOOL:
        raise unsupported("cast that discards the imaginary part")
    return graph_value(context, item, dtype)


def scalar_method(
    context: TraceContext,
    receiver: PyValue,
    name: str,
    args: list[PyValue],
    kwargs: dict[str, PyValue],
) -> PyValue | None:
    """Methods whose result is a Python number; None for all others."""
    if name == "item" and not kwargs:
        return _item(context, receiver, args)
    if name == "tolist" and not args and not kwargs:
        return _tolist(context, receiver)
    if name in ("__float__", "__int__", "__bool__", "__complex__") and not args:
        kind = {"float": float, "int": int, "bool": bool, "complex": complex}[name.strip("_")]
        return to_python(context, kind, receiver)
    if isinstance(receiver, ScalarValue) and receiver.box != "scalar":
        return _number_method(context, receiver, name, args)
    return None


def _number_method(
    context: TraceContext, receiver: ScalarValue, name: str, args: list[PyValue]
) -> PyValue:
    if name == "conjugate" and not args:
        value = context.scalar_graph_value(receiver)
        if receiver.box == "complex":
            return ScalarValue("complex", C128, emit(context, "conjugate", value))
        return receiver
    if name == "is_integer" and receiver.box == "float" and not args:
        value = context.scalar_graph_value(receiver)
        whole = emit(context, "equal", emit(context, "floor", value), value)
        finite = emit(context, "isfinite", value)
        return ScalarValue("bool", BOOL, emit(context, "logical_and", whole, finite))
    if name in ("bit_count", "bit_length") and receiver.box in ("int", "bool") and not args:
        return ScalarValue(
            "int", I64, _bits(context, context.scalar_graph_value(receiver, I64), name)
        )
    if name == "__index__" and receiver.box == "int" and not args:
        return receiver
    raise unsupported(f"{receiver.box}.{name}")


def _bits(context: TraceContext, number: Value, name: str) -> Value:
    """How many bits of a number's magnitude are set, or how many it has."""
    found = emit(context, "absolute", number)
    if name == "bit_length":
        for distance in (1, 2, 4, 8, 16, 32):  # every bit below the highest one
            count = context.scalar_graph_value(ConstantValue(distance), I64)
            found = emit(context, "bitwise_or", found, emit(context, "right_shift", found, count))
    return emit(context, "cast", emit(context, "bitwise_count", found), dtype=I64)


def _item(context: TraceContext, receiver: PyValue, args: list[PyValue]) -> PyValue:
    from jitflow.tracer.numpy.indexing import getitem

    if args and isinstance(receiver, ArrayValue):
        key: PyValue = args[0] if len(args) == 1 else SequenceValue(tuple, args)
        if len(args) == 1 and len(receiver.shape) != 1 and not isinstance(key, SequenceValue):
            raise unsupported("item of a flat index")
        receiver = getitem(context, receiver, key)
    if isinstance(receiver, ConstantValue):
        return ConstantValue(receiver.value.item())
    if isinstance(receiver, ArrayValue):
        receiver = _single(context, receiver)
    if not isinstance(receiver, ScalarValue):
        raise unsupported("item of this value")
    return to_python(context, python_class(receiver.dtype), receiver)


def _single(context: TraceContext, array: ArrayValue) -> ScalarValue:
    if not all(facts.decide(context, extent, "==", 1) for extent in array.shape):
        raise raises("can only convert an array of size 1 to a Python scalar")
    value = arrays.read(context, array)
    if array.shape:
        value = emit(context, "reshape", value, shape=())
    return ScalarValue("scalar", array.dtype, value)


def _tolist(context: TraceContext, receiver: PyValue) -> PyValue:
    if isinstance(receiver, ConstantValue):
        return ConstantValue(receiver.value.tolist())
    if not isinstance(receiver, ArrayValue) or not receiver.shape:
        return _item(context, receiver, [])
    size = 1
    for extent in receiver.shape:
        if not isinstance(extent, int):
            raise Unsupported("JF-B010", "tolist of an array of symbolic size")
        size *= extent
    if size > _MAX_LIST:
        raise Unsupported("JF-B010", "tolist of a large array")
    from jitflow.tracer.numpy.indexing import rows

    return SequenceValue(list, [_tolist(context, row) for row in rows(context, receiver)])

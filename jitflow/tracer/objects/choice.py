"""Items of lists and tuples at a position known only at run time: tables of numbers and the like.

The items become an array of the graph and the subscript a read of one element of it. So they must
be alike: numbers of one type, Python's or NumPy's, small arrays of one type and layout, or tuples
of one length whose items are alike. What is read of arrays may be neither written nor handed out:
eager Python has one of the arrays themselves there.
"""

from __future__ import annotations

import math

import numpy as np

from jitflow.core.dtypes import DType
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, layout, numpy
from jitflow.tracer.context import TraceContext
from jitflow.tracer.objects.number_values import DTYPES, box_of, graph_value
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    ScalarValue,
    SequenceValue,
)

MOST_ITEMS = 1024
"""Items of a table: each of them is looked at, and guarded where it comes from outside."""
_MOST_ELEMENTS = 1 << 16
"""Elements of all arrays that are copied side by side, so that one can be chosen."""


_TYPES = {"bool": bool, "int": int, "float": float, "complex": complex}


def choose(tracer: Tracer, items: list[PyValue], key: PyValue) -> PyValue:
    """The item at `key`, which `keys.is_open`."""
    if not 0 < len(items) <= MOST_ITEMS:
        raise Unsupported("JF-B010", f"an item of {len(items)}, known only at run time")
    return _chosen(tracer, [resolve(tracer, item) for item in items], resolve(tracer, key))


def _chosen(tracer: Tracer, items: list[PyValue], key: PyValue) -> PyValue:
    first = items[0]
    if isinstance(first, SequenceValue) and first.kind is not list:
        columns = zip(*(_items_like(first, item) for item in items), strict=True)
        chosen = [_chosen(tracer, [resolve(tracer, i) for i in column], key) for column in columns]
        return SequenceValue(first.kind, chosen)
    arrays_of_it = [item for item in items if isinstance(item, ArrayValue)]
    if len(arrays_of_it) == len(items):
        return _chosen_array(tracer, arrays_of_it, key)
    dtype = _common_dtype(items)
    if dtype is not None:
        scalars = arrays.fresh(tracer.context, _side_by_side(tracer.context, items, dtype))
        return numpy.getitem(tracer.context, scalars, key)
    box = _common_box(items)
    table = arrays.fresh(tracer.context, _table(tracer.context, items, box))
    number = numpy.getitem(tracer.context, table, key)
    return numpy.to_python(tracer.context, _TYPES[box], number)


def _chosen_array(tracer: Tracer, items: list[ArrayValue], key: PyValue) -> PyValue:
    """One of several arrays, as a row of all of them; states of a network by their time."""
    context, first = tracer.context, items[0]
    if not (context.depth and _are_alike(context, items)):
        raise _mixed()
    emit = context.builder.emit
    rows = [emit("expand_dims", arrays.read(context, item), axes=(0,)) for item in items]
    table = arrays.fresh(context, emit("concatenate", *rows, axis=0))
    row = numpy.getitem(context, table, key)
    assert isinstance(row, ArrayValue)
    chosen = arrays.fresh(context, arrays.read(context, row))
    chosen.storage.uncertain = f"an item of a {first.type} list at a run-time position,"
    chosen.storage.may_be = tuple((item.storage, item.storage.version) for item in items)
    return chosen


def _are_alike(context: TraceContext, items: list[ArrayValue]) -> bool:
    """Whether arrays lie in memory like new ones, of the same type, and are not large together."""
    type = items[0].type
    size = math.prod(extent if isinstance(extent, int) else _MOST_ELEMENTS for extent in type.shape)
    if not type.shape or size * len(items) > _MOST_ELEMENTS:
        return False
    strides = context.contiguous_strides(type.shape, type.dtype, layout.c_order(len(type.shape)))
    return all(item.type == type and item.strides == strides for item in items)


def _items_like(first: SequenceValue, item: PyValue) -> list[PyValue]:
    alike = isinstance(item, SequenceValue) and item.kind is first.kind
    if not alike or len(item.items) != len(first.items):  # type: ignore[attr-defined]
        raise _mixed()
    return list(item.items)  # type: ignore[attr-defined]


def _common_dtype(items: list[PyValue]) -> DType | None:
    """The type of NumPy's numbers, where all items are such of one type."""
    found = {
        item.dtype if isinstance(item, ScalarValue) and item.box == "scalar" else None
        for item in items
    }
    return found.pop() if len(found) == 1 else None


def _common_box(items: list[PyValue]) -> str:
    """The Python type that all of the numbers have."""
    boxes = {box_of(item) for item in items}
    box = boxes.pop() if len(boxes) == 1 else None
    if box is None:
        raise _mixed()
    return box


def _mixed() -> Unsupported:
    return Unsupported("JF-B010", "an item known only at run time, of items that are not alike")


def _table(context: TraceContext, items: list[PyValue], box: str) -> Value:
    """The items side by side."""
    emit, dtype = context.builder.emit, DTYPES[box]
    if all(isinstance(item, ConstantValue) for item in items):
        try:
            values = np.array([item.value for item in items], dtype.numpy)  # type: ignore[attr-defined]
        except OverflowError:
            raise Unsupported("JF-B010", "an integer of more than 64 bits") from None
        values.flags.writeable = False
        return emit("constant", value=values)
    return _side_by_side(context, items, dtype)


def _side_by_side(context: TraceContext, items: list[PyValue], dtype: DType) -> Value:
    emit = context.builder.emit
    numbers = [graph_value(context, item, dtype) for item in items]
    return emit("concatenate", *(emit("expand_dims", n, axes=(0,)) for n in numbers), axis=0)

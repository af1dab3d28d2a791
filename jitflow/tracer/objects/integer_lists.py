"""Lists of Python integers, floats or bools that are data, not structure.

Token ids that grow with each step are such a list, and so are the indices of a hundred springs.
When its length turns out to differ, or is large, it becomes a one-dimensional array whose extent
is symbolic (`NumbersValue`), made from the list at the start of the piece; what the program
changes goes back into the list at the end. Where it does
more with it than NumPy and a few methods do, the trace is made again with a known length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jitflow.core import list_arrays
from jitflow.core.dtypes import BOOL, F64, I64, DType
from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import TypeIs
from jitflow.guards.sources import ConstantSource, MadeSource, Source
from jitflow.tracer import arrays, numpy
from jitflow.tracer.objects.effects import will_change
from jitflow.tracer.objects.number_values import box_of, boxed
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    NumbersValue,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)

LONG = 64
"""Items up to which a list is structure as long as it keeps its length."""


def as_integers(items: Any) -> np.ndarray | None:
    """The array of a list of Python integers; None of anything else."""
    return list_arrays.array_of(items, int)


def as_truths(items: Any) -> np.ndarray | None:
    """The array of a list of bools; None of anything else."""
    if type(items) is not list or set(map(type, items)) != {bool}:
        return None
    return np.array(items, np.bool_)


def as_floats(items: Any) -> np.ndarray | None:
    """The array of a list of Python floats; None of anything else."""
    return list_arrays.array_of(items, float)


_MAKERS = {
    int: ConstantSource(as_integers, "integers"),
    float: ConstantSource(as_floats, "floats"),
    bool: ConstantSource(as_truths, "truths"),
}
BOXES = {I64: "int", F64: "float", BOOL: "bool"}


def wrap_list(tracer: Tracer, items: list[Any], source: Source) -> NumbersValue | None:
    """The value of a real list of many numbers, or whose length has changed; else None."""
    context = tracer.context
    is_data = len(items) > LONG or context.is_dynamic_length(source)
    if not is_data or len(items) < 2 or id(items) in context.objects.itemised:
        return None
    maker = _MAKERS.get(type(items[0]))
    contents = None if maker is None else maker.value(items)
    if maker is None or contents is None:
        return None
    context.guard(TypeIs(source, list))
    array = context.input_array(contents, MadeSource(maker, (source,), 0), is_symbolic=True)
    return NumbersValue(arrays.read(context, array), source, id(items))


def copy(tracer: Tracer, value: NumbersValue) -> NumbersValue:
    """``value.copy()``."""
    return NumbersValue(value.contents, None, value.origin)


def length(tracer: Tracer, value: NumbersValue) -> PyValue:
    """``len(value)``."""
    return numpy.length(tracer.context, arrays.fresh(tracer.context, value.contents))


def get_item(tracer: Tracer, value: NumbersValue, key: PyValue) -> PyValue:
    """``value[key]``: a Python number, or another list."""
    context = tracer.context
    if not isinstance(key, SliceValue) and box_of(key) != "int":
        raise Unsupported("JF-B009", f"TypeError: list[{key.python_type.__name__}]")
    found = numpy.getitem(context, arrays.fresh(context, value.contents), key)
    if isinstance(found, ArrayValue):
        return NumbersValue(arrays.read(context, found), None, value.origin)
    dtype = value.contents.type.dtype
    return boxed(BOXES[dtype], context.scalar_graph_value(found, dtype))


def set_item(tracer: Tracer, value: NumbersValue, key: PyValue, item: PyValue) -> None:
    """``value[key] = item``, of a number of the type that the others have."""
    context, dtype = tracer.context, value.contents.type.dtype
    if isinstance(key, SliceValue) or box_of(key) != "int" or value.appended:
        raise Unsupported("JF-B014", "item assignment to a list of numbers")
    if box_of(item) != BOXES[dtype]:
        kind = item.python_type.__name__
        raise Unsupported("JF-B006", f"an item of a list of {BOXES[dtype]} becomes {kind}")
    array = arrays.fresh(context, value.contents)
    number = ScalarValue("scalar", dtype, context.scalar_graph_value(item, dtype))
    numpy.setitem(context, array, key, number)
    will_change(tracer, value)
    value.contents, value.is_set = arrays.read(context, array), True


def add(tracer: Tracer, left: PyValue, right: PyValue) -> NumbersValue:
    """``left + right`` of two lists."""
    origin = next(v.origin for v in (left, right) if isinstance(v, NumbersValue))
    dtype = next(v.contents.type.dtype for v in (left, right) if isinstance(v, NumbersValue))
    parts = [_contents(tracer, side, dtype) for side in (left, right)]
    emit = tracer.context.builder.emit
    known = [part for part in parts if part is not None]
    contents = known[0] if len(known) == 1 else emit("concatenate", *known, axis=0)
    return NumbersValue(contents, None, origin)


def _contents(tracer: Tracer, value: PyValue, dtype: DType) -> Any:
    if isinstance(value, NumbersValue):
        if value.contents.type.dtype is not dtype:
            raise Unsupported("JF-B003", "a list of integers and floats")
        return value.contents
    if not isinstance(value, SequenceValue) or value.kind is not list:
        raise Unsupported("JF-B003", f"a list and a {value.python_type.__name__}")
    return _row(tracer, value.items, dtype) if value.items else None


def _row(tracer: Tracer, items: list[PyValue], dtype: DType) -> Any:
    """The array of some Python numbers of one type."""
    context = tracer.context
    emit, rows = context.builder.emit, []
    for item in items:
        item = context.resolve(item)
        if box_of(item) != BOXES[dtype]:
            kind = item.python_type.__name__
            raise Unsupported("JF-B003", f"a list of {BOXES[dtype]} and {kind}")
        rows.append(emit("reshape", context.scalar_graph_value(item, dtype), shape=(1,)))
    return rows[0] if len(rows) == 1 else emit("concatenate", *rows, axis=0)


def _append(tracer: Tracer, value: NumbersValue, item: PyValue) -> PyValue:
    return _extend(tracer, value, SequenceValue(list, [item]))


def _extend(tracer: Tracer, value: NumbersValue, items: PyValue) -> PyValue:
    items = tracer.context.resolve(items)
    if tracer.context.depth or not isinstance(items, SequenceValue):
        raise Unsupported("JF-B006", "the length of a list changes")
    if items.items:
        row = _row(tracer, items.items, value.contents.type.dtype)
        will_change(tracer, value)
        value.contents = tracer.context.builder.emit("concatenate", value.contents, row, axis=0)
        value.appended = (*value.appended, *items.items)
    return ConstantValue(None)


METHODS: dict[str, Callable[..., PyValue]] = {
    "append": _append,
    "extend": _extend,
    "copy": copy,
}

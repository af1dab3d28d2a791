"""Subscripts: from the traced value of a key to a list of normalised items, one kind each.

`parse` expands the Ellipsis and checks the number of axes; `slice_bounds` applies Python's rules
for slices to symbolic extents.
"""

from __future__ import annotations

import operator
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BOOL, I64
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.arguments import raises, unsupported
from jitflow.tracer.numpy.operands import as_array, emit
from jitflow.tracer.objects.model import RangeValue
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    EitherValue,
    NumbersValue,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer import spans
else:
    spans = LazyModule("jitflow.tracer.spans")


@dataclass(frozen=True, eq=False)
class NewAxis:
    """``None``."""


@dataclass(frozen=True, eq=False)
class Whole:
    """An axis taken as it is."""


@dataclass(frozen=True, eq=False)
class Index:
    """An integer, not normalised; `value` where only the graph knows it."""

    dim: Dim | None
    value: Value | None = None


@dataclass(frozen=True, eq=False)
class Range:
    """A slice."""

    key: SliceValue


@dataclass(frozen=True, eq=False)
class Indices:
    """An integer array; `is_within` where its numbers are certainly positions of the axis."""

    array: ArrayValue
    is_within: bool = False


@dataclass(frozen=True, eq=False)
class Mask:
    """A boolean array of one axis or more."""

    array: ArrayValue


Item = NewAxis | Whole | Index | Range | Indices | Mask


_MOST_ARRAYS = 32
"""Arrays in one key: NumPy's iterator has no more operands than that."""


def parse(context: TraceContext, key: PyValue, rank: int) -> list[Item]:
    """The items of a key: every axis of the array has one, in order."""
    parts = _parts(context, key)
    ellipses = [position for position, part in enumerate(parts) if part is Ellipsis]
    if len(ellipses) > 1:
        raise raises("an index can only have a single ellipsis")
    items: list[Any] = [p if p is Ellipsis else _item(context, p) for p in parts]
    if sum(isinstance(item, Indices | Mask) for item in items) > _MOST_ARRAYS:
        raise raises("too many indices for array")
    used = sum(_axes_used(item) for item in items if item is not Ellipsis)
    if used > rank:
        raise raises(f"too many indices for array: array is {rank}-dimensional")
    position = ellipses[0] if ellipses else len(items)
    fill: list[Any] = [Whole()] * (rank - used)
    items[position : position + len(ellipses)] = fill
    return items


def settled(context: TraceContext, key: PyValue) -> PyValue:
    """The key with NumPy's integers for those that may be Python's: both select the same."""
    found = context.resolve(key)
    if isinstance(found, EitherValue) and found.dtype.is_integer:
        return found.as_numpy
    if isinstance(found, SequenceValue) and found.kind is tuple:
        items = [context.resolve(item) for item in found.items]
        if EitherValue.is_among(*items):
            return SequenceValue(tuple, [settled(context, item) for item in items])
    return key


def has_ellipsis(context: TraceContext, key: PyValue) -> bool:
    """Whether the key has an Ellipsis: the result is then an array even at rank 0."""
    return any(part is Ellipsis for part in _parts(context, key))


def _parts(context: TraceContext, key: PyValue) -> list[Any]:
    key = context.resolve(key)
    if isinstance(key, ConstantValue) and isinstance(key.value, tuple):
        key = arguments.sequence(key.value)
    if isinstance(key, SequenceValue) and key.kind is tuple:
        parts: list[Any] = [context.resolve(item) for item in key.items]
    else:
        parts = [key]
    return [
        Ellipsis if isinstance(part, ConstantValue) and part.value is Ellipsis else part
        for part in parts
    ]


def _axes_used(item: Item) -> int:
    if isinstance(item, NewAxis):
        return 0
    return len(item.array.shape) if isinstance(item, Mask) else 1


def _item(context: TraceContext, part: PyValue) -> Item:
    if isinstance(part, ConstantValue):
        return _constant_item(context, part)
    if isinstance(part, SliceValue):
        return Range(part)
    if isinstance(part, ScalarValue):
        if part.dim is not None:
            return Index(part.dim)
        if part.dtype.is_integer and part.box in ("int", "scalar"):
            return Index(None, context.scalar_graph_value(part, I64))
        raise unsupported(f"subscript of {part.python_type.__name__}")
    if isinstance(part, (ArrayValue, SequenceValue, RangeValue, NumbersValue)):
        return _array_item(context, part)
    raise unsupported(f"subscript of {part.python_type.__name__}")


def _constant_item(context: TraceContext, part: ConstantValue) -> Item:
    key = part.value
    if key is None:
        return NewAxis()
    if isinstance(key, slice):
        bounds = (ConstantValue(bound) for bound in (key.start, key.stop, key.step))
        return Range(SliceValue(*bounds))
    if isinstance(key, list):
        return _array_item(context, arguments.sequence(key))
    if isinstance(key, range):
        return _array_item(context, part)
    if isinstance(key, (bool, np.bool_)):
        raise unsupported("subscript of bool")
    try:
        return Index(operator.index(key))
    except TypeError:
        raise raises(f"subscript of {type(key).__name__}") from None


def _array_item(context: TraceContext, part: PyValue) -> Item:
    empty = isinstance(part, SequenceValue) and not part.items
    array = as_array(context, part)
    if array.dtype is BOOL:
        if not array.shape:
            raise unsupported("subscript of a 0-d bool array")
        return Mask(array)
    if array.dtype.is_integer:
        return Indices(array)
    if empty:
        contents = np.zeros(0, np.int64)
        contents.flags.writeable = False
        return Indices(arrays.fresh(context, emit(context, "constant", value=contents)))
    raise raises("arrays used as indices must be of integer (or boolean) type")


def in_range(context: TraceContext, index: Index, extent: Dim) -> Dim:
    """The position in ``range(extent)`` that an index means; JF-B009 where it is out of bounds."""
    if index.dim is None:
        return _checked(context, index, extent)
    if None in (facts.evaluate(context, index.dim), facts.evaluate(context, extent)):
        return _bounded(context, index, index.dim, extent)
    position: Dim = index.dim
    if facts.decide(context, position, "<", 0):
        position = position + extent
    inside = facts.decide(context, 0, "<=", position)
    if not (inside and facts.decide(context, position, "<", extent)):
        raise raises(f"index {index.dim} is out of bounds for axis with size {extent}")
    return position


def _bounded(context: TraceContext, index: Index, position: Dim, extent: Dim) -> Dim:
    """A position that only the graph knows, checked as far as its bounds leave it open."""
    if facts.prove(context, position, "<", 0):
        position = position + extent
    elif not facts.assured(context, 0, "<=", position):
        return _checked(context, index, extent)
    for left, relation, right in ((0, "<=", position), (position, "<", extent)):
        inside = facts.assured(context, left, relation, right)
        if inside is False:
            raise raises(f"index {index.dim} is out of bounds for axis with size {extent}")
        if inside is None:
            facts.rely_on(context, left, relation, right)
    return position


def _checked(context: TraceContext, index: Index, extent: Dim) -> Dim:
    """A position that only the graph knows: wrapped and checked at run time."""
    value = index.value
    if value is None:
        value = context.builder.emit("dimension", dim=index.dim)
    elif spans.is_within(context, value, extent):
        return facts.late_symbol(context, value, None)
    zero, size = (emit(context, "dimension", dim=dim) for dim in (0, extent))
    wrapped = emit(context, "add", value, size)
    negative = emit(context, "less", value, zero)
    position = emit(context, "where", negative, wrapped, value)
    above = emit(context, "greater_equal", position, zero)
    below = emit(context, "less", position, size)
    facts.require(context, emit(context, "logical_and", above, below))
    return facts.late_symbol(context, position, None)


def slice_bounds(context: TraceContext, key: SliceValue, extent: Dim) -> tuple[Dim, Dim, Dim]:
    """Start, step and length that a slice selects on an axis of `extent`."""
    is_plain = arguments.is_none(context.resolve(key.step))
    step, ascends = (1, True) if is_plain else _step(context, key.step)
    if extent == 0:
        _check_bounds(context, key)
        return 0, step, 0
    low: Dim = 0 if ascends else -1
    high: Dim = extent if ascends else extent - 1
    start = _bound(context, key.start, extent, low, high, low if ascends else high)
    stop = _bound(context, key.stop, extent, low, high, high if ascends else low)
    first, last = (start, stop) if ascends else (stop, start)
    width = facts.span(context, last - first)
    if width == 0:
        return 0, step, 0
    length = facts.stepped(context, width, step if ascends else -step)
    facts.note_ceiling(context, length, extent)
    return start, step, length


def _check_bounds(context: TraceContext, key: SliceValue) -> None:
    """Decline bounds that are no integers, which NumPy looks at though they select nothing."""
    for value in (context.resolve(key.start), context.resolve(key.stop)):
        if not arguments.is_none(value):
            arguments.dim(context, value, "slice bound")


def _step(context: TraceContext, value: PyValue) -> tuple[Dim, bool]:
    """The step of a slice, and whether it is positive: where data decide, that is checked."""
    step = _clipped(arguments.dim(context, value, "slice step"))
    if facts.is_zero(context, step):
        raise raises("slice step cannot be zero")
    if isinstance(step, int):
        return step, step > 0
    return step, facts.ascends(context, step)


def _clipped(part: Dim) -> Dim:
    """A part of a slice as Python takes it: no number is beyond `sys.maxsize`."""
    return max(-sys.maxsize, min(part, sys.maxsize)) if isinstance(part, int) else part


def _bound(
    context: TraceContext, value: PyValue, extent: Dim, low: Dim, high: Dim, default: Dim
) -> Dim:
    value = context.resolve(value)
    if arguments.is_none(value):
        return default
    bound = _clipped(arguments.dim(context, value, "slice bound"))
    if facts.evaluate(context, bound) is None or facts.evaluate(context, extent) is None:
        return _late_bound(context, bound, extent, low, high)
    if facts.decide(context, bound, "<", 0):
        bound = bound + extent
        return low if facts.decide(context, bound, "<", low) else bound
    return bound if facts.decide(context, bound, "<=", high) else high


def _late_bound(context: TraceContext, bound: Dim, extent: Dim, low: Dim, high: Dim) -> Dim:
    """A slice bound that data decides, wrapped and clamped by nodes where that is not settled."""
    negative = facts.prove(context, bound, "<", 0)
    if negative is None and facts.assured(context, 0, "<=", bound):
        negative = False
    if negative:
        bound = bound + extent
    elif negative is None:
        value, wrapped, zero = (
            emit(context, "dimension", dim=dim) for dim in (bound, bound + extent, 0)
        )
        chosen = emit(context, "where", emit(context, "less", value, zero), wrapped, value)
        bound = facts.late_symbol(context, chosen, None)
    return facts.clamped(context, bound, low, high)

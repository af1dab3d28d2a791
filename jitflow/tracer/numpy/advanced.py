"""Subscripts with integer arrays and boolean masks: gathers, scatters, masked assignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts, layout
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import keys, places
from jitflow.tracer.numpy.arguments import raises
from jitflow.tracer.numpy.operands import (
    Operand,
    broadcast_shapes,
    cast,
    conform,
    emit,
    operand,
    same_shape,
)
from jitflow.tracer.values import ArrayValue, PyValue

if TYPE_CHECKING:
    from jitflow.tracer import spans
else:
    spans = LazyModule("jitflow.tracer.spans")


@dataclass
class Selection:
    """A subscript with integer arrays, split into a basic view and a gather on it.

    Attributes
    ----------
    view : ArrayValue
        The array after slices and new axes; indexed axes are whole.
    axes : tuple of int
        The indexed axes of the view.
    indices : list of Value
        Their indices, in the same order.
    shape : tuple of Dim
        What the indices broadcast to.
    order : tuple of int
        Memory order of the broadcast indices.
    position : int
        Where their axes stand in the result.
    is_within : bool
        Whether the indices need no check.
    """

    view: ArrayValue
    axes: tuple[int, ...]
    indices: list[Value]
    shape: tuple[Dim, ...]
    order: layout.Order
    position: int
    is_within: bool = False


def is_advanced(items: list[keys.Item]) -> bool:
    """Whether a key has arrays."""
    return any(isinstance(item, (keys.Indices, keys.Mask)) for item in items)


def read(context: TraceContext, array: ArrayValue, items: list[keys.Item]) -> PyValue:
    """``array[key]`` with integer arrays: a fresh array (a NumPy scalar at rank 0)."""
    selection = select(context, array, without_masks(context, array, items))
    value = gather(context, arrays.read(context, selection.view), selection)
    return arrays.boxed(context, value, result_order(context, selection))


def write(context: TraceContext, array: ArrayValue, items: list[keys.Item], value: PyValue) -> None:
    """``array[key] = value`` with arrays in the key."""
    from jitflow.tracer.numpy.indexing import fitted

    source = operand(context, value)
    if _is_choice(context, items, source):
        _write_masked(context, array, items, source)
        return
    selection = select(context, array, without_masks(context, array, items))
    shape = selected_shape(selection)
    fit = fitted(context, source, array.dtype, shape)
    arrays.write(
        context,
        selection.view,
        scatter(context, arrays.read(context, selection.view), fit, selection, "set"),
    )


def without_masks(
    context: TraceContext, array: ArrayValue, items: list[keys.Item]
) -> list[keys.Item]:
    """The key with the places of a mask's true elements for the mask."""
    result: list[keys.Item] = []
    axis = 0
    for item in items:
        if not isinstance(item, keys.Mask):
            axis += not isinstance(item, keys.NewAxis)
            result.append(item)
            continue
        mask = mask_value(context, array.shape[: axis + len(item.array.shape)], item, axis)
        axis += len(item.array.shape)
        found = places.true_places(context, mask)
        result += [keys.Indices(place, True) for place in found]
    return result


def select(context: TraceContext, array: ArrayValue, items: list[keys.Item]) -> Selection:
    """Split a key with integer arrays into its basic part and its indices."""
    from jitflow.tracer.numpy.indexing import plan_view, view_steps

    is_index = [isinstance(item, (keys.Indices, keys.Index)) for item in items]
    basic = [keys.Whole() if flag else item for flag, item in zip(is_index, items, strict=True)]
    plan = plan_view(context, array, basic)
    view = ArrayValue(
        array.storage,
        array.type.with_shape(tuple(plan.shape)),
        tuple(plan.strides),
        array.views + view_steps(array.shape, plan),
        writeable=array.writeable,
    )
    axes = tuple(position for position, flag in enumerate(is_index) if flag)
    chosen = [items[axis] for axis in axes]
    index_arrays = [item.array for item in chosen if isinstance(item, keys.Indices)]
    shape = broadcast_shapes(context, [item.shape for item in index_arrays])
    indices = [_index_value(context, item, shape) for item in chosen]
    adjacent = axes == tuple(range(axes[0], axes[0] + len(axes)))
    order = _index_order(context, view, axes, index_arrays, shape)
    position = axes[0] if adjacent else 0
    is_within = all(isinstance(item, keys.Indices) and item.is_within for item in chosen)
    return Selection(view, axes, indices, shape, order, position, is_within)


def _index_value(context: TraceContext, item: keys.Item, shape: tuple[Dim, ...]) -> Value:
    if isinstance(item, keys.Indices):
        value = cast(context, arrays.read(context, item.array), I64)
        return conform(context, value, shape)
    assert isinstance(item, keys.Index)
    if item.value is not None:
        return item.value
    return emit(context, "dimension", dim=item.dim)


def _index_order(
    context: TraceContext,
    view: ArrayValue,
    axes: tuple[int, ...],
    index_arrays: list[ArrayValue],
    shape: tuple[Dim, ...],
) -> layout.Order:
    if len(axes) < len(view.shape):
        return layout.c_order(len(shape))
    described = [arrays.described(context, item) for item in index_arrays]
    single = len(axes) == 1
    return layout.elementwise_order(facts.estimates(context, shape), described, single)


def gather(context: TraceContext, value: Value, selection: Selection) -> Value:
    """The selected elements, with the axes of the indices where NumPy puts them."""
    result = emit(context, "gather", value, *selection.indices, axes=selection.axes)
    count = len(selection.shape)
    if selection.position == 0 or count == 0:
        return result
    return emit(context, "transpose", result, axes=_axes_in_place(selection))


def _axes_in_place(selection: Selection) -> tuple[int, ...]:
    """For each axis of the result, the axis of the gather (index axes first)."""
    count, position = len(selection.shape), selection.position
    rest = range(count, count + len(selection.view.shape) - len(selection.axes))
    return (*rest[:position], *range(count), *rest[position:])


def selected_shape(selection: Selection) -> tuple[Dim, ...]:
    """Shape of the result."""
    rest = [dim for axis, dim in enumerate(selection.view.shape) if axis not in selection.axes]
    rest[selection.position : selection.position] = selection.shape
    return tuple(rest)


def result_order(context: TraceContext, selection: Selection) -> layout.Order:
    """Memory order of the result: index axes slowest, then the others as they lie in the view."""
    count, position = len(selection.shape), selection.position
    strides = facts.estimates(context, selection.view.strides)
    rest = [axis for axis in range(len(strides)) if axis not in selection.axes]
    places = [i if i < position else i + count for i in range(len(rest))]
    by_stride = sorted(range(len(rest)), key=lambda i: (-abs(strides[rest[i]]), rest[i]))
    index_axes = tuple(position + axis for axis in selection.order)
    return index_axes + tuple(places[i] for i in by_stride)


def scatter(
    context: TraceContext, base: Value, value: Value, selection: Selection, mode: str
) -> Value:
    """`base` with the selected elements set to, or combined with, `value`."""
    target = selected_shape(selection)
    if value.type.shape and selection.position and selection.shape:
        if value.type.shape != target:
            value = emit(context, "broadcast", value, shape=target)
        inverse = _axes_in_place(selection)
        axes = tuple(inverse.index(axis) for axis in range(len(inverse)))
        value = emit(context, "transpose", value, axes=axes)
    return emit(context, "scatter", base, value, *selection.indices, axes=selection.axes, mode=mode)


def _is_choice(context: TraceContext, items: list[keys.Item], source: Operand) -> bool:
    """Whether a masked assignment is a choice between old elements and one number."""
    masks = [item for item in items if isinstance(item, keys.Mask)]
    others = [item for item in items if not isinstance(item, (keys.Mask, keys.Whole))]
    is_number = all(extent == 1 for extent in source.shape)
    return len(masks) == 1 and not others and is_number


def _write_masked(
    context: TraceContext, array: ArrayValue, items: list[keys.Item], source: Operand
) -> None:
    """``array[mask] = number``: a choice between old and new elements."""
    from jitflow.tracer.numpy.indexing import assigned_value

    masks = [item for item in items if isinstance(item, keys.Mask)]
    before = items.index(masks[0])
    condition = mask_value(context, array.shape, masks[0], before)
    value = assigned_value(context, source, array.dtype)
    if value.type.shape:
        value = emit(context, "reshape", value, shape=())
    old = arrays.read(context, array)
    arrays.write(context, array, emit(context, "where", condition, value, old))


def mask_value(
    context: TraceContext, shape: tuple[Dim, ...], mask: keys.Mask, before: int
) -> Value:
    """A mask that stands for axes `before` and following, so that it broadcasts to `shape`."""
    extents = mask.array.shape
    covered = shape[before : before + len(extents)]
    if not same_shape(context, extents, covered):
        raise raises("boolean index did not match indexed array")
    value = conform(context, arrays.read(context, mask.array), covered)
    trailing = len(shape) - before - len(extents)
    if trailing:
        value = emit(context, "reshape", value, shape=(*covered, *(1,) * trailing))
    return value

"""Views that NumPy functions make: transposed, reshaped, squeezed, broadcast, diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.errors import Unsupported
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy.arguments import dim_value, raises, shape_value
from jitflow.tracer.numpy.arguments import sequence as sequence_value
from jitflow.tracer.numpy.operands import emit
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    SequenceValue,
    SliceValue,
    ViewStep,
)


def transposed(array: ArrayValue, axes: Sequence[int]) -> ArrayValue:
    """``array.transpose(axes)``."""
    axes = tuple(axes)
    steps = () if axes == tuple(range(len(axes))) else (("transpose", {"axes": axes}),)
    return arrays.view(
        array,
        steps,
        tuple(array.shape[axis] for axis in axes),
        tuple(array.strides[axis] for axis in axes),
        "transpose",
        tuple(ConstantValue(axis) for axis in axes),
    )


def same(array: ArrayValue) -> ArrayValue:
    """``array[...]``: another array object on the same memory."""
    key = ConstantValue(Ellipsis)
    return arrays.view(array, (), array.shape, array.strides, "getitem", (key,))


def broadcast_to(
    context: TraceContext,
    array: ArrayValue,
    shape: tuple[Dim, ...],
    writeable: bool = False,
    method: str = "broadcast_to",
) -> ArrayValue:
    """``numpy.broadcast_to(array, shape)``: read-only, stride 0 along repeated axes."""
    missing = len(shape) - len(array.shape)
    if missing < 0:
        raise raises("input operand has more dimensions than allowed by the axis remapping")
    strides: list[Dim] = [0] * missing
    target = list(shape[:missing])
    for extent, stride, wanted in zip(array.shape, array.strides, shape[missing:], strict=True):
        if facts.decide(context, extent, "==", wanted):
            strides.append(stride if extent != 1 else 0)
            target.append(extent)
        elif facts.decide(context, extent, "==", 1):
            strides.append(0)
            target.append(wanted)
        else:
            raise raises(f"operands could not be broadcast to shape {shape}")
    final = tuple(target)
    steps = () if final == array.shape else (("broadcast", {"shape": final}),)
    arguments = (shape_value(final),)
    return arrays.view(array, steps, final, tuple(strides), method, arguments, writeable=writeable)


def expanded(array: ArrayValue, axes: Sequence[int]) -> ArrayValue:
    """New axes of extent 1 at positions `axes` of the result, which are sorted."""
    shape, strides = list(array.shape), list(array.strides)
    for axis in axes:
        shape.insert(axis, 1)
        strides.insert(axis, 0)
    rank = len(shape)
    key = [ConstantValue(None if axis in axes else slice(None)) for axis in range(rank)]
    return arrays.view(
        array,
        (("expand_dims", {"axes": tuple(axes)}),) if axes else (),
        tuple(shape),
        tuple(strides),
        "getitem",
        (SequenceValue(tuple, list(_slices(key))),),
    )


def expanded_by_reshape(
    context: TraceContext, array: ArrayValue, axes: Sequence[int]
) -> ArrayValue:
    """As `expanded`, but by ``array.reshape``: the new axes have strides as NumPy gives there."""
    result = expanded(array, axes)
    strides = _split_and_merge(context, array.shape, array.strides, result.shape)
    if strides is None:
        return result
    call = tuple(dim_value(dim) for dim in result.shape)
    steps = result.views[len(array.views) :]
    return arrays.view(array, steps, result.shape, strides, "reshape", call)


def _slices(key: Sequence[ConstantValue]) -> list[PyValue]:
    none = ConstantValue(None)
    return [SliceValue(none, none, none) if item.value is not None else none for item in key]


def squeezed(context: TraceContext, array: ArrayValue, axes: Sequence[int]) -> ArrayValue:
    """Without the axes at `axes`, which must have extent 1."""
    if not all(facts.decide(context, array.shape[axis], "==", 1) for axis in axes):
        raise raises("cannot select an axis to squeeze out which has size not equal to one")
    kept = [axis for axis in range(len(array.shape)) if axis not in axes]
    return arrays.view(
        array,
        (("squeeze", {"axes": tuple(axes)}),) if axes else (),
        tuple(array.shape[axis] for axis in kept),
        tuple(array.strides[axis] for axis in kept),
        "squeeze",
        (sequence_value(tuple(axes)),),
    )


def diagonal(
    context: TraceContext, array: ArrayValue, offset: int, axis1: int, axis2: int
) -> ArrayValue:
    """``array.diagonal(offset, axis1, axis2)``: read-only, the diagonal last."""
    step = {"offset": offset, "axis1": axis1, "axis2": axis2}
    rows, columns = array.shape[axis1], array.shape[axis2]
    if rows != columns and facts.decide(context, rows, "==", columns):
        columns = rows
    length = _diagonal_length(context, rows, columns, offset)
    kept = [axis for axis in range(len(array.shape)) if axis not in (axis1, axis2)]
    if not (isinstance(rows, int) and isinstance(columns, int)):
        steps = _square_steps(array, offset, axis1, axis2, length)
    else:
        steps = (("diagonal", step),)
    return arrays.view(
        array,
        steps,
        (*(array.shape[axis] for axis in kept), length),
        (*(array.strides[axis] for axis in kept), array.strides[axis1] + array.strides[axis2]),
        "diagonal",
        tuple(ConstantValue(item) for item in step.values()),
        writeable=False,
    )


def _square_steps(
    array: ArrayValue, offset: int, axis1: int, axis2: int, length: Dim
) -> tuple[ViewStep, ...]:
    """A diagonal of symbolic length: the main one of a square part."""
    starts: list[Dim] = [0] * len(array.shape)
    starts[axis1], starts[axis2] = max(0, -offset), max(0, offset)
    shape = list(array.shape)
    shape[axis1] = shape[axis2] = length
    part = {"starts": tuple(starts), "steps": (1,) * len(shape), "shape": tuple(shape)}
    return (("slice", part), ("diagonal", {"offset": 0, "axis1": axis1, "axis2": axis2}))


def _diagonal_length(context: TraceContext, rows: Dim, columns: Dim, offset: int) -> Dim:
    if offset < 0:
        rows = rows + offset
    else:
        columns = columns - offset
    least = rows if facts.decide(context, rows, "<=", columns) else columns
    return least if facts.decide(context, 0, "<", least) else 0


# Reshaping


def resolve_shape(
    context: TraceContext, old: tuple[Dim, ...], new: tuple[Dim, ...]
) -> tuple[Dim, ...]:
    """`new` with its -1 replaced; JF-B009 where the sizes differ."""
    total = dims.product(old)
    unknown = [axis for axis, dim in enumerate(new) if dim == -1]
    if len(unknown) > 1:
        raise raises("can only specify one unknown dimension")
    if not unknown:
        product = dims.product(new)
        if not facts.decide(context, product, "==", total):
            raise raises(f"cannot reshape array of size {total} into shape {new}")
        return new
    known = dims.product(tuple(dim for dim in new if dim != -1))
    inferred = facts.divide_exactly(context, total, known)
    if inferred is None:
        inferred = _inferred(context, total, known)
    return tuple(inferred if axis == unknown[0] else dim for axis, dim in enumerate(new))


def _inferred(context: TraceContext, total: Dim, known: Dim) -> Dim:
    """An extent that does not divide as a polynomial: as in the traced call, relied on."""
    values = facts.evaluate(context, total), facts.evaluate(context, known)
    if any(facts.is_late_extent(context, dim) for dim in (total, known)):
        return _late_quotient(context, total, known)
    if values[0] is None or values[1] is None or not values[1] or values[0] % values[1]:
        raise raises(f"cannot reshape array of size {total} with extents of {known}")
    if isinstance(known, int):
        quotient = facts.quotient(context, total, known)
        if not facts.decide(context, quotient * known, "==", total):
            raise raises(f"cannot reshape array of size {total} with extents of {known}")
        return quotient
    extent = values[0] // values[1]
    facts.decide(context, known * extent, "==", total)
    return extent


def _late_quotient(context: TraceContext, total: Dim, known: Dim) -> Dim:
    """The extent that data decides; that it divides is checked at run time."""
    if not facts.decide(context, 1, "<=", known):
        raise raises(f"cannot reshape array of size {total} with extents of {known}")
    sizes = [context.builder.emit("dimension", dim=dim) for dim in (total, known)]
    quotient = facts.late_extent(context, context.builder.emit("floor_divide", *sizes), total)
    facts.rely_on(context, known * quotient, "==", total)
    return quotient


def reshaped(
    context: TraceContext, array: ArrayValue, new: tuple[Dim, ...], order: str = "C"
) -> ArrayValue:
    """``array.reshape(new, order=order)``: a view where NumPy makes one, else a fresh array."""
    if order == "A":
        is_f = arrays.is_contiguous(context, array, "F")
        order = "F" if is_f and not arrays.is_contiguous(context, array, "C") else "C"
    shape = resolve_shape(context, array.shape, new)
    if shape == array.shape:
        return same(array)
    strides = nocopy_strides(context, array, shape, order)
    steps = reshape_steps(len(array.shape), shape, order)
    if strides is None:
        value = arrays.read(context, array)
        for name, attributes in steps:
            value = emit(context, name, value, **attributes)
        rank = len(shape)
        axes = tuple(range(rank)) if order == "C" else tuple(reversed(range(rank)))
        return arrays.fresh(context, value, axes)
    if order == "C":
        arguments: tuple[PyValue, ...] = tuple(dim_value(dim) for dim in shape)
        return arrays.view(array, steps, shape, strides, "reshape", arguments or (_EMPTY,))
    result: ArrayValue = array
    for name, attributes in steps:
        if name == "transpose":
            result = transposed(result, attributes["axes"])
        else:
            flipped = attributes["shape"]
            inner = nocopy_strides(context, result, flipped, "C") or ()
            call = tuple(dim_value(dim) for dim in flipped) or (_EMPTY,)
            result = arrays.view(result, ((name, attributes),), flipped, inner, "reshape", call)
    return result


T = TypeVar("T")
_EMPTY = SequenceValue(tuple, [])


def reshape_steps(rank: int, shape: tuple[Dim, ...], order: str) -> tuple[ViewStep, ...]:
    """The view operators of a reshape; Fortran order reverses the axes before and after."""
    if order == "C":
        return (("reshape", {"shape": shape}),)
    before = ("transpose", {"axes": tuple(reversed(range(rank)))})
    after = ("transpose", {"axes": tuple(reversed(range(len(shape))))})
    return (before, ("reshape", {"shape": shape[::-1]}), after)


def nocopy_strides(
    context: TraceContext, array: ArrayValue, shape: tuple[Dim, ...], order: str
) -> tuple[Dim, ...] | None:
    """Strides of the reshaped array where it can be a view; None where NumPy copies."""
    rank = len(shape)
    axes = tuple(range(rank)) if order == "C" else tuple(reversed(range(rank)))
    if arrays.is_contiguous(context, array, order):
        return context.contiguous_strides(shape, array.dtype, axes)
    old_shape, old_strides, new_shape = array.shape, array.strides, shape
    if order == "F":
        old_shape, old_strides, new_shape = old_shape[::-1], old_strides[::-1], shape[::-1]
    strides = _split_and_merge(context, old_shape, old_strides, new_shape)
    if strides is None:
        return None
    return strides if order == "C" else strides[::-1]


def _split_and_merge(
    context: TraceContext,
    old_shape: tuple[Dim, ...],
    old_strides: tuple[Dim, ...],
    new_shape: tuple[Dim, ...],
) -> tuple[Dim, ...] | None:
    """NumPy's rule for reshaping without a copy, on C order: groups of axes of equal size."""
    old = [
        (dim, stride)
        for dim, stride in zip(old_shape, old_strides, strict=True)
        if not facts.decide(context, dim, "==", 1)
    ]
    new_strides: list[Dim] = []
    position = start = 0
    while start < len(old) and position < len(new_shape):
        group, extents = [old[start]], [new_shape[position]]
        while True:
            have = dims.product(tuple(dim for dim, _ in group))
            want = dims.product(tuple(extents))
            if facts.decide(context, have, "==", want, alike=False):
                break
            if facts.decide(context, want, "<", have, alike=False):
                extents.append(_at(new_shape, position + len(extents)))
            else:
                group.append(_at(old, start + len(group)))
        if not _mergeable(context, group):
            return None
        inner: list[Dim] = []
        step = group[-1][1]
        for extent in reversed(extents):
            inner.insert(0, step)
            step = step * extent
        new_strides += inner
        start, position = start + len(group), position + len(extents)
    last = new_strides[-1] if new_strides else old_strides[-1] if old_strides else 0
    return (*new_strides, *(last for _ in new_shape[position:]))


def _at(axes: Sequence[T], place: int) -> T:
    if place == len(axes):  # by extents that were taken to be others than they are
        raise Unsupported("JF-B005", "a reshape whose extents are known at run time only")
    return axes[place]


def _mergeable(context: TraceContext, group: list[tuple[Dim, Dim]]) -> bool:
    return all(
        facts.decide(context, left[1], "==", right[0] * right[1], alike=False)
        for left, right in pairwise(group)
    )

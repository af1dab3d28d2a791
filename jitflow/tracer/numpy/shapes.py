"""Functions that move, add and remove axes: reshape, transpose, squeeze, flip, roll, diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, creation, views
from jitflow.tracer.numpy.arguments import dim_value, is_none, raises, shape_value, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.operands import as_array, broadcast_shapes, operand
from jitflow.tracer.numpy.table import function, function_named, method
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, ScalarValue, SequenceValue


def order_letter(context: TraceContext, order: PyValue, allowed: str = "CFA") -> str:
    """An `order` argument."""
    letter = arguments.constant(context, order, "order")
    if letter not in tuple(allowed):
        raise raises(f"order must be one of {', '.join(allowed)}")
    return str(letter)


@function(np.reshape, signature="a, shape, order='C', *, copy=None", fold=False)
def reshape(
    context: TraceContext, a: PyValue, shape: PyValue, order: PyValue, copy: PyValue
) -> PyValue:
    """The same elements in another shape."""
    array = as_array(context, a)
    new = arguments.shape(context, shape)
    must_copy = arguments.constant(context, copy, "copy")
    result = views.reshaped(context, array, new, order_letter(context, order))
    is_view = result.storage is array.storage
    if must_copy and is_view:
        return creation.copied(context, result, tuple(range(len(result.shape))))
    if must_copy is False and not is_view:
        raise raises("Unable to avoid creating a copy while reshaping.")
    return result


@method("reshape", signature="a, *shape, order='C', copy=None")
def reshape_method(
    context: TraceContext, a: PyValue, shape: SequenceValue, order: PyValue, copy: PyValue
) -> PyValue:
    """``array.reshape(2, 3)`` and ``array.reshape((2, 3))``."""
    given: PyValue = shape
    if len(shape.items) == 1:
        given = context.resolve(shape.items[0])
    return reshape(context, a, given, order, copy)


@function(np.ravel, signature="a, order='C'", method="ravel", fold=False)
def ravel(context: TraceContext, a: PyValue, order: PyValue) -> PyValue:
    """One axis; a view where the memory allows it."""
    array = as_array(context, a)
    letter = order_letter(context, order, "CFAK")
    if letter == "K":
        return _ravel_in_memory_order(context, array)
    return _flat(context, array, letter)


def _flat(context: TraceContext, array: ArrayValue, letter: str) -> ArrayValue:
    if letter == "A":
        is_f = arrays.is_contiguous(context, array, "F")
        letter = "F" if is_f and not arrays.is_contiguous(context, array, "C") else "C"
    size = dims.product(array.shape)
    if arrays.is_contiguous(context, array, letter):
        return views.reshaped(context, array, (size,), letter)
    copy = creation.copied(
        context,
        array,
        tuple(range(len(array.shape)))
        if letter == "C"
        else tuple(reversed(range(len(array.shape)))),
    )
    value = views.reshaped(context, copy, (size,), letter)
    return arrays.fresh(context, arrays.read(context, value))


def _ravel_in_memory_order(context: TraceContext, array: ArrayValue) -> ArrayValue:
    for letter in "CF":
        if arrays.is_contiguous(context, array, letter):
            return _flat(context, array, letter)
    raise unsupported("ravel in the memory order of a strided array")


@method("flatten", signature="a, order='C'")
def flatten(context: TraceContext, a: PyValue, order: PyValue) -> PyValue:
    """One axis, always a copy."""
    array = as_array(context, a)
    letter = order_letter(context, order, "CFAK")
    if letter == "K":
        flat = _ravel_in_memory_order(context, array)
    else:
        flat = _flat(context, array, letter)
    return arrays.fresh(context, arrays.read(context, flat))


def permuted(context: TraceContext, a: PyValue, axes: PyValue) -> ArrayValue:
    """``numpy.transpose(a, axes)``."""
    array = as_array(context, a)
    rank = len(array.shape)
    if is_none(axes):
        return views.transposed(array, tuple(reversed(range(rank))))
    known = arrays.known_contents(context.resolve(axes))
    if known is not None and known.ndim == 1 and known.dtype.kind in "iu":
        axes = ConstantValue(tuple(known.tolist()))
    order = arguments.normalise_axes(arguments.constant(context, axes, "axes"), rank)
    if len(order) != rank:
        raise raises("axes don't match array")
    return views.transposed(array, order)


@function_named("transpose", "permute_dims", signature="a, axes=None", fold=False)
def transpose(context: TraceContext, a: PyValue, axes: PyValue) -> PyValue:
    """Axes in another order, by default reversed."""
    return permuted(context, a, axes)


@method("transpose", signature="a, *axes")
def transpose_method(context: TraceContext, a: PyValue, axes: SequenceValue) -> PyValue:
    """``array.transpose(1, 0)``, ``array.transpose((1, 0))`` and ``array.transpose()``."""
    if not axes.items:
        return permuted(context, a, ConstantValue(None))
    if len(axes.items) == 1:
        only = context.resolve(axes.items[0])
        if not isinstance(only, ConstantValue) or not isinstance(only.value, int):
            return permuted(context, a, only)
    return permuted(context, a, axes)


@function_named("matrix_transpose", "linalg.matrix_transpose", signature="x", fold=False)
def matrix_transpose(context: TraceContext, x: PyValue) -> PyValue:
    """The last two axes exchanged."""
    return Composer(context).attribute(as_array(context, x), "mT")


@function(np.swapaxes, signature="a, axis1, axis2", method="swapaxes", fold=False)
def swapaxes(context: TraceContext, a: PyValue, axis1: PyValue, axis2: PyValue) -> PyValue:
    """Two axes exchanged."""
    array = as_array(context, a)
    order = list(range(len(array.shape)))
    first, second = (arguments.axis(context, axis, len(order)) for axis in (axis1, axis2))
    order[first], order[second] = order[second], order[first]
    return views.transposed(array, order)


@function(np.moveaxis, signature="a, source, destination", fold=False)
def moveaxis(context: TraceContext, a: PyValue, source: PyValue, destination: PyValue) -> PyValue:
    """Axes moved to other places, the others in order."""
    array = as_array(context, a)
    rank = len(array.shape)
    given = arguments.normalise_axes(arguments.constant(context, source, "source"), rank)
    wanted = arguments.normalise_axes(arguments.constant(context, destination, "destination"), rank)
    if len(given) != len(wanted):
        raise raises("`source` and `destination` arguments must have the same number of elements")
    order = [axis for axis in range(rank) if axis not in given]
    for place, axis in sorted(zip(wanted, given, strict=True)):
        order.insert(place, axis)
    return views.transposed(array, order)


@function(np.rollaxis, signature="a, axis, start=0", fold=False)
def rollaxis(context: TraceContext, a: PyValue, axis: PyValue, start: PyValue) -> PyValue:
    """One axis moved back until it is before `start`."""
    array = as_array(context, a)
    rank = len(array.shape)
    position = arguments.axis(context, axis, rank)
    place = arguments.as_int(context, start, "start")
    place += rank if place < 0 else 0
    if not 0 <= place <= rank:
        raise raises("start is out of bounds")
    place -= position < place
    if place == position:
        return views.same(array)
    order = [other for other in range(rank) if other != position]
    order.insert(place, position)
    return views.transposed(array, order)


@function(np.squeeze, signature="a, axis=None", method="squeeze", fold=False)
def squeeze(context: TraceContext, a: PyValue, axis: PyValue) -> PyValue:
    """Without axes of extent 1."""
    if isinstance(a, ScalarValue) and a.box == "scalar":
        return a
    if isinstance(a, ConstantValue) and isinstance(a.value, np.generic):
        return a
    array = as_array(context, a)
    rank = len(array.shape)
    if is_none(axis):
        axes: tuple[int, ...] = tuple(
            position
            for position in range(rank)
            if facts.decide(context, array.shape[position], "==", 1)
        )
        return views.squeezed(context, array, axes)
    axes = arguments.axes(context, axis, rank)
    return views.squeezed(context, array, axes)


@function(np.expand_dims, signature="a, axis", fold=False)
def expand_dims(context: TraceContext, a: PyValue, axis: PyValue) -> PyValue:
    """With new axes of extent 1."""
    array = as_array(context, a)
    found = arguments.constant(context, axis, "axis")
    count = len(found) if isinstance(found, (tuple, list)) else 1
    axes = arguments.normalise_axes(found, len(array.shape) + count)
    return views.expanded_by_reshape(context, array, sorted(axes))


def _register_atleast(rank: int) -> None:
    def one(context: TraceContext, value: PyValue) -> PyValue:
        array = as_array(context, value)
        have = len(array.shape)
        if have >= rank:
            return array
        if have == 0:
            return views.reshaped(context, array, (1,) * rank)
        places = {(1, 2): (0,), (1, 3): (0, 2), (2, 3): (2,)}[have, rank]
        return views.expanded(array, places)

    def handler(context: TraceContext, arys: SequenceValue) -> PyValue:
        results = [one(context, context.resolve(item)) for item in arys.items]
        return results[0] if len(results) == 1 else SequenceValue(tuple, results)

    function_named(f"atleast_{rank}d", signature="*arys", fold=False)(handler)


for _rank in (1, 2, 3):
    _register_atleast(_rank)


@function(np.broadcast_to, signature="array, shape, subok=False", fold=False)
def broadcast_to(context: TraceContext, array: PyValue, shape: PyValue, subok: PyValue) -> PyValue:
    """A read-only view with repeated axes."""
    extents = arguments.shape(context, shape)
    return views.broadcast_to(context, as_array(context, array), extents)


@function(np.broadcast_arrays, signature="*args, subok=False", fold=False)
def broadcast_arrays(context: TraceContext, args: SequenceValue, subok: PyValue) -> PyValue:
    """Every argument broadcast to the common shape."""
    given = [as_array(context, context.resolve(item)) for item in args.items]
    shape = broadcast_shapes(context, [array.shape for array in given])
    if all(array.shape == shape for array in given):
        return SequenceValue(tuple, list(given))
    if not all(isinstance(extent, int) for extent in shape):
        raise unsupported("broadcast_arrays of symbolic extents")
    # Writing to them warns: that is left to Python, as if they could not be written.
    # On a device nothing warns, and there the exit's call would mix in an array of the host.
    is_host = context.kind is None or context.kind.is_host
    how = "broadcast_arrays" if is_host else "broadcast_to"
    results: list[PyValue] = [
        array if array.shape == shape else views.broadcast_to(context, array, shape, method=how)
        for array in given
    ]
    return SequenceValue(tuple, results)


def spread(context: TraceContext, given: list[ArrayValue]) -> list[ArrayValue]:
    """Arrays broadcast to their common shape; those that have it stay themselves."""
    shape = broadcast_shapes(context, [array.shape for array in given])
    return [
        array if array.shape == shape else views.broadcast_to(context, array, shape)
        for array in given
    ]


@function_named("broadcast_shapes", signature="*args")
def broadcast_shapes_function(context: TraceContext, args: SequenceValue) -> PyValue:
    """The shape that shapes broadcast to."""
    given = [arguments.shape(context, item) for item in args.items]
    return shape_value(broadcast_shapes(context, given))


# Reversed and shifted


def flipped(n: Composer, array: ArrayValue, axes: tuple[int, ...]) -> PyValue:
    """The axes at `axes` reversed: a view."""
    key = [slice(None, None, -1) if i in axes else slice(None) for i in range(len(array.shape))]
    return n.item(array, tuple(key))


@function(np.flip, signature="m, axis=None", fold=False)
def flip(context: TraceContext, m: PyValue, axis: PyValue) -> PyValue:
    """Axes reversed."""
    array = as_array(context, m)
    axes = arguments.axes(context, axis, len(array.shape))
    return flipped(Composer(context), array, axes)


def _register_flip(name: str, axis: int) -> None:
    def handler(context: TraceContext, m: PyValue) -> PyValue:
        array = as_array(context, m)
        if len(array.shape) <= axis:
            raise raises(f"Input must be >= {axis + 1}-d.")
        key = (slice(None),) * axis + (slice(None, None, -1),)
        return Composer(context).item(array, key if axis else key[0])

    function_named(name, signature="m", fold=False)(handler)


_register_flip("flipud", 0)
_register_flip("fliplr", 1)


@function(np.rot90, signature="m, k=1, axes=(0, 1)", fold=False)
def rot90(context: TraceContext, m: PyValue, k: PyValue, axes: PyValue) -> PyValue:
    """Rotated by quarter turns: a view."""
    n = Composer(context)
    array = as_array(context, m)
    turns = arguments.as_int(context, k, "k") % 4
    plane = arguments.normalise_axes(arguments.constant(context, axes, "axes"), len(array.shape))
    if len(plane) != 2:
        raise raises("len(axes) must be 2.")
    first, second = plane
    if turns == 0:
        return n.item(array, slice(None))
    if turns == 2:
        return flipped(n, n.array(flipped(n, array, (first,))), (second,))
    order = list(range(len(array.shape)))
    order[first], order[second] = order[second], order[first]
    if turns == 1:
        return views.transposed(n.array(flipped(n, array, (second,))), order)
    return flipped(n, views.transposed(array, order), (second,))


@function(np.roll, signature="a, shift, axis=None")
def roll(context: TraceContext, a: PyValue, shift: PyValue, axis: PyValue) -> PyValue:
    """Elements moved along axes, those that leave coming back on the other side."""
    n = Composer(context)
    array = as_array(context, a)
    if is_none(axis):
        flat = n(np.ravel, array)
        rolled = n(np.roll, flat, shift, axis=0)
        return views.reshaped(context, n.array(rolled), array.shape)
    axes = arguments.constant(context, axis, "axis")
    axes = axes if isinstance(axes, (tuple, list)) else (axes,)
    shifts = arguments.shape(context, shift, "shift")
    count = len(axes) if len(shifts) == 1 else len(shifts)
    if len(axes) not in (1, count):
        raise raises("shape mismatch: objects cannot be broadcast to a single shape")
    axes, shifts = (tuple(x) * (count if len(x) == 1 else 1) for x in (axes, shifts))
    total: dict[int, Any] = {}
    for position, amount in zip(axes, shifts, strict=True):
        place = arguments.normalise_axis(position, len(array.shape))
        total[place] = total.get(place, 0) + amount
    result = n(np.empty_like, array)
    for place, amount in total.items():
        array = _rolled_once(n, array, place, amount)
    n.store(result, Ellipsis, array)
    return result


def _turned(context: TraceContext, amount: Dim, extent: Dim) -> Dim:
    """``amount % extent`` of a shift that is known only at run time."""
    if facts.prove(context, 0, "<=", amount) and facts.prove(context, amount, "<=", extent):
        return amount
    operands = [context.builder.emit("dimension", dim=dim) for dim in (amount, extent)]
    turned = facts.late_symbol(context, context.builder.emit("remainder", *operands), None)
    facts.rely_on(context, 0, "<=", turned)
    facts.rely_on(context, turned, "<=", extent)
    return turned


def _rolled_once(n: Composer, array: ArrayValue, axis: int, amount: Any) -> ArrayValue:
    extent = array.shape[axis]
    if n.decide(extent, "==", 0):
        return array
    if facts.evaluate(n.context, amount) is None:
        amount = _turned(n.context, amount, extent)
    else:
        if isinstance(amount, int) and isinstance(extent, int):
            amount %= extent
        elif n.decide(amount, "<", 0):
            amount = amount + extent
        if not (n.decide(0, "<=", amount) and n.decide(amount, "<=", extent)):
            raise unsupported("a shift larger than the axis")
    before = (slice(None),) * axis
    cut = extent - amount
    parts = [n.item(array, (*before, slice(cut, None))), n.item(array, (*before, slice(None, cut)))]
    return n.array(n(np.concatenate, parts, axis=axis))


# Facts about a value


@function(np.shape, signature="a", fold=False)
def shape_function(context: TraceContext, a: PyValue) -> PyValue:
    """``numpy.shape(a)``."""
    return shape_value(operand(context, a).shape)


@function(np.ndim, signature="a", fold=False)
def ndim_function(context: TraceContext, a: PyValue) -> PyValue:
    """``numpy.ndim(a)``."""
    return ConstantValue(len(operand(context, a).shape))


@function(np.size, signature="a, axis=None", fold=False)
def size_function(context: TraceContext, a: PyValue, axis: PyValue) -> PyValue:
    """``numpy.size(a, axis)``."""
    extents = operand(context, a).shape
    axes = arguments.axes(context, axis, len(extents))
    return dim_value(dims.product(tuple(extents[place] for place in axes)))


@function(np.diagonal, signature="a, offset=0, axis1=0, axis2=1", method="diagonal", fold=False)
def diagonal(
    context: TraceContext, a: PyValue, offset: PyValue, axis1: PyValue, axis2: PyValue
) -> PyValue:
    """One diagonal of two axes: a read-only view."""
    array = as_array(context, a)
    rank = len(array.shape)
    if rank < 2:
        raise raises("diag requires an array of at least two dimensions")
    places = [arguments.axis(context, axis, rank) for axis in (axis1, axis2)]
    if places[0] == places[1]:
        raise raises("axis1 and axis2 cannot be the same")
    distance = arguments.as_int(context, offset, "offset")
    return views.diagonal(context, array, distance, *places)

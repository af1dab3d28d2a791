"""Arrays edited at places: insert, resize, and positions counted through several axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.tracer import arrays
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.arguments import dim_value, is_none, raises, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.operands import is_operand
from jitflow.tracer.numpy.table import function
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue


@function(np.insert, signature="arr, obj, values, axis=None")
def insert(
    context: TraceContext, arr: PyValue, obj: PyValue, values: PyValue, axis: PyValue
) -> PyValue:
    """With values before some slices, whose numbers are known."""
    n = Composer(context)
    array = n.array(arr)
    if is_none(axis):
        array, axis = n.array(n(np.ravel, array)), ConstantValue(0)
    rank = len(array.shape)
    if rank > 1 and not arrays.is_contiguous(context, array):
        raise unsupported("insert into an array that is not in C order")
    place = arguments.axis(context, axis, rank)
    if is_operand(obj) and not n.rank(obj):
        return _insert_one(n, array, arguments.dim(context, obj, "obj"), values, place)
    found = arguments.constant(context, obj, "obj")
    return _insert_several(n, array, found, values, place)


def _insert_one(
    n: Composer, array: ArrayValue, position: Dim, values: PyValue, place: int
) -> PyValue:
    """One slice, or a number of them along the axis, before a position."""
    extent = array.shape[place]
    where = position + extent if n.decide(position, "<", 0) else position
    if not (n.decide(0, "<=", where) and n.decide(where, "<=", extent)):
        raise raises(f"index {position} is out of bounds")
    new = n.array(n.method(n.array(values), "astype", array.dtype.numpy))
    rank = len(array.shape)
    if len(new.shape) < rank:
        new = n.array(n(np.reshape, new, (1,) * (rank - len(new.shape)) + new.shape))
    if rank > 1:
        new = n.array(n(np.moveaxis, new, 0, place))
    rest = [dim if axis != place else new.shape[place] for axis, dim in enumerate(array.shape)]
    new = n.array(n(np.broadcast_to, new, tuple(rest)))
    before = (slice(None),) * place
    parts = [n.item(array, (*before, slice(None, where))), new]
    parts.append(n.item(array, (*before, slice(where, None))))
    return n(np.concatenate, parts, axis=place)


def _insert_several(
    n: Composer, array: ArrayValue, places: Any, values: PyValue, axis: int
) -> PyValue:
    extent = array.shape[axis]
    if not isinstance(extent, int) or len(array.shape) != 1:
        raise unsupported("insert at several places of this array")
    try:
        count = np.insert(np.zeros(extent), places, 0).size - extent
        order = np.insert(np.arange(extent), places, np.arange(extent, extent + count))
    except (IndexError, ValueError, TypeError) as error:
        raise raises(str(error)) from None
    new = n.method(n.array(values), "astype", array.dtype.numpy)
    spread = n(np.broadcast_to, new, (count,))
    joined = n(np.concatenate, [array, spread])
    return n(np.take, joined, arrays.constant(n.context, order))


@function(np.unravel_index, signature="indices, shape, order='C'")
def unravel_index(
    context: TraceContext, indices: PyValue, shape: PyValue, order: PyValue
) -> PyValue:
    """Positions in an array of numbers that count its elements."""
    n = Composer(context)
    extents = arguments.shape(context, shape)
    if arguments.constant(context, order, "order") != "C":
        extents = extents[::-1]
    if n.kind(indices) not in "iu":
        raise raises("only int indices permitted")
    rest: PyValue = n(np.intp, indices)
    size = dim_value(dims.product(extents))
    inside = n(np.logical_and, n.compare("ge", rest, 0), n.compare("lt", rest, size))
    n.require_all(inside)
    found: list[PyValue] = []
    for extent in reversed(extents[1:]):
        found.append(n.binary("mod", rest, dim_value(extent)))
        rest = n.binary("floordiv", rest, dim_value(extent))
    result = [*found, rest]
    is_c = arguments.constant(context, order, "order") == "C"
    result = result[::-1] if is_c else result
    if n.rank(rest):  # NumPy gives the columns of one array
        table = n(np.stack, result, axis=-1)
        result = [n.item(table, Ellipsis, axis) for axis in range(len(result))]
    return SequenceValue(tuple, result)

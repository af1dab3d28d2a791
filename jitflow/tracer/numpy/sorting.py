"""Sorting in place, and functions whose result shape depends on the data: these are declined."""

from __future__ import annotations

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.tracer import arrays
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, external, indexing
from jitflow.tracer.numpy.arguments import is_none, raises, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.operands import operand
from jitflow.tracer.numpy.table import Handler, function, function_named, method
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue

_DATA_DEPENDENT = [
    "unique_values",
    "unique_counts",
    "unique_inverse",
    "unique_all",
    "place",
    "trim_zeros",
]


def _declined(name: str) -> Handler:
    def handler(context: TraceContext, **given: PyValue) -> PyValue:
        raise Unsupported("JF-B011", f"np.{name}")

    return handler


for _name in _DATA_DEPENDENT:
    function_named(_name, signature="*args, **kwargs")(_declined(_name))


@method("sort", signature="a, axis=-1, kind=None, order=None, *, stable=None")
def sort(
    context: TraceContext,
    a: PyValue,
    axis: PyValue,
    kind: PyValue,
    order: PyValue,
    stable: PyValue,
) -> PyValue:
    """Sort an array in place."""
    given = {"axis": axis, "kind": kind, "stable": stable}
    return _in_place(context, np.sort, a, [], given)


@method("partition", signature="a, kth, axis=-1, kind='introselect', order=None")
def partition(
    context: TraceContext, a: PyValue, kth: PyValue, axis: PyValue, kind: PyValue, order: PyValue
) -> PyValue:
    """Partition an array in place."""
    return _in_place(context, np.partition, a, [kth], {"axis": axis, "kind": kind})


def _in_place(
    context: TraceContext,
    function_: object,
    a: PyValue,
    args: list[PyValue],
    given: dict[str, PyValue],
) -> PyValue:
    if not isinstance(a, ArrayValue):
        raise raises("sorting a number in place")
    arrays.check_writable(a)
    result = external.run(context, function_, [a, *args], given)
    indexing.assign(context, a, operand(context, result))
    return ConstantValue(None)


@function(np.put, signature="a, ind, v, mode='raise'", method="put", fold=False)
def put(context: TraceContext, a: PyValue, ind: PyValue, v: PyValue, mode: PyValue) -> PyValue:
    """Set elements by their position in the flat array."""
    n = Composer(context)
    if not isinstance(a, ArrayValue) or arguments.constant(context, mode, "mode") != "raise":
        raise unsupported("put into this array")
    if not arrays.is_contiguous(context, a) or n.rank(v) > 1:
        raise unsupported("put into an array that is not contiguous")
    index = n.array(n(np.ravel, n.array(ind)))
    if n.rank(v) and n.shape(v) != index.shape and n.shape(v) != (1,):
        raise unsupported("put with repeated values")
    n.store(n(np.ravel, a), index, v)
    return ConstantValue(None)


@function(np.delete, signature="arr, obj, axis=None")
def delete(context: TraceContext, arr: PyValue, obj: PyValue, axis: PyValue) -> PyValue:
    """Without some slices, whose numbers are known."""
    n = Composer(context)
    array = n.array(arr)
    letter = "C"
    if arrays.is_contiguous(context, array, "F") and not arrays.is_contiguous(context, array):
        letter = "F"
    if is_none(axis):
        array, axis = n.array(n(np.ravel, array)), ConstantValue(0)
    place = arguments.axis(context, axis, len(array.shape))
    extent = array.shape[place]
    if not isinstance(extent, int):
        raise unsupported("delete along a symbolic axis")
    found = arguments.constant(context, obj, "obj")
    try:
        kept = np.delete(np.arange(extent), found)
    except (IndexError, ValueError) as error:
        raise raises(str(error)) from None
    chosen = arrays.constant(context, kept)
    if not isinstance(found, slice) and np.size(found) != 1:
        return n.item(array, (*(slice(None),) * place, chosen))
    taken = n(np.take, array, chosen, axis=place)
    return n(np.array, taken, order=letter)


@function(np.polyval, signature="p, x")
def polyval(context: TraceContext, p: PyValue, x: PyValue) -> PyValue:
    """A polynomial by Horner's rule, from its highest coefficient."""
    n = Composer(context)
    coefficients = n.array(p)
    points = n.array(x)
    count = coefficients.shape[0] if len(coefficients.shape) == 1 else None
    if not isinstance(count, int):
        raise unsupported("polyval with a symbolic number of coefficients")
    result: PyValue = n(np.zeros_like, points)
    for position in range(count):
        result = n.add(n.mul(result, points), n.item(coefficients, position))
    return result


@function_named(
    "logspace", signature="start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0"
)
def logspace(
    context: TraceContext,
    start: PyValue,
    stop: PyValue,
    num: PyValue,
    endpoint: PyValue,
    base: PyValue,
    dtype: PyValue,
    axis: PyValue,
) -> PyValue:
    """Powers of a base at equal distances of the exponent."""
    n = Composer(context)
    exponents = n(np.linspace, start, stop, num=num, endpoint=endpoint, axis=axis)
    result = n(np.power, base, exponents)
    if is_none(dtype):
        return result
    return n.method(result, "astype", dtype, copy=False)

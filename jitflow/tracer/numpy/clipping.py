"""`clip`: values held between two bounds, with the bits that NumPy's loops give.

Source: ``numpy/_core/src/umath/clip.cpp``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jitflow.core.dims import Dim
from jitflow.core.dtypes import F16
from jitflow.ir.graph import Value
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import ufuncs
from jitflow.tracer.numpy.arguments import is_missing, is_none, raises, unsupported
from jitflow.tracer.numpy.operands import (
    Operand,
    broadcast_shapes,
    conform,
    emit,
    graph_value,
    operand,
    ordered_by_parts,
    promoted,
    result_order,
)
from jitflow.tracer.numpy.table import function, method
from jitflow.tracer.numpy.ufunc_methods import deliver
from jitflow.tracer.values import ConstantValue, PyValue


@function(np.clip, signature="a, a_min=_, a_max=_, out=None, *, min=_, max=_, **rest")
def clip(
    context: TraceContext,
    a: PyValue,
    a_min: PyValue,
    a_max: PyValue,
    out: PyValue,
    min: PyValue,
    max: PyValue,
    **rest: PyValue,
) -> PyValue:
    """Values held between two bounds, which have two names each."""
    if is_missing(a_min) and is_missing(a_max):
        return clip_method(context, a, min, max, out, **rest)
    if any(map(is_missing, (a_min, a_max))) or not all(map(is_missing, (min, max))):
        raise raises("clip() with one bound of each name")
    return clip_method(context, a, a_min, a_max, out, **rest)


@method("clip", signature="a, min=_, max=_, out=None, **rest")
def clip_method(
    context: TraceContext, a: PyValue, min: PyValue, max: PyValue, out: PyValue, **rest: PyValue
) -> PyValue:
    """``array.clip(min, max)``."""
    low, high = (ConstantValue(None) if is_missing(bound) else bound for bound in (min, max))
    if rest:
        raise unsupported(f"clip with {', '.join(rest)}")
    if is_none(low) and is_none(high):
        return ufuncs.call(context, np.positive, [a], {"out": out})
    if is_none(low) or is_none(high):
        ufunc, bound = (np.minimum, high) if is_none(low) else (np.maximum, low)
        return ufuncs.call(context, ufunc, [a, bound], {"out": out})
    return _clip_between(context, a, low, high, out)


def _clip_between(
    context: TraceContext, a: PyValue, low: PyValue, high: PyValue, out: PyValue
) -> PyValue:
    """``minimum(maximum(a, low), high)`` in the dtype common to the three."""
    items = [operand(context, value) for value in (a, low, high)]
    dtype = promoted(*items)
    shape = broadcast_shapes(context, [item.shape for item in items])
    values = [conform(context, graph_value(context, item, dtype), shape) for item in items]
    is_kept = dtype is F16 or _are_numbers(items[1:], shape)
    value = values[0]
    for ufunc, bound in ((np.maximum, values[1]), (np.minimum, values[2])):
        value = _bounded(context, ufunc, value, bound, is_kept)
    (target,) = ufuncs.out_arguments(context, out)
    if target is not None and not np.can_cast(dtype.numpy, target.dtype.numpy, "same_kind"):
        raise raises("cannot cast the result of clip to out")
    if value.type.shape != shape:
        value = emit(context, "broadcast", value, shape=shape)
    trivial = not ufuncs.needs_iterator(items, [dtype.numpy] * len(items))
    return deliver(context, value, result_order(context, shape, items, trivial), target)


def _are_numbers(bounds: Sequence[Operand], shape: tuple[Dim, ...]) -> bool:
    """Whether NumPy's loop reads each bound once for all elements."""
    if any(extent != 1 for bound in bounds for extent in bound.shape):
        return False
    return any(extent != 1 for extent in shape) or all(not bound.shape for bound in bounds)


def _bounded(
    context: TraceContext, ufunc: np.ufunc, value: Value, bound: Value, is_kept: bool
) -> Value:
    """A value held by one bound; of equal zeros the one that NumPy's loops of clip give.

    `maximum` gives the first of them for f16, the second for f32 and f64.
    """
    dtype = value.type.dtype
    if dtype.is_complex:
        return _bounded_complex(context, ufunc, value, bound)
    operands = [value, bound] if (dtype is F16) == is_kept else [bound, value]
    return ufuncs.element_wise(context, ufunc, operands, [dtype])[0]


def _bounded_complex(context: TraceContext, ufunc: np.ufunc, value: Value, bound: Value) -> Value:
    """The bound, unless the value is inside of it or NaN; imaginary parts decide among equals."""
    name = "greater" if ufunc is np.maximum else "less"
    inside = ordered_by_parts(context, name, value, bound)
    kept = emit(context, "logical_or", emit(context, "isnan", value), inside)
    return emit(context, "where", kept, value, bound)

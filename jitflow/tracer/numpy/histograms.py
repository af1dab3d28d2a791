"""Histograms with bins of equal width, as NumPy counts them; others are call-outs."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core import dims
from jitflow.core.dtypes import F64
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import external
from jitflow.tracer.numpy.arguments import is_none
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.operands import same_shape
from jitflow.tracer.numpy.table import function
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue

_MOST_BINS = 1 << 20


@function(np.histogram, signature="a, bins=10, range=None, density=None, weights=None", fold=False)
def histogram(
    context: TraceContext,
    a: PyValue,
    bins: PyValue,
    range: PyValue,
    density: PyValue,
    weights: PyValue,
) -> PyValue:
    """Counts, or sums of weights, and the edges of the bins."""
    n = Composer(context)
    count = bins.value if isinstance(bins, ConstantValue) else None
    limits = _limits(range)
    if not (
        type(count) is int
        and 0 < count < _MOST_BINS
        and limits is not None
        and _is_off(density)
        and _is_float_array(a)
        and (is_none(weights) or _is_float_array(weights))
        and n.decide(0, "<", dims.product(n.shape(a)))
        and (is_none(weights) or same_shape(context, n.shape(a), n.shape(weights)))
    ):
        given = {"range": range, "density": density, "weights": weights}
        return external.run(context, np.histogram, [a, bins], given)
    values = n(np.ravel, a)
    first, last = limits if limits else _span(n, values)
    edges = n(np.linspace, first, last, count + 1)
    n.require_all(n.compare("lt", n.item(edges, slice(None, -1)), n.item(edges, slice(1, None))))
    inside: PyValue | None = None
    if limits:
        inside = n(np.logical_and, n.compare("ge", values, first), n.compare("le", values, last))
        values = n(np.where, inside, values, first)
    places = _places(n, values, first, last, edges, count)
    one: PyValue = ConstantValue(1) if is_none(weights) else n(np.ravel, weights)
    if inside is not None:
        one = n(np.where, inside, one, 0 if is_none(weights) else 0.0)
    found = n(np.zeros, count, dtype=np.intp if is_none(weights) else np.float64)
    n(np.add.at, found, places, one)
    return SequenceValue(tuple, [found, edges])


def _limits(given: PyValue) -> tuple[float, ...] | None:
    """The ends of a range that is given, empty for none; None where they are not known."""
    if is_none(given):
        return ()
    if isinstance(given, ConstantValue) and type(given.value) is tuple:
        ends = given.value
    elif isinstance(given, SequenceValue):
        ends = tuple(x.value if isinstance(x, ConstantValue) else None for x in given.items)
    else:
        return None
    if len(ends) != 2 or any(type(end) not in (int, float) for end in ends):
        return None
    first, last = map(float, ends)
    return (first, last) if np.isfinite(first) and np.isfinite(last) and first < last else None


def _is_off(value: PyValue) -> bool:
    return is_none(value) or (isinstance(value, ConstantValue) and value.value is False)


def _is_float_array(value: PyValue) -> bool:
    return isinstance(value, ArrayValue) and value.dtype is F64


def _span(n: Composer, values: PyValue) -> tuple[PyValue, PyValue]:
    """Least and greatest value, half a unit beyond where they are equal."""
    low, high = n(np.min, values), n(np.max, values)
    n.require_all(n(np.isfinite, low))
    n.require_all(n(np.isfinite, high))
    equal = n.compare("eq", low, high)
    first = n.item(n(np.where, equal, n.sub(low, 0.5), low), ())
    return first, n.item(n(np.where, equal, n.add(high, 0.5), high), ())


def _places(
    n: Composer, values: PyValue, first: Any, last: Any, edges: PyValue, count: int
) -> PyValue:
    """The bin of each value: by division, then corrected by the edges, as NumPy does."""
    scaled = n.mul(n.div(n.sub(values, first), n.sub(last, first)), count)
    places = n.method(scaled, "astype", np.intp)
    places = n(np.where, n.compare("eq", places, count), count - 1, places)
    below = n.compare("lt", values, n(np.take, edges, places))
    places = n(np.where, below, n.sub(places, 1), places)
    beyond = n.compare("ge", values, n(np.take, edges, n.add(places, 1)))
    inner = n.compare("ne", places, count - 1)
    return n(np.where, n(np.logical_and, beyond, inner), n.add(places, 1), places)

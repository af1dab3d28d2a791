"""`numpy.gradient`: differences with constant or varying spacing, of first or second order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.arguments import raises
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.table import function
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue


@function(np.gradient, signature="f, *varargs, axis=None, edge_order=1")
def gradient(
    context: TraceContext,
    f: PyValue,
    varargs: SequenceValue,
    axis: PyValue,
    edge_order: PyValue,
) -> PyValue:
    """Central differences inside, one-sided ones at the edges."""
    n = Composer(context)
    array = n.array(f)
    order = arguments.as_int(context, edge_order, "edge_order")
    if order not in (1, 2):
        raise raises("'edge_order' greater than 2 not supported")
    axes = arguments.axes(context, axis, len(array.shape))
    steps: list[PyValue] = list(varargs.items) or [ConstantValue(1.0)]
    steps = steps * len(axes) if len(steps) == 1 else steps
    if len(steps) != len(axes):
        raise raises("invalid number of arguments")
    if array.dtype.kind not in "fc":
        array = n.array(n.method(array, "astype", np.float64))
    results = [
        _Slope(n, array, place, order).along(step) for place, step in zip(axes, steps, strict=True)
    ]
    return results[0] if len(results) == 1 else SequenceValue(tuple, results)


@dataclass
class _Slope:
    """The derivative of `array` along one axis."""

    n: Composer
    array: ArrayValue
    place: int
    order: int

    def along(self, step: PyValue) -> PyValue:
        """With a number as spacing, or with the coordinates of the points."""
        n, extent = self.n, self.array.shape[self.place]
        if not n.decide(self.order + 1, "<=", extent):
            raise raises("Shape of array too small to calculate a numerical gradient")
        if not n.rank(step):
            return self._stored(self._even(step))
        points = n.array(step)
        if len(points.shape) != 1 or not n.decide(points.shape[0], "==", extent):
            raise raises("distances must be 1d and match the length of the dimension")
        if points.dtype.kind in "iu":
            points = n.array(n.method(points, "astype", np.float64))
        widths = n.array(n(np.diff, points))
        first = n.item(widths, 0)
        is_even = n(np.all, n.compare("eq", widths, first))
        pairs = zip(self._even(first), self._uneven(widths), strict=True)
        return self._stored([n(np.where, is_even, even, uneven) for even, uneven in pairs])

    def _part(self, *key: int | None) -> PyValue:
        """One slice of the array (a position), or several (a start and a stop)."""
        where: Any = slice(*key) if len(key) == 2 else key[0]
        return self.n.item(self.array, (*(slice(None),) * self.place, where))

    def _stored(self, parts: Sequence[PyValue]) -> PyValue:
        out = self.n(np.empty_like, self.array)
        before = (slice(None),) * self.place
        for where, part in zip((slice(1, -1), 0, -1), parts, strict=True):
            self.n.store(out, (*before, where), part)
        return out

    def _weighted(self, weights: Sequence[PyValue], parts: Sequence[PyValue]) -> PyValue:
        products = [self.n.mul(w, part) for w, part in zip(weights, parts, strict=True)]
        return self.n.add(self.n.add(products[0], products[1]), products[2])

    def _even(self, step: PyValue) -> list[PyValue]:
        n, part = self.n, self._part
        inner = n.div(n.sub(part(2, None), part(None, -2)), n.mul(2.0, step))
        if self.order == 1:
            first = n.div(n.sub(part(1), part(0)), step)
            return [inner, first, n.div(n.sub(part(-1), part(-2)), step)]
        low = [n.div(weight, step) for weight in (-1.5, 2.0, -0.5)]
        high = [n.div(weight, step) for weight in (0.5, -2.0, 1.5)]
        first = self._weighted(low, [part(0), part(1), part(2)])
        return [inner, first, self._weighted(high, [part(-3), part(-2), part(-1)])]

    def _uneven(self, widths: PyValue) -> list[PyValue]:
        n, part = self.n, self._part
        left, right = n.item(widths, slice(0, -1)), n.item(widths, slice(1, None))
        total = n.add(left, right)
        weights = [
            n.div(n(np.negative, right), n.mul(left, total)),
            n.div(n.sub(right, left), n.mul(left, right)),
            n.div(left, n.mul(right, total)),
        ]
        shape = tuple(-1 if axis == self.place else 1 for axis in range(len(self.array.shape)))
        weights = [n(np.reshape, weight, shape) for weight in weights]
        inner = self._weighted(weights, [part(None, -2), part(1, -1), part(2, None)])
        if self.order == 1:
            first = n.div(n.sub(part(1), part(0)), n.item(widths, 0))
            return [inner, first, n.div(n.sub(part(-1), part(-2)), n.item(widths, -1))]
        return [inner, self._uneven_first(widths), self._uneven_last(widths)]

    def _uneven_first(self, widths: PyValue) -> PyValue:
        n, part = self.n, self._part
        one, two = n.item(widths, 0), n.item(widths, 1)
        total = n.add(one, two)
        weights = [
            n.div(n(np.negative, n.add(n.mul(2.0, one), two)), n.mul(one, total)),
            n.div(total, n.mul(one, two)),
            n.div(n(np.negative, one), n.mul(two, total)),
        ]
        return self._weighted(weights, [part(0), part(1), part(2)])

    def _uneven_last(self, widths: PyValue) -> PyValue:
        n, part = self.n, self._part
        one, two = n.item(widths, -2), n.item(widths, -1)
        total = n.add(one, two)
        weights = [
            n.div(two, n.mul(one, total)),
            n.div(n(np.negative, n.add(two, one)), n.mul(one, two)),
            n.div(n.add(n.mul(2.0, two), one), n.mul(two, total)),
        ]
        return self._weighted(weights, [part(-3), part(-2), part(-1)])

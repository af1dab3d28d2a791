"""Iteration over all positions of a grid: ``itertools.product`` of ranges, ``numpy.ndindex``,
``numpy.ndenumerate``.

The kinds are ``"product"`` and ``"ndenumerate"``: `inner` has an iterator over each range, the last
one of which runs fastest; `iterable` is the array, if any.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.tracer import facts, numpy
from jitflow.tracer.objects import itertools_calls
from jitflow.tracer.objects.iterators import STEPS, get_iterator, range_length
from jitflow.tracer.objects.keys import index_of
from jitflow.tracer.objects.model import IteratorValue, RangeValue
from jitflow.tracer.objects.number_values import box_of, dim_of, integer
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.scalars import binary
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue

Item = Callable[[PyValue], PyValue]
ZERO, ONE = ConstantValue(0), ConstantValue(1)


def product(tracer: Tracer, *args: PyValue, **kwargs: PyValue) -> PyValue:
    """``itertools.product(*args)``."""
    values = [resolve(tracer, arg) for arg in args]
    if kwargs.keys() == {"repeat"}:
        repeat = index_of(tracer, kwargs["repeat"])
        values, kwargs = values * repeat, {} if repeat > 0 else kwargs
        args = tuple(values) if repeat > 0 else args
    if kwargs or not values or not all(isinstance(value, RangeValue) for value in values):
        return itertools_calls.combined(itertools.product)(tracer, *args, **kwargs)
    return _over(tracer, "product", values, itertools.product)


def _over(
    tracer: Tracer, kind: str, ranges: Sequence[PyValue], iterator_type: type
) -> IteratorValue:
    inner = [get_iterator(tracer, value) for value in ranges]
    return IteratorValue(kind, inner=inner, iterator_type=iterator_type)  # type: ignore[arg-type]


def ndindex(tracer: Tracer, *shape: PyValue) -> PyValue:
    """``numpy.ndindex(*shape)``."""
    values = [resolve(tracer, extent) for extent in shape]
    if len(values) == 1 and isinstance(values[0], SequenceValue) and values[0].kind is not list:
        values = [resolve(tracer, extent) for extent in values[0].items]
    if not values:
        raise Unsupported("JF-B006", "numpy.ndindex() of no axes")
    for extent in values:
        _require_extent(tracer, extent)
    ranges = [RangeValue(ZERO, extent, ONE) for extent in values]
    return _over(tracer, "product", ranges, np.ndindex)


def _require_extent(tracer: Tracer, extent: PyValue) -> None:
    """Leave what is no extent of an array to NumPy, which raises."""
    dim = dim_of(extent) if box_of(extent) == "int" else None
    if dim is None:
        raise Unsupported("JF-B006", "numpy.ndindex() of what is known only at run time")
    if facts.evaluate(tracer.context, dim) is None:
        facts.rely_on(tracer.context, 0, "<=", dim)
    elif not facts.decide(tracer.context, 0, "<=", dim):
        raise Unsupported("JF-B009", "ValueError: negative dimensions are not allowed")


def ndenumerate(tracer: Tracer, array: PyValue) -> PyValue:
    """``numpy.ndenumerate(array)``."""
    value = resolve(tracer, array)
    if not isinstance(value, ArrayValue) or not value.shape:
        raise Unsupported("JF-B006", "numpy.ndenumerate() of a number or a sequence")
    ranges = [RangeValue(ZERO, integer(tracer.context, dim), ONE) for dim in value.shape]
    found = _over(tracer, "ndenumerate", ranges, np.ndenumerate)
    found.iterable = value
    return found


def lengths(tracer: Tracer, iterator: IteratorValue) -> list[int] | None:
    """Extents of the grid; None where one is known only at run time."""
    found = [range_length(tracer, inner.iterable) for inner in iterator.inner]  # type: ignore[arg-type]
    known = [length for length in found if length is not None]
    return known if len(known) == len(found) else None


def item_at(
    tracer: Tracer,
    iterator: IteratorValue,
    position: PyValue,
    axes: Sequence[tuple[PyValue, Item]],
) -> PyValue:
    """The item at a position, from the extent of each axis and what is at an index of it."""
    digits: list[PyValue] = []
    rest = position
    for extent, item in reversed(axes[1:]):
        digits.append(item(_number(tracer, "%", rest, extent)))
        rest = _number(tracer, "//", rest, extent)
    digits.append(axes[0][1](rest))
    index = SequenceValue(tuple, digits[::-1])
    if iterator.kind == "product":
        return index
    assert isinstance(iterator.iterable, ArrayValue)
    return SequenceValue(tuple, [index, numpy.getitem(tracer.context, iterator.iterable, index)])


def _number(tracer: Tracer, op: str, left: PyValue, right: PyValue) -> PyValue:
    if isinstance(left, ConstantValue) and isinstance(right, ConstantValue):
        return ConstantValue(left.value % right.value if op == "%" else left.value // right.value)
    return binary(tracer.context, op, left, right)


def _step(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    extents = lengths(tracer, iterator)
    if extents is None:
        raise Unsupported("JF-B006", "a grid whose size is known only at run time")
    if iterator.position >= math.prod(extents):
        return None
    axes = [
        (ConstantValue(extent), _item_of(inner))
        for extent, inner in zip(extents, iterator.inner, strict=True)
    ]
    return item_at(tracer, iterator, ConstantValue(iterator.position), axes)


def _item_of(inner: IteratorValue) -> Item:
    """What a range of constants has at an index that is known."""
    value = inner.iterable
    assert isinstance(value, RangeValue)
    start, step = value.start, value.step

    def item(index: PyValue) -> PyValue:
        assert isinstance(index, ConstantValue)
        return ConstantValue(start.value + index.value * step.value)  # type: ignore[attr-defined]

    return item


STEPS.update({"product": _step, "ndenumerate": _step})

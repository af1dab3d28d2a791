"""Functions that make or use iterators: iter, next, enumerate, zip, map, filter, reversed."""

from __future__ import annotations

import builtins
import functools
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.tracer.objects import itertools_calls
from jitflow.tracer.objects.comparison import known_truth
from jitflow.tracer.objects.iterators import (
    get_iterator,
    items_of,
    made_of,
    next_item,
    view_items,
)
from jitflow.tracer.objects.itertools_calls import inner_iterator
from jitflow.tracer.objects.model import (
    DictValue,
    DictViewValue,
    IteratorValue,
    RangeValue,
)
from jitflow.tracer.objects.nested import call_nested
from jitflow.tracer.objects.number_values import integer
from jitflow.tracer.objects.operators import get_item
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    NumbersValue,
    PyValue,
    SequenceValue,
    SliceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer import list_items
    from jitflow.tracer.objects import cartesian
else:
    list_items = LazyModule("jitflow.tracer.list_items")
    cartesian = LazyModule("jitflow.tracer.objects.cartesian")

NONE, ZERO, ONE = ConstantValue(None), ConstantValue(0), ConstantValue(1)


def _iter(tracer: Tracer, value: PyValue) -> PyValue:
    return get_iterator(tracer, value)


def _next(tracer: Tracer, iterator: PyValue, default: PyValue | None = None) -> PyValue:
    item = next_item(tracer, iterator)
    if item is not None:
        return item
    if default is None:
        raise Unsupported("JF-B009", "StopIteration")
    return default


def _enumerate(tracer: Tracer, iterable: PyValue, start: PyValue = ZERO) -> PyValue:
    return IteratorValue(
        "enumerate",
        inner=[inner_iterator(tracer, iterable)],
        start=resolve(tracer, start),
        iterator_type=enumerate,
    )


def _zip(tracer: Tracer, *iterables: PyValue, strict: PyValue | None = None) -> PyValue:
    kind = "strict zip" if strict is not None and known_truth(tracer, strict) else "zip"
    inner = [inner_iterator(tracer, iterable) for iterable in iterables]
    return IteratorValue(kind, inner=inner, iterator_type=zip)


def _map(tracer: Tracer, function: PyValue, *iterables: PyValue) -> PyValue:
    inner = [inner_iterator(tracer, iterable) for iterable in iterables]
    return IteratorValue("map", inner=inner, function=function, iterator_type=map)


def _filter(tracer: Tracer, function: PyValue, iterable: PyValue) -> PyValue:
    inner = [inner_iterator(tracer, iterable)]
    return IteratorValue("filter", inner=inner, function=function, iterator_type=filter)


def _reversed(tracer: Tracer, sequence: PyValue) -> PyValue:
    value = resolve(tracer, sequence)
    if isinstance(value, SequenceValue) and value.rows is not None:
        iterator = IteratorValue("backwards", value, iterator_type=_REVERSED)
        iterator.start = list_items.length(tracer, value)
        return iterator
    if isinstance(value, SequenceValue):
        kind = _REVERSED if value.kind is list else reversed
        iterator = IteratorValue("reversed", value, iterator_type=kind)
        iterator.size = len(value.items)
        return iterator
    if isinstance(value, NumbersValue):
        iterator = IteratorValue("backwards", value, iterator_type=_REVERSED)
        iterator.start = integer(tracer.context, value.contents.type.shape[0])
        return iterator
    if isinstance(value, DictValue | DictViewValue):
        return made_of(view_items(value)[::-1])
    if isinstance(value, RangeValue) or (isinstance(value, ArrayValue) and value.shape):
        backwards = SliceValue(NONE, NONE, ConstantValue(-1))
        return get_iterator(tracer, get_item(tracer, value, backwards))
    if isinstance(value, ConstantValue):
        return made_of(items_of(tracer, value)[::-1])
    raise Unsupported("JF-B006", f"reversed({value.python_type.__name__})")


def _reduce(
    tracer: Tracer, function: PyValue, iterable: PyValue, initial: PyValue | None = None
) -> PyValue:
    items = items_of(tracer, iterable)
    if initial is None and not items:
        raise Unsupported("JF-B009", "TypeError: reduce() of empty iterable")
    total = items.pop(0) if initial is None else initial
    for item in items:
        total = call_nested(tracer, function, total, item)
    return total


_REVERSED: Any = type(reversed([]))

HANDLERS: dict[Any, Callable[..., PyValue]] = {
    **itertools_calls.HANDLERS,
    itertools.product: lambda tracer, *args, **kwargs: cartesian.product(tracer, *args, **kwargs),
    np.ndindex: lambda tracer, *shape: cartesian.ndindex(tracer, *shape),
    np.ndenumerate: lambda tracer, array: cartesian.ndenumerate(tracer, array),
    builtins.iter: _iter,
    builtins.next: _next,
    builtins.enumerate: _enumerate,
    builtins.zip: _zip,
    builtins.map: _map,
    builtins.filter: _filter,
    builtins.reversed: _reversed,
    functools.reduce: _reduce,
}

"""Functions that make or use iterators: iter, next, enumerate, zip, map, and itertools.

Iterators of itertools over what is known already are made of their items at once.
"""

from __future__ import annotations

import builtins
import functools
import itertools
from collections.abc import Callable
from typing import Any

from jitflow.core.errors import Unsupported
from jitflow.tracer.objects.comparison import known_truth
from jitflow.tracer.objects.iterators import (
    get_iterator,
    items_of,
    made_of,
    next_item,
    view_items,
)
from jitflow.tracer.objects.keys import index_of
from jitflow.tracer.objects.model import (
    DictValue,
    DictViewValue,
    IteratorValue,
    RangeValue,
)
from jitflow.tracer.objects.nested import call_nested
from jitflow.tracer.objects.operators import binary, get_item
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ConstantValue, PyValue, SequenceValue, SliceValue

NONE, ZERO, ONE = ConstantValue(None), ConstantValue(0), ConstantValue(1)


def _inner(tracer: Tracer, value: PyValue) -> IteratorValue:
    iterator = get_iterator(tracer, value)
    if not isinstance(iterator, IteratorValue):
        raise Unsupported("JF-B006", f"iteration over {value.python_type.__name__}")
    return iterator


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
        inner=[_inner(tracer, iterable)],
        start=resolve(tracer, start),
        iterator_type=enumerate,
    )


def _zip(tracer: Tracer, *iterables: PyValue, strict: PyValue | None = None) -> PyValue:
    if strict is not None and known_truth(tracer, strict):
        columns = [items_of(tracer, iterable) for iterable in iterables]
        if len({len(column) for column in columns}) > 1:
            raise Unsupported("JF-B009", "ValueError: zip() arguments of different lengths")
        return made_of([SequenceValue(tuple, list(row)) for row in zip(*columns, strict=True)])
    inner = [_inner(tracer, iterable) for iterable in iterables]
    return IteratorValue("zip", inner=inner, iterator_type=zip)


def _map(tracer: Tracer, function: PyValue, *iterables: PyValue) -> PyValue:
    inner = [_inner(tracer, iterable) for iterable in iterables]
    return IteratorValue("map", inner=inner, function=function, iterator_type=map)


def _filter(tracer: Tracer, function: PyValue, iterable: PyValue) -> PyValue:
    inner = [_inner(tracer, iterable)]
    return IteratorValue("filter", inner=inner, function=function, iterator_type=filter)


def _reversed(tracer: Tracer, sequence: PyValue) -> PyValue:
    value = resolve(tracer, sequence)
    if isinstance(value, SequenceValue):
        return made_of(value.items[::-1])
    if isinstance(value, DictValue | DictViewValue):
        return made_of(view_items(value)[::-1])
    if isinstance(value, RangeValue):
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


# itertools


def _chain(tracer: Tracer, *iterables: PyValue) -> PyValue:
    return made_of([item for iterable in iterables for item in items_of(tracer, iterable)])


def _chain_from_iterable(tracer: Tracer, iterable: PyValue) -> PyValue:
    return _chain(tracer, *items_of(tracer, iterable))


def _combined(function: Callable[..., Any]) -> Callable[..., PyValue]:
    """product, combinations, permutations, zip_longest, pairwise: on positions of items."""

    def handler(tracer: Tracer, *args: PyValue, **kwargs: PyValue) -> PyValue:
        columns, sizes = _columns(tracer, args)
        numbers = {name: index_of(tracer, value) for name, value in kwargs.items()}
        rows = function(*columns, *sizes, **numbers)
        return made_of([SequenceValue(tuple, list(row)) for row in rows])

    return handler


def _columns(tracer: Tracer, args: tuple[PyValue, ...]) -> tuple[list[list[PyValue]], list[int]]:
    columns, sizes = [], []
    for arg in args:
        value = resolve(tracer, arg)
        if isinstance(value, ConstantValue) and isinstance(value.value, int):
            sizes.append(value.value)
        else:
            columns.append(items_of(tracer, value))
    return columns, sizes


def _zip_longest(tracer: Tracer, *iterables: PyValue, fillvalue: PyValue = NONE) -> PyValue:
    columns = [items_of(tracer, iterable) for iterable in iterables]
    rows = itertools.zip_longest(*columns, fillvalue=fillvalue)
    return made_of([SequenceValue(tuple, list(row)) for row in rows])


def _count(tracer: Tracer, start: PyValue = ZERO, step: PyValue = ONE) -> PyValue:
    iterator = IteratorValue("count", start=start, iterator_type=itertools.count)
    iterator.step = step
    return iterator


def _repeat(tracer: Tracer, value: PyValue, times: PyValue | None = None) -> PyValue:
    if times is not None:
        return made_of([value] * index_of(tracer, times))
    return IteratorValue("repeat", start=value, iterator_type=itertools.repeat)


def _cycle(tracer: Tracer, iterable: PyValue) -> PyValue:
    items = SequenceValue(list, items_of(tracer, iterable))
    return IteratorValue("cycle", start=items, iterator_type=itertools.cycle)


def _islice(tracer: Tracer, iterable: PyValue, *args: PyValue) -> PyValue:
    parts = [None if _is_none(tracer, arg) else index_of(tracer, arg) for arg in args]
    where = slice(*parts)
    if where.stop is None:
        return made_of(items_of(tracer, iterable)[where])
    iterator = _inner(tracer, iterable)
    items: list[PyValue] = []
    while len(items) < where.stop and (item := next_item(tracer, iterator)) is not None:
        items.append(item)
    return made_of(items[where])


def _is_none(tracer: Tracer, value: PyValue) -> bool:
    value = resolve(tracer, value)
    return isinstance(value, ConstantValue) and value.value is None


def _accumulate(
    tracer: Tracer, iterable: PyValue, func: PyValue = NONE, *, initial: PyValue = NONE
) -> PyValue:
    items = items_of(tracer, iterable)
    if not _is_none(tracer, initial):
        items.insert(0, initial)
    results = items[:1]
    plain = _is_none(tracer, func)
    for item in items[1:]:
        last = results[-1]
        new = binary(tracer, "+", last, item) if plain else call_nested(tracer, func, last, item)
        results.append(new)
    return made_of(results)


def _starmap(tracer: Tracer, function: PyValue, iterable: PyValue) -> PyValue:
    rows = [items_of(tracer, row) for row in items_of(tracer, iterable)]
    return made_of([call_nested(tracer, function, *row) for row in rows])


def _takewhile(tracer: Tracer, predicate: PyValue, iterable: PyValue) -> PyValue:
    taken: list[PyValue] = []
    for item in items_of(tracer, iterable):
        if not known_truth(tracer, call_nested(tracer, predicate, item)):
            break
        taken.append(item)
    return made_of(taken)


HANDLERS: dict[Any, Callable[..., PyValue]] = {
    builtins.iter: _iter,
    builtins.next: _next,
    builtins.enumerate: _enumerate,
    builtins.zip: _zip,
    builtins.map: _map,
    builtins.filter: _filter,
    builtins.reversed: _reversed,
    functools.reduce: _reduce,
    itertools.chain: _chain,
    itertools.chain.from_iterable: _chain_from_iterable,
    itertools.product: _combined(itertools.product),
    itertools.combinations: _combined(itertools.combinations),
    itertools.permutations: _combined(itertools.permutations),
    itertools.pairwise: _combined(itertools.pairwise),
    itertools.zip_longest: _zip_longest,
    itertools.count: _count,
    itertools.repeat: _repeat,
    itertools.cycle: _cycle,
    itertools.islice: _islice,
    itertools.accumulate: _accumulate,
    itertools.starmap: _starmap,
    itertools.takewhile: _takewhile,
}

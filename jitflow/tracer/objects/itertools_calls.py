"""The functions of itertools: those that are lazy take their items when they are asked for.

Combinations of what is known already are made of their items at once, as itertools itself does.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from jitflow.core.errors import Unsupported
from jitflow.tracer.objects.comparison import known_truth
from jitflow.tracer.objects.iterators import (
    STEPS,
    get_iterator,
    items_of,
    made_of,
    next_item,
)
from jitflow.tracer.objects.keys import index_of
from jitflow.tracer.objects.model import (
    DictValue,
    DictViewValue,
    IteratorValue,
    RangeValue,
    SetValue,
)
from jitflow.tracer.objects.nested import call_nested
from jitflow.tracer.objects.operators import binary
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ConstantValue, PyValue, SequenceValue

MOST_ROWS = 4096  # more combinations than these are not made ahead of the loop over them
NONE, ZERO, ONE = ConstantValue(None), ConstantValue(0), ConstantValue(1)


def inner_iterator(tracer: Tracer, value: PyValue) -> IteratorValue:
    """``iter(value)``, for iterators made of others."""
    iterator = get_iterator(tracer, value)
    if not isinstance(iterator, IteratorValue):
        raise Unsupported("JF-B006", f"iteration over {value.python_type.__name__}")
    return iterator


def _is_none(tracer: Tracer, value: PyValue | None) -> bool:
    value = resolve(tracer, value) if value is not None else NONE
    return isinstance(value, ConstantValue) and value.value is None


def _chain(tracer: Tracer, *iterables: PyValue) -> PyValue:
    return IteratorValue("chain", inner=[made_of(list(iterables))], iterator_type=itertools.chain)


def _chain_from_iterable(tracer: Tracer, iterable: PyValue) -> PyValue:
    outer = inner_iterator(tracer, iterable)
    return IteratorValue("chain", inner=[outer], iterator_type=itertools.chain)


def _step_chain(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    """`inner` has the iterator of iterables, then the one that is under way."""
    while True:
        if len(iterator.inner) == 1:
            iterable = next_item(tracer, iterator.inner[0])
            if iterable is None:
                return None
            iterator.inner.append(inner_iterator(tracer, iterable))
        item = next_item(tracer, iterator.inner[1])
        if item is not None:
            return item
        iterator.inner.pop()


def _islice(tracer: Tracer, iterable: PyValue, *args: PyValue) -> PyValue:
    parts = [None if _is_none(tracer, arg) else index_of(tracer, arg) for arg in args]
    where = slice(*parts)
    if any(part is not None and part < 0 for part in parts) or where.step == 0:
        raise Unsupported("JF-B009", "ValueError: islice() takes no negative numbers")
    made = IteratorValue(
        "islice", inner=[inner_iterator(tracer, iterable)], iterator_type=itertools.islice
    )
    made.window = (0, where.start or 0, where.stop, where.step or 1)
    return made


def _step_islice(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    """`window`: items taken so far, the next one to give, where to stop, the step."""
    assert iterator.window is not None
    taken, wanted, stop, step = iterator.window
    while taken < wanted:
        if next_item(tracer, iterator.inner[0]) is None:
            return None
        taken += 1
    iterator.window = (taken, wanted, stop, step)
    if stop is not None and taken >= stop:
        return None
    item = next_item(tracer, iterator.inner[0])
    following = wanted + step if stop is None else min(wanted + step, stop)
    iterator.window = (taken + 1, following, stop, step)
    return item


def _with_function(
    kind: str, iterator_type: type
) -> Callable[[Tracer, PyValue, PyValue], IteratorValue]:
    def handler(tracer: Tracer, function: PyValue, iterable: PyValue) -> IteratorValue:
        inner = [inner_iterator(tracer, iterable)]
        return IteratorValue(kind, inner=inner, function=function, iterator_type=iterator_type)

    return handler


def _step_starmap(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    row = next_item(tracer, iterator.inner[0])
    assert iterator.function is not None
    return None if row is None else call_nested(tracer, iterator.function, *items_of(tracer, row))


def _step_takewhile(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    item = next_item(tracer, iterator.inner[0])
    assert iterator.function is not None
    if item is None or not known_truth(tracer, call_nested(tracer, iterator.function, item)):
        return None
    return item


def _accumulate(
    tracer: Tracer, iterable: PyValue, func: PyValue = NONE, *, initial: PyValue = NONE
) -> PyValue:
    made = IteratorValue(
        "accumulate",
        inner=[inner_iterator(tracer, iterable)],
        function=None if _is_none(tracer, func) else func,
        iterator_type=itertools.accumulate,
    )
    made.step = None if _is_none(tracer, initial) else initial
    return made


def _step_accumulate(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    """`start` is the last total; `step` the initial one until it was given."""
    if iterator.step is not None:
        iterator.start, iterator.step = iterator.step, None
        return iterator.start
    item = next_item(tracer, iterator.inner[0])
    if item is None:
        return None
    last = iterator.start
    if last is None:
        total = item
    elif iterator.function is None:
        total = binary(tracer, "+", last, item)
    else:
        total = call_nested(tracer, iterator.function, last, item)
    iterator.start = total
    return total


def _pairwise(tracer: Tracer, iterable: PyValue) -> PyValue:
    inner = [inner_iterator(tracer, iterable)]
    return IteratorValue("pairwise", inner=inner, iterator_type=itertools.pairwise)


def _step_pairwise(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    """`start` is the second item of the last pair."""
    if iterator.start is None:
        iterator.start = next_item(tracer, iterator.inner[0])
    following = None if iterator.start is None else next_item(tracer, iterator.inner[0])
    if iterator.start is None or following is None:
        return None
    pair = SequenceValue(tuple, [iterator.start, following])
    iterator.start = following
    return pair


def _zip_longest(tracer: Tracer, *iterables: PyValue, fillvalue: PyValue = NONE) -> PyValue:
    inner = [inner_iterator(tracer, iterable) for iterable in iterables]
    kind = itertools.zip_longest
    return IteratorValue("zip_longest", inner=inner, start=fillvalue, iterator_type=kind)


def _step_zip_longest(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    items = [next_item(tracer, inner) for inner in iterator.inner]
    if all(item is None for item in items):
        return None
    fill = iterator.start
    assert fill is not None
    return SequenceValue(tuple, [fill if item is None else item for item in items])


def _count(tracer: Tracer, start: PyValue = ZERO, step: PyValue = ONE) -> PyValue:
    iterator = IteratorValue("count", start=start, iterator_type=itertools.count)
    iterator.step = step
    return iterator


def _repeat(tracer: Tracer, value: PyValue, times: PyValue | None = None) -> PyValue:
    iterator = IteratorValue("repeat", start=value, iterator_type=itertools.repeat)
    if times is not None:
        iterator.size = max(0, index_of(tracer, times))
    return iterator


def _cycle(tracer: Tracer, iterable: PyValue) -> PyValue:
    if not _is_stable(resolve(tracer, iterable)):
        raise Unsupported("JF-B006", "cycle() of an iterator")
    items = SequenceValue(list, items_of(tracer, iterable))
    return IteratorValue("cycle", start=items, iterator_type=itertools.cycle)


def _is_stable(value: PyValue) -> bool:
    """Whether taking all items now or one by one is the same."""
    if isinstance(value, SequenceValue):
        return value.kind is not list or value.source is None
    return isinstance(value, ConstantValue | RangeValue | SetValue | DictValue | DictViewValue)


def combined(
    function: Callable[..., Any], count: Callable[[int, int], int] | None = None
) -> Callable[..., PyValue]:
    """A handler of product, combinations, permutations: they take all items at once.

    ``count`` says how many rows there are of so many items and places; a product has as many as
    its extents say. Of many rows a program may want the first few alone, so Python makes them.
    """

    def handler(tracer: Tracer, *args: PyValue, **kwargs: PyValue) -> PyValue:
        columns, sizes = _columns(tracer, args)
        numbers = {name: index_of(tracer, value) for name, value in kwargs.items()}
        places = [*sizes, *numbers.values()]
        if _rows([len(column) for column in columns], places, count) > MOST_ROWS:
            raise Unsupported("JF-B015", "iteration over a long iterable")
        rows = function(*columns, *sizes, **numbers)
        return made_of([SequenceValue(tuple, list(row)) for row in rows])

    return handler


def _rows(extents: list[int], places: list[int], count: Callable[[int, int], int] | None) -> int:
    """How many rows there will be; none where the call raises."""
    if count is None:
        return 0 if places else math.prod(extents)
    if len(extents) != 1 or any(place < 0 for place in places):
        return 0
    return count(extents[0], places[0] if places else extents[0])


def _multisets(items: int, places: int) -> int:
    return math.comb(items + places - 1, places) if items else int(not places)


def _columns(tracer: Tracer, args: tuple[PyValue, ...]) -> tuple[list[list[PyValue]], list[int]]:
    columns, sizes = [], []
    for arg in args:
        value = resolve(tracer, arg)
        if isinstance(value, ConstantValue) and isinstance(value.value, int):
            sizes.append(value.value)
        else:
            columns.append(items_of(tracer, value))
    return columns, sizes


STEPS.update(
    {
        "chain": _step_chain,
        "islice": _step_islice,
        "starmap": _step_starmap,
        "takewhile": _step_takewhile,
        "accumulate": _step_accumulate,
        "pairwise": _step_pairwise,
        "zip_longest": _step_zip_longest,
    }
)

HANDLERS: dict[Any, Callable[..., PyValue]] = {
    itertools.chain: _chain,
    itertools.chain.from_iterable: _chain_from_iterable,
    itertools.combinations: combined(itertools.combinations, math.comb),
    itertools.combinations_with_replacement: combined(
        itertools.combinations_with_replacement, _multisets
    ),
    itertools.permutations: combined(itertools.permutations, math.perm),
    itertools.pairwise: _pairwise,
    itertools.zip_longest: _zip_longest,
    itertools.count: _count,
    itertools.repeat: _repeat,
    itertools.cycle: _cycle,
    itertools.islice: _islice,
    itertools.accumulate: _accumulate,
    itertools.starmap: _with_function("starmap", itertools.starmap),
    itertools.takewhile: _with_function("takewhile", itertools.takewhile),
}

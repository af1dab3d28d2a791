"""Recipes of iterators: made anew over what is left of their items."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.tracer import recipes as r
from jitflow.tracer.objects.iterators import view_items
from jitflow.tracer.objects.model import IteratorValue, RangeValue
from jitflow.tracer.values import ConstantValue, PyValue, SequenceValue

RecipeOf = Callable[[PyValue], r.Recipe]


def advanced(iterable: Iterable[Any], count: int) -> Iterator[Any]:
    """An iterator that has given `count` items already, though they may be gone since."""
    iterator: Any = iter(iterable)
    if isinstance(iterator, _WITH_POSITION):
        iterator.__setstate__(count)
    else:
        for _ in range(count):
            next(iterator, None)
    result: Iterator[Any] = iterator
    return result


def backwards(sequence: Any, index: int) -> Iterator[Any]:
    """``reversed(sequence)`` whose next item is at `index`."""
    iterator: Any = reversed(sequence)
    iterator.__setstate__(index)
    found: Iterator[Any] = iterator
    return found


def used_up(kind: type) -> Iterator[Any]:
    """An iterator of a class that has given all its items."""
    iterator: Iterator[Any] = _EMPTY.get(kind, tuple)().__iter__()
    next(iterator, None)
    return iterator


_SEQUENCES: tuple[Any, ...] = ([], (), "", b"")
_WITH_POSITION = (*(type(iter(empty)) for empty in _SEQUENCES), type(iter(np.empty(0))))
_EMPTIES: tuple[Any, ...] = (
    list,
    tuple,
    str,
    set,
    dict,
    deque,
    lambda: {}.values(),
    lambda: {}.items(),
    lambda: range(0),
    lambda: reversed([]),
    lambda: reversed(()),
    lambda: enumerate(()),
    lambda: zip(),
    lambda: map(abs, ()),
    lambda: filter(None, ()),
    itertools.chain,
    lambda: itertools.islice((), 0),
    lambda: itertools.accumulate(()),
    lambda: itertools.pairwise(()),
    itertools.zip_longest,
    lambda: itertools.starmap(abs, ()),
    lambda: itertools.takewhile(bool, ()),
)
_EMPTY = {type(make().__iter__()): make for make in _EMPTIES}


def outdated(iterator_type: type) -> Iterator[Any]:
    """An iterator over a dict or set whose size was changed since: it raises RuntimeError."""
    changed: Any = set() if iterator_type is type(iter(set())) else {}
    iterator: Iterator[Any] = iter(changed)
    if isinstance(changed, set):
        changed.add(0)
    else:
        changed[0] = 0
    return iterator


def recipe_of_iterator(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    """How to make an iterator in the state of `value`."""
    if value.exhausted:
        return r.BuildCall(used_up, (r.Constant(value.iterator_type),))
    rule = _RULES.get(value.kind)
    if rule is None:
        raise Unsupported("JF-B012", f"a {value.kind} under way")
    return rule(recipe_of, value)


def _plain(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert value.iterable is not None
    if value.size is not None and value.size != len(view_items(value.iterable)):
        return r.BuildCall(outdated, (r.Constant(value.iterator_type),))
    iterable = recipe_of(value.owner or value.iterable)
    if value.start is not None:
        return r.BuildCall(advanced, (iterable, recipe_of(value.start)))
    if value.position == 0:
        return r.BuildCall(iter, (iterable,))
    return r.BuildCall(advanced, (iterable, r.Constant(value.position)))


def _range(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    found = value.iterable
    assert isinstance(found, RangeValue)
    parts = (found.start, found.stop, found.step)
    if not all(isinstance(part, ConstantValue) for part in parts):
        return _plain(recipe_of, value)
    start, stop, step = (part.value for part in parts)  # type: ignore[attr-defined]
    rest = range(start + value.position * step, stop, step)
    return r.BuildCall(iter, (r.Constant(rest),))


def _enumerate(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert value.start is not None
    if not isinstance(value.start, ConstantValue) and value.position == 0:
        return r.BuildCall(enumerate, (recipe_of(value.inner[0]), recipe_of(value.start)))
    if not isinstance(value.start, ConstantValue):
        raise Unsupported("JF-B014", "enumerate() from a number known only at run time")
    start = r.Constant(value.start.value + value.position)
    return r.BuildCall(enumerate, (recipe_of(value.inner[0]), start))


def _zip(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    return r.BuildCall(zip, tuple(recipe_of(inner) for inner in value.inner))


def _strict_zip(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    parts = tuple(recipe_of(inner) for inner in value.inner)
    return r.BuildCall(zip, parts, {"strict": r.Constant(True)})


def _reversed(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert value.iterable is not None
    assert value.size is not None
    index = r.Constant(value.size - 1 - value.position)
    return r.BuildCall(backwards, (recipe_of(value.iterable), index))


def _chain(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    outer, *current = value.inner
    if value.position == 0 and not current and outer.position == 0 and outer.kind == "sequence":
        assert isinstance(outer.iterable, SequenceValue)
        return r.BuildCall(itertools.chain, tuple(recipe_of(v) for v in outer.iterable.items))
    rest = recipe_of(outer)
    if current:
        first = r.BuildSequence(tuple, (recipe_of(current[0]),))
        rest = r.BuildCall(itertools.chain, (first, rest))
    return r.BuildCall(itertools.chain.from_iterable, (rest,))


def _islice(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert value.window is not None
    taken, wanted, stop, step = value.window
    bounds = (wanted - taken, None if stop is None else stop - taken, step)
    inner = recipe_of(value.inner[0])
    return r.BuildCall(itertools.islice, (inner, *map(r.Constant, bounds)))


def _of_function(function: Callable[..., Any]) -> Callable[[RecipeOf, IteratorValue], r.Recipe]:
    def rule(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
        assert value.function is not None
        return r.BuildCall(function, (recipe_of(value.function), recipe_of(value.inner[0])))

    return rule


def _accumulate(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    function = value.function or ConstantValue(None)
    parts = (recipe_of(value.inner[0]), recipe_of(function))
    if value.step is not None:
        return r.BuildCall(itertools.accumulate, parts, {"initial": recipe_of(value.step)})
    if value.start is None:
        return r.BuildCall(itertools.accumulate, parts)
    total = r.BuildSequence(tuple, (recipe_of(value.start),))  # as `initial`, None is no total
    items = r.BuildCall(itertools.chain, (total, parts[0]))
    made = r.BuildCall(itertools.accumulate, (items, parts[1]))
    return r.BuildCall(advanced, (made, r.Constant(1)))


def _product(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    ranges = [inner.iterable for inner in value.inner]
    if value.iterator_type is np.ndindex:
        ranges = [found.stop for found in ranges if isinstance(found, RangeValue)]
    made = r.BuildCall(value.iterator_type, tuple(recipe_of(found) for found in ranges if found))
    return r.BuildCall(advanced, (made, r.Constant(value.position)))


def _ndenumerate(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert value.iterable is not None
    made = r.BuildCall(np.ndenumerate, (recipe_of(value.iterable),))
    return r.BuildCall(advanced, (made, r.Constant(value.position)))


def _pairwise(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    inner = recipe_of(value.inner[0])
    if value.start is not None:
        first = r.BuildSequence(tuple, (recipe_of(value.start),))
        inner = r.BuildCall(itertools.chain, (first, inner))
    return r.BuildCall(itertools.pairwise, (inner,))


def _zip_longest(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert value.start is not None
    parts = tuple(recipe_of(inner) for inner in value.inner)
    return r.BuildCall(itertools.zip_longest, parts, {"fillvalue": recipe_of(value.start)})


def _map(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert value.function is not None
    parts = (value.function, *value.inner)
    return r.BuildCall(map, tuple(recipe_of(part) for part in parts))


def _filter(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert value.function is not None
    return r.BuildCall(filter, (recipe_of(value.function), recipe_of(value.inner[0])))


def _count(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert value.start is not None
    assert value.step is not None
    made = r.BuildCall(itertools.count, (recipe_of(value.start), recipe_of(value.step)))
    return r.BuildCall(advanced, (made, r.Constant(value.position)))


def _repeat(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert value.start is not None
    left = () if value.size is None else (r.Constant(value.size - value.position),)
    return r.BuildCall(itertools.repeat, (recipe_of(value.start), *left))


def _cycle(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert isinstance(value.start, SequenceValue)
    made = r.BuildCall(itertools.cycle, (recipe_of(value.start),))
    count = value.position % max(1, len(value.start.items))
    return r.BuildCall(advanced, (made, r.Constant(count)))


_RULES: dict[str, Callable[[RecipeOf, IteratorValue], r.Recipe]] = {
    "sequence": _plain,
    "range": _range,
    "array": _plain,
    "numbers": _plain,
    "rows": _plain,
    "enumerate": _enumerate,
    "zip": _zip,
    "product": _product,
    "ndenumerate": _ndenumerate,
    "map": _map,
    "filter": _filter,
    "count": _count,
    "repeat": _repeat,
    "cycle": _cycle,
    "strict zip": _strict_zip,
    "reversed": _reversed,
    "chain": _chain,
    "islice": _islice,
    "starmap": _of_function(itertools.starmap),
    "takewhile": _of_function(itertools.takewhile),
    "accumulate": _accumulate,
    "pairwise": _pairwise,
    "zip_longest": _zip_longest,
}

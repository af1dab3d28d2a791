"""Recipes of iterators: made anew over what is left of their items."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jitflow.core.errors import Unsupported
from jitflow.tracer import recipes as r
from jitflow.tracer.objects.iterators import view_items
from jitflow.tracer.objects.model import IteratorValue, RangeValue
from jitflow.tracer.values import ConstantValue, PyValue, SequenceValue

RecipeOf = Callable[[PyValue], r.Recipe]


def advanced(iterable: Iterable[Any], count: int) -> Iterator[Any]:
    """An iterator that has given `count` items already."""
    iterator = iter(iterable)
    for _ in range(count):
        next(iterator)
    return iterator


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
        return r.BuildCall(iter, (r.Constant(()),))
    rule = _RULES.get(value.kind)
    if rule is None:
        raise Unsupported("JF-B012", f"a {value.kind} under way")
    return rule(recipe_of, value)


def _plain(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert value.iterable is not None
    if value.size is not None and value.size != len(view_items(value.iterable)):
        return r.BuildCall(outdated, (r.Constant(value.iterator_type),))
    iterable = recipe_of(value.iterable)
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
    if not isinstance(value.start, ConstantValue):
        raise Unsupported("JF-B014", "enumerate() from a number known only at run time")
    start = r.Constant(value.start.value + value.position)
    return r.BuildCall(enumerate, (recipe_of(value.inner[0]), start))


def _zip(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    return r.BuildCall(zip, tuple(recipe_of(inner) for inner in value.inner))


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
    return r.BuildCall(itertools.repeat, (recipe_of(value.start),))


def _cycle(recipe_of: RecipeOf, value: IteratorValue) -> r.Recipe:
    assert isinstance(value.start, SequenceValue)
    made = r.BuildCall(itertools.cycle, (recipe_of(value.start),))
    count = value.position % max(1, len(value.start.items))
    return r.BuildCall(advanced, (made, r.Constant(count)))


_RULES: dict[str, Callable[[RecipeOf, IteratorValue], r.Recipe]] = {
    "sequence": _plain,
    "range": _range,
    "array": _plain,
    "enumerate": _enumerate,
    "zip": _zip,
    "map": _map,
    "filter": _filter,
    "count": _count,
    "repeat": _repeat,
    "cycle": _cycle,
}

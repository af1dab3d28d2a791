"""Lists of tuples of Python numbers, and lists of lists of different lengths, that are data.

Edges ``[(u, v, weight), ...]`` become one array for each place in the tuples; lists of neighbours
become the items of all lists behind each other, and where each list begins: arrays that
`MadeSource`s make of the list in each call. In the trace it is a list that has rows from the start
(`tracer.list_rows`), good for reading; where the program does more with it, the trace is made
again with a known number of items.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from itertools import accumulate, chain
from typing import Any

import numpy as np

from jitflow.core import list_arrays
from jitflow.core.dtypes import BOOL, F64, I64, DType
from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import TypeIs
from jitflow.guards.sources import ConstantSource, MadeSource, Source
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts, list_rows
from jitflow.tracer.kinds import Group, Kind, Number, Ragged
from jitflow.tracer.values import SequenceValue

LARGE = 64
"""Numbers up to which such lists are structure, unless a loop needs them as data."""

_KINDS: dict[type, tuple[str, DType]] = {
    int: ("int", I64),
    float: ("float", F64),
    bool: ("bool", BOOL),
}


def _array_of(items: list[Any], kind: type) -> np.ndarray | None:
    if kind is not bool:
        return list_arrays.array_of(items, kind)
    return np.array(items, np.bool_) if set(map(type, items)) == {bool} else None


# Tuples


def column_of(items: Any, kind: type, width: int, place: int) -> np.ndarray | None:
    """The numbers at one place of all tuples of a list; None of anything else."""
    if type(items) is not list or set(map(type, items)) != {tuple}:
        return None
    if set(map(len, items)) != {width}:
        return None
    return _array_of([item[place] for item in items], kind)


@functools.cache
def _maker(function: Callable[..., Any], *known: Hashable) -> ConstantSource:
    """What makes an array of a list, given what is `known` of its items."""
    return ConstantSource(lambda items: function(items, *known), function.__name__)


def wrap_tuples(tracer: Any, items: list[Any], source: Source) -> SequenceValue | None:
    """The value of a real list of tuples of numbers that is large, or that a loop needs."""
    table, width = tracer.context.objects, len(items[0])
    is_needed = len(items) * width > LARGE or id(items) in table.tabled
    if not is_needed or id(items) in table.itemised or not width or len(items) < 2:
        return None
    types: list[Any] = [type(number) for number in items[0]]
    if not all(kind in _KINDS for kind in types):
        return None
    makers = [_maker(column_of, kind, width, place) for place, kind in enumerate(types)]
    columns = [maker.value(items) for maker in makers]
    if any(column is None for column in columns):
        return None
    kind = Group(tuple, tuple(Number(*_KINDS[kind]) for kind in types))
    return _made(tracer, items, source, kind, list(zip(makers, columns, strict=True)))


def _made(
    tracer: Any,
    items: list[Any],
    source: Source,
    kind: Kind,
    columns: list[tuple[ConstantSource, Any]],
) -> SequenceValue:
    context = tracer.context
    context.guard(TypeIs(source, list))
    buffers = _inputs(tracer, source, columns)
    extent = buffers[0].type.shape[0]
    for other in buffers[1:]:
        if not facts.decide(context, other.type.shape[0], "==", extent):
            raise Unsupported("JF-B009", "columns of one list")
    value = list_rows.full_list(tracer, kind, tuple(buffers), extent, source)
    value.origin = id(items)
    return value


def _inputs(tracer: Any, source: Source, columns: list[tuple[ConstantSource, Any]]) -> list[Value]:
    context = tracer.context
    made = [
        context.input_array(array, MadeSource(maker, (source,), 0), is_symbolic=True)
        for maker, array in columns
    ]
    return [arrays.read(context, array) for array in made]


# Lists of different lengths


def begins_of(items: Any) -> np.ndarray | None:
    """Where each of the lists in a list begins, if their items are behind each other."""
    if not _is_of_lists(items):
        return None
    return np.array([0, *accumulate(map(len, items))][:-1], np.int64)


def lengths_of(items: Any) -> np.ndarray | None:
    """How long each of the lists in a list is."""
    return np.array([*map(len, items)], np.int64) if _is_of_lists(items) else None


def numbers_of(items: Any, kind: type) -> np.ndarray | None:
    """The numbers of all lists in a list."""
    return _array_of([*chain.from_iterable(items)], kind) if _is_of_lists(items) else None


def tuples_of(items: Any, kind: type, width: int, place: int) -> np.ndarray | None:
    """As `column_of`, of the tuples of all lists in a list."""
    if not _is_of_lists(items):
        return None
    return column_of([*chain.from_iterable(items)], kind, width, place)


def _is_of_lists(items: Any) -> bool:
    return type(items) is list and set(map(type, items)) == {list}


def wrap_ragged(tracer: Any, items: list[Any], source: Source) -> SequenceValue | None:
    """The value of a real list of lists of numbers, or of tuples of them, that is large."""
    table = tracer.context.objects
    if id(items) in table.itemised or len(items) < 2 or not _is_of_lists(items):
        return None
    first = next((row[0] for row in items if row), None)
    width = len(first) if type(first) is tuple else 1
    is_needed = width * sum(map(len, items)) > LARGE or id(items) in table.tabled
    if not is_needed or any(map(table.has_seen, items)):
        return None
    numbers = first if type(first) is tuple else (first,)
    types: list[Any] = [type(number) for number in numbers]
    if not types or not all(kind in _KINDS for kind in types):
        return None
    kinds = tuple(Number(*_KINDS[kind]) for kind in types)
    if type(first) is tuple:
        makers = [_maker(tuples_of, kind, width, place) for place, kind in enumerate(types)]
        item: Kind = Group(tuple, kinds)
    else:
        makers, item = [_maker(numbers_of, types[0])], kinds[0]
    arrays_of = [maker.value(items) for maker in makers]
    if any(array is None for array in arrays_of):
        return None
    flat = _inputs(tracer, source, list(zip(makers, arrays_of, strict=True)))
    rows = [(_maker(function), function(items)) for function in (begins_of, lengths_of)]
    table.in_tables.update((id(row), id(items)) for row in items)
    return _made(tracer, items, source, Ragged(item, tuple(flat)), rows)


def lent(tracer: Any, owner: SequenceValue, position: Any) -> SequenceValue:
    """The list at a position of a list of lists of different lengths: the same one each time."""
    key = (id(owner), str(position))
    known: SequenceValue | None = tracer.in_tables.get(key)
    if known is None or not is_visible(tracer, known):
        known = tracer.in_tables[key] = _lent(tracer, owner, position)
    return known


def is_visible(tracer: Any, known: SequenceValue) -> bool:
    """Whether the block being built sees the columns of a list of records."""
    assert known.own_rows is not None
    return all(tracer.context.builder.sees(buffer) for buffer in known.own_rows.buffers)


def _lent(tracer: Any, owner: SequenceValue, position: Any) -> SequenceValue:
    rows, context = owner.own_rows, tracer.context
    assert rows is not None
    kind = rows.stack.item
    begin, length = list_rows.read(tracer, rows, (position,))
    start, extent = facts.late_symbol(context, begin, None), facts.late_extent(context, length)
    context.objects.limits.setdefault(str(extent), 2**40)
    emit = context.builder.emit
    buffers = [
        emit("slice", column, starts=(start,), steps=(1,), shape=(extent,)) for column in kind.flat
    ]
    found = list_rows.full_list(tracer, kind.item, tuple(buffers), extent)
    found.lender, found.position, found.origin = owner, position, owner.origin
    return found

"""Lists with rows leave the piece: what makes Python's objects of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from jitflow.core.dtypes import I64
from jitflow.core.errors import Unsupported
from jitflow.tracer import (
    arrays,
    column_recipes,
    kinds,
    list_columns,
    list_kinds,
    list_rows,
    operations,
    recipes,
)
from jitflow.tracer.kinds import Array, Either, Fixed, Group, IntOrFloat, Kind, Made, Number, Row
from jitflow.tracer.objects.number_values import integer
from jitflow.tracer.values import PyValue, RowsValue, ScalarValue, SequenceValue


def recipe_of(tracer: Any, owner: SequenceValue, fixed: list[recipes.Recipe]) -> recipes.Recipe:
    """The list of `fixed`, items in front of the rows, and of what the rows have more or anew."""
    rows = owner.rows
    assert rows is not None
    growth = tracer.growing.get(id(owner))
    columns = list_columns.known(growth)
    if columns is not None and has_objects(rows.stack.item):
        return column_recipes.recipe_of(tracer, owner, columns, fixed)
    if growth is not None and growth.shared:
        raise Unsupported("JF-B006", "a list leaves the piece that may have an array twice")
    if list_kinds.has_pinned(rows.stack.item):
        raise Unsupported("JF-B006", "a list leaves the piece whose items have one array")
    is_anew = rows.stack.is_set or list_rows.is_table(rows)
    first = 0 if is_anew else rows.stack.copied
    start = recipes.BuildSequence(list, () if is_anew else tuple(fixed))
    values: list[PyValue] = [arrays.fresh(tracer.context, buffer) for buffer in rows.data]
    values.insert(0, integer(tracer.context, list_rows.extent_of(tracer, rows)))
    make = partial(as_list, reader_of(rows.stack.item), first)
    if rows.stack.is_queue:
        values.insert(0, ScalarValue("int", I64, rows.buffers[-1]))
        make = partial(from_ring, reader_of(rows.stack.item))
    parts = tuple(operations.recipe_of(tracer, value) for value in values)
    made = recipes.BuildCall(make, (start, *parts))
    if rows.stack.is_ordered and owner.source is None:
        return recipes.BuildCall(in_order, (made, order_of(tracer, rows)))
    return made


def order_of(tracer: Any, rows: RowsValue) -> recipes.Recipe:
    """Which row is at each position; None where that is its own."""
    if not rows.stack.is_ordered:
        return recipes.Constant(None)
    return operations.recipe_of(tracer, arrays.fresh(tracer.context, rows.buffers[-1]))


def in_order(items: list[Any], order: np.ndarray | None) -> list[Any]:
    """The items at the positions that `order` tells."""
    return items if order is None else [items[k] for k in order.tolist()]


def has_objects(kind: Kind) -> bool:
    """Whether there are arrays in items of a kind."""
    return any(
        isinstance(inner, Array) or list_kinds.is_pinned(inner)
        for inner in list_columns.leaves_of(kind)
    )


Reader = Callable[[Iterator[np.ndarray], slice], list[Any]]


def as_list(
    reader: Reader, first: int, fixed: list[Any], count: int, *buffers: np.ndarray
) -> list[Any]:
    """The items `fixed` and those in rows `first` to `count`."""
    return [*fixed, *reader(iter(buffers), slice(first, count))]


def from_ring(
    reader: Reader, fixed: list[Any], first: int, count: int, *buffers: np.ndarray
) -> list[Any]:
    """As `as_list`, of `count` items from row `first` of a ring on."""
    slots = np.arange(first, first + count)
    found = [np.take(buffer, slots, axis=0, mode="wrap") for buffer in buffers]
    return [*fixed, *reader(iter(found), slice(0, count))]


def reader_of(kind: Kind) -> Reader:
    """What makes Python's objects of rows of a kind."""
    if isinstance(kind, Number):
        return _read_scalars if kind.box == "scalar" else _read_numbers
    if isinstance(kind, Either):
        return partial(_read_either, int if kind.box == "int" else None)
    if isinstance(kind, IntOrFloat):
        return _read_ints_and_floats
    if isinstance(kind, Array):
        return _read_arrays
    if isinstance(kind, Group | Made):
        return partial(_read_groups, maker_of(kind), [reader_of(item) for item in kind.items])
    if isinstance(kind, Row):
        return partial(_read_lists, reader_of(kind.item), len(kinds.types_of(kind)))
    assert isinstance(kind, Fixed)
    return lambda buffers, rows: [None] * (rows.stop - rows.start)


def maker_of(kind: Group | Made) -> Callable[[Any], Any]:
    """What makes a tuple or a dict of its items."""
    if isinstance(kind, Made):
        return partial(_as_dict, [key for _, key in kind.keys])
    return tuple if kind.kind is tuple else kind.kind._make  # type: ignore[attr-defined]


def _read_numbers(buffers: Iterator[np.ndarray], rows: slice) -> list[Any]:
    found: list[Any] = next(buffers)[rows].tolist()
    return found


def _read_scalars(buffers: Iterator[np.ndarray], rows: slice) -> list[Any]:
    return list(next(buffers)[rows])


def _read_either(
    convert: Callable[[Any], Any] | None, buffers: Iterator[np.ndarray], rows: slice
) -> list[Any]:
    numbers = next(buffers)[rows]
    numpy_ones = zip(numbers, numbers.tolist(), next(buffers)[rows].tolist(), strict=True)
    return [
        scalar if is_numpy else convert(number) if convert else number
        for scalar, number, is_numpy in numpy_ones
    ]


def _read_ints_and_floats(buffers: Iterator[np.ndarray], rows: slice) -> list[Any]:
    numbers, are_floats = (next(buffers)[rows].tolist() for _ in range(2))
    pairs = zip(numbers, are_floats, strict=True)
    return [number if is_float else int(number) for number, is_float in pairs]


def _read_arrays(buffers: Iterator[np.ndarray], rows: slice) -> list[Any]:
    return [row.copy() for row in next(buffers)[rows]]


def _read_groups(
    make: Callable[[Any], Any], readers: list[Reader], buffers: Iterator[np.ndarray], rows: slice
) -> list[Any]:
    columns = [reader(buffers, rows) for reader in readers]
    return [make(items) for items in zip(*columns, strict=True)]


def _as_dict(keys: list[Any], items: Iterable[Any]) -> dict[Any, Any]:
    return dict(zip(keys, items, strict=True))


def _read_lists(
    reader: Reader, count: int, buffers: Iterator[np.ndarray], rows: slice
) -> list[Any]:
    columns = [next(buffers) for _ in range(count)]
    if reader is _read_numbers:
        return _read_numbers(iter(columns), rows)
    found = range(rows.start, rows.stop)
    return [reader(iter([column[k] for column in columns]), slice(None)) for k in found]


def write_table(target: list[Any], new: list[list[Any]], order: np.ndarray | None) -> None:
    """Let the lists in a list have new items, and change places; further ones are appended."""
    for row, items in zip(target, new, strict=False):
        row[:] = items
    target.extend(new[len(target) :])
    if order is not None:
        target[:] = in_order(target, order)

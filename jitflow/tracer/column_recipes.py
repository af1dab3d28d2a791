"""Lists that one loop made leave the piece: what makes Python's objects, column by column.

`list_columns` tells which object is where.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, kinds, list_columns, list_kinds, list_recipes, operations
from jitflow.tracer.kinds import Array, Fixed, Group, Kind, Made
from jitflow.tracer.list_columns import (
    Along,
    Brought,
    Column,
    Columns,
    Fresh,
    Repeated,
    Unlisted,
    Views,
)
from jitflow.tracer.objects.number_values import integer
from jitflow.tracer.recipes import BuildCall, BuildSequence, Constant, Recipe
from jitflow.tracer.values import RowsValue, SequenceValue


def recipe_of(tracer: Any, owner: SequenceValue, columns: Columns, fixed: list[Recipe]) -> Recipe:
    """The list of `fixed`, items in front of the rows, and of what the rows have."""
    maker = _Maker(tracer, columns)
    items = maker.items_of(columns.rows.stack.item, iter(columns.found), iter(columns.rows.data))
    return BuildCall(operator.concat, (BuildSequence(list, tuple(fixed)), items))


class _Maker:
    """Makes recipes of lists as long as the rows of some columns."""

    def __init__(self, tracer: Any, columns: Columns) -> None:
        self.tracer, self.rows = tracer, columns.rows
        extent = columns.rows.stack.capacity - columns.rows.stack.copied
        self.size = self._integer(extent)

    def items_of(self, kind: Kind, columns: Iterator[Column], buffers: Iterator[Value]) -> Recipe:
        """A list of the items, or of what is at one place of them."""
        if isinstance(kind, Group | Made):
            inner = tuple(self.items_of(item, columns, buffers) for item in kind.items)
            return BuildCall(partial(_across, list_recipes.maker_of(kind)), inner)
        own = [next(buffers) for _ in kinds.types_of(kind)]
        if isinstance(kind, Array):
            return self.objects_of(next(columns))
        if list_kinds.is_pinned(kind):
            assert isinstance(kind, Fixed)
            return self._repeated(operations.recipe_of(self.tracer, kind.value))
        if isinstance(kind, Fixed):
            return self._repeated(Constant(None))
        read = partial(_read, list_recipes.reader_of(kind), self.rows.stack.copied)
        return BuildCall(read, tuple(self._output(buffer) for buffer in own))

    def objects_of(self, column: Column) -> Recipe:
        """A list of the arrays in a column: the same ones wherever it is asked for."""
        table = self.tracer.context.objects
        made: Recipe | None = table.recipes.get(id(column))
        if made is None:
            made = table.recipes[id(column)] = self._made(column)
            table.keep.append(column)
        return made

    def _made(self, column: Column) -> Recipe:
        if isinstance(column, Repeated):
            return self._repeated(operations.recipe_of(self.tracer, column.array))
        if isinstance(column, Views):
            return self._views(column)
        if isinstance(column, Brought):
            first = operations.recipe_of(self.tracer, column.first)
            return BuildCall(_after, (first, self.objects_of(column.others), self.size))
        rows = self._rows_of(column)
        start = rows.stack.copied + isinstance(column, Unlisted)
        output = self._output(rows.data[column.position])
        copies = BuildCall(partial(_copies, start), (output,))
        if not (isinstance(column, Fresh) and column.last):
            return copies
        return BuildCall(_with_last, (copies, operations.recipe_of(self.tracer, column.last)))

    def _views(self, column: Views) -> Recipe:
        if isinstance(column.base, Column):
            base = self.objects_of(column.base)
        else:
            base = self._repeated(operations.recipe_of(self.tracer, column.base))
        places: list[Along] = []
        make = partial(_viewed, column.method, _template(column.arguments, places))
        numbers = [dim for place in places for dim in (place.start, place.step)]
        return BuildCall(make, (base, *map(self._integer, numbers)))

    def _rows_of(self, column: Column) -> RowsValue:
        """The rows of the list that has a column, perhaps another one."""
        columns = list_columns.known(self.tracer.growing.get(id(column.owner)))
        if columns is None:
            raise Unsupported("JF-B006", "a list leaves the piece with an array of another one")
        return columns.rows

    def _output(self, buffer: Value) -> Recipe:
        found: Recipe = operations.recipe_of(self.tracer, arrays.fresh(self.tracer.context, buffer))
        return found

    def _integer(self, dim: Dim) -> Recipe:
        found: Recipe = operations.recipe_of(self.tracer, integer(self.tracer.context, dim))
        return found

    def _repeated(self, item: Recipe) -> Recipe:
        return BuildCall(_repeated, (item, self.size))


@dataclass(frozen=True)
class _Place:
    """Where a template has the integers of a range."""

    index: int


def _template(part: Any, places: list[Along]) -> Any:
    """`part` with the index of each `Along` in `places` instead of it."""
    if isinstance(part, Along):
        places.append(part)
        return _Place(len(places) - 1)
    if isinstance(part, tuple):
        return tuple(_template(item, places) for item in part)
    if isinstance(part, slice):
        start, stop, step = (_template(p, places) for p in (part.start, part.stop, part.step))
        return slice(start, stop, step)
    return part


# What runs at the end of the piece


def _copies(first: int, rows: np.ndarray) -> list[np.ndarray]:
    return list(map(np.ndarray.copy, rows[first:]))


def _read(reader: list_recipes.Reader, first: int, *buffers: np.ndarray) -> list[Any]:
    return reader(iter(buffers), slice(first, len(buffers[0])))


def _across(make: Callable[[Any], Any], *columns: list[Any]) -> list[Any]:
    found = zip(*columns, strict=True)
    return list(found if make is tuple else map(make, found))


def _repeated(item: Any, count: int) -> list[Any]:
    return [item] * count


def _with_last(items: list[Any], last: Any) -> list[Any]:
    items[-1:] = [last] * bool(items)
    return items


def _after(first: Any, items: list[Any], count: int) -> list[Any]:
    return [first, *items][:count]


def _viewed(method: str, arguments: tuple[Any, ...], bases: list[Any], *numbers: int) -> list[Any]:
    """A view of each array, with arguments from ranges that begin and step as `numbers` tell."""
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    ranges: list[Iterable[int]]
    ranges = [range(a, a + b * len(bases), b) if b else repeat(a) for a, b in pairs]
    if method == "getitem":
        return list(map(operator.getitem, bases, _along(arguments[0], ranges)))
    if not arguments:
        return [getattr(base, method) for base in bases]
    given = zip(bases, _along(arguments, ranges), strict=False)
    return [getattr(base, method)(*found) for base, found in given]


def _along(template: Any, ranges: list[Iterable[int]]) -> Iterable[Any]:
    """What a template is for each row."""
    if isinstance(template, _Place):
        return ranges[template.index]
    if isinstance(template, tuple):
        return zip(*(_along(item, ranges) for item in template), strict=False)
    if isinstance(template, slice):
        parts = (template.start, template.stop, template.step)
        return map(slice, *(_along(part, ranges) for part in parts))
    return repeat(template)

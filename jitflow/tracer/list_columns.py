"""Which object is where in a list that one loop made: what it needs to leave the piece by columns.

Iterations that append a tuple of arrays make some of them, take others from the iteration before,
and view others that were there before the loop. So there is one list of objects for each of the
arrays in an item (`Column`), made of copies of rows, of another such list, or of views; the items
are tuples across them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.tracer import kinds, list_kinds
from jitflow.tracer.kinds import Array, Group, Kind, Made
from jitflow.tracer.objects.number_values import dim_of
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    RowsValue,
    SequenceValue,
    SliceValue,
    Storage,
)

if TYPE_CHECKING:
    from jitflow.tracer.domains import Domain
    from jitflow.tracer.interpreter import Interpreter
    from jitflow.tracer.loop_values import Carried


@dataclass(eq=False)
class Column:
    """The arrays at one place of the items, one for each row.

    Attributes
    ----------
    owner, position
        A list that has them, and which of its buffers has what they hold; -1 where none has to.
    """

    owner: SequenceValue
    position: int


@dataclass(eq=False)
class Fresh(Column):
    """Arrays that iterations make; the last one is `last`, where one comes out of the loop."""

    last: ArrayValue | None = None


@dataclass(eq=False)
class Unlisted(Column):
    """Arrays that come into all iterations but the first one, which those before made."""


@dataclass(eq=False)
class Brought(Column):
    """Arrays that come into iterations: `first`, then those of `others`."""

    first: ArrayValue
    others: Column


@dataclass(eq=False)
class Views(Column):
    """Views of `base`; `arguments` has `Along` for what differs from row to row."""

    base: ArrayValue | Column
    method: str
    arguments: tuple[Any, ...]


@dataclass(eq=False)
class Repeated(Column):
    """One array, which was there before the loop."""

    array: ArrayValue


@dataclass(frozen=True)
class Along:
    """An integer that begins as `start` and grows by `step` with each row."""

    start: Dim
    step: Dim


@dataclass(eq=False)
class Columns:
    """Those of a list that has `rows`: with others they are no longer true."""

    rows: RowsValue
    found: tuple[Column, ...]


# What iterations append


def note(tracer: Any, owner: SequenceValue, item: PyValue, kind: Kind) -> None:
    """Remember the arrays in an item that an iteration appends."""
    growth = tracer.growing[id(owner)]
    growth.columns = None
    found = tuple(list_kinds.copied(item, kind))
    growth.leaves = tuple((array, array.storage.version) for array in found)


def of_iteration(
    tracer: Interpreter, attempt: Any, carried: list[Carried], domain: Domain | None, index: Dim
) -> dict[int, tuple[Column, ...]]:
    """The columns of each list to which an iteration appends one item, where they are known."""
    finder = _Finder(tracer, attempt, carried, domain, index)
    return finder.all_columns()


def settle(
    tracer: Interpreter, owner: SequenceValue, before: RowsValue, found: tuple[Column, ...] | None
) -> None:
    """Know the columns of a list whose rows are those that a loop has just appended."""
    growth, rows = tracer.growing[id(owner)], owner.own_rows
    growth.columns = None
    if found is None or rows is None or before.extent != rows.stack.copied:
        return
    if rows.stack.is_set or rows.stack.is_ordered or rows.stack.is_queue:
        return
    growth.columns = Columns(rows, found)


def known(growth: Any) -> Columns | None:
    """The columns of a list, if they are still true."""
    columns: Columns | None = None if growth is None else growth.columns
    return columns if columns is not None and columns.rows is growth.owner.own_rows else None


def is_last(tracer: Any, owner: SequenceValue, storage: Storage) -> bool:
    """Whether an array behind the loop is known to be one in the last item of a list."""
    columns = known(tracer.growing.get(id(owner)))
    found = () if columns is None else columns.found
    lasts = [column.last for column in found if isinstance(column, Fresh) and column.last]
    return any(array.storage is storage for array in lasts)


def note_last(tracer: Interpreter, item: Carried) -> None:
    """Know which arrays that come out of a loop are in the last item of a list."""
    for last, end in zip(item.arrays_in(item.current), item.last, strict=True):
        for growth in tracer.growing.values():
            columns = known(growth)
            pairs = () if columns is None else zip(growth.leaves, columns.found, strict=True)
            for (array, _), column in pairs:
                is_end = array.storage is end.storage and not array.views
                if is_end and isinstance(column, Fresh):
                    column.last = last


class _Finder:
    """Finds the columns of the lists that grow in one loop."""

    def __init__(
        self,
        tracer: Interpreter,
        attempt: Any,
        carried: list[Carried],
        domain: Domain | None,
        index: Dim,
    ) -> None:
        self.tracer, self.attempt, self.domain, self.index = tracer, attempt, domain, index
        self.growths = [
            growth
            for growth in tracer.growing.values()
            if growth.attempt is attempt and growth.appends == 1 and not growth.is_nested
        ]
        self.brought: dict[int, tuple[ArrayValue, ArrayValue]] = {}
        for item in carried:
            arrays = (item.arrays_in(item.current), item.arrays_in(item.old), item.last)
            if len(set(map(len, arrays))) == 1:
                for now, first, last in zip(*arrays, strict=True):
                    self.brought[id(now.storage)] = (first, last)
        self.known: dict[int, Column] = {}
        self.under_way: set[int] = set()

    def all_columns(self) -> dict[int, tuple[Column, ...]]:
        found: dict[int, tuple[Column, ...]] = {}
        for growth in self.growths:
            columns = [self._column(array.storage, array) for array, _ in growth.leaves]
            is_same = all(array.storage.version is held for array, held in growth.leaves)
            known = tuple(column for column in columns if column is not None)
            if is_same and len(known) == len(columns):
                found[id(growth.owner)] = known
        return found

    def _column(self, storage: Storage, array: ArrayValue) -> Column | None:
        if array.views or id(array) in self.attempt.reach.objects:
            column = self.known.get(id(array)) or self._views(array)
            if column is not None:
                self.known[id(array)] = column
            return column
        if id(storage) in self.known:
            return self.known[id(storage)]
        if id(storage) in self.under_way:
            return None  # two variables change places
        place = self._place(storage)
        if place is None:
            return None
        self.under_way.add(id(storage))
        column = self._made(storage, *place)
        self.under_way.discard(id(storage))
        if column is not None:
            self.known[id(storage)] = column
        return column

    def _made(self, storage: Storage, owner: SequenceValue, position: int) -> Column | None:
        """The column of an array that comes into an iteration, or that it makes."""
        if id(storage) not in self.brought:
            is_made = id(storage) in self.tracer.in_lists and storage.source is None
            is_made = is_made and not self.attempt.knows_memory(storage)
            return Fresh(owner, position) if is_made else None
        first, last = self.brought[id(storage)]
        if last.views:
            return None
        end = last.storage
        if id(end) in self.known or self._place(end) is not None:
            others = self._column(end, last)
            return None if others is None else Brought(owner, position, first, others)
        if end.uncertain or end.source or id(end) in self.brought:
            return None
        if self.attempt.knows_memory(end):
            return None
        others = self.known[id(end)] = Unlisted(owner, position)
        return Brought(owner, position, first, others)

    def _place(self, storage: Storage) -> tuple[SequenceValue, int] | None:
        """A list that has an array, and the buffer that it is in."""
        for growth in self.growths:
            for (array, _), position in zip(growth.leaves, _positions(growth.kind), strict=True):
                if array.storage is storage and not array.views:
                    return growth.owner, position
        return None

    def _views(self, array: ArrayValue) -> Column | None:
        """The column of a view that an iteration makes, or of an array from before the loop."""
        base, objects = array.base, self.attempt.reach.objects
        owner = self.growths[0].owner
        if id(array) in objects:
            return Repeated(owner, -1, array)
        if base is None or array.view_call is None or self.domain is None:
            return None
        method, arguments = array.view_call
        held: ArrayValue | Column | None = base
        if not (id(base) in objects or base.source is not None):
            held = self._column(base.storage, base)
        if held is None or not (method == "getitem" or method in _ATTRIBUTES or arguments):
            return None
        if method != "getitem" and not hasattr(np.ndarray, method):
            return None
        try:
            return Views(owner, -1, held, method, self._along(arguments))
        except _Unknown:
            return None

    def _along(self, part: Any) -> Any:
        """An argument of a view call with `Along` for integers."""
        if isinstance(part, PyValue):
            part = settled(part)
        if isinstance(part, tuple):
            return tuple(map(self._along, part))
        if isinstance(part, SliceValue):
            return slice(*map(self._along, (part.start, part.stop, part.step)))
        if isinstance(part, SequenceValue) and part.kind is tuple:
            return tuple(map(self._along, part.fixed))
        if isinstance(part, ConstantValue):
            return part.value
        if not isinstance(part, PyValue):
            return part
        dim = dim_of(part)
        if dim is None or self.domain is None:
            raise _Unknown
        start, after = (
            dims.substitute(dim, {str(self.index): at})
            for at in (self.domain.start, self.domain.start + self.domain.step)
        )
        step = after - start
        symbols = dims.symbols_of(start) | dims.symbols_of(step)
        if not (isinstance(step, int) and all(map(self.attempt.is_visible, symbols))):
            raise _Unknown
        again = dims.substitute(dim, {str(self.index): self.domain.start + 2 * self.domain.step})
        if again - after != step:
            raise _Unknown  # not linear
        return Along(start, step)


_ATTRIBUTES = frozenset({"real", "imag", "T", "mT"})
"""Views that are no calls."""


class _Unknown(Exception):
    """An argument that is known in its iteration only."""


def _positions(kind: Kind) -> Iterator[int]:
    """The buffers of the arrays in items of a kind."""
    position = 0
    for inner in leaves_of(kind):
        if isinstance(inner, Array):
            yield position
        position += len(kinds.types_of(inner))


def leaves_of(kind: Kind) -> Iterator[Kind]:
    """The kinds of what is in tuples and dicts."""
    if isinstance(kind, Group | Made):
        for item in kind.items:
            yield from leaves_of(item)
    else:
        yield kind

"""Lists that grow or change in captured loops: their items are the rows of arrays, with a count.

Such a list keeps the items that it had (`SequenceValue.fixed`) and gets `rows`: one array for each
graph value that an item consists of, with room for what the loop appends. The room is known where
each iteration of a ``for`` appends a known number of times; else there is much, and each append
checks that it suffices. Such a list changes by appending, and by new items at positions that are
known only at run time (``counts[k] += 1``); a list that is changed so and never grows has no room.

Functions that the object model calls take the interpreter as `Any`: it sees less of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.dims import Dim
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import (
    carried,
    facts,
    kinds,
    list_columns,
    list_kinds,
    list_rows,
    list_tables,
    operations,
    shrinking,
)
from jitflow.tracer.kinds import Either, IntOrFloat, Kind, Number, Row, Stack
from jitflow.tracer.objects import effects
from jitflow.tracer.objects.model import DictValue
from jitflow.tracer.values import ArrayValue, PyValue, RowsValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer import queues, rolling
    from jitflow.tracer.interpreter import Interpreter
else:
    queues = LazyModule("jitflow.tracer.queues")
    rolling = LazyModule("jitflow.tracer.rolling")

SPARE = 4
"""Rows beyond those that a loop is known to need, for what is appended behind it."""
_FRONTS = 16
"""Most arrays in front of those that a loop appends that are copied to rows as well."""


@dataclass(eq=False)
class Growth:
    """What is known of a list that grows.

    Attributes
    ----------
    kind : Kind
        Of an item.
    is_new : bool
        Whether `kind` was found since the last attempt to capture a loop began.
    attempt : object or None
        The attempt that gave the list its rows.
    appends : int
        How often that attempt appends in one iteration, all branches together.
    is_nested : bool
        Whether a loop inside appends.
    is_checked : bool
        Whether each append checks that there is room.
    plans : dict
        For each loop the appends in one iteration; 0 where that is not known.
    grows, is_popped, is_set, is_ordered, is_queue : bool
        Whether a loop appends, whether one takes the last item, whether one changes items at
        run-time positions, whether one lets lists in a list change places, and whether one takes
        the first item.
    fronts : tuple of contents
        For each item with arrays that is copied to the first rows, their memory and what it held.
    shared : contents
        Of arrays in the rows that the program has elsewhere, too, or that may be there twice: the
        list is then good for reading while they stay as they are.
    leaves : contents
        The arrays in the item that was appended last, with what they held.
    columns : Columns or None
        Which objects are in the items, where that is known (`list_columns`).
    readers : set
        The attempts to capture loops that know the list and read it.
    filler : PyValue or None
        The number that all items were at first.
    """

    owner: SequenceValue
    kind: Kind
    is_new: bool = True
    attempt: Any = None
    appends: int = 0
    is_nested: bool = False
    is_checked: bool = False
    plans: dict[Any, int] = field(default_factory=dict)
    grows: bool = False
    is_popped: bool = False
    is_set: bool = False
    is_ordered: bool = False
    is_queue: bool = False
    fronts: tuple[list_rows.Contents, ...] = ()
    shared: list_rows.Contents = ()
    leaves: tuple[tuple[ArrayValue, Value], ...] = ()
    columns: list_columns.Columns | None = None
    readers: set[Any] = field(default_factory=set)
    filler: PyValue | None = None


def note(tracer: Interpreter, owner: SequenceValue, before: list[PyValue]) -> None:
    """A region appended to a list that was there before: it may get rows."""
    kept = owner.fixed[: len(before)]
    is_kept = all(new is old for new, old in zip(kept, before, strict=False))
    if owner.kind is not list or len(before) >= len(owner.fixed) or not is_kept:
        return
    found = [list_kinds.pinned(tracer, owner, item) for item in owner.fixed[len(before) :]]
    known = tracer.growing.get(id(owner))
    if known is not None:
        found.append(known.kind)
    kind = found[0]
    for other in found[1:]:
        kind = list_kinds.of_both(tracer, kind, other)
    if not list_kinds.is_stackable(kind):
        return
    growth = known or tracer.growing.setdefault(id(owner), Growth(owner, kind))
    growth.kind, growth.is_new, growth.grows = kind, True, True
    tracer.keep(owner)


def is_asked(tracer: Interpreter) -> bool:
    """Whether a list turned out to need rows, which a loop around will give it in another try."""
    return any(
        growth.is_new and any(attempt.knows(growth.owner) for attempt in tracer.attempts)
        for growth in tracer.growing.values()
    )


def found_in_arm(tracer: Interpreter, before: frozenset[int]) -> SequenceValue | None:
    """A list that an arm was found to append to, which no loop around had before its iteration."""
    for growth in tracer.growing.values():
        owner = growth.owner
        is_here = growth.is_new and growth.grows and owner.rows is None and id(owner) in before
        if is_here and not any(attempt.knows(owner) for attempt in tracer.attempts):
            growth.is_new = False
            return owner
    return None


class RowsNeeded(Unsupported):
    """A loop in one of two arms gave `owner` rows: it needs them in front of both."""

    def __init__(self, owner: SequenceValue) -> None:
        super().__init__("JF-B006", "the length of a list changes")
        self.owner = owner


def ask_for_rows(tracer: Interpreter, owner: SequenceValue) -> None:
    """Decline arms of which one leaves a list with rows."""
    if not any(attempt.knows(owner) for attempt in tracer.attempts):
        raise RowsNeeded(owner)


# Room


def begin(
    tracer: Interpreter, owner: SequenceValue, attempt: Any, plan: Any, trips: Dim | None
) -> RowsValue:
    """The rows of a list at the start of a loop that appends to it."""
    growth = tracer.growing[id(owner)]
    _check_shapes(tracer, growth.kind)
    appends = growth.plans.setdefault(plan, 1)
    growth.attempt, growth.appends, growth.is_nested = attempt, 0, False
    growth.is_checked = trips is None or appends == 0
    rows = owner.rows
    if rows is None:
        rows = _first_rows(tracer, owner, growth, appends, trips)
    else:
        rows = list_rows.with_kind(tracer, rows, growth.kind)
        room, held = _room(rows.stack.item, growth, appends, trips), rows.stack.capacity
        has_room = growth.is_checked and not rows.stack.is_full and held == room
        if not has_room:  # copies all rows
            rows = list_rows.with_more(tracer, rows, room)
        if growth.is_ordered:
            rows = list_tables.ordered(tracer, rows)
        if growth.is_set and not rows.stack.is_queue:
            is_full = rows.stack.is_full and not growth.is_popped
            stack = replace(rows.stack, is_set=True, is_full=is_full)
            count = rows.count if is_full else list_rows.count_of(tracer, rows)
            extent = rows.extent if rows.count is not None else None
            rows = RowsValue(stack, rows.buffers, count, extent)
    return queues.ring_of(tracer, rows) if growth.is_queue else rows


def _check_shapes(tracer: Interpreter, kind: Kind) -> None:
    """Decline arrays with an extent that only the region finds."""
    extents = {dim for type in kinds.types_of(kind) for dim in type.shape}
    if not all(list_rows.is_visible(tracer, dim) for dim in extents):
        raise Unsupported("JF-B006", "the shape of an item of a list is not known before")


def is_enough(growth: Growth, plan: Any) -> bool:
    """Whether the rows made in `begin` suffice for what an iteration turned out to append."""
    if growth.is_checked:
        return True
    if growth.is_nested:
        growth.plans[plan] = 0
        return False
    is_enough = growth.appends <= growth.plans[plan]
    growth.plans[plan] = max(growth.plans[plan], growth.appends)
    return is_enough


def _room(kind: Kind, growth: Growth, appends: int, trips: Dim | None) -> Dim:
    if not growth.grows:
        return 0
    if not growth.is_checked:
        assert trips is not None
        return trips * appends + SPARE
    return most_rows(kind)


def most_rows(kind: Kind) -> int:
    """Room for items of a kind where nobody knows how many there will be."""
    size = 1
    for type in kinds.types_of(kind):
        count = dims.product(type.shape)
        size += type.dtype.itemsize * (count if isinstance(count, int) else 64)
    return shrinking.most_rows(size)


def _first_rows(
    tracer: Interpreter, owner: SequenceValue, growth: Growth, appends: int, trips: Dim | None
) -> RowsValue:
    """Rows that hold what is in the list already; arrays in it stay themselves, too."""
    kind, copied = growth.kind, 0
    if not list_kinds.has_arrays(kind):
        for item in {id(item): item for item in owner.fixed}.values():
            known = list_kinds.item_kind(tracer, item)
            kind = list_kinds.unified(kind, known, item)
        copied = len(owner.fixed)
    elif _has_fronts(tracer, growth):
        copied = len(owner.fixed)
        growth.fronts = tuple(list_rows.contents_of(item) for item in owner.fixed)
    growth.kind = kind
    emit, room = tracer.context.builder.emit, _room(kind, growth, appends, trips)
    if copied and isinstance(kind, Row):
        first = list_tables.first_rows_of_table(tracer, owner, kind, growth.is_set)
        first = list_tables.ordered(tracer, first) if growth.is_ordered else first
        return list_rows.with_more(tracer, first, room) if growth.grows else first
    if copied and isinstance(kind, Number | Either | IntOrFloat):
        known = list_kinds.kind_of_all(tracer, owner.fixed)
        columns = list_rows.columns_of(tracer, owner.fixed, known)
        columns = carried.converted(tracer, columns, Row(known, copied), Row(kind, copied))
        full = Stack(kind, copied, copied, growth.is_set, is_full=True)
        first = RowsValue(full, tuple(columns), None)
        return list_rows.with_more(tracer, first, room) if growth.grows else first
    stack = Stack(kind, room + copied, copied, growth.is_set)
    buffers = tuple(
        emit("uninitialised", shape=type.shape, dtype=type.dtype)
        for type in kinds.types_of(stack)[:-1]
    )
    rows = RowsValue(stack, buffers, emit("dimension", dim=0), 0)
    for position, item in enumerate(owner.fixed[:copied]):
        rows = list_rows.with_row(tracer, rows, list_rows.parts_of(tracer, item, kind), position)
    if not growth.grows:
        rows = RowsValue(replace(stack, is_full=True), rows.buffers, None)
    return rows


def give_rows(tracer: Any, owner: SequenceValue, *more: PyValue) -> bool:
    """Let a list that no loop around has seen have rows at once; False where it cannot.

    With `more`, items of their kinds can be stored.
    """
    try:
        kind = list_kinds.kind_of_all(tracer, [*owner.fixed, *more])
    except Unsupported:
        return False
    if not list_kinds.is_stackable(kind) or list_kinds.has_arrays(kind) or isinstance(kind, Row):
        return False
    growth = tracer.growing.setdefault(id(owner), Growth(owner, kind))
    growth.kind, growth.is_new, growth.is_set, growth.grows = kind, False, True, False
    tracer.keep(owner)
    effects.will_change(tracer, owner)
    owner.own_rows = _first_rows(tracer, owner, growth, 0, None)
    return True


def _has_fronts(tracer: Interpreter, growth: Growth) -> bool:
    """Whether the arrays in front of those that a loop appends are few, and of their kind.

    Then the rows begin with copies of them, or a loop could not read ``states[-1]``.
    """
    items = growth.owner.fixed
    return (
        not list_kinds.has_dicts(growth.kind)
        and len(items) <= _FRONTS
        and all(list_kinds.is_of(tracer, growth.owner, item, growth.kind) for item in items)
    )


# Growing


def append(tracer: Any, owner: SequenceValue, item: PyValue) -> None:
    """``owner.append(item)`` of a list that has rows."""
    if owner.host is not None:
        raise Unsupported("JF-B006", "the length of an item of a list changes")
    rows, growth = owner.rows, tracer.growing[id(owner)]
    assert rows is not None
    kind = rows.stack.item
    check_kind(tracer, growth, kind, item)
    if not growth.grows and any(attempt.knows(owner) for attempt in tracer.attempts):
        growth.grows = growth.is_new = True
        raise Unsupported("JF-B006", "the length of a list changes")
    _take_arrays(tracer, owner, item, kind)
    list_columns.note(tracer, owner, item, kind)
    if rows.stack.is_full:
        growth.grows, rows = True, list_rows.with_more(tracer, rows, SPARE)
    if growth.is_checked or growth.attempt not in tracer.attempts:
        emit = tracer.context.builder.emit
        room = emit("dimension", dim=rows.stack.capacity)
        facts.require(tracer.context, emit("less", list_rows.count_of(tracer, rows), room))
    position = facts.late_symbol(tracer.context, list_rows.count_of(tracer, rows), None)
    effects.will_change(tracer, owner)
    parts = list_rows.parts_of(tracer, item, kind)
    rolling.lend(tracer, item)
    owner.own_rows = list_rows.with_row(tracer, rows, parts, position)
    if isinstance(kind, Row):
        list_tables.take_in(tracer, owner, item, position)
    growth.appends += 1
    growth.is_nested |= bool(tracer.attempts) and tracer.attempts[-1] is not growth.attempt


def check_kind(tracer: Any, growth: Growth, kind: Kind, item: PyValue) -> None:
    """Decline an item of another kind; the next attempt has a kind for both."""
    known = list_kinds.pinned(tracer, growth.owner, item)
    filler = () if growth.filler is None else (growth.filler,)
    wide = list_kinds.of_both(tracer, kind, known, item, *filler)
    if wide != kind:
        growth.kind, growth.is_new = wide, True
        raise Unsupported("JF-B006", f"a list of {kinds.text_of(kind)} gets other items")


# Taking the last item


def ask_to_pop(tracer: Any, owner: SequenceValue, is_first: bool = False) -> None:
    """Decline ``owner.pop()`` in a loop, of a list that was there before: it may get rows.

    With `is_first` the first item is taken, or one comes before it.
    """
    if not any(attempt.knows(owner) for attempt in tracer.attempts):
        return
    kind = list_kinds.kind_of_all(tracer, owner.fixed)
    if list_kinds.is_stackable(kind) and not (list_kinds.has_arrays(kind) or isinstance(kind, Row)):
        known = tracer.growing.setdefault(id(owner), Growth(owner, kind))
        known.kind = carried.unified(known.kind, kind, "an item of a list", owner.fixed)
        note_pop(known, is_first)
        tracer.keep(owner)
    raise Unsupported("JF-B006", "the length of a list changes")


def note_pop(growth: Growth, is_first: bool = False) -> None:
    """A loop takes the last item of a list, or the first one: its rows begin as such."""
    growth.is_new = growth.grows = growth.is_set = growth.is_popped = True
    growth.is_queue |= is_first


def pop(tracer: Any, owner: SequenceValue, index: PyValue | None) -> PyValue:
    """``owner.pop()`` of a list that has rows."""
    rows = owner.own_rows
    if rows is None or owner.host is not None or index is not None:
        raise Unsupported("JF-B006", "an item is taken out of a list")
    growth, kind = tracer.growing[id(owner)], rows.stack.item
    if list_rows.others_of(owner) or list_kinds.has_arrays(kind) or isinstance(kind, Row):
        raise Unsupported("JF-B006", "an item is taken out of a list")
    if not growth.is_popped and any(attempt.knows(owner) for attempt in tracer.attempts):
        note_pop(growth)
        raise Unsupported("JF-B006", "the length of a list changes")
    emit = tracer.context.builder.emit
    count = emit("add", list_rows.count_of(tracer, rows), emit("dimension", dim=-1))
    facts.require(tracer.context, emit("less_equal", emit("dimension", dim=0), count))
    position = facts.late_symbol(tracer.context, count, None)
    parts = iter(list_rows.read(tracer, rows, (position,)))
    effects.will_change(tracer, owner)
    stack = replace(rows.stack, is_set=True, is_full=False)
    owner.own_rows = RowsValue(stack, rows.buffers, count)
    return carried.build(tracer, kind, parts, list_rows.IN_LIST)


def clear(tracer: Any, owner: SequenceValue) -> None:
    """``owner.clear()`` of a list that has rows."""
    rows = owner.own_rows
    if rows is None or list_rows.others_of(owner) or list_rows.is_table(rows):
        raise Unsupported("JF-B006", "the items are taken out of a list")
    growth = tracer.growing[id(owner)]
    if not growth.is_popped and any(attempt.knows(owner) for attempt in tracer.attempts):
        note_pop(growth)
        raise Unsupported("JF-B006", "the length of a list changes")
    effects.will_change(tracer, owner)
    stack = replace(rows.stack, is_set=True, is_full=False)
    owner.own_rows = RowsValue(stack, rows.buffers, tracer.context.builder.emit("dimension", dim=0))


# Items at run-time positions


def ask_for_items(tracer: Any, owner: SequenceValue, *more: PyValue) -> None:
    """Give the list rows, for what is at a position known only at run time.

    A list that was there before a loop gets them in front of it, in another try. With `more`, that
    is the new item there.
    """
    is_known = owner.source is not None or any(a.knows(owner) for a in tracer.attempts)
    if not is_known and give_rows(tracer, owner, *more):
        return
    kind = list_kinds.kind_of_all(tracer, [*owner.fixed, *more])
    if list_kinds.is_stackable(kind) and not list_kinds.has_arrays(kind):
        growth = tracer.growing.setdefault(id(owner), Growth(owner, kind))
        growth.kind, growth.is_new = kind, True
        growth.is_set |= bool(more)
        tracer.keep(owner)
    raise Unsupported("JF-B006", "an item of a list at a position known only at run time")


def set_item(tracer: Any, owner: SequenceValue, key: PyValue, item: PyValue) -> None:
    """``owner[key] = item`` of a list that has rows."""
    rows, table = owner.rows, owner.host or owner
    assert rows is not None
    assert table.own_rows is not None
    growth, kind = tracer.growing[id(table)], rows.stack.item
    if isinstance(kind, Row) and not list_rows.others_of(owner):
        _move(tracer, owner, key, item)
        return
    if list_rows.others_of(owner) or list_kinds.has_arrays(kind) or isinstance(kind, Row):
        raise Unsupported("JF-B006", "an item of a list that grows")
    _check_item(tracer, growth, owner, item)
    if not table.own_rows.stack.is_set and any(a.knows(table) for a in tracer.attempts):
        growth.is_set = growth.is_new = True
        raise Unsupported("JF-B006", "an item of a list that grows")
    position = list_rows.position_of(tracer, rows, key)
    place = (position,) if owner.host is None else (owner.position, position)
    effects.will_change(tracer, table)
    parts = list_rows.parts_of(tracer, item, kind)
    buffers = list_rows.written(tracer, table.own_rows, parts, place)
    stack = replace(table.own_rows.stack, is_set=True)
    table.own_rows = RowsValue(stack, buffers, table.own_rows.count, table.own_rows.extent)


def _move(tracer: Interpreter, owner: SequenceValue, key: PyValue, item: PyValue) -> None:
    """Let a list of a list of lists be at another position, too."""
    growth, rows = tracer.growing[id(owner)], owner.own_rows
    row = operations.resolve(tracer, item)
    assert rows is not None
    if not isinstance(row, SequenceValue) or row.host is not owner:
        raise Unsupported("JF-B006", "another list becomes an item of a list of lists")
    if not rows.stack.is_ordered and any(a.knows(owner) for a in tracer.attempts):
        growth.is_ordered = growth.is_new = True
        raise Unsupported("JF-B006", "lists in a list change places")
    position = list_rows.position_of(tracer, rows, key)
    effects.will_change(tracer, owner)
    owner.own_rows = list_tables.moved(
        tracer, list_tables.ordered(tracer, rows), position, row.position
    )


def _check_item(tracer: Interpreter, growth: Growth, owner: SequenceValue, item: PyValue) -> None:
    """As `_check_kind`, of an item of a list or of one that is an item of another."""
    assert owner.rows is not None
    kind = owner.rows.stack.item
    if owner.host is None:
        check_kind(tracer, growth, kind, item)
        return
    known = list_kinds.item_kind(tracer, item)
    wide = list_kinds.unified(kind, known, item)
    if wide != kind:
        growth.kind, growth.is_new = Row(wide, owner.rows.stack.capacity), True
        raise Unsupported("JF-B006", f"a list of {kinds.text_of(kind)} gets other items")


def _take_arrays(tracer: Interpreter, owner: SequenceValue, item: PyValue, kind: Kind) -> None:
    """Rely on the arrays in an item being written no more, nor seen as objects elsewhere."""
    table = tracer.context.objects
    for found in rolling.lists_of(item):
        if isinstance(found, DictValue) and any(a.knows(found) for a in tracer.attempts):
            raise Unsupported("JF-B006", "a dict that was there before is appended to a list")
    for array in list_kinds.copied(item, kind):
        storage = array.storage
        was_there = any(attempt.knows_memory(storage) for attempt in tracer.attempts)
        is_elsewhere = storage.source is not None or storage.uncertain or was_there
        if array.views or is_elsewhere:
            _share(tracer.growing[id(owner)], array)
        if not is_elsewhere:
            table.journal.append((storage, {"uncertain": storage.uncertain}))
            storage.uncertain = list_rows.IN_LIST
            tracer.keep(storage)
            tracer.in_lists[id(storage)] = owner


def _share(growth: Growth, array: ArrayValue) -> None:
    """Take an array that the program has elsewhere, too, or that the list may have already."""
    if not growth.attempt:
        raise Unsupported("JF-B006", "an array that was there before is appended to a list")
    known = tuple((storage, storage.version) for storage in carried.origins([array]))
    growth.shared = tuple(dict.fromkeys((*growth.shared, *known)))

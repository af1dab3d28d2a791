"""Lists whose first item is taken in captured loops: their rows are a ring (`Stack.is_queue`).

A ring has room for so many items at a time, not for all that ever were in it. Where the first item
is, is one more number that goes through the loop.

Functions that the object model calls take the interpreter as `Any`: it sees less of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitflow.core.dataclass import replace
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import carried, facts, growing, list_kinds, list_rows
from jitflow.tracer.kinds import Row
from jitflow.tracer.objects import effects
from jitflow.tracer.values import PyValue, RowsValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter


def ring_of(tracer: Interpreter, rows: RowsValue) -> RowsValue:
    """The rows as those of a queue."""
    if rows.stack.is_queue:
        return rows
    if rows.stack.is_ordered:
        raise Unsupported("JF-B006", "a list of lists that change places, and a queue")
    stack = replace(rows.stack, is_set=True, is_full=False, is_queue=True)
    first = tracer.context.builder.emit("dimension", dim=0)
    return RowsValue(stack, (*rows.buffers, first), list_rows.count_of(tracer, rows))


def _rows(tracer: Interpreter, owner: SequenceValue) -> RowsValue:
    """The ring of a list; declines where another attempt has to make it one."""
    rows = owner.own_rows
    if rows is None or owner.host is not None:
        raise Unsupported("JF-B006", "an item in front of a list comes or goes")
    growth, kind = tracer.growing[id(owner)], rows.stack.item
    if list_rows.others_of(owner) or list_kinds.has_arrays(kind) or isinstance(kind, Row):
        raise Unsupported("JF-B006", "an item in front of a list comes or goes")
    if not growth.is_queue and any(attempt.knows(owner) for attempt in tracer.attempts):
        growing.note_pop(growth, is_first=True)
        raise Unsupported("JF-B006", "an item in front of a list comes or goes")
    growth.is_queue = True
    return ring_of(tracer, rows)


def pop_first(tracer: Any, owner: SequenceValue) -> PyValue:
    """``owner.pop(0)`` of a list that has rows."""
    rows = _rows(tracer, owner)
    _require_items(tracer, rows)
    parts = iter(list_rows.read(tracer, rows, (0,)))
    effects.will_change(tracer, owner)
    owner.own_rows = without_first(tracer, rows, tracer.context.truth(True))
    return carried.build(tracer, rows.stack.item, parts, list_rows.IN_LIST)


def without_first(tracer: Interpreter, rows: RowsValue, is_taken: Value) -> RowsValue:
    """A ring without its first item where `is_taken` (bool[])."""
    emit, first = tracer.context.builder.emit, rows.buffers[-1]
    nothing, one = emit("dimension", dim=0), emit("dimension", dim=1)
    room = emit("dimension", dim=rows.stack.capacity)
    taken = emit("where", is_taken, one, nothing)
    after = emit("add", first, taken)
    after = emit("where", emit("less", after, room), after, nothing)
    count = emit("subtract", list_rows.count_of(tracer, rows), taken)
    return RowsValue(rows.stack, (*rows.data, after), count)


def make_room(tracer: Any, owner: SequenceValue, most: int, is_last: bool) -> None:
    """Take the first item, or the last one, out of a list that has rows and `most` items."""
    rows = _rows(tracer, owner)
    emit, count = tracer.context.builder.emit, list_rows.count_of(tracer, rows)
    is_full = emit("equal", count, emit("dimension", dim=most))
    effects.will_change(tracer, owner)
    if is_last:
        count = emit("where", is_full, emit("dimension", dim=most - 1), count)
        owner.own_rows = RowsValue(rows.stack, rows.buffers, count)
    else:
        owner.own_rows = without_first(tracer, rows, is_full)


def insert_first(tracer: Any, owner: SequenceValue, item: PyValue) -> None:
    """``owner.insert(0, item)`` of a list that has rows."""
    rows = _rows(tracer, owner)
    growing.check_kind(tracer, tracer.growing[id(owner)], rows.stack.item, item)
    emit = tracer.context.builder.emit
    room, count = emit("dimension", dim=rows.stack.capacity), list_rows.count_of(tracer, rows)
    facts.require(tracer.context, emit("less", count, room))
    zero, one, first = emit("dimension", dim=0), emit("dimension", dim=1), rows.buffers[-1]
    first = emit("subtract", emit("where", emit("equal", first, zero), room, first), one)
    parts = list_rows.parts_of(tracer, item, rows.stack.item)
    effects.will_change(tracer, owner)
    rows = RowsValue(rows.stack, (*rows.data, first), emit("add", count, one))
    buffers = list_rows.written(tracer, rows, parts, (0,))
    owner.own_rows = RowsValue(rows.stack, buffers, rows.count)


def _require_items(tracer: Interpreter, rows: RowsValue) -> None:
    emit = tracer.context.builder.emit
    count = list_rows.count_of(tracer, rows)
    facts.require(tracer.context, emit("less", emit("dimension", dim=0), count))

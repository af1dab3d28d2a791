"""Lists of lists of numbers, all of one length, in captured loops: tables.

The lists in a table have no state of their own (`SequenceValue.host`): what they hold is a row of
the table, wherever else the program has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitflow.core.dataclass import replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64
from jitflow.core.errors import Unsupported
from jitflow.tracer import facts, list_rows, operations
from jitflow.tracer.kinds import Row, Stack
from jitflow.tracer.objects import effects
from jitflow.tracer.values import PyValue, RowsValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter


def item_of_table(tracer: Any, owner: SequenceValue, position: Dim) -> SequenceValue:
    """The list at a position of a table: the same one for a position."""
    rows = owner.own_rows
    if rows is not None and rows.stack.is_ordered:
        slot = list_rows.element(tracer, rows.buffers[-1], (position,))
        position = facts.late_symbol(tracer.context, slot, None)
    key = (id(owner), str(position))
    item: SequenceValue | None = tracer.in_tables.get(key)
    if item is None:
        item = tracer.in_tables[key] = SequenceValue(list, [])
        item.host, item.position = owner, position
    return item


def ordered(tracer: Interpreter, rows: RowsValue) -> RowsValue:
    """The rows with an array of their order."""
    if rows.stack.is_ordered:
        return rows
    if not rows.stack.is_full:
        raise Unsupported("JF-B006", "a list of lists that change places and grows")
    order = tracer.context.builder.emit("iota", length=rows.stack.capacity, dtype=I64)
    stack = replace(rows.stack, is_ordered=True, is_set=True)
    return RowsValue(stack, (*rows.buffers, order), None)


def moved(tracer: Interpreter, rows: RowsValue, position: Dim, slot: Dim) -> RowsValue:
    """The rows with the one that is at `slot` at a position."""
    emit, order = tracer.context.builder.emit, rows.buffers[-1]
    where = list_rows.at_place(order, (position,))
    row = emit("reshape", emit("dimension", dim=slot), shape=(1,))
    order = emit("update", order, row, views=(("slice", where),))
    return RowsValue(rows.stack, (*rows.data, order), rows.count)


def take_in(tracer: Interpreter, owner: SequenceValue, item: PyValue, position: Dim) -> None:
    """Let a list that became an item of a table show what the table has there."""
    item = operations.resolve(tracer, item)
    if isinstance(item, SequenceValue) and item.kind is list:
        effects.will_change(tracer, item)
        item.fixed, item.own_rows = [], None
        item.host, item.position = owner, position
        tracer.in_tables[id(owner), str(position)] = item


def first_rows_of_table(
    tracer: Interpreter, owner: SequenceValue, kind: Row, is_set: bool
) -> RowsValue:
    """The rows of a list of lists, which become parts of it (`host_items`)."""
    items = [operations.resolve(tracer, item) for item in owner.fixed]
    if len(set(map(id, items))) < len(items):
        raise Unsupported("JF-B006", "a list that is an item of a list twice")
    parts, size = list_rows.table_parts(tracer, owner.fixed, kind), len(items)
    host_items(tracer, owner)
    return RowsValue(Stack(kind, size, size, is_set, is_full=True), tuple(parts), None)


def host_items(tracer: Any, owner: SequenceValue) -> None:
    """Let the lists in a list that has rows be parts of it."""
    for position, item in enumerate(owner.fixed):
        item = operations.resolve(tracer, item)
        if isinstance(item, SequenceValue) and item.kind is list and item.host is None:
            take_in(tracer, owner, item, position)

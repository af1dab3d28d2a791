"""The rows of lists that captured loops grow or change: arrays with an item in each row.

What an item consists of (`parts_of`), and reading and writing rows; `list_kinds` has what items
are. A list of lists is a table (`list_tables`): its arrays have two axes.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core import dims
from jitflow.core.dataclass import replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64, DType
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Block, Value
from jitflow.ir.rules import splat
from jitflow.tracer import arrays, carried, facts, kinds, list_kinds, operations
from jitflow.tracer.kinds import (
    Either,
    Group,
    IntOrFloat,
    Kind,
    Made,
    Number,
    Row,
    Stack,
)
from jitflow.tracer.numpy.nested import array_of
from jitflow.tracer.objects.number_values import box_of
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    RowsValue,
    ScalarValue,
    SequenceValue,
    Storage,
)

if TYPE_CHECKING:
    from jitflow.tracer import rolling
    from jitflow.tracer.interpreter import Interpreter
else:
    rolling = LazyModule("jitflow.tracer.rolling")

IN_LIST = "an array in a list,"
"""Why an array may be neither written nor handed out."""

_LONGEST = 2**40
"""More items than a list can have."""

Contents = tuple[tuple[Storage, Value], ...]
"""Memory, with what it held at one time."""

# What items consist of


def parts_of(tracer: Interpreter, item: PyValue, kind: Kind) -> list[Value]:
    """The graph values of an item, as one of a kind that `carried.unified` gave."""
    if isinstance(kind, Group | Made):
        pairs = zip(list_kinds.contents_of(settled(item)), kind.items, strict=True)
        return [part for value, own in pairs for part in parts_of(tracer, value, own)]
    if list_kinds.is_pinned(kind):
        return []
    known = list_kinds.item_kind(tracer, item)
    if not isinstance(known, Row):
        return carried.converted(tracer, carried.parts_of(tracer, item), known, kind)
    assert isinstance(kind, Row)
    row = operations.resolve(tracer, item)
    assert isinstance(row, SequenceValue)
    if row.rows is not None:
        found = [arrays.read(tracer.context, array) for array in filled(tracer, row)]
        return carried.converted(tracer, found, known, kind)
    constant = _constant_parts(tracer, [row], kind)
    if constant is not None:
        emit = tracer.context.builder.emit
        return [emit("reshape", part, shape=part.type.shape[1:]) for part in constant]
    return _row_parts(tracer, row, kind)


def _row_parts(tracer: Interpreter, row: SequenceValue, kind: Row) -> list[Value]:
    """The columns of the items' parts, one after the other."""
    context = tracer.context
    if isinstance(kind.item, Number):
        made = array_of(context, SequenceValue(list, row.fixed), kind.item.dtype)
        return [arrays.read(context, made)]
    cells = [parts_of(tracer, item, kind.item) for item in row.fixed]
    return [joined(tracer, column) for column in zip(*cells, strict=True)]


def columns_of(tracer: Interpreter, items: list[PyValue], kind: Kind) -> list[Value]:
    """The arrays of a list's items, which are of a kind that `kind_of_all` gave."""
    if isinstance(kind, Row):
        return table_parts(tracer, items, kind)
    if isinstance(kind, Number | Either | IntOrFloat):
        row = SequenceValue(list, items)
        return parts_of(tracer, row, Row(kind, len(items)))
    cells = [parts_of(tracer, item, kind) for item in items]
    return [joined(tracer, column) for column in zip(*cells, strict=True)]


def joined(tracer: Interpreter, cells: Sequence[Value]) -> Value:
    """An array of some numbers."""
    emit = tracer.context.builder.emit
    pieces = [emit("reshape", part, shape=(1,)) for part in cells]
    return pieces[0] if len(pieces) == 1 else emit("concatenate", *pieces, axis=0)


def table_parts(tracer: Interpreter, rows: list[PyValue], kind: Row) -> list[Value]:
    """The arrays of a list of lists."""
    emit = tracer.context.builder.emit
    lists = [operations.resolve(tracer, row) for row in rows]
    constant = _constant_parts(tracer, lists, kind)
    if constant is not None:
        return constant
    cells = [parts_of(tracer, row, kind) for row in lists]
    found = []
    for column in zip(*cells, strict=True):
        pieces = [emit("reshape", part, shape=(1, kind.extent)) for part in column]
        found.append(pieces[0] if len(pieces) == 1 else emit("concatenate", *pieces, axis=0))
    return found


def _constant_parts(tracer: Interpreter, lists: Sequence[PyValue], kind: Row) -> list[Value] | None:
    """The arrays of lists of known numbers; None where one is not known."""
    cells: list[PyValue] = []
    for row in lists:
        if not isinstance(row, SequenceValue) or row.rows is not None:
            return None
        cells += row.fixed
    if not all(type(cell) is ConstantValue for cell in cells):
        return None
    if not isinstance(kind.item, Number | IntOrFloat):
        return None
    shape = (len(lists), kind.extent)
    first = cells[0]
    if all(cell is first for cell in cells):
        parts = parts_of(tracer, first, kind.item)
        return [tracer.context.builder.emit("full", part, shape=shape) for part in parts]
    values = [cell.value for cell in cells if isinstance(cell, ConstantValue)]
    if isinstance(kind.item, Number):
        return [_constant(tracer, values, kind.item.dtype, shape)]
    are_floats = [isinstance(value, float) for value in values]
    dtypes = [type.dtype for type in kinds.types_of(kind.item)]
    floats, whether = dtypes
    numbers = _constant(tracer, [float(value) for value in values], floats, shape)
    return [numbers, _constant(tracer, are_floats, whether, shape)]


def _constant(tracer: Interpreter, values: list[Any], dtype: DType, shape: Any) -> Value:
    contents = np.array(values, dtype.numpy).reshape(shape)
    contents.flags.writeable = False
    return tracer.context.builder.emit("constant", value=contents)


# Rows


def is_table(rows: RowsValue) -> bool:
    """Whether the items are lists."""
    return isinstance(rows.stack.item, Row)


def count_of(tracer: Interpreter, rows: RowsValue) -> Value:
    """How many items there are."""
    if rows.count is not None:
        return rows.count
    return tracer.context.builder.emit("dimension", dim=rows.stack.capacity)


def extent_of(tracer: Interpreter, rows: RowsValue) -> Dim:
    """How many items there are, as an extent.

    Where that is more than the room, which is found out behind the loop, the items are counted.
    """
    capacity: Dim = rows.stack.capacity
    if rows.count is None:
        return capacity
    extent = rows.extent
    if extent is not None and facts.prove(tracer.context, extent, "<=", capacity) is not False:
        return extent
    found = facts.late_extent(tracer.context, rows.count)
    tracer.context.objects.limits.setdefault(str(found), _LONGEST)
    return found


def others_of(owner: SequenceValue) -> int:
    """How many items come before those in rows."""
    assert owner.rows is not None
    copied: int = owner.rows.stack.copied
    return len(owner.fixed) - copied


def with_kind(tracer: Interpreter, rows: RowsValue, kind: Kind) -> RowsValue:
    """The rows of numbers as those of a wider kind, which an attempt found them to get."""
    item, stack = rows.stack.item, rows.stack
    is_plain = not (stack.is_ordered or stack.is_queue or isinstance(item, Row | Group))
    if item == kind or not is_plain or isinstance(kind, Row | Group):
        return rows
    if isinstance(kind, IntOrFloat) and item == Number("int", I64) and splat(rows.data[0]) is None:
        raise Unsupported("JF-B006", f"a list of {kinds.text_of(item)} gets other items")
    columns = (Row(known, stack.capacity) for known in (item, kind))
    buffers = carried.converted(tracer, list(rows.data), *columns)
    return RowsValue(replace(stack, item=kind), tuple(buffers), rows.count, rows.extent)


def with_more(tracer: Interpreter, rows: RowsValue, room: Dim) -> RowsValue:
    """The rows with room for more."""
    if room == 0:
        return rows
    if rows.stack.is_ordered:
        raise Unsupported("JF-B006", "a list of lists that change places and grows")
    emit = tracer.context.builder.emit
    stack = replace(rows.stack, capacity=rows.stack.capacity + room, is_full=False)
    buffers: list[Value] = []
    first: list[Value] = []
    if rows.stack.is_queue:
        rows, first = in_line(tracer, rows), [emit("dimension", dim=0)]
    for buffer in rows.data:
        shape = (stack.capacity, *buffer.type.shape[1:])
        larger = emit("uninitialised", shape=shape, dtype=buffer.type.dtype)
        old = buffer.type.shape
        where = {"starts": (0,) * len(old), "steps": (1,) * len(old), "shape": old}
        buffers.append(emit("update", larger, buffer, views=(("slice", where),)))
    extent = rows.stack.capacity if rows.count is None else rows.extent
    return RowsValue(stack, (*buffers, *first), count_of(tracer, rows), extent)


def with_row(
    tracer: Interpreter, rows: RowsValue, parts: Sequence[Value], position: Dim
) -> RowsValue:
    """The rows with one more at `position`, which is behind the others."""
    emit = tracer.context.builder.emit
    count = emit("add", count_of(tracer, rows), emit("dimension", dim=1))
    extent = None if rows.extent is None else rows.extent + 1
    return RowsValue(rows.stack, written(tracer, rows, parts, (position,)), count, extent)


def written(
    tracer: Interpreter, rows: RowsValue, parts: Sequence[Value], place: tuple[Dim, ...]
) -> tuple[Value, ...]:
    """The buffers with an item at `place`: a position, or a row and a column."""
    emit = tracer.context.builder.emit
    place = (slot_of(tracer, rows, place[0]), *place[1:])
    buffers = []
    for buffer, part in zip(rows.data, parts, strict=True):
        where = at_place(buffer, place)
        row = emit("reshape", part, shape=where["shape"])
        buffers.append(emit("update", buffer, row, views=(("slice", where),)))
    return (*buffers, *rows.buffers[len(buffers) :])


def at_place(buffer: Value, place: tuple[Dim, ...]) -> dict[str, Any]:
    """The slice of a buffer that is at a place: attributes of the operator."""
    rest = buffer.type.shape[len(place) :]
    shape = (*(1 for _ in place), *rest)
    return {"starts": (*place, *(0 for _ in rest)), "steps": (1,) * len(shape), "shape": shape}


def read(tracer: Interpreter, rows: RowsValue, place: tuple[Dim, ...]) -> list[Value]:
    """What is at a place of each buffer."""
    place = (slot_of(tracer, rows, place[0]), *place[1:])
    return [element(tracer, buffer, place) for buffer in rows.data]


def element(tracer: Interpreter, buffer: Value, place: tuple[Dim, ...]) -> Value:
    """What is at a place of a buffer."""
    emit = tracer.context.builder.emit
    part = emit("slice", buffer, **at_place(buffer, place))
    return emit("squeeze", part, axes=tuple(range(len(place))))


def slot_of(tracer: Interpreter, rows: RowsValue, position: Dim) -> Dim:
    """The row in which the item at a position is: those of a queue are a ring."""
    if not rows.stack.is_queue:
        return position
    slot = _around(tracer, rows, tracer.context.builder.emit("dimension", dim=position))
    return facts.late_symbol(tracer.context, slot, None)


def _around(tracer: Interpreter, rows: RowsValue, positions: Value) -> Value:
    """The rows of a ring in which the items at some positions are."""
    emit = tracer.context.builder.emit
    room = emit("dimension", dim=rows.stack.capacity)
    slot = emit("add", rows.buffers[-1], positions)
    return emit("where", emit("less", slot, room), slot, emit("subtract", slot, room))


def in_line(tracer: Interpreter, rows: RowsValue) -> RowsValue:
    """The rows of a queue one after the other, from its first item on."""
    if not rows.stack.is_queue:
        return rows
    emit = tracer.context.builder.emit
    slots = _around(tracer, rows, emit("iota", length=rows.stack.capacity, dtype=I64))
    buffers = tuple(emit("gather", buffer, slots, axes=(0,)) for buffer in rows.data)
    return RowsValue(replace(rows.stack, is_queue=False), buffers, rows.count, rows.extent)


def made(tracer: Any, owner: SequenceValue, parts: Sequence[Value]) -> PyValue:
    """An item of a list from its graph values; arrays in it are good for reading alone."""
    assert owner.rows is not None
    item = carried.build(tracer, owner.rows.stack.item, iter(parts), IN_LIST)
    growth = tracer.growing.get(id(owner))
    held = tuple(
        (storage, storage.version) for front in _fronts(tracer, owner) for storage, _ in front
    )
    held += () if growth is None else growth.shared
    for array in list_kinds.copied(item, owner.rows.stack.item):
        array.storage.may_be = held
    rolling.lend(tracer, item)
    return item


def _fronts(tracer: Any, owner: SequenceValue) -> tuple[Contents, ...]:
    growth = tracer.growing.get(id(owner))
    found: tuple[Contents, ...] = () if growth is None else growth.fronts
    return found


def contents_of(item: PyValue) -> Contents:
    """The memory of the arrays in an item, each with what it holds now."""
    found = [array.storage for array in carried.storages_of(item)]
    return tuple((storage, storage.version) for storage in found)


def is_behind_fronts(tracer: Any, owner: SequenceValue, key: PyValue) -> bool:
    """Whether a known position is that of an array that the rows alone have."""
    rows = owner.rows
    if rows is None or not isinstance(key, ConstantValue) or type(key.value) is not int:
        return False
    position = key.value if key.value >= 0 else extent_of(tracer, rows) + key.value
    return bool(facts.prove(tracer.context, rows.stack.copied, "<=", position))


def check_shared(tracer: Any, owner: SequenceValue) -> None:
    """Decline to read arrays that the program has elsewhere, after a change."""
    growth = tracer.growing.get(id(owner))
    if growth is None:
        return
    growth.readers.update(attempt for attempt in tracer.attempts if attempt.knows(owner))
    if any(storage.version is not before for storage, before in growth.shared):
        raise Unsupported("JF-B006", "an array that was there before is in a list")


def check_unwritten(tracer: Any, attempt: Any, written: Container[Storage]) -> None:
    """Decline an iteration that writes arrays of lists that it, or the next one, has read."""
    for growth in tracer.growing.values():
        if attempt not in growth.readers:
            continue
        if any(storage in written for storage, _ in growth.shared):
            raise Unsupported("JF-B006", "an array that was there before is in a list")
        check_shared(tracer, growth.owner)


def _refreshed(tracer: Interpreter, owner: SequenceValue, rows: RowsValue) -> RowsValue:
    """The rows, with copies of the arrays in front as they are now."""
    for position, known in enumerate(_fronts(tracer, owner)):
        item = owner.fixed[position]
        if any(storage.version is not before for storage, before in known):
            parts = parts_of(tracer, item, rows.stack.item)
            buffers = written(tracer, rows, parts, (position,))
            rows = RowsValue(rows.stack, buffers, rows.count, rows.extent)
    return rows


def filled(tracer: Interpreter, owner: SequenceValue) -> list[ArrayValue]:
    """The arrays of the rows that are there."""
    if owner.host is not None:
        assert owner.host.rows is not None
        found = read(tracer, owner.host.rows, (owner.position,))
        return [arrays.fresh(tracer.context, part) for part in found]
    rows = owner.rows
    assert rows is not None
    if rows.stack.is_ordered:
        raise Unsupported("JF-B006", "an array of lists that change places")
    check_shared(tracer, owner)
    rows = _refreshed(tracer, owner, rows)
    extent, emit = extent_of(tracer, rows), tracer.context.builder.emit
    parts = []
    for buffer in in_line(tracer, rows).data:
        shape = (extent, *buffer.type.shape[1:])
        zeros, ones = (0,) * len(shape), (1,) * len(shape)
        part = emit("slice", buffer, starts=zeros, steps=ones, shape=shape)
        parts.append(arrays.fresh(tracer.context, part))
    return parts


def position_of(tracer: Interpreter, rows: RowsValue, key: PyValue) -> Dim:
    """Where an integer leads, counted from the end where it is negative; checked."""
    context, emit, size = tracer.context, tracer.context.builder.emit, extent_of(tracer, rows)
    key = operations.resolve(tracer, key)
    is_numpy = isinstance(key, ScalarValue) and key.box == "scalar" and key.dtype.kind in "iu"
    if not (is_numpy or box_of(key) in ("int", "bool")):
        raise Unsupported("JF-B006", f"an item of a list at {key.python_type.__name__}")
    dim = key.dim if isinstance(key, ScalarValue) else None
    dim = int(key.value) if isinstance(key, ConstantValue) else dim
    is_low = dim is not None and facts.prove(context, 0, "<=", dim)
    if dim is not None and is_low and facts.prove(context, dim, "<", size):
        return dim
    index, count = context.scalar_graph_value(key, I64), count_of(tracer, rows)
    zero = emit("dimension", dim=0)
    index = emit("where", emit("less", index, zero), emit("add", index, count), index)
    facts.require(context, emit("less_equal", zero, index))
    facts.require(context, emit("less", index, count))
    return facts.late_symbol(context, index, None)


# Lists of known numbers of items


def repeated(tracer: Any, item: SequenceValue, count: PyValue) -> SequenceValue | None:
    """``[number] * count`` of a count that differs from call to call; None of other lists.

    Where the program does what lists with rows cannot, the trace is made again with a known count.
    """
    context, count = tracer.context, operations.resolve(tracer, count)
    origin = hash((context.location.filename, context.location.line, context.location.column))
    if item.kind is not list or item.rows is not None or len(item.fixed) != 1:
        return None
    if not isinstance(count, ScalarValue) or count.dim is None or isinstance(count.dim, int):
        return None
    kind = carried.describe(tracer, item.fixed[0])
    if not isinstance(kind, Number) or origin in context.objects.itemised:
        return None
    extent = facts.span(context, count.dim)
    if isinstance(extent, int):
        return None
    (number,) = carried.parts_of(tracer, item.fixed[0])
    made = full_list(tracer, kind, (context.builder.emit("full", number, shape=(extent,)),), extent)
    made.origin = origin
    tracer.growing[id(made)].filler = item.fixed[0]
    return made


def full_list(
    tracer: Any, kind: Kind, buffers: tuple[Value, ...], extent: Dim, source: Any = None
) -> SequenceValue:
    """A list of `extent` items of a kind."""
    made = SequenceValue(list, [], source)
    made.own_rows = RowsValue(Stack(kind, extent, 0, is_full=True), buffers, None)
    tracer.know_rows(made, kind)
    return made


def settled_rows(
    tracer: Interpreter, before: RowsValue, rows: RowsValue, appended: Dim
) -> RowsValue:
    """The rows behind a loop that appended so many items to those `before`; full if it is known.

    Where there is less room than that, the loop does not get so far.
    """
    emit = tracer.context.builder.emit
    extent = None if before.extent is None else before.extent + appended
    if rows.stack.is_queue:
        return rows
    if extent is None or facts.prove(tracer.context, extent, "<=", rows.stack.capacity) is False:
        added = emit("dimension", dim=appended)
        return RowsValue(rows.stack, rows.buffers, emit("add", count_of(tracer, before), added))
    stack = replace(rows.stack, capacity=extent, is_full=True)
    buffers = []
    for buffer in rows.buffers:
        shape = (stack.capacity, *buffer.type.shape[1:])
        steps = (1,) * len(shape)
        buffers.append(emit("slice", buffer, starts=(0,) * len(shape), steps=steps, shape=shape))
    return RowsValue(stack, tuple(buffers), None)


def appends_of(block: Block, start: Value, end: Value) -> Dim | None:
    """By how much each iteration raises a count; None where data decide."""
    made = {result: node for node in block.nodes for result in node.results}
    found: Dim = 0
    while end is not start:
        node = made.get(end)
        more = None if node is None or node.operator.name != "add" else made.get(node.operands[1])
        if node is None or more is None or more.operator.name != "dimension":
            return None
        end, found = node.operands[0], found + more.attributes["dim"]
    return found


def is_visible(tracer: Any, dim: Dim) -> bool:
    """Whether the block at hand knows a dimension."""
    builder = tracer.context.builder
    symbols = builder.graph.symbols
    found = map(symbols.get, dims.symbols_of(dim))  # what an attempt made is gone with it
    return all(known is not None and builder.sees(known.value) for known in found)

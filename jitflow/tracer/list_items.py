"""Reading lists that have rows: their length, items and slices, and what NumPy makes of them.

Functions that the object model calls take the interpreter as `Any`: it sees less of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.dtypes import F64
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import (
    arrays,
    carried,
    facts,
    kinds,
    list_kinds,
    list_rows,
    list_tables,
    numpy,
    operations,
)
from jitflow.tracer.kinds import (
    Either,
    Fixed,
    Group,
    IntOrFloat,
    Kind,
    Made,
    Number,
    OrNone,
    Ragged,
    Row,
)
from jitflow.tracer.numpy.nested import array_of
from jitflow.tracer.objects.number_values import integer
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    RowsValue,
    SequenceValue,
    SliceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter
    from jitflow.tracer.objects import record_lists
else:
    record_lists = LazyModule("jitflow.tracer.objects.record_lists")


def length(tracer: Any, owner: SequenceValue) -> PyValue:
    """``len(owner)``."""
    assert owner.rows is not None
    return integer(
        tracer.context, list_rows.extent_of(tracer, owner.rows) + list_rows.others_of(owner)
    )


def get_item(tracer: Any, owner: SequenceValue, key: PyValue) -> PyValue:
    """``owner[key]``; a slice is another list."""
    rows, context = owner.rows, tracer.context
    assert rows is not None
    if list_rows.others_of(owner):
        raise Unsupported("JF-B006", "an item of a list that grows")
    kind = rows.stack.item
    if isinstance(kind, Row):
        if isinstance(key, SliceValue):
            raise Unsupported("JF-B006", "a slice of a list of lists")
        return list_tables.item_of_table(tracer, owner, list_rows.position_of(tracer, rows, key))
    if isinstance(kind, Ragged):
        if isinstance(key, SliceValue):
            raise Unsupported("JF-B006", "a slice of a list of lists")
        return record_lists.lent(tracer, owner, list_rows.position_of(tracer, rows, key))
    if owner.host is not None and not isinstance(key, SliceValue):
        assert owner.host.rows is not None
        place = (owner.position, list_rows.position_of(tracer, rows, key))
        return list_rows.made(tracer, owner, list_rows.read(tracer, owner.host.rows, place))
    if rows.stack.is_queue and not isinstance(key, SliceValue):
        position = list_rows.position_of(tracer, rows, key)
        return list_rows.made(tracer, owner, list_rows.read(tracer, rows, (position,)))
    found = [numpy.getitem(context, array, key) for array in list_rows.filled(tracer, owner)]
    if isinstance(key, SliceValue):
        return _sliced(tracer, rows, [item for item in found if isinstance(item, ArrayValue)])
    parts = [carried.parts_of(tracer, item)[0] for item in found]
    item = list_rows.made(tracer, owner, parts)
    if list_rows.is_behind_fronts(tracer, owner, operations.resolve(tracer, key)):
        for array in carried.storages_of(item):
            array.storage.sharer = owner
    return item


def concatenated(tracer: Any, left: SequenceValue, right: SequenceValue) -> PyValue:
    """``left + right`` of lists of numbers, of which one has rows."""
    sides = [side for side in (left, right) if side.rows is not None or side.fixed]
    found = [_columns(tracer, side) for side in sides]
    kind: Kind = found[0][0].item
    for row, _ in found[1:]:
        kind = list_kinds.unified(kind, row.item, *left.fixed, *right.fixed)
    if any(
        row.item != kind and not _is_known(side)
        for side, (row, _) in zip(sides, found, strict=True)
    ):
        raise Unsupported("JF-B006", f"a list of {kinds.text_of(kind)} of others")
    columns = [carried.converted(tracer, parts, row, Row(kind, row.extent)) for row, parts in found]
    emit, extent = tracer.context.builder.emit, sum(row.extent for row, _ in found)
    buffers = [
        parts[0] if len(parts) == 1 else emit("concatenate", *parts, axis=0)
        for parts in zip(*columns, strict=True)
    ]
    return list_rows.full_list(tracer, kind, tuple(buffers), extent)


def _columns(tracer: Interpreter, owner: SequenceValue) -> tuple[Row, list[Value]]:
    """The kind of a list of numbers, and the arrays of its items."""
    rows = owner.rows
    if rows is None:
        kind = list_kinds.kind_of_all(tracer, owner.fixed)
        if isinstance(kind, Number | Either | IntOrFloat):
            columns = list_rows.columns_of(tracer, owner.fixed, kind)
            return Row(kind, len(owner.fixed)), columns
    elif not list_rows.others_of(owner) and isinstance(
        rows.stack.item, Number | Either | IntOrFloat
    ):
        columns = [arrays.read(tracer.context, array) for array in list_rows.filled(tracer, owner)]
        return Row(rows.stack.item, columns[0].type.shape[0]), columns
    raise Unsupported("JF-B006", "lists with other items than numbers are joined")


def _is_known(owner: SequenceValue) -> bool:
    return owner.rows is None and all(isinstance(item, ConstantValue) for item in owner.fixed)


def unpack(tracer: Any, owner: SequenceValue, count: int) -> list[PyValue]:
    """The items of ``a, b, c = owner``."""
    rows, context = owner.rows, tracer.context
    assert rows is not None
    if list_rows.others_of(owner):
        raise Unsupported("JF-B006", "the length of a list is known only at run time")
    sizes = (context.builder.emit("dimension", dim=count), list_rows.count_of(tracer, rows))
    is_known = rows.count is None and facts.evaluate(context, rows.stack.capacity) is not None
    if not is_known:
        facts.require(context, context.builder.emit("equal", *sizes))
    elif not facts.decide(context, rows.stack.capacity, "==", count):
        raise Unsupported("JF-B009", f"ValueError: not {count} values to unpack")
    return [get_item(tracer, owner, ConstantValue(k)) for k in range(count)]


def _sliced(tracer: Interpreter, rows: RowsValue, found: list[ArrayValue]) -> PyValue:
    if not found or list_kinds.has_arrays(rows.stack.item):
        raise Unsupported("JF-B006", "a slice of a list that grows")
    extent = found[0].shape[0]
    buffers = tuple(arrays.read(tracer.context, array) for array in found)
    return list_rows.full_list(tracer, rows.stack.item, buffers, extent)


def resolve(tracer: Interpreter, value: PyValue) -> PyValue:
    """As `operations.resolve`; of a list that has rows, the array that NumPy makes of it."""
    value = operations.resolve(tracer, value)
    if isinstance(value, SequenceValue) and value.rows is not None:
        return _as_array(tracer, value, value.rows)
    return value


def _as_array(tracer: Interpreter, owner: SequenceValue, rows: RowsValue) -> ArrayValue:
    context, emit = tracer.context, tracer.context.builder.emit
    kind = rows.stack.item
    columns = [arrays.read(context, array) for array in list_rows.filled(tracer, owner)]
    if isinstance(kind, Group):
        result = _table(tracer, kind, columns)
    elif not _is_array(kind):
        raise Unsupported("JF-B006", f"an array of {kinds.text_of(kind)}")
    else:
        result = columns[0]
    is_plain = result.type.rank == 1 and result.type.dtype is F64
    if not (is_plain or owner.fixed):  # an empty list gives float64[0]
        facts.require(
            context, emit("less", emit("dimension", dim=0), list_rows.count_of(tracer, rows))
        )
    if list_rows.others_of(owner):
        first = arrays.read(context, array_of(context, SequenceValue(list, owner.fixed)))
        if first.type.dtype is not result.type.dtype or first.type.rank != result.type.rank:
            raise Unsupported("JF-B006", "an array of items of several kinds")
        extents = zip(first.type.shape[1:], result.type.shape[1:], strict=True)
        if not all(facts.decide(context, one, "==", other) for one, other in extents):
            raise Unsupported("JF-B009", "the items of a list have different shapes")
        result = emit("concatenate", first, result, axis=0)
    return arrays.fresh(context, result)


def _is_array(kind: Kind) -> bool:
    """Whether NumPy makes an array of numbers of items of a kind."""
    if isinstance(kind, Row):
        return isinstance(kind.item, Number)
    if isinstance(kind, Either):
        return kind.box == "float"
    return not isinstance(kind, Fixed | IntOrFloat | Made | OrNone | Ragged)


def _table(tracer: Interpreter, kind: Group, columns: list[Value]) -> Value:
    """The array of tuples of numbers."""
    if not all(isinstance(item, Number) for item in kind.items):
        raise Unsupported("JF-B006", f"an array of {kinds.text_of(kind)}")
    dtype = np.result_type(*(column.type.dtype.numpy for column in columns))
    emit = tracer.context.builder.emit
    found = []
    for column in columns:
        if column.type.dtype.numpy != dtype:
            raise Unsupported("JF-B006", "an array of numbers of several types")
        found.append(emit("reshape", column, shape=(column.type.shape[0], 1)))
    return found[0] if len(found) == 1 else emit("concatenate", *found, axis=1)

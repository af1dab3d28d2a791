"""Lists that grow or change in captured loops: their items are the rows of arrays, with a count.

Such a list keeps the items that it had (`SequenceValue.fixed`) and gets `rows`: one array for each
graph value that an item consists of, with room for what the loop appends. The room is known where
each iteration of a ``for`` appends a known number of times; else there is much, and each append
checks that it suffices. Such a list changes by appending, and by new items at positions that are
known only at run time (``counts[k] += 1``); a list that is changed so and never grows has no room.

Functions that the object model calls take the interpreter as `Any`: it sees less of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import F64, I64
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, carried, facts, layout, numpy, operations, recipes
from jitflow.tracer.carried import Array, Either, Fixed, Group, IntOrFloat, Kind, Number, Stack
from jitflow.tracer.numpy.nested import array_of
from jitflow.tracer.objects import effects
from jitflow.tracer.objects.number_values import integer
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    RowsValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter

IN_LIST = "an array in a list,"
"""Why an array may be neither written nor handed out."""

SPARE = 4
"""Rows beyond those that a loop is known to need, for what is appended behind it."""
_ROOM, _ROOM_BYTES = 1 << 18, 1 << 26
"""Most rows, and bytes, where the number is not known; memory that nobody touches costs nothing."""


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
    grows, is_set : bool
        Whether a loop appends, and whether one changes items at run-time positions.
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
    is_set: bool = False


def note(tracer: Interpreter, owner: SequenceValue, before: list[PyValue]) -> None:
    """A region appended to a list that was there before: it may get rows."""
    kept = owner.fixed[: len(before)]
    is_kept = all(new is old for new, old in zip(kept, before, strict=False))
    if owner.kind is not list or len(before) >= len(owner.fixed) or not is_kept:
        return
    found = [carried.describe(tracer, item) for item in owner.fixed[len(before) :]]
    known = tracer.growing.get(id(owner))
    if known is not None:
        found.append(known.kind)
    kind = found[0]
    for other in found[1:]:
        kind = carried.unified(kind, other, "an item of a list")
    if not _is_stackable(kind):
        return
    growth = known or tracer.growing.setdefault(id(owner), Growth(owner, kind))
    growth.kind, growth.is_new, growth.grows = kind, True, True
    tracer.keep(owner)


def _is_stackable(kind: Kind) -> bool:
    if isinstance(kind, Group):
        return bool(kind.items) and all(map(_is_stackable, kind.items))
    if isinstance(kind, Array):
        return kind.order == layout.c_order(kind.type.rank) and kind.type.rank > 0
    if isinstance(kind, Fixed):
        return isinstance(kind.value, ConstantValue) and kind.value.value is None
    return isinstance(kind, Number | Either | IntOrFloat)


def _has_arrays(kind: Kind) -> bool:
    return isinstance(kind, Array) or (
        isinstance(kind, Group) and any(map(_has_arrays, kind.items))
    )


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
        rows = _with_more(tracer, rows, _room(rows.stack.item, growth, appends, trips))
        if growth.is_set:
            rows = RowsValue(replace(rows.stack, is_set=True), rows.buffers, rows.count)
    return rows


def _check_shapes(tracer: Interpreter, kind: Kind) -> None:
    """Decline arrays with an extent that only the region finds."""
    builder = tracer.context.builder
    extents = {dim for type in carried.types_of(kind) for dim in type.shape}
    for name in {name for dim in extents for name in dims.symbols_of(dim)}:
        if not builder.sees(builder.graph.symbols[name].value):
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
    size = 1
    for type in carried.types_of(kind):
        count = dims.product(type.shape)
        size += type.dtype.itemsize * (count if isinstance(count, int) else 64)
    return min(_ROOM, max(256, _ROOM_BYTES // size))


def _first_rows(
    tracer: Interpreter, owner: SequenceValue, growth: Growth, appends: int, trips: Dim | None
) -> RowsValue:
    """Rows that hold the numbers that are in the list already; arrays in it stay themselves."""
    kind, copied = growth.kind, 0
    if not _has_arrays(kind):
        for item in {id(item): item for item in owner.fixed}.values():
            known = carried.describe(tracer, item)
            kind = carried.unified(kind, known, "an item of a list", (item,))
        copied = len(owner.fixed)
    growth.kind = kind
    emit, room = tracer.context.builder.emit, _room(kind, growth, appends, trips)
    if copied and isinstance(kind, Number):
        numbers = array_of(tracer.context, SequenceValue(list, owner.fixed), kind.dtype)
        full = Stack(kind, copied, copied, growth.is_set, is_full=True)
        first = RowsValue(full, (arrays.read(tracer.context, numbers),), None)
        return _with_more(tracer, first, room) if growth.grows else first
    stack = Stack(kind, room + copied, copied, growth.is_set)
    buffers = tuple(
        emit("uninitialised", shape=type.shape, dtype=type.dtype)
        for type in carried.types_of(stack)[:-1]
    )
    rows = RowsValue(stack, buffers, emit("dimension", dim=0))
    for position, item in enumerate(owner.fixed[:copied]):
        rows = _with_row(tracer, rows, _parts(tracer, item, kind), position)
    if not growth.grows:
        rows = RowsValue(replace(stack, is_full=True), rows.buffers, None)
    return rows


def _with_more(tracer: Interpreter, rows: RowsValue, room: Dim) -> RowsValue:
    if room == 0:
        return rows
    emit = tracer.context.builder.emit
    stack = replace(rows.stack, capacity=rows.stack.capacity + room, is_full=False)
    buffers = []
    for buffer in rows.buffers:
        shape = (room, *buffer.type.shape[1:])
        more = emit("uninitialised", shape=shape, dtype=buffer.type.dtype)
        buffers.append(emit("concatenate", buffer, more, axis=0))
    return RowsValue(stack, tuple(buffers), _count(tracer, rows))


def _count(tracer: Interpreter, rows: RowsValue) -> Value:
    """How many items there are."""
    if rows.count is not None:
        return rows.count
    return tracer.context.builder.emit("dimension", dim=rows.stack.capacity)


# Growing


def append(tracer: Any, owner: SequenceValue, item: PyValue) -> None:
    """``owner.append(item)`` of a list that has rows."""
    rows, growth = owner.rows, tracer.growing[id(owner)]
    assert rows is not None
    kind = rows.stack.item
    _check_kind(tracer, growth, kind, item)
    if not growth.grows and any(attempt.knows(owner) for attempt in tracer.attempts):
        growth.grows = growth.is_new = True
        raise Unsupported("JF-B006", "the length of a list changes")
    _take_arrays(tracer, owner, item)
    if rows.stack.is_full:
        growth.grows, rows = True, _with_more(tracer, rows, SPARE)
    if growth.is_checked or growth.attempt not in tracer.attempts:
        emit = tracer.context.builder.emit
        room = emit("dimension", dim=rows.stack.capacity)
        facts.require(tracer.context, emit("less", _count(tracer, rows), room))
    position = facts.late_symbol(tracer.context, _count(tracer, rows), None)
    effects.will_change(tracer, owner)
    owner.rows = _with_row(tracer, rows, _parts(tracer, item, kind), position)
    growth.appends += 1
    growth.is_nested |= bool(tracer.attempts) and tracer.attempts[-1] is not growth.attempt


def _check_kind(tracer: Interpreter, growth: Growth, kind: Kind, item: PyValue) -> None:
    """Decline an item of another kind; the next attempt has a kind for both."""
    wide = carried.unified(kind, carried.describe(tracer, item), "an item of a list", (item,))
    if wide != kind:
        growth.kind, growth.is_new = wide, True
        raise Unsupported("JF-B006", f"a list of {carried.text_of(kind)} gets other items")


def _parts(tracer: Interpreter, item: PyValue, kind: Kind) -> list[Value]:
    known = carried.describe(tracer, item)
    return carried.converted(tracer, carried.parts_of(tracer, item), known, kind)


def _with_row(
    tracer: Interpreter, rows: RowsValue, parts: Sequence[Value], position: Dim
) -> RowsValue:
    """The rows with one more at `position`, which is behind the others."""
    emit = tracer.context.builder.emit
    count = emit("add", _count(tracer, rows), emit("dimension", dim=1))
    return RowsValue(rows.stack, _written(tracer, rows, parts, position), count)


def _written(
    tracer: Interpreter, rows: RowsValue, parts: Sequence[Value], position: Dim
) -> tuple[Value, ...]:
    """The buffers with an item at `position`."""
    emit = tracer.context.builder.emit
    buffers = []
    for buffer, part in zip(rows.buffers, parts, strict=True):
        shape = (1, *buffer.type.shape[1:])
        where = {
            "starts": (position, *(0 for _ in shape[1:])),
            "steps": (1,) * len(shape),
            "shape": shape,
        }
        row = emit("reshape", part, shape=shape)
        buffers.append(emit("update", buffer, row, views=(("slice", where),)))
    return tuple(buffers)


# Items at run-time positions


def ask_for_items(tracer: Any, owner: SequenceValue, item: PyValue | None = None) -> None:
    """Decline what is at a position known only at run time: a loop may give the list rows.

    With `item`, that is the new item there.
    """
    kind = _kind_of_all(tracer, owner.fixed if item is None else [item, *owner.fixed])
    if _is_stackable(kind) and not _has_arrays(kind):
        growth = tracer.growing.setdefault(id(owner), Growth(owner, kind))
        growth.kind, growth.is_new = kind, True
        growth.is_set |= item is not None
        tracer.keep(owner)
    raise Unsupported("JF-B006", "an item of a list at a position known only at run time")


def _kind_of_all(tracer: Interpreter, items: list[PyValue]) -> Kind:
    """The kind that all items have; those of ``[0] * n`` are one."""
    kind = carried.describe(tracer, items[0])
    for item in {id(item): item for item in items}.values():
        known = carried.describe(tracer, item)
        kind = carried.unified(kind, known, "an item of a list", (item,))
    return kind


def set_item(tracer: Any, owner: SequenceValue, key: PyValue, item: PyValue) -> None:
    """``owner[key] = item`` of a list that has rows."""
    rows, growth = owner.rows, tracer.growing[id(owner)]
    assert rows is not None
    kind = rows.stack.item
    if _others(owner) or _has_arrays(kind):
        raise Unsupported("JF-B006", "an item of a list that grows")
    _check_kind(tracer, growth, kind, item)
    if not rows.stack.is_set and any(attempt.knows(owner) for attempt in tracer.attempts):
        growth.is_set = growth.is_new = True
        raise Unsupported("JF-B006", "an item of a list that grows")
    position = _position(tracer, rows, key)
    effects.will_change(tracer, owner)
    buffers = _written(tracer, rows, _parts(tracer, item, kind), position)
    owner.rows = RowsValue(replace(rows.stack, is_set=True), buffers, rows.count)


def _position(tracer: Interpreter, rows: RowsValue, key: PyValue) -> Dim:
    """Where an integer leads, counted from the end where it is negative; checked."""
    context, emit, size = tracer.context, tracer.context.builder.emit, _extent(tracer, rows)
    dim = key.dim if isinstance(key, ScalarValue) else None
    is_low = dim is not None and facts.prove(context, 0, "<=", dim)
    if dim is not None and is_low and facts.prove(context, dim, "<", size):
        return dim
    index, count = context.scalar_graph_value(key, I64), _count(tracer, rows)
    zero = emit("dimension", dim=0)
    index = emit("where", emit("less", index, zero), emit("add", index, count), index)
    facts.require(context, emit("less_equal", zero, index))
    facts.require(context, emit("less", index, count))
    return facts.late_symbol(context, index, None)


def _take_arrays(tracer: Interpreter, owner: SequenceValue, item: PyValue) -> None:
    """Rely on the arrays in an item being written no more, nor seen as objects elsewhere."""
    for array in carried.storages_of(item):
        storage = array.storage
        if array.views or storage.source is not None or storage.uncertain:
            raise Unsupported("JF-B006", "an array that was there before is appended to a list")
        tracer.context.objects.journal.append((storage, {"uncertain": storage.uncertain}))
        storage.uncertain = IN_LIST
        tracer.keep(storage)
        tracer.in_lists[id(storage)] = owner


# Reading


def length(tracer: Any, owner: SequenceValue) -> PyValue:
    """``len(owner)``."""
    assert owner.rows is not None
    return integer(tracer.context, _extent(tracer, owner.rows) + _others(owner))


def _others(owner: SequenceValue) -> int:
    """How many items come before those in rows."""
    assert owner.rows is not None
    copied: int = owner.rows.stack.copied
    return len(owner.fixed) - copied


def _extent(tracer: Interpreter, rows: RowsValue) -> Dim:
    if rows.count is None:
        capacity: Dim = rows.stack.capacity
        return capacity
    return facts.late_extent(tracer.context, rows.count)


def _filled(tracer: Interpreter, rows: RowsValue) -> list[ArrayValue]:
    """The arrays of the rows that are there."""
    extent = _extent(tracer, rows)
    found = []
    for buffer in rows.buffers:
        shape = (extent, *buffer.type.shape[1:])
        zeros, ones = (0,) * len(shape), (1,) * len(shape)
        emit = tracer.context.builder.emit
        part = emit("slice", buffer, starts=zeros, steps=ones, shape=shape)
        found.append(arrays.fresh(tracer.context, part))
    return found


def get_item(tracer: Any, owner: SequenceValue, key: PyValue) -> PyValue:
    """``owner[key]``; a slice is another list."""
    rows, context = owner.rows, tracer.context
    assert rows is not None
    if _others(owner):
        raise Unsupported("JF-B006", "an item of a list that grows")
    found = [numpy.getitem(context, array, key) for array in _filled(tracer, rows)]
    if isinstance(key, SliceValue):
        return _sliced(tracer, rows, [item for item in found if isinstance(item, ArrayValue)])
    parts = iter([carried.parts_of(tracer, item)[0] for item in found])
    return carried.build(tracer, rows.stack.item, parts, "an item of a list,")


def _sliced(tracer: Interpreter, rows: RowsValue, found: list[ArrayValue]) -> PyValue:
    if not found or _has_arrays(rows.stack.item):
        raise Unsupported("JF-B006", "a slice of a list that grows")
    extent = found[0].shape[0]
    buffers = tuple(arrays.read(tracer.context, array) for array in found)
    made = SequenceValue(list, [])
    made.rows = RowsValue(Stack(rows.stack.item, extent, 0, is_full=True), buffers, None)
    tracer.growing[id(made)] = Growth(made, rows.stack.item, is_new=False)
    tracer.keep(made)
    return made


def resolve(tracer: Interpreter, value: PyValue) -> PyValue:
    """As `operations.resolve`; of a list that has rows, the array that NumPy makes of it."""
    value = operations.resolve(tracer, value)
    if isinstance(value, SequenceValue) and value.rows is not None:
        return _as_array(tracer, value, value.rows)
    return value


def _as_array(tracer: Interpreter, owner: SequenceValue, rows: RowsValue) -> ArrayValue:
    context, emit = tracer.context, tracer.context.builder.emit
    kind = rows.stack.item
    columns = [arrays.read(context, array) for array in _filled(tracer, rows)]
    if isinstance(kind, Group):
        result = _table(tracer, kind, columns)
    elif isinstance(kind, Fixed | IntOrFloat) or (isinstance(kind, Either) and kind.box != "float"):
        raise Unsupported("JF-B006", f"an array of {carried.text_of(kind)}")
    else:
        result = columns[0]
    is_plain = result.type.rank == 1 and result.type.dtype is F64
    if not (is_plain or owner.fixed):  # an empty list gives float64[0]
        facts.require(context, emit("less", emit("dimension", dim=0), _count(tracer, rows)))
    if _others(owner):
        first = arrays.read(context, array_of(context, SequenceValue(list, owner.fixed)))
        if first.type.dtype is not result.type.dtype or first.type.rank != result.type.rank:
            raise Unsupported("JF-B006", "an array of items of several kinds")
        result = emit("concatenate", first, result, axis=0)
    return arrays.fresh(context, result)


def _table(tracer: Interpreter, kind: Group, columns: list[Value]) -> Value:
    """The array of tuples of numbers."""
    if not all(isinstance(item, Number) for item in kind.items):
        raise Unsupported("JF-B006", f"an array of {carried.text_of(kind)}")
    dtype = np.result_type(*(column.type.dtype.numpy for column in columns))
    emit = tracer.context.builder.emit
    found = []
    for column in columns:
        if column.type.dtype.numpy != dtype:
            raise Unsupported("JF-B006", "an array of numbers of several types")
        found.append(emit("reshape", column, shape=(column.type.shape[0], 1)))
    return found[0] if len(found) == 1 else emit("concatenate", *found, axis=1)


# Leaving the piece


def recipe_of(tracer: Any, owner: SequenceValue, fixed: list[recipes.Recipe]) -> recipes.Recipe:
    """The list of `fixed`, items in front of the rows, and of what the rows have more or anew."""
    rows = owner.rows
    assert rows is not None
    first = 0 if rows.stack.is_set else rows.stack.copied
    start = recipes.BuildSequence(list, () if rows.stack.is_set else tuple(fixed))
    values: list[PyValue] = [arrays.fresh(tracer.context, buffer) for buffer in rows.buffers]
    values.insert(0, integer(tracer.context, _extent(tracer, rows)))
    make = partial(as_list, _reader(rows.stack.item), first)
    parts = tuple(operations.recipe_of(tracer, value) for value in values)
    return recipes.BuildCall(make, (start, *parts))


Reader = Callable[[Iterator[np.ndarray], slice], list[Any]]


def as_list(
    reader: Reader, first: int, fixed: list[Any], count: int, *buffers: np.ndarray
) -> list[Any]:
    """The items `fixed` and those in rows `first` to `count`."""
    return [*fixed, *reader(iter(buffers), slice(first, count))]


def _reader(kind: Kind) -> Reader:
    """What makes Python's objects of rows of a kind."""
    if isinstance(kind, Number):
        return _read_scalars if kind.box == "scalar" else _read_numbers
    if isinstance(kind, Either):
        return partial(_read_either, int if kind.box == "int" else None)
    if isinstance(kind, IntOrFloat):
        return _read_ints_and_floats
    if isinstance(kind, Array):
        return _read_arrays
    if isinstance(kind, Group):
        make = tuple if kind.kind is tuple else kind.kind._make  # type: ignore[attr-defined]
        return partial(_read_groups, make, [_reader(item) for item in kind.items])
    return lambda buffers, rows: [None] * (rows.stop - rows.start)


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

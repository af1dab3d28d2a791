"""Lists that are other objects after an iteration, by their items: ``previous = current``.

A list that one variable (or attribute) alone leads to may go over the border of a loop or a branch
by what is in it: the list behind is a new object with these items, and nobody can tell. Its kind
is `kinds.Listed`. A list with two ways to it, or one from outside, is an object as before.

Lists of other items than numbers, and dicts, go over the border of a loop in the same way, by each
item of them (`kinds.Made`): ``params = {name: params[name] - step * slopes[name] ...}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import carried, facts, growing, kinds, list_kinds, list_rows
from jitflow.tracer.kinds import (
    Either,
    Group,
    IntOrFloat,
    Kind,
    Listed,
    Made,
    NotSettled,
    Number,
    Row,
)
from jitflow.tracer.objects import integer_lists
from jitflow.tracer.objects.model import DictValue
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.shrinking import Capacity
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    NumbersValue,
    PyValue,
    RowsValue,
    SequenceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter


def described(tracer: Interpreter, value: PyValue | None) -> tuple[Listed, list[Value]] | None:
    """The kind of a list by its items, and the graph values that hold them now.

    None of anything else, and of lists whose items cannot be rows or that others share.
    """
    owner = settled(value)
    if isinstance(owner, NumbersValue) and owner.source is None:
        type = owner.contents.type
        kind = Number(integer_lists.BOXES[type.dtype], type.dtype)
        return Listed(kind, type.shape[0]), [owner.contents]
    if not isinstance(owner, SequenceValue) or owner.kind is not list:
        return None
    if not (owner.host is None and owner.source is None and owner.lender is None):
        return None
    try:
        return _of_items(tracer, owner) if owner.own_rows is None else _of_rows(tracer, owner)
    except Unsupported:
        return None


def described_by_items(
    tracer: Interpreter, value: PyValue | None
) -> tuple[Listed | Made, list[Value]] | None:
    """As `described`, of dicts and of lists of any items, too."""
    found = described(tracer, value)
    if found is not None:
        return found
    try:
        kind = kind_by_items(tracer, value)
        return (kind, parts_by_items(tracer, value)) if isinstance(kind, Made) else None
    except Unsupported:
        return None


def kind_by_items(tracer: Interpreter, value: PyValue | None) -> Kind:
    """The kind of a value, with lists and dicts in it by their items."""
    value = settled(value)
    items = _contents(value)
    if items is None:
        if value is None:
            raise Unsupported("JF-B006", "an item that is not there")
        return carried.describe(tracer, value)
    known = tuple(kind_by_items(tracer, item) for item in items)
    if isinstance(value, DictValue):
        return Made(dict, tuple((type(key), key) for key in value.items), known)
    assert isinstance(value, SequenceValue)
    return Made(list, (), known) if value.kind is list else Group(value.kind, known)


def parts_by_items(tracer: Interpreter, value: PyValue | None) -> list[Value]:
    """The graph values that hold a value now, with those of lists and dicts in it."""
    value = settled(value)
    items = _contents(value)
    if items is not None:
        return [part for item in items for part in parts_by_items(tracer, item)]
    return [] if value is None else carried.parts_of(tracer, value)


def _contents(value: PyValue | None) -> list[PyValue] | None:
    """The items of a tuple, or of a list or dict that nobody outside has; None of anything else."""
    if isinstance(value, DictValue):
        is_plain = value.kind is dict and value.hashed is None and value.owner is None
        is_plain &= value.source is None and value.default_factory is None and not value.is_lent
        if is_plain and all(type(key) in (str, int, bool) for key in value.items):
            return [item for _, item in value.items.values()]
    if isinstance(value, SequenceValue) and value.own_rows is None:
        is_own = value.source is None and value.host is None and value.lender is None
        if value.kind is not list or is_own:
            return value.fixed
    return None


def arrays_of(value: PyValue | None) -> Iterator[ArrayValue]:
    """As `carried.storages_of`, with the arrays in lists and dicts that go by their items."""
    value = settled(value)
    items = _contents(value)
    if items is not None:
        for item in items:
            yield from arrays_of(item)
    elif value is not None:
        yield from carried.storages_of(value)


def _of_items(tracer: Interpreter, owner: SequenceValue) -> tuple[Listed, list[Value]] | None:
    kind = list_kinds.kind_of_all(tracer, owner.fixed)
    if not _is_of_numbers(kind):
        return None
    size = len(owner.fixed)
    if isinstance(kind, Row) and len(set(map(id, lists_of(owner)))) <= size:
        return None  # a list that is in it twice
    return Listed(kind, size), list_rows.columns_of(tracer, owner.fixed, kind)


def _of_rows(tracer: Interpreter, owner: SequenceValue) -> tuple[Listed, list[Value]] | None:
    rows = owner.own_rows
    assert rows is not None
    growth = tracer.growing.get(id(owner))
    is_shared = growth is not None and bool(growth.shared)
    if list_rows.others_of(owner) or rows.stack.is_ordered or is_shared:
        return None
    if not _is_of_numbers(rows.stack.item):
        return None
    rows = list_rows.in_line(tracer, rows)
    kind = Listed(rows.stack.item, rows.stack.capacity, rows.count is None)
    return kind, [*rows.data, *(() if rows.count is None else (rows.count,))]


def _is_of_numbers(kind: Kind) -> bool:
    if isinstance(kind, Group):
        return bool(kind.items) and all(map(_is_of_numbers, kind.items))
    if isinstance(kind, Row):
        return _is_of_numbers(kind.item)
    return isinstance(kind, Number | Either | IntOrFloat)


def lists_of(value: PyValue | None) -> Iterator[SequenceValue | NumbersValue | DictValue]:
    """The lists and dicts in a value: itself, its items, those of tuples."""
    value = settled(value)
    if isinstance(value, NumbersValue):
        yield value
    elif isinstance(value, DictValue):
        yield value
        for _, item in value.known.values():
            yield from lists_of(item)
    elif isinstance(value, SequenceValue):
        if value.kind is list:
            yield value
        for item in value.fixed:
            yield from lists_of(item)


def build(
    tracer: Interpreter, kind: Listed | Made, parts: Iterator[Value], uncertain: str
) -> PyValue:
    """A new list or dict of the items that `parts` hold; as `carried.build`."""
    if isinstance(kind, Listed):
        return _in_rows(tracer, kind, parts)
    items = [carried.build(tracer, item, parts, uncertain) for item in kind.items]
    if kind.kind is list:
        return SequenceValue(list, items)
    keys = [key for _, key in kind.keys]
    pairs = zip(keys, items, strict=True)
    return DictValue({key: (ConstantValue(key), item) for key, item in pairs})


def _in_rows(tracer: Interpreter, kind: Listed, parts: Iterator[Value]) -> SequenceValue:
    found = [next(parts) for _ in kinds.types_of(kind)]
    count = None if kind.is_full else found.pop()
    made = SequenceValue(list, [])
    made.own_rows = RowsValue(kind.stack, tuple(found), count)
    tracer.know_rows(made, kind.item)
    return made


def lend(tracer: Interpreter, value: PyValue) -> None:
    """Let the dicts in a value be good for reading alone: a list has them."""
    for owner in lists_of(value):
        if isinstance(owner, DictValue):
            tracer.context.objects.save(owner)
            owner.is_lent = True


# Lists of different lengths


def unified(
    left: Listed,
    right: Listed,
    what: str,
    values: Iterable[PyValue | None],
    capacity: Capacity | None,
) -> Listed:
    """As `carried.unified`, of lists by their items."""
    held = _items_of(next(iter(values), None))
    if left.item != right.item and _innermost(right) == Number("int", I64):
        raise NotSettled(f"{what} is a {kinds.text_of(left)}, then of integers")
    item = carried.unified(left.item, right.item, what, held)
    if (left.capacity, left.is_full) == (right.capacity, right.is_full):
        return Listed(item, left.capacity, left.is_full)
    if capacity is None:
        raise Unsupported("JF-B006", f"the length of {what} differs")
    bound = capacity.bound(left.capacity, right.capacity)
    return Listed(item, growing.most_rows(item) if bound is None else bound, is_full=False)


def _items_of(value: PyValue | None) -> list[PyValue]:
    """The numbers in a list, or in a list of lists, as far as they are known."""
    value = settled(value)
    if not isinstance(value, SequenceValue):
        return [] if value is None else [value]
    return [number for item in value.fixed for number in _items_of(item)]


def _innermost(kind: Listed) -> Kind:
    item = kind.item
    return item.item if isinstance(item, Row) else item


def known_outside(kind: Listed, what: str, capacity: Capacity) -> Listed:
    """As `carried.known_outside`."""
    inner = {dim for type in kinds.types_of(kind.item) for dim in type.shape}
    if any(capacity.bound(dim, dim) != dim for dim in inner):
        raise Unsupported("JF-B006", f"the shape of {what} is not known before")
    bound = capacity.bound(kind.capacity, kind.capacity)
    if bound == kind.capacity:
        return kind
    most = growing.most_rows(kind.item) if bound is None else bound
    return Listed(kind.item, most, is_full=False)


def converted(tracer: Interpreter, parts: list[Value], kind: Listed, wanted: Listed) -> list[Value]:
    """`parts` of a list as those of a kind that `unified` gave, in the block at hand."""
    count = None if kind.is_full else parts[-1]
    columns = list(parts if count is None else parts[:-1])
    columns = _converted_items(tracer, columns, kind, wanted)
    if wanted.is_full:
        return columns
    emit = tracer.context.builder.emit
    if kind.capacity == wanted.capacity:
        return [*columns, emit("dimension", dim=kind.capacity) if count is None else count]
    extent: Dim = kind.capacity
    if count is not None:
        extent = facts.late_extent(tracer.context, count, kind.capacity)
    room = emit("dimension", dim=wanted.capacity)
    size = emit("dimension", dim=extent)
    if facts.prove(tracer.context, extent, "<=", wanted.capacity) is not True:
        facts.require(tracer.context, emit("less_equal", size, room))
    return [*(_moved(tracer, column, extent, wanted.capacity) for column in columns), size]


def _moved(tracer: Interpreter, column: Value, extent: Dim, capacity: Dim) -> Value:
    """Memory for so many rows that begins with those of a column."""
    emit, rest = tracer.context.builder.emit, column.type.shape[1:]
    shape = (extent, *rest)
    starts, steps = (0,) * len(shape), (1,) * len(shape)
    part = {"starts": starts, "steps": steps, "shape": shape}
    room = emit("uninitialised", shape=(capacity, *rest), dtype=column.type.dtype)
    rows = emit("slice", column, starts=starts, steps=steps, shape=shape)
    return emit("update", room, rows, views=(("slice", part),))


def _converted_items(
    tracer: Interpreter, columns: list[Value], kind: Listed, wanted: Listed
) -> list[Value]:
    if kind.item == wanted.item or isinstance(kind.item, IntOrFloat):
        return columns
    item, goal = _innermost(kind), _innermost(wanted)
    return carried.converted(tracer, columns, Row(item, kind.capacity), Row(goal, wanted.capacity))


# Who else has a list


def ways_to(values: Iterable[PyValue]) -> list[int]:
    """The identities of the lists that some values are or hold, once for each way to one."""
    found: list[int] = []
    work, seen = list(values), set()
    while work:
        value = settled(work.pop())
        if isinstance(value, SequenceValue | NumbersValue) and value.python_type is list:
            found.append(id(value))
        if isinstance(value, SequenceValue) and id(value) not in seen:
            seen.add(id(value))
            work += value.fixed
        if isinstance(value, DictValue):
            found.append(id(value))
            work += [] if id(value) in seen else [item for _, item in value.known.values()]
            seen.add(id(value))
    return found


def is_alone(holders: dict[int, int], value: PyValue | None, dead: Iterable[Any]) -> bool:
    """Whether one way alone leads to a list, and to the lists in it; `dead` ways do not count."""
    found = {id(owner) for owner in lists_of(value)}
    unused = [id(settled(other)) for other in dead]  # lists in these have another way, perhaps
    return all(holders.get(key, 0) - unused.count(key) <= 1 for key in found)

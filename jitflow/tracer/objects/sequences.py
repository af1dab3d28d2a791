"""Lists and tuples: items, slices, and the methods of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.guards.predicates import SameObject, TypeIs
from jitflow.tracer.objects.comparison import is_equal_item, known_truth
from jitflow.tracer.objects.effects import will_change
from jitflow.tracer.objects.iterators import items_of
from jitflow.tracer.objects.keys import index_of, is_open, slice_of
from jitflow.tracer.objects.model import (
    DictValue,
    GrownListValue,
    IteratorValue,
    LazyValue,
    RangeValue,
)
from jitflow.tracer.objects.nested import call_nested
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import (
    ConstantValue,
    NumbersValue,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer import growing, list_items, queues
    from jitflow.tracer.objects import choice, consuming, number_tables
else:
    consuming = LazyModule("jitflow.tracer.objects.consuming")
    choice = LazyModule("jitflow.tracer.objects.choice")
    number_tables = LazyModule("jitflow.tracer.objects.number_tables")
    growing = LazyModule("jitflow.tracer.growing")
    list_items = LazyModule("jitflow.tracer.list_items")
    queues = LazyModule("jitflow.tracer.queues")

NONE = ConstantValue(None)

_OPEN = (SequenceValue, NumbersValue, IteratorValue, RangeValue)
"""What may have as many items as data decide."""


def base_kind(kind: type) -> type:
    """`list`, or `tuple` for every kind of tuple."""
    return list if kind is list else tuple


def get_item(tracer: Tracer, value: SequenceValue, key: PyValue) -> PyValue:
    """``value[key]``."""
    if value.rows is not None:
        return list_items.get_item(tracer, value, key)
    if isinstance(key, SliceValue):
        where = slice_of(tracer, key)
        if value.kind is tuple and where.indices(len(value.items)) == (0, len(value.items), 1):
            return value
        return SequenceValue(base_kind(value.kind), value.items[where])
    if is_open(tracer, key):
        if value.kind is list and tracer.context.depth and _is_table(tracer, value):
            number_tables.ask_for(tracer, value)
            growing.ask_for_items(tracer, value)
            return get_item(tracer, value, key)
        return choice.choose(tracer, value.items, key)
    return value.items[_position(tracer, value, key)]


def _is_table(tracer: Tracer, value: SequenceValue) -> bool:
    """Whether a position known only at run time needs rows: in long lists, and lists of lists."""
    if len(value.items) > choice.MOST_ITEMS:
        return True
    first = resolve(tracer, value.items[0]) if value.items else None
    return isinstance(first, SequenceValue) and first.kind is list


def set_item(tracer: Tracer, value: SequenceValue, key: PyValue, new: PyValue) -> None:
    """``value[key] = new``."""
    _check_list(value, "item assignment")
    if not isinstance(key, SliceValue):
        _set_one(tracer, value, key, new)
    else:
        where, items = slice_of(tracer, key), items_of(tracer, new)
        if where.step not in (None, 1) and len(range(*where.indices(len(value.items)))) != len(
            items
        ):
            raise Unsupported("JF-B009", "ValueError: extended slice of another size")
        change(tracer, value)
        value.items[where] = items


def _set_one(tracer: Tracer, value: SequenceValue, key: PyValue, new: PyValue) -> None:
    if value.rows is not None:
        growing.set_item(tracer, value, key, new)
        return
    if is_open(tracer, key) and tracer.context.depth:
        growing.ask_for_items(tracer, value, new)
        growing.set_item(tracer, value, key, new)
        return
    position = _position(tracer, value, key)
    change(tracer, value)
    value.items[position] = new


def delete_item(tracer: Tracer, value: SequenceValue, key: PyValue) -> None:
    """``del value[key]``."""
    _check_list(value, "item deletion")
    where = slice_of(tracer, key) if isinstance(key, SliceValue) else _position(tracer, value, key)
    change(tracer, value)
    del value.items[where]


def change(tracer: Tracer, value: SequenceValue) -> None:
    """Call before changing the items of a list."""
    will_change(tracer, value)


def append(tracer: Tracer, value: SequenceValue, item: PyValue) -> PyValue:
    """``value.append(item)``."""
    if value.rows is not None:
        growing.append(tracer, value, item)
        return NONE
    change(tracer, value)
    value.items.append(item)
    return NONE


def can_grow(tracer: Tracer, value: PyValue) -> bool:
    """Whether `value` is a list from outside that was not looked at, so that `grow` does."""
    if type(value) is not LazyValue or type(value.real) is not list:
        return False
    table = tracer.context.objects
    known = (table.by_id, table.looked, table.in_tables)
    return not any(id(value.real) in part for part in known)


def grow(tracer: Tracer, value: LazyValue, item: PyValue) -> PyValue:
    """``value.append(item)`` without a look at the list."""
    table = tracer.context.objects
    known = table.grown.get(id(value.real))
    if known is None:
        known = table.grown[id(value.real)] = GrownListValue(value.source)
        table.keep.append(value.real)
    elif known.source != value.source:
        tracer.context.guard(SameObject(value.source, known.source))
    tracer.context.guard(TypeIs(value.source, list))
    return append(tracer, known, item)


def extend(tracer: Tracer, value: SequenceValue, items: PyValue) -> PyValue:
    """``value.extend(items)``; of items whose number is known at run time alone, in a loop."""
    given = resolve(tracer, items)
    is_open = given is not value and isinstance(given, _OPEN)
    if is_open and value.kind is list and consuming.is_consumed(tracer, given):
        return consuming.consume(tracer, given, consuming.Items(tracer, value))
    new = items_of(tracer, given)
    if value.rows is not None:
        for item in new:
            growing.append(tracer, value, item)
        return NONE
    change(tracer, value)
    value.items.extend(new)
    return NONE


def _insert(tracer: Tracer, value: SequenceValue, index: PyValue, item: PyValue) -> PyValue:
    position = index_of(tracer, index)
    if position == 0 and (value.rows is not None or tracer.context.depth):
        insert_first(tracer, value, item)
        return NONE
    change(tracer, value)
    value.items.insert(position, item)
    return NONE


def insert_first(tracer: Tracer, value: SequenceValue, item: PyValue) -> None:
    """``value.insert(0, item)``, in a loop or of a list that has rows."""
    if value.rows is not None:
        queues.insert_first(tracer, value, item)
        return
    if value.items:
        growing.ask_to_pop(tracer, value, is_first=True)
    change(tracer, value)
    value.items.insert(0, item)


def pop(tracer: Tracer, value: SequenceValue, index: PyValue | None = None) -> PyValue:
    """``value.pop(index)``."""
    is_first = index is not None and _is_zero(tracer, index)
    if value.rows is not None:
        return queues.pop_first(tracer, value) if is_first else growing.pop(tracer, value, index)
    if not value.items:
        raise Unsupported("JF-B009", "IndexError: pop from empty list")
    if tracer.context.depth and (index is None or is_first):
        growing.ask_to_pop(tracer, value, is_first)
    position = -1 if index is None else _position(tracer, value, index)
    change(tracer, value)
    return value.items.pop(position)


def _is_zero(tracer: Tracer, index: PyValue) -> bool:
    known = resolve(tracer, index)
    return isinstance(known, ConstantValue) and type(known.value) is int and known.value == 0


def clear(tracer: Tracer, value: SequenceValue) -> PyValue:
    """``value.clear()``."""
    if value.rows is not None:
        growing.clear(tracer, value)
        return NONE
    change(tracer, value)
    value.items.clear()
    return NONE


def _reverse(tracer: Tracer, value: SequenceValue) -> PyValue:
    change(tracer, value)
    value.items.reverse()
    return NONE


def _copy(tracer: Tracer, value: SequenceValue) -> PyValue:
    if value.rows is not None:
        return list_items.get_item(tracer, value, SliceValue(NONE, NONE, NONE))
    return SequenceValue(list, list(value.items))


def _index(tracer: Tracer, value: SequenceValue, item: PyValue, *bounds: PyValue) -> PyValue:
    where = slice(*(index_of(tracer, bound) for bound in bounds)) if bounds else slice(None)
    if len(bounds) == 1:
        where = slice(where.stop, None)
    for position in range(*where.indices(len(value.items))):
        if position >= len(value.items):
            break  # a comparison took items away
        if is_equal_item(tracer, value.items[position], item):
            return ConstantValue(position)
    raise Unsupported("JF-B009", "ValueError: item is not in the sequence")


def _remove(tracer: Tracer, value: SequenceValue, item: PyValue) -> PyValue:
    position = _index(tracer, value, item)
    change(tracer, value)
    del value.items[position.value]  # type: ignore[attr-defined]
    return NONE


def _count(tracer: Tracer, value: SequenceValue, item: PyValue) -> PyValue:
    found = sum(is_equal_item(tracer, other, item) for other in value.items)
    return ConstantValue(found)


def _sort(
    tracer: Tracer, value: SequenceValue, key: PyValue = NONE, reverse: PyValue = NONE
) -> PyValue:
    items = sorted_items(tracer, value.items, key, reverse)
    change(tracer, value)
    value.items[:] = items
    return NONE


def sorted_items(
    tracer: Tracer, items: list[PyValue], key: PyValue, reverse: PyValue
) -> list[PyValue]:
    """The items in order of their keys, which must be constants."""
    key = resolve(tracer, key)
    keys = list(items)
    if not (isinstance(key, ConstantValue) and key.value is None):
        keys = [call_nested(tracer, key, item) for item in items]
    reals = [comparable(tracer, value) for value in keys]
    descending = known_truth(tracer, reverse)
    try:
        order = sorted(range(len(items)), key=reals.__getitem__, reverse=descending)
    except TypeError as error:
        raise Unsupported("JF-B009", f"TypeError: {error}") from None
    return [items[position] for position in order]


def comparable(tracer: Tracer, value: PyValue) -> Any:
    """The constant that `value` is, or the tuple of constants, for ordering by Python."""
    value = resolve(tracer, value)
    if isinstance(value, ConstantValue):
        return value.value
    if isinstance(value, SequenceValue) and value.kind in (tuple, list):
        return value.real_of(comparable(tracer, item) for item in value.items)
    if isinstance(value, ScalarValue) and value.dim is not None:
        return index_of(tracer, value)
    raise Unsupported("JF-B005", "order that depends on data")


def replaced(tracer: Tracer, value: SequenceValue, **fields: PyValue) -> PyValue:
    """``value._replace(**fields)`` of a named tuple."""
    names = value.kind._fields  # type: ignore[attr-defined]
    if not fields.keys() <= set(names):
        raise Unsupported("JF-B009", "ValueError: unexpected field names")
    items = [fields.get(name, item) for name, item in zip(names, value.items, strict=True)]
    return SequenceValue(value.kind, items)


def _as_dict(tracer: Tracer, value: SequenceValue) -> PyValue:
    names = value.kind._fields  # type: ignore[attr-defined]
    pairs = zip(names, value.items, strict=True)
    return DictValue({name: (ConstantValue(name), item) for name, item in pairs})


def _position(tracer: Tracer, value: SequenceValue, key: PyValue) -> int:
    position = index_of(tracer, key)
    size = len(value.items)
    if not -size <= position < size:
        raise Unsupported("JF-B009", f"IndexError: {value.kind.__name__} index out of range")
    return position


def _check_list(value: SequenceValue, what: str) -> None:
    if value.kind is not list:
        raise Unsupported("JF-B009", f"TypeError: tuple does not support {what}")


LIST_METHODS: dict[str, Callable[..., PyValue]] = {
    "append": append,
    "extend": extend,
    "insert": _insert,
    "pop": pop,
    "clear": clear,
    "reverse": _reverse,
    "copy": _copy,
    "index": _index,
    "remove": _remove,
    "count": _count,
    "sort": _sort,
}
TUPLE_METHODS: dict[str, Callable[..., PyValue]] = {
    "index": _index,
    "count": _count,
    "_replace": replaced,
    "_asdict": _as_dict,
}

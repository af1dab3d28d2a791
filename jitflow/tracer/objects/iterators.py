"""Iterators: making them, advancing them, and all items of an iterable.

An iterator's state is in its fields, so that it can be undone, and made anew at an exit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jitflow.core.dims import count_in
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.tracer import facts, numpy
from jitflow.tracer.numpy import companions
from jitflow.tracer.objects import instances
from jitflow.tracer.objects.keys import index_of
from jitflow.tracer.objects.model import (
    DequeValue,
    DictValue,
    DictViewValue,
    InstanceValue,
    IteratorValue,
    OpaqueValue,
    RangeValue,
    SetValue,
)
from jitflow.tracer.objects.nested import call_nested
from jitflow.tracer.objects.number_values import constant_binary, dim_of, integer
from jitflow.tracer.objects.plain import is_constant, is_told_by_identity
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.scalars import binary as scalar_binary
from jitflow.tracer.objects.wrap import MAX_ITEMS, resolve
from jitflow.tracer.values import (
    ArrayValue,
    CompanionValue,
    ConstantValue,
    NumbersValue,
    PyValue,
    ScalarValue,
    SequenceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer import list_items
    from jitflow.tracer.objects import integer_lists
else:
    list_items = LazyModule("jitflow.tracer.list_items")
    integer_lists = LazyModule("jitflow.tracer.objects.integer_lists")

_OF_DEQUES: type = type(iter(deque()))
_TYPES: dict[type, type] = {
    list: type(iter([])),
    tuple: type(iter(())),
    set: type(iter(set())),
    frozenset: type(iter(set())),
    str: type(iter("")),
    range: type(iter(range(0))),
}


def _kind_of(value: PyValue) -> str:
    """The kind of an iterator over a sequence or set."""
    if isinstance(value, SequenceValue) and value.rows is not None:
        return "rows"
    return {RangeValue: "range", NumbersValue: "numbers"}.get(type(value), "sequence")


def get_iterator(tracer: Tracer, value: PyValue) -> PyValue:
    """``iter(value)``."""
    value = resolve(tracer, value)
    if isinstance(value, IteratorValue):
        return value
    if isinstance(value, SequenceValue | SetValue | RangeValue | NumbersValue):
        return _plain_iterator(value)
    if isinstance(value, DictValue):
        return get_iterator(tracer, DictViewValue(value, "keys"))
    if isinstance(value, DequeValue):
        return _deque_iterator(tracer, value)
    if isinstance(value, DictViewValue):
        kind_of_view = type(iter(getattr({}, value.part)()))
        iterator = IteratorValue("sequence", value, iterator_type=kind_of_view)
        iterator.size = len(value.mapping.items)
        value.mapping.iterators.append(iterator)
        return iterator
    if isinstance(value, ConstantValue) and isinstance(value.value, str | bytes | type):
        return _constant_iterator(value)
    if isinstance(value, ArrayValue):
        if not value.shape:
            raise Unsupported("JF-B009", "TypeError: iteration over a 0-d array")
        return IteratorValue("array", value, iterator_type=_ARRAY_ITERATOR)
    if isinstance(value, InstanceValue):
        return _instance_iterator(tracer, value)
    if isinstance(value, CompanionValue):
        found = companions.elements(tracer.context, value)
        if found.storage is not value.array.storage:
            raise Unsupported("JF-B006", "iteration over .flat of a strided array")
        return get_iterator(tracer, found)
    raise Unsupported(*_refusal(value))


def _plain_iterator(value: SequenceValue | SetValue | RangeValue | NumbersValue) -> PyValue:
    kind = _TYPES.get(value.python_type, object)
    iterator = IteratorValue(_kind_of(value), value, iterator_type=kind)
    if isinstance(value, SetValue):
        iterator.size = len(value.items)
        value.iterators.append(iterator)
    return iterator


def _deque_iterator(tracer: Tracer, value: DequeValue) -> PyValue:
    iterator = IteratorValue(_kind_of(value.held), value.held, iterator_type=_OF_DEQUES)
    iterator.owner = value
    tracer.context.objects.save(value)
    value.iterators = [*value.iterators, iterator]
    return iterator


def next_item(tracer: Tracer, iterator: PyValue) -> PyValue | None:
    """Advance an iterator; None where it is exhausted."""
    iterator = resolve(tracer, iterator)
    if isinstance(iterator, InstanceValue):
        raise Unsupported("JF-B006", f"iterator of class {iterator.cls.__name__}")
    if not isinstance(iterator, IteratorValue):
        raise Unsupported(*_refusal(iterator))
    if iterator.resume is not None:
        return iterator.resume()
    tracer.context.objects.save(iterator)
    if iterator.exhausted:
        return None
    item = STEPS[iterator.kind](tracer, iterator)
    if item is None:
        iterator.exhausted = True
    else:
        iterator.position += 1
    return item


def items_of(tracer: Tracer, value: PyValue) -> list[PyValue]:
    """Every item of an iterable; an iterator is used up."""
    value = resolve(tracer, value)
    if isinstance(value, DequeValue):
        value = value.held
    if isinstance(value, SequenceValue):
        return list(value.items)
    if isinstance(value, DictViewValue | SetValue | DictValue):
        return view_items(value)
    if isinstance(value, CompanionValue):
        value = companions.elements(tracer.context, value)
    if isinstance(value, ArrayValue):
        return list(numpy.iterate(tracer.context, value))
    if isinstance(value, RangeValue) and (known := _known_range(tracer, value)) is not None:
        return [ConstantValue(item) for item in known]
    iterator = get_iterator(tracer, value)
    items: list[PyValue] = []
    while (item := next_item(tracer, iterator)) is not None:
        items.append(item)
        if len(items) > MAX_ITEMS:
            raise Unsupported("JF-B015", "iteration over a long iterable")
    return items


def view_items(value: PyValue) -> list[PyValue]:
    """The items of a dict, a view of one, or a set, in order of iteration."""
    if isinstance(value, SetValue):
        return _set_order(value)
    assert isinstance(value, DictViewValue | DictValue)
    part = value.part if isinstance(value, DictViewValue) else "keys"
    mapping = value.mapping if isinstance(value, DictViewValue) else value
    pairs = mapping.items.values()
    if part == "keys":
        return [key for key, _ in pairs]
    if part == "values":
        return [item for _, item in pairs]
    return [SequenceValue(tuple, [key, item]) for key, item in pairs]


def made_of(items: list[PyValue]) -> IteratorValue:
    """An iterator over items that are known already."""
    return IteratorValue("sequence", SequenceValue(list, items), iterator_type=_TYPES[list])


def range_length(tracer: Tracer, value: RangeValue) -> int | None:
    """Number of items of a range of constants; None where it is known only at run time."""
    parts = [resolve(tracer, part) for part in (value.start, value.stop, value.step)]
    if not all(isinstance(part, ConstantValue) for part in parts):
        return None
    return count_in(range(*(part.value for part in parts)))  # type: ignore[attr-defined]


def _known_range(tracer: Tracer, value: RangeValue) -> range | None:
    """A range with its bounds as they are at trace time, on which the trace then relies.

    All of its items are wanted: to rely on each of them would take as many facts.
    """
    context, bounds = tracer.context, []
    for part in (value.start, value.stop):
        bound = dim_of(resolve(tracer, part))
        at = None if bound is None else facts.evaluate(context, bound)
        if bound is None or at is None:
            return None
        bounds.append((bound, at))
    (start, first), (stop, last) = bounds
    known = range(first, last, index_of(tracer, value.step))
    if len(known) > MAX_ITEMS:
        raise Unsupported("JF-B015", "iteration over a long iterable")
    for bound, at in ((start, first), (stop, last)):
        facts.decide(context, bound, "==", at)
    return known


def _set_order(value: SetValue) -> list[PyValue]:
    """The items in the order in which CPython iterates this set.

    A set that was there before was guarded with its order. One made in the piece by single
    insertions has the order of a set that is made in the same way here, in this process. Objects
    that are hashed by their addresses come in an order that Python leaves open, so any will do.
    """
    if value.source is not None and not value.changed:
        return list(value.items.values())
    if all(isinstance(key, PyValue) or is_told_by_identity(key) for key in value.items):
        return list(value.items.values())
    if not (value.by_insertion and all(map(is_constant, value.items))):
        raise Unsupported("JF-B003", "iteration over a set whose order is not known")
    return [value.items[key] for key in value.kind(list(value.items))]


def _constant_iterator(value: ConstantValue) -> PyValue:
    try:
        items: list[PyValue] = [ConstantValue(item) for item in value.value]
    except TypeError as error:
        raise Unsupported("JF-B009", f"TypeError: {error}") from None
    return made_of(items)


def _instance_iterator(tracer: Tracer, value: InstanceValue) -> PyValue:
    method = instances.special_method(tracer, value, "__iter__")
    if method is None:
        raise Unsupported("JF-B006", f"iteration over {value.cls.__name__}")
    return call_nested(tracer, method)


def _refusal(value: PyValue) -> tuple[str, str]:
    if isinstance(value, ScalarValue | ConstantValue):
        return "JF-B009", f"TypeError: {value.python_type.__name__!r} object is not iterable"
    if isinstance(value, OpaqueValue):
        return "JF-B006", f"iteration over a {value.python_type.__name__} from outside"
    return "JF-B006", f"iteration over {value.python_type.__name__}"


def _step_sequence(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    iterable = iterator.iterable
    assert isinstance(iterable, SequenceValue | DictViewValue | SetValue)
    items = iterable.items if isinstance(iterable, SequenceValue) else view_items(iterable)
    if iterator.size is not None and len(items) != iterator.size:
        raise Unsupported("JF-B009", "RuntimeError: changed size during iteration")
    return items[iterator.position] if iterator.position < len(items) else None


def _step_range(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    value = iterator.iterable
    assert isinstance(value, RangeValue)
    context = tracer.context
    step = index_of(tracer, value.step)
    start, stop = (dim_of(resolve(tracer, part)) for part in (value.start, value.stop))
    if start is None or stop is None:
        raise Unsupported("JF-B006", "a range known only at run time")
    current = start + iterator.position * step
    low, high = (current, stop) if step > 0 else (stop, current)
    if not facts.decide(context, low, "<", high):
        return None
    if isinstance(current, int):
        return ConstantValue(current)
    offset = ConstantValue(iterator.position * step)
    return scalar_binary(context, "+", resolve(tracer, value.start), offset)


def _step_array(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    """Rows are read when they are asked for: the loop may write the array."""
    array = iterator.iterable
    assert isinstance(array, ArrayValue)
    if not facts.decide(tracer.context, iterator.position, "<", array.shape[0]):
        return None
    return numpy.getitem(tracer.context, array, ConstantValue(iterator.position))


def _step_numbers(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    value = iterator.iterable
    assert isinstance(value, NumbersValue)
    if not facts.decide(tracer.context, iterator.position, "<", value.contents.type.shape[0]):
        return None
    return integer_lists.get_item(tracer, value, ConstantValue(iterator.position))


def _step_backwards(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    value = iterator.iterable
    assert isinstance(value, NumbersValue | SequenceValue)
    assert iterator.start is not None
    count = dim_of(iterator.start)
    assert count is not None
    if not facts.decide(tracer.context, iterator.position, "<", count):
        return None
    place = integer(tracer.context, count - 1 - iterator.position)
    if isinstance(value, SequenceValue):
        return list_items.get_item(tracer, value, place)
    return integer_lists.get_item(tracer, value, place)


def _step_rows(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    value = iterator.iterable
    assert isinstance(value, SequenceValue)
    count = dim_of(list_items.length(tracer, value))
    is_counted = value.rows is not None and value.rows.count is not None
    if count is None or (is_counted and not isinstance(count, int)):
        raise Unsupported("JF-B006", "the length of a list is known only at run time")
    if not facts.decide(tracer.context, iterator.position, "<", count):
        return None
    return list_items.get_item(tracer, value, ConstantValue(iterator.position))


def _step_enumerate(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    item = next_item(tracer, iterator.inner[0])
    if item is None:
        return None
    assert iterator.start is not None
    number = _plus(tracer, iterator.start, ConstantValue(iterator.position))
    return SequenceValue(tuple, [number, item])


def _step_zip(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    items = []
    for inner in iterator.inner:
        item = next_item(tracer, inner)
        if item is None:
            return None
        items.append(item)
    return SequenceValue(tuple, items) if items else None


def _step_strict_zip(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    items = [next_item(tracer, inner) for inner in iterator.inner]
    found = [item for item in items if item is not None]
    if found and len(found) < len(items):
        raise Unsupported("JF-B009", "ValueError: zip() arguments of different lengths")
    return SequenceValue(tuple, found) if found else None


def _step_reversed(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    sequence = iterator.iterable
    assert isinstance(sequence, SequenceValue)
    assert iterator.size is not None
    index = iterator.size - 1 - iterator.position
    return sequence.items[index] if 0 <= index < len(sequence.items) else None


def _step_map(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    assert iterator.function is not None
    items = []
    for inner in iterator.inner:
        item = next_item(tracer, inner)
        if item is None:
            return None
        items.append(item)
    return call_nested(tracer, iterator.function, *items)


def _step_filter(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    from jitflow.tracer.objects.comparison import known_truth  # which knows iterators

    function = resolve(tracer, iterator.function) if iterator.function else ConstantValue(None)
    plain = isinstance(function, ConstantValue) and function.value in (None, bool)
    while (item := next_item(tracer, iterator.inner[0])) is not None:
        if known_truth(tracer, item if plain else call_nested(tracer, function, item)):
            return item
    return None


def _step_count(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    assert iterator.start is not None
    assert iterator.step is not None
    step = scalar_product(tracer, iterator.step, ConstantValue(iterator.position))
    return _plus(tracer, iterator.start, step)


def _step_repeat(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    if iterator.size is not None and iterator.position >= iterator.size:
        return None
    return iterator.start


def _step_cycle(tracer: Tracer, iterator: IteratorValue) -> PyValue | None:
    assert isinstance(iterator.start, SequenceValue)
    items = iterator.start.items
    return items[iterator.position % len(items)] if items else None


def _plus(tracer: Tracer, left: PyValue, right: PyValue) -> PyValue:
    left = resolve(tracer, left)
    if isinstance(left, ConstantValue):
        return constant_binary("+", left, right)
    return scalar_binary(tracer.context, "+", left, right)


def scalar_product(tracer: Tracer, left: PyValue, right: PyValue) -> PyValue:
    """``left * right`` of two Python numbers."""
    left = resolve(tracer, left)
    if isinstance(left, ConstantValue):
        return constant_binary("*", left, right)
    return scalar_binary(tracer.context, "*", left, right)


_ARRAY_ITERATOR = type(iter(type("S", (), {"__getitem__": lambda self, i: i})()))

STEPS: dict[str, Callable[[Tracer, Any], PyValue | None]] = {
    "sequence": _step_sequence,
    "range": _step_range,
    "array": _step_array,
    "numbers": _step_numbers,
    "backwards": _step_backwards,
    "rows": _step_rows,
    "enumerate": _step_enumerate,
    "zip": _step_zip,
    "map": _step_map,
    "filter": _step_filter,
    "count": _step_count,
    "repeat": _step_repeat,
    "cycle": _step_cycle,
    "strict zip": _step_strict_zip,
    "reversed": _step_reversed,
}

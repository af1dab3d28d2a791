"""Sets and frozensets of constants: methods and operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.core.shown import shown
from jitflow.tracer.objects.effects import will_resize
from jitflow.tracer.objects.iterators import items_of
from jitflow.tracer.objects.keys import key_of
from jitflow.tracer.objects.model import DictValue, DictViewValue, SetValue
from jitflow.tracer.objects.number_values import BINARY, COMPARE
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ConstantValue, PyValue

if TYPE_CHECKING:
    from jitflow.tracer.objects import hashing
else:
    hashing = LazyModule("jitflow.tracer.objects.hashing")

NONE = ConstantValue(None)


def from_items(tracer: Tracer, items: list[PyValue], kind: type = set) -> SetValue:
    """A new set of the items."""
    found: dict[Any, PyValue] = {}
    for item in items:
        found.setdefault(key_of(tracer, item), resolve(tracer, item))
    return SetValue(found, kind)


def from_iterable(tracer: Tracer, iterable: PyValue, kind: type = set) -> SetValue:
    """``set(iterable)``."""
    made = from_items(tracer, items_of(tracer, iterable), kind)
    made.by_insertion = _inserts_singly(tracer, iterable)
    return made


def as_set(tracer: Tracer, value: PyValue) -> PyValue:
    """The keys or items of a dict are a set to operators; other values stay."""
    if isinstance(value, DictViewValue) and value.part != "values":
        return _without_order(from_items(tracer, items_of(tracer, value)))
    return value


def _inserts_singly(tracer: Tracer, iterable: PyValue) -> bool:
    """Whether CPython inserts the items one by one: sets and dicts are copied as tables."""
    return not isinstance(resolve(tracer, iterable), SetValue | DictValue)


def _without_order(value: SetValue) -> SetValue:
    value.by_insertion = False
    return value


def add(tracer: Tracer, value: SetValue, item: PyValue) -> PyValue:
    """``value.add(item)``."""
    if hashing.uses(tracer, value, item, item):
        will_resize(tracer, value)
        hashing.add(tracer, value, item)
        return NONE
    key = key_of(tracer, item, value.items)
    if key not in value.items:
        will_resize(tracer, value)
        value.items[key] = resolve(tracer, item)
        _note(value, set.add, item)
    return NONE


def _note(value: SetValue, method: Any, *args: PyValue) -> None:
    value.log = (*value.log, (method, args))


def _note_merge(value: SetValue, method: Any, other: SetValue) -> None:
    """Note a call of `method` with a set, by whose order the new one depends on the table."""
    if value.source is None:
        return
    if other.source is None:
        if not other.by_insertion:
            raise Unsupported("JF-B014", "a set that changes by one whose order is not known")
        other = SetValue(dict(other.items), other.kind)  # as it is now
    elif other.changed and other is not value:
        raise Unsupported("JF-B014", "a set that changes by one that has changed")
    _note(value, method, other)


def update(tracer: Tracer, value: SetValue, *others: PyValue) -> PyValue:
    """``value.update(*others)``."""
    new = [from_items(tracer, items_of(tracer, other)) for other in others]
    will_resize(tracer, value)
    value.by_insertion &= all(_inserts_singly(tracer, other) for other in others)
    for other, made in zip(others, new, strict=True):
        if not _inserts_singly(tracer, other):
            given = resolve(tracer, other)
            known = given if isinstance(given, SetValue) else _without_order(made)
            _note_merge(value, set.update, known)
        for key, item in made.items.items():
            if _inserts_singly(tracer, other):
                _note(value, set.add, item)
            value.items.setdefault(key, item)
    return NONE


def _remove(tracer: Tracer, value: SetValue, item: PyValue) -> PyValue:
    key = key_of(tracer, item)
    if key not in value.items:
        raise Unsupported("JF-B009", f"KeyError: {shown(key)}")
    return _discard(tracer, value, item)


def _discard(tracer: Tracer, value: SetValue, item: PyValue) -> PyValue:
    key = key_of(tracer, item)
    if key in value.items:
        will_resize(tracer, value)
        value.by_insertion = False
        del value.items[key]
        _note(value, set.discard, item)
    return NONE


def _clear(tracer: Tracer, value: SetValue) -> PyValue:
    will_resize(tracer, value)
    _note(value, set.clear)
    value.items.clear()
    return NONE


def copy(tracer: Tracer, value: SetValue) -> PyValue:
    """``value.copy()``: a frozenset is its own copy."""
    if value.kind is frozenset:
        return value
    return _without_order(SetValue(dict(value.items), value.kind))


def binary(tracer: Tracer, op: str, left: SetValue, right: SetValue) -> PyValue:
    """``|``, ``&``, ``-`` or ``^`` of two sets."""
    both = {**right.items, **left.items}
    keys = BINARY[op](dict.fromkeys(left.items).keys(), dict.fromkeys(right.items).keys())
    items = {key: item for key, item in both.items() if key in keys}
    return _without_order(SetValue(items, left.kind))


_IN_PLACE = {"|": set.__ior__, "&": set.__iand__, "-": set.__isub__, "^": set.__ixor__}


def in_place(tracer: Tracer, op: str, left: SetValue, right: SetValue) -> PyValue:
    """``left op= right``."""
    result = binary(tracer, op, left, right)
    if left.kind is frozenset:
        return result
    assert isinstance(result, SetValue)
    will_resize(tracer, left)
    _note_merge(left, _IN_PLACE[op], right)
    left.items, left.by_insertion = result.items, False
    return left


def compare(tracer: Tracer, op: str, left: SetValue, right: SetValue) -> PyValue:
    """Equality and inclusion of two sets."""
    return ConstantValue(COMPARE[op](set(left.items), set(right.items)))


def _operation(op: str) -> Callable[..., PyValue]:
    def method(tracer: Tracer, value: SetValue, *others: PyValue) -> PyValue:
        for other in others:
            made = from_items(tracer, items_of(tracer, other))
            value = binary(tracer, op, value, made)  # type: ignore[assignment]
        return value if others else copy(tracer, value)

    return method


def _relation(op: str) -> Callable[..., PyValue]:
    def method(tracer: Tracer, value: SetValue, other: PyValue) -> PyValue:
        return compare(tracer, op, value, from_items(tracer, items_of(tracer, other)))

    return method


def _is_disjoint(tracer: Tracer, value: SetValue, other: PyValue) -> PyValue:
    made = from_items(tracer, items_of(tracer, other))
    return ConstantValue(not (value.items.keys() & made.items.keys()))


METHODS: dict[str, Callable[..., PyValue]] = {
    "add": add,
    "update": update,
    "remove": _remove,
    "discard": _discard,
    "clear": _clear,
    "copy": copy,
    "union": _operation("|"),
    "intersection": _operation("&"),
    "difference": _operation("-"),
    "symmetric_difference": _operation("^"),
    "issubset": _relation("<="),
    "issuperset": _relation(">="),
    "isdisjoint": _is_disjoint,
}

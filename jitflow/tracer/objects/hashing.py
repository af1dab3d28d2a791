"""Dicts and sets whose keys data decide, in captured loops: hash tables of numbers.

The keys are in a list, in order of insertion, beside it their values: lists with rows, which loops
grow and change as they do others (`tracer.growing`). Two more lists find the keys. `slots` says at
which position the key is that belongs to a place of the hash table; `homes` says for each position
which place that is. A place counts only where both agree, so the table needs no first contents.

What runs in loops is Python code, below: the tracer runs it as it runs the user's. Keys are
integers, or tuples of integers; none is ever taken out. In other loops, dicts and sets are
structure.

Functions that the object model calls take the interpreter as `Any`: it sees less of it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from jitflow.core.dataclass import dataclass
from jitflow.core.dtypes import I64
from jitflow.core.errors import Unsupported
from jitflow.guards.sources import ConstantSource
from jitflow.tracer import carried, facts, growing, kinds, list_kinds, list_rows, places
from jitflow.tracer.kinds import Group, Kind, Number, Stack
from jitflow.tracer.objects import effects
from jitflow.tracer.objects.keys import is_open
from jitflow.tracer.objects.model import DictValue, Hashed, SetValue
from jitflow.tracer.objects.wrap import function_value, resolve
from jitflow.tracer.values import ConstantValue, PyValue, RowsValue, ScalarValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter

PLACES = 1 << 19
"""Places of a table; half of them may be taken."""
MASK = PLACES - 1
MOST_KNOWN = 64
"""Items from which a dict or set that is known at trace time is no table."""
_INT = Number("int", I64)
_NOTHING = object()


# What runs in loops


def _start_of_number(key: int) -> int:
    return key & MASK


def _start_of_tuple(key: tuple[int, ...]) -> int:
    found = 0
    for part in key:
        found = ((found & 0xFFFFFF) * 1000003) ^ (part & 0xFFFFFFFFFF)
    return found & MASK


def _place_of(slots: list[int], homes: list[int], keys: list[Any], key: Any, place: int) -> int:
    """The place of a key, or the first one that is free, from `place` on."""
    at = slots[place]
    while at >= 0 and at < len(homes) and homes[at] == place and keys[at] != key:
        place = (place + 1) & MASK
        at = slots[place]
    return place


def _position_at(slots: list[int], homes: list[int], place: int) -> int:
    """The position of the key that belongs to a place; -1 where the place is free."""
    at = slots[place]
    return at if at >= 0 and at < len(homes) and homes[at] == place else -1


def _add(slots: list[int], homes: list[int], keys: list[Any], key: Any, place: int) -> None:
    if _position_at(slots, homes, place) < 0:
        slots[place] = len(homes)
        homes.append(place)
        keys.append(key)


def _store(
    slots: list[int],
    homes: list[int],
    keys: list[Any],
    values: list[Any],
    key: Any,
    place: int,
    value: Any,
) -> None:
    at = _position_at(slots, homes, place)
    if at >= 0:
        values[at] = value
    else:
        slots[place] = len(homes)
        homes.append(place)
        keys.append(key)
        values.append(value)


def _value_or(values: list[Any], at: int, default: Any) -> Any:
    return values[at] if at >= 0 else default


def _value(values: list[Any], at: int) -> Any:
    return values[at]


def _run(tracer: Any, function: Callable[..., Any], *args: PyValue) -> PyValue:
    assert isinstance(function, FunctionType)
    source = ConstantSource(function, function.__name__)
    result: PyValue = tracer.run_nested(function_value(tracer, function, source), [*args], {})
    return result


# Which containers are tables


@dataclass(eq=False)
class Wish:
    """A dict or set that loops need as a table."""

    owner: DictValue | SetValue
    key: Kind
    value: Kind | None


def kind_of_key(tracer: Any, key: PyValue) -> Kind | None:
    """The kind of a key of a table that data may decide; None of others."""
    key = resolve(tracer, key)
    if isinstance(key, SequenceValue) and key.kind is tuple and key.items:
        parts = [kind_of_key(tracer, item) for item in key.items]
        flat = [part for part in parts if part == _INT]
        return Group(tuple, tuple(flat)) if len(flat) == len(parts) else None
    known = carried.describe(tracer, key)
    return _INT if known == _INT else None


def _is_open_key(tracer: Any, key: PyValue) -> bool:
    """Whether data decide a key."""
    key = resolve(tracer, key)
    if isinstance(key, SequenceValue) and key.kind is tuple:
        return any(_is_open_key(tracer, item) for item in key.items)
    return is_open(tracer, key)


def uses(tracer: Any, owner: DictValue | SetValue, key: PyValue, new: Any = _NOTHING) -> bool:
    """Whether an operation with a key is one of a table; declines where it has to become one.

    `new` is the value that is stored, or None for an item of a set.
    """
    if owner.hashed is not None:
        if kind_of_key(tracer, key) is None:
            raise Unsupported("JF-B010", f"a key of another kind in a {owner.kind.__name__}")
        return True
    if not (tracer.context.depth and tracer.attempts):
        return False
    is_known = any(attempt.knows(owner) for attempt in tracer.attempts)
    is_new = new is not _NOTHING and is_known
    if not (is_new or owner.items) or not _is_open_key(tracer, key):
        return False
    wish = _wish(tracer, owner, key, None if new is _NOTHING else new)
    if wish is None:
        return False
    if not is_known:
        return False
    tracer.wishes[id(owner)] = wish
    raise Unsupported("JF-B006", "the keys of a dict or set are known only at run time")


def is_absent(tracer: Any, owner: DictValue | SetValue, key: PyValue) -> bool:
    """Whether a key that data decide is not there since nothing is."""
    if owner.hashed is not None or owner.items or not tracer.context.depth:
        return False
    return _is_open_key(tracer, key) and kind_of_key(tracer, key) is not None


def _wish(
    tracer: Any, owner: DictValue | SetValue, key: PyValue, new: PyValue | None
) -> Wish | None:
    """How a dict or set could be a table; None where it cannot."""
    kind = kind_of_key(tracer, key)
    is_plain = not isinstance(owner, DictValue) or owner.owner is None
    if kind is None or not is_plain or len(owner.items) > MOST_KNOWN or owner.kind is frozenset:
        return None
    if any(_kind_of_known(known) != kind for known in owner.items):
        return None
    if isinstance(owner, SetValue):
        return Wish(owner, kind, None) if owner.by_insertion or owner.source else None
    found = [item for _, item in owner.items.values()] + ([] if new is None else [new])
    try:
        value = list_kinds.kind_of_all(tracer, found)
    except Unsupported:
        return None
    if not list_kinds.is_stackable(value) or list_kinds.has_arrays(value):
        return None
    return None if isinstance(value, kinds.Row) else Wish(owner, kind, value)


def _kind_of_known(key: Any) -> Kind | None:
    if type(key) is int:
        return _INT
    if type(key) is tuple and all(type(part) is int for part in key):
        return Group(tuple, (_INT,) * len(key))
    return None


def is_wished(tracer: Interpreter) -> bool:
    """Whether a loop around has to make a table before another try."""
    return any(
        attempt.knows(wish.owner) for wish in tracer.wishes.values() for attempt in tracer.attempts
    )


# Making tables


def make_wished(tracer: Interpreter, known: dict[tuple[int, Any], places.Place]) -> None:
    """Make the tables that the loop at hand needs, in front of it; their lists are carried."""
    for key, wish in list(tracer.wishes.items()):
        if any(attempt.knows(wish.owner) for attempt in tracer.attempts):
            continue  # a loop around makes it
        del tracer.wishes[key]
        _make(tracer, wish)
        assert wish.owner.hashed is not None
        for part in wish.owner.hashed.parts:
            place = places.Place(part, places.ROWS)
            known[place.key] = place


def _make(tracer: Interpreter, wish: Wish) -> None:
    owner = wish.owner
    reals = list(owner.items)
    keys = SequenceValue(list, [_value_of(real) for real in reals])
    values = None
    if isinstance(owner, DictValue):
        values = SequenceValue(list, [item for _, item in owner.items.values()])
    taken = _taken_places(reals)
    homes = SequenceValue(list, [ConstantValue(place) for place in taken])
    slots = SequenceValue(list, [])
    effects.will_change(tracer, owner)
    owner.items = {}
    owner.hashed = Hashed(keys, values, homes, slots, tuple(reals))
    _note(tracer, keys, wish.key)
    _note(tracer, homes, _INT)
    _note(tracer, slots, _INT, grows=False)
    if values is not None:
        assert wish.value is not None
        _note(tracer, values, wish.value)
    emit = tracer.context.builder.emit
    stack = Stack(_INT, PLACES, 0, is_set=True, is_full=True)
    rows = RowsValue(stack, (emit("uninitialised", shape=(PLACES,), dtype=I64),), None)
    for at, place in enumerate(taken):
        part = emit("dimension", dim=at)
        rows = RowsValue(stack, list_rows.written(tracer, rows, [part], (place,)), None)
    effects.will_change(tracer, slots)
    slots.own_rows = rows


def _note(tracer: Interpreter, part: SequenceValue, kind: Kind, grows: bool = True) -> None:
    growth = growing.Growth(part, kind, is_new=False, grows=grows, is_set=True)
    tracer.growing[id(part)] = growth
    tracer.keep(part)


def _value_of(real: Any) -> PyValue:
    if isinstance(real, tuple):
        return SequenceValue(tuple, [ConstantValue(part) for part in real])
    return ConstantValue(real)


def _taken_places(reals: list[Any]) -> list[int]:
    """Where the keys that are there from the start lie, as `_add` would put them."""
    found: list[int] = []
    for real in reals:
        place = _start_of_tuple(real) if isinstance(real, tuple) else _start_of_number(real)
        while place in found:
            place = (place + 1) & MASK
        found.append(place)
    return found


# Operations


def _parts(owner: DictValue | SetValue) -> tuple[SequenceValue, SequenceValue, SequenceValue]:
    assert owner.hashed is not None
    return owner.hashed.slots, owner.hashed.homes, owner.hashed.keys


def _place(tracer: Any, owner: DictValue | SetValue, key: PyValue) -> PyValue:
    """The place of a key; it is looked for once while no other key is added."""
    slots, homes, keys = _parts(owner)
    key = resolve(tracer, key)
    known = tracer.found_places.get(id(owner))
    if known is not None and known[1] is homes.own_rows and _is_same_key(tracer, known[0], key):
        found: ScalarValue = known[2]
        assert found.value is not None
        if tracer.context.builder.sees(found.value):
            return found
    is_tuple = isinstance(key, SequenceValue)
    start = _run(tracer, _start_of_tuple if is_tuple else _start_of_number, key)
    place = _run(tracer, _place_of, slots, homes, keys, key, start)
    _note_place(tracer, owner, key, place)
    return place


def _note_place(tracer: Any, owner: DictValue | SetValue, key: PyValue, place: PyValue) -> None:
    assert owner.hashed is not None
    if isinstance(place, ScalarValue) and place.value is not None:
        rows = owner.hashed.homes.own_rows
        tracer.found_places[id(owner)] = (resolve(tracer, key), rows, place)


def _is_same_key(tracer: Any, one: PyValue, other: PyValue) -> bool:
    if isinstance(one, SequenceValue) and isinstance(other, SequenceValue):
        pairs = zip(one.fixed, other.fixed, strict=False)
        return all(kinds.is_same(resolve(tracer, a), resolve(tracer, b)) for a, b in pairs)
    return kinds.is_same(one, other)


def find(tracer: Any, owner: DictValue | SetValue, key: PyValue) -> PyValue:
    """The position of a key, -1 where it is not there."""
    slots, homes, _ = _parts(owner)
    return _run(tracer, _position_at, slots, homes, _place(tracer, owner, key))


def add(tracer: Any, owner: SetValue, key: PyValue) -> None:
    """``owner.add(key)``."""
    _require_room(tracer, owner)
    place = _place(tracer, owner, key)
    _run(tracer, _add, *_parts(owner), key, place)
    _note_place(tracer, owner, key, place)


def store(tracer: Any, owner: DictValue, key: PyValue, new: PyValue) -> None:
    """``owner[key] = new``."""
    _require_room(tracer, owner)
    assert owner.hashed is not None
    assert owner.hashed.values is not None
    place = _place(tracer, owner, key)
    _run(tracer, _store, *_parts(owner), owner.hashed.values, key, place, new)
    _note_place(tracer, owner, key, place)


def get_or(tracer: Any, owner: DictValue, key: PyValue, default: PyValue) -> PyValue:
    """``owner.get(key, default)``."""
    assert owner.hashed is not None
    assert owner.hashed.values is not None
    return _run(tracer, _value_or, owner.hashed.values, find(tracer, owner, key), default)


def get(tracer: Any, owner: DictValue, key: PyValue) -> PyValue:
    """``owner[key]`` of a key that has to be there."""
    assert owner.hashed is not None
    assert owner.hashed.values is not None
    at = find(tracer, owner, key)
    number = tracer.context.scalar_graph_value(at, I64)
    emit = tracer.context.builder.emit
    facts.require(tracer.context, emit("less_equal", emit("dimension", dim=0), number))
    return _run(tracer, _value, owner.hashed.values, at)


def _require_room(tracer: Any, owner: DictValue | SetValue) -> None:
    assert owner.hashed is not None
    rows = owner.hashed.homes.rows
    if rows is None:
        return
    emit = tracer.context.builder.emit
    room = emit("dimension", dim=PLACES // 2)
    facts.require(tracer.context, emit("less", list_rows.count_of(tracer, rows), room))

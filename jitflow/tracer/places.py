"""Places, besides variables, whose contents a stretch of code may change since a mark.

A place is part of an object that was there before the mark: the contents of memory, an attribute,
an item, a cell, a global name. Changes of an object's structure (a list that grows) are no places.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from jitflow.core.dataclass import dataclass
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.core.shown import shown
from jitflow.guards.sources import AttributeSource, Source
from jitflow.ir.graph import Value
from jitflow.tracer import arrays
from jitflow.tracer.context import TraceContext
from jitflow.tracer.frame import SymbolicFrame
from jitflow.tracer.kinds import NotSettled, Row
from jitflow.tracer.objects import class_dictionaries, effects, instances
from jitflow.tracer.objects.model import (
    CellValue,
    ClassDictionaryValue,
    DequeValue,
    DictValue,
    GrownListValue,
    Hashed,
    InstanceValue,
    IteratorValue,
    NamespaceValue,
    SetValue,
)
from jitflow.tracer.objects.table import Checkpoint
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.values import (
    ArrayValue,
    NumbersValue,
    PerhapsNone,
    PerhapsUnbound,
    PyValue,
    SequenceValue,
    Storage,
)

if TYPE_CHECKING:
    from jitflow.tracer import list_tables
    from jitflow.tracer.interpreter import Interpreter
else:
    list_tables = LazyModule("jitflow.tracer.list_tables")

ROWS = "rows"
"""Name of the place that is what a loop appends to a list."""

Contents = PyValue | Value
"""What a place holds: a graph value where the place is memory."""


@dataclass(frozen=True, eq=False)
class Place:
    """One part of one object; `name` is the attribute, the key or the position."""

    owner: Any
    name: Any = None

    @property
    def key(self) -> tuple[int, Any]:
        """The same for every `Place` that means this part of this object."""
        return id(self.owner), self.name

    def read(self) -> Contents:
        """The contents now."""
        contents: Contents = _READERS[type(self.owner)](self.owner, self.name)
        return contents

    def write(self, tracer: Interpreter, contents: Contents) -> None:
        """Replace the contents; noted as a change of the user's program."""
        _WRITERS[type(self.owner)](tracer, self.owner, self.name, contents)

    def __str__(self) -> str:
        if isinstance(self.owner, Storage):
            return str(self.owner.source or "an array")
        owner = getattr(self.owner, "source", None) or type(self.owner).__name__
        return f"{owner}[{shown(self.name)}]"


def changes_since(
    tracer: Interpreter, mark: Checkpoint, before: frozenset[int]
) -> dict[tuple[int, Any], Place]:
    """The places that were changed since `mark`; `before` are the identities of `reachable`.

    Raises
    ------
    Unsupported
        JF-B006 where an object changed in a way that is no change of places; all lists that grew
        are noted before.
    """
    oldest: dict[int, tuple[Any, dict[str, Any]]] = {}
    for owner, fields in tracer.context.objects.journal[mark.journal :]:
        known = oldest.setdefault(id(owner), (owner, {}))[1]
        for name, value in fields.items():
            known.setdefault(name, value)
    changed = [
        (owner, fields)
        for owner, fields in oldest.values()
        if not isinstance(owner, TraceContext)
        and (id(owner) in before or getattr(owner, "source", None) is not None)
    ]
    for owner, fields in changed:
        if isinstance(owner, SequenceValue) and owner.rows is None:
            tracer.note_growth(owner, fields["fixed"])
    places = [
        Place(owner, name) for owner, fields in changed for name in _changed_names(owner, fields)
    ]
    return {place.key: place for place in places}


def _changed_names(owner: Any, old: dict[str, Any]) -> Iterable[Any]:
    rule = _CHANGES.get(type(owner))
    if rule is not None:
        return list(rule(owner, old))
    if all(_is_same(getattr(owner, name), value) for name, value in old.items()):
        return []
    raise Unsupported("JF-B006", f"a {type(owner).__name__.removesuffix('Value').lower()} changes")


def _is_same(left: Any, right: Any) -> bool:
    if type(left) in (list, dict, set) and type(left) is type(right):
        return bool(left == right)
    return left is right or (type(left) in (int, bool, str) and left == right)


def _contents_changed(owner: Storage, old: dict[str, Any]) -> Iterable[Any]:
    if owner.version is not old.get("version", owner.version):
        yield None


def _cell_changed(owner: CellValue, old: dict[str, Any]) -> Iterable[Any]:
    if settled(owner.contents) is settled(old["contents"]):
        return
    if owner.contents is None:
        raise Unsupported("JF-B006", "a closure variable is deleted")
    yield None


def _attributes_changed(owner: InstanceValue, old: dict[str, Any]) -> Iterable[Any]:
    if owner.deleted != old["deleted"]:
        raise Unsupported("JF-B006", f"an attribute of {owner.cls.__name__} is deleted")
    before = old["attributes"]
    for name, value in owner.attributes.items():
        if name in before:
            if settled(value) is not settled(before[name]):
                yield name
        elif owner.source is None:
            raise _is_new(owner, name)
        elif name in owner.written and name not in old["written"]:
            if _was_there(value, AttributeSource(owner.source, name)):
                continue
            yield name


def _is_new(owner: InstanceValue, name: str) -> NotSettled:
    """There is no such place before the first iteration, or before a branch."""
    return NotSettled(f"attribute {name} of {owner.cls.__name__} is new")


def _was_there(value: PyValue, source: Source) -> bool:
    """Whether a value is what is at `source`: ``self.w -= step`` sets what it got."""
    value = settled(value)
    is_whole = not (isinstance(value, ArrayValue) and value.views)
    return is_whole and getattr(value, "source", None) == source


def _items_changed(owner: SequenceValue, old: dict[str, Any]) -> Iterable[Any]:
    if owner.host is not None:
        if old["host"] is None:
            raise Unsupported("JF-B006", "a list becomes an item of another one")
        return  # its contents are the other one's
    before = old["fixed"]
    if len(before) != len(owner.fixed):
        raise Unsupported("JF-B006", f"the length of a {owner.kind.__name__} changes")
    if owner.rows is not old["own_rows"]:
        yield ROWS
    for index, value in enumerate(owner.fixed):
        if settled(value) is not settled(before[index]):
            yield index


def _keys_changed(owner: DictValue, old: dict[str, Any]) -> Iterable[Any]:
    if owner.owner is not None:
        return  # the instance's attributes are the places
    if owner.hashed is not None and owner.hashed is old["hashed"]:
        return  # its items are those of lists
    before = old["known"]
    if list(before) != list(owner.items)[: len(before)]:
        raise Unsupported("JF-B006", "the keys of a dict change")
    if len(before) < len(owner.items):
        raise NotSettled("the keys of a dict change")
    for key, (_, value) in owner.items.items():
        if settled(value) is not settled(before[key][1]):
            yield key


def _set_changed(owner: SetValue, old: dict[str, Any]) -> Iterable[Any]:
    is_hashed = owner.hashed is not None and owner.hashed is old["hashed"]
    if not is_hashed and owner.items != old["known"]:
        raise Unsupported("JF-B006", "the items of a set change")
    return ()


def _globals_changed(owner: NamespaceValue, old: dict[str, Any]) -> Iterable[Any]:
    before = old["items"]
    for name in owner.written:
        value = owner.items[name]
        if value is None:
            raise Unsupported("JF-B006", f"the global {name} is deleted")
        if name not in before or settled(value) is not settled(before[name]):
            yield name


def _class_changed(owner: ClassDictionaryValue, old: dict[str, Any]) -> Iterable[Any]:
    before = {**owner.originals, **old["items"]}
    for name, value in owner.items.items():
        if name not in before:
            raise Unsupported("JF-B006", f"attribute {name} of class {owner.real.__name__} is new")
        if not class_dictionaries.is_same(value, before[name]):
            yield name


def _numbers_changed(owner: NumbersValue, old: dict[str, Any]) -> Iterable[Any]:
    if owner.appended != old["appended"]:
        raise Unsupported("JF-B006", "the length of a list changes")
    if owner.contents is not old["contents"]:
        yield None


_CHANGES: dict[type, Any] = {
    NumbersValue: _numbers_changed,
    DequeValue: lambda owner, old: (),  # its items are those of a list
    Storage: _contents_changed,
    CellValue: _cell_changed,
    InstanceValue: _attributes_changed,
    SequenceValue: _items_changed,
    GrownListValue: _items_changed,
    DictValue: _keys_changed,
    SetValue: _set_changed,
    NamespaceValue: _globals_changed,
    ClassDictionaryValue: _class_changed,
}


def _read_attribute(owner: InstanceValue, name: str) -> PyValue:
    found = instances.stored(owner, name)
    if found is None:
        raise _is_new(owner, name)
    return found


def _read_global(owner: NamespaceValue, name: str) -> PyValue:
    found = owner.items.get(name)
    if found is None:
        raise Unsupported("JF-B006", f"the global {name} is not read before")
    return found


def _read_class(owner: ClassDictionaryValue, name: str) -> PyValue:
    return owner.items.get(name) or owner.originals[name]


_READERS: dict[type, Any] = {
    NumbersValue: lambda owner, name: owner.contents,
    Storage: lambda owner, name: owner.version,
    CellValue: lambda owner, name: owner.contents,
    InstanceValue: _read_attribute,
    SequenceValue: lambda owner, name: owner.rows if name == ROWS else owner.fixed[name],
    GrownListValue: lambda owner, name: owner.rows if name == ROWS else owner.fixed[name],
    DictValue: lambda owner, name: owner.items[name][1],
    NamespaceValue: _read_global,
    ClassDictionaryValue: _read_class,
}


def _write_memory(tracer: Interpreter, owner: Storage, name: None, version: Value) -> None:
    arrays.commit(tracer.context, owner, version)


def _write_numbers(tracer: Interpreter, owner: NumbersValue, name: None, contents: Value) -> None:
    effects.will_change(tracer, owner)
    owner.contents, owner.is_set = contents, True


def _write_cell(tracer: Interpreter, owner: CellValue, name: None, value: PyValue) -> None:
    effects.will_change(tracer, owner)
    owner.contents = value


def _write_attribute(tracer: Interpreter, owner: InstanceValue, name: str, value: PyValue) -> None:
    instances.store(tracer, owner, name, value)


def _write_item(tracer: Interpreter, owner: SequenceValue, name: Any, value: Any) -> None:
    effects.will_change(tracer, owner)
    if name == ROWS:
        owner.own_rows = value
        if owner.fixed and isinstance(value.stack.item, Row):
            list_tables.host_items(tracer, owner)
    else:
        owner.fixed[name] = value


def _write_key(tracer: Interpreter, owner: DictValue, name: Any, value: PyValue) -> None:
    effects.will_change(tracer, owner)
    owner.items[name] = (owner.items[name][0], value)


def _write_name(tracer: Interpreter, owner: Any, name: str, value: PyValue) -> None:
    effects.will_change(tracer, owner)
    owner.items[name] = value
    owner.written[name] = None


_WRITERS: dict[type, Any] = {
    NumbersValue: _write_numbers,
    Storage: _write_memory,
    CellValue: _write_cell,
    InstanceValue: _write_attribute,
    SequenceValue: _write_item,
    GrownListValue: _write_item,
    DictValue: _write_key,
    NamespaceValue: _write_name,
    ClassDictionaryValue: _write_name,
}


# What can be reached


class Reach:
    """The objects that the frames and the changed objects lead to.

    Attributes
    ----------
    objects : dict
        By identity; holds them, so that identities stay theirs.
    holders : dict
        Identity of each storage to how many ways lead to an array on it; likewise of iterators,
        lists and dicts.
    """

    def __init__(self, tracer: Interpreter) -> None:
        self.objects: dict[int, Any] = {}
        self.holders: dict[int, int] = {}
        table = tracer.context.objects
        for frame in tracer.frames:
            self._visit(frame)
        for value in (*table.by_id.values(), *table.changed.values()):
            self._visit(value)

    @property
    def identities(self) -> frozenset[int]:
        """Identities of everything that was found."""
        return frozenset(self.objects)

    def knows(self, storage: Storage) -> bool:
        """Whether memory was there before, which may have been looked at only since."""
        return id(storage) in self.objects or storage.source is not None

    def _hold(self, item: Any) -> None:
        """Count a way to memory, or to what may be it, or to an iterator."""
        held: list[Any] = []
        if isinstance(item, ArrayValue):
            held = [item.storage, *(other for other, _ in item.storage.may_be)]
        elif isinstance(item, (IteratorValue, SequenceValue, NumbersValue, DictValue)):
            held = [item]
        for target in held:
            self.holders[id(target)] = self.holders.get(id(target), 0) + 1

    def _visit(self, item: Any) -> None:
        work = [item]
        while work:
            item = work.pop()
            if type(item) in _PLAIN:
                continue
            if isinstance(item, (list, tuple)):
                work.extend(item)
                continue
            if isinstance(item, dict):
                work.extend(item.values())
                continue
            self._hold(item)
            if id(item) in self.objects:
                work += _held_by_value(item)  # as many ways to what is in it
                continue
            parts = _parts_of(item)
            if parts is not None:
                self.objects[id(item)] = item
                work += parts


def _held_by_value(item: Any) -> list[Any]:
    """What is in an object that has no identity of its own: each name for it leads to that."""
    if isinstance(item, PerhapsUnbound | PerhapsNone):
        return [item.value]
    return item.fixed if isinstance(item, SequenceValue) and item.kind is not list else []


def _parts_of(item: Any) -> list[Any] | None:
    """What an object leads to; None where it is none of the program's."""
    if isinstance(item, ArrayValue):
        return [item.storage] if item.base is None else [item.storage, item.base]
    if isinstance(item, Storage):
        return []
    if isinstance(item, PerhapsUnbound | PerhapsNone):
        return [item.value]
    if isinstance(item, SymbolicFrame):
        held = [] if item.sink is None else item.sink.held
        return [item.slots, item.stack, item.closure, *held]
    if isinstance(item, (PyValue, Hashed)) or hasattr(item, "frame"):
        return [part for name, part in vars(item).items() if name not in _OUTSIDE]
    return None


_PLAIN = frozenset({int, str, bool, float, type(None)})
"""Types of attributes that lead nowhere; most do."""

_OUTSIDE = frozenset(
    {"source", "real", "tracer", "globals", "code", "value", "cls", "owner", "iterators"}
)

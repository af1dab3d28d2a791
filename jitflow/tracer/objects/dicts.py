"""Dicts: items, views, and their methods."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.core.shown import shown
from jitflow.guards.predicates import HasNoItem, SameObject, TypeIs
from jitflow.guards.sources import keys_of
from jitflow.tracer.objects.effects import refuse_mutation, will_change, will_resize
from jitflow.tracer.objects.instances import store
from jitflow.tracer.objects.iterators import items_of
from jitflow.tracer.objects.keys import key_of
from jitflow.tracer.objects.model import DictValue, DictViewValue, GrownDictValue, LazyValue
from jitflow.tracer.objects.namespaces import is_namespace
from jitflow.tracer.objects.nested import call_nested
from jitflow.tracer.objects.plain import is_hashable_key
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ConstantValue, PyValue, ScalarValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer.objects import hashing
else:
    hashing = LazyModule("jitflow.tracer.objects.hashing")

NONE = ConstantValue(None)


def get_item(tracer: Tracer, value: DictValue, key: PyValue) -> PyValue:
    """``value[key]``."""
    if hashing.uses(tracer, value, key):
        return _hashed_item(tracer, value, key)
    is_absent = hashing.is_absent(tracer, value, key)
    name = None if is_absent else key_of(tracer, key, value.items)
    if not is_absent and name in value.items:
        known: PyValue = value.items[name][1]
        return known
    if value.default_factory is not None:
        factory = resolve(tracer, value.default_factory)
        if not (isinstance(factory, ConstantValue) and factory.value is None):
            item = call_nested(tracer, factory)
            set_item(tracer, value, key, item)
            return item
    raise Unsupported("JF-B009", f"KeyError: {shown(name)}")


def _hashed_item(tracer: Tracer, value: DictValue, key: PyValue) -> PyValue:
    factory = None if value.default_factory is None else resolve(tracer, value.default_factory)
    if factory is None or (isinstance(factory, ConstantValue) and factory.value is None):
        there: PyValue = hashing.get(tracer, value, key)
        return there
    item = call_nested(tracer, factory)
    found: PyValue = hashing.get_or(tracer, value, key, item)
    will_resize(tracer, value)
    hashing.store(tracer, value, key, found)
    return found


def set_item(tracer: Tracer, value: DictValue, key: PyValue, new: PyValue) -> None:
    """``value[key] = new``; a key that is there keeps its object and place."""
    if hashing.uses(tracer, value, key, new):
        will_resize(tracer, value)
        hashing.store(tracer, value, key, new)
        return
    name = key_of(tracer, key, value.items)
    if value.owner is not None and type(name) is str:
        store(tracer, value.owner, name, new)
        return
    known = value.items.get(name)
    change(tracer, value, resizes=known is None)
    value.items[name] = (resolve(tracer, key) if known is None else known[0], new)


def can_store(tracer: Tracer, value: PyValue, key: PyValue) -> bool:
    """Whether `value` is a dict from outside that was not looked at, and has other keys each time.

    And `key` is one that hashes and compares as Python's own objects do.
    """
    if type(value) is not LazyValue or type(value.real) is not dict:
        return False
    table = tracer.context.objects
    if id(value.real) in table.by_id or id(value.real) in table.looked:
        return False
    is_grown = keys_of(value.source) in tracer.context.dynamic
    return is_grown and not is_namespace(tracer, value.real) and _is_plain(tracer, key)


def _is_plain(tracer: Tracer, key: PyValue) -> bool:
    key = resolve(tracer, key)
    if isinstance(key, SequenceValue) and key.kind is tuple:
        return all(_is_plain(tracer, item) for item in key.items)
    if isinstance(key, ConstantValue):
        return is_hashable_key(key.value)
    return isinstance(key, ScalarValue)


def store_unseen(tracer: Tracer, value: PyValue, key: PyValue, new: PyValue) -> None:
    """``value[key] = new`` without a look at the dict."""
    assert isinstance(value, LazyValue)
    context = tracer.context
    if context.depth:
        raise Unsupported("JF-B014", "an item is stored in a dict that grows")
    known = context.objects.stored.get(id(value.real))
    if known is None:
        known = context.objects.stored[id(value.real)] = GrownDictValue(value.source)
        context.objects.keep.append(value.real)
    elif known.source != value.source:
        context.guard(SameObject(value.source, known.source))
    context.guard(TypeIs(value.source, dict))
    context.guard(HasNoItem(value.source, "__builtins__"))  # it holds no global names
    will_change(tracer, known)
    known.stored = (*known.stored, (resolve(tracer, key), new))


def delete_item(tracer: Tracer, value: DictValue, key: PyValue) -> None:
    """``del value[key]``."""
    name = key_of(tracer, key)
    if name not in value.items:
        raise Unsupported("JF-B009", f"KeyError: {shown(name)}")
    change(tracer, value)
    del value.items[name]


def change(tracer: Tracer, value: DictValue, resizes: bool = True) -> None:
    """Call before changing the items of a dict, or (without `resizes`) the value of one."""
    if value.owner is not None:
        raise refuse_mutation(f"the dictionary of a {value.owner.cls.__name__}")
    if resizes:
        will_resize(tracer, value)
    else:
        will_change(tracer, value)


def update(
    tracer: Tracer, value: DictValue, other: PyValue | None = None, **keywords: PyValue
) -> PyValue:
    """``value.update(other, **keywords)``."""
    pairs = [] if other is None else pairs_of(tracer, other)
    pairs += [(ConstantValue(name), item) for name, item in keywords.items()]
    names = [key_of(tracer, key) for key, _ in pairs]
    if value.owner is not None:
        for key, item in pairs:
            set_item(tracer, value, key, item)
        return NONE
    change(tracer, value, resizes=not value.items.keys() >= set(names))
    for name, (key, item) in zip(names, pairs, strict=True):
        known = value.items.get(name)
        value.items[name] = (key if known is None else known[0], item)
    return NONE


def pairs_of(tracer: Tracer, other: PyValue) -> list[tuple[PyValue, PyValue]]:
    """Keys and values of a mapping, or of an iterable of pairs."""
    other = resolve(tracer, other)
    if isinstance(other, DictValue):
        return list(other.items.values())
    pairs = []
    for pair in items_of(tracer, other):
        parts = items_of(tracer, pair)
        if len(parts) != 2:
            raise Unsupported("JF-B009", "ValueError: a dict takes pairs")
        pairs.append((resolve(tracer, parts[0]), parts[1]))
    return pairs


def from_pairs(
    tracer: Tracer, pairs: list[tuple[PyValue, PyValue]], kind: type = dict
) -> DictValue:
    """A new dict; a repeated key keeps its first place and its last value."""
    items: dict[Any, tuple[PyValue, PyValue]] = {}
    for key, item in pairs:
        name = key_of(tracer, key)
        known = items.get(name)
        items[name] = (resolve(tracer, key) if known is None else known[0], item)
    return DictValue(items, kind=kind)


def merge_keywords(tracer: Tracer, value: DictValue, other: PyValue) -> None:
    """DICT_MERGE: as update, but a repeated key raises TypeError."""
    pairs = pairs_of(tracer, other)
    for key, _ in pairs:
        if key_of(tracer, key) in value.items:
            raise Unsupported("JF-B009", "TypeError: multiple values for a keyword argument")
    update(tracer, value, other)


def _get(tracer: Tracer, value: DictValue, key: PyValue, default: PyValue = NONE) -> PyValue:
    if hashing.uses(tracer, value, key):
        item: PyValue = hashing.get_or(tracer, value, key, default)
        return item
    if hashing.is_absent(tracer, value, key):
        return default
    found = value.items.get(key_of(tracer, key, value.items))
    return default if found is None else found[1]


def _view(part: str) -> Callable[..., PyValue]:
    def method(tracer: Tracer, value: DictValue) -> PyValue:
        return DictViewValue(value, part)

    return method


def _pop(tracer: Tracer, value: DictValue, key: PyValue, default: PyValue | None = None) -> PyValue:
    name = key_of(tracer, key)
    if name not in value.items:
        if default is None:
            raise Unsupported("JF-B009", f"KeyError: {shown(name)}")
        return default
    change(tracer, value)
    taken: PyValue = value.items.pop(name)[1]
    return taken


def _pop_item(tracer: Tracer, value: DictValue, last: PyValue | None = None) -> PyValue:
    if not value.items:
        raise Unsupported("JF-B009", "KeyError: popitem(): dictionary is empty")
    first = isinstance(last, ConstantValue) and not last.value
    name = next(iter(value.items)) if first else next(reversed(value.items))
    change(tracer, value)
    key, item = value.items.pop(name)
    return SequenceValue(tuple, [key, item])


def _set_default(
    tracer: Tracer, value: DictValue, key: PyValue, default: PyValue = NONE
) -> PyValue:
    if hashing.uses(tracer, value, key, default):
        found: PyValue = hashing.get_or(tracer, value, key, default)
        set_item(tracer, value, key, found)
        return found
    is_absent = hashing.is_absent(tracer, value, key)
    name = None if is_absent else key_of(tracer, key)
    if not is_absent and name in value.items:
        there: PyValue = value.items[name][1]
        return there
    set_item(tracer, value, key, default)
    return default


def copy(tracer: Tracer, value: DictValue) -> PyValue:
    """``value.copy()``: the same kind."""
    return DictValue(dict(value.items), None, value.kind, value.default_factory)


def _clear(tracer: Tracer, value: DictValue) -> PyValue:
    change(tracer, value)
    value.items.clear()
    return NONE


def _move_to_end(
    tracer: Tracer, value: DictValue, key: PyValue, last: PyValue | None = None
) -> PyValue:
    name = key_of(tracer, key)
    if value.kind is not OrderedDict or name not in value.items:
        raise Unsupported("JF-B009", f"KeyError: {shown(name)}")
    change(tracer, value)
    pair = value.items.pop(name)
    if isinstance(last, ConstantValue) and not last.value:
        value.items = {name: pair, **value.items}
    else:
        value.items[name] = pair
    return NONE


METHODS: dict[str, Callable[..., PyValue]] = {
    "get": _get,
    "keys": _view("keys"),
    "values": _view("values"),
    "items": _view("items"),
    "pop": _pop,
    "popitem": _pop_item,
    "setdefault": _set_default,
    "update": update,
    "copy": copy,
    "clear": _clear,
    "move_to_end": _move_to_end,
}

"""Weak references: made, and followed where the object that they lead to is surely alive.

Python drops an object with its last reference. The tracer does not count references; it follows
what the frames hold. An object that is found there is alive; so is one from outside, as long as
nothing that the piece let go of leads to it. Else Python decides: the call is a break.

What a weak reference leads to leaves the piece only where something else takes it along.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import MISSING
from jitflow.guards.sources import ReferentSource
from jitflow.tracer import recipes as r
from jitflow.tracer.objects.model import (
    CellValue,
    ClassDictionaryValue,
    DictValue,
    InstanceValue,
    LazyValue,
    NamespaceValue,
    WeakReferenceValue,
)
from jitflow.tracer.objects.plain import is_constant
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve, settled
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue

_MAX_OBJECTS = 2000
"""How far what the piece let go of is followed."""
_OUTSIDE = frozenset({"source", "real", "tracer", "globals", "code", "value", "cls", "referent"})
_LEADS_NOWHERE = (
    np.ndarray,
    np.generic,
    np.dtype,
    weakref.ref,
    float,
    complex,
    types.FunctionType,
    types.ModuleType,
    types.BuiltinFunctionType,
)


def make(tracer: Tracer, target: PyValue, callback: PyValue | None = None) -> PyValue:
    """``weakref.ref(target)``."""
    target = resolve(tracer, target)
    callback = None if callback is None else resolve(tracer, callback)
    has_callback = not (callback is None or getattr(callback, "value", target) is None)
    if has_callback or not _can_be_referred(target):
        raise Unsupported("JF-B003", f"weakref.ref of a {target.python_type.__name__}")
    return tracer.context.objects.referring.setdefault(id(target), WeakReferenceValue(target))


def _can_be_referred(target: PyValue) -> bool:
    if isinstance(target, InstanceValue):
        return bool(target.cls.__weakrefoffset__) and not hasattr(target.cls, "__del__")
    return isinstance(target, ArrayValue) and target.source is not None


def follow(tracer: Tracer, value: WeakReferenceValue) -> PyValue:
    """``reference()``."""
    if value.referent is None:
        assert value.source is not None
        value.referent = LazyValue(value.real(), ReferentSource(value.source))
    referent = resolve(tracer, value.referent)
    if isinstance(referent, ConstantValue) and referent.value is None:
        return referent
    if not isinstance(referent, InstanceValue) or not _is_alive(tracer, referent):
        raise Unsupported("JF-B003", f"a weak reference to a {referent.python_type.__name__}")
    return referent


def settle(tracer: Tracer) -> None:
    """Let references that leave the piece lead to what leaves it, too; the others are dead."""
    recipes = tracer.context.objects.recipes
    for made, referent in tracer.context.objects.references:
        if referent.source is not None:
            made.referent = r.FromSource(referent.source)
        else:
            made.referent = recipes.get(id(referent))


# What is alive


def _is_alive(tracer: Tracer, referent: InstanceValue) -> bool:
    lost = list(_lost(tracer))
    if referent.source is not None and not _lead_to(lost, referent.real):
        return True
    table = tracer.context.objects
    reals = {id(value): key for key, value in table.by_id.items()}
    owners = [
        value
        for value in table.changed.values()
        if not (lost and _lead_to(lost, None, reals.get(id(value))))
    ]
    return _is_held([tracer.held(), owners], referent)


def _is_held(roots: list[Any], wanted: PyValue) -> bool:
    """Whether values in `roots` lead to `wanted` by references that keep it alive."""
    seen: set[int] = set()
    work = roots
    while work:
        item = work.pop()
        if item is wanted:
            return True
        if isinstance(item, list | tuple):
            work.extend(item)
        elif isinstance(item, dict):
            work.extend(item.values())
        elif id(item) not in seen and (isinstance(item, PyValue) or hasattr(item, "frame")):
            seen.add(id(item))
            work += [part for name, part in vars(item).items() if name not in _OUTSIDE]
        elif id(item) not in seen and hasattr(item, "slots"):  # a generator's frame
            seen.add(id(item))
            work += [item.slots, item.stack, item.closure]
    return False


def _lost(tracer: Tracer) -> Iterable[Any]:
    """Objects that were there before and that the piece has replaced where they stood."""
    table = tracer.context.objects
    for value in table.changed.values():
        for old, new in _RULES.get(type(value), _nothing)(tracer, value):
            is_same = getattr(new, "real", MISSING) is old
            if is_same or is_constant(old) or isinstance(old, _LEADS_NOWHERE):
                continue
            known = table.by_id.get(id(old))
            if known is None or not _is_held([tracer.held()], known):
                yield old


def _lead_to(objects: list[Any], wanted: Any, identity: int | None = None) -> bool:
    """Whether real objects lead to another one; also where there are too many to tell."""
    identity = id(wanted) if identity is None else identity
    seen: set[int] = set()
    work = objects[:]
    while work:
        item = work.pop()
        if id(item) == identity or len(seen) > _MAX_OBJECTS:
            return True
        if id(item) in seen or is_constant(item) or isinstance(item, _LEADS_NOWHERE):
            continue
        seen.add(id(item))
        if isinstance(item, list | tuple | set | frozenset):
            work.extend(item)
        elif isinstance(item, dict):
            work.extend((*item.keys(), *item.values()))
        elif hasattr(item, "__dict__"):
            work.extend(vars(item).values())
        else:
            return True
    return False


def _nothing(tracer: Tracer, value: Any) -> Iterable[tuple[Any, Any]]:
    return ()


def _attributes(tracer: Tracer, value: InstanceValue) -> Iterable[tuple[Any, Any]]:
    for name in value.written:
        if hasattr(value.real, "__dict__"):
            old = vars(value.real).get(name)
        else:
            old = getattr(value.real, name, None)
        yield old, settled(value.attributes.get(name))


def _items(tracer: Tracer, value: SequenceValue | DictValue) -> Iterable[tuple[Any, Any]]:
    before = tracer.context.objects.originals.get(id(value), ())
    new: list[Any] = value.fixed if isinstance(value, SequenceValue) else list(value.items.values())
    kept = {id(item[1] if isinstance(item, tuple) else item) for item in new}
    for item in before.values() if isinstance(before, dict) else before:
        old = item[1] if isinstance(item, tuple) else item
        if id(old) not in kept and isinstance(old, LazyValue):
            yield old.real, None


def _names(tracer: Tracer, value: NamespaceValue) -> Iterable[tuple[Any, Any]]:
    return [(value.real.get(name), settled(value.items[name])) for name in value.written]


def _class(tracer: Tracer, value: ClassDictionaryValue) -> Iterable[tuple[Any, Any]]:
    before = value.originals
    return [(getattr(before.get(n), "real", None), settled(value.items[n])) for n in value.written]


def _cell(tracer: Tracer, value: CellValue) -> Iterable[tuple[Any, Any]]:
    for owner, fields in tracer.context.objects.journal:
        if owner is value:
            yield getattr(fields["contents"], "real", None), settled(value.contents)
            return


_RULES: dict[type, Callable[[Tracer, Any], Iterable[tuple[Any, Any]]]] = {
    InstanceValue: _attributes,
    SequenceValue: _items,
    DictValue: _items,
    NamespaceValue: _names,
    ClassDictionaryValue: _class,
    CellValue: _cell,
}

"""What outlives the piece: changed objects as effects, and the guards that keep them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.guards.predicates import Distinct, NotSame, SameObject
from jitflow.guards.sources import Source
from jitflow.tracer import arrays
from jitflow.tracer import recipes as r
from jitflow.tracer.objects.class_dictionaries import is_same
from jitflow.tracer.objects.classes import is_hidden
from jitflow.tracer.objects.materialise import dict_items, fill_cells, recipe_of
from jitflow.tracer.objects.model import (
    CellValue,
    ClassDictionaryValue,
    DictValue,
    FunctionValue,
    GrownDictValue,
    GrownListValue,
    InstanceValue,
    NamespaceValue,
    SetValue,
)
from jitflow.tracer.objects.plain import overrides
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.values import (
    NumbersValue,
    PyValue,
    SequenceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer import list_recipes, list_rows
    from jitflow.tracer.objects import number_tables, weak_references
else:
    number_tables = LazyModule("jitflow.tracer.objects.number_tables")
    weak_references = LazyModule("jitflow.tracer.objects.weak_references")
    list_recipes = LazyModule("jitflow.tracer.list_recipes")
    list_rows = LazyModule("jitflow.tracer.list_rows")


def effects(tracer: Tracer) -> tuple[r.Effect, ...]:
    """The effects of the piece on objects, in order of their first change."""
    table = tracer.context.objects
    found: list[r.Effect] = []
    for value in list(table.changed.values()):
        found += _RULES[type(value)](tracer, value)
        _keep_apart(tracer, value)
    _keep_keys_apart(tracer)
    for function, arguments in table.calls:
        recipes = tuple(recipe_of(tracer, argument) for argument in arguments)
        found.append(r.CallEffect(function, recipes))
    fill_cells(tracer)
    if table.references:
        weak_references.settle(tracer)
    return (*table.pending, *found)


def _keep_keys_apart(tracer: Tracer) -> None:
    """Rely on objects that containers told apart by identity being the same ones and no others."""
    by_type: dict[type, list[Source]] = {}
    for real, found in tracer.context.objects.identified.values():
        first, *others = found
        for other in others:
            tracer.context.guard(SameObject(other, first))
        by_type.setdefault(type(real), []).append(first)
    for first, *others in by_type.values():
        if others:
            tracer.context.guard(Distinct(first, tuple(others)))


def _keep_apart(tracer: Tracer, value: PyValue) -> None:
    """Rely on a changed object being none of the others of its type that the piece looked at."""
    if isinstance(value, NamespaceValue | ClassDictionaryValue | FunctionValue):
        return
    assert value.source is not None
    if isinstance(value, GrownListValue):
        _keep_list_apart(tracer, value)
        return
    if isinstance(value, GrownDictValue):
        later = [v for v in tracer.context.objects.stored.values() if id(v) > id(value)]
        _keep_others_apart(tracer, value, later)
        return
    for other in tracer.context.objects.by_id.values():
        if other is value or other.source is None:
            continue
        is_alike = type(other) is type(value) or value.python_type is list
        is_alike = is_alike and other.python_type is value.python_type
        if is_alike and _first(value, other):
            tracer.context.guard(NotSame(value.source, other.source))
        if value.python_type is other.python_type is list:
            number_tables.keep_apart(tracer, value, other)


def _keep_list_apart(tracer: Tracer, value: GrownListValue) -> None:
    """Rely on a list that grew being none of the others that the piece looked at, or that grew."""
    table, source = tracer.context.objects, value.source
    lists = [v for v in table.by_id.values() if v.python_type is list]
    later = [v for v in table.grown.values() if id(v) > id(value)]
    for other in (*lists, *later):
        if other.source is not None and other.source != source:
            tracer.context.guard(NotSame(source, other.source))
            number_tables.keep_apart(tracer, value, other)


def _keep_others_apart(tracer: Tracer, value: GrownDictValue, others: list[GrownDictValue]) -> None:
    """Rely on a dict in which items were stored being none of those that were looked at either."""
    known = tracer.context.objects.by_id.values()
    seen = [other for other in known if other.python_type is dict]
    for other in (*seen, *others):
        if other.source is not None and other.source != value.source:
            tracer.context.guard(NotSame(value.source, other.source))


def _first(value: PyValue, other: Any) -> bool:
    """Whether this order of a pair is the one that is guarded: once if both were changed."""
    return not getattr(other, "changed", False) or id(value) < id(other)


def _sequence(tracer: Tracer, value: SequenceValue) -> list[r.Effect]:
    target = recipe_of(tracer, value)
    before = tracer.context.objects.originals[id(value)]
    if value.rows is not None and list_rows.is_table(value.rows):
        made = list_recipes.recipe_of(tracer, value, [])
        order = list_recipes.order_of(tracer, value.rows)
        return [r.CallEffect(list_recipes.write_table, (target, made, order))]
    if value.rows is not None and value.rows.stack.is_set:
        return [r.ReplaceItems(target, list_recipes.recipe_of(tracer, value, []))]
    if value.rows is not None:
        new = value.fixed[len(before) :]
        if any(settled(a) is not settled(b) for a, b in zip(before, value.fixed, strict=False)):
            raise Unsupported("JF-B006", "a list that grows and changes")
        made = list_recipes.recipe_of(tracer, value, [recipe_of(tracer, item) for item in new])
        return [r.CallEffect(list.extend, (target, made))]
    if len(before) == len(value.items):
        return [
            r.SetItem(target, r.Constant(index), recipe_of(tracer, new))
            for index, (old, new) in enumerate(zip(before, value.items, strict=True))
            if settled(old) is not settled(new)
        ]
    items = tuple(recipe_of(tracer, item) for item in value.items)
    return [r.ReplaceItems(target, r.BuildSequence(list, items))]


def _grown(tracer: Tracer, value: GrownListValue) -> list[r.Effect]:
    target = r.FromSource(value.source)
    items = [recipe_of(tracer, item) for item in value.fixed]
    if value.rows is not None:
        return [r.CallEffect(list.extend, (target, list_recipes.recipe_of(tracer, value, items)))]
    return [r.CallEffect(list.append, (target, item)) for item in items]


def _numbers(tracer: Tracer, value: NumbersValue) -> list[r.Effect]:
    target = recipe_of(tracer, value)
    if value.is_set:
        array = recipe_of(tracer, arrays.fresh(tracer.context, value.contents))
        return [r.ReplaceItems(target, r.BuildCall(np.ndarray.tolist, (array,)))]
    items = [recipe_of(tracer, item) for item in value.appended]
    return [r.CallEffect(list.append, (target, item)) for item in items]


def _dict(tracer: Tracer, value: DictValue) -> list[r.Effect]:
    target = recipe_of(tracer, value)
    before = tracer.context.objects.originals[id(value)]
    if value.hashed is not None:
        items = dict_items(tracer, value)
        if list(value.hashed.first)[: len(before)] == list(before):
            return [r.CallEffect(dict.update, (target, items))]
        return [r.ReplaceItems(target, items)]
    kept = [key for key in before if key in value.items]
    if list(value.items)[: len(kept)] != kept or any(
        before[key][0] is not value.items[key][0] for key in kept
    ):
        return [r.ReplaceItems(target, dict_items(tracer, value))]
    found: list[r.Effect] = [
        r.DeleteItem(target, recipe_of(tracer, before[key][0]))
        for key in before
        if key not in value.items
    ]
    for name, (key, item) in value.items.items():
        if name not in before or settled(before[name][1]) is not settled(item):
            found.append(r.SetItem(target, recipe_of(tracer, key), recipe_of(tracer, item)))
    return found


def _stored(tracer: Tracer, value: GrownDictValue) -> list[r.Effect]:
    target = r.FromSource(value.source)
    return [
        r.SetItem(target, recipe_of(tracer, key), recipe_of(tracer, item))
        for key, item in value.stored
    ]


def _set(tracer: Tracer, value: SetValue) -> list[r.Effect]:
    target = recipe_of(tracer, value)
    found: list[r.Effect] = []
    for method, arguments in value.log:  # its order depends on what was in it before
        for item in arguments:
            if isinstance(item, SetValue) and item.changed and item is not value:
                raise Unsupported("JF-B014", "a set that changes by one that has changed")
        recipes = (target, *(recipe_of(tracer, item) for item in arguments))
        found.append(r.CallEffect(method, recipes))
    if value.hashed is not None:  # those that are there already change nothing
        known = recipe_of(tracer, value.hashed.keys)
        found.append(r.CallEffect(set.update, (target, known)))
    return found


def _instance(tracer: Tracer, value: InstanceValue) -> list[r.Effect]:
    target = recipe_of(tracer, value)
    is_plain = not overrides(value.cls, "__setattr__")
    found: list[r.Effect] = []
    for name in value.written:
        if name in value.deleted:
            if hasattr(value.real, name):
                found.append(r.DeleteAttribute(target, name))
            continue
        new = recipe_of(tracer, value.attributes[name])
        is_in_dictionary = is_hidden(value.cls, name)
        if is_plain or is_in_dictionary:
            found.append(r.SetAttribute(target, name, new, is_in_dictionary))
        else:
            found.append(r.CallEffect(object.__setattr__, (target, r.Constant(name), new)))
    return found


def _function(tracer: Tracer, value: FunctionValue) -> list[r.Effect]:
    target = recipe_of(tracer, value)
    attributes = value.attributes.items()
    return [r.SetAttribute(target, name, recipe_of(tracer, item)) for name, item in attributes]


def _namespace(tracer: Tracer, value: NamespaceValue) -> list[r.Effect]:
    found: list[r.Effect] = []
    for name in value.written:
        item = value.items[name]
        if item is not None:
            found.append(r.SetGlobal(value.real, name, recipe_of(tracer, item)))
        elif name in value.real:
            found.append(r.SetGlobal(value.real, name, None))
    return found


def _class(tracer: Tracer, value: ClassDictionaryValue) -> list[r.Effect]:
    return [
        r.SetAttribute(r.Constant(value.real), name, recipe_of(tracer, value.items[name]))
        for name in value.written
        if not is_same(value.items[name], value.originals.get(name))
    ]


def _cell(tracer: Tracer, value: CellValue) -> list[r.Effect]:
    contents = None if value.contents is None else recipe_of(tracer, value.contents)
    return [r.SetCell(recipe_of(tracer, value), contents)]


_RULES: dict[type, Callable[[Tracer, Any], list[r.Effect]]] = {
    SequenceValue: _sequence,
    DictValue: _dict,
    SetValue: _set,
    GrownListValue: _grown,
    GrownDictValue: _stored,
    NumbersValue: _numbers,
    InstanceValue: _instance,
    NamespaceValue: _namespace,
    FunctionValue: _function,
    ClassDictionaryValue: _class,
    CellValue: _cell,
}

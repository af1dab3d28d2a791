"""Recipes: how values are made when the piece ends. One value has one recipe, so one object."""

from __future__ import annotations

import functools
import operator
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.dtypes import BOOL
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import arrays
from jitflow.tracer import recipes as r
from jitflow.tracer.objects.classes import is_hidden
from jitflow.tracer.objects.either import as_python
from jitflow.tracer.objects.materialise_iterators import recipe_of_iterator
from jitflow.tracer.objects.model import (
    ArrayMethodValue,
    BuiltinMethodValue,
    CellValue,
    DequeValue,
    DictValue,
    DictViewValue,
    FunctionValue,
    IdentityValue,
    InstanceValue,
    IteratorValue,
    LazyValue,
    MethodValue,
    ObjectCallValue,
    OpaqueValue,
    PartialValue,
    RangeValue,
    SetValue,
    SuperValue,
    WeakReferenceValue,
)
from jitflow.tracer.objects.number_values import integer
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.values import (
    ArrayValue,
    CompanionValue,
    ConstantValue,
    EitherValue,
    IntOrFloatValue,
    NumbersValue,
    PerhapsNone,
    PerhapsUnbound,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
    Storage,
)

if TYPE_CHECKING:
    from jitflow.tracer import list_columns, list_recipes, list_rows
    from jitflow.tracer.objects import int_or_float
else:
    int_or_float = LazyModule("jitflow.tracer.objects.int_or_float")
    list_columns = LazyModule("jitflow.tracer.list_columns")
    list_recipes = LazyModule("jitflow.tracer.list_recipes")
    list_rows = LazyModule("jitflow.tracer.list_rows")

_BUSY = r.Recipe()
"""Stands for a recipe that is being worked out: meeting it means a cycle."""


class Cycle(Unsupported):
    """A value that contains itself: only a cell can be filled later."""


def recipe_of(tracer: Tracer, value: PyValue) -> r.Recipe:
    """How `value` is made at the exit; adds graph outputs as needed.

    Raises
    ------
    Unsupported
        JF-B014 for lists and dicts that contain themselves, JF-B012 for a generator under way.
    """
    if type(value) is LazyValue:
        return r.FromSource(value.source)
    table = tracer.context.objects
    known = table.recipes.get(id(value))
    if known is _BUSY:
        raise Cycle("JF-B014", f"a {value.python_type.__name__} that contains itself")
    if known is not None:
        if id(known) in table.filling:
            table.filling[id(known)] = True
        return known
    table.recipes[id(value)] = _BUSY
    table.keep.append(value)
    try:
        made = _make(tracer, value)
    except BaseException:
        del table.recipes[id(value)]
        raise
    table.recipes[id(value)] = made
    return made


def output(tracer: Tracer, value: Value, box: str) -> int:
    """The number of the graph output that gives the number `value` to Python as `box`."""
    table = tracer.context.objects
    index = table.output_index.get((id(value), box))
    if index is None:
        index = table.output_index[id(value), box] = _new_output(tracer, value)
    return index


def _new_output(tracer: Tracer, value: Value) -> int:
    """An output of its own: arrays with the same contents, as of ``x.copy()``, are two objects."""
    outputs = tracer.context.objects.outputs
    outputs.append(value)
    return len(outputs) - 1


def _make(tracer: Tracer, value: PyValue) -> r.Recipe:
    if isinstance(value, ConstantValue):
        if value.source is not None and type(value.value) in (str, bytes):
            return r.FromSource(value.source)
        return r.Constant(value.value)
    if value.source is not None:
        return r.FromSource(value.source)
    rule = _RULES.get(type(value))
    if rule is None:
        raise Unsupported("JF-B014", f"{value.python_type.__name__} cannot leave the piece")
    return rule(tracer, value)


def _scalar(tracer: Tracer, value: ScalarValue) -> r.Recipe:
    number = tracer.context.scalar_graph_value(value)
    if value.is_another:
        return r.FromGraph(_new_output(tracer, number), value.box)
    return r.FromGraph(output(tracer, number, value.box), value.box)


def _numbers(tracer: Tracer, value: NumbersValue) -> r.Recipe:
    array = recipe_of(tracer, arrays.fresh(tracer.context, value.contents))
    return r.BuildCall(np.ndarray.tolist, (array,))


def _either(tracer: Tracer, value: EitherValue) -> r.Recipe:
    python = as_python(tracer.context, value)
    sides = (value.as_numpy, python, ScalarValue("bool", BOOL, value.is_numpy))
    numpy, number, condition = (recipe_of(tracer, side) for side in sides)
    return r.Choose(condition, numpy, number)


def _int_or_float(tracer: Tracer, value: IntOrFloatValue) -> r.Recipe:
    condition, number, whole = int_or_float.sides(tracer.context, value)
    recipes = [recipe_of(tracer, side) for side in (condition, number, whole)]
    return r.Choose(*recipes)


def _or_none(tracer: Tracer, value: PerhapsNone) -> r.Recipe:
    condition = ScalarValue("bool", BOOL, value.is_there)
    sides = (condition, value.value, ConstantValue(None))
    return r.Choose(*(recipe_of(tracer, side) for side in sides))


def _perhaps(tracer: Tracer, value: PerhapsUnbound) -> r.Recipe:
    raise Unsupported("JF-B005", "a variable has no value in one branch")


def _array(tracer: Tracer, value: ArrayValue) -> r.Recipe:
    if value.base is not None and value.view_call is not None:
        method, arguments = value.view_call
        base = recipe_of(tracer, value.base)
        return r.ViewOf(base, method, tuple(argument(tracer, item) for item in arguments))
    if value.views:
        raise Unsupported("JF-B014", "an array view without its base")
    return _owner(tracer, value.storage)


def _owner(tracer: Tracer, storage: Storage) -> r.Recipe:
    """The array that owns a storage; several values of one storage are one object."""
    table = tracer.context.objects
    known = table.recipes.get(id(storage))
    if known is None:
        if storage.uncertain and storage.older is None:
            _check_sharer(tracer, storage)
        if any(table.tied.setdefault(tie, storage) is not storage for tie in storage.ties):
            raise Unsupported("JF-B006", "two arrays that may be one leave the piece")
        if storage.source is not None:
            known = r.FromSource(storage.source)
        else:
            known = r.FromGraph(_new_output(tracer, storage.version), "array", storage.order)
        for other, flag in storage.older or ():
            condition = recipe_of(tracer, ScalarValue("bool", BOOL, flag))
            known = r.Choose(condition, _owner(tracer, other), known)
        table.recipes[id(storage)] = known
        table.keep.append(storage)
    return known


def _check_sharer(tracer: Tracer, storage: Storage) -> None:
    """Decline to hand out an array that may be another one, unless none but this leaves."""
    table, owner = tracer.context.objects, storage.sharer
    if owner is not None and list_columns.is_last(tracer, owner, storage):
        return
    is_alone = owner is not None and owner.source is None and id(owner) not in table.recipes
    if not is_alone or table.alone.get(id(owner), storage) is not storage:
        raise Unsupported("JF-B006", f"{storage.uncertain} leaves the piece")
    table.alone[id(owner)] = storage


def argument(tracer: Tracer, item: Any) -> Any:
    """An argument of a view call: values become recipes, tuples and slices of them likewise."""
    if isinstance(item, PyValue):
        return recipe_of(tracer, item)
    if type(item) is tuple:
        return tuple(argument(tracer, part) for part in item)
    return item


def _sequence(tracer: Tracer, value: SequenceValue) -> r.Recipe:
    if value.host is not None:
        held = value.host.own_rows
        is_moved = held is None or held.stack.is_ordered
        if is_moved or not list_rows.is_visible(tracer, value.position):
            raise Unsupported("JF-B006", "an item of a list of lists leaves the piece")
        position = integer(tracer.context, value.position)
        parts = (recipe_of(tracer, value.host), recipe_of(tracer, position))
        return r.BuildCall(operator.getitem, parts)
    if value.lender is not None:
        if not list_rows.is_visible(tracer, value.position):
            raise Unsupported("JF-B006", "an item of a list of lists leaves the piece")
        place = recipe_of(tracer, integer(tracer.context, value.position))
        return r.BuildCall(operator.getitem, (recipe_of(tracer, value.lender), place))
    rows = value.rows
    if rows is not None and list_rows.is_table(rows):
        return list_recipes.recipe_of(tracer, value, [])
    items = [recipe_of(tracer, item) for item in value.fixed]
    if rows is not None:
        alone = tracer.context.objects.alone.get(id(value))
        if alone is not None:
            raise Unsupported("JF-B006", "a list leaves the piece, and an array in it")
        return list_recipes.recipe_of(tracer, value, items)
    if value.kind in (list, tuple):
        return r.BuildSequence(value.kind, tuple(items))
    make = value.kind._make  # type: ignore[attr-defined]
    return r.BuildCall(make, (r.BuildSequence(tuple, tuple(items)),))


def _deque(tracer: Tracer, value: DequeValue) -> r.Recipe:
    return r.BuildCall(deque, (recipe_of(tracer, value.held), r.Constant(value.maxlen)))


def dict_items(tracer: Tracer, value: DictValue) -> r.Recipe:
    """The items of a dict as a plain dict."""
    if value.hashed is not None:
        assert value.hashed.values is not None
        parts = (value.hashed.keys, value.hashed.values)
        pairs = r.BuildCall(zip, tuple(recipe_of(tracer, part) for part in parts))
        return r.BuildCall(dict, (pairs,))
    return r.BuildDict(
        tuple(
            (recipe_of(tracer, key), recipe_of(tracer, item)) for key, item in value.items.values()
        )
    )


def _dict(tracer: Tracer, value: DictValue) -> r.Recipe:
    if value.is_lent:
        raise Unsupported("JF-B006", "a dict in a list that grows leaves the piece")
    if value.owner is not None:
        return r.BuildCall(vars, (recipe_of(tracer, value.owner),))
    items = dict_items(tracer, value)
    if value.kind is OrderedDict:
        return r.BuildCall(OrderedDict, (items,))
    if value.kind is defaultdict:
        factory = value.default_factory or ConstantValue(None)
        return r.BuildCall(defaultdict, (recipe_of(tracer, factory), items))
    return items


def _dict_view(tracer: Tracer, value: DictViewValue) -> r.Recipe:
    method = getattr(value.mapping.kind, value.part)
    return r.BuildCall(method, (recipe_of(tracer, value.mapping),))


def _set(tracer: Tracer, value: SetValue) -> r.Recipe:
    if value.hashed is not None:
        return r.BuildCall(set, (recipe_of(tracer, value.hashed.keys),))
    return r.BuildSequence(value.kind, tuple(recipe_of(tracer, v) for v in value.items.values()))


def _range(tracer: Tracer, value: RangeValue) -> r.Recipe:
    parts = (value.start, value.stop, value.step)
    return r.BuildCall(range, tuple(recipe_of(tracer, part) for part in parts))


def _slice(tracer: Tracer, value: SliceValue) -> r.Recipe:
    start, stop, step = (recipe_of(tracer, v) for v in (value.start, value.stop, value.step))
    return r.BuildSlice(start, stop, step)


def _cell(tracer: Tracer, value: CellValue) -> r.Recipe:
    """A new cell; filled by an effect where a function refers to itself through it."""
    table = tracer.context.objects
    made = r.BuildCell(None)
    table.recipes[id(value)] = made
    if value.contents is None:
        return made
    table.filling[id(made)] = False
    try:
        contents = recipe_of(tracer, value.contents)
        if table.filling[id(made)]:
            table.pending.append(r.SetCell(made, contents))
        else:
            made.contents = contents
    except Cycle:
        table.unfilled.append((made, value.contents))
    finally:
        del table.filling[id(made)]
    return made


def fill_cells(tracer: Tracer) -> None:
    """Turn the cells that wait for their contents into effects; when no recipe is under way."""
    table = tracer.context.objects
    while table.unfilled:
        cell, contents = table.unfilled.pop()
        table.pending.append(r.SetCell(cell, recipe_of(tracer, contents)))


def _function(tracer: Tracer, value: FunctionValue) -> r.Recipe:
    if value.real is not None:
        return r.Constant(value.real)
    defaults = tuple(recipe_of(tracer, item) for item in value.defaults)
    named = {name: recipe_of(tracer, item) for name, item in value.keyword_defaults.items()}
    annotations = None if value.annotations is None else _annotations(tracer, value.annotations)
    made = r.BuildFunction(
        value.code,
        value.globals,
        value.name,
        value.qualname,
        defaults or None,
        named or None,
        tuple(recipe_of(tracer, cell) for cell in value.closure),
        annotations,
    )
    pending = tracer.context.objects.pending
    for name, item in value.attributes.items():
        pending.append(r.SetAttribute(made, name, recipe_of(tracer, item)))
    return made


def _annotations(tracer: Tracer, value: PyValue) -> r.Recipe:
    """A dict of annotations; the bytecode gives a flat tuple of names and values."""
    if isinstance(value, SequenceValue):
        recipes = [recipe_of(tracer, item) for item in value.items]
        return r.BuildDict(tuple(zip(recipes[::2], recipes[1::2], strict=True)))
    return recipe_of(tracer, value)


def _method(tracer: Tracer, value: MethodValue) -> r.Recipe:
    parts = (recipe_of(tracer, value.function), recipe_of(tracer, value.receiver))
    return r.BuildCall(types.MethodType, parts)


def _builtin_method(tracer: Tracer, value: BuiltinMethodValue | ArrayMethodValue) -> r.Recipe:
    return r.BuildCall(getattr, (recipe_of(tracer, value.receiver), r.Constant(value.name)))


def _partial(tracer: Tracer, value: PartialValue) -> r.Recipe:
    parts = (value.function, *value.arguments)
    named = {name: recipe_of(tracer, item) for name, item in value.keywords.items()}
    recipes = tuple(recipe_of(tracer, part) for part in parts)
    return r.BuildCall(functools.partial, recipes, named)


def _instance(tracer: Tracer, value: InstanceValue) -> r.Recipe:
    if value.cls is types.SimpleNamespace:
        fields = {name: recipe_of(tracer, item) for name, item in value.attributes.items()}
        return r.BuildCall(types.SimpleNamespace, (), fields)
    made = r.BuildObject(value.cls)
    tracer.context.objects.recipes[id(value)] = made
    for name, item in value.attributes.items():
        made.attributes[name] = recipe_of(tracer, item)
        if is_hidden(value.cls, name):
            made.hidden.add(name)
    return made


def _identity(tracer: Tracer, value: IdentityValue) -> r.Recipe:
    return r.BuildCall(id, (recipe_of(tracer, value.value),))


def _weak_reference(tracer: Tracer, value: WeakReferenceValue) -> r.Recipe:
    """Where it leads, `weak_references.settle` knows in the end."""
    assert value.referent is not None
    made = r.BuildReference()
    tracer.context.objects.references.append((made, value.referent))
    return made


def _super(tracer: Tracer, value: SuperValue) -> r.Recipe:
    return r.BuildCall(super, (r.Constant(value.cls), recipe_of(tracer, value.receiver)))


def _object_call(tracer: Tracer, value: ObjectCallValue) -> r.Recipe:
    recipes = tuple(recipe_of(tracer, item) for item in value.arguments)
    named = {name: recipe_of(tracer, item) for name, item in value.keywords.items()}
    return r.BuildCall(value.function, recipes, named)


def _iterator(tracer: Tracer, value: IteratorValue) -> r.Recipe:
    return recipe_of_iterator(functools.partial(recipe_of, tracer), value)


def _opaque(tracer: Tracer, value: OpaqueValue) -> r.Recipe:
    assert value.source is not None
    return r.FromSource(value.source)


def _companion(tracer: Tracer, value: CompanionValue) -> r.Recipe:
    return r.ViewOf(recipe_of(tracer, value.array), value.name, ())


_RULES: dict[type, Callable[[Tracer, Any], r.Recipe]] = {
    ScalarValue: _scalar,
    EitherValue: _either,
    IntOrFloatValue: _int_or_float,
    PerhapsNone: _or_none,
    PerhapsUnbound: _perhaps,
    ArrayValue: _array,
    SequenceValue: _sequence,
    NumbersValue: _numbers,
    DictValue: _dict,
    DictViewValue: _dict_view,
    SetValue: _set,
    DequeValue: _deque,
    RangeValue: _range,
    SliceValue: _slice,
    CellValue: _cell,
    FunctionValue: _function,
    MethodValue: _method,
    BuiltinMethodValue: _builtin_method,
    ArrayMethodValue: _builtin_method,
    PartialValue: _partial,
    InstanceValue: _instance,
    WeakReferenceValue: _weak_reference,
    SuperValue: _super,
    IdentityValue: _identity,
    ObjectCallValue: _object_call,
    IteratorValue: _iterator,
    OpaqueValue: _opaque,
    CompanionValue: _companion,
}

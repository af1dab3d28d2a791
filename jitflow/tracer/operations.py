"""What the interpreter calls: the operations of Python on symbolic values.

A thin facade over `tracer.objects` and `tracer.numpy`. Every function resolves lazy operands, gives
the value of the result, and raises `Unsupported` (with a break code) where it cannot. An operation
that raises leaves no effect: the interpreter may take `checkpoint` before an instruction and
`rollback` after a break, which undoes what nested calls did.
"""

from __future__ import annotations

from types import CodeType
from typing import Any

from jitflow.guards.sources import Source
from jitflow.ir.graph import Value
from jitflow.tracer.objects import (
    attributes,
    calls,
    comparison,
    dicts,
    displays,
    functions,
    iterators,
    materialise,
    modules,
    operators,
    sets,
    strings,
    write_back,
)
from jitflow.tracer.objects import effects as effects_module
from jitflow.tracer.objects import wrap as wrap_module
from jitflow.tracer.objects.model import FunctionValue
from jitflow.tracer.objects.protocol import CallRequest, Tracer
from jitflow.tracer.objects.table import Checkpoint
from jitflow.tracer.recipes import Effect, Recipe
from jitflow.tracer.values import PyValue, SequenceValue, SliceValue


def wrap(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    """The (lazy) value of a real object reached by `source`; adds no guard until it is used."""
    return wrap_module.wrap(tracer, obj, source)


def resolve(tracer: Tracer, value: PyValue) -> PyValue:
    """The value that a lazy one stands for, with its guards; any other value as it is."""
    return wrap_module.resolve(tracer, value)


def python_type(tracer: Tracer, value: PyValue) -> type:
    """The exact class of a value, guarded; does not guard the value itself."""
    return wrap_module.python_type(tracer, value)


def load_global(tracer: Tracer, namespace: dict[str, Any], name: str) -> PyValue:
    """A global name, else a builtin one; JF-B009 where neither has it."""
    return modules.load_global(tracer, namespace, name)


def store_global(tracer: Tracer, namespace: dict[str, Any], name: str, value: PyValue) -> None:
    """Set a global name."""
    modules.store_global(tracer, namespace, name, value)


def delete_global(tracer: Tracer, namespace: dict[str, Any], name: str) -> None:
    """Delete a global name."""
    modules.store_global(tracer, namespace, name, None)


def load_cell(tracer: Tracer, cell: PyValue) -> PyValue:
    """Contents of a closure cell; JF-B009 where it is empty."""
    return functions.load_cell(tracer, cell)


def store_cell(tracer: Tracer, cell: PyValue, value: PyValue | None) -> None:
    """Set the contents of a closure cell; None empties it."""
    functions.store_cell(tracer, cell, value)


def make_function(
    tracer: Tracer,
    code: CodeType,
    namespace: dict[str, Any],
    qualname: str,
    defaults: PyValue | None,
    keyword_defaults: PyValue | None,
    closure: PyValue | None,
    annotations: PyValue | None,
) -> PyValue:
    """MAKE_FUNCTION: `defaults` and `closure` are tuple values, `keyword_defaults` a dict value."""
    return functions.make_function(
        tracer,
        code,
        namespace,
        qualname,
        defaults,
        keyword_defaults,
        closure,
        annotations,
    )


def import_name(
    tracer: Tracer, namespace: dict[str, Any], name: str, names: PyValue, level: PyValue
) -> PyValue:
    """An ``import`` statement of a module that is loaded already."""
    return modules.import_name(tracer, namespace, name, names, level)


def import_from(tracer: Tracer, module: PyValue, name: str) -> PyValue:
    """``from module import name``."""
    return modules.import_from(tracer, module, name)


def get_attribute(tracer: Tracer, value: PyValue, name: str) -> PyValue:
    """``value.name``."""
    return attributes.get_attribute(tracer, value, name)


def set_attribute(tracer: Tracer, value: PyValue, name: str, new: PyValue) -> None:
    """``value.name = new``."""
    attributes.set_attribute(tracer, value, name, new)


def delete_attribute(tracer: Tracer, value: PyValue, name: str) -> None:
    """``del value.name``."""
    attributes.delete_attribute(tracer, value, name)


def get_super_attribute(tracer: Tracer, cls: PyValue, receiver: PyValue, name: str) -> PyValue:
    """``super(cls, receiver).name``."""
    return attributes.get_super_attribute(tracer, cls, receiver, name)


def get_special(tracer: Tracer, value: PyValue, name: str) -> PyValue:
    """A special method found on the class of `value` (``__enter__``), bound."""
    return attributes.get_special(tracer, value, name)


def get_item(tracer: Tracer, value: PyValue, key: PyValue) -> PyValue:
    """``value[key]``."""
    return operators.get_item(tracer, value, key)


def set_item(tracer: Tracer, value: PyValue, key: PyValue, new: PyValue) -> None:
    """``value[key] = new``."""
    operators.set_item(tracer, value, key, new)


def delete_item(tracer: Tracer, value: PyValue, key: PyValue) -> None:
    """``del value[key]``."""
    operators.delete_item(tracer, value, key)


def binary(
    tracer: Tracer, operator: str, left: PyValue, right: PyValue, in_place: bool = False
) -> PyValue:
    """``left operator right``; `operator` is the text, such as ``"+"`` or ``"@"``."""
    return operators.binary(tracer, operator, left, right, in_place)


def unary(tracer: Tracer, operator: str, value: PyValue) -> PyValue:
    """``-``, ``+``, ``~`` or ``not``."""
    return operators.unary(tracer, operator, value)


def compare(tracer: Tracer, operator: str, left: PyValue, right: PyValue) -> PyValue:
    """``left operator right`` for ``<  <=  ==  !=  >  >=``."""
    return comparison.compare(tracer, operator, left, right)


def contains(tracer: Tracer, container: PyValue, item: PyValue) -> PyValue:
    """``item in container``."""
    return comparison.contains(tracer, container, item)


def is_none(tracer: Tracer, value: PyValue) -> PyValue:
    """``value is None``."""
    return comparison.is_none(tracer, value)


def is_same(tracer: Tracer, left: PyValue, right: PyValue) -> bool:
    """``left is right``, guarded."""
    return comparison.is_same(tracer, left, right)


def truth(tracer: Tracer, value: PyValue) -> PyValue:
    """``bool(value)``: a constant, or a run-time bool (a `ScalarValue`)."""
    return comparison.truth(tracer, value)


def length(tracer: Tracer, value: PyValue) -> PyValue:
    """``len(value)``."""
    return comparison.length(tracer, value)


def unpack(tracer: Tracer, value: PyValue, count: int) -> list[PyValue]:
    """The items of ``a, b, c = value``; JF-B009 where their number is wrong."""
    return operators.unpack(tracer, value, count)


def unpack_starred(tracer: Tracer, value: PyValue, before: int, after: int) -> list[PyValue]:
    """The values of ``a, *b, c = value``, in order."""
    return operators.unpack_starred(tracer, value, before, after)


def get_iterator(tracer: Tracer, value: PyValue) -> PyValue:
    """``iter(value)``."""
    return iterators.get_iterator(tracer, value)


def next_item(tracer: Tracer, iterator: PyValue) -> PyValue | None:
    """Advance an iterator; None where it is exhausted."""
    return iterators.next_item(tracer, iterator)


def build_sequence(tracer: Tracer, kind: type, items: list[PyValue]) -> PyValue:
    """A tuple or list display."""
    return SequenceValue(kind, items)


def build_set(tracer: Tracer, items: list[PyValue]) -> PyValue:
    """A set display."""
    return sets.from_items(tracer, items)


def build_dict(tracer: Tracer, pairs: list[tuple[PyValue, PyValue]]) -> PyValue:
    """A dict display."""
    return dicts.from_pairs(tracer, pairs)


def build_slice(tracer: Tracer, start: PyValue, stop: PyValue, step: PyValue) -> PyValue:
    """A slice."""
    return SliceValue(start, stop, step)


def build_string(tracer: Tracer, parts: list[PyValue]) -> PyValue:
    """The parts of an f-string joined; JF-B010 where one is known only at run time."""
    return strings.build_string(tracer, parts)


def format_value(
    tracer: Tracer, value: PyValue, conversion: str, specification: PyValue | None
) -> PyValue:
    """One replacement field of an f-string; `conversion` is ``""``, ``"s"``, ``"r"`` or ``"a"``."""
    return strings.format_value(tracer, value, conversion, specification)


def append_item(tracer: Tracer, sequence: PyValue, item: PyValue) -> None:
    """LIST_APPEND: ``sequence.append(item)``."""
    displays.append_item(tracer, sequence, item)


def extend_items(tracer: Tracer, sequence: PyValue, items: PyValue) -> None:
    """LIST_EXTEND: ``sequence.extend(items)``."""
    displays.extend_items(tracer, sequence, items)


def add_item(tracer: Tracer, target: PyValue, item: PyValue) -> None:
    """SET_ADD."""
    displays.add_item(tracer, target, item)


def update_items(tracer: Tracer, target: PyValue, items: PyValue) -> None:
    """SET_UPDATE and DICT_UPDATE: ``target.update(items)``."""
    displays.update_items(tracer, target, items)


def merge_keywords(tracer: Tracer, target: PyValue, items: PyValue) -> None:
    """DICT_MERGE: as update, but a repeated key is JF-B009."""
    displays.merge_keywords(tracer, target, items)


def to_tuple(tracer: Tracer, value: PyValue) -> PyValue:
    """A tuple of the items of a list or other iterable."""
    return displays.to_tuple(tracer, value)


def resolve_call(
    tracer: Tracer, callee: PyValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> CallRequest | None:
    """The Python function that a call enters, or None where `call` does all of it."""
    return functions.resolve_call(tracer, callee, args, kwargs)


def runs_whole(function: FunctionValue) -> bool:
    """Whether a break inside a function is one of the call: the standard library's algorithms."""
    return functions.runs_whole(function)


def call(
    tracer: Tracer, callee: PyValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """``callee(*args, **kwargs)``; Python functions run nested, to their end."""
    return calls.call(tracer, callee, args, kwargs)


def checkpoint(tracer: Tracer) -> Checkpoint:
    """A mark of the virtual state, cheap enough for every instruction."""
    return effects_module.checkpoint(tracer)


def rollback(tracer: Tracer, mark: Checkpoint, begun: Checkpoint | None = None) -> None:
    """Undo every change of virtual objects, and every effect, since the mark.

    Checks that were made before `begun`, which is later, stay.
    """
    effects_module.rollback(tracer, mark, begun)


def changed_since(tracer: Tracer, mark: Checkpoint) -> list[PyValue]:
    """The objects that were there at the mark and were changed since."""
    return effects_module.changed_since(tracer, mark)


def recipe_of(tracer: Tracer, value: PyValue) -> Recipe:
    """How `value` is made at the exit; adds graph outputs as needed."""
    return materialise.recipe_of(tracer, value)


def effects(tracer: Tracer) -> tuple[Effect, ...]:
    """The effects of the piece on objects; call after all `recipe_of`."""
    return write_back.effects(tracer)


def graph_outputs(tracer: Tracer) -> list[Value]:
    """The graph values that recipes refer to, by index."""
    return tracer.context.objects.outputs


def close(tracer: Tracer) -> None:
    """Let go of every real object and value; the last call of a trace."""
    tracer.context.objects.clear()
    tracer.context.resolve = lambda value: value

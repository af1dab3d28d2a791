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
from jitflow.tracer.objects.protocol import CallRequest, Tracer
from jitflow.tracer.objects.table import Checkpoint
from jitflow.tracer.recipes import Effect, Recipe
from jitflow.tracer.values import PyValue


def wrap(tracer: Tracer, obj: Any, source: Source) -> PyValue:
    """The (lazy) value of a real object reached by `source`; adds no guard until it is used."""
    raise NotImplementedError


def resolve(tracer: Tracer, value: PyValue) -> PyValue:
    """The value that a lazy one stands for, with its guards; any other value as it is."""
    raise NotImplementedError


def python_type(tracer: Tracer, value: PyValue) -> type:
    """The exact class of a value, guarded; does not guard the value itself."""
    raise NotImplementedError


def load_global(tracer: Tracer, namespace: dict[str, Any], name: str) -> PyValue:
    """A global name, else a builtin one; JF-B009 where neither has it."""
    raise NotImplementedError


def store_global(tracer: Tracer, namespace: dict[str, Any], name: str, value: PyValue) -> None:
    """Set a global name."""
    raise NotImplementedError


def delete_global(tracer: Tracer, namespace: dict[str, Any], name: str) -> None:
    """Delete a global name."""
    raise NotImplementedError


def load_cell(tracer: Tracer, cell: PyValue) -> PyValue:
    """Contents of a closure cell; JF-B009 where it is empty."""
    raise NotImplementedError


def store_cell(tracer: Tracer, cell: PyValue, value: PyValue | None) -> None:
    """Set the contents of a closure cell; None empties it."""
    raise NotImplementedError


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
    raise NotImplementedError


def import_name(
    tracer: Tracer, namespace: dict[str, Any], name: str, names: PyValue, level: PyValue
) -> PyValue:
    """An ``import`` statement of a module that is loaded already."""
    raise NotImplementedError


def import_from(tracer: Tracer, module: PyValue, name: str) -> PyValue:
    """``from module import name``."""
    raise NotImplementedError


def get_attribute(tracer: Tracer, value: PyValue, name: str) -> PyValue:
    """``value.name``."""
    raise NotImplementedError


def set_attribute(tracer: Tracer, value: PyValue, name: str, new: PyValue) -> None:
    """``value.name = new``."""
    raise NotImplementedError


def delete_attribute(tracer: Tracer, value: PyValue, name: str) -> None:
    """``del value.name``."""
    raise NotImplementedError


def get_super_attribute(tracer: Tracer, cls: PyValue, receiver: PyValue, name: str) -> PyValue:
    """``super(cls, receiver).name``."""
    raise NotImplementedError


def get_special(tracer: Tracer, value: PyValue, name: str) -> PyValue:
    """A special method found on the class of `value` (``__enter__``), bound."""
    raise NotImplementedError


def get_item(tracer: Tracer, value: PyValue, key: PyValue) -> PyValue:
    """``value[key]``."""
    raise NotImplementedError


def set_item(tracer: Tracer, value: PyValue, key: PyValue, new: PyValue) -> None:
    """``value[key] = new``."""
    raise NotImplementedError


def delete_item(tracer: Tracer, value: PyValue, key: PyValue) -> None:
    """``del value[key]``."""
    raise NotImplementedError


def binary(
    tracer: Tracer, operator: str, left: PyValue, right: PyValue, in_place: bool = False
) -> PyValue:
    """``left operator right``; `operator` is the text, such as ``"+"`` or ``"@"``."""
    raise NotImplementedError


def unary(tracer: Tracer, operator: str, value: PyValue) -> PyValue:
    """``-``, ``+``, ``~`` or ``not``."""
    raise NotImplementedError


def compare(tracer: Tracer, operator: str, left: PyValue, right: PyValue) -> PyValue:
    """``left operator right`` for ``<  <=  ==  !=  >  >=``."""
    raise NotImplementedError


def contains(tracer: Tracer, container: PyValue, item: PyValue) -> PyValue:
    """``item in container``."""
    raise NotImplementedError


def is_same(tracer: Tracer, left: PyValue, right: PyValue) -> bool:
    """``left is right``, guarded."""
    raise NotImplementedError


def truth(tracer: Tracer, value: PyValue) -> PyValue:
    """``bool(value)``: a constant, or a run-time bool (a `ScalarValue`)."""
    raise NotImplementedError


def length(tracer: Tracer, value: PyValue) -> PyValue:
    """``len(value)``."""
    raise NotImplementedError


def unpack(tracer: Tracer, value: PyValue, count: int) -> list[PyValue]:
    """The items of ``a, b, c = value``; JF-B009 where their number is wrong."""
    raise NotImplementedError


def unpack_starred(tracer: Tracer, value: PyValue, before: int, after: int) -> list[PyValue]:
    """The values of ``a, *b, c = value``, in order."""
    raise NotImplementedError


def get_iterator(tracer: Tracer, value: PyValue) -> PyValue:
    """``iter(value)``."""
    raise NotImplementedError


def next_item(tracer: Tracer, iterator: PyValue) -> PyValue | None:
    """Advance an iterator; None where it is exhausted."""
    raise NotImplementedError


def build_sequence(tracer: Tracer, kind: type, items: list[PyValue]) -> PyValue:
    """A tuple or list display."""
    raise NotImplementedError


def build_set(tracer: Tracer, items: list[PyValue]) -> PyValue:
    """A set display."""
    raise NotImplementedError


def build_dict(tracer: Tracer, pairs: list[tuple[PyValue, PyValue]]) -> PyValue:
    """A dict display."""
    raise NotImplementedError


def build_slice(tracer: Tracer, start: PyValue, stop: PyValue, step: PyValue) -> PyValue:
    """A slice."""
    raise NotImplementedError


def build_string(tracer: Tracer, parts: list[PyValue]) -> PyValue:
    """The parts of an f-string joined; JF-B010 where one is known only at run time."""
    raise NotImplementedError


def format_value(
    tracer: Tracer, value: PyValue, conversion: str, specification: PyValue | None
) -> PyValue:
    """One replacement field of an f-string; `conversion` is ``""``, ``"s"``, ``"r"`` or ``"a"``."""
    raise NotImplementedError


def append_item(tracer: Tracer, sequence: PyValue, item: PyValue) -> None:
    """LIST_APPEND: ``sequence.append(item)``."""
    raise NotImplementedError


def extend_items(tracer: Tracer, sequence: PyValue, items: PyValue) -> None:
    """LIST_EXTEND: ``sequence.extend(items)``."""
    raise NotImplementedError


def add_item(tracer: Tracer, target: PyValue, item: PyValue) -> None:
    """SET_ADD."""
    raise NotImplementedError


def update_items(tracer: Tracer, target: PyValue, items: PyValue) -> None:
    """SET_UPDATE and DICT_UPDATE: ``target.update(items)``."""
    raise NotImplementedError


def merge_keywords(tracer: Tracer, target: PyValue, items: PyValue) -> None:
    """DICT_MERGE: as update, but a repeated key is JF-B009."""
    raise NotImplementedError


def to_tuple(tracer: Tracer, value: PyValue) -> PyValue:
    """A tuple of the items of a list or other iterable."""
    raise NotImplementedError


def resolve_call(
    tracer: Tracer, callee: PyValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> CallRequest | None:
    """The Python function that a call enters, or None where `call` does all of it."""
    raise NotImplementedError


def call(
    tracer: Tracer, callee: PyValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """``callee(*args, **kwargs)``; Python functions run nested, to their end."""
    raise NotImplementedError


def checkpoint(tracer: Tracer) -> Checkpoint:
    """A mark of the virtual state, cheap enough for every instruction."""
    raise NotImplementedError


def rollback(tracer: Tracer, mark: Checkpoint) -> None:
    """Undo every change of virtual objects, and every effect, since the mark."""
    raise NotImplementedError


def changed_since(tracer: Tracer, mark: Checkpoint) -> list[PyValue]:
    """The objects that were there at the mark and were changed since."""
    raise NotImplementedError


def recipe_of(tracer: Tracer, value: PyValue) -> Recipe:
    """How `value` is made at the exit; adds graph outputs as needed."""
    raise NotImplementedError


def effects(tracer: Tracer) -> tuple[Effect, ...]:
    """The effects of the piece on objects; call after all `recipe_of`."""
    raise NotImplementedError


def graph_outputs(tracer: Tracer) -> list[Value]:
    """The graph values that recipes refer to, by index."""
    raise NotImplementedError

"""Methods of built-in objects: lists, tuples, dicts, sets, strings, ranges, slices, iterators."""

from __future__ import annotations

import inspect
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Any

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.tracer.objects import (
    comparison,
    dicts,
    iterators,
    modules,
    operators,
    sequences,
    sets,
    strings,
)
from jitflow.tracer.objects.keys import index_of
from jitflow.tracer.objects.model import (
    DequeValue,
    DictValue,
    IteratorValue,
    NamespaceValue,
    OpaqueValue,
    RangeValue,
    SetValue,
)
from jitflow.tracer.objects.plain import IMMUTABLE
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import (
    ConstantValue,
    NumbersValue,
    PyValue,
    SequenceValue,
    SliceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer.objects import deques, integer_lists
else:
    deques = LazyModule("jitflow.tracer.objects.deques")
    integer_lists = LazyModule("jitflow.tracer.objects.integer_lists")

_SPECIAL_BINARY = {f"__{name}__": op for op, name in operators.NAMES.items()}
_SPECIAL_COMPARE = {f"__{name}__": op for op, name in comparison.NAMES.items()}


def call_method(
    tracer: Tracer, receiver: PyValue, name: str, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """``receiver.name(*args, **kwargs)`` of a built-in object."""
    table = _table(receiver)
    if table is not None and name in table:
        return _invoke(tracer, table[name], receiver, args, kwargs)
    if name.startswith("__") and not kwargs:
        return _special(tracer, receiver, name, args)
    if isinstance(receiver, ConstantValue):
        if type(receiver.value) in IMMUTABLE:
            return strings.call_method(tracer, receiver.value, name, args, kwargs)
    elif isinstance(receiver, SliceValue) and name == "indices" and len(args) == 1:
        return _indices(tracer, receiver, args[0])
    elif isinstance(receiver, RangeValue | SequenceValue) and name in ("index", "count"):
        items = SequenceValue(list, iterators.items_of(tracer, receiver))
        return _invoke(tracer, sequences.LIST_METHODS[name], items, args, kwargs)
    raise Unsupported("JF-B003", f"{receiver.python_type.__name__}.{name}")


def _table(receiver: PyValue) -> dict[str, Any] | None:
    if isinstance(receiver, SequenceValue):
        return sequences.LIST_METHODS if receiver.kind is list else sequences.TUPLE_METHODS
    if isinstance(receiver, NumbersValue):
        return integer_lists.METHODS
    if isinstance(receiver, DictValue):
        return dicts.METHODS
    if isinstance(receiver, SetValue):
        return sets.METHODS
    if isinstance(receiver, DequeValue):
        return deques.OWN_METHODS
    if isinstance(receiver, OpaqueValue):
        return deques.METHODS if type(receiver.real) is deque else None
    if isinstance(receiver, NamespaceValue):
        return {"get": modules.get_or_default}
    return None


def _invoke(
    tracer: Tracer, handler: Any, receiver: PyValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    try:
        _signature(handler).bind(tracer, receiver, *args, **kwargs)
    except TypeError as error:
        raise Unsupported("JF-B009", f"TypeError: {error}") from None
    result: PyValue = handler(tracer, receiver, *args, **kwargs)
    return result


@cache
def _signature(handler: Any) -> inspect.Signature:
    return inspect.signature(handler)


def _special(tracer: Tracer, receiver: PyValue, name: str, args: list[PyValue]) -> PyValue:
    """A special method called by its name."""
    if name in _SPECIAL_BINARY and len(args) == 1:
        return operators.binary(tracer, _SPECIAL_BINARY[name], receiver, args[0])
    if name in _SPECIAL_COMPARE and len(args) == 1:
        return comparison.compare(tracer, _SPECIAL_COMPARE[name], receiver, args[0])
    if name == "__len__" and not args:
        return comparison.length(tracer, receiver)
    if name == "__iter__" and not args:
        return iterators.get_iterator(tracer, receiver)
    if name == "__getitem__" and len(args) == 1:
        return operators.get_item(tracer, receiver, args[0])
    if name == "__setitem__" and len(args) == 2:
        operators.set_item(tracer, receiver, args[0], args[1])
        return ConstantValue(None)
    if name == "__contains__" and len(args) == 1:
        return comparison.contains(tracer, receiver, args[0])
    if name == "__next__" and isinstance(receiver, IteratorValue):
        item = iterators.next_item(tracer, receiver)
        if item is not None:
            return item
        raise Unsupported("JF-B009", "StopIteration")
    raise Unsupported("JF-B003", f"{receiver.python_type.__name__}.{name}")


def _indices(tracer: Tracer, receiver: SliceValue, length: PyValue) -> PyValue:
    parts = [resolve(tracer, part) for part in (receiver.start, receiver.stop, receiver.step)]
    reals = [
        None if isinstance(p, ConstantValue) and p.value is None else index_of(tracer, p)
        for p in parts
    ]
    found = slice(*reals).indices(index_of(tracer, length))
    return SequenceValue(tuple, [ConstantValue(number) for number in found])

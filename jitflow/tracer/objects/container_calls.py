"""Constructors of containers: list, tuple, dict, set, range, slice, sorted, and collections."""

from __future__ import annotations

import builtins
import collections
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jitflow.core.dtypes import I64
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.tracer import facts
from jitflow.tracer.objects import dicts, sets
from jitflow.tracer.objects.iterators import items_of
from jitflow.tracer.objects.keys import index_of
from jitflow.tracer.objects.model import DequeValue, DictValue, IteratorValue, RangeValue, SetValue
from jitflow.tracer.objects.number_values import box_of
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.sequences import sorted_items
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import (
    ConstantValue,
    NumbersValue,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer import list_items
    from jitflow.tracer.objects import consuming, deques, integer_lists
else:
    list_items = LazyModule("jitflow.tracer.list_items")
    deques = LazyModule("jitflow.tracer.objects.deques")
    consuming = LazyModule("jitflow.tracer.objects.consuming")
    integer_lists = LazyModule("jitflow.tracer.objects.integer_lists")

NONE = ConstantValue(None)


def _list(tracer: Tracer, iterable: PyValue | None = None) -> PyValue:
    value = None if iterable is None else resolve(tracer, iterable)
    if isinstance(value, NumbersValue):
        return integer_lists.copy(tracer, value)
    if isinstance(value, DequeValue):
        value = value.held
    if isinstance(value, SequenceValue) and value.rows is not None:
        return list_items.get_item(tracer, value, SliceValue(NONE, NONE, NONE))
    if isinstance(value, IteratorValue) and consuming.is_consumed(tracer, value):
        return consuming.consume(tracer, value, consuming.Items(tracer))
    return SequenceValue(list, [] if value is None else items_of(tracer, value))


def _tuple(tracer: Tracer, iterable: PyValue | None = None) -> PyValue:
    if iterable is None:
        return SequenceValue(tuple, [])
    value = resolve(tracer, iterable)
    if isinstance(value, SequenceValue) and value.kind is tuple:
        return value
    return SequenceValue(tuple, items_of(tracer, value))


def _set(tracer: Tracer, iterable: PyValue | None = None) -> PyValue:
    return SetValue({}) if iterable is None else sets.from_iterable(tracer, iterable)


def _frozenset(tracer: Tracer, iterable: PyValue | None = None) -> PyValue:
    value = None if iterable is None else resolve(tracer, iterable)
    if isinstance(value, SetValue) and value.kind is frozenset:
        return value
    if value is None:
        return SetValue({}, frozenset)
    return sets.from_iterable(tracer, value, frozenset)


def _dict(tracer: Tracer, /, *args: PyValue, **kwargs: PyValue) -> PyValue:
    return _filled(tracer, DictValue({}), args, kwargs)


def _ordered_dict(tracer: Tracer, /, *args: PyValue, **kwargs: PyValue) -> PyValue:
    return _filled(tracer, DictValue({}, kind=collections.OrderedDict), args, kwargs)


def _default_dict(
    tracer: Tracer, factory: PyValue = NONE, /, *args: PyValue, **kwargs: PyValue
) -> PyValue:
    empty = DictValue({}, kind=collections.defaultdict, default_factory=factory)
    return _filled(tracer, empty, args, kwargs)


def _filled(
    tracer: Tracer, value: DictValue, args: tuple[PyValue, ...], kwargs: dict[str, PyValue]
) -> PyValue:
    if len(args) > 1:
        raise Unsupported("JF-B009", "TypeError: dict takes at most 1 argument")
    dicts.update(tracer, value, *args, **kwargs)
    value.changed = False
    return value


def _deque(tracer: Tracer, iterable: PyValue | None = None, maxlen: PyValue = NONE) -> PyValue:
    return deques.make(tracer, iterable, maxlen)


def _from_keys(tracer: Tracer, iterable: PyValue, value: PyValue = NONE) -> PyValue:
    return dicts.from_pairs(tracer, [(key, value) for key in items_of(tracer, iterable)])


def _range(tracer: Tracer, *args: PyValue) -> PyValue:
    parts = [_range_part(tracer, arg) for arg in args]
    if not 1 <= len(parts) <= 3:
        raise Unsupported("JF-B009", "TypeError: range takes 1 to 3 arguments")
    if len(parts) == 1:
        parts.insert(0, ConstantValue(0))
    if len(parts) == 2:
        parts.append(ConstantValue(1))
    step = parts[2]
    if _is_zero(tracer, step):
        raise Unsupported("JF-B009", "ValueError: range() arg 3 must not be zero")
    return RangeValue(parts[0], parts[1], step)


def _is_zero(tracer: Tracer, step: PyValue) -> bool:
    """Whether a step is zero; where data decide it is checked that it is not."""
    if isinstance(step, ConstantValue):
        return bool(step.value == 0)
    assert isinstance(step, ScalarValue)
    if step.dim is None:
        assert step.value is not None
        step.dim = facts.late_symbol(tracer.context, step.value, None)
    if facts.evaluate(tracer.context, step.dim) is None:
        facts.rely_on(tracer.context, 0, "!=", step.dim)
        return False
    return facts.decide(tracer.context, 0, "==", step.dim)


def _range_part(tracer: Tracer, value: PyValue) -> PyValue:
    value = resolve(tracer, value)
    if isinstance(value, ScalarValue) and box_of(value) == "int":
        return value
    if isinstance(value, ScalarValue) and value.dtype.is_integer:
        number = tracer.context.scalar_graph_value(value, I64)
        return ScalarValue("int", I64, number, value.dim)
    return ConstantValue(index_of(tracer, value))


def _slice(tracer: Tracer, *args: PyValue) -> PyValue:
    if not 1 <= len(args) <= 3:
        raise Unsupported("JF-B009", "TypeError: slice takes 1 to 3 arguments")
    if len(args) == 1:
        return SliceValue(NONE, args[0], NONE)
    return SliceValue(args[0], args[1], args[2] if len(args) == 3 else NONE)


def _sorted(
    tracer: Tracer, iterable: PyValue, /, *, key: PyValue = NONE, reverse: PyValue = NONE
) -> PyValue:
    return SequenceValue(list, sorted_items(tracer, items_of(tracer, iterable), key, reverse))


HANDLERS: dict[Any, Callable[..., PyValue]] = {
    builtins.list: _list,
    builtins.tuple: _tuple,
    builtins.set: _set,
    builtins.frozenset: _frozenset,
    builtins.dict: _dict,
    dict.fromkeys: _from_keys,
    builtins.range: _range,
    builtins.slice: _slice,
    builtins.sorted: _sorted,
    collections.OrderedDict: _ordered_dict,
    collections.defaultdict: _default_dict,
    collections.deque: _deque,
}

"""Deques: those that the piece makes, and what is added to those from outside.

One that the piece makes has a list with its items (`DequeValue.held`), which loops change as they
change lists. One from outside has a length, and gets items for a later piece to see.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.guards.predicates import Equals, IsObject, TypeIs
from jitflow.guards.sources import AttributeSource, ConstantSource, MadeSource
from jitflow.tracer.objects import sequences
from jitflow.tracer.objects.comparison import compare, known_truth
from jitflow.tracer.objects.effects import call_for_effect
from jitflow.tracer.objects.iterators import items_of
from jitflow.tracer.objects.model import DequeValue, LazyValue, OpaqueValue
from jitflow.tracer.objects.operators import binary
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ConstantValue, PyValue, SequenceValue, SliceValue

if TYPE_CHECKING:
    from jitflow.tracer import growing, queues
else:
    growing = LazyModule("jitflow.tracer.growing")
    queues = LazyModule("jitflow.tracer.queues")

NONE = ConstantValue(None)


def length(tracer: Tracer, value: OpaqueValue) -> PyValue:
    """``len(queue)``: a number that differs from call to call, and what the piece adds."""
    tracer.context.guard(TypeIs(value.source, deque))
    source = MadeSource(ConstantSource(len, "len"), (value.source,), 0)
    before = resolve(tracer, LazyValue(len(value.real), source))
    calls = tracer.context.objects.calls
    added = sum(bool(arguments) and arguments[0] is value for _, arguments in calls)
    if not added:
        return before
    after = binary(tracer, "+", before, ConstantValue(added))
    if value.real.maxlen is None:
        tracer.context.guard(IsObject(AttributeSource(value.source, "maxlen"), None))
        return after
    tracer.context.guard(Equals(AttributeSource(value.source, "maxlen"), value.real.maxlen))
    most = ConstantValue(value.real.maxlen)
    return after if known_truth(tracer, compare(tracer, "<=", after, most)) else most


def _append(tracer: Tracer, value: PyValue, item: PyValue) -> PyValue:
    call_for_effect(tracer, deque.append, [value, item])
    return NONE


def _append_left(tracer: Tracer, value: PyValue, item: PyValue) -> PyValue:
    call_for_effect(tracer, deque.appendleft, [value, item])
    return NONE


METHODS = {"append": _append, "appendleft": _append_left}


# Those that the piece makes


def make(tracer: Tracer, iterable: PyValue | None, maxlen: PyValue) -> DequeValue:
    """``deque(iterable, maxlen)``."""
    bound = resolve(tracer, maxlen)
    if not isinstance(bound, ConstantValue) or type(bound.value) not in (int, type(None)):
        raise Unsupported("JF-B003", "a deque whose largest length is known only at run time")
    if bound.value is not None and bound.value < 0:
        raise Unsupported("JF-B009", "ValueError: maxlen must be non-negative")
    items = [] if iterable is None else items_of(tracer, iterable)
    first = 0 if bound.value is None else max(0, len(items) - bound.value)
    return DequeValue(SequenceValue(list, items[first:]), bound.value)


def get_item(tracer: Tracer, value: DequeValue, key: PyValue) -> PyValue:
    """``value[key]``."""
    _check_key(key)
    return sequences.get_item(tracer, value.held, key)


def set_item(tracer: Tracer, value: DequeValue, key: PyValue, new: PyValue) -> None:
    """``value[key] = new``."""
    _check_key(key)
    sequences.set_item(tracer, value.held, key, new)


def _check_key(key: PyValue) -> None:
    if isinstance(key, SliceValue):
        raise Unsupported("JF-B009", "TypeError: a slice of a deque")


def _will_resize(value: DequeValue) -> SequenceValue:
    """The items, which are about to become more or fewer."""
    if not all(iterator.exhausted for iterator in value.iterators):
        raise Unsupported("JF-B014", "a deque that changes while it is iterated")
    return value.held


def _push(tracer: Tracer, value: DequeValue, item: PyValue, is_first: bool) -> PyValue:
    """Add an item at one end; one that is full loses the item at the other end."""
    held, bound = _will_resize(value), value.maxlen
    if bound == 0:
        return NONE
    if bound is not None and held.rows is not None:
        queues.make_room(tracer, held, bound, is_first)
    elif bound is not None and len(held.items) == bound:
        sequences.pop(tracer, held, ConstantValue(-1 if is_first else 0))
    if is_first:
        sequences.insert_first(tracer, held, item)
    else:
        sequences.append(tracer, held, item)
    return NONE


def _push_right(tracer: Tracer, value: DequeValue, item: PyValue) -> PyValue:
    return _push(tracer, value, item, is_first=False)


def _push_left(tracer: Tracer, value: DequeValue, item: PyValue) -> PyValue:
    return _push(tracer, value, item, is_first=True)


def _extend(tracer: Tracer, value: DequeValue, items: PyValue) -> PyValue:
    for item in items_of(tracer, items):
        _push(tracer, value, item, is_first=False)
    return NONE


def _extend_left(tracer: Tracer, value: DequeValue, items: PyValue) -> PyValue:
    for item in items_of(tracer, items):
        _push(tracer, value, item, is_first=True)
    return NONE


def _pop(tracer: Tracer, value: DequeValue) -> PyValue:
    return sequences.pop(tracer, _will_resize(value))


def _pop_left(tracer: Tracer, value: DequeValue) -> PyValue:
    return sequences.pop(tracer, _will_resize(value), ConstantValue(0))


def _clear(tracer: Tracer, value: DequeValue) -> PyValue:
    return sequences.clear(tracer, _will_resize(value))


def _copy(tracer: Tracer, value: DequeValue) -> PyValue:
    return DequeValue(SequenceValue(list, items_of(tracer, value)), value.maxlen)


OWN_METHODS: dict[str, Callable[..., PyValue]] = {
    "append": _push_right,
    "appendleft": _push_left,
    "extend": _extend,
    "extendleft": _extend_left,
    "pop": _pop,
    "popleft": _pop_left,
    "clear": _clear,
    "copy": _copy,
}

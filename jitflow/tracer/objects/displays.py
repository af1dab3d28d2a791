"""What displays and comprehensions do to the container under construction, and star arguments."""

from __future__ import annotations

from jitflow.core.errors import Unsupported
from jitflow.tracer.objects import dicts, sequences, sets
from jitflow.tracer.objects.iterators import items_of
from jitflow.tracer.objects.model import DictValue, SetValue
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import PyValue, SequenceValue


def append_item(tracer: Tracer, sequence: PyValue, item: PyValue) -> None:
    """LIST_APPEND."""
    sequences.append(tracer, _list(tracer, sequence), item)


def extend_items(tracer: Tracer, sequence: PyValue, items: PyValue) -> None:
    """LIST_EXTEND."""
    sequences.extend(tracer, _list(tracer, sequence), items)


def _list(tracer: Tracer, value: PyValue) -> SequenceValue:
    value = resolve(tracer, value)
    if isinstance(value, SequenceValue):
        return value
    raise _unknown(value)


def _unknown(value: PyValue) -> Unsupported:
    """A container that was there before the piece, and whose items the tracer does not model."""
    return Unsupported("JF-B014", f"{value.python_type.__name__} under construction")


def add_item(tracer: Tracer, target: PyValue, item: PyValue) -> None:
    """SET_ADD."""
    target = resolve(tracer, target)
    if not isinstance(target, SetValue):
        raise _unknown(target)
    sets.add(tracer, target, item)


def update_items(tracer: Tracer, target: PyValue, items: PyValue) -> None:
    """SET_UPDATE and DICT_UPDATE."""
    target = resolve(tracer, target)
    if isinstance(target, SetValue):
        sets.update(tracer, target, items)
    elif isinstance(target, DictValue):
        dicts.update(tracer, target, items)
    else:
        raise _unknown(target)


def merge_keywords(tracer: Tracer, target: PyValue, items: PyValue) -> None:
    """DICT_MERGE."""
    target = resolve(tracer, target)
    if not isinstance(target, DictValue):
        raise _unknown(target)
    dicts.merge_keywords(tracer, target, items)


def to_tuple(tracer: Tracer, value: PyValue) -> PyValue:
    """A tuple of the items of an iterable."""
    value = resolve(tracer, value)
    if isinstance(value, SequenceValue) and value.kind is tuple:
        return value
    return SequenceValue(tuple, items_of(tracer, value))

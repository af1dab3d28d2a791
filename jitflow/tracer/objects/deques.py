"""Deques from outside: their length, and items that are added for a later piece to see."""

from __future__ import annotations

from collections import deque

from jitflow.guards.predicates import Equals, IsObject, TypeIs
from jitflow.guards.sources import AttributeSource, ConstantSource, MadeSource
from jitflow.tracer.objects.comparison import compare, known_truth
from jitflow.tracer.objects.effects import call_for_effect
from jitflow.tracer.objects.model import LazyValue, OpaqueValue
from jitflow.tracer.objects.operators import binary
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import resolve
from jitflow.tracer.values import ConstantValue, PyValue


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
    return ConstantValue(None)


def _append_left(tracer: Tracer, value: PyValue, item: PyValue) -> PyValue:
    call_for_effect(tracer, deque.appendleft, [value, item])
    return ConstantValue(None)


METHODS = {"append": _append, "appendleft": _append_left}

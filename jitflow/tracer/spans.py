"""Between which bounds integers lie that a draw has given, so that they need no check as indices.

``x[rng.permutation(len(x))[:32]]`` cannot be out of bounds. That matters because a check that may
fail cannot follow a draw: the piece could not be run again.
"""

from __future__ import annotations

import numpy as np

from jitflow.core.dims import Dim
from jitflow.ir.graph import Node, Value
from jitflow.ir.rules import splat
from jitflow.ops.record import Kind
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy.callouts import Callee
from jitflow.tracer.values import ArrayValue, PyValue, ScalarValue

Span = tuple[Dim, Dim]


def note(context: TraceContext, value: PyValue, low: Dim, high: Dim) -> None:
    """Every element of `value` lies in ``range(low, high)``."""
    held = value.value if isinstance(value, ScalarValue) else None
    if isinstance(value, ArrayValue):
        held = arrays.read(context, value)
    if held is not None:
        context.spans[id(held)] = held, (low, high)


def span_of(context: TraceContext, value: Value) -> Span | None:
    """Bounds of the elements of a graph value that is, or is taken from, a noted one."""
    while True:
        known = context.spans.get(id(value))
        if known is not None:
            return known[1]
        found = _span_of_node(value.producer)
        if found is not None:
            return found
        origin = _origin(value)
        if origin is None:
            return None
        value = origin


def _span_of_node(node: Node | None) -> Span | None:
    """Bounds that an operator itself gives: positions, and remainders."""
    if node is None:
        return None
    name, attributes = node.operator.name, node.attributes
    if name == "iota":
        return 0, attributes["length"]
    if name in ("argmax", "argmin"):
        return 0, node.operands[0].type.shape[attributes["axes"][0]]
    if name == "remainder" and node.result.type.dtype.is_integer:
        divisor = splat(node.operands[1])
        return (0, int(divisor)) if divisor is not None and divisor > 0 else None
    if name == "call_out":
        return _span_of_sort(node)
    return None


def _span_of_sort(node: Node) -> Span | None:
    """Bounds of the positions that sorting along the last axis gives."""
    callee = node.attributes["function"]
    if not isinstance(callee, Callee) or "axis" in dict(callee.keywords):
        return None
    count = {np.argsort: 1, np.argpartition: 2}.get(callee.function)
    if len(callee.arguments) != count:
        return None
    shape = node.result.type.shape  # the operands of a list are its numbers
    return (0, shape[-1]) if shape else None


def _origin(value: Value) -> Value | None:
    """What the elements of `value` are taken from, where they are just taken."""
    node = value.producer
    if node is None:
        return None
    operand = node.operands[0] if node.operands else None
    is_taken = node.operator.kind in (Kind.VIEW, Kind.GATHER)
    if is_taken or (node.operator.name == "cast" and operand and _keeps_integers(value, operand)):
        return operand
    return None


def _keeps_integers(result: Value, operand: Value) -> bool:
    types = result.type.dtype, operand.type.dtype
    return all(dtype.is_integer for dtype in types) and types[0].itemsize >= types[1].itemsize


def is_within(context: TraceContext, value: Value, extent: Dim) -> bool:
    """Whether every element of `value` is certainly in ``range(extent)``."""
    span = span_of(context, value)
    if span is None:
        return False
    low, high = span
    return bool(facts.assured(context, 0, "<=", low) and facts.assured(context, high, "<=", extent))

"""Arithmetic on Python numbers that the trace has done before: ``1 - beta**t`` for each parameter.

Powers and quotients come with checks, a dozen nodes for each. Where the same operands meet again,
in the same block or one inside of it, the earlier result is taken. Whoever removes nodes of checks
clears `TraceContext.known_numbers`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from jitflow.ir.graph import Node
from jitflow.tracer.context import TraceContext
from jitflow.tracer.values import ConstantValue, PyValue, ScalarValue


def get(
    context: TraceContext, op: str, operands: tuple[PyValue, ...], make: Callable[[], PyValue]
) -> PyValue:
    """The result of `make`, or a number like the one that it gave before.

    It is another object: ``is`` tells the results of two operations apart.
    """
    builder = context.builder
    key = (op, *map(_identity, operands))
    block, place, _, number = context.known_numbers.get(key, (None, 0, (), None))
    if block is not None and builder.is_inside(block):
        nodes = block.nodes
        if place < len(nodes) and nodes[place] is _producer(number):
            found = ScalarValue(number.box, number.dtype, number.value, number.dim)
            found.is_another = True
            return found
    nodes = builder.block.nodes
    before = len(nodes)
    result = make()
    if isinstance(result, ScalarValue):
        made = _producer(result)
        for place in range(before, len(nodes)):
            if nodes[place] is made:
                context.known_numbers[key] = builder.block, place, operands, result
    return result


def _producer(number: ScalarValue) -> Node | None:
    return None if number.value is None else number.value.producer


def _identity(value: PyValue) -> Hashable:
    if isinstance(value, ConstantValue):
        number = value.value
        return type(number), number.hex() if isinstance(number, float) else repr(number)
    assert isinstance(value, ScalarValue)
    if value.value is not None:
        return id(value.value)
    return value.box, value.dim

"""Loops that use a number up, bit by bit or digit by digit: they end soon, whatever the number is.

``while x > 0: x //= 10`` and ``while x: x &= x - 1`` have at most one iteration for each bit.
"""

from __future__ import annotations

import numpy as np

from jitflow.core.dtypes import I64, U64
from jitflow.ir.graph import Node, Value

MOST = 64
"""Iterations of such a loop."""

_REVERSED = {"less": "greater", "less_equal": "greater_equal"}


def uses_up_bits(node: Node) -> bool:
    """Whether a ``while`` goes on only while a carried number has bits, and each iteration takes
    at least one of them.
    """
    test, body = node.regions
    for value in _conjuncts(test.results[0]):
        before, after = test.parameters, body.parameters
        if value in before:  # what the last iteration, or what is in front, said of the number
            value, before = body.results[before.index(value)], list(body.results)
            goes_on = list(_conjuncts(value))
        else:
            goes_on = [value]
        for condition in goes_on:
            number, is_positive = _tested(condition)
            if number is None or number not in before:
                continue
            place = before.index(number)
            if _is_less(body.results[place], after[place], is_positive):
                return True
    return False


def _conjuncts(value: Value) -> list[Value]:
    """The bools that are all True where a value is."""
    node = value.producer
    if node is None or node.operator.name != "logical_and":
        return [value]
    return [part for operand in node.operands for part in _conjuncts(operand)]


def _tested(condition: Value) -> tuple[Value | None, bool]:
    """The number that a condition says is not 0, and whether it says that it is positive."""
    node = condition.producer
    if node is None or len(node.operands) != 2:
        return None, False
    name, (left, right) = node.operator.name, node.operands
    if name in _REVERSED:
        name, left, right = _REVERSED[name], right, left
    least = _constant(right)
    if name == "not_equal" and least == 0:
        return left, False
    if least is not None and least >= (name == "greater_equal"):
        return (left, True) if name in ("greater", "greater_equal") else (None, False)
    return None, False


def _is_less(value: Value, before: Value, is_positive: bool) -> bool:
    """Whether a number has fewer bits than the one before, where that is positive or just not 0."""
    node = _uncast(value).producer
    if node is None or before.type.dtype is not I64 or before.type.rank:
        return False
    name, operands = node.operator.name, [_uncast(operand) for operand in node.operands]
    if name == "bitwise_and" and before in operands:
        other = operands[1 - operands.index(before)].producer
        if other is None or other.operator.name not in ("subtract", "checked_subtract"):
            return False
        return other.operands[0] is before and _constant(other.operands[1]) == 1
    if not is_positive or len(operands) != 2 or operands[0] is not before:
        return False
    by = _constant(operands[1])
    if by is None:
        return False
    return (name == "right_shift" and 0 < by < MOST) or (name == "floor_divide" and by > 1)


def _uncast(value: Value) -> Value:
    """A number before it was taken as one without sign, and back."""
    node = value.producer
    while node is not None and node.operator.name == "cast":
        if {value.type.dtype, node.operands[0].type.dtype} != {I64, U64}:
            break
        value = node.operands[0]
        node = value.producer
    return value


def _constant(value: Value) -> int | None:
    node = value.producer
    if node is None or node.operator.name != "constant" or value.type.rank:
        return None
    number = np.asarray(node.attributes["value"])
    return int(number) if number.dtype.kind in "iu" else None

"""What combining means, over any emitter: neutral starts, one step of a fold, of a search.

The parts of an accumulator: of a fold its value, of a search the best value and its position, -1
as long as there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jitflow.core.dtypes import I64, DType
from jitflow.ops import bodies
from jitflow.ops.record import Operator


def is_search(operator: Operator) -> bool:
    """Whether a fold looks for a position."""
    return bool(operator.extra.get("search"))


def neutral(e: Any, operator: Operator, dtype: DType) -> list[Any]:
    """The parts that an accumulator begins with."""
    if is_search(operator):
        return [e.constant(0, dtype), e.constant(-1, I64)]
    assert operator.identity is not None
    return [e.constant(operator.identity(dtype), dtype)]


def combined(e: Any, operator: Operator, old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    """Two accumulators in one; positions may come in any order."""
    if is_search(operator):
        return better(e, operator, old, new, ordered=False)
    assert operator.cpu is not None
    return [operator.cpu(e, old[0], new[0])]


def better(
    e: Any, operator: Operator, old: Sequence[Any], new: Sequence[Any], ordered: bool
) -> list[Any]:
    """Of two (value, position) pairs, the one that a search keeps; the first among equals.

    `ordered`: the new position comes after the old one.
    """
    beats = operator.cpu
    assert beats is not None
    zero = e.constant(0, I64)
    take = e.bit_or(e.less(old[1], zero), beats(e, old[0], new[0]))
    if not ordered:
        worse = e.bit_not(beats(e, new[0], old[0]))
        take = e.bit_or(take, e.bit_and(worse, e.less(new[1], old[1])))
        take = e.bit_and(take, e.less_equal(zero, new[1]))
    return [bodies.select(e, take, b, a) for a, b in zip(old, new, strict=True)]

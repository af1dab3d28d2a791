"""Counters: integers that loops change by small numbers only, so that they never overflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from jitflow.core.dtypes import I64
from jitflow.ir.graph import Node, Value
from jitflow.ir.interval import Interval
from jitflow.ir.regions import BOUNDS, carried

REACH = 2**62
"""What a counter does not exceed: in steps of at most `STEP` that takes longer than two months."""

STEP = 256
_SUMS = {"add": True, "checked_add": True, "subtract": False, "checked_subtract": False}
_MOST = 64
"""Nodes that are looked at for one counter."""


def counters(
    before: Sequence[Value],
    after: Sequence[Value],
    starts: Sequence[Value],
    of: Callable[[Value], Interval],
    known: Set[Value],
) -> set[int]:
    """Which carried values of a loop an iteration changes by small numbers only.

    They start from small numbers, by the intervals `of` them, or from counters that are `known`.
    """
    found = set()
    for number, (value, following, start) in enumerate(zip(before, after, starts, strict=True)):
        if value.type.rank or value.type.dtype is not I64 or following is value:
            continue
        low, high, _ = of(start)
        begins = max(-low, high) <= REACH // 2 or _Search(known).counts(start)
        if begins and _Search({value}).counts(following):
            found.add(number)
    return found


def within_reach(interval: Interval) -> Interval:
    """The interval of a counter, as far as it comes."""
    return Interval(max(interval.low, -REACH), min(interval.high, REACH), interval.tops)


class _Search:
    def __init__(self, starts: Set[Value]) -> None:
        self.starts = set(starts)
        self.left = _MOST

    def counts(self, value: Value) -> bool:
        """Whether a value is the counter, that and some steps, or a number it begins with again."""
        node = value.producer
        if value in self.starts:
            return True
        self.left -= 1
        if node is None or self.left < 0:
            return False
        name = node.operator.name
        if name in _SUMS:
            one, other = node.operands
            if _is_small(other, STEP):
                return self.counts(one)
            return _SUMS[name] and _is_small(one, STEP) and self.counts(other)
        if name == "where":
            return all(map(self.counts, node.operands[1:]))
        if name == "cond":
            return all(self.counts(region.results[value.index]) for region in node.regions)
        if name in BOUNDS:
            return self._counts_in_loop(node, value.index)
        return _is_small(value, REACH // 2)

    def _counts_in_loop(self, node: Node, index: int) -> bool:
        if not self.counts(node.operands[BOUNDS[node.operator.name] + index]):
            return False
        body = node.regions[-1]
        self.starts.add(carried(node, body)[index])
        return self.counts(body.results[index])


def _is_small(value: Value, most: int) -> bool:
    """Whether a value is a known number of at most that magnitude, or one of two such."""
    node = value.producer
    if node is None or value.type.rank:
        return False
    if node.operator.name == "constant":
        return abs(int(node.attributes["value"])) <= most
    if node.operator.name == "where":
        return all(_is_small(arm, most) for arm in node.operands[1:])
    if node.operator.name == "cond":
        return all(_is_small(region.results[value.index], most) for region in node.regions)
    return node.operator.name == "cast" and node.operands[0].type.dtype.itemsize == 1

"""Where control flows in a code object: its loops, and where branches come together again.

Everything is in indices of ``decode(code)``; `RETURN` stands for leaving the function. Flow into
exception handlers is left out: operations that raise end a piece.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import CodeType

from jitflow.core.dataclass import dataclass
from jitflow.core.weak import per_object
from jitflow.tracer.instructions import decode, index_at

RETURN = -1
"""The place that a ``return`` leads to."""


@dataclass(frozen=True)
class Loop:
    """A natural loop.

    Attributes
    ----------
    header : int
        Where an iteration begins: a ``FOR_ITER``, or the target of a backward jump.
    body : frozenset of int
        Its instructions, the header included.
    exits : tuple of int
        Instructions outside to which the loop leads; `RETURN` is not included, nor what raises
        for sure.
    stored : frozenset of int
        Slots of variables that the loop binds or unbinds.
    updated : frozenset of int
        Those of them that it binds to results of operators like ``+=`` alone, which may be the
        arrays that they were before.
    """

    header: int
    body: frozenset[int]
    exits: tuple[int, ...]
    stored: frozenset[int]
    updated: frozenset[int]


_INNER = 8  # iterations that an inner loop is taken to have

_STORES = frozenset({"STORE_FAST", "LOAD_FAST_AND_CLEAR", "DELETE_FAST"})


@per_object
def successors(code: CodeType) -> tuple[tuple[int, ...], ...]:
    """The instructions that may run after each one."""
    index = index_at(code)
    result: list[tuple[int, ...]] = []
    for instruction in decode(code):
        following: list[int] = []
        if any(operation.op == "RETURN" for operation in instruction.operations):
            following.append(RETURN)
        elif instruction.falls_through and instruction.end in index:
            following.append(index[instruction.end])
        if instruction.target is not None:
            following.append(index[instruction.target])
        result.append(tuple(dict.fromkeys(following)))
    return tuple(result)


@per_object
def loops(code: CodeType) -> dict[int, Loop]:
    """The loops of a code object by their headers."""
    after = successors(code)
    before: dict[int, list[int]] = {}
    for at, following in enumerate(after):
        for to in following:
            before.setdefault(to, []).append(at)
    ends: dict[int, list[int]] = {}
    for at, following in enumerate(after):
        for to in following:
            if 0 <= to <= at:
                ends.setdefault(to, []).append(at)
    return {header: _loop(code, header, sources, before) for header, sources in ends.items()}


def _loop(code: CodeType, header: int, ends: list[int], before: dict[int, list[int]]) -> Loop:
    """The loop of the instructions from which a backward jump to `header` is reached."""
    body, work = {header}, list(ends)
    while work:
        at = work.pop()
        if at not in body:
            body.add(at)
            work.extend(before.get(at, ()))
    after = successors(code)
    _add_clearing(code, header, body, before)
    exits = {to for at in body for to in after[at] if to not in body and to != RETURN}
    stored, rebound = _stores(code, body)
    ways = tuple(to for to in sorted(exits) if leads_to(code, to, frozenset(), RETURN))
    return Loop(header, frozenset(body), ways, stored, stored - rebound)


def _add_clearing(
    code: CodeType, header: int, body: set[int], before: dict[int, list[int]]
) -> None:
    """Add what removes operands of the body behind its exits, and the jumps from there.

    ``while 0 <= i < n`` has a copy of `i` on the stack where its first comparison is false.
    """
    after = successors(code)
    exits = [to for at in body for to in after[at] if to != RETURN and to not in body]
    if not any(_operations(code, at) == ["POP"] for at in exits):
        return
    depths = _depths(code, header, body)
    pops = [at for at in exits if _operations(code, at) == ["POP"] and depths[at] > 0]
    jumps = [at for at in exits if _operations(code, at) == ["JUMP"]] if pops else []
    for at in [*pops, *jumps]:
        depth = depths[at]
        while body.issuperset(before[at]) and at not in body:
            operations = _operations(code, at)
            if operations != ["JUMP"] and not (operations == ["POP"] and depth > 0):
                break
            body.add(at)
            depth += decode(code)[at].stack_effect()
            (at,) = after[at]


def _operations(code: CodeType, at: int) -> list[str]:
    return [operation.op for operation in decode(code)[at].operations]


def _depths(code: CodeType, header: int, body: set[int]) -> dict[int, int]:
    """How many operands more than at its header the stack has at instructions of a loop."""
    program, index, after = decode(code), index_at(code), successors(code)
    found, work = {header: 0}, [header]
    while work:
        at = work.pop()
        instruction = program[at]
        for to in after[at]:
            if to == RETURN or to in found:
                continue
            jumps = instruction.target is not None and index[instruction.target] == to
            found[to] = found[at] + instruction.stack_effect(jump=jumps)
            if to in body:
                work.append(to)
    return found


def _stores(code: CodeType, body: set[int]) -> tuple[frozenset[int], frozenset[int]]:
    """Slots that are bound or unbound, and those for which that is more than an update."""
    stored: set[int] = set()
    rebound: set[int] = set()
    before = None
    for at in sorted(body):
        for operation in decode(code)[at].operations:
            if operation.op in _STORES:
                stored.add(operation.arg)
                if not (before is not None and before.op == "BINARY" and before.arg[-1] == "="):
                    rebound.add(operation.arg)
            before = operation
    return frozenset(stored), frozenset(rebound)


@functools.cache
def body_size(code: CodeType, header: int) -> int:
    """Instructions in the body of the loop with its ``FOR_ITER`` at byte `header`.

    An inner loop counts as `_INNER` iterations: its length is not known yet.
    """
    ends: list[int] = []
    size = 0
    for instruction in decode(code):
        if instruction.offset < header:
            continue
        if instruction.name == "FOR_ITER" and instruction.target is not None:
            ends.append(instruction.target)
        while ends and instruction.offset >= ends[-1]:
            ends.pop()
        if not ends:
            break
        size += _INNER ** (len(ends) - 1)
    return size


def join_of(
    code: CodeType, starts: Iterable[int], stops: frozenset[int], normal: int
) -> int | None:
    """The first place that every way from each of `starts` to `normal` passes.

    Ways end at `stops`; those that end elsewhere than at `normal` do not count. None where one of
    the starts does not lead to `normal` at all.
    """
    return _join_of(code, tuple(starts), stops, normal)


@functools.lru_cache(4096)
def _join_of(
    code: CodeType, starts: tuple[int, ...], stops: frozenset[int], normal: int
) -> int | None:
    ends = stops | {normal, RETURN}
    after = successors(code)
    before: dict[int, list[int]] = {}
    for at in reached(after, starts, ends) - ends:
        for to in after[at]:
            before.setdefault(to, []).append(at)
    order = _postorder(before, normal)
    place = {at: number for number, at in enumerate(order)}
    if not all(start in place for start in starts):
        return None
    return _meet(_next_passed(after, order, place), place, starts)


def _postorder(before: dict[int, list[int]], root: int) -> list[int]:
    """What leads to `root` against the flow of control, each place before the one it leads to."""
    order: list[int] = []
    seen = {root}
    work = [(root, iter(before.get(root, ())))]
    while work:
        at, rest = work[-1]
        following = next((to for to in rest if to not in seen), None)
        if following is None:
            order.append(at)
            work.pop()
        else:
            seen.add(following)
            work.append((following, iter(before.get(following, ()))))
    return order


def _next_passed(
    after: tuple[tuple[int, ...], ...], order: list[int], place: dict[int, int]
) -> dict[int, int]:
    """For each place the next one that all ways pass (immediate postdominators).

    The method of Cooper, Harvey and Kennedy, "A simple, fast dominance algorithm".
    """
    root = order[-1]
    found = {root: root}
    changed = True
    while changed:
        changed = False
        for at in reversed(order[:-1]):
            ways = tuple(to for to in after[at] if to in found)
            new = _meet(found, place, ways)
            if found.get(at) != new:
                found[at], changed = new, True
    return found


def _meet(found: dict[int, int], place: dict[int, int], ways: tuple[int, ...]) -> int:
    """The first place that all ways from each of `ways` pass."""
    first = ways[0]
    for other in ways[1:]:
        while first != other:
            while place[first] < place[other]:
                first = found[first]
            while place[other] < place[first]:
                other = found[other]
    return first


@functools.lru_cache(4096)
def leads_to(code: CodeType, start: int, stops: frozenset[int], goal: int) -> bool:
    """Whether a way from `start` comes to `goal` without passing one of `stops` before."""
    ends = stops | {goal, RETURN}
    return goal in reached(successors(code), (start,), ends)


def reached(
    after: tuple[tuple[int, ...], ...], starts: Iterable[int], ends: frozenset[int]
) -> set[int]:
    """What ways from `starts` come to; they end at `ends`."""
    found: set[int] = set()
    work = list(starts)
    while work:
        at = work.pop()
        if at not in found:
            found.add(at)
            if at not in ends:
                work.extend(after[at])
    return found

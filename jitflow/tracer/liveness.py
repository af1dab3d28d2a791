"""Which variables of a code object may still be read, at each instruction; cached per object.

Only values that would have to be computed for nothing are dropped at a break: see `exits`.
"""

from __future__ import annotations

from itertools import zip_longest
from types import CodeType

from jitflow.core.weak import per_object
from jitflow.tracer.instructions import (
    Instruction,
    decode,
    handler_of,
    index_at,
    variables,
)
from jitflow.tracer.opcodes import Operation

_USES = frozenset({"LOAD_FAST", "LOAD_FAST_AND_CLEAR", "DELETE_FAST", "MAKE_CELL"})
_CELL_USES = frozenset({"LOAD_DEREF", "STORE_DEREF", "DELETE_DEREF"})
_KILLS = frozenset({"STORE_FAST", "LOAD_FAST_AND_CLEAR", "DELETE_FAST"})
_WATCHERS = frozenset({"locals", "exec", "eval", "breakpoint"})
_WATCHERS_WITHOUT_ARGUMENT = frozenset({"vars", "dir"})
_REFERENCE_COUNTERS = frozenset({"getrefcount", "gettotalrefcount", "get_referrers", "get_objects"})
_TRACERS = frozenset({"settrace", "setprofile"})  # would see our own frames
_FRAME_GETTERS = frozenset({"_getframe", "_getframemodulename"})
_FRAME_ATTRIBUTES = (
    _TRACERS | _FRAME_GETTERS | {"currentframe", "_current_frames", "f_locals", "f_back", "f_code"}
)


@per_object
def looks_at_frames(code: CodeType) -> bool:
    """Whether the code names something that can see a frame's variables or its callers."""
    program = decode(code)
    return any(
        _is_watcher(operation, following)
        for instruction, following in zip_longest(program, program[1:])
        for operation in instruction.operations
    )


@per_object
def looks_past_caller(code: CodeType) -> bool:
    """Whether the code may ask for a frame beyond its own and its caller's, by a number."""
    program = decode(code)
    for instruction, following in zip_longest(program, program[1:]):
        for operation in instruction.operations:
            if operation.op in ("LOAD_ATTR", "LOAD_GLOBAL") and operation.arg in _FRAME_GETTERS:
                loaded = following.operations[-1:] if following is not None else ()
                if not any(item.op == "LOAD_CONST" and item.arg in (0, 1) for item in loaded):
                    return True
    return False


@per_object
def looks_at_references(code: CodeType) -> bool:
    """Whether the code names something that sees how many references there are to an object.

    Compiled code holds references to what its guards compare with.
    """
    inner = (item for item in code.co_consts if isinstance(item, CodeType))
    return not _REFERENCE_COUNTERS.isdisjoint(code.co_names) or any(map(looks_at_references, inner))


def _is_watcher(operation: Operation, following: Instruction | None) -> bool:
    if operation.op == "LOAD_ATTR":
        return operation.arg in _FRAME_ATTRIBUTES
    if operation.op != "LOAD_GLOBAL":
        return False
    if operation.arg in _WATCHERS_WITHOUT_ARGUMENT:
        return following is not None and Operation("CALL", 0) in following.operations
    return operation.arg in _WATCHERS | _FRAME_ATTRIBUTES


@per_object
def live_slots(code: CodeType) -> tuple[frozenset[int], ...]:
    """For each instruction, the slots that it or a later one may read.

    Those of free variables are always among them: a frame cannot be entered without. All slots
    where `ndarray.resize` may be called: it raises if there is another reference.
    """
    program = decode(code)
    count = len(variables(code))
    everything = frozenset(range(count))
    if looks_at_frames(code) or "resize" in code.co_names:
        return (everything,) * len(program)
    effects = [_uses_and_kills(instruction) for instruction in program]
    followers = _followers(code)
    free = frozenset(range(count - len(code.co_freevars), count))
    live: list[frozenset[int]] = [free] * len(program)
    changed = True
    while changed:
        changed = False
        for at in range(len(program) - 1, -1, -1):
            uses, kills = effects[at]
            after: frozenset[int] = frozenset().union(*(live[next_] for next_ in followers[at][0]))
            handled: frozenset[int] = frozenset().union(*(live[h] for h in followers[at][1]))
            before = uses | (after - kills) | handled | free
            if before != live[at]:
                live[at], changed = before, True
    return tuple(live)


def _uses_and_kills(instruction: Instruction) -> tuple[frozenset[int], frozenset[int]]:
    uses: set[int] = set()
    kills: set[int] = set()
    for operation in instruction.operations:
        if operation.op in _USES | _CELL_USES and operation.arg not in kills:
            uses.add(operation.arg)
        if operation.op in _KILLS:
            kills.add(operation.arg)
    return frozenset(uses), frozenset(kills)


def _followers(code: CodeType) -> list[tuple[list[int], list[int]]]:
    """Indices of the instructions that may run after each one: in order or by jump; handlers."""
    index = index_at(code)
    result: list[tuple[list[int], list[int]]] = []
    for instruction in decode(code):
        following = []
        if instruction.falls_through and instruction.end in index:
            following.append(index[instruction.end])
        if instruction.target is not None:
            following.append(index[instruction.target])
        row = handler_of(code, instruction)
        result.append((following, [index[row.target]] if row is not None else []))
    return result

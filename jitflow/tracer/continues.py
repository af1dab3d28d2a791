"""``continue`` in ``while`` loops: CPython writes the condition twice, as if there were two loops.

The condition stands in front of the body and again behind it. ``continue`` jumps back to the first
one, the end of the body runs into the second one, which jumps back behind the first. Here
``continue`` jumps to the second one too: then the body is one loop, and its iterations begin in one
place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jitflow.core.dataclass import replace
from jitflow.tracer.opcodes import Operation

if TYPE_CHECKING:
    from jitflow.tracer.instructions import Instruction

_LONGEST = 40
"""Instructions that a condition may have."""
_LONGEST_END = 8
"""Instructions of what CPython copies behind a loop: the end of the function."""
_JUMPS = frozenset({"JUMP", "JUMP_IF_TRUE", "JUMP_IF_FALSE"})


def with_one_header(program: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
    """The instructions, with jumps back to a condition leading to its copy behind the body."""
    index = {instruction.offset: at for at, instruction in enumerate(program)}
    found = list(program)
    for at, instruction in enumerate(program):
        if instruction.target is None or instruction.target > instruction.offset:
            continue
        first = index[instruction.target]
        copy = _copy_of(program, index, first, at)
        if copy is None and not program[first].operations:
            copy = first + 1  # ``while True`` is a NOP in front of the body
        last = instruction.operations[-1] if instruction.operations else None
        if copy is not None and last is not None and last.op in _JUMPS:
            target = program[copy].offset
            operations = (*instruction.operations[:-1], Operation(last.op, target))
            found[at] = replace(instruction, operations=operations, target=target)
    return tuple(found)


def _copy_of(
    program: Sequence[Instruction], index: dict[int, int], first: int, jump: int
) -> int | None:
    """Where the copy begins of the condition at `first`, to which the jump at `jump` goes back."""
    for body in range(first + 1, min(first + _LONGEST, jump + 1)):
        if _kind(program[body - 1]) != "JUMP_IF_FALSE":
            continue
        start, size = program[body].offset, body - first
        for back in range(len(program) - 1, jump, -1):
            if program[back].target != start:
                continue
            is_split = _kind(program[back]) == "JUMP"  # over a jump back, from 3.12 on
            copy = back - size + (not is_split)
            last = "JUMP_IF_FALSE" if is_split else "JUMP_IF_TRUE"
            if copy <= jump or _kind(program[copy + size - 1]) != last:
                continue
            leaves = program[copy + size - 1].target if is_split else program[back].end
            if _is_copy(program, index, (first, copy, size), leaves):
                return copy
    return None


def _kind(instruction: Instruction) -> str:
    """Which jump an instruction is; an empty text for others."""
    operations = instruction.operations
    return operations[-1].op if operations and operations[-1].op in _JUMPS else ""


def _is_copy(
    program: Sequence[Instruction],
    index: dict[int, int],
    place: tuple[int, int, int],
    leaves: int | None,
) -> bool:
    """Whether two conditions do the same, and lead to the same code where they are false."""
    first, copy, size = place
    low, high = program[first].offset, program[first + size].offset
    shift = program[copy].offset - low
    for one, other in zip(program[first : first + size], program[copy : copy + size], strict=True):
        if one is program[first + size - 1]:
            break
        if one.target is None and one.operations == other.operations:
            continue
        if _kind(one) != _kind(other) or not _kind(one) or len(one.operations) > 1:
            return False
        assert one.target is not None
        is_inside = low <= one.target < high
        wanted = one.target + shift if is_inside else one.target
        if not _is_same_end(program, index, wanted, other.target):
            return False
    return _is_same_end(program, index, program[first + size - 1].target, leaves)


def _is_same_end(
    program: Sequence[Instruction], index: dict[int, int], one: int | None, other: int | None
) -> bool:
    """Whether two places are one, or copies of the code that ends the function."""
    if one == other:
        return True
    if one is None or other is None:
        return False
    for step in range(_LONGEST_END):
        at = index[one] + step, index[other] + step
        if max(at) >= len(program):
            return False
        left, right = (program[place] for place in at)
        if left.target is not None or left.operations != right.operations:
            return False
        if any(operation.op == "RETURN" for operation in left.operations):
            return True
    return False

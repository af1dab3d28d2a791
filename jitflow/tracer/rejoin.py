"""Where eager code comes back to a loop's header with a frame whose layout is known.

After a break whose instruction raises into a handler of its own frame, Python runs on; at the next
backward jump compiled execution can take over again.
"""

from __future__ import annotations

from types import CodeType

from jitflow.tracer.instructions import Instruction, decode, handler_of, index_at
from jitflow.tracer.stack_layout import Layout, after

Start = tuple[int, Layout]
"""Offset of an instruction and the layout before it."""


def loop_ends(code: CodeType, start: Start) -> list[tuple[Instruction, Layout]]:
    """Backward jumps that are reached from `start`, with the one layout that each is reached with.

    They are taken to end there, so nothing follows them. Left out are jumps that are reached with
    several layouts, and those inside handlers: an exception that is being handled is not part of a
    frame's state.
    """
    program, index = decode(code), index_at(code)
    known: dict[int, Layout | None] = {}
    work: list[tuple[int, Layout | None]] = [(index[start[0]], start[1])]
    while work:
        at, layout = work.pop()
        if at in known:
            if known[at] is None or known[at] == layout:
                continue
            layout = None  # reached in two ways: and so is all that follows
        known[at] = layout
        instruction = program[at]
        leaves = is_loop_end(instruction) and _can_leave(layout)
        for to, then in followers(code, instruction, layout):
            if not (leaves and to == instruction.target):
                work.append((index[to], then))
    ends = ((program[at], layout) for at, layout in sorted(known.items()))
    return [
        (instruction, layout)
        for instruction, layout in ends
        if layout is not None and is_loop_end(instruction) and _can_leave(layout)
    ]


def is_loop_end(instruction: Instruction) -> bool:
    """Whether `instruction` jumps backward."""
    return instruction.target is not None and instruction.target <= instruction.offset


def _can_leave(layout: Layout | None) -> bool:
    return layout is not None and not layout.is_handling


def handled(code: CodeType, instruction: Instruction, layout: Layout) -> Start | None:
    """The handler of `instruction` with its layout, where the frame has one."""
    row = handler_of(code, instruction)
    if row is None:
        return None
    result = Layout(set(layout.bound), layout.stack[: row.depth])
    result.stack += [True] * (1 + row.lasti)
    return row.target, result


def followers(
    code: CodeType, instruction: Instruction, layout: Layout | None
) -> list[tuple[int, Layout | None]]:
    """Offsets at which Python may be after `instruction`, with the layouts there."""
    result: list[tuple[int, Layout | None]] = []
    if layout is None:
        row = handler_of(code, instruction)
        result = [(row.target, None)] if row is not None else []
    elif start := handled(code, instruction, layout):
        result = [start]
    if instruction.falls_through:
        result.append((instruction.end, layout and after(layout, instruction)))
    if instruction.target is not None:
        result.append((instruction.target, layout and after(layout, instruction, jump=True)))
    return result

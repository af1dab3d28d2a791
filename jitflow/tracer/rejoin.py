"""Where eager code can be left for compiled code: where a frame's layout is known.

After a break whose instruction raises into a handler of its own frame, Python runs on; at the next
backward jump compiled execution can take over again. So it can behind any chosen instruction.
"""

from __future__ import annotations

from types import CodeType

from jitflow.core.dataclass import dataclass
from jitflow.core.weak import per_object
from jitflow.tracer.control_flow import loops, reached, successors
from jitflow.tracer.instructions import Instruction, decode, handler_of, index_at
from jitflow.tracer.stack_layout import Layout, after_original

Start = tuple[int, Layout]
"""Offset of an instruction and the layout before it."""


@dataclass(frozen=True)
class WaysOut:
    """Where to leave: at backward jumps but those to `closed`, and behind the one at `stop`."""

    stop: int | None = None
    closed: frozenset[int] = frozenset()

    def reached(self, code: CodeType, start: Start) -> list[tuple[Instruction, Layout]]:
        """The ways out that are reached from `start`, with the one layout there.

        They are taken to end there, so nothing follows them. Left out are those that are reached
        with several layouts, and those inside handlers: an exception that is being handled is not
        part of a frame's state.
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
            left = self._left_by(instruction) if _can_leave(layout) else ()
            for to, then in followers(code, instruction, layout):
                if to not in left:
                    work.append((index[to], then))
        ends = ((program[at], layout) for at, layout in sorted(known.items()))
        return [
            (instruction, layout)
            for instruction, layout in ends
            if layout is not None and self._left_by(instruction) and _can_leave(layout)
        ]

    def _left_by(self, instruction: Instruction) -> tuple[int | None, ...]:
        """Offsets at which `instruction` leaves the frame."""
        if instruction.offset == self.stop:
            return (instruction.end, instruction.target)
        leaves = is_loop_end(instruction) and instruction.target not in self.closed
        return (instruction.target,) if leaves else ()


def is_loop_end(instruction: Instruction) -> bool:
    """Whether `instruction` jumps backward."""
    return instruction.target is not None and instruction.target <= instruction.offset


@per_object
def loop_headers(code: CodeType) -> frozenset[int]:
    """Offsets that instructions jump back to."""
    targets = (i.target for i in decode(code) if i.target is not None and is_loop_end(i))
    return frozenset(targets)


def inner_headers(code: CodeType, offset: int, worthy: frozenset[int]) -> frozenset[int]:
    """Headers of loops inside of others that are ahead of `offset` and have compiled pieces.

    Python jumps back in the inner ones first, but what is compiled is an iteration of the outer
    one; `worthy` are the offsets where such pieces begin.
    """
    program, places = decode(code), index_at(code)
    begins = {places[begin] for begin in worthy}
    known = loops(code)
    return frozenset(
        program[header].offset
        for header, inner in known.items()
        for outer in known.values()
        if header in outer.body
        and places[offset] not in outer.body
        and begins & outer.body - inner.body
    )


@dataclass(frozen=True)
class Round:
    """One way around a loop, from an offset in it back to the same.

    Attributes
    ----------
    header : int
        Offset of the loop's header.
    ways : WaysOut
        Where Python is to be left: at the same offset, and at loops further out.
    """

    header: int
    ways: WaysOut


def round_from(code: CodeType, offset: int) -> Round | None:
    """The way around the innermost loop from `offset`; None where an iteration may miss it."""
    program, at, known = decode(code), index_at(code)[offset], loops(code)
    around = [loop for loop in known.values() if at in loop.body]
    if not around:
        return None
    loop = min(around, key=lambda loop: len(loop.body))
    header = program[loop.header].offset
    inner = {program[h].offset for h in known if h in loop.body and h != loop.header}
    if at == loop.header:
        return Round(header, WaysOut(None, frozenset(inner)))
    after = successors(code)
    before = [place for place in loop.body if at in after[place]]
    ahead = reached(after, after[loop.header], frozenset({loop.header, at}))
    others = ahead & loop.body - {loop.header, at}
    if before != [at - 1] or any(loop.header in after[place] for place in others):
        return None
    return Round(header, WaysOut(program[at - 1].offset, frozenset(inner | {header})))


def _can_leave(layout: Layout | None) -> bool:
    return layout is not None and layout.can_be_left


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
        result.append((instruction.end, layout and after_original(layout, instruction)))
    if instruction.target is not None:
        then = layout and after_original(layout, instruction, jump=True)
        result.append((instruction.target, then))
    return result

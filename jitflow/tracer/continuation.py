"""Makes continuation functions: ordinary Python functions that enter a frame in its middle.

Owns what the stub behind the original instructions does: run one instruction and leave, run on to
the end, or raise. The original instructions, the user's line numbers and exception handlers are
kept, so whatever the stub does not do, Python does as it would have done. Knows nothing of compile
points with several frames, nor of who calls the functions.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, CodeType, FunctionType
from typing import Any

from jitflow.core.dataclass import dataclass
from jitflow.core.weak import WeakValues
from jitflow.tracer.code_layout import emit, jump_back
from jitflow.tracer.frame_code import Exit, FrameCode
from jitflow.tracer.instructions import (
    HandlerRange,
    Instruction,
    decode,
    handler_of,
    index_at,
    instruction_at,
)
from jitflow.tracer.rejoin import WaysOut, handled, is_loop_end
from jitflow.tracer.trace import FrameShape

AFTER_YIELD = 3
"""Argument of a ``RESUME`` that does not look for signals: the instruction is about to run."""

__all__ = ["Continuation", "Exit", "resume", "run_until", "step", "throw"]


@dataclass(eq=False)
class Continuation:
    """The code object of a continuation, and its exits."""

    shape: FrameShape
    code: CodeType
    exits: tuple[Exit, ...] = ()

    def function(self, namespace: dict[str, Any]) -> Callable[[tuple[Any, ...]], Any]:
        """The function of one parameter, the state, whose globals are `namespace`."""
        # The state brings the real cells; CPython only asks for a closure of the right length.
        closure = tuple(CellType() for _ in self.code.co_freevars)
        return FunctionType(self.code, namespace, None, None, closure)


def step(shape: FrameShape) -> Continuation:
    """Run the one instruction at ``shape.offset``, then give ``(exit, state)``.

    Where it returns, or raises and the frame's own handler catches, Python runs on: to the next
    backward jump and its exit where the frame's layout is known there, else to the end and the
    function's own result.
    """
    return _cached("step", shape, lambda: _make_step(shape))


def resume(shape: FrameShape) -> Continuation:
    """Run from ``shape.offset`` to the end."""
    return _cached("resume", shape, lambda: _make_resume(shape))


def run_until(
    shape: FrameShape, stop: int | None = None, closed: frozenset[int] = frozenset()
) -> Continuation:
    """Run from ``shape.offset`` to behind the instruction at byte `stop`, or to a backward jump.

    Gives ``(exit, state)``, or the function's own result where it ends elsewhere. Jumps to an
    offset in `closed` do not count.
    """
    kind = f"until {stop} or loops but {sorted(closed)}"
    return _cached(kind, shape, lambda: _make_resume(shape, WaysOut(stop, closed)))


def throw(shape: FrameShape, at: int) -> Continuation:
    """Raise the exception that is the state's additional last item, then run on as in `step`.

    It is raised where the instruction at byte `at` is, by its line and handlers, with the variables
    and the stack of `shape`.
    """
    return _cached(f"throw at {at}", shape, lambda: _make_throw(shape, at))


def call_before(shape: FrameShape) -> int:
    """Offset of the call whose result a suspended frame of `shape` waits for."""
    return decode(shape.code)[index_at(shape.code)[shape.offset] - 1].offset


def looks_for_signals(shape: FrameShape) -> bool:
    """Whether Python looks for pending signals after the instruction at ``shape.offset``."""
    instruction = instruction_at(shape.code, shape.offset)
    return instruction.name.startswith("CALL") or is_loop_end(instruction)


def place_of(shape: FrameShape, line: int) -> int | None:
    """Offset of the first instruction of a line from that of `shape` on, with the same handler."""
    own = _handler_at(shape.code, instruction_at(shape.code, shape.offset))
    for instruction in decode(shape.code)[index_at(shape.code)[shape.offset] :]:
        is_there = instruction.location.line == line
        if is_there and _handler_at(shape.code, instruction) == own:
            return instruction.offset
    return None


def _handler_at(code: CodeType, instruction: Instruction) -> tuple[int, int] | None:
    row = handler_of(code, instruction)
    return None if row is None else (row.target, row.depth)


_cache: WeakValues[Any, Continuation] = WeakValues()


def _cached(kind: str, shape: FrameShape, make: Callable[[], Continuation]) -> Continuation:
    # By identity of the code object: equal ones may differ in their file.
    key = (kind, id(shape.code), shape.offset, shape.bound, shape.stack)
    return _cache.get(key) or _cache.add(key, make())


def _make_step(shape: FrameShape) -> Continuation:
    frame = FrameCode(shape)
    instruction, layout = frame.instruction, frame.layout
    stub = frame.section(instruction)
    stub.add(emit("RESUME", AFTER_YIELD), frame.handler(instruction))
    frame.run_and_leave(stub, instruction, layout)
    frame.rejoin(stub, handled(shape.code, instruction, layout))
    return Continuation(shape, frame.finish(stub), tuple(frame.exits))


def _make_resume(shape: FrameShape, ways: WaysOut | None = None) -> Continuation:
    frame = FrameCode(shape)
    stub = frame.section(frame.instruction)
    row = frame.handler(frame.instruction)
    stub.add(emit("RESUME", AFTER_YIELD), row)
    stub.add(jump_back(stub.end, frame.body_start + frame.instruction.offset), row)
    if ways is not None:
        frame.rejoin(stub, (frame.instruction.offset, frame.layout), ways)
    return Continuation(shape, frame.finish(stub), tuple(frame.exits))


def _make_throw(shape: FrameShape, offset: int) -> Continuation:
    frame = FrameCode(shape, additional=1)
    at = instruction_at(shape.code, offset)
    stub = frame.section(at)
    # RAISE_VARARGS gives the exception its traceback entry; it also sets its context to what is
    # being handled, unless that is the exception itself. So it is, until the inner handler.
    stub.add(emit("PUSH_EXC_INFO"))
    cleanup = stub.end + len(emit("RAISE_VARARGS", 1))
    stub.add(emit("RAISE_VARARGS", 1), HandlerRange(0, 0, cleanup, len(shape.stack) + 1, False))
    stub.add(emit("SWAP", 2) + emit("POP_EXCEPT"))
    stub.add(emit("RERAISE", 0), frame.handler(at))
    frame.rejoin(stub, handled(shape.code, at, frame.layout))
    return Continuation(shape, frame.finish(stub), tuple(frame.exits))

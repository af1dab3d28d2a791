"""Arms in captured loops that only Python can run: printing, plotting, calls of unknown functions.

A loop with such an arm is left where the arm begins, and entered again behind it. So what happens
every hundredth time, or once, costs a way out and back; the other iterations stay native.
"""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING

from jitflow.core.errors import Unsupported
from jitflow.core.weak import per_object
from jitflow.tracer import operations
from jitflow.tracer.branches import Start
from jitflow.tracer.control_flow import Loop, reached, successors
from jitflow.tracer.frame import SymbolicFrame
from jitflow.tracer.kinds import NotSettled
from jitflow.tracer.loop_entry import Entry
from jitflow.tracer.objects.model import IteratorValue, OpaqueValue
from jitflow.tracer.remaining import take_over

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter

_LARGEST = 0.5
"""Part of a loop's instructions that the arm may have: what is most of the body is no exception."""


def note_way_out(
    tracer: Interpreter, frame: SymbolicFrame, error: Unsupported, taken: Start, passed: Start
) -> bool:
    """Whether the loops around are tried again with a way out at the arm that cannot be traced."""
    arm = tracer.failed_arm
    if arm is not taken and arm is not passed:
        return False
    if isinstance(error, NotSettled) or arm.outcome is not None or arm.ways:
        return False
    is_asked = tracer.wishes or any(growth.is_new for growth in tracer.growing.values())
    if tracer.unbound is not None or is_asked:
        return False  # the next attempt knows more
    attempts = [attempt for attempt in tracer.attempts if isinstance(attempt, Entry)]
    if not attempts or len(attempts) < len(tracer.attempts):
        return False
    if any(attempt.frame is not frame for attempt in attempts) or frame.nested or frame.generator:
        return False
    inner = attempts[-1]
    other = passed if arm is taken else taken
    if arm.index not in inner.loop.body or arm.index == inner.loop.header:
        return False
    stack = inner.mark.position.stack
    is_plain = len(stack) == len(arm.stack) and all(
        a is b for a, b in zip(stack, arm.stack, strict=True)
    )
    known = tracer.ways_out.get(frame.code, frozenset())
    if not is_plain or {arm.index, other.index} & known or not _is_small(frame, inner.loop, arm):
        return False
    tracer.ways_out[frame.code] = known | {arm.index}
    tracer.retry = attempts[0]
    _left_loops(frame.code).update(attempt.loop.header for attempt in attempts)
    return True


def _is_small(frame: SymbolicFrame, loop: Loop, arm: Start) -> bool:
    """Whether the arm has few of the instructions of the loop."""
    after = successors(frame.code)
    own = reached(after, (arm.index,), frozenset((loop.header, *loop.exits)))
    others = reached(after, (loop.header,), frozenset((arm.index, *loop.exits)))
    return len(own - others) <= _LARGEST * len(loop.body)


@per_object
def _left_loops(code: CodeType) -> set[int]:
    """Headers of loops of `code` that were captured with such ways out: they are entered again."""
    return set()


def taken_over(tracer: Interpreter, frame: SymbolicFrame) -> IteratorValue | None:
    """The real iterator on the stack as a value, where the loop at hand was left before."""
    value = operations.resolve(tracer, frame.stack[-1])
    if not isinstance(value, OpaqueValue) or tracer.regions:
        return None
    if frame.index - 1 not in _left_loops(frame.code):
        return None
    found = take_over(tracer, value)
    if found is not None:
        frame.stack[-1] = found
    return found

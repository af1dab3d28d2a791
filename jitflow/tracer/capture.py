"""When the interpreter captures a loop or a branch, and what it does where that fails.

Every function here leaves everything as it was where it does not capture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.core.config import config
from jitflow.core.dataclass import replace
from jitflow.core.dtypes import BOOL
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import branches, conditions, domains, facts, growing, leaving, loops
from jitflow.tracer.arrays import UncertainArray
from jitflow.tracer.branches import Start
from jitflow.tracer.control_flow import Loop, body_size
from jitflow.tracer.control_flow import loops as loops_of
from jitflow.tracer.frame import SymbolicFrame
from jitflow.tracer.instructions import Instruction, index_at
from jitflow.tracer.kinds import NotSettled
from jitflow.tracer.objects.functions import OURS
from jitflow.tracer.objects.model import DequeValue, IteratorValue
from jitflow.tracer.places import Reach
from jitflow.tracer.regions import Mark
from jitflow.tracer.restart import Place, Restart
from jitflow.tracer.values import PyValue, ScalarValue

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter
    from jitflow.tracer.objects import hashing
else:
    hashing = LazyModule("jitflow.tracer.objects.hashing")

MAX_PEELED = 2
"""Iterations that are traced before a loop, so that what it changes settles."""

UNROLLED = ((4, 1500), (16, 200))
"""Loops that are unrolled: iterations, and instructions in all of them together."""

KEPT = (
    "range",
    "array",
    "numbers",
    "backwards",
    "rows",
    "enumerate",
    "zip",
    "product",
    "ndenumerate",
)
"""Iterators whose loops can be kept."""


# for


def for_loop(tracer: Interpreter, frame: SymbolicFrame, target: int) -> str:
    """Capture the loop of the ``FOR_ITER`` at hand, over the iterator on the stack.

    Gives ``"captured"``; ``"peel"`` where an iteration should be traced before it; or an empty
    text, with the reason in ``tracer.reasons``.
    """
    iterator = frame.stack[-1]
    loop = loops_of(frame.code).get(frame.index - 1)
    if not isinstance(iterator, IteratorValue) or loop is None:
        return ""
    tracer.reasons.pop(id(iterator), None)
    if not _is_wanted(tracer, iterator, (frame.code, frame.program[loop.header].offset)):
        return ""
    index = frame.index
    frame.index -= 1
    mark = Mark.of(tracer, frame)
    try:
        if _captured_for(tracer, frame, loop, iterator, target):
            return "captured"
    except Unsupported as error:
        mark.abandon()
        frame.index = index
        if tracer.retry is not None or growing.is_asked(tracer):
            raise
        if tracer.wishes and hashing.is_wished(tracer):
            raise
        return _declined(tracer, iterator, error)
    frame.index = index
    return ""


def _is_wanted(tracer: Interpreter, iterator: IteratorValue, place: Place) -> bool:
    if not config().capture_loops or iterator.kind not in KEPT or iterator.exhausted:
        return False
    if id(iterator) in tracer.declined:
        return False
    try:
        length = domains.length_of(tracer, iterator)
    except Unsupported:
        return False
    is_ours = tracer.frames[-1].globals.get("__name__") in OURS
    if length is None or place in tracer.limits.captures or is_ours:
        return True
    size = body_size(*place)
    return not any(length <= most and length * size <= largest for most, largest in UNROLLED)


def _captured_for(
    tracer: Interpreter, frame: SymbolicFrame, loop: Loop, iterator: IteratorValue, target: int
) -> bool:
    """Capture a ``for``; False where it has no iteration in the call that is traced."""
    if not iterator.is_unnamed:
        holders = Reach(tracer).holders
        if frame.names[:1] == (".0",) and frame.slots[0] is frame.stack[-1]:
            holders[id(iterator)] -= 1  # nothing but the loop of a generator looks at its argument
        if any(holders.get(id(known), 0) > 1 for known in _with_inner(iterator)):
            raise Unsupported("JF-B006", "the iterator is known elsewhere")
    domain = domains.domain_of(tracer, iterator)
    low, high = domain.bounds
    if not all(map(facts.fits, (low, high, high - low, domain.step))):
        raise Unsupported("JF-B006", "a range that does not fit 64 bits")
    numbers = [facts.evaluate(tracer.context, bound) for bound in (low, high)]
    if None not in numbers:
        if not facts.decide(tracer.context, low, "<", high):
            return False
        domain = replace(domain, is_entered=True)
    elif facts.prove(tracer.context, low, "<", high):
        domain = replace(domain, is_entered=True)
    exit_index = index_at(frame.code)[target]
    loops.capture(tracer, frame, loop, domain, exit_index=exit_index)
    if iterator.owner is not None and iterator.is_unnamed:
        _forget(tracer, iterator.owner, iterator)
    return True


def _forget(tracer: Interpreter, owner: DequeValue, iterator: IteratorValue) -> None:
    """The iterator of a captured loop is gone: what it went over may change again."""
    tracer.context.objects.save(owner)
    owner.iterators = [other for other in owner.iterators if other is not iterator]


def _with_inner(iterator: IteratorValue) -> list[IteratorValue]:
    return [iterator, *(known for inner in iterator.inner for known in _with_inner(inner))]


def _declined(tracer: Interpreter, iterator: IteratorValue, error: Unsupported) -> str:
    place = tracer.failure[1] if tracer.failure is not None else None
    where = f" (line {place.line})" if place is not None and place.line else ""
    tracer.reasons[id(iterator)] = f"{error.detail or error.code}{where}"
    if error.code in ("JF-B005", "JF-B010"):  # a shape, or an int, that Python has to know
        tracer.needs_items.add(id(iterator))
    settles = isinstance(error, NotSettled | UncertainArray)
    if settles and iterator.position < MAX_PEELED:
        return "peel"
    tracer.declined.add(id(iterator))
    tracer.keep(iterator)
    return ""


# while


def at_header(tracer: Interpreter, frame: SymbolicFrame, instruction: Instruction) -> bool:
    """Capture the ``while`` whose header is next, where the trace was made again to do so."""
    place = (frame.code, instruction.offset)
    if place not in tracer.limits.captures or not _may_capture(tracer, frame):
        return False
    if instruction.name == "FOR_ITER":
        return False
    loop = loops_of(frame.code).get(frame.index)
    if loop is None or tracer.tried.get(place, 0) > MAX_PEELED:
        return False
    if tracer.limits.at(tracer.steps, place) is not None:
        return False
    mark = Mark.of(tracer, frame)
    try:
        loops.capture(tracer, frame, loop, None)
    except Unsupported:
        mark.abandon()
        if tracer.retry is not None:
            raise
        tracer.tried[place] = tracer.tried.get(place, 0) + 1
        return False
    tracer.tried.pop(place, None)
    return True


def _may_capture(tracer: Interpreter, frame: SymbolicFrame) -> bool:
    """Whether the header is not where the iteration begins that is being traced."""
    region = tracer.regions[-1] if tracer.regions else None
    return region is None or region.frame is not frame or region.normal != frame.index


# Branches


def branch(
    tracer: Interpreter, frame: SymbolicFrame, truth: PyValue, taken: Start, passed: Start
) -> None:
    """Capture a conditional jump: `taken` where `truth` is true, else `passed`.

    Raises
    ------
    Unsupported
        JF-B005: the piece ends here.
    Restart
        The jump belongs to a loop that has not been captured so far.
    """
    if not config().capture_loops or not isinstance(truth, ScalarValue):
        raise Unsupported("JF-B005", "")
    context = tracer.context
    predicate = context.scalar_graph_value(truth, BOOL)
    if _is_settled(tracer, frame, predicate, taken, passed, is_setting=True):
        return
    mark = Mark.of(tracer, frame)
    captured = _captured_while(tracer, frame, truth, taken, passed)
    if captured == "captured":
        return
    try:
        branches.fork(tracer, frame, predicate, taken, passed)
    except Unsupported as error:
        mark.abandon()
        if tracer.retry is not None or leaving.note_way_out(tracer, frame, error, taken, passed):
            raise
        if captured in ("taken", "passed"):
            _enter_for_sure(tracer, frame, predicate, captured == "taken", taken, passed)
            return
        if _is_settled(tracer, frame, predicate, taken, passed):
            return
        ask_for_capture(tracer, frame, error)
        if tracer.regions and isinstance(error, NotSettled):
            raise  # an iteration before the loop may settle it
        raise Unsupported("JF-B005", _detail(error)) from error


def _is_settled(
    tracer: Interpreter,
    frame: SymbolicFrame,
    predicate: Value,
    taken: Start,
    passed: Start,
    is_setting: bool = False,
) -> bool:
    """Go the way of the traced call where a guard can tell it; never back into a loop."""
    origin = frame.index - 1
    if min(taken.index, passed.index) <= origin:
        return False
    answer = conditions.decided(tracer.context, predicate, is_setting)
    if answer is None:
        return False
    start = taken if answer else passed
    frame.index, frame.stack = start.index, start.stack[:]
    return True


def _enter_for_sure(
    tracer: Interpreter,
    frame: SymbolicFrame,
    predicate: Value,
    is_taken: bool,
    taken: Start,
    passed: Start,
) -> None:
    """Check that a loop has an iteration, which is traced before it so that its kinds settle."""
    if not is_taken:
        predicate = tracer.context.builder.emit("logical_not", predicate)
    facts.require(tracer.context, predicate)
    start = taken if is_taken else passed
    frame.index, frame.stack = start.index, start.stack[:]


def _detail(error: Unsupported) -> str:
    return error.detail or error.code


def _captured_while(
    tracer: Interpreter, frame: SymbolicFrame, truth: ScalarValue, taken: Start, passed: Start
) -> str:
    """Capture the loop to which one way leads and which ends where the other one does.

    Gives ``"captured"``; the way that leads into the loop, ``"taken"`` or ``"passed"``, where what
    it changes might settle after an iteration; else an empty text.
    """
    context = tracer.context
    for name, start, other in (("taken", taken, passed), ("passed", passed, taken)):
        start = Start(_followed(frame, start.index), start.stack)
        loop = loops_of(frame.code).get(start.index)
        if loop is None or not _is_entry(tracer, frame, loop, start, other):
            continue
        place = (frame.code, frame.program[loop.header].offset)
        mark = Mark.of(tracer, frame)
        first = context.scalar_graph_value(truth, BOOL)
        if name == "passed":
            first = context.builder.emit("logical_not", first)
        frame.index, frame.stack = start.index, start.stack[:]
        try:
            loops.capture(tracer, frame, loop, None, first, other.index)
        except Unsupported as error:
            mark.abandon()
            if tracer.retry is not None:
                raise
            tracer.tried[place] = tracer.tried.get(place, 0) + 1
            return name if isinstance(error, NotSettled | UncertainArray) else ""
        tracer.tried.pop(place, None)
        return "captured"
    return ""


def _followed(frame: SymbolicFrame, index: int) -> int:
    """Where unconditional jumps at an instruction lead."""
    for _ in frame.program:
        instruction = frame.program[index]
        if [operation.op for operation in instruction.operations] != ["JUMP"]:
            break
        assert instruction.target is not None
        index = index_at(frame.code)[instruction.target]
    return index


def _is_entry(
    tracer: Interpreter, frame: SymbolicFrame, loop: Loop, start: Start, other: Start
) -> bool:
    """Whether the jump at hand enters a loop that could be captured, or leads past it."""
    header = frame.program[loop.header]
    if header.name == "FOR_ITER" or start.stack != other.stack or other.index not in loop.exits:
        return False
    if any(r.frame is frame and r.normal == loop.header for r in tracer.regions):
        return False  # it is the end of an iteration
    return tracer.tried.get((frame.code, header.offset), 0) <= MAX_PEELED


def ask_for_capture(tracer: Interpreter, frame: SymbolicFrame, cause: Unsupported) -> None:
    """Trace again with the innermost loop around captured, where that has not been tried."""
    origin = frame.index - 1
    around = [loop for loop in loops_of(frame.code).values() if origin in loop.body]
    for loop in sorted(around, key=lambda loop: len(loop.body)):
        header = frame.program[loop.header]
        place = (frame.code, header.offset)
        if place in tracer.limits.captures:
            continue
        if any(r.frame is frame and r.normal == loop.header for r in tracer.regions):
            continue
        raise Restart(cause, capture=place)

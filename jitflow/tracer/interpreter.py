"""The symbolic interpreter: an explicit stack of frames, one step for each instruction.

Owns the loop and what a break undoes; the meaning of operations is in the ``interpreter_*``
modules, that of Python's objects in `operations`. Inlined calls push a frame and do not recurse.
"""

from __future__ import annotations

from collections.abc import Collection
from types import CodeType
from typing import TYPE_CHECKING, Any

from jitflow.core.config import config
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.core.location import UNKNOWN, Location
from jitflow.tracer import (
    interpreter_calls,
    interpreter_control,
    interpreter_objects,
    interpreter_stack,
    operations,
)
from jitflow.tracer.context import TraceContext
from jitflow.tracer.frame import SymbolicFrame
from jitflow.tracer.inline import enter
from jitflow.tracer.instructions import UNBROKEN, Instruction
from jitflow.tracer.interpreter_control import LoopBreak
from jitflow.tracer.kinds import Kind, Ragged
from jitflow.tracer.objects.model import BuiltinMethodValue, FunctionValue, IteratorValue, LazyValue
from jitflow.tracer.regions import Region
from jitflow.tracer.restart import Limits, Place, Restart
from jitflow.tracer.values import ConstantValue, NumbersValue, PyValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer import capture, growing
    from jitflow.tracer.growing import Growth
    from jitflow.tracer.objects.hashing import Wish
else:
    growing = LazyModule("jitflow.tracer.growing")
    capture = LazyModule("jitflow.tracer.capture")

HANDLERS = {
    **interpreter_stack.HANDLERS,
    **interpreter_objects.HANDLERS,
    **interpreter_control.HANDLERS,
    **interpreter_calls.HANDLERS,
}

MAX_STEPS = 200_000
"""Instructions of one trace: beyond it the piece ends, whatever it has captured."""
_LOOK = 255
"""Instructions after each of which the time is looked at."""
MAX_FACTS, FACTS_OF_A_NODE = 6000, 100
"""Guards that a piece may have, besides those for each node: more take longer than Python."""


class Interpreter:
    """One run of the symbolic interpreter.

    Attributes
    ----------
    context : TraceContext
    frames : list of SymbolicFrame
        Outermost first.
    steps : int
        Instructions run so far.
    births : dict
        ``id`` of a value on an operand stack to the step that put it there first.
    result : PyValue or None
        What the frame that was left last gave.
    failure : (Unsupported, Location) or None
        The last break and where it arose, which may be inside a nested call.
    frames_at_start : int
        How many frames the compile point has.
    has_handlers : bool
        Whether a function that was inlined handles exceptions.
    locations : dict
        Source lines that were traced.
    generators : list of (IteratorValue, GeneratorBody)
        Every generator that the trace made.
    regions : list of Region
        The loops and branches that are being captured, outermost first.
    longest : int
        The step at which the outermost of them is too long.
    reasons : dict
        Why the loop over an iterator, by identity, was not captured; `declined` are those that are
        not to be tried again, and `needs_items` those whose items have to be known.
    tried : dict
        How often the capture of the loop at a place failed since it last succeeded.
    sizes : dict
        For each iterator, by identity, the nodes that there were when its loop began.
    growing : dict
        What is known of lists that grow in loops, by identity.
    in_lists : dict
        The lists with rows to which arrays were appended, by the identities of their memory.
    attempts : list
        The loops whose capture is being tried, outermost first.
    unbound : (SymbolicFrame, int) or None
        The last variable that was read while it was unbound.
    written_slots : dict
        For each loop, by its header, variables whose arrays its iterations write.
    failed_arm : branches.Start or None
        Where the arm of a branch began that could not be traced last.
    ways_out : dict
        Where arms begin at which captured loops are left, for each code object.
    retry : loop_entry.Entry or None
        The attempt to capture a loop that has to be made again: something was just found out inside
        of it, a way out or the kind of what it carries.
    """

    def __init__(self, context: TraceContext, limits: Limits) -> None:
        self.context, self.limits = context, limits
        self.frames: list[SymbolicFrame] = []
        self.frames_at_start = 0
        self.has_handlers = False
        self.steps = 0
        self.result: PyValue | None = None
        self.constants: dict[int, PyValue] = {}
        self.births: dict[int, int] = {}
        self.failure: tuple[Unsupported, Location] | None = None
        self.locations: dict[tuple[str, int], Location] = {}
        self.generators: list[tuple[IteratorValue, interpreter_calls.GeneratorBody]] = []
        self._keep: list[Any] = []
        self._iterations: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.regions: list[Region] = []
        self.longest = MAX_STEPS
        self.reasons: dict[int, str] = {}
        self.declined: set[int] = set()
        self.needs_items: set[int] = set()
        self.tried: dict[Place, int] = {}
        self.growing: dict[int, Growth] = {}
        self.wishes: dict[int, Wish] = {}
        self.found_places: dict[int, Any] = {}
        self.in_lists: dict[int, SequenceValue] = {}
        self.in_tables: dict[tuple[int, str], SequenceValue] = {}
        self.attempts: list[Any] = []
        self.unbound: tuple[SymbolicFrame, int] | None = None
        self.written_slots: dict[tuple[CodeType, int], set[int]] = {}
        self.failed_arm: Any = None
        self.ways_out: dict[CodeType, frozenset[int]] = {}
        self.retry: Any = None

    # Running

    def run(self) -> PyValue:
        """Run until the outermost frame returns; `Unsupported` leaves the frames at the break."""
        while self.frames:
            self.step()
        assert self.result is not None
        return self.result

    def held(self) -> list[object]:
        """What the frames keep alive: variables, operands, closures."""
        return [(frame.slots, frame.stack, frame.closure) for frame in self.frames]

    def run_nested(
        self, function: FunctionValue, args: list[PyValue], kwargs: dict[str, PyValue]
    ) -> PyValue:
        """Run a Python function to its end within the operation at hand; give its result.

        A break inside becomes a break of that operation: such a frame cannot be suspended.
        """
        frame = enter(self, function, args, kwargs)
        if frame.generator:
            return interpreter_calls.make_generator(self, frame)
        result = self.run_frame(frame)
        assert result is not None
        return result

    def run_frame(self, frame: SymbolicFrame) -> PyValue | None:
        """Run `frame` on top of the others until it returns or yields."""
        depth = len(self.frames)
        frame.nested = True
        location = self.context.location
        self.frames.append(frame)
        try:
            while len(self.frames) > depth:
                self.step()
        except LoopBreak as error:
            raise self._same_failure(error, Unsupported(error.code, error.detail)) from error
        finally:
            del self.frames[depth:]
            self.context.location = location
        return self.result

    def use_up(self, generator: IteratorValue, sink: Any) -> PyValue:
        """Run a fresh generator to its end, giving what it yields to `sink`."""
        body = generator.resume
        assert isinstance(body, interpreter_calls.GeneratorBody)
        return body.use_up(sink)

    def is_inside(self, codes: Collection[CodeType]) -> bool:
        """Whether the innermost frame runs one of `codes`."""
        return bool(self.frames) and self.frames[-1].code in codes

    def leave(self, frame: SymbolicFrame, value: PyValue) -> None:
        """Return `value` from the innermost frame."""
        self.frames.pop()
        if frame.generator:
            frame.finished = True
            self.result = None
            return
        self.result = value
        if frame.nested or not self.frames:
            return
        caller = self.frames[-1]
        if caller.resume == "push":
            caller.push(value)
        elif not (isinstance(value, ConstantValue) and value.value is None):
            raise Unsupported("JF-B009", "__init__() should return None")
        caller.resume = ""

    def suspend(self, frame: SymbolicFrame, value: PyValue) -> None:
        """Yield `value` from the innermost frame, which runs on when it is asked again."""
        self.frames.pop()
        self.result = value

    def close(self) -> None:
        """Let go of everything: nothing of a call may live on because it was traced.

        The object model, generators and exceptions refer back to the interpreter; without its
        attributes there is no cycle that only the garbage collector would find.
        """
        vars(self).clear()

    # One instruction

    def step(self) -> None:
        """Run the next instruction of the innermost frame, or the whole loop that begins there."""
        frame = self.frames[-1]
        if self.limits.captures and capture.at_header(self, frame, frame.instruction):
            return
        self._step(frame)

    def _step(self, frame: SymbolicFrame) -> None:
        instruction = frame.program[frame.index]
        depth, stack, slots = len(self.frames), frame.stack[:], frame.slots[:]
        mark = None if instruction.is_simple else operations.checkpoint(self)
        self._visit(instruction.location)
        frame.index += 1
        try:
            if instruction.name not in UNBROKEN:
                self._check_limits(frame, instruction)
            for operation in instruction.operations:
                HANDLERS[operation.op](self, frame, operation.arg)
        except Unsupported as error:
            if not self.regions:
                self._look_at_lists(error, stack)
            if self.failure is None or self.failure[0] is not error:
                self.failure = (error, instruction.location)
            del self.frames[depth:]
            if len(self.frames) < depth:
                self.frames.append(frame)
            if mark is not None:
                operations.rollback(self, mark)
            frame.stack, frame.slots, frame.index = stack, slots, instruction.index
            frame.resume = ""
            raise
        if mark is not None and frame.stack and id(frame.stack[-1]) not in self.births:
            self.births[id(frame.stack[-1])] = self.steps
            self._keep.append(frame.stack[-1])
        self.steps += 1

    def _look_at_lists(self, error: Unsupported, stack: list[PyValue]) -> None:
        """Trace again with lists of known lengths where one of unknown length is too much."""
        held: PyValue | None
        for value in stack:
            held = value.receiver if isinstance(value, BuiltinMethodValue) else value
            held = (held.resolved or held) if isinstance(held, LazyValue) else held
            if isinstance(held, SequenceValue):
                held = None if self.attempts else held.host or held
            if not isinstance(held, NumbersValue | SequenceValue):
                continue
            if held.origin and error.code != "JF-B004":
                raise Restart(error, itemised=held.origin)
        if error.code == "JF-B010" and not self.attempts:
            self._look_at_ragged(error)

    def _look_at_ragged(self, error: Unsupported) -> None:
        """Lists of lists of different lengths decide extents and ranges, which Python needs."""
        for growth in self.growing.values():
            if growth.owner.origin and isinstance(growth.kind, Ragged):
                raise Restart(error, itemised=growth.owner.origin)

    def _visit(self, location: Location) -> None:
        context = self.context
        context.location, context.namespace = location, self.frames[-1].globals
        context.namespaces.setdefault(location.filename, context.namespace)
        self.locations.setdefault((location.filename, location.line), location)

    def _check_limits(self, frame: SymbolicFrame, instruction: Instruction) -> None:
        cause = self.limits.at(self.steps, (frame.code, instruction.offset))
        if cause is not None:
            raise cause
        if self.context.builder.node_count > config().max_nodes:
            raise Unsupported("JF-B015", f"{config().max_nodes} nodes")
        if self.steps > MAX_STEPS:
            raise Unsupported("JF-B015", f"{MAX_STEPS} instructions")
        facts, nodes = len(self.context.guards), self.context.builder.node_count
        if facts > MAX_FACTS + FACTS_OF_A_NODE * nodes:
            cause = Unsupported("JF-B015", f"{facts} facts about objects for {nodes} operators")
            raise Restart(cause, leave=True)
        if self.steps & _LOOK == _LOOK and self._is_spent():
            cause = Unsupported("JF-B015", f"{nodes} operators took too long to trace")
            raise Restart(cause, leave=True)

    def _is_spent(self) -> bool:
        """Whether tracing took long enough; not while a loop is tried, whose worth is not known."""
        budget = self.limits.budget
        return (
            budget is not None and not self.attempts and budget.is_spent(self.context.builder.graph)
        )

    # Bookkeeping for handlers

    def note_growth(self, owner: SequenceValue, before: list[PyValue]) -> None:
        """A region changed a list that was there before and had the items `before`."""
        if len(before) < len(owner.fixed):
            growing.note(self, owner, before)

    def know_rows(self, owner: SequenceValue, kind: Kind) -> None:
        """A list has rows from the start."""
        self.growing[id(owner)] = growing.Growth(owner, kind, is_new=False)
        self.keep(owner)

    def keep(self, item: Any) -> None:
        """Hold an object to the end of the trace, so that its identity stays its own."""
        self._keep.append(item)

    def note_birth(self, value: PyValue, step: int) -> None:
        """`value` was made by a region that began at `step`."""
        if self.births.setdefault(id(value), step) == step:
            self._keep.append(value)

    def count_iteration(self, iterator: IteratorValue) -> int:
        """How often a loop asked `iterator` for an item in this trace."""
        key = id(iterator)
        if key not in self._iterations:
            self._keep.append(iterator)
        self._iterations[key] = self._iterations.get(key, -1) + 1
        return self._iterations[key]

    def _same_failure(self, old: Unsupported, new: Unsupported) -> Unsupported:
        """`new`, noted as arising where `old` did."""
        place = self.failure[1] if self.failure is not None and self.failure[0] is old else UNKNOWN
        self.failure = (new, place)
        return new

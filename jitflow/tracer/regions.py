"""Running code up to given places, and the state that it is in then.

A `Region` is a stretch of one frame's code that is traced into a block: an iteration of a loop, an
arm of a branch. It ends at one of its stops, the index of an instruction or `RETURN`; where data
decide at which one, the `Outcome` has a flag for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import TYPE_CHECKING, Any

from jitflow.core.dataclass import dataclass, field
from jitflow.core.errors import Unsupported
from jitflow.core.weak import per_object
from jitflow.ir.graph import Block, Value
from jitflow.tracer import operations
from jitflow.tracer.control_flow import RETURN
from jitflow.tracer.frame import SymbolicFrame
from jitflow.tracer.liveness import live_slots
from jitflow.tracer.objects.table import Checkpoint
from jitflow.tracer.trace import UserCall
from jitflow.tracer.values import PyValue

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter

MAX_STEPS = 8000
"""Instructions that are traced for one loop or branch with all that is in it. One that takes more
(it calls a function that calls itself in a loop, say) takes long, and then is too large anyway."""


@dataclass(eq=False)
class Outcome:
    """How a region ends.

    Attributes
    ----------
    stops : dict of int to Value or None
        The stops that it may end at, each with a flag (bool[]); None where there is one alone.
    stacks : dict of int to list of PyValue
        The operand stack at each stop; at `RETURN` the value that is returned, alone.
    """

    stops: dict[int, Value | None]
    stacks: dict[int, list[PyValue]]

    @property
    def only(self) -> int | None:
        """The stop, where there is one alone."""
        return next(iter(self.stops)) if len(self.stops) == 1 else None


@dataclass(eq=False)
class Region:
    """A stretch of `frame` that ends at `stops`; `normal` is the stop that it usually comes to.

    `origin` is the jump that an arm comes from, if the region is one; `began` the step it began at.
    """

    frame: SymbolicFrame
    stops: frozenset[int]
    normal: int
    origin: int | None = None
    outcome: Outcome | None = None
    start: int = -1
    began: int = 0

    def finish(self, stop: int, stack: list[PyValue]) -> None:
        """End at `stop`."""
        self.outcome = Outcome({stop: None}, {stop: stack})


@dataclass(eq=False)
class Position:
    """Where a frame is: what tracing an arm, or an iteration, moves."""

    frame: SymbolicFrame
    slots: list[PyValue | None]
    stack: list[PyValue]
    index: int
    jumps: dict[int, int]

    @classmethod
    def of(cls, frame: SymbolicFrame) -> Position:
        """The position of a frame now."""
        return cls(frame, frame.slots[:], frame.stack[:], frame.index, dict(frame.jumps))

    def restore(self) -> None:
        """Put the frame back."""
        frame = self.frame
        frame.slots, frame.stack = self.slots[:], self.stack[:]
        frame.index, frame.jumps = self.index, dict(self.jumps)
        frame.resume = ""


@dataclass(eq=False)
class Mark:
    """A state to come back to: objects, frames, and what a region may not have changed."""

    tracer: Interpreter
    checkpoint: Checkpoint
    position: Position
    depth: int
    numpy_calls: int
    effects: int
    node_count: int
    shared: dict[int, Any]
    calls: list[UserCall] = field(default_factory=list)

    @classmethod
    def of(cls, tracer: Interpreter, frame: SymbolicFrame) -> Mark:
        """The state now."""
        context = tracer.context
        checkpoint = operations.checkpoint(tracer)
        return cls(
            tracer,
            checkpoint,
            Position.of(frame),
            len(tracer.frames),
            len(context.calls),
            len(context.objects.calls),
            context.builder.node_count,
            {key: growth.shared for key, growth in tracer.growing.items()},
        )

    def check(self) -> None:
        """Decline what a region cannot hold: calls of the program's that the exit makes."""
        context = self.tracer.context
        if len(context.objects.calls) != self.effects:
            raise Unsupported("JF-B006", "a call for its effect")

    def rewind(self, begun: Checkpoint | None = None) -> None:
        """Go back; the warnings of what was traced are kept in `calls`, checks up to `begun`."""
        tracer, context = self.tracer, self.tracer.context
        self.calls += context.calls[self.numpy_calls :]
        del tracer.frames[self.depth :]
        if len(tracer.frames) < self.depth:
            tracer.frames.append(self.position.frame)
        operations.rollback(tracer, self.checkpoint, begun)
        self.position.restore()

    def abandon(self) -> None:
        """Go back; what was traced is forgotten."""
        self.rewind()
        self.calls.clear()
        self.tracer.context.builder.node_count = self.node_count
        for key, growth in self.tracer.growing.items():
            growth.shared = self.shared.get(key, ())

    def keep_calls(self) -> None:
        """Note the NumPy calls of everything that was traced since."""
        self.tracer.context.calls.extend(self.calls)


def run(
    tracer: Interpreter,
    region: Region,
    at_least_one: bool = False,
    begin: Callable[[], None] | None = None,
) -> Outcome:
    """Run the region's frame from where it is to the region's end; `at_least_one` instruction.

    `begin` is called first, inside the region.

    Raises
    ------
    Unsupported
        Where an instruction cannot be traced; the frames are then in the middle.
    """
    frame, depth = region.frame, len(tracer.frames)
    region.start, region.began = frame.index, tracer.steps
    if region.start in _too_long(frame.code):
        raise Unsupported("JF-B006", f"more than {MAX_STEPS} instructions to trace")
    if not tracer.regions:
        tracer.longest = tracer.steps + MAX_STEPS
    tracer.regions.append(region)
    try:
        if begin is not None:
            begin()
        while region.outcome is None:
            is_here = len(tracer.frames) == depth and not frame.resume
            if is_here and frame.index in region.stops and not at_least_one:
                region.finish(frame.index, frame.stack[:])
                break
            tracer.step()
            _check_length(tracer)
            at_least_one = False
            if len(tracer.frames) < depth or tracer.frames[depth - 1] is not frame:
                raise Unsupported("JF-B006", "the function is left")
    finally:
        tracer.regions.pop()
    assert region.outcome is not None
    return region.outcome


def _check_length(tracer: Interpreter) -> None:
    if tracer.steps <= tracer.longest:
        return
    for region in tracer.regions:  # an inner one that has only begun may be short
        if tracer.steps - region.began > MAX_STEPS // 2:
            _too_long(region.frame.code).add(region.start)
    raise Unsupported("JF-B006", f"more than {MAX_STEPS} instructions to trace")


@per_object
def _too_long(code: CodeType) -> set[int]:
    """Where regions of `code` began that were: known so that no other piece tries them."""
    return set()


def return_from(tracer: Interpreter, frame: SymbolicFrame, value: PyValue) -> None:
    """Leave a frame, or end the region that is traced in it."""
    region = tracer.regions[-1] if tracer.regions else None
    if region is not None and region.frame is frame:
        region.finish(RETURN, [value])
    else:
        tracer.leave(frame, value)


@contextmanager
def block_of(tracer: Interpreter, block: Block) -> Iterator[None]:
    """Emit into `block` again."""
    builder = tracer.context.builder
    outer, builder.block = builder.block, block
    tracer.context.depth += 1
    try:
        yield
    finally:
        tracer.context.depth -= 1
        builder.block = outer


def live_at(frame: SymbolicFrame, stops: dict[int, Value | None]) -> frozenset[int]:
    """Slots that may be read after a region that ends at one of `stops`."""
    live = live_slots(frame.code)
    return frozenset().union(*(live[stop] for stop in stops if stop != RETURN))

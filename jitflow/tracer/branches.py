"""Branches on data as `cond` nodes: both arms are traced, up to where they come together again.

The join is the first place that all ways from the branch pass. An arm that leaves the region around
it (``break``, ``continue``, ``return``) ends there instead, and the `cond` gives a flag that says
which; the code behind the join is then traced inside a second `cond`, or in the other arm.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jitflow.core.dataclass import dataclass, field
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import facts, places, regions
from jitflow.tracer.control_flow import RETURN, join_of, leads_to, loops
from jitflow.tracer.frame import SymbolicFrame
from jitflow.tracer.merging import Arm, Ending, Finished, Merger, arm_at_end, place_ending
from jitflow.tracer.objects.model import IteratorValue
from jitflow.tracer.regions import Mark, Outcome, Region
from jitflow.tracer.values import PyValue, SequenceValue, Storage

if TYPE_CHECKING:
    from jitflow.tracer import growing
    from jitflow.tracer.interpreter import Interpreter
else:
    growing = LazyModule("jitflow.tracer.growing")

MAX_DEPTH = 24
"""Regions inside each other."""


@dataclass(eq=False)
class Start:
    """Where an arm begins.

    At an instruction with its operand stack, or at `RETURN` with the value alone; or the arm is at
    its end (`outcome`), or it is one of several ways, by their flags.
    """

    index: int
    stack: list[PyValue]
    outcome: Outcome | None = None
    ways: Ways = field(default_factory=list)

    @property
    def indices(self) -> tuple[int, ...]:
        """Where it may begin."""
        return tuple(start.index for _, start in self.ways) or (self.index,)


Ways = list[tuple[Value | None, Start]]
"""Places to go on at, with flags (bool[]), of which one at most is true; the last one without."""


class Split(Exception):
    """What follows cannot be traced as one: the piece ends, and goes on at one of `ways`."""

    def __init__(self, cause: Unsupported, ways: Ways) -> None:
        super().__init__(cause.detail)
        self.cause, self.ways = cause, ways


def go_to_or_split(tracer: Interpreter, frame: SymbolicFrame, ways: Ways) -> None:
    """Like `go_to`; where that is not possible the piece ends, if it can end here."""
    try:
        go_to(tracer, frame, ways)
    except Unsupported as error:
        is_held = any(other.nested or other.generator for other in tracer.frames)
        if len(ways) == 1 or tracer.regions or is_held:
            raise
        raise Split(error, ways) from error


def go_to(tracer: Interpreter, frame: SymbolicFrame, ways: Ways) -> None:
    """Go on at one of several places, by their flags."""
    flag, start = ways[0]
    if len(ways) > 1:
        assert flag is not None
        rest = ways[1][1] if len(ways) == 2 else Start(0, [], ways=ways[1:])
        fork(tracer, frame, flag, start, rest)
    elif start.index == RETURN:
        regions.return_from(tracer, frame, start.stack[0])
    else:
        frame.index, frame.stack = start.index, start.stack[:]


def fork(
    tracer: Interpreter, frame: SymbolicFrame, predicate: Value, first: Start, second: Start
) -> None:
    """Go on in both ways, the first one where `predicate` (bool[]) is true; joins them.

    Afterwards the frame is at the join, or at the end of the region around it.

    Raises
    ------
    Unsupported
        Where an arm cannot be traced, or the arms do not fit; everything is as it was.
    """
    if frame.generator or len(tracer.regions) >= MAX_DEPTH:
        raise Unsupported("JF-B005", "a branch in a generator")
    region = tracer.regions[-1] if tracer.regions else None
    if region is not None and region.frame is not frame:
        region = None
    if _is_exceptional(tracer, frame, region, first, second, predicate):
        return
    stops, normal = _limits(frame, region, first, second)
    if (first.outcome or second.outcome) is None:
        _check_no_new_iteration(tracer, frame, (first, second), stops | {normal})
    _Fork(tracer, frame, region, predicate).run(stops, normal, first, second)


def _limits(
    frame: SymbolicFrame, region: Region | None, first: Start, second: Start
) -> tuple[frozenset[int], int]:
    """Where the arms stop: at the join, if there is one, and at the stops of the region."""
    stops = region.stops if region is not None else frozenset()
    normal = region.normal if region is not None else RETURN
    if first.outcome is not None or second.outcome is not None:
        return stops, normal
    join = join_of(frame.code, (*first.indices, *second.indices), stops, normal)
    return (stops, normal) if join is None else (stops | {join}, join)


def _is_exceptional(
    tracer: Interpreter,
    frame: SymbolicFrame,
    region: Region | None,
    first: Start,
    second: Start,
    predicate: Value,
) -> bool:
    """Whether one way raises for sure: inside a region it is checked that it is not taken."""
    if not tracer.regions or any(start.outcome or start.ways for start in (first, second)):
        return False
    stops = region.stops if region is not None else frozenset()
    goals = (*stops, RETURN)
    raises = [
        not any(leads_to(frame.code, start.index, frozenset(), goal) for goal in goals)
        for start in (first, second)
    ]
    if raises[0] == raises[1]:
        return False
    if raises[0]:
        predicate = tracer.context.builder.emit("logical_not", predicate)
    facts.require(tracer.context, predicate)
    taken = second if raises[0] else first
    frame.index, frame.stack = taken.index, taken.stack
    return True


def _check_no_new_iteration(
    tracer: Interpreter, frame: SymbolicFrame, starts: tuple[Start, ...], ends: frozenset[int]
) -> None:
    """Decline a branch whose arms run around a loop that is not captured and will not be."""
    around = {region.normal for region in tracer.regions if region.frame is frame}
    for header, loop in loops(frame.code).items():
        if header in around or header in ends or frame.index - 1 not in loop.body:
            continue
        for start in starts:
            leads = (leads_to(frame.code, index, ends, header) for index in start.indices)
            if any(leads) and not _may_be_peeled(tracer, frame, header, start):
                raise Unsupported("JF-B005", _NOT_CAPTURED)


_NOT_CAPTURED = "the loop around it is not captured"


def _may_be_peeled(tracer: Interpreter, frame: SymbolicFrame, header: int, start: Start) -> bool:
    """Whether this is an iteration that is traced before a ``for``, which may be captured then."""
    instruction = frame.program[header]
    place = (frame.code, instruction.offset)
    iterators = [item for item in start.stack if isinstance(item, IteratorValue)]
    if instruction.name != "FOR_ITER" or place not in tracer.limits.captures or not iterators:
        return False
    return id(iterators[-1]) not in tracer.declined and not iterators[-1].exhausted


def check_not_around(tracer: Interpreter, frame: SymbolicFrame) -> None:
    """Decline an arm that comes to the ``for`` at hand from inside it."""
    loop = loops(frame.code).get(frame.index - 1)
    origins = [region.origin for region in tracer.regions if region.frame is frame]
    if loop is not None and not loop.body.isdisjoint(o for o in origins if o is not None):
        raise Unsupported("JF-B005", _NOT_CAPTURED)


class _Fork:
    """One branch that is being captured."""

    def __init__(
        self,
        tracer: Interpreter,
        frame: SymbolicFrame,
        region: Region | None,
        predicate: Value,
    ) -> None:
        self.tracer, self.frame, self.region, self.predicate = tracer, frame, region, predicate
        self.step = tracer.steps
        self.reach = places.Reach(tracer)
        self.before = self.reach.identities
        self.mark = Mark.of(tracer, frame)
        self.slots = frame.slots[:]
        self.origin = frame.index - 1
        self.made_rows: set[int] = set()

    def run(self, stops: frozenset[int], normal: int, first: Start, second: Start) -> None:
        """Trace the arms, emit the node, and put the frame behind it."""
        try:
            with self._as_attempt():
                arms = (self.arm(stops, normal, first), self.arm(stops, normal, second))
                merger = Merger(self.tracer, self.reach, arms, self.slots, self.mark.position.stack)
                plan = _Plan(self, merger, arms)
        except Unsupported as error:
            self.mark.abandon()
            owner = self._needs_rows(error)
            if owner is None:
                raise
            self._make_rows(owner)
            self.run(stops, normal, first, second)
            return
        results = self.emit(merger, arms)
        self.mark.keep_calls()
        outcome = plan.apply(results)
        self.go_on(outcome, normal if normal in outcome.stops else None)

    def _needs_rows(self, error: Unsupported) -> SequenceValue | None:
        """A list that only an arm makes longer, or a loop in one: it needs rows before both."""
        owner: SequenceValue | None = None
        if isinstance(error, growing.RowsNeeded):
            owner = error.owner
        elif self.tracer.attempts and self.tracer.retry is None:
            owner = growing.found_in_arm(self.tracer, self.before)
        return None if owner is None or id(owner) in self.made_rows else owner

    def _make_rows(self, owner: SequenceValue) -> None:
        """Let a list have rows that a loop in one of the arms would give it."""
        self.made_rows.add(id(owner))
        room = growing.begin(self.tracer, owner, self, self.origin, None)
        places.Place(owner, places.ROWS).write(self.tracer, room)
        self.mark = Mark.of(self.tracer, self.frame)

    @contextmanager
    def _as_attempt(self) -> Iterator[None]:
        """Keep the loops in the arms from making rows of the lists that have them now."""
        attempts = self.tracer.attempts
        depth = len(attempts)
        if self.made_rows:
            attempts.append(self)
        try:
            yield
        finally:
            del attempts[depth:]

    def knows(self, owner: PyValue) -> bool:
        """Whether a list got its rows in front of the arms."""
        return id(owner) in self.made_rows

    def knows_memory(self, storage: Storage) -> bool:
        """Nothing happens more than once for two arms."""
        return False

    def arm(self, stops: frozenset[int], normal: int, start: Start) -> Arm:
        """Trace one arm and come back."""
        tracer, frame = self.tracer, self.frame
        with tracer.context.builder.region([]) as block, regions.block_of(tracer, block):
            tracer.keep(block)
            outcome = start.outcome
            if outcome is None:
                ways: Ways = start.ways or [(None, start)]
                region = Region(frame, stops, normal, self.origin)
                try:
                    outcome = regions.run(tracer, region, begin=lambda: go_to(tracer, frame, ways))
                except Unsupported:
                    tracer.failed_arm = start
                    raise
            self.mark.check()
            changes = places.changes_since(tracer, self.mark.checkpoint, self.before)
            arm = arm_at_end(tracer, block, outcome, (frame, self.slots), changes)
        self.mark.rewind()
        return arm

    def emit(self, merger: Merger, arms: tuple[Arm, Arm]) -> tuple[Value, ...]:
        """The node, unless it has nothing to do."""
        blocks = tuple(arm.block for arm in arms)
        for side, block in enumerate(blocks):
            block.results = tuple(pair[side] for pair in merger.pairs)
        if not any(block.nodes for block in blocks) and not merger.pairs:
            return ()
        emit_many = self.tracer.context.builder.emit_many
        return emit_many("cond", self.predicate, regions=blocks)

    def go_on(self, outcome: Outcome, join: int | None) -> None:
        """Continue at the join; what does not come there goes on to the end of the region."""
        frame, region = self.frame, self.region
        if outcome.only is not None and outcome.only == join and join != RETURN:
            frame.index, frame.stack = join, outcome.stacks[join]
            if region is not None and join in region.stops:
                region.outcome = outcome
            return
        if region is None:
            if outcome.only != RETURN:
                raise Unsupported("JF-B005", "the branches leave the function in different ways")
            self.tracer.leave(frame, outcome.stacks[RETURN][0])
            return
        if join is None or join in region.stops or join == RETURN:
            region.outcome = outcome
            return
        flag = outcome.stops[join]
        assert flag is not None
        rest = dict(outcome.stops)
        del rest[join]
        others = Outcome(rest if len(rest) > 1 else dict.fromkeys(rest), outcome.stacks)
        stack = outcome.stacks[join]
        fork(self.tracer, frame, flag, Start(join, stack), Start(-1, [], others))


class _Plan:
    """How the state behind the node is made of its results."""

    def __init__(self, fork: _Fork, merger: Merger, arms: tuple[Arm, Arm]) -> None:
        self.fork, self.merger, self.arms = fork, merger, arms
        self.stops = list(dict.fromkeys((*arms[0].outcome.stops, *arms[1].outcome.stops)))
        self.slots = self._merged_slots()
        self.stacks = {stop: self._merged_stack(stop) for stop in self.stops}
        self.places = self._merged_places()
        self.flags = self._merged_flags() if len(self.stops) > 1 else {}

    def _merged_slots(self) -> dict[int, Finished | None]:
        found: dict[int, Finished | None] = {}
        changed = self.arms[0].slots.keys() | self.arms[1].slots.keys()
        for slot in range(len(self.fork.slots)):
            wanted = [slot in arm.live for arm in self.arms]
            if not any(wanted):
                found[slot] = None
            elif slot in changed:
                found[slot] = self._merged_slot(slot, wanted)
        return found

    def _merged_slot(self, slot: int, wanted: list[bool]) -> Finished | None:
        name = self.fork.frame.names[slot]
        old = self.fork.slots[slot]
        endings = [
            arm.slots.get(slot) or (self.merger.unchanged(side, old) if wanted[side] else None)
            for side, arm in enumerate(self.arms)
        ]
        for side in (0, 1):
            ending = endings[side]
            if wanted[side] and not wanted[1 - side]:
                return self.merger.only(side, ending, name) if ending and ending.value else None
        first, second = endings
        assert first is not None
        assert second is not None
        if first.value is None and second.value is None:
            return None
        return self.merger.merge(first, second, name)

    def _merged_stack(self, stop: int) -> list[Finished]:
        stacks = [arm.stacks.get(stop) for arm in self.arms]
        first, second = stacks
        what = "the value that is returned" if stop == RETURN else "a value"
        if first is None or second is None:
            side = 0 if second is None else 1
            entries = first if second is None else second
            assert entries is not None
            return [self._one_sided(side, entry, what) for entry in entries]
        if len(first) != len(second):
            raise Unsupported("JF-B006", "the operand stack differs")
        return [self.merger.merge(a, b, what) for a, b in zip(first, second, strict=True)]

    def _one_sided(self, side: int, entry: Ending, what: str) -> Finished:
        value = entry.value
        if any(value is old for old in self.fork.mark.position.stack):
            return lambda results: value
        return self.merger.only(side, entry, what)

    def _merged_places(self) -> list[tuple[places.Place, Finished]]:
        found = []
        first, second = (arm.places for arm in self.arms)
        for key in dict.fromkeys((*first, *second)):
            place = (first.get(key) or second[key])[0]
            endings = [
                arm.places[key][1] if key in arm.places else self._old_ending(side, place)
                for side, arm in enumerate(self.arms)
            ]
            if place.name == places.ROWS and place.read() is None:
                growing.ask_for_rows(self.fork.tracer, place.owner)
            is_memory = isinstance(place.read(), Value)
            if is_memory:
                found.append((place, self.merger.contents(*endings)))
            else:
                found.append((place, self.merger.merge(endings[0], endings[1], str(place))))
        return found

    def _old_ending(self, side: int, place: places.Place) -> Ending:
        contents = place.read()
        if contents is None or isinstance(contents, Value):
            return place_ending(self.fork.tracer, place)
        return self.merger.unchanged(side, contents)

    def _merged_flags(self) -> dict[int, Finished]:
        """For each stop whether it is the one that is come to."""
        found: dict[int, Finished] = {}
        for stop in self.stops:
            values = []
            for arm in self.arms:
                value = arm.outcome.stops.get(stop)
                if value is None:
                    with regions.block_of(self.fork.tracer, arm.block):
                        value = self.fork.tracer.context.truth(stop in arm.outcome.stops)
                values.append(value)
            found[stop] = self.merger.flags(*values)
        return found

    def apply(self, results: tuple[Value, ...]) -> Outcome:
        """Put the frame's variables and all places into the state behind the node."""
        tracer, frame = self.fork.tracer, self.fork.frame
        tracer.context.groups = {}
        for slot, finished in self.slots.items():
            frame.slots[slot] = None if finished is None else self._made(finished, results)
        for place, finished in self.places:
            place.write(tracer, self._made(finished, results))
        stacks = {
            stop: [self._made(finished, results) for finished in entries]
            for stop, entries in self.stacks.items()
        }
        flags: dict[int, Any] = dict.fromkeys(self.stops)
        flags.update({stop: finished(results) for stop, finished in self.flags.items()})
        return Outcome(flags, stacks)

    def _made(self, finished: Finished, results: tuple[Value, ...]) -> Any:
        value = finished(results)
        if isinstance(value, PyValue):
            self.fork.tracer.note_birth(value, self.fork.step)
        return value

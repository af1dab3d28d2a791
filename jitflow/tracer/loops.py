"""Loops as `for` and `while` nodes: the body is traced once, over values that it may change.

Before the body what it may change gets a fresh value: the variables that the loop binds, and the
places that turn out to be written, in another attempt. What comes back must be of the same kind.
What the loop binds first and only the code behind it reads goes out without coming in. Ways out of
the middle are flags, and the code behind the loop decides by them where to go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitflow.core.dataclass import replace
from jitflow.core.dims import Dim, symbols_of
from jitflow.core.dtypes import BOOL, I64
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Block, Value
from jitflow.tracer import (
    carried,
    facts,
    kinds,
    list_columns,
    list_rows,
    operations,
    places,
    regions,
)
from jitflow.tracer.control_flow import RETURN, Loop
from jitflow.tracer.domains import Domain, index_value
from jitflow.tracer.frame import SymbolicFrame
from jitflow.tracer.kinds import Kind, NotSettled, Perhaps
from jitflow.tracer.loop_entry import Entry
from jitflow.tracer.loop_exit import Exit
from jitflow.tracer.loop_values import Carried, Origins, regrouped
from jitflow.tracer.merging import Ending, place_ending
from jitflow.tracer.objects import effects
from jitflow.tracer.objects.model import IteratorValue
from jitflow.tracer.objects.table import Checkpoint
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.places import Place
from jitflow.tracer.regions import Outcome, Region
from jitflow.tracer.restart import Restart
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    RowsValue,
    Storage,
)

if TYPE_CHECKING:
    from jitflow.tracer import missing, remaining, rolling, shrinking
    from jitflow.tracer.interpreter import Interpreter
    from jitflow.tracer.objects import hashing
else:
    hashing = LazyModule("jitflow.tracer.objects.hashing")
    missing = LazyModule("jitflow.tracer.missing")
    remaining = LazyModule("jitflow.tracer.remaining")
    rolling = LazyModule("jitflow.tracer.rolling")
    shrinking = LazyModule("jitflow.tracer.shrinking")

MAX_ATTEMPTS = 8

_FLAG = ArrayType(BOOL)
_INDEX = ArrayType(I64)


def capture(
    tracer: Interpreter,
    frame: SymbolicFrame,
    loop: Loop,
    domain: Domain | None,
    first: Value | None = None,
    exit_index: int | None = None,
) -> None:
    """Capture the loop whose header the frame is at; afterwards the frame is behind it.

    Parameters
    ----------
    tracer : Interpreter
    frame : SymbolicFrame
    loop : Loop
    domain : Domain or None
        What a ``for`` runs over; None for other loops.
    first : Value, optional
        For those the condition of the first iteration (bool[]); it is certain without.
    exit_index : int, optional
        Where the loop leads when its indices are used up, or when `first` is false.

    Raises
    ------
    NotSettled
        An iteration changes the kind of something: it may settle after one iteration.
    Unsupported
        The loop cannot be captured; everything is as it was.
    """
    known: dict[tuple[int, Any], Place] = _hinted(tracer, frame, loop)
    uncertain: Origins = {}
    rebound: set[str] = set()
    widened: dict[Any, Kind] = {}
    untold: set[Any] = set()
    tied: set[Any] = set()
    for _ in range(MAX_ATTEMPTS):
        if tracer.wishes:
            hashing.make_wished(tracer, known)
        attempt = _Attempt(
            tracer, frame, loop, domain, first, exit_index, rebound, widened, untold, tied
        )
        if attempt.run(known, uncertain):
            return
    raise Unsupported("JF-B006", "what the loop changes does not settle")


def _hinted(tracer: Interpreter, frame: SymbolicFrame, loop: Loop) -> dict[tuple[int, Any], Place]:
    """Memory that an earlier attempt found to be written, through the variables that show it."""
    found = {}
    for slot in tracer.written_slots.get((frame.code, loop.header), ()):
        value = frame.slots[slot]
        value = None if value is None else operations.resolve(tracer, value)
        if isinstance(value, ArrayValue) and slot not in loop.stored:
            place = Place(value.storage)
            found[place.key] = place
    return found


class _Attempt(Exit):
    """One attempt to trace a loop; what it carries was chosen at `begun`."""

    begun: Checkpoint
    index: Dim = 0
    columns: dict[int, tuple[list_columns.Column, ...]]

    def run(self, known: dict[tuple[int, Any], Place], uncertain: Origins) -> bool:
        """Trace and emit; False where more has to be carried, which is then in the arguments."""
        tracer, context = self.tracer, self.tracer.context
        ranges = dict(context.ranges)
        tracer.unbound = None
        tracer.attempts.append(self)
        try:
            self._choose(known, uncertain)
            self.begun = effects.checkpoint(tracer)
            types = [type for item in self.carried for type in kinds.types_of(item.kind)]
            leading = [_INDEX] if self.domain is not None else [_FLAG]
            hints = ["index" if self.domain is not None else "again"]
            hints += [item.name for item in self.carried for _ in kinds.types_of(item.kind)]
            builder = context.builder
            with (
                builder.region([*leading, *types], hints) as block,
                regions.block_of(tracer, block),
            ):
                tracer.keep(block)
                outcome = self._iteration(block)
                missing = self._missing(known)
                if not missing:
                    missing = self._settle(outcome, uncertain)
                if not missing:
                    self._finish_block(block, outcome)
                    self.columns = list_columns.of_iteration(
                        tracer, self, self.carried, self.domain, self.index
                    )
        except Unsupported:
            self.mark.abandon()
            if not (self._is_tried_again() or self._read_unbound() or self._has_found(known)):
                raise
            return False
        finally:
            tracer.attempts.pop()
            context.ranges = ranges
        if missing:
            self.mark.abandon()
            return False
        self.mark.rewind(self.begun)
        self._emit(block, outcome)
        return True

    # The body

    def _iteration(self, block: Block) -> Outcome:
        tracer, frame, context = self.tracer, self.frame, self.tracer.context
        for slot in self.loop.stored:
            if slot not in self.live[self.loop.header] or slot in self.made_anew:
                frame.slots[slot] = None
        taken = 1
        context.groups = {}
        for item in self.carried:
            count = len(kinds.types_of(item.kind))
            item.parameters = block.parameters[taken : taken + count]
            item.put(tracer, frame, item.parameters)
            taken += count
            if isinstance(item.kind, kinds.Part) and item.kind.growth:
                assert isinstance(item.current, ArrayValue)
                shrinking.note_room(context, item.current.type.shape[item.kind.axis], item.kind)
        for item in self.carried:
            carried.doubt(item.arrays_in(item.current), item.origins)
            self._tie(item)
        header = self.loop.header
        if self.domain is not None:
            index = self.index = facts.late_symbol(context, block.parameters[0], None)
            low, high = self.domain.limits
            context.ranges = {**context.ranges, str(index): ((low,), (high,))}
            frame.push(self.domain.item(index_value(index)))
            frame.index = header + 1
        stops = frozenset((header, *self.loop.exits, *self.left))
        region = Region(frame, stops, header)
        try:
            outcome = regions.run(tracer, region, at_least_one=True)
        except (Unsupported, Restart):
            if tracer.limits.budget is not None:
                tracer.limits.budget.note_attempt(block.nodes)
            raise
        self.mark.check()
        if header not in outcome.stops:
            raise Unsupported("JF-B006", "the loop has one iteration")
        if self.domain is None and outcome.only is not None:
            raise Unsupported("JF-B006", "the loop has no end")
        self._check_stacks(outcome)
        return outcome

    def _check_stacks(self, outcome: Outcome) -> None:
        """The stack is as before, but for iterators of inner loops that a ``return`` leaves."""
        base = self.mark.position.stack
        for stop, stack in outcome.stacks.items():
            if stop == RETURN:
                continue
            inner = stack[len(base) :]
            is_same = all(a is b for a, b in zip(stack, base, strict=False))
            if not is_same or not all(isinstance(item, IteratorValue) for item in inner):
                raise Unsupported("JF-B006", "the operand stack changes in the loop")
            if stop not in self.left:
                outcome.stacks[stop] = [*stack[: len(base)], *(ConstantValue(None) for _ in inner)]

    def _missing(self, known: dict[tuple[int, Any], Place]) -> bool:
        """Whether places were changed that are not carried yet; they are added."""
        changed = places.changes_since(self.tracer, self.begun, self.reach.identities)
        new = {key: place for key, place in changed.items() if key not in known}
        for key, place in new.items():
            known[key] = place
            if isinstance(place.owner, Storage):
                self._note_hint(place.owner)
        return bool(new)

    def _note_hint(self, storage: Storage) -> None:
        key = (self.frame.code, self.loop.header)
        slots = self.tracer.written_slots.setdefault(key, set())
        for slot, value in enumerate(self.mark.position.slots):
            value = settled(value)
            if isinstance(value, ArrayValue) and value.storage is storage:
                slots.add(slot)

    # After the body

    def _settle(self, outcome: Outcome, uncertain: Origins) -> bool:
        """Check that everything comes back as it went in; True where an array turned uncertain."""
        for item in self.carried:
            if item.of is not None:
                continue
            item.ending = self._ending(item)
            is_unbound = item.ending.value is None and not item.is_memory
            if is_unbound and not isinstance(item.kind, Perhaps):
                raise NotSettled(f"{item.name} has no value after an iteration")
            item.last = item.arrays_in(item.ending.value)
            item.ends = self._ends(item, item.ending)
        self._check_lists()
        if not self._settle_flags():
            return True
        memory = [item.place.owner for item in self.carried if item.is_memory and item.place]
        list_rows.check_unwritten(self.tracer, self, memory)
        if self._find_rebound() or any(item.key in self.widened for item in self._unlike()):
            return True
        apart = regrouped(self.carried)
        self.widened.update(apart)
        if apart or not self._has_room():
            return True
        if self._check_fixed():
            return True
        return self._find_uncertain(uncertain) or self._choose_outs(outcome)

    def _find_uncertain(self, uncertain: Origins) -> bool:
        """Whether arrays come back that are known elsewhere, or others than was known."""
        turned = False
        for item in self.carried:
            assert item.ending is not None
            if item.is_memory or not (item.uncertain or not self._stays_own(item)):
                continue
            found = carried.origins(item.last)
            found = frozenset(filter(self.reach.knows, found))
            turned |= not (item.uncertain and found <= item.origins)
            uncertain[item.name] = uncertain.get(item.name, frozenset()) | found
        return turned

    def _ends(self, item: Carried, ending: Ending) -> list[Value]:
        """What comes back; noted in `widened` where it has to be carried as more than it was."""
        kind, known = item.kind, ending.known_kind
        if known == kind:
            return ending.parts
        wide: Kind | None
        try:
            bounds = replace(self._capacity, is_open=False)
            wide = carried.unified(kind, known, item.name, (item.old,), bounds)
        except Unsupported:
            wide = self._grown(kind, known) or self._loose(item, kind, known)
        is_open = kinds.is_open(kind) or kinds.is_open(known) or not self.can_settle
        if wide is None or not (is_open or kinds.has_rows(wide)):
            self._widen_outside(item, known)
            text = f"{item.name} is {kinds.text_of(kind)}, then {kinds.text_of(known)}"
            raise NotSettled(text)
        if wide != kind:
            self.widened[item.key] = wide
            return []
        return carried.converted(self.tracer, ending.parts, known, kind)

    def _grown(self, kind: Kind, known: Kind) -> Kind | None:
        """The kind of an array that gets more rows in each iteration."""
        trips = self.trips
        if trips is not None and not all(map(self.is_visible, symbols_of(trips))):
            trips = None
        if not (isinstance(kind, kinds.Array) and isinstance(known, kinds.Array)):
            return None
        return shrinking.grown(self.tracer.context, kind, known, trips)

    def _loose(self, item: Carried, kind: Kind, known: Kind) -> Kind | None:
        """A kind with arrays of which nobody knows how many rows they have."""
        try:
            return carried.unified(kind, known, item.name, (item.old,), self._capacity)
        except Unsupported:
            return None

    def _widen_outside(self, item: Carried, known: Kind) -> None:
        """Let a loop around carry `item` as either of two kinds, where that can be."""
        if self.can_settle:
            return
        for outer in reversed(self.tracer.attempts[:-1]):
            if not isinstance(outer, Entry) or (
                item.slot is not None and outer.frame is not self.frame
            ):
                continue
            same = next((other for other in outer.carried if other.key == item.key), None)
            if same is None or item.key in outer.widened:
                continue
            try:
                wide = carried.unified(same.kind, known, item.name, (same.old,))
            except Unsupported:
                continue
            outer.widened[item.key] = wide
            self.tracer.retry = outer
            return

    def _unlike(self) -> list[Carried]:
        return [item for item in self.carried if self.widened.get(item.key, item.kind) != item.kind]

    def _ending(self, item: Carried) -> Ending:
        if kinds.is_rolled(item.kind):
            value: Any = item.place.read() if item.place else self.frame.slots[item.slot or 0]
            return Ending.of_list(self.tracer, value, item.name)
        if item.slot is not None:
            return Ending.of(self.tracer, self.frame.slots[item.slot])
        assert item.place is not None
        return place_ending(self.tracer, item.place)

    def _find_rebound(self) -> bool:
        """Whether an operator like ``+=`` made another array: it has to be carried then."""
        found = {
            self.frame.names[slot]
            for slot, value in self.kept.items()
            if settled(self.frame.slots[slot]) is not settled(value)
        }
        self.rebound |= found
        return bool(found)

    def _check_fixed(self) -> bool:
        """Variables that hold objects other than numbers and arrays must hold the same again.

        True where one is None, or a number, as data decide: it has to be carried then.
        """
        before = len(self.widened)
        for place in self.fixed:
            kept, now = self.fixed[place], place.read()
            is_list = self._is_rolled(place.key, str(place), kept, now)
            if not (is_list or kinds.is_same(kept, now)):  # type: ignore[arg-type]
                raise self._another_object(str(place), kept, now)
        done = {item.slot for item in self.carried}
        for slot in self.loop.stored - done:
            old = self.mark.position.slots[slot]
            if old is None or slot not in self.live[self.loop.header] or slot in self.made_anew:
                continue
            new, name = self.frame.slots[slot], self.frame.names[slot]
            if not (kinds.is_same(old, new) or self._is_rolled(slot, name, old, new)):
                self._widen_none(slot, old, self.frame.slots[slot])
        return len(self.widened) > before

    def _another_object(self, name: str, old: Any, new: Any) -> Unsupported:
        """Why a place cannot be carried: it never settles where iterations make containers."""
        text = f"{name} is another object after an iteration"
        is_made = isinstance(new, PyValue) and not self._is_known(settled(new))
        if is_made and type(settled(new)) is type(settled(old)):
            return Unsupported("JF-B006", text)
        return NotSettled(text)

    def _is_rolled(self, key: Any, name: str, old: PyValue, new: Any) -> bool:
        """Whether a list is another one after an iteration that can be carried by its items."""
        if settled(old) is settled(new) or not isinstance(new, PyValue):
            return False
        last = rolling.described_by_items(self.tracer, new)
        if last is None:
            return False
        first = Ending.of_list(self.tracer, old, name)
        if first.problem is not None:
            raise NotSettled(f"{name} is another object after an iteration")
        values = (old,)
        self.widened[key] = carried.unified(first.known_kind, last[0], name, values, self._capacity)
        return True

    def _check_lists(self) -> None:
        """Each list that comes back is a new one, or came in, and nothing else leads to it."""
        found = [
            owner
            for item in self.carried
            if kinds.is_rolled(item.kind) and item.ending is not None
            for owner in rolling.lists_of(item.ending.value)
        ]
        if len(set(map(id, found))) < len(found):
            raise Unsupported("JF-B006", "two variables are one list after an iteration")
        if any(self._is_known(owner) for owner in found):
            raise Unsupported("JF-B006", "a list from before the loop is one of an iteration")

    def _widen_none(self, slot: int, old: PyValue, new: PyValue | None) -> None:
        """Carry a variable that is None before the loop and a number behind some iterations."""
        name = self.frame.names[slot]
        first = carried.describe(self.tracer, old)
        last = first if new is None else carried.describe(self.tracer, new)
        is_open = isinstance(last, kinds.OrNone) or not self.can_settle
        if new is None or not (is_open and missing.may_be_none(first)):
            raise NotSettled(f"{name} is another object after an iteration")
        self.widened[slot] = missing.or_none(first, last, name, capacity=self._capacity)

    def _finish_block(self, block: Block, outcome: Outcome) -> None:
        """Parameters for what only comes out, the flags of the ways out, and the results."""
        builder = self.tracer.context.builder
        self._choose_ways(outcome)
        for item in self.outs:
            types = kinds.types_of(item.kind)
            item.parameters = [Value(builder.unique_name(item.name), type) for type in types]
            block.parameters += item.parameters
        flags = [Value(builder.unique_name("way"), _FLAG) for _ in self.flags]
        block.parameters += flags
        ends = [part for item in (*self.carried, *self.outs) for part in item.ends]
        ends += self.flags
        again = outcome.stops[self.loop.header]
        if self.domain is None:
            assert again is not None
            ends.insert(0, again)
        elif self.ways:
            assert again is not None
            step = builder.emit("dimension", dim=self.domain.step)
            block.parameters.insert(1, Value(builder.unique_name("again"), _FLAG))
            ends[:0] = [builder.emit("add", block.parameters[0], step), again]
        block.results = tuple(ends)

    # The node

    def _emit(self, block: Block, outcome: Outcome) -> None:
        tracer, context = self.tracer, self.tracer.context
        emit = context.builder.emit
        if self.needs_entry:
            self._require_entry()
        for item in self.outs:
            item.initial = carried.placeholders(tracer, item.kind)
        initial = [part for item in (*self.carried, *self.outs) for part in item.initial]
        initial += [tracer.context.truth(False) for _ in self.flags]
        following: Dim | None = None
        if self.domain is None:
            initial.insert(0, self.first if self.first is not None else tracer.context.truth(True))
            results = self._while(block, initial)[1:]
            again: Value | None = None
        elif self.ways:
            start = emit("dimension", dim=self.domain.start)
            index, again, *results = self._while(
                block, [start, tracer.context.truth(True), *initial]
            )
            following = facts.late_symbol(context, index, None)
        else:
            bounds = (self.domain.start, self.domain.stop, self.domain.step)
            numbers = [emit("dimension", dim=dim) for dim in bounds]
            again = None
            results = list(
                context.builder.emit_many("for", *numbers, *initial, regions=(block,), hint="loop")
            )
        self.mark.keep_calls()
        self._apply(results, block)
        flags = results[len(results) - len(self.flags) :] if self.flags else []
        self._leave(outcome, again, flags, following)

    def _require_entry(self) -> None:
        """Check that there is an iteration: the code behind the loop reads what it binds."""
        context = self.tracer.context
        if self.domain is None:
            assert self.first is not None
            facts.require(context, self.first)
        else:
            low, high = (context.builder.emit("dimension", dim=d) for d in self.domain.bounds)
            facts.require(context, context.builder.emit("less", low, high))

    def _while(self, body: Block, initial: list[Value]) -> list[Value]:
        builder = self.tracer.context.builder
        types = [value.type for value in initial]
        with builder.region(types, [value.name for value in body.parameters]) as condition:
            if self.domain is None:
                builder.yield_(condition.parameters[0])
            else:
                index, again = condition.parameters[:2]
                stop = builder.emit("dimension", dim=self.domain.stop)
                sides = (stop, index) if self.domain.descends else (index, stop)
                builder.yield_(builder.emit("logical_and", again, builder.emit("less", *sides)))
        self.tracer.keep(condition)
        return list(builder.emit_many("while", *initial, regions=(condition, body), hint="loop"))

    def _settle_rows(self, item: Carried, block: Block) -> None:
        """Let a list to which all iterations append alike have a known number of items."""
        place, before = item.place, item.old
        if place is None or place.name != places.ROWS or self.ways or self.trips is None:
            return
        rows = place.read()
        if not (isinstance(rows, RowsValue) and isinstance(before, RowsValue)) or not rows.count:
            return
        appends = list_rows.appends_of(block, item.parameters[-1], item.ends[-1])
        if appends is not None and all(map(self.is_visible, symbols_of(appends))):
            appended = self.trips * appends
            place.write(self.tracer, list_rows.settled_rows(self.tracer, before, rows, appended))
            found = self.columns.get(id(place.owner)) if appends == 1 else None
            list_columns.settle(self.tracer, place.owner, before, found)

    def _apply(self, results: list[Value], block: Block) -> None:
        """Put the results where the frame and the objects have them."""
        tracer, frame = self.tracer, self.frame
        for slot in self.loop.stored:
            if slot not in self.live[self.loop.header]:
                frame.slots[slot] = None
        taken = 0
        self.tracer.context.groups = {}
        for item in (*self.carried, *self.outs):
            count = len(kinds.types_of(item.kind))
            item.results = results[taken : taken + count]
            taken += count
            if item in self.carried:
                item.uncertain = self._uncertainty_after(item)
            if item.slot is not None or item.place is not None or item.of is not None:
                item.put(tracer, frame, item.results)
                self._settle_rows(item, block)
            else:
                item.current = item.built(tracer, item.results)
            if item.current is not None:
                self._note_sharers(item)
                tracer.note_birth(item.current, self.step)
        for item in (*self.carried, *self.outs):
            found = item.origins | carried.origins(item.last)
            carried.doubt(item.arrays_in(item.current), found)
            self._tie(item)
        for item in self.carried:
            if item.uncertain == list_rows.IN_LIST:
                list_columns.note_last(tracer, item)

    def _uncertainty_after(self, item: Carried) -> str:
        """Why an array behind the loop may be an older one, or one that a list has."""
        assert item.ending is not None
        if not item.uncertain or item.ending.value is None:
            return ""
        is_new = all(
            not array.views
            and not array.storage.uncertain
            and not self.reach.knows(array.storage)
            and self._users(array.storage) == 1
            for array in item.last
        )
        if not is_new or not (self.is_entered or self._is_own(item)):
            return item.uncertain
        return list_rows.IN_LIST if any(self._sharer(array.storage) for array in item.last) else ""

    def _note_sharers(self, item: Carried) -> None:
        """Let arrays behind the loop be handed out where the lists that have them are not."""
        assert item.ending is not None
        if item.uncertain != list_rows.IN_LIST:
            return
        for array, end in zip(item.arrays_in(item.current), item.last, strict=True):
            array.storage.sharer = self._sharer(end.storage)

    # Ways out that only Python can go

    def _is_tried_again(self) -> bool:
        """Whether something was found out inside the loop that another attempt begins with."""
        if self.tracer.retry is not self:
            return False
        self.tracer.retry = None
        return True

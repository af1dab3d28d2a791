"""Bringing the states at the ends of two arms together as the results of a `cond`.

What both arms leave as it was stays. What they leave in different ways must be of one kind, and
becomes a result. What only one of them needs afterwards is a placeholder in the other.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from jitflow.core.dataclass import dataclass, field
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Block, Value
from jitflow.ir.regions import defined_in
from jitflow.tracer import kinds
from jitflow.tracer.kinds import Kind, Unbound
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.places import Place, Reach
from jitflow.tracer.regions import Outcome, block_of, live_at
from jitflow.tracer.values import ArrayValue, NumbersValue, PyValue, SequenceValue, Storage

if TYPE_CHECKING:
    from jitflow.tracer import carried, older, rolling, shrinking
    from jitflow.tracer.frame import SymbolicFrame
    from jitflow.tracer.interpreter import Interpreter
else:
    older = LazyModule("jitflow.tracer.older")
    carried = LazyModule("jitflow.tracer.carried")
    rolling = LazyModule("jitflow.tracer.rolling")
    shrinking = LazyModule("jitflow.tracer.shrinking")

_Olds: TypeAlias = "tuple[list[Storage], int, list[ArrayValue]] | None"
"""Memory that an array may have, where the flags of it are in the pairs, and both its ends."""

Finished = Callable[[Sequence[Value]], Any]
"""Gives a merged value from the results of the control node."""


@dataclass(eq=False)
class Ending:
    """A value as it is at the end of a region.

    `parts` are the graph values that hold it then: arrays may be written later, or undone.
    `listed` are the kind and the parts of a list by its items, for those who take it so.
    """

    value: PyValue | None
    kind: Kind | None = None
    parts: list[Value] = field(default_factory=list)
    problem: Unsupported | None = None
    listed: tuple[Kind, list[Value]] | None = None

    @classmethod
    def of(cls, tracer: Interpreter, value: PyValue | None) -> Ending:
        """The ending of a value in the state and the block at hand."""
        if value is None:
            return cls(None)
        try:
            kind = carried.describe(tracer, value)
            return cls(value, kind, carried.parts_of(tracer, value))
        except Unsupported as error:
            return cls(value, problem=error)

    @classmethod
    def of_list(cls, tracer: Interpreter, value: PyValue | None, name: str) -> Ending:
        """The ending of a list or a dict by its items."""
        found = rolling.described_by_items(tracer, value)
        if found is None:
            text = f"{name} is another object after an iteration"
            return cls(value, problem=Unsupported("JF-B006", text))
        return cls(value, *found)

    def as_list(self) -> Ending:
        """The same, of a list by its items."""
        return self if self.listed is None else Ending(self.value, *self.listed)

    @property
    def known_kind(self) -> Kind:
        """The kind; raises what made it unknown."""
        if self.problem is not None:
            raise self.problem
        return self.kind or Unbound()


@dataclass(eq=False)
class Arm:
    """The end of one arm: its block, how it ends, and what it leaves.

    Attributes
    ----------
    slots : dict
        Endings of the variables that are not as they were at the start.
    stacks : dict
        For each stop the endings of the operand stack.
    places : dict
        The places that were changed, with their endings.
    live : frozenset of int
        Slots that may be read afterwards.
    """

    block: Block
    outcome: Outcome
    slots: dict[int, Ending]
    stacks: dict[int, list[Ending]]
    places: dict[tuple[int, Any], tuple[Place, Ending]]
    live: frozenset[int]


def arm_at_end(
    tracer: Interpreter,
    block: Block,
    outcome: Outcome,
    before: tuple[SymbolicFrame, list[PyValue | None]],
    changes: dict[tuple[int, Any], Place],
) -> Arm:
    """What a region leaves; call while its block is being built."""
    frame, old = before
    live = live_at(frame, outcome.stops)
    slots = {
        slot: Ending.of(tracer, value)
        for slot, value in enumerate(frame.slots)
        if value is not old[slot] and slot in live
    }
    stacks = {
        stop: [Ending.of(tracer, value) for value in stack]
        for stop, stack in outcome.stacks.items()
    }
    for ending in (*slots.values(), *(ending for stack in stacks.values() for ending in stack)):
        if isinstance(settled(ending.value), SequenceValue | NumbersValue):
            ending.listed = rolling.described(tracer, ending.value)
    places = {key: (place, place_ending(tracer, place)) for key, place in changes.items()}
    return Arm(block, outcome, slots, stacks, places, live)


def place_ending(tracer: Interpreter, place: Place, may_be_empty: bool = False) -> Ending:
    """The ending of a place; memory counts as an array. A closure variable may be unbound."""
    contents = place.read()
    if contents is None and (may_be_empty or getattr(place.owner, "may_be_empty", False)):
        return Ending(None)
    if isinstance(contents, Value):
        return Ending(None, kinds.Array(contents.type, place.owner.order), [contents])
    if contents is None:
        problem = kinds.NotSettled(f"{place} is bound in the loop or in one branch alone")
        return Ending(None, problem=problem)
    return Ending.of(tracer, contents)


class Merger:
    """Collects pairs of graph values from two arms that started in one state.

    Parameters
    ----------
    tracer : Interpreter
        In the state before both arms.
    reach : Reach
        What was there before both.
    arms : tuple of Arm
    slots, stack : list of PyValue or None
        The variables and the operand stack before both.
    """

    def __init__(
        self,
        tracer: Interpreter,
        reach: Reach,
        arms: tuple[Arm, Arm],
        slots: list[PyValue | None],
        stack: Iterable[PyValue | None],
    ) -> None:
        self.tracer, self.reach, self.arms, self.slots = tracer, reach, arms, slots
        self._before = _ways_to([*slots, *stack])
        self._ways: dict[int, Counter[int]] = {}
        self.pairs: list[tuple[Value, Value]] = []
        self._memo: dict[tuple[int, int], Finished] = {}
        self._partners: dict[int, set[int]] = {}

    def merge(self, first: Ending, second: Ending, what: str) -> Finished:
        """One value of two; `what` names it."""
        if kinds.is_same(first.value, second.value) and first.value is not None:
            return lambda results: first.value
        key = (_identity(first), _identity(second))
        if key in self._memo:
            return self._memo[key]
        first, second = self._as_lists(first, second)
        values = (first.value, second.value)
        known = (first.known_kind, second.known_kind)
        kind = carried.unified(*known, what, values, self._capacity)
        self._note_partners(first, second)
        start = len(self.pairs)
        sides = (self._parts_as(kind, side, e) for side, e in enumerate((first, second)))
        self.pairs.extend(zip(*sides, strict=True))
        end = len(self.pairs)
        olds = self._pair_flags(first, second)
        made: list[PyValue] = []

        def finished(results: Sequence[Value]) -> PyValue:
            if not made:
                reason = self._uncertainty(first, second, what)
                parts = iter(results[start:end])
                made.append(carried.build(self.tracer, kind, parts, reason))
                self._note_flags(made[0], olds, results)
                found = carried.origins((*_arrays(first), *_arrays(second)))
                carried.doubt(carried.storages_of(made[0]), found)
            return made[0]

        self._memo[key] = finished
        return finished

    def _as_lists(self, first: Ending, second: Ending) -> tuple[Ending, Ending]:
        """Both by their items, where they are different lists that nobody else has."""
        if first.listed is None or second.listed is None:
            return first, second
        for side, ending in enumerate((first, second)):
            for owner in rolling.lists_of(ending.value):
                if not self._is_alone(owner, side):
                    return first, second
        return first.as_list(), second.as_list()

    @property
    def _capacity(self) -> shrinking.Capacity:
        """What extents do not exceed, known in front of both arms."""
        symbols = self.tracer.context.builder.graph.symbols
        inside = {value for arm in self.arms for value in defined_in(arm.block)}
        return shrinking.Capacity(
            self.tracer.context,
            lambda name: symbols[name].value not in inside,
            is_open=bool(self.tracer.attempts),
        )

    def _parts_as(self, kind: Kind, side: int, ending: Ending) -> list[Value]:
        with block_of(self.tracer, self.arms[side].block):
            return carried.converted(self.tracer, ending.parts, ending.known_kind, kind)

    def only(self, arm: int, ending: Ending, what: str) -> Finished:
        """A value that comes from one arm alone, and is looked at after that arm alone."""
        if all(
            id(owner) not in self.reach.objects and self._is_alone(owner, arm)
            for owner in rolling.lists_of(ending.value)
        ):
            ending = ending.as_list()
        kind = carried.known_outside(ending.known_kind, what, self._capacity)
        if kind != ending.known_kind:
            ending = Ending(ending.value, kind, self._parts_as(kind, arm, ending))
        with block_of(self.tracer, self.arms[1 - arm].block):
            parts = carried.placeholders(self.tracer, kind)
        other = Ending(None, kind, parts)
        pair = (ending, other) if arm == 0 else (other, ending)
        if not parts:
            return lambda results: ending.value
        return self.merge(*pair, what)

    def contents(self, first: Ending, second: Ending) -> Finished:
        """The contents of memory."""
        start = len(self.pairs)
        self.pairs.append((first.parts[0], second.parts[0]))
        return lambda results: results[start]

    def flags(self, first: Value, second: Value) -> Finished:
        """A bool[] of the graph."""
        start = len(self.pairs)
        self.pairs.append((first, second))
        return lambda results: results[start]

    def unchanged(self, arm: int, value: PyValue | None) -> Ending:
        """The ending, in an arm, of a variable or stack entry that it left as it was."""
        tracer = self.tracer
        with block_of(tracer, self.arms[arm].block):
            ending = Ending.of(tracer, value)
            if isinstance(settled(value), SequenceValue | NumbersValue) and not self._has_changed(
                arm, value
            ):
                ending.listed = rolling.described(tracer, value)
        for array in carried.storages_of(value):
            for other, _ in array.storage.may_be:
                if (id(other), None) in self.arms[arm].places:
                    text = f"{array.storage.uncertain} and has changed since"
                    return Ending(value, problem=Unsupported("JF-B006", text))
            written = self.arms[arm].places.get((id(array.storage), None))
            if written is None:
                continue
            if array.views or len(ending.parts) != 1:
                return Ending(value, problem=Unsupported("JF-B006", "a view of written memory"))
            ending.parts = written[1].parts[:]
        return ending

    def _has_changed(self, arm: int, value: PyValue | None) -> bool:
        """Whether an arm changed a list, or one in it."""
        changed = {id(place.owner) for place, _ in self.arms[arm].places.values()}
        return any(id(owner) in changed for owner in rolling.lists_of(value))

    # Identity of arrays, and of lists

    def _note_partners(self, first: Ending, second: Ending) -> None:
        pairs = zip(_arrays(first), _arrays(second), strict=False)
        for one, other in pairs:
            self._partners.setdefault(id(one.storage), set()).add(id(other.storage))
            self._partners.setdefault(id(other.storage), set()).add(id(one.storage))

    def _uncertainty(self, first: Ending, second: Ending, what: str) -> str:
        """Why eager Python may keep another array than a new one; empty where it does not."""
        for side, ending in enumerate((first, second)):
            for array in _arrays(ending):
                storage = array.storage
                is_own = not array.views and not storage.uncertain
                is_alone = not self.reach.knows(storage) or self._is_alone(storage, side)
                has_one = len(self._partners.get(id(storage), ())) <= 1
                if not (is_own and is_alone and has_one):
                    return f"{what}, which may be an array that was there before,"
        return ""

    def _pair_flags(self, first: Ending, second: Ending) -> list[_Olds]:
        """Pairs of flags for each array: which of those that were there before it is."""
        arrays = [_arrays(first), _arrays(second)]
        count = max(map(len, arrays))
        if len(arrays[0]) != len(arrays[1]) and first.value and second.value:
            return []
        olds: list[_Olds] = []
        for position in range(count):
            sides = [found[position] if found else None for found in arrays]
            flags = [self._flags(side, array) for side, array in enumerate(sides)]
            if flags[0] is None or flags[1] is None:
                olds.append(None)
                continue
            origins = list(dict.fromkeys((*flags[0], *flags[1])))
            start = len(self.pairs)
            held = []
            for side, known in enumerate(flags):
                with block_of(self.tracer, self.arms[side].block):
                    held.append(older.held(self.tracer.context, known or {}, origins))
            self.pairs.extend(zip(*held, strict=True))
            olds.append((origins, start, [array for array in sides if array is not None]))
        return olds

    def _flags(self, side: int, array: ArrayValue | None) -> older.Flags | None:
        """What an array is at the end of an arm; nobody looks at a placeholder."""
        if array is None:
            return {}
        return older.flags_of(array, self.reach, lambda storage: self._standing(storage, side))

    def _note_flags(
        self, value: PyValue | None, olds: Sequence[_Olds], results: Sequence[Value]
    ) -> None:
        for array, known in zip(carried.storages_of(value), olds, strict=False):
            if known is None or not array.storage.uncertain:
                continue
            origins, start, ends = known
            older.note(array, origins, results[start : start + len(origins)])
            array.storage.ties = frozenset().union(*(end.storage.ties for end in ends))

    def _is_alone(self, owner: Storage | PyValue, side: int) -> bool:
        """Whether no more than one way leads to memory, or to a list, at the end of an arm."""
        return owner.source is None and self._elsewhere(owner) + self._ways_in(side)[id(owner)] <= 1

    def _elsewhere(self, owner: Storage | PyValue) -> int:
        """How many ways lead there but for the variables and operands."""
        return self.reach.holders.get(id(owner), 0) - self._before[id(owner)]

    def _standing(self, storage: Storage, side: int) -> str:
        """Who leads to memory at the end of an arm, as `older.flags_of` asks."""
        if self._is_alone(storage, side):
            return older.ALONE
        is_elsewhere = storage.source is not None or self._elsewhere(storage) > 0
        return older.ELSEWHERE if is_elsewhere else older.TIED

    def _ways_in(self, side: int) -> Counter[int]:
        """How many variables, operands and changed places have each memory at the end of an arm."""
        if side not in self._ways:
            arm = self.arms[side]
            values = [
                arm.slots[slot].value if slot in arm.slots else old
                for slot, old in enumerate(self.slots)
                if slot in arm.live
            ]
            values += [ending.value for _, ending in arm.places.values()]
            stacks = [_ways_to(e.value for e in stack) for stack in arm.stacks.values()]
            self._ways[side] = _ways_to(values) + functools.reduce(operator.or_, stacks, Counter())
        return self._ways[side]


def _ways_to(values: Iterable[PyValue | None]) -> Counter[int]:
    """How many of some values have each memory, and each list, by identity."""
    known = [value for value in values if value is not None]
    given = [array for value in known for array in carried.storages_of(value)]
    return Counter([*(id(array.storage) for array in given), *rolling.ways_to(known)])


def _arrays(ending: Ending) -> list[ArrayValue]:
    return list(carried.storages_of(ending.value))


def _identity(ending: Ending) -> int:
    return id(ending) if ending.value is None else id(ending.value)

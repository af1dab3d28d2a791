"""Where a loop leads and what comes out of it: chosen when its body has been traced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jitflow.core.dims import Dim
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import carried, kinds, regions
from jitflow.tracer.branches import Start, Ways, go_to_or_split
from jitflow.tracer.control_flow import RETURN
from jitflow.tracer.kinds import Group
from jitflow.tracer.left_views import owner_of
from jitflow.tracer.loop_entry import Entry
from jitflow.tracer.loop_values import Carried, flags_for
from jitflow.tracer.merging import Ending
from jitflow.tracer.objects.model import IteratorValue
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.regions import Outcome
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PerhapsUnbound,
    PyValue,
    SequenceValue,
    Storage,
)

if TYPE_CHECKING:
    from jitflow.tracer import older, remaining, rolling, shrinking
else:
    older = LazyModule("jitflow.tracer.older")
    remaining = LazyModule("jitflow.tracer.remaining")
    rolling = LazyModule("jitflow.tracer.rolling")
    shrinking = LazyModule("jitflow.tracer.shrinking")


class Exit(Entry):
    """What one attempt to trace a loop knows when its body has ended.

    Attributes
    ----------
    ways : list of int
        The ways out of the middle; all but the last one have `flags` that tell them apart.
    """

    ways: list[int]
    flags: list[Value]

    def _choose_outs(self, outcome: Outcome) -> bool:
        """What the loop binds and the code behind it reads, but no iteration.

        True where some of it has to go into iterations: those that leave it unbound keep it.
        """
        before = len(self.widened)
        done = {item.slot for item in self.carried}
        live_out = regions.live_at(self.frame, outcome.stops)
        at_end = frozenset() if self.exit_index is None else self.live[self.exit_index]
        for slot in sorted(self.loop.stored - done):
            value = self.frame.slots[slot]
            if value is None or slot not in live_out | at_end:
                continue
            is_bound = slot in self.live[self.loop.header]
            if is_bound and kinds.is_same(self.mark.position.slots[slot], value):
                continue
            if isinstance(value, PerhapsUnbound) and slot in self.live[self.loop.header]:
                kind, name = carried.describe(self.tracer, value), self.frame.names[slot]
                self.widened[slot] = carried.known_outside(kind, name, self._capacity)
            if slot in at_end and not self.is_entered:
                self.needs_entry = True
            self._add_out(self.frame.names[slot], Ending.of(self.tracer, value), slot)
        if RETURN in outcome.stacks:
            ending = Ending.of(self.tracer, outcome.stacks[RETURN][0])
            self._add_out("returned", ending, None, RETURN)
        for stop in sorted(self.left & outcome.stacks.keys()):
            for rest in outcome.stacks[stop][len(self.mark.position.stack) :]:
                self._add_out("rest", Ending.of(self.tracer, rest), None, stop)
        return len(self.widened) > before

    def _add_out(
        self, name: str, ending: Ending, slot: int | None, stop: int | None = None
    ) -> None:
        view = settled(ending.value)
        is_list = any(owner is view for owner in rolling.lists_of(view))
        if view is not None and is_list and not self._is_known(view):
            self._add_list(name, view, slot, stop)
            return
        owner = None
        if slot is not None and isinstance(view, ArrayValue):
            owner = owner_of(view, self.is_visible)
        sharer = None if owner is None else self._out_of(owner.storage)
        own_view = view if isinstance(view, ArrayValue) and view.views else None
        if sharer is not None:
            item = Carried(name, Group(tuple, ()), [], slot=slot, view=own_view, sharer=sharer)
            item.ending = Ending(None)
            self.outs.append(item)
            return
        if owner is not None:
            ending = Ending.of(self.tracer, owner)
        kind = carried.known_outside(ending.known_kind, name, self._capacity)
        if carried.made_in(kind, self._is_known):
            raise Unsupported("JF-B006", f"{name} is an object that an iteration makes")
        item = Carried(name, kind, [], ending.value, slot=slot, stop=stop)
        item.view = own_view if owner is not None else None
        item.ending = ending
        item.last = item.arrays_in(ending.value)
        item.ends = carried.converted(self.tracer, ending.parts, ending.known_kind, kind)
        if not self._leaves_own(item, slot is not None):
            item.uncertain = f"{name}, which may be an array that was there before,"
        flags = [*self._flags_of(item, slot is not None)] if item.uncertain else []
        self.outs += [item, *flags]

    def _add_list(self, name: str, owner: PyValue, slot: int | None, stop: int | None) -> None:
        """Let a list that an iteration made come out, by its items."""
        same = [
            item
            for item in (*self.carried, *self.outs)
            if item.ending is not None
            and any(o is owner for o in rolling.lists_of(item.ending.value))
        ]
        if any(settled(item.ending.value) is not owner for item in same if item.ending):
            raise Unsupported("JF-B006", f"{name} is a list in another one")
        if same:
            item = Carried(name, Group(tuple, ()), [], slot=slot, stop=stop, sharer=same[0])
            item.ending = Ending(None)
            self.outs.append(item)
            return
        ending = Ending.of_list(self.tracer, owner, name)
        kind = carried.known_outside(ending.known_kind, name, self._capacity)
        item = Carried(name, kind, [], owner, slot=slot, stop=stop, ending=ending)
        item.last = item.arrays_in(owner)
        item.ends = carried.converted(self.tracer, ending.parts, ending.known_kind, kind)
        if carried.made_in(kind, self._is_known):
            raise Unsupported("JF-B006", f"{name} is an object that an iteration makes")
        if not self._leaves_own(item, slot is not None):
            item.uncertain = f"{name}, which may have an array that was there before,"
        self.outs.append(item)

    def _settle_flags(self) -> bool:
        """Find what tells which older array comes back; False where that is not known of one."""
        before = len(self.untold)
        for item in self.carried:
            if item.of is None:
                continue
            owner, position = item.of
            array = owner.last[position] if owner.last else None
            flags = None if array is None else older.flags_of(array, self.reach, self._standing)
            more = set() if flags is None else flags.keys() - set(item.older)
            if flags is None or not more.isdisjoint(owner.origins):
                self.untold.add(owner.key)
                continue  # without flags; for more of them another attempt is made anyway
            item.ends = older.held(self.tracer.context, flags, item.older)
            item.ending = Ending(None, item.kind, item.ends)
        ties = {item.key for item in self.carried if any(a.storage.ties for a in item.last)}
        turned = not ties <= self.tied
        self.tied |= ties
        return len(self.untold) == before and not turned

    def _tie(self, item: Carried) -> None:
        """Tie the arrays of what is tied at the end of an iteration, whichever it was."""
        if item.key in self.tied or any(array.storage.ties for array in item.last):
            for array in item.arrays_in(item.current):
                array.storage.ties = frozenset((self,))

    def _flags_of(self, item: Carried, is_variable: bool) -> Iterator[Carried]:
        """What tells which older arrays are those that come out, where that is known."""

        def standing(storage: Storage) -> str:
            is_shared = is_variable and self._out_of(storage) is not None
            if is_shared or self._users(storage):
                return older.ELSEWHERE
            return self._standing(storage)

        for position, array in enumerate(item.last):
            flags = older.flags_of(array, self.reach, standing)
            if flags is not None:
                found = flags_for(self.tracer.context, item, position, [*flags], flags)
                found.ends, found.initial = found.initial, []
                found.ending = Ending(None, found.kind, found.ends)
                yield found

    def _standing(self, storage: Storage) -> str:
        """Who leads to memory at the end of an iteration, as `older.flags_of` asks."""
        if self.reach.knows(storage) or self._sharer(storage) is not None:
            return older.ELSEWHERE
        return older.ALONE if self._users(storage) <= 1 else older.TIED

    def _stays_own(self, item: Carried) -> bool:
        """Whether the arrays that come back in `item` are known nowhere else."""
        assert item.ending is not None
        if item.ending.value is None:
            return True
        for array in item.last:
            storage = array.storage
            if array.views or storage.uncertain or self._users(storage) > 1:
                return False
            if self.reach.knows(storage):
                return False
        return True

    def _leaves_own(self, item: Carried, is_variable: bool) -> bool:
        return all(
            not array.views
            and not array.storage.uncertain
            and not self.reach.knows(array.storage)
            and self._sharer(array.storage) is None
            and self._users(array.storage) == 0
            and not (is_variable and self._out_of(array.storage))
            for array in item.last
        )

    def _out_of(self, storage: Storage) -> Carried | None:
        """Another value that comes out with an array on this storage."""
        for item in self.outs:
            if any(array.storage is storage for array in item.last):
                return item
        return None

    def is_visible(self, symbol: str) -> bool:
        """Whether a symbol is known in front of the loop."""
        graph = self.tracer.context.builder.graph
        value = graph.symbols[symbol].value
        return symbol in self.known_symbols or any(value is given for given in graph.inputs)

    def _is_known(self, value: PyValue) -> bool:
        """Whether an object was there before the loop."""
        is_outside = value.source is not None or getattr(value, "real", None) is not None
        return is_outside or isinstance(value, ConstantValue) or id(value) in self.reach.objects

    @property
    def _capacity(self) -> shrinking.Capacity:
        """What extents do not exceed, known in front of the loop."""
        return shrinking.Capacity(self.tracer.context, self.is_visible, is_open=True)

    def _users(self, storage: Storage) -> int:
        """How many carried values come back with an array on this storage."""
        return sum(array.storage is storage for item in self.carried for array in item.last)

    def _sharer(self, storage: Storage) -> SequenceValue | None:
        return self.tracer.in_lists.get(id(storage))

    def _choose_ways(self, outcome: Outcome) -> None:
        """The ways out of the middle, and the flags that tell them apart.

        The last way has no flag: it is taken where no flag is set. For a loop that is perhaps not
        entered that must be the way that leads past it.
        """
        self.ways = [stop for stop in outcome.stops if stop != self.loop.header]
        if self.domain is None and self.first is not None:
            assert self.exit_index is not None
            self.ways = [stop for stop in self.ways if stop != self.exit_index]
            self.ways.append(self.exit_index)
        self.flags = [flag for stop in self.ways[:-1] if (flag := outcome.stops[stop]) is not None]

    def _leave(
        self, outcome: Outcome, again: Value | None, flags: list[Value], following: Dim | None
    ) -> None:
        """Go on where the loop leads; by its flags where there are several ways."""
        ways: Ways = []
        base = self.mark.position.stack
        rest = self._take_items(following)
        if self.domain is not None:
            assert self.exit_index is not None
            ways.append((again, Start(self.exit_index, base[:-1])))
        for position, stop in enumerate(self.ways):
            stack = outcome.stacks.get(stop, base)
            entries = [item.current for item in self.outs if item.stop == stop and item.current]
            if stop == RETURN:
                stack = entries
            elif stop in self.left:
                stack = [*base[: len(base) - len(rest)], *rest, *entries]
            flag = flags[position] if position < len(flags) else None
            ways.append((flag, Start(stop, stack)))
        go_to_or_split(self.tracer, self.frame, ways)

    def _take_items(self, following: Dim | None) -> list[PyValue]:
        """What is left of the loop's iterator where it is left in the middle, if it has one."""
        if self.domain is None:
            return []
        tracer, iterator = self.tracer, self.mark.position.stack[-1]
        if not isinstance(iterator, IteratorValue):
            return [iterator]
        remaining.note_taken(tracer, iterator, self.domain, following)
        if not self.left or following is None:
            return [iterator]
        return [remaining.rest_of(tracer, iterator, self.domain, following)]

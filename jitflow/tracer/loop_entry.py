"""What a loop carries: chosen before its body is traced, from what earlier attempts found out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitflow.core.dtypes import I64
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import carried, growing, kinds, places
from jitflow.tracer.control_flow import Loop
from jitflow.tracer.domains import Domain
from jitflow.tracer.frame import SymbolicFrame
from jitflow.tracer.kinds import Fixed, Kind, NotSettled, Number, Perhaps, Unbound
from jitflow.tracer.liveness import live_slots
from jitflow.tracer.loop_values import Carried, Origins, flags_for, name_of
from jitflow.tracer.merging import Ending, place_ending
from jitflow.tracer.places import Place, Reach
from jitflow.tracer.regions import Mark
from jitflow.tracer.values import (
    PyValue,
    SequenceValue,
    Storage,
)

if TYPE_CHECKING:
    from jitflow.tracer import older, rolling, shrinking
    from jitflow.tracer.interpreter import Interpreter
else:
    older = LazyModule("jitflow.tracer.older")
    rolling = LazyModule("jitflow.tracer.rolling")
    shrinking = LazyModule("jitflow.tracer.shrinking")


class Entry:
    """What one attempt to trace a loop knows when its body begins."""

    def __init__(
        self,
        tracer: Interpreter,
        frame: SymbolicFrame,
        loop: Loop,
        domain: Domain | None,
        first: Value | None,
        exit_index: int | None,
        rebound: set[str],
        widened: dict[Any, Kind],
        untold: set[Any],
        tied: set[Any],
    ) -> None:
        self.tracer, self.frame, self.loop, self.domain = tracer, frame, loop, domain
        self.first, self.exit_index = first, exit_index
        self.step = tracer.steps
        self.reach = Reach(tracer)
        self.is_entered = domain.is_entered if domain is not None else first is None
        self.can_settle = self.is_entered or not tracer.context.depth
        self.live = live_slots(frame.code)
        left = tracer.ways_out.get(frame.code, frozenset())
        self.left = loop.body & left
        self.carried: list[Carried] = []
        self.outs: list[Carried] = []
        self.fixed: dict[Place, PyValue] = {}
        self.kept: dict[int, PyValue] = {}
        self.rebound, self.widened, self.untold, self.tied = rebound, widened, untold, tied
        self.needs_entry = False
        self.known_symbols = set(tracer.context.builder.graph.symbols)
        self.trips = None if domain is None else domain.trips(tracer)
        self.mark = Mark.of(tracer, frame)
        self.made_anew = self._made_anew()

    def _made_anew(self) -> frozenset[int]:
        """Variables with lists that each iteration binds before it reads them.

        The code behind the loop may read them: what they are before is nothing to iterations.
        """
        body, header = self.loop.header + 1, self.loop.header
        if self.domain is None or body not in self.loop.body:
            return frozenset()
        return frozenset(
            slot
            for slot in self.loop.stored & self.live[header]
            if slot not in self.live[body] and any(rolling.lists_of(self.frame.slots[slot]))
        )

    def _choose(self, known: dict[tuple[int, Any], Place], uncertain: Origins) -> None:
        """What is carried; the variables that the loop binds before it reads them start unbound."""
        frame, tracer = self.frame, self.tracer
        for slot in sorted(self.loop.stored):
            value = frame.slots[slot]
            if slot not in self.live[self.loop.header] or slot in self.made_anew:
                continue
            if value is None:
                if slot in self.widened:
                    self.carried.append(Carried(frame.names[slot], Unbound(), [], slot=slot))
                continue
            if kinds.is_rolled(self.widened.get(slot)):
                self._carry_list(Ending.of_list(tracer, value, frame.names[slot]), slot=slot)
                continue
            kind = carried.describe(tracer, value)
            is_updated = slot in self.loop.updated and frame.names[slot] not in self.rebound
            if is_updated and isinstance(kind, kinds.Array):
                self.kept[slot] = value
            elif not isinstance(kind, Fixed) or slot in self.widened:
                parts = carried.parts_of(tracer, value)
                name = frame.names[slot]
                self.carried.append(Carried(name, kind, parts, value, slot=slot))
        self._choose_places(known)
        self._widen()
        for item in self.carried:
            if item.name in uncertain or not self._is_own(item):
                item.uncertain = f"{item.name}, which may be an array that was there before,"
                found = carried.origins(item.arrays_in(item.old))
                item.origins = found | uncertain.get(item.name, frozenset())
        for item in self.carried[:]:
            if item.uncertain and not item.is_memory and item.key not in self.untold:
                self._carry_flags(item, uncertain.get(item.name, frozenset()))

    def _carry_flags(self, item: Carried, others: frozenset[Storage]) -> None:
        """Carry with an array what tells which older one it is; it may turn into `others`, too."""
        arrays = item.arrays_in(item.old)
        if len(arrays) != 1 or not isinstance(item.kind, kinds.Array):
            return
        holders = self.reach.holders
        flags = older.flags_of(
            arrays[0],
            self.reach,
            lambda s: older.ALONE if holders.get(id(s), 0) <= 1 else older.ELSEWHERE,
        )
        if flags is None or any(other.uncertain and other.older is None for other in others):
            return
        found = [s for o in others for s in ([k for k, _ in o.older or ()] if o.uncertain else [o])]
        own = arrays[0].storage
        origins = [s for s in dict.fromkeys((*flags, *found)) if s is not own or s in flags]
        self.carried.append(flags_for(self.tracer.context, item, 0, origins, flags))

    def _choose_places(self, known: dict[tuple[int, Any], Place]) -> None:
        """Carry what places hold, or have them hold the same objects again (`fixed`)."""
        tracer = self.tracer
        rolled = {id(owner) for item in self.carried for owner in rolling.lists_of(item.old)}
        for place in known.values():
            if kinds.is_rolled(self.widened.get(place.key)):
                held = place.read()
                assert isinstance(held, PyValue)
                self._carry_list(Ending.of_list(tracer, held, str(place)), place=place)
                continue
            if id(place.owner) in rolled:
                continue  # iterations have other lists in its place
            ending = self._rows_ending(place)
            ending = ending or place_ending(tracer, place, not self.can_settle)
            item = Carried(name_of(place), ending.known_kind, ending.parts, ending.value)
            item.place = place
            if isinstance(item.kind, Fixed):
                self.fixed[place] = item.kind.value
            else:
                self.carried.append(item)

    def _carry_list(
        self, ending: Ending, slot: int | None = None, place: Place | None = None
    ) -> None:
        """Carry a list by its items, which nobody else may have."""
        name = name_of(place) if place is not None else self.frame.names[slot or 0]
        dead = [
            self.mark.position.slots[other]
            for other in self.loop.stored
            if other not in self.live[self.loop.header] or other in self.made_anew
        ]
        if not rolling.is_alone(self.reach.holders, ending.value, dead):
            raise NotSettled(f"{name} is a list that has other names")
        item = Carried(name, ending.known_kind, ending.parts, ending.value, slot, place)
        self.carried.append(item)

    def _read_unbound(self) -> bool:
        """Whether the body read a variable that the loop binds: another attempt guesses its kind.

        The guess is put right by what the body turns out to bind it to.
        """
        frame, slot = self.tracer.unbound or (None, -1)
        is_ours = frame is self.frame and slot in self.loop.stored and slot not in self.widened
        if is_ours and self.mark.position.slots[slot] is None:
            self.widened[slot] = Perhaps(Number("int", I64))
            return True
        return False

    # Lists that grow

    @property
    def _plan(self) -> tuple[Any, int]:
        return self.frame.code, self.loop.header

    def knows(self, owner: PyValue) -> bool:
        """Whether a list, a dict or a set was there before the loop."""
        return id(owner) in self.reach.objects or owner.source is not None

    def knows_memory(self, storage: Storage) -> bool:
        """Whether memory was there before the loop."""
        return self.reach.knows(storage)

    def _has_found(self, known: dict[tuple[int, Any], Place]) -> bool:
        """Whether lists or tables were found that another attempt begins with."""
        outer = self.tracer.attempts[:-1]
        wished = [
            wish
            for wish in self.tracer.wishes.values()
            if self.knows(wish.owner) and not any(attempt.knows(wish.owner) for attempt in outer)
        ]
        return self._grew(known) or bool(wished)

    def _grew(self, known: dict[tuple[int, Any], Place]) -> bool:
        """Whether a list was found to grow, which another attempt carries as rows."""
        outer = self.tracer.attempts[:-1]
        found = [
            growth
            for growth in self.tracer.growing.values()
            if growth.is_new and self.knows(growth.owner)
            if not any(attempt.knows(growth.owner) for attempt in outer)
        ]
        for growth in found:
            growth.is_new = False
            place = Place(growth.owner, places.ROWS)
            known[place.key] = place
        return bool(found)

    def _rows_ending(self, place: Place) -> Ending | None:
        """The rows of a list before the loop, with room for what it appends."""
        tracer, owner = self.tracer, place.owner
        if place.name != places.ROWS or not isinstance(owner, SequenceValue):
            return None
        if any(attempt.knows(owner) for attempt in tracer.attempts[:-1]):
            return None  # the loop around has made room
        return Ending.of(tracer, growing.begin(tracer, owner, self, self._plan, self.trips))

    def _has_room(self) -> bool:
        found = [
            growing.is_enough(growth, self._plan)
            for growth in self.tracer.growing.values()
            if growth.attempt is self
        ]
        return all(found)

    def _widen(self) -> None:
        """Carry as either of two kinds what an earlier attempt found to be that."""
        for item in self.carried:
            kind = self.widened.get(item.key)
            if kind is not None:
                item.initial = carried.converted(self.tracer, item.initial, item.kind, kind)
                item.kind = kind

    def _is_own(self, item: Carried) -> bool:
        """Whether nothing else leads to the arrays in what is carried."""
        for array in item.arrays_in(item.old):
            storage = array.storage
            if array.views or storage.source is not None or storage.uncertain:
                return False
            if self.reach.holders.get(id(storage), 0) > 1:
                return False
        return True

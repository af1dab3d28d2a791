"""What goes into each iteration of a captured loop and comes out of it: variables and places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BOOL
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import carried, kinds
from jitflow.tracer.frame import SymbolicFrame
from jitflow.tracer.kinds import Group, Kind, Number, Unbound
from jitflow.tracer.left_views import base_of, viewed
from jitflow.tracer.merging import Ending
from jitflow.tracer.objects.model import DictValue
from jitflow.tracer.places import Place
from jitflow.tracer.values import ArrayValue, NumbersValue, PyValue, SequenceValue, Storage

if TYPE_CHECKING:
    from jitflow.tracer import older, rolling
    from jitflow.tracer.context import TraceContext
    from jitflow.tracer.interpreter import Interpreter
    from jitflow.tracer.older import Flags
else:
    older = LazyModule("jitflow.tracer.older")
    rolling = LazyModule("jitflow.tracer.rolling")

Origins: TypeAlias = dict[str, frozenset[Storage]]
"""By names of variables, the memory known elsewhere that they may have."""


@dataclass(eq=False)
class Carried:
    """A variable (`slot`) or a place that goes into each iteration and comes out of it.

    Attributes
    ----------
    kind : Kind
    initial : list of Value
        What it consists of before the loop; placeholders where nothing reads it.
    old : PyValue or None
        What it is before the loop; None for memory and for what only comes out.
    slot, place
        The one that it is.
    uncertain : str
        Why an array in it may be one that is known elsewhere.
    view : ArrayValue or None
        The view that is made of the array, for what only comes out.
    sharer : Carried or None
        What comes out with the same memory.
    origins : frozenset of Storage
        Which ones that may be.
    stop : int or None
        For an entry of the operand stack the way out that has it.
    last : list of ArrayValue
        The arrays that come back, noted before the body's changes of objects are undone.
    of : tuple of (Carried, int) or None
        What it has flags of (`tracer.older`), and for which of its arrays.
    older : tuple of Storage
        For flags, the memory that they are for.
    parameters, results : list of Value
        In the block, and of the node.
    """

    name: str
    kind: Kind
    initial: list[Value]
    old: PyValue | None = None
    slot: int | None = None
    place: Place | None = None
    uncertain: str = ""
    origins: frozenset[Storage] = frozenset()
    last: list[ArrayValue] = field(default_factory=list)
    parameters: list[Value] = field(default_factory=list)
    ends: list[Value] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)
    current: PyValue | None = None
    ending: Ending | None = None
    stop: int | None = None
    view: ArrayValue | None = None
    sharer: Carried | None = None
    of: tuple[Carried, int] | None = None
    older: tuple[Storage, ...] = ()

    @property
    def key(self) -> Any:
        """What it is, in any attempt."""
        return self.slot if self.place is None else self.place.key

    @property
    def is_memory(self) -> bool:
        """Whether it is the contents of memory."""
        return self.place is not None and isinstance(self.place.owner, Storage | NumbersValue)

    def arrays_in(self, value: PyValue | None) -> list[ArrayValue]:
        """The arrays that a value consists of where it is carried as this."""
        find = rolling.arrays_of if kinds.is_rolled(self.kind) else carried.storages_of
        return list(find(value))

    def put(self, tracer: Interpreter, frame: SymbolicFrame, parts: list[Value]) -> None:
        """Make the variable or place be what `parts` hold."""
        if self.is_memory:
            assert self.place is not None
            self.place.write(tracer, parts[0])
            return
        if self.of is not None:
            self._note_older(parts)
            return
        if isinstance(self.kind, Unbound):
            return  # it stays so; an iteration shows what it is bound to
        value = self.built(tracer, parts)
        self.current = value
        if self.slot is not None:
            frame.slots[self.slot] = value
        else:
            assert self.place is not None
            self.place.write(tracer, value)

    def _note_older(self, flags: list[Value]) -> None:
        assert self.of is not None
        item, position = self.of
        array = item.arrays_in(item.current)[position]
        if array.storage.uncertain:
            older.note(array, self.older, flags)

    def built(self, tracer: Interpreter, parts: list[Value]) -> PyValue:
        if self.sharer is not None:
            found = self.sharer.current
            if isinstance(found, SequenceValue | DictValue):
                return found
            assert isinstance(found, ArrayValue)
            if self.view is not None and self.view is self.sharer.view:
                return found
            value: PyValue = base_of(found)
        else:
            value = carried.build(tracer, self.kind, iter(parts), self.uncertain)
        if self.view is not None:
            assert isinstance(value, ArrayValue)
            value = viewed(self.view, value)
        return value


def flags_for(
    context: TraceContext, item: Carried, position: int, origins: Sequence[Storage], flags: Flags
) -> Carried:
    """What tells which of `origins` an array of `item` is, with its graph values as `initial`."""
    kind = Group(tuple, (Number("bool", BOOL),) * len(origins))
    parts = older.held(context, flags, origins)
    name = f"{item.name}_is_old"
    return Carried(name, kind, parts, of=(item, position), older=tuple(origins))


def name_of(place: Place) -> str:
    """A name for values that go into a region for a place."""
    text = "".join(c if c.isalnum() else "_" for c in str(place)).strip("_")
    return text or "carried"


def regrouped(items: Iterable[Carried]) -> dict[Any, Kind]:
    """New kinds of arrays that had as many rows as each other, and no longer do."""
    parts = [
        (item, item.kind, item.ending.known_kind)
        for item in items
        if isinstance(item.kind, kinds.Part) and item.ending is not None
    ]
    extents: dict[str, set[Dim]] = {}
    for _, kind, known in parts:
        assert isinstance(known, kinds.Array)
        extents.setdefault(kind.group, set()).add(known.type.shape[kind.axis])
    found: dict[Any, Kind] = {}
    for item, kind, known in parts:
        assert isinstance(known, kinds.Array)
        if len(extents[kind.group]) > 1:
            group = f"{kind.group} {known.type.shape[kind.axis]}"
            found[item.key] = replace(kind, group=group)
    return found

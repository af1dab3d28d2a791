"""The objects of one trace: which real object is which value, what changed, and how to undo it."""

from __future__ import annotations

from typing import Any

from jitflow.core.dataclass import dataclass, field
from jitflow.guards.sources import Source
from jitflow.ir.graph import Block, Value
from jitflow.tracer.objects.model import (
    ClassDictionaryValue,
    GrownDictValue,
    GrownListValue,
    NamespaceValue,
)
from jitflow.tracer.recipes import BuildCell, BuildReference, Effect, Recipe
from jitflow.tracer.values import PyValue, Storage


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A mark in the history of a trace's virtual state."""

    number: int
    journal: int
    calls: int
    block: Block
    nodes: int
    call_outs: int
    numpy_calls: int = 0


@dataclass(eq=False)
class ObjectTable:
    """State of the object model within a `TraceContext`.

    Attributes
    ----------
    by_id : dict
        ``id`` of a real object to its value; `keep` holds the objects so that ids stay theirs.
    numbers : dict
        Numbers that are inputs, by their sources.
    grown : dict
        ``id`` of a list to what was appended to it; `looked` has those that are looked at, too,
        and `itemised` those of integers whose items have to be known.
    stored : dict
        ``id`` of a dict to what was stored in it; `looked` has those that are looked at, too.
    namespaces : dict
        ``id`` of a module's dictionary to its value.
    identified : dict
        ``id`` of a real object that containers found by its identity to its sources, without order.
    changed : dict
        Sourced objects that were changed, in order of their first change.
    originals : dict
        Items at the start of the piece of each sourced list and dict that was changed.
    alone : dict
        Memory that was handed out because the list that has it, by its identity, stays.
    filling : dict
        Recipes of cells whose contents are being worked out, and whether they were met inside.
    unfilled : list
        Recipes of cells whose contents refer to themselves, with the contents.
    pending : list
        Effects that finish objects made by recipes.
    journal : list of (object, fields)
        The fields of each changed object as they were before, for `rollback`.
    saved : dict
        ``id`` of an object to the number of the checkpoint after which it was last saved.
    in_tables : dict
        Identity of each list that is in a list of lists that is data, to the identity of that one.
    referring : dict
        Identity of an instance to the weak reference to it that the piece made.
    calls : list
        Calls made for their effect alone, in order: (function, arguments).
    limits : dict
        Greatest magnitudes of symbols that nodes define, where known.
    tied : dict
        For each tie (`Storage.ties`) the memory that leaves the piece.
    recipes, outputs : dict, list
        Recipes by identity of the value; graph values that they refer to.
    """

    by_id: dict[int, PyValue] = field(default_factory=dict)
    keep: list[Any] = field(default_factory=list)
    grown: dict[int, GrownListValue] = field(default_factory=dict)
    stored: dict[int, GrownDictValue] = field(default_factory=dict)
    looked: frozenset[int] = frozenset()
    itemised: frozenset[int] = frozenset()
    tabled: frozenset[int] = frozenset()
    in_tables: dict[int, int] = field(default_factory=dict)
    numbers: dict[Source, PyValue] = field(default_factory=dict)
    namespaces: dict[int, NamespaceValue] = field(default_factory=dict)
    classes: dict[type, ClassDictionaryValue] = field(default_factory=dict)
    identified: dict[int, tuple[Any, dict[Source, None]]] = field(default_factory=dict)
    changed: dict[int, PyValue] = field(default_factory=dict)
    originals: dict[int, Any] = field(default_factory=dict)
    journal: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)
    saved: dict[int, int] = field(default_factory=dict)
    number: int = 0
    calls: list[tuple[Any, list[PyValue]]] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)
    recipes: dict[int, Recipe] = field(default_factory=dict)
    alone: dict[int, Storage] = field(default_factory=dict)
    tied: dict[object, Storage] = field(default_factory=dict)
    filling: dict[int, bool] = field(default_factory=dict)
    unfilled: list[tuple[BuildCell, PyValue]] = field(default_factory=list)
    referring: dict[int, PyValue] = field(default_factory=dict)
    references: list[tuple[BuildReference, PyValue]] = field(default_factory=list)
    pending: list[Effect] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    output_index: dict[tuple[int, str], int] = field(default_factory=dict)

    def save(self, value: Any) -> None:
        """Remember the fields of `value` before they change; once between two checkpoints.

        Everything that changes a value in place calls it first: `rollback` then undoes the change.
        Objects of the user's own stay themselves.
        """
        if self.saved.get(id(value)) == self.number:
            return
        self.saved[id(value)] = self.number
        fields = vars(value).items()
        kept = {name: v if name in _OUTSIDE else _copied(v) for name, v in fields}
        self.journal.append((value, kept))

    def has_seen(self, real: Any) -> bool:
        """Whether the piece looked at a list or appended to it."""
        key = id(real)
        return key in self.by_id or key in self.grown or key in self.in_tables

    def identify(self, real: Any, source: Source) -> None:
        """Note that a container finds `real` by its identity."""
        self.identified.setdefault(id(real), (real, {}))[1][source] = None

    def clear(self) -> None:
        """Let go of every object: the trace is finished."""
        for part in vars(self).values():
            if isinstance(part, dict | list):
                part.clear()


_OUTSIDE = frozenset({"real", "globals", "value", "originals"})
"""Fields that hold what was there before the trace."""


def _copied(item: Any) -> Any:
    return item.copy() if type(item) in (list, dict, set) else item

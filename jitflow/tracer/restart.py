"""The signal that a trace must be made again, ending earlier than it did."""

from __future__ import annotations

from types import CodeType
from typing import Protocol

from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Graph, Node

Place = tuple[CodeType, int]
"""A code object and the offset of an instruction."""


class Budget(Protocol):
    """How long tracing may take, given the work that it found in the code."""

    def is_spent(self, graph: Graph) -> bool:
        """Whether, with the graph that is there so far, tracing took long enough."""

    def note_attempt(self, nodes: list[Node]) -> None:
        """These were traced in vain: a loop's body, or all so far."""


@dataclass(eq=False)
class Restart(Exception):
    """Trace again and break at `place` (whenever it is reached), or at step number `step`.

    Or, with `leave`, leave the point to Python; with `capture`, keep the loop whose header is at
    that place; with `looked`, guard the length of the list of that identity, with `itemised` that
    of a list of integers; with `tabled` that list of lists is data. A trace is deterministic: the
    same step is the same instruction.
    """

    cause: Unsupported
    place: Place | None = None
    step: int | None = None
    capture: Place | None = None
    looked: int | None = None
    itemised: int | None = None
    tabled: int | None = None
    leave: bool = False


@dataclass(frozen=True, eq=False)
class Limits:
    """Where the trace at hand has to break, and which loops it has to keep if it can."""

    places: dict[Place, Unsupported] = field(default_factory=dict)
    step: int | None = None
    cause: Unsupported | None = None
    captures: frozenset[Place] = frozenset()
    looked: frozenset[int] = frozenset()
    itemised: frozenset[int] = frozenset()
    tabled: frozenset[int] = frozenset()
    budget: Budget | None = None

    def at(self, step: int, place: Place) -> Unsupported | None:
        """Why the trace ends before step number `step`, which runs the instruction at `place`."""
        if self.step is not None and step >= self.step:
            return self.cause
        return self.places.get(place) if self.places else None

    @property
    def newest(self) -> Unsupported:
        """The cause of a limit."""
        return self.cause or next(
            reversed(self.places.values()), Unsupported("JF-B015", "restarts")
        )

    def tightened(self, restart: Restart) -> Limits:
        """These limits and the one that `restart` asks for."""
        if restart.looked is not None:
            return replace(self, looked=self.looked | {restart.looked})
        if restart.itemised is not None:
            return replace(self, itemised=self.itemised | {restart.itemised})
        if restart.tabled is not None:
            return replace(self, tabled=self.tabled | {restart.tabled})
        if restart.capture is not None:  # which changes the numbers of all steps
            captures = self.captures | {restart.capture}
            return replace(self, step=None, cause=None, captures=captures)
        if restart.place is not None:
            places = {**self.places, restart.place: restart.cause}
            return replace(self, places=places)
        return replace(self, step=restart.step, cause=restart.cause)

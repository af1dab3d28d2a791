"""Drops variables that nobody reads any more from the state of a compile point.

The second iteration of a loop that Python runs has variables bound that the first one had not, the
ones that its body binds. They would make another compile point, whose pieces were compiled again.
A piece leaves them out where it ends (`tracer.exits`); here are those that Python bound.
"""

from __future__ import annotations

import numpy as np

from jitflow.core.dataclass import replace
from jitflow.runtime.driver import Site, State
from jitflow.tracer.instructions import index_at, variables
from jitflow.tracer.liveness import live_slots
from jitflow.tracer.trace import CompilePoint, FrameShape

_NUMBERS = frozenset(np.dtype(code).type for code in "?bhilqBHILQefdgFDG")
_DATA = _NUMBERS | {np.ndarray, bool, int, float, complex, str, type(None)}
"""Types of values whose end nobody notices."""


class DeadVariables:
    """The dead variables of each compile point, found once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[CompilePoint, CompilePoint, frozenset[int]]] = {}

    def dropped(self, point: CompilePoint, state: State) -> tuple[CompilePoint, State]:
        """The point and the state without them; as they are where one holds other things."""
        known = self._known.get(id(point))
        if known is None:
            known = self._known[id(point)] = point, *_reduced(point)
        _, smaller, dead = known
        if not dead or any(type(state[place]) not in _DATA for place in dead):
            return point, state
        return smaller, tuple(value for place, value in enumerate(state) if place not in dead)


def _reduced(point: CompilePoint) -> tuple[CompilePoint, frozenset[int]]:
    """The point without the dead variables of its innermost frame; their places in its state."""
    *outer, shape = point.frames
    names = variables(shape.code)
    live = {names[slot] for slot in live_slots(shape.code)[index_at(shape.code)[shape.offset]]}
    if point.is_entry or shape.resume or live.issuperset(shape.bound):
        return point, frozenset()
    start = sum(len(frame.bound) + sum(frame.stack) for frame in outer)
    dead = frozenset(start + k for k, name in enumerate(shape.bound) if name not in live)
    bound = tuple(name for name in shape.bound if name in live)
    frames: tuple[FrameShape, ...] = (*outer, replace(shape, bound=bound))
    return Site.make(frames, point.globals).point, dead

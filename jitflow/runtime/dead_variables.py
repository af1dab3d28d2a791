"""Drops variables that nobody reads any more from the state of a compile point.

The second iteration of a loop that Python runs has variables bound that the first one had not, the
ones that its body binds. They would make another compile point, whose pieces were compiled again,
and so would those of every function that the body calls. A piece leaves them out where it ends
(`tracer.exits`); here are those that Python bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dataclass import replace
from jitflow.runtime.driver import Site, State
from jitflow.tracer.instructions import decode, handler_of, index_at, variables
from jitflow.tracer.liveness import live_slots
from jitflow.tracer.trace import CompilePoint, FrameShape

_NUMBERS = frozenset(np.dtype(code).type for code in "?bhilqBHILQefdgFDG") | {
    bool,
    int,
    float,
    complex,
    str,
    type(None),
}
"""Types of values whose end nobody notices."""
_MOST_ITEMS = 64
"""Of a list, tuple or dict, with what is in it, that are looked at."""


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
        if not dead or not all(is_data(state[place]) for place in dead):
            return point, state
        return smaller, tuple(value for place, value in enumerate(state) if place not in dead)


def is_data(value: Any) -> bool:
    """Whether a value is a number, text or an array, or a small container of such."""
    if type(value) in _NUMBERS:
        return True
    waiting, count = [value], 0
    while waiting:
        value = waiting.pop()
        count += 1
        if count > _MOST_ITEMS:
            return False
        if type(value) in (list, tuple):
            waiting += value
        elif type(value) is dict:
            waiting += value.values()
            waiting += value
        elif type(value) is np.ndarray:
            if value.dtype.hasobject or type(value.base) not in (np.ndarray, type(None)):
                return False
        elif type(value) not in _NUMBERS:
            return False
    return True


def _reduced(point: CompilePoint) -> tuple[CompilePoint, frozenset[int]]:
    """The point without the dead variables of its frames; their places in its state."""
    dead, frames, start = set(), [], 0
    for shape in point.frames:
        live = _live_names(shape)
        dead |= {start + place for place, name in enumerate(shape.bound) if name not in live}
        frames.append(replace(shape, bound=tuple(name for name in shape.bound if name in live)))
        start += len(shape.bound) + sum(shape.stack)
    if point.is_entry or not dead:
        return point, frozenset()
    return Site.make(tuple(frames), point.globals).point, frozenset(dead)


def _live_names(shape: FrameShape) -> set[str]:
    """Variables that may be read from here on, also by a handler of the call that is under way."""
    names, live = variables(shape.code), live_slots(shape.code)
    index = index_at(shape.code)
    slots = live[index[shape.offset]]
    if shape.resume:
        row = handler_of(shape.code, decode(shape.code)[index[shape.offset] - 1])
        if row is not None:
            slots |= live[index[row.target]]
    return {names[slot] for slot in slots}

"""Dispatch of the compile points of one call, and when a function has had enough of it.

Pieces in a row that do little cost more than they win. After a few of them Python runs on, up to
the next loop: work is where loops are, so every loop's header gets its own chance. Loops that stay
in Python are measured while they run (`loop_trial`). And a function that is called often is given
more pieces, now and then.
"""

from __future__ import annotations

import sys
from functools import cached_property
from types import CodeType
from typing import TYPE_CHECKING, Any

from jitflow.core.config import config
from jitflow.core.lazy import LazyModule
from jitflow.runtime import driver
from jitflow.runtime.marks import FAILED
from jitflow.runtime.skipping import with_cells
from jitflow.runtime.tracebacks import unseen
from jitflow.runtime.variant import PointState
from jitflow.tracer.rejoin import inner_headers
from jitflow.tracer.trace import CompilePoint

if TYPE_CHECKING:
    from jitflow.runtime import loop_trial
    from jitflow.runtime.dispatch import Dispatcher
else:
    loop_trial = LazyModule("jitflow.runtime.loop_trial")

_FIRST_RETRY = 8
_RETRY_FACTOR = 8
_MORE_PIECES = 4


class Patience:
    """How many poor pieces in a row one function may have; which points were given up for them.

    Attributes
    ----------
    limit : int
        That many are tried.
    has_won : bool
        Whether a piece was worth it; where none was, whole calls are left to Python.
    """

    def __init__(self) -> None:
        self.limit = config().max_poor_pieces
        self.has_won = False
        self._points: list[PointState] = []
        self._calls, self._due = 0, _FIRST_RETRY

    @cached_property
    def loops(self) -> loop_trial.LoopTrials:
        """What the iterations of loops take that stay in Python."""
        return loop_trial.LoopTrials()

    @property
    def calls_left(self) -> int:
        """How many calls may begin before one tries the points again."""
        return self._due - self._calls - 1 if self._points else sys.maxsize

    def note_calls(self, count: int = 1) -> bool:
        """Calls begin; whether one of them tries the points again, and more of them."""
        if not self._points:
            return False
        self._calls += count
        if self._calls < self._due:
            return False
        self._due *= _RETRY_FACTOR
        self.limit *= _MORE_PIECES
        for point in self._points:
            point.runs_eagerly = False
        self._points.clear()
        self.loops.clear()
        return True

    @property
    def allowed(self) -> int:
        """Poor pieces in a row; running on past a loop's first iteration costs more than a few."""
        return self.limit * (_MORE_PIECES if self.has_won else 1)

    def give_up(self, points: list[PointState]) -> None:
        """These are not worth it."""
        self._points += points

    @property
    def points(self) -> int:
        """How many points were given up."""
        return len(self._points)

    def given_up(self, code: CodeType) -> frozenset[int]:
        """Offsets in `code` at which Python is not to be left."""
        shapes = (state.point.frames[-1] for state in self._points)
        given_up = frozenset(shape.offset for shape in shapes if shape.code is code)
        return given_up | self.loops.slower(code)


class Continuations:
    """Dispatch of the compile points of one call, for the driver."""

    def __init__(self, dispatcher: Dispatcher, root: PointState) -> None:
        self.dispatcher, self.patience = dispatcher, dispatcher.patience
        self.poor: dict[PointState, None] = {}
        self._poor_pieces = 0
        self._closed_from: dict[PointState, tuple[Any, frozenset[int]]] = {}
        self.waits_for_loop = False
        self.iterations = loop_trial.Iterations() if dispatcher.measures else None
        self._count(root)

    @unseen
    def __call__(self, point: CompilePoint, state: tuple[Any, ...]) -> Any:
        point, state = self.dispatcher.dead_variables.dropped(point, state)
        place = self.dispatcher.state_of(point)
        if self.waits_for_loop and not place.runs_eagerly:
            self._reach(place)
        if place.runs_eagerly:
            return self.run_eagerly(place, state)
        if self.iterations is not None:
            outcome = self._measured(self.iterations, place, state)
            if outcome is not None:
                return outcome
        result = self.dispatcher.enter(place, state)
        if result is FAILED:
            return driver.RunEagerly(point, state, rejoin=True)
        if type(result) not in driver.UNFINISHED:
            return driver.Returned(result)
        self._count(place)
        return result

    def run_eagerly(self, place: PointState, state: tuple[Any, ...]) -> driver.RunEagerly:
        """Let Python run from a point that was given up, up to a loop that was not."""
        point, cells = with_cells(place.point, self.dispatcher.function)
        return driver.RunEagerly(point, (*state, *cells), True, closed=self._closed(place))

    def _closed(self, place: PointState) -> frozenset[int]:
        """Loops at which Python does not stop on its way from `place`."""
        known_for = self.patience.points, self.dispatcher.trials.compilations
        before, closed = self._closed_from.get(place, (None, frozenset[int]()))
        if before != known_for:
            shape = place.point.frames[-1]
            closed = self.patience.given_up(shape.code)
            closed |= inner_headers(shape.code, shape.offset, self.dispatcher.worthy(shape.code))
            self._closed_from[place] = known_for, closed
        return closed

    def _measured(
        self, iterations: loop_trial.Iterations, place: PointState, state: tuple[Any, ...]
    ) -> driver.RunEagerly | None:
        """Python's turn, where an iteration of a loop begins that is being measured."""
        now = iterations.note_piece()
        trial = self.patience.loops.at(place)
        if trial is None:
            return None
        way = iterations.next_way(trial, self.dispatcher.trials.compilations, now)
        if trial.verdict == "eager":
            self._give_up([place], "JF-B021", trial.detail)
            return self.run_eagerly(place, state)
        return trial.eager_iteration(state) if way == "eager" else None

    def _count(self, place: PointState) -> None:
        if not _is_poor(place):
            self._forget_poor()
            self.patience.has_won |= bool(place.variants)
            return
        self.poor[place] = None
        # Behind a header is the body of a loop that Python runs, which is what may be worth it.
        self._poor_pieces += not place.is_header
        if self._poor_pieces > self.patience.allowed:
            self._give_up([*self.poor])
            self._forget_poor()
            self.waits_for_loop = True

    def _forget_poor(self) -> None:
        self.poor.clear()
        self._poor_pieces = 0

    def _reach(self, place: PointState) -> None:
        """Give `place` up, too, unless a loop begins there."""
        self.waits_for_loop = not place.is_header
        if self.waits_for_loop:
            self._give_up([place])

    def _give_up(self, places: list[PointState], code: str = "JF-B018", detail: str = "") -> None:
        self.patience.give_up(places)
        for place in places:
            self.dispatcher.go_eager(place, code, detail, None)


def _is_poor(place: PointState) -> bool:
    known = bool(place.variants) or place.skip is not None
    return known and all(variant.is_poor for variant in place.variants)

"""Loops that Python runs with compiled pieces in their bodies: measured while they run.

A call may be one long loop, so nobody can wait for the end of it to see that its pieces cost more
than they win. Where few microseconds lie between two pieces, some iterations run as Python, in
turns with compiled ones, and the faster way stays for the rest of the loop. Where a piece does
more, the way in and out of it does not matter, and nothing is tried: an iteration that is native
might take Python a thousand times as long.
"""

from __future__ import annotations

import statistics
import time
from types import CodeType
from typing import TYPE_CHECKING, Any

from jitflow.core.dataclass import dataclass
from jitflow.core.errors import Unsupported
from jitflow.runtime.driver import RunEagerly
from jitflow.tracer import continuation
from jitflow.tracer.rejoin import Round
from jitflow.tracer.trace import CompilePoint

if TYPE_CHECKING:
    from jitflow.runtime.trial import Way
    from jitflow.runtime.variant import PointState

_WARM = 32
"""Arrivals at a header, before iterations are measured."""
_SAMPLES = 5
"""Of each way."""
_COLD = 8
"""Iterations that Python runs before it is as fast as it gets: the interpreter specialises."""
_MARGIN = 0.9
"""Python must be this much faster."""
_SHORT = 5e-5
"""Seconds a piece, from which on the way in and out of pieces does not matter."""


class LoopTrial:
    """The times of iterations of one loop.

    Parameters
    ----------
    point : CompilePoint
        Where iterations are told apart.
    way : Round
        The way around the loop from there.

    Attributes
    ----------
    verdict : {"compiled", "eager"} or None
    """

    def __init__(self, point: CompilePoint, way: Round) -> None:
        self.point, self.round = point, way
        self._times: dict[Way, list[float]] = {"compiled": [], "eager": []}
        self._per_piece: list[float] = []
        self._cold = 0
        self.verdict: Way | None = None if _comes_back(point, way) else "compiled"

    @property
    def next_way(self) -> Way:
        """How the next iteration is to run."""
        compiled, eager = map(len, self._times.values())
        is_behind = self._cold < _COLD or eager <= compiled - _SAMPLES
        return "eager" if compiled >= _SAMPLES and is_behind else "compiled"

    def note(self, way: Way, seconds: float, pieces: int) -> None:
        """An iteration with so many pieces took `seconds`."""
        if way == "eager" and self._cold < _COLD:
            self._cold += 1
            return
        self._times[way].append(seconds)
        if way == "compiled":
            self._per_piece.append(seconds / pieces)
            if len(self._per_piece) == _SAMPLES and statistics.median(self._per_piece) > _SHORT:
                self.verdict = "compiled"
        elif len(self._times["eager"]) >= _SAMPLES:
            compiled, eager = map(statistics.median, self._times.values())
            self.verdict = "eager" if eager < _MARGIN * compiled else "compiled"

    @property
    def detail(self) -> str:
        """The times, for people."""
        compiled, eager = (statistics.median(times) * 1e6 for times in self._times.values())
        return f"an iteration takes {compiled:.1f} us compiled, {eager:.1f} us eager"

    def eager_iteration(self, state: tuple[Any, ...]) -> RunEagerly:
        """Python runs once around the loop."""
        ways = self.round.ways
        return RunEagerly(self.point, state, True, ways.stop, ways.closed)


class LoopTrials:
    """The trials of one function, by the code and the header of the loop.

    A loop is measured at the first of its points that is met often.
    """

    def __init__(self) -> None:
        self._trials: dict[tuple[int, int], LoopTrial] = {}

    def at(self, place: PointState) -> LoopTrial | None:
        """The trial that goes on at `place`, if there is one."""
        way = place.round if place.calls >= _WARM else None
        if way is None:
            return None
        key = id(place.point.frames[-1].code), way.header  # the trial's point keeps the code
        trial = self._trials.get(key)
        if trial is None:
            trial = self._trials[key] = LoopTrial(place.point, way)
        return trial if trial.point is place.point and trial.verdict is None else None

    def slower(self, code: CodeType) -> frozenset[int]:
        """Headers in `code` of the loops that Python runs faster."""
        return frozenset(
            header
            for (other, header), trial in self._trials.items()
            if other == id(code) and trial.verdict == "eager"
        )

    def clear(self) -> None:
        """Measure all again."""
        self._trials.clear()


@dataclass
class _Iteration:
    """An iteration that is being measured."""

    way: Way
    start: float
    pieces: int
    compilations: int


class Iterations:
    """The iterations that are measured in one call."""

    def __init__(self) -> None:
        self._begun: dict[LoopTrial, _Iteration] = {}
        self._pieces = 0

    def note_piece(self) -> float:
        """A piece is entered; the time."""
        self._pieces += 1
        return time.perf_counter()

    def next_way(self, trial: LoopTrial, compilations: int, now: float) -> Way:
        """An iteration begins, and the one before ended at `now`: how it is to run.

        `compilations` is how many there were so far: an iteration with one says nothing.
        """
        before = self._begun.get(trial)
        if before is not None and before.compilations == compilations:
            trial.note(before.way, now - before.start, self._pieces - before.pieces)
        way = trial.verdict or trial.next_way
        self._begun[trial] = _Iteration(way, time.perf_counter(), self._pieces, compilations)
        return way


def _comes_back(point: CompilePoint, way: Round) -> bool:
    """Whether Python can be left at the end of an iteration."""
    shape = point.frames[-1]
    try:
        exits = continuation.run_until(shape, way.ways.stop, way.ways.closed).exits
    except Unsupported:
        return False
    return any(exit.shape.offset == shape.offset for exit in exits)

"""Pieces in which nothing was captured before they broke: Python runs them, without a detour.

Linking such a piece and entering it would cost much more than it could win. Python runs on from the
compile point to behind the instruction that broke, where compiled execution takes over again.
"""

from __future__ import annotations

from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any

from jitflow.core.config import config
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.runtime.driver import RunEagerly, Site
from jitflow.tracer.trace import BreakExit, CompilePoint, FrameShape, Trace

if TYPE_CHECKING:
    from jitflow.guards import explain
else:
    explain = LazyModule("jitflow.guards.explain")

_MOST_TRACES = 3
_GUARDED_CALLS = 16
_FIRST_RETRY = 32
_RETRY_FACTOR = 8


class Skip:
    """What is known of a compile point whose traces were empty.

    As long as it is new, a call whose facts differ from those of every trace so far is traced
    again; later only now and then, more and more rarely, for facts cost more to look at than there
    is to win.

    Parameters
    ----------
    site : Site
        The compile point with a state that has a function's own cells.
    stop : int
        Offset of the instruction that broke.
    cells : tuple
        What the site's state has beyond that of the compile point.
    """

    def __init__(self, site: Site, stop: int, cells: tuple[Any, ...]) -> None:
        self.site, self.stop, self.cells = site, stop, cells
        self.traces: list[Trace] = []  # while their facts are looked at: they refer to objects
        self.calls, self.due = 0, _FIRST_RETRY

    @staticmethod
    def make(record: Trace, function: FunctionType) -> Skip | None:
        """For the point of `record`; None where the trace is no empty one, or cannot be skipped."""
        exit, point = record.exit, record.point
        if not isinstance(exit, BreakExit) or not _is_empty(record):
            return None
        point, cells = with_cells(point, function)
        skip = Skip(Site.of(point), exit.frames[-1].shape.offset, cells)
        try:
            skip.site.run_until(skip.stop, frozenset())
        except Unsupported:
            return None
        return skip

    def takes(self, record: Trace) -> bool:
        """Whether `record` has nothing either; it is noted then."""
        if not _is_empty(record):
            return False
        self.traces.append(record)
        return True

    def is_due(self, state: tuple[Any, ...]) -> bool:
        """Whether the point is to be traced again."""
        self.calls += 1
        if self.calls >= self.due:
            self.due *= _RETRY_FACTOR
            return True
        if self.calls > _GUARDED_CALLS or len(self.traces) >= _MOST_TRACES:
            self.traces.clear()
            self.calls = max(self.calls, _GUARDED_CALLS + 1)
            return False
        return all(
            explain.first_failure(t.guards, t.inputs, state) is not None for t in self.traces
        )

    def outcome(self, state: tuple[Any, ...]) -> RunEagerly:
        """Python runs from the point with `state` to behind the instruction that broke."""
        return RunEagerly(self.site.point, (*state, *self.cells), True, self.stop)


def with_cells(
    point: CompilePoint, function: FunctionType
) -> tuple[CompilePoint, tuple[CellType, ...]]:
    """`point` as a place to run from: and what a function's entry needs at the end of its state."""
    names = function.__code__.co_freevars
    if not (point.is_entry and names):
        return point, ()
    (shape,) = point.frames
    inner = FrameShape(shape.code, shape.offset, (*shape.bound, *names), shape.stack)
    site = Site.make((inner,), point.globals)
    return site.point, function.__closure__ or ()


def _is_empty(record: Trace) -> bool:
    """Whether Python would do all that the piece does, in the frame that it breaks in."""
    exit = record.exit
    if not isinstance(exit, BreakExit) or record.graph.nodes or config().trace_everything:
        return False
    frames = [frame.shape.code for frame in exit.frames]
    return frames == [frame.code for frame in record.point.frames]

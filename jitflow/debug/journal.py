"""Keeps what happened: a journal for each compiled function, and counters for the process.

Always on. A journal holds one entry for each distinct thing with a count, so that it stays small
however long a program runs.
"""

from __future__ import annotations

from typing import Any

from jitflow.core import events
from jitflow.core.dataclass import dataclass, field
from jitflow.core.location import Location
from jitflow.core.locks import ForkSafeLock
from jitflow.core.weak import WeakValues

COUNTERS = (
    "frames_seen",
    "frames_compiled",
    "pieces",
    "graph_breaks",
    "recompiles",
    "guard_failures",
    "call_outs",
    "eager_calls",
    "ops_captured",
    "ops_run_native",
    "loops_captured",
    "branches_captured",
    "compile_ms",
)


@dataclass
class BreakEntry:
    """One place where pieces end, and how many traces met it."""

    code: str
    detail: str
    location: Location
    stack: tuple[Location, ...]
    count: int = 0


@dataclass
class Journal:
    """What happened to one compiled function; `loops` are those that Python iterates, and why."""

    function: str
    pieces: list[events.PieceCompiled] = field(default_factory=list)
    breaks: dict[tuple[str, Location], BreakEntry] = field(default_factory=dict)
    loops: dict[Location, str] = field(default_factory=dict)
    recompiles: list[events.Recompiled] = field(default_factory=list)
    eager: dict[tuple[str, str], int] = field(default_factory=dict)
    frames_seen: int = 0

    @property
    def name(self) -> str:
        """The function's qualified name, without the serial number."""
        return self.function.rsplit("#", 1)[0]


_journals: WeakValues[str, Journal] = WeakValues()
"""By their functions, who hold them: what guards and texts show of a program lives no longer."""

_counters: dict[str, float] = dict.fromkeys(COUNTERS, 0)
_lock = ForkSafeLock()


def journal(function: str) -> Journal:
    """The journal of the function with this key; an empty one if nobody holds one."""
    return _journals.get(function) or _journals.add(function, Journal(function))


def forget() -> None:
    """Begin new journals, whoever still holds the old ones."""
    global _journals
    _journals = WeakValues()


def stats() -> dict[str, float]:
    """Counters of the process since its start, as a flat dict; see DESIGN, section 13."""
    return dict(_counters)


def record(event: events.Event) -> None:
    """The listener that keeps everything."""
    with _lock:
        entry = journal(event.function)
        _RECORDERS[type(event)](entry, event)


def _frame_seen(entry: Journal, event: events.FrameSeen) -> None:
    entry.frames_seen += 1
    _counters["frames_seen"] += 1


def _piece(entry: Journal, event: events.PieceCompiled) -> None:
    entry.pieces.append(event)
    _counters["compile_ms"] += event.trace_ms + event.compile_ms
    if event.operators:
        _counters["frames_compiled"] += 1
        _counters["pieces"] += 1
    _counters["call_outs"] += event.call_outs
    _counters["ops_captured"] += event.operators
    _counters["ops_run_native"] += event.native_operators
    branches = event.captured.count("cond")
    _counters["loops_captured"] += len(event.captured) - branches
    _counters["branches_captured"] += branches


def _broke(entry: Journal, event: events.Broke) -> None:
    key = (event.code, event.location)
    if key not in entry.breaks:
        entry.breaks[key] = BreakEntry(event.code, event.detail, event.location, event.stack)
    entry.breaks[key].count += 1
    _counters["graph_breaks"] += 1


def _loop_left(entry: Journal, event: events.LoopLeft) -> None:
    entry.loops.setdefault(event.location, event.detail)


def _recompiled(entry: Journal, event: events.Recompiled) -> None:
    if len(entry.recompiles) < 100:
        entry.recompiles.append(event)
    _counters["recompiles"] += 1
    _counters["guard_failures"] += len(event.reasons)


def _ran_eagerly(entry: Journal, event: events.RanEagerly) -> None:
    key = (event.code, event.detail)
    entry.eager[key] = entry.eager.get(key, 0) + 1
    _counters["eager_calls"] += 1


_RECORDERS: dict[type, Any] = {
    events.FrameSeen: _frame_seen,
    events.PieceCompiled: _piece,
    events.Broke: _broke,
    events.LoopLeft: _loop_left,
    events.Recompiled: _recompiled,
    events.RanEagerly: _ran_eagerly,
}

"""Typed events: how lower stages tell what happened without knowing who listens.

A stage calls `emit`; `debug` registers listeners. An event is one frozen dataclass below. Every
event names its function by a key that is unique in the process: ``module.qualname#serial``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jitflow.core.dataclass import dataclass, field
from jitflow.core.location import Location


@dataclass(frozen=True)
class Event:
    """Base of all events; `function` is the key of the compiled function."""

    function: str


@dataclass(frozen=True)
class FrameSeen(Event):
    """A compile point was traced for the first time or again."""

    point: str


@dataclass(frozen=True)
class PieceCompiled(Event):
    """A piece became a variant; times in milliseconds.

    `texts` has the piece's texts for the report: ``graph``, ``loops``, ``llvm``, ``guards``,
    ``glue``. `exit` is ``return``, ``break`` or ``eager``; `captured` names the loops and branches
    of the trace (``for``, ``while``, ``cond``), before passes made something else of them.
    """

    point: str
    operators: int
    native_operators: int
    call_outs: int
    trace_ms: float
    compile_ms: float
    exit: str
    captured: tuple[str, ...] = ()
    lines: tuple[tuple[str, int], ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Broke(Event):
    """A graph break: code of the table in `core.breaks`, its detail, where, and the callers."""

    code: str
    detail: str
    location: Location
    stack: tuple[Location, ...] = ()


@dataclass(frozen=True)
class LoopLeft(Event):
    """A loop that Python iterates, its body compiled: why it was not captured, and where it is."""

    detail: str
    location: Location


@dataclass(frozen=True)
class Recompiled(Event):
    """A call fitted no variant: the reasons, one for each variant that was tried."""

    point: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class RanEagerly(Event):
    """A call, or the rest of one, ran as ordinary Python; `code` says why."""

    code: str
    detail: str
    location: Location


Listener = Callable[[Event], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Call `listener` with every event from now on."""
    _listeners.append(listener)


def unlisten(listener: Listener) -> None:
    """Stop calling `listener`."""
    _listeners.remove(listener)


def emit(event: Event) -> None:
    """Hand `event` to every listener."""
    for listener in tuple(_listeners):
        listener(event)

"""Whether pieces pay for themselves: an estimate of what eager Python would need for them.

Measured on one core: NumPy needs about half a microsecond for a call on a small array and a tenth
for arithmetic on its scalars; entering a piece between two breaks costs five to ten microseconds.

A piece of a hundred array operations wins more in a few calls than it took to compile. One of a
hundred operations on single numbers may need a hundred thousand calls; where a program has many
of those, or another one for each way that its data take, Python is the faster way (`Spending`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

from jitflow.core import dims
from jitflow.core.config import config
from jitflow.ir.graph import Graph, Node
from jitflow.ops import control
from jitflow.ops.record import Kind

_ENTRY = 6000.0  # nanoseconds to leave Python's loop, enter a piece and come back
_CALL = 700.0  # of a NumPy call on a small array
_SCALAR = 80.0  # of arithmetic on a NumPy or Python number
_ELEMENT = 0.5  # for one element, times the operator's cost
_FREE = frozenset({Kind.CREATION, Kind.SYMBOL})
_VIEWS = frozenset({Kind.VIEW})
_UNKNOWN = 64  # elements that a symbolic extent is taken to stand for

_CALLS = 2000
"""Calls of a piece that are taken to come."""
_IN_VAIN = 0.6
"""Seconds of compiling that those do not win back, before a function gets no more pieces."""
_MANY = 24
"""Pieces of one function from which on all the time that they took to compile counts."""


def pays(graph: Graph) -> bool:
    """Whether running the graph as a piece of its own is worth the way in and out."""
    return eager_seconds(graph) >= _ENTRY * 1e-9


def eager_seconds(graph: Graph) -> float:
    """What eager Python would need for the graph; infinite where there are loops."""
    return _eager_seconds(graph.nodes)


def _eager_seconds(nodes: Iterable[Node]) -> float:
    return sum(map(_eager_nanoseconds, nodes)) * 1e-9


def _eager_nanoseconds(node: Node) -> float:
    record = node.operator
    if node.regions:  # of a branch, the longer arm
        arms = (sum(map(_eager_nanoseconds, region.nodes)) for region in node.regions)
        return max(arms) if record is control.cond else math.inf
    if record.kind is Kind.CALL_OUT:
        return _ENTRY
    if record.kind in _FREE:
        return 0.0
    rank = max((value.type.rank for value in (*node.operands, *node.results)), default=0)
    if rank == 0:
        return _SCALAR
    if record.kind in _VIEWS:
        return _CALL / 4
    size = max((_size(value.type.size) for value in (*node.operands, *node.results)), default=1)
    return _CALL + size * _ELEMENT * record.cost


def _size(size: dims.Dim) -> int:
    if isinstance(size, int):
        return size
    return abs(dims.evaluate(size, dict.fromkeys(dims.symbols_of(size), _UNKNOWN)))


class Spending:
    """Processor time that compiling one function took; at most `most_seconds`.

    Pieces of a device are left out: their kernels are compiled once and kept on the disk, and an
    eager operation costs a launch.
    """

    def __init__(self, most_seconds: float) -> None:
        self._most_seconds = most_seconds
        self._started = self._seconds = self._in_vain = self._tried = self._enough = 0.0

    def begin(self) -> None:
        """A piece is being compiled from now on."""
        self._started = time.thread_time()
        self._tried = self._enough = 0.0

    def note_attempt(self, nodes: list[Node]) -> None:
        """These were traced in vain: so much work is in the code, and comes in later pieces."""
        self._tried = max(self._tried, _eager_seconds(nodes))

    def end(self, graph: Graph | None = None) -> None:
        """It is done, and has this graph; without, it was in vain."""
        seconds = time.thread_time() - self._started
        self._seconds += seconds
        wins = 0.0 if graph is None else eager_seconds(graph)
        self._in_vain += max(0.0, seconds - _CALLS * max(wins, self._tried))

    def is_spent(self, graph: Graph) -> bool:
        """Whether the piece that is being traced, of which that is there, takes too long."""
        seconds = time.thread_time() - self._started
        if self._seconds + seconds > self._most_seconds:
            return True
        if seconds <= self._enough:  # the graph was worth as much the last time
            return False
        self._enough = _IN_VAIN - self._in_vain
        if seconds > self._enough:
            self._enough += _CALLS * max(self._tried, eager_seconds(graph))
        return seconds > self._enough

    def refusal(self, pieces: int) -> str:
        """Why no piece is compiled after that many; '' where one may be."""
        most = config().max_compile_seconds if pieces > _MANY else math.inf
        if self._seconds > min(most, self._most_seconds):
            return f"{pieces} pieces took {self._seconds:.1f} s to compile"
        if self._in_vain > _IN_VAIN:
            return f"{self._in_vain:.1f} s of compiling were in vain"
        return ""

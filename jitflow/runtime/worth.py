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
from typing import ClassVar

from jitflow.core import dims
from jitflow.core.config import config
from jitflow.ir.graph import Graph, Node, Value
from jitflow.ops import control, creation
from jitflow.ops.record import Kind

_ENTRY = 6000.0  # nanoseconds to leave Python's loop, enter a piece and come back
_CALL = 700.0  # of a NumPy call on a small array
_LIBRARY = 4000.0  # of one of `numpy.linalg`, whose Python code is most of it
_SCALAR = 80.0  # of arithmetic on a NumPy or Python number
_ELEMENT = 0.5  # for one element, times the operator's cost
_FREE = frozenset({Kind.CREATION, Kind.SYMBOL})
_VIEWS = frozenset({Kind.VIEW})
_UNKNOWN = 64  # elements that a symbolic extent is taken to stand for

_CALLS = 2000
"""Calls of a piece that are taken to come."""
_IN_VAIN = 0.6
"""Seconds of compiling that those do not win back, before a function gets no more pieces."""
_LEAST_IN_VAIN = 0.06
"""Of those, what each function of many has."""
_SHARE = 0.125
"""Of the process's time, what all functions may take in vain, beyond the first `_IN_VAIN`."""
_MANY = 24
"""Pieces of one function from which on all the time that they took to compile counts."""


def pays(graph: Graph) -> bool:
    """Whether running the graph as a piece of its own is worth the way in and out."""
    return eager_seconds(graph) >= _ENTRY * 1e-9


def eager_seconds(graph: Graph) -> float:
    """What eager Python would need for the graph; infinite where loops have no known end."""
    return _eager_seconds(graph.nodes, math.inf)


def _eager_seconds(nodes: Iterable[Node], unknown: float) -> float:
    """The same of `nodes`; loops without a known end have `unknown` iterations."""
    return sum(_eager_nanoseconds(node, unknown) for node in nodes) * 1e-9


def _eager_nanoseconds(node: Node, unknown: float) -> float:
    record = node.operator
    if node.regions:  # of a branch, the longer arm
        arms = [_eager_seconds(region.nodes, unknown) * 1e9 for region in node.regions]
        if record is control.cond:
            return max(arms)
        return (_SCALAR + sum(arms)) * (_iterations(node) or unknown)
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
    call = _LIBRARY if record.kind is Kind.LIBRARY else _CALL
    return call + size * _ELEMENT * record.cost


def _iterations(node: Node) -> int | None:
    """Of a loop; None where they are known only at run time."""
    if node.operator is not control.for_:
        return None
    bounds = [_number(bound) for bound in node.operands[:3]]
    if None in bounds:
        return None
    return max(1, len(range(*(bound for bound in bounds if bound is not None))))


def _number(value: Value) -> int | None:
    maker = value.producer
    if maker is None or maker.operator is not creation.constant:
        return None
    return int(maker.attributes["value"])


def _size(size: dims.Dim) -> int:
    if isinstance(size, int):
        return size
    return abs(dims.evaluate(size, dict.fromkeys(dims.symbols_of(size), _UNKNOWN)))


class Account:
    """What compiling may take in vain of all functions that one call of the program runs.

    It grows with the time that the call takes. `now` is that of the calls at hand, of all threads.
    """

    now: ClassVar[Account]
    _calls: ClassVar[int] = 0

    def __init__(self) -> None:
        self._began = time.process_time()
        self.drawn = 0.0

    @staticmethod
    def enter() -> None:
        """A call of a compiled function begins, maybe inside of another one."""
        if not Account._calls:
            Account.now = Account()
        Account._calls += 1

    @staticmethod
    def leave() -> None:
        """A call ends."""
        Account._calls -= 1

    @property
    def left(self) -> float:
        """Seconds; below zero where others have taken all."""
        return _IN_VAIN + _SHARE * (time.process_time() - self._began) - self.drawn


Account.now = Account()


class Spending:
    """Processor time that compiling one function took; at most `most_seconds`.

    Pieces of a device are left out: their kernels are compiled once and kept on the disk, and an
    eager operation costs a launch.

    A program may have its work in dozens of small functions, of which none takes long in vain:
    what all took that were compiled within one call is bounded, too (`Account`).
    """

    def __init__(self, most_seconds: float) -> None:
        self._most_seconds = most_seconds
        self._started = self._seconds = self._in_vain = self._enough = 0.0
        self._tried = self._lent = 0.0
        self._whole = math.inf
        self._account, self._drawn = Account.now, 0.0

    def begin(self, whole: float = math.inf) -> None:
        """A piece is being compiled from now on; a call of the function takes Python `whole`."""
        self._whole = whole
        self._started = time.thread_time()
        self._tried = self._enough = 0.0

    def note_attempt(self, nodes: list[Node]) -> None:
        """These were traced in vain: so much work is in the code, and comes in later pieces."""
        self._tried = max(self._tried, _eager_seconds(nodes, _UNKNOWN))

    def end(self, graph: Graph | None = None) -> None:
        """It is done, and has this graph; without, it was in vain.

        What attempts found is lent, once, until a piece wins it.
        """
        seconds = time.thread_time() - self._started
        self._seconds += seconds
        wins = 0.0 if graph is None else _CALLS * eager_seconds(graph)
        balance = self._in_vain + self._lent
        lost = max(0.0, seconds - wins)
        lent = min(lost, self._credit)
        self._lent = max(0.0, self._lent + lent - max(0.0, wins - seconds))
        self._in_vain += lost - lent
        self._draw(self._in_vain + self._lent - balance)

    def is_spent(self, graph: Graph) -> bool:
        """Whether the piece that is being traced, of which that is there, takes too long."""
        seconds = time.thread_time() - self._started
        if self._seconds + seconds > self._most_seconds:
            return True
        if seconds <= self._enough:  # the graph was worth as much the last time
            return False
        self._enough = self._allowed - self._in_vain
        if seconds > self._enough:
            self._enough += max(self._credit, _CALLS * eager_seconds(graph))
        return seconds > self._enough

    def _draw(self, seconds: float) -> None:
        if self._account is not Account.now:
            self._account, self._drawn = Account.now, 0.0
        self._drawn += seconds
        self._account.drawn += seconds

    @property
    def _for_all(self) -> float:
        """Seconds that this function may take of what all have."""
        mine = self._drawn if self._account is Account.now else 0.0
        return Account.now.left + mine

    @property
    def _credit(self) -> float:
        """Seconds of compiling that what attempts found is still worth."""
        if self._for_all < 0:
            return 0.0
        return max(0.0, _CALLS * min(self._tried, self._whole) - self._lent)

    @property
    def _allowed(self) -> float:
        """Seconds in vain, before no more pieces are compiled."""
        return min(_IN_VAIN, max(_LEAST_IN_VAIN, self._for_all))

    def refusal(self, pieces: int) -> str:
        """Why no piece is compiled after that many; '' where one may be."""
        most = config().max_compile_seconds if pieces > _MANY else math.inf
        if self._seconds > min(most, self._most_seconds):
            return f"{pieces} pieces took {self._seconds:.1f} s to compile"
        if self._in_vain > self._allowed:
            return f"{self._in_vain:.1f} s of compiling were in vain"
        return ""

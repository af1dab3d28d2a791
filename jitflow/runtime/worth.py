"""Whether a piece pays for itself: an estimate of what eager Python would need for it.

Measured on one core: NumPy needs about half a microsecond for a call on a small array and a tenth
for arithmetic on its scalars; entering a piece between two breaks costs five to ten microseconds.
"""

from __future__ import annotations

from jitflow.core import dims
from jitflow.ir.graph import Graph, Node
from jitflow.ops.record import Kind

_ENTRY = 6000.0  # nanoseconds to leave Python's loop, enter a piece and come back
_CALL = 700.0  # of a NumPy call on a small array
_SCALAR = 80.0  # of arithmetic on a NumPy or Python number
_ELEMENT = 0.5  # for one element, times the operator's cost
_FREE = frozenset({Kind.CREATION, Kind.SYMBOL})
_VIEWS = frozenset({Kind.VIEW})
_UNKNOWN = 64  # elements that a symbolic extent is taken to stand for


def pays(graph: Graph) -> bool:
    """Whether running the graph as a piece of its own is worth the way in and out."""
    if any(node.regions for node in graph.nodes):
        return True
    return sum(map(_eager_nanoseconds, graph.nodes)) >= _ENTRY


def _eager_nanoseconds(node: Node) -> float:
    record = node.operator
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

"""Values that nobody uses, or not all of, but whose computation can warn: they are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim
from jitflow.core.types import ArrayType
from jitflow.ir.flags import can_warn
from jitflow.ir.graph import Block, Graph, Node, Value
from jitflow.ops.record import Kind, operator
from jitflow.ops.views import shows_all

_SELECTING = frozenset({"slice", "diagonal"})


@dataclass(frozen=True)
class ObserveDead:
    """Add an output that depends on each element of what can warn and is not wholly used.

    Before: ``%a = log %x; return %x``. After: ``%a = log %x; %b = isfinite %a; %c = all %b; return
    %x, %c``. Eager NumPy warns of every value that it computes, so native code must compute it too;
    the outputs that are added have rank 0 and are shown to nobody. Nodes that have no place in the
    user's source warn nobody.
    """

    def run(self, graph: Graph) -> Graph:
        """`graph` with the outputs that it had first, then those added."""
        loud = [node for node in graph.nodes if node.location.line and _is_loud(node)]
        if not loud:
            return graph
        observed = _not_wholly_used(graph, {id(node) for node in loud})
        if not observed:
            return graph
        writer = _Writer(graph)
        seen = tuple(writer.observe(value) for value in observed)
        results = (*graph.body.results, *seen)
        body = Block(graph.body.parameters, [*graph.nodes, *writer.nodes], results)
        return Graph(graph.name, body, graph.symbols, graph.writes)


def _is_loud(node: Node) -> bool:
    """Whether eager NumPy may warn of an element, or raise for it, that nobody uses."""
    return can_warn(node) or node.operator.kind is Kind.GATHER


def _not_wholly_used(graph: Graph, loud: set[int]) -> list[Value]:
    """Results of `loud` nodes of which some element reaches no output, no write and no other."""
    used = {id(value) for value in graph.outputs}
    used.update(id(version) for _, version in graph.writes)
    parts: dict[int, list[Node]] = {}
    found: list[Value] = []
    for node in reversed(graph.nodes):
        is_used = any(id(value) in used for value in node.results) or not node.results
        if not is_used and id(node) in loud and not _covered(node, parts):
            is_used = True
            found.append(node.results[0])
        is_part = is_used or any(id(value) in parts for value in node.results)
        for position, value in enumerate(node.operands):
            if is_used and not _selects(node, position):
                used.add(id(value))
            elif is_part:
                parts.setdefault(id(value), []).append(node)
    found.reverse()
    return found


def _selects(node: Node, position: int) -> bool:
    """Whether only some elements of an operand are used."""
    if position:
        return False
    if node.operator.name == "strided":
        return not shows_all(node.operands[0].type.shape, node.attributes)
    return node.operator.name in _SELECTING or node.operator.kind is Kind.GATHER


def _covered(node: Node, parts: dict[int, list[Node]]) -> bool:
    """Whether slices along one axis take every element together: ``u[1:] - u[:-1]``."""
    value = node.results[0]
    slices = [user.attributes for user in parts.get(id(value), ()) if user.operands[0] is value]
    slices = [found for found in slices if set(found) == {"starts", "steps", "shape"}]
    return any(_covers_along(axis, value.type, slices) for axis in range(value.type.rank) if slices)


def _covers_along(axis: int, type: ArrayType, slices: list[dict[str, Any]]) -> bool:
    whole = [
        found
        for found in slices
        if all(
            found["shape"][other] == type.shape[other]
            for other in range(type.rank)
            if other != axis
        )
        and found["steps"][axis] == 1
    ]
    first: list[Dim] = [f["shape"][axis] for f in whole if f["starts"][axis] == 0]
    last: list[Dim] = [
        f["starts"][axis] for f in whole if f["starts"][axis] + f["shape"][axis] == type.shape[axis]
    ]
    return any(_at_most(start, end) for end in first for start in last)


def _at_most(start: Dim, end: Dim) -> bool:
    """Whether ``start <= end`` for every size but the least."""
    gap = end - start
    if isinstance(gap, int):
        return gap >= 0
    return all(factor > 0 for symbols, factor in gap.terms if symbols)


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self.names = {value.name for value in _values(graph)}
        self.nodes: list[Node] = []

    def observe(self, value: Value) -> Value:
        """A bool that depends on every element of `value`."""
        if value.type.dtype.is_float or value.type.dtype.is_complex:
            answer = self.emit(value, "isfinite", value)
        else:
            zero = np.zeros((), value.type.dtype.numpy)
            zero.flags.writeable = False
            answer = self.emit(value, "equal", value, self.emit(value, "constant", value=zero))
        if not value.type.rank:
            return answer
        axes = tuple(range(value.type.rank))
        return self.emit(value, "all", answer, axes=axes, keepdims=False)

    def emit(self, subject: Value, name: str, *operands: Value, **attributes: Any) -> Value:
        record = operator(name)
        (type,) = record.infer(tuple(item.type for item in operands), attributes)
        result = Value(self._name(subject.name), type)
        assert subject.producer is not None
        location = replace(subject.producer.location, quiet=True)
        result.producer = Node(record, operands, attributes, (result,), location=location)
        self.nodes.append(result.producer)
        return result

    def _name(self, base: str) -> str:
        count = 1
        while (name := f"{base}.seen{count}") in self.names:
            count += 1
        self.names.add(name)
        return name


def _values(graph: Graph) -> Iterable[Value]:
    yield from graph.inputs
    for node in graph.walk():
        yield from node.results

"""How far apart the elements of values lie in memory, before places are assigned."""

from __future__ import annotations

from collections.abc import Callable

from jitflow.codegen import access
from jitflow.codegen.access import Index
from jitflow.codegen.places import ESTIMATED_EXTENT
from jitflow.core.dims import SymbolicDim
from jitflow.ir.graph import Graph, Value
from jitflow.ir.regions import BOUNDS, carried
from jitflow.ops.record import Kind


class Layouts:
    """Byte strides of the values of a graph; what is computed is taken to lie in C order.

    Parameters
    ----------
    graph : Graph
    order_of : callable
        The axes of an input or constant from the largest stride to the smallest; None for others.
    """

    def __init__(
        self,
        graph: Graph,
        order_of: Callable[[Value], tuple[int, ...] | None],
    ) -> None:
        self.order_of = order_of
        self.starts = _starts(graph)

    def stride(self, value: Value, axis: int) -> int:
        """Bytes between neighbours along an axis; a guess where it is not known."""
        index: Index = tuple(access.variable(f"i{k}") for k in range(value.type.rank))
        base, index = self._base(value, index)
        layout = access.contiguous(base.type.shape, base.type.dtype.itemsize, self.order_of(base))
        step = layout.address(index).coefficient(f"i{axis}")
        if isinstance(step, SymbolicDim):
            step = step.evaluate(dict.fromkeys(step.symbols(), ESTIMATED_EXTENT))
        return abs(step)

    def _base(self, value: Value, index: Index) -> tuple[Value, Index]:
        """The array in whose memory a value probably is, and the index there."""
        while True:
            node = value.producer
            if node is None:
                if value not in self.starts:
                    return value, index
                value = self.starts[value]
            elif node.operator.kind in (Kind.UPDATE, Kind.SCATTER):
                value = node.operands[0]
            elif node.operator.name in BOUNDS:
                value = node.operands[BOUNDS[node.operator.name] + value.index]
            elif node.operator.kind is Kind.VIEW:
                source = node.operands[0]
                name, shape = node.operator.name, source.type.shape
                found = access.view_index(name, node.attributes, shape, value.type.shape, index)
                if found is None:
                    return value, index
                value, index = source, found
            else:
                return value, index


def _starts(graph: Graph) -> dict[Value, Value]:
    """For each value that a loop carries the initial one."""
    found: dict[Value, Value] = {}
    for node in graph.walk():
        if node.operator.name in BOUNDS:
            initial = node.operands[BOUNDS[node.operator.name] :]
            for region in node.regions:
                found.update(zip(carried(node, region), initial, strict=True))
    return found

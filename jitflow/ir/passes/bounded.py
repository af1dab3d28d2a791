"""What integer intervals make superfluous: checks of indices and overflow, and sign rules.

Before: ``a[j]`` in ``while j >= 0`` wraps a negative `j` and checks it against both ends of its
axis, and ``j - 1`` checks for overflow. After: one load, and a plain subtraction.

It comes last: a load without a check must stay where a branch or a check before it protects it.
"""

from __future__ import annotations

from jitflow.core.dtypes import U64
from jitflow.ir.graph import Graph, Node
from jitflow.ir.intervals import CHECKED, Intervals
from jitflow.ir.passes.dce import RemoveDead
from jitflow.ir.passes.simplify import Simplify
from jitflow.ir.rewriter import Rewriter


def without_checks(graph: Graph) -> Graph:
    """`graph` with less to check; itself where intervals decide nothing."""
    if not any(node.operator.checks for node in graph.walk()):
        return graph
    found = Intervals(graph)
    if not (found.numbers or found.exact or found.natural):
        return graph
    return RemoveDead().run(Simplify().run(_Bounded(graph, found).run()))


class _Bounded(Rewriter):
    def __init__(self, graph: Graph, found: Intervals) -> None:
        super().__init__(graph, {})
        self.found = found

    def _visit(self, node: Node) -> None:
        found = self.found
        self.current = node
        if len(node.results) == 1 and node.result in found.numbers:
            self._replace(node, (self.constant(found.numbers[node.result], node.result.type),))
        elif node in found.exact:
            operands = [self.new(value) for value in node.operands]
            self._replace(node, (self.emit(CHECKED[node.operator.name], *operands),))
        elif node in found.natural and node.result.type.dtype.kind == "i":
            operands = [self.emit("cast", self.new(value), dtype=U64) for value in node.operands]
            result = self.emit(node.operator.name, *operands)
            self._replace(node, (self.emit("cast", result, dtype=node.result.type.dtype),))
        else:
            super()._visit(node)

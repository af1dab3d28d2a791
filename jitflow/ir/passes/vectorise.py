"""Loops whose iterations are independent become operations on whole arrays.

Before: ``for i in 0..n: %a = %x[i]; %b = exp %a; %c[i] = %b``. After: ``%b = exp %x[0:n]; %c[0:n] =
%b``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.core.dataclass import dataclass
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Graph

if TYPE_CHECKING:
    from jitflow.ir.passes import independent
else:
    independent = LazyModule("jitflow.ir.passes.independent")


@dataclass(frozen=True)
class VectoriseLoops:
    """Batch the loops over ranges whose iterations each write places of their own."""

    def run(self, graph: Graph) -> Graph:
        """`graph` without the loops that need not be ones; itself where there is none."""
        if not any(node.operator.name == "for" for node in graph.walk()):
            return graph
        vectoriser = independent.LoopVectoriser(graph)
        new = vectoriser.run()
        return new if vectoriser.gone else graph

"""The passes that every graph goes through before code generation, in order."""

from __future__ import annotations

from jitflow.ir.graph import Graph


def run(graph: Graph) -> Graph:
    """`graph` after all passes."""
    return graph

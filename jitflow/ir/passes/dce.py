"""Dead code: nodes whose results nobody uses."""

from __future__ import annotations

from collections.abc import Set

from jitflow.core.dataclass import dataclass
from jitflow.ir.flags import is_loud
from jitflow.ir.graph import Block, DimensionOf, Graph, Node
from jitflow.ir.regions import captured, walk_nodes
from jitflow.ops.record import Kind

_RAISING_KINDS = frozenset({Kind.GATHER, Kind.SCATTER})
_CALLED = frozenset({Kind.CALL_OUT, Kind.LIBRARY})


@dataclass(frozen=True)
class RemoveDead:
    """Drop nodes without effect whose results are not used.

    Before: ``%a = exp %x; return %x``. After: ``return %x``. Stay: checks, call-outs (what they
    call may raise or warn; quiet ones were undone), nodes that raise in eager NumPy (an index out
    of bounds, an integer to a negative power), and the values of symbols.

    Attributes
    ----------
    keeps_loud : bool
        Whether what can warn stays too, for `ObserveDead` to see.
    """

    keeps_loud: bool = False

    def run(self, graph: Graph) -> Graph:
        """`graph` without dead nodes."""
        live = _given(graph)
        live.update(
            id(definition.value)
            for definition in graph.symbols.values()
            if not isinstance(definition, DimensionOf)
        )
        nodes = _sweep(graph, live, self.keeps_loud)
        if len(nodes) == len(graph.nodes):
            return graph
        body = Block(graph.body.parameters, nodes, graph.body.results)
        return Graph(graph.name, body, graph.symbols, graph.writes)


def _sweep(graph: Graph, live: set[int], keeps_loud: bool) -> list[Node]:
    """The nodes that stay, in order; what they use is added to `live`."""
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        for value in node.results:
            if id(value) in live:
                break
        else:
            if not must_stay(node) and not (keeps_loud and is_loud(node)):
                continue
        kept.append(node)
        for value in node.operands:
            live.add(id(value))
        if node.regions:  # `TidyRegions` drops what is dead in them
            live.update(map(id, captured(node)))
    kept.reverse()
    return kept


def _given(graph: Graph) -> set[int]:
    """Identities of the values that the graph gives."""
    return {id(value) for value in (*graph.outputs, *(version for _, version in graph.writes))}


def without_dead_loops(graph: Graph, watched: Set[int], used: Set[int]) -> Graph:
    """`graph` without loops and branches that no result comes from, with their checks.

    Python's integers do not overflow. What has one of the nodes `watched` stays, and what gives one
    of the values `used` (identities).
    """
    live = _given(graph) | used | {id(item.value) for item in graph.symbols.values()}
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        stays = (id(i) in watched or i.operator.kind in _CALLED for i in walk_nodes([node]))
        if node.regions and live.isdisjoint(map(id, node.results)) and not any(stays):
            continue
        kept.append(node)
        live.update(map(id, (*node.operands, *captured(node))))
    if len(kept) == len(graph.nodes):
        return graph
    body = Block(graph.body.parameters, kept[::-1], graph.body.results)
    return Graph(graph.name, body, graph.symbols, graph.writes)


def must_stay(node: Node) -> bool:
    """Whether a node stays though nobody uses its results."""
    record = node.operator
    if node.attributes.get("effect"):
        return True
    if record.kind in _CALLED:
        return not node.location.quiet
    if record.kind is Kind.CONTROL or record.kind in _RAISING_KINDS or not node.results:
        return True
    return record.name == "power" and node.result.type.dtype.is_integer

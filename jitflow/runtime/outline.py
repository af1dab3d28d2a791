"""Loops and branches that code generation declines: each becomes a call-out that runs it.

A call-out takes what the node and its regions use, and runs the node by the interpreter: slow, and
right by definition. Where a check in it fails, the result is of no expected type, and the piece is
left to Python, as with any call-out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jitflow.core.dataclass import dataclass, replace
from jitflow.core.errors import CheckFailed
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Block, Graph, Node, Value
from jitflow.ir.regions import captured, copy_node, has_effect, symbols_in, symbols_of_node
from jitflow.ops.record import Kind, operator

if TYPE_CHECKING:
    from jitflow.ir import interpreter
else:
    interpreter = LazyModule("jitflow.ir.interpreter")


def outline(graph: Graph, is_native: Callable[[Node], bool]) -> Graph:
    """`graph` with a call-out in the place of each control node that is not native."""
    declined = [n for n in graph.nodes if n.operator.kind is Kind.CONTROL and not is_native(n)]
    if not declined:
        return graph
    nodes = [_as_call_out(node, graph) if node in declined else node for node in graph.nodes]
    body = Block(graph.body.parameters, nodes, graph.body.results)
    return Graph(graph.name, body, graph.symbols, graph.writes)


@dataclass(frozen=True, eq=False)
class RunNode:
    """Runs the graph that consists of one control node."""

    graph: Graph

    def __call__(self, *operands: Any) -> Any:
        """The node's results; None where a check fails."""
        try:
            results = tuple(interpreter.run(self.graph, operands))
        except CheckFailed:
            return None
        return results[0] if len(results) == 1 else results


def _as_call_out(node: Node, graph: Graph) -> Node:
    """A call-out with the results of `node`, which become its own."""
    inside = Graph(node.operator.name)
    mapping: dict[Value, Value] = {}
    taken: list[Value] = []

    def new(value: Value) -> Value:
        if value not in mapping:
            mapping[value] = Value(value.name, value.type)
            inside.inputs.append(mapping[value])
            taken.append(value)
        return mapping[value]

    for value in (*node.operands, *captured(node)):
        new(value)
    inside.nodes.append(copy_node(node, new, mapping))
    used = {*symbols_of_node(node), *symbols_in([value.type for value in taken])}
    for name, definition in graph.symbols.items():
        if name in used:
            inside.symbols[name] = replace(definition, value=new(definition.value))
    inside.body.results = inside.nodes[0].results
    effect = has_effect(node)
    types = tuple(value.type for value in node.results)
    attributes = {"function": RunNode(inside), "types": types, "effect": effect}
    call = Node(operator("call_out"), tuple(taken), attributes, node.results, (), node.location)
    for value in node.results:
        value.producer = call
    return call

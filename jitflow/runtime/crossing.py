"""Memory with room for many rows that one segment of a piece hands to another: only rows go over.

Where everything that comes later reads the same first rows of an array, what is behind them is not
copied: it is room that nobody has filled.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from jitflow.core.types import ArrayType
from jitflow.ir.graph import Graph, Node, ScalarValue, Value
from jitflow.ir.regions import captured, symbols_of_node
from jitflow.ops.record import operator

_SMALL = 1 << 13
"""Elements that are copied as they are."""


def reader_of(graph: Graph, value: Value, here: Collection[int]) -> Node | None:
    """The slice through which nodes other than those `here` (by identity) read `value`.

    None where they read it otherwise, or where its bounds are not known here.
    """
    size = value.type.size
    if not isinstance(size, int) or size <= _SMALL:
        return None
    later = [
        node
        for node in graph.nodes
        if id(node) not in here and any(used is value for used in (*node.operands, *captured(node)))
    ]
    is_alike = later and all(
        node.operator.name == "slice" and node.attributes == later[0].attributes for node in later
    )
    stored = [version for _, version in graph.writes]
    if not is_alike or any(value is other for other in (*graph.outputs, *stored)):
        return None
    return later[0] if _is_known(graph, later[0], here) and _is_first(later[0]) else None


def _is_first(node: Node) -> bool:
    """Whether a slice has the first rows (or columns, ...) of an array."""
    attributes = node.attributes
    return all(start == 0 for start in attributes["starts"]) and all(
        step == 1 for step in attributes["steps"]
    )


def _is_known(graph: Graph, node: Node, here: Collection[int]) -> bool:
    definitions = [graph.symbols.get(name) for name in symbols_of_node(node)]
    return all(
        isinstance(found, ScalarValue) and id(found.value.producer) in here for found in definitions
    )


def rows_of(reader: Node, value: Value) -> tuple[list[Node], Value]:
    """Nodes that copy what `reader` reads of `value` to memory of its type, and that memory."""
    whole, views = value.type, (("slice", reader.attributes),)
    parts: list[Node] = []

    def add(name: str, operands: tuple[Value, ...], type: ArrayType, **attributes: Any) -> Value:
        result = Value(f"{value.name}_{len(parts)}", type)
        parts.append(Node(operator(name), operands, attributes, (result,), (), reader.location))
        result.producer = parts[-1]
        return result

    room = add("uninitialised", (), whole, shape=whole.shape, dtype=whole.dtype)
    rows = add("slice", (value,), reader.results[0].type, **reader.attributes)
    return parts, add("update", (room, rows), whole, views=views)

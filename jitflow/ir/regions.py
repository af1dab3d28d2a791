"""What passes and partition ask about regions: captured values, symbols, copies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jitflow.core.dims import SymbolicDim
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Block, Node, Value
from jitflow.ops.control import RegionTypes

BOUNDS = {"for": 3, "while": 0}
"""Operands of a loop before the initial values."""


def region_types(block: Block) -> RegionTypes:
    """Types of a block's parameters and results."""
    return RegionTypes(
        tuple(value.type for value in block.parameters),
        tuple(value.type for value in block.results),
    )


def carried(node: Node, region: Block) -> list[Value]:
    """A loop region's parameters for the carried values."""
    return region.parameters[len(region.parameters) - len(node.results) :]


def known_range(node: Node) -> range | None:
    """The indices of a `for` loop with constant bounds; None for others, and for step 0."""
    if node.operator.name != "for":
        return None
    bounds = []
    for value in node.operands[: BOUNDS["for"]]:
        maker = value.producer
        if maker is None or maker.operator.name != "constant":
            return None
        bounds.append(int(maker.attributes["value"]))
    return range(*bounds) if bounds[2] else None


def walk_nodes(nodes: Iterable[Node]) -> Iterator[Node]:
    """Every node, those in regions included, outer before inner."""
    for node in nodes:
        yield node
        for region in node.regions:
            yield from walk_nodes(region.nodes)


def walk_block(block: Block) -> Iterator[Node]:
    """Every node of a block, regions included."""
    return walk_nodes(block.nodes)


def has_effect(node: Node) -> bool:
    """Whether a node, or one in its regions, has an effect: a draw of random numbers."""
    return any(inner.attributes.get("effect") for inner in walk_nodes([node]))


def defined_in(block: Block) -> Iterator[Value]:
    """Every value that a block defines, in regions too."""
    yield from block.parameters
    for node in block.nodes:
        yield from node.results
        for region in node.regions:
            yield from defined_in(region)


def captured(node: Node) -> list[Value]:
    """Values from outside that the regions of a node use, in order of first use."""
    found: dict[Value, None] = {}
    for region in node.regions:
        _capture(region, set(), found)
    return list(found)


def _capture(block: Block, inside: set[Value], found: dict[Value, None]) -> None:
    inside = {*inside, *block.parameters}
    for node in block.nodes:
        for value in node.operands:
            if value not in inside:
                found[value] = None
        for region in node.regions:
            _capture(region, inside, found)
        inside.update(node.results)
    for value in block.results:
        if value not in inside:
            found[value] = None


_WITHOUT_SYMBOLS = frozenset({int, bool, float, str, type(None)})


def symbols_in(item: Any) -> Iterator[str]:
    """Symbols of a dimension, type, attribute value, or tuple or dict of these."""
    if isinstance(item, SymbolicDim):
        yield from item.symbols()
    elif isinstance(item, ArrayType):
        if not item.is_static:
            yield from symbols_in(item.shape)
    elif isinstance(item, tuple | list | dict):
        for part in item.values() if isinstance(item, dict) else item:
            if type(part) not in _WITHOUT_SYMBOLS:
                yield from symbols_in(part)


def symbols_of_node(node: Node) -> Iterator[str]:
    """Symbols that a node uses: in types, attributes and regions."""
    yield from symbols_in(node.attributes)
    for value in (*node.operands, *node.results):
        yield from symbols_in(value.type)
    for region in node.regions:
        for value in region.parameters:
            yield from symbols_in(value.type)
        for inner in region.nodes:
            yield from symbols_of_node(inner)


def copy_node(node: Node, new: Callable[[Value], Value], mapping: dict[Value, Value]) -> Node:
    """A copy of `node` and its regions over the values that `new` gives; fills `mapping`."""
    operands = tuple(new(value) for value in node.operands)
    regions = tuple(copy_block(region, new, mapping) for region in node.regions)
    results = tuple(Value(v.name, v.type, index=v.index) for v in node.results)
    copy = Node(node.operator, operands, node.attributes, results, regions, node.location)
    for old, value in zip(node.results, results, strict=True):
        value.producer = copy
        mapping[old] = value
    return copy


def copy_block(block: Block, new: Callable[[Value], Value], mapping: dict[Value, Value]) -> Block:
    """A copy of a block; values from outside are those that `new` gives."""
    copy = Block([Value(value.name, value.type) for value in block.parameters])
    mapping.update(zip(block.parameters, copy.parameters, strict=True))
    for node in block.nodes:
        copy.nodes.append(copy_node(node, new, mapping))
    copy.results = tuple(new(value) for value in block.results)
    return copy


def pass_branch(node: Node, roots: dict[int, int]) -> bool:
    """Note which array each result of a branch is a version of, by the identities of values.

    False where a result is one of several arrays, as data decide.
    """
    for place, value in enumerate(node.results):
        found = {roots.get(id(region.results[place])) for region in node.regions}
        if len(found) > 1:
            return False
        (root,) = found
        if root is not None:
            roots[id(value)] = root
    return True

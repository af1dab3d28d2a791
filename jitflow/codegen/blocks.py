"""Regions as graphs of their own: what a block captures becomes inputs, views move into it.

A captured view of more than one element, a number known now, or a dimension is made again inside of
the block; every other captured value must lie in memory when the block runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from jitflow.core.dataclass import dataclass, field
from jitflow.ir.graph import Block, Graph, Node, ScalarValue, SymbolDefinition, Value
from jitflow.ir.regions import captured, copy_node, defined_in
from jitflow.ops.record import Kind


@dataclass(eq=False, repr=False)
class BlockGraph:
    """A block as a graph.

    Attributes
    ----------
    graph : Graph
        Its inputs are the block's parameters, then what it captures.
    parameters, results : list of Value
        Those of the block, in the graph.
    roots : list of Value
        The outer values behind the inputs after the parameters.
    """

    graph: Graph
    parameters: list[Value] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)
    roots: list[Value] = field(default_factory=list)

    def input_of(self, root: Value) -> Value | None:
        """The graph input behind which `root` is."""
        inputs = self.graph.inputs[len(self.parameters) :]
        return next((i for i, r in zip(inputs, self.roots, strict=False) if r is root), None)


def is_sunk(value: Value) -> bool:
    """Whether a captured value is made again inside."""
    node = value.producer
    if node is None:
        return False
    if node.operator.kind is Kind.VIEW:
        return not (_is_gap(node) or _is_element(node))
    return node.operator.name == "dimension" or (
        node.operator.name == "constant" and not value.type.rank
    )


def _is_gap(node: Node) -> bool:
    """A reshape that may need another shape of its operand in memory is made outside."""
    return node.operator.name == "reshape"


def _is_element(node: Node) -> bool:
    """A single element is read outside: behind an update it would be read from a copy of it all."""
    (value,) = node.results
    return value.type.size == 1 and node.operands[0].type.size != 1


def roots_of(node: Node) -> list[Value]:
    """What must lie in memory when a control node runs: what its regions capture, views followed.

    Its operands are not included.
    """
    found: dict[Value, None] = {}
    for value in captured(node):
        while is_sunk(value):
            assert value.producer is not None
            if not value.producer.operands:
                break
            value = value.producer.operands[0]
        else:
            found[value] = None
    return list(found)


def block_graph(block: Block, symbols: dict[str, SymbolDefinition], name: str) -> BlockGraph:
    """Copy `block` into a graph; `symbols` are those of the graph around it."""
    return _Copier(block, symbols, name).run()


class _Copier:
    def __init__(self, block: Block, symbols: dict[str, SymbolDefinition], name: str) -> None:
        self.block = block
        self.symbols = symbols
        self.result = BlockGraph(Graph(name))
        self.mapping: dict[Value, Value] = {}
        self.nodes: list[Node] = []

    def run(self) -> BlockGraph:
        result, graph = self.result, self.result.graph
        for value in self.block.parameters:
            self.mapping[value] = Value(value.name, value.type)
        result.parameters = [self.mapping[value] for value in self.block.parameters]
        graph.inputs.extend(result.parameters)
        for node in self.block.nodes:
            copy = copy_node(node, self.new, self.mapping)
            self.nodes.append(copy)
        result.results = [self.new(value) for value in self.block.results]
        graph.body.nodes = self.nodes
        own = set(defined_in(self.block))
        for name, definition in self.symbols.items():
            if isinstance(definition, ScalarValue) and definition.value in own:
                graph.symbols[name] = ScalarValue(self.mapping[definition.value])
        return result

    def new(self, value: Value) -> Value:
        """What stands for a value inside: itself copied, made again, or an input."""
        found = self.mapping.get(value)
        if found is not None:
            return found
        if is_sunk(value):
            assert value.producer is not None
            self.nodes.append(copy_node(value.producer, self.new, self.mapping))
        else:
            self.mapping[value] = Value(value.name, value.type)
            self.result.graph.inputs.append(self.mapping[value])
            self.result.roots.append(value)
        return self.mapping[value]


def replace_inputs(graph: Graph, changes: Sequence[tuple[Value, Value]]) -> None:
    """Let uses of some inputs be uses of others; `graph` is one that nobody else has."""
    mapping = dict(changes)
    if mapping:
        _replace(graph.body, mapping)


def _replace(block: Block, mapping: dict[Value, Value]) -> None:
    for node in block.nodes:
        node.operands = tuple(mapping.get(value, value) for value in node.operands)
        for region in node.regions:
            _replace(region, mapping)
    block.results = tuple(mapping.get(value, value) for value in block.results)

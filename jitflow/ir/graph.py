"""The graph: typed SSA over arrays, with regions for loops and branches.

A value has one type, a name that comes from the user's variable, and one producer. A node applies
an operator record. Passes build new graphs (`ir.builder`); nothing edits a graph in place after
the verifier has seen it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jitflow.core.dataclass import dataclass, field
from jitflow.core.location import UNKNOWN, Location
from jitflow.core.types import ArrayType
from jitflow.ops.record import Operator


@dataclass(eq=False)
class Value:
    """An SSA value; `producer` is None for a parameter of a block."""

    name: str
    type: ArrayType
    producer: Node | None = None
    index: int = 0

    def __repr__(self) -> str:
        return f"%{self.name}: {self.type}"


@dataclass(eq=False)
class Node:
    """An operator applied to operands; `regions` are the blocks of a control operator."""

    operator: Operator
    operands: tuple[Value, ...]
    attributes: dict[str, Any]
    results: tuple[Value, ...]
    regions: tuple[Block, ...] = ()
    location: Location = UNKNOWN

    @property
    def result(self) -> Value:
        """The only result."""
        (value,) = self.results
        return value

    def __repr__(self) -> str:
        return f"<node {self.operator.name} {', '.join('%' + v.name for v in self.results)}>"


@dataclass(eq=False)
class Block:
    """A sequence of nodes with parameters and results; sees the values of enclosing blocks."""

    parameters: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    results: tuple[Value, ...] = ()


@dataclass(frozen=True)
class DimensionOf:
    """A symbol that is the extent of axis `axis` of the graph input `value`."""

    value: Value
    axis: int


@dataclass(frozen=True)
class ScalarValue:
    """A symbol that is the value of the rank-0 i64 `value` (an input, or a node's result)."""

    value: Value


SymbolDefinition = DimensionOf | ScalarValue


@dataclass(eq=False)
class Graph:
    """What a trace gives: inputs, nodes, outputs, and the inputs that are written.

    Attributes
    ----------
    name : str
        Qualified name of the traced function.
    body : Block
        Its parameters are the graph's inputs, its results the graph's outputs.
    symbols : dict
        Name of each symbolic dimension to how its value is found, in order of definition.
    writes : list of (Value, Value)
        ``(input, version)``: when the piece ends, the memory of `input` holds `version`.
    """

    name: str
    body: Block = field(default_factory=Block)
    symbols: dict[str, SymbolDefinition] = field(default_factory=dict)
    writes: list[tuple[Value, Value]] = field(default_factory=list)

    @property
    def inputs(self) -> list[Value]:
        """Parameters of the body."""
        return self.body.parameters

    @property
    def outputs(self) -> tuple[Value, ...]:
        """Results of the body."""
        return self.body.results

    @property
    def nodes(self) -> list[Node]:
        """Nodes of the body, regions not included."""
        return self.body.nodes

    def walk(self) -> Iterator[Node]:
        """Every node, regions included, outer before inner."""
        yield from _walk(self.body)


def _walk(block: Block) -> Iterator[Node]:
    for node in block.nodes:
        yield node
        for region in node.regions:
            yield from _walk(region)

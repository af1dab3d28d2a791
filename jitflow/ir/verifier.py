"""Checks that a graph is well formed. Every invariant that passes and code generation rely on:

1.  Names: values have names of letters, digits, underscores and points, unique in the graph.
2.  Dominance: an operand is a parameter or a result that comes before, in the same block or in one
    around it.
3.  Producers: a result points to its node and its position; a parameter has no producer.
4.  Operands: as many as the record's parameters say.
5.  Attributes: exactly those that the record lists, of the kinds that the text can show.
6.  Types: the results are what the record infers from operands and attributes.
7.  Regions: only control operators have them; parameters, results and the node's results have the
    types that its record says (`ops.control`).
8.  Symbols: each symbol of a type or attribute is defined, by an axis of an input or by a rank-0
    i64 value, and that value comes before the first node whose types or attributes use the symbol.
    A symbol that a value inside a region defines is known in that region alone.
9.  Writes: each goes to an input, at most one to each, and the version has the input's type.
10. Outputs and versions are parameters or results of the body.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from jitflow.core.dims import SymbolicDim
from jitflow.core.dtypes import I64, DType
from jitflow.core.errors import InvalidGraph
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Block, DimensionOf, Graph, Node, Value
from jitflow.ir.regions import region_types, symbols_in
from jitflow.ops.control import infer_regions
from jitflow.ops.record import Kind

_NAME = re.compile(r"[\w.]+")
_OPAQUE = frozenset({"function", "value"})


def verify(graph: Graph) -> None:
    """Raise `InvalidGraph`, with the node at fault, unless `graph` is well formed."""
    _Verifier(graph).run()


class _Verifier:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names: set[str] = set()
        self.visible: set[int] = set()
        self.symbols: set[str] = set()
        self.waiting: dict[int, list[str]] = {}

    def run(self) -> None:
        self.declare_symbols()
        for value in self.graph.inputs:
            self.parameter(value)
        for value in self.graph.inputs:
            self.check_symbols(value.type.shape, f"input %{value.name}", None)
        self.block(self.graph.body)
        self.writes()
        self.see_all(self.graph.outputs, "output")

    # Symbols

    def declare_symbols(self) -> None:
        for name, definition in self.graph.symbols.items():
            value = definition.value
            if isinstance(definition, DimensionOf):
                if not any(value is known for known in self.graph.inputs):
                    raise InvalidGraph(f"symbol {name} is an axis of %{value.name}, not an input")
                if not 0 <= definition.axis < value.type.rank:
                    raise InvalidGraph(f"symbol {name}: {value!r} has no axis {definition.axis}")
            elif value.type != ArrayType(I64):
                raise InvalidGraph(f"symbol {name} is {value!r}, not i64[]")
            self.waiting.setdefault(id(value), []).append(name)

    def check_symbols(self, attribute: Any, what: str, node: Node | None) -> None:
        for name in symbols_in(attribute):
            if name not in self.graph.symbols:
                raise InvalidGraph(f"{what} uses {name}, which is not defined", node=node)
            if name not in self.symbols:
                raise InvalidGraph(f"{what} uses {name} before its value is known", node=node)

    # Values

    def parameter(self, value: Value) -> None:
        if value.producer is not None:
            raise InvalidGraph(f"parameter %{value.name} has a producer")
        self.define(value, None)

    def define(self, value: Value, node: Node | None) -> None:
        if not _NAME.fullmatch(value.name):
            raise InvalidGraph(f"{value.name!r} is not a name", node=node)
        if value.name in self.names:
            raise InvalidGraph(f"%{value.name} is defined twice", node=node)
        self.names.add(value.name)
        self.visible.add(id(value))
        self.symbols.update(self.waiting.get(id(value), ()))

    def see(self, value: Value, what: str, node: Node | None = None) -> None:
        if id(value) not in self.visible:
            raise InvalidGraph(f"{what} %{value.name} is not defined before its use", node=node)

    def see_all(self, values: tuple[Value, ...], what: str) -> None:
        for value in values:
            self.see(value, what)

    # Nodes

    def block(self, block: Block) -> None:
        for node in block.nodes:
            self.node(node)

    def node(self, node: Node) -> None:
        for operand in node.operands:
            self.see(operand, "operand", node)
        self.count_operands(node)
        self.attributes(node)
        for region in node.regions:
            self.region(node, region)
        self.types(node)
        for index, result in enumerate(node.results):
            if result.producer is not node or result.index != index:
                raise InvalidGraph(f"%{result.name} has another producer", node=node)
            self.define(result, node)

    def count_operands(self, node: Node) -> None:
        parameters = node.operator.parameters
        variadic = bool(parameters) and parameters[-1].startswith("*")
        least = len(parameters) - variadic
        found = len(node.operands)
        if found < least or (found > least and not variadic):
            message = f"{node.operator.name} takes {least} operands, not {found}"
            raise InvalidGraph(message, node=node)

    def attributes(self, node: Node) -> None:
        wanted, found = node.operator.attributes, node.attributes
        if len(wanted) != len(found) or any(name not in found for name in wanted):
            listed = ", ".join(wanted) or "no attributes"
            raise InvalidGraph(
                f"{node.operator.name} has {', '.join(found) or 'none'}, not {listed}", node=node
            )
        for name, value in found.items():
            if name not in _OPAQUE:
                _check_kind(name, value, node)
                self.check_symbols(value, f"attribute {name}", node)

    def types(self, node: Node) -> None:
        record = node.operator
        given = tuple(value.type for value in node.operands)
        try:
            if record.kind is Kind.CONTROL:
                types = infer_regions(record, given, tuple(map(region_types, node.regions)))
            else:
                types = record.infer(given, node.attributes)
        except TypeError as error:
            raise InvalidGraph(str(error), node=node) from error
        found = tuple(value.type for value in node.results)
        if types != found:
            raise InvalidGraph(f"{record.name} gives {_join(types)}, not {_join(found)}", node=node)
        for value in node.results:
            self.check_symbols(value.type.shape, f"%{value.name}", node)

    def region(self, node: Node, region: Block) -> None:
        if node.operator.kind is not Kind.CONTROL:
            raise InvalidGraph(f"{node.operator.name} has a region", node=node)
        outside = set(self.visible), set(self.symbols)
        for value in region.parameters:
            self.check_symbols(value.type.shape, f"parameter %{value.name}", node)
            self.parameter(value)
        self.block(region)
        for value in region.results:
            self.see(value, "result", node)
        self.visible, self.symbols = outside

    def writes(self) -> None:
        seen: set[int] = set()
        for target, version in self.graph.writes:
            if not any(target is value for value in self.graph.inputs):
                raise InvalidGraph(f"write to %{target.name}, which is not an input")
            if id(target) in seen:
                raise InvalidGraph(f"%{target.name} is written twice")
            seen.add(id(target))
            self.see(version, "written value")
            if version.type != target.type:
                raise InvalidGraph(f"{version!r} is written to {target!r}")


def _check_kind(name: str, value: Any, node: Node) -> None:
    if isinstance(value, np.generic):
        raise InvalidGraph(f"attribute {name} is a NumPy scalar {value!r}", node=node)
    if isinstance(value, tuple):
        for item in value:
            _check_kind(name, item, node)
    elif isinstance(value, dict):
        for item in value.values():
            _check_kind(name, item, node)
    elif value is not None and not isinstance(
        value, bool | int | float | str | DType | SymbolicDim | ArrayType
    ):
        raise InvalidGraph(f"attribute {name} is a {type(value).__name__}", node=node)


def _join(types: tuple[ArrayType, ...]) -> str:
    return ", ".join(map(str, types)) or "nothing"

"""Reads the text that `ir.printer` writes. Knows the grammar, and of operators only their names.

The parser resolves names; types, attributes and dominance are the verifier's business.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

from jitflow.core.errors import InvalidGraph
from jitflow.core.location import UNKNOWN, Location
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Block, DimensionOf, Graph, Node, ScalarValue, Value
from jitflow.ir.literals import parse_array_elements, parse_atom, parse_dimension
from jitflow.ir.scanner import END, Token, scan
from jitflow.ops.record import operator

Resolve = Callable[[str], Any]


def resolve_function(name: str) -> Any:
    """The object called ``module:qualified.name``."""
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def parse(text: str, *, resolve: Resolve = resolve_function) -> Graph:
    """The graph that `text` shows; InvalidGraph with a line where it is not one.

    Parameters
    ----------
    text : str
        What the printer writes.
    resolve : callable
        Gives the Python function for its ``module:qualified.name``; importing it by default.
    """
    parser = _Parser(scan(text), resolve)
    graph = parser.graph()
    parser.expect(END)
    return graph


def parse_with_lines(text: str) -> tuple[Graph, dict[int, int]]:
    """The graph, and for each node (by identity) the line where it stands."""
    parser = _Parser(scan(text), resolve_function)
    graph = parser.graph()
    parser.expect(END)
    return graph, parser.lines


class _Parser:
    def __init__(self, tokens: list[Token], resolve: Resolve) -> None:
        self.tokens, self.resolve = tokens, resolve
        self.position = 0
        self.values: dict[str, Value] = {}
        self.lines: dict[int, int] = {}

    # Tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def fail(self, message: str, token: Token | None = None) -> InvalidGraph:
        return InvalidGraph(message, line=(token or self.token).line)

    def expect(self, kind: str, text: str | None = None) -> Token:
        token = self.token
        if token.kind != kind or text not in (None, token.text):
            raise self.fail(f"expected {text or kind}, found {token.text!r}")
        self.position += 1
        return token

    def accept(self, text: str) -> bool:
        if self.token.text != text or self.token.kind not in ("mark", "atom", "arrow"):
            return False
        self.position += 1
        return True

    def list_until(self, close: str, item: Callable[[], Any]) -> list[Any]:
        items: list[Any] = []
        while not self.accept(close):
            if items:
                self.expect("mark", ",")
            items.append(item())
        return items

    # Graph

    def graph(self) -> Graph:
        self.expect("atom", "graph")
        graph = Graph(_place_name(self.expect("place").text))
        self.expect("mark", "(")
        graph.body.parameters.extend(self.list_until(")", self.declaration))
        self.expect("arrow")
        declared = self.output_types()
        definitions = self.where_clause()
        graph.body.results, graph.writes = self.block(graph.body, "return")
        for name, token, axis in definitions:
            value = self.value(token)
            graph.symbols[name] = ScalarValue(value) if axis is None else DimensionOf(value, axis)
        found = [value.type for value in graph.outputs]
        if found != declared:
            message = f"returns {_types(found)}, not {_types(declared)}"
            raise self.fail(message, self.tokens[self.position - 1])
        return graph

    def output_types(self) -> list[ArrayType]:
        if self.accept("("):
            return self.list_until(")", self.type)
        return [self.type()]

    def where_clause(self) -> list[tuple[str, Token, int | None]]:
        definitions: list[tuple[str, Token, int | None]] = []
        if self.accept("where"):
            definitions.append(self.definition())
            while self.accept(","):
                definitions.append(self.definition())
        self.expect("mark", "{")
        return definitions

    def definition(self) -> tuple[str, Token, int | None]:
        name = self.expect("atom").text
        self.expect("mark", "=")
        token = self.expect("value")
        if not token.text.endswith(".shape") or self.token.text != "[":
            return name, token, None
        self.expect("mark", "[")
        axis = int(self.expect("atom").text)
        self.expect("mark", "]")
        return name, Token("value", token.text.removesuffix(".shape"), token.line), axis

    def block(self, block: Block, end: str) -> tuple[tuple[Value, ...], list[tuple[Value, Value]]]:
        """Nodes, writes and results up to the closing brace."""
        writes: list[tuple[Value, Value]] = []
        while not (self.token.kind == "atom" and self.token.text == end):
            if self.token.text == "write" and self.token.kind == "atom":
                writes.append(self.write())
            else:
                block.nodes.append(self.node())
        line = self.expect("atom", end).line
        results: list[Value] = []
        while self.token.kind == "value" and self.token.line == line:
            results.append(self.value(self.expect("value")))
            if not self.accept(","):
                break
        self.expect("mark", "}")
        return tuple(results), writes

    def write(self) -> tuple[Value, Value]:
        self.expect("atom", "write")
        target = self.value(self.expect("value"))
        self.expect("mark", "=")
        return target, self.value(self.expect("value"))

    # Nodes

    def node(self) -> Node:
        first = self.token
        results: list[Value] = []
        if first.kind == "value":
            results.append(self.declaration(define=False))
            while self.accept(","):
                results.append(self.declaration(define=False))
            self.expect("mark", "=")
        name = self.expect("atom")
        try:
            record = operator(name.text)
        except KeyError:
            raise self.fail(f"there is no operator {name.text!r}", name) from None
        operands = self.operands(name.line)
        attributes = self.attributes() if self.accept("{") else {}
        regions = self.regions()
        node = Node(record, operands, attributes, tuple(results), regions, self.location(name.line))
        for index, value in enumerate(results):
            value.producer, value.index = node, index
            self.define(value, first)
        self.lines[id(node)] = name.line
        return node

    def operands(self, line: int) -> tuple[Value, ...]:
        operands: list[Value] = []
        while self.token.kind == "value" and self.token.line == line:
            operands.append(self.value(self.expect("value")))
            if not self.accept(","):
                break
        return tuple(operands)

    def regions(self) -> tuple[Block, ...]:
        regions: list[Block] = []
        while self.accept("("):
            block = Block(self.list_until(")", self.declaration))
            self.expect("mark", "{")
            block.results, writes = self.block(block, "yield")
            if writes:
                raise self.fail("a region does not write to inputs")
            regions.append(block)
        return tuple(regions)

    def location(self, line: int) -> Location:
        if self.token.kind != "place":
            return UNKNOWN
        token = self.expect("place")
        name, _, number = _place_name(token.text).rpartition(":")
        if not number.isdigit():
            raise self.fail(f"{token.text} is not a source line", token)
        return Location(name, int(number))

    def declaration(self, define: bool = True) -> Value:
        token = self.expect("value")
        self.expect("mark", ":")
        value = Value(token.text[1:], self.type())
        if define:
            self.define(value, token)
        return value

    def define(self, value: Value, token: Token) -> None:
        if value.name in self.values:
            raise self.fail(f"%{value.name} is defined twice", token)
        self.values[value.name] = value

    def value(self, token: Token) -> Value:
        try:
            return self.values[token.text[1:]]
        except KeyError:
            raise self.fail(f"{token.text} is not defined", token) from None

    def type(self) -> ArrayType:
        return self.type_after(self.expect("atom"))

    def type_after(self, name: Token) -> ArrayType:
        self.expect("mark", "[")
        shape = self.list_until("]", lambda: parse_dimension(self.expect("atom")))
        return ArrayType(parse_atom(name, dtype_only=True), tuple(shape))

    # Attributes

    def attributes(self) -> dict[str, Any]:
        return dict(self.list_until("}", self.attribute))

    def attribute(self) -> tuple[str, Any]:
        name = self.expect("atom").text
        self.expect("mark", "=")
        return name, self.attribute_value()

    def attribute_value(self) -> Any:
        token = self.token
        if token.kind == "string":
            self.position += 1
            return json.loads(token.text)
        if token.kind == "place":
            self.position += 1
            return self.function(token)
        if self.accept("["):
            return tuple(self.list_until("]", self.attribute_value))
        if self.accept("{"):
            return self.attributes()
        self.expect("atom")
        if self.token.text == "[":
            type = self.type_after(token)
            return self.array(type) if self.accept("(") else type
        if self.accept("{"):
            return token.text, self.attributes()
        return parse_atom(token)

    def array(self, type: ArrayType) -> Any:
        tokens = self.list_until(")", lambda: self.advance())
        return parse_array_elements(type, tokens)

    def advance(self) -> Token:
        token = self.token
        if token.kind not in ("atom", "string"):
            raise self.fail(f"expected a number, found {token.text!r}")
        self.position += 1
        return token

    def function(self, token: Token) -> Any:
        name = _place_name(token.text)
        try:
            return self.resolve(name)
        except (ImportError, AttributeError, ValueError) as error:
            raise self.fail(f"no function {name}: {error}", token) from None


def _place_name(text: str) -> str:
    name = text[1:]
    return str(json.loads(name)) if name.startswith('"') else name


def _types(types: list[ArrayType]) -> str:
    return f"({', '.join(map(str, types))})"

"""The text of a graph: one grammar for all operators, the same text for the same graph.

::

    graph @step(%x: f32[s0,784], %w: f32[784,10]) -> f32[s0,10]
        where s0 = %x.shape[0] {
      %z: f32[s0,10] = matmul %x, %w  @train.py:12
      %m: f32[s0,1] = max %z {axes=[1], keepdims=true}
      write %x = %y
      return %m
    }

`ir.parser` reads it back; a node's regions stand in parentheses and braces after its attributes.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jitflow.core.dims import SymbolicDim
from jitflow.core.dtypes import DType, from_device
from jitflow.core.location import UNKNOWN
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Block, DimensionOf, Graph, Node, Value

_LISTED_ELEMENTS = 64  # larger constants are printed packed, or left out


def print_graph(graph: Graph, *, elide: bool = False, locations: bool = True) -> str:
    """The text of `graph`.

    Parameters
    ----------
    graph : Graph
        What is printed.
    elide : bool
        Leave the data of large constants out; such a text does not parse back.
    locations : bool
        Whether nodes show their source lines.
    """
    printer = _Printer(elide, locations)
    return "\n".join(printer.graph(graph)) + "\n"


def print_node(node: Node) -> str:
    """The text of one node, on one line without its regions."""
    return _Printer(True, True).node_line(node)


class _Printer:
    def __init__(self, elide: bool, locations: bool) -> None:
        self.elide, self.locations = elide, locations

    def graph(self, graph: Graph) -> Iterator[str]:
        outputs = ", ".join(str(value.type) for value in graph.outputs)
        if len(graph.outputs) != 1:
            outputs = f"({outputs})"
        head = f"graph {_symbol(graph.name)}({_parameters(graph.inputs)}) -> {outputs}"
        where = ", ".join(f"{name} = {_definition(d)}" for name, d in graph.symbols.items())
        if where:
            yield head
            yield f"    where {where} {{"
        else:
            yield f"{head} {{"
        yield from self.nodes(graph.body, "  ")
        for target, version in graph.writes:
            yield f"  write %{target.name} = %{version.name}"
        yield f"  return {_values(graph.outputs)}".rstrip()
        yield "}"

    def nodes(self, block: Block, indent: str) -> Iterator[str]:
        for node in block.nodes:
            if not node.regions:
                yield indent + self.node_line(node)
                continue
            line = indent + self.head(node)
            for region in node.regions:
                yield f"{line} ({_parameters(region.parameters)}) {{"
                yield from self.nodes(region, indent + "  ")
                yield f"{indent}  yield {_values(region.results)}".rstrip()
                line = f"{indent}}}"
            yield line + self.location(node)

    def node_line(self, node: Node) -> str:
        return self.head(node) + self.location(node)

    def head(self, node: Node) -> str:
        results = ", ".join(f"%{value.name}: {value.type}" for value in node.results)
        text = f"{results} = {node.operator.name}" if results else node.operator.name
        if node.operands:
            text += " " + _values(node.operands)
        if node.attributes:
            text += " " + self.attributes(node.attributes)
        return text

    def location(self, node: Node) -> str:
        if not self.locations or node.location.filename == UNKNOWN.filename:
            return ""
        place = str(node.location)
        return f"  @{json.dumps(place)}" if re.search(r'[\s"(){},]', place) else f"  @{place}"

    def attributes(self, attributes: Mapping[str, Any]) -> str:
        items = (f"{name}={self.attribute(value)}" for name, value in attributes.items())
        return f"{{{', '.join(items)}}}"

    def attribute(self, value: Any) -> str:
        if value is None or isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float | DType | SymbolicDim | ArrayType):
            return str(value) if not isinstance(value, float) else repr(value)
        if isinstance(value, str):
            return json.dumps(value)
        if isinstance(value, tuple):
            if len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], Mapping):
                return value[0] + self.attributes(value[1])
            return f"[{', '.join(map(self.attribute, value))}]"
        if isinstance(value, Mapping):
            return self.attributes(value)
        if isinstance(value, np.ndarray):
            return self.array(value)
        return _symbol(f"{value.__module__}:{_qualified_name(value)}")

    def array(self, array: np.ndarray) -> str:
        type = ArrayType(_dtype(array), array.shape)
        if array.size <= _LISTED_ELEMENTS:
            return f"{type}({', '.join(_element(item) for item in array.ravel())})"
        if self.elide:
            return f"{type}(...)"
        packed = zlib.compress(np.ascontiguousarray(array).tobytes(), 9)
        return f'{type}("{base64.b64encode(packed).decode()}")'


def _dtype(array: np.ndarray) -> DType:
    dtype = from_device(array.dtype)
    assert dtype is not None, f"constant of {array.dtype}"
    return dtype


def _element(item: Any) -> str:
    """A number that parses back to the same bits, NaN payloads aside."""
    if item.dtype.name == "bfloat16":
        item = item.astype(np.float32)
    if item.dtype.kind == "c":
        return f"{_element(item.real)}{_signed(_element(item.imag))}j"
    if item.dtype.kind == "f":
        if np.isnan(item):
            return "-nan" if np.signbit(item) else "nan"
        write = np.format_float_positional if _short(item) else np.format_float_scientific
        return write(item, unique=True, trim="0")
    return str(item.item()).lower()


def _short(item: Any) -> bool:
    magnitude = abs(float(item))
    return magnitude == 0 or 1e-4 <= magnitude < 1e16 or magnitude == float("inf")


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"


def _qualified_name(function: Any) -> str:
    return str(getattr(function, "__qualname__", None) or getattr(function, "__name__", "?"))


def _symbol(name: str) -> str:
    return f"@{name}" if re.fullmatch(r"[\w.:]+", name) else f"@{json.dumps(name)}"


def _values(values: tuple[Value, ...]) -> str:
    return ", ".join(f"%{value.name}" for value in values)


def _parameters(values: list[Value]) -> str:
    return ", ".join(f"%{value.name}: {value.type}" for value in values)


def _definition(definition: Any) -> str:
    value = f"%{definition.value.name}"
    return f"{value}.shape[{definition.axis}]" if isinstance(definition, DimensionOf) else value

"""Appends nodes to a graph: infers result types from the record and keeps names unique."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BF16, F32
from jitflow.core.location import UNKNOWN, Location
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Block, DimensionOf, Graph, Node, ScalarValue, SymbolDefinition, Value
from jitflow.ir.regions import region_types
from jitflow.ops.control import infer_regions
from jitflow.ops.record import Kind, operator

_COMPUTES = frozenset((Kind.ELEMENTWISE, Kind.REDUCTION, Kind.SCAN))
_MOVES = frozenset(("cast", "where"))
"""Operators of these kinds that take numbers as they are."""

_OF_ONE_WIDTH = frozenset(("nextafter", "spacing"))
"""Operators whose results depend on how many bits there are."""


def _has_bf16(operands: Sequence[Value]) -> bool:
    return BF16 in [value.type.dtype for value in operands]


class Builder:
    """Builds one graph; `block` is where the next node goes, `location` what it is marked with."""

    def __init__(self, name: str = "graph") -> None:
        self.graph = Graph(name)
        self.block: Block = self.graph.body
        self._around: list[Block] = []
        self.location: Location = UNKNOWN
        self.node_count = 0
        self.region_count = 0
        self._symbol_count = 0
        self._names: dict[str, int] = {}

    def unique_name(self, hint: str) -> str:
        """`hint`, or `hint` with a number where it is taken."""
        count = self._names.get(hint)
        self._names[hint] = 0 if count is None else count + 1
        if count is None:
            return hint
        return self.unique_name(f"{hint}_{count + 1}")

    def input(self, name: str, type: ArrayType) -> Value:
        """Add an input of the graph."""
        value = Value(self.unique_name(name), type)
        self.graph.inputs.append(value)
        return value

    def dimension_symbol(self, value: Value, axis: int) -> Dim:
        """A new symbol for the extent of an axis of an input; the caller puts it in its type."""
        return self._symbol(DimensionOf(value, axis))

    def scalar_symbol(self, value: Value) -> Dim:
        """A new symbol for the value of a rank-0 i64 value."""
        return self._symbol(ScalarValue(value))

    def _symbol(self, definition: SymbolDefinition) -> Dim:
        """A symbol with a name that none ever had, those that are gone included."""
        name = f"s{self._symbol_count}"
        self._symbol_count += 1
        self.graph.symbols[name] = definition
        return dims.symbol(name)

    def emit(
        self,
        name: str,
        *operands: Value,
        hint: str = "",
        regions: Sequence[Block] = (),
        **attributes: Any,
    ) -> Value:
        """Append a node with one result and return that result."""
        (result,) = self.emit_many(name, *operands, hint=hint, regions=regions, **attributes)
        return result

    def emit_many(
        self,
        name: str,
        *operands: Value,
        hint: str = "",
        regions: Sequence[Block] = (),
        **attributes: Any,
    ) -> tuple[Value, ...]:
        """Append a node and return its results; TypeError where the operands do not fit.

        Arithmetic of bf16 is that of f32, rounded: nodes that make such results are casts.
        """
        record = operator(name)
        if record.kind in _COMPUTES and name not in _MOVES and _has_bf16(operands):
            return self._emit_wide(name, operands, hint, attributes)
        given = tuple(value.type for value in operands)
        if record.kind is Kind.CONTROL:
            types = infer_regions(record, given, tuple(map(region_types, regions)))
        else:
            types = record.infer(given, attributes)
        results = tuple(
            Value(self.unique_name(hint or name), type, index=i) for i, type in enumerate(types)
        )
        node = Node(record, operands, attributes, results, tuple(regions), self.location)
        for value in results:
            value.producer = node
        self.block.nodes.append(node)
        self.node_count += 1
        self.region_count += len(regions)
        return results

    def _emit_wide(
        self, name: str, operands: Sequence[Value], hint: str, attributes: dict[str, Any]
    ) -> tuple[Value, ...]:
        """A node on operands of f32 in the place of those of bf16, and its rounded results."""
        if name in _OF_ONE_WIDTH:
            raise TypeError(f"{name} does not take bf16")
        wide = [self.emit("cast", v, dtype=F32) if v.type.dtype is BF16 else v for v in operands]
        made = self.emit_many(name, *wide, hint=hint, **attributes)
        return tuple(
            self.emit("cast", value, dtype=BF16) if value.type.dtype is F32 else value
            for value in made
        )

    @contextmanager
    def region(self, types: Sequence[ArrayType], hints: Sequence[str] = ()) -> Iterator[Block]:
        """A new block for a control operator: what is emitted in the ``with`` goes into it.

        The caller sets its `results` (`yield_`) and hands it on to `emit_many`. The block sees all
        values that were emitted before; no node outside of it may use a value made inside.

        Parameters
        ----------
        types : sequence of ArrayType
            Types of the block's parameters.
        hints : sequence of str
            Names for the parameters; fewer than there are types, or empty ones, give ``%p``.
        """
        names = [*hints, *[""] * len(types)]
        block = Block(
            [
                Value(self.unique_name(name or "p"), type)
                for name, type in zip(names, types, strict=False)
            ]
        )
        self._around.append(self.block)
        self.block = block
        try:
            yield block
        finally:
            self.block = self._around.pop()

    def sees(self, value: Value) -> bool:
        """Whether the next node may use a value; those of a region that is given up, it may not."""
        blocks = [*self._around, self.block]
        if value.producer is not None:
            return any(node is value.producer for block in blocks for node in block.nodes)
        parameters = (given for block in blocks for given in block.parameters)
        return any(given is value for given in (*self.graph.inputs, *parameters))

    def is_inside(self, block: Block) -> bool:
        """Whether the next node goes into `block` or into a region of one of its nodes."""
        return block is self.block or any(block is around for around in self._around)

    def yield_(self, *values: Value) -> None:
        """Set the results of the block that is being built."""
        self.block.results = values

    def finish(self, outputs: Sequence[Value]) -> Graph:
        """Set the outputs and return the graph."""
        self.graph.body.results = tuple(outputs)
        return self.graph

"""The reference interpreter: runs a graph node by node through each record's NumPy meaning.

It defines what a graph means. Tests compare back ends with it, and a piece whose floating-point
flags are set is run by it again, so that NumPy itself warns, node by node.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jitflow.core import dims
from jitflow.core.errors import CheckFailed, InvalidGraph
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Block, DimensionOf, Graph, Node, Value
from jitflow.ops.record import Kind

__all__ = ["CheckFailed", "run"]


# Attributes that hold no dimensions to evaluate: data, Python objects, promised types.
_OPAQUE = frozenset({"value", "function", "types", "dtype"})


@dataclass(frozen=True, eq=False)
class Hooks:
    """What a run tells of itself, for those who attribute warnings.

    Attributes
    ----------
    before, after : callable
        Called with each node before and after it is computed; `after` also with the values by
        identity. Where `before` gives results, the node is not computed.
    kept : collection of int
        Identities of values that stay to the end.
    """

    before: Callable[[Node], tuple[Any, ...] | None]
    after: Callable[[Node, Mapping[int, Any]], None]
    kept: Collection[int] = ()


def run(
    graph: Graph,
    inputs: Sequence[Any],
    *,
    write: bool = False,
    hooks: Hooks | None = None,
) -> list[Any]:
    """Run `graph` on `inputs` and return its outputs, as arrays or NumPy scalars.

    Parameters
    ----------
    graph : Graph
        A graph that verifies.
    inputs : sequence of ndarray or number
        One for each graph input; arrays have the input's dtype.
    write : bool
        Store the versions of ``graph.writes`` into the input arrays at the end; outputs then share
        no memory with them.
    hooks : Hooks, optional
        Who is told of each node.

    Raises
    ------
    CheckFailed
        A ``require`` or a checked operator does not hold; nothing has been written.
    InvalidGraph
        A node gives a value that is not of the type it promises.
    """
    run = _Run(graph, hooks)
    if len(inputs) != len(graph.inputs):
        raise InvalidGraph(f"{graph.name} takes {len(graph.inputs)} inputs, not {len(inputs)}")
    for value, given in zip(graph.inputs, inputs, strict=True):
        array = np.asarray(given, value.type.dtype.numpy)
        if array.ndim != value.type.rank:
            raise InvalidGraph(f"input {value!r} has rank {array.ndim}")
        run.define(value, array)
    run.block(graph.body)
    outputs = [run.values[id(value)] for value in graph.outputs]
    if write and graph.writes:
        outputs = _write(run, graph, inputs, outputs)
    return outputs


def _write(run: _Run, graph: Graph, inputs: Sequence[Any], outputs: list[Any]) -> list[Any]:
    """Store the written versions, after copying every value that shares memory with a target."""
    arrays = {id(value): given for value, given in zip(graph.inputs, inputs, strict=True)}
    targets = [arrays[id(target)] for target, _ in graph.writes]

    def apart(value: Any) -> Any:
        shared = any(np.may_share_memory(value, target) for target in targets)
        return np.array(value) if shared else value

    outputs = [apart(value) for value in outputs]
    versions = [apart(run.values[id(version)]) for _, version in graph.writes]
    for target, version in zip(targets, versions, strict=True):
        target[...] = version
    return outputs


class _Run:
    """The values and symbols of one run."""

    def __init__(self, graph: Graph, hooks: Hooks | None) -> None:
        self.values: dict[int, Any] = {}
        self.symbols: dict[str, int] = {}
        self.hooks = hooks
        self.has_symbols = bool(graph.symbols)
        self._defines: dict[int, list[tuple[str, int | None]]] = {}
        for name, definition in graph.symbols.items():
            axis = definition.axis if isinstance(definition, DimensionOf) else None
            self._defines.setdefault(id(definition.value), []).append((name, axis))
        self._uses = _count_uses(graph)

    def define(self, value: Value, array: Any) -> None:
        """Bind `value`, and the symbols that it defines."""
        self.values[id(value)] = array
        for name, axis in self._defines.get(id(value), ()):
            self.symbols[name] = int(array) if axis is None else array.shape[axis]

    def block(self, block: Block) -> None:
        """Run the nodes of a block."""
        for node in block.nodes:
            known = self.hooks.before(node) if self.hooks is not None else None
            self._define_results(node, self._computed(node) if known is None else known)
            if self.hooks is not None:
                self.hooks.after(node, self.values)
            for operand in node.operands:
                self._release(operand)

    def _computed(self, node: Node) -> tuple[Any, ...]:
        record = node.operator
        if record.kind is Kind.CONTROL:
            raise InvalidGraph(f"the interpreter does not run {record.name}", node=node)
        attributes = node.attributes
        if self.has_symbols and attributes:
            attributes = {
                name: value if name in _OPAQUE else evaluate_attribute(value, self.symbols)
                for name, value in attributes.items()
            }
        operands = [self.values[id(value)] for value in node.operands]
        results = record.numpy(*operands, **attributes)
        return results if isinstance(results, tuple) else (results,)

    def _define_results(self, node: Node, results: tuple[Any, ...]) -> None:
        record = node.operator
        if len(results) != len(node.results):
            raise InvalidGraph(f"{record.name} gave {len(results)} results", node=node)
        for value, result in zip(node.results, results, strict=True):
            self._check(node, value.type, result)
            self.define(value, result)

    def _check(self, node: Node, type: ArrayType, result: Any) -> None:
        shape = tuple(dims.evaluate(dim, self.symbols) for dim in type.shape)
        if np.shape(result) != shape or result.dtype != type.dtype.numpy:
            found = f"{result.dtype}{np.shape(result)}"
            raise InvalidGraph(f"{node.operator.name} gave {found}, not {type}", node=node)

    def _release(self, value: Value) -> None:
        """Forget a value after its last use."""
        left = self._uses.get(id(value), 0) - 1
        self._uses[id(value)] = left
        if left == 0 and not (self.hooks is not None and id(value) in self.hooks.kept):
            self.values.pop(id(value), None)


def _count_uses(graph: Graph) -> dict[int, int]:
    uses: dict[int, int] = {}
    kept = [*graph.outputs, *(version for _, version in graph.writes)]
    for value in kept:
        uses[id(value)] = uses.get(id(value), 0) + 1
    for node in graph.walk():
        for operand in node.operands:
            uses[id(operand)] = uses.get(id(operand), 0) + 1
    return uses


def evaluate_attribute(value: Any, symbols: dict[str, int]) -> Any:
    """`value` with every symbolic dimension in it replaced by its number."""
    if isinstance(value, dims.SymbolicDim):
        return value.evaluate(symbols)
    if isinstance(value, tuple):
        return tuple(evaluate_attribute(item, symbols) for item in value)
    if isinstance(value, dict):
        return {name: evaluate_attribute(item, symbols) for name, item in value.items()}
    return value

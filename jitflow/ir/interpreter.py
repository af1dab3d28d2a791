"""The reference interpreter: runs a graph node by node through each record's NumPy meaning.

It defines what a graph means. Tests compare back ends with it, and a piece whose floating-point
flags are set is run by it again, so that NumPy itself warns, node by node.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.errors import CheckFailed, InvalidGraph
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Block, DimensionOf, Graph, Node, Value
from jitflow.ir.regions import captured
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
        self._last_uses: dict[int, list[Value]] = {}
        _find_last_uses(graph.body, (version for _, version in graph.writes), self._last_uses)

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
            for value in self._last_uses.get(id(node), ()):
                if self.hooks is None or id(value) not in self.hooks.kept:
                    self.values.pop(id(value), None)

    def _computed(self, node: Node) -> tuple[Any, ...]:
        record = node.operator
        if record.kind is Kind.CONTROL:
            return _CONTROL[record.name](self, node)
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

    # Regions

    def region(self, block: Block, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """Run a region once and give its results."""
        for parameter, argument in zip(block.parameters, arguments, strict=True):
            self.define(parameter, argument)
        self.block(block)
        return tuple(self.values[id(value)] for value in block.results)

    def loop_over_range(self, node: Node) -> tuple[Any, ...]:
        """Python's ``for``."""
        start, stop, step, *carried = (self.values[id(value)] for value in node.operands)
        if not step:
            raise CheckFailed("a range has the step zero")
        for index in range(int(start), int(stop), int(step)):
            carried[:] = self.region(node.regions[0], (np.int64(index), *carried))
        return tuple(carried)

    def loop_while(self, node: Node) -> tuple[Any, ...]:
        """Python's ``while``."""
        condition, body = node.regions
        carried = tuple(self.values[id(value)] for value in node.operands)
        while self.region(condition, carried)[0]:
            carried = self.region(body, carried)
        return carried

    def branch(self, node: Node) -> tuple[Any, ...]:
        """One of two regions."""
        holds = bool(self.values[id(node.operands[0])])
        return self.region(node.regions[0 if holds else 1], ())


_CONTROL = {"for": _Run.loop_over_range, "while": _Run.loop_while, "cond": _Run.branch}


def _find_last_uses(block: Block, kept: Iterable[Value], found: dict[int, list[Value]]) -> None:
    """For each node the values of its block that nothing after it uses.

    A region's parameters and captured values stay: the next iteration may use them.
    """
    seen = {id(value) for value in (*block.results, *kept)}
    own = {id(value) for node in block.nodes for value in node.results}
    for node in reversed(block.nodes):
        for value in (*node.operands, *captured(node)):
            if id(value) not in seen:
                seen.add(id(value))
                if id(value) in own:
                    found.setdefault(id(node), []).append(value)
        for region in node.regions:
            _find_last_uses(region, (), found)


def evaluate_attribute(value: Any, symbols: dict[str, int]) -> Any:
    """`value` with every symbolic dimension in it replaced by its number."""
    if isinstance(value, dims.SymbolicDim):
        return value.evaluate(symbols)
    if isinstance(value, tuple):
        return tuple(evaluate_attribute(item, symbols) for item in value)
    if isinstance(value, dict):
        return {name: evaluate_attribute(item, symbols) for name, item in value.items()}
    return value

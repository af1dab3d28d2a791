"""Rewrites a graph in one forward walk: every node is kept, or replaced by values.

The result is a new graph that shares the nodes that stay as they are; inputs, symbols, and the
number and order of outputs and writes stay. Values keep the user's names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from jitflow.core.dataclass import replace
from jitflow.core.location import Location
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Block, DimensionOf, Graph, Node, ScalarValue, Value
from jitflow.ops.record import Kind, Operator, operator
from jitflow.ops.shapes import OutOfRange

Replacement = Value | tuple[()] | None


class RewriteRule(Protocol):
    """A rule: what it is called, and what it puts in the place of a node."""

    @property
    def name(self) -> str:
        """Its name in tests and reports."""

    def apply(self, rewriter: Rewriter, node: Node) -> Replacement:
        """The value for the node's result, ``()`` to drop it, None where the rule does not fit."""


OnFire = Callable[[str, Node], None]


class Rewriter:
    """One walk over one graph.

    Parameters
    ----------
    graph : Graph
    rules : mapping
        For each operator name the rules that are tried on its nodes, in order. What a rule emits
        is rewritten too.
    on_fire : callable, optional
        Told the rule's name and the node each time that one fits.
    """

    def __init__(
        self,
        graph: Graph,
        rules: Mapping[str, Sequence[RewriteRule]],
        on_fire: OnFire | None = None,
    ) -> None:
        self.graph = graph
        self.rules = rules
        self.on_fire = on_fire
        self.replaced: dict[int, Value] = {}
        self.scope: tuple[int, ...] = ()  # the blocks around, by number; the body is (0,)
        self._blocks = 0
        self._nodes: list[Node] = []
        self.current: Node | None = None
        self._names: set[str] | None = None
        self._made: set[str] = set()
        self._users: dict[str, int] | None = None

    def run(self) -> Graph:
        """The rewritten graph."""
        old = self.graph
        new = Graph(old.name)
        new.body.parameters = list(old.inputs)
        self.write(old.body, new.body)
        new.writes = [(target, self.new(version)) for target, version in old.writes]
        for name, definition in old.symbols.items():
            new.symbols[name] = (
                definition
                if isinstance(definition, DimensionOf)
                else ScalarValue(self.new(definition.value))
            )
        return new

    def new(self, value: Value) -> Value:
        """What stands for `value` of the old graph."""
        return self.replaced.get(id(value), value)

    # For rules

    def has_one_user(self, value: Value) -> bool:
        """Whether at most one node used `value`, as the graph was (new nodes are for one)."""
        if self._users is None:
            self._users = {}
            for node in self.graph.walk():
                for operand in node.operands:
                    self._users[operand.name] = self._users.get(operand.name, 0) + 1
                for region in node.regions:
                    for result in region.results:
                        self._users[result.name] = self._users.get(result.name, 0) + 1
        return self._users.get(value.name, 0) <= 1

    def emit(self, name: str, *operands: Value, **attributes: Any) -> Value:
        """The result of a new node before the one that is rewritten, itself simplified."""
        record = operator(name)
        types = record.infer(tuple(value.type for value in operands), attributes)
        results = tuple(Value(self.fresh_name(), type, index=i) for i, type in enumerate(types))
        node = Node(record, operands, attributes, results, location=self._location(record))
        for value in results:
            value.producer = node
        placed = self._place(node)
        return placed[0]

    def _location(self, record: Operator) -> Location:
        """Where the rewritten node is, with its operator's name for NumPy's warnings."""
        current = self.current
        assert current is not None, "emit is for rules"
        location = current.location
        if record is current.operator or record.kind is not Kind.ELEMENTWISE:
            return location
        return replace(location, operation=location.operation or current.operator.name)

    def constant(self, number: Any, type: ArrayType) -> Value:
        """An array of `type` with `number` everywhere."""
        array = np.array(number, type.dtype.numpy)
        array.flags.writeable = False
        value = self.emit("constant", value=array)
        return self.emit("full", value, shape=type.shape) if type.shape else value

    def fit(self, value: Value, type: ArrayType) -> Value | None:
        """`value` broadcast to `type`, or None where its dtype is another."""
        if value.type == type:
            return value
        if value.type.dtype is not type.dtype:
            return None
        return self.emit("broadcast", value, shape=type.shape)

    # The walk

    def write(self, old: Block, new: Block) -> None:
        """Write the nodes of `old` and its results into `new`."""
        outer, self._nodes = self._nodes, new.nodes
        around, self.scope = self.scope, (*self.scope, self._blocks)
        self._blocks += 1
        for node in old.nodes:
            self._visit(node)
        new.results = (*map(self.new, old.results), *self.more_results(old))
        self._nodes, self.scope = outer, around

    def append(self, node: Node) -> None:
        """Put a node at the end of the block that is being written."""
        self._nodes.append(node)

    def since(self, node: Node) -> list[Node] | None:
        """The nodes behind one in the block that is being written; None where it is elsewhere."""
        for index in reversed(range(len(self._nodes))):
            if self._nodes[index] is node:
                return self._nodes[index + 1 :]
        return None

    def drop(self, node: Node) -> None:
        """Take a node out of the block that is being written; nothing may use it."""
        self._nodes.remove(node)

    @contextmanager
    def inside(self, block: Block) -> Iterator[None]:
        """Write into another block."""
        outer, self._nodes = self._nodes, block.nodes
        try:
            yield
        finally:
            self._nodes = outer

    def more_results(self, old: Block) -> tuple[Value, ...]:
        """Results that a block gets besides its own."""
        return ()

    def _visit(self, node: Node) -> None:
        self.current = node
        current = self._updated(node)
        placed = self._place(current)
        if placed is current.results:
            if current is not node:
                self._replace(node, placed)
            return
        if placed and placed[0].producer is not None:
            self._keep_name(node.results[0], placed[0])
        self._replace(node, placed)

    def _replace(self, node: Node, values: tuple[Value, ...]) -> None:
        for old, new in zip(node.results, values, strict=False):
            self.replaced[id(old)] = new

    def _keep_name(self, old: Value, new: Value) -> None:
        """Give a value that was made for `old` the name of `old`."""
        if new.name in self._made:
            self._made.discard(new.name)
            new.name = old.name

    def _updated(self, node: Node) -> Node:
        """`node` over the new values: itself where nothing changed."""
        if node.regions:
            return self.with_regions(node)
        replaced = self.replaced
        for value in node.operands:
            if id(value) in replaced:
                return self._copy(node, ())
        return node

    def with_regions(self, node: Node) -> Node:
        """A control node over new values, its regions rewritten."""
        regions = []
        for region in node.regions:
            block = Block(list(region.parameters))
            self.write(region, block)
            regions.append(block)
        self.current = node
        return self._copy(node, tuple(regions))

    def _copy(self, node: Node, regions: tuple[Block, ...]) -> Node:
        operands = tuple(self.new(value) for value in node.operands)
        results = tuple(Value(v.name, v.type, index=v.index) for v in node.results)
        copy = Node(node.operator, operands, node.attributes, results, regions, node.location)
        for value in results:
            value.producer = copy
        return copy

    def _place(self, node: Node) -> tuple[Value, ...]:
        """Rewrite `node` by the first rule that fits, or append it."""
        for rule in self.rules.get(node.operator.name, ()):
            try:
                found = rule.apply(self, node)
            except OutOfRange:  # code that a check in front of it never lets run
                continue
            if found is not None:
                if self.on_fire is not None:
                    self.on_fire(rule.name, node)
                return (found,) if isinstance(found, Value) else ()
        self._nodes.append(node)
        return node.results

    def fresh_name(self) -> str:
        """A name for a value that is made for the current node."""
        if self._names is None:
            self._names = {value.name for value in self.graph.inputs}
            for node in self.graph.walk():
                self._names.update(value.name for value in node.results)
                for region in node.regions:
                    self._names.update(value.name for value in region.parameters)
        current = self.current
        base = current.results[0].name if current and current.results else "value"
        count = 1
        while f"{base}.{count}" in self._names:
            count += 1
        name = f"{base}.{count}"
        self._names.add(name)
        self._made.add(name)
        return name

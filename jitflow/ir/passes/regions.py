"""Loops and branches: what they carry for nobody, and what they compute again and again."""

from __future__ import annotations

from collections.abc import Sequence

from jitflow.core.dataclass import dataclass, replace
from jitflow.ir.flags import can_warn
from jitflow.ir.graph import Block, DimensionOf, Graph, Node, ScalarValue, Value
from jitflow.ir.passes.dce import must_stay
from jitflow.ir.passes.products import LoopAround, hoisted
from jitflow.ir.regions import (
    BOUNDS,
    carried,
    defined_in,
    known_range,
    symbols_in,
    symbols_of_node,
)
from jitflow.ops.record import Kind

_WORTH_MOVING = 4  # cost of an element from which storing an array beats computing it again
_WORTH_KEEPING = 64  # elements of arrays side by side from which on they are stored
_HEAVY = frozenset({Kind.REDUCTION, Kind.SCAN, Kind.CONTRACTION})
_MOVABLE = _HEAVY | {Kind.ELEMENTWISE}


@dataclass(frozen=True)
class TidyRegions:
    """Drop carried values and results that nobody uses; move what does not change out of loops.

    Before: ``%a, %b = for 0, %n, 1, %x, %y (%i, %u, %v) { %w = exp %x; %s = add %u, %w;
    yield %s, %v }``. After: ``%w = exp %x`` in front, and the loop carries ``%u`` alone. A value
    that may warn moves only out of loops that certainly run: zero iterations warn of nothing.
    """

    def run(self, graph: Graph) -> Graph:
        """`graph` with its regions tidied; itself where it has none."""
        if not any(node.regions for node in graph.nodes):
            return graph
        return _Tidier(graph).run()


class _Tidier:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.live: set[Value] = set(graph.outputs)
        self.live.update(version for _, version in graph.writes)
        self.symbols = _used_symbols(graph)
        for name, definition in graph.symbols.items():
            if name in self.symbols:
                self.live.add(definition.value)
        self.changes: dict[Value, Value] = {}
        self.around: LoopAround | None = None
        self.names: set[str] = set()

    def run(self) -> Graph:
        old = self.graph
        self.mark(old.body)
        new = Graph(old.name, Block(list(old.inputs)))
        self.fill(old.body.nodes, new.body.nodes)
        new.body.results = self.new_all(old.outputs)
        new.writes = [(target, self.new(version)) for target, version in old.writes]
        for name, definition in old.symbols.items():
            if isinstance(definition, DimensionOf):
                new.symbols[name] = definition
            elif name in self.symbols or definition.value.producer is None:
                new.symbols[name] = ScalarValue(self.new(definition.value))
        return new

    def new(self, value: Value) -> Value:
        """What stands for a value of the old graph."""
        while value in self.changes:
            value = self.changes[value]
        return value

    def new_all(self, values: Sequence[Value]) -> tuple[Value, ...]:
        return tuple(map(self.new, values))

    # What is used

    def mark(self, block: Block) -> None:
        """Add what live nodes use to `live`, from the last node to the first."""
        for node in reversed(block.nodes):
            if self.is_live(node):
                self.mark_operands(node)

    def is_live(self, node: Node) -> bool:
        if any(value in self.live for value in node.results):
            return True
        if not node.regions:
            return must_stay(node)
        inner = (item for region in node.regions for item in region.nodes)
        return node.operator.name == "while" or any(map(self.is_live, inner))

    def mark_operands(self, node: Node) -> None:
        count = BOUNDS.get(node.operator.name)
        if not node.regions or count is None:
            self.live.update(node.operands)
            for region in node.regions:
                self.live.update(region.results[k] for k in self.kept(node))
                self.mark(region)
            return
        self.live.update(node.operands[:count])
        before = -1
        while before != len(self.live):
            before = len(self.live)
            kept = self.kept(node)
            self.live.update(node.operands[count + k] for k in kept)
            self.live.update(node.regions[-1].results[k] for k in kept)
            if node.operator.name == "while":
                self.live.update(node.regions[0].results)
            for region in node.regions:
                self.mark(region)

    def kept(self, node: Node) -> list[int]:
        """Numbers of the results of a control node that stay."""
        groups: list[Sequence[Value]] = [node.results]
        if node.operator.name in BOUNDS:
            groups += [carried(node, region) for region in node.regions]
        return [
            k for k in range(len(node.results)) if any(group[k] in self.live for group in groups)
        ]

    # The new graph

    def fill(self, nodes: Sequence[Node], out: list[Node]) -> None:
        """Append what stays of `nodes`."""
        for node in nodes:
            if not self.is_live(node):
                continue
            made = self.rebuilt(node, out) if node.regions else self.updated(node)
            if made.operator.kind is Kind.CONTRACTION and self.around is not None:
                part = hoisted(made, self.around)
                if part is not None:
                    self.changes[made.result] = part
                    continue
            out.append(made)

    def updated(self, node: Node) -> Node:
        operands = self.new_all(node.operands)
        return node if operands == node.operands else self.copy(node, operands, node.results, ())

    def rebuilt(self, node: Node, out: list[Node]) -> Node:
        """A control node with what stays of its regions; what moves out of them goes to `out`."""
        kept, count = self.kept(node), BOUNDS.get(node.operator.name)
        operands = node.operands
        if count is not None:
            kept = self.without_constants(node, kept, count)
            operands = (*operands[:count], *(operands[count + k] for k in kept))
        regions = tuple(self.region(node, region, kept, out) for region in node.regions)
        results = tuple(node.results[k] for k in kept)
        return self.copy(node, self.new_all(operands), results, regions)

    def without_constants(self, node: Node, kept: list[int], count: int) -> list[int]:
        """The carried values that change; the others are what they were before the loop."""
        rest = []
        body = node.regions[-1]
        for k in kept:
            if body.results[k] is not carried(node, body)[k]:
                rest.append(k)
                continue
            for region in node.regions:
                self.changes[carried(node, region)[k]] = node.operands[count + k]
            self.changes[node.results[k]] = node.operands[count + k]
        return rest

    def region(self, node: Node, region: Block, kept: list[int], out: list[Node]) -> Block:
        parameters = list(region.parameters)
        is_loop = node.operator.name in BOUNDS
        if is_loop:
            first = len(parameters) - len(node.results)
            own = carried(node, region)
            parameters = [*parameters[:first], *(own[k] for k in kept)]
        block = Block(parameters)
        outer, self.around = self.around, self.loop_around(node, block, out)
        self.fill(region.nodes, block.nodes)
        self.around = outer
        if is_loop and region is node.regions[-1]:
            self.move_out(block, out, bool(known_range(node)))
        results = region.results
        if len(results) == len(node.results) and (not is_loop or region is node.regions[-1]):
            results = tuple(results[k] for k in kept)
        block.results = self.new_all(results)
        return block

    def loop_around(self, node: Node, block: Block, out: list[Node]) -> LoopAround | None:
        """What products in a body may ask about its loop; None where its range is not known."""
        indices = known_range(node)
        if not indices or indices.step != 1:
            return None
        index = node.regions[0].parameters[0]
        inside = set(defined_in(node.regions[0]))
        own = self.defined_symbols(inside)
        symbols = frozenset(name for name in own if self.graph.symbols[name].value is index)
        outer = self.around if self.around is not None and self.around.body is out else None
        return LoopAround(
            symbols,
            own,
            indices.start,
            indices.stop,
            block.nodes,
            out,
            block.parameters,
            outer,
            self.fresh,
        )

    def defined_symbols(self, inside: set[Value]) -> frozenset[str]:
        """The symbols that are values among `inside`."""
        return frozenset(
            name
            for name, definition in self.graph.symbols.items()
            if isinstance(definition, ScalarValue)
            and (definition.value in inside or self.new(definition.value) in inside)
        )

    def fresh(self, hint: str) -> str:
        """A name that no value of the graph has."""
        if not self.names:
            self.names.update(value.name for value in defined_in(self.graph.body))
        number = 0
        while f"{hint}_all{number}" in self.names:
            number += 1
        self.names.add(f"{hint}_all{number}")
        return f"{hint}_all{number}"

    def move_out(self, block: Block, out: list[Node], runs: bool) -> None:
        """Move nodes that depend on nothing inside of a loop in front of it."""
        inside = {value for node in block.nodes for value in node.results}
        inside.update(block.parameters)
        own = self.defined_symbols(inside)
        moved: dict[Node, None] = {}
        for node in block.nodes:
            views = _views_in(node)
            needed = {value for view in (node, *views) for value in view.operands}
            needed.difference_update(*(view.results for view in views))
            nodes = [view for view in views if inside.intersection(view.results)]
            nodes.append(node)
            depends = inside.intersection(needed) or not _is_movable(node, runs)
            if depends or any(own.intersection(symbols_of_node(each)) for each in nodes):
                continue
            for each in nodes:
                moved[each] = None
                inside.difference_update(each.results)
        out.extend(moved)
        block.nodes = [node for node in block.nodes if node not in moved]

    def copy(
        self,
        node: Node,
        operands: tuple[Value, ...],
        results: Sequence[Value],
        regions: tuple[Block, ...],
    ) -> Node:
        made = tuple(Value(v.name, v.type, index=k) for k, v in enumerate(results))
        copy = replace(node, operands=operands, results=made, regions=regions)
        for old, value in zip(results, made, strict=True):
            value.producer = copy
            self.changes[old] = value
        return copy


def _used_symbols(graph: Graph) -> set[str]:
    found = {name for node in graph.nodes for name in symbols_of_node(node)}
    for value in (*graph.inputs, *graph.outputs):
        found.update(symbols_in(value.type))
    return found


def _views_in(node: Node) -> list[Node]:
    """The views that are laid side by side: they move with what is made of them."""
    if node.operator.kind is not Kind.CONCATENATE:
        return []
    makers = [value.producer for value in node.operands]
    return [m for m in makers if m is not None and m.operator.kind is Kind.VIEW]


def _is_movable(node: Node, runs: bool) -> bool:
    record = node.operator
    if record.kind is Kind.CONCATENATE:
        size = node.result.type.size
        return not isinstance(size, int) or size >= _WORTH_KEEPING
    if record.kind not in _MOVABLE or record.checks or node.regions:
        return False
    if must_stay(node) or (can_warn(node) and not runs):
        return False
    return record.kind in _HEAVY or record.cost >= _WORTH_MOVING

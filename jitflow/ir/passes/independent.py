"""The walk that finds loops whose iterations are independent, and batches their bodies.

Inner loops come first, so that a nest over the elements of a matrix becomes one operation.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.ir.graph import Block, Graph, Node, ScalarValue, Value
from jitflow.ir.passes.batched_branches import BranchBatcher
from jitflow.ir.passes.batching import Batched, Batcher
from jitflow.ir.passes.positions import Counter, NotIndependent, Traffic, dim_of, least
from jitflow.ir.regions import BOUNDS, carried, defined_in, walk_block
from jitflow.ir.rewriter import Rewriter
from jitflow.ops.record import Kind

FEWEST = 4
"""Iterations from which on an operation on all of them beats a loop."""

SMALL = 64
"""Elements of what one iteration computes up to which it is all one whether they fit a cache."""

MOST = 1 << 20
"""Elements of what all iterations compute that may have to be stored."""

MOST_CARRIED = 1 << 14
"""Iterations of a loop with another one inside, whose numbers are then rows that must stay near."""

COSTLY = 12
"""Cost of a body of element-wise operators from which vectors of its functions are worth having."""

FEWEST_BRANCHING = 32
"""The same for a loop with branches: LLVM makes good scalar code of a short one."""

MOST_COST = 120
"""Cost of a body with branches that may be computed in every iteration."""

_COMBINED = {"logical_and": "all", "logical_or": "any"}
_FREE = frozenset({Kind.VIEW, Kind.UPDATE, Kind.SYMBOL, Kind.CREATION})


class LoopVectoriser(Rewriter):
    """One walk; `gone` has the symbols of the loops that are gone."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph, {})
        self.gone: set[str] = set()
        self.ranges: dict[str, tuple[int, int]] = {}
        self.names = {
            id(definition.value): name
            for name, definition in graph.symbols.items()
            if isinstance(definition, ScalarValue)
        }

    def run(self) -> Graph:
        new = super().run()
        for name in self.gone:
            new.symbols.pop(name, None)
        return new

    def with_regions(self, node: Node) -> Node:
        """A control node; in a loop over known numbers the bounds of its index are known."""
        name = ""
        if node.operator.name == "for":
            name = self.names.get(id(node.regions[0].parameters[0]), "")
            bounds = [dim_of(value, self.names) for value in node.operands[: BOUNDS["for"]]]
            start, stop, step = bounds
            if name and start is not None and stop is not None and step == 1:
                low, high = least(start, self.ranges), least(-stop, self.ranges)
                if low is not None and high is not None and low < -high:
                    self.ranges[name] = low, -high - 1
        made = super().with_regions(node)
        self.ranges.pop(name, None)
        return made

    def _place(self, node: Node) -> tuple[Value, ...]:
        if node.operator.name == "for":
            values = self.vectorised(node)
            if values is not None:
                return values
        return super()._place(node)

    def vectorised(self, node: Node) -> tuple[Value, ...] | None:
        """The results of a loop without the loop; None where it stays."""
        length, current = len(self._nodes), self.current
        try:
            return self.spread(node)
        except NotIndependent:
            del self._nodes[length:]
            return None
        finally:
            self.current = current

    def spread(self, node: Node) -> tuple[Value, ...]:
        counter = self.counter(node)
        body = node.regions[0]
        _check_worth(body, counter)
        inside = {id(value) for value in defined_in(body)}
        own = {
            name: self.new(definition.value)
            for name, definition in self.graph.symbols.items()
            if id(self.new(definition.value)) in inside
        }
        for name in counter.symbols:
            del own[name]
        batcher = BranchBatcher(self, counter, own, self.ranges)
        index = body.parameters[0]
        batcher.known[id(index)] = Batched(index, True)
        if any(index in inner.operands for inner in walk_block(body)) or index in body.results:
            batcher.known[id(index)] = batcher.dimension(dims.symbol(min(counter.symbols)))
        combined = [
            self.carry(batcher, node, k, value) for k, value in enumerate(node.operands[3:])
        ]
        batcher.block(body)
        inner = frozenset(own)
        for traffic in batcher.traffic.values():
            traffic.check(counter, inner)
        results = tuple(
            self.result(batcher, node, k, combine) for k, combine in enumerate(combined)
        )
        self.gone |= counter.symbols | batcher.gone
        for name, value in own.items():
            item = batcher.of(value)
            if item.is_batched:
                self.gone.add(name)
            else:
                definition = self.graph.symbols[name]
                self.replaced[id(definition.value)] = item.value
        return results

    def counter(self, node: Node) -> Counter:
        """The index of a loop."""
        bounds = [dim_of(value, self.names) for value in node.operands[: BOUNDS["for"]]]
        start, stop, step = bounds
        if start is None or stop is None or not isinstance(step, int) or step < 1:
            raise NotIndependent
        count: Dim
        if isinstance(start, int) and isinstance(stop, int):
            count = len(range(start, stop, step))
        elif step == 1:
            count = stop - start
            lowest = least(count, self.ranges)
            if lowest is None or lowest < 0:
                raise NotIndependent
        else:
            raise NotIndependent
        index = node.regions[0].parameters[0]
        name = self.names.get(id(index))
        symbols = frozenset((name,)) if name else frozenset()
        return Counter(symbols, start, step, count)

    def carry(self, batcher: Batcher, node: Node, number: int, initial: Value) -> str:
        """Begin with a carried value; for one that is combined, the reduction that does it."""
        body = node.regions[0]
        parameter, result = carried(node, body)[number], body.results[number]
        if parameter.type.rank:
            batcher.known[id(parameter)] = Batched(initial, False, number)
            batcher.traffic[number] = Traffic()
            return ""
        maker = result.producer
        if maker is None or maker.operator.name not in _COMBINED:
            raise NotIndependent
        users = [n for n in walk_block(body) if parameter in n.operands]
        if users != [maker] or body.results.count(parameter) or parameter.type.rank:
            raise NotIndependent
        # The neutral element: what the iterations give is combined with `initial` later.
        neutral = self.constant(maker.operator.name == "logical_and", parameter.type)
        batcher.known[id(parameter)] = Batched(neutral)
        return maker.operator.name

    def result(self, batcher: Batcher, node: Node, number: int, combine: str) -> Value:
        """The value of a carried one after the loop."""
        item = batcher.of(node.regions[0].results[number])
        if not combine:
            if item.root != number:
                raise NotIndependent
            return item.value
        value = item.value
        if item.is_batched:
            value = self.emit(_COMBINED[combine], value, axes=(0,), keepdims=False)
        return self.emit(combine, node.operands[3 + number], value)


def _check_worth(body: Block, counter: Counter) -> None:
    """Raise where a loop is better: it is short, or what it computes would leave the cache."""
    nodes = list(walk_block(body))
    if any(len(n.results) > 1 and n.operator.name not in ("for", "cond") for n in nodes):
        raise NotIndependent
    computed = list(_computed(body))
    updates = sum(node.operator.kind is Kind.UPDATE for node in nodes)
    has_loop = any(node.operator.name == "for" for node in nodes)
    has_branch = any(node.operator.name == "cond" for node in nodes)
    largest = 1
    for node in computed:
        size = dims.product(node.result.type.shape)
        if not isinstance(size, int):
            largest = SMALL + 1
            break
        largest = max(largest, size)
    count = counter.count
    if not counter.symbols or (isinstance(count, int) and count < FEWEST):
        raise NotIndependent
    if has_loop and (largest > SMALL or not isinstance(count, int) or count > MOST_CARRIED):
        raise NotIndependent
    if has_branch:
        _check_branches(computed, counter)
    only_elements = all(node.operator.kind is Kind.ELEMENTWISE for node in computed)
    if only_elements and not has_loop:
        if isinstance(count, int) and (updates == 1 or (has_branch and largest == 1)):
            return
        cost = sum(node.operator.cost for node in computed)
        if largest == 1 and cost < COSTLY and not has_branch:
            raise NotIndependent  # LLVM makes vectors of that, in one loop
    if largest > SMALL or (isinstance(count, int) and count * largest > MOST):
        raise NotIndependent


def _check_branches(computed: list[Node], counter: Counter) -> None:
    """Raise where arms that few iterations take might cost more than a branch saves."""
    if isinstance(counter.count, int) and counter.count < FEWEST_BRANCHING:
        raise NotIndependent
    if sum(node.operator.cost for node in computed) > MOST_COST:
        raise NotIndependent


def _computed(body: Block) -> Iterator[Node]:
    for node in walk_block(body):
        if node.operator.kind not in _FREE and node.results and not node.regions:
            yield node

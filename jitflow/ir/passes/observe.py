"""Values that nobody uses, or not all of, but whose computation can warn: they are looked at."""

from __future__ import annotations

import functools

from jitflow.core.dataclass import dataclass
from jitflow.core.dtypes import BOOL
from jitflow.core.types import ArrayType
from jitflow.ir.flags import is_loud
from jitflow.ir.graph import Block, Graph, Node, Value
from jitflow.ir.passes.uses import Uses
from jitflow.ir.regions import BOUNDS, walk_block
from jitflow.ir.rewriter import Rewriter

_TRUTH = ArrayType(BOOL)


@dataclass(frozen=True)
class ObserveDead:
    """Add an output that depends on each element of what can warn and is not wholly used.

    Before: ``%a = log %x; return %x``. After: ``%a = log %x; %b = isfinite %a; %c = all %b; return
    %x, %c``. Eager NumPy warns of every value that it computes, so native code must compute it too;
    the outputs that are added have rank 0 and are shown to nobody. A region gets a result for what
    is in it, and a loop carries that. Nodes that have no place in the user's source warn nobody.
    """

    def run(self, graph: Graph) -> Graph:
        """`graph` with the outputs that it had first, then those added."""
        if not any(map(is_loud, graph.walk())):
            return graph
        unused = Uses(graph).unused
        return _Observer(graph, unused).run() if unused else graph


class _Observer(Rewriter):
    """Rewrites nothing, but adds to blocks what depends on their `unused` nodes.

    Attributes
    ----------
    seen : list
        For each block that is being written: what the regions in it saw.
    giving : dict
        Identities of the regions that give what they saw, with what the loop saw so far.
    """

    def __init__(self, graph: Graph, unused: set[int]) -> None:
        super().__init__(graph, {})
        self.unused = unused
        self.seen: list[list[Value]] = []
        self.giving: dict[int, Value | None] = {}

    def write(self, old: Block, new: Block) -> None:
        """Write a block, with a bool for what it saw where that is asked for."""
        self.seen.append([])
        super().write(old, new)
        self.seen.pop()

    def more_results(self, old: Block) -> tuple[Value, ...]:
        """A bool for each unused value; for a region, one for all of them."""
        found = []
        for node in old.nodes:
            if id(node) in self.unused:
                self.current = node
                found.append(self._observe(self.new(node.results[0])))
        found += self.seen[-1]
        if old is self.graph.body:
            return tuple(found)
        if id(old) not in self.giving:
            return ()
        before = self.giving[id(old)]
        if before is not None:
            found.insert(0, before)
        if not found:
            return (self.constant(True, _TRUTH),)
        return (functools.reduce(functools.partial(self.emit, "logical_and"), found),)

    def with_regions(self, node: Node) -> Node:
        """A control node with one more result where something in its regions is observed."""
        inner = (item for region in node.regions for item in walk_block(region))
        if not any(id(item) in self.unused for item in inner):
            return super().with_regions(node)
        self.current = node
        start: tuple[Value, ...] = ()
        if node.operator.name in BOUNDS:
            start = (self.constant(True, _TRUTH),)
        regions = tuple(self._observed_region(node, region) for region in node.regions)
        self.current = node
        results = tuple(Value(v.name, v.type, index=v.index) for v in node.results)
        results += (Value(self.fresh_name(), _TRUTH, index=len(results)),)
        operands = (*map(self.new, node.operands), *start)
        copy = Node(node.operator, operands, node.attributes, results, regions, node.location)
        for value in results:
            value.producer = copy
        self.seen[-1].append(results[-1])
        return copy

    def _observed_region(self, node: Node, region: Block) -> Block:
        is_loop, is_body = node.operator.name in BOUNDS, region is node.regions[-1]
        block = Block(list(region.parameters))
        before = None
        if is_loop:
            before = Value(self.fresh_name(), _TRUTH)
            block.parameters.append(before)
        if is_body or not is_loop:  # the condition of a loop gives its answer alone
            self.giving[id(region)] = before
        self.write(region, block)
        return block

    def _observe(self, value: Value) -> Value:
        """A bool that depends on every element of `value`."""
        type = value.type
        if type.dtype.is_float or type.dtype.is_complex:
            answer = self.emit("isfinite", value)
        else:
            answer = self.emit("equal", value, self.constant(0, ArrayType(type.dtype)))
        if not type.rank:
            return answer
        return self.emit("all", answer, axes=tuple(range(type.rank)), keepdims=False)

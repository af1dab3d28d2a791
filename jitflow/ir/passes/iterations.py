"""Which loops have iterations that may run at once: each writes places of its own and no other's.

The body stays as it is, loops and branches included. An array that the loop carries is written, in
each iteration, at one index or in one block of its own along some axis, and read there or where no
iteration writes. Of integers it may carry sums, which are the same in any order.
"""

from __future__ import annotations

from collections.abc import Mapping

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Block, Node, ScalarValue, SymbolDefinition
from jitflow.ir.passes.positions import (
    Area,
    Counter,
    NotIndependent,
    apart,
    area_of,
    dim_of,
)
from jitflow.ir.regions import BOUNDS, carried, defined_in, pass_branch
from jitflow.ops.record import Kind

_SUMS = frozenset({"checked_add", "checked_subtract", "add", "subtract"})
_INTEGER = ArrayType(I64, ())
_WITH_EFFECTS = frozenset({Kind.CALL_OUT, Kind.DRAW})


def sums_of_independent(
    node: Node, symbols: Mapping[str, SymbolDefinition]
) -> tuple[int, ...] | None:
    """The numbers of the carried sums of a `for` whose iterations may run at once, else None.

    `symbols` are those of its graph.
    """
    try:
        return _Iterations(node, symbols).sums()
    except NotIndependent:
        return None


class _Iterations:
    """What the body of a loop does with the arrays that the loop carries, its regions included.

    `roots` has the number of a carried array for each value that is a version of it.
    """

    def __init__(self, node: Node, symbols: Mapping[str, SymbolDefinition]) -> None:
        self.body = node.regions[0]
        names = {id(d.value): name for name, d in symbols.items() if isinstance(d, ScalarValue)}
        self.names = names
        self.counter = _counter(node, names)
        inside = {id(value) for value in defined_in(self.body)}
        own = frozenset(name for key, name in names.items() if key in inside)
        self.inner = own - self.counter.symbols
        self.parameters = carried(node, self.body)
        self.roots = {id(value): k for k, value in enumerate(self.parameters)}
        self.reads: list[tuple[int, Area]] = []
        self.writes: list[tuple[int, Area]] = []

    def sums(self) -> tuple[int, ...]:
        """The carried sums; raises `NotIndependent` unless the iterations are."""
        if not any(value.type.rank for value in self.parameters):
            raise NotIndependent
        self.block(self.body)
        if any(key in self.names for key in self.roots):
            raise NotIndependent  # a sum that is an index
        found = []
        for k, value in enumerate(self.body.results):
            if self.roots.get(id(value)) != k:
                raise NotIndependent
            if value.type.rank:
                self.check_array(k)
            elif value.type.dtype is I64:
                found.append(k)
            else:
                raise NotIndependent
        return tuple(found)

    def check_array(self, number: int) -> None:
        writes = [area for root, area in self.writes if root == number]
        reads = [area for root, area in self.reads if root == number]
        if not writes:
            raise NotIndependent
        blocks = [self.blocks(area) for area in writes]
        own = set(blocks[0]).intersection(*blocks[1:])
        if not own:
            raise NotIndependent
        for area in reads:
            is_own = any(self.is_within(area, axis, start) for axis, start in own)
            if not is_own and not all(
                apart(area, other, self.counter, self.inner) for other in writes
            ):
                raise NotIndependent

    def blocks(self, area: Area) -> set[tuple[int, Dim]]:
        """The axes along which an area keeps to a block that no other iteration meets."""
        found = set()
        for axis, start in enumerate(area.starts):
            if self.inner & dims.symbols_of(start):
                continue
            moving = self.counter.split(start)
            if moving is not None and _fits(area, axis, moving[0]):
                found.add((axis, start))
        return found

    def is_within(self, area: Area, axis: int, start: Dim) -> bool:
        """Whether an area begins where the block of its iteration does, and ends in it."""
        moving = self.counter.split(start)
        return moving is not None and area.starts[axis] == start and _fits(area, axis, moving[0])

    # What the body does

    def block(self, block: Block) -> None:
        for node in block.nodes:
            self.node(node)

    def node(self, node: Node) -> None:
        if node.operator.kind in _WITH_EFFECTS or node.attributes.get("effect"):
            raise NotIndependent
        if node.regions:
            self.control(node)
            return
        rooted = [self.roots.get(id(value)) for value in node.operands]
        if all(root is None for root in rooted):
            return
        first = rooted[0]
        if node.operator.name in _SUMS and node.operands[0].type == _INTEGER:
            self.roots[id(node.result)] = _only(rooted, node.operator.name)
            return
        if first is None or any(root is not None for root in rooted[1:]):
            raise NotIndependent
        if node.operator.name == "slice":
            self.reads.append((first, area_of(node.attributes)))
            return
        views = node.attributes.get("views")
        if node.operator.name != "update" or not views or views[0][0] != "slice":
            raise NotIndependent
        self.writes.append((first, area_of(views[0][1])))
        self.roots[id(node.result)] = first

    def control(self, node: Node) -> None:
        """Loops and branches: versions go in and come out."""
        count = BOUNDS.get(node.operator.name)
        if count is None:
            self.branch(node)
            return
        initial = [self.roots.get(id(value)) for value in node.operands[count:]]
        for region in node.regions:
            for root, value in zip(initial, carried(node, region), strict=True):
                if root is not None:
                    self.roots[id(value)] = root
            self.block(region)
        for root, inner, value in zip(initial, node.regions[-1].results, node.results, strict=True):
            if self.roots.get(id(inner)) != root:
                raise NotIndependent
            if root is not None:
                self.roots[id(value)] = root

    def branch(self, node: Node) -> None:
        for region in node.regions:
            self.block(region)
        if not pass_branch(node, self.roots):
            raise NotIndependent


def _only(rooted: list[int | None], name: str) -> int:
    """The carried sum that a number is added to or subtracted from."""
    first, second = rooted
    if first is not None and second is None:
        return first
    if second is None or first is not None or name.endswith("subtract"):
        raise NotIndependent
    return second


def _fits(area: Area, axis: int, step: int) -> bool:
    """Whether an area is no longer than a step along an axis."""
    extent, within = area.shape[axis], area.steps[axis]
    if extent == 1:
        return True
    if not isinstance(extent, int) or not isinstance(within, int):
        return False
    return (extent - 1) * abs(within) < abs(step) and within > 0


def _counter(node: Node, names: dict[int, str]) -> Counter:
    """The index of a loop."""
    start, stop, step = (dim_of(value, names) for value in node.operands[: BOUNDS["for"]])
    name = names.get(id(node.regions[0].parameters[0]))
    if start is None or stop is None or not isinstance(step, int) or not step or name is None:
        raise NotIndependent
    count = stop - start
    if isinstance(start, int) and isinstance(stop, int):
        count = len(range(start, stop, step))
    elif step != 1:
        raise NotIndependent
    return Counter(frozenset((name,)), start, step, count)

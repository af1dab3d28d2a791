"""Loops along the rows of arrays that lie far apart are done for some rows at a time.

Before: ``for j in 1..n: a[:, j] -= c * a[:, j-1]``, where each iteration touches a cache line of
every row. After: ``for r in 0..rows by 8: for j in 1..n: a[r:r+8, j] -= c * a[r:r+8, j-1]``: the
lines of 8 rows stay near until all of their columns are done. Each element is computed as before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator

import numpy as np

from jitflow.core import dims
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Block, Graph, Node, ScalarValue, Value
from jitflow.ir.passes.positions import Area, Counter, NotIndependent, area_of, dim_of
from jitflow.ir.passes.strip_bodies import NotRowWise, Part, Rows, StripBody
from jitflow.ir.regions import BOUNDS, carried
from jitflow.ir.rewriter import Rewriter

LINE = 64
"""Bytes of a cache line."""

PLACES, WAYS = 4096, 8
"""A first-level cache: bytes after which addresses meet in one place, and lines that it holds."""

HIDDEN = 4
"""How many times more lines of one array may come from the second level: that is overlapped."""

WIDTH = 8
"""Rows of a strip: rows that lie a power of two apart share few places in a cache."""

FEWEST = 8
"""Iterations from which on lines that stay near are worth another loop."""

Strides = Callable[[Value, int], int]
"""Bytes between neighbours along an axis of a value of a graph."""


@dataclass(eq=False)
class Plan:
    """How a loop is done strip by strip.

    Attributes
    ----------
    count : int
        The number of all rows.
    axis : int
        Where rows are looked for in arrays, first.
    width : int
        The number of rows in a strip.
    names : frozenset of str
        The symbols that are the loop's index.
    """

    count: int
    axis: int
    width: int
    names: frozenset[str]


@dataclass(frozen=True)
class MineStrips:
    """Do loops for some rows at a time where that keeps cache lines near.

    Parameters
    ----------
    strides : callable
        The layout of the graph's values, as far as it is known.
    """

    strides: Strides

    def run(self, graph: Graph) -> Graph:
        """`graph` with loops in strips; itself where there is none to make."""
        miner = _StripMiner(graph, self.strides)
        new = miner.run()
        return new if miner.gone else graph


class _StripMiner(Rewriter):
    """One walk; `gone` has the symbols of the loops that have others now."""

    def __init__(self, graph: Graph, strides: Strides) -> None:
        super().__init__(graph, {})
        self.strides = strides
        self.gone: set[str] = set()
        self.added: dict[str, Value] = {}
        self.scalars = {
            name: definition.value
            for name, definition in graph.symbols.items()
            if isinstance(definition, ScalarValue)
        }

    def run(self) -> Graph:
        new = super().run()
        for name in self.gone:
            new.symbols.pop(name, None)
        new.symbols.update((name, ScalarValue(value)) for name, value in self.added.items())
        return new

    def _visit(self, node: Node) -> None:
        self.current = node
        values = self.in_strips(node) if node.operator.name == "for" else None
        if values is None:
            super()._visit(node)
        else:
            self._replace(node, values)

    def in_strips(self, node: Node) -> tuple[Value, ...] | None:
        """The results of a loop that is done strip by strip; None where it stays."""
        plan = self.plan(node)
        if plan is None:
            return None
        length, added = len(self._nodes), dict(self.added)
        try:
            values = [self.new(value) for value in node.operands[BOUNDS["for"] :]]
            full = plan.count - plan.count % plan.width
            for bounds in ((0, full, plan.width), (full, plan.count, plan.count - full)):
                if bounds[0] < bounds[1]:
                    values = self.strips(node, plan, values, bounds)
        except NotRowWise:
            del self._nodes[length:]
            self.added = added
            return None
        self.gone |= plan.names
        return tuple(values)

    # What is worth it

    def plan(self, node: Node) -> Plan | None:
        """How to do a loop in strips; None where that gains nothing or cannot be."""
        body, index = node.regions[0], node.regions[0].parameters[0]
        names = frozenset(name for name, value in self.scalars.items() if value is index)
        inside = {id(value) for item in body.nodes for value in item.results}
        if not names or any(item.regions for item in body.nodes):
            return None
        if any(id(value) in inside for value in self.scalars.values()):
            return None
        if self.trips(node) < FEWEST:
            return None
        found: dict[tuple[int, int, int], dict[int, int]] = {}
        for base, area in _areas(body):
            rows = self.far_rows(base, area, Counter(names, 0, 1, 1))
            if rows is not None:
                found.setdefault(rows, {})[id(base)] = self.strides(base, rows[1])
        if not found:
            return None
        rows, arrays = max(found.items(), key=lambda item: len(item[1]) * item[0][0] * item[0][2])
        count, axis, lines = rows
        if count * lines * len(arrays) <= _staying(arrays.values()):
            return None
        return Plan(count, axis, max(1, WIDTH // lines), names)

    def trips(self, node: Node) -> int:
        """The number of iterations; many where it is not known."""
        names = {id(value): name for name, value in self.scalars.items()}
        start, stop, step = (dim_of(value, names) for value in node.operands[: BOUNDS["for"]])
        if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int) and step:
            return len(range(start, stop, step))
        return FEWEST

    def far_rows(self, base: Value, area: Area, counter: Counter) -> tuple[int, int, int] | None:
        """Number and axis of the rows of an area that moves along them, and the lines of each."""
        try:
            moving = area.axes(counter)
            steps = [abs(counter.moving(area.starts[axis])[0]) for axis in moving]
        except NotIndependent:
            return None
        if len(moving) != 1 or steps[0] * self.strides(base, moving[0]) >= LINE:
            return None
        far = [
            (extent, axis)
            for axis, extent in enumerate(area.shape)
            if axis != moving[0] and extent != 1 and self.strides(base, axis) >= LINE
        ]
        if not far or area.steps[far[0][1]] != 1:
            return None
        lines = dims.product(tuple(extent for extent, _ in far[1:]))
        count, axis = far[0]
        if not isinstance(count, int) or not isinstance(lines, int) or count < 2:
            return None
        return count, axis, lines

    # Loops

    def strips(
        self, node: Node, plan: Plan, values: list[Value], bounds: tuple[int, int, int]
    ) -> list[Value]:
        """A loop over strips around `node`: what it carries afterwards."""
        index, name = self.index("strip")
        block = Block([index])
        block.parameters += [self.parameter(value.type) for value in values]
        operands = [self.number(bound) for bound in bounds]
        with self.inside(block):
            rows = Rows(plan.count, dims.symbol(name), bounds[2])
            block.results = self.one_strip(node, plan, block.parameters[1:], rows)
        return self.loop(node, (*operands, *values), block)

    def one_strip(
        self, node: Node, plan: Plan, around: list[Value], rows: Rows
    ) -> tuple[Value, ...]:
        """The loop for one strip: the carried values behind it, whole again."""
        index, name = self.index("index")
        renamed: dict[str, Dim] = dict.fromkeys(plan.names, dims.symbol(name))
        writer = StripBody(self, rows, renamed, plan.axis)
        old = node.regions[0]
        writer.known[id(old.parameters[0])] = Part(index)
        first = node.operands[BOUNDS["for"] :]
        parts = [
            self.carried_part(writer, *given)
            for given in zip(first, carried(node, old), old.results, around, strict=True)
        ]
        block = Block([index])
        for (part, initial), parameter in zip(parts, carried(node, old), strict=True):
            inside = self.parameter(initial.type)
            block.parameters.append(inside)
            writer.known[id(parameter)] = replace(part, value=inside)
        with self.inside(block):
            writer.block(old)
            found = [writer.of(value) for value in old.results]
            for (part, _), made in zip(parts, found, strict=True):
                if (part.axis, part.is_whole) != (made.axis, made.is_whole):
                    raise NotRowWise
            block.results = tuple(part.value for part in found)
        self.current = node
        operands = (*map(self.new, node.operands[: BOUNDS["for"]]), *(part[1] for part in parts))
        made_values = self.loop(node, operands, block)
        return tuple(
            self.whole_again(part, outer, made, rows)
            for (part, _), outer, made in zip(parts, around, made_values, strict=True)
        )

    def carried_part(
        self, writer: StripBody, initial: Value, parameter: Value, result: Value, outer: Value
    ) -> tuple[Part, Value]:
        """How a carried value is seen by a strip, and its initial value there."""
        shape = parameter.type.shape
        if not shape:
            value = self.new(initial)
            return Part(value), value
        area = _written(parameter, result)
        if area is not None:
            axis = writer.axis_of(*writer.in_strip((area.starts, area.steps, area.shape)))
            if axis is None:
                raise NotRowWise
            return Part(outer, axis, area.starts[axis], True), outer
        if shape != (writer.rows.count,):
            raise NotRowWise
        part = writer.narrowed(Part(outer, 0, 0, True))
        return part, part.value

    def whole_again(self, part: Part, outer: Value, made: Value, rows: Rows) -> Value:
        """The value that the loop over strips carries on."""
        if part.axis is None or part.is_whole:
            return made
        view = {"starts": (rows.start,), "steps": (1,), "shape": (rows.width,)}
        return self.emit("update", outer, made, views=(("slice", view),))

    # New nodes

    def loop(self, node: Node, operands: tuple[Value, ...], block: Block) -> list[Value]:
        """A `for` like `node` over other values."""
        results = tuple(
            Value(self.fresh_name(), value.type, index=k) for k, value in enumerate(block.results)
        )
        made = replace(node, operands=operands, results=results, regions=(block,))
        for value in results:
            value.producer = made
        self.append(made)
        return list(results)

    def parameter(self, type: ArrayType) -> Value:
        return Value(self.fresh_name(), type)

    def index(self, hint: str) -> tuple[Value, str]:
        """The index of a new loop, and the symbol that it is."""
        number = 0
        while f"{hint}{number}" in self.graph.symbols or f"{hint}{number}" in self.added:
            number += 1
        value = self.parameter(ArrayType(I64))
        self.added[f"{hint}{number}"] = value
        return value, f"{hint}{number}"

    def number(self, number: int) -> Value:
        array = np.array(number, np.int64)
        array.flags.writeable = False
        return self.emit("constant", value=array)


def _staying(strides: Collection[int]) -> int:
    """How many lines, so far apart, are still near in the next iteration."""
    places = min(PLACES // max(LINE, math.gcd(PLACES, stride)) for stride in strides)
    is_hidden = len(strides) == 1 and places * LINE > PLACES // HIDDEN
    return places * WAYS * (HIDDEN if is_hidden else 1)


def _areas(body: Block) -> Iterator[tuple[Value, Area]]:
    """What a body reads and writes of arrays: the array as it was at first, and where."""
    for node in body.nodes:
        if node.operator.name == "slice":
            yield _start(node.operands[0]), area_of(node.attributes)
        elif node.operator.name == "update" and node.attributes["views"]:
            name, attributes = node.attributes["views"][0]
            if name == "slice":
                yield _start(node.operands[0]), area_of(attributes)


def _start(value: Value) -> Value:
    """The value at the start of a chain of updates."""
    while value.producer is not None and value.producer.operator.name == "update":
        value = value.producer.operands[0]
    return value


def _written(parameter: Value, result: Value) -> Area | None:
    """Where the first of the updates that lead from a carried array to its new version writes."""
    found = None
    while result is not parameter:
        node = result.producer
        if node is None or node.operator.name != "update" or not node.attributes["views"]:
            return None
        name, attributes = node.attributes["views"][0]
        if name != "slice":
            return None
        found, result = area_of(attributes), node.operands[0]
    return found

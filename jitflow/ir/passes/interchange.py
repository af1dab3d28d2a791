"""Loops in loops change places where the inner one would jump from line to line of memory.

Before: ``for j: for i: u[i, j] = u[i-1, j] + u[i, j-1]``. After: ``for i: for j: ...``, with the
same body. Each element must be computed from the same ones as before: of any two iterations that
meet in an element of an array that is written the same one comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from jitflow.core import dims
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim
from jitflow.ir.graph import Block, Graph, Node, ScalarValue, Value
from jitflow.ir.passes.positions import Area, Counter, NotIndependent, area_of, dim_of
from jitflow.ir.regions import BOUNDS, carried, pass_branch, symbols_in
from jitflow.ir.rewriter import Rewriter
from jitflow.ops.record import Kind

LINE = 64
"""Bytes of a cache line."""

Strides = Callable[[Value, int], int]
"""Bytes between neighbours along an axis of a value of a graph."""

_PLAIN = frozenset({Kind.ELEMENTWISE, Kind.VIEW, Kind.CREATION, Kind.SYMBOL, Kind.UPDATE})
_BETWEEN = frozenset({"constant", "dimension"})


class _Stays(Exception):
    """The loops cannot change places, or nothing is gained by it."""


@dataclass(frozen=True)
class InterchangeLoops:
    """Put the loop along lines of memory inside.

    Parameters
    ----------
    strides : callable
        The layout of the graph's values, as far as it is known.
    """

    strides: Strides

    def run(self, graph: Graph) -> Graph:
        """`graph` with loops in another order; itself where all stay."""
        if not any(_inner(node) for node in graph.walk() if node.operator.name == "for"):
            return graph
        rewriter = _Interchanger(graph, self.strides)
        new = rewriter.run()
        return new if rewriter.changed else graph


@dataclass(eq=False)
class _Access:
    """A part of an array that an iteration reads or writes; `root`: the number of a carried one."""

    base: Value
    area: Area
    root: int | None
    is_write: bool


@dataclass(eq=False)
class _Nest:
    """Loops in one another, outermost first, and what the body of the innermost one does.

    `between`: the nodes of the other bodies, which are the same in all iterations.
    """

    loops: list[Node]
    counters: list[Counter]
    between: list[Node]
    accesses: list[_Access]

    @property
    def body(self) -> Block:
        """The body of the innermost loop."""
        return self.loops[-1].regions[0]


class _Interchanger(Rewriter):
    def __init__(self, graph: Graph, strides: Strides) -> None:
        super().__init__(graph, {})
        self.strides = strides
        self.changed = False
        self.names = {
            id(definition.value): name
            for name, definition in graph.symbols.items()
            if isinstance(definition, ScalarValue)
        }

    def _place(self, node: Node) -> tuple[Value, ...]:
        if node.operator.name == "for" and _inner(node) is not None:
            with suppress(_Stays, NotIndependent):
                node = self.inside_out(node)
        return super()._place(node)

    def inside_out(self, node: Node) -> Node:
        """The nest with its outermost loop as the innermost one."""
        nest = self.nest(node)
        if not self.is_worth(nest) or not _is_legal(nest):
            raise _Stays
        self.changed = True
        for item in nest.between:
            self.append(item)
        loops = nest.loops
        return self.nested([*loops[1:], loops[0]], nest.body, node.operands[BOUNDS["for"] :])

    def nest(self, node: Node) -> _Nest:
        """The loops of a nest; their bounds are the same in all iterations."""
        loops, counters = [node], [self.counter(node)]
        while (inner := _inner(loops[-1])) is not None:
            loops.append(inner)
            counters.append(self.counter(inner))
        own = frozenset().union(*(counter.symbols for counter in counters))
        for counter in counters:
            if any(own & dims.symbols_of(dim) for dim in (counter.start, counter.count)):
                raise _Stays
        between = [
            item for loop in loops[:-1] for item in loop.regions[0].nodes if not item.regions
        ]
        if any(own.intersection(symbols_in(item.attributes)) for item in between):
            raise _Stays
        found = _Accesses(loops[-1])
        if any(key in self.names for key in found.defined):
            raise _Stays
        return _Nest(loops, counters, between, found.accesses)

    def counter(self, node: Node) -> Counter:
        """The index of a loop."""
        start, stop, step = (dim_of(value, self.names) for value in node.operands[: BOUNDS["for"]])
        name = self.names.get(id(node.regions[0].parameters[0]))
        if start is None or stop is None or not isinstance(step, int) or not step or name is None:
            raise _Stays
        return Counter(frozenset((name,)), start, step, stop - start)

    def is_worth(self, nest: _Nest) -> bool:
        """Whether the innermost loop goes from line to line, and the outermost along them.

        A loop whose iterations need each other does not take the place of one that could become
        vectors.
        """
        outer, inner = nest.counters[0], nest.counters[-1]
        if self.far_accesses(nest, outer) >= self.far_accesses(nest, inner):
            return False
        distances = list(_distances(nest))
        return _is_parallel(distances, 0) or not _is_parallel(distances, len(nest.loops) - 1)

    def far_accesses(self, nest: _Nest, counter: Counter) -> int:
        """How many accesses go from line to line as a loop counts."""
        count = 0
        for access in nest.accesses:
            steps = [
                counter.moving(access.area.starts[axis])[0] * self.strides(access.base, axis)
                for axis in access.area.axes(counter)
            ]
            count += abs(sum(steps)) >= LINE
        return count

    # The new nest

    def nested(self, loops: Sequence[Node], body: Block, operands: tuple[Value, ...]) -> Node:
        """A node for each of `loops`, one in another, around a body."""
        bounds = loops[0].operands[: BOUNDS["for"]]
        index = loops[0].regions[0].parameters[0]
        if len(loops) == 1:
            block = Block([index, *body.parameters[1:]], body.nodes, body.results)
        else:
            parameters = [Value(self.fresh_name(), value.type) for value in operands]
            block = Block([index, *parameters])
            inner = self.nested(loops[1:], body, tuple(parameters))
            block.nodes.append(inner)
            block.results = inner.results
        return self.like(loops[0], (*bounds, *operands), block)

    def like(self, node: Node, operands: tuple[Value, ...], block: Block) -> Node:
        """A `for` over other values."""
        results = tuple(
            Value(self.fresh_name(), value.type, index=k) for k, value in enumerate(block.results)
        )
        made = replace(node, operands=operands, results=results, regions=(block,))
        for value in results:
            value.producer = made
        return made


def _inner(node: Node) -> Node | None:
    """The loop that is all that a loop's body does, carrying the same arrays in the same order."""
    body = node.regions[0]
    loops = [item for item in body.nodes if item.operator.name == "for"]
    others = (item for item in body.nodes if item.operator.name not in ("for", *_BETWEEN))
    if len(loops) != 1 or any(True for _ in others):
        return None
    (inner,) = loops
    given, own = inner.operands[BOUNDS["for"] :], carried(node, body)
    if len(given) != len(own) or any(a is not b for a, b in zip(given, own, strict=True)):
        return None
    if len(body.results) != len(inner.results) or not own:
        return None
    if any(a is not b for a, b in zip(body.results, inner.results, strict=True)):
        return None
    return inner if all(value.type.rank for value in own) else None


class _Accesses:
    """What the body of a loop reads and writes, its branches included."""

    def __init__(self, loop: Node) -> None:
        body = loop.regions[0]
        self.accesses: list[_Access] = []
        self.defined: set[int] = set()
        self.roots = {id(value): k for k, value in enumerate(carried(loop, body))}
        self.block(body)
        if [self.roots.get(id(value)) for value in body.results] != list(range(len(body.results))):
            raise _Stays

    def block(self, block: Block) -> None:
        for node in block.nodes:
            self.defined.update(id(value) for value in node.results)
            self.node(node)

    def node(self, node: Node) -> None:
        name = node.operator.name
        if name == "cond":
            self.branch(node)
            return
        rooted = [self.roots.get(id(value)) for value in node.operands]
        if name == "slice":
            self.accesses.append(
                _Access(node.operands[0], area_of(node.attributes), rooted[0], False)
            )
            return
        if name == "require" and rooted == [None]:
            return
        if node.operator.kind not in _PLAIN or len(node.results) != 1:
            raise _Stays
        if name == "update" and rooted[0] is not None:
            views = node.attributes["views"]
            if not views or views[0][0] != "slice" or rooted[1] is not None:
                raise _Stays
            area = area_of(views[0][1])
            self.accesses.append(_Access(node.operands[0], area, rooted[0], True))
            self.roots[id(node.result)] = rooted[0]
        elif any(root is not None for root in rooted):
            raise _Stays

    def branch(self, node: Node) -> None:
        """Arms: what they update is updated."""
        for region in node.regions:
            self.block(region)
        if not pass_branch(node, self.roots):
            raise _Stays


Distance = tuple[int | None, ...]
"""Iterations of each loop between two accesses to one element; None: any number of them."""


def _distances(nest: _Nest) -> Iterator[Distance]:
    """The distances of all pairs of accesses that may meet in an element that one writes."""
    for number, one in enumerate(nest.accesses):
        for other in nest.accesses[number:]:
            if one.root is None or one.root != other.root or not (one.is_write or other.is_write):
                continue
            found = _distance(nest.counters, one.area, other.area)
            if found is not None:
                yield found


def _distance(counters: list[Counter], one: Area, other: Area) -> Distance | None:
    """The distance of two accesses; None where they never meet."""
    known: list[int | None] = [None] * len(counters)
    for axis, extent in enumerate(one.shape):
        if extent != 1 or other.shape[axis] != 1:
            continue
        found = _apart(counters, one.starts[axis], other.starts[axis])
        if found is None:
            continue
        number, gap, step = found
        if gap % step if step else gap:
            return None
        if step:
            before = known[number]
            if before is not None and before != gap // step:
                return None
            known[number] = gap // step
    return tuple(known)


def _apart(counters: list[Counter], one: Dim, other: Dim) -> tuple[int, int, int] | None:
    """For two positions: which loop moves both, how far apart they are, and its step."""
    gap = one - other
    if not isinstance(gap, int):
        return None
    moving = [k for k, counter in enumerate(counters) if counter.depends(one)]
    if not moving:
        return 0, gap, 0
    if len(moving) > 1:
        return None
    return moving[0], gap, counters[moving[0]].moving(one)[0]


def _is_parallel(distances: list[Distance], number: int) -> bool:
    """Whether no iteration of a loop needs another one of it."""
    return all(distance[number] == 0 for distance in distances)


def _is_legal(nest: _Nest) -> bool:
    """Whether the outermost loop may become the innermost one."""
    for first, *rest in _distances(nest):
        if first == 0 or all(step == 0 for step in rest):
            continue
        if first is None or None in rest:
            return False
        leading = next(step for step in rest if step)
        if leading is None or (first > 0) != (leading > 0):
            return False
    return True

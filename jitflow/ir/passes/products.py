"""Products in loops with a row of an array that the loop leaves as it is: all of them as one.

Before: ``for i: %p = matmul %x[i, :], %y``. After: ``%g = matmul %x, %y; for i: %p = %g[i, :]``.
One product of matrices reads each of them once; the loop reads one of them in every iteration.
Where the other operand grows or shrinks with the index it must be a part of the same array, as in a
covariance: the product of a matrix with itself takes half the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.ir.graph import Node, Value
from jitflow.ir.regions import symbols_in, symbols_of_node
from jitflow.ops.record import Kind, operator

LEAST_ROWS, LEAST_WORK = 8, 1 << 12
"""Iterations and multiplications from which one product is worth its memory."""

MOST_BYTES, MOST_EXTRA = 1 << 20, 4
"""Bytes of a result that is small enough, and how many times those of its operands it may have."""

MOST_WASTE = 1.3
"""Multiplications, to those of the loop, up to which a symmetric product is made instead."""


Emit: TypeAlias = Callable[..., Value]


@dataclass(eq=False)
class LoopAround:
    """A loop over the integers from `start` to `stop` whose body is being rebuilt.

    Attributes
    ----------
    symbols : frozenset of str
        The symbols that are its index.
    own : frozenset of str
        All symbols that are defined in it.
    body, before : list of Node
        What is rebuilt of it so far, and where nodes in front of it go.
    parameters : sequence of Value
        Those of its body.
    outer : LoopAround or None
        The loop whose body `before` is.
    fresh : callable
        Gives names that no value has.
    """

    symbols: frozenset[str]
    own: frozenset[str]
    start: int
    stop: int
    body: list[Node]
    before: list[Node]
    parameters: Sequence[Value]
    outer: LoopAround | None
    fresh: Callable[[str], str]
    seen: int = 0
    found: set[Value] = field(default_factory=set)

    def defines(self, value: Value) -> bool:
        """Whether a value is computed in the loop."""
        for node in self.body[self.seen :]:
            self.found.update(node.results)
        self.seen = len(self.body)
        return value in self.found or value in self.parameters

    def inside(self, like: Node) -> Emit:
        """What appends nodes to the body, for the source line of `like`."""

        def emit(name: str, *operands: Value, **attributes: Any) -> Value:
            return self.append(self.body, made(self.fresh, like, name, operands, attributes))

        return emit

    def in_front(self, like: Node) -> Emit:
        """What appends nodes in front of the loop; products go as far out as they may."""

        def emit(name: str, *operands: Value, **attributes: Any) -> Value:
            node = made(self.fresh, like, name, operands, attributes)
            farther = None
            if name == "matmul" and self.outer is not None:
                farther = hoisted(node, self.outer)
            return farther or self.append(self.before, node)

        return emit

    def append(self, nodes: list[Node], node: Node) -> Value:
        nodes.append(node)
        return node.result


def made(
    fresh: Callable[[str], str],
    like: Node,
    name: str,
    operands: tuple[Value, ...],
    attributes: dict[str, Any],
) -> Node:
    """A node for the source line of another one."""
    record = operator(name)
    (type,) = record.infer(tuple(value.type for value in operands), attributes)
    result = Value(fresh(name), type)
    node = Node(record, operands, attributes, (result,), (), like.location)
    result.producer = node
    return node


@dataclass(eq=False)
class _Part:
    """A view of a matrix: for each of its axes that of `root` (None: a new one), and from where."""

    root: Value
    axes: list[int | None]
    starts: list[Dim]
    extents: list[Dim]

    def apply(self, node: Node) -> bool:
        """Go one view further; False where that is no such part."""
        name, attributes = node.operator.name, node.attributes
        if name == "slice" and all(step == 1 for step in attributes["steps"]):
            given = zip(self.axes, attributes["starts"], attributes["shape"], strict=True)
            for axis, start, extent in given:
                if axis is not None:
                    self.starts[axis] = self.starts[axis] + start
                    self.extents[axis] = extent
        elif name == "squeeze":
            gone = attributes["axes"]
            self.axes = [axis for k, axis in enumerate(self.axes) if k not in gone]
        elif name == "expand_dims":
            rest = iter(self.axes)
            rank = len(self.axes) + len(attributes["axes"])
            new = attributes["axes"]
            self.axes = [None if k in new else next(rest) for k in range(rank)]
        elif name == "transpose":
            self.axes = [self.axes[axis] for axis in attributes["axes"]]
        else:
            return False
        return True


def hoisted(node: Node, around: LoopAround) -> Value | None:
    """The part of one product in front of the loop that is the result of `node`, if it may be."""
    if node.result.type.rank != 2:
        return None
    left, right = node.operands
    parts = _part(left, around), _part(right, around)
    if parts[0] is not None and parts[1] is not None and parts[0].root is parts[1].root:
        found = _symmetric(node, parts[0], parts[1], around)
        if found is not None:
            return found
    for part, other, is_left in ((parts[0], right, True), (parts[1], left, False)):
        found = _rows_at_once(node, part, other, is_left, around) if part is not None else None
        if found is not None:
            return found
    return None


def _part(value: Value, around: LoopAround) -> _Part | None:
    """What part of a matrix from outside of the loop a value is."""
    chain: list[Node] = []
    while around.defines(value):
        if value.producer is None or len(value.producer.operands) != 1:
            return None
        chain.append(value.producer)
        (value,) = value.producer.operands
    if value.type.rank != 2:
        return None
    part = _Part(value, [0, 1], [0, 0], list(value.type.shape))
    if not all(part.apply(node) for node in reversed(chain)):
        return None
    return part


def _is_invariant(value: Value, around: LoopAround) -> bool:
    """Whether a value is from outside of the loop, or such a value through views."""
    while around.defines(value):
        node = value.producer
        if node is None or node.operator.kind is not Kind.VIEW:
            return False
        if around.own.intersection(symbols_of_node(node)):
            return False
        (value,) = node.operands
    return True


def _again(value: Value, around: LoopAround, emit: Emit) -> Value:
    """An invariant value in front of the loop."""
    node = value.producer
    if not around.defines(value) or node is None:
        return value
    return emit(node.operator.name, _again(node.operands[0], around, emit), **node.attributes)


def _row_of(part: _Part, place: int, around: LoopAround) -> tuple[int, int] | None:
    """The axis of a matrix of which a part is element ``index + offset``, and the offset.

    `place` is the axis of the part that runs along the whole other axis of the matrix.
    """
    along = part.axes[place] if len(part.axes) == 2 and part.root.type.rank == 2 else None
    if along is None or part.axes[1 - place] not in (None, 1 - along):
        return None
    axis = 1 - along
    whole = part.starts[along] == 0 and part.extents[along] == part.root.type.shape[along]
    if not whole or part.extents[axis] != 1 or not part.root.type.is_static:
        return None
    for name in around.symbols:
        offset = part.starts[axis] - dims.symbol(name)
        if isinstance(offset, int):
            return axis, offset
    return None


def _rows_at_once(
    node: Node, part: _Part, other: Value, is_left: bool, around: LoopAround
) -> Value | None:
    """All iterations' rows (or columns) times an operand that does not change."""
    found = _row_of(part, 1 if is_left else 0, around)
    if found is None or not _is_invariant(other, around) or not other.type.is_static:
        return None
    axis, offset = found
    count, extent = around.stop - around.start, part.root.type.shape[axis]
    first = around.start + offset
    if first < 0 or not isinstance(extent, int) or first + count > extent:
        return None  # some iteration raises an IndexError
    result = (count, node.result.type.shape[1]) if is_left else (node.result.type.shape[0], count)
    inner = node.operands[0].type.shape[1]
    if not _is_worth(node, result, inner, (part.root, other), around) or count < LEAST_ROWS:
        return None
    emit = around.in_front(node)
    other = _again(other, around, emit)
    starts, shape = [0, 0], list(part.root.type.shape)
    starts[axis], shape[axis] = first, count
    rows = emit("slice", part.root, starts=tuple(starts), steps=(1, 1), shape=tuple(shape))
    if (axis == 0) != is_left:
        rows = emit("transpose", rows, axes=(1, 0))
    product = emit("matmul", rows, other) if is_left else emit("matmul", other, rows)
    index = dims.symbol(min(around.symbols)) - around.start
    at = (index, 0) if is_left else (0, index)
    return around.inside(node)(
        "slice", product, starts=at, steps=(1, 1), shape=node.result.type.shape
    )


def _symmetric(node: Node, left: _Part, right: _Part, around: LoopAround) -> Value | None:
    """A row times other rows of the same matrix: an element range of the matrix times itself."""
    for part, other, is_left in ((left, right, True), (right, left, False)):
        found = _row_of(part, 1 if is_left else 0, around)
        if found is None:
            continue
        axis, offset = found
        place = 1 if is_left else 0
        whole = other.starts[1 - axis] == 0 and (
            other.extents[1 - axis] == part.root.type.shape[1 - axis]
        )
        if other.axes[place] != axis or other.axes[1 - place] != 1 - axis or not whole:
            continue
        size, depth = part.root.type.shape[axis], part.root.type.shape[1 - axis]
        done = _elements(other.extents[axis], around)
        if not isinstance(size, int) or done is None or size * size / 2 > MOST_WASTE * done:
            continue
        if not _is_worth(node, (size, size), depth, (part.root, part.root), around):
            continue
        emit = around.in_front(node)
        flipped = emit("transpose", part.root, axes=(1, 0))
        pair = (part.root, flipped) if axis == 0 else (flipped, part.root)
        product = emit("matmul", *pair)
        here = dims.symbol(min(around.symbols)) + offset
        at = (here, other.starts[axis]) if is_left else (other.starts[axis], here)
        return around.inside(node)(
            "slice", product, starts=at, steps=(1, 1), shape=node.result.type.shape
        )
    return None


def _elements(extent: Dim, around: LoopAround) -> float | None:
    """The sum of an extent over all iterations; None where it depends on more than the index."""
    if set(symbols_in(extent)) - around.symbols:
        return None
    ends = [
        dims.evaluate(extent, dict.fromkeys(around.symbols, index))
        for index in (around.start, around.stop - 1)
    ]
    return (around.stop - around.start) * sum(ends) / 2


def _is_worth(
    node: Node,
    shape: tuple[Dim, Dim],
    inner: Dim,
    operands: tuple[Value, Value],
    around: LoopAround,
) -> bool:
    """Whether a product does enough to be made at once, and is not too large."""
    given = [value.type.shape for value in operands]
    extents = [*shape, inner, *given[0], *given[1]]
    if not all(isinstance(extent, int) for extent in extents):
        return False
    size = dims.product(shape)
    itemsize = node.result.type.dtype.itemsize
    read = sum(map(dims.product, given))
    assert isinstance(size, int)
    assert isinstance(inner, int)
    assert isinstance(read, int)
    work, outer = size * inner, around.outer
    while outer is not None:
        work, outer = work * (outer.stop - outer.start), outer.outer
    if work < LEAST_WORK or node.result.type.dtype.kind not in "fc":
        return False
    return size * itemsize <= max(MOST_BYTES, MOST_EXTRA * read * itemsize)

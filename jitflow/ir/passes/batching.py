"""Batching: the body of a loop, for all iterations at once; a rule for each kind of operator.

A *batched* value has the iterations as its first axis. Other values are the same in all iterations.
Arrays that the loop carries are never batched: an update in each iteration becomes one update of
all the places, which the iterations have each of their own (`passes.positions`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core import dims
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.core.dtypes import I64
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Block, Node, Value
from jitflow.ir.passes.positions import (
    Area,
    Counter,
    NotIndependent,
    Traffic,
    View,
    area_of,
)  # fmt: skip
from jitflow.ir.regions import symbols_in
from jitflow.ir.rewriter import Rewriter
from jitflow.ops.record import Kind, operator


@dataclass(eq=False)
class Batched:
    """What stands for a value of the body: `root` is the number of the carried array it is of."""

    value: Value
    is_batched: bool = False
    root: int | None = None


class Batcher:
    """Writes one body for all iterations.

    Parameters
    ----------
    rewriter : Rewriter
        Where nodes go.
    counter : Counter
        The loop's index.
    own : dict
        Symbols that are defined in the body, besides the index, with their values.
    """

    def __init__(self, rewriter: Rewriter, counter: Counter, own: dict[str, Value]) -> None:
        self.rewriter = rewriter
        self.counter = counter
        self.own = own
        self.known: dict[int, Batched] = {}
        self.fixed: dict[str, Dim] = {}
        self.gone: set[str] = set()
        self.traffic: dict[int, Traffic] = {}

    def of(self, value: Value) -> Batched:
        """What stands for a value."""
        return self.known.get(id(value)) or Batched(value)

    def emit(self, name: str, *operands: Value, **attributes: Any) -> Value:
        """The result of a new node; raises `NotIndependent` where no operator takes these types."""
        record, types = operator(name), tuple(value.type for value in operands)
        try:
            record.infer(types, attributes)
        except TypeError:
            raise NotIndependent from None
        return self.rewriter.emit(name, *operands, **attributes)

    # Bodies

    def block(self, block: Block) -> None:
        """Write the nodes of a block."""
        for node in block.nodes:
            self.rewriter.current = node
            self.node(node)

    def node(self, node: Node) -> None:
        """Write one node."""
        if self.fixed:
            node = replace(node, attributes=_substituted(node.attributes, self.fixed))
        given = [self.of(value) for value in node.operands]
        if node.operator.name == "for":
            self.loop(node, given)
        elif any(item.root is not None for item in given):
            self.known[id(node.result)] = self.of_carried(node, given)
        elif node.operator.name == "require":
            self.require(given[0])
        elif node.operator.kind in _RULES or node.operator.name == "dimension":
            self.known[id(node.result)] = self.plain(node, given)
        else:
            raise NotIndependent

    def plain(self, node: Node, given: list[Batched]) -> Batched:
        """A node on values that are no carried arrays."""
        if node.operator.name == "slice" and not given[0].is_batched:
            return self.slice(given[0].value, area_of(node.attributes))
        if node.operator.name == "dimension":
            return self.dimension(node.attributes["dim"])
        self.check_symbols(node)
        if not any(item.is_batched for item in given):
            values = [item.value for item in given]
            return Batched(self.emit(node.operator.name, *values, **node.attributes))
        return Batched(_RULES[node.operator.kind](self, node, given), True)

    def check_symbols(self, node: Node) -> None:
        """Raise where a shape, or another dimension, is not the same in all iterations."""
        for value in node.results:
            self.check_dims(value.type)
        self.check_dims(node.attributes)

    def check_dims(self, item: Any) -> None:
        for name in symbols_in(item):
            if name in self.counter.symbols:
                raise NotIndependent
            own = self.own.get(name)
            if own is not None and self.of(own).is_batched:
                raise NotIndependent

    def require(self, condition: Batched) -> None:
        """A check of all iterations."""
        value = condition.value
        if condition.is_batched:
            value = self.emit("all", value, axes=(0,), keepdims=False)
        record = operator("require")
        self.rewriter.append(Node(record, (value,), {}, ()))

    # Numbers

    def number(self, number: int) -> Value:
        array = np.array(number, np.int64)
        array.flags.writeable = False
        return self.emit("constant", value=array)

    def positions(self, start: Dim, step: int) -> Value:
        """``start + step * k`` for all iterations."""
        value = self.emit("iota", length=self.counter.count, dtype=I64)
        if step != 1:
            value = self.emit("multiply", value, self.number(step))
        if isinstance(start, int):
            return value if start == 0 else self.emit("add", value, self.number(start))
        return self.emit("add", value, self.emit("dimension", dim=start))

    def dimension(self, dim: Dim) -> Batched:
        """The value of a dimension."""
        moving = self.counter.split(dim)
        if moving is None:
            self.check_dims((dim,))
            return Batched(self.emit("dimension", dim=dim))
        step, start = moving
        self.check_dims((start,))
        return Batched(self.positions(start, step), True)

    # Parts of arrays

    def slice(self, source: Value, area: Area) -> Batched:
        """The slices of all iterations: along the axis that they move on, in front."""
        self.check_dims((*area.steps, *area.shape))
        axes = area.axes(self.counter)
        if not axes:
            self.check_dims(area.starts)
            given = {"starts": area.starts, "steps": area.steps, "shape": area.shape}
            return Batched(self.emit("slice", source, **given))
        value = source
        for name, attributes in self.moved(area, axes):
            value = self.emit(name, value, **attributes)
        return Batched(value, True)

    def moved(self, area: Area, axes: list[int]) -> list[View]:
        """Views from an array to the areas of all iterations, the iterations in front."""
        rank, count = len(area.shape), self.counter.count
        starts, steps, shape = list(area.starts), list(area.steps), list(area.shape)
        if len(axes) == 2:
            return self.on_diagonal(area, axes)
        if len(axes) != 1:
            raise NotIndependent
        (axis,) = axes
        step, starts[axis] = self.counter.moving(starts[axis])
        extent = shape[axis]
        self.check_dims(tuple(starts))
        order = (axis, *(k for k in range(rank) if k != axis))
        if extent == 1:
            steps[axis], shape[axis] = step, count
            sliced = _view("slice", starts=tuple(starts), steps=tuple(steps), shape=tuple(shape))
            front = [_view("transpose", axes=order)] if axis else []
            return [sliced, *front, _view("expand_dims", axes=(axis + 1,))]
        within = steps[axis]
        if not isinstance(within, int) or within < 1 or step < 1 or not isinstance(count, int):
            raise NotIndependent
        steps[axis], shape[axis] = 1, (count - 1) * step + (extent - 1) * within + 1
        sliced = _view("slice", starts=tuple(starts), steps=tuple(steps), shape=tuple(shape))
        windows = _view(
            "strided",
            axes=(axis, *range(rank)),
            steps=(step, *(within if k == axis else 1 for k in range(rank))),
            shape=(count, *area.shape),
        )
        return [sliced, windows]

    def on_diagonal(self, area: Area, axes: list[int]) -> list[View]:
        """Elements that move along two axes at once."""
        rank, count = len(area.shape), self.counter.count
        starts, steps, shape = list(area.starts), list(area.steps), list(area.shape)
        for axis in axes:
            if shape[axis] != 1:
                raise NotIndependent
            steps[axis], starts[axis] = self.counter.moving(starts[axis])
            shape[axis] = count
        self.check_dims(tuple(starts))
        first, second = axes
        return [
            _view("slice", starts=tuple(starts), steps=tuple(steps), shape=tuple(shape)),
            _view("diagonal", offset=0, axis1=first, axis2=second),
            _view("transpose", axes=(rank - 2, *range(rank - 2))),
            _view("expand_dims", axes=(first + 1, second + 1)),
        ]

    # Arrays that the loop carries

    def of_carried(self, node: Node, given: list[Batched]) -> Batched:
        """A read or an update of a carried array."""
        first, *others = given
        if first.root is None or any(item.root is not None for item in others):
            raise NotIndependent
        if node.operator.name == "slice":
            area = area_of(node.attributes)
            self.traffic[first.root].reads.append(area)
            return self.slice(first.value, area)
        if node.operator.name != "update":
            raise NotIndependent
        return self.update(node, first, others[0])

    def update(self, node: Node, base: Batched, new: Batched) -> Batched:
        """The updates of all iterations as one."""
        views = list(node.attributes["views"])
        if not views or views[0][0] != "slice" or base.root is None:
            raise NotIndependent
        area = area_of(views[0][1])
        self.check_dims((*area.steps, *area.shape))
        self.traffic[base.root].writes.append(area)
        made = self.moved(area, area.axes(self.counter))
        type = ArrayType(new.value.type.dtype, (self.counter.count, *area.shape))
        for name, attributes in views[1:]:
            self.check_dims(attributes)
            name, attributes = self.shifted(name, attributes, type.rank - 1)
            made.append((name, attributes))
            try:
                (type,) = operator(name).infer((type,), attributes)
            except TypeError:
                raise NotIndependent from None
        rank = type.rank - 1
        return self.write(base, self.aligned(new, rank), area, tuple(made), rank)

    def write(
        self, base: Batched, value: Value, area: Area, views: tuple[View, ...], rank: int
    ) -> Batched:
        """Store a value of `rank` axes in each place; `area`: that of one iteration."""
        updated = self.emit("update", base.value, value, views=views)
        return Batched(updated, False, base.root)

    # Kinds of operators

    def aligned(self, item: Batched, rank: int) -> Value:
        """An operand for a result of `rank` axes besides the iterations."""
        inner = item.value.type.rank - 1
        if not item.is_batched or inner >= rank:
            return item.value
        return self.emit("expand_dims", item.value, axes=tuple(range(1, 1 + rank - inner)))

    def elementwise(self, node: Node, given: list[Batched]) -> Value:
        rank = node.result.type.rank
        operands = [self.aligned(item, rank) for item in given]
        return self.emit(node.operator.name, *operands, **node.attributes)

    def view(self, node: Node, given: list[Batched]) -> Value:
        name, attributes = node.operator.name, node.attributes
        value = given[0].value
        if name == "broadcast":
            value = self.aligned(given[0], len(attributes["shape"]))
        name, attributes = self.shifted(name, attributes, node.operands[0].type.rank)
        return self.emit(name, value, **attributes)

    def shifted(self, name: str, attributes: dict[str, Any], rank: int) -> View:
        """A view of an array of `rank` axes, for a batch of such arrays."""
        count = self.counter.count
        if name in ("reshape", "broadcast"):
            return name, {"shape": (count, *attributes["shape"])}
        if name == "slice":
            return _view(
                name, starts=(0, *attributes["starts"]), steps=(1, *attributes["steps"]),
                shape=(count, *attributes["shape"]),
            )  # fmt: skip
        if name == "strided":
            axes = (0, *(axis + 1 for axis in attributes["axes"]))
            shape = (count, *attributes["shape"])
            return _view(name, axes=axes, steps=(1, *attributes["steps"]), shape=shape)
        if name == "diagonal":
            moved = {k: attributes[k] + 1 for k in ("axis1", "axis2")}
            return name, {**attributes, **moved}
        axes = tuple(axis + 1 for axis in attributes["axes"])
        return name, {"axes": (0, *axes) if name == "transpose" else axes}

    def reduction(self, node: Node, given: list[Batched]) -> Value:
        axes = tuple(axis + 1 for axis in node.attributes["axes"])
        attributes = {**node.attributes, "axes": axes}
        return self.emit(node.operator.name, given[0].value, **attributes)

    def scan(self, node: Node, given: list[Batched]) -> Value:
        attributes = {**node.attributes, "axis": node.attributes["axis"] + 1}
        return self.emit(node.operator.name, given[0].value, **attributes)

    def creation(self, node: Node, given: list[Batched]) -> Value:
        """An array full of a number that is another one in each iteration."""
        shape = tuple(node.attributes["shape"])
        value = self.aligned(given[0], len(shape))
        return self.emit("broadcast", value, shape=(self.counter.count, *shape))

    def concatenation(self, node: Node, given: list[Batched]) -> Value:
        parts = []
        for item, operand in zip(given, node.operands, strict=True):
            shape = (self.counter.count, *operand.type.shape)
            whole = item.is_batched
            parts.append(item.value if whole else self.emit("broadcast", item.value, shape=shape))
        return self.emit(node.operator.name, *parts, axis=node.attributes["axis"] + 1)

    def contraction(self, node: Node, given: list[Batched]) -> Value:
        """Products with one matrix are one product, where the iterations give rows or columns."""
        left, right = given
        shapes = [operand.type.shape for operand in node.operands]
        if len(shapes[0]) == len(shapes[1]) == 2:
            if not right.is_batched and shapes[0][0] == 1:
                rows = self.emit("squeeze", left.value, axes=(1,))
                return self.emit("expand_dims", self.emit("matmul", rows, right.value), axes=(1,))
            if not left.is_batched and shapes[1][1] == 1:
                columns = self.emit("squeeze", right.value, axes=(2,))
                columns = self.emit("transpose", columns, axes=(1, 0))
                product = self.emit("matmul", left.value, columns)
                product = self.emit("transpose", product, axes=(1, 0))
                return self.emit("expand_dims", product, axes=(2,))
        rank = node.result.type.rank
        return self.emit("matmul", self.aligned(left, rank), self.aligned(right, rank))

    def loop(self, node: Node, given: list[Batched]) -> None:
        """A loop inside: `batched_loops` has the rule."""
        raise NotIndependent


def _substituted(item: Any, values: dict[str, Dim]) -> Any:
    """Attributes with dimensions in the place of symbols."""
    if isinstance(item, SymbolicDim):
        return dims.substitute(item, values)
    if isinstance(item, dict):
        return {key: _substituted(part, values) for key, part in item.items()}
    if isinstance(item, tuple | list):
        return type(item)(_substituted(part, values) for part in item)
    return item


def _view(name: str, **attributes: Any) -> View:
    return name, attributes


_RULES = {
    Kind.ELEMENTWISE: Batcher.elementwise,
    Kind.VIEW: Batcher.view,
    Kind.REDUCTION: Batcher.reduction,
    Kind.SCAN: Batcher.scan,
    Kind.CREATION: Batcher.creation,
    Kind.CONCATENATE: Batcher.concatenation,
    Kind.CONTRACTION: Batcher.contraction,
}

"""The body of a loop for a strip of rows: what each operator does to some rows of its arrays alone.

A value has *rows* along one of its axes, or is the same for all strips. Arrays from outside and
carried ones are whole; their slices are narrowed to the strip. Where anything but the rows of the
strip would be needed, `NotRowWise` is raised.
"""

from __future__ import annotations

from typing import Any

from jitflow.core import dims
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.ir.graph import Block, Node, Value
from jitflow.ir.rewriter import Rewriter
from jitflow.ops.record import Kind


class NotRowWise(Exception):
    """The loop cannot be done strip by strip."""


@dataclass(eq=False)
class Part:
    """What stands for a value of the body.

    Attributes
    ----------
    axis : int or None
        The axis along which the rows lie; None where there are none, or none are known yet.
    first : Dim or None
        Of a carried array that is whole: where on that axis the first of all rows is.
    is_whole : bool
        Whether it is a whole array, of which slices are rows.
    """

    value: Value
    axis: int | None = None
    first: Dim | None = None
    is_whole: bool = False


@dataclass(frozen=True)
class Rows:
    """All rows, and those of the strip.

    Attributes
    ----------
    count : Dim
        How many there are in all.
    start : Dim
        The first of the strip.
    width : int
        How many are in the strip.
    """

    count: Dim
    start: Dim
    width: int


class StripBody:
    """Writes the body of a loop for the rows of a strip.

    Parameters
    ----------
    rewriter : Rewriter
        Where nodes go.
    rows : Rows
    renamed : dict
        Symbols of the loop's index, and what stands for them.
    hint : int
        The axis of arrays on which rows are looked for first.
    """

    def __init__(self, rewriter: Rewriter, rows: Rows, renamed: dict[str, Dim], hint: int) -> None:
        self.rewriter = rewriter
        self.rows = rows
        self.renamed = renamed
        self.hint = hint
        self.known: dict[int, Part] = {}
        self.touched: list[tuple[Part, int, Dim]] = []

    def of(self, value: Value) -> Part:
        """What stands for a value; arrays from outside are whole."""
        part = self.known.get(id(value))
        if part is None:
            part = Part(self.rewriter.new(value), is_whole=value.type.rank > 0)
            self.known[id(value)] = part
        return part

    def emit(self, name: str, *operands: Value, **attributes: Any) -> Value:
        """The result of a new node."""
        try:
            return self.rewriter.emit(name, *operands, **attributes)
        except TypeError:
            raise NotRowWise from None

    # Bodies

    def block(self, block: Block) -> None:
        """Write the nodes of a block."""
        for node in block.nodes:
            self.rewriter.current = node
            self.node(replace(node, attributes=self.in_strip(node.attributes)))

    def node(self, node: Node) -> None:
        """Write one node."""
        name, kind = node.operator.name, node.operator.kind
        if name == "slice":
            made = self.slice(node)
        elif name == "update":
            made = self.update(node)
        elif node.operator.checks or not node.results or node.regions or len(node.results) > 1:
            raise NotRowWise
        elif kind is Kind.ELEMENTWISE:
            made = self.elementwise(node)
        elif all(self.is_same(value) for value in node.operands):
            made = self.same(node)
        elif kind is Kind.VIEW:
            part = self.narrowed(self.of(node.operands[0]))
            made = self.view(name, node.attributes, part, node.operands[0].type.shape)
        else:
            raise NotRowWise
        self.known[id(node.result)] = made

    def in_strip(self, item: Any) -> Any:
        """Attributes with the symbols of the new loop."""
        if isinstance(item, SymbolicDim):
            return dims.substitute(item, self.renamed)
        if isinstance(item, dict):
            return {key: self.in_strip(part) for key, part in item.items()}
        if isinstance(item, tuple | list):
            return type(item)(map(self.in_strip, item))
        return item

    def is_same(self, value: Value) -> bool:
        """Whether a value is a number or a small array that has nothing to do with the rows."""
        part = self.of(value)
        return part.axis is None and not (part.is_whole and self.rows.count in value.type.shape)

    def same(self, node: Node) -> Part:
        """A node that is computed again for each strip; only small ones are."""
        if node.operator.kind not in (Kind.VIEW, Kind.CREATION, Kind.SYMBOL):
            raise NotRowWise
        if node.results[0].type.rank and node.operator.kind is not Kind.VIEW:
            raise NotRowWise
        values = [self.of(value).value for value in node.operands]
        return Part(self.emit(node.operator.name, *values, **node.attributes))

    # Parts of arrays

    def axis_of(self, starts: tuple[Dim, ...], steps: tuple[Dim, ...], shape: Any) -> int | None:
        """The axis along which a slice shows all rows; None where it shows none."""
        moving = frozenset(name for dim in self.renamed.values() for name in dims.symbols_of(dim))
        found = [
            axis
            for axis, extent in enumerate(shape)
            if extent == self.rows.count
            and steps[axis] == 1
            and not moving & dims.symbols_of(starts[axis])
        ]
        return self.hint if self.hint in found else found[0] if len(found) == 1 else None

    def slice(self, node: Node) -> Part:
        """A slice of a whole array, or of rows."""
        part = self.of(node.operands[0])
        names = ("starts", "steps", "shape")
        starts, steps, shape = (tuple(node.attributes[name]) for name in names)
        axis = part.axis
        if part.is_whole:
            axis = self.axis_of(starts, steps, shape) if axis is None else axis
            if axis is None or (part.first is not None and shape[axis] != self.rows.count):
                return self.beside(node, part)
            if part.first is not None and starts[axis] != part.first:
                raise NotRowWise
            narrow = self.strip(axis, starts, steps, shape)
            return Part(self.emit("slice", part.value, **narrow), axis)
        if axis is None:
            return Part(self.emit("slice", part.value, **node.attributes))
        return self.view("slice", node.attributes, part, node.operands[0].type.shape)

    def strip(self, axis: int, starts: Any, steps: Any, shape: Any) -> dict[str, Any]:
        """The attributes of a slice of a whole array for the rows of the strip."""
        if shape[axis] != self.rows.count or steps[axis] != 1:
            raise NotRowWise
        starts, shape = list(starts), list(shape)
        starts[axis], shape[axis] = starts[axis] + self.rows.start, self.rows.width
        return {"starts": tuple(starts), "steps": tuple(steps), "shape": tuple(shape)}

    def beside(self, node: Node, part: Part) -> Part:
        """A part of an array that is the same for all strips: none of the rows that change."""
        starts, shape = node.attributes["starts"], node.attributes["shape"]
        if part.first is not None:
            assert part.axis is not None
            start, extent = starts[part.axis], shape[part.axis]
            apart = part.first - start - extent, start - part.first - self.rows.count
            if not any(isinstance(gap, int) and gap >= 0 for gap in apart):
                raise NotRowWise
        return Part(self.emit("slice", part.value, **node.attributes))

    def narrowed(self, part: Part) -> Part:
        """A whole array as its rows."""
        if not part.is_whole:
            return part
        shape = part.value.type.shape
        axis = part.axis
        zeros, ones = (0,) * len(shape), (1,) * len(shape)
        if axis is None:
            axis = self.axis_of(zeros, ones, shape)
        if axis is None:
            return Part(part.value)
        if part.first not in (None, 0):
            raise NotRowWise
        return Part(self.emit("slice", part.value, **self.strip(axis, zeros, ones, shape)), axis)

    def update(self, node: Node) -> Part:
        """The rows of an update of a carried array."""
        base, new = self.of(node.operands[0]), self.narrowed(self.of(node.operands[1]))
        views = list(node.attributes["views"])
        if not base.is_whole or base.first is None or not views or views[0][0] != "slice":
            raise NotRowWise
        given, axis = views[0][1], base.axis
        assert axis is not None
        if given["starts"][axis] != base.first:
            raise NotRowWise
        narrow = self.strip(axis, *(given[name] for name in ("starts", "steps", "shape")))
        made, at, shape = [("slice", narrow)], axis, tuple(given["shape"])
        for name, attributes in views[1:]:
            attributes, at, shape = self.moved(name, attributes, at, shape)
            made.append((name, attributes))
        if new.axis is not None and new.value.type.rank - new.axis != len(shape) - at:
            raise NotRowWise
        if new.axis is None:
            self.check_same(new.value, len(shape) - at)
        value = self.emit("update", base.value, new.value, views=tuple(made))
        return Part(value, base.axis, base.first, True)

    # Kinds of operators

    def check_same(self, value: Value, from_end: int) -> None:
        """Raise where a value that all strips share has several elements along the rows."""
        rank = value.type.rank
        if rank >= from_end and value.type.shape[rank - from_end] != 1:
            raise NotRowWise

    def elementwise(self, node: Node) -> Part:
        parts = [self.narrowed(self.of(value)) for value in node.operands]
        places = {part.value.type.rank - part.axis for part in parts if part.axis is not None}
        if len(places) > 1:
            raise NotRowWise
        made = self.emit(node.operator.name, *(part.value for part in parts), **node.attributes)
        if not places:
            if node.result.type.rank:
                raise NotRowWise
            return Part(made)
        (place,) = places
        for part in parts:
            if part.axis is None:
                self.check_same(part.value, place)
        return Part(made, made.type.rank - place)

    def view(self, name: str, attributes: dict[str, Any], part: Part, shape: Any) -> Part:
        """A view of rows."""
        if part.axis is None:
            return Part(self.emit(name, part.value, **attributes))
        attributes, axis, _ = self.moved(name, attributes, part.axis, tuple(shape))
        return Part(self.emit(name, part.value, **attributes), axis)

    def moved(
        self, name: str, attributes: dict[str, Any], axis: int, shape: tuple[Dim, ...]
    ) -> tuple[dict[str, Any], int, tuple[Dim, ...]]:
        """A view for a strip, where the rows then lie, and the shape that all rows would have."""
        rank = len(shape)
        if name == "slice":
            starts, steps, extents = (attributes[k] for k in ("starts", "steps", "shape"))
            if extents[axis] != shape[axis] or steps[axis] != 1:
                raise NotRowWise
            narrow = list(extents)
            narrow[axis] = self.rows.width
            return {"starts": starts, "steps": steps, "shape": tuple(narrow)}, axis, tuple(extents)
        if name == "transpose":
            order = attributes["axes"]
            return attributes, order.index(axis), tuple(shape[k] for k in order)
        if name == "squeeze":
            gone = attributes["axes"]
            if axis in gone:
                raise NotRowWise
            left = [k for k in range(rank) if k not in gone]
            return attributes, left.index(axis), tuple(shape[k] for k in left)
        if name == "expand_dims":
            new = sorted(attributes["axes"])
            extents = list(shape)
            for at in new:
                extents.insert(at, 1)
            places = [k for k in range(len(extents)) if k not in new]
            return attributes, places[axis], tuple(extents)
        if name == "broadcast":
            extents = list(attributes["shape"])
            at = len(extents) - rank + axis
            if extents[at] != shape[axis]:
                raise NotRowWise
            whole = tuple(extents)
            extents[at] = self.rows.width
            return {"shape": tuple(extents)}, at, whole
        raise NotRowWise

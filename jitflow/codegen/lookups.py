"""Indices that are read from memory: how gathers and scatters address their array.

Indices that `nonzero` gives lie within the mask, so that a gather or scatter by them needs no check
where the extents agree.
"""

from __future__ import annotations

from jitflow.codegen import access
from jitflow.codegen.access import Affine, Index
from jitflow.codegen.groups import Loops
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.ir.graph import Node, Value
from jitflow.ops.record import Kind


def gathered_index(
    loops: Loops, node: Node, source: Value, keys: tuple[Value, ...], index: Index
) -> Index:
    """Index into the source of a gather, or into the base of a scatter."""
    shape = broadcast_shape([key.type.shape for key in keys])
    head, rest = index[: len(shape)], iter(index[len(shape) :])
    chosen = {}
    for axis, key in zip(node.attributes["axes"], keys, strict=True):
        at = access.broadcast_index(head, shape, key.type.shape)
        extent = source.type.shape[axis]
        number = known_index(key, extent)
        chosen[axis % source.type.rank] = (
            loops.lookup(key, at, extent, is_within(key, extent))
            if number is None
            else access.Affine(number)
        )
    return tuple(chosen[axis] if axis in chosen else next(rest) for axis in range(source.type.rank))


def broadcast_shape(shapes: list[access.Shape]) -> access.Shape:
    """Shape that shapes broadcast to; extents that differ from 1 agree."""
    rank = max(map(len, shapes))
    out: list[Dim] = [1] * rank
    for shape in shapes:
        for axis, extent in enumerate(shape, rank - len(shape)):
            out[axis] = extent if out[axis] == 1 else out[axis]
    return tuple(out)


_ADDRESSED = {Kind.GATHER: 1, Kind.SCATTER: 2}
"""Operands before the indices."""


@dataclass(frozen=True, eq=False)
class Position:
    """Axis `axis` of the place of true element number `row` of the mask of a `nonzero` node."""

    node: Node
    row: Affine
    axis: int

    @property
    def mask(self) -> Value:
        """The mask."""
        return self.node.operands[0]


def position(key: Value, index: Index) -> Position | None:
    """What an element of `key` is, if it is one of a table that `nonzero` made."""
    value = key
    while value.producer is not None and value.producer.operator.kind is Kind.VIEW:
        inside = access.operand_index(value.producer, index)
        if inside is None:
            return None
        value, index = value.producer.operands[0], inside
    node = value.producer
    if node is None or node.operator.kind is not Kind.NONZERO:
        return None
    if len(index) == 1:
        return Position(node, index[0], 0)
    row, column = index
    if column.terms or not isinstance(column.constant, int):
        return None
    return Position(node, row, column.constant)


def is_within(key: Value, extent: Dim) -> bool:
    """Whether every element of `key` is a valid index of an axis of `extent`."""
    if known_index(key, extent) is not None:
        return True
    index = tuple(access.variable(f"i{axis}") for axis in range(key.type.rank))
    found = position(key, index)
    return found is not None and found.mask.type.shape[found.axis] == extent


def known_index(key: Value, extent: Dim) -> int | None:
    """The place that `key` is, where it is one number that the graph knows."""
    made = key.producer
    if key.type.shape or made is None or made.operator.name != "constant":
        return None
    number = int(made.attributes["value"])
    if not isinstance(extent, int) or not -extent <= number < extent:
        return None
    return number % extent


def may_fail(node: Node) -> bool:
    """Whether a node may leave the piece with a failed check."""
    before = _ADDRESSED.get(node.operator.kind)
    if before is None:
        return node.operator.checks
    shape, axes = node.operands[0].type.shape, node.attributes["axes"]
    keys = node.operands[before:]
    return not all(is_within(key, shape[axis]) for key, axis in zip(keys, axes, strict=True))

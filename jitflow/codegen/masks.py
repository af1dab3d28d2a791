"""What is known of the indices that `nonzero` gives: which axis of the mask they are along.

They lie within the mask, so a gather or scatter by them needs no check where the extents agree.
"""

from __future__ import annotations

from jitflow.codegen import access
from jitflow.codegen.access import Affine, Index
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.ir.graph import Node, Value
from jitflow.ops.record import Kind

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
    index = tuple(access.variable(f"i{axis}") for axis in range(key.type.rank))
    found = position(key, index)
    return found is not None and found.mask.type.shape[found.axis] == extent


def may_fail(node: Node) -> bool:
    """Whether a node may leave the piece with a failed check."""
    before = _ADDRESSED.get(node.operator.kind)
    if before is None:
        return node.operator.checks
    shape, axes = node.operands[0].type.shape, node.attributes["axes"]
    keys = node.operands[before:]
    return not all(is_within(key, shape[axis]) for key, axis in zip(keys, axes, strict=True))

"""Masks: what is known of the indices that `nonzero` gives, and kernels that need no indices.

They lie within the mask, so a gather or scatter by them needs no check where the extents agree. A
kernel over the true elements that reads and writes nothing but arrays at their places may as well
go through the whole mask: then nothing is selected, and what it loads lies in a row.
"""

from __future__ import annotations

from collections.abc import Iterable

from jitflow.codegen import access
from jitflow.codegen.access import Affine, Index, Shape
from jitflow.codegen.groups import Evaluation, Lookup, Loops, Masking
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


def straightened(loops: Loops, component: Affine) -> Affine:
    """A component of an index, with loop variables for the places in the mask of a kernel."""
    changes = {}
    for atom in component.atoms() if loops.masking is not None else ():
        axis = axis_of(loops, loops.lookups.get(atom))
        if axis is not None:
            changes[atom] = access.variable(axis)
    return component.replace(changes) if changes else component


def axis_of(loops: Loops, entry: Lookup | None) -> str | None:
    """The loop over an axis of the mask of a kernel, if that is what an index stands for."""
    masking = loops.masking
    if masking is None or entry is None:
        return None
    found = position(entry.value, entry.index)
    if found is None or found.node is not masking.node:
        return None
    return masking.variables[found.axis]


def go_through_mask(loops: Loops, node: Node, indices: Iterable[Index]) -> bool:
    """Let a kernel over the rows of a `nonzero` node go through the mask; whether it can.

    `indices`: those at which it reads the node's result. The row may not say where anything lies:
    neither what is loaded or stored, nor a number that depends on it.
    """
    rows = {index[0] for index in indices}
    row = access.single_variable(next(iter(rows))) if len(rows) == 1 else None
    if row is None or loops.inner or loops.checks or loops.masking is not None:
        return False
    if loops.variables.get(row) != node.attributes["count"] or len(loops.stores) != 1:
        return False
    if any(_lies_by(evaluation, row) for evaluation in loops.evaluations):
        return False
    shape, target = node.operands[0].type.shape, loops.stores[0].target_index
    places = (loops.lookups.get(atom) for component in target for atom in component.atoms())
    found = [position(entry.value, entry.index) for entry in places if entry is not None]
    axes = {place.axis for place in found if place is not None and place.node is node}
    if len(axes) < len(shape) or any(row in component.atoms() for component in target):
        return False
    _replace_row(loops, node, row, shape)
    return True


def _lies_by(evaluation: Evaluation, row: str) -> bool:
    """Whether an element is loaded, or made, by its row."""
    node = evaluation.value.producer
    made = node is None or (node.operator.kind is Kind.CREATION and not node.operands)
    if not evaluation.load and not made:
        return False
    return any(row in component.atoms() for component in evaluation.index)


def _replace_row(loops: Loops, node: Node, row: str, shape: Shape) -> None:
    """Put loops over the mask in the place of that over the rows."""
    names = tuple(f"{row}{'m' * (axis + 1)}" for axis in range(len(shape)))
    variables: dict[str, Dim] = {}
    for name, extent in loops.variables.items():
        variables.update(zip(names, shape, strict=True) if name == row else ((name, extent),))
    loops.variables = variables
    loops.masking = Masking(node, row, names)
    loops.ordered = False

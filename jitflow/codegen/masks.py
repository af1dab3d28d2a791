"""Masks: kernels over true elements that need no indices.

A kernel over the true elements that reads and writes nothing but arrays at their places may as well
go through the whole mask: then nothing is selected, and what it loads lies in a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from jitflow.codegen import access
from jitflow.codegen.access import Affine, Index, Shape
from jitflow.codegen.groups import Evaluation, Lookup, Loops, Masking, Step, symbols_of_step
from jitflow.codegen.lookups import position
from jitflow.core.dims import Dim
from jitflow.ir.graph import Graph, Node, Value
from jitflow.ir.regions import symbols_in
from jitflow.ops.record import Kind


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


def is_needless(graph: Graph, steps: list[Step], value: Value, uncounted: Set[str]) -> bool:
    """Whether no step or output needs the number that `value` gives: symbols in `uncounted`."""
    names = {name for name, d in graph.symbols.items() if d.value is value}
    kept = [*graph.outputs, *(version for _, version in graph.writes)]
    used = {name for step in steps for name in symbols_of_step(step)}
    used.update(symbols_in([output.type for output in kept]))
    return names <= uncounted and value not in kept and names.isdisjoint(used)

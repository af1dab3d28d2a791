"""Costs: whether computing a value again beats storing it."""

from __future__ import annotations

from jitflow.codegen.access import Affine, Index
from jitflow.codegen.groups import Loops
from jitflow.core.dims import Dim
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Graph, Node, Value
from jitflow.ops.record import Kind

LIMIT = 1000
"""Where the cost of a tree of operators stops being added up."""


def operands_read(node: Node) -> tuple[Value, ...]:
    """The operands whose elements the node reads: of an update of a whole array, the new value."""
    return node.operands[1:] if node.operator.kind is Kind.UPDATE else node.operands


def shares_data(loops: Loops, node: Node) -> bool:
    """Whether a kernel has an array of those that a node is likely to load: its operands, theirs.

    A number that both use is none: settings (rates, epsilons) are in kernels of all kinds.
    """
    found = list(node.operands)
    for operand in node.operands:
        if operand.producer is not None:
            found.extend(operand.producer.operands)
    return any(operand.type.rank and operand in loops.touched for operand in found)


def repeats(loops: Loops, index: Index, type: ArrayType) -> bool:
    """Whether evaluating a value at `index` computes elements many times over.

    True when a loop outside of those that the index uses would repeat it, or when a run-time index
    may meet an element more than once.
    """
    names = list(loops.variables)
    atoms = loops.atoms_of(index)
    if any(atom in loops.lookups for component in index for atom in component.atoms()):
        return True
    if not atoms:
        return False
    if any(_overlaps(loops, component) for component in index):
        return True
    last = max(names.index(atom) for atom in atoms)
    return any(loops.variables[n] != 1 for n in names[:last] if n not in atoms)


def _overlaps(loops: Loops, component: Affine) -> bool:
    """Whether different positions of the loops may meet in one place: windows that overlap."""
    reach: Dim = 0
    steps = [(c, loops.variables.get(atom)) for atom, c in component.terms if isinstance(c, int)]
    for step, extent in sorted(((abs(c), e) for c, e in steps), key=lambda pair: pair[0]):
        if isinstance(reach, int) and step <= reach:
            return True
        reach = reach + (extent - 1) * step if isinstance(extent, int) else step
    return False


def _cost(node: Node) -> int:
    if "complex_cost" in node.operator.extra and node.operands[0].type.dtype.is_complex:
        return int(node.operator.extra["complex_cost"])
    return node.operator.cost


def costs(graph: Graph) -> dict[Value, int]:
    """Cost of computing one element of each value again, from what lies in memory anyway."""
    cost: dict[Value, int] = dict.fromkeys(graph.inputs, 0)
    stored = (
        Kind.REDUCTION, Kind.SCAN, Kind.CONTRACTION, Kind.CONCATENATE, Kind.UPDATE, Kind.SCATTER,
        Kind.CONTROL, Kind.NONZERO, Kind.LIBRARY,
    )  # fmt: skip
    for node in graph.nodes:
        total = 0
        if node.operator.kind not in stored:
            total = sum(cost.get(operand, 0) for operand in node.operands)
            if node.operator.kind in (Kind.ELEMENTWISE, Kind.GATHER):
                total += _cost(node)
        for value in node.results:
            cost[value] = min(total, LIMIT)
    return cost

"""Whether the loops of one value are the loops of a kernel: the tests that fusion makes."""

from __future__ import annotations

from jitflow.codegen import access
from jitflow.codegen.access import ZERO, Index, Shape
from jitflow.codegen.groups import Loops
from jitflow.core.dims import Dim
from jitflow.ir.graph import Node


def reduction_axes(node: Node) -> tuple[int, ...]:
    """Axes that a reduction folds, sorted and not negative."""
    rank = node.operands[0].type.rank
    axes = node.attributes.get("axes")
    return tuple(range(rank)) if axes is None else tuple(sorted(axis % rank for axis in axes))


def index_of_reduction(node: Node, at: Index) -> Index:
    """Index of the result of a reduction, from the index of its operand."""
    axes = reduction_axes(node)
    if node.result.type.rank == len(at):
        return tuple(ZERO if axis in axes else component for axis, component in enumerate(at))
    return tuple(component for axis, component in enumerate(at) if axis not in axes)


def covers(loops: Loops, index: Index, shape: Shape) -> bool:
    """Whether a kernel meets each element of a value of `shape` at `index` exactly once.

    Either over all its variables, or over the outer ones alone (once for each row).
    """
    used = _used_variables(loops, index, shape)
    if used is None:
        return False
    return used in (_extended(loops, tuple(loops.variables)), _extended(loops, loops.outer))


def _used_variables(loops: Loops, index: Index, shape: Shape) -> set[str] | None:
    """Variables of an index that is a permutation of whole axes; None if it is not one."""
    used: set[str] = set()
    for component, extent in zip(index, shape, strict=True):
        if extent == 1:
            if any(loops.variables.get(atom) != 1 for atom in component.atoms()):
                return None  # found in memory, perhaps in no iteration at all
            continue
        name = access.single_variable(component)
        if name is None or name in used or loops.variables.get(name) != extent:
            return None
        used.add(name)
    return used


def _extended(loops: Loops, names: tuple[str, ...]) -> set[str]:
    """Those variables whose extent is not 1."""
    return {name for name in names if loops.variables[name] != 1}


def bind_reduction(node: Node, loops: Loops, indices: list[Index]) -> Index | None:
    """Index of the operand if the reduction can be folded inside `loops`, else None.

    The kept axes must be the outer variables. The folded ones are the inner variables, or, where
    the kernel has none yet: its unused variables if their extents agree, else new variables.
    """
    axes, shape = reduction_axes(node), node.operands[0].type.shape
    kept = [_kept_components(node, axes, index) for index in indices]
    if any(components != kept[0] for components in kept):
        return None
    kept_shape = tuple(extent for axis, extent in enumerate(shape) if axis not in axes)
    used = _used_variables(loops, tuple(kept[0]), kept_shape)
    if used is None:
        return None
    folded = _fold_variables(loops, used, tuple(shape[axis] for axis in axes))
    if folded is None:
        return None
    remaining, inside = iter(kept[0]), iter(folded)
    return tuple(next(inside) if axis in axes else next(remaining) for axis in range(len(shape)))


def _kept_components(node: Node, axes: tuple[int, ...], index: Index) -> list[access.Affine]:
    if len(index) == node.operands[0].type.rank:
        return [component for axis, component in enumerate(index) if axis not in axes]
    return list(index)


def _fold_variables(
    loops: Loops, used: set[str], extents: tuple[Dim, ...]
) -> list[access.Affine] | None:
    if loops.inner:
        names = _extended(loops, loops.inner)
        if used != _extended(loops, loops.outer):
            return None
        return _matched(loops, [n for n in loops.inner if n in names], extents)
    free = [n for n, extent in loops.variables.items() if extent != 1 and n not in used]
    if free:
        found = _matched(loops, free, extents)
        if found is not None:
            loops.inner = tuple(free)
        return found
    before = len(loops.variables)
    index = loops.new_variables(extents)
    loops.inner = tuple(loops.variables)[before:]
    return list(index)


def _matched(
    loops: Loops, names: list[str], extents: tuple[Dim, ...]
) -> list[access.Affine] | None:
    """One variable for each folded axis, in order; unit axes need none."""
    if [loops.variables[name] for name in names] != [e for e in extents if e != 1]:
        return None
    rest = iter(names)
    return [ZERO if extent == 1 else access.variable(next(rest)) for extent in extents]

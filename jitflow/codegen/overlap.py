"""What meets in memory: reads of what a step writes, and stores that fill an array together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jitflow.codegen.access import Affine, Index, Shape
from jitflow.codegen.draft import Place
from jitflow.codegen.groups import Evaluation, Loops, Store
from jitflow.core.dims import Dim
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.ops.record import Kind

if TYPE_CHECKING:
    from jitflow.codegen import masks
else:
    masks = LazyModule("jitflow.codegen.masks")


def conflicts(step: Loops, store: Store, place: Place, load: Evaluation, source: Place) -> bool:
    """Whether a load of the memory that `store` writes must be kept apart from it.

    Not where both are the same element in the same iteration, nor where they never meet.
    """
    written = place.layout.address(store.target_index)
    read = source.layout.address(load.index)
    if step.masking is not None:
        written, read = masks.straightened(step, written), masks.straightened(step, read)
    if written == read or is_made_once(step, store):
        return bool(step.inner) and not is_last_stage(step, store)
    if place.layout != source.layout or len(store.target_index) != len(load.index):
        return True
    return not any(
        never_equal(step, left, right)
        for left, right in zip(store.target_index, load.index, strict=True)
    )


def is_made_once(step: Loops, store: Store) -> bool:
    """Whether a store is made a single time: in the only iteration, after all that was loaded."""
    around = (*step.outer, *(n for n in step.inner if n in step.atoms_of(store.target_index)))
    return all(step.variables[name] == 1 for name in around)


def is_last_stage(step: Loops, store: Store) -> bool:
    """Whether nothing of a kernel that folds is computed after what `store` writes.

    What is made of the folds alone loads nothing again.
    """
    stages: dict[Value, int] = {}
    inner, last = frozenset(step.inner), 0
    for evaluation in reversed(step.evaluations):
        value, node = evaluation.value, evaluation.value.producer
        stage = stages.get(value, 0)
        if node is not None and not evaluation.load:
            stage = max([stage, *(stages.get(operand, 0) for operand in node.operands)])
            stage += node.operator.kind is Kind.REDUCTION
        stages[value] = stage
        if not inner.isdisjoint(step.atoms_of(evaluation.index)):
            last = max(last, stage)
    return stages.get(store.value, 0) >= last


def never_equal(step: Loops, left: Affine, right: Affine) -> bool:
    """Whether two components of an index differ, whatever iterations they are taken from."""
    bounds, others = _bounds(step, left), _bounds(step, right)
    if bounds is not None and others is not None:
        for distance in (others[0] - bounds[1], bounds[0] - others[1]):
            if isinstance(distance, int) and distance > 0:
                return True
    return _differ_by_remainder(left, right)


def _bounds(step: Loops, component: Affine) -> tuple[Dim, Dim] | None:
    """Least and greatest value of a component; of every loop there is an iteration."""
    low = high = component.constant
    for atom, coefficient in component.terms:
        extent = step.variables.get(atom)
        if extent is None or not isinstance(coefficient, int):
            return None
        span = (extent - 1) * coefficient
        low, high = (low, high + span) if coefficient > 0 else (low + span, high)
    return low, high


def _differ_by_remainder(left: Affine, right: Affine) -> bool:
    """Even and odd elements: all steps share a divisor that the offsets do not."""
    coefficients = [c for _, c in (*left.terms, *right.terms)]
    offset = left.constant - right.constant
    if not isinstance(offset, int):
        return False
    known = [c for c in coefficients if isinstance(c, int)]
    if len(known) != len(coefficients):
        return False
    divisor = math.gcd(*known)
    return offset % divisor != 0 if divisor else offset != 0


MOST_PARTS = 64
"""Parts that are looked at, two by two."""

Part = tuple[Index, Mapping[str, Dim]]
"""Where a store writes: an index over variables, and their extents."""


def fill(shape: Shape, parts: Sequence[Part]) -> bool:
    """Whether parts of an array that have no element in common are all of it.

    Each is a range along every axis: ``a[:, i::2] = ...`` for two numbers `i`.
    """
    size = math.prod(extent for extent in shape if isinstance(extent, int))
    if len(parts) > MOST_PARTS or not all(isinstance(extent, int) for extent in shape):
        return False
    boxes = [_box(*part) for part in parts]
    found = [box for box in boxes if box is not None]
    if len(found) < len(boxes) or sum(math.prod(map(len, box)) for box in found) != size:
        return False
    return all(
        any(_are_apart(*axes) for axes in zip(one, other, strict=True))
        for number, one in enumerate(found)
        for other in found[:number]
    )


def _box(index: Index, extents: Mapping[str, Dim]) -> tuple[range, ...] | None:
    """The elements along each axis, where each depends on a variable of its own."""
    box, seen = [], set()
    for component in index:
        start, step, count = component.constant, 1, 1
        for atom, coefficient in component.terms:
            extent = extents.get(atom)
            if atom in seen or count != 1 or not isinstance(extent, int):
                return None
            if not isinstance(coefficient, int):
                return None
            seen.add(atom)
            step, count = coefficient, extent
        if not isinstance(start, int):
            return None
        box.append(range(start, start + step * count, step))
    unseen = [extent for atom, extent in extents.items() if atom not in seen]
    return tuple(box) if all(extent == 1 for extent in unseen) else None


def _are_apart(one: range, other: range) -> bool:
    """Whether two ranges have no number in common."""
    if not one or not other:
        return True
    if max(min(one), min(other)) > min(max(one), max(other)):
        return True
    return bool((one.start - other.start) % math.gcd(one.step, other.step))

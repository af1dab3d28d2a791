"""Arrays whose number of rows changes, over the border of a loop or a branch.

Such an array goes over it as memory for the most rows that it may have there, and their number.
How many that are is known where the number comes from a mask: no more than the mask has elements;
and where each iteration of a loop adds a known number of rows (``x = np.append(x, y)``).
"""

from __future__ import annotations

from collections.abc import Callable

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Value
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.kinds import Array, Part
from jitflow.tracer.layout import c_order

Capacity = Callable[[Dim, Dim], Dim | None]
"""What neither of two extents exceeds, if that is known."""


def capacity(
    context: TraceContext, left: Dim, right: Dim, is_visible: Callable[[str], bool]
) -> Dim | None:
    """The least known bound of both that is made of visible symbols; None where there is none."""
    others = facts.ceilings_of(context, right)
    for bound in facts.ceilings_of(context, left):
        if all(map(is_visible, dims.symbols_of(bound))) and (
            bound in others or any(facts.prove(context, dim, "<=", bound) for dim in others)
        ):
            return bound
    return None


def grown(context: TraceContext, before: Array, after: Array, trips: Dim) -> Part | None:
    """The kind of an array to which each of `trips` iterations adds a known number of rows."""
    first, second = before.type, after.type
    order = c_order(first.rank)
    is_alike = (
        first.rank > 0 and first.dtype is second.dtype and first.shape[1:] == second.shape[1:]
    )
    if not is_alike or (before.order, after.order) != (order, order):
        return None
    for bound in facts.ceilings_of(context, second.shape[0]):
        growth = bound - first.shape[0]
        if isinstance(growth, int) and growth > 0:
            most = first.shape[0] + trips * growth
            group = f"{first.shape[0]} and {growth} rows each time"
            return Part(first.with_shape((most, *first.shape[1:])), order, group, growth)
    return None


def note_room(context: TraceContext, extent: Dim, kind: Part) -> None:
    """An iteration begins: there is room for what it adds."""
    most = kind.type.shape[0]
    context.ceilings[str(extent)] = most - kind.growth
    context.ceilings[str(most - kind.growth)] = most


def fits(context: TraceContext, extent: Dim, bound: Dim) -> bool:
    """Whether an extent is certainly not above a bound."""
    ceilings = facts.ceilings_of(context, extent)
    return bound in ceilings or any(facts.prove(context, dim, "<=", bound) for dim in ceilings)


def spread(context: TraceContext, value: Value, type: ArrayType) -> list[Value]:
    """Memory of `type` that begins with the rows of an array, and their number."""
    emit = context.builder.emit
    count = emit("dimension", dim=value.type.shape[0])
    if value.type == type:
        return [value, count]
    room = emit("uninitialised", shape=type.shape, dtype=type.dtype)
    zeros = (0,) * type.rank
    part = {"starts": zeros, "steps": (1,) * type.rank, "shape": value.type.shape}
    return [emit("update", room, value, views=(("slice", part),)), count]


def gathered(context: TraceContext, room: Value, count: Value, group: str) -> Value:
    """The rows that count; all arrays of a group have one number of them."""
    extent = context.groups.get(group)
    if extent is None:
        extent = facts.late_extent(context, count, room.type.shape[0])
        context.groups[group] = extent
    rank = room.type.rank
    shape = (extent, *room.type.shape[1:])
    return context.builder.emit("slice", room, starts=(0,) * rank, steps=(1,) * rank, shape=shape)


def part_of(left: Array | Part, right: Array, capacity: Capacity) -> Part | None:
    """The kind of an array of which data decide how many rows it has."""
    first, second = left.type, right.type
    order = c_order(first.rank)
    if (
        first.dtype is not second.dtype
        or not first.rank
        or (left.order, right.order) != (order,) * 2
    ):
        return None
    if first.shape[1:] != second.shape[1:]:
        return None
    extents = first.shape[0], second.shape[0]
    bound = capacity(*extents)
    if isinstance(left, Part):
        return left if bound == extents[0] else None
    if bound is None:
        return None
    return Part(first.with_shape((bound, *first.shape[1:])), order, f"{extents[0]} {extents[1]}")

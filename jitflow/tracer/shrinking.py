"""Arrays of which data decide how many rows they have, over the border of a loop or a branch.

Such an array goes over it as memory for the most rows that it may have there, and their number.
How many that are is known where the number comes from a mask: no more than the mask has elements.
"""

from __future__ import annotations

from collections.abc import Callable

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Value
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext

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

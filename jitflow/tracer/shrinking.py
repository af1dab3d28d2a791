"""Arrays whose number of rows changes, over the border of a loop or a branch.

Such an array goes over it as memory for the most rows that it may have there, and their number.
How many that are is known where the number comes from a mask: no more than the mask has elements;
and where each of so and so many iterations adds a known number (``x = np.append(x, y)``). Where
nobody knows the number of iterations there is room for many, and each checks that it suffices.
Rows are along any one axis (``path = np.hstack((path, point))``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Value
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.kinds import Array, Part
from jitflow.tracer.layout import c_order

_ROOM, _ROOM_BYTES = 1 << 18, 1 << 26
"""Most rows, and bytes, where the number is not known; memory that nobody touches costs nothing."""
_FEW = 64
"""What perhaps comes in each iteration is left to checks where there is not room for so many."""


@dataclass(frozen=True)
class Capacity:
    """The most rows that arrays have, as is known outside a region: of visible symbols.

    Where it is not known and `is_open` there is room for many, and it is checked that it suffices.
    """

    context: TraceContext
    is_visible: Callable[[str], bool]
    is_open: bool = False

    def bound(self, left: Dim, right: Dim) -> Dim | None:
        """The least known bound of two extents, of the first unless `is_open`; None for none."""
        first, second = (facts.ceilings_of(self.context, dim) for dim in (left, right))
        bound = self._of(first, second)
        return self._of(second, first) if bound is None and self.is_open else bound

    def _of(self, bounds: list[Dim], others: list[Dim]) -> Dim | None:
        for bound in bounds:
            if all(map(self.is_visible, dims.symbols_of(bound))) and (
                bound in others
                or any(facts.prove(self.context, dim, "<=", bound) for dim in others)
            ):
                return bound
        return None


def grown(context: TraceContext, before: Array, after: Array, trips: Dim | None) -> Part | None:
    """The kind of an array to which each of `trips` iterations adds a known number of rows.

    Where the number of iterations is not known there is room for many.
    """
    first, second = before.type, after.type
    axis = _axis_of(before, after)
    if axis is None:
        return None
    old, many = first.shape[axis], _most_rows(first, axis)
    for bound in facts.ceilings_of(context, second.shape[axis]):
        growth = bound - old
        is_counted = bound == second.shape[axis] and trips is not None
        if isinstance(growth, int) and growth > 0 and (is_counted or growth <= many // _FEW):
            most = old + (many if trips is None else trips * growth)
            group = f"{old} and {growth} rows each time"
            type = _with_rows(first, axis, most)
            return Part(type, before.order, group, axis, growth, is_checked=trips is None)
    return None


def _axis_of(left: Array | Part, right: Array) -> int | None:
    """The only axis along which two arrays of one type and order are not alike, if there is one."""
    first, second, order = left.type, right.type, c_order(left.type.rank)
    is_one_type = first.dtype is second.dtype and first.rank == second.rank
    if not is_one_type or (left.order, right.order) != (order, order):
        return None
    pairs = zip(first.shape, second.shape, strict=True)
    unlike = [axis for axis, (dim, other) in enumerate(pairs) if dim != other]
    return unlike[0] if len(unlike) == 1 else None


def _with_rows(type: ArrayType, axis: int, count: Dim) -> ArrayType:
    return type.with_shape((*type.shape[:axis], count, *type.shape[axis + 1 :]))


def _most_rows(type: ArrayType, axis: int) -> int:
    """As `most_rows`, of rows of an array."""
    others = dims.product((*type.shape[:axis], *type.shape[axis + 1 :]))
    return most_rows(type.dtype.itemsize * (others if isinstance(others, int) else 64))


def most_rows(size: int) -> int:
    """Room for rows of `size` bytes of which nobody knows how many there will be."""
    return min(_ROOM, max(256, _ROOM_BYTES // max(size, 1)))


def note_room(context: TraceContext, extent: Dim, kind: Part) -> None:
    """An iteration begins: there is room for what it adds."""
    last = kind.room - kind.growth
    if kind.is_checked:
        emit = context.builder.emit
        held, most = (emit("dimension", dim=dim) for dim in (extent, last))
        facts.require(context, emit("less_equal", held, most))
    context.ceilings[str(extent)] = last
    context.ceilings[str(last)] = kind.room


def fits(context: TraceContext, extent: Dim, bound: Dim) -> bool:
    """Whether an extent is certainly not above a bound."""
    ceilings = facts.ceilings_of(context, extent)
    return bound in ceilings or any(facts.prove(context, dim, "<=", bound) for dim in ceilings)


def spread(context: TraceContext, value: Value, kind: Part) -> list[Value]:
    """Memory of a kind that begins with the rows of an array, and their number."""
    emit, type = context.builder.emit, kind.type
    count = emit("dimension", dim=value.type.shape[kind.axis])
    if value.type == type:
        return [value, count]
    room = emit("uninitialised", shape=type.shape, dtype=type.dtype)
    zeros = (0,) * type.rank
    extent = value.type.shape[kind.axis]
    if kind.is_checked and not fits(context, extent, kind.room):
        facts.require(context, emit("less_equal", count, emit("dimension", dim=kind.room)))
    part = {"starts": zeros, "steps": (1,) * type.rank, "shape": value.type.shape}
    return [emit("update", room, value, views=(("slice", part),)), count]


def gathered(context: TraceContext, room: Value, count: Value, kind: Part) -> Value:
    """The rows that count; all arrays of a group have one number of them."""
    extent = context.groups.get(kind.group)
    if extent is None:
        extent = facts.late_extent(context, count, kind.room)
        context.groups[kind.group] = extent
    rank = room.type.rank
    shape = _with_rows(room.type, kind.axis, extent).shape
    return context.builder.emit("slice", room, starts=(0,) * rank, steps=(1,) * rank, shape=shape)


def part_of(left: Array | Part, right: Array, capacity: Capacity) -> Part | None:
    """The kind of an array of which data decide how many rows it has."""
    axis = _axis_of(left, right)
    if axis is None or (isinstance(left, Part) and axis != left.axis):
        return None
    extents = left.type.shape[axis], right.type.shape[axis]
    bound = capacity.bound(*extents)
    if isinstance(left, Part):
        if bound == extents[0] or (left.is_checked and not left.growth):
            return left
        return _with_room(left, axis, None, capacity, f"{left.group}, or any")
    group = f"{extents[0]} {extents[1]}"
    return _with_room(left, axis, bound, capacity, group)


def bounded(kind: Array, bounds: Sequence[Dim | None], capacity: Capacity) -> Part | None:
    """The kind of an array of which all extents but one are known outside, which is bounded."""
    pairs = zip(kind.type.shape, bounds, strict=True)
    unlike = [axis for axis, (dim, bound) in enumerate(pairs) if dim != bound]
    if len(unlike) > 1 or kind.order != c_order(kind.type.rank):
        return None
    axis = unlike[0]
    return _with_room(kind, axis, bounds[axis], capacity, str(kind.type.shape[axis]))


def _with_room(
    kind: Array | Part, axis: int, bound: Dim | None, capacity: Capacity, group: str
) -> Part | None:
    """An array with some rows along an axis, at most so many as `bound`, if that is known."""
    if bound is None and not capacity.is_open:
        return None
    most = _most_rows(kind.type, axis) if bound is None else bound
    type = _with_rows(kind.type, axis, most)
    return Part(type, kind.order, group, axis, is_checked=bound is None)

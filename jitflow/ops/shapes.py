"""Shape arithmetic that records share: broadcasting, axes, views, all on symbolic dimensions."""

from __future__ import annotations

from collections.abc import Sequence

from jitflow.core import dims
from jitflow.core.dims import Dim, SymbolicDim

Shape = tuple[Dim, ...]


class OutOfRange(TypeError):
    """A slice certainly leaves its axis."""


def format_shape(shape: Shape) -> str:
    """``(s0,3)``: as NumPy's messages write a shape."""
    inside = ",".join(str(dim) for dim in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def broadcast(*shapes: Shape) -> Shape:
    """The shape that `shapes` broadcast to; TypeError where two extents differ.

    Extents that are not equal as polynomials differ, unless one is the integer 1: the tracer has
    guarded (and substituted) what NumPy would find equal at run time.
    """
    result = shapes[0]
    for shape in shapes[1:]:
        if shape != result:
            result = _broadcast_two(result, shape)
    return result


def _broadcast_two(left: Shape, right: Shape) -> Shape:
    if len(left) < len(right):
        left, right = right, left
    extra = len(left) - len(right)
    joined = list(left)
    for position, dim in enumerate(right, extra):
        other = left[position]
        if other == dim or dim == 1:
            continue
        if other != 1:
            raise TypeError(
                f"shapes {format_shape(left)} and {format_shape(right)} do not broadcast"
            )
        joined[position] = dim
    return tuple(joined)


def check_broadcasts_to(shape: Shape, target: Shape) -> None:
    """TypeError unless `shape` broadcasts to exactly `target`."""
    if len(shape) > len(target) or broadcast(shape, target) != target:
        raise TypeError(f"shape {format_shape(shape)} does not broadcast to {format_shape(target)}")


def check_axes(axes: Sequence[int], rank: int) -> None:
    """TypeError unless `axes` are distinct positions in ``range(rank)``."""
    if not all(type(axis) is int and 0 <= axis < rank for axis in axes):
        raise TypeError(f"axes {tuple(axes)} are not all in range({rank})")
    if len(set(axes)) != len(axes):
        raise TypeError(f"axes {tuple(axes)} repeat")


def without_axes(shape: Shape, axes: Sequence[int]) -> Shape:
    """`shape` with the extents at `axes` left out."""
    return tuple(dim for axis, dim in enumerate(shape) if axis not in axes)


def reduced(shape: Shape, axes: Sequence[int], keepdims: bool) -> Shape:
    """Shape of a reduction of `shape` over `axes`."""
    check_axes(axes, len(shape))
    if keepdims:
        return tuple(1 if axis in axes else dim for axis, dim in enumerate(shape))
    return without_axes(shape, axes)


def check_same_size(shape: Shape, target: Shape) -> None:
    """TypeError where two shapes certainly have different numbers of elements."""
    difference = dims.product(shape) - dims.product(target)
    if isinstance(difference, int) and difference:
        raise TypeError(f"cannot reshape {format_shape(shape)} into {format_shape(target)}")


def check_slice(extent: Dim, start: Dim, step: Dim, length: Dim) -> None:
    """OutOfRange where a slice certainly leaves ``range(extent)``."""
    if type(step) not in (int, SymbolicDim) or step == 0:
        raise TypeError(f"slice step {step!r} is not a non-zero integer")
    if isinstance(length, int) and length <= 0:
        if length < 0:
            raise TypeError(f"slice has negative length {length}")
        return
    last = start + (length - 1) * step
    ends = (start, last) if isinstance(length, int) else (last,)  # it may be 0
    below = [end for end in ends if isinstance(end, int) and end < 0]
    over = [end - extent for end in ends]
    if below or any(isinstance(excess, int) and excess >= 0 for excess in over):
        raise OutOfRange(f"slice {start}:{step}*{length} leaves an axis of extent {extent}")


def diagonal_length(rows: Dim, columns: Dim, offset: int) -> Dim:
    """Elements on diagonal `offset`; TypeError where symbols leave it open."""
    if rows == columns and offset == 0:
        return rows
    if isinstance(rows, int) and isinstance(columns, int):
        below, right = min(0, offset), max(0, offset)
        return max(0, min(rows + below, columns - right))
    raise TypeError(f"the length of diagonal {offset} of {rows} by {columns} is not known")

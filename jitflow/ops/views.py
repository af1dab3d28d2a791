"""Records of views, and of `update`, which replaces what a chain of views shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dims import Dim
from jitflow.core.types import ArrayType
from jitflow.ops import shapes
from jitflow.ops.kinds import Types, view
from jitflow.ops.record import Attributes, Kind, Operator, operator, register
from jitflow.ops.shapes import Shape


def _transposed(shape: Shape, *, axes: tuple[int, ...]) -> Shape:
    shapes.check_axes(axes, len(shape))
    if len(axes) != len(shape):
        raise TypeError(f"axes {axes} do not permute {len(shape)} axes")
    return tuple(shape[axis] for axis in axes)


transpose = view(
    "transpose", attributes=("axes",), shape=_transposed,
    numpy=lambda x, *, axes: np.transpose(x, axes), doc="Axes permuted: result axis i is axes[i].",
)  # fmt: skip


def _reshaped(own: Shape, *, shape: Shape) -> Shape:
    shapes.check_same_size(own, shape)
    return shape


reshape = view(
    "reshape", attributes=("shape",), shape=_reshaped,
    numpy=lambda x, *, shape: np.reshape(x, shape), doc="The elements in C order, reshaped.",
)  # fmt: skip


def _broadcast(own: Shape, *, shape: Shape) -> Shape:
    shapes.check_broadcasts_to(own, shape)
    return shape


broadcast = view(
    "broadcast", attributes=("shape",), shape=_broadcast, doc="Repeated to a larger shape.",
    numpy=lambda x, *, shape: np.broadcast_to(x, shape),
)  # fmt: skip


def _sliced(own: Shape, *, starts: Shape, steps: Shape, shape: Shape) -> Shape:
    if not len(own) == len(starts) == len(steps) == len(shape):
        raise TypeError(f"slice of {len(own)} axes has {len(starts)} starts, {len(steps)} steps")
    for extent, start, step, length in zip(own, starts, steps, shape, strict=True):
        shapes.check_slice(extent, start, step, length)
    return shape


def _slice(
    x: Any, *, starts: tuple[int, ...], steps: tuple[int, ...], shape: tuple[int, ...]
) -> np.ndarray:
    key = []
    for start, step, length in zip(starts, steps, shape, strict=True):
        stop: int | None = start + length * step
        # A slice that ends before element 0 has no stop that means "before 0".
        key.append(
            slice(start, None if stop is not None and stop < 0 else stop, step)
            if length
            else slice(0, 0)
        )
    return np.asarray(np.asarray(x)[tuple(key)])


slice_ = view(
    "slice", attributes=("starts", "steps", "shape"), shape=_sliced, numpy=_slice,
    doc="result[i] = x[starts + i * steps]; rank kept; starts are not negative.",
)  # fmt: skip


def _squeezed(own: Shape, *, axes: tuple[int, ...]) -> Shape:
    shapes.check_axes(axes, len(own))
    if any(own[axis] != 1 for axis in axes):
        raise TypeError(f"squeeze of axes {axes} of {shapes.format_shape(own)}: an extent is not 1")
    return shapes.without_axes(own, axes)


squeeze = view(
    "squeeze", attributes=("axes",), shape=_squeezed, doc="Axes of extent 1 removed.",
    numpy=lambda x, *, axes: np.squeeze(x, axes),
)  # fmt: skip


def _expanded(own: Shape, *, axes: tuple[int, ...]) -> Shape:
    rank = len(own) + len(axes)
    shapes.check_axes(axes, rank)
    rest = iter(own)
    return tuple(1 if axis in axes else next(rest) for axis in range(rank))


expand_dims = view(
    "expand_dims", attributes=("axes",), shape=_expanded,
    numpy=lambda x, *, axes: np.expand_dims(x, axes),
    doc="Axes of extent 1 inserted; positions in the result.",
)  # fmt: skip


def _diagonal_shape(own: Shape, *, offset: int, axis1: int, axis2: int) -> Shape:
    shapes.check_axes((axis1, axis2), len(own))
    length: Dim = shapes.diagonal_length(own[axis1], own[axis2], offset)
    return (*shapes.without_axes(own, (axis1, axis2)), length)


def _diagonal(x: Any, *, offset: int, axis1: int, axis2: int) -> np.ndarray:
    """A diagonal that can be written to, unlike `np.diagonal`'s."""
    x = np.asarray(x)
    rows, columns = x.shape[axis1], x.shape[axis2]
    length = max(0, min(rows + min(0, offset), columns - max(0, offset)))
    kept = [axis for axis in range(x.ndim) if axis not in (axis1, axis2)]
    key: list[Any] = [slice(None)] * x.ndim
    key[axis1], key[axis2] = slice(max(0, -offset), None), slice(max(0, offset), None)
    corner = x[tuple(key)] if length else x
    return np.lib.stride_tricks.as_strided(
        corner,
        (*(x.shape[axis] for axis in kept), length),
        (*(x.strides[axis] for axis in kept), x.strides[axis1] + x.strides[axis2]),
    )


diagonal = view(
    "diagonal", attributes=("offset", "axis1", "axis2"), shape=_diagonal_shape, numpy=_diagonal,
    doc="The diagonal of two axes, as a new last axis.",
)  # fmt: skip


def _strided_shape(
    own: Shape, *, axes: tuple[int, ...], steps: tuple[int, ...], shape: Shape
) -> Shape:
    if not len(axes) == len(steps) == len(shape) or not all(0 <= a < len(own) for a in axes):
        raise TypeError(f"strided view of {shapes.format_shape(own)} along axes {axes}")
    for axis, extent in enumerate(own):
        last = _last_position(axis, axes, steps, shape)
        if isinstance(last, int) and isinstance(extent, int) and last >= max(extent, 1):
            raise TypeError(f"a strided view leaves axis {axis} of {shapes.format_shape(own)}")
    return shape


def _last_position(axis: int, axes: tuple[int, ...], steps: tuple[int, ...], shape: Shape) -> Dim:
    last: Dim = 0
    for place, step, extent in zip(axes, steps, shape, strict=True):
        if place == axis:
            last = last + (extent - 1) * step
    return last


def shows_all(own: Shape, attributes: Attributes) -> bool:
    """Whether a strided view shows every element: windows at each position do."""
    axes, steps, shape = attributes["axes"], attributes["steps"], attributes["shape"]
    for axis, extent in enumerate(own):
        if _last_position(axis, axes, steps, shape) + 1 != extent:
            return False
        if extent != 1 and 1 not in [s for a, s in zip(axes, steps, strict=True) if a == axis]:
            return False
    return all(step in (0, 1) for step in steps)


def _strided(
    x: Any, *, axes: tuple[int, ...], steps: tuple[int, ...], shape: tuple[int, ...]
) -> np.ndarray:
    x = np.asarray(x)
    strides = [step * x.strides[axis] for axis, step in zip(axes, steps, strict=True)]
    return np.lib.stride_tricks.as_strided(x, shape, strides)


strided = view(
    "strided", attributes=("axes", "steps", "shape"), shape=_strided_shape, numpy=_strided,
    doc="Windows: axis k of the result runs along axes[k] by steps[k]; positions add up.",
)  # fmt: skip


def viewed_type(base: ArrayType, views: tuple[tuple[str, Attributes], ...]) -> ArrayType:
    """Type of what a chain of views shows of `base`."""
    for name, attributes in views:
        record = operator(name)
        if record.kind is not Kind.VIEW:
            raise TypeError(f"{name} is not a view")
        (base,) = record.infer((base,), attributes)
    return base


def apply_views(base: np.ndarray, views: tuple[tuple[str, Attributes], ...]) -> np.ndarray:
    """What the chain shows of `base`: shared memory unless a reshape has to copy."""
    for name, attributes in views:
        base = operator(name).numpy(base, **attributes)
    return base


def _infer_update(types: Types, attributes: Attributes) -> Types:
    base, value = types
    if value.dtype is not base.dtype:
        raise TypeError(f"update of {base.dtype} with {value.dtype}")
    if any(name in ("broadcast", "strided") for name, _ in attributes["views"]):
        raise TypeError("update through a view that may show an element twice")
    region = viewed_type(base, attributes["views"])
    shapes.check_broadcasts_to(value.shape, region.shape)
    return (base,)


def _update(base: Any, value: Any, *, views: tuple[tuple[str, Attributes], ...]) -> np.ndarray:
    result = np.array(base, order="C")
    if not any(name == "reshape" for name, _ in views):
        apply_views(result, views)[...] = value
        return result
    # A reshape may have to copy: write through the positions of the elements instead.
    positions = apply_views(np.arange(result.size).reshape(result.shape), views)
    result.ravel()[positions] = value
    return result


update = register(
    Operator(
        "update",
        Kind.UPDATE,
        ("base", "value"),
        _infer_update,
        _update,
        attributes=("views",),
        doc="The base with what the views show of it replaced by the value.",
    )
)

"""Records of `gather`, `scatter` and `nonzero`: elements addressed by integer arrays or masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dtypes import ALL, BF16, BOOL, I64
from jitflow.core.types import ArrayType
from jitflow.ops import shapes
from jitflow.ops.arithmetic import add, maximum, minimum, multiply
from jitflow.ops.kinds import Types
from jitflow.ops.record import Attributes, Kind, Operator, register
from jitflow.ops.shapes import Shape


def _addressed(base: ArrayType, indices: Types, axes: tuple[int, ...]) -> Shape:
    """Shape of what the indices address: their broadcast shape, then the other axes."""
    shapes.check_axes(axes, base.rank)
    if len(indices) != len(axes) or not axes:
        raise TypeError(f"{len(axes)} axes are addressed by {len(indices)} indices")
    for index in indices:
        if index.dtype is not I64:
            raise TypeError(f"indices are i64, not {index.dtype}")
    batch = shapes.broadcast(*(index.shape for index in indices))
    return (*batch, *shapes.without_axes(base.shape, axes))


def _infer_gather(types: Types, attributes: Attributes) -> Types:
    base, *indices = types
    return (base.with_shape(_addressed(base, tuple(indices), attributes["axes"])),)


def _front(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """A view with the addressed axes first."""
    return np.moveaxis(x, axes, range(len(axes)))


def _gather(x: Any, *indices: Any, axes: tuple[int, ...]) -> np.ndarray:
    return np.array(_front(np.asarray(x), axes)[tuple(map(np.asarray, indices))])


gather = register(
    Operator(
        "gather",
        Kind.GATHER,
        ("x", "*indices"),
        _infer_gather,
        _gather,
        attributes=("axes",),
        checks=True,
        cost=2,
        extra={"dtypes": ALL},
        doc="x at index arrays; negative indices count from the end, others outside fail.",
    )
)

_MODES = {
    "set": None,
    "add": np.add,
    "multiply": np.multiply,
    "minimum": np.minimum,
    "maximum": np.maximum,
}


def _infer_scatter(types: Types, attributes: Attributes) -> Types:
    base, value, *indices = types
    if value.dtype is not base.dtype:
        raise TypeError(f"scatter of {value.dtype} into {base.dtype}")
    if attributes["mode"] not in _MODES:
        raise TypeError(f"scatter has no mode {attributes['mode']!r}")
    if base.dtype is BF16 and attributes["mode"] != "set":
        raise TypeError(f"scatter combines no {base.dtype}")
    target = _addressed(base, tuple(indices), attributes["axes"])
    shapes.check_broadcasts_to(value.shape, target)
    return (base,)


def _scatter(base: Any, value: Any, *indices: Any, axes: tuple[int, ...], mode: str) -> np.ndarray:
    result = np.array(base)
    target, key = _front(result, axes), tuple(map(np.asarray, indices))
    ufunc = _MODES[mode]
    if ufunc is None:
        target[key] = value
    else:
        ufunc.at(target, key, value)
    return result


def _store(e: Any, old: Any, new: Any, *, mode: str, **attributes: Any) -> Any:
    """What is stored where `old` is and `new` comes."""
    if mode == "set":
        return new
    record = {"add": add, "multiply": multiply, "minimum": minimum, "maximum": maximum}[mode]
    return record.cpu(e, old, new)


scatter = register(
    Operator(
        "scatter",
        Kind.SCATTER,
        ("base", "value", "*indices"),
        _infer_scatter,
        _scatter,
        attributes=("axes", "mode"),
        cpu=_store,
        checks=True,
        cost=2,
        extra={"dtypes": ALL},
        doc="The base with the value stored or combined at index arrays, in index order.",
    )
)


def _infer_nonzero(types: Types, attributes: Attributes) -> Types:
    (mask,) = types
    if mask.dtype is not BOOL or not mask.rank:
        raise TypeError(f"nonzero does not take {mask}")
    count = attributes["count"]
    shape = (count,) if mask.rank == 1 else (count, mask.rank)
    return (ArrayType(I64, shape),)


def _nonzero(mask: Any, *, count: int) -> np.ndarray:
    table = np.ascontiguousarray(np.argwhere(mask))
    if len(table) != count:
        raise ValueError(f"{len(table)} elements are true, not {count}")
    return table[:, 0] if np.ndim(mask) == 1 else table


nonzero = register(
    Operator(
        "nonzero",
        Kind.NONZERO,
        ("mask",),
        _infer_nonzero,
        _nonzero,
        attributes=("count",),
        cost=2,
        extra={"dtypes": (BOOL,)},
        doc="Indices of the true elements, in C order; `count` is how many there are.",
    )
)

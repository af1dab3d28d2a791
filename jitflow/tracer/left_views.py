"""Views of arrays that a loop makes, behind the loop: the array leaves it, and is viewed anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from jitflow.core.dims import Dim, symbols_of
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)


def owner_of(view: ArrayValue, is_visible: Callable[[str], bool]) -> ArrayValue | None:
    """The array that a view is made of, where the view can be made again with visible symbols."""
    array: ArrayValue | None = view
    while array is not None and array.views:
        dims = [*array.type.shape, *array.strides, *_dims_of((array.views, array.view_call))]
        if not all(dim is not None and all(map(is_visible, symbols_of(dim))) for dim in dims):
            return None
        array = array.base
    return array if array is not None and array.storage is view.storage else None


def _dims_of(part: Any) -> Iterable[Dim | None]:
    """The dimensions in views and arguments; None for a value known only at run time."""
    if isinstance(part, PyValue):
        part = settled(part)
    if isinstance(part, ScalarValue):
        yield part.dim
    elif isinstance(part, SequenceValue):
        yield from _dims_of(part.fixed)
    elif isinstance(part, SliceValue):
        yield from _dims_of((part.start, part.stop, part.step))
    elif isinstance(part, PyValue) and not isinstance(part, ConstantValue):
        yield None
    elif isinstance(part, dict):
        yield from _dims_of(list(part.values()))
    elif isinstance(part, list | tuple):
        for item in part:
            yield from _dims_of(item)
    elif hasattr(part, "symbols"):
        yield part


def base_of(array: ArrayValue) -> ArrayValue:
    """The array that owns the memory of another one."""
    while array.views and array.base is not None:
        array = array.base
    return array


def viewed(view: ArrayValue, owner: ArrayValue) -> ArrayValue:
    """The same view of another array."""
    if not view.views:
        return owner
    assert view.base is not None
    return ArrayValue(
        owner.storage,
        view.type,
        view.strides,
        view.views,
        writeable=view.writeable,
        base=viewed(view.base, owner),
        view_call=view.view_call,
    )

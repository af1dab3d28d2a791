"""Arrays that are an older one or a new one, as data decide: which it is, the graph knows.

``if cost < least: best = candidate`` leaves the caller's own array where nothing was better. Behind
the region such an array is uncertain memory (`tracer.carried`); where every array that it may be is
known, its `Storage.older` has a bool[] for each older one, and the array may leave the piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from jitflow.ir.graph import Value
from jitflow.tracer.context import TraceContext
from jitflow.tracer.values import ArrayValue, Storage

if TYPE_CHECKING:
    from jitflow.tracer.places import Reach

Flags: TypeAlias = dict[Storage, Value | bool]
"""By memory that was there before, whether an array is the one that owns it; else it is new."""


def flags_of(array: ArrayValue, reach: Reach, is_alone: Callable[[Storage], bool]) -> Flags | None:
    """What an array is; None where that is not known.

    Parameters
    ----------
    array : ArrayValue
    reach : Reach
        What was there before the region.
    is_alone : callable
        Whether no more than this one leads to memory: that of new arrays.
    """
    storage = array.storage
    if array.views or array.base is not None:
        return None
    if storage.uncertain:
        flags: Flags | None = None if storage.older is None else dict(storage.older)
        if flags is not None and all(map(reach.knows, flags)) and is_alone(storage):
            return flags
        return None
    if storage.source is None and is_alone(storage):
        return {}
    return {storage: True} if reach.knows(storage) else None


def held(context: TraceContext, flags: Flags, origins: Iterable[Storage]) -> list[Value]:
    """The flags of some memory, in the block at hand."""
    found = (flags.get(origin, False) for origin in origins)
    return [flag if isinstance(flag, Value) else context.truth(flag) for flag in found]


def note(array: ArrayValue, origins: Sequence[Storage], flags: Iterable[Value]) -> None:
    """Note what an array of a region is."""
    array.storage.older = tuple(zip(origins, flags, strict=True))

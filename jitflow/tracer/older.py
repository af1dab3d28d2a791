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

ALONE, TIED, ELSEWHERE = "alone", "tied", "elsewhere"
"""No more than this one leads to memory; so do values that go out with it; something else may."""

Flags: TypeAlias = dict[Storage, Value | bool]
"""By memory that was there before, whether an array is the one that owns it; else it is new."""


def flags_of(array: ArrayValue, reach: Reach, standing: Callable[[Storage], str]) -> Flags | None:
    """What an array is; None where that is not known. One that others have, too, is tied.

    Parameters
    ----------
    array : ArrayValue
    reach : Reach
        What was there before the region.
    standing : callable
        Who leads to memory: `ALONE`, `TIED` or `ELSEWHERE`.
    """
    storage = array.storage
    if array.views or array.base is not None:
        return None
    if storage.uncertain:
        if storage.older is None or not _is_tied(storage, standing(storage)):
            return None
        inside = [other for other, _ in storage.older if not reach.knows(other)]
        if any(standing(other) == ELSEWHERE for other in inside):
            return None
        for other in inside:  # made since: which it is, is forgotten
            other.ties |= {other}
            storage.ties |= {other}
        return {other: flag for other, flag in storage.older if other not in inside}
    if storage.source is None and standing(storage) == ALONE:
        return {}
    if reach.knows(storage):
        return {storage: True}
    return {} if _is_tied(storage, standing(storage)) else None


def _is_tied(storage: Storage, standing: str) -> bool:
    """Whether memory is alone or, from now on, tied."""
    if standing == TIED:
        storage.ties |= {storage}
    return standing != ELSEWHERE


def held(context: TraceContext, flags: Flags, origins: Iterable[Storage]) -> list[Value]:
    """The flags of some memory, in the block at hand."""
    found = (flags.get(origin, False) for origin in origins)
    return [flag if isinstance(flag, Value) else context.truth(flag) for flag in found]


def note(array: ArrayValue, origins: Sequence[Storage], flags: Iterable[Value]) -> None:
    """Note what an array of a region is."""
    array.storage.older = tuple(zip(origins, flags, strict=True))

"""Indices that are read from memory: how gathers and scatters address their array."""

from __future__ import annotations

from jitflow.codegen import access
from jitflow.codegen.access import Index
from jitflow.codegen.groups import Loops
from jitflow.codegen.masks import is_within
from jitflow.core.dims import Dim
from jitflow.ir.graph import Node, Value


def gathered_index(
    loops: Loops, node: Node, source: Value, keys: tuple[Value, ...], index: Index
) -> Index:
    """Index into the source of a gather, or into the base of a scatter."""
    shape = broadcast_shape([key.type.shape for key in keys])
    head, rest = index[: len(shape)], iter(index[len(shape) :])
    chosen = {}
    for axis, key in zip(node.attributes["axes"], keys, strict=True):
        at = access.broadcast_index(head, shape, key.type.shape)
        extent = source.type.shape[axis]
        chosen[axis % source.type.rank] = loops.lookup(key, at, extent, is_within(key, extent))
    return tuple(chosen[axis] if axis in chosen else next(rest) for axis in range(source.type.rank))


def broadcast_shape(shapes: list[access.Shape]) -> access.Shape:
    """Shape that shapes broadcast to; extents that differ from 1 agree."""
    rank = max(map(len, shapes))
    out: list[Dim] = [1] * rank
    for shape in shapes:
        for axis, extent in enumerate(shape, rank - len(shape)):
            out[axis] = extent if out[axis] == 1 else out[axis]
    return tuple(out)

"""Rules that turn gathers by known indices into slices, which need no indices and no checks."""

from __future__ import annotations

import numpy as np

from jitflow.ir.graph import Node
from jitflow.ir.rewriter import Replacement, Rewriter
from jitflow.ir.rules import AnyRule, rule

MOST_RUNS = 4
"""Slices in place of one gather; each is a loop of its own."""


LEAST_LENGTH = 16
"""Elements for each run, in the mean, that are worth a loop."""


def runs_of(indices: np.ndarray) -> list[tuple[int, int, int]] | None:
    """``(start, step, length)`` of evenly spaced runs; None where they are too many."""
    found: list[tuple[int, int, int]] = []
    place = 0
    while place < len(indices):
        if len(found) == MOST_RUNS:
            return None
        steps = np.diff(indices[place:])
        step = int(steps[0]) if len(steps) else 1
        changes = np.flatnonzero(steps != step)
        length = int(changes[0]) + 1 if len(changes) else len(steps) + 1
        if step == 0:
            step, length = 1, 1
        found.append((int(indices[place]), step, length))
        place += length
    return found


@rule("gather(x, constant) -> concatenate(slice(x), ...)", "gather")
def gather_of_runs(rewriter: Rewriter, node: Node) -> Replacement:
    """Known indices along one axis that are a few runs, such as all but one."""
    source, *keys = node.operands
    producer = keys[0].producer
    if len(keys) != 1 or producer is None or producer.operator.name != "constant":
        return None
    (axis,) = node.attributes["axes"]
    extent, indices = source.type.shape[axis], producer.attributes["value"]
    if not isinstance(extent, int) or indices.ndim != 1 or not indices.size:
        return None
    indices = np.where(indices < 0, indices + extent, indices)
    if indices.min() < 0 or indices.max() >= extent:
        return None
    runs = runs_of(indices)
    if runs is None or (len(runs) > 1 and indices.size < LEAST_LENGTH * len(runs)):
        return None
    parts = []
    for start, step, length in runs:
        starts, steps = [0] * source.type.rank, [1] * source.type.rank
        starts[axis], steps[axis] = start, step
        shape = (*source.type.shape[:axis], length, *source.type.shape[axis + 1 :])
        parts.append(
            rewriter.emit("slice", source, starts=tuple(starts), steps=tuple(steps), shape=shape)
        )
    value = parts[0] if len(parts) == 1 else rewriter.emit("concatenate", *parts, axis=axis)
    order = (axis, *(k for k in range(source.type.rank) if k != axis))
    return rewriter.emit("transpose", value, axes=order) if axis else value


GATHER_RULES: tuple[AnyRule, ...] = (gather_of_runs,)

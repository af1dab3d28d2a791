"""Slack: numbers of a kernel that may be arguments without a loss worth mention.

A loop of unknown length asks whether it is empty and, if it is a vector loop, whether there is a
rest; a stride that is no number takes a multiplication. Where that happens seldom, or there is much
else to do, nobody notices.
"""

from __future__ import annotations

from collections.abc import Mapping

from jitflow.codegen.cpu.target import Target
from jitflow.codegen.cpu.tiles import crossing_loads
from jitflow.codegen.cpu.widths import choose_width
from jitflow.codegen.loop_ir import Begin, Compute, Fold, Kernel, Load, Loop, Statement, Store, walk
from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.dims import symbol

ENTRY, VECTOR_ENTRY, STRIDE, MASK = 0.1, 3.0, 0.1, 0.3
"""Nanoseconds that a serial loop and a vector loop of unknown length take more, a stride, and an
item under a mask."""

SHARE = 32
"""What part of a kernel's work may be added to it."""

_ITEM, _LEAST = 0.1, 0.5
"""Nanoseconds of an item for each element, and of one that is few elements, very roughly."""


@dataclass(frozen=True)
class Slack:
    """What may be an argument: extents of loops, and strides and offsets.

    `loops`: for the `id` of each such loop what its extent stays a multiple of.
    """

    loops: Mapping[int, int] = field(default_factory=dict)
    strides: bool = False


def slack_of(kernel: Kernel, divided: Loop | None, target: Target, free: float) -> Slack:
    """What of `kernel` may be an argument; `free`: nanoseconds that a call may take more anyway.

    The loop that threads share, `divided`, has its length from them.
    """
    begun = {item.accumulator: item for item in walk(kernel.body) if isinstance(item, Begin)}
    survey = _Survey(divided, target, begun)
    survey.block(kernel.body, 1, None)
    left = survey.work / SHARE + free - survey.stride_loss
    strides = left >= 0
    if not strides:
        left += survey.stride_loss
    loose = {}
    for loop, loss, multiple in survey.losses:
        left -= loss
        if left < 0:
            break
        loose[id(loop)] = multiple
    return Slack(loose, strides)


class _Survey:
    """What a kernel has to do, and what each loop would lose, from the outermost to the inner."""

    def __init__(self, divided: Loop | None, target: Target, begun: dict[str, Begin]) -> None:
        self.divided, self.target, self.begun = divided, target, begun
        self.work = self.stride_loss = 0.0
        self.losses: list[tuple[Loop, float, int]] = []

    def block(self, body: list[Statement], entries: int, vector: Loop | None) -> None:
        """Look at statements that run `entries` times, in the vector loop `vector`."""
        each = _ITEM if vector else _LEAST
        self.work += each * entries * _items(body)
        for statement in body:
            if isinstance(statement, Loop):
                self.stride_loss += STRIDE * entries * _terms(statement)
                self.loop(statement, entries, vector)

    def loop(self, loop: Loop, entries: int, vector: Loop | None) -> None:
        """Look at a loop."""
        if not isinstance(loop.extent, int):
            self.block(loop.body, entries, vector)
            return
        is_vector = loop.kind == "vector"
        if is_vector and not self.folds_in_order(loop):
            self.losses.append((loop, *self.vector_loss(loop, loop.extent, entries)))
        elif not is_vector and not (vector and crossing_loads(loop, vector.variable)):
            self.losses.append((loop, ENTRY * entries, 1))
        inside = entries * loop.extent
        if is_vector:
            inside = entries * max(loop.extent, round(_LEAST / _ITEM))
        self.block(loop.body, inside, loop if is_vector else vector)

    def folds_in_order(self, loop: Loop) -> bool:
        """Whether the lanes of a vector loop decide what is rounded: a fold of floats across it."""
        begun = {item.accumulator for item in walk(loop.body) if isinstance(item, Begin)}
        folds = [item for item in walk(loop.body) if isinstance(item, Fold)]
        return any(
            fold.position is not None or self.begun[fold.accumulator].dtype.kind in "fc"
            for fold in folds
            if fold.accumulator not in begun
        )

    def vector_loss(self, loop: Loop, extent: int, entries: int) -> tuple[float, int]:
        """Nanoseconds, and the lanes if the extent is a multiple of them: there is no rest then.

        The lanes are no longer chosen for the extent, and a long body is under a mask.
        """
        width = choose_width(replace(loop, extent=symbol("n")), self.target)
        if extent and extent % width.lanes == 0:
            return ENTRY * entries, width.lanes
        if loop is self.divided:
            return 0.0, 1
        loss, items = VECTOR_ENTRY, _all_items(loop.body)
        if width.masked:
            loss += MASK * items * (extent / width.lanes)
        return entries * (loss + _ITEM * items * max(0, width.lanes - extent)), 1


def _all_items(body: list[Statement]) -> int:
    """Items that run for each element of a vector loop with this body."""
    total = _items(body)
    for statement in body:
        if isinstance(statement, Loop):
            trips = statement.extent if isinstance(statement.extent, int) else 1
            total += trips * _all_items(statement.body)
    return total


def _items(body: list[Statement]) -> int:
    return sum(isinstance(item, (Compute, Load, Store, Fold)) for item in body)


def _terms(loop: Loop) -> int:
    """Strides that stand in the addresses of a loop's body: in front of it, or in its steps."""
    return sum(len(item.address.terms) for item in loop.body if isinstance(item, (Load, Store)))

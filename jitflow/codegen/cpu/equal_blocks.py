"""Pairwise sums of runs whose blocks are all of one length: no stack, and blocks overlap.

Every block leaves its interleaved sums (of many blocks: their sum) side by side in memory; in the
end neighbours are added until one is left. That is the tree that `pairwise` walks otherwise, but
no block waits here, and the body is written once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.codegen.cpu.values import Register, scalar_type, vector_type
from jitflow.codegen.loop_ir import Fold, Loop, walk

if TYPE_CHECKING:
    from jitflow.codegen.cpu.pairwise import PairwiseLoop

MOST_LANES = 128
"""Sums that are joined at once in the end."""


def is_joined_at_once(extent: int, length: int, group: int) -> bool:
    """Whether a run of blocks of one length needs no stack: they are whole and not too many."""
    count = extent // length
    return length % group == 0 and count <= MOST_LANES and count & (count - 1) == 0


def equal_blocks(loop: PairwiseLoop, extent: Register) -> Register | None:
    """The length of the blocks of a known extent, if it needs no stack."""
    size = loop.only_size(extent)
    if size is None or not is_joined_at_once(int(extent.text), int(size.text), loop.group):
        return None
    return size


def write_equal_blocks(loop: PairwiseLoop, extent: Register, size: Register) -> list[Register]:
    """The sums over the whole run; `size` is the length of a block."""
    text, length = loop.text, int(size.text)
    count = int(extent.text) // length
    lanes = loop.group if count * loop.group <= MOST_LANES else 1
    places = {
        name: [loop.memory(part, count * lanes) for part in loop.components(item.dtype)]
        for name, item in loop.sums.items()
    }

    def one_block(start: Register) -> None:
        loop.write_interleaved(start, size)
        for name, item in loop.sums.items():
            vector = loop.chain(name).parts[0]
            vector = vector if lanes > 1 else loop.joined(item, vector)
            element = scalar_type(item.dtype)
            type, align = vector_type(element, lanes), lanes * item.dtype.real.itemsize
            at = text.multiply(_quotient(loop, start, length), text.integer(lanes))
            for place, part in zip(places[name], (vector.text, vector.imaginary), strict=False):
                target = text.result(f"getelementptr {element}, ptr {place}, i64 {at.text}")
                text.write(f"store {type} {part}, ptr {target}, align {align}")

    folds = [statement for statement in walk(loop.loop.body) if isinstance(statement, Fold)]
    others = [fold for fold in folds if fold.accumulator not in loop.sums]
    blocks = Loop("block", int(extent.text), "serial", list(others))
    loop.writer.counted(blocks, text.integer(0), extent, length, False, one_block)
    return [_total(loop, name, places[name], count * lanes) for name in loop.sums]


def _quotient(loop: PairwiseLoop, start: Register, length: int) -> Register:
    """The number of the block that begins at `start`."""
    if start.literal:
        return loop.text.integer(int(start.text) // length)
    name = loop.text.value(f"udiv exact i64 {start.text}, {length}")
    return Register(name, start.dtype, 1, loop.text.depth)


def _total(loop: PairwiseLoop, name: str, places: list[str], lanes: int) -> Register:
    """Neighbours of what the blocks left, added until one is left."""
    text, item = loop.text, loop.sums[name]
    type = vector_type(scalar_type(item.dtype), lanes)
    parts = [text.result(f"load {type}, ptr {place}, align 64") for place in places]
    imaginary = "".join(parts[1:])
    return loop.joined(item, Register(parts[0], item.dtype, lanes, text.depth, imaginary))

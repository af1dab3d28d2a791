"""Pairwise sums of runs whose blocks are all of one length: no stack, and blocks overlap.

Every block leaves its interleaved sums side by side in memory; in the end neighbours are added
until one is left. That is the tree that `pairwise` walks otherwise, but no block waits here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.codegen.cpu.values import Register, scalar_type, vector_type
from jitflow.codegen.loop_ir import Fold, Loop, walk

if TYPE_CHECKING:
    from jitflow.codegen.cpu.pairwise import PairwiseLoop

MOST_LANES = 128
"""Interleaved sums of all blocks together, up to which they are joined at once."""


def equal_blocks(loop: PairwiseLoop, extent: Register) -> Register | None:
    """The length of the blocks of a known extent, if they are equal, whole and few."""
    size = loop.only_size(extent)
    if size is None:
        return None
    length = int(size.text)
    count = int(extent.text) // length
    if length % loop.group or count * loop.group > MOST_LANES or count & (count - 1):
        return None
    return size


def write_equal_blocks(loop: PairwiseLoop, extent: Register, size: Register) -> list[Register]:
    """The sums over the whole run; `size` is the length of a block."""
    text, writer, length = loop.text, loop.writer, int(size.text)
    count = int(extent.text) // length
    places = {
        name: [loop.memory(part, count * loop.group) for part in loop.components(item.dtype)]
        for name, item in loop.sums.items()
    }

    def one_block(start: Register) -> None:
        loop.write_interleaved(start, size)
        for name, item in loop.sums.items():
            vector = writer.accumulators.open[name].parts[0]
            writer.accumulators.open[name] = item.total
            element = scalar_type(item.dtype)
            type, align = vector_type(element, loop.group), loop.group * item.dtype.real.itemsize
            at = text.value(f"udiv exact i64 {start.text}, {length // loop.group}")
            for place, part in zip(places[name], (vector.text, vector.imaginary), strict=False):
                target = text.result(f"getelementptr {element}, ptr {place}, i64 {at}")
                text.write(f"store {type} {part}, ptr {target}, align {align}")

    others = [s for s in walk(loop.loop.body) if isinstance(s, Fold)]
    carried = [fold for fold in others if fold.accumulator not in loop.sums]
    blocks = Loop("block", int(extent.text), "serial", list(carried))
    writer.counted(blocks, text.integer(0), extent, length, False, one_block)
    joined = []
    for name, item in loop.sums.items():
        type = vector_type(scalar_type(item.dtype), count * loop.group)
        parts = [text.result(f"load {type}, ptr {place}, align 64") for place in places[name]]
        lanes, imaginary = count * loop.group, "".join(parts[1:])
        joined.append(
            loop.joined(item, Register(parts[0], item.dtype, lanes, text.depth, imaginary))
        )
    return joined

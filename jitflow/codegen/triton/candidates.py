"""Other sizes of blocks, warps and stages for a kernel: what a tuner chooses from."""

from __future__ import annotations

from collections.abc import Iterator

from jitflow.codegen.loop_ir import Kernel
from jitflow.codegen.triton.frame import (
    Blocks,
    Frame,
    Limits,
    choose_blocks,
    frame_of,
    rows_are_contiguous,
)
from jitflow.codegen.triton.interface import GeneratedKernel
from jitflow.codegen.triton.kernel import KernelWriter
from jitflow.codegen.triton.phases import Phase
from jitflow.core.dataclass import replace

_THREADS = 32  # of a warp
_LEAST, _MOST = 1, 128
"""Elements of a block for each thread."""
_BEST = 8
"""What is near the best for most kernels: candidates near it come first."""


def alternatives(
    kernel: Kernel, scalars: frozenset[str], fastmath: bool, limits: Limits
) -> list[GeneratedKernel]:
    """The kernel with other blocks than the usual ones, the likely ones first.

    All take the same pointers and numbers.
    """
    frame = frame_of(kernel)
    usual = choose_blocks(kernel, frame, limits)
    found = dict.fromkeys(_choices(kernel, frame, usual, limits))
    found.pop(usual, None)
    made = []
    for blocks in sorted(found, key=_distance):
        writer = KernelWriter(
            kernel, scalars, fastmath, frame_of(kernel), blocks, Phase(0, 1, True)
        )
        made.append(writer.run())
    return made


def other_options(kernel: GeneratedKernel) -> list[GeneratedKernel]:
    """The same source with other warps and stages: for kernels whose blocks nobody varies."""
    options = kernel.options
    warps = [count for count in (2, 4, 8, 16) if count in _around(options.num_warps)]
    pairs = [(count, stages) for count in warps for stages in (2, 3, 4)]
    return [
        replace(kernel, options=replace(options, num_warps=count, num_stages=stages))
        for count, stages in pairs
        if (count, stages) != (options.num_warps, options.num_stages)
    ]


def _around(number: int) -> tuple[int, ...]:
    return number // 2, number, number * 2


def _choices(kernel: Kernel, frame: Frame, usual: Blocks, limits: Limits) -> Iterator[Blocks]:
    if not frame.inner:
        sizes = _powers(min(usual.x, 128), min(4 * usual.x, 4096) if usual.x > 128 else usual.x)
        yield from _with_warps((Blocks(x) for x in sizes), (2,))
    elif rows_are_contiguous(kernel, frame):
        blocks = (
            replace(usual, x=x, r=r)
            for x in _powers(min(usual.x, 16), min(usual.x, 128))
            for r in ((16, 32, 64) if usual.looped else (usual.r,))
        )
        yield from _with_warps(blocks, (2,))
    elif usual.looped:
        blocks = (replace(usual, r=r) for r in (512, 1024, 2048, 4096, 8192))
        yield from _with_warps(blocks, (2, 3, 4))
    else:
        most = max(1, 16384 // usual.r)
        rows = 1 << max(0, int(frame.rows) - 1).bit_length() if isinstance(frame.rows, int) else 64
        blocks = (replace(usual, x=x) for x in _powers(1, min(most, rows, 64)))
        yield from _with_warps(blocks, (2,))
        if usual.r > limits.row_block:  # a row in registers may take too many of them
            looped = (Blocks(1, r, True) for r in (1024, 2048, 4096) if r < usual.r)
            yield from _with_warps(looped, (2, 4))


def _with_warps(blocks: Iterator[Blocks], stages: tuple[int, ...]) -> Iterator[Blocks]:
    for block in blocks:
        for warps in (1, 2, 4, 8, 16, 32):
            share = block.x * block.r / (warps * _THREADS)
            if _LEAST <= share <= _MOST or (warps == 1 and share < _LEAST):
                for count in stages:
                    yield replace(block, warps=warps, stages=count)


def _powers(first: int, last: int) -> list[int]:
    return [1 << k for k in range(first.bit_length() - 1, last.bit_length())]


def _distance(blocks: Blocks) -> float:
    """How far the work of a thread is from the usual one, in powers of two."""
    share = max(blocks.x * blocks.r / (blocks.warps * _THREADS), 1 / 16)
    return max(share / _BEST, _BEST / share)

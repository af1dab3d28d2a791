"""A kernel of the loop IR as one or more Triton kernels."""

from __future__ import annotations

import functools

from jitflow.codegen.loop_ir import Kernel
from jitflow.codegen.triton.candidates import alternatives
from jitflow.codegen.triton.frame import LIMITS, Limits, choose_blocks, frame_of
from jitflow.codegen.triton.interface import GeneratedKernel
from jitflow.codegen.triton.kernel import KernelWriter
from jitflow.codegen.triton.phases import Phase, Scratch, choose_parts, folding_stages
from jitflow.codegen.triton.scans import ScanWriter, is_scan
from jitflow.codegen.triton.scatters import generate_scatter, scatter_of


def generate(
    kernel: Kernel,
    scalars: frozenset[str] = frozenset(),
    fastmath: bool = False,
    limits: Limits = LIMITS,
) -> list[tuple[GeneratedKernel, list[Scratch]]]:
    """Kernels to be launched in order: each takes the buffers, then the scratch memory with it.

    The buffers in `scalars` are numbers passed by value. What a kernel has in scratch memory comes
    first in that of the next.
    """
    scatter = scatter_of(kernel)
    if scatter is not None:
        return list(generate_scatter(scatter, scalars, fastmath, limits))
    frame = frame_of(kernel)
    blocks = choose_blocks(kernel, frame, limits)
    parts = choose_parts(kernel, frame, blocks, limits)
    count = folding_stages(frame) if parts > 1 else 0
    made = []
    for number in range(count + 1):
        phase = Phase(number, parts, number == count)
        kind = ScanWriter if parts > 1 and is_scan(frame) else KernelWriter
        writer = kind(kernel, scalars, fastmath, frame, blocks, phase)
        made.append((writer.run(), phase.scratch))
    if not count:
        made[0][0].alternatives = functools.partial(alternatives, kernel, scalars, fastmath, limits)
    return made

"""Compiles a segment to LLVM text: the body function, its kernels, and what they refer to."""

from __future__ import annotations

from jitflow.codegen.cpu.body import write_body
from jitflow.codegen.cpu.lower import lower_kernel
from jitflow.codegen.cpu.target import Target, host
from jitflow.codegen.cpu.text import Names
from jitflow.codegen.interface import Body, Segment
from jitflow.codegen.program import lower

NAME = "body"
"""Every body has the same name: equal segments give equal text, which the cache is keyed by."""


def compile_segment(segment: Segment, target: Target | None = None) -> Body:
    """LLVM text for `segment`; every node satisfies `codegen.supports`."""
    target = target or host()
    lowered = lower(segment)
    names = Names()
    optimise = 2 if lowered.program.has_scalar_loops else 0
    kernels = []
    for number, kernel in enumerate(lowered.program.kernels):
        text = lower_kernel(f"{NAME}_kernel{number}", kernel, names, target, segment.fastmath)
        if optimise and not kernel.has_loops:
            text = text.replace(") {", ") alwaysinline {", 1)
        kernels.append(text)
    body = write_body(NAME, lowered, names, target)
    parts = [
        *names.declarations,
        *(f"@{name} = external global i8" for name in lowered.constants),
        *names.helpers.values(),
        *kernels,
        body,
        '!0 = !{!"branch_weights", i32 1, i32 2000}',
    ]
    externals = dict(names.externals)
    externals.update({k: array.ctypes.data for k, array in lowered.constants.items()})
    return Body(
        name=NAME,
        text="\n".join(parts) + "\n",
        externals=externals,
        arena=lowered.arena.size,
        work=lowered.work,
        optimise=optimise,
        keep=tuple(lowered.constants.values()),
        loops=str(lowered.program),
    )

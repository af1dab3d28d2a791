"""Compiles a segment to LLVM text: the body function, its kernels, and what they refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.codegen.commands import Branch, Program, Repeat, While
from jitflow.codegen.cpu.body import write_body
from jitflow.codegen.cpu.lower import lower_kernel
from jitflow.codegen.cpu.shared import Shared, functions_of
from jitflow.codegen.cpu.target import Target, host
from jitflow.codegen.cpu.text import Names
from jitflow.codegen.interface import Body, Segment
from jitflow.codegen.program import Lowered, lower
from jitflow.core.lazy import LazyModule

if TYPE_CHECKING:
    from jitflow.codegen.cpu import polls
else:
    polls = LazyModule("jitflow.codegen.cpu.polls")

NAME = "body"
"""Every body has the same name: equal segments give equal text, which the cache is keyed by."""


def compile_segment(segment: Segment, target: Target | None = None) -> Body:
    """LLVM text for `segment`; every node satisfies `codegen.supports`."""
    target = target or host()
    lowered = lower(segment)
    optimise = 2 if lowered.program.has_scalar_loops else 0
    names = Names()
    is_long = not optimise and _is_long_and_straight(lowered.program)
    apart = Names() if optimise or is_long else names
    inside: list[str] = []
    outside = inside if apart is names else []
    shared = Shared(lowered, target)
    found = functions_of(lowered.program, shared.loops, target, lowered.work, optimise > 0)
    for number, family in enumerate(found.functions):
        name, kernel, divided = f"{NAME}_kernel{number}", family.kernel, family.divided
        if is_long or (optimise and kernel.has_loops):
            text = lower_kernel(name, kernel, apart, target, segment.fastmath, divided)
            head, _, rest = text.partition("\n")
            names.declarations[declaration_of(head)] = None
            outside.append(f"{head.replace('define internal', 'define', 1)}\n{rest}")
            continue
        text = lower_kernel(name, kernel, names, target, segment.fastmath, divided)
        if optimise:
            text = text.replace(") {", ") alwaysinline {", 1)
        inside.append(text)
    looks = polls_of(lowered)
    body = write_body(NAME, lowered, names, target, shared, found, looks)
    constants = [f"@{name} = external global i8" for name in (*lowered.constants, *names.objects)]
    externals = {**names.externals, **apart.externals}
    externals.update({name: id(item) for name, item in names.objects.items()})
    externals.update({k: array.ctypes.data for k, array in lowered.constants.items()})
    return Body(
        name=NAME,
        text=module_text(names, constants, [*inside, body]),
        kernels=module_text(apart, [], outside) if outside is not inside and outside else "",
        externals=externals,
        arena=lowered.arena.size,
        work=lowered.work,
        optimise=optimise,
        effort=0 if is_long and _is_scalar(names, body) else 2,
        keep=(*lowered.constants.values(), *names.objects.values()),
        loops=str(lowered.program),
        calls_python=lowered.program.needs_gil,
        polls=None if looks is None else looks.early,
    )


LONG = 24
"""Commands from which on a body without loops is a module of its own, made with little effort: each
runs once in a call, beside a kernel or a product."""


def _is_long_and_straight(program: Program) -> bool:
    commands = program.commands
    return len(commands) >= LONG and not any(isinstance(c, (Repeat, While)) for c in commands)


def _is_scalar(names: Names, text: str) -> bool:
    """Whether a function and its helpers have neither vectors nor floats that are compared."""
    return not any("<" in part or "fcmp " in part for part in (*names.helpers.values(), text))


def polls_of(lowered: Lowered) -> polls.Polls | None:
    """Where the program looks for signals; None where it need not."""
    segment, commands = lowered.given.segment, lowered.program.commands
    if not segment.polls or not any(isinstance(c, (Repeat, While, Branch)) for c in commands):
        return None
    made = polls.Polls(lowered)
    return made if made.are_wanted else None


def declaration_of(head: str) -> str:
    """A function as another module sees it, from its first line: types without names."""
    before, _, rest = head.partition("(")
    parameters = filter(None, rest.rpartition(")")[0].split(", "))
    types = ", ".join(parameter.split()[0] for parameter in parameters)
    return f"{before.replace('define internal', 'declare', 1)}({types})"


def module_text(names: Names, constants: list[str], functions: list[str]) -> str:
    """A module: what its functions refer to, and they."""
    weights = """!0 = !{!"branch_weights", i32 1, i32 2000}
!1 = !{!"branch_weights", i32 2000, i32 1}"""
    parts = [*names.declarations, *constants, *names.helpers.values(), *functions, weights]
    parts += names.metadata
    return "\n".join(parts) + "\n"

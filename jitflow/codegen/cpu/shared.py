"""Which functions a program has, and which of them are run by the thread pool, divided how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from jitflow.codegen.commands import Branch, CallKernel, Command, Program, Repeat, While, parts_of
from jitflow.codegen.cpu.target import Target
from jitflow.codegen.cpu.text import Names
from jitflow.codegen.loop_ir import Kernel, Loop
from jitflow.codegen.program import Lowered
from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.lazy import LazyModule

if TYPE_CHECKING:
    from jitflow.codegen import parallel
    from jitflow.codegen.cpu import families, threads
else:
    families = LazyModule("jitflow.codegen.cpu.families")
    parallel = LazyModule("jitflow.codegen.parallel")
    threads = LazyModule("jitflow.codegen.cpu.threads")

LONG = 120_000
"""Nanoseconds of work from which on a kernel is divided."""

ROW, RUN = 64, 1024
"""Iterations of a vector loop that stay together: where each has a loop inside, and elsewhere."""


@dataclass(eq=False, repr=False)
class Family:
    """One function: a kernel whose symbols are its arguments, and the loop that threads share."""

    kernel: Kernel
    divided: Loop | None


@dataclass(eq=False, repr=False)
class Member:
    """How a kernel is called: the number of its function, and what stands for its symbols.

    `numbers`: further arguments, as LLVM writes them.
    """

    family: int
    arguments: tuple[Dim, ...] = ()
    numbers: tuple[str, ...] = ()


@dataclass(eq=False, repr=False)
class Families:
    """The functions of a program, and a member for each of its kernels."""

    functions: list[Family]
    members: list[Member]


def functions_of(
    program: Program, divided: Mapping[int, Loop], target: Target, work: Dim, is_inlined: bool
) -> Families:
    """The functions of a program: one for each family of kernels; see `families.families`."""
    if len(program.kernels) > 1:
        return families.families(program, divided, target, work, is_inlined)
    functions = [Family(kernel, divided.get(k)) for k, kernel in enumerate(program.kernels)]
    return Families(
        functions, [Member(0, tuple(map(dims.symbol, one.kernel.symbols))) for one in functions]
    )


class Shared:
    """The division of a program's kernels.

    Attributes
    ----------
    threads : int
        Threads that take part in one kernel.
    loops : dict
        For the number of each kernel that is divided the loop that threads share.
    """

    def __init__(self, lowered: Lowered, target: Target) -> None:
        self.loops: dict[int, Loop] = {}
        self.threads = 1
        long = _long_kernels(lowered)
        if not long:
            return
        self.threads = threads.limit(target)
        if self.threads < 2:
            return
        for number in sorted(long):
            loop = parallel.divided_loop(lowered.program.kernels[number])
            if loop is not None:
                self.loops[number] = loop

    def pool(self, names: Names) -> str:
        """The function that runs a job; declared, with its address."""
        name = threads.PARALLEL
        names.declarations[f"declare i32 @{name}(ptr, ptr, i64, i64, i64, i64)"] = None
        names.externals[name] = threads.address()
        return name


def multiple_of(loop: Loop) -> int:
    """What the parts of a shared loop begin at multiples of."""
    if loop.kind != "vector":
        return 1
    return ROW if any(isinstance(inside, Loop) for inside in loop.body) else RUN


def _long_kernels(lowered: Lowered) -> set[int]:
    """Kernels that a call may keep busy for long, as far as can be said before it."""
    known = {
        name
        for name, definition in lowered.given.segment.graph.symbols.items()
        if definition.value in lowered.given.inputs
    }
    found = set()
    for call in _calls(lowered.program.commands):
        if isinstance(call.work, int):
            is_long = call.work >= LONG
        else:
            is_long = dims.symbols_of(call.work) <= known
        if is_long:
            found.add(call.kernel)
    return found


def _calls(commands: Iterable[Command]) -> Iterator[CallKernel]:
    for command in commands:
        if isinstance(command, CallKernel):
            yield command
        elif isinstance(command, (Repeat, While, Branch)):
            for _, inside in parts_of(command):
                yield from _calls(inside)

"""Which functions a program has, and which of them are run by the thread pool, divided how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from jitflow.codegen.commands import Branch, CallKernel, Command, Program, Repeat, While, parts_of
from jitflow.codegen.cpu.target import Target
from jitflow.codegen.cpu.text import Names
from jitflow.codegen.loop_ir import Kernel, Loop
from jitflow.codegen.nested import ESTIMATED_TRIPS
from jitflow.codegen.program import Lowered
from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.lazy import LazyModule

if TYPE_CHECKING:
    from jitflow.codegen import parallel
    from jitflow.codegen.cpu import divided_loops, families, threads
else:
    divided_loops = LazyModule("jitflow.codegen.cpu.divided_loops")
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
    repeats : dict
        Loops of commands that threads share, by identity.
    """

    def __init__(self, lowered: Lowered, target: Target) -> None:
        self.loops: dict[int, Loop] = {}
        self.repeats: dict[int, divided_loops.Division] = {}
        self.threads = 1
        self.lowered = lowered
        self.known = {
            name
            for name, definition in lowered.given.segment.graph.symbols.items()
            if definition.value in lowered.given.inputs
        }
        self.long: set[int] = set()
        if not any(map(self.may_be_long, lowered.program.commands)):
            return
        self.threads = threads.limit(target)
        if self.threads < 2:
            return
        self.divide(lowered.program.commands)
        for number in sorted(self.long):
            loop = parallel.divided_loop(lowered.program.kernels[number])
            if loop is not None:
                self.loops[number] = loop

    def divide(self, commands: Iterable[Command]) -> None:
        """Find the loops and the kernels that threads share; not those inside of such loops."""
        for command in commands:
            if isinstance(command, CallKernel) and self.is_long(command.work):
                self.long.add(command.kernel)
            elif isinstance(command, (Repeat, While, Branch)):
                if isinstance(command, Repeat) and self.is_divided(command):
                    continue
                for _, inside in parts_of(command):
                    self.divide(inside)

    def is_divided(self, command: Repeat) -> bool:
        """Note a loop whose iterations threads share."""
        if not self.is_candidate(command):
            return False
        found = divided_loops.division_of(command, self.lowered)
        if found is not None:
            self.repeats[id(command)] = found
        return found is not None

    def is_candidate(self, command: Repeat) -> bool:
        """Whether a loop is one of independent iterations, and long."""
        return command.independent and self.is_long(estimated(command.work, self.known))

    def may_be_long(self, command: Command) -> bool:
        """Whether something that may be divided may keep a processor busy for long."""
        if isinstance(command, CallKernel):
            return self.is_long(command.work)
        if not isinstance(command, (Repeat, While, Branch)):
            return False
        if isinstance(command, Repeat) and self.is_candidate(command):
            return True
        return any(self.may_be_long(c) for _, inside in parts_of(command) for c in inside)

    def is_long(self, work: Dim) -> bool:
        """Whether that many nanoseconds are worth a division, as far as can be said before."""
        if isinstance(work, int):
            return work >= LONG
        return dims.symbols_of(work) <= self.known

    def pool(self, names: Names) -> str:
        """The function that runs a job; declared, with its address."""
        name = threads.PARALLEL
        names.declarations[f"declare i32 @{name}(ptr, ptr, i64, i64, i64, i64)"] = None
        names.externals[name] = threads.address()
        return name


def estimated(work: Dim, known: Iterable[str]) -> Dim:
    """Nanoseconds, with a guess for what only the loop itself finds out."""
    unknown = dims.symbols_of(work).difference(known)
    return dims.substitute(work, dict.fromkeys(unknown, ESTIMATED_TRIPS))


def multiple_of(loop: Loop) -> int:
    """What the parts of a shared loop begin at multiples of."""
    if loop.kind != "vector":
        return 1
    return ROW if any(isinstance(inside, Loop) for inside in loop.body) else RUN

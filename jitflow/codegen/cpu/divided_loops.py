"""Whole loops on the thread pool: a loop of commands becomes a function of a range of iterations.

What the loop shares with the program is handed over by address in a context; what an iteration
alone uses, every thread has for itself: single elements and small arrays on its stack, others in
memory that it asks for. Only the thread that posted the job looks for signals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from jitflow.codegen.arena import pointers_of
from jitflow.codegen.commands import (
    Branch,
    CallKernel,
    Command,
    DefineSymbol,
    Pointer,
    Repeat,
    Turn,
    While,
    every,
)
from jitflow.codegen.cpu import rare
from jitflow.codegen.cpu.body import BodyWriter
from jitflow.codegen.cpu.polls import NEVER, Polls, trips
from jitflow.codegen.cpu.shared import estimated
from jitflow.codegen.cpu.values import Register
from jitflow.codegen.loop_ir import Kernel, Store, walk
from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64

if TYPE_CHECKING:
    from jitflow.codegen.program import Lowered

FEWEST = 8
"""Iterations from which a loop is divided, rather than the kernels in it."""

STACK = 16 << 10
"""Bytes of arrays that each thread keeps on its stack."""

_TAKEN = (CallKernel, DefineSymbol, Repeat, While, Branch, Turn)


@dataclass(eq=False, repr=False)
class Division:
    """A loop that threads share.

    Attributes
    ----------
    own : frozenset of str
        Storages that every thread has for itself.
    shared : tuple of str
        Storages that all of them use.
    """

    command: Repeat
    own: frozenset[str]
    shared: tuple[str, ...]


def division_of(command: Repeat, lowered: Lowered) -> Division | None:
    """How threads may share a loop; None where they may not."""
    count = trips(command)
    if not command.independent or (count is not None and count < FEWEST):
        return None
    inside = list(every([command]))[1:]
    if not all(isinstance(item, _TAKEN) for item in inside):
        return None
    own, shared = _storages(command, inside, lowered)
    index = _index(command)
    free = own.union(command.sums)
    if own.intersection(command.sums) or len(set(command.sums)) < len(command.sums):
        return None
    if index is None or not _keep_apart(inside, free, index, lowered.program.kernels):
        return None
    symbols, inputs = lowered.given.segment.graph.symbols, lowered.given.inputs
    known = {name for name, definition in symbols.items() if definition.value in inputs}
    sizes = (lowered.temporaries[name].size for name in own if name in lowered.arena.offsets)
    if any(not dims.symbols_of(size) <= known for size in sizes):
        return None
    return Division(command, own, shared)


def _index(command: Repeat) -> str | None:
    """The symbol that is the index of a loop."""
    slot = command.slot.storage
    for item in command.body:
        if isinstance(item, DefineSymbol) and item.pointer.storage == slot:
            return item.name
    return None


def _storages(
    command: Repeat, inside: list[Command], lowered: Lowered
) -> tuple[frozenset[str], tuple[str, ...]]:
    """What only the loop's body uses, and what else it uses."""
    here = _mentions(inside)
    everywhere = _mentions(every(lowered.program.commands))
    arena = lowered.arena
    mine = {*arena.scalars, *arena.offsets, *arena.growing, *arena.rings}
    own = {name for name, count in here.items() if count == everywhere[name] and name in mine}
    own.add(command.slot.storage)
    return frozenset(own), tuple(name for name in here if name not in own)


def _mentions(commands: Iterable[Command]) -> Counter[str]:
    return Counter(p.storage for command in commands for p in pointers_of(command))


def _keep_apart(
    inside: list[Command], own: Container[str], index: str, kernels: list[Kernel]
) -> bool:
    """Whether what is stored outside of the threads' own memory lies where the index says."""
    for command in inside:
        if isinstance(command, Turn) and any(name not in own for name in command.targets):
            return False
        if not isinstance(command, CallKernel):
            continue
        kernel = kernels[command.kernel]
        stored = {item.buffer for item in walk(kernel.body) if isinstance(item, Store)}
        for buffer, pointer in zip(kernel.buffers, command.pointers, strict=True):
            if buffer.name not in stored or pointer.storage in own:
                continue
            if index not in dims.symbols_of(pointer.offset):
                return False
    return True


class LoopFunction(BodyWriter):
    """Writes ``i32 @name(ptr context, i64 first, i64 last)`` for a loop of a body."""

    def __init__(self, outer: BodyWriter, division: Division) -> None:
        super().__init__(
            outer.name, outer.lowered, outer.text.names, outer.target, outer.shared,
            outer.families, None if outer.polls is None else Polls(outer.lowered),
        )  # fmt: skip
        self.outer = outer
        self.division = division
        self.function = f"{outer.name}_loop{outer.loop_count}"
        outer.loop_count += 1
        self.given: list[tuple[str, str]] = []
        self.loads: list[str] = []

    def call(self) -> None:
        """Write the function, and the job in the place of the loop."""
        outer, command = self.outer, self.division.command
        start, stop, step = map(outer.control.bound, (command.start, command.stop, command.step))
        extent = self.extent(start, stop, step)
        self.take(start, step)
        outer.functions.append(self.written(command))
        work = outer.memory.dim(estimated(command.work, outer.symbols))
        given = [f"{type} {value}" for type, value in self.given]
        result = outer.post(f"@{self.function}", given, (extent, work.text, 1))
        outer.leave_unless_done(result)

    def extent(self, start: Register, stop: Register, step: Register) -> str:
        """The number of iterations."""
        control, value = self.outer.control, self.outer.text.value
        if step.text != "1":
            return control.trips(start, stop, step)
        distance = value(f"sub i64 {stop.text}, {start.text}")
        some = value(f"icmp sgt i64 {distance}, 0")
        return value(f"select i1 {some}, i64 {distance}, i64 0")

    # What the function gets

    def take(self, start: Register, step: Register) -> None:
        """Hand over what the loop shares with the program."""
        outer = self.outer
        for name in self.division.shared:
            if name in self.lowered.constants:
                self.storages[name] = f"@{name}"
                continue
            self.storages[name] = self.handed("ptr", outer.pointer(Pointer(name)), name)
        for name, register in outer.symbols.items():
            self.symbols[name] = Register(self.handed("i64", register.text, name), I64)
        for name, register in (("range.start", start), ("range.step", step)):
            self.handed("i64", register.text, name)
        if self.polls is not None:
            poster = self.external("declare i64 @pthread_self()", "pthread_self")
            self.handed("i64", outer.text.result(f"call i64 @{poster}()"), "poster")
            self.handed("ptr", "%ticks", "poster.ticks")
            self.handed("ptr", "%deadline", "deadline")

    def external(self, declaration: str, name: str) -> str:
        self.text.names.declarations[declaration] = None
        self.text.names.externals[name] = rare.c_function(name)
        return name

    def handed(self, type: str, value: str, name: str) -> str:
        """A value of the caller in this function."""
        at = f"%given{len(self.given)}"
        self.loads += [
            f"  {at} = getelementptr i64, ptr %context, i64 {len(self.given)}",
            f"  %{name} = load {type}, ptr {at}",
        ]
        self.given.append((type, value))
        return f"%{name}"

    def copies(self) -> list[str]:
        """Single elements that are only read are variables of the function; sums begin at 0."""
        lines = []
        for name in self.division.shared:
            if name in self.division.command.sums:
                lines += [f"  %{name}.own = alloca i64", f"  store i64 0, ptr %{name}.own"]
                self.storages[name] = f"%{name}.own"
                continue
            size = self.size_of_scalar(name)
            if size:
                lines += [
                    f"  %{name}.own = alloca [{size} x i8], align 16",
                    f"  %{name}.value = load i{8 * size}, ptr %{name}",
                    f"  store i{8 * size} %{name}.value, ptr %{name}.own",
                ]
                self.storages[name] = f"%{name}.own"
        return lines

    def size_of_scalar(self, name: str) -> int:
        """Bytes of a single element; 0 for arrays."""
        if name in self.lowered.arena.scalars:
            return self.lowered.arena.scalars[name]
        for number, spec in enumerate(self.segment.inputs):
            if name == f"in{number}" and spec.layout == "scalar":
                return spec.dtype.itemsize
        return 0

    # The function

    def written(self, command: Repeat) -> str:
        """The text of the function."""
        own = self.division.own
        first = [*self.loads, *self.copies()]
        self.control.declare_variables(own)
        free = self.own_arrays(sorted(name for name in own if name in self.lowered.arena.offsets))
        if self.polls is not None:
            self.polls.text = self.text
            first += [
                "  %ticks.own = alloca i64", f"  store i64 {NEVER}, ptr %ticks.own",
                "  %me = call i64 @pthread_self()", "  %is.poster = icmp eq i64 %me, %poster",
                "  %ticks = select i1 %is.poster, ptr %poster.ticks, ptr %ticks.own",
            ]  # fmt: skip
        self.part(command)
        self.add_sums(command)
        lines = [f"define internal i32 @{self.function}(ptr %context, i64 %first, i64 %last) {{"]
        lines += ["entry:", *first, *self.control.variables, *self.text.scopes[0].lines]
        lines += [*self.control.release(), *free, "  ret i32 0"]
        if self.checked:
            lines += ["fail:", *self.control.release(), *free, "  ret i32 1"]
        if self.polls is not None:
            lines += ["raised:", *self.control.release(), *free, "  ret i32 2"]
        return "\n".join([*lines, "}"])

    def part(self, command: Repeat) -> None:
        """The iterations from ``%first`` to ``%last``."""
        text = self.text
        start, step = Register("%range.start", I64), Register("%range.step", I64)
        first, last = "%first", "%last"
        if command.step == 1:
            step = text.integer(1)
            first, last = (text.result(f"add i64 %range.start, {end}") for end in (first, last))
        polls = self.polls
        size = polls.part(command) if polls else 0
        if not (polls and size):
            self.control.counted(command, start, step, (first, last))
            return
        with self.control.parts(polls, command, (first, last), size) as inner:
            self.control.counted(command, start, step, inner)

    def add_sums(self, command: Repeat) -> None:
        """Add what these iterations summed up to what all threads share."""
        text, function = self.text, "llvm.sadd.with.overflow.i64"
        for name in command.sums:
            text.declare(f"declare {{ i64, i1 }} @{function}(i64, i64)")
            own = text.result(f"load i64, ptr %{name}.own")
            before = text.result(f"atomicrmw add ptr %{name}, i64 {own} seq_cst")
            both = text.result(f"call {{ i64, i1 }} @{function}(i64 {before}, i64 {own})")
            overflows = text.result(f"extractvalue {{ i64, i1 }} {both}, 1")
            going_on = text.fresh("summed")
            text.write(f"br i1 {overflows}, label %fail, label %{going_on}")
            text.start_block(going_on)
            self.checked = True

    def own_arrays(self, names: list[str]) -> list[str]:
        """Memory for a thread's own arrays; the lines that give it back."""
        total: Dim = 0
        places: list[tuple[str, Dim]] = []
        for name in names:
            places.append((name, total))
            size = self.lowered.temporaries[name].size
            total = total + (-(-size // 64) * 64 if isinstance(size, int) else size + 64)
        if not names:
            return []
        text = self.text
        is_small = isinstance(total, int) and total <= STACK
        if is_small:
            self.control.variables.append(f"  %own.arrays = alloca [{total} x i8], align 64")
        else:
            self.external("declare ptr @malloc(i64)", "malloc")
            self.external("declare void @free(ptr)", "free")
            room = self.memory.dim(total + 64)
            text.write(f"%own.memory = call ptr @malloc(i64 {room.text})")
            text.write("%own.address = ptrtoint ptr %own.memory to i64")
            text.write("%own.up = add i64 %own.address, 63")
            text.write("%own.rounded = and i64 %own.up, -64")
            text.write("%own.arrays = inttoptr i64 %own.rounded to ptr")
        for name, offset in places:
            at = self.memory.dim(offset)
            self.storages[name] = text.value(f"getelementptr i8, ptr %own.arrays, i64 {at.text}")
        return [] if is_small else ["  call void @free(ptr %own.memory)"]

"""Elements that stay in one place of an array while a loop runs: variables, for that time.

Before: ``for j: a[i, j] -= a[i, k] * a[k, j]``; after: ``t = a[i, k]`` in front and ``for j: a[i,
j] -= t * a[k, j]``. An element that is written is put back behind the loop. Nothing else that the
loop reads or writes in that array may ever be the element, which the ranges of the indices show:
`j` is above `k`. The element is first read where the loop has an iteration, which begins with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from jitflow.codegen.access import ZERO
from jitflow.codegen.buffers import Memory
from jitflow.codegen.commands import (
    Bound,
    Branch,
    CallKernel,
    Command,
    DefineSymbol,
    Pointer,
    Program,
    Repeat,
    While,
    every,
    parts_of,
)
from jitflow.codegen.loop_ir import Buffer, Kernel, Load, Loop, Statement, Store, Where
from jitflow.codegen.nest import symbols_in
from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.ir.ranges import Ranges

MOST = 8
"""Elements that are variables in one loop: there are so many registers."""


class Element(NamedTuple):
    """A place in memory."""

    storage: str
    offset: Dim
    dtype: DType


class End(NamedTuple):
    """Where a copied element is read or written."""

    pointer: Pointer
    aligned: bool


@dataclass(eq=False, repr=False)
class Uses:
    """What a loop does with elements, in order.

    `certain`: those that the first iteration reads or writes before anything may leave it, and
    whether they are aligned. `unknown`: storages where an index is looked up, or that
    something else than a kernel reads. `is_straight`: nothing leaves the loop.
    """

    read: set[Element] = field(default_factory=set)
    written: set[Element] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    certain: dict[Element, bool] = field(default_factory=dict)
    always_written: set[Element] = field(default_factory=set)
    is_straight: bool = True


class Cells:
    """Rewrites the loops of a program in place."""

    def __init__(self, program: Program, memory: Memory, numbers: dict[str, int]) -> None:
        self.program, self.memory, self.numbers = program, memory, numbers

    def run(self, commands: list[Command], sizes: Iterable[str]) -> None:
        """Rewrite a program; `sizes`: its symbols that are not negative."""
        self.inside(commands, Ranges(sizes), {})
        used = sorted({c.kernel for c in every(commands) if isinstance(c, CallKernel)})
        for command in every(commands):
            if isinstance(command, CallKernel):
                command.kernel = used.index(command.kernel)
        self.program.kernels[:] = [self.program.kernels[number] for number in used]

    def inside(self, commands: list[Command], ranges: Ranges, indices: Mapping[str, str]) -> None:
        """Go through commands; `indices`: the symbols that are in the slots of the loops around."""
        for command in commands:
            if not isinstance(command, (Repeat, While, Branch)):
                continue
            inner, known = ranges, indices
            name = _index(command) if isinstance(command, Repeat) else ""
            if isinstance(command, Repeat) and name:
                inner = ranges.inside(name, *_ends(command, indices))
                known = {**indices, command.slot.storage: name}
            if isinstance(command, Repeat) and _is_innermost(command, self.program):
                self.loop(command, inner)
                continue
            for _, part in parts_of(command):
                self.inside(part, inner, known)

    def loop(self, command: Repeat, ranges: Ranges) -> None:
        """Take the elements of one loop out."""
        uses = Uses()
        self.note(command.body, uses, certain=True)
        changing = {c.name for c in every(command.body) if isinstance(c, DefineSymbol)}
        kept = {pointer.storage for pointer in command.kept}
        stored = {element.storage for element in uses.written}
        variables = {name for name, item in self.memory.temporaries.items() if item.is_scalar}
        outputs = self.memory.given.outputs
        variables.update(place.storage for place in outputs if not place.layout.strides)
        arrays = kept & stored - variables
        chosen: dict[Element, str] = {}
        for element, aligned in uses.certain.items():
            storage, offset, dtype = element
            if storage not in arrays or changing & dims.symbols_of(offset):
                continue
            if len(chosen) == MOST or not _stays(element, uses, ranges):
                continue
            place = self.memory.temporary((), dtype)
            chosen[element] = place.storage
            there, here = End(Pointer(storage, offset), aligned), End(Pointer(place.storage), True)
            command.before.append(self.copy(dtype, there, here))
            if element in uses.written:
                command.after.append(self.copy(dtype, here, there))
        if chosen:
            self.rewrite(command.body, chosen)

    # What a loop does

    def note(self, commands: list[Command], uses: Uses, certain: bool) -> None:
        """Add what commands do; `certain`: they run in every iteration."""
        for command in commands:
            if isinstance(command, DefineSymbol):
                uses.unknown.add(command.pointer.storage)
            elif isinstance(command, Branch):
                uses.unknown.add(command.flag.storage)
                for _, inside in parts_of(command):
                    self.note(inside, uses, certain=False)
            elif isinstance(command, CallKernel):
                kernel = self.program.kernels[command.kernel]
                uses.is_straight &= not kernel.checks
                for statement in kernel.body:
                    if isinstance(statement, (Load, Store)):
                        self.access(kernel, command, statement, uses, certain)

    def access(
        self, kernel: Kernel, call: CallKernel, statement: Load | Store, uses: Uses, certain: bool
    ) -> None:
        """Add what a statement does."""
        buffer, element = _place(kernel, call, statement)
        if element is None:
            uses.unknown.add(call.pointers[kernel.buffers.index(buffer)].storage)
            return
        is_store = isinstance(statement, Store)
        (uses.written if is_store else uses.read).add(element)
        certain &= not (isinstance(statement, Store) and statement.condition)
        if certain and uses.is_straight:
            uses.certain.setdefault(element, buffer.aligned)
            if is_store:
                uses.always_written.add(element)

    # Writing

    def copy(self, dtype: DType, source: End, target: End) -> CallKernel:
        """A call that copies one element."""
        buffers = [Buffer("b0", dtype, source.aligned), Buffer("b1", dtype, target.aligned)]
        body: list[Statement] = [Load("%0", "b0", ZERO, dtype), Store("b1", ZERO, "%0", dtype)]
        pointers = source.pointer, target.pointer
        return CallKernel(self.number(Kernel(buffers, [], body)), pointers, 1)

    def number(self, kernel: Kernel) -> int:
        """The number of a kernel, which is added if there is none like it."""
        text = str(kernel)
        if text not in self.numbers:
            self.numbers[text] = len(self.program.kernels)
            self.program.kernels.append(kernel)
        return self.numbers[text]

    def rewrite(self, commands: list[Command], chosen: Mapping[Element, str]) -> None:
        """Let commands use variables in the place of elements."""
        for number, command in enumerate(commands):
            if isinstance(command, Branch):
                for _, inside in parts_of(command):
                    self.rewrite(inside, chosen)
            elif isinstance(command, CallKernel):
                commands[number] = self.call(command, chosen)

    def call(self, call: CallKernel, chosen: Mapping[Element, str]) -> CallKernel:
        """A call of a kernel with other buffers for the chosen elements."""
        kernel = self.program.kernels[call.kernel]
        buffers: dict[str, tuple[Buffer, Pointer]] = {}
        body: list[Statement] = []
        for statement in kernel.body:
            if not isinstance(statement, (Load, Store)):
                body.append(statement)
                continue
            buffer, element = _place(kernel, call, statement)
            variable = chosen.get(element) if element is not None else None
            key, address = statement.buffer, statement.address
            pointer = call.pointers[kernel.buffers.index(buffer)]
            if variable is not None:
                key, address, pointer = variable, ZERO, Pointer(variable)
            name = buffers[key][0].name if key in buffers else f"b{len(buffers)}"
            aligned = buffer.aligned or variable is not None
            buffers.setdefault(key, (Buffer(name, buffer.dtype, aligned), pointer))
            body.append(replace(statement, buffer=name, address=address))
        if not any(pointer.storage in chosen.values() for _, pointer in buffers.values()):
            return call
        made = replace(
            kernel, buffers=[b for b, _ in buffers.values()], symbols=symbols_in(body), body=body
        )
        return replace(
            call, kernel=self.number(made), pointers=tuple(p for _, p in buffers.values())
        )


def _place(
    kernel: Kernel, call: CallKernel, statement: Load | Store
) -> tuple[Buffer, Element | None]:
    """The buffer that a statement uses, and the element; None where it looks an index up."""
    number = next(k for k, b in enumerate(kernel.buffers) if b.name == statement.buffer)
    buffer, pointer = kernel.buffers[number], call.pointers[number]
    if statement.address.terms:
        return buffer, None
    offset = pointer.offset + statement.address.constant
    return buffer, Element(pointer.storage, offset, statement.dtype)


def _stays(element: Element, uses: Uses, ranges: Ranges) -> bool:
    """Whether nothing else that a loop does is ever about an element."""
    others = uses.written
    if element.storage in uses.unknown:
        return False
    if element in others:
        if not uses.is_straight or element not in uses.always_written:
            return False
        others = others | uses.read
    return all(
        other == element
        or ranges.never_meet(
            other.offset - element.offset, element.dtype.itemsize, other.dtype.itemsize
        )
        for other in others
        if other.storage == element.storage
    )


def _is_innermost(command: Repeat, program: Program) -> bool:
    """Whether a loop does nothing but arithmetic on single elements."""
    for item in every(command.body):
        if isinstance(item, CallKernel):
            if any(isinstance(s, (Loop, Where)) for s in program.kernels[item.kernel].body):
                return False
        elif not isinstance(item, (Branch, DefineSymbol)):
            return False
    return True


def _index(command: Repeat) -> str:
    """The symbol that is the index of a loop, if it has one."""
    for item in command.body:
        if isinstance(item, DefineSymbol) and item.pointer.storage == command.slot.storage:
            return item.name
    return ""


def _ends(command: Repeat, indices: Mapping[str, str]) -> tuple[Dim | None, Dim | None]:
    """The first and the last index of a loop that counts up, as far as they are known."""
    if not isinstance(command.step, int) or command.step < 1:
        return None, None
    start, stop = _known(command.start, indices), _known(command.stop, indices)
    return start, None if stop is None else stop - 1


def _known(bound: Bound, indices: Mapping[str, str]) -> Dim | None:
    """A bound as a polynomial: the index of a loop around is one too."""
    if not isinstance(bound, Pointer):
        return bound
    name = indices.get(bound.storage)
    return None if name is None else dims.symbol(name)

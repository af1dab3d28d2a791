"""Loops of commands of which LLVM may run many iterations at once without looking at addresses.

`Repeat.independent` says that no iteration meets what another one writes, in the arrays that the
loop carries. LLVM's notes for that are about every access of the loop, and they let it change the
order of accesses within an iteration too. So what else the body writes must be variables, which are
in registers by then, and what an iteration stores it may touch again only where that is seen to be
the same element, or another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from jitflow.codegen.arena import pointers_of
from jitflow.codegen.commands import (
    Branch,
    CallKernel,
    DefineSymbol,
    Program,
    Repeat,
    While,
    every,
)
from jitflow.codegen.loop_ir import Load, Store, walk
from jitflow.codegen.program import Lowered
from jitflow.core.dims import Dim


class Access(NamedTuple):
    """A load or store of one element; `offset` is None where an index is read from memory."""

    storage: str
    offset: Dim | None
    is_store: bool


def keeps_apart(command: Repeat, lowered: Lowered) -> bool:
    """Whether a loop is one of independent iterations of single elements, as LLVM wants them."""
    program = lowered.program
    if not command.independent or not _is_straight(command, program):
        return False
    found = [access for item in command.body for access in _accesses(item, program)]
    stored = {access.storage for access in found if access.is_store}
    variables = stored.intersection(lowered.arena.scalars)
    if not stored <= variables.union(pointer.storage for pointer in command.kept):
        return False
    if variables & _shown(program):
        return False
    arrays = [access for access in found if access.storage not in variables]
    return all(
        _are_told_apart(access, later)
        for number, access in enumerate(arrays)
        for later in arrays[number + 1 :]
        if access.is_store
    )


def _is_straight(command: Repeat, program: Program) -> bool:
    """Whether a body is a sequence of instructions that is left at its end alone."""
    for item in command.body:
        if isinstance(item, CallKernel):
            kernel = program.kernels[item.kernel]
            conditions = (s.condition for s in walk(kernel.body) if isinstance(s, Store))
            if kernel.checks or kernel.has_loops or any(conditions):
                return False
        elif not isinstance(item, DefineSymbol):
            return False
    return True


def _accesses(command: object, program: Program) -> Iterator[Access]:
    """The loads and stores of a call, in order."""
    if not isinstance(command, CallKernel):
        return
    kernel = program.kernels[command.kernel]
    names = (buffer.name for buffer in kernel.buffers)
    places = dict(zip(names, command.pointers, strict=True))
    for statement in walk(kernel.body):
        if isinstance(statement, (Load, Store)):
            place, address = places[statement.buffer], statement.address
            offset = None if address.terms else place.offset + address.constant
            yield Access(place.storage, offset, isinstance(statement, Store))


def _are_told_apart(one: Access, other: Access) -> bool:
    """Whether two accesses are of different elements or the same one in each iteration."""
    if one.storage != other.storage:
        return True
    if one.offset is None or other.offset is None:
        return False
    return isinstance(one.offset - other.offset, int)


def _shown(program: Program) -> set[str]:
    """Storages whose address goes to a function that is not inlined: they stay in memory."""
    found: set[str] = set()
    for command in every(program.commands):
        is_inlined = isinstance(command, (Repeat, While, Branch, DefineSymbol))
        if isinstance(command, CallKernel):
            is_inlined = not program.kernels[command.kernel].has_loops
        if not is_inlined:
            found.update(pointer.storage for pointer in pointers_of(command))
    return found

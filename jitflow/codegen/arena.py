"""The arena: scratch memory in which temporaries with disjoint lifetimes share bytes."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jitflow.codegen.loop_ir import CallKernel, CallProduct, Command, Pointer
from jitflow.core.dims import Dim

if TYPE_CHECKING:
    from jitflow.codegen.buffers import Temporary

ALIGNMENT = 64


@dataclass(eq=False, repr=False)
class Arena:
    """Byte offset of each temporary, and the size of it all."""

    offsets: dict[str, Dim] = field(default_factory=dict)
    size: Dim = 0


def lay_out(commands: Sequence[Command], temporaries: Mapping[str, Temporary]) -> Arena:
    """Give offsets: static sizes first, in the first gap that is free for their lifetime.

    Temporaries of symbolic size come after those, in slots of equal size; the widest elements come
    first, which keeps every element aligned to itself.
    """
    lives = _lifetimes(commands)
    arena = Arena()
    _static(arena, {n: t for n, t in temporaries.items() if isinstance(t.size, int)}, lives)
    symbolic = {n: t for n, t in temporaries.items() if not isinstance(t.size, int)}
    _symbolic(arena, symbolic, lives)
    return arena


Lives = dict[str, tuple[int, int]]


def _static(arena: Arena, temporaries: Mapping[str, Temporary], lives: Lives) -> None:
    placed: list[tuple[int, int, str]] = []
    top = 0
    names = [name for name in temporaries if name in lives]
    for name in sorted(names, key=lambda name: (-_rounded(temporaries[name].size), name)):
        size = _rounded(temporaries[name].size)
        offset = 0
        for start, end, other in placed:
            if start >= offset + size:
                break
            if end > offset and _overlap(lives[name], lives[other]):
                offset = end
        bisect.insort(placed, (offset, offset + size, name))
        arena.offsets[name] = offset
        top = max(top, offset + size)
    arena.size = top


def _symbolic(arena: Arena, temporaries: Mapping[str, Temporary], lives: Lives) -> None:
    slots: dict[str, list[tuple[Dim, list[str]]]] = {}
    names = [name for name in temporaries if name in lives]
    for name in sorted(names, key=lambda name: -temporaries[name].itemsize):
        size = temporaries[name].size
        free = slots.setdefault(f"{temporaries[name].itemsize}:{size}", [])
        for offset, holders in free:
            if not any(_overlap(lives[name], lives[other]) for other in holders):
                holders.append(name)
                arena.offsets[name] = offset
                break
        else:
            free.append((arena.size, [name]))
            arena.offsets[name] = arena.size
            arena.size = arena.size + size


def _rounded(size: Dim) -> int:
    assert isinstance(size, int)
    return -(-size // ALIGNMENT) * ALIGNMENT


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _lifetimes(commands: Sequence[Command]) -> Lives:
    lives: Lives = {}
    for time, command in enumerate(commands):
        for pointer in pointers_of(command):
            first, _ = lives.get(pointer.storage, (time, time))
            lives[pointer.storage] = (first, time)
    return lives


def pointers_of(command: Command) -> Iterator[Pointer]:
    """Every pointer that a command reads or writes through."""
    if isinstance(command, CallKernel):
        yield from command.pointers
    elif isinstance(command, CallProduct):
        yield from (command.left.pointer, command.right.pointer, command.result.pointer)
    else:
        yield command.pointer

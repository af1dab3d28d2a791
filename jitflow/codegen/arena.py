"""The arena: scratch memory in which temporaries with disjoint lifetimes share bytes."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence, Set
from types import MappingProxyType
from typing import TYPE_CHECKING

from jitflow.codegen.commands import (
    Branch,
    CallDraw,
    CallKernel,
    CallLibrary,
    CallProduct,
    CallPython,
    CallShared,
    Command,
    Pointer,
    Repeat,
    Turn,
    While,
    parts_of,
)
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim, symbols_of

if TYPE_CHECKING:
    from jitflow.codegen.buffers import Temporary

ALIGNMENT = 64


@dataclass(eq=False, repr=False)
class Arena:
    """Byte offset of each temporary, and the size of it all.

    Attributes
    ----------
    scalars : dict
        Size of each temporary that is a single element of a program with loops: it is a variable
        of the function, which LLVM puts into a register.
    growing : dict
        Size of each temporary whose size the program finds: memory of its own.
    rings : tuple of str
        Storages whose address is a variable.
    """

    offsets: dict[str, Dim] = field(default_factory=dict)
    size: Dim = 0
    scalars: dict[str, int] = field(default_factory=dict)
    growing: dict[str, Dim] = field(default_factory=dict)
    rings: tuple[str, ...] = ()


def lay_out(
    commands: Sequence[Command],
    temporaries: Mapping[str, Temporary],
    symbols: Set[str] | None = None,
    rings: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Arena:
    """Give offsets: static sizes first, in the first gap that is free for their lifetime.

    Temporaries of symbolic size come after those, in slots of equal size; the widest elements come
    first, which keeps every element aligned to itself. `symbols` are known at the start, None: all;
    `rings` has the temporaries that storages with a changing address stand for.
    """
    lives = lifetimes(commands)
    for name, storages in rings.items():
        for storage in storages if name in lives else ():
            extend(lives, storage, lives[name])
    arena = Arena()
    has_loops = any(isinstance(command, (Repeat, While, Branch)) for command in commands)
    temporaries = _set_apart(arena, temporaries, lives, symbols, has_loops)
    place_static(arena, {n: t for n, t in temporaries.items() if isinstance(t.size, int)}, lives)
    symbolic = {n: t for n, t in temporaries.items() if not isinstance(t.size, int)}
    _symbolic(arena, symbolic, lives)
    return arena


Lives = dict[str, tuple[int, int]]


def _set_apart(
    arena: Arena,
    temporaries: Mapping[str, Temporary],
    lives: Lives,
    symbols: Set[str] | None,
    has_loops: bool,
) -> dict[str, Temporary]:
    """Take out what does not lie in the arena; single elements only of programs with loops."""
    rest = {}
    for name, temporary in temporaries.items():
        size = temporary.size
        if name not in lives:
            continue
        if has_loops and temporary.is_scalar and isinstance(size, int):
            arena.scalars[name] = size
        elif symbols is not None and not symbols_of(size) <= symbols:
            arena.growing[name] = size
        else:
            rest[name] = temporary
    return rest


def place_static(arena: Arena, temporaries: Mapping[str, Temporary], lives: Lives) -> None:
    """Give offsets to temporaries of known size, each in the first gap for its lifetime."""
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


def lifetimes(commands: Sequence[Command]) -> Lives:
    """First and last use of every storage, as numbers of commands."""
    lives: Lives = {}
    _live(commands, 0, lives)
    return lives


def _live(commands: Sequence[Command], time: int, lives: Lives) -> int:
    """Note the first and last use of every storage; what outlives a loop lives through it."""
    for command in commands:
        start, here = time, list(pointers_of(command))
        inside: Lives = {}
        if isinstance(command, (Repeat, While, Branch)):
            for _, part in parts_of(command):
                time = _live(part, time + 1, inside)
        for storage, span in inside.items():
            extend(lives, storage, span)
        for pointer in here:
            extend(lives, pointer.storage, (start, time))
        time += 1
    return time


def extend(lives: Lives, storage: str, span: tuple[int, int]) -> None:
    """Let a storage live through `span` too."""
    first, last = lives.get(storage, span)
    lives[storage] = min(first, span[0]), max(last, span[1])


def pointers_of(command: Command) -> Iterator[Pointer]:
    """Every pointer that a command itself reads or writes through."""
    if isinstance(command, CallKernel):
        yield from command.pointers
    elif isinstance(command, CallProduct):
        yield from (command.left.pointer, command.right.pointer, command.result.pointer)
    elif isinstance(command, CallShared):
        for product in command.products:
            yield from (product.matrix, product.vector, product.result)
    elif isinstance(command, CallPython):
        yield from (array.pointer for array in (*command.operands, *command.results))
    elif isinstance(command, CallDraw):
        yield from (command.bits, *command.numbers, command.result)
    elif isinstance(command, CallLibrary):
        yield from (array.pointer for array in (*command.operands, command.result))
    elif isinstance(command, Repeat):
        yield command.slot
        yield from (b for b in (command.start, command.stop) if isinstance(b, Pointer))
        yield from (b for b in (command.step,) if isinstance(b, Pointer))
        yield from command.kept
    elif isinstance(command, (While, Branch)):
        yield command.flag
        yield from command.kept
    elif isinstance(command, Turn):
        yield from command.sources
        yield from map(Pointer, command.targets)
    else:
        yield command.pointer

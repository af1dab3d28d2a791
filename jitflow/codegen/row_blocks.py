"""Products by blocks of rows that stay in the cache, with the kernels that make and use those rows.

Before: ``kernel0(x, patches); y = product patches, w; kernel1(y, out)``, each over all of its
memory. After: a loop over blocks of rows that runs the three one after the other. The patches of a
convolution are many times its image: they are never in memory, nor are the rows that an
activation reads.

Kernels are cut where rows are iterations of their outermost loops; what they do to other rows
than those of a block makes them stay in front of the loop, or behind it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from jitflow.codegen import arena
from jitflow.codegen.buffers import Memory
from jitflow.codegen.commands import (
    CallKernel,
    CallProduct,
    Command,
    DefineSymbol,
    Matrix,
    Pointer,
    Program,
    Repeat,
    every,
)
from jitflow.codegen.cpu import own_products
from jitflow.codegen.cpu.target import host
from jitflow.codegen.cut_rows import Cut, Level, View, cut, rows_of_loops, view_of
from jitflow.codegen.groups import Product
from jitflow.codegen.loop_ir import (
    Kernel,
    Load,
    Store,
    walk,
)
from jitflow.core import dims
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64

BLOCK_BYTES = 3 << 16
"""Bytes of the rows of the left matrix in a block: with the right one it stays in the cache."""

RIGHT_BYTES, LEAST_BYTES = 5 << 17, 1 << 19
"""Bytes of a right matrix that stays there too, and of rows that do not."""

FARTHEST = 12
"""Commands from a product to a kernel that belongs to it."""

LEAST_ROWS = 16
"""Rows of a block from which a product takes no longer for each of them."""


Numbers = dict[str, int]
"""Text of each kernel of a program to its number."""


@dataclass(frozen=True)
class _Piece:
    """Memory for the rows of a block instead of all rows, which began at `offset`."""

    storage: str
    offset: Dim


_Part = tuple[CallKernel | CallProduct, Cut | None]
"""A command of a block: kernels are cut."""


@dataclass(eq=False)
class _Use:
    """The storages that a command writes, and those that it reads."""

    stored: set[str]
    loaded: set[str]

    @property
    def touched(self) -> set[str]:
        """All of them."""
        return self.stored | self.loaded


def in_blocks(
    commands: list[Command], program: Program, memory: Memory, numbers: Numbers
) -> list[Command]:
    """`commands` with loops around such products; kernels that nothing calls any more are gone."""
    found = _Blocks(commands, program, memory, numbers).run()
    _drop_unused(found, program)
    return found


def is_better_packed(product: Product) -> bool:
    """Whether the small right matrix of a product, whose columns lie in rows, is best turned.

    Then the many rows of the left one may be made block by block.
    """
    rows, columns, inner = (product.variables[name] for name in "ijk")
    if len(product.variables) > 3 or not isinstance(rows, int):
        return False
    if not isinstance(columns, int) or not isinstance(inner, int):
        return False
    dtype = product.node.result.type.dtype
    size = dtype.itemsize
    if rows * inner * size < LEAST_BYTES or inner * columns * size > RIGHT_BYTES:
        return False
    chosen = own_products.choose(dtype, rows, columns, inner, columns * size, host())
    return columns > 1 and chosen is not None


class _Blocks:
    """Looks for products in a list of commands."""

    def __init__(
        self, commands: list[Command], program: Program, memory: Memory, numbers: Numbers
    ) -> None:
        self.commands = commands
        self.program = program
        self.memory = memory
        self.numbers = numbers
        self.made = 0

    def run(self) -> list[Command]:
        place = 0
        while place < len(self.commands):
            command = self.commands[place]
            if isinstance(command, CallProduct) and self.is_candidate(command):
                place = self.block(place, command)
            place += 1
        return self.commands

    def is_candidate(self, call: CallProduct) -> bool:
        """Whether rows lie one after the other, and reading them again takes longer than a loop."""
        left, size = call.left, call.dtype.itemsize
        sizes = call.rows, call.columns, call.inner, left.row, call.result.row
        if call.batch or left.column != size or call.result.column != size:
            return False
        if not all(isinstance(extent, int) and extent > 0 for extent in sizes):
            return False  # unknown, or nothing to do
        rows, columns, inner, pitch, step = (extent for extent in sizes if isinstance(extent, int))
        if not _are_own((left.pointer.storage, call.result.pointer.storage)):
            return False
        if pitch < inner * size or step < columns * size or inner * columns * size > RIGHT_BYTES:
            return False
        return rows * pitch >= LEAST_BYTES and _is_direct(call, rows)

    # One product

    def block(self, place: int, call: CallProduct) -> int:
        """Put a loop around the product at `place`, and what it needs first before it."""
        start, makers, ready = self.makers(place, call)
        levels = self.levels(call, makers)
        if not levels or not makers:
            return place
        parts: list[_Part] = []
        for maker in makers:
            part = cut(self.view(maker, call.left), levels)
            if part is None:
                return place
            parts.append((maker, part))
        parts.append((call, None))
        end = self.add_users(place + 1, call, levels, (parts, ready))
        self.commands[start:end] = ready
        self.commands.insert(start + len(ready), self.loop(call, parts, levels))
        return start + len(ready)

    def makers(self, place: int, call: CallProduct) -> tuple[int, list[CallKernel], list[Command]]:
        """The kernels that make the left matrix, where they begin, and others among them.

        The others are made ready before the loop: nothing of them has to do with the makers.
        """
        found: list[CallKernel] = []
        ready: list[Command] = []
        start = place
        result = call.result.pointer.storage
        while start > 0 and place - start < FARTHEST:
            command = self.commands[start - 1]
            if not isinstance(command, CallKernel):
                break
            use = self.use(command)
            if use.stored == {call.left.pointer.storage}:
                changed = {name for other in ready for name in self.use(other).stored}
                if use.loaded & (use.stored | changed | {result}):
                    break
                found.insert(0, command)
            elif use.touched & {call.left.pointer.storage, result}:
                break
            else:
                ready.insert(0, command)
            start -= 1
        return self.without_rest(start, found, ready)

    def without_rest(
        self, start: int, found: list[CallKernel], ready: list[Command]
    ) -> tuple[int, list[CallKernel], list[Command]]:
        """Leave out what stands before the first maker."""
        while ready and found and self.commands[start] is not found[0]:
            ready.pop(0)
            start += 1
        return start, found, ready

    def add_users(
        self,
        end: int,
        call: CallProduct,
        levels: Sequence[Level],
        found: tuple[list[_Part], list[Command]],
    ) -> int:
        """Add kernels behind the product that may run block by block; the end of those looked at.

        What stands between them and has to do with none of them is made ready before.
        """
        parts, ready = found
        between: list[CallKernel] = []
        last = end
        while end < len(self.commands) and end - last < FARTHEST:
            command = self.commands[end]
            if not isinstance(command, CallKernel):
                break
            end += 1
            if self.is_apart(command, parts):
                between.append(command)
                continue
            part = self.user(command, call, parts, levels)
            if part is None:
                break
            ready += between
            between = []
            parts.append((command, part))
            last = end
        return last

    def use(self, command: Command) -> _Use:
        """What a kernel or a product reads and writes."""
        if isinstance(command, CallProduct):
            given = {command.left.pointer.storage, command.right.pointer.storage}
            return _Use({command.result.pointer.storage}, given)
        assert isinstance(command, CallKernel)
        return _use_of(self.program, command)

    def view(self, command: CallKernel, matrix: Matrix) -> View:
        return view_of(self.program.kernels[command.kernel], command, matrix)

    def is_apart(self, command: CallKernel, parts: Sequence[_Part]) -> bool:
        """Whether a kernel may as well run before all of `parts`."""
        use = self.use(command)
        others = [self.use(other) for other, _ in parts]
        return not any(use.stored & other.touched or use.loaded & other.stored for other in others)

    def user(
        self,
        command: CallKernel,
        call: CallProduct,
        parts: Sequence[_Part],
        levels: Sequence[Level],
    ) -> Cut | None:
        """A kernel behind the product, cut, if it may run block by block."""
        use = self.use(command)
        result, left = call.result.pointer.storage, call.left.pointer.storage
        if result in use.stored or result not in use.loaded or left in use.touched:
            return None
        others = [self.use(other) for other, _ in parts]
        if any(use.stored & other.touched for other in others):
            return None
        if any(use.loaded & other.stored - {result} for other in others):
            return None
        if not _are_own(use.stored):
            return None
        return cut(self.view(command, call.result), levels)

    def levels(self, call: CallProduct, makers: Sequence[CallKernel]) -> list[Level]:
        """Loops over blocks of rows that all makers can be cut to; none if there are none."""
        rows, pitch = call.rows, call.left.row
        assert isinstance(rows, int)
        assert isinstance(pitch, int)
        most = max(BLOCK_BYTES // pitch, LEAST_ROWS)
        steps = [rows_of_loops(self.view(maker, call.left)) for maker in makers]
        if not all(steps):
            return []
        size = _block(rows, [s[0] for s in steps], most)
        if size and _is_direct(call, size):
            return self.named([(rows // size, size)])
        outer = steps[0][0]
        inside = [s[1] for s in steps if len(s) > 1 and s[0] == outer]
        if rows % outer or len(inside) < len(steps):
            return []
        size = _block(outer, inside, most)
        if not size or not _is_direct(call, size):
            return []
        return self.named([(rows // outer, outer), (outer // size, size)])

    def named(self, sizes: list[tuple[int, int]]) -> list[Level]:
        self.made += 1
        return [Level(f"rows{self.made}_{k}", *size) for k, size in enumerate(sizes)]

    # The loop

    def loop(self, call: CallProduct, parts: Sequence[_Part], levels: Sequence[Level]) -> Command:
        """The loop over blocks."""
        rows: Dim = 0
        for level in levels:
            rows = rows + dims.symbol(level.symbol) * level.rows
        size = levels[-1].rows
        count = math.prod(level.count for level in levels)
        own = [command for command, _ in parts]
        pieces = {
            matrix.pointer.storage: self.piece(matrix, call, size, own)
            for matrix in (call.left, call.result)
        }
        body: list[Command] = []
        for command, part in parts:
            if part is None:
                left, result = (
                    replace(matrix, pointer=_at(matrix.pointer, pieces, rows * matrix.row))
                    for matrix in (call.left, call.result)
                )
                body.append(replace(call, rows=size, left=left, result=result))
                continue
            assert isinstance(command, CallKernel)
            pointers = tuple(
                _at(pointer, pieces, part.moves[buffer.name])
                for buffer, pointer in zip(part.kernel.buffers, command.pointers, strict=True)
            )
            work = command.work // count if isinstance(command.work, int) else command.work
            body.append(CallKernel(self.number(part.kernel), pointers, work))
        return self.around(body, levels, {new.storage for new in pieces.values() if new})

    def piece(
        self, matrix: Matrix, call: CallProduct, size: int, own: Sequence[Command]
    ) -> _Piece | None:
        """Memory for the rows of one block, where nothing but `own` commands use them."""
        storage = matrix.pointer.storage
        if storage not in self.memory.temporaries:
            return None
        for command in self.commands:
            if not any(command is other for other in own) and storage in _storages(command):
                return None
        shape = (size * _pitch(matrix) // call.dtype.itemsize,)
        return _Piece(self.memory.temporary(shape, call.dtype).storage, matrix.pointer.offset)

    def around(self, body: list[Command], levels: Sequence[Level], own: set[str]) -> Command:
        """Loops of which the innermost has `body`; what is not made in it lives through it."""
        storages = dict.fromkeys(
            pointer.storage for command in body for pointer in arena.pointers_of(command)
        )
        kept = tuple(Pointer(storage) for storage in storages if storage not in own)
        for level in reversed(levels):
            slot = Pointer(self.memory.temporary((), I64).storage)
            body = [DefineSymbol(level.symbol, slot), *body]
            body = [Repeat(slot, 0, level.count, 1, body, kept)]
        return body[0]

    def number(self, kernel: Kernel) -> int:
        """The number of a kernel in the program, which has each once."""
        number = self.numbers.setdefault(str(kernel), len(self.program.kernels))
        if number == len(self.program.kernels):
            self.program.kernels.append(kernel)
        return number


def _is_direct(call: CallProduct, rows: int) -> bool:
    """Whether the product of some rows is made without packing its right matrix each time."""
    row = call.right.row
    if call.right.column != call.dtype.itemsize:
        return False
    return own_products.choose(call.dtype, rows, call.columns, call.inner, row, host()) is not None


def _block(rows: int, steps: Sequence[int], most: int) -> int:
    """The most rows of a block: a part of `rows`, and a multiple of what kernels can be cut to."""
    step = math.lcm(*steps) if steps else 1
    sizes = [n for n in range(step, most + 1, step) if rows % n == 0]
    return sizes[-1] if sizes and sizes[-1] >= LEAST_ROWS else 0


def _at(pointer: Pointer, pieces: dict[str, _Piece | None], move: Dim) -> Pointer:
    """Where a block begins: some rows further, or in memory that has only those."""
    piece = pieces.get(pointer.storage)
    if piece is not None:
        return Pointer(piece.storage, pointer.offset - piece.offset)
    return Pointer(pointer.storage, pointer.offset + move)


def _are_own(storages: Iterable[str]) -> bool:
    """Whether storages are memory that nothing else is a name of: no input, none that changes."""
    return all(name.startswith(("tmp", "out")) for name in storages)


def _pitch(matrix: Matrix) -> int:
    assert isinstance(matrix.row, int)
    return matrix.row


def _storages(command: Command) -> set[str]:
    return {pointer.storage for item in every([command]) for pointer in arena.pointers_of(item)}


def _use_of(program: Program, command: CallKernel) -> _Use:
    """What a kernel stores to; what it loads from, or combines something with."""
    kernel = program.kernels[command.kernel]
    where = {b.name: p.storage for b, p in zip(kernel.buffers, command.pointers, strict=True)}
    use = _Use(set(), set())
    for item in walk(kernel.body):
        if isinstance(item, Store):
            use.stored.add(where[item.buffer])
        if isinstance(item, Load) or (isinstance(item, Store) and item.operator is not None):
            use.loaded.add(where[item.buffer])
    return use


def _drop_unused(commands: list[Command], program: Program) -> None:
    """Leave only the kernels that are called."""
    calls = [command for command in every(commands) if isinstance(command, CallKernel)]
    used = sorted({call.kernel for call in calls})
    if len(used) == len(program.kernels):
        return
    numbers = {old: new for new, old in enumerate(used)}
    program.kernels[:] = [program.kernels[number] for number in used]
    for call in calls:
        call.kernel = numbers[call.kernel]

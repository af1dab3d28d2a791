"""Kernels cut to a block of rows of a matrix: a part of the iterations of their outer loops.

Before: ``for i0 in 0..8 { for i1 in 0..32 { ... store b1[36864*i0 + 1152*i1 + ...] } }``. After,
for 16 rows from the one at ``s0``: ``for i1 in 0..16 { ... store b1[1152*i1 + ...] }``, with the
pointers moved to where the iterations ``s0`` and ``16*s1`` of the two loops begin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jitflow.codegen.access import Affine
from jitflow.codegen.commands import CallKernel, Matrix
from jitflow.codegen.loop_ir import (
    Constant,
    Fold,
    Kernel,
    Load,
    Loop,
    Position,
    Statement,
    Store,
    Where,
    walk,
)
from jitflow.core import dims
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim


@dataclass(frozen=True)
class Level:
    """A loop over blocks: its symbol, how many there are, and the rows of each."""

    symbol: str
    count: int
    rows: int


@dataclass(eq=False)
class Cut:
    """A kernel for the rows of one block, and where its pointers are then."""

    kernel: Kernel
    moves: dict[str, Dim]


@dataclass(eq=False)
class View:
    """A matrix as a kernel meets it.

    Attributes
    ----------
    names : dict
        The kernel's buffers that are the matrix, and how far behind its beginning they point.
    pitch : int
        Bytes from row to row.
    """

    kernel: Kernel
    names: dict[str, Dim]
    pitch: int

    def addresses(self) -> Iterator[Affine]:
        """Where the kernel meets the matrix, from its beginning."""
        for item in walk(self.kernel.body):
            if isinstance(item, (Load, Store)) and item.buffer in self.names:
                yield item.address + self.names[item.buffer]

    def step(self, loop: Loop) -> int:
        """Bytes from iteration to iteration of a loop, if they are known, alike and positive."""
        steps = {address.coefficient(loop.variable) for address in self.addresses()}
        step = steps.pop() if len(steps) == 1 else 0
        return step if isinstance(step, int) and isinstance(loop.extent, int) and step > 0 else 0


def view_of(kernel: Kernel, command: CallKernel, matrix: Matrix) -> View:
    """What a call of a kernel has to do with a matrix, whose rows have a known size."""
    names = {
        buffer.name: pointer.offset - matrix.pointer.offset
        for buffer, pointer in zip(kernel.buffers, command.pointers, strict=True)
        if pointer.storage == matrix.pointer.storage
    }
    assert isinstance(matrix.row, int)
    return View(kernel, names, matrix.row)


def rows_of_loops(view: View) -> list[int]:
    """Rows of an iteration of each outer loop; 1 where a row is several iterations."""
    found: list[int] = []
    for loop in _outer_loops(view.kernel):
        step = view.step(loop)
        if not step:
            break
        if step % view.pitch:
            return [*found, 1] if view.pitch % step == 0 else found
        found.append(step // view.pitch)
    return found


def cut(view: View, levels: Sequence[Level]) -> Cut | None:
    """The kernel for the rows of a block, if its outer loops go through all rows in order."""
    kernel = view.kernel
    if kernel.checks or kernel.guarded or kernel.private or kernel.symbols or not view.names:
        return None
    if any(isinstance(item, Where) for item in walk(kernel.body)):
        return None
    starts: dict[str, Dim] = {}
    rest = list(levels)
    for loop in _outer_loops(kernel):
        step = view.step(loop)
        is_level = len(rest) > 1 and step == rest[0].rows * view.pitch
        if not (is_level and loop.extent == rest[0].count):
            return _cut_at(view, loop, step, starts, rest) if step else None
        starts[loop.variable] = dims.symbol(rest.pop(0).symbol)
    return None


def _cut_at(
    view: View, loop: Loop, step: int, starts: dict[str, Dim], levels: Sequence[Level]
) -> Cut | None:
    """The kernel with a part of the iterations of `loop`, without the loops around it."""
    sizes = [level.rows * view.pitch for level in levels]
    assert isinstance(loop.extent, int)
    if step * loop.extent != levels[0].count * sizes[0] or any(size % step for size in sizes):
        return None
    first: Dim = 0
    for level, size in zip(levels, sizes, strict=True):
        first = first + dims.symbol(level.symbol) * (size // step)
    gone = set(starts)
    starts = {**starts, loop.variable: first}
    moves = _moves(view.kernel, starts)
    if moves is None or not _stays_inside(view, step, set(starts)):
        return None
    constants = [item for item in view.kernel.body if isinstance(item, Constant)]
    part = replace(loop, extent=sizes[-1] // step)
    return Cut(replace(view.kernel, body=[*constants, _without(part, gone)]), moves)


def _outer_loops(kernel: Kernel) -> list[Loop]:
    """The loops around everything else but constants, from the outermost."""
    found: list[Loop] = []
    body: list[Statement] = [item for item in kernel.body if not isinstance(item, Constant)]
    while len(body) == 1 and isinstance(body[0], Loop):
        found.append(body[0])
        body = body[0].body
    return found


def _stays_inside(view: View, step: int, gone: set[str]) -> bool:
    """Whether an iteration, of so many bytes, meets no other rows than its own."""
    loops = (item for item in walk(view.kernel.body) if isinstance(item, Loop))
    extents = {loop.variable: loop.extent for loop in loops}
    for address in view.addresses():
        last = address.constant
        for atom, coefficient in address.terms:
            extent = extents.get(atom)
            if atom in gone:
                continue
            if not isinstance(extent, int) or not isinstance(coefficient, int) or coefficient < 0:
                return False
            last = last + coefficient * (extent - 1)
        if not isinstance(address.constant, int) or not isinstance(last, int):
            return False
        if address.constant < 0 or last >= step:
            return False
    return True


def _moves(kernel: Kernel, starts: dict[str, Dim]) -> dict[str, Dim] | None:
    """How far the pointer to each buffer moves when loops begin at `starts` instead of 0."""
    found: dict[str, Dim] = {}
    for item in walk(kernel.body):
        if isinstance(item, (Position, Fold)):
            address = item.address if isinstance(item, Position) else item.position
            if address is not None and any(address.coefficient(name) for name in starts):
                return None
        if not isinstance(item, (Load, Store)):
            continue
        move: Dim = 0
        for name, start in starts.items():
            move = move + start * item.address.coefficient(name)
        if found.setdefault(item.buffer, move) != move:
            return None
    return {buffer.name: found.get(buffer.name, 0) for buffer in kernel.buffers}


def _without(loop: Loop, gone: set[str]) -> Loop:
    """A loop in whose addresses some variables are 0."""

    def plain(address: Affine) -> Affine:
        terms = tuple((atom, c) for atom, c in address.terms if atom not in gone)
        return Affine(address.constant, terms)

    def again(item: Statement) -> Statement:
        if isinstance(item, Loop):
            return replace(item, body=[again(inside) for inside in item.body])
        if isinstance(item, (Load, Store)):
            return replace(item, address=plain(item.address))
        return item

    made = again(loop)
    assert isinstance(made, Loop)
    return made

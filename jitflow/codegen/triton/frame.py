"""How a kernel of the loop IR is laid over programs and blocks.

The independent outer loops become one axis ``x`` of elements, cut into blocks over the grid. The
loops that a kernel folds (and those of its later stages) become the axis ``r``: a whole row in one
block where it is short enough, else a loop over blocks. Outer loops whose iterations must run in
order stay loops of one program.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitflow.codegen.loop_ir import Begin, Fold, Kernel, Load, Lookup, Loop, Statement, Store, walk
from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.core.dtypes import DType

ATOMIC_SUMS = frozenset(("i32", "i64", "u32", "u64", "f32", "f64", "c64", "c128"))
ATOMIC_EXTREMES = frozenset(("i32", "i64", "u32", "u64"))
"""Dtypes of which the hardware combines elements in memory: floats lose NaN in an extreme."""


@dataclass(eq=False, repr=False)
class Frame:
    """The loops of a kernel by what becomes of them.

    Attributes
    ----------
    outer : list of (str, Dim)
        Independent outer loops, the slowest first.
    serial : list of (str, Dim)
        Outer loops that run in order.
    statements : list of Statement
        The body of all outer loops; a `Loop` among them is a stage of the fold.
    inner : list of (str, Dim)
        The loops of each stage.
    """

    outer: list[tuple[str, Dim]] = field(default_factory=list)
    serial: list[tuple[str, Dim]] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    inner: list[tuple[str, Dim]] = field(default_factory=list)

    @property
    def rows(self) -> Dim:
        """Number of elements along ``x``."""
        return dims.product(tuple(extent for _, extent in self.outer))

    @property
    def columns(self) -> Dim:
        """Number of elements along ``r``."""
        return dims.product(tuple(extent for _, extent in self.inner))


def frame_of(kernel: Kernel) -> Frame:
    """Sort the loops of a kernel."""
    folds = any(isinstance(statement, Begin) for statement in walk(kernel.body))
    found = {item.result for item in walk(kernel.body) if isinstance(item, Lookup)}
    scattered = [
        item
        for item in walk(kernel.body)
        if isinstance(item, Store) and found & set(item.address.atoms())
    ]
    unordered = bool(scattered) and all(map(atomic_of, scattered))
    frame, body = Frame(), kernel.body
    while body and isinstance(body[-1], Loop) and _is_outer(body[-1], folds):
        loop = body[-1]
        frame.statements += body[:-1]
        free = loop.independent or unordered
        (frame.outer if free else frame.serial).append((loop.variable, loop.extent))
        body = loop.body
    frame.statements += body
    _put_fastest_last(frame.outer, kernel)
    for statement in frame.statements:
        if isinstance(statement, Loop):
            frame.inner = [(loop.variable, loop.extent) for loop in _chain(statement)]
    return frame


def _put_fastest_last(loops: list[tuple[str, Dim]], kernel: Kernel) -> None:
    """Let the loop along which most is contiguous be the one of neighbouring threads."""
    found = {name: 0 for name, _ in loops}
    for item in walk(kernel.body):
        for name in found if isinstance(item, (Load, Store)) else ():
            assert isinstance(item, (Load, Store))
            found[name] += item.address.coefficient(name) == item.dtype.itemsize
    if loops:
        best = max(loops, key=lambda loop: found[loop[0]])
        if found[best[0]] > found[loops[-1][0]]:
            loops.remove(best)
            loops.append(best)


def _is_outer(loop: Loop, folds: bool) -> bool:
    return not folds or any(isinstance(inside, Begin) for inside in walk(loop.body))


def _chain(loop: Loop) -> Iterator[Loop]:
    yield loop
    for statement in loop.body:
        if isinstance(statement, Loop):
            yield from _chain(statement)


def flattened(loop: Loop) -> Iterator[Statement]:
    """The statements of a stage, without its loops."""
    return (statement for statement in walk([loop]) if not isinstance(statement, Loop))


def atomic_of(store: Store) -> str:
    """The atomic operation that combines an element in memory, or nothing."""
    if store.operator is None:
        return ""
    name = str(store.operator.extra.get("atomic", ""))
    suits = ATOMIC_SUMS if name == "add" else ATOMIC_EXTREMES
    return name if store.dtype.name in suits else ""


# Blocks


@dataclass(frozen=True)
class Blocks:
    """Block sizes: `x` elements by `r`; `looped`: a row has several blocks along ``r``.

    `stages`: iterations of that loop whose loads are under way at a time.
    """

    x: int
    r: int = 1
    looped: bool = False
    warps: int = 4
    stages: int = 2


@dataclass(frozen=True)
class Limits:
    """What bounds the choice of blocks.

    Attributes
    ----------
    elements : int
        Elements of a block where neither axis asks for more.
    whole_row : int
        The longest row that is held in registers.
    row_block : int
        Elements of a block of a longer row.
    programs : int
        Programs that fill the device: longer rows than so many are split.
    """

    elements: int = 1024
    whole_row: int = 16384
    row_block: int = 2048
    programs: int = 128


LIMITS = Limits()


def choose_blocks(kernel: Kernel, frame: Frame, limits: Limits = LIMITS) -> Blocks:
    """Block sizes for a kernel."""
    rows = _power(frame.rows, limits.elements)
    if not frame.inner:
        return Blocks(rows, warps=_warps(rows))
    columns = frame.columns
    if rows_are_contiguous(kernel, frame):
        x, r, whole = min(rows, 64), 32, 128
    else:
        x, r, whole = 1, limits.row_block, limits.whole_row
    if isinstance(columns, int) and columns <= whole:
        r = _power(columns, whole)
        x = min(rows, max(1, limits.elements // r))
        return Blocks(x, r, warps=_warps(x * r))
    return Blocks(x, r, True, warps=_warps(x * r))


def _power(extent: Dim, most: int) -> int:
    """The power of two that covers an extent, up to a limit; the limit for a symbolic one."""
    if isinstance(extent, SymbolicDim):
        return most
    return min(most, 1 << max(0, extent - 1).bit_length())


def _warps(elements: int) -> int:
    """Warps of 32 threads, each thread with up to 16 elements."""
    return min(32, max(4, elements // 512))


def rows_are_contiguous(kernel: Kernel, frame: Frame) -> bool:
    """Whether more is contiguous along ``x`` than along ``r``."""
    if not frame.outer:
        return False
    last, first = frame.outer[-1][0], frame.inner[-1][0]
    along_x = along_r = 0
    for statement in walk(kernel.body):
        if isinstance(statement, (Load, Store)):
            size = statement.dtype.itemsize
            along_x += statement.address.coefficient(last) == size
            along_r += statement.address.coefficient(first) == size
    return along_x > along_r


def element(dtype: DType) -> int:
    """Bytes of what a pointer to an array points to: a part of a complex number."""
    return dtype.real.itemsize


def folds_in(statements: list[Statement]) -> bool:
    """Whether a value is folded."""
    return any(isinstance(statement, Fold) for statement in walk(statements))

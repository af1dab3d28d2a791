"""Loops of the program whose iterations may run at once: each becomes a loop of the kernels in it.

``for i in range(n): i's symbol; kernel(x + 8*i, out + 8*i)`` is one call of a kernel with a loop
around. It may be where no iteration writes what another one reads or writes: all that it touches
of a storage that it writes lies in a window, and the next iteration's window begins behind it.
Temporaries of an iteration get room for all iterations.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from jitflow.codegen.access import Affine, variable
from jitflow.codegen.arena import pointers_of
from jitflow.codegen.buffers import Temporary
from jitflow.codegen.commands import (
    Branch,
    CallKernel,
    CallProduct,
    Command,
    DefineSymbol,
    Matrix,
    Pointer,
    Repeat,
    While,
    parts_of,
)
from jitflow.codegen.loop_ir import (
    Fold,
    Kernel,
    Load,
    Lookup,
    Loop,
    Position,
    Statement,
    Store,
    walk,
)
from jitflow.codegen.program import Lowered
from jitflow.codegen.triton.sizes import SizeOrder
from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.ir.graph import DimensionOf

Call = CallKernel | CallProduct


def count_uses(commands: Iterable[Command], uses: Counter[str]) -> None:
    """How many commands name each storage."""
    for command in commands:
        uses.update({pointer.storage for pointer in pointers_of(command)})
        if isinstance(command, (Repeat, While, Branch)):
            for _, inside in parts_of(command):
                count_uses(inside, uses)


def run_at_once(lowered: Lowered) -> list[Command]:
    """The commands of a program, its loops made loops of kernels where they may be."""
    return _converted(lowered, lowered.program.commands)


def _converted(lowered: Lowered, commands: list[Command]) -> list[Command]:
    out: list[Command] = []
    for command in commands:
        if isinstance(command, (Repeat, While, Branch)):
            for _, inside in parts_of(command):
                inside[:] = _converted(lowered, inside)
        made = _Iterations(lowered, command).run() if isinstance(command, Repeat) else None
        out += [command] if made is None else made
    return out


@dataclass(eq=False, repr=False)
class _Window:
    """What one iteration touches of a storage, as offsets for iteration 0, and its stride.

    `periods`: steps of the kernel's loops that pass over the windows of all iterations; it is
    repeated at their multiples.
    """

    stride: Dim
    start: Dim
    end: Dim
    periods: tuple[Dim, ...] = ()


class _Dependent(Exception):
    """The iterations must run in order, or it is not known whether they may not."""


@dataclass(eq=False, repr=False)
class _Iterations:
    lowered: Lowered
    repeat: Repeat
    symbols: list[str] = field(default_factory=list)
    trips: Dim = 0
    windows: dict[str, list[_Window]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    order: SizeOrder = SizeOrder(frozenset())

    def __post_init__(self) -> None:
        symbols = self.lowered.given.segment.graph.symbols
        known = (name for name, found in symbols.items() if isinstance(found, DimensionOf))
        self.order = SizeOrder(frozenset(known))

    def run(self) -> list[Command] | None:
        """The calls of the body, each for all iterations; None where that may not be."""
        try:
            self.trips = self.count()
            calls = self.calls()
            self.survey(calls)
            self.check()
            return [self.widened(call) for call in calls]
        except _Dependent:
            return None

    def count(self) -> Dim:
        """How many iterations there are: known, or an extent."""
        start, stop, step = self.repeat.start, self.repeat.stop, self.repeat.step
        if step != 1 or isinstance(start, Pointer) or isinstance(stop, Pointer):
            raise _Dependent
        trips = stop - start
        if isinstance(trips, SymbolicDim):
            if start != 0 or not self.order.is_positive(trips):
                raise _Dependent
            return trips
        return max(0, trips)

    def calls(self) -> list[Call]:
        """The body without the definition of the index."""
        found: list[Call] = []
        for command in self.repeat.body:
            if isinstance(command, DefineSymbol) and self.is_slot(command.pointer):
                self.symbols.append(command.name)
            elif isinstance(command, (CallKernel, CallProduct)):
                found.append(command)
            else:
                raise _Dependent
        return found

    def is_slot(self, pointer: Pointer) -> bool:
        """Whether a pointer is that of the index in memory."""
        return pointer.storage == self.repeat.slot.storage

    # Dependences

    def survey(self, calls: list[Call]) -> None:
        """Note what an iteration touches."""
        for call in calls:
            if isinstance(call, CallProduct):
                self.survey_product(call)
                continue
            kernel = self.lowered.program.kernels[call.kernel]
            for buffer, pointer in zip(kernel.buffers, call.pointers, strict=True):
                for statement in walk(kernel.body):
                    if isinstance(statement, (Load, Store)) and statement.buffer == buffer.name:
                        if isinstance(statement, Store):
                            self.written.add(pointer.storage)
                        self.note(pointer, *_steps_of(kernel, statement))

    def survey_product(self, call: CallProduct) -> None:
        self.written.add(call.result.pointer.storage)
        for matrix, rows, columns in (
            (call.left, call.rows, call.inner),
            (call.right, call.inner, call.columns),
            (call.result, call.rows, call.columns),
        ):
            extents = (*call.batch, rows, columns)
            strides = (*matrix.batch, matrix.row, matrix.column)
            steps = list(zip(strides, extents, strict=True))
            self.note(matrix.pointer, 0, steps, call.dtype.itemsize)

    def note(
        self, pointer: Pointer, offset: Dim, steps: list[tuple[Dim, Dim]] | None, size: int
    ) -> None:
        """Note a window; one that is not known has an end before its start."""
        stride, base = self.split(pointer.offset)
        turn, more = self.split(offset)
        stride, low = stride + turn, base + more
        high, periods = low + size, []
        for step, extent in steps or ():
            if (
                self.order.is_positive(stride)
                and step != 0
                and self.order.at_most(stride * self.trips, step)
            ):
                periods.append(step)
            elif self.order.is_positive(step):
                high = high + step * (extent - 1)
            elif self.order.is_positive(-step):
                low = low + step * (extent - 1)
            elif step != 0:
                steps = None
        end = low - 1 if steps is None else high
        window = _Window(stride, low, end, tuple(periods))
        self.windows.setdefault(pointer.storage, []).append(window)

    def split(self, dim: Dim) -> tuple[Dim, Dim]:
        """A dimension as ``stride * iteration + base``."""
        stride, base = _linear(dim, self.symbols)
        start = self.repeat.start
        assert not isinstance(start, Pointer)
        return stride, base + stride * start

    def check(self) -> None:
        """Raise unless iterations keep apart what they write."""
        inside: Counter[str] = Counter()
        everywhere: Counter[str] = Counter()
        count_uses(self.repeat.body, inside)
        count_uses(self.lowered.program.commands, everywhere)
        for storage in self.written:
            if self.is_slot(Pointer(storage)) or storage in self.lowered.rings:
                raise _Dependent
            windows = self.windows[storage]
            if inside[storage] == everywhere[storage] and storage in self.lowered.temporaries:
                if any(window.stride != 0 for window in windows):
                    raise _Dependent
                continue
            self.check_windows(windows)
        for storage in self.windows:
            if storage in self.lowered.rings:
                raise _Dependent

    def check_windows(self, windows: list[_Window]) -> None:
        stride = windows[0].stride
        start, end = windows[0].start, windows[0].end
        for window in windows:
            if window.stride != stride or not self.order.at_most(window.start + 1, window.end):
                raise _Dependent
            first = self.order.least(start, window.start)
            last = self.order.least(-end, -window.end)
            if first is None or last is None:
                raise _Dependent
            start, end = first, -last
        if not self.order.at_most(end - start, stride):
            raise _Dependent
        periods = {period for window in windows for period in window.periods}
        if periods and not self.order.at_most(stride * self.trips, _common(periods)):
            raise _Dependent

    # Kernels over all iterations

    def widened(self, call: Call) -> Command:
        """A call for all iterations."""
        if isinstance(call, CallProduct):
            left, right, result = map(self.matrix, (call.left, call.right, call.result))
            batch = (self.trips, *call.batch)
            return replace(call, batch=batch, left=left, right=right, result=result)
        return self.kernel(call)

    def matrix(self, matrix: Matrix) -> Matrix:
        pointer, stride = self.pointer(matrix.pointer)
        return replace(matrix, pointer=pointer, batch=(stride, *matrix.batch))

    def pointer(self, pointer: Pointer) -> tuple[Pointer, Dim]:
        """Where iteration 0 has it, and how far the next one is."""
        stride, base = self.split(pointer.offset)
        storage = pointer.storage
        if storage in self.written and stride == 0:
            temporary = self.lowered.temporaries[storage]
            size = temporary.size
            name = f"{storage}_all"
            room = Temporary(size * self.trips, temporary.itemsize)
            self.lowered.temporaries[name] = room
            return Pointer(name, base), size
        return Pointer(storage, base), stride

    def kernel(self, call: CallKernel) -> CallKernel:
        kernel = self.lowered.program.kernels[call.kernel]
        name = f"t{self.depth(kernel)}"
        steps: dict[str, Dim] = {}
        buffers, pointers = [], []
        for buffer, given in zip(kernel.buffers, call.pointers, strict=True):
            if self.is_slot(given):
                continue
            pointer, steps[buffer.name] = self.pointer(given)
            buffers.append(buffer)
            pointers.append(pointer)
        slots = {
            buffer.name
            for buffer, given in zip(kernel.buffers, call.pointers, strict=True)
            if self.is_slot(given)
        }
        body = [self.statement(item, name, steps, slots) for item in kernel.body]
        loop = Loop(name, self.trips, "serial", body)
        found = {symbol for dim in _dims_in([loop]) for symbol in dims.symbols_of(dim)}
        made = replace(kernel, buffers=buffers, symbols=sorted(found), body=[loop], guarded=False)
        self.lowered.program.kernels.append(made)
        return CallKernel(len(self.lowered.program.kernels) - 1, tuple(pointers))

    def depth(self, kernel: Kernel) -> int:
        """A number for the loop that no loop of the kernel has."""
        return sum(isinstance(item, Loop) for item in walk(kernel.body))

    def statement(
        self, item: Statement, name: str, steps: dict[str, Dim], slots: set[str]
    ) -> Statement:
        """A statement in the iteration that the variable `name` counts."""
        if isinstance(item, Loop):
            if set(self.symbols) & dims.symbols_of(item.extent):
                raise _Dependent
            body = [self.statement(inside, name, steps, slots) for inside in item.body]
            return replace(item, body=body)
        if isinstance(item, Load) and item.buffer in slots:
            start = self.repeat.start
            assert not isinstance(start, Pointer)
            return Position(item.result, variable(name) + start)
        if isinstance(item, (Load, Store)):
            address = self.address(item.address, name)
            return replace(item, address=address + variable(name).scaled(steps[item.buffer]))
        if isinstance(item, Position):
            return replace(item, address=self.address(item.address, name))
        if isinstance(item, Fold) and item.position is not None:
            return replace(item, position=self.address(item.position, name))
        if isinstance(item, Lookup) and set(self.symbols) & dims.symbols_of(item.extent):
            raise _Dependent
        return item

    def address(self, address: Affine, name: str) -> Affine:
        """An address with the variable in the place of the index's symbol."""
        for _, coefficient in address.terms:
            if set(self.symbols) & dims.symbols_of(coefficient):
                raise _Dependent
        stride, base = self.split(address.constant)
        return Affine(base, address.terms) + variable(name).scaled(stride)


def _linear(dim: Dim, symbols: list[str]) -> tuple[Dim, Dim]:
    """Coefficient of the symbols (all of one value), and the rest."""
    stride: Dim = 0
    base: Dim = 0
    for monomial, coefficient in dim.terms if isinstance(dim, SymbolicDim) else (((), dim),):
        found = [name for name in monomial if name in symbols]
        if len(found) > 1:
            raise _Dependent
        rest = [name for name in monomial if name not in symbols]
        product = dims.product((coefficient, *map(dims.symbol, rest)))
        stride, base = (stride + product, base) if found else (stride, base + product)
    return stride, base


def _steps_of(
    kernel: Kernel, statement: Load | Store
) -> tuple[Dim, list[tuple[Dim, Dim]] | None, int]:
    """Offset of the first element, steps and extents of the loops (None: unknown), its size."""
    extents = {item.variable: item.extent for item in walk(kernel.body) if isinstance(item, Loop)}
    steps: list[tuple[Dim, Dim]] | None = []
    for atom, coefficient in statement.address.terms:
        if atom not in extents:
            steps = None
        elif steps is not None:
            steps.append((coefficient, extents[atom]))
    return statement.address.constant, steps, statement.dtype.itemsize


def _common(periods: set[Dim]) -> Dim:
    """What all periods are multiples of."""
    if len(periods) == 1:
        return next(iter(periods))
    known = [period for period in periods if isinstance(period, int)]
    if len(known) < len(periods):
        raise _Dependent
    return math.gcd(*known)


def _dims_in(body: list[Statement]) -> Iterator[Dim]:
    """Every dimension in extents and addresses."""
    for item in walk(body):
        if isinstance(item, (Loop, Lookup)):
            yield item.extent
        for name in ("address", "position"):
            address = getattr(item, name, None)
            if isinstance(address, Affine):
                yield address.constant
                yield from (coefficient for _, coefficient in address.terms)

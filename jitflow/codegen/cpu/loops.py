"""Loops as LLVM text: counted ones, vectors with what is left under a mask, tiles, windows.

Serial loops test at the end; a vector loop runs full vectors and then, where the extent is not a
multiple, the rest under a mask. A long body is written once, always under the mask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jitflow.codegen.cpu.accumulators import Accumulators
from jitflow.codegen.cpu.early_exit import open_condition
from jitflow.codegen.cpu.emit import LlvmEmitter
from jitflow.codegen.cpu.memory import Lanes, MemoryWriter
from jitflow.codegen.cpu.pairwise import PairwiseLoop
from jitflow.codegen.cpu.searches import SearchLoop
from jitflow.codegen.cpu.target import Target
from jitflow.codegen.cpu.text import FunctionText, Names, Scope
from jitflow.codegen.cpu.tiles import Tiles, crossing_loads
from jitflow.codegen.cpu.values import Register, lane_numbers, vector_type
from jitflow.codegen.cpu.widths import LoopWidth
from jitflow.codegen.cpu.windows import Windows, windows_of
from jitflow.codegen.loop_ir import Kernel, Load, Loop, Statement, Store
from jitflow.core.dtypes import I64
from jitflow.core.lazy import LazyModule

if TYPE_CHECKING:
    from jitflow.codegen.cpu import counting
else:
    counting = LazyModule("jitflow.codegen.cpu.counting")


class LoopWriter:
    """Writes the loops of one kernel, whose statements a subclass writes.

    `sums`, `search`: the loop that is being written, where it sums pairwise or searches.
    `holds_loads`: nothing may be computed from a load in front of the branch that it is behind.
    `divided`: the loop that threads share, which runs from ``%first`` to ``%last``.
    """

    def __init__(
        self, kernel: Kernel, names: Names, target: Target, fastmath: bool, divided: Loop | None
    ) -> None:
        self.kernel = kernel
        self.divided = divided
        self.target = target
        self.text = FunctionText(names)
        self.emitter = LlvmEmitter(self.text, fastmath)
        if target.triple.startswith("aarch64"):
            self.emitter.vector_register = "w"
        buffers = {buffer.name: buffer for buffer in kernel.buffers}
        symbols = {name: Register(f"%{name}", I64) for name in kernel.symbols}
        self.memory = MemoryWriter(self.text, self.emitter, buffers, symbols)
        self.accumulators = Accumulators(self.text, self.emitter)
        self.widths: dict[int, LoopWidth] = {}
        self.tiles: Tiles | None = None
        self.windows: Windows | None = None
        self.sums: PairwiseLoop | None = None
        self.search: SearchLoop | None = None
        self.holds_loads = kernel.guarded

    def block(self, body: list[Statement]) -> None:
        """Write statements in order."""
        raise NotImplementedError

    def set(self, name: str, register: Register) -> None:
        self.memory.registers[name] = register

    def get(self, name: str) -> Register:
        return self.memory.registers[name]

    def range_of(self, loop: Loop) -> tuple[Register, Register]:
        """First iteration, and the one behind the last."""
        if loop is self.divided:
            return Register("%first", I64), Register("%last", I64)
        return self.text.integer(0), self.memory.dim(loop.extent)

    def loop(self, loop: Loop) -> None:
        if loop.extent == 0:
            return
        if loop.kind == "vector" and self.widths[id(loop)].lanes > 1:
            self.vector_loop(loop)
        else:
            self.serial_loop(loop)

    def serial_loop(self, loop: Loop) -> None:
        start, end = self.range_of(loop)
        lanes = self.memory.lanes
        if any(isinstance(statement, Store) and statement.condition for statement in loop.body):
            found = counting.counting_of(loop, self.target)
            if found is not None:
                counting.CountingLoop(self, loop, found).write()
                return
        if lanes.count > 1 and not lanes.mask and self.tiles is None:
            crossing = crossing_loads(loop, lanes.variable)
            if crossing and isinstance(loop.extent, int) and loop.extent >= lanes.count:
                self.tiled_loop(loop, loop.extent, crossing)
                return
        self.counted(
            loop, start, end, 1, not isinstance(loop.extent, int),
            lambda index: self.body(loop, index),
        )  # fmt: skip

    def tiled_loop(self, loop: Loop, extent: int, crossing: list[Load]) -> None:
        """An inner loop in squares as wide as the vector loop, and the rest without."""
        text, size = self.text, self.memory.lanes.count
        tiles = Tiles(text, self.memory, crossing)
        full = extent - extent % size

        def square(start: Register) -> None:
            self.set(loop.variable, start)
            tiles.fill()
            self.tiles = tiles
            inside = Loop(loop.variable, size, "serial", loop.body)
            self.counted(inside, text.integer(0), text.integer(size), 1, False, row(start))
            self.tiles = None

        def row(start: Register) -> Callable[[Register], None]:
            def write(index: Register) -> None:
                tiles.row = index
                self.body(loop, text.add(start, index))

            return write

        self.counted(loop, text.integer(0), text.integer(full), size, False, square)
        if extent > full:
            self.counted(
                loop, text.integer(full), text.integer(extent), 1, False,
                lambda index: self.body(loop, index),
            )  # fmt: skip

    def body(self, loop: Loop, index: Register) -> None:
        self.set(loop.variable, index)
        self.block(loop.body)

    def counted(
        self,
        loop: Loop,
        start: Register,
        end: Register,
        step: int,
        may_be_empty: bool,
        write_body: Callable[[Register], None],
        windows: Windows | None = None,
    ) -> None:
        """``for index in start..end by step``; accumulators and windows are carried through it."""
        text = self.text
        if start.literal and end.literal and int(end.text) - int(start.text) <= step:
            if int(end.text) > int(start.text):
                write_body(start)
            return
        folded = self.accumulators.folded_in(loop)
        head, done = text.fresh("loop"), text.fresh("done")
        outer_label, before = text.label, self.accumulators.current(folded)
        scope = Scope(head)
        text.scopes.append(scope)
        index = Register(f"%i{text.fresh('x')}", I64, 1, text.depth)
        carried = self.accumulators.carry(folded)
        if windows is not None:
            windows.carry()
            self.windows = windows
        write_body(index)
        self.windows = None
        self.emitter.flush_flags()
        following = self.go_on(loop, index, end, step, (head, done))
        latch = scope.label
        after = self.accumulators.current(folded)
        text.scopes.pop()
        self.accumulators.leave_scope()
        lines = text.scopes[-1].lines
        phis = [
            (phi.text, self.emitter.type_of(phi), first.text, last.text)
            for phi, first, last in zip(carried, before, after, strict=True)
        ]
        phis.insert(0, (index.text, "i64", start.text, following))
        entry = head if windows is None else text.fresh("first")
        block: list[str] = []
        if windows is not None:
            self.set(loop.variable, start)
            carried_windows, block = windows.enter(entry, head, step)
            phis += carried_windows
        entry_label = entry if block else outer_label
        self.enter(entry, done, start, end, may_be_empty)
        lines += block
        lines.append(f"{head}:")
        lines += [
            f"  {name} = phi {type} [ {first}, %{entry_label} ], [ {last}, %{latch} ]"
            for name, type, first, last in phis
        ]
        lines += scope.lines
        text.start_block(done)
        if may_be_empty:
            ends = zip(before, after, strict=True)
            merged = [self.merge(first, last, outer_label, latch) for first, last in ends]
            self.accumulators.restore(folded, merged)

    def go_on(
        self, loop: Loop, index: Register, end: Register, step: int, labels: tuple[str, str]
    ) -> str:
        """The next index, and the branch to the head of a loop or behind it."""
        text, (head, done) = self.text, labels
        following = f"%n{text.fresh('x')}"
        text.scopes[-1].lines.append(f"  {following} = add nsw i64 {index.text}, {step}")
        more = text.result(f"icmp slt i64 {following}, {end.text}")
        is_open = open_condition(text, loop, self.accumulators)
        if is_open:
            more = text.result(f"and i1 {more}, {is_open}")
        text.write(f"br i1 {more}, label %{head}, label %{done}")
        return following

    def enter(
        self, head: str, done: str, start: Register, end: Register, may_be_empty: bool
    ) -> None:
        if may_be_empty:
            some = self.text.result(f"icmp slt i64 {start.text}, {end.text}")
            self.text.write(f"br i1 {some}, label %{head}, label %{done}")
        else:
            self.text.write(f"br label %{head}")

    def merge(self, first: Register, last: Register, outer: str, latch: str) -> Register:
        type = self.emitter.type_of(first)
        text = self.text.result(f"phi {type} [ {first.text}, %{outer} ], [ {last.text}, %{latch} ]")
        return Register(text, first.dtype, first.lanes, self.text.depth)

    # Vector loops

    def vector_loop(self, loop: Loop) -> None:
        width = self.widths[id(loop)]
        if width.search:
            SearchLoop(self, loop, width.search).write()
        elif width.sums:
            PairwiseLoop(self, loop, width.sums).write()
        elif isinstance(loop.extent, int) and loop is not self.divided:
            self.static_vector_loop(loop, loop.extent, width)
        elif width.masked and loop.multiple % width.lanes:
            start, end = self.range_of(loop)
            self.counted(
                loop, start, end, width.lanes, True,
                lambda index: self.masked_body(loop, index, end),
            )  # fmt: skip
        else:
            self.dynamic_vector_loop(loop, width)

    def static_vector_loop(self, loop: Loop, extent: int, width: LoopWidth) -> None:
        text, lanes = self.text, width.lanes
        rest = extent % lanes
        end = text.integer(extent)
        if rest and width.masked:
            self.counted(
                loop, text.integer(0), end, lanes, False,
                lambda index: self.masked_body(loop, index, end),
            )  # fmt: skip
            return
        full = text.integer(extent - rest)
        if extent > rest:
            self.counted(
                loop, text.integer(0), full, lanes, False,
                lambda index: self.full_body(loop, index), self.windows_of(loop),
            )  # fmt: skip
        if rest:
            self.tail(loop, full, end)

    def dynamic_vector_loop(self, loop: Loop, width: LoopWidth) -> None:
        text = self.text
        start, end = self.range_of(loop)
        if loop.multiple % width.lanes == 0:
            self.counted(
                loop, start, end, width.lanes, True,
                lambda index: self.full_body(loop, index), self.windows_of(loop),
            )  # fmt: skip
            return
        left = self.left(start, end)
        whole = text.value(f"and i64 {left.text}, {-width.lanes}", end.depth)
        full = text.add(start, Register(whole, I64, 1, end.depth))
        self.counted(
            loop, start, full, width.lanes, True,
            lambda index: self.full_body(loop, index), self.windows_of(loop),
        )  # fmt: skip
        folded = self.accumulators.folded_in(loop)
        before, outer = self.accumulators.current(folded), text.label
        tail, done = text.fresh("tail"), text.fresh("done")
        text.scopes.append(Scope(tail))
        self.masked_body(loop, full, end)
        self.emitter.flush_flags()
        inner = text.scopes.pop()
        self.accumulators.leave_scope()
        self.enter(tail, done, full, end, True)
        text.scopes[-1].lines += [f"{tail}:", *inner.lines, f"  br label %{done}"]
        after = self.accumulators.current(folded)
        text.start_block(done)
        merged = [
            self.merge(first, last, outer, inner.label)
            for first, last in zip(before, after, strict=True)
        ]
        self.accumulators.restore(folded, merged)

    def windows_of(self, loop: Loop) -> Windows | None:
        """The windows that the full vectors of a loop are loaded through, if any."""
        found = () if self.kernel.guarded else windows_of(loop, self.target)
        return Windows(self.text, self.memory, found) if found else None

    def full_body(self, loop: Loop, index: Register) -> None:
        self.memory.lanes = Lanes(loop.variable, self.widths[id(loop)].lanes)
        self.body(loop, index)
        self.memory.lanes = Lanes()

    def tail(self, loop: Loop, start: Register, end: Register) -> None:
        text = self.text
        scope = Scope(text.label)
        text.scopes.append(scope)
        self.masked_body(loop, start, end)
        self.emitter.flush_flags()
        text.scopes.pop()
        self.accumulators.leave_scope()
        text.scopes[-1].lines += scope.lines
        text.scopes[-1].label = scope.label

    def masked_body(self, loop: Loop, index: Register, end: Register) -> None:
        lanes = self.widths[id(loop)].lanes
        mask = self.mask(index, end, lanes)
        self.memory.lanes = Lanes(loop.variable, lanes, mask, self.left(index, end))
        self.body(loop, index)
        self.memory.lanes = Lanes()

    def left(self, index: Register, end: Register) -> Register:
        """How many elements there are from `index` to `end`."""
        if index.literal and end.literal:
            return self.text.integer(int(end.text) - int(index.text))
        if index.text == "0":
            return end
        left = self.text.value(f"sub i64 {end.text}, {index.text}")
        return Register(left, I64, 1, self.text.depth)

    def mask(self, index: Register, end: Register, lanes: int) -> str:
        """Lanes that are in range: lane number < end - index."""
        text, masks = self.text, vector_type("i32", lanes)
        left = self.left(index, end)
        if left.literal:
            rest = int(left.text)
            return "<" + ", ".join(f"i1 {lane < rest}".lower() for lane in range(lanes)) + ">"
        small = text.value(f"trunc i64 {left.text} to i32")
        spread = text.spread(small, "i32", lanes, text.depth, False)
        return text.value(f"icmp ugt {masks} {spread}, {lane_numbers(lanes)}")

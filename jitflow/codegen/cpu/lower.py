"""From loop IR to LLVM text: one function for each kernel.

Serial loops test at the end; a vector loop runs full vectors and then, where the extent is not a
multiple, the rest under a mask. A long body is written once, always under the mask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jitflow.codegen.access import Affine
from jitflow.codegen.cpu.accumulators import Accumulators
from jitflow.codegen.cpu.early_exit import open_condition
from jitflow.codegen.cpu.emit import LlvmEmitter
from jitflow.codegen.cpu.memory import Lanes, MemoryWriter
from jitflow.codegen.cpu.pairwise import PairwiseLoop, costs_nothing, lanes_of, sums_of
from jitflow.codegen.cpu.searches import SearchLoop, search_of, without_position
from jitflow.codegen.cpu.target import Target
from jitflow.codegen.cpu.text import FunctionText, Names, Scope
from jitflow.codegen.cpu.tiles import Tiles, crossing_loads
from jitflow.codegen.cpu.values import Register, lane_numbers, vector_type
from jitflow.codegen.cpu.widths import LoopWidth, choose_width
from jitflow.codegen.cpu.windows import Windows, windows_of
from jitflow.codegen.loop_ir import (
    Begin,
    Compute,
    Constant,
    End,
    Fold,
    Kernel,
    Load,
    Lookup,
    Loop,
    Position,
    Require,
    Statement,
    Store,
    Where,
    walk,
)  # fmt: skip
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64, U64
from jitflow.core.lazy import LazyModule

if TYPE_CHECKING:
    from jitflow.codegen.cpu import counting, masked
else:
    counting = LazyModule("jitflow.codegen.cpu.counting")
    masked = LazyModule("jitflow.codegen.cpu.masked")


def lower_kernel(
    name: str,
    kernel: Kernel,
    names: Names,
    target: Target,
    fastmath: bool = False,
    divided: Loop | None = None,
) -> str:
    """LLVM text of a kernel: ``i32 @name(ptr buffers..., i64 symbols...)``, 1 if a check failed.

    With `divided`, the loop that threads share: ``i32 @name(ptr context, i64 first, i64 last)``.
    The context is an array of the other kernel's arguments.
    """
    return KernelWriter(name, kernel, names, target, fastmath, divided).run()


class KernelWriter:
    """Writes one kernel.

    `sums`, `search`: the loop that is being written, where it sums pairwise or searches.
    `holds_loads`: nothing may be computed from a load in front of the branch that it is behind.
    """

    def __init__(
        self,
        name: str,
        kernel: Kernel,
        names: Names,
        target: Target,
        fastmath: bool,
        divided: Loop | None,
    ) -> None:
        self.name = name
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
        self.writers: dict[type, Callable[..., None]] = {
            Constant: self.constant, Position: self.position, Load: self.load,
            Compute: self.compute, Lookup: self.lookup, Require: self.require,
            Begin: self.begin, Fold: self.fold, End: self.end, Store: self.store, Loop: self.loop,
            Where: self.where,
        }  # fmt: skip

    def run(self) -> str:
        self.choose_widths(self.kernel.body, {})
        self.block(self.kernel.body)
        self.emitter.flush_flags()
        parameters = arguments_of(self.kernel)
        first: list[str] = []
        if self.divided is not None:
            first = self.from_context(parameters)
            parameters = ["ptr %context", "i64 %first", "i64 %last"]
        lines = [f"define internal i32 @{self.name}({', '.join(parameters)}) {{", "entry:"]
        lines += [*first, *self.text.scopes[0].lines]
        lines.append("  ret i32 0")
        if self.emitter.failing:
            lines += ["fail:", "  ret i32 1"]
        return "\n".join([*lines, "}"])

    def from_context(self, arguments: list[str]) -> list[str]:
        """Take the arguments from the context; rows of its own are on the stack."""
        lines = []
        for number, argument in enumerate(arguments):
            type, name = argument.split()
            size = self.kernel.private.get(name[1:])
            if size is not None:
                lines.append(f"  {name} = alloca [{size} x i8], align 64")
                continue
            lines.append(f"  {name}.at = getelementptr i64, ptr %context, i64 {number}")
            lines.append(f"  {name} = load {type}, ptr {name}.at")
        return lines

    def range_of(self, loop: Loop) -> tuple[Register, Register]:
        """First iteration, and the one behind the last."""
        if loop is self.divided:
            return Register("%first", I64), Register("%last", I64)
        return self.text.integer(0), self.memory.dim(loop.extent)

    def choose_widths(self, body: list[Statement], begun: dict[str, Begin]) -> None:
        """Lane counts of the vector loops, and which accumulators they fold across lanes."""
        begun = begun | {s.accumulator: s for s in body if isinstance(s, Begin)}
        for statement in body:
            if isinstance(statement, Where):
                self.choose_widths(statement.body, begun)
            if not isinstance(statement, Loop):
                continue
            if statement.kind == "vector":
                here = [s for s in body if isinstance(s, Begin)]
                search = search_of(statement, here)
                if search is not None:
                    plain = without_position(statement, search)
                    width = choose_width(plain, self.target)
                    width.search = search.accumulator if width.lanes > 1 else ""
                if search is None or width.lanes == 1:
                    width = choose_width(statement, self.target)
                self.widths[id(statement)] = width
                if width.search:
                    continue
                self.choose_sums(statement, width, begun)
                for inside in walk(statement.body):
                    if not isinstance(inside, Fold) or inside.accumulator in width.sums:
                        continue
                    if inside.accumulator in begun:
                        self.accumulators.fold_across(inside.accumulator, width.lanes)
                        width.folds = True
            self.choose_widths(statement.body, begun)

    def choose_sums(self, loop: Loop, width: LoopWidth, begun: dict[str, Begin]) -> None:
        """Which accumulators the loop sums in NumPy's order; they decide its lanes."""
        names = () if self.emitter.fastmath else sums_of(loop, begun)
        is_complex = any(begun[name].dtype.is_complex for name in names)
        if names and costs_nothing(loop, is_complex, width):
            width.sums, width.lanes = names, lanes_of(loop, is_complex, width)

    # Statements

    def block(self, body: list[Statement]) -> None:
        for statement in body:
            self.writers[type(statement)](statement)

    def set(self, name: str, register: Register) -> None:
        self.memory.registers[name] = register

    def get(self, name: str) -> Register:
        return self.memory.registers[name]

    def constant(self, statement: Constant) -> None:
        self.set(statement.result, self.emitter.constant(statement.value, statement.dtype))

    def position(self, statement: Position) -> None:
        self.set(statement.result, self.memory.position(statement.address))

    def load(self, statement: Load) -> None:
        if self.tiles is not None and id(statement) in self.tiles.slots:
            self.set(statement.result, self.tiles.load(statement))
            return
        if self.windows is not None and id(statement) in self.windows.windows:
            self.set(statement.result, self.windows.load(statement))
            return
        buffer = self.memory.buffers[statement.buffer]
        loaded = self.memory.load(buffer, statement.address, statement.dtype)
        if self.holds_loads:
            # A division that a branch makes sure of must not be computed in front of the branch.
            loaded = self.emitter.held(loaded)
        self.set(statement.result, loaded)

    def compute(self, statement: Compute) -> None:
        body = statement.operator.cpu
        assert body is not None, statement.operator.name
        operands = [self.get(name) for name in statement.operands]
        self.emitter.rank_zero = statement.is_scalar
        self.set(statement.result, body(self.emitter, *operands, **statement.attributes))

    def lookup(self, statement: Lookup) -> None:
        emitter, index = self.emitter, self.get(statement.operand)
        extent = self.memory.dim(statement.extent)
        negative = emitter.less(index, emitter.constant(0, I64))
        wrapped = emitter.select(negative, emitter.add(index, extent), index)
        unsigned = [emitter.bitcast(value, U64) for value in (wrapped, extent)]
        emitter.require(emitter.less(*unsigned))
        self.set(statement.result, wrapped)

    def require(self, statement: Require) -> None:
        self.emitter.require(self.get(statement.operand))

    def store(self, statement: Store) -> None:
        buffer = self.memory.buffers[statement.buffer]
        value = self.get(statement.operand)
        if statement.operator is not None:
            assert statement.operator.cpu is not None
            before = self.memory.load(buffer, statement.address, statement.dtype)
            value = statement.operator.cpu(self.emitter, before, value)
        if statement.condition:
            condition = self.get(statement.condition)
            self.memory.store_if(condition, buffer, statement.address, value)
            return
        self.memory.store(buffer, statement.address, value)

    def where(self, statement: Where) -> None:
        masked.write_where(self, statement)

    def begin(self, statement: Begin) -> None:
        self.accumulators.begin(statement, self.memory.lanes.count)

    def fold(self, statement: Fold) -> None:
        operand = self.get(statement.operand)
        mask = self.memory.lanes.mask
        if self.search is not None:
            self.search.fold(operand, mask)
            return
        if self.sums is not None and statement.accumulator in self.sums.sums:
            self.sums.fold(statement.accumulator, operand, mask)
            return
        position: Register | None = None
        if statement.position is not None:
            position = self.memory.position(statement.position)
        running = self.accumulators.fold(statement, operand, position, mask)
        if statement.result:
            self.set(statement.result, running)

    def end(self, statement: End) -> None:
        self.set(statement.result, self.accumulators.end(statement))

    # Loops

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
        following = f"%n{text.fresh('x')}"
        scope.lines.append(f"  {following} = add nsw i64 {index.text}, {step}")
        more = text.result(f"icmp slt i64 {following}, {end.text}")
        is_open = open_condition(text, loop, self.accumulators)
        if is_open:
            more = text.result(f"and i1 {more}, {is_open}")
        text.write(f"br i1 {more}, label %{head}, label %{done}")
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
            merged = [
                self.merge(first, last, outer_label, latch)
                for first, last in zip(before, after, strict=True)
            ]
            self.accumulators.restore(folded, merged)

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
        elif width.masked:
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


def arguments_of(kernel: Kernel) -> list[str]:
    """The parameters of a kernel's function, as LLVM writes them."""
    buffers = [f"ptr %{buffer.name}" for buffer in kernel.buffers]
    return [*buffers, *(f"i64 %{name}" for name in kernel.symbols)]


def evaluate_dim(text: FunctionText, symbols: dict[str, Register], dim: Dim) -> Register:
    """The value of a dimension, from symbols that are in registers."""
    writer = MemoryWriter(text, LlvmEmitter(text), {}, symbols)
    return writer.position(Affine(dim))

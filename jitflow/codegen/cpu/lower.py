"""From loop IR to LLVM text: one function for each kernel, a method for each statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jitflow.codegen.access import Affine
from jitflow.codegen.cpu.emit import LlvmEmitter
from jitflow.codegen.cpu.loops import LoopWriter
from jitflow.codegen.cpu.memory import MemoryWriter
from jitflow.codegen.cpu.pairwise import costs_nothing, lanes_of, sums_of
from jitflow.codegen.cpu.searches import search_of, without_position
from jitflow.codegen.cpu.target import Target
from jitflow.codegen.cpu.text import FunctionText, Names
from jitflow.codegen.cpu.values import Register, scalar_type
from jitflow.codegen.cpu.widths import LoopWidth, choose_width
from jitflow.codegen.loop_ir import (
    Begin,
    Compute,
    Constant,
    End,
    Fold,
    Given,
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
)
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64, U64
from jitflow.core.lazy import LazyModule

if TYPE_CHECKING:
    from jitflow.codegen.cpu import masked
else:
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


class KernelWriter(LoopWriter):
    """Writes one kernel: its statements; see `LoopWriter` for the loops."""

    def __init__(
        self,
        name: str,
        kernel: Kernel,
        names: Names,
        target: Target,
        fastmath: bool,
        divided: Loop | None,
    ) -> None:
        super().__init__(kernel, names, target, fastmath, divided)
        self.name = name
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

    def constant(self, statement: Constant) -> None:
        value = statement.value
        if isinstance(value, Given):
            self.set(statement.result, Register(f"%{value}", statement.dtype))
            return
        self.set(statement.result, self.emitter.constant(value, statement.dtype))

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
        if value.literal and not statement.address.terms:
            value = self.emitter.opaque(value)  # else LLVM computes from it, and no flag is set
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


def arguments_of(kernel: Kernel) -> list[str]:
    """The parameters of a kernel's function, as LLVM writes them."""
    arguments = [f"ptr %{buffer.name}" for buffer in kernel.buffers]
    arguments += [f"i64 %{name}" for name in kernel.symbols]
    return arguments + [f"{scalar_type(dtype)} %{n}" for n, dtype in kernel.numbers.items()]


def evaluate_dim(text: FunctionText, symbols: dict[str, Register], dim: Dim) -> Register:
    """The value of a dimension, from symbols that are in registers."""
    writer = MemoryWriter(text, LlvmEmitter(text), {}, symbols)
    return writer.position(Affine(dim))

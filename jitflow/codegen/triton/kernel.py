"""From loop IR to Triton source: one module for each kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable

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
    walk,
)
from jitflow.codegen.triton.addresses import INDEX, SYMBOL, Indices, dim_text
from jitflow.codegen.triton.emit import TritonEmitter
from jitflow.codegen.triton.folding import Folds
from jitflow.codegen.triton.frame import Blocks as BlockSizes
from jitflow.codegen.triton.frame import (
    Frame,
    atomic_of,
    element,
    flattened,
    rows_are_contiguous,
)
from jitflow.codegen.triton.interface import (
    FAILED,
    WIDE,
    Blocks,
    GeneratedKernel,
    Options,
    Parameter,
)
from jitflow.codegen.triton.phases import Phase, Scratch
from jitflow.codegen.triton.text import SourceText
from jitflow.codegen.triton.values import Value
from jitflow.core import dims
from jitflow.core.dims import Dim, symbol
from jitflow.core.dtypes import BOOL, I32, I64

HEAD = """import triton
import triton.language as tl
from triton.language.extra import libdevice

"""


class KernelWriter:
    """Writes one kernel, or the phase of one that is split."""

    def __init__(
        self,
        kernel: Kernel,
        scalars: frozenset[str],
        fastmath: bool,
        frame: Frame,
        blocks: BlockSizes,
        phase: Phase,
    ) -> None:
        self.kernel = kernel
        self.scalars = scalars
        self.fastmath = fastmath
        self.frame = frame
        self.blocks = blocks
        self.phase = phase
        self.stages = 0
        self.in_stage = self.is_done = self.is_checked = False
        self.text = SourceText()
        self.e = TritonEmitter(self.text, fastmath, self.require_all)
        self.indices = Indices(self.text)
        self.folds = Folds(self.e, self.indices, self.blocks)
        self.registers: dict[str, Value] = {}
        self.writers: dict[type, Callable[..., None]] = {
            Constant: self.constant, Position: self.position, Load: self.load,
            Compute: self.compute, Lookup: self.lookup, Require: self.require,
            Begin: self.folds.begin, Fold: self.fold, End: self.end, Store: self.store,
            Loop: self.stage,
        }  # fmt: skip

    def run(self) -> GeneratedKernel:
        """The kernel."""
        self.begin_axes()
        self.serially(self.frame.serial)
        name = f"kernel_{'_'.join(self.words()) or 'copy'}"
        parameters = self.parameters()
        names = [p.name + (": tl.constexpr" if p.kind == "constexpr" else "") for p in parameters]
        head = f"@triton.jit\ndef {name}({', '.join(names)}):"
        parts = [*self.folds.function_texts(), "\n".join([head, *self.text.body()])]
        return GeneratedKernel(
            name,
            HEAD + "\n\n".join(parts) + "\n",
            parameters,
            self.grid(),
            self.options(),
            tuple(self.spans()),
            self.is_checked,
            str(self.kernel),
            multiples=self.multiples(),
        )

    def options(self) -> Options:
        """What Triton is told."""
        return Options(self.blocks.warps, self.blocks.stages, self.fastmath)

    def grid(self) -> tuple[Blocks, ...]:
        """Blocks of rows, by the parts of a row."""
        rows = Blocks(self.frame.rows, self.blocks.x)
        is_split = self.phase.parts > 1 and self.stages > self.phase.number
        return (rows, Blocks(self.phase.parts)) if is_split else (rows,)

    def words(self) -> list[str]:
        """Operators for the name of the kernel."""
        names = {
            s.operator.name: None for s in walk(self.kernel.body) if isinstance(s, (Compute, Begin))
        }
        return list(names)[:4]

    def parameters(self) -> tuple[Parameter, ...]:
        """In the order of `GeneratedKernel`."""
        found = []
        for buffer in self.kernel.buffers:
            kind = "scalar" if buffer.name in self.scalars else "pointer"
            found.append(Parameter(buffer.name, kind, buffer.dtype))
        found += [Parameter(item.name, "pointer", item.dtype) for item in self.phase.scratch]
        if self.is_checked:
            found.append(Parameter(FAILED, "pointer", I32))
        for name in self.kernel.symbols:
            found.append(Parameter(f"{SYMBOL}{name}", "index", dim=symbol(name)))
        found.append(Parameter(WIDE, "constexpr"))
        return tuple(found)

    def multiples(self) -> frozenset[str]:
        """Symbols in strides, and in the extent of the fastest axis."""
        found: set[str] = set()
        for _, extent in self.fastest()[-1:]:
            found |= dims.symbols_of(extent)
        for statement in walk(self.kernel.body):
            if isinstance(statement, (Load, Store)):
                for _, coefficient in statement.address.terms:
                    found |= dims.symbols_of(coefficient)
        return frozenset(f"{SYMBOL}{name}" for name in found)

    def fastest(self) -> list[tuple[str, Dim]]:
        """The loops of the axis along which neighbours lie."""
        frame = self.frame
        along_rows = not frame.inner or rows_are_contiguous(self.kernel, frame)
        return frame.outer if along_rows else frame.inner

    def spans(self) -> Iterable[tuple[Dim, ...]]:
        """Bounds of all integers: offsets, and positions beyond the end in the last blocks."""
        yield self.frame.rows, self.blocks.x
        yield self.frame.columns, self.blocks.r
        yield from self.indices.spans

    # Axes

    def begin_axes(self) -> None:
        """The position of each element of the block along ``x``, and its mask."""
        size, frame = self.blocks.x, self.frame
        along, shape = ("[:, None]", f"[{size}, 1]") if frame.inner else ("", f"[{size}]")
        self.indices.shapes = {"x": shape}
        if frame.inner:
            self.indices.shapes["r"] = f"[1, {self.blocks.r}]"
        self.row_position = "0"
        if not frame.outer:
            return
        first = f"tl.program_id(0).to({INDEX}) * {size}"
        name = self.text.value(f"{first} + tl.arange(0, {size}){along}")
        rows = frame.rows
        if not isinstance(rows, int) or rows % size:
            self.indices.masks["x"] = self.text.value(f"{name} < {dim_text(rows)}")
        self.row_position = name
        self.indices.split(name, frame.outer, "x")

    def serially(self, loops: list[tuple[str, Dim]]) -> None:
        """The statements inside of loops that run in order."""
        if not loops:
            self.block(self.frame.statements)
            return
        (variable, extent), *rest = loops
        self.forget_stored(self.kernel.body)
        self.text.write(f"for {variable} in range(0, {dim_text(extent)}):")
        with self.text.scope():
            self.indices.atoms[variable] = Value(variable, I64)
            self.indices.extents[variable] = extent
            self.serially(rest)
            if not rest:
                self.text.write("tl.debug_barrier()")

    def stage(self, loop: Loop) -> None:
        """One pass over the rows of the block, or over a part of each."""
        statements = list(flattened(loop))
        folded = {s.accumulator: s for s in statements if isinstance(s, Fold)}
        number, self.stages = self.stages, self.stages + 1
        if number < self.phase.number:
            self.each_partial(number, list(folded), self.load_partial)
            return
        self.in_stage = True
        if self.blocks.looped:
            self.looped(statements, folded)
        else:
            self.row(f"tl.arange(0, {self.blocks.r})[None, :].to({INDEX})", statements)
        self.in_stage = False
        if not self.phase.is_last:
            self.each_partial(number, list(folded), self.store_partial)
            self.is_done = True

    def looped(self, statements: list[Statement], folded: dict[str, Fold]) -> None:
        """Blocks of rows one after the other."""
        for name, fold in folded.items():
            self.folds.carry(name, along=not fold.result)
        self.each_block(statements)
        for name, fold in folded.items():
            if not fold.result:
                self.folds.finish(name)

    def each_block(self, statements: list[Statement]) -> None:
        """A loop over blocks of the rows."""
        size = self.blocks.r
        self.forget_stored(statements)
        first, end = self.bounds()
        start = self.text.fresh("start")
        self.text.write(f"for {start} in range({first}, {end}, {size}):")
        with self.text.scope():
            self.row(f"{start} + tl.arange(0, {size})[None, :].to({INDEX})", statements)

    # Parts of rows

    def bounds(self) -> tuple[str, str]:
        """Where the part of a row that a program takes begins and ends."""
        columns, size, parts = self.frame.columns, self.blocks.r, self.phase.parts
        end = dim_text(columns)
        if parts == 1:
            return "0", end
        whole = parts * size
        if isinstance(columns, int):
            length = str(-(-columns // whole) * size)
        else:
            length = self.text.value(f"({end} + {whole - 1}) // {whole} * {size}")
        first = self.text.value(f"{self.part()} * {length}")
        return first, self.text.value(f"tl.minimum({first} + {length}, {end})")

    def part(self) -> str:
        """The number of the part."""
        return self.text.value(f"tl.program_id(1).to({INDEX})")

    def each_partial(
        self, stage: int, names: list[str], do: Callable[[str, list[Scratch]], None]
    ) -> None:
        """Do something with the scratch memory of each accumulator of a stage."""
        for name in names:
            made = []
            for dtype in self.folds.dtypes(name):
                count = len(self.phase.scratch)
                made.append(Scratch(f"part{count}", dtype, self.frame.rows * self.phase.parts))
                self.phase.scratch += made[-1:]
            do(name, made)

    def partial_offset(self, position: str) -> str:
        """Where the accumulators of a part of each row of the block lie."""
        rows = f"{self.row_position} * {self.phase.parts} + " if self.frame.outer else ""
        return self.text.value(f"{rows}{position} + {self.indices.block(frozenset('x'))}")

    def load_partial(self, name: str, scratch: list[Scratch]) -> None:
        """Combine what the programs of an earlier kernel left."""
        self.folds.resume(name, self.partials(scratch))

    def partials(self, scratch: list[Scratch]) -> list[str]:
        """Blocks of what the programs of an earlier kernel left, by rows and parts."""
        offset = self.partial_offset(f"tl.arange(0, {self.phase.parts})[None, :]")
        mask = _mask(self.indices.mask(frozenset("x")))
        loaded = []
        for item in scratch:
            text = f"tl.load({item.name} + {offset}{mask})"
            loaded.append(self.text.value(f"{text} != 0" if item.dtype is BOOL else text))
        return loaded

    def store_partial(self, name: str, scratch: list[Scratch]) -> None:
        """Leave the accumulators to the next kernel."""
        offset = self.partial_offset(self.part())
        mask = _mask(self.indices.mask(frozenset("x")))
        for item, value in zip(scratch, self.folds.results(name), strict=True):
            text = f"{value.text}.to(tl.uint8)" if item.dtype is BOOL else value.text
            self.text.write(f"tl.store({item.name} + {offset}, {text}{mask})")

    def row(self, positions: str, statements: list[Statement]) -> None:
        """The statements on a block of the rows."""
        name = self.text.value(positions)
        columns, size = self.frame.columns, self.blocks.r
        if not isinstance(columns, int) or columns % size or not columns:
            self.indices.masks["r"] = self.text.value(f"{name} < {dim_text(columns)}")
        self.indices.split(name, self.frame.inner, "r")
        self.block(statements)
        self.indices.masks.pop("r", None)

    def forget_stored(self, statements: list[Statement]) -> None:
        """Load again, inside of a loop, what the loop stores."""
        for statement in walk(statements):
            if isinstance(statement, Store):
                self.text.forget(f"tl.load({statement.buffer} +")

    # Statements

    def block(self, statements: list[Statement]) -> None:
        """Write statements in order."""
        for statement in statements:
            if self.is_done:
                return
            self.writers[type(statement)](statement)

    def constant(self, statement: Constant) -> None:
        self.registers[statement.result] = self.e.constant(statement.value, statement.dtype)

    def position(self, statement: Position) -> None:
        self.registers[statement.result] = self.indices.position(statement.address)

    def load(self, statement: Load) -> None:
        dtype, buffer = statement.dtype, statement.buffer
        if buffer in self.scalars:
            given = Value(buffer, dtype)
            if dtype is BOOL:
                given = self.e.make(f"{buffer} != 0", BOOL)
            self.registers[statement.result] = given
            return
        offset = self.indices.affine(statement.address, element(dtype))
        texts = [self.loaded(buffer, offset)]
        if dtype.is_complex:
            second = Value(self.text.value(f"{offset.text} + 1"), I64, offset.axes)
            texts.append(self.loaded(buffer, second))
        elif dtype is BOOL:
            texts = [self.text.value(f"{texts[0]} != 0")]
        self.registers[statement.result] = Value(texts[0], dtype, offset.axes, "".join(texts[1:]))

    def loaded(self, buffer: str, offset: Value) -> str:
        """The elements at an offset."""
        mask = self.indices.mask(offset.axes)
        return self.text.value(f"tl.load({buffer} + {offset.text}{_mask(mask)})")

    def compute(self, statement: Compute) -> None:
        body = statement.operator.cpu
        assert body is not None, statement.operator.name
        operands = [self.registers[name] for name in statement.operands]
        self.registers[statement.result] = body(self.e, *operands, **statement.attributes)

    def lookup(self, statement: Lookup) -> None:
        """An index that fails its check becomes 0: what follows stays inside of the memory."""
        e, index = self.e, self.registers[statement.operand]
        zero = e.constant(0, I64)
        extent = Value(dim_text(statement.extent), I64)
        if statement.wraps:
            index = e.integer_remainder(index, extent)
        found = e.select(e.less(index, zero), e.add(index, extent), index)
        if not statement.wraps:
            inside = e.bit_and(e.less_equal(zero, found), e.less(found, extent))
            self.require_all(inside)
            found = e.select(inside, found, zero)
        self.registers[statement.result] = found
        self.indices.atoms[statement.result] = found
        self.indices.extents[statement.result] = statement.extent

    def require(self, statement: Require) -> None:
        self.require_all(self.registers[statement.operand])

    def require_all(self, condition: Value) -> None:
        """Tell the host where a condition does not hold in an element that there is."""
        self.is_checked = True
        failing = self.e.bit_not(condition)
        at = FAILED
        if condition.axes:
            at = f"{FAILED} + {self.indices.block(condition.axes)}"
        mask = self.indices.mask(condition.axes, failing.text)
        self.text.write(f"tl.store({at}, 1, mask={mask})")

    def store(self, statement: Store) -> None:
        if not self.in_stage and not self.phase.is_last:
            return
        dtype, value = statement.dtype, self.registers[statement.operand]
        atomic = atomic_of(statement)
        if statement.operator is not None and not atomic:
            body = statement.operator.cpu
            assert body is not None
            offset = self.indices.affine(statement.address, element(dtype))
            self.text.forget(f"tl.load({statement.buffer} +")
            before = Load("%before", statement.buffer, statement.address, dtype)
            self.load(before)
            value = body(self.e, self.registers["%before"], value)
        offset = self.indices.affine(statement.address, element(dtype))
        offset = self.indices.widened(offset, value.axes)
        if dtype is BOOL:
            value = self.e.make(f"{value.text}.to(tl.uint8)", BOOL, value)
        self.put(statement.buffer, offset, value.text, atomic)
        if dtype.is_complex:
            second = Value(self.text.value(f"{offset.text} + 1"), I64, offset.axes)
            self.put(statement.buffer, second, value.imaginary, atomic)
        self.text.forget(f"tl.load({statement.buffer} +")

    def put(self, buffer: str, offset: Value, value: str, atomic: str) -> None:
        """Write elements, or combine them with what is there."""
        mask = _mask(self.indices.mask(offset.axes))
        call = f"tl.atomic_{atomic}" if atomic else "tl.store"
        order = ", sem='relaxed'" if atomic else ""
        self.text.write(f"{call}({buffer} + {offset.text}, {value}{mask}{order})")

    def fold(self, statement: Fold) -> None:
        operand = self.registers[statement.operand]
        position = None
        if statement.position is not None:
            position = self.indices.position(statement.position)
        if statement.result:
            self.registers[statement.result] = self.folds.scan(statement.accumulator, operand)
        else:
            self.folds.fold(statement.accumulator, operand, position)

    def end(self, statement: End) -> None:
        self.registers[statement.result] = self.folds.end(statement)


def _mask(mask: str) -> str:
    return f", mask={mask}" if mask else ""

"""Programs: from a segment to kernels and the commands that call them; the arena.

The order of stages: `fusion.fuse`, `buffers.assign`, then for each step `draft.draft` and
`nest.build`; equal kernels are kept once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING

import numpy as np

from jitflow.codegen import access
from jitflow.codegen.arena import Arena, lay_out
from jitflow.codegen.buffers import Copy, Memory, Temporary, assign
from jitflow.codegen.commands import (
    CallDraw,
    CallKernel,
    CallLibrary,
    CallProduct,
    CallPython,
    Command,
    DefineSymbol,
    Matrix,
    Pointer,
    Program,
    Strided,
)
from jitflow.codegen.decompose import decompose
from jitflow.codegen.draft import Draft, Place, draft
from jitflow.codegen.fusion import fuse
from jitflow.codegen.groups import CallOut, Control, Evaluation, Loops, Product, Step, Store
from jitflow.codegen.interface import Segment
from jitflow.codegen.nest import Nest, build
from jitflow.codegen.nested import ESTIMATED_TRIPS, NestedBuilder, pointer_to
from jitflow.codegen.places import Given, is_packed
from jitflow.codegen.shared_matrices import share
from jitflow.codegen.target import CPU, LoopTarget
from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.dims import Dim
from jitflow.core.lazy import LazyModule
from jitflow.core.types import ArrayType
from jitflow.ir.graph import DimensionOf, Graph, Node, ScalarValue, Value
from jitflow.ops.record import Kind

if TYPE_CHECKING:
    from jitflow.codegen import cells, far, row_blocks
    from jitflow.ir.passes import strips
    from jitflow.ops.draws import CFunction
else:
    cells = LazyModule("jitflow.codegen.cells")
    far = LazyModule("jitflow.codegen.far")
    row_blocks = LazyModule("jitflow.codegen.row_blocks")
    strips = LazyModule("jitflow.ir.passes.strips")


@dataclass(eq=False, repr=False)
class Lowered:
    """A segment as a program, with what its storages are.

    Attributes
    ----------
    offsets : dict
        Temporary to its byte offset in the arena.
    work : Dim
        Estimated nanoseconds.
    temporaries : dict
        Size of each temporary.
    rings : dict
        Storage whose address changes to the temporaries that it may be.
    """

    program: Program
    given: Given
    arena: Arena
    work: Dim = 0
    temporaries: dict[str, Temporary] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    rings: Mapping[str, Sequence[str]] = field(default_factory=dict)


def lower(segment: Segment, target: LoopTarget = CPU) -> Lowered:
    """Turn the graph of a segment into a program."""
    graph = in_strips(segment, target)
    segment = replace(segment, graph=decompose(graph, target))
    given = Given(segment, target)
    plan = fuse(segment.graph, given)
    memory = assign(plan, given)
    builder = ProgramBuilder(memory, Program(), {})
    builder.add_all()
    commands = builder.commands
    if target.has_caches and any(isinstance(command, CallProduct) for command in commands):
        commands = row_blocks.in_blocks(commands, builder.program, memory, builder.numbers)
    if target.has_caches and any(node.operator.name == "for" for node in segment.graph.walk()):
        sizes = [n for n, d in segment.graph.symbols.items() if isinstance(d, DimensionOf)]
        cells.Cells(builder.program, memory, builder.numbers).run(commands, sizes)
    builder.program.commands = commands
    known = {name for name, d in segment.graph.symbols.items() if d.value in given.inputs}
    arena = lay_out(commands, memory.temporaries, known, memory.rings)
    arena.rings = tuple(memory.rings)
    work = _estimated(builder.work, known)
    return Lowered(
        builder.program, given, arena, work, memory.temporaries, given.constants, memory.rings
    )


def in_strips(segment: Segment, target: LoopTarget) -> Graph:
    """The graph of a segment, with loops along far rows done for some rows at a time."""
    graph = segment.graph
    if not target.has_caches or all(node.operator.name != "for" for node in graph.walk()):
        return graph
    orders = {value: spec.order for value, spec in zip(graph.inputs, segment.inputs, strict=True)}
    return strips.MineStrips(far.Layouts(graph, orders.get).stride).run(graph)


class ProgramBuilder:
    """Makes the commands of one graph; graphs of regions share the program's kernels.

    Parameters
    ----------
    memory : Memory
        Its steps become `commands`.
    program : Program
        Where kernels go.
    numbers : dict
        Text of each kernel to its number.

    Attributes
    ----------
    is_guarded : bool
        Whether the commands are those of a branch.
    """

    def __init__(self, memory: Memory, program: Program, numbers: dict[str, int]) -> None:
        self.memory = memory
        self.program = program
        self.numbers = numbers
        self.commands: list[Command] = []
        self.is_guarded = False
        self.symbols = [
            (name, definition.value)
            for name, definition in memory.given.segment.graph.symbols.items()
            if isinstance(definition, ScalarValue) and definition.value.producer is not None
        ]
        self.work: Dim = 0

    def add_all(self) -> None:
        """Add every step."""
        for step in self.memory.steps:
            self.add(step)
        if self.memory.given.target.has_caches:
            self.commands = share(self.commands, self.program.kernels)

    def add(self, step: Step) -> None:
        """Add the commands of a step."""
        if isinstance(step, Product):
            self.product(step)
        elif isinstance(step, Control):
            NestedBuilder(self, step).add()
        elif isinstance(step, Copy):
            self.copy(step)
        elif isinstance(step, CallOut):
            self.call_out(step)
        else:
            assert isinstance(step, Loops)
            self.loops(step)
            self.define_symbols([store.target for store in step.stores])

    def loops(self, step: Loops) -> None:
        """A kernel and its call."""
        drafted = draft(step, self.memory.load_from, self.memory.store_to)
        work = _work(step, sum(item.cost > 0 for item in drafted.items))
        self.call(self.nest(step, drafted), work)

    def nest(self, step: Loops, drafted: Draft) -> Nest:
        """The loops of a draft, as the target wants them."""
        given = self.memory.given
        return build(step, drafted, given.estimates, given.target)

    def define_symbols(self, values: Sequence[Value]) -> None:
        """Symbols whose value a step has just stored."""
        for name, value in self.symbols:
            if any(stored is value for stored in values):
                place = self.memory.load_from(value)
                self.commands.append(DefineSymbol(name, pointer_to(place)))

    def call(self, nest: Nest, work: Dim) -> None:
        """Add the call of a kernel, and the kernel if there is none like it."""
        self.work = self.work + work
        nest.kernel.guarded = self.is_guarded and nest.kernel.may_be_speculated
        text = str(nest.kernel)
        number = self.numbers.get(text)
        if number is None:
            number = self.numbers[text] = len(self.program.kernels)
            self.program.kernels.append(nest.kernel)
        rows = {}
        for scratch in nest.scratch:
            place = self.memory.temporary((scratch.extent,), scratch.dtype)
            rows[scratch.name] = place.storage
        pointers = tuple(
            Pointer(rows.get(storage, storage), offset)
            for storage, offset in zip(nest.storages, nest.offsets, strict=True)
        )
        self.commands.append(CallKernel(number, pointers, work))

    def copy(self, step: Copy) -> None:
        """A kernel that copies."""
        assert step.dtype is not None
        assert step.source is not None
        assert step.target is not None
        type = ArrayType(step.dtype, step.shape)
        source, target = Value("source", type), Value("target", type)
        loops = Loops(-1)
        index = loops.new_variables(step.shape)
        loops.evaluations.append(Evaluation(source, index, True))
        loops.stores.append(Store(source, index, target, index))
        places: dict[Value, Place] = {source: step.source, target: step.target}
        drafted = draft(loops, lambda value: places[value], lambda value: [places[value]])
        self.call(self.nest(loops, drafted), _work(loops, 1))

    def product(self, step: Product) -> None:
        """A matrix product, and copies of it."""
        sizes = step.variables
        batch = tuple(name for name in sizes if name not in ("i", "j", "k"))
        left, right = (
            self.matrix(value, index, axes, batch)
            for (value, index), axes in zip(step.operands, ("ik", "kj"), strict=True)
        )
        result = step.node.result
        index = tuple(access.variable(name) for name in (*batch, "i", "j"))
        target = self.memory.store_to(result)[0]
        call = CallProduct(
            result.type.dtype,
            sizes["i"],
            sizes["j"],
            sizes["k"],
            tuple(sizes[name] for name in batch),
            left,
            right,
            _matrix(target, index, "ij", batch),
        )
        self.commands.append(in_one(call))
        elements = dims.product(tuple(sizes.values()))
        self.work = self.work + (elements // 32 if isinstance(elements, int) else elements)
        for other in self.memory.store_to(result)[1:]:
            self.copy(Copy(-1, result.type.shape, result.type.dtype, target, other))

    def call_out(self, step: CallOut) -> None:
        """A draw, or a call of a library or of Python, and copies of its results."""
        node, memory = step.node, self.memory
        if node.operator.kind is Kind.DRAW:
            self.draw(node)
        elif node.operator.kind is Kind.LIBRARY:
            self.library(node)
        else:
            operands = tuple(_strided(value, memory.load_from(value)) for value in node.operands)
            results = tuple(_strided(value, memory.store_to(value)[0]) for value in node.results)
            call = memory.given.segment.python_call(node)
            self.commands.append(CallPython(call, operands, results))
            self.work = self.work + _CALL_OUT
        for value in node.results:
            first, *others = memory.store_to(value)
            for other in others:
                self.copy(Copy(-1, value.type.shape, value.type.dtype, first, other))
        self.define_symbols(node.results)

    def library(self, node: Node) -> None:
        """A call of one of NumPy's C functions; its work is taken to grow as a product's."""
        memory, function = self.memory, node.operator.extra["function"]
        operands = tuple(_strided(value, memory.load_from(value)) for value in node.operands)
        result = _strided(node.result, memory.store_to(node.result)[0])
        extents = function.extents(tuple(value.type for value in node.operands))
        self.commands.append(CallLibrary(function, extents, operands, result))
        flops = dims.product((extents[0], *extents))
        self.work = self.work + _LIBRARY + (flops // 8 if isinstance(flops, int) else flops)

    def draw(self, node: Node) -> None:
        """A draw into packed memory."""
        memory, value = self.memory, node.result
        places = memory.store_to(value)
        packed = next(place for place in places if is_packed(place, value))
        places.remove(packed)
        places.insert(0, packed)
        bits, *numbers = (pointer_to(memory.load_from(operand)) for operand in node.operands)
        count = dims.product(value.type.shape)
        function: CFunction = node.operator.extra["function"]
        draw = CallDraw(function, bits, tuple(numbers), count, pointer_to(packed))
        self.commands.append(draw)
        self.work = self.work + count * _DRAW

    def matrix(
        self, value: Value, index: access.Index, axes: str, batch: tuple[str, ...]
    ) -> Matrix:
        """An operand of a product."""
        return _matrix(self.memory.load_from(value), index, axes, batch)


_CALL_OUT, _DRAW, _LIBRARY = 2000, 5, 300
"""Nanoseconds of a call of Python, of a random number, and of a small matrix, very roughly."""


def _strided(value: Value, place: Place) -> Strided:
    type = value.type
    return Strided(pointer_to(place), type.dtype, type.shape, place.layout.strides)


def _matrix(place: Place, index: access.Index, axes: str, batch: tuple[str, ...]) -> Matrix:
    address = place.layout.address(index)
    return Matrix(
        Pointer(place.storage, address.constant),
        address.coefficient(axes[0]),
        address.coefficient(axes[1]),
        tuple(address.coefficient(name) for name in batch),
    )


def in_one(call: CallProduct) -> CallProduct:
    """A stack of matrices times one matrix, as one product of all their rows: it is packed once."""
    rows, left, result = call.rows, call.left, call.result
    if not call.batch or any(call.right.batch) or not isinstance(rows, int):
        return call
    steps = (left.row, result.row) if rows > 1 else (left.batch[-1], result.batch[-1])
    for axis in reversed(range(len(call.batch))):
        spans = steps[0] * rows, steps[1] * rows
        if call.batch[axis] != 1 and spans != (left.batch[axis], result.batch[axis]):
            return call
        rows = rows * call.batch[axis]
    return replace(
        call, rows=rows, batch=(), right=replace(call.right, batch=()),
        left=replace(left, row=steps[0], batch=()),
        result=replace(result, row=steps[1], batch=()),
    )  # fmt: skip


def _estimated(work: Dim, known: Set[str]) -> Dim:
    """`work` with a guess for symbols that are found while it runs."""
    unknown = dims.symbols_of(work) - known
    return dims.substitute(work, dict.fromkeys(unknown, ESTIMATED_TRIPS))


def _work(step: Loops, items: int) -> Dim:
    """Nanoseconds, very roughly: a tenth for each item and element."""
    elements = dims.product(tuple(step.variables.values()))
    if isinstance(elements, int):
        return elements * max(items, 1) // 10
    return elements

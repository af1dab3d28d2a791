"""The body function of a segment: its arguments become storages, its commands calls."""

from __future__ import annotations

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
    DefineSymbol,
    Pointer,
    Repeat,
    Turn,
    While,
)
from jitflow.codegen.cpu.control import ControlWriter
from jitflow.codegen.cpu.emit import LlvmEmitter
from jitflow.codegen.cpu.memory import MemoryWriter
from jitflow.codegen.cpu.shared import Families, Shared, multiple_of
from jitflow.codegen.cpu.target import Target
from jitflow.codegen.cpu.text import FunctionText, Names
from jitflow.codegen.cpu.values import Register, memory_type
from jitflow.codegen.interface import InputSpec
from jitflow.codegen.places import stride_symbol
from jitflow.codegen.program import Lowered
from jitflow.core.dtypes import I64
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Graph

if TYPE_CHECKING:
    from jitflow.codegen.cpu import (
        divided_loops,
        draw_calls,
        library_calls,
        products,
        python_calls,
        shared_products,
    )
    from jitflow.codegen.cpu.polls import Polls
else:
    divided_loops = LazyModule("jitflow.codegen.cpu.divided_loops")
    draw_calls = LazyModule("jitflow.codegen.cpu.draw_calls")
    library_calls = LazyModule("jitflow.codegen.cpu.library_calls")
    products = LazyModule("jitflow.codegen.cpu.products")
    python_calls = LazyModule("jitflow.codegen.cpu.python_calls")
    shared_products = LazyModule("jitflow.codegen.cpu.shared_products")


def write_body(
    name: str,
    lowered: Lowered,
    names: Names,
    target: Target,
    shared: Shared,
    found: Families,
    polls: Polls | None,
) -> str:
    """LLVM text of ``i32 @name(inputs..., symbols..., outputs..., ptr arena)``; see `Segment`."""
    return BodyWriter(name, lowered, names, target, shared, found, polls).run()


class BodyWriter:
    """Writes one body: `storages` has the pointers, `symbols` the integers that are known."""

    def __init__(
        self,
        name: str,
        lowered: Lowered,
        names: Names,
        target: Target,
        shared: Shared,
        found: Families,
        polls: Polls | None,
    ) -> None:
        self.name = name
        self.shared = shared
        self.families = found
        self.target = target
        self.lowered = lowered
        self.segment = lowered.given.segment
        self.text = FunctionText(names)
        self.parameters: list[str] = []
        self.symbols: dict[str, Register] = {}
        self.storages: dict[str, str] = {}
        self.memory = MemoryWriter(self.text, LlvmEmitter(self.text), {}, self.symbols)
        self.checked = False
        self.functions: list[str] = []
        self.results: list[str] = []
        self.loop_count = 0
        self.access_group = ""
        self.polls = polls
        self.control = ControlWriter(self)
        graph = self.segment.graph
        targets = {target for target, _ in graph.writes}  # guards say that they overlap no input
        self.targets = {f"in{k}" for k, value in enumerate(graph.inputs) if value in targets}

    def run(self) -> str:
        """The text of the function."""
        for number, spec in enumerate(self.segment.inputs):
            self.input(f"in{number}", spec)
        for symbol in entry_symbols(self.segment.graph):
            self.parameters.append(f"i64 %{symbol}")
            self.symbols[symbol] = Register(f"%{symbol}", I64)
        for number in range(len(self.segment.outputs)):
            self.parameters.append(f"ptr noalias %out{number}")
            self.storages[f"out{number}"] = self.output(number)
        self.parameters.append("ptr noalias %arena")
        for name in self.lowered.constants:
            self.storages[name] = f"@{name}"
        self.control.declare_variables()
        if self.polls is not None:
            self.polls.begin(self.text, self.parameters, self.control.variables)
        self.commands(self.lowered.program.commands)
        lines = [f"define i32 @{self.name}({', '.join(self.parameters)}) {{", "entry:"]
        lines += [*self.control.variables, *self.text.scopes[0].lines]
        lines += [*self.control.release(), *self.results, "  ret i32 0"]
        if self.checked:
            lines += ["fail:", *self.control.release(), "  ret i32 1"]
        if self.lowered.program.calls_python or self.polls is not None:
            lines += ["raised:", *self.control.release(), "  ret i32 2"]
        return "\n".join([*self.functions, *lines, "}"])

    def input(self, name: str, spec: InputSpec) -> None:
        """An array: a pointer and strides; or a number."""
        if spec.layout == "scalar":
            self.scalar(name, spec)
            return
        word = "noalias " if name in self.targets else ""
        self.parameters.append(f"ptr {word}%{name}")
        self.storages[name] = f"%{name}"
        if spec.layout == "strided":
            for axis in range(len(spec.shape)):
                symbol = stride_symbol(name, axis)
                self.parameters.append(f"i64 %{symbol}")
                self.symbols[symbol] = Register(f"%{symbol}", I64)

    def output(self, number: int) -> str:
        """Where an output is made; a number that loops compute is a variable until the end."""
        name, spec = f"%out{number}", self.segment.outputs[number]
        if spec.shape or not self.lowered.program.has_scalar_loops:
            return name
        size = spec.dtype.itemsize
        self.text.write(f"{name}.own = alloca [{size} x i8], align 16")
        element = f"i{8 * size}"
        self.results += [
            f"  {name}.value = load {element}, ptr {name}.own",
            f"  store {element} {name}.value, ptr {name}",
        ]
        return f"{name}.own"

    def scalar(self, name: str, spec: InputSpec) -> None:
        """A number passed by value gets a place on the stack: kernels load it from there."""
        text, element = self.text, memory_type(spec.dtype)
        parts = ["", "_imaginary"] if spec.dtype.is_complex else [""]
        slot = f"%{name}_slot"
        text.write(f"{slot} = alloca [{len(parts)} x {element}], align 16")
        for number, part in enumerate(parts):
            self.parameters.append(f"{element} %{name}{part}")
            offset = number * spec.dtype.real.itemsize
            at = text.result(f"getelementptr i8, ptr {slot}, i64 {offset}") if offset else slot
            text.write(f"store {element} %{name}{part}, ptr {at}")
        self.storages[name] = slot

    # Commands

    def pointer(self, pointer: Pointer) -> str:
        """LLVM's name for an address."""
        base = self.storages.get(pointer.storage)
        offset = pointer.offset
        if base is None and pointer.storage in self.lowered.arena.growing:
            base = self.control.reserve(pointer.storage)
        elif base is None and pointer.storage in self.lowered.arena.rings:
            base = self.text.result(f"load ptr, ptr %{pointer.storage}")
        elif base is None:
            base = "%arena"
            offset = offset + self.lowered.arena.offsets[pointer.storage]
        if offset == 0:
            return base
        value = self.memory.dim(offset)
        return self.text.value(f"getelementptr i8, ptr {base}, i64 {value.text}")

    def commands(self, commands: list[Command]) -> None:
        """Write commands in order."""
        for command in commands:
            self.command(command)

    def command(self, command: Command) -> None:
        """Write one command."""
        if isinstance(command, CallKernel):
            self.kernel(command)
        elif isinstance(command, Repeat) and id(command) in self.shared.repeats:
            divided_loops.LoopFunction(self, self.shared.repeats[id(command)]).call()
        elif isinstance(command, (Repeat, While, Branch)):
            self.control.write(command)
        elif isinstance(command, Turn):
            self.control.turn(command)
        elif isinstance(command, CallProduct):
            matrices = (command.left, command.right, command.result)
            pointers = [self.pointer(matrix.pointer) for matrix in matrices]
            products.write_product(self.text, self.memory, command, pointers, self.target)
        elif isinstance(command, CallShared):
            shared_products.write_shared(self.text, self.memory, command, self.pointer)
        elif isinstance(command, CallDraw):
            draw_calls.write_draw(self, command)
        elif isinstance(command, CallLibrary):
            library_calls.write_library(self, command)
        elif isinstance(command, CallPython):
            self.checked = True
            python_calls.write_call(self, command)
        elif isinstance(command, DefineSymbol):
            loaded = self.text.result(f"load i64, ptr {self.pointer(command.pointer)}")
            self.symbols[command.name] = Register(loaded, I64, 1, self.text.depth)

    def kernel(self, command: CallKernel) -> None:
        """Call a kernel; leave where one of its checks fails."""
        kernel = self.lowered.program.kernels[command.kernel]
        member = self.families.members[command.kernel]
        arguments = [f"ptr {self.pointer(pointer)}" for pointer in command.pointers]
        arguments += [f"i64 {self.memory.dim(dim).text}" for dim in member.arguments]
        arguments += member.numbers
        function = f"@{self.name}_kernel{member.family}"
        if command.kernel in self.shared.loops:
            result = self.job(function, arguments, command)
        else:
            group = self.access_group and f", !llvm.access.group {self.access_group}"
            result = self.text.result(f"call i32 {function}({', '.join(arguments)}){group}")
        if kernel.checks:
            self.checked = True
            failed = self.text.result(f"icmp ne i32 {result}, 0")
            going_on = self.text.fresh("next")
            self.text.write(f"br i1 {failed}, label %fail, label %{going_on}")
            self.text.start_block(going_on)

    def job(self, function: str, arguments: list[str], command: CallKernel) -> str:
        """Have a kernel run by the thread pool."""
        loop = self.shared.loops[command.kernel]
        extent, work = self.memory.dim(loop.extent), self.memory.dim(command.work)
        return self.post(function, arguments, (extent.text, work.text, multiple_of(loop)))

    def post(self, function: str, arguments: list[str], sizes: tuple[str, str, int]) -> str:
        """Post a job for the thread pool, whose arguments are put into memory.

        `sizes`: iterations, nanoseconds of all, and what parts begin at multiples of.
        """
        text, (extent, work, multiple) = self.text, sizes
        context = f"%{text.fresh('context')}"
        self.control.variables.append(f"  {context} = alloca [{len(arguments)} x i64], align 16")
        for number, argument in enumerate(arguments):
            at = text.value(f"getelementptr i64, ptr {context}, i64 {number}")
            text.write(f"store {argument}, ptr {at}")
        return text.result(
            f"call i32 @{self.shared.pool(text.names)}(ptr {function}, ptr {context}, "
            f"i64 {extent}, i64 {work}, i64 {multiple}, i64 {self.shared.threads})"
        )

    def leave_unless_done(self, result: str) -> None:
        """Leave as a job did: a check that failed, or a handler of a signal that raised."""
        text = self.text
        self.checked = True
        going_on, leaving = text.fresh("next"), text.fresh("leave")
        failed = text.result(f"icmp ne i32 {result}, 0")
        text.write(f"br i1 {failed}, label %{leaving}, label %{going_on}")
        text.start_block(leaving)
        if self.polls is None:
            text.write("br label %fail")
        else:
            raised = text.result(f"icmp eq i32 {result}, 2")
            text.write(f"br i1 {raised}, label %raised, label %fail")
        text.start_block(going_on)


def entry_symbols(graph: Graph) -> list[str]:
    """Symbols that are arguments of the body: those that an input defines."""
    inputs = set(graph.inputs)
    return [name for name, definition in graph.symbols.items() if definition.value in inputs]

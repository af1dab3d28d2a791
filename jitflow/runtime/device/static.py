"""Programs without choices: all sizes known, no loop, no branch, no check: one Python function.

Such a call costs the host little more than the launches themselves. The function is generated:
addresses of the inputs, memory for the outputs, and each launch with its numbers written in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from jitflow.codegen.commands import CallKernel, CallProduct, Matrix, Pointer
from jitflow.codegen.triton.interface import ALIGNMENT, GeneratedProgram
from jitflow.core.dims import Dim
from jitflow.guards.checks import ConstantPool
from jitflow.runtime.device.interface import Device, MatrixView

if TYPE_CHECKING:
    from jitflow.runtime.device.program import KernelVariants

Function = Callable[..., list[Any]]


def is_static(program: GeneratedProgram) -> bool:
    """Whether nothing of the program depends on anything but addresses and numbers."""
    return (
        not (program.symbols or program.checks or program.rings)
        and all(isinstance(command, CallKernel | CallProduct) for command in program.commands)
        and all(spec.layout != "strided" for spec in program.inputs)
        and not any(spec.layout == "scalar" and spec.dtype.is_complex for spec in program.inputs)
        and all(item.offset is not None for item in program.temporaries.values())
        and not any(kernel.may_be_wide() for kernel in program.kernels)
    )


def make_function(
    program: GeneratedProgram,
    device: Device,
    variants: Sequence[KernelVariants],
    constants: dict[str, tuple[int, Any]],
) -> Function:
    """``function(*inputs)`` gives the outputs of a program that is static."""
    return _Writer(program, device, variants, constants).write()


class _Writer:
    def __init__(
        self,
        program: GeneratedProgram,
        device: Device,
        variants: Sequence[KernelVariants],
        constants: dict[str, tuple[int, Any]],
    ) -> None:
        self.program, self.device, self.variants = program, device, variants
        self.pool = ConstantPool()
        self.places = {name: str(address) for name, (address, _) in constants.items()}
        self.lines: list[str] = []

    def write(self) -> Function:
        self.inputs()
        self.outputs()
        self.temporaries()
        self.lines.append(f"stream = {self.pool(self.device.stream)}()")
        for command in self.program.commands:
            if isinstance(command, CallKernel):
                self.launch(command)
            else:
                assert isinstance(command, CallProduct)
                self.product(command)
        outputs = ", ".join(f"y{k}" for k in range(len(self.program.outputs)))
        self.lines.append(f"return [{outputs}]")
        parameters = ", ".join(f"x{k}" for k in range(len(self.program.inputs)))
        source = "\n    ".join([f"def run({parameters}):", *self.lines])
        namespace = dict(self.pool.objects)
        exec(compile(source, "<jitflow launches>", "exec"), namespace)
        function: Function = namespace["run"]
        return function

    # Memory

    def inputs(self) -> None:
        for k, spec in enumerate(self.program.inputs):
            if spec.layout != "scalar":
                self.lines.append(f"in{k} = {self.device.address_text.format(f'x{k}')}")
                self.places[f"in{k}"] = f"in{k}"
            else:
                self.places[f"in{k}"] = f"int(x{k})" if spec.dtype.kind == "b" else f"x{k}"

    def outputs(self) -> None:
        for k, spec in enumerate(self.program.outputs):
            shape, order = _numbers(spec.shape), spec.order
            empty, dtype = self.pool(self.device.empty), self.pool(spec.dtype.numpy)
            self.lines.append(f"y{k} = {empty}({shape!r}, {dtype}, {order!r})")
            self.lines.append(f"out{k} = {self.device.address_text.format(f'y{k}')}")
            self.places[f"out{k}"] = f"out{k}"

    def temporaries(self) -> None:
        if self.program.arena:
            allocate = self.pool(self.device.allocate)
            self.lines.append(f"arena, kept = {allocate}({self.program.arena})")
        for name, item in self.program.temporaries.items():
            self.places[name] = f"arena + {item.offset}" if item.offset else "arena"

    def address(self, pointer: Pointer) -> str:
        place = self.places[pointer.storage]
        return place if pointer.offset == 0 else f"{place} + {_number(pointer.offset)}"

    # Commands

    def launch(self, command: CallKernel) -> None:
        variants = self.variants[command.kernel]
        kernel = variants.kernel
        counts = [blocks.count({}) for blocks in kernel.grid]
        grid = (*counts, *[1] * (3 - len(counts)))
        if 0 in grid:
            return
        passed = [p for p in kernel.parameters if p.kind in ("pointer", "scalar")]
        texts, pointers = [], []
        for parameter, pointer in zip(passed, command.pointers, strict=True):
            texts.append(self.address(pointer))
            if parameter.kind == "pointer":
                pointers.append(f"({texts[-1]})")
        texts += [str(_number(p.dim)) for p in kernel.parameters if p.kind == "index"]
        aligned, get = self.pool(variants.get(False, True)), self.pool(variants.get)
        together = " | ".join(pointers) or "0"
        self.lines.append(
            f"({get}(False, False) if ({together}) % {ALIGNMENT} else {aligned})"
            f"({grid!r}, stream, ({''.join(text + ', ' for text in texts)}))"
        )

    def product(self, command: CallProduct) -> None:
        batch = _numbers(command.batch)
        rows, inner, columns = _numbers((command.rows, command.inner, command.columns))
        if 0 in (rows, columns, *batch):
            return
        operands = (
            self.matrix(command.left, (*batch, rows, inner)),
            self.matrix(command.right, (*batch, inner, columns)),
            self.matrix(command.result, (*batch, rows, columns)),
        )
        multiply, dtype = self.pool(self.device.multiply), self.pool(command.dtype.numpy)
        self.lines.append(f"{multiply}({dtype}, {', '.join(operands)})")

    def matrix(self, matrix: Matrix, shape: tuple[int, ...]) -> str:
        strides = _numbers((*matrix.batch, matrix.row, matrix.column))
        return f"{self.pool(MatrixView)}({self.address(matrix.pointer)}, {shape!r}, {strides!r})"


def _number(dim: Dim) -> int:
    assert isinstance(dim, int)
    return dim


def _numbers(extents: Iterable[Dim]) -> tuple[int, ...]:
    return tuple(map(_number, extents))

"""Programs without choices: all sizes known, no loop, no branch, no check: one Python function.

Such a call costs the host little more than the launches themselves. The function is generated:
addresses of the inputs, memory for the outputs, and each launch with its numbers written in. With
`stretches`, launches between products are functions of their own, which say what is launched.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from jitflow.codegen.commands import CallKernel, CallProduct, Matrix, Pointer
from jitflow.codegen.triton.interface import ALIGNMENT, GeneratedProgram
from jitflow.core.dims import Dim
from jitflow.guards.checks import ConstantPool
from jitflow.runtime.device.graphs import Stretch
from jitflow.runtime.device.interface import Device, MatrixView

if TYPE_CHECKING:
    from jitflow.runtime.device.calls import KernelVariants

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
    stretches: list[Stretch] | None = None,
) -> Function:
    """``function(*inputs)`` gives the outputs of a program that is static.

    Launches go through `stretches`, where given: one is added for each.
    """
    return _Writer(program, device, variants, constants, stretches).write()


class _Writer:
    def __init__(
        self,
        program: GeneratedProgram,
        device: Device,
        variants: Sequence[KernelVariants],
        constants: dict[str, tuple[int, Any]],
        stretches: list[Stretch] | None,
    ) -> None:
        self.program, self.device, self.variants = program, device, variants
        self.stretches = stretches
        self.pool = ConstantPool()
        self.places = {name: str(address) for name, (address, _) in constants.items()}
        self.values: dict[str, str] = {}
        self.lines: list[str] = []
        self.functions: list[str] = []

    def write(self) -> Function:
        self.inputs()
        self.outputs()
        self.temporaries()
        self.lines.append(f"stream = {self.pool(self.device.stream)}()")
        if self.stretches is not None:
            self.lines.append(f"key = ({''.join(f'{key}, ' for key in self.values.values())})")
        for _, group in groupby(self.program.commands, type):
            commands = list(group)
            self.launches([c for c in commands if isinstance(c, CallKernel)])
            for product in [c for c in commands if isinstance(c, CallProduct)]:
                self.product(product)
        outputs = ", ".join(f"y{k}" for k in range(len(self.program.outputs)))
        self.lines.append(f"return [{outputs}]")
        parameters = ", ".join(f"x{k}" for k in range(len(self.program.inputs)))
        source = "\n    ".join([f"def run({parameters}):", *self.lines])
        namespace = dict(self.pool.objects)
        exec(compile("\n".join([*self.functions, source]), "<jitflow launches>", "exec"), namespace)
        function: Function = namespace["run"]
        return function

    # Memory

    def value(self, name: str, text: str, key: str = "") -> None:
        """Give a storage's address, or a number, a name; `key` tells its values apart."""
        self.lines.append(f"{name} = {text}")
        self.places[name] = name
        self.values[name] = key or name

    def inputs(self) -> None:
        for k, spec in enumerate(self.program.inputs):
            if spec.layout != "scalar":
                self.value(f"in{k}", self.device.address_text.format(f"x{k}"))
            elif spec.dtype.kind == "f":  # 0.0 is not -0.0, and a NaN is itself
                self.value(f"in{k}", f"x{k}", f"{self.pool(struct.pack)}('<d', x{k})")
            else:
                self.value(f"in{k}", f"int(x{k})" if spec.dtype.kind == "b" else f"x{k}")

    def outputs(self) -> None:
        for k, spec in enumerate(self.program.outputs):
            shape, order = _numbers(spec.shape), spec.order
            empty, dtype = self.pool(self.device.empty), self.pool(spec.dtype.numpy)
            self.lines.append(f"y{k} = {empty}({shape!r}, {dtype}, {order!r})")
            self.value(f"out{k}", self.device.address_text.format(f"y{k}"))

    def temporaries(self) -> None:
        if self.program.arena:
            allocate = self.pool(self.device.allocate)
            self.lines.append(f"arena, kept = {allocate}({self.program.arena})")
            self.values["arena"] = "arena"
        for name, item in self.program.temporaries.items():
            self.places[name] = f"arena + {item.offset}" if item.offset else "arena"

    def address(self, pointer: Pointer) -> str:
        place = self.places[pointer.storage]
        return place if pointer.offset == 0 else f"{place} + {_number(pointer.offset)}"

    # Commands

    def launches(self, commands: list[CallKernel]) -> None:
        """Launches without anything between them."""
        found = [launch for launch in map(self.launch, commands) if launch is not None]
        if self.stretches is None or len(found) < 2:
            self.lines += [f"{kernel}({grid}, stream, {args})" for kernel, grid, args in found]
            return
        number, names = len(self.stretches), ", ".join(self.values)
        self.stretches.append(Stretch(self.device))
        launches = ", ".join(f"({kernel}, {grid}, {args})" for kernel, grid, args in found)
        self.functions.append(f"def record{number}({names}):\n    return [{launches}], None\n")
        stretch = self.pool(self.stretches[-1])
        self.lines.append(f"{stretch}(stream, key, record{number}, {names})")

    def launch(self, command: CallKernel) -> tuple[str, str, str] | None:
        """Expressions for the kernel, the grid and the arguments; None for an empty grid."""
        variants = self.variants[command.kernel]
        kernel = variants.kernel
        counts = [blocks.count({}) for blocks in kernel.grid]
        grid = (*counts, *[1] * (3 - len(counts)))
        if 0 in grid:
            return None
        passed = [p for p in kernel.parameters if p.kind in ("pointer", "scalar")]
        texts, pointers = [], []
        for parameter, pointer in zip(passed, command.pointers, strict=True):
            texts.append(self.address(pointer))
            if parameter.kind == "pointer":
                pointers.append(f"({texts[-1]})")
        texts += [str(_number(p.dim)) for p in kernel.parameters if p.kind == "index"]
        aligned, get = self.pool(variants.get(False, True)), self.pool(variants.get)
        together = " | ".join(pointers) or "0"
        chosen = f"({get}(False, False) if ({together}) % {ALIGNMENT} else {aligned})"
        return chosen, repr(grid), f"({''.join(text + ', ' for text in texts)})"

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

"""Runs a `GeneratedProgram` on NumPy arrays: memory of the host, kernels in the interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from unit.codegen import running

from helpers import triton_interpreter as interpreter
from jitflow.codegen.commands import (
    Branch,
    CallKernel,
    CallProduct,
    Check,
    Command,
    DefineSymbol,
    Matrix,
    Pointer,
    Repeat,
    Turn,
    While,
)
from jitflow.codegen.interface import Segment
from jitflow.codegen.places import stride_symbol
from jitflow.codegen.triton.frame import Limits
from jitflow.codegen.triton.interface import FAILED, GeneratedKernel, GeneratedProgram
from jitflow.codegen.triton.program import compile_segment
from jitflow.core import dims
from jitflow.core.errors import CheckFailed
from jitflow.ir.graph import Graph

LARGE = Limits(elements=16384, programs=4)
"""Few, large programs: the interpreter takes milliseconds for each."""

SMALL = Limits(elements=16, whole_row=8, row_block=8, programs=8)
"""Many blocks, rows of several, and parts of rows."""


class Run:
    """One call of a program."""

    def __init__(self, program: GeneratedProgram, segment: Segment, inputs: Sequence[Any]) -> None:
        self.program = program
        self.inputs = inputs
        self.symbols = dict(running.symbol_values(segment.graph, inputs))
        self.memory: dict[str, np.ndarray] = {FAILED: np.zeros(1, np.int32)}
        self.turned: dict[str, Pointer] = {}
        self.arena = np.full(program.arena + 64, 0x55, np.uint8)
        for number, (value, spec) in enumerate(zip(inputs, program.inputs, strict=True)):
            if spec.layout == "strided":
                for axis, step in enumerate(value.strides):
                    elements = step // spec.dtype.itemsize
                    self.symbols[stride_symbol(f"in{number}", axis)] = elements
            self.memory[f"in{number}"] = np.asarray(value, spec.dtype.numpy)
        self.outputs = [self.output(number) for number in range(len(program.outputs))]
        self.memory.update(program.constants)

    def output(self, number: int) -> np.ndarray:
        spec = self.program.outputs[number]
        shape = [self.dim(extent) for extent in spec.shape]
        memory = np.empty([shape[axis] for axis in spec.order], spec.dtype.numpy)
        memory[...] = 85
        self.memory[f"out{number}"] = memory
        return memory.transpose(np.argsort(spec.order))

    def dim(self, dim: Any) -> int:
        return dims.evaluate(dim, self.symbols)

    def address(self, pointer: Pointer) -> int:
        if pointer.storage in self.program.rings:
            return self.address(self.turned[pointer.storage]) + self.dim(pointer.offset)
        allocation = self.program.temporaries.get(pointer.storage)
        if allocation is not None and allocation.offset is not None:
            start = self.arena.ctypes.data
            return start + -start % 64 + allocation.offset + self.dim(pointer.offset)
        if allocation is not None:
            size = self.dim(allocation.size)
            held = self.memory.get(pointer.storage)
            if held is None or held.nbytes < size:
                self.memory[pointer.storage] = np.full(size, 0x55, np.uint8)
        return self.memory[pointer.storage].ctypes.data + self.dim(pointer.offset)

    def view(self, pointer: Pointer, dtype: np.dtype, shape: Any, strides: Any) -> np.ndarray:
        """Memory as an array."""
        base = (
            np.asarray(_Bytes(self.address(pointer), dtype.itemsize)).view(dtype)[0:1].reshape(())
        )
        return np.lib.stride_tricks.as_strided(base, shape, strides)

    def scalar(self, pointer: Pointer, dtype: str) -> Any:
        return self.view(pointer, np.dtype(dtype), (), ())[()]

    # Commands

    def run(self, commands: list[Command]) -> None:
        for command in commands:
            self.command(command)

    def command(self, command: Command) -> None:
        if isinstance(command, CallKernel):
            self.call(command, self.program.kernels[command.kernel])
        elif isinstance(command, CallProduct):
            self.product(command)
        elif isinstance(command, DefineSymbol):
            self.symbols[command.name] = int(self.scalar(command.pointer, "i8"))
        elif isinstance(command, Check):
            if self.memory[FAILED][0]:
                raise CheckFailed("a check failed")
        elif isinstance(command, Turn):
            sources = [self.resolved(source) for source in command.sources]
            self.turned.update(zip(command.targets, sources, strict=True))
        elif isinstance(command, Repeat):
            for index in range(*map(self.bound, (command.start, command.stop, command.step))):
                self.view(command.slot, np.dtype("i8"), (), ())[()] = index
                self.run(command.body)
        elif isinstance(command, While):
            self.run(command.condition)
            while self.scalar(command.flag, "u1"):
                self.run(command.body)
                self.run(command.condition)
        else:
            assert isinstance(command, Branch)
            self.run(command.then if self.scalar(command.flag, "u1") else command.otherwise)

    def resolved(self, pointer: Pointer) -> Pointer:
        if pointer.storage not in self.program.rings:
            return pointer
        before = self.turned[pointer.storage]
        return Pointer(before.storage, before.offset + pointer.offset)

    def bound(self, bound: Any) -> int:
        return int(self.scalar(bound, "i8")) if isinstance(bound, Pointer) else self.dim(bound)

    def call(self, command: CallKernel, kernel: GeneratedKernel) -> None:
        arguments: list[Any] = []
        pointers = iter(command.pointers)
        for parameter in kernel.parameters:
            if parameter.name == FAILED:
                address = self.memory[FAILED].ctypes.data
                arguments.append(interpreter.Pointer(address, "int32", self))
            elif parameter.kind == "pointer":
                dtype = parameter.dtype.real.numpy.name
                word = "uint8" if dtype == "bool" else dtype
                arguments.append(interpreter.Pointer(self.address(next(pointers)), word, self))
            elif parameter.kind == "scalar":
                value = self.memory[next(pointers).storage][()]
                arguments.append(interpreter.scalar(value, parameter.dtype.numpy))
            elif parameter.kind == "index":
                arguments.append(self.dim(parameter.dim))
        grid = tuple(blocks.count(self.symbols) for blocks in kernel.grid)
        interpreter.launch(kernel, arguments, grid, kernel.is_wide(self.symbols))

    def product(self, command: CallProduct) -> None:
        batch = [self.dim(extent) for extent in command.batch]
        rows, inner, columns = map(self.dim, (command.rows, command.inner, command.columns))

        def matrix(given: Matrix, height: int, width: int) -> np.ndarray:
            strides = [self.dim(step) for step in (*given.batch, given.row, given.column)]
            return self.view(given.pointer, command.dtype.numpy, (*batch, height, width), strides)

        left = matrix(command.left, rows, inner)
        right = matrix(command.right, inner, columns)
        matrix(command.result, rows, columns)[...] = left @ right


class _Bytes:
    """Memory at an address."""

    def __init__(self, address: int, size: int) -> None:
        self.__array_interface__ = {
            "data": (address, False), "shape": (size,), "typestr": "|u1", "version": 3,
        }  # fmt: skip


def program_of(graph: Graph, inputs: Sequence[Any], limits: Limits = LARGE, **options: Any) -> Any:
    """The segment and its program."""
    segment = running.segment_of(graph, inputs, **options)
    return segment, compile_segment(segment, limits)


def run(graph: Graph, *inputs: Any, limits: Limits = LARGE, **options: Any) -> list[np.ndarray]:
    """Outputs of a graph."""
    segment, program = program_of(graph, inputs, limits, **options)
    call = Run(program, segment, inputs)
    call.run(program.commands)
    return call.outputs

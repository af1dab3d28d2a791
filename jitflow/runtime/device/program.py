"""Runs the program of a segment on a device: memory for its storages, then its commands in order.

Values of the device are read back only where a command asks for one that the host does not know: a
loop's bounds, a branch, a check. The index of a loop it knows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any, NoReturn, TypeAlias

import numpy as np

from jitflow.codegen.commands import (
    Branch,
    CallKernel,
    CallProduct,
    Check,
    DefineSymbol,
    Matrix,
    Pointer,
    Repeat,
    Turn,
    While,
)
from jitflow.codegen.places import stride_symbol
from jitflow.codegen.triton.compile import KernelBinary
from jitflow.codegen.triton.interface import FAILED, GeneratedProgram
from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.errors import CheckFailed, JitflowError
from jitflow.runtime.device.calls import KernelCall, KernelVariants
from jitflow.runtime.device.graphs import MOST_NODES, Stretch, TooManyLaunches
from jitflow.runtime.device.indices import IndexTable
from jitflow.runtime.device.interface import (
    Device,
    DeviceOutOfMemory,
    Launch,
    LaunchOutOfMemory,
    MatrixView,
)
from jitflow.runtime.device.run import Run
from jitflow.runtime.device.static import is_static, make_function
from jitflow.runtime.device.stretches import Step, Together, grouped, left_out
from jitflow.runtime.device.tuner import Tuner

_FLAG_BYTES = 4
_REMEDY = "free arrays, or split the work into smaller calls"

SymbolReader: TypeAlias = tuple[str, int, int | None]
"""A symbol: its name, the input that defines it, and which axis's extent it is (None: value)."""


Action: TypeAlias = Callable[[Run], None]


class DeviceProgram:
    """A `GeneratedProgram` on one device, callable with the segment's inputs.

    Parameters
    ----------
    program : GeneratedProgram
    device : Device
    symbols : sequence of SymbolReader
        How the program's symbols follow from the inputs.
    use_graphs : bool
        Replay launches that follow each other as one graph.
    is_tuned : bool
        Choose blocks for its kernels in the first call.

    Attributes
    ----------
    stretches : list of Stretch
        Where graphs are used.

    Raises
    ------
    Unsupported
        A kernel does not compile: those that aligned inputs of ordinary size need are made here.
    """

    def __init__(
        self,
        program: GeneratedProgram,
        device: Device,
        symbols: Sequence[SymbolReader],
        use_graphs: bool = False,
        is_tuned: bool = False,
    ) -> None:
        self.program, self.device, self._symbols = program, device, tuple(symbols)
        self._variants = [KernelVariants(kernel, device) for kernel in program.kernels]
        self._constants = {name: device.upload(array) for name, array in program.constants.items()}
        self._table = IndexTable(device)
        self._late = self._late_temporaries()
        self._use_graphs = use_graphs
        self._tuner = Tuner(device, len(program.kernels)) if is_tuned else None
        self._tuned: dict[int, str] = {}
        self._first_call = Lock()
        self._plan(use_graphs and not is_tuned, is_static(program) and not is_tuned)

    def _plan(self, use_graphs: bool, is_plain: bool) -> None:
        """Make ready what a call does; `is_plain`: by a function of its own."""
        program = self.program
        self.stretches: list[Stretch] = []
        self._static = None
        for variants in self._variants:
            variants.get(False, True)
        self._steps: list[Step] = [*program.commands]
        if use_graphs:
            self._steps = grouped(program.commands, self._late_symbols())
        if is_plain:
            kept = self.stretches if use_graphs else None
            make = functools.partial(make_function, program, self.device)
            self._static = make(self._variants, self._constants, kept)
            return
        self._actions = [self._action(step) for step in self._steps]
        self._begins, self._ends = self._symbolic_temporaries()

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs, as arrays of the device.

        Raises
        ------
        CheckFailed
            A run-time check did not hold; nothing was written.
        DeviceOutOfMemory
            There is no room; no argument was written.
        """
        if self._tuner is not None:
            return self._tuned_call(inputs)
        if self._static is not None:
            try:
                return self._static(*inputs)
            except LaunchOutOfMemory as error:
                self._give_up(error, bool(self.program.written))
        return self._call_steps(inputs, None)

    def _tuned_call(self, inputs: Sequence[Any]) -> list[Any]:
        """The first call, in which kernels are tuned; those of other threads wait for it."""
        with self._first_call:
            tuner = self._tuner
            if tuner is None:
                return self(inputs)
            outputs = self._call_steps(inputs, tuner)
            self._tuner = None
            for number, choice in tuner.choices.items():
                self._tuned[number] = choice.how
                self.program.kernels[number] = choice.kernel
                if choice.kernel is not self._variants[number].kernel:
                    self._variants[number] = KernelVariants(choice.kernel, self.device)
            self._plan(self._use_graphs, is_static(self.program))
        return outputs

    def _call_steps(self, inputs: Sequence[Any], tuner: Tuner | None) -> list[Any]:
        position = 0
        run = Run(self.device, self.device.stream(), self._symbol_values(inputs), tuner=tuner)
        self._place_inputs(run, inputs)
        outputs = self._place_outputs(run)
        self._place_temporaries(run)
        if tuner is not None:
            self._note_memory(run, inputs, outputs)
        try:
            for position, action in enumerate(self._actions):
                if position in self._begins:
                    self._begin(run, position)
                action(run)
                for name in self._ends.get(position, ()):
                    run.keep.pop(name, None)
                    run.sizes.pop(name, None)
        except DeviceOutOfMemory as error:
            is_late = position or run.is_underway or isinstance(error, LaunchOutOfMemory)
            self._give_up(error, bool(self.program.written and is_late))
        return outputs

    @staticmethod
    def _give_up(error: DeviceOutOfMemory, has_written: bool) -> NoReturn:
        """Leave the call to Python, unless arguments were written: then it is an error."""
        if has_written:
            raise JitflowError(f"{error}, after arguments were written: {_REMEDY}") from error
        raise error

    def graphs(self) -> list[str]:
        """For the report: what became of the graphs."""
        found = [f"graph {k}: {stretch.describe()}" for k, stretch in enumerate(self.stretches)]
        rest = left_out(self._steps)
        return [*found, *([f"in no graph: {rest}"] if rest else [])]

    def tuned(self, number: int) -> str:
        """How a kernel was chosen; empty where it is the usual one."""
        return self._tuned.get(number, "")

    def binaries(self) -> list[list[KernelBinary]]:
        """For each kernel those of its variants that are made by now."""
        return [variants.binaries() for variants in self._variants]

    # Memory

    def _symbol_values(self, inputs: Sequence[Any]) -> dict[str, int]:
        values = {
            name: int(inputs[k]) if axis is None else inputs[k].shape[axis]
            for name, k, axis in self._symbols
        }
        for k, spec in enumerate(self.program.inputs):
            if spec.layout == "strided":
                for axis, stride in enumerate(inputs[k].strides):
                    count, rest = divmod(stride, spec.dtype.itemsize)
                    if rest:
                        raise CheckFailed("a stride is no multiple of the element's size")
                    values[stride_symbol(f"in{k}", axis)] = count
        return values

    def _place_inputs(self, run: Run, inputs: Sequence[Any]) -> None:
        for k, (value, spec) in enumerate(zip(inputs, self.program.inputs, strict=True)):
            name = f"in{k}"
            if spec.layout != "scalar":
                run.addresses[name] = self.device.address(value)
            elif spec.dtype.is_complex:
                number = np.asarray(value, spec.dtype.numpy)
                run.addresses[name], run.keep[name] = self.device.upload(number)
            else:
                run.numbers[name] = int(value) if spec.dtype.kind == "b" else value
        for name, (address, _) in self._constants.items():
            run.addresses[name] = address

    def _place_outputs(self, run: Run) -> list[Any]:
        outputs = []
        for k, spec in enumerate(self.program.outputs):
            shape = tuple(dims.evaluate(extent, run.symbols) for extent in spec.shape)
            array = self.device.empty(shape, spec.dtype.numpy, spec.order)
            run.addresses[f"out{k}"] = self.device.address(array)
            outputs.append(array)
        return outputs

    def _note_memory(self, run: Run, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Say where storages are, and how large: the tuner works on copies."""
        for k, (value, spec) in enumerate(zip(inputs, self.program.inputs, strict=True)):
            if spec.layout != "scalar":
                run.memory[f"in{k}"] = _span(run.addresses[f"in{k}"], value)
            elif spec.dtype.is_complex:
                run.memory[f"in{k}"] = run.addresses[f"in{k}"], spec.dtype.itemsize
        for k, value in enumerate(outputs):
            run.memory[f"out{k}"] = _span(run.addresses[f"out{k}"], value)
        for name, array in self.program.constants.items():
            run.memory[name] = run.addresses[name], array.nbytes
        for name, item in self.program.temporaries.items():
            if isinstance(item.size, int) and name in run.addresses:
                run.memory[name] = run.addresses[name], item.size
        if FAILED in run.addresses:
            run.memory[FAILED] = run.addresses[FAILED], _FLAG_BYTES

    def _place_temporaries(self, run: Run) -> None:
        program = self.program
        if program.arena:
            start, run.keep["arena"] = self.device.allocate(program.arena)
            for name, allocation in program.temporaries.items():
                if allocation.offset is not None:
                    run.addresses[name] = start + allocation.offset
        if program.checks:
            run.addresses[FAILED], run.keep[FAILED] = self.device.allocate(_FLAG_BYTES)
            self.device.clear(run.addresses[FAILED], _FLAG_BYTES)

    def _symbolic_temporaries(self) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
        """Temporaries by the command before which they begin, and after which they end.

        Where inputs are written, memory is taken before anything is, as far as sizes are known:
        when there is none left, Python can still run the call.
        """
        begins: dict[int, list[str]] = {}
        ends: dict[int, list[str]] = {}
        places = list(self._places())
        for name, allocation in self.program.temporaries.items():
            if allocation.offset is None:
                ends.setdefault(places[allocation.last], []).append(name)
                if name not in self._late:
                    first = 0 if self.program.written else places[allocation.first]
                    begins.setdefault(first, []).append(name)
        return begins, ends

    def _places(self) -> Iterator[int]:
        """For each command of the program the position of its step."""
        for position, step in enumerate(self._steps):
            yield from [position] * (len(step.commands) if isinstance(step, Together) else 1)

    def _late_symbols(self) -> set[str]:
        return {symbol for needed in self._late.values() for symbol in needed}

    def _late_temporaries(self) -> dict[str, frozenset[str]]:
        """Temporaries whose size needs symbols that commands define, and those symbols."""
        known = {name for name, _, _ in self._symbols}
        needed = {
            name: dims.symbols_of(allocation.size) - known
            for name, allocation in self.program.temporaries.items()
            if allocation.offset is None
        }
        return {name: frozenset(symbols) for name, symbols in needed.items() if symbols}

    def _begin(self, run: Run, position: int) -> None:
        for name in self._begins[position]:
            self._allocate(run, name)

    def _allocate(self, run: Run, name: str) -> None:
        """Memory for a temporary, unless it has enough: loops define their sizes again."""
        size = max(dims.evaluate(self.program.temporaries[name].size, run.symbols), 1)
        if run.sizes.get(name, 0) < size:
            run.addresses[name], run.keep[name] = self.device.allocate(size)
            run.sizes[name] = size
            run.memory[name] = run.addresses[name], size

    # Commands

    def _action(self, command: Step) -> Action:
        return _ACTIONS[type(command)](self, command)

    def _together(self, command: Together) -> Action:
        actions = [self._action(item) for item in command.commands]
        stretch = Stretch(self.device)
        self.stretches.append(stretch)

        def record(run: Run) -> tuple[list[Launch], dict[str, int]]:
            addresses, symbols = dict(run.addresses), dict(run.symbols)
            launches: list[Launch] = []
            run.recorded = launches
            try:
                for action in actions:
                    action(run)
                changed = run.addresses.items() - addresses.items()
            finally:
                run.recorded, run.addresses, run.symbols = None, addresses, symbols
            return launches, dict(changed)

        def together(run: Run) -> None:
            if not stretch.reason:
                try:
                    run.addresses |= stretch(run.stream, run.key(), record, run)
                    return
                except TooManyLaunches:
                    stretch.reason = f"more than {MOST_NODES} launches"
            for action in actions:
                action(run)

        return together

    def _call(self, command: CallKernel) -> Action:
        return KernelCall(command, self._variants[command.kernel])

    def _product(self, command: CallProduct) -> Action:
        dtype = command.dtype.numpy

        def run_product(run: Run) -> None:
            rows, inner, columns, *batch = (
                dims.evaluate(extent, run.symbols)
                for extent in (command.rows, command.inner, command.columns, *command.batch)
            )
            if 0 in (rows, columns, *batch):
                return
            left = _matrix(run, command.left, (*batch, rows, inner))
            right = _matrix(run, command.right, (*batch, inner, columns))
            result = _matrix(run, command.result, (*batch, rows, columns))
            self.device.multiply(dtype, left, right, result)

        return run_product

    def _define(self, command: DefineSymbol) -> Action:
        late = {name: needs for name, needs in self._late.items() if command.name in needs}

        def define(run: Run) -> None:
            run.symbols[command.name] = run.integer(command.pointer)
            for name, needs in late.items():
                if needs <= run.symbols.keys():
                    self._allocate(run, name)

        return define

    def _turn(self, command: Turn) -> Action:
        def turn(run: Run) -> None:
            found = [run.address(source) for source in command.sources]
            run.addresses.update(zip(command.targets, found, strict=True))

        return turn

    def _check(self, command: Check) -> Action:
        def check(run: Run) -> None:
            if any(self.device.read(run.address(command.pointer), 4)):
                raise CheckFailed("a run-time check of a kernel did not hold")

        return check

    def _repeat(self, command: Repeat) -> Action:
        body = [self._action(item) for item in command.body]
        bounds = (command.start, command.stop, command.step)
        storage, table = command.slot.storage, self._table

        def repeat(run: Run) -> None:
            start, stop, step = (_bound(run, bound) for bound in bounds)
            shift = run.address(command.slot) - run.addresses[storage]
            for index in range(start, stop, step):
                run.addresses[storage] = table.address(index, run.recorded is not None) - shift
                run.indices[storage] = index
                for action in body:
                    action(run)
                    run.is_underway = True
            run.indices.pop(storage, None)

        return repeat

    def _while(self, command: While) -> Action:
        condition = [self._action(item) for item in command.condition]
        body = [self._action(item) for item in command.body]

        def loop(run: Run) -> None:
            while True:
                for action in condition:
                    action(run)
                run.is_underway = True
                if not run.is_set(command.flag):
                    return
                for action in body:
                    action(run)

        return loop

    def _branch(self, command: Branch) -> Action:
        then = [self._action(item) for item in command.then]
        otherwise = [self._action(item) for item in command.otherwise]

        def branch(run: Run) -> None:
            for action in then if run.is_set(command.flag) else otherwise:
                action(run)

        return branch


_ACTIONS: dict[type, Callable[[DeviceProgram, Any], Action]] = {
    Together: DeviceProgram._together,
    CallKernel: DeviceProgram._call,
    CallProduct: DeviceProgram._product,
    DefineSymbol: DeviceProgram._define,
    Turn: DeviceProgram._turn,
    Check: DeviceProgram._check,
    Repeat: DeviceProgram._repeat,
    While: DeviceProgram._while,
    Branch: DeviceProgram._branch,
}


def _span(address: int, array: Any) -> tuple[int, int]:
    """First address and bytes of an array; strides may be negative."""
    reach = [step * (extent - 1) for step, extent in zip(array.strides, array.shape, strict=True)]
    if 0 in array.shape:
        return address, 0
    low, high = (sum(step for step in reach if (step < 0) is sign) for sign in (True, False))
    return address + low, high - low + array.dtype.itemsize


def _bound(run: Run, bound: Dim | Pointer) -> int:
    return run.integer(bound) if isinstance(bound, Pointer) else dims.evaluate(bound, run.symbols)


def _matrix(run: Run, matrix: Matrix, shape: tuple[int, ...]) -> MatrixView:
    steps = (*matrix.batch, matrix.row, matrix.column)
    strides = tuple(dims.evaluate(step, run.symbols) for step in steps)
    return MatrixView(run.address(matrix.pointer), shape, strides)

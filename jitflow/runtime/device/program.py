"""Runs the program of a segment on a device: memory for its storages, then its commands in order.

Values of the device are read back only where a command asks for one that the host does not know: a
loop's bounds, a branch, a check. The index of a loop it knows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any, NoReturn, TypeAlias

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
from jitflow.codegen.triton.compile import KernelBinary
from jitflow.codegen.triton.interface import GeneratedProgram
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
from jitflow.runtime.device.memory import Memory, SymbolReader
from jitflow.runtime.device.run import Run
from jitflow.runtime.device.static import is_static, make_function
from jitflow.runtime.device.stretches import Step, Together, grouped, left_out
from jitflow.runtime.device.tuner import Tuner

_REMEDY = "free arrays, or split the work into smaller calls"

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
        self._memory = Memory(program, device, self._symbols)
        self._table = IndexTable(device)
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
            self._steps = grouped(program.commands, self._memory.late_symbols())
        if is_plain:
            kept = self.stretches if use_graphs else None
            make = functools.partial(make_function, program, self.device)
            self._static = make(self._variants, self._memory.constants, kept)
            return
        self._actions = [self._action(step) for step in self._steps]
        self._begins, self._ends = self._memory.symbolic_temporaries(list(self._places()))

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
        run = Run(
            self.device, self.device.stream(), self._memory.symbol_values(inputs), tuner=tuner
        )
        self._memory.place_inputs(run, inputs)
        outputs = self._memory.place_outputs(run)
        self._memory.place_temporaries(run)
        if tuner is not None:
            self._memory.note(run, inputs, outputs)
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

    def _places(self) -> Iterator[int]:
        """For each command of the program the position of its step."""
        for position, step in enumerate(self._steps):
            yield from [position] * (len(step.commands) if isinstance(step, Together) else 1)

    def _begin(self, run: Run, position: int) -> None:
        for name in self._begins[position]:
            self._memory.allocate(run, name)

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
        late = {name: needs for name, needs in self._memory.late.items() if command.name in needs}

        def define(run: Run) -> None:
            run.symbols[command.name] = run.integer(command.pointer)
            for name, needs in late.items():
                if needs <= run.symbols.keys():
                    self._memory.allocate(run, name)

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


def _bound(run: Run, bound: Dim | Pointer) -> int:
    return run.integer(bound) if isinstance(bound, Pointer) else dims.evaluate(bound, run.symbols)


def _matrix(run: Run, matrix: Matrix, shape: tuple[int, ...]) -> MatrixView:
    steps = (*matrix.batch, matrix.row, matrix.column)
    strides = tuple(dims.evaluate(step, run.symbols) for step in steps)
    return MatrixView(run.address(matrix.pointer), shape, strides)

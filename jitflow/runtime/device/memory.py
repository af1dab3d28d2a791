"""Memory of a program: where its storages lie in a call, and when temporaries come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from jitflow.codegen.places import stride_symbol
from jitflow.codegen.triton.interface import FAILED, GeneratedProgram
from jitflow.core import dims
from jitflow.core.errors import CheckFailed
from jitflow.runtime.device.interface import Device
from jitflow.runtime.device.run import Run

_FLAG_BYTES = 4

SymbolReader: TypeAlias = tuple[str, int, int | None]
"""A symbol: its name, the input that defines it, and which axis's extent it is (None: value)."""


class Memory:
    """Gives the storages of one program their addresses.

    Attributes
    ----------
    constants : dict
        Address of each constant array, and what keeps it.
    late : dict
        Temporaries whose size needs symbols that commands define, and those symbols.
    """

    def __init__(
        self, program: GeneratedProgram, device: Device, symbols: Sequence[SymbolReader]
    ) -> None:
        self.program, self.device, self._symbols = program, device, tuple(symbols)
        self.constants = {name: device.upload(array) for name, array in program.constants.items()}
        self.late = self._late_temporaries()

    def symbol_values(self, inputs: Sequence[Any]) -> dict[str, int]:
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

    def place_inputs(self, run: Run, inputs: Sequence[Any]) -> None:
        for k, (value, spec) in enumerate(zip(inputs, self.program.inputs, strict=True)):
            name = f"in{k}"
            if spec.layout != "scalar":
                run.addresses[name] = self.device.address(value)
            elif spec.dtype.is_complex:
                number = np.asarray(value, spec.dtype.numpy)
                run.addresses[name], run.keep[name] = self.device.upload(number)
            else:
                run.numbers[name] = int(value) if spec.dtype.kind == "b" else value
        for name, (address, _) in self.constants.items():
            run.addresses[name] = address

    def place_outputs(self, run: Run) -> list[Any]:
        outputs = []
        for k, spec in enumerate(self.program.outputs):
            shape = tuple(dims.evaluate(extent, run.symbols) for extent in spec.shape)
            array = self.device.empty(shape, spec.dtype.numpy, spec.order)
            run.addresses[f"out{k}"] = self.device.address(array)
            outputs.append(array)
        return outputs

    def note(self, run: Run, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Say where storages are, and how large: the tuner works on copies."""
        for k, (value, spec) in enumerate(zip(inputs, self.program.inputs, strict=True)):
            if spec.layout != "scalar":
                run.memory[f"in{k}"] = span_of(run.addresses[f"in{k}"], value)
            elif spec.dtype.is_complex:
                run.memory[f"in{k}"] = run.addresses[f"in{k}"], spec.dtype.itemsize
        for k, value in enumerate(outputs):
            run.memory[f"out{k}"] = span_of(run.addresses[f"out{k}"], value)
        for name, array in self.program.constants.items():
            run.memory[name] = run.addresses[name], array.nbytes
        for name, item in self.program.temporaries.items():
            if isinstance(item.size, int) and name in run.addresses:
                run.memory[name] = run.addresses[name], item.size
        if FAILED in run.addresses:
            run.memory[FAILED] = run.addresses[FAILED], _FLAG_BYTES

    def place_temporaries(self, run: Run) -> None:
        program = self.program
        if program.arena:
            start, run.keep["arena"] = self.device.allocate(program.arena)
            for name, allocation in program.temporaries.items():
                if allocation.offset is not None:
                    run.addresses[name] = start + allocation.offset
        if program.checks:
            run.addresses[FAILED], run.keep[FAILED] = self.device.allocate(_FLAG_BYTES)
            self.device.clear(run.addresses[FAILED], _FLAG_BYTES)

    def symbolic_temporaries(
        self, places: Sequence[int]
    ) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
        """Temporaries by the step before which they begin, and after which they end.

        `places` has the step of each command.

        Where inputs are written, memory is taken before anything is, as far as sizes are known:
        when there is none left, Python can still run the call.
        """
        begins: dict[int, list[str]] = {}
        ends: dict[int, list[str]] = {}
        for name, allocation in self.program.temporaries.items():
            if allocation.offset is None:
                ends.setdefault(places[allocation.last], []).append(name)
                if name not in self.late:
                    first = 0 if self.program.written else places[allocation.first]
                    begins.setdefault(first, []).append(name)
        return begins, ends

    def late_symbols(self) -> set[str]:
        return {symbol for needed in self.late.values() for symbol in needed}

    def _late_temporaries(self) -> dict[str, frozenset[str]]:
        """Temporaries whose size needs symbols that commands define, and those symbols."""
        known = {name for name, _, _ in self._symbols}
        needed = {
            name: dims.symbols_of(allocation.size) - known
            for name, allocation in self.program.temporaries.items()
            if allocation.offset is None
        }
        return {name: frozenset(symbols) for name, symbols in needed.items() if symbols}

    def allocate(self, run: Run, name: str) -> None:
        """Memory for a temporary, unless it has enough: loops define their sizes again."""
        size = max(dims.evaluate(self.program.temporaries[name].size, run.symbols), 1)
        if run.sizes.get(name, 0) < size:
            run.addresses[name], run.keep[name] = self.device.allocate(size)
            run.sizes[name] = size
            run.memory[name] = run.addresses[name], size


def span_of(address: int, array: Any) -> tuple[int, int]:
    """First address and bytes of an array; strides may be negative."""
    reach = [step * (extent - 1) for step, extent in zip(array.strides, array.shape, strict=True)]
    if 0 in array.shape:
        return address, 0
    low, high = (sum(step for step in reach if (step < 0) is sign) for sign in (True, False))
    return address + low, high - low + array.dtype.itemsize

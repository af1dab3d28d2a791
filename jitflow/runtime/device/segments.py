"""The back end of pieces whose arrays are on a device: segments as programs of Triton kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow import codegen
from jitflow.codegen.triton.compile import KernelBinary
from jitflow.codegen.triton.program import compile_segment
from jitflow.core.devices import ArrayKind
from jitflow.core.dtypes import DType
from jitflow.core.errors import CheckFailed, Unsupported
from jitflow.ir.graph import DimensionOf, Graph, Node
from jitflow.runtime.device.interface import Device, DeviceOutOfMemory
from jitflow.runtime.device.memory import SymbolReader
from jitflow.runtime.device.program import DeviceProgram
from jitflow.runtime.marks import FAILED, HIDDEN, MISS
from jitflow.runtime.native_link import segment_of
from jitflow.runtime.reference import MadeSegment, make_check

if TYPE_CHECKING:
    from jitflow.runtime.link import SegmentRequest


_WITH_GRAPHS = ("reduce-overhead", "max-autotune")
"""Modes in which launches are replayed as CUDA graphs."""


class DeviceBackend:
    """Makes segments for the arrays of one device."""

    def __init__(self, kind: ArrayKind, mode: str | None = None) -> None:
        self._device: Device = kind.device
        self._kind, self._mode = kind, mode

    def supports(self, node: Node) -> bool:
        """Whether a kernel can be generated for `node`: every node of a piece of a device.

        Raises
        ------
        Unsupported
            JF-B008 where that is not so: Python does not run single nodes on a device.
        """
        if not codegen.has_code(node):
            raise Unsupported("JF-B008", f"{node.operator.name} for arrays on {self._kind}")
        return True

    def make_segment(self, request: SegmentRequest) -> MadeSegment:
        """A function of the segment's inputs that returns what it gives."""
        segment = segment_of(request)
        uses_graphs, is_tuned = self._mode in _WITH_GRAPHS, self._mode == "max-autotune"
        wraps = self._kind.wraps_indices
        generated = compile_segment(segment, self._device.limits, wraps, uses_graphs)
        readers = symbol_readers(segment.graph)
        program = DeviceProgram(generated, self._device, readers, uses_graphs, is_tuned)
        fits = make_check(request)
        finish = self._finisher(request)

        def run(*inputs: Any) -> Any:
            if not fits(*inputs):
                return MISS
            try:
                return finish(program(inputs))
            except CheckFailed:
                return FAILED
            except DeviceOutOfMemory as error:
                raise Unsupported("JF-B025", str(error)) from None

        return MadeSegment(run, ProgramTexts(program))

    def _finisher(self, request: SegmentRequest) -> Callable[[list[Any]], Any]:
        """Turns outputs into what Python sees; numbers are read back."""
        shown = [
            (index, box, give.value.type.dtype)
            for index, (give, (box, _)) in enumerate(
                zip(request.plan.gives, request.boxes, strict=True)
            )
            if box != HIDDEN
        ]
        device = self._device

        def one(outputs: list[Any], index: int, box: str, dtype: DType) -> Any:
            array = outputs[index]
            return array if box == "array" else read_number(device, array, dtype, box)

        if len(shown) == 1:
            ((index, box, dtype),) = shown
            return lambda outputs: one(outputs, index, box, dtype)
        return lambda outputs: tuple([one(outputs, *how) for how in shown])


def read_number(device: Device, array: Any, dtype: DType, box: str) -> Any:
    """The element of an array of rank 0 as a NumPy scalar, or as a Python number."""
    data = device.read(device.address(array), dtype.itemsize)
    number = np.frombuffer(data, dtype.numpy)[0]
    return number if box == "scalar" else number.item()


def symbol_readers(graph: Graph) -> list[SymbolReader]:
    """How the symbols that inputs define follow from them."""
    places = {id(value): index for index, value in enumerate(graph.inputs)}
    return [
        (
            name,
            places[id(definition.value)],
            definition.axis if isinstance(definition, DimensionOf) else None,
        )
        for name, definition in graph.symbols.items()
        if id(definition.value) in places
    ]


class ProgramTexts(Mapping[str, str]):
    """What the report shows, as it is when it is looked at: variants and graphs come with calls."""

    def __init__(self, made: DeviceProgram) -> None:
        program = made.program
        self._made = made
        self._texts: dict[str, Callable[[], str]] = {
            "loops": lambda: program.loops,
            "triton": lambda: "\n".join(kernel.source for kernel in program.kernels),
            "launches": self._launches,
        }

    def _launches(self) -> str:
        program, lines = self._made.program, []
        made = zip(program.kernels, self._made.binaries(), strict=True)
        for number, (kernel, binaries) in enumerate(made):
            grid = " x ".join(f"{blocks.extent}/{blocks.size}" for blocks in kernel.grid)
            lines.append(f"{kernel.name}: grid {grid}, {kernel.options.num_warps} warps")
            lines += [f"  {_resources_of(binary)}" for binary in binaries]
            lines += [f"  {self._made.tuned(number)}"] * bool(self._made.tuned(number))
        lines += [*self._made.graphs(), f"arena of {program.arena} bytes"]
        for name, item in program.temporaries.items():
            place = "" if item.offset is None else f" at {item.offset}"
            lines.append(f"{name}: {item.size} bytes{place}")
        return "\n".join(lines)

    def __getitem__(self, key: str) -> str:
        return self._texts[key]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def _resources_of(binary: KernelBinary) -> str:
    parts = [f"{binary.threads} threads", f"{binary.registers} registers"]
    parts += [f"{binary.frame} bytes of them in memory"] * bool(binary.frame)
    parts += [f"{binary.shared} bytes shared"] * bool(binary.shared)
    return ", ".join([*parts, binary.origin])

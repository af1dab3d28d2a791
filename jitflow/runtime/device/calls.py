"""Kernels as a program calls them: variants made when they are needed, numbers of a launch kept.

What depends on sizes alone (grids, offsets, index arguments) is worked out once for each set of
sizes that a call meets; after that it adds addresses and launches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.codegen.commands import CallKernel, Pointer
from jitflow.codegen.triton.compile import KernelBinary
from jitflow.codegen.triton.interface import ALIGNMENT, FAILED, GeneratedKernel, Parameter
from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.errors import Unsupported
from jitflow.runtime.device.interface import Device, Launchable

if TYPE_CHECKING:
    from jitflow.runtime.device.run import Run

_MOST_SIZES = 256
"""Sets of sizes that a call keeps its numbers for."""


class KernelVariants:
    """The variants of one kernel, each made when it is first needed; one that fails fails again."""

    def __init__(self, kernel: GeneratedKernel, device: Device) -> None:
        self.kernel, self._device = kernel, device
        self._made: dict[tuple[bool, bool], Launchable | Unsupported] = {}

    def get(self, wide: bool, aligned: bool) -> Launchable:
        """The variant with 64-bit indices or not, for aligned addresses or any."""
        found = self._made.get((wide, aligned))
        if found is None:
            try:
                found = self._device.prepare(self.kernel, wide, aligned)
            except Unsupported as error:
                found = error
            self._made[wide, aligned] = found
        if isinstance(found, Unsupported):
            raise found
        return found

    def binaries(self) -> list[KernelBinary]:
        """Of the variants that are made by now."""
        found = (getattr(made, "binary", None) for made in self._made.values())
        return [binary for binary in found if binary is not None]


class KernelCall:
    """A `CallKernel`: what depends on sizes is kept, by the values of the symbols that matter."""

    def __init__(self, command: CallKernel, variants: KernelVariants) -> None:
        self.kernel, self._variants, self._command = variants.kernel, variants, command
        kernel = variants.kernel
        pointers = [*command.pointers, *[Pointer(FAILED)] * kernel.checks]
        passed = [p for p in kernel.parameters if p.kind in ("pointer", "scalar")]
        self._passed: list[tuple[Parameter, Pointer]] = list(zip(passed, pointers, strict=True))
        self._indices = [p.dim for p in kernel.parameters if p.kind == "index"]
        self._names = sorted(self._symbols())
        self._ready: dict[tuple[int, ...], _Ready] = {}

    def _symbols(self) -> set[str]:
        kernel = self.kernel
        used: list[Dim] = [*self._indices, *(blocks.extent for blocks in kernel.grid)]
        used += [pointer.offset for _, pointer in self._passed]
        used += [dim for span in kernel.spans for dim in span]
        return {name for dim in used for name in dims.symbols_of(dim)}

    def __call__(self, run: Run) -> None:
        """Launch the kernel."""
        symbols = run.symbols
        key = tuple([symbols[name] for name in self._names])
        ready = self._ready.get(key)
        if ready is None:
            ready = self._prepare(symbols, key)
        if ready.grid is None:
            return
        if run.tuner is not None and self._command.kernel not in run.tuner.choices:
            run.tuner.tune(self._command, self.kernel, run)
        arguments, together = [], ready.together
        addresses, numbers = run.addresses, run.numbers
        for storage, offset in ready.places:
            if offset is None:
                arguments.append(numbers[storage])
            else:
                address = addresses[storage] + offset
                together |= address
                arguments.append(address)
        variant = self._variants.get(ready.wide, not together % ALIGNMENT)
        run.launch(variant, ready.grid, (*arguments, *ready.indices))

    def sizes(self, run: Run) -> tuple[int, ...]:
        """The values of the symbols that matter."""
        return tuple([run.symbols[name] for name in self._names])

    def _prepare(self, symbols: dict[str, int], key: tuple[int, ...]) -> _Ready:
        counts = [blocks.count(symbols) for blocks in self.kernel.grid]
        grid = (*counts, *[1] * (3 - len(counts)))
        places = []
        for parameter, pointer in self._passed:
            is_number = parameter.kind == "scalar"
            offset = None if is_number else dims.evaluate(pointer.offset, symbols)
            places.append((pointer.storage, offset))
        ready = _Ready(
            None if 0 in grid else (grid[0], grid[1], grid[2]),
            tuple(places),
            tuple(dims.evaluate(dim, symbols) for dim in self._indices),
            self.kernel.is_wide(symbols),
            self.kernel.common_bits(symbols),
        )
        if len(self._ready) >= _MOST_SIZES:
            self._ready.clear()
        self._ready[key] = ready
        return ready


@dataclass(frozen=True)
class _Ready:
    """The numbers of a launch for some sizes; without a grid there is nothing to launch."""

    grid: tuple[int, int, int] | None
    places: tuple[tuple[str, int | None], ...]
    indices: tuple[int, ...]
    wide: bool
    together: int

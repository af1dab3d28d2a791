"""The state of one call of a program: where its storages are, its sizes and numbers."""

from __future__ import annotations

import struct
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.codegen.commands import Pointer
from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field
from jitflow.runtime.device.graphs import MOST_NODES, TooManyLaunches
from jitflow.runtime.device.interface import Device, Launch, Launchable

if TYPE_CHECKING:
    from jitflow.runtime.device.tuner import Tuner

_INT64, _FLAG = 8, 1  # bytes


@dataclass(eq=False)
class Run:
    """The state of one call.

    `addresses` is where each storage begins; `numbers` has the inputs that are passed by value;
    `sizes` has the bytes of temporaries; `keep` holds memory until the last command was issued:
    pools reuse it in order of the stream. `indices` has the values of the loops that run, by the
    storage that a kernel finds one in. `is_underway`: a loop has run some of its commands.
    `recorded` has launches that are noted and not made. Where there is a `tuner`, `memory` has the
    first address and the bytes of storages.
    """

    device: Device
    stream: int
    symbols: dict[str, int]
    addresses: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    keep: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    indices: dict[str, int] = field(default_factory=dict)
    is_underway: bool = False
    recorded: list[Launch] | None = None
    tuner: Tuner | None = None
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)

    def launch(self, kernel: Launchable, grid: tuple[int, int, int], arguments: Any) -> None:
        """Launch a kernel, or note it for a graph."""
        if self.recorded is None:
            kernel(grid, self.stream, arguments)
        elif len(self.recorded) < MOST_NODES:
            self.recorded.append((kernel, grid, arguments))
        else:
            raise TooManyLaunches

    def key(self) -> Hashable:
        """What launches depend on: addresses, sizes, numbers; 0.0 is not -0.0."""
        numbers = (
            struct.pack("<d", number) if isinstance(number, float | np.floating) else number
            for number in self.numbers.values()
        )
        return (*self.addresses.values(), *self.symbols.values(), *numbers)

    def span(self, storage: str) -> tuple[int, int] | None:
        """First address and bytes of a storage, where that is known."""
        address, known = self.addresses[storage], self.memory.get(storage)
        if storage in self.indices:
            return address, _INT64
        if known is not None and known[0] <= address <= known[0] + known[1]:
            return known
        return next((span for span in self.memory.values() if span[0] == address), None)

    def address(self, pointer: Pointer) -> int:
        """Of a storage and a byte offset."""
        return self.addresses[pointer.storage] + dims.evaluate(pointer.offset, self.symbols)

    def integer(self, pointer: Pointer) -> int:
        """An i64 of the device, or a loop's index."""
        known = self.indices.get(pointer.storage)
        if known is not None:
            return known
        data = self.device.read(self.address(pointer), _INT64)
        return int.from_bytes(data, "little", signed=True)

    def is_set(self, pointer: Pointer) -> bool:
        """A byte of the device."""
        return self.device.read(self.address(pointer), _FLAG) != b"\0"

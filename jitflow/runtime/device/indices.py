"""Indices of loops in memory of the device: a kernel is given the address of the one it is to read.

So an iteration copies nothing to the device and waits for nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.codegen.triton.interface import ALIGNMENT
from jitflow.runtime.device.interface import Device

_BLOCK = 4096
"""Integers of a block, each at an address of its own that is aligned as a kernel's pointers are."""
_MOST_BLOCKS = 1024


class IndexTable:
    """Integers as i64s of a device, in blocks that are made when one of them is needed first."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._blocks: dict[int, tuple[int, Any]] = {}

    def address(self, index: int) -> int:
        """Where an i64 of this value is."""
        block, position = divmod(index, _BLOCK)
        found = self._blocks.get(block)
        if found is None:
            found = self._add(block)
        return found[0] + position * ALIGNMENT

    def _add(self, block: int) -> tuple[int, Any]:
        if len(self._blocks) >= _MOST_BLOCKS:
            self._blocks.pop(next(iter(self._blocks)))
        numbers = np.zeros((_BLOCK, 2), np.int64)
        numbers[:, 0] = np.arange(block * _BLOCK, (block + 1) * _BLOCK)
        found = self._blocks[block] = self._device.upload(numbers)
        return found

"""Indices of loops in memory of the device: a kernel is given the address of the one it is to read.

So an iteration copies nothing to the device and waits for nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.codegen.triton.interface import ALIGNMENT
from jitflow.runtime.device.graphs import TooManyLaunches
from jitflow.runtime.device.interface import Device

_BLOCK = 4096
"""Integers of a block, each at an address of its own that is aligned as a kernel's pointers are."""
_KEPT_BLOCKS, _PASSING_BLOCKS = 1024, 16


class IndexTable:
    """Integers as i64s of a device, in blocks that are made when one of them is needed first.

    The first blocks stay; where a loop needs more than those, the others come and go.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._blocks: dict[int, tuple[int, Any]] = {}
        self._passing: dict[int, tuple[int, Any]] = {}

    def address(self, index: int, for_ever: bool = False) -> int:
        """Where an i64 of this value is; `for_ever`: the address is kept in a graph.

        Raises
        ------
        TooManyLaunches
            It cannot be kept.
        """
        block, position = divmod(index, _BLOCK)
        found = self._blocks.get(block)
        if found is None:
            found = self._add(block, for_ever)
        return found[0] + position * ALIGNMENT

    def _add(self, block: int, for_ever: bool) -> tuple[int, Any]:
        blocks = self._blocks
        if len(blocks) >= _KEPT_BLOCKS:
            if for_ever:
                raise TooManyLaunches
            blocks = self._passing
            if block in blocks:
                return blocks[block]
            if len(blocks) >= _PASSING_BLOCKS:
                blocks.pop(next(iter(blocks)))
        numbers = np.zeros((_BLOCK, 2), np.int64)
        numbers[:, 0] = np.arange(block * _BLOCK, (block + 1) * _BLOCK)
        found = blocks[block] = self._device.upload(numbers)
        return found

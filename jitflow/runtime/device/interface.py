"""What the runtime needs of a device: memory, transfers, kernels, products.

Everything is ordered on the device's current stream. `cuda` implements it with CuPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import numpy as np

from jitflow.codegen.triton.compile import KernelBinary
from jitflow.codegen.triton.frame import Limits
from jitflow.codegen.triton.interface import GeneratedKernel
from jitflow.core.dataclass import dataclass


class DeviceOutOfMemory(Exception):
    """The device has no room for an allocation."""


class LaunchOutOfMemory(DeviceOutOfMemory):
    """The device has no room for what a kernel needs; kernels before it may have run."""


@dataclass(frozen=True)
class MatrixView:
    """Memory as an array: an address, extents, and strides in bytes; batch axes first."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Launchable(Protocol):
    """A kernel that is ready: grid, stream, then the arguments before constexprs."""

    def __call__(self, grid: tuple[int, int, int], stream: int, arguments: tuple[Any, ...]) -> None:
        """Launch it; an empty grid launches nothing."""


Launch: TypeAlias = tuple[Launchable, tuple[int, int, int], tuple[Any, ...]]
"""A kernel, its grid, which is not empty, and its arguments."""


class LaunchGraph(Protocol):
    """Launches that are run together, in their order."""

    def changes(self, launches: list[Launch]) -> int | None:
        """How many of its launches would change; None where it has to be made anew."""

    def update(self, launches: list[Launch]) -> None:
        """Let it be these from now on."""

    def launch(self, stream: int) -> None:
        """Run them."""


class Device(Protocol):
    """One device of this process.

    Attributes
    ----------
    limits : Limits
        Sizes of blocks and grids that suit it.
    address_text : str
        Python expression on ``{0}``, an array, that `address` gives.
    about : str
        What choices of the tuner depend on: name, capability, versions.
    most_shared : int
        Bytes of shared memory that a block may have.
    """

    limits: Limits
    address_text: str
    about: str
    most_shared: int

    def empty(self, shape: tuple[int, ...], dtype: np.dtype, order: tuple[int, ...]) -> Any:
        """A fresh array in memory order `order`, slowest axis first.

        Raises
        ------
        DeviceOutOfMemory
        """

    def address(self, array: Any) -> int:
        """Where the first element of an array is."""

    def allocate(self, size: int) -> tuple[int, Any]:
        """Address of so many bytes, aligned to 256, and the object that keeps them.

        Raises
        ------
        DeviceOutOfMemory
        """

    def upload(self, array: np.ndarray) -> tuple[int, Any]:
        """Address of a copy of a host array in C order, and the object that keeps it."""

    def stream(self) -> int:
        """Handle of the current stream."""

    def read(self, address: int, size: int) -> bytes:
        """Bytes of the device, after all work before."""

    def write(self, address: int, data: bytes) -> None:
        """Set bytes of the device, in order with other work."""

    def copy(self, target: int, source: int, size: int) -> None:
        """Copy bytes within the device, in order with other work."""

    def elapsed(self, run: Callable[[], None]) -> float:
        """Milliseconds that the work takes which `run` issues to the current stream."""

    def compile_all(
        self, kernels: list[GeneratedKernel], threads: int, is_late: Callable[[], bool]
    ) -> list[KernelBinary | None]:
        """The ordinary variants of many kernels, compiled in threads, not loaded.

        None where one does not compile, and for those not begun when `is_late` says so.
        """

    def clear(self, address: int, size: int) -> None:
        """Set bytes of the device to zero, in order with other work."""

    def prepare(self, kernel: GeneratedKernel, wide: bool, aligned: bool) -> Launchable:
        """A variant of a kernel, compiled and loaded.

        Raises
        ------
        Unsupported
            JF-B022, JF-B023.
        """

    def make_graph(self, launches: list[Launch]) -> LaunchGraph:
        """The launches as one thing to run.

        Raises
        ------
        DriverError
            There is no such graph.
        """

    def multiply(
        self, dtype: np.dtype, left: MatrixView, right: MatrixView, result: MatrixView
    ) -> None:
        """``result = left @ right``."""

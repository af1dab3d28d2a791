"""Launches: configuration and parameters of a kernel, packed into memory by one `struct`.

The driver reads them from there (`driver.Driver.launch_kernel`). Neither a C compiler nor Triton
takes part.
"""

from __future__ import annotations

import ctypes
import struct
from threading import Lock

from jitflow.codegen.triton.compile import SIZES, KernelBinary
from jitflow.core.errors import Unsupported
from jitflow.runtime.device.driver import Driver
from jitflow.runtime.device.interface import LaunchOutOfMemory

_PLAIN_SHARED = 48 * 1024
"""Bytes of dynamic shared memory that a kernel may have without asking for more."""
_CODES = {
    "i1": "?", "i8": "b", "u8": "B", "i16": "h", "u16": "H", "i32": "i", "u32": "I", "i64": "q",
    "u64": "Q", "fp16": "e", "fp32": "f", "fp64": "d",
}  # fmt: skip
"""Type of a parameter to the code of `struct`."""

_CONFIGURATION = "<7I4xQQI4x"
"""`CUlaunchConfig`: grid, block, shared memory, stream, attributes and their number."""


class PackedParameters:
    """Memory with a head and the parameters of a kernel behind it, each where the driver wants it.

    Parameters
    ----------
    binary : KernelBinary
    head : str
        Format of what comes first.

    Attributes
    ----------
    start, addresses : int
        Where the memory is, and the array of the addresses of the parameters.
    """

    def __init__(self, binary: KernelBinary, head: str) -> None:
        layout, offsets, size = pack_layout(binary)
        first = struct.calcsize(head)
        self._pack = struct.Struct(head + layout).pack_into
        self._buffer = ctypes.create_string_buffer(first + size)
        self._hidden = (0,) * binary.hidden
        self.start = ctypes.addressof(self._buffer)
        places = (self.start + first + offset for offset in offsets)
        self._addresses = (ctypes.c_void_p * len(offsets))(*places)
        self.addresses = ctypes.addressof(self._addresses)

    def pack(self, *values: int | float) -> None:
        """Put the head and the arguments there."""
        self._pack(self._buffer, 0, *values, *self._hidden)


class Launcher:
    """A kernel in the current context, ready to be launched.

    Parameters
    ----------
    binary : KernelBinary
    driver : Driver
    device : int
        CUDA's number of the device whose context is current.

    Attributes
    ----------
    function : int
        The driver's handle of it.

    Raises
    ------
    Unsupported
        JF-B023 where a parameter has a type that cannot be packed.
    DriverError
        The image was refused, or there is no room for it.
    """

    def __init__(self, binary: KernelBinary, driver: Driver, device: int = 0) -> None:
        self.binary, self._driver, self._device = binary, driver, device
        self._packed = PackedParameters(binary, _CONFIGURATION)
        self._block = (binary.threads, 1, 1, binary.shared)
        self._lock = Lock()
        self._launch = driver.launch_kernel
        self.function = driver.load(binary.image, binary.name)
        if binary.shared > _PLAIN_SHARED:
            driver.allow_shared(self.function, binary.shared)

    def __call__(
        self, grid: tuple[int, int, int], stream: int, arguments: tuple[int | float, ...]
    ) -> None:
        """Launch on `stream`; pointers are addresses. An empty grid launches nothing.

        Raises
        ------
        LaunchOutOfMemory, DriverError
        """
        if 0 in grid:
            return
        packed = self._packed
        with self._lock:  # the driver reads the memory while other threads run
            packed.pack(*grid, *self._block, stream, 0, 0, *arguments)
            code = self._launch(packed.start, self.function, packed.addresses, None)
            if code and self._driver.lacks_context(code):
                self._driver.enter(self._device)
                code = self._launch(packed.start, self.function, packed.addresses, None)
        if code:
            error = self._driver.error(f"launch of {self.binary.name}", code)
            raise LaunchOutOfMemory(str(error)) if error.is_out_of_memory else error


def pack_layout(binary: KernelBinary) -> tuple[str, list[int], int]:
    """The format of the parameters, each one's offset, and the bytes of all: naturally aligned."""
    text, offsets, end = "", [], 0
    for type in (*binary.types, *("*hidden",) * binary.hidden):
        is_pointer = type.startswith("*")
        code = "Q" if is_pointer else _CODES.get(type)
        if code is None:
            raise Unsupported("JF-B023", f"no way to pass a parameter of type {type}")
        size = 8 if is_pointer else SIZES[type]
        gap = -end % size
        text += f"{gap}x" * bool(gap) + code
        offsets.append(end + gap)
        end += gap + size
    return text, offsets, end

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
from jitflow.runtime.device.interface import DeviceOutOfMemory

_PLAIN_SHARED = 48 * 1024
"""Bytes of dynamic shared memory that a kernel may have without asking for more."""
_CODES = {
    "i1": "?", "i8": "b", "u8": "B", "i16": "h", "u16": "H", "i32": "i", "u32": "I", "i64": "q",
    "u64": "Q", "fp16": "e", "fp32": "f", "fp64": "d",
}  # fmt: skip
"""Type of a parameter to the code of `struct`."""

_CONFIGURATION = "<7I4xQQI4x"
"""`CUlaunchConfig`: grid, block, shared memory, stream, attributes and their number."""
_CONFIGURED = struct.calcsize(_CONFIGURATION)


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
        layout, offsets, size = pack_layout(binary)
        self._pack = struct.Struct(_CONFIGURATION + layout).pack_into
        self._buffer = ctypes.create_string_buffer(_CONFIGURED + size)
        base = ctypes.addressof(self._buffer)
        addresses = (base + _CONFIGURED + offset for offset in offsets)
        self._addresses = (ctypes.c_void_p * len(offsets))(*addresses)
        self._parameters = ctypes.addressof(self._addresses)
        self._configuration = base
        self._block = (binary.threads, 1, 1, binary.shared)
        self._hidden = (0,) * binary.hidden
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
        DeviceOutOfMemory, DriverError
        """
        if 0 in grid:
            return
        with self._lock:  # the driver reads the buffer while other threads run
            self._pack(
                self._buffer, 0, *grid, *self._block, stream, 0, 0, *arguments, *self._hidden
            )
            code = self._launch(self._configuration, self.function, self._parameters, None)
            if code and self._driver.lacks_context(code):
                self._driver.enter(self._device)
                code = self._launch(self._configuration, self.function, self._parameters, None)
        if code:
            error = self._driver.error(f"launch of {self.binary.name}", code)
            raise DeviceOutOfMemory(str(error)) if error.is_out_of_memory else error


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

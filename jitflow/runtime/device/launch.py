"""Launches: a kernel's parameters are packed by one `struct` into memory that the driver reads.

Functions of the driver are called through cuda-bindings where it is installed (about 1 us a
launch), else through ctypes (about 2 us). Neither a C compiler nor Triton takes part.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import struct
from threading import Lock
from typing import Any, Protocol

from jitflow.codegen.triton.compile import SIZES, KernelBinary
from jitflow.core.errors import JitflowError, Unsupported
from jitflow.runtime.device.interface import DeviceOutOfMemory

_PLAIN_SHARED = 48 * 1024
"""Bytes of dynamic shared memory that a kernel may have without asking for more."""
_MAX_DYNAMIC_SHARED = 8  # CUfunction_attribute
_OUT_OF_MEMORY = 2
_CODES = {
    "i1": "?", "i8": "b", "u8": "B", "i16": "h", "u16": "H", "i32": "i", "u32": "I", "i64": "q",
    "u64": "Q", "fp16": "e", "fp32": "f", "fp64": "d",
}  # fmt: skip
"""Type of a parameter to the code of `struct`."""


class DriverError(JitflowError):
    """The driver refused a call: what it was asked for cannot be had, or the device failed.

    Attributes
    ----------
    code : int
        Its CUresult.
    """

    def __init__(self, what: str, code: int) -> None:
        self.code = code
        super().__init__(f"{what} gives error {code} of the CUDA driver")

    @property
    def is_out_of_memory(self) -> bool:
        """Whether there was no memory left."""
        return self.code == _OUT_OF_MEMORY


class Driver(Protocol):
    """The four functions of the driver that launching takes; handles are integers."""

    def load(self, image: bytes) -> int:
        """Load a cubin into the current context."""

    def function(self, module: int, name: str) -> int:
        """A function of a loaded module."""

    def allow_shared(self, function: int, size: int) -> None:
        """Let a function have so many bytes of dynamic shared memory."""

    def launch(
        self,
        function: int,
        grid: tuple[int, int, int],
        threads: int,
        shared: int,
        stream: int,
        parameters: int,
    ) -> None:
        """Launch; `parameters` is the address of an array of addresses."""


class BindingsDriver:
    """The driver through cuda-bindings."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._launch = driver.cuLaunchKernel
        self._success = driver.CUresult.CUDA_SUCCESS
        self._shared = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES

    def _result(self, what: str, returned: Any) -> Any:
        if returned[0] != self._success:
            raise DriverError(what, int(returned[0]))
        return returned[1] if len(returned) > 1 else None

    def load(self, image: bytes) -> int:
        """See `Driver`."""
        return int(self._result("cuModuleLoadData", self._driver.cuModuleLoadData(image)))

    def function(self, module: int, name: str) -> int:
        """See `Driver`."""
        handle = self._driver.CUmodule(module)
        found = self._driver.cuModuleGetFunction(handle, name.encode())
        return int(self._result(f"cuModuleGetFunction of {name}", found))

    def allow_shared(self, function: int, size: int) -> None:
        """See `Driver`."""
        handle = self._driver.CUfunction(function)
        done = self._driver.cuFuncSetAttribute(handle, self._shared, size)
        self._result("cuFuncSetAttribute", done)

    def launch(
        self,
        function: int,
        grid: tuple[int, int, int],
        threads: int,
        shared: int,
        stream: int,
        parameters: int,
    ) -> None:
        """See `Driver`."""
        (code,) = self._launch(function, *grid, threads, 1, 1, shared, stream, parameters, 0)
        if code is not self._success and code != self._success:
            raise DriverError("cuLaunchKernel", int(code))


class CtypesDriver:
    """The driver through ctypes."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        number, address = ctypes.c_uint, ctypes.c_void_p
        self._launch = library.cuLaunchKernel
        self._launch.argtypes = [address, *[number] * 7, address, address, address]
        self._launch.restype = ctypes.c_int

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._library, name)(*arguments)
        if code:
            raise DriverError(name, code)

    def load(self, image: bytes) -> int:
        """See `Driver`."""
        module = ctypes.c_void_p()
        self._call("cuModuleLoadData", ctypes.byref(module), image)
        return module.value or 0

    def function(self, module: int, name: str) -> int:
        """See `Driver`."""
        function = ctypes.c_void_p()
        handle = ctypes.c_void_p(module)
        self._call("cuModuleGetFunction", ctypes.byref(function), handle, name.encode())
        return function.value or 0

    def allow_shared(self, function: int, size: int) -> None:
        """See `Driver`."""
        handle = ctypes.c_void_p(function)
        self._call("cuFuncSetAttribute", handle, _MAX_DYNAMIC_SHARED, size)

    def launch(
        self,
        function: int,
        grid: tuple[int, int, int],
        threads: int,
        shared: int,
        stream: int,
        parameters: int,
    ) -> None:
        """See `Driver`."""
        code = self._launch(function, *grid, threads, 1, 1, shared, stream, parameters, None)
        if code:
            raise DriverError("cuLaunchKernel", code)


@functools.cache
def find_driver() -> Driver:
    """The driver of this process.

    Raises
    ------
    Unsupported
        JF-B022 where there is none.
    """
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise Unsupported("JF-B022", f"no NVIDIA driver: {error}") from None
    try:
        return BindingsDriver(importlib.import_module("cuda.bindings.driver"))
    except ImportError:
        return CtypesDriver(library)


class Launcher:
    """A kernel in the current context, ready to be launched.

    Parameters
    ----------
    binary : KernelBinary
    driver : Driver

    Raises
    ------
    Unsupported
        JF-B023 where a parameter has a type that cannot be packed.
    DriverError
        The image was refused, or there is no room for it.
    """

    def __init__(self, binary: KernelBinary, driver: Driver) -> None:
        self.binary, self._driver = binary, driver
        layout, offsets, size = pack_layout(binary)
        self._pack = layout.pack_into
        self._buffer = ctypes.create_string_buffer(size)
        base = ctypes.addressof(self._buffer)
        addresses = (base + offset for offset in offsets)
        self._addresses = (ctypes.c_void_p * len(offsets))(*addresses)
        self._parameters = ctypes.addressof(self._addresses)
        self._hidden = (0,) * binary.hidden
        self._lock = Lock()
        self._function = driver.function(driver.load(binary.image), binary.name)
        if binary.shared > _PLAIN_SHARED:
            driver.allow_shared(self._function, binary.shared)

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
            self._pack(self._buffer, 0, *arguments, *self._hidden)
            try:
                self._driver.launch(
                    self._function,
                    grid,
                    self.binary.threads,
                    self.binary.shared,
                    stream,
                    self._parameters,
                )
            except DriverError as error:
                if error.is_out_of_memory:
                    raise DeviceOutOfMemory(f"{self.binary.name}: {error}") from None
                raise


def pack_layout(binary: KernelBinary) -> tuple[struct.Struct, list[int], int]:
    """The format of the parameters, each one's offset, and the bytes of all: naturally aligned."""
    text, offsets, end = "<", [], 0
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
    return struct.Struct(text), offsets, end

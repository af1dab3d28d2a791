"""The NVIDIA driver's library, by ctypes: the one way to it.

No package takes part. A call with four addresses by ctypes costs 0.65 us, less than any binding
measured, and `cuLaunchKernelEx` needs no more: the rest of a launch lies in memory that was packed.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

from jitflow.core.errors import JitflowError, Unsupported

LIBRARY = "libcuda.so.1"
_OUT_OF_MEMORY, _NO_CONTEXT = 2, 201  # CUresult
_MAX_DYNAMIC_SHARED = 8  # CUfunction_attribute

_TYPES = {
    "a": ctypes.c_void_p,
    "i": ctypes.c_int,
    "u": ctypes.c_uint,
    "l": ctypes.c_ulonglong,
    "z": ctypes.c_size_t,
}
_SIGNATURES = {
    "cuInit": "u",
    "cuDriverGetVersion": "a",
    "cuDeviceGetCount": "a",
    "cuDeviceGet": "ai",
    "cuDeviceGetName": "aii",
    "cuDeviceTotalMem_v2": "ai",
    "cuDeviceGetAttribute": "aii",
    "cuDevicePrimaryCtxRetain": "ai",
    "cuCtxSetCurrent": "a",
    "cuGetErrorName": "ia",
    "cuModuleLoadData": "aa",
    "cuModuleGetFunction": "aaa",
    "cuFuncSetAttribute": "aii",
    "cuLaunchKernelEx": "aaaa",
    "cuGraphCreate": "au",
    "cuGraphDestroy": "a",
    "cuGraphAddKernelNode_v2": "aaaza",
    "cuGraphInstantiateWithFlags": "aal",
    "cuGraphExecKernelNodeSetParams_v2": "aaa",
    "cuGraphExecDestroy": "a",
    "cuGraphLaunch": "aa",
    "cuEventCreate": "au",
    "cuEventRecord": "aa",
    "cuEventSynchronize": "a",
    "cuEventElapsedTime": "aaa",
}
"""Types of the parameters of every function that is called, a letter of `_TYPES` each."""


class DriverError(JitflowError):
    """The driver refused a call: what it was asked for cannot be had, or the device failed.

    Attributes
    ----------
    code : int
        Its CUresult.
    """

    def __init__(self, what: str, code: int, name: str = "") -> None:
        self.code = code
        detail = f" ({name})" if name else ""
        super().__init__(f"{what} gives error {code}{detail} of the CUDA driver")

    @property
    def is_out_of_memory(self) -> bool:
        """Whether there was no memory left."""
        return self.code == _OUT_OF_MEMORY


class Driver:
    """The library's functions; handles and addresses are integers.

    Attributes
    ----------
    launch_kernel : callable
        ``cuLaunchKernelEx`` as it is, for launches: it returns a code.

    Raises
    ------
    DriverError
        By every method: the result of the function is not 0.
    """

    def __init__(self, library: Any) -> None:
        self._library = library
        self._functions: dict[str, Any] = {}
        self._contexts: dict[int, int] = {}
        self._events: dict[int, tuple[int, int]] = {}
        self.launch_kernel = self.entry("cuLaunchKernelEx")

    def entry(self, name: str) -> Any:
        """A function of the library, which takes what its signature says and returns a code."""
        found = self._functions.get(name)
        if found is None:
            try:
                found = getattr(self._library, name)
            except AttributeError:
                raise DriverError(f"{name}, which {LIBRARY} does not have,", 0) from None
            found.argtypes = [_TYPES[letter] for letter in _SIGNATURES[name]]
            found.restype = ctypes.c_int
            self._functions[name] = found
        return found

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function."""
        code = self.entry(name)(*arguments)
        if code:
            raise self.error(name, code)

    def make(self, name: str, *arguments: Any) -> int:
        """Call a function whose first parameter is where it puts a handle, and return that."""
        handle = ctypes.c_void_p()
        self.call(name, ctypes.byref(handle), *arguments)
        return handle.value or 0

    def number(self, name: str, *arguments: Any) -> int:
        """Call a function whose first parameter is where it puts an int, and return that."""
        value = ctypes.c_int()
        self.call(name, ctypes.byref(value), *arguments)
        return value.value

    def error(self, what: str, code: int) -> DriverError:
        """The exception for a code, with the driver's name for it."""
        name = ctypes.c_char_p()
        try:
            self.entry("cuGetErrorName")(code, ctypes.byref(name))
        except DriverError:
            name.value = b""
        return DriverError(what, code, (name.value or b"").decode(errors="replace"))

    # Kernels

    def load(self, image: bytes, name: str) -> int:
        """The function `name` of a cubin, in the current context."""
        module = self.make("cuModuleLoadData", image)
        return self.make("cuModuleGetFunction", module, name.encode())

    def allow_shared(self, function: int, size: int) -> None:
        """Let a function have so many bytes of dynamic shared memory."""
        self.call("cuFuncSetAttribute", function, _MAX_DYNAMIC_SHARED, size)

    def enter(self, device: int) -> None:
        """Make a device's own context the one of this thread: a new thread has none."""
        context = self._contexts.get(device)
        if context is None:
            context = self.make("cuDevicePrimaryCtxRetain", device)
            self._contexts[device] = context
        self.call("cuCtxSetCurrent", context)

    def elapsed(self, stream: int, run: Callable[[], None], device: int = 0) -> float:
        """Milliseconds on the current device, `device`, of what `run` issues to a stream."""
        if device not in self._events:
            self._events[device] = self.make("cuEventCreate", 0), self.make("cuEventCreate", 0)
        begin, end = self._events[device]
        self.call("cuEventRecord", begin, stream)
        run()
        self.call("cuEventRecord", end, stream)
        self.call("cuEventSynchronize", end)
        found = ctypes.c_float()
        self.call("cuEventElapsedTime", ctypes.byref(found), begin, end)
        return found.value

    @staticmethod
    def lacks_context(code: int) -> bool:
        """Whether a code says that the thread has no context."""
        return code == _NO_CONTEXT


@functools.cache
def find_driver() -> Driver:
    """The driver of this process.

    Raises
    ------
    Unsupported
        JF-B022 where there is none, or one too old.
    """
    try:
        return Driver(ctypes.CDLL(LIBRARY))
    except OSError as error:
        raise Unsupported("JF-B022", f"no NVIDIA driver: {error}") from None
    except DriverError as error:
        raise Unsupported("JF-B022", f"the driver is too old: {error}") from None

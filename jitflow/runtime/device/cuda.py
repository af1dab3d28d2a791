"""NVIDIA GPUs through CuPy: its arrays, its memory pool, its current stream, its products.

Imported when a CuPy array is met first; CuPy itself is imported by then.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from jitflow.codegen.triton.compile import (
    KernelBinary,
    Request,
    compile_all,
    compile_kernel,
    triton_version,
)
from jitflow.codegen.triton.frame import Limits
from jitflow.codegen.triton.interface import GeneratedKernel
from jitflow.core.devices import ArrayKind
from jitflow.core.errors import CheckFailed, Unsupported
from jitflow.runtime.device.driver import Driver, DriverError, find_driver
from jitflow.runtime.device.graphs import CudaGraph
from jitflow.runtime.device.interface import (
    DeviceOutOfMemory,
    Launch,
    Launchable,
    LaunchGraph,
    MatrixView,
)
from jitflow.runtime.device.launch import Launcher

LEAST_CAPABILITY = 80
_TO_DEVICE, _TO_HOST, _WITHIN = 1, 2, 3  # cudaMemcpyKind


class CudaDevice:
    """One GPU.

    Parameters
    ----------
    cupy : module
    index : int
        CUDA's number of the device.
    driver : Driver
    """

    address_text = "{0}.data.ptr"

    def __init__(self, cupy: Any, index: int, driver: Driver) -> None:
        self._cupy, self.index, self._driver = cupy, index, driver
        about = cupy.cuda.Device(index)
        self.capability = int(about.compute_capability)
        self.limits = Limits(programs=about.attributes["MultiProcessorCount"])
        attributes = about.attributes
        self.most_shared = int(attributes.get("MaxSharedMemoryPerBlockOptin", 48 * 1024))
        count, memory = attributes["MultiProcessorCount"], attributes.get("L2CacheSize", 0)
        self.about = (
            f"sm_{self.capability}, {count} multiprocessors, {memory} bytes of cache, "
            f"Triton {triton_version()}"
        )
        self._is_only_one = cupy.cuda.runtime.getDeviceCount() == 1
        self._runtime = cupy.cuda.runtime
        self._no_memory = cupy.cuda.memory.OutOfMemoryError
        self._launchers: dict[KernelBinary, Launcher] = {}

    def empty(self, shape: tuple[int, ...], dtype: np.dtype, order: tuple[int, ...]) -> Any:
        """See `interface.Device`."""
        try:
            if order == tuple(range(len(shape))):
                return self._cupy.empty(shape, dtype)
            stored = self._cupy.empty(tuple(shape[axis] for axis in order), dtype)
        except self._no_memory as error:
            raise DeviceOutOfMemory(str(error)) from None
        return stored.transpose(np.argsort(order).tolist())

    def address(self, array: Any) -> int:
        """See `interface.Device`."""
        return int(array.data.ptr)

    def allocate(self, size: int) -> tuple[int, Any]:
        """See `interface.Device`."""
        try:
            memory = self._cupy.cuda.alloc(size)
        except self._no_memory as error:
            raise DeviceOutOfMemory(str(error)) from None
        return int(memory.ptr), memory

    def upload(self, array: np.ndarray) -> tuple[int, Any]:
        """See `interface.Device`."""
        try:
            copy = self._cupy.array(array, order="C")
        except self._no_memory as error:
            raise DeviceOutOfMemory(str(error)) from None
        self._cupy.cuda.get_current_stream().synchronize()  # other streams may read it
        return int(copy.data.ptr), copy

    def stream(self) -> int:
        """CuPy's current stream.

        Raises
        ------
        CheckFailed
            The current device is another one: eager code decides what that means.
        """
        if not self._is_only_one and self._runtime.getDevice() != self.index:
            raise CheckFailed(f"the current device is not {self.index}")
        return int(self._cupy.cuda.get_current_stream().ptr)

    def read(self, address: int, size: int) -> bytes:
        """See `interface.Device`."""
        buffer = ctypes.create_string_buffer(size)
        stream = self._cupy.cuda.get_current_stream()
        target = ctypes.addressof(buffer)
        self._runtime.memcpyAsync(target, address, size, _TO_HOST, stream.ptr)
        stream.synchronize()
        return buffer.raw

    def write(self, address: int, data: bytes) -> None:
        """See `interface.Device`; the driver has taken the bytes when this returns."""
        buffer = ctypes.create_string_buffer(data, len(data))
        stream = self._cupy.cuda.get_current_stream()
        source = ctypes.addressof(buffer)
        self._runtime.memcpyAsync(address, source, len(data), _TO_DEVICE, stream.ptr)

    def copy(self, target: int, source: int, size: int) -> None:
        """See `interface.Device`."""
        stream = self._cupy.cuda.get_current_stream()
        self._runtime.memcpyAsync(target, source, size, _WITHIN, stream.ptr)

    def elapsed(self, run: Callable[[], None]) -> float:
        """See `interface.Device`: by events."""
        return self._driver.elapsed(self.stream(), run, self.index)

    def compile_all(
        self, kernels: list[GeneratedKernel], threads: int, is_late: Callable[[], bool]
    ) -> list[KernelBinary | None]:
        """See `interface.Device`."""
        requests = [Request(kernel, False, True, self.capability) for kernel in kernels]
        return compile_all(requests, threads, is_late)

    def clear(self, address: int, size: int) -> None:
        """See `interface.Device`."""
        self._runtime.memsetAsync(address, 0, size, self._cupy.cuda.get_current_stream().ptr)

    def prepare(self, kernel: GeneratedKernel, wide: bool, aligned: bool) -> Launchable:
        """See `interface.Device`."""
        binary = compile_kernel(Request(kernel, wide, aligned, self.capability))
        found = self._launchers.get(binary)
        if found is None:
            try:
                with self._cupy.cuda.Device(self.index):
                    self._cupy.cuda.runtime.free(0)  # the context exists from here on
                    found = Launcher(binary, self._driver, self.index)
            except DriverError as error:
                raise Unsupported("JF-B023", f"{kernel.name} cannot be loaded: {error}") from None
            self._launchers[binary] = found
        return found

    def make_graph(self, launches: list[Launch]) -> LaunchGraph:
        """See `interface.Device`."""
        return CudaGraph(self._driver, self.index, launches)

    def multiply(
        self, dtype: np.dtype, left: MatrixView, right: MatrixView, result: MatrixView
    ) -> None:
        """See `interface.Device`: by cuBLAS, through CuPy."""
        a, b, out = (self._view(dtype, matrix) for matrix in (left, right, result))
        self._cupy.matmul(a, b, out=out)

    def _view(self, dtype: np.dtype, matrix: MatrixView) -> Any:
        cuda = self._cupy.cuda
        size = dtype.itemsize + sum(
            abs(step) * (extent - 1)
            for step, extent in zip(matrix.strides, matrix.shape, strict=True)
            if extent > 1
        )
        memory = cuda.UnownedMemory(matrix.address, size, None, self.index)
        pointer = cuda.MemoryPointer(memory, 0)
        return self._cupy.ndarray(matrix.shape, dtype, pointer, matrix.strides)


def make_finder() -> Any:
    """What tells the kinds of CuPy arrays apart, for `core.devices`."""
    cupy = importlib.import_module("cupy")
    kinds: dict[int, ArrayKind] = {}

    def find(array: Any) -> ArrayKind:
        index = int(array.data.device_id)
        kind = kinds.get(index)
        if kind is None:
            kind = kinds[index] = _kind_of_device(cupy, index)
        return kind

    return find


def _kind_of_device(cupy: Any, index: int) -> ArrayKind:
    device, refusal = None, ""
    try:
        triton_version()
        device = CudaDevice(cupy, index, find_driver())
        if device.capability < LEAST_CAPABILITY:
            refusal = f"GPU {index} has capability {device.capability / 10}, 8.0 is needed"
    except Unsupported as error:
        refusal = error.detail
    except Exception as error:  # whatever CuPy says of a driver that it cannot use
        refusal = f"{type(error).__name__}: {error}"
    count = 1 if device is not None and device._is_only_one else 2
    return ArrayKind(
        f"cuda:{index}",
        cupy.ndarray,
        (f"{{0}}.data.device_id == {index}",) if count > 1 else (),
        {"C": "{0}._c_contiguous", "F": "{0}._f_contiguous"},
        wraps_indices=True,
        implements=functools.partial(_implements, cupy),
        device=device or _Refused(),
        refusal=refusal,
    )


class _Refused:
    """Stands where a device cannot be compiled for."""


def _implements(package: Any, function: Any) -> bool:
    """Whether CuPy has the function: its arrays hand NumPy's own calls over by name."""
    if isinstance(function, np.ufunc):
        return hasattr(package, function.__name__)
    place = package
    for name in (function.__module__ or "").split(".")[1:]:
        place = getattr(place, name, None)
    return hasattr(place, function.__name__)

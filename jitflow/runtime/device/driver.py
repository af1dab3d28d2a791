"""What the NVIDIA driver says of this machine, asked through ctypes: no package is needed."""

from __future__ import annotations

import ctypes
from typing import Any

from jitflow.core.dataclass import dataclass

_LIBRARY = "libcuda.so.1"
_MAJOR, _MINOR, _MULTIPROCESSORS = 75, 76, 16  # CUdevice_attribute
_NAME_BYTES = 256


@dataclass(frozen=True)
class DeviceInfo:
    """One GPU: its name, compute capability (90 for 9.0), bytes of memory, multiprocessors."""

    name: str
    capability: int
    memory: int
    multiprocessors: int


@dataclass(frozen=True)
class DriverInfo:
    """The driver: its CUDA version (13000 for 13.0), its devices, and what is wrong, if anything.

    `has_library` tells a machine without a driver from one whose driver does not start.
    """

    version: int = 0
    devices: tuple[DeviceInfo, ...] = ()
    problem: str = ""
    has_library: bool = True


class _Refused(Exception):
    pass


def probe() -> DriverInfo:
    """Ask the driver; it never raises."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return DriverInfo(problem=f"{_LIBRARY} is not found", has_library=False)
    version = ctypes.c_int()
    try:
        _call(library, "cuInit", 0)
        _call(library, "cuDriverGetVersion", ctypes.byref(version))
        count = ctypes.c_int()
        _call(library, "cuDeviceGetCount", ctypes.byref(count))
        devices = tuple(_describe(library, index) for index in range(count.value))
    except _Refused as error:
        return DriverInfo(version.value, problem=str(error))
    return DriverInfo(version.value, devices, "" if devices else "the driver sees no device")


def _call(library: ctypes.CDLL, name: str, *arguments: Any) -> None:
    try:
        code = getattr(library, name)(*arguments)
    except AttributeError:
        raise _Refused(f"{_LIBRARY} has no {name}") from None
    if code:
        raise _Refused(f"{name} gives error {code} ({_error_name(library, code)})")


def _error_name(library: ctypes.CDLL, code: int) -> str:
    name = ctypes.c_char_p()
    try:
        library.cuGetErrorName(code, ctypes.byref(name))
    except AttributeError:
        return "unknown"
    return (name.value or b"unknown").decode(errors="replace")


def _describe(library: ctypes.CDLL, index: int) -> DeviceInfo:
    device = ctypes.c_int()
    _call(library, "cuDeviceGet", ctypes.byref(device), index)
    name = ctypes.create_string_buffer(_NAME_BYTES)
    _call(library, "cuDeviceGetName", name, _NAME_BYTES, device)
    memory = ctypes.c_size_t()
    _call(library, "cuDeviceTotalMem_v2", ctypes.byref(memory), device)

    def attribute(kind: int) -> int:
        value = ctypes.c_int()
        _call(library, "cuDeviceGetAttribute", ctypes.byref(value), kind, device)
        return value.value

    capability = 10 * attribute(_MAJOR) + attribute(_MINOR)
    text = name.value.decode(errors="replace")
    return DeviceInfo(text, capability, memory.value, attribute(_MULTIPROCESSORS))

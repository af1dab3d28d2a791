"""What the NVIDIA driver says of this machine, for the doctor: no package is needed."""

from __future__ import annotations

import ctypes

from jitflow.core.dataclass import dataclass
from jitflow.core.errors import Unsupported
from jitflow.runtime.device.driver import LIBRARY, Driver, DriverError, find_driver

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


def probe() -> DriverInfo:
    """Ask the driver; it never raises."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return DriverInfo(problem=f"{LIBRARY} is not found", has_library=False)
    version = 0
    try:
        driver = find_driver()
        driver.call("cuInit", 0)
        version = driver.number("cuDriverGetVersion")
        count = driver.number("cuDeviceGetCount")
        devices = tuple(_describe(driver, index) for index in range(count))
    except Unsupported as error:
        return DriverInfo(version, problem=error.detail)
    except DriverError as error:
        return DriverInfo(version, problem=str(error))
    return DriverInfo(version, devices, "" if devices else "the driver sees no device")


def _describe(driver: Driver, index: int) -> DeviceInfo:
    device = driver.number("cuDeviceGet", index)
    name = ctypes.create_string_buffer(_NAME_BYTES)
    driver.call("cuDeviceGetName", name, _NAME_BYTES, device)
    memory = ctypes.c_size_t()
    driver.call("cuDeviceTotalMem_v2", ctypes.byref(memory), device)

    def attribute(kind: int) -> int:
        return driver.number("cuDeviceGetAttribute", kind, device)

    capability = 10 * attribute(_MAJOR) + attribute(_MINOR)
    text = name.value.decode(errors="replace")
    return DeviceInfo(text, capability, memory.value, attribute(_MULTIPROCESSORS))

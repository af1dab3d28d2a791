"""A stand-in for CuPy over host memory: arrays that are none of NumPy's, and their device.

Eager code runs on `DeviceArray`s as it does on CuPy arrays: NumPy's functions hand over to them,
results of rank 0 are arrays, host arrays are refused. Kernels of compiled code go to what the test
gives as `launcher`: Triton's interpreter, or Python functions.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np

from jitflow.codegen.triton.compile import KernelBinary
from jitflow.codegen.triton.frame import Limits
from jitflow.core import devices
from jitflow.core.devices import ArrayKind
from jitflow.runtime.device.interface import DeviceOutOfMemory

_METHODS = """
all any argmax argmin argsort astype choose clip compress conj conjugate copy cumprod cumsum diagonal
dot fill flatten max mean min nonzero prod ptp put ravel repeat reshape round searchsorted sort
squeeze std sum swapaxes take trace transpose var view
""".split()


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of the stand-in device; `get` gives its contents."""

    __array_priority__ = 100
    __hash__ = None

    def __init__(self, host, device_id=0):
        assert type(host) is np.ndarray
        self.host, self.device_id = host, device_id

    shape = property(lambda self: self.host.shape)
    dtype = property(lambda self: self.host.dtype)
    strides = property(lambda self: self.host.strides)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    itemsize = property(lambda self: self.host.itemsize)
    nbytes = property(lambda self: self.host.nbytes)
    flags = property(
        lambda self: SimpleNamespace(
            c_contiguous=self.host.flags.c_contiguous, f_contiguous=self.host.flags.f_contiguous
        )
    )
    _c_contiguous = property(lambda self: self.host.flags.c_contiguous)
    _f_contiguous = property(lambda self: self.host.flags.f_contiguous)
    data = property(
        lambda self: SimpleNamespace(ptr=self.host.ctypes.data, device_id=self.device_id)
    )
    T = property(lambda self: _wrap(self.host.T))
    real = property(lambda self: _wrap(self.host.real))
    imag = property(lambda self: _wrap(self.host.imag))

    def get(self):
        return self.host.copy(order="K")

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        given = [_operand(item) for item in inputs]
        if out is not None:
            kwargs["out"] = tuple(None if item is None else item.host for item in out)
        with np.errstate(all="ignore"):
            result = getattr(ufunc, method)(*given, **kwargs)
        if out is not None and out[0] is not None:
            return out[0] if len(out) == 1 else out
        if ufunc is np.matmul and {item.dtype.name for item in given} == {"bfloat16"}:
            result = result.astype(given[0].dtype)  # NumPy makes f32 of them, devices do not
        return _wrap(result)

    def __array_function__(self, function, types, args, kwargs):
        if not all(issubclass(kind, DeviceArray) for kind in types):
            return NotImplemented
        with np.errstate(all="ignore"):
            result = function(*_unwrap(args), **_unwrap(kwargs))
        return _wrap(result, from_function=True)

    def __getitem__(self, key):
        key = _unwrap(key)
        items = key if isinstance(key, tuple) else (key,)
        if Ellipsis not in [item for item in items if item is Ellipsis]:
            key = (*items, ...)
        return _wrap(self.host[key])

    def __setitem__(self, key, value):
        if type(value) is np.ndarray and value.ndim:
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        self.host[_unwrap(key)] = _unwrap(value)

    def __len__(self):
        return len(self.host)

    def __iter__(self):
        return (self[index] for index in range(len(self.host)))

    def __bool__(self):
        return bool(self.host)

    def __float__(self):
        return float(self.host)

    def __int__(self):
        return int(self.host)

    def __index__(self):
        return self.host.__index__()

    def __complex__(self):
        return complex(self.host)

    def item(self, *args):
        return self.host.item(*args)

    def tolist(self):
        return self.host.tolist()

    def __repr__(self):
        return f"device{self.host!r}"


def _method(name):
    def call(self, *args, **kwargs):
        out = kwargs.get("out")
        with np.errstate(all="ignore"):
            result = getattr(self.host, name)(*_unwrap(args), **_unwrap(kwargs))
        return out if out is not None else _wrap(result)

    call.__name__ = name
    return call


for _name in _METHODS:
    setattr(DeviceArray, _name, _method(_name))


def _operand(value):
    if isinstance(value, DeviceArray):
        return value.host
    if isinstance(value, (np.ndarray, list, tuple)):
        raise TypeError(f"Unsupported type {type(value)}")
    return value


def _unwrap(value):
    if isinstance(value, DeviceArray):
        return value.host
    if isinstance(value, (tuple, list)):
        return type(value)(_unwrap(item) for item in value)
    if isinstance(value, dict):
        return {key: _unwrap(item) for key, item in value.items()}
    return value


def _wrap(value, from_function=False):
    if isinstance(value, (tuple, list)):
        return type(value)(_wrap(item) for item in value)
    if isinstance(value, np.generic) or (from_function and type(value) is bool):
        return DeviceArray(np.array(value))
    return DeviceArray(value) if type(value) is np.ndarray else value


def to_device(host):
    """A copy of a host array on the device, with its strides where it owns all its memory."""
    return DeviceArray(np.array(host, order="K"))


class HostDevice:
    """The device; counts what it was asked for.

    Parameters
    ----------
    launcher : callable
        ``launcher(kernel, wide)`` gives a function of the grid and the arguments.
    limit : int, optional
        Bytes that it has room for at a time.
    cost : callable
        Milliseconds that it says a launch of a kernel takes; launches that it times do nothing.
    """

    address_text = "{0}.host.ctypes.data"

    about, most_shared = "a host", 232448

    def __init__(self, launcher, limit=None, cost=lambda kernel: 1.0):
        self.launcher, self.limit = launcher, limit
        self.cost, self.clock, self.is_dry = cost, 0.0, False
        self.limits = Limits(elements=16384, programs=4)  # few, large programs
        self.launches, self.reads, self.prepared, self.products = 0, 0, [], 0
        self.graphs_made = self.graphs_updated = self.graphs_run = 0

    @staticmethod
    def array_at(address, count, dtype):
        """Memory as an array."""
        kind = np.dtype(dtype)
        room = (ctypes.c_char * (kind.itemsize * count)).from_address(address)
        return np.frombuffer(room, kind)

    def _check(self, size):
        if self.limit is not None and size > self.limit:
            raise DeviceOutOfMemory(f"no room for {size} bytes")

    def empty(self, shape, dtype, order):
        memory = np.empty(tuple(shape[axis] for axis in order), dtype)
        self._check(memory.nbytes)
        ctypes.memset(memory.ctypes.data, 0x55, memory.nbytes)
        return DeviceArray(memory.transpose(np.argsort(order)))

    def address(self, array):
        return array.host.ctypes.data

    def allocate(self, size):
        self._check(size)
        memory = np.full(size + 256, 0x55, np.uint8)
        start = memory.ctypes.data
        return start + -start % 256, memory

    def upload(self, array):
        self._check(array.nbytes)
        copy = np.array(array, order="C")
        return copy.ctypes.data, copy

    def stream(self):
        return 0

    def read(self, address, size):
        self.reads += 1
        return ctypes.string_at(address, size)

    def write(self, address, data):
        ctypes.memmove(address, data, len(data))

    def copy(self, target, source, size):
        ctypes.memmove(target, source, size)

    def elapsed(self, run):
        before, self.is_dry = self.clock, True
        run()
        self.is_dry = False
        return self.clock - before

    def compile_all(self, kernels, threads, is_late):
        return [None if is_late() else self.binary_of(kernel) for kernel in kernels]

    def binary_of(self, kernel):
        threads = 32 * kernel.options.num_warps
        return KernelBinary(kernel.name, b"", (), 0, threads, registers=16)

    def clear(self, address, size):
        ctypes.memset(address, 0, size)

    def prepare(self, kernel, wide, aligned):
        launch = self.launcher(kernel, wide)
        self.prepared.append((kernel.name, wide, aligned))

        def run(grid, stream, arguments):
            self.launches += 1
            self.clock += self.cost(kernel)
            if self.is_dry:
                return
            launch(grid, arguments)

        return run

    def make_graph(self, launches):
        return _Graph(self, launches)

    def multiply(self, dtype, left, right, result):
        self.products += 1
        views = [_view(dtype, matrix) for matrix in (left, right, result)]
        views[2][...] = views[0] @ views[1]


class _Graph:
    """Launches that are kept; counted by the device."""

    def __init__(self, device, launches):
        self.device, self.launches = device, launches
        device.graphs_made += 1

    def changes(self, launches):
        if [launch[0] for launch in launches] != [launch[0] for launch in self.launches]:
            return None
        return sum(new != old for new, old in zip(launches, self.launches))

    def update(self, launches):
        self.launches = launches
        self.device.graphs_updated += 1

    def launch(self, stream):
        self.device.graphs_run += 1
        before = self.device.launches
        for launcher, grid, arguments in self.launches:
            launcher(grid, stream, arguments)
        self.device.launches = before


class _Memory:
    def __init__(self, address, size):
        self.__array_interface__ = {
            "data": (address, False), "shape": (size,), "typestr": "|u1", "version": 3,
        }  # fmt: skip


def _view(dtype, matrix):
    base = np.asarray(_Memory(matrix.address, dtype.itemsize)).view(dtype).reshape(())
    return np.lib.stride_tricks.as_strided(base, matrix.shape, matrix.strides)


def _implements(function):
    return getattr(function, "__name__", "") not in ("float_power", "trim_zeros")


@contextmanager
def installed(device, refusal="", wraps_indices=False):
    """Let compiled functions take `DeviceArray`s within the block."""
    kinds = {}

    def find(array):
        number = array.device_id
        if number not in kinds:
            kinds[number] = ArrayKind(
                f"test:{number}",
                DeviceArray,
                (f"{{0}}.device_id == {number}",),
                {"C": "{0}._c_contiguous", "F": "{0}._f_contiguous"},
                wraps_indices=wraps_indices,
                implements=_implements,
                device=device,
                refusal=refusal,
            )
        return kinds[number]

    devices.register(DeviceArray, find)
    try:
        yield device
    finally:
        devices.unregister(DeviceArray)

"""CuPy's own arrays, over host memory: guards, launches and results, with no GPU.

CuPy cannot compute here; what eager code gives is NumPy's result.
"""

import ctypes

import numpy as np
import pytest
from helpers.device_running import launcher
from helpers.host_device import HostDevice

import jitflow
from jitflow.core import devices
from jitflow.core.config import config
from jitflow.core.devices import ArrayKind
from jitflow.runtime.device import cuda

cupy = pytest.importorskip("cupy")


def array_at(address, size, keep, shape, dtype, strides=None):
    memory = cupy.cuda.UnownedMemory(address, max(size, 1), keep, 0)
    return cupy.ndarray(shape, dtype, cupy.cuda.MemoryPointer(memory, 0), strides)


def given(host):
    """A CuPy array over the memory of a host array."""
    return array_at(host.ctypes.data, host.nbytes, host, host.shape, host.dtype, host.strides)


def taken(array):
    """The contents of a CuPy array in C or F order."""
    room = (ctypes.c_char * array.nbytes).from_address(array.data.ptr)
    order = "C" if array._c_contiguous else "F"
    return np.frombuffer(room, array.dtype).reshape(array.shape, order=order).copy()


class Device(HostDevice):
    """The stand-in device with CuPy's arrays."""

    address_text = cuda.CudaDevice.address_text
    address = cuda.CudaDevice.address

    def empty(self, shape, dtype, order):
        host = super().empty(shape, dtype, order).host
        return given(host)


@pytest.fixture(autouse=True)
def known():
    kind = ArrayKind(
        "cuda:0",
        cupy.ndarray,
        ("{0}.data.device_id == 0",),
        {"C": "{0}._c_contiguous", "F": "{0}._f_contiguous"},
        implements=lambda function: cuda._implements(cupy, function),
        device=Device(launcher),
    )
    find = devices._known.get(cupy.ndarray)
    devices.register(cupy.ndarray, lambda array: kind)
    with config().override(strict=True):
        yield kind
    devices.unregister(cupy.ndarray)
    if find is not None:
        devices.register(cupy.ndarray, find)


def check(function, *hosts):
    compiled = jitflow.compile(function, fullgraph=True)
    expected = function(*hosts)
    for _ in range(2):
        result = compiled(*(given(x) if isinstance(x, np.ndarray) else x for x in hosts))
        assert type(result) is cupy.ndarray
        assert (result.shape, result.dtype) == (np.shape(expected), expected.dtype)
        np.testing.assert_allclose(taken(result), expected, rtol=1e-5, atol=1e-6)
    return compiled


X = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)


def test_elementwise_and_rows():
    check(lambda x, a: np.maximum(x * a + 1, 0), X, 0.5)
    check(lambda x: x - x.mean(axis=1, keepdims=True), X)


def test_a_result_of_rank_0_is_an_array():
    check(lambda x: np.sqrt((x * x).sum()), X)


def test_layouts():
    for x in (X.T, X[:, ::2], X[::-1], X[2:, 3:]):
        check(lambda x: x * 2 + 1, x)


def test_sizes_become_symbolic():
    compiled = jitflow.compile(lambda x: x.sum(axis=0) * 2)
    for rows in (3, 5, 6):
        x = np.ascontiguousarray(X[:rows])
        np.testing.assert_allclose(taken(compiled(given(x))), x.sum(axis=0) * 2, rtol=1e-5)
    assert compiled.report().recompiles == 1


def test_writes_go_to_the_argument():
    def half(x):
        x *= 0.5

    x = X.copy()
    jitflow.compile(half, fullgraph=True)(given(x))
    np.testing.assert_allclose(x, X * 0.5)


def test_views_are_cupys_own():
    x = given(X)
    result = jitflow.compile(lambda x: x[1:3].T, fullgraph=True)(x)
    assert result.data.ptr == x.data.ptr + 32
    assert (result.shape, result.strides) == ((8, 2), (4, 32))


def test_a_number_is_a_number():
    result = jitflow.compile(lambda x: float(x.sum()), fullgraph=True)(given(X))
    assert type(result) is float
    assert result == pytest.approx(float(X.sum()), rel=1e-5)


def test_cupys_functions_are_numpys(known):
    def norm(xp):
        return lambda x: xp.maximum(x / xp.sqrt(xp.sum(x * x, axis=1, keepdims=True)), 0).sum()

    compiled = jitflow.compile(norm(cupy), fullgraph=True)
    result = compiled(given(X))
    assert type(result) is cupy.ndarray
    np.testing.assert_allclose(taken(result), norm(np)(X), rtol=1e-5)
    assert known.device.launches
    assert "JF" not in str(compiled.report())


def test_cupys_own_code_is_not_traced():
    def norm(x):
        return cupy.linalg.norm(cupy.asarray(x))

    with pytest.raises(jitflow.GraphBreak, match="norm|asarray"):
        jitflow.compile(norm, fullgraph=True)(given(X))


def test_a_number_is_left_to_cupy():
    with pytest.raises(jitflow.GraphBreak, match="exp of a device's package without an array"):
        jitflow.compile(lambda x: x + cupy.exp(2.0) + x, fullgraph=True)(given(X))


def test_what_cupy_implements(known):
    assert known.implements(np.exp)
    assert known.implements(np.linalg.norm)
    assert known.implements(np.sum)
    assert not known.implements(np.float_power) or hasattr(cupy, "float_power")
    assert not known.implements(np.get_printoptions) or hasattr(cupy, "get_printoptions")

"""``backend="triton"``: arrays that other libraries have on a GPU, as arguments."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import host_device
from helpers.device_running import launcher
from helpers.host_device import DeviceArray, HostDevice, to_device

import jitflow
from jitflow.core.config import config


class Tensor:
    """An array of another library, over host memory; `kind` is DLPack's kind of device."""

    def __init__(self, host, kind=2, has_gradient=False):
        self.host, self.kind, self.has_gradient = host, kind, has_gradient

    def __dlpack_device__(self):
        return (self.kind, 0)


class Described(Tensor):
    """One that describes its memory in CUDA's way."""

    __dlpack_device__ = None

    @property
    def __cuda_array_interface__(self):
        if self.kind != 2:
            raise AttributeError("not on a GPU")
        return {"shape": self.host.shape}


def take_over(tensor):
    if tensor.has_gradient:
        raise BufferError("this tensor has a gradient")
    return DeviceArray(tensor.host)


@pytest.fixture
def device(monkeypatch):
    cupy = SimpleNamespace(ndarray=DeviceArray, asarray=take_over, from_dlpack=take_over)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with (
        config().override(measure=False, strict=True),
        host_device.installed(HostDevice(launcher)) as made,
    ):
        yield made


def scaled(x, bias=0):
    return np.exp(x) * 2 + bias


@pytest.mark.parametrize("library", [Tensor, Described])
def test_tensors_are_read_without_copies_and_results_are_cupys(device, library):
    host = np.linspace(-1, 1, 12, dtype=np.float32)
    compiled = jitflow.compile(scaled, backend="triton", fullgraph=True)
    for _ in range(3):
        result = compiled(library(host), bias=library(host))
        assert type(result) is DeviceArray
        np.testing.assert_allclose(result.host, np.exp(host) * 2 + host, rtol=1e-6)
    assert device.launches == 3
    assert compiled.report().pieces == 1


def test_what_is_written_is_the_tensors_memory(device):
    def step(parameters, slopes):
        for name in parameters:
            parameters[name] -= 0.5 * slopes[name]

    host = {name: np.full(4, size, np.float32) for name, size in (("w", 1), ("b", 2))}
    slopes = {name: to_device(np.ones(4, np.float32)) for name in host}
    compiled = jitflow.compile(step, backend="triton")
    compiled({name: Tensor(array) for name, array in host.items()}, slopes)
    np.testing.assert_array_equal(host["w"], np.full(4, 0.5, np.float32))
    np.testing.assert_array_equal(host["b"], np.full(4, 1.5, np.float32))


def test_other_arguments_stay_what_they_are(device):
    given = []

    def keep(*values, **named):
        given.extend([*values, *named.values()])

    on_host, items, plain = (
        Tensor(np.ones(2), kind=1),
        [np.ones(2), "text"],
        Described(np.ones(2), 1),
    )
    jitflow.compile(keep, backend="triton")(on_host, items, plain=plain)
    assert given[0] is on_host
    assert given[1] is items
    assert given[2] is plain


def test_host_arrays_are_compiled_for_the_host(device):
    compiled = jitflow.compile(scaled, backend="triton", fullgraph=True)
    np.testing.assert_allclose(compiled(np.ones(3)), scaled(np.ones(3)))
    assert compiled.report().pieces == 1


def test_without_the_backend_they_are_the_functions_own_business(device):
    tensor = Tensor(np.ones(3))
    compiled = jitflow.compile(lambda x: x.host.sum())
    assert compiled(tensor) == 3.0


def test_a_tensor_that_is_not_given_away_says_why(device):
    compiled = jitflow.compile(scaled, backend="triton")
    with pytest.raises(BufferError, match="has a gradient"):
        compiled(Tensor(np.ones(3), has_gradient=True))


def test_methods_take_them_too(device):
    class Model:
        def __init__(self, weight):
            self.weight = weight

        @jitflow.compile(backend="triton")
        def run(self, x):
            return x * self.weight

    model = Model(to_device(np.full(3, 2.0, np.float32)))
    result = model.run(Tensor(np.arange(3, dtype=np.float32)))
    np.testing.assert_array_equal(result.host, [0, 2, 4])


def test_the_eager_stance_means_the_same(device):
    compiled = jitflow.compile(scaled, backend="triton")
    compiled(Tensor(np.ones(3)))
    with jitflow.set_stance("eager"):
        result = compiled(Tensor(np.ones(3)))
    np.testing.assert_allclose(result.host, np.exp(np.ones(3)) * 2)

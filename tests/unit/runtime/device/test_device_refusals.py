"""What cannot be compiled for a device runs eagerly, with the reason in the report."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import host_device
from helpers.host_device import DeviceArray, HostDevice, to_device

import jitflow
from jitflow.core import devices
from jitflow.core.config import config
from jitflow.core.errors import Unsupported
from jitflow.runtime import dispatch
from jitflow.runtime.device import cuda
from jitflow.runtime.device.driver import DriverError


def scaled(x):
    return np.exp(x) * 2


def no_launch(kernel, wide):
    raise Unsupported("JF-B023", f"{kernel.name} is too clever")


@pytest.fixture
def strict():
    with config().override(strict=True):
        yield


@pytest.fixture
def refused(strict):
    with host_device.installed(HostDevice(no_launch), refusal="no driver") as device:
        yield device


def test_a_device_that_is_refused_runs_eagerly_with_the_reason(refused):
    compiled = jitflow.compile(scaled)
    x = to_device(np.ones(3))
    for _ in range(3):
        np.testing.assert_array_equal(compiled(x).host, scaled(x).host)
    text = str(compiled.report())
    assert "JF-B022" in text
    assert "no driver" in text
    assert compiled.report().pieces == 0


def test_host_arrays_are_compiled_all_the_same(refused):
    compiled = jitflow.compile(scaled)
    compiled(to_device(np.ones(3)))
    np.testing.assert_allclose(compiled(np.ones(3)), scaled(np.ones(3)))
    assert compiled.native_address
    assert type(compiled(to_device(np.ones(3)))) is DeviceArray


def test_arrays_in_containers_are_refused_too(refused):
    compiled = jitflow.compile(lambda items: scaled(items["x"]))
    for _ in range(2):
        assert type(compiled({"x": to_device(np.ones(3))})) is DeviceArray
    assert "JF-B022" in str(compiled.report())


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_a_back_end_of_the_host_leaves_device_arrays_to_python(strict, backend):
    with host_device.installed(HostDevice(no_launch)):
        compiled = jitflow.compile(scaled, backend=backend)
        assert type(compiled(to_device(np.ones(3)))) is DeviceArray
        np.testing.assert_allclose(compiled(np.ones(3)), scaled(np.ones(3)))
        assert f"backend='{backend}'" in str(compiled.report())
        assert compiled.report().pieces == 1


def test_a_kernel_that_does_not_compile_leaves_the_piece_to_python(strict):
    with host_device.installed(HostDevice(no_launch)):
        compiled = jitflow.compile(scaled)
        for _ in range(2):
            assert type(compiled(to_device(np.ones(3)))) is DeviceArray
        text = str(compiled.report())
        assert "JF-B023" in text
        assert "too clever" in text


def test_arrays_of_two_devices_behave_as_in_eager_code(strict):
    with host_device.installed(HostDevice(no_launch)):
        compiled = jitflow.compile(lambda x, y: x + y)
        x, y = DeviceArray(np.ones(2), 0), DeviceArray(np.ones(2), 1)
        np.testing.assert_array_equal(compiled(x, y).host, [2, 2])
        assert "JF-B024" in str(compiled.report())


def test_classes_that_nobody_announced_are_no_arrays():
    assert devices.kind_of(SimpleNamespace()) is None
    assert devices.kind_of(np.ones(2)) is devices.HOST
    assert devices.kind_of(np.ma.masked_array([1])) is None


# CuPy's side, with a package that says what CuPy would


def fake_cupy(capability="90", count=1, error=None):
    class ndarray:
        pass

    def device(index):
        if error:
            raise error
        attributes = {"MultiProcessorCount": 132}
        return SimpleNamespace(compute_capability=capability, attributes=attributes)

    runtime = SimpleNamespace(getDeviceCount=lambda: count)
    memory = SimpleNamespace(OutOfMemoryError=MemoryError)
    module = SimpleNamespace(
        ndarray=ndarray,
        exp=np.exp,
        sum=np.sum,
        linalg=SimpleNamespace(norm=np.linalg.norm),
        cuda=SimpleNamespace(Device=device, runtime=runtime, memory=memory),
    )
    ndarray.__module__ = "cupy"
    return module


def kind_of(module, monkeypatch, index=0):
    monkeypatch.setitem(sys.modules, "cupy", module)
    array = module.ndarray()
    array.data = SimpleNamespace(device_id=index)
    try:
        return devices.kind_of(array)
    finally:
        devices.unregister(module.ndarray)


@pytest.fixture
def complete(monkeypatch):
    assert dispatch  # which announces CuPy's arrays
    monkeypatch.setattr(cuda, "triton_version", lambda: "3.6.0")
    monkeypatch.setattr(cuda, "find_driver", lambda: None)


def test_a_gpu_is_known_by_its_arrays(complete, monkeypatch):
    kind = kind_of(fake_cupy(), monkeypatch)
    assert (str(kind), kind.refusal, kind.conditions) == ("cuda:0", "", ())
    assert kind.implements(np.exp)
    assert kind.implements(np.sum)
    assert kind.implements(np.linalg.norm)
    assert not kind.implements(np.sin)
    assert not kind.implements(np.fft.fft)


def test_arrays_of_several_gpus_are_told_apart(complete, monkeypatch):
    kind = kind_of(fake_cupy(count=2), monkeypatch, index=1)
    assert (str(kind), kind.conditions) == ("cuda:1", ("{0}.data.device_id == 1",))


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (fake_cupy("75"), "capability 7.5"),
        (fake_cupy(error=RuntimeError("cudaErrorInsufficientDriver")), "InsufficientDriver"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_refused(complete, monkeypatch, module, reason):
    kind = kind_of(module, monkeypatch)
    assert reason in kind.refusal
    assert not kind.is_host


@pytest.mark.parametrize("missing", ["triton_version", "find_driver"])
def test_without_triton_or_driver_arrays_are_refused(complete, monkeypatch, missing):
    def fail():
        raise Unsupported("JF-B022", f"no {missing}")

    monkeypatch.setattr(cuda, missing, fail)
    assert kind_of(fake_cupy(), monkeypatch).refusal == f"no {missing}"


def test_out_of_memory_is_the_drivers_second_error():
    assert DriverError("cuModuleLoadData", 2).is_out_of_memory
    assert not DriverError("cuModuleLoadData", 200).is_out_of_memory

"""`jitflow.to_device`: containers, what is copied, and what to do where there is no GPU."""

import collections
import dataclasses
import importlib.util
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import jitflow
from jitflow.core.errors import JitflowError
from jitflow.runtime.device.transfer import mapped

Pair = collections.namedtuple("Pair", "left right")


@dataclasses.dataclass
class Layer:
    weight: Any
    name: str = "layer"


class GpuArray:
    """An array of CuPy."""

    def __init__(self, host):
        self.host = host
        self.__cuda_array_interface__ = {"shape": host.shape}

    def get(self):
        return self.host.copy()


class ForeignArray:
    """An array of another library on a GPU."""

    def __init__(self, host, kind):
        self.host, self.kind = host, kind

    def __dlpack_device__(self):
        return (self.kind, 0)


@pytest.fixture
def cupy(monkeypatch):
    module = SimpleNamespace(
        ndarray=GpuArray,
        asarray=lambda x: GpuArray(np.array(x)),
        from_dlpack=lambda x: GpuArray(x.host),
    )
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def test_containers_keep_their_classes(cupy):
    x = np.ones(2)
    tree = {"a": [x, 3, "text"], "b": Pair(x, None), "c": Layer(x), "d": (x,), "e": (1, 2)}
    moved = jitflow.to_device(tree, "cuda")
    assert list(moved) == list(tree)
    found = [moved["a"][0], moved["b"].left, moved["c"].weight, moved["d"][0]]
    assert {type(item) for item in found} == {GpuArray}
    assert (type(moved["b"]), type(moved["c"])) == (Pair, Layer)
    assert moved["a"][1:] == [3, "text"]
    assert moved["e"] is tree["e"]
    back = jitflow.to_device(moved, "cpu")
    np.testing.assert_array_equal(back["c"].weight, x)
    assert type(back["c"].weight) is np.ndarray


def test_what_is_there_is_not_copied(cupy):
    array = GpuArray(np.ones(2))
    assert jitflow.to_device(array, "cuda") is array
    host = np.ones(2)
    assert jitflow.to_device(host, "cpu") is host


def test_arrays_of_other_libraries_share_their_memory(cupy):
    foreign = ForeignArray(np.arange(3), 2)
    assert jitflow.to_device(foreign, "cuda").host is foreign.host
    np.testing.assert_array_equal(jitflow.to_device(foreign, "cpu"), [0, 1, 2])
    of_the_host = ForeignArray(np.arange(3), 1)
    assert jitflow.to_device(of_the_host, "cuda") is of_the_host


def test_subclasses_of_arrays_stay_where_they_are(cupy):
    masked = np.ma.masked_array([1, 2], [0, 1])
    assert jitflow.to_device(masked, "cuda") is masked


def test_no_cupy_is_an_error_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(JitflowError, match="pip install cupy-cuda13x"):
        jitflow.to_device([np.ones(2)], "cuda")
    assert jitflow.to_device([1, "x"], "cuda") == [1, "x"]


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed")
def test_no_gpu_is_an_error_with_its_remedy():
    cupy = importlib.import_module("cupy")
    if cupy.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(JitflowError, match="python -m jitflow doctor"):
        jitflow.to_device(np.ones(2), "cuda")


def test_an_unknown_device_is_an_error():
    with pytest.raises(ValueError, match="'cuda' or 'cpu', not 'tpu'"):
        jitflow.to_device(1, "tpu")


def test_trees_that_do_not_change_are_kept():
    tree = {"a": [1, (2, 3)]}
    assert mapped(tree, lambda leaf: leaf) is tree

"""Kernels on numbers of bf16, from the decorator to machine code."""

import numpy as np
import pytest
from helpers import host_device
from helpers.host_device import HostDevice, to_device
from helpers.triton_assembly import assemble

import jitflow
from benchmarks import gpu_cases
from jitflow.core.config import config

BF16 = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)


def kernels_of(function, *inputs):
    """The kernels of one call, which are not run."""
    found = []

    def launcher(kernel, wide):
        found.append(kernel)
        return lambda grid, arguments: None

    with config().override(measure=False, strict=True), host_device.installed(HostDevice(launcher)):
        jitflow.compile(function, fullgraph=True)(*map(to_device, inputs))
    return found


def ones(*shape):
    return np.ones(shape, BF16)


def attention(q, k, v):
    s = q @ k.swapaxes(-1, -2) / 8
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return (e / e.sum(axis=-1, keepdims=True)) @ v


def attention_in_f32(q, k, v):
    s = (q @ k.swapaxes(-1, -2)).astype(np.float32) / 8
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return (e / e.sum(axis=-1, keepdims=True)).astype(q.dtype) @ v


@pytest.mark.parametrize("depth", [64, 128])
@pytest.mark.parametrize("function", [attention, attention_in_f32])
@pytest.mark.parametrize(("capability", "instruction"), [(80, r"mma\.sync"), (90, "wgmma")])
def test_attention(function, depth, capability, instruction):
    (kernel,) = kernels_of(function, *[ones(4, 1024, depth)] * 3)
    made = assemble(kernel, capability)
    assert made.count(rf"{instruction}.*bf16") > 0
    assert made.count(r"cp\.async") > 0
    assert made.spilled <= 16


@pytest.mark.parametrize("capability", [80, 90])
def test_a_chain_moves_vectors_of_16_bytes(capability):
    (kernel,) = kernels_of(lambda x, y: np.tanh(x * y) + x, ones(1 << 20), ones(1 << 20))
    made = assemble(kernel, capability)
    assert made.count(r"ld\.global[.\w]*\.v4\.b32") == made.count(r"ld\.global")
    assert made.count(r"st\.global[.\w]*\.v4\.b32") == made.count(r"st\.global")
    assert made.spilled == 0


@pytest.mark.parametrize(("capability", "instruction"), [(80, r"mma\.sync"), (90, "wgmma")])
def test_a_layer_is_one_product_with_what_follows(capability, instruction):
    function = gpu_cases.dense(np)
    (kernel,) = kernels_of(function, ones(4096, 4096), ones(4096, 4096), ones(4096))
    made = assemble(kernel, capability)
    assert made.count(rf"{instruction}.*bf16") > 0
    assert made.count(r"cp\.async") > 0
    assert made.spilled == 0
    assert made.shared <= 166912


@pytest.mark.parametrize("capability", [80, 90])
def test_rows_are_read_once(capability):
    def normalised(x):
        wide = x.astype(np.float32)
        return (wide / np.sqrt(np.square(wide).mean(axis=-1, keepdims=True) + 1)).astype(x.dtype)

    (kernel,) = kernels_of(normalised, ones(4096, 1024))
    assert kernel.source.count("tl.load") == 1
    assert assemble(kernel, capability).spilled == 0

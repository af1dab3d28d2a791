"""One query for each head against many keys: the keys are shared out among programs."""

import numpy as np
import pytest
from helpers import host_device
from helpers.device_running import launcher
from helpers.host_device import HostDevice, to_device

import jitflow
from jitflow.codegen.triton.frame import Limits
from jitflow.core.config import config


def attention(q, k, v):
    s = q @ k.swapaxes(-1, -2) * 0.125
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return (e / e.sum(axis=-1, keepdims=True)) @ v


def inputs(keys, heads=3, rows=1, dtype=np.float32):
    rng = np.random.default_rng(0)
    shapes = (heads, rows, 16), (heads, keys, 16), (heads, keys, 16)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


@pytest.fixture
def grids():
    """Grids of what is launched, by calls."""
    found = []

    def recording(kernel, wide):
        run = launcher(kernel, wide)

        def launch(grid, arguments):
            found.append((kernel.name, grid))
            run(grid, arguments)

        return launch

    device = HostDevice(recording)
    device.limits = Limits(elements=4096, row_block=64, programs=32)
    with config().override(measure=False, strict=True), host_device.installed(device):
        yield found


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("is_symbolic", [False, True])
def test_many_keys_are_shared_out(grids, dtype, is_symbolic):
    given = inputs(1500, dtype=dtype)
    q, k, v = map(to_device, given)
    if is_symbolic:  # as a cache that grows
        for x in (k, v):
            jitflow.mark_dynamic(x, 1)
    got = jitflow.compile(attention, fullgraph=True)(q, k, v).host
    expected = attention(*(x.astype(np.float64) for x in given))
    tolerance = 2e-2 if dtype is np.float16 else 1e-5
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)
    assert not any("stream" in name for name, _ in grids)
    assert max(grid[1] for _, grid in grids) > 1, grids


@pytest.mark.parametrize(
    ("keys", "heads", "rows"), [(200, 3, 1), (1100, 3, 2), (1100, 300, 1)], ids=str
)
def test_few_keys_and_many_rows_or_heads_stay_one_kernel(keys, heads, rows):
    names = []

    def launcher(kernel, wide):
        names.append(kernel.name)
        return lambda grid, arguments: None

    with config().override(measure=False, strict=True), host_device.installed(HostDevice(launcher)):
        jitflow.compile(attention)(*map(to_device, inputs(keys, heads, rows)))
    (name,) = names
    assert "stream" in name


def test_columns_are_as_rows(grids):
    rng = np.random.default_rng(0)
    m, x = rng.normal(size=(4, 30, 1500)), rng.normal(size=(4, 1500, 1))
    got = jitflow.compile(np.matmul)(to_device(m), to_device(x))
    np.testing.assert_allclose(got.host, m @ x, rtol=1e-9)

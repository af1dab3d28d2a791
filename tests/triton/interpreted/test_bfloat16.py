"""Numbers of bf16 on a device: they are stored so, and every operation is that of f32, rounded."""

import numpy as np
import pytest
from helpers import host_device
from helpers.device_running import launcher
from helpers.host_device import HostDevice, to_device

import jitflow
from jitflow.core.config import config

ml_dtypes = pytest.importorskip("ml_dtypes")
BF16 = np.dtype(ml_dtypes.bfloat16)


@pytest.fixture(autouse=True)
def device():
    with (
        config().override(measure=False, strict=True),
        host_device.installed(HostDevice(launcher)) as made,
    ):
        yield made


def numbers(*shape, seed=0, scale=1.0):
    drawn = np.random.default_rng(seed).normal(size=shape) * scale
    return to_device(drawn.astype(BF16))


def compiled(function, *inputs):
    made = jitflow.compile(function, fullgraph=True)
    made(*inputs)
    result = made(*inputs)
    assert made.report().breaks == 0
    return result


def agrees(function, *inputs):
    """Bit by bit what eager code gives, which rounds after every operation as well."""
    expected, got = function(*inputs), compiled(function, *inputs)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got.host, expected.host)
    return got


ELEMENTWISE = {
    "chain": lambda x, y: x * y + x - y / 3,
    "weak integers keep it": lambda x, y: x * 2 + y,
    "weak floats do not": lambda x, y: x * 0.1,
    "comparison": lambda x, y: np.where(x < y, x, y),
    "maximum": lambda x, y: np.maximum(x, y),
    "negative and absolute": lambda x, y: -np.abs(x),
    "square root": lambda x, y: np.sqrt(np.abs(x)) + np.square(y),
    "rounding": lambda x, y: np.rint(x * 8) + np.floor(y),
    "views": lambda x, y: x[::2, 1:].T + 1,
    "to f32": lambda x, y: x.astype(np.float32) + y,
    "from f32": lambda x, y: (x.astype(np.float32) * 1.01).astype(x.dtype),
    "to f16": lambda x, y: x.astype(np.float16),
    "from f64": lambda x, y: (x.astype(np.float64) * 1.0000001).astype(y.dtype),
    "to integers": lambda x, y: (x * 100).astype(np.int32),
    "of bools": lambda x, y: (x > 0).astype(x.dtype),
    "to bools": lambda x, y: x.astype(bool),
    "joined": lambda x, y: np.concatenate([x, y]),
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elements_are_rounded_after_every_operation(name):
    agrees(ELEMENTWISE[name], numbers(6, 40), numbers(6, 40, seed=1))


@pytest.mark.parametrize("function", [np.exp, np.tanh, np.log1p, np.sin])
def test_functions_are_those_of_f32(function):
    x = numbers(300)
    got = compiled(lambda x: function(np.abs(x)), x)
    expected = function(np.abs(x.host.astype(np.float32)))
    np.testing.assert_allclose(got.host.astype(np.float32), expected, rtol=2**-8, atol=1e-30)
    assert got.dtype == BF16


def test_sums_are_made_in_f32():
    x = to_device(np.full((4, 1000), 0.1, BF16))
    got = compiled(lambda x: (x.sum(axis=-1), x.mean(axis=-1), x.sum()), x)
    exact = x.host.astype(np.float32).sum(axis=-1)
    np.testing.assert_array_equal(got[0].host, exact.astype(BF16))
    np.testing.assert_array_equal(got[1].host, (exact / 1000).astype(BF16))
    assert got[2].host == (4 * exact[0]).astype(BF16) and got[2].dtype == BF16


def test_extremes_and_their_places_are_exact():
    x = numbers(5, 70)
    agrees(lambda x: x.max(axis=1) - x.min(axis=1), x)
    agrees(lambda x: np.argmax(x, axis=1), x)


def test_an_array_is_written_in_place():
    def step(x, g):
        x -= g * 2
        x[1:] = g[:-1]
        return x

    first, second = numbers(8, 30), numbers(8, 30)
    step(first, numbers(8, 30, seed=1))
    jitflow.compile(step)(second, numbers(8, 30, seed=1))
    np.testing.assert_array_equal(first.host, second.host)


def test_elements_at_arrays_of_indices():
    index = to_device(np.array([3, 0, 5, 3]))
    agrees(lambda x, i: x[i] + x[0], numbers(6, 40), index)

    def store(x, i, y):
        x[i] = y
        return x * 2

    got = compiled(store, numbers(6, 40), index, numbers(4, 40, seed=1))
    expected = store(numbers(6, 40), index, numbers(4, 40, seed=1))
    np.testing.assert_array_equal(got.host, expected.host)


def test_what_depends_on_the_width_is_left_to_eager_code():
    made = jitflow.compile(lambda x: np.nextafter(x, x + 1))
    with config().override(strict=False):
        x = numbers(9)
        np.testing.assert_array_equal(made(x).host, np.nextafter(x.host, x.host + 1))
    assert made.report().breaks


def reference(x, w, b):
    return (x.host.astype(np.float32) @ w.host.astype(np.float32)), b.host.astype(np.float32)


def test_a_product_of_the_library(device):
    x, w = numbers(20, 30), numbers(30, 50, seed=1)
    got = compiled(lambda x, w: x @ w, x, w)
    product, _ = reference(x, w, w)
    assert got.dtype == BF16 and device.products == 2
    np.testing.assert_allclose(got.host.astype(np.float32), product, rtol=2**-7, atol=1e-2)


def test_a_product_and_what_follows_are_one_kernel(device):
    x, w, b = numbers(40, 70), numbers(70, 50, seed=1), numbers(50, seed=2)
    got = compiled(lambda x, w, b: np.maximum(x @ w + b, 0), x, w, b)
    product, bias = reference(x, w, b)
    rounded = product.astype(BF16).astype(np.float32) + bias
    assert device.products == 0 and device.launches == 2
    expected = np.maximum(rounded, 0)
    np.testing.assert_allclose(got.host.astype(np.float32), expected, rtol=2**-6, atol=2e-2)


def test_rows_of_a_softmax():
    def softmax(x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    x = numbers(6, 200)
    got = compiled(softmax, x)
    wide = np.exp(x.host.astype(np.float32))
    expected = wide / wide.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(got.host.astype(np.float32), expected, rtol=2**-5, atol=1e-4)


def attention(q, k, v):
    s = q @ k.swapaxes(-1, -2) / 8
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return (e / e.sum(axis=-1, keepdims=True)) @ v


def test_attention_is_one_kernel(device):
    q, k, v = (numbers(2, 70, 64, seed=seed) for seed in range(3))
    got = compiled(attention, q, k, v)
    q, k, v = (x.host.astype(np.float32) for x in (q, k, v))
    np.testing.assert_allclose(got.host.astype(np.float32), attention(q, k, v), atol=3e-2)
    assert device.products == 0 and device.launches == 2


def test_arrays_of_the_host_are_left_to_numpy():
    host = np.ones(4, BF16)
    made = jitflow.compile(lambda x: x + x)
    with config().override(strict=False):
        np.testing.assert_array_equal(made(host), host + host)
    assert made.report().breaks or not made.report().frames

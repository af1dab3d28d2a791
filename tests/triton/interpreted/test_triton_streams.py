"""Attention as users write it is one kernel: no row of the weights is ever stored.

Each program runs eagerly and compiled on the stand-in device; the rows are longer than a block.
"""

import numpy as np
import pytest
from helpers import host_device
from helpers.device_running import launcher, same
from helpers.host_device import HostDevice, to_device

import jitflow
from jitflow.core.config import config


@pytest.fixture
def device():
    with (
        config().override(measure=False, strict=True),
        host_device.installed(HostDevice(launcher)) as made,
    ):
        yield made


def floats(*shape, seed=0, dtype="f4"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def three(*batch, rows=70, keys=70, deep=32, columns=32, dtype="f4"):
    shapes = (*batch, rows, deep), (*batch, keys, deep), (*batch, keys, columns)
    return [floats(*shape, seed=seed, dtype=dtype) for seed, shape in enumerate(shapes)]


def check(device, function, arrays, kernels=1, products=0, tolerance=2e-6):
    """Eager and compiled agree; so many kernels and products of the library are launched."""
    device.launches = device.products = 0
    compiled = jitflow.compile(function, fullgraph=True)
    with np.errstate(all="ignore"):
        expected = function(*map(to_device, arrays))
    same(compiled(*map(to_device, arrays)), expected, tolerance)
    assert (device.launches, device.products) == (kernels, products)


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def scores(q, k):
    return q @ np.swapaxes(k, -1, -2) / q.shape[-1] ** 0.5


def plain(q, k, v):
    return softmax(scores(q, k)) @ v


def causal(q, k, v, fill=-1e9):
    s = scores(q, k)
    future = np.triu(np.ones_like(s, shape=s.shape[-2:], dtype=bool), 1)
    return softmax(np.where(future, fill, s)) @ v


@pytest.mark.parametrize("deep", [1, 16, 40, 64, 100, 128])
def test_depths_are_padded(device, deep):
    check(device, plain, three(2, deep=deep, columns=deep))


@pytest.mark.parametrize(("rows", "keys"), [(1, 70), (5, 33), (64, 64), (100, 31), (65, 129)])
def test_rows_and_keys(device, rows, keys):
    check(device, plain, three(3, rows=rows, keys=keys, columns=24))


def test_batches_and_heads_lead(device):
    check(device, plain, three(2, 3))
    check(device, causal, three(2, 3))


def test_transposes_and_products_of_all_kinds(device):
    arrays = three(2, 3)
    check(device, lambda q, k, v: softmax(q @ k.transpose(0, 1, 3, 2) * 0.2) @ v, arrays)
    check(
        device,
        lambda q, k, v: np.matmul(softmax(np.matmul(q, np.moveaxis(k, -1, -2)) / 6), v),
        arrays,
    )
    two = three()
    check(device, lambda q, k, v: softmax(np.dot(q, k.T) / 6).dot(v), two)
    text = "bhid,bhjd->bhij", "bhij,bhjd->bhid"

    def sums(q, k, v):
        return np.einsum(text[1], softmax(np.einsum(text[0], q, k) * 0.125), v)

    check(device, sums, arrays)

    def swapped(q, k, v):  # v.T @ p.T, and scores that come transposed
        s = np.einsum("bhjd,bhid->bhij", k, q) / 6
        return np.einsum("bhjd,bhij->bhid", v, softmax(s))

    check(device, swapped, arrays)


@pytest.mark.parametrize("fill", [-1e9, -np.inf])
def test_masks(device, fill):
    check(device, lambda q, k, v: causal(q, k, v, fill), three(2))

    def reversed_mask(q, k, v):  # the first blocks of most rows are masked as a whole
        s = scores(q, k)
        keep = np.triu(np.ones_like(s, shape=s.shape[-2:], dtype=bool))
        return softmax(np.where(keep, s, fill)) @ v

    check(device, reversed_mask, three(2))


def visible(s, offset=0):
    return np.tril(np.ones_like(s, shape=s.shape[-2:]), offset)


@pytest.mark.parametrize("offset", [0, 5, -3, 40, -50])
@pytest.mark.parametrize("fill", [-1e9, -np.inf, -2.0])
def test_hidden_blocks_count_where_their_fill_does(device, fill, offset):
    def function(q, k, v):
        s = scores(q, k)
        return softmax(np.where(visible(s, offset) == 0, fill, s)) @ v

    check(device, function, three(2, rows=100, keys=130), tolerance=5e-6)


def test_products_with_hidden_numbers_that_are_not_finite(device):
    q, k, v = three(2, rows=70, keys=130)
    v[0, 120, 3], v[1, 69, 4] = np.inf, np.nan
    k[0, 125, 0] = np.nan
    for fill in (-1e9, -np.inf):
        check(device, lambda q, k, v, fill=fill: causal(q, k, v, fill), [q, k, v])


def test_several_masks(device):
    q, k, v = three(2)
    padding = np.arange(70) > 60

    def both(q, k, v, padding):
        s = np.where(visible(scores(q, k)).astype(bool), scores(q, k), -1e9)
        return softmax(np.where(padding, -1e8, s)) @ v

    def window(q, k, v):
        s = scores(q, k)
        n = np.cumsum(np.ones_like(s, shape=(70,), dtype=int)) - 1
        i, j = n[:, None], n[None, :]
        return softmax(np.where((j <= i) & (j > i - 9), s, -1e9)) @ v

    def open_window(q, k, v):
        s = scores(q, k)
        ones = np.ones_like(s, shape=(70, 70), dtype=bool)
        return softmax(np.where(np.triu(ones, 1) | np.tril(ones, -9), -np.inf, s)) @ v

    check(device, both, [q, k, v, padding], tolerance=5e-6)
    check(device, open_window, [q, k, v], tolerance=5e-6)
    check(device, window, [q, k, v], kernels=2, tolerance=5e-6)


def test_a_row_of_which_nothing_is_left_is_nan(device):
    q, k, v = three(2)
    mask = np.zeros((2, 70, 70), "f4")
    mask[:, 3] = -np.inf
    check(device, lambda q, k, v, m: softmax(scores(q, k) + m) @ v, [q, k, v, mask])
    check(device, lambda q, k, v, m: np.exp(
        scores(q, k) + m - (scores(q, k) + m).max(-1, keepdims=True)) @ v, [q, k, v, mask])  # fmt: skip


def test_numbers_that_are_not_finite(device):
    q, k, v = three(2)
    q[0, 1], k[1, 2], v[0, 3, 4] = np.nan, np.inf, -np.inf
    q[1, 5, 6] = -np.inf
    check(device, plain, [q, k, v])
    check(device, causal, [q, k, v])


def test_added_biases_and_masks_of_all_shapes(device):
    q, k, v = three(2, 3)
    for shape in [(70, 70), (3, 70, 70), (2, 1, 1, 70), (70, 1)]:
        bias = floats(*shape, seed=9)
        check(device, lambda q, k, v, b: softmax(scores(q, k) + b) @ v, [q, k, v, bias])
    keep = np.random.default_rng(1).random((2, 1, 70, 70)) < 0.8
    check(device, lambda q, k, v, m: softmax(np.where(m, scores(q, k), -1e9)) @ v, [q, k, v, keep])


def test_ways_to_write_the_rows(device):
    arrays = three(2)

    def reciprocal(q, k, v):
        e = np.exp(scores(q, k) - scores(q, k).max(-1, keepdims=True))
        return (e * (1 / e.sum(-1, keepdims=True))) @ v

    def in_place(q, k, v):
        s = scores(q, k)
        s -= s.max(axis=-1, keepdims=True)
        np.exp(s, out=s)
        s /= s.sum(axis=-1, keepdims=True)
        return s @ v

    def temperature(q, k, v):
        s = q @ np.swapaxes(k, -1, -2)
        e = np.exp((s - s.max(-1, keepdims=True)) / 2.5)
        return e / e.sum(-1, keepdims=True) @ v

    def base_two(q, k, v):
        s = scores(q, k)
        e = np.exp2(s - s.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True) @ v

    def no_sum(q, k, v):
        s = scores(q, k)
        return np.exp(s - s.max(-1, keepdims=True)) @ v

    def late_division(q, k, v):
        e = np.exp(scores(q, k) - scores(q, k).max(-1, keepdims=True))
        return e @ v / e.sum(-1, keepdims=True)

    def late_column(q, k, v):
        e = np.exp(scores(q, k) - scores(q, k).max(-1)[..., None])
        return np.matmul(e, v) / np.sum(e, axis=-1)[:, :, np.newaxis]

    def logarithm(q, k, v):
        s = scores(q, k)
        top = s.max(-1, keepdims=True)
        return np.exp(s - (top + np.log(np.exp(s - top).sum(-1, keepdims=True)))) @ v

    functions = reciprocal, in_place, temperature, base_two, no_sum
    for function in (*functions, late_division, late_column, logarithm):
        check(device, function, arrays, tolerance=5e-6)


def test_weights_of_elements(device):
    q, k, v = three(2)
    kept = (np.random.default_rng(5).random((2, 70, 70)) < 0.9).astype("f4") / 0.9
    check(device, lambda q, k, v, m: (softmax(scores(q, k)) * m) @ v, [q, k, v, kept])
    check(device, lambda q, k, v: np.maximum(scores(q, k), 0) @ v, [q, k, v])


def test_what_is_done_to_the_operands_and_to_the_result(device):
    q, k, v = three(2, 3)
    g = floats(32, seed=8)
    check(device, lambda q, k, v, g: softmax((q * g) @ np.swapaxes(k + 1, -1, -2)) @ (v - g) * 2,
          [q, k, v, g])  # fmt: skip

    def merged(q, k, v):  # heads are put side by side as the result is stored
        return plain(q, k, v).transpose(0, 2, 1, 3).reshape(2, 70, 96)

    check(device, merged, [q, k, v])


def test_other_precisions(device):
    check(device, causal, three(2, dtype="f8"), tolerance=1e-12)
    check(device, lambda q, k, v: softmax(q @ np.swapaxes(k, -1, -2) / np.sqrt(np.float64(32))) @ v,
          three(2), tolerance=1e-6)  # fmt: skip
    half = three(2, dtype="f2")
    check(device, plain, half, tolerance=1e-2)
    check(device, causal, half, tolerance=1e-2)


def test_sizes_that_change(device):
    compiled = jitflow.compile(plain, fullgraph=True)
    for rows, keys, launches in [(10, 20, 1), (70, 33, 1), (64, 128, 1), (1, 5, 6)]:
        q, k, v = map(to_device, three(2, rows=rows, keys=keys))
        before = device.launches
        same(compiled(q, k, v), plain(q, k, v), 2e-6)
        assert device.launches - before == launches  # keys of one row are shared out
    assert device.products == 0
    assert len(compiled.report().as_dict()["pieces"]) == 3  # one row is a variant of its own


def test_heads_one_after_the_other_share_a_mask(device):
    def heads(x, w):
        q, k, v = np.split(x @ w, 3, axis=-1)
        mask = (1 - np.tril(np.ones_like(x, shape=(40, 40)))) * -1e10
        parts = [np.split(part, 2, axis=-1) for part in (q, k, v)]
        return np.hstack([softmax(a @ b.T / 5.0 + mask) @ c for a, b, c in zip(*parts)])

    check(device, heads, [floats(40, 48), floats(48, 96, seed=1) / 8], 2, 1, tolerance=5e-6)


def test_what_is_no_stream(device):
    arrays = three(2, columns=70)

    def weights_are_a_result(q, k, v):
        p = softmax(scores(q, k))
        return p @ v, p

    def other_axis(q, k, v):
        return np.swapaxes(softmax(np.swapaxes(scores(q, k), -1, -2)), -1, -2) @ v

    def squared(q, k, v):
        p = softmax(scores(q, k))
        return (p * p.sum(-2, keepdims=True)) @ v

    def not_linear(q, k, v):
        return np.sqrt(softmax(scores(q, k))) @ v

    def no_peak(q, k, v):
        e = np.exp(scores(q, k))
        return e / e.sum(-1, keepdims=True) @ v

    def normalised(q, k, v):
        s = scores(q, k)
        return (s - s.mean(-1, keepdims=True)) @ v

    for function in (weights_are_a_result, other_axis, squared, not_linear, no_peak, normalised):
        device.products = 0
        compiled = jitflow.compile(function, fullgraph=True)
        same(compiled(*map(to_device, arrays)), function(*map(to_device, arrays)), 5e-6)
        sources = str(compiled.report().as_dict()["pieces"][0]["texts"]["triton"])
        assert "kernel_stream" not in sources, function.__name__

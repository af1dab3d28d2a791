"""Modes of `jitflow.compile` on a device: the same results, by graphs and with tuned kernels."""

import numpy as np
import pytest
from helpers import host_device
from helpers.device_running import launcher, same
from helpers.host_device import HostDevice, to_device

import jitflow
from jitflow.core.config import config

RNG = np.random.default_rng(3)
MATRIX = 8 * np.eye(12) + RNG.normal(size=(12, 12))


@pytest.fixture
def device():
    with (
        config().override(strict=True),
        host_device.installed(HostDevice(launcher)) as made,
    ):
        yield made


def rows(x, a):
    e = np.exp(x - x.max(axis=1, keepdims=True)) * a
    total = e.sum(axis=0)
    return e / total, total


def solve(matrix, b):
    y = np.zeros_like(b)
    for i in range(b.shape[0]):
        y[i] = (b[i] - matrix[i, :i] @ y[:i]) / matrix[i, i]
    return y


def diffuse(x, count):
    for k in range(count):
        x = x + 0.1 * (np.roll(x, 1) - x) + k
    return x


def layers(x, w, b):
    for _ in range(3):
        x = np.tanh(x @ w + b)
    return x - x.mean(axis=0)


PROGRAMS = {
    "rows": (rows, [RNG.normal(size=(40, 30)).astype(np.float32), 2.5], 1),
    "solve": (solve, [MATRIX, RNG.normal(size=12)], 1),
    "diffuse": (diffuse, [RNG.normal(size=50), 70], 1),
    "layers": (layers, [RNG.normal(size=(3, 300)), RNG.normal(size=(300, 300)) / 20, np.ones(300)], 0),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_graphs_give_what_launches_give(device, name):
    function, inputs, least = PROGRAMS[name]
    with config().override(max_unroll=4 if name == "solve" else 64):
        check(device, function, inputs, least)


def check(device, function, inputs, least):
    compiled = jitflow.compile(function, mode="reduce-overhead", fullgraph=True)
    for scale in (1, 2, 1):
        given = [x * scale if isinstance(x, np.ndarray) else x for x in inputs]
        on_device = [to_device(x) if isinstance(x, np.ndarray) else x for x in given]
        expected = function(*[to_device(x) if isinstance(x, np.ndarray) else x for x in given])
        same(compiled(*on_device), expected, 1e-4)
    assert device.graphs_run >= least
    assert device.reads == 0
    (piece,) = compiled.report().as_dict()["pieces"]
    assert "graph 0:" in piece["texts"]["launches"] or not least


@pytest.mark.parametrize(("dtype", "products"), [(np.float32, 0), (np.float64, 2)])
def test_small_products_do_not_end_a_graph(device, dtype, products):
    def between(x, w):
        y = np.tanh(x)
        return (y @ w).sum(axis=0), y

    inputs = [RNG.normal(size=shape).astype(dtype) for shape in ((20, 300), (300, 20))]
    compiled = jitflow.compile(between, mode="reduce-overhead", fullgraph=True)
    for _ in range(2):
        same(compiled(*on_device(inputs)), between(*on_device(inputs)), 1e-5)
    assert device.products == products
    jitflow.compile(between, fullgraph=True)(*on_device(inputs))
    assert device.products == products + 1  # without graphs it is the library's


def add_sums(x):
    x += x.sum(axis=1, keepdims=True)
    return x


def attend(q, k, v):
    scores = q @ np.swapaxes(k, -1, -2) * 0.25
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True) @ v


def dense(x, w):
    return np.maximum(x @ w + 1, 0)


LONG = RNG.normal(size=(2, 700)).astype(np.float32)
TUNED = {
    "chain": (lambda x: np.maximum(x * 2 + 1, 0) - x, [LONG]),
    "softmax": (lambda x: np.exp(x - x.max(axis=1, keepdims=True)) / 7, [LONG]),
    "columns": (lambda x: (x * x).sum(axis=0), [np.ascontiguousarray(LONG[:, :200].T)]),
    "rows": (rows, PROGRAMS["rows"][1]),
    "in place": (add_sums, [LONG]),
    "attention": (attend, [RNG.normal(size=(1, 2, 40, 16)).astype(np.float16) for _ in range(3)]),
    "dense": (dense, [RNG.normal(size=(40, 40)).astype(np.float16) for _ in range(2)]),
}


@pytest.mark.parametrize("name", TUNED)
def test_every_choice_gives_the_same(name, tmp_path):
    function, inputs = TUNED[name]
    for wanted in (7,) if name == "attention" else (1, 7, 19):

        def cost(kernel):
            number = seen.setdefault(f"{kernel.source}{kernel.options}", len(seen))
            return 1.0 if number == wanted else 2.0

        seen = {}
        device = HostDevice(launcher, cost=cost)
        with config().override(strict=True, cache_dir=str(tmp_path / str(wanted))):
            with host_device.installed(device):
                compiled = jitflow.compile(function, mode="max-autotune", fullgraph=True)
                for _ in range(2):
                    expected = function(*on_device(inputs))
                    half = inputs[0].dtype == np.float16
                    same(compiled(*on_device(inputs)), expected, 2e-2 if half else 1e-4)
        (piece,) = compiled.report().as_dict()["pieces"]
        assert "tuned: " in piece["texts"]["launches"]


def on_device(inputs):
    return [to_device(x) if isinstance(x, np.ndarray) else x for x in inputs]

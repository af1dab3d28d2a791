"""The programs that `benchmarks.peers` runs: plain NumPy functions and their arguments.

Nothing here knows who runs it. A peer with its own array module runs the same source with ``np``
replaced (`load`), so that every system gets the same program.
"""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

F32 = np.float32


def tiny(a, b, c):
    return np.maximum(a * b + c, 0)


def gelu(x, w, b):
    z = x * w + b
    return 0.5 * z * (1 + np.tanh(0.7978845608 * (z + 0.044715 * (z * z * z))))


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def layernorm(x, g, b):
    d = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(d * d, axis=-1, keepdims=True)
    return d / np.sqrt(variance + 1e-5) * g + b


def chain(x):
    return np.sin(x) * np.exp(-x * x) + x


def bert_block(x, p, heads=4):
    """Post-norm encoder block on (batch, tokens, width)."""
    batch, tokens, width = x.shape
    shape = batch, tokens, heads, width // heads
    q, k, v = (
        np.transpose(np.reshape(x @ p[f"w{n}"] + p[f"b{n}"], shape), (0, 2, 1, 3)) for n in "qkv"
    )
    scores = softmax(q @ np.transpose(k, (0, 1, 3, 2)) * (1.0 / (width // heads) ** 0.5))
    mixed = np.reshape(np.transpose(scores @ v, (0, 2, 1, 3)), (batch, tokens, width))
    x = layernorm(x + (mixed @ p["wo"] + p["bo"]), p["g1"], p["c1"])
    inner = x @ p["w1"] + p["b1"]
    inner = 0.5 * inner * (1 + np.tanh(0.7978845608 * (inner + 0.044715 * inner * inner * inner)))
    return layernorm(x + (inner @ p["w2"] + p["b2"]), p["g2"], p["c2"])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(xs, wx, wh, b):
    """64 steps over (steps, batch, inputs)."""
    h = np.zeros((xs.shape[1], wh.shape[0]), dtype=np.float32)
    c = h
    n = wh.shape[0]
    for t in range(xs.shape[0]):
        z = xs[t] @ wx + h @ wh + b
        i, f, o = sigmoid(z[:, :n]), sigmoid(z[:, n : 2 * n]), sigmoid(z[:, 2 * n : 3 * n])
        c = f * c + i * np.tanh(z[:, 3 * n :])
        h = o * np.tanh(c)
    return h


def conv(x, w, b):
    """A 3x3 convolution and relu: patches side by side, then one product."""
    height, width = x.shape[1] - 2, x.shape[2] - 2
    patches = [x[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    columns = np.concatenate(patches, axis=-1)
    return np.maximum(columns @ w + b, 0)


def adamw(p, g, m, v, step):
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * (g * g)
    mhat = m / (1 - 0.9**step)
    vhat = v / (1 - 0.999**step)
    p = p - 1e-3 * (mhat / (np.sqrt(vhat) + 1e-8) + 0.01 * p)
    return p, m, v


def mlp_step(x, y, w1, b1, w2, b2, w3, b3):
    """Forward, backward and SGD of a classifier with two hidden layers."""
    h1 = np.maximum(x @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    z = h2 @ w3 + b3
    d = (softmax(z) - y) * (1.0 / x.shape[0])
    d2 = (d @ w3.T) * (h2 > 0)
    d1 = (d2 @ w2.T) * (h1 > 0)
    rate = 0.1
    return (
        w1 - rate * (x.T @ d1), b1 - rate * np.sum(d1, axis=0),
        w2 - rate * (h1.T @ d2), b2 - rate * np.sum(d2, axis=0),
        w3 - rate * (h2.T @ d), b3 - rate * np.sum(d, axis=0),
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A program: a function, its arguments, the error allowed, and the module that has it."""

    function: str
    arguments: Callable[[], tuple[Any, ...]]
    tolerance: float = 1e-4
    module: str = __name__


def _normal(*shape: int, scale: float = 1.0, dtype: type = F32) -> np.ndarray:
    rng = np.random.default_rng(sum(shape))
    return (scale * rng.standard_normal(shape)).astype(dtype)


def _bert() -> tuple[Any, ...]:
    n = 256
    p = {f"w{k}": _normal(n, n, scale=0.05) for k in "qkvo"}
    p |= {f"b{k}": _normal(n) for k in "qkvo"}
    p |= {"w1": _normal(n, 4 * n, scale=0.05), "b1": _normal(4 * n)}
    p |= {"w2": _normal(4 * n, n, scale=0.05), "b2": _normal(n)}
    p |= {k: _normal(n) for k in ("g1", "c1", "g2", "c2")}
    return _normal(4, 128, n), p


def _gpt() -> tuple[Any, ...]:
    from examples.gpt import make_parameters

    rng = np.random.default_rng(0)
    return rng.integers(0, 1000, 64), make_parameters(rng)


def _mlp() -> tuple[Any, ...]:
    labels = np.eye(10, dtype=F32)[np.arange(128) % 10]
    sizes = 784, 512, 256, 10
    layers: list[np.ndarray] = []
    for before, after in itertools.pairwise(sizes):
        layers += [_normal(before, after, scale=before**-0.5), _normal(after)]
    return _normal(128, 784), labels, *layers


def _layer(n: int = 256) -> dict[str, np.ndarray]:
    p = {name: _normal(n, n, scale=n**-0.5) for name in ("wq", "wk", "wv", "wo")}
    p |= {"w1": _normal(n, 4 * n, scale=n**-0.5), "w2": _normal(4 * n, n, scale=0.5 * n**-0.5)}
    p |= {"g1": abs(_normal(n)) + F32(1), "g2": abs(_normal(n)) + F32(1), "b1": _normal(4 * n)}
    return p | {"ada": _normal(n, 6 * n, scale=0.2 * n**-0.5)}


def _mask(n: int = 128) -> np.ndarray:
    return np.triu(np.full((n, n), -1e9, F32), 1)


def _adam() -> tuple[Any, ...]:
    x, y, *params = _mlp()
    zeros = [np.zeros_like(p) for p in params]
    return x, y, tuple(params), tuple(zeros), tuple(zeros), 3.0


def _recurrent(gates: int) -> tuple[Any, ...]:
    n = 256
    weights = (_normal(n, gates * n, scale=0.06), _normal(n, gates * n, scale=0.05))
    return _normal(64, 32, n), *weights, _normal(gates * n)


def _kernels(*channels: int) -> list[np.ndarray]:
    pairs = itertools.pairwise(channels)
    return [_normal(9 * a, b, scale=(9 * a) ** -0.5) for a, b in pairs]


def _unet() -> tuple[Any, ...]:
    sizes = [(3, 16), (16, 32), (32, 32), (64, 16), (32, 1)]
    return _normal(2, 64, 64, 3), *(_kernels(*pair)[0] for pair in sizes)


def _losses() -> tuple[Any, ...]:
    labels = np.eye(10, dtype=F32)[np.arange(10_000) % 10]
    return _normal(200_000), np.sign(_normal(200_000)), _normal(10_000, 10), labels


def _model(
    function: str, arguments: Callable[[], tuple[Any, ...]], tolerance: float = 1e-3
) -> Case:
    return Case(function, arguments, tolerance, "benchmarks.peer_models")


MODELS = {
    "logistic step": _model(
        "logistic_step",
        lambda: (
            _normal(100, 784), np.eye(10, dtype=F32)[np.arange(100) % 10],
            _normal(784, 10, scale=0.03), _normal(10),
        ),
    ),
    "mlp adam step": _model("mlp_adam_step", _adam, 1e-2),
    "gru": _model("gru", lambda: _recurrent(3)),
    "birnn": _model("birnn", lambda: (*_recurrent(1), *_recurrent(1)[1:])),
    "gpt blocks": _model(
        "gpt_blocks", lambda: (_normal(4, 128, 256), [_layer(), _layer()], _mask())
    ),
    "gpt train": _model(
        "gpt_train_step", lambda: (_normal(4, 128, 256), _normal(4, 128, 256), _layer(), _mask())
    ),
    "decode step": _model(
        "decode_step", lambda: (_normal(1, 256), _layer(), _normal(96, 4, 64), _normal(96, 4, 64))
    ),
    "dit block": _model("dit_block", lambda: (_normal(4, 128, 256), _normal(4, 256), _layer())),
    "conv net": _model(
        "convolution_net",
        lambda: (
            _normal(8, 32, 32, 3), _kernels(3, 32, 64, 96),
            (_normal(1536, 128, scale=0.03), _normal(128, 10, scale=0.1)),
        ),
    ),
    "resnet blocks": _model(
        "resnet_blocks",
        lambda: (
            _normal(8, 16, 16, 64), [(*_kernels(64, 64, 64), _normal(64)) for _ in range(2)]
        ),
    ),
    "unet": _model("unet", _unet),
    "experts": _model(
        "experts_dense",
        lambda: (
            _normal(256, 128), _normal(128, 8), _normal(8, 128, 256, scale=0.1),
            _normal(8, 256, 128, scale=0.1),
        ),
    ),
    "losses": _model("losses", _losses),
}  # fmt: skip


def _vectors(count: int, length: int, dtype: type = F32) -> tuple[np.ndarray, ...]:
    return tuple(_normal(length, dtype=dtype) + dtype(k) for k in range(count))


CASES = {
    "tiny": Case("tiny", lambda: _vectors(3, 10)),
    "gelu": Case("gelu", lambda: (_normal(4096, 1024), _normal(1024), _normal(1024))),
    "softmax": Case("softmax", lambda: (_normal(4096, 1024),)),
    "layernorm": Case("layernorm", lambda: (_normal(4096, 1024), _normal(1024), _normal(1024))),
    "chain f32": Case("chain", lambda: _vectors(1, 1_000_000)),
    "chain f64": Case("chain", lambda: _vectors(1, 1_000_000, np.float64)),
    "gpt forward": Case("gpt", _gpt),
    "bert block": Case("bert_block", _bert, 1e-3),
    "lstm": Case(
        "lstm",
        lambda: (
            _normal(64, 32, 256), _normal(256, 1024, scale=0.06), _normal(256, 1024, scale=0.06),
            _normal(1024),
        ),
        1e-3,
    ),
    "conv im2col": Case(
        "conv", lambda: (_normal(8, 34, 34, 32), _normal(288, 64, scale=0.06), _normal(64)), 1e-3
    ),
    "adamw": Case("adamw", lambda: (*_vectors(3, 1_000_000), abs(_normal(1_000_000)), 10.0)),
    "mlp step": Case("mlp_step", _mlp, 1e-3),
    **MODELS,
}  # fmt: skip


def load(function: str, array_module: Any = None) -> Callable[..., Any]:
    """A function of a case; with `array_module`, from a copy of its source that uses that one."""
    name = _module_of(function)
    if array_module is None:
        found: Callable[..., Any] = getattr(importlib.import_module(name), function)
        return found
    module = _copy(name)
    module.np = array_module  # type: ignore[attr-defined]
    made: Callable[..., Any] = getattr(module, function)
    return made


def _module_of(function: str) -> str:
    known = {case.function: case.module for case in CASES.values()}
    return "examples.gpt" if function == "gpt" else known.get(function, __name__)


def _copy(name: str) -> ModuleType:
    """The module again; a range, which only NumPy takes as an index, becomes an array."""
    origin = importlib.import_module(name).__file__
    assert origin is not None
    source = Path(origin).read_text().replace("[range(", "[np.arange(")
    module = ModuleType(f"{name}_copy")
    sys.modules[module.__name__] = module
    exec(compile(source, origin, "exec"), module.__dict__)
    return module

"""What `benchmarks/gpu.py` measures: plain NumPy functions, and the same in torch.

A case has inputs for a size, and what bounds it: bytes that must move, or operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """One function to measure.

    Attributes
    ----------
    make : callable
        ``make(xp)`` gives the function for a namespace of NumPy's functions.
    torch : callable
        ``torch(torch)`` gives the same function for tensors.
    shapes : tuple
        Shapes of the inputs at full size; `small` at the size of a test.
    dtype : str
    written : int
        Elements of the results, as a share of the first input.
    operations : callable or None
        Of the shapes: for products. None: the case is bound by memory.
    """

    name: str
    make: Callable[[Any], Callable[..., Any]]
    torch: Callable[[Any], Callable[..., Any]]
    shapes: tuple[tuple[int, ...], ...]
    small: tuple[tuple[int, ...], ...]
    dtype: str = "float32"
    written: float = 1.0
    operations: Callable[..., float] | None = None

    def inputs(self, shapes: tuple[tuple[int, ...], ...], seed: int) -> list[np.ndarray]:
        """Host arrays."""
        rng = np.random.default_rng(seed)
        scale = 1.0 if self.operations is None else 0.1
        return [(rng.normal(size=shape) * scale).astype(self.dtype) for shape in shapes]

    def bytes(self) -> float:
        """That must be read and written."""
        counts = [float(np.prod(shape)) for shape in self.shapes]
        return (sum(counts) + self.written * counts[0]) * np.dtype(self.dtype).itemsize


def relu_chain(xp: Any) -> Callable[..., Any]:
    return lambda a, b, c: xp.maximum(a * b + c, 0)


def torch_relu_chain(torch: Any) -> Callable[..., Any]:
    return lambda a, b, c: torch.relu(a * b + c)


def waves(xp: Any) -> Callable[..., Any]:
    return lambda x, y: xp.exp(-x * x) * xp.sin(y) + xp.tanh(x * y)


def gelu(xp: Any) -> Callable[..., Any]:
    def function(x: Any, w: Any, b: Any) -> Any:
        z = x * w + b
        return 0.5 * z * (1 + xp.tanh(0.7978845608 * (z + 0.044715 * z * z * z)))

    return function


def softmax(xp: Any) -> Callable[..., Any]:
    def function(x: Any) -> Any:
        e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
        return e / xp.sum(e, axis=-1, keepdims=True)

    return function


def layer_norm(xp: Any) -> Callable[..., Any]:
    def function(x: Any, gain: Any, bias: Any) -> Any:
        mean = xp.mean(x, axis=-1, keepdims=True)
        centred = x - mean
        variance = xp.mean(centred * centred, axis=-1, keepdims=True)
        return centred / xp.sqrt(variance + 1e-5) * gain + bias

    return function


def rms_norm(xp: Any) -> Callable[..., Any]:
    return lambda x, gain: x / xp.sqrt(xp.mean(x * x, axis=-1, keepdims=True) + 1e-6) * gain


def log_likelihood(xp: Any) -> Callable[..., Any]:
    def function(logits: Any, target: Any) -> Any:
        top = xp.max(logits, axis=-1, keepdims=True)
        total = xp.log(xp.sum(xp.exp(logits - top), axis=-1, keepdims=True))
        return xp.mean(xp.sum((top + total - logits) * target, axis=-1))

    return function


def dense(xp: Any) -> Callable[..., Any]:
    activation = gelu(xp)
    return lambda x, w, b: activation(x @ w, 1, b)


def attention(xp: Any) -> Callable[..., Any]:
    weights = softmax(xp)

    def function(q: Any, k: Any, v: Any) -> Any:
        return weights(q @ xp.swapaxes(k, -1, -2) * (q.shape[-1] ** -0.5)) @ v

    return function


def _torch_functional(name: str) -> Callable[[Any], Callable[..., Any]]:
    """A function of `torch.nn.functional`, with what the case's inputs need."""

    def make(torch: Any) -> Callable[..., Any]:
        f = torch.nn.functional
        return {
            "waves": lambda x, y: torch.exp(-x * x) * torch.sin(y) + torch.tanh(x * y),
            "gelu": lambda x, w, b: f.gelu(x * w + b, approximate="tanh"),
            "softmax": lambda x: torch.softmax(x, -1),
            "layer_norm": lambda x, gain, bias: f.layer_norm(x, x.shape[-1:], gain, bias),
            "rms_norm": lambda x, gain: f.rms_norm(x, x.shape[-1:], gain, 1e-6),
            "log_likelihood": lambda x, target: f.cross_entropy(x, target),
            "dense": lambda x, w, b: f.gelu(x @ w + b, approximate="tanh"),
            "attention": f.scaled_dot_product_attention,
        }[name]

    return make


_ROWS, _SMALL_ROWS = (16384, 4096), (8, 64)
_SQUARE, _SMALL_SQUARE = (4096, 4096), (16, 16)
_HEADS, _SMALL_HEADS = (4, 16, 2048, 64), (1, 2, 16, 8)


def _product(x: tuple[int, ...], w: tuple[int, ...], *_: Any) -> float:
    return 2.0 * x[0] * x[1] * w[1]


def _attention(q: tuple[int, ...], *_: Any) -> float:
    return 4.0 * q[0] * q[1] * q[2] * q[2] * q[3]


CASES = (
    Case("relu_chain", relu_chain, torch_relu_chain, ((1 << 26,),) * 3, ((1000,),) * 3),
    Case("waves", waves, _torch_functional("waves"), ((1 << 26,),) * 2, ((1000,),) * 2),
    Case(
        "gelu",
        gelu,
        _torch_functional("gelu"),
        (_ROWS, _ROWS[1:], _ROWS[1:]),
        (_SMALL_ROWS, _SMALL_ROWS[1:], _SMALL_ROWS[1:]),
    ),
    Case("softmax", softmax, _torch_functional("softmax"), (_ROWS,), (_SMALL_ROWS,)),
    Case(
        "layer_norm",
        layer_norm,
        _torch_functional("layer_norm"),
        (_ROWS, _ROWS[1:], _ROWS[1:]),
        (_SMALL_ROWS, _SMALL_ROWS[1:], _SMALL_ROWS[1:]),
    ),
    Case(
        "rms_norm",
        rms_norm,
        _torch_functional("rms_norm"),
        (_ROWS, _ROWS[1:]),
        (_SMALL_ROWS, _SMALL_ROWS[1:]),
    ),
    Case(
        "log_likelihood",
        log_likelihood,
        _torch_functional("log_likelihood"),
        (_ROWS, _ROWS),
        (_SMALL_ROWS, _SMALL_ROWS),
        written=0.0,
    ),
    Case(
        "dense_f16",
        dense,
        _torch_functional("dense"),
        (_SQUARE, _SQUARE, _SQUARE[1:]),
        (_SMALL_SQUARE, _SMALL_SQUARE, _SMALL_SQUARE[1:]),
        "float16",
        operations=_product,
    ),
    Case(
        "attention_f16",
        attention,
        _torch_functional("attention"),
        (_HEADS,) * 3,
        (_SMALL_HEADS,) * 3,
        "float16",
        operations=_attention,
    ),
    Case("overhead", relu_chain, torch_relu_chain, ((4096,),) * 3, ((64,),) * 3),
)

"""What `benchmarks/gpu.py` measures: plain NumPy functions, and the same in torch.

A case has inputs for a size, and what bounds it: bytes that must move, or operations.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import gpu_models as models

Tree = Any


@dataclass(frozen=True)
class Goal:
    """What a case is to reach: `share` of a peer's speed, of the ``"copy"`` rate, or host `us`."""

    of: str = ""
    share: float = 0.0
    us: float = 0.0


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
    flex : callable or None
        For attention: the function that torch generates a Triton kernel for.
    is_elementwise : bool
    build : callable or None
        ``build(is_small, seed)`` gives the inputs of a model: trees of host arrays.
    goal : Goal
    """

    name: str
    make: Callable[[Any], Callable[..., Any]]
    torch: Callable[[Any], Callable[..., Any]]
    shapes: tuple[tuple[int, ...], ...] = ()
    small: tuple[tuple[int, ...], ...] = ()
    dtype: str = "float32"
    written: float = 1.0
    operations: Callable[..., float] | None = None
    flex: Callable[[Any], Callable[..., Any]] | None = None
    is_elementwise: bool = False
    build: Callable[[bool, int], list[Tree]] | None = None
    goal: Goal = Goal()

    def inputs(self, is_small: bool, seed: int) -> list[Tree]:
        """Host arrays, or trees of them."""
        if self.build is not None:
            return self.build(is_small, seed)
        rng = np.random.default_rng(seed)
        scale = 1.0 if self.operations is None else 0.1
        dtype = element_type(self.dtype)
        shapes = self.small if is_small else self.shapes
        return [(rng.normal(size=shape) * scale).astype(dtype) for shape in shapes]

    def bytes(self) -> float:
        """That must be read and written; 0 for a model."""
        counts = [float(np.prod(shape)) for shape in self.shapes] or [0.0]
        width = 2 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize
        return (sum(counts) + self.written * counts[0]) * width


def element_type(name: str) -> np.dtype:
    """The dtype of a name; NumPy has bfloat16 from the package ml_dtypes."""
    if name == "bfloat16":
        return np.dtype(importlib.import_module("ml_dtypes").bfloat16)
    return np.dtype(name)


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
    activation = gelu(xp)  # of bf16 and numbers of Python it is f32
    return lambda x, w, b: activation(x @ w, 1, b).astype(x.dtype)


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


def flex_attention(torch: Any) -> Callable[..., Any]:
    """Attention for torch's generator of Triton kernels."""
    function: Callable[..., Any] = torch.nn.attention.flex_attention.flex_attention
    return function


def small_steps(xp: Any) -> Callable[..., Any]:
    """Work so small that launching it is all it costs: two products and what stands around them."""
    weights = softmax(xp)
    norm = rms_norm(xp)
    return lambda x, w, gain: weights(norm(x, gain) @ w) @ w


def torch_small_steps(torch: Any) -> Callable[..., Any]:
    f = torch.nn.functional
    return lambda x, w, gain: torch.softmax(f.rms_norm(x, x.shape[-1:], gain, 1e-6) @ w, -1) @ w


_ROWS, _SMALL_ROWS = (16384, 4096), (8, 64)
_SMALL_SQUARE = (16, 16)
_SMALL_HEADS = (1, 2, 16, 8)
_TOKENS, _WIDTH = 16384, 2048  # of attention: in all, and of all heads together
_GPT = {"vocabulary": 50257, "context": 1024, "width": 768, "blocks": 12}
_SMALL_GPT = {"vocabulary": 40, "context": 16, "width": 24, "blocks": 1}  # as many heads
_HEADS = 12
_COPY_90, _COPY_85 = Goal("copy", 0.9), Goal("copy", 0.85)


def _product(x: tuple[int, ...], w: tuple[int, ...], *_: Any) -> float:
    return 2.0 * x[0] * x[1] * w[1]


def _attention(q: tuple[int, ...], *_: Any) -> float:
    return 4.0 * q[0] * q[1] * q[2] * q[2] * q[3]


def _rows_case(name: str, make: Any, vectors: int, goal: Goal, **more: Any) -> Case:
    shapes = (_ROWS, *[_ROWS[1:]] * vectors)
    small = (_SMALL_ROWS, *[_SMALL_ROWS[1:]] * vectors)
    return Case(name, make, _torch_functional(name), shapes, small, goal=goal, **more)


def _dense_case(dtype: str, size: int) -> Case:
    shapes, small = ((size, size),) * 2 + ((size,),), (_SMALL_SQUARE,) * 2 + ((16,),)
    name = f"dense_{'bf16' if dtype == 'bfloat16' else 'f16'}_{size}"
    make_torch = _torch_functional("dense")
    goal = Goal("torch", 0.95)
    return Case(name, dense, make_torch, shapes, small, dtype, operations=_product, goal=goal)


def _attention_case(width: int, tokens: int) -> Case:
    shape = (_TOKENS // tokens, _WIDTH // width, tokens, width)
    return Case(
        f"attention_{width}_{tokens}",
        attention,
        _torch_functional("attention"),
        (shape,) * 3,
        (_SMALL_HEADS,) * 3,
        "float16",
        operations=_attention,
        flex=flex_attention,
        goal=Goal("flex", 1.0),
    )


def _gpt_inputs(is_small: bool, seed: int) -> list[Tree]:
    sizes = _SMALL_GPT if is_small else _GPT
    return models.gpt_inputs(tokens=sizes["context"] // 2, seed=seed, **sizes)


def _decode_inputs(is_small: bool, seed: int) -> list[Tree]:
    sizes = _SMALL_GPT if is_small else _GPT
    return models.decode_inputs(heads=_HEADS, seed=seed, **sizes)


CASES = (
    Case(
        "relu_chain", relu_chain, torch_relu_chain, ((1 << 26,),) * 3, ((1000,),) * 3,
        is_elementwise=True, goal=_COPY_90,
    ),
    Case(
        "waves", waves, _torch_functional("waves"), ((1 << 26,),) * 2, ((1000,),) * 2,
        is_elementwise=True, goal=_COPY_90,
    ),
    _rows_case("gelu", gelu, 2, _COPY_90, is_elementwise=True),
    _rows_case("softmax", softmax, 0, _COPY_85),
    _rows_case("layer_norm", layer_norm, 2, _COPY_85),
    _rows_case("rms_norm", rms_norm, 1, _COPY_85),
    Case(
        "log_likelihood", log_likelihood, _torch_functional("log_likelihood"),
        (_ROWS, _ROWS), (_SMALL_ROWS, _SMALL_ROWS), written=0.0, goal=_COPY_85,
    ),
    *(_dense_case(dtype, size) for dtype in ("float16", "bfloat16") for size in (4096, 8192)),
    *(_attention_case(width, 1024 << k) for width in (64, 128) for k in range(5)),
    Case(
        "gpt_forward", models.forward(_HEADS), models.torch_forward(_HEADS),
        build=_gpt_inputs, goal=Goal("compile", 1.0),
    ),
    Case(
        "gpt_decode", models.decode(_HEADS), models.torch_decode(_HEADS),
        build=_decode_inputs, goal=Goal("compile", 1.0),
    ),
    Case(
        "overhead_launch", relu_chain, torch_relu_chain, ((4096,),) * 3, ((64,),) * 3,
        is_elementwise=True, goal=Goal(us=5.0),
    ),
    Case(
        "overhead_piece", small_steps, torch_small_steps,
        ((64, 64), (64, 64), (64,)), ((8, 8), (8, 8), (8,)), goal=Goal("graphs", us=10.0),
    ),
)  # fmt: skip

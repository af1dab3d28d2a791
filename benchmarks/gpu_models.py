"""Whole models for `benchmarks/gpu.py`: the GPT of `examples/gpt.py`, and one step of decoding."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

_EXAMPLE = Path(__file__).parents[1] / "examples" / "gpt.py"
Tree = Any


def example(xp: Any) -> ModuleType:
    """The example's module, its functions taking those of `xp` for NumPy's."""
    spec = importlib.util.spec_from_file_location(f"gpt_of_{xp.__name__}", _EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module)["np"] = xp
    return module


def gpt_inputs(*, tokens: int, seed: int, **sizes: int) -> list[Tree]:
    """Token numbers and parameters."""
    rng = np.random.default_rng(seed)
    parameters = example(np).make_parameters(rng, **sizes)
    return [rng.integers(0, sizes["vocabulary"], tokens), parameters]


def forward(heads: int) -> Callable[[Any], Callable[..., Any]]:
    """Logits of all tokens."""

    def make(xp: Any) -> Callable[..., Any]:
        gpt = example(xp).gpt
        return lambda tokens, parameters: gpt(tokens, parameters, heads)

    return make


def torch_forward(heads: int) -> Callable[[Any], Callable[..., Any]]:
    """The same, as it is written for torch."""

    def make(torch: Any) -> Callable[..., Any]:
        f = torch.nn.functional

        def block(x: Any, mlp: Tree, attn: Tree, ln_1: Tree, ln_2: Tree) -> Any:
            width = x.shape[-1]
            z = _linear(f.layer_norm(x, (width,), ln_1["g"], ln_1["b"]), attn["c_attn"])
            q, k, v = (part.view(len(x), heads, -1).transpose(0, 1) for part in z.split(width, -1))
            z = f.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + _linear(z.transpose(0, 1).reshape(len(x), width), attn["c_proj"])
            z = _linear(f.layer_norm(x, (width,), ln_2["g"], ln_2["b"]), mlp["c_fc"])
            return x + _linear(f.gelu(z, approximate="tanh"), mlp["c_proj"])

        def gpt(tokens: Any, parameters: Tree) -> Any:
            x = parameters["wte"][tokens] + parameters["wpe"][: len(tokens)]
            for item in parameters["blocks"]:
                x = block(x, **item)
            last = parameters["ln_f"]
            return f.layer_norm(x, x.shape[-1:], last["g"], last["b"]) @ parameters["wte"].T

        return gpt

    return make


def _linear(x: Any, layer: Tree) -> Any:
    return x @ layer["w"] + layer["b"]


def decode_inputs(*, heads: int, seed: int, **sizes: int) -> list[Tree]:
    """Token, its position, all positions, parameters, and keys and values of the tokens before."""
    rng = np.random.default_rng(seed)
    parameters = example(np).make_parameters(rng, **sizes)
    context, width = sizes["context"], sizes["width"]
    shape = (heads, context, width // heads)
    caches = [
        {name: rng.normal(size=shape).astype(np.float32) for name in "kv"}
        for _ in range(sizes["blocks"])
    ]
    at = np.array([3 * context // 4])
    return [np.array([1]), at, np.arange(context), parameters, caches]


def decode(heads: int) -> Callable[[Any], Callable[..., Any]]:
    """Logits after one more token; keys and values of the tokens before are given."""

    def make(xp: Any) -> Callable[..., Any]:
        module = example(xp)

        def attend(z: Any, cache: Tree, is_before: Any) -> Any:
            q, k, v = (part.reshape(heads, 1, -1) for part in xp.split(z, 3, axis=-1))
            scale = q.shape[-1] ** -0.5
            old = xp.sum(cache["k"] * q, axis=-1) * scale
            old = xp.where(is_before, old, -1e10)
            new = xp.sum(k * q, axis=-1) * scale
            top = xp.maximum(xp.max(old, axis=-1, keepdims=True), new)
            old, new = xp.exp(old - top), xp.exp(new - top)
            total = xp.sum(old, axis=-1, keepdims=True) + new
            mixed = xp.sum(old[..., None] * cache["v"], axis=1) + new * v[:, 0]
            return (mixed / total).reshape(1, -1)

        def step(token: Any, at: Any, positions: Any, parameters: Tree, caches: Tree) -> Any:
            x = parameters["wte"][token] + parameters["wpe"][at]
            is_before = positions < at
            for block, cache in zip(parameters["blocks"], caches, strict=True):
                z = _linear(module.layer_norm(x, **block["ln_1"]), block["attn"]["c_attn"])
                x = x + _linear(attend(z, cache, is_before), block["attn"]["c_proj"])
                x = x + module.feed_forward(module.layer_norm(x, **block["ln_2"]), **block["mlp"])
            return module.layer_norm(x, **parameters["ln_f"]) @ parameters["wte"].T

        return step

    return make


def torch_decode(heads: int) -> Callable[[Any], Callable[..., Any]]:
    """The same for torch."""

    def make(torch: Any) -> Callable[..., Any]:
        f = torch.nn.functional

        def attend(z: Any, cache: Tree, is_before: Any) -> Any:
            q, k, v = (part.view(heads, 1, -1) for part in z.split(z.shape[-1] // 3, -1))
            keys, values = (torch.cat(pair, 1) for pair in ((cache["k"], k), (cache["v"], v)))
            seen = torch.cat((is_before, torch.ones_like(is_before[:1])))
            return f.scaled_dot_product_attention(q, keys, values, attn_mask=seen[None]).reshape(
                1, -1
            )

        def step(token: Any, at: Any, positions: Any, parameters: Tree, caches: Tree) -> Any:
            x = parameters["wte"][token] + parameters["wpe"][at]
            width, is_before = x.shape[-1], positions < at
            for block, cache in zip(parameters["blocks"], caches, strict=True):
                norm, attn, mlp = block["ln_1"], block["attn"], block["mlp"]
                z = _linear(f.layer_norm(x, (width,), norm["g"], norm["b"]), attn["c_attn"])
                x = x + _linear(attend(z, cache, is_before), attn["c_proj"])
                norm = block["ln_2"]
                z = _linear(f.layer_norm(x, (width,), norm["g"], norm["b"]), mlp["c_fc"])
                x = x + _linear(f.gelu(z, approximate="tanh"), mlp["c_proj"])
            last = parameters["ln_f"]
            return f.layer_norm(x, (width,), last["g"], last["b"]) @ parameters["wte"].T

        return step

    return make

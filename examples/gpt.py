"""A GPT-2-style decoder in plain NumPy: forward pass and greedy generation.

Nothing here knows jitflow: `gpt` and `generate` are ordinary functions. The parameters are a dict
with a list of dicts, one for each block, as such programs usually have them.

Architecture: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019).
"""

from __future__ import annotations

from typing import Any

import numpy as np

Parameters = dict[str, Any]


def make_parameters(
    rng: np.random.Generator,
    *,
    vocabulary: int = 1000,
    context: int = 128,
    width: int = 128,
    blocks: int = 2,
) -> Parameters:
    """Random float32 parameters; `width` is the embedding size."""

    def weights(*shape: int) -> np.ndarray:
        return (0.02 * rng.standard_normal(shape)).astype(np.float32)

    def norm() -> dict[str, np.ndarray]:
        return {"g": np.ones(width, np.float32), "b": np.zeros(width, np.float32)}

    def linear(inputs: int, outputs: int) -> dict[str, np.ndarray]:
        return {"w": weights(inputs, outputs), "b": np.zeros(outputs, np.float32)}

    def block() -> dict[str, Any]:
        return {
            "ln_1": norm(),
            "attn": {"c_attn": linear(width, 3 * width), "c_proj": linear(width, width)},
            "ln_2": norm(),
            "mlp": {"c_fc": linear(width, 4 * width), "c_proj": linear(4 * width, width)},
        }

    return {
        "wte": weights(vocabulary, width),
        "wpe": weights(context, width),
        "blocks": [block() for _ in range(blocks)],
        "ln_f": norm(),
    }


def gelu(x):
    """Gaussian error linear unit, tanh form."""
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def softmax(x):
    """Softmax over the last axis."""
    shifted = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return shifted / np.sum(shifted, axis=-1, keepdims=True)


def layer_norm(x, g, b, eps: float = 1e-5):
    """Normalise the last axis, then scale and shift."""
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.var(x, axis=-1, keepdims=True)
    return g * (x - mean) / np.sqrt(variance + eps) + b


def linear(x, w, b):
    """Affine map of the last axis."""
    return x @ w + b


def attention(q, k, v, mask):
    """Scaled dot-product attention of one head: (tokens, head width) each."""
    return softmax(q @ k.T / np.sqrt(q.shape[-1]) + mask) @ v


def multi_head_attention(x, c_attn, c_proj, heads: int):
    """Causal self-attention: (tokens, width) -> (tokens, width)."""
    x = linear(x, **c_attn)
    qkv = [np.split(part, heads, axis=-1) for part in np.split(x, 3, axis=-1)]
    seen = np.tril(np.ones_like(x, shape=(x.shape[0], x.shape[0])))
    causal = (1 - seen) * -1e10
    out = [attention(q, k, v, causal) for q, k, v in zip(*qkv, strict=True)]
    return linear(np.hstack(out), **c_proj)


def feed_forward(x, c_fc, c_proj):
    """Two-layer perceptron with GELU."""
    return linear(gelu(linear(x, **c_fc)), **c_proj)


def transformer_block(x, mlp, attn, ln_1, ln_2, heads: int):
    """Pre-norm block: attention and perceptron, each with a residual connection."""
    x = x + multi_head_attention(layer_norm(x, **ln_1), **attn, heads=heads)
    return x + feed_forward(layer_norm(x, **ln_2), **mlp)


def gpt(tokens, parameters: Parameters, heads: int = 4):
    """Logits (tokens, vocabulary) for an int64 array of token numbers."""
    x = parameters["wte"][tokens] + parameters["wpe"][: len(tokens)]
    for block in parameters["blocks"]:
        x = transformer_block(x, **block, heads=heads)
    return layer_norm(x, **parameters["ln_f"]) @ parameters["wte"].T


def generate(model, tokens: list[int], parameters: Parameters, count: int) -> list[int]:
    """Append `count` greedily chosen tokens; the sequence grows by one at every step.

    Tokens are put where the parameters are.
    """
    tokens = list(tokens)
    for _ in range(count):
        logits = model(np.asarray(tokens, like=parameters["wte"]), parameters)
        tokens.append(int(np.argmax(logits[-1])))
    return tokens

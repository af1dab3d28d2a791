"""Transformers: blocks, caches, generation."""

import math

import numpy as np

from benchmarks.programs.registry import program


def gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def softmax(x, axis=-1):
    x = x - np.max(x, axis=axis, keepdims=True)
    e = np.exp(x)
    return e / np.sum(e, axis=axis, keepdims=True)


def layer_norm(x, g, b, eps=1e-5):
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.var(x, axis=-1, keepdims=True)
    return g * (x - mean) / np.sqrt(variance + eps) + b


def _rng_weights(seed=0):
    rng = np.random.default_rng(seed)

    def weights(*shape):
        return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)

    return rng, weights


def _gpt(n, d=32, layers=2, vocab=50):
    rng, w = _rng_weights()
    blocks = [
        {
            "ln_1": {"g": np.ones(d, "f4"), "b": np.zeros(d, "f4")},
            "attn": {"c_attn": {"w": w(d, 3 * d), "b": np.zeros(3 * d, "f4")},
                     "c_proj": {"w": w(d, d), "b": np.zeros(d, "f4")}},
            "ln_2": {"g": np.ones(d, "f4"), "b": np.zeros(d, "f4")},
            "mlp": {"c_fc": {"w": w(d, 4 * d), "b": np.zeros(4 * d, "f4")},
                    "c_proj": {"w": w(4 * d, d), "b": np.zeros(d, "f4")}},
        }
        for _ in range(layers)
    ]  # fmt: skip
    params = {
        "wte": w(vocab, d), "wpe": w(256, d), "blocks": blocks,
        "ln_f": {"g": np.ones(d, "f4"), "b": np.zeros(d, "f4")},
    }  # fmt: skip
    return rng.integers(0, vocab, n).tolist(), params


def linear(x, w, b):
    return x @ w + b


def attention(q, k, v, mask):
    return softmax(q @ k.T / np.sqrt(q.shape[-1]) + mask) @ v


def mha(x, c_attn, c_proj, n_head):
    x = linear(x, **c_attn)
    qkv = np.split(x, 3, axis=-1)
    qkv_heads = [np.split(part, n_head, axis=-1) for part in qkv]
    causal_mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10
    out_heads = [attention(q, k, v, causal_mask) for q, k, v in zip(*qkv_heads)]
    return linear(np.hstack(out_heads), **c_proj)


def transformer_block(x, mlp, attn, ln_1, ln_2, n_head):
    x = x + mha(layer_norm(x, **ln_1), **attn, n_head=n_head)
    h = gelu(linear(layer_norm(x, **ln_2), **mlp["c_fc"]))
    return x + linear(h, **mlp["c_proj"])


@program(_gpt, 6, 64)
def gpt_logits(inputs, params):
    """Nested dictionaries splatted into functions."""
    x = params["wte"][inputs] + params["wpe"][range(len(inputs))]
    for block in params["blocks"]:
        x = transformer_block(x, **block, n_head=4)
    return layer_norm(x, **params["ln_f"]) @ params["wte"].T


@program(_gpt, 5, 16)
def gpt_greedy(inputs, params):
    inputs = list(inputs)
    for _ in range(8):
        logits = gpt_logits(inputs, params)
        next_id = np.argmax(logits[-1])
        inputs.append(int(next_id))
    return inputs


class MultiHeadAttention:
    def __init__(self, d_model, n_heads, w):
        self.h, self.d_k = n_heads, d_model // n_heads
        self.Wq, self.Wk, self.Wv, self.Wo = (w(d_model, d_model) for _ in range(4))

    def split_heads(self, x):
        batch, length, _ = x.shape
        return x.reshape(batch, length, self.h, self.d_k).transpose(0, 2, 1, 3)

    def __call__(self, q, k, v, mask=None):
        q, k, v = (
            self.split_heads(q @ self.Wq),
            self.split_heads(k @ self.Wk),
            self.split_heads(v @ self.Wv),
        )
        scores = np.matmul(q, k.transpose(0, 1, 3, 2)) / math.sqrt(self.d_k)
        if mask is not None:
            scores = np.where(mask == 0, -1e9, scores)
        self.weights = softmax(scores)
        out = (self.weights @ v).transpose(0, 2, 1, 3)
        return out.reshape(out.shape[0], -1, self.h * self.d_k) @ self.Wo


class FeedForward:
    def __init__(self, d_model, d_ff, w):
        self.W1, self.b1 = w(d_model, d_ff), np.zeros(d_ff, "f4")
        self.W2, self.b2 = w(d_ff, d_model), np.zeros(d_model, "f4")

    def __call__(self, x):
        return np.maximum(0, x @ self.W1 + self.b1) @ self.W2 + self.b2


class LayerNorm:
    def __init__(self, d, eps=1e-6):
        self.gamma, self.beta, self.eps = np.ones(d, "f4"), np.zeros(d, "f4"), eps

    def __call__(self, x):
        mean, std = x.mean(-1, keepdims=True), x.std(-1, keepdims=True)
        return self.gamma * (x - mean) / (std + self.eps) + self.beta


class EncoderLayer:
    def __init__(self, d_model, n_heads, d_ff, w):
        self.attention = MultiHeadAttention(d_model, n_heads, w)
        self.feed_forward = FeedForward(d_model, d_ff, w)
        self.norm1, self.norm2 = LayerNorm(d_model), LayerNorm(d_model)

    def __call__(self, x, mask):
        x = self.norm1(x + self.attention(x, x, x, mask))
        return self.norm2(x + self.feed_forward(x))


def positional_encoding(length, d_model):
    pos = np.arange(length)[:, np.newaxis]
    i = np.arange(d_model)[np.newaxis, :]
    angles = pos / np.power(10000, (2 * (i // 2)) / np.float32(d_model))
    angles[:, 0::2] = np.sin(angles[:, 0::2])
    angles[:, 1::2] = np.cos(angles[:, 1::2])
    return angles[np.newaxis, ...].astype(np.float32)


def _encoder(n):
    rng, w = _rng_weights()
    tokens = rng.integers(0, 40, (2, n))
    tokens[1, n // 2 :] = 0
    return tokens, w(40, 32), [EncoderLayer(32, 4, 64, w) for _ in range(2)]


@program(_encoder, 6, 64)
def encoder_of_objects(tokens, embedding, layers):
    mask = (tokens != 0).astype(np.int64)[:, np.newaxis, np.newaxis, :]
    x = embedding[tokens] * np.sqrt(32).astype(np.float32)
    x = x + positional_encoding(tokens.shape[1], 32)
    for layer in layers:
        x = layer(x, mask)
    return x, layers[-1].attention.weights


def _llama(n, d=32, heads=4, layers=2):
    rng, w = _rng_weights()
    blocks = [
        {"wq": w(d, d), "wk": w(d, d // 2), "wv": w(d, d // 2), "wo": w(d, d), "w1": w(d, 3 * d),
         "w3": w(d, 3 * d), "w2": w(3 * d, d), "norm1": np.ones(d, "f4"), "norm2": np.ones(d, "f4")}
        for _ in range(layers)
    ]  # fmt: skip
    return rng.standard_normal((1, n, d)).astype(np.float32), blocks, heads


def rms_norm(x, weight, eps=1e-6):
    return x * (1 / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)) * weight


def silu(x):
    return x * (1 / (1 + np.exp(-x)))


def rotary_tables(head_dim, length, theta=10000.0):
    inv = 1.0 / theta ** (np.arange(0, head_dim, 2)[: head_dim // 2] / head_dim)
    freqs = np.outer(np.arange(length), inv)
    return np.cos(freqs).astype(np.float32), np.sin(freqs).astype(np.float32)


def apply_rotary(x, cos, sin):
    """On (batch, length, heads, head_dim), pairs side by side."""
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    re, im = np.split(pairs, 2, axis=-1)
    re, im = re.squeeze(-1), im.squeeze(-1)
    cos, sin = np.expand_dims(cos, axis=(0, 2)), np.expand_dims(sin, axis=(0, 2))
    out = np.stack((re * cos - im * sin, re * sin + im * cos), axis=-1)
    return out.reshape(x.shape)


def rotate_half(x):
    x1, x2 = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return np.concatenate((-x2, x1), axis=-1)


@program(_llama, 6, 64)
def llama_blocks(x, blocks, n_heads):
    """Rotary embedding, grouped queries, RMS norm, SwiGLU."""
    B, L, D = x.shape
    hd = D // n_heads
    cos, sin = rotary_tables(hd, L)
    mask = np.triu(np.full((L, L), float("-inf"), dtype=np.float32), k=1)
    for p in blocks:
        h = rms_norm(x, p["norm1"])
        q = (h @ p["wq"]).reshape(B, L, n_heads, hd)
        k = (h @ p["wk"]).reshape(B, L, n_heads // 2, hd)
        v = (h @ p["wv"]).reshape(B, L, n_heads // 2, hd)
        q, k = apply_rotary(q, cos, sin), apply_rotary(k, cos, sin)
        k, v = np.repeat(k, 2, axis=2), np.repeat(v, 2, axis=2)
        q, k, v = (t.transpose(0, 2, 1, 3) for t in (q, k, v))
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(hd) + mask[None, None, :, :]
        out = (softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(B, L, -1)
        x = x + out @ p["wo"]
        h = rms_norm(x, p["norm2"])
        x = x + (silu(h @ p["w1"]) * (h @ p["w3"])) @ p["w2"]
    return x


@program(_llama, 6, 64)
def einsum_attention(x, blocks, n_heads):
    """Everything by einsum; rotary by halves; mask by `np.where`."""
    B, L, D = x.shape
    E = D // n_heads
    angles = np.einsum("i,j->ij", np.arange(L), 1 / 10000 ** (np.arange(0, E, 2) / E))
    angles = np.concatenate([angles, angles], axis=-1).astype(x.dtype)
    cos, sin = np.cos(angles)[None, :, None], np.sin(angles)[None, :, None]
    keep = np.tril(np.ones((L, L), dtype=bool))
    for p in blocks:
        q = np.einsum("bld,dhe->blhe", x, p["wq"].reshape(D, n_heads, E))
        k = np.einsum("bld,dhe->blhe", x, p["wo"].reshape(D, n_heads, E))
        v = np.einsum("bld,dhe->blhe", x, p["wq"].T.reshape(D, n_heads, E))
        q, k = q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin
        att = np.einsum("bqhe,bkhe->bhqk", q, k) / E**0.5
        att = softmax(np.where(keep, att, -np.inf))
        out = np.einsum("bhqk,bkhe->bqhe", att, v)
        x = x + np.einsum("blhe,hed->bld", out, p["wo"].reshape(n_heads, E, D))
    return x


class CachedAttention:
    """Keys and values in arrays made once, written by slices."""

    def __init__(self, d, heads, max_len, w):
        self.wqkv, self.wo = w(d, 3 * d), w(d, d)
        self.heads, self.hd = heads, d // heads
        self.cache_k = np.zeros((1, max_len, heads, self.hd), dtype=np.float32)
        self.cache_v = np.zeros((1, max_len, heads, self.hd), dtype=np.float32)

    def __call__(self, x, start_pos):
        B, L, D = x.shape
        qkv = x @ self.wqkv
        q, k, v = (
            qkv[..., i * D : (i + 1) * D].reshape(B, L, self.heads, self.hd) for i in range(3)
        )
        self.cache_k[:B, start_pos : start_pos + L] = k
        self.cache_v[:B, start_pos : start_pos + L] = v
        ks = self.cache_k[:B, : start_pos + L]
        vs = self.cache_v[:B, : start_pos + L]
        q, ks, vs = q.transpose(0, 2, 1, 3), ks.transpose(0, 2, 3, 1), vs.transpose(0, 2, 1, 3)
        scores = softmax(q @ ks / np.sqrt(np.float32(self.hd)))
        return (scores @ vs).transpose(0, 2, 1, 3).reshape(B, L, D) @ self.wo


def _cached(n):
    rng, w = _rng_weights()
    layers = [CachedAttention(32, 4, 64, w) for _ in range(2)]
    return rng.standard_normal((1, 1, 32)).astype(np.float32), layers, n


@program(_cached, 6, 48)
def decode_with_cache(x, layers, steps):
    outputs = []
    for pos in range(steps):
        for layer in layers:
            x = x + layer(x, pos)
        x = x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + 1e-5)
        outputs.append(x[0, 0])
    return np.array(outputs)


@program(_cached, 5, 32)
def decode_with_growing_cache(x, layers, steps):
    """Keys and values concatenated, None at first."""
    caches = [None] * len(layers)
    outs = []
    for _ in range(steps):
        for i, layer in enumerate(layers):
            q, k, v = np.split(x[0] @ layer.wqkv, 3, axis=-1)
            if caches[i] is not None:
                k = np.concatenate([caches[i][0], k], axis=0)
                v = np.vstack([caches[i][1], v])
            caches[i] = (k, v)
            x = x + (softmax(q @ k.T / 4.0) @ v @ layer.wo)[None]
        x = layer_norm(x, 1.0, 0.0)
        outs.append(float(np.round(x.sum(), 3)))
    return x, outs


def top_k_top_p(logits, k, p, temperature, rng):
    logits = logits / temperature
    kth = np.sort(logits)[-k]
    logits = np.where(logits < kth, -np.inf, logits)
    order = np.argsort(logits)[::-1]
    probs = softmax(logits[order])
    cut = np.cumsum(probs) - probs > p
    probs[cut] = 0.0
    probs /= probs.sum()
    return order[rng.choice(len(probs), p=probs)]


@program(lambda n: _gpt(n, layers=1), 4, 8)
def sample_tokens(inputs, params):
    rng = np.random.default_rng(7)
    tokens = np.array(inputs)
    for _ in range(6):
        logits = gpt_logits(tokens, params)[-1]
        token = top_k_top_p(logits.astype(np.float64), 10, 0.9, 0.8, rng)
        tokens = np.append(tokens, token)
    return tokens


@program(_llama, 6, 48)
def attention_backward(x, blocks, n_heads):
    """Forward and hand-written gradients of one attention layer."""
    p = blocks[0]
    B, L, D = x.shape
    H, hd = n_heads, D // n_heads

    def heads(t):
        return t.reshape(B, L, H, hd).transpose(0, 2, 1, 3)

    def merge(t):
        return t.transpose(0, 2, 1, 3).reshape(B, L, D)

    q, k, v = heads(x @ p["wq"]), heads(x @ p["wo"]), heads(x @ p["wq"])
    scale = np.float32(1 / np.sqrt(hd))
    s = q @ k.swapaxes(-1, -2) * scale
    future = np.triu(np.ones((L, L), dtype=bool), 1)
    s[..., future] = -1e9
    a = softmax(s)
    y = merge(a @ v) @ p["wo"]
    dy = y - x
    d_wo = merge(a @ v).reshape(-1, D).T @ dy.reshape(-1, D)
    d_o = heads(dy @ p["wo"].T)
    dv = a.swapaxes(-1, -2) @ d_o
    da = d_o @ v.swapaxes(-1, -2)
    ds = a * (da - np.sum(da * a, axis=-1, keepdims=True))
    ds = np.where(future, 0, ds) * scale
    dq, dk = ds @ k, ds.transpose(0, 1, 3, 2) @ q
    dx = merge(dq) @ p["wq"].T + merge(dk) @ p["wo"].T + merge(dv) @ p["wq"].T
    d_wq = np.einsum("bld,ble->de", x, merge(dq)) + np.tensordot(
        x, merge(dv), axes=([0, 1], [0, 1])
    )
    return y, dx, d_wq, d_wo


def _image_patches(n):
    rng, w = _rng_weights()
    d = 32
    p = {"patch": w(48, d), "t1": w(d, d), "t2": w(d, d), "ada": w(d, 6 * d), "qkv": w(d, 3 * d),
         "out": w(d, d), "up": w(d, 4 * d), "down": w(4 * d, d), "final": w(d, 48)}  # fmt: skip
    return rng.standard_normal((2, n, n, 3)).astype(np.float32), np.array([10.0, 400.0], "f4"), p


def modulate(x, shift, scale):
    return x * (1 + np.expand_dims(scale, 1)) + np.expand_dims(shift, 1)


def plain_norm(x):
    mu = x.mean(axis=-1, keepdims=True)
    return (x - mu) / np.sqrt(((x - mu) ** 2).mean(axis=-1, keepdims=True) + np.float32(1e-6))


def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = np.exp(-math.log(max_period) * np.arange(0, half, dtype=np.float32) / half)
    args = t[:, None] * freqs[None]
    return np.concatenate([np.cos(args), np.sin(args)], axis=-1)


@program(_image_patches, 8, 32)
def diffusion_transformer(images, t, p):
    """Patches, adaptive layer norm, one block, patches back."""
    B, H, W, C = images.shape
    P, D, heads = 4, 32, 4
    x = images.reshape(B, H // P, P, W // P, P, C).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(B, (H // P) * (W // P), P * P * C) @ p["patch"]
    c = timestep_embedding(t, D) @ p["t1"]
    c = silu(c) @ p["t2"]
    s1, k1, g1, s2, k2, g2 = np.split(silu(c) @ p["ada"], 6, axis=1)
    h = modulate(plain_norm(x), s1, k1)
    qkv = (h @ p["qkv"]).reshape(B, -1, 3, heads, D // heads).transpose(2, 0, 3, 1, 4)
    q, k, v = qkv
    att = softmax(q @ np.swapaxes(k, -2, -1) * (D // heads) ** -0.5)
    h = (att @ v).transpose(0, 2, 1, 3).reshape(B, -1, D) @ p["out"]
    x = x + g1[:, None, :] * h
    x = x + g2[:, None, :] * (gelu(modulate(plain_norm(x), s2, k2) @ p["up"]) @ p["down"])
    x = (x @ p["final"]).reshape(B, H // P, W // P, P, P, C)
    return np.einsum("nhwpqc->nhpwqc", x).reshape(B, H, W, C)


@program(lambda n: _llama(n, layers=1), 8, 64)
def linear_attention(x, blocks, n_heads):
    """With a running sum of outer products over time."""
    B, L, D = x.shape
    p = blocks[0]
    q, k, v = x @ p["wq"], x @ p["wo"], x @ p["wq"]
    q, k = np.where(q > 0, q + 1, np.exp(q)), np.where(k > 0, k + 1, np.exp(k))
    S, z = np.zeros((B, D, D), np.float32), np.zeros((B, D), np.float32)
    out = np.empty_like(v)
    for t in range(L):
        S += k[:, t, :, None] * v[:, t, None, :]
        z += k[:, t]
        out[:, t] = np.einsum("bd,bde->be", q[:, t], S) / (np.sum(q[:, t] * z, -1) + 1e-6)[:, None]
    return out


@program(lambda n: _llama(n, layers=1), 8, 96)
def attention_with_bias_and_windows(x, blocks, n_heads):
    """ALiBi slopes and a band of neighbours."""
    B, L, D = x.shape
    hd = D // n_heads
    q = x.reshape(B, L, n_heads, hd).swapaxes(1, 2)
    slopes = 2.0 ** (-8.0 * np.arange(1, n_heads + 1) / n_heads)
    distance = np.arange(L)[None, :] - np.arange(L)[:, None]
    bias = (slopes[:, None, None] * -np.abs(distance)).astype(np.float32)
    band = (distance <= 0) & (distance > -16)
    s = np.matmul(q, q.swapaxes(2, 3)) / np.sqrt(hd).astype("f4") + bias
    s = np.where(band[None, None], s, np.finfo(np.float32).min)
    s -= s.max(-1, keepdims=True)
    np.exp(s, out=s)
    s /= s.sum(-1, keepdims=True)
    return np.matmul(s, q).swapaxes(1, 2).reshape(B, L, D)

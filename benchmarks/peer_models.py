"""Models for `benchmarks.peers`: forward passes and training steps, gradients written by hand.

Nothing is written in place and nothing depends on data, so that every peer can run the same source
with ``np`` replaced. Everything is single precision.
"""

from __future__ import annotations

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def normalized(x):
    d = x - np.mean(x, axis=-1, keepdims=True)
    return d / np.sqrt(np.mean(d * d, axis=-1, keepdims=True) + 1e-5)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * (x * x * x))))


def logistic_step(x, y, w, b):
    d = (softmax(x @ w + b) - y) * (1.0 / x.shape[0])
    return w - 0.1 * (x.T @ d), b - 0.1 * np.sum(d, axis=0)


def adam(p, g, m, v, t):
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * (g * g)
    step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return p - 1e-3 * step, m, v


def mlp_adam_step(x, y, params, ms, vs, t):
    w1, b1, w2, b2, w3, b3 = params
    h1 = np.maximum(x @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    d3 = (softmax(h2 @ w3 + b3) - y) * (1.0 / x.shape[0])
    d2 = (d3 @ w3.T) * (h2 > 0)
    d1 = (d2 @ w2.T) * (h1 > 0)
    grads = (
        x.T @ d1, np.sum(d1, axis=0), h1.T @ d2, np.sum(d2, axis=0), h2.T @ d3,
        np.sum(d3, axis=0),
    )  # fmt: skip
    return [adam(p, g, m, v, t) for p, g, m, v in zip(params, grads, ms, vs)]


def gru(xs, w, u, b):
    n = u.shape[0]
    h = np.zeros((xs.shape[1], n), dtype=np.float32)
    for t in range(xs.shape[0]):
        a = xs[t] @ w + b
        c = h @ u
        z = sigmoid(a[:, :n] + c[:, :n])
        r = sigmoid(a[:, n : 2 * n] + c[:, n : 2 * n])
        h = (1 - z) * np.tanh(a[:, 2 * n :] + r * c[:, 2 * n :]) + z * h
    return h


def birnn(xs, w, u, b, w2, u2, b2):
    h = g = np.zeros((xs.shape[1], u.shape[0]), dtype=np.float32)
    steps = xs.shape[0]
    forward, backward = [], []
    for t in range(steps):
        h = np.tanh(xs[t] @ w + h @ u + b)
        g = np.tanh(xs[steps - 1 - t] @ w2 + g @ u2 + b2)
        forward.append(h)
        backward.append(g)
    return np.concatenate([np.stack(forward), np.stack(backward[::-1])], axis=-1)


def heads_of(x, heads):
    batch, tokens, width = x.shape
    return np.transpose(np.reshape(x, (batch, tokens, heads, width // heads)), (0, 2, 1, 3))


def attention(x, p, heads, mask):
    batch, tokens, width = x.shape
    q, k, v = (heads_of(x @ p[name], heads) for name in ("wq", "wk", "wv"))
    scores = q @ np.transpose(k, (0, 1, 3, 2)) * (1.0 / (width // heads) ** 0.5) + mask
    mixed = np.transpose(softmax(scores) @ v, (0, 2, 1, 3))
    return np.reshape(mixed, (batch, tokens, width)) @ p["wo"]


def gpt_blocks(x, layers, mask):
    for p in layers:
        x = x + attention(normalized(x) * p["g1"], p, 4, mask)
        x = x + gelu(normalized(x) * p["g2"] @ p["w1"] + p["b1"]) @ p["w2"]
    return normalized(x)


def gpt_train_step(x, target, p, mask):
    """One block: forward, loss, and the gradients of all weights."""
    batch, tokens, width = x.shape
    heads = 4
    scale = 1.0 / (width // heads) ** 0.5
    q, k, v = (heads_of(x @ p[name], heads) for name in ("wq", "wk", "wv"))
    a = softmax(q @ np.transpose(k, (0, 1, 3, 2)) * scale + mask)
    mixed = np.reshape(np.transpose(a @ v, (0, 2, 1, 3)), (batch, tokens, width))
    h = x + mixed @ p["wo"]
    u = h @ p["w1"] + p["b1"]
    r = np.maximum(u, 0)
    y = h + r @ p["w2"]
    dy = (y - target) * (2.0 / (batch * tokens * width))
    flat = (batch * tokens, -1)

    def outer(left, right):
        return np.reshape(left, flat).T @ np.reshape(right, flat)

    d_w2 = outer(r, dy)
    du = (dy @ p["w2"].T) * (u > 0)
    dh = dy + du @ p["w1"].T
    d_mixed = heads_of(dh @ p["wo"].T, heads)
    dv = np.transpose(a, (0, 1, 3, 2)) @ d_mixed
    da = d_mixed @ np.transpose(v, (0, 1, 3, 2))
    ds = a * (da - np.sum(da * a, axis=-1, keepdims=True)) * scale

    def merged(t):
        return np.reshape(np.transpose(t, (0, 2, 1, 3)), (batch, tokens, width))

    dq, dk, dv = merged(ds @ k), merged(np.transpose(ds, (0, 1, 3, 2)) @ q), merged(dv)
    dx = dh + dq @ p["wq"].T + dk @ p["wk"].T + dv @ p["wv"].T
    loss = np.mean((y - target) * (y - target))
    return (
        loss, dx, outer(x, dq), outer(x, dk), outer(x, dv), outer(mixed, dh), outer(h, du),
        np.sum(np.reshape(du, flat), axis=0), d_w2,
    )  # fmt: skip


def decode_step(x, p, keys, values):
    """One token against a cache of keys and values."""
    width, heads = x.shape[-1], 4
    h = normalized(x)
    shape = (1, heads, width // heads)
    q = np.reshape(h @ p["wq"], shape)
    keys = np.concatenate([keys, np.reshape(h @ p["wk"], shape)], axis=0)
    values = np.concatenate([values, np.reshape(h @ p["wv"], shape)], axis=0)
    scores = np.transpose(q, (1, 0, 2)) @ np.transpose(keys, (1, 2, 0)) * 0.125
    mixed = np.transpose(softmax(scores) @ np.transpose(values, (1, 0, 2)), (1, 0, 2))
    x = x + np.reshape(mixed, (1, width)) @ p["wo"]
    return x + gelu(normalized(x) @ p["w1"] + p["b1"]) @ p["w2"], keys, values


def dit_block(x, c, p):
    """Adaptive layer norm of six parts."""
    width = x.shape[-1]
    m = (c * sigmoid(c)) @ p["ada"]
    s1, k1, g1, s2, k2, g2 = (m[:, None, i * width : (i + 1) * width] for i in range(6))
    x = x + g1 * attention(normalized(x) * (1 + k1) + s1, p, 4, 0.0)
    return x + g2 * (gelu((normalized(x) * (1 + k2) + s2) @ p["w1"] + p["b1"]) @ p["w2"])


def conv3x3(x, w, stride=1):
    """Channels last, no padding: patches side by side, then one product."""
    height, width = x.shape[1] - 2, x.shape[2] - 2
    patches = [
        x[:, i : i + height : stride, j : j + width : stride] for i in range(3) for j in range(3)
    ]
    return np.concatenate(patches, axis=-1) @ w


def padded(x):
    rows = np.zeros((x.shape[0], 1, x.shape[2], x.shape[3]), dtype=np.float32)
    x = np.concatenate([rows, x, rows], axis=1)
    columns = np.zeros((x.shape[0], x.shape[1], 1, x.shape[3]), dtype=np.float32)
    return np.concatenate([columns, x, columns], axis=2)


def pooled(x):
    n, h, w, c = x.shape
    x = np.max(np.reshape(x, (n, h // 2, 2, w, c)), axis=2, keepdims=False)
    return np.max(np.reshape(x, (n, h // 2, w // 2, 2, c)), axis=3, keepdims=False)


def convolution_net(x, ws, dense):
    """Three convolutions with pooling, two dense layers."""
    for w in ws:
        x = pooled(np.maximum(conv3x3(padded(x), w), 0))
    x = np.reshape(x, (x.shape[0], -1))
    return np.maximum(x @ dense[0], 0) @ dense[1]


def resnet_blocks(x, blocks):
    for w1, w2, scale in blocks:
        h = np.maximum(conv3x3(padded(x), w1) * scale, 0)
        x = np.maximum(x + conv3x3(padded(h), w2) * scale, 0)
    return np.mean(np.mean(x, axis=1), axis=1)


def doubled(x):
    n, h, w, c = x.shape
    x = np.concatenate([x[:, :, None]] * 2, axis=2)
    x = np.concatenate([np.reshape(x, (n, 2 * h, w, 1, c))] * 2, axis=3)
    return np.reshape(x, (n, 2 * h, 2 * w, c))


def unet(x, down1, down2, middle, up2, up1):
    d1 = np.maximum(conv3x3(padded(x), down1), 0)
    d2 = np.maximum(conv3x3(padded(pooled(d1)), down2), 0)
    m = np.maximum(conv3x3(padded(pooled(d2)), middle), 0)
    u2 = np.maximum(conv3x3(padded(np.concatenate([doubled(m), d2], axis=-1)), up2), 0)
    return conv3x3(padded(np.concatenate([doubled(u2), d1], axis=-1)), up1)


def losses(p, t, logits, onehot):
    mse = np.mean((p - t) * (p - t))
    hinge = np.mean(np.maximum(1 - p * t, 0))
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))
    entropy = -np.mean(np.sum(onehot * log_p, axis=-1))
    ranking = np.mean(np.maximum(0.1 - (p[:1000, None] - p[None, :1000]), 0))
    return mse, hinge, entropy, ranking


def experts_dense(x, gate, w1, w2):
    """All experts on all tokens, weighted by their gates."""
    gates = softmax(x @ gate)
    h = np.maximum(x[None] @ w1, 0)
    return np.sum((h @ w2) * np.transpose(gates, (1, 0))[:, :, None], axis=0)

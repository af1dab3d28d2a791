"""Mixtures of experts: each author's way to send tokens."""

import numpy as np

from benchmarks.programs.registry import program


def _mixture(n, d=16, experts=4, hidden=24):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, d)).astype(np.float32)
    gate = rng.standard_normal((d, experts)).astype(np.float32)
    w1 = (rng.standard_normal((experts, d, hidden)) * 0.2).astype(np.float32)
    w2 = (rng.standard_normal((experts, hidden, d)) * 0.2).astype(np.float32)
    return x, gate, w1, w2


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@program(_mixture, 12, 512)
def experts_by_mask(x, gate, w1, w2):
    logits = x @ gate
    top = np.argsort(logits, axis=-1)[:, -2:]
    weights = softmax(np.take_along_axis(logits, top, axis=-1))
    out = np.zeros_like(x)
    for e in range(w1.shape[0]):
        for slot in range(2):
            chosen = top[:, slot] == e
            if not np.any(chosen):
                continue
            h = np.maximum(x[chosen] @ w1[e], 0)
            out[chosen] += weights[chosen, slot][:, None] * (h @ w2[e])
    return out


@program(_mixture, 12, 512)
def experts_by_index(x, gate, w1, w2):
    probs = softmax(x @ gate)
    top = np.argpartition(-probs, 2, axis=1)[:, :2]
    scale = np.take_along_axis(probs, top, axis=1)
    scale = scale / scale.sum(axis=1, keepdims=True)
    out = np.zeros_like(x)
    for e in range(len(w1)):
        rows, slots = np.nonzero(top == e)
        if rows.size == 0:
            continue
        h = x[rows] @ w1[e]
        h = h / (1 + np.exp(-h))
        np.add.at(out, rows, scale[rows, slots, None] * (h @ w2[e]))
    load = np.bincount(top.ravel(), minlength=len(w1))
    return out, load, len(w1) * np.sum(load / load.sum() * probs.mean(axis=0))


@program(_mixture, 12, 512)
def experts_sorted(x, gate, w1, w2):
    """Tokens sorted by expert, a run of rows for each."""
    choice = np.argmax(x @ gate, axis=1)
    order = np.argsort(choice, kind="stable")
    counts = np.bincount(choice, minlength=w1.shape[0])
    ends = np.cumsum(counts)
    xs = x[order]
    ys = np.empty_like(xs)
    start = 0
    for e, end in enumerate(ends):
        ys[start:end] = np.tanh(xs[start:end] @ w1[e]) @ w2[e]
        start = end
    out = np.empty_like(ys)
    out[order] = ys
    return out, counts


@program(_mixture, 12, 512)
def experts_dense(x, gate, w1, w2):
    """All experts on all tokens, weighted; one-hot gates."""
    logits = x @ gate
    rank = np.argsort(np.argsort(-logits, axis=1), axis=1)
    gates = softmax(np.where(rank < 2, logits, -np.inf))
    h = np.maximum(np.einsum("nd,edh->neh", x, w1), 0)
    y = np.einsum("neh,ehd->ned", h, w2)
    return np.einsum("ne,ned->nd", gates, y), np.eye(w1.shape[0])[logits.argmax(1)].sum(0)


@program(_mixture, 12, 256)
def experts_with_capacity(x, gate, w1, w2):
    """Tokens beyond an expert's capacity are dropped."""
    n, d = x.shape
    experts = w1.shape[0]
    capacity = int(1.25 * n / experts)
    probs = softmax(x @ gate)
    expert = probs.argmax(axis=-1)
    one_hot = np.eye(experts, dtype=np.int64)[expert]
    position = (np.cumsum(one_hot, axis=0) * one_hot).sum(axis=1) - 1
    keep = position < capacity
    buffers = np.zeros((experts, capacity, d), dtype=x.dtype)
    buffers[expert[keep], position[keep]] = x[keep]
    y = np.maximum(buffers @ w1, 0) @ w2
    out = np.zeros_like(x)
    out[keep] = y[expert[keep], position[keep]] * probs[keep, expert[keep]][:, None]
    return out, keep.sum()


class Expert:
    def __init__(self, w1, w2):
        self.w1, self.w2 = w1, w2

    def __call__(self, x):
        return np.maximum(x @ self.w1, 0) @ self.w2


@program(
    lambda n: (_mixture(n)[0], _mixture(n)[1], [Expert(a, b) for a, b in zip(*_mixture(n)[2:])]),
    8,
    64,
)
def experts_by_token(x, gate, experts):
    """Each token by itself."""
    out = []
    for token in x:
        scores = token @ gate
        best = np.argsort(scores)[::-1][:2]
        weights = np.exp(scores[best]) / np.sum(np.exp(scores[best]))
        out.append(sum(w * experts[i](token) for w, i in zip(weights, best)))
    return np.array(out)

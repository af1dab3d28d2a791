"""Losses, their gradients, and metrics."""

import numpy as np

from benchmarks.programs.registry import program


def _scores(n):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 10)).astype(np.float32), rng.integers(0, 10, n)


@program(_scores, 12, 10_000)
def cross_entropy_of_labels(logits, y):
    m = logits.shape[0]
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_probs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    loss = -np.sum(log_probs[np.arange(m), y]) / m
    grad = np.exp(log_probs)
    grad[range(m), y] -= 1
    return loss, grad / m, np.mean(np.argmax(logits, axis=1) == y)


@program(_scores, 12, 10_000)
def cross_entropy_smoothed(logits, y):
    n, k = logits.shape
    target = np.full((n, k), 0.1 / (k - 1), dtype=logits.dtype)
    target[np.arange(n), y] = 0.9
    top = logits.max(axis=-1)
    lse = top + np.log(np.exp(logits - top[:, None]).sum(axis=-1))
    weight = np.where(y < 3, 2.0, 0.5).astype(np.float32)
    per_sample = lse - (target * logits).sum(axis=-1)
    ignore = y != 7
    return (per_sample * weight * ignore).sum() / (weight * ignore).sum()


@program(_scores, 12, 10_000)
def hinge_multiclass(scores, y):
    N = len(y)
    correct = scores[np.arange(N), y][:, np.newaxis]
    margins = np.maximum(0, scores - correct + 1)
    margins[np.arange(N), y] = 0
    loss = np.sum(margins) / N
    mask = np.zeros(margins.shape)
    mask[margins > 0] = 1
    mask[np.arange(N), y] -= np.sum(mask, axis=1)
    return loss, mask / N


@program(lambda n: (np.random.default_rng(0).standard_normal((3, n, 16)).astype("f4"),), 9, 400)
def triplet_and_contrastive(embeddings):
    a, p, n = embeddings
    gap = np.sum((a - p) ** 2, axis=1) - np.sum((a - n) ** 2, axis=1)
    triplet = np.mean(np.maximum(gap + 0.2, 0))
    za = a / np.linalg.norm(a, axis=1, keepdims=True)
    zp = p / np.linalg.norm(p, axis=1, keepdims=True)
    sim = za @ zp.T / 0.07
    labels = np.arange(len(sim))

    def nce(s):
        s = s - s.max(axis=1, keepdims=True)
        return -(s[labels, labels] - np.log(np.exp(s).sum(axis=1))).mean()

    return triplet, 0.5 * (nce(sim) + nce(sim.T)), np.diag(sim).mean()


@program(lambda n: (*np.random.default_rng(0).standard_normal((2, n)),), 30, 100_000)
def regression_losses(pred, target):
    error = pred - target
    absolute = np.abs(error)
    huber = np.where(absolute <= 1.0, 0.5 * error**2, absolute - 0.5).mean()
    log_cosh = np.mean(error + np.log1p(np.exp(-2 * error)) - np.log(2.0))
    quantile = np.mean(np.maximum(0.9 * error, (0.9 - 1) * error))
    r2 = 1 - np.sum(error**2) / np.sum((target - target.mean()) ** 2)
    rmse = np.sqrt(np.mean(np.square(error)))
    grad = np.clip(error, -1, 1) / error.size
    return huber, log_cosh, quantile, r2, rmse, grad


@program(
    lambda n: (np.random.default_rng(0).random(n), np.random.default_rng(1).random(n) > 0.4),
    20,
    5000,
)
def ranking_metrics(scores, relevant):
    order = np.argsort(-scores)
    hits = relevant[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    ap = (precision * hits).sum() / max(hits.sum(), 1)
    gains = hits / np.log2(np.arange(2, len(hits) + 2))
    ideal = np.sort(hits)[::-1] / np.log2(np.arange(2, len(hits) + 2))
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores)] = np.arange(1, len(scores) + 1)
    pos, neg = relevant.sum(), (~relevant).sum()
    auc = (ranks[relevant].sum() - pos * (pos + 1) / 2) / (pos * neg)
    return ap, gains[:10].sum() / ideal[:10].sum(), auc


@program(_scores, 12, 5000)
def pairwise_ranking(scores, y):
    s, t = scores[:, 0], y.astype(np.float32)
    s, t = s[:200], t[:200]
    diff = s[:, None] - s[None, :]
    better = t[:, None] > t[None, :]
    loss = np.log1p(np.exp(-diff[better])).mean()
    lam = np.where(better, -1 / (1 + np.exp(diff)), 0.0)
    return loss, lam.sum(axis=1) - lam.sum(axis=0)


@program(_scores, 12, 5000)
def confusion_and_scores(logits, y):
    pred = logits.argmax(axis=1)
    matrix = np.zeros((10, 10), dtype=np.int64)
    np.add.at(matrix, (y, pred), 1)
    tp = np.diag(matrix)
    precision = tp / np.maximum(matrix.sum(axis=0), 1)
    recall = tp / np.maximum(matrix.sum(axis=1), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    top3 = np.argsort(logits, axis=1)[:, -3:]
    return matrix, f1.mean(), np.any(top3 == y[:, None], axis=1).mean()


@program(lambda n: (np.random.default_rng(0).random((2, 1, n, n)),), 8, 128)
def dice_and_focal(x):
    p, t = x[0], (x[1] > 0.5).astype(float)
    inter = (p * t).sum(axis=(1, 2))
    dice = 1 - (2 * inter + 1) / (p.sum(axis=(1, 2)) + t.sum(axis=(1, 2)) + 1)
    pt = np.where(t == 1, p, 1 - p)
    focal = -np.where(t == 1, 0.25, 0.75) * (1 - pt) ** 2 * np.log(np.clip(pt, 1e-7, 1.0))
    iou = np.logical_and(p > 0.5, t > 0).sum() / np.logical_or(p > 0.5, t > 0).sum()
    return dice, focal.mean(), iou

"""Layers of networks written with loops."""

import numpy as np

from benchmarks.programs.registry import program


def _images(n):
    rng = np.random.default_rng(0)
    return (
        rng.random((2, n, n, 3), dtype=np.float32), rng.random((3, 3, 3, 4), dtype=np.float32),
        rng.random(4, dtype=np.float32),
    )  # fmt: skip


@program(_images, 7, 32)
def convolution_windows(x, w, bias):
    K, C = w.shape[0], w.shape[3]
    H, W = x.shape[1] - K + 1, x.shape[2] - K + 1
    out = np.empty((x.shape[0], H, W, C), dtype=np.float32)
    for i in range(H):
        for j in range(W):
            out[:, i, j, :] = np.sum(
                x[:, i : i + K, j : j + K, :, np.newaxis] * w[np.newaxis, :, :, :],
                axis=(1, 2, 3),
            )
    return out + bias


@program(_images, 7, 16)
def convolution_by_element(x, w, bias):
    n, h, wd, c = x.shape
    kh, kw, _, f = w.shape
    out = np.zeros((n, h - kh + 1, wd - kw + 1, f))
    for b in range(n):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                for k in range(f):
                    total = 0.0
                    for p in range(kh):
                        for q in range(kw):
                            for ch in range(c):
                                total += x[b, i + p, j + q, ch] * w[p, q, ch, k]
                    out[b, i, j, k] = total + bias[k]
    return out


@program(_images, 8, 32)
def im2col_convolution(x, w, bias):
    n, h, wd, c = x.shape
    k, _, _, f = w.shape
    oh, ow = h - k + 1, wd - k + 1
    cols = np.zeros((n, oh, ow, k * k * c), dtype=x.dtype)
    for i in range(k):
        for j in range(k):
            at = (i * k + j) * c
            cols[..., at : at + c] = x[:, i : i + oh, j : j + ow, :]
    out = cols.reshape(-1, k * k * c) @ w.reshape(-1, f) + bias
    return np.maximum(out.reshape(n, oh, ow, f), 0)


@program(_images, 8, 32)
def max_pooling(x, w, bias):
    n, h, wd, c = x.shape
    out = np.empty((n, h // 2, wd // 2, c), dtype=x.dtype)
    for i in range(h // 2):
        for j in range(wd // 2):
            out[:, i, j, :] = np.max(x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, :], axis=(1, 2))
    return out, x.reshape(n, h // 2, 2, wd // 2, 2, c).mean(axis=(2, 4))


def relu(x):
    return np.maximum(x, 0)


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def _layers(n):
    rng = np.random.default_rng(0)
    sizes = [12, 16, 16, 5]
    layers = [(rng.standard_normal((a, b)) * 0.3, np.zeros(b)) for a, b in zip(sizes, sizes[1:])]
    return rng.standard_normal((n, 12)), rng.integers(0, 5, n), layers


@program(_layers, 9, 256)
def train_perceptron(x, labels, layers):
    """Gradient descent over minibatches with weights updated in place."""
    losses = []
    batch = max(len(x) // 4, 1)
    for epoch in range(2):
        for start in range(0, len(x), batch):
            xb, yb = x[start : start + batch], labels[start : start + batch]
            activations = [xb]
            for w, b in layers[:-1]:
                activations.append(relu(activations[-1] @ w + b))
            probs = softmax(activations[-1] @ layers[-1][0] + layers[-1][1])
            losses.append(-np.log(probs[np.arange(len(yb)), yb]).mean())
            grad = probs.copy()
            grad[np.arange(len(yb)), yb] -= 1
            grad /= len(yb)
            for (w, b), a in zip(reversed(layers), reversed(activations)):
                dw, db = a.T @ grad, grad.sum(axis=0)
                grad = (grad @ w.T) * (a > 0)
                w -= 0.1 * dw
                b -= 0.1 * db
    return losses


@program(lambda n: (np.random.default_rng(0).random((2, 4, n, 8), dtype=np.float32),), 6, 64)
def attention_by_head(x):
    batch, heads, length, size = x.shape
    out = np.empty_like(x)
    mask = np.triu(np.full((length, length), -1e9, dtype=np.float32), k=1)
    for b in range(batch):
        for h in range(heads):
            q = k = v = x[b, h]
            out[b, h] = softmax(q @ k.T / np.sqrt(size).astype(np.float32) + mask) @ v
    return out


@program(lambda n: (np.random.default_rng(0).random((n, n)), np.ones((3, 3)) / 9), 8, 64)
def filter_image(image, kernel):
    m, n = image.shape
    padded = np.pad(image, 1, mode="edge")
    out = np.zeros_like(image)
    for i in range(m):
        for j in range(n):
            out[i, j] = (padded[i : i + 3, j : j + 3] * kernel).sum()
    return out, np.median(out)


class Adam:
    """State that is None on the first call."""

    def __init__(self, rate):
        self.rate, self.m, self.v, self.t = rate, None, None, 0

    def step(self, params, grads):
        if self.m is None:
            self.m = [np.zeros_like(p) for p in params]
            self.v = [np.zeros_like(p) for p in params]
        self.t += 1
        for i, (p, g) in enumerate(zip(params, grads)):
            self.m[i] = 0.9 * self.m[i] + 0.1 * g
            self.v[i] = 0.999 * self.v[i] + 0.001 * g**2
            m_hat = self.m[i] / (1 - 0.9**self.t)
            v_hat = self.v[i] / (1 - 0.999**self.t)
            p -= self.rate * m_hat / (np.sqrt(v_hat) + 1e-8)


@program(lambda n: (np.random.default_rng(0).standard_normal((n, 3)),), 9, 1_000)
def fit_with_adam(x):
    y = x @ np.array([1.0, -1.0, 2.0]) + 0.5
    w, b = np.zeros(3), np.zeros(1)
    optimizer = Adam(0.05)
    for _ in range(60):
        error = x @ w + b - y
        optimizer.step([w, b], [2 * x.T @ error / len(x), 2 * error.mean(keepdims=True)])
    return w, b, optimizer

"""Models that generate, and models of neighbours."""

import numpy as np

from benchmarks.programs.registry import program


def _vae(n, d=20, hidden=16, latent=3):
    rng = np.random.default_rng(0)
    p = {
        "W1": rng.standard_normal((d, hidden)) * 0.1, "b1": np.zeros(hidden),
        "Wm": rng.standard_normal((hidden, latent)) * 0.1, "Wv": rng.standard_normal((hidden, latent)) * 0.1,
        "W3": rng.standard_normal((latent, hidden)) * 0.1, "b3": np.zeros(hidden),
        "W4": rng.standard_normal((hidden, d)) * 0.1, "b4": np.zeros(d),
    }  # fmt: skip
    return rng.random((n, d)), p


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@program(_vae, 8, 128)
def autoencoder_step(x, p):
    """Reparametrised sample, loss, and all gradients by hand."""
    rng = np.random.default_rng(1)
    losses = []
    for _ in range(3):
        h = np.tanh(x @ p["W1"] + p["b1"])
        mu, logvar = h @ p["Wm"], h @ p["Wv"]
        eps = rng.standard_normal(mu.shape)
        std = np.exp(0.5 * logvar)
        z = mu + eps * std
        h2 = np.tanh(z @ p["W3"] + p["b3"])
        y = sigmoid(h2 @ p["W4"] + p["b4"])
        n = len(x)
        bce = -np.sum(x * np.log(y + 1e-8) + (1 - x) * np.log(1 - y + 1e-8)) / n
        kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar)) / n
        losses.append((bce, kl))
        dy = (y - x) / n
        g = {"W4": h2.T @ dy, "b4": dy.sum(0)}
        dh2 = dy @ p["W4"].T * (1 - h2**2)
        g["W3"], g["b3"] = z.T @ dh2, dh2.sum(0)
        dz = dh2 @ p["W3"].T
        dmu = dz + mu / n
        dlv = dz * eps * 0.5 * std + 0.5 * (np.exp(logvar) - 1) / n
        g["Wm"], g["Wv"] = h.T @ dmu, h.T @ dlv
        dh = (dmu @ p["Wm"].T + dlv @ p["Wv"].T) * (1 - h**2)
        g["W1"], g["b1"] = x.T @ dh, dh.sum(0)
        for name, grad in g.items():
            p[name] -= 0.05 * grad
    return losses, p


@program(lambda n: (np.random.default_rng(0).standard_normal((n, n)),), 6, 32)
def denoise_by_diffusion(x):
    """Schedules made once, a reverse loop that draws noise."""
    rng = np.random.default_rng(2)
    T = 12
    betas = np.linspace(1e-4, 0.02, T)
    alphas = 1.0 - betas
    bars = np.cumprod(alphas)
    noisy = np.sqrt(bars[-1]) * x + np.sqrt(1 - bars[-1]) * rng.standard_normal(x.shape)
    for t in reversed(range(T)):
        predicted = np.tanh(noisy) * 0.1
        mean = (noisy - betas[t] / np.sqrt(1 - bars[t]) * predicted) / np.sqrt(alphas[t])
        noise = rng.standard_normal(x.shape) if t > 0 else np.zeros_like(x)
        noisy = mean + np.sqrt(betas[t]) * noise
    return noisy


@program(
    lambda n: (
        np.random.default_rng(0).random((n, 8)),
        np.random.default_rng(1).random((n // 2, 8)),
    ),
    12,
    400,
)
def nearest_neighbours(train, test):
    labels = (train.sum(axis=1) * 3).astype(int) % 4
    sq = np.sum(test**2, axis=1)[:, None] + np.sum(train**2, axis=1) - 2 * test @ train.T
    dists = np.sqrt(np.maximum(sq, 0))
    nearest = np.argsort(dists, axis=1, kind="stable")[:, :3]
    votes = labels[nearest]
    predictions = np.zeros(len(test), dtype=int)
    for i in range(len(test)):
        predictions[i] = np.argmax(np.bincount(votes[i]))
    return predictions, dists.min(axis=1)


@program(
    lambda n: (
        np.random.default_rng(0).random((n, 8)),
        np.random.default_rng(1).random((n // 2, 8)),
    ),
    10,
    60,
)
def nearest_neighbours_two_loops(train, test):
    dists = np.zeros((len(test), len(train)))
    for i in range(len(test)):
        for j in range(len(train)):
            dists[i, j] = np.sqrt(np.sum(np.square(test[i] - train[j])))
    return dists, np.argmin(dists, axis=1)


@program(lambda n: (np.random.default_rng(0).random((n, 12)),), 10, 200)
def boltzmann_machine(v0):
    rng = np.random.default_rng(1)
    W = rng.normal(0, 0.1, (12, 6))
    a, b = np.zeros(12), np.zeros(6)
    errors = []
    for _ in range(4):
        ph0 = sigmoid(v0 @ W + b)
        h0 = (ph0 > rng.random(ph0.shape)).astype(float)
        v1 = sigmoid(h0 @ W.T + a)
        ph1 = sigmoid(v1 @ W + b)
        W += 0.1 * (v0.T @ ph0 - v1.T @ ph1) / len(v0)
        a += 0.1 * (v0 - v1).mean(axis=0)
        b += 0.1 * (ph0 - ph1).mean(axis=0)
        errors.append(np.mean((v0 - v1) ** 2))
    return W, a, b, errors


@program(lambda n: (np.random.default_rng(0).integers(0, 50, (n, 2)),), 12, 300)
def skip_gram(pairs):
    """word2vec with negative samples, one pair after the other."""
    rng = np.random.default_rng(0)
    W_in, W_out = rng.normal(0, 0.1, (50, 8)), rng.normal(0, 0.1, (50, 8))
    loss = 0.0
    for center, context in pairs:
        negatives = (context + np.arange(1, 4) * 7) % 50
        v = W_in[center]
        targets = np.concatenate(([context], negatives))
        labels = np.array([1.0, 0.0, 0.0, 0.0])
        u = W_out[targets]
        p = sigmoid(u @ v)
        loss -= np.sum(labels * np.log(p) + (1 - labels) * np.log(1 - p))
        g = p - labels
        W_in[center] = v - 0.1 * g @ u
        W_out[targets] -= 0.1 * np.outer(g, v)
    return W_in, W_out, loss


@program(
    lambda n: (
        np.random.default_rng(0).random((n, n)) < 0.3,
        np.random.default_rng(1).random((n, 6)),
    ),
    8,
    128,
)
def graph_convolution(adjacency, features):
    rng = np.random.default_rng(2)
    A = (adjacency | adjacency.T).astype(float) + np.eye(len(adjacency))
    d = np.diag(1 / np.sqrt(A.sum(axis=1)))
    A_hat = d @ A @ d
    W1, W2 = rng.standard_normal((6, 8)), rng.standard_normal((8, 3))
    h = np.maximum(A_hat @ features @ W1, 0)
    logits = A_hat @ h @ W2
    src, dst = np.nonzero(adjacency)
    messages = np.zeros_like(h)
    np.add.at(messages, dst, h[src])
    degree = np.bincount(dst, minlength=len(h)).astype(float)
    attention = np.exp(-np.abs(logits[src, 0] - logits[dst, 0]))
    norm = np.zeros(len(h))
    np.add.at(norm, dst, attention)
    return logits, messages / np.maximum(degree, 1)[:, None], attention / norm[dst]

"""Optimisers over trees of arrays, schedules, clipping."""

import math

import numpy as np

from benchmarks.programs.registry import program


def _tree(n):
    rng = np.random.default_rng(0)

    def make():
        return {
            "embed": rng.standard_normal((n, 8)).astype(np.float32),
            "layers": [
                {"w": rng.standard_normal((8, 8)).astype(np.float32), "b": np.zeros(8, np.float32)}
                for _ in range(3)
            ],
            "head": (rng.standard_normal((8, n)).astype(np.float32), np.zeros(n, np.float32)),
        }

    return make(), make()


def tree_map(f, tree, *rest):
    if isinstance(tree, dict):
        return {k: tree_map(f, v, *(r[k] for r in rest)) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(tree_map(f, v, *(r[i] for r in rest)) for i, v in enumerate(tree))
    return f(tree, *rest)


def leaves(tree):
    if isinstance(tree, dict):
        return [leaf for v in tree.values() for leaf in leaves(v)]
    if isinstance(tree, (list, tuple)):
        return [leaf for v in tree for leaf in leaves(v)]
    return [tree]


def learning_rate(step, warmup=5, total=40, peak=1e-2, low=1e-3):
    if step < warmup:
        return peak * (step + 1) / warmup
    if step >= total:
        return low
    ratio = (step - warmup) / (total - warmup)
    return low + 0.5 * (1.0 + math.cos(math.pi * ratio)) * (peak - low)


@program(_tree, 6, 2000)
def adamw_on_a_tree(params, grads):
    m = tree_map(np.zeros_like, params)
    v = tree_map(np.zeros_like, params)
    norms = []
    for step in range(8):
        norm = np.sqrt(sum(np.sum(g**2) for g in leaves(grads)))
        norms.append(norm)
        scale = min(1.0, 1.0 / (norm + 1e-6))
        grads = tree_map(lambda g: g * scale, grads)
        lr = learning_rate(step)
        m = tree_map(lambda a, g: 0.9 * a + 0.1 * g, m, grads)
        v = tree_map(lambda a, g: 0.95 * a + 0.05 * g * g, v, grads)
        c1, c2 = 1 - 0.9 ** (step + 1), 1 - 0.95 ** (step + 1)
        params = tree_map(
            lambda p, a, b: p - lr * ((a / c1) / (np.sqrt(b / c2) + 1e-8) + 0.1 * p), params, m, v
        )
    return params, norms


class Optimizer:
    def __init__(self, params, lr):
        self.params, self.lr, self.iterations = params, lr, 0


class RMSProp(Optimizer):
    def __init__(self, params, lr=0.01, rho=0.99):
        super().__init__(params, lr)
        self.rho = rho
        self.cache = [np.zeros_like(p) for p in params]

    def step(self, grads):
        self.iterations += 1
        for i, (p, g) in enumerate(zip(self.params, grads)):
            self.cache[i] = self.rho * self.cache[i] + (1 - self.rho) * g**2
            p -= self.lr * g / (np.sqrt(self.cache[i]) + 1e-8)


class Adam(Optimizer):
    def __init__(self, params, lr=0.01, betas=(0.9, 0.999), weight_decay=0.0):
        super().__init__(params, lr)
        self.betas, self.weight_decay = betas, weight_decay
        self.state = {}

    def step(self, grads):
        self.iterations += 1
        b1, b2 = self.betas
        lr_t = self.lr * np.sqrt(1.0 - b2**self.iterations) / (1.0 - b1**self.iterations)
        for i, p in enumerate(self.params):
            g = grads[i]
            if self.weight_decay:
                g = g + self.weight_decay * p
            if i not in self.state:
                self.state[i] = {"m": np.zeros_like(p), "v": np.zeros_like(p)}
            s = self.state[i]
            s["m"] += (1 - b1) * (g - s["m"])
            s["v"] += (1 - b2) * (g**2 - s["v"])
            self.params[i] -= (lr_t * s["m"] / (np.sqrt(s["v"]) + 1e-7)).astype(p.dtype)


@program(lambda n: (leaves(_tree(n)[0]), leaves(_tree(n)[1])), 6, 2000)
def three_optimizers(params, grads):
    rms, adam = RMSProp(params), Adam(params, weight_decay=0.01)
    velocity = [0.0] * len(params)
    for step in range(6):
        rms.step(grads)
        adam.step(grads)
        for i, g in enumerate(grads):
            velocity[i] = 0.9 * velocity[i] + g
            params[i] -= 0.01 * (g + 0.9 * velocity[i])
        if step % 3 == 2:
            rms.lr *= 0.5
    return params, rms.iterations, adam.lr


@program(lambda n: (np.random.default_rng(0).standard_normal((n, 16)),), 8, 256)
def muon_and_lion(g):
    """Orthogonalised momentum by Newton-Schulz; signs of momentum; exponential averages."""
    w, m, average = np.zeros_like(g), np.zeros_like(g), np.zeros_like(g)
    for t in range(4):
        m = 0.95 * m + g
        x = m.T / (np.linalg.norm(m) + 1e-7)
        a, b, c = 3.4445, -4.7750, 2.0315
        for _ in range(5):
            xx = x @ x.T
            x = a * x + (b * xx + c * xx @ xx) @ x
        w = w - 0.02 * x.T * max(1, g.shape[0] / g.shape[1]) ** 0.5
        w -= 1e-3 * np.sign(0.9 * m + 0.1 * g)
        decay = min(0.999, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * w
    return w, average

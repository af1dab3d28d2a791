"""Descents: variables that keep the caller's array, or an older one, where nothing was better."""

import numpy as np

from benchmarks.programs.registry import program


def _start(n):
    return np.random.default_rng(0).standard_normal(n), 400


@program(_start, 4, 4000)
def descent_with_momentum(x, count):
    velocity = np.zeros_like(x)
    best, least = x, np.inf
    for i in range(count):
        velocity = 0.9 * velocity - 0.02 * (4 * x * (x * x - 1) + 0.3)
        x = x + velocity
        cost = np.sum((x * x - 1) ** 2 + 0.3 * x)
        if cost < least:
            best, least = x, cost
    return best, least


@program(_start, 4, 4000)
def descent_to_tolerance(x, count):
    for _ in range(count):
        new = x - 0.01 * (2 * (x - 1) + 0.1 * np.sin(x))
        if np.linalg.norm(new - x) < 1e-9:
            break
        x = new
    return x


@program(lambda n: (*_start(n), np.random.default_rng(1)), 4, 4000)
def annealing(x, count, rng):
    noise = rng.standard_normal((count, x.size))
    luck = rng.random(count)
    best = current = x
    cost = least = np.sum(current**2 - np.cos(6 * current))
    for i in range(count):
        candidate = current + 0.3 * noise[i]
        new = np.sum(candidate**2 - np.cos(6 * candidate))
        if new < cost or luck[i] < np.exp((cost - new) / (1.0 - i / count)):
            current, cost = candidate, new
            if cost < least:
                best, least = current, cost
    return best, least


def _curve(n):
    x = np.linspace(0, 2, n)
    return np.array([1.0, 1.0]), x, 2.0 * np.exp(-1.3 * x) + 0.01 * np.sin(40 * x)


@program(_curve, 40, 2000)
def levenberg_marquardt(p, x, y):
    damping = 1e-2
    rest = y - p[0] * np.exp(-p[1] * x)
    cost = rest @ rest
    for _ in range(60):
        decay = np.exp(-p[1] * x)
        jacobian = np.stack([-decay, p[0] * x * decay], axis=1)
        step = np.linalg.solve(jacobian.T @ jacobian + damping * np.eye(2), -(jacobian.T @ rest))
        trial = p + step
        new = y - trial[0] * np.exp(-trial[1] * x)
        if new @ new < cost:
            p, rest, cost = trial, new, new @ new
            damping = damping * 0.5
        else:
            damping = damping * 3
        if np.abs(step).max() < 1e-10:
            break
    return p, cost

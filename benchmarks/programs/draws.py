"""Simulations that draw random numbers in their loops: the stream is the eager one."""

import random

import numpy as np

from benchmarks.programs.registry import program


@program(lambda n: (n, 1), 200, 20_000)
def monte_carlo_pi(n, seed):
    rng = np.random.default_rng(seed)
    inside = 0
    for _ in range(n):
        x, y = rng.random(), rng.random()
        if x * x + y * y <= 1.0:
            inside += 1
    return 4 * inside / n


@program(lambda n: (n, 1), 200, 5_000)
def walk_on_a_grid(n, seed):
    rng = np.random.default_rng(seed)
    places = np.zeros((n + 1, 2))
    for i in range(n):
        way = rng.integers(0, 4)
        places[i + 1] = places[i]
        if way < 2:
            places[i + 1, 0] += 2 * way - 1
        else:
            places[i + 1, 1] += 2 * way - 5
    return places


@program(lambda n: (n, 20 * n, 0.4), 8, 16)
def ising_metropolis(n, steps, coupling):
    np.random.seed(3)
    spins = np.random.choice([-1, 1], size=(n, n))
    for _ in range(steps):
        i, j = np.random.randint(n), np.random.randint(n)
        near = spins[(i + 1) % n, j] + spins[i - 1, j] + spins[i, (j + 1) % n] + spins[i, j - 1]
        change = 2 * spins[i, j] * near
        if change <= 0 or np.random.rand() < np.exp(-coupling * change):
            spins[i, j] *= -1
    return spins, spins.mean()


@program(lambda n: (n, 0.5, 2), 200, 5_000)
def metropolis_chain(n, width, seed):
    rng = np.random.default_rng(seed)
    x, accepted, samples = 0.0, 0, np.empty(n)
    for i in range(n):
        proposal = x + width * rng.normal()
        if np.log(rng.random()) < 0.5 * (x**2 - proposal**2):
            x, accepted = proposal, accepted + 1
        samples[i] = x
    return samples, accepted / n


@program(lambda n: (n, 5), 200, 3_000)
def langevin_of_the_global_generator(n, particles):
    np.random.seed(7)
    x, v, dt = np.random.randn(particles), np.zeros(particles), 0.01
    energy = np.empty(n)
    for i in range(n):
        v += dt * (-x - v) + np.sqrt(2 * dt) * np.random.normal(size=particles)
        x += dt * v
        energy[i] = 0.5 * np.mean(v * v + x * x)
    return energy


@program(lambda n: (n,), 200, 5_000)
def annealing_with_the_standard_library(n):
    rng = random.Random(5)
    x = rng.uniform(-3, 3)
    energy, temperature = x**4 - 3 * x**2 + x, 5.0
    for _ in range(n):
        y = x + rng.uniform(-0.5, 0.5)
        new = y**4 - 3 * y**2 + y
        if new < energy or rng.random() < np.exp((energy - new) / temperature):
            x, energy = y, new
        temperature *= 0.999
    return x, energy


def _regression(n):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 8))
    return x, x @ rng.normal(size=8), 10


@program(_regression, 64, 256)
def minibatch_descent(x, y, epochs):
    rng = np.random.default_rng(1)
    w, order = np.zeros(x.shape[1]), np.arange(len(x))
    for _ in range(epochs):
        rng.shuffle(order)
        for start in range(0, len(x), 32):
            batch = order[start : start + 32]
            w -= 0.01 * x[batch].T @ (x[batch] @ w - y[batch])
    return w


@program(lambda n: (np.random.default_rng(0).normal(size=n), 100), 40, 256)
def bootstrap_means(x, samples):
    rng = np.random.default_rng(2)
    means = np.empty(samples)
    for b in range(samples):
        means[b] = rng.choice(x, size=len(x), replace=True).mean()
    return means.mean(), np.percentile(means, [2.5, 97.5])


@program(lambda n: (np.random.default_rng(0).normal(size=n), 50), 20, 200)
def particle_filter(seen, particles):
    rng = np.random.default_rng(3)
    x, estimate = rng.normal(0, 1, particles), np.zeros(len(seen))
    for t in range(len(seen)):
        x = 0.9 * x + rng.normal(0, 0.5, particles)
        weight = np.exp(-0.5 * (seen[t] - x) ** 2)
        weight /= weight.sum()
        estimate[t] = np.sum(weight * x)
        place = (np.arange(particles) + rng.random()) / particles
        chosen = np.searchsorted(np.cumsum(weight), place)
        x = x[np.minimum(chosen, particles - 1)]
    return estimate

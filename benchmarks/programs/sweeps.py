"""Gauss-Seidel and red-black sweeps: each value uses those that were just computed."""

import numpy as np

from benchmarks.programs.registry import program


def _plane(n):
    return np.random.default_rng(0).random((n, n)), 3


@program(_plane, 8, 120)
def gauss_seidel_by_element(u, sweeps):
    n, m = u.shape
    for _ in range(sweeps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])
    return u


@program(_plane, 8, 400)
def gauss_seidel_by_row(u, sweeps):
    for _ in range(sweeps):
        for i in range(1, u.shape[0] - 1):
            u[i, 1:-1] = 0.25 * (u[i - 1, 1:-1] + u[i + 1, 1:-1] + u[i, :-2] + u[i, 2:])
    return u


@program(_plane, 8, 120)
def successive_over_relaxation(u, sweeps):
    """Ends when the change is small; remembers the change of each sweep."""
    omega, n = 1.7, u.shape[0]
    changes = []
    for sweep in range(sweeps):
        change = 0.0
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                old = u[i, j]
                new = (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]) / 4
                u[i, j] = (1 - omega) * old + omega * new
                change = max(change, abs(u[i, j] - old))
        changes.append(change)
        if change < 1e-6:
            break
    return u, changes


@program(_plane, 10, 400)
def red_black_slices(u, sweeps):
    for _ in range(sweeps):
        u[1:-1:2, 1:-1:2] = (
            u[0:-2:2, 1:-1:2] + u[2::2, 1:-1:2] + u[1:-1:2, 0:-2:2] + u[1:-1:2, 2::2]
        ) / 4
        u[2:-1:2, 2:-1:2] = (
            u[1:-2:2, 2:-1:2] + u[3::2, 2:-1:2] + u[2:-1:2, 1:-2:2] + u[2:-1:2, 3::2]
        ) / 4
        u[1:-1:2, 2:-1:2] = (
            u[0:-2:2, 2:-1:2] + u[2::2, 2:-1:2] + u[1:-1:2, 1:-2:2] + u[1:-1:2, 3::2]
        ) / 4
        u[2:-1:2, 1:-1:2] = (
            u[1:-2:2, 1:-1:2] + u[3::2, 1:-1:2] + u[2:-1:2, 0:-2:2] + u[2:-1:2, 2::2]
        ) / 4
    return u


@program(_plane, 8, 120)
def red_black_by_element(u, sweeps):
    n = u.shape[0]
    for _ in range(sweeps):
        for colour in (0, 1):
            for i in range(1, n - 1):
                for j in range(1 + (i + colour) % 2, n - 1, 2):
                    u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])
    return u


@program(_plane, 8, 400)
def red_black_masks(u, sweeps):
    i, j = np.indices(u.shape)
    inner = (i > 0) & (i < u.shape[0] - 1) & (j > 0) & (j < u.shape[1] - 1)
    red = inner & ((i + j) % 2 == 0)
    black = inner & ((i + j) % 2 == 1)
    for _ in range(sweeps):
        for mask in (red, black):
            near = np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1)
            u[mask] = 0.25 * near[mask]
    return u


@program(lambda n: (np.full(n, 4.0), np.ones(n - 1), np.arange(1.0, n + 1)), 9, 20_000)
def thomas(diagonal, off, right):
    """A tridiagonal system: one sweep forward, one back."""
    n = len(diagonal)
    c, d = np.empty(n - 1), np.empty(n)
    c[0] = off[0] / diagonal[0]
    d[0] = right[0] / diagonal[0]
    for i in range(1, n):
        m = diagonal[i] - off[i - 1] * c[i - 1]
        if i < n - 1:
            c[i] = off[i] / m
        d[i] = (right[i] - off[i - 1] * d[i - 1]) / m
    x = d.copy()
    for i in range(n - 2, -1, -1):
        x[i] -= c[i] * x[i + 1]
    return x


@program(_plane, 8, 120)
def gauss_seidel_by_column(u, sweeps):
    """The inner loop goes down the columns."""
    n, m = u.shape
    for _ in range(sweeps):
        for j in range(1, m - 1):
            for i in range(1, n - 1):
                u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])
    return u


def _columns(n):
    rng = np.random.default_rng(0)
    return rng.random((n, n)) + 4, rng.random((n, n)), rng.random((n, n))


@program(_columns, 12, 1000)
def thomas_by_column(b, c, d):
    """A tridiagonal system in each row of the arrays, all rows at once."""
    p, q = np.empty_like(d), np.empty_like(d)
    p[:, 0] = c[:, 0] / b[:, 0]
    q[:, 0] = d[:, 0] / b[:, 0]
    for j in range(1, d.shape[1]):
        m = b[:, j] - 0.3 * p[:, j - 1]
        p[:, j] = c[:, j] / m
        q[:, j] = (d[:, j] - 0.3 * q[:, j - 1]) / m
    x = q.copy()
    for j in range(d.shape[1] - 2, -1, -1):
        x[:, j] = q[:, j] - p[:, j] * x[:, j + 1]
    return x


@program(lambda n: (np.random.default_rng(0).random((n, n)), 0.9), 12, 1000)
def filters_by_column(signals, decay):
    """One state for each signal, which are the rows."""
    state, out = np.zeros(signals.shape[0]), np.empty_like(signals)
    for t in range(signals.shape[1]):
        state = decay * state + signals[:, t]
        out[:, t] = state
    return out

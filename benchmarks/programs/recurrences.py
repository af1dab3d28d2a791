"""Recurrences: filters, sweeps, networks over time."""

import numpy as np

from benchmarks.programs.registry import program


@program(
    lambda n: ([0.2, 0.3, 0.2], [1.0, -0.4, 0.1], np.random.default_rng(0).standard_normal(n)),
    20, 50_000,
)  # fmt: skip
def iir_filter(b, a, x):
    y = np.zeros_like(x)
    for n in range(len(x)):
        for k in range(len(b)):
            if n - k >= 0:
                y[n] += b[k] * x[n - k]
        for k in range(1, len(a)):
            if n - k >= 0:
                y[n] -= a[k] * y[n - k]
    return y


@program(lambda n: (np.random.default_rng(0).standard_normal(n), 0.1), 20, 50_000)
def exponential_average(x, alpha):
    s = x[0]
    out = []
    for value in x:
        s = alpha * value + (1 - alpha) * s
        out.append(s)
    return np.array(out)


@program(lambda n: (np.random.default_rng(0).standard_normal((n, 2)),), 12, 5_000)
def kalman(measurements):
    dt = 1.0
    F = np.array([[1, 0, dt, 0], [0, 1, 0, dt], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    H = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0]])
    Q, R = 0.01 * np.eye(4), 0.5 * np.eye(2)
    x, P = np.zeros(4), np.eye(4)
    track = np.zeros((len(measurements), 4))
    for i, z in enumerate(measurements):
        x = F @ x
        P = F @ P @ F.T + Q
        y = z - H @ x
        S = H @ P @ H.T + R
        det = S[0, 0] * S[1, 1] - S[0, 1] * S[1, 0]
        inverse = np.array([[S[1, 1], -S[0, 1]], [-S[1, 0], S[0, 0]]]) / det
        K = P @ H.T @ inverse
        x = x + K @ y
        P = (np.eye(4) - K @ H) @ P
        track[i] = x
    return track


@program(lambda n: (np.random.default_rng(0).standard_normal((n, 3)),), 12, 5_000)
def kalman_inverse(measurements):
    F = np.eye(6) + np.eye(6, k=3) * 0.1
    H = np.eye(3, 6)
    Q, R = 0.01 * np.eye(6), 0.5 * np.eye(3)
    x, P = np.zeros(6), np.eye(6)
    track = np.hstack((x, 0.0)).reshape(7, 1)
    for z in measurements:
        x, P = F @ x, F @ P @ F.T + Q
        S = H @ P @ H.T + R
        innovation = z - H @ x
        K = P @ H.T @ np.linalg.inv(S)
        x, P = x + K @ innovation, (np.eye(6) - K @ H) @ P
        fit = innovation @ np.linalg.solve(S, innovation) + np.log(np.linalg.det(S))
        track = np.hstack((track, np.append(x, fit).reshape(7, 1)))
    return track


@program(lambda n: (np.random.default_rng(0).random(n),), 9, 500)
def durbin(r):
    y = np.empty_like(r)
    alpha, beta = -r[0], 1.0
    y[0] = -r[0]
    for k in range(1, r.shape[0]):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha
    return y


@program(lambda n: (np.fromfunction(lambda i, j: (i + n - j) / n, (n, n)), 3), 8, 120)
def alternating_directions(u, steps):
    n = u.shape[0]
    v, p, q = np.empty_like(u), np.empty_like(u), np.empty_like(u)
    a, b, c = -0.4, 1.8, -0.4
    for _ in range(steps):
        v[0, :] = v[n - 1, :] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = v[0, 1:-1]
        for j in range(1, n - 1):
            p[1:-1, j] = -c / (a * p[1:-1, j - 1] + b)
            q[1:-1, j] = (
                0.4 * u[j, :-2] + 0.2 * u[j, 1:-1] + 0.4 * u[j, 2:] - a * q[1:-1, j - 1]
            ) / (a * p[1:-1, j - 1] + b)
        for j in range(n - 2, 0, -1):
            v[j, 1:-1] = p[1:-1, j] * v[j + 1, 1:-1] + q[1:-1, j]
        u[1:-1, 1:-1] = v[1:-1, 1:-1].T
    return u


def _cell(n):
    rng = np.random.default_rng(0)
    hidden, inputs = 16, 8
    return (
        rng.standard_normal((n, 4, inputs)), np.zeros((4, hidden)), np.zeros((4, hidden)),
        0.1 * rng.standard_normal((inputs, 4 * hidden)),
        0.1 * rng.standard_normal((hidden, 4 * hidden)), np.zeros(4 * hidden),
    )  # fmt: skip


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


@program(_cell, 6, 500)
def lstm(xs, h, c, wx, wh, b):
    size = h.shape[1]
    hs = np.zeros((len(xs), *h.shape))
    for t in range(xs.shape[0]):
        gates = xs[t] @ wx + h @ wh + b
        i = sigmoid(gates[:, :size])
        f = sigmoid(gates[:, size : 2 * size] + 1.0)
        o = sigmoid(gates[:, 2 * size : 3 * size])
        g = np.tanh(gates[:, 3 * size :])
        c = f * c + i * g
        h = o * np.tanh(c)
        hs[t] = h
    return hs, h, c


@program(_cell, 6, 300)
def elman_with_gradients(xs, h, c, wx, wh, b):
    """A plain recurrent layer, forward and back through time, with lists of states."""
    size = h.shape[1]
    wx, wh, b = wx[:, :size], wh[:, :size], b[:size]
    hs = {-1: h}
    for t in range(len(xs)):
        hs[t] = np.tanh(xs[t] @ wx + hs[t - 1] @ wh + b)
    dwx, dwh, db = np.zeros_like(wx), np.zeros_like(wh), np.zeros_like(b)
    dnext = np.zeros_like(h)
    for t in reversed(range(len(xs))):
        dh = hs[t] + dnext
        draw = (1 - hs[t] ** 2) * dh
        dwx += xs[t].T @ draw
        dwh += hs[t - 1].T @ draw
        db += draw.sum(axis=0)
        dnext = draw @ wh.T
    for grad in (dwx, dwh, db):
        np.clip(grad, -5, 5, out=grad)
    return dwx, dwh, db


@program(lambda n: (np.random.default_rng(0).standard_normal(n) * 0.01,), 20, 20_000)
def garch(returns):
    omega, alpha, beta = 1e-6, 0.09, 0.9
    variance = np.zeros(len(returns))
    variance[0] = returns.var()
    likelihood = 0.0
    for t in range(1, len(returns)):
        variance[t] = omega + alpha * returns[t - 1] ** 2 + beta * variance[t - 1]
        likelihood += -0.5 * (np.log(2 * np.pi * variance[t]) + returns[t] ** 2 / variance[t])
    return likelihood, variance


@program(lambda n: (np.array([1.0, 1.0, 1.0]), n), 20, 2_000)
def lorenz_runge_kutta(state, steps):
    def field(s):
        x, y, z = s
        return np.array([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])

    dt = 0.01
    out = np.empty((steps, 3))
    for i in range(steps):
        k1 = field(state)
        k2 = field(state + dt / 2 * k1)
        k3 = field(state + dt / 2 * k2)
        k4 = field(state + dt * k3)
        state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        out[i] = state
    return out

"""Iteration until something is small enough."""

import numpy as np

from benchmarks.programs.registry import program


def _system(n):
    rng = np.random.default_rng(0)
    a = rng.random((n, n))
    return a @ a.T + n * np.eye(n), rng.random(n)


@program(lambda n: (np.linspace(0.5, 50.0, n),), 7, 1000)
def newton_roots(values):
    """A square root for each value, one after the other."""
    roots = np.empty_like(values)
    for i, a in enumerate(values):
        x = a
        while abs(x * x - a) > 1e-12 * a:
            x = 0.5 * (x + a / x)
        roots[i] = x
    return roots


@program(lambda n: (np.array([1.0, 1.0]), 1e-10), 2, 2)
def newton_system(x, tolerance):
    for iteration in range(50):
        f = np.array([x[0] ** 2 + x[1] ** 2 - 4, x[0] * x[1] - 1])
        jacobian = np.array([[2 * x[0], 2 * x[1]], [x[1], x[0]]])
        delta = np.linalg.solve(jacobian + 1e-8 * np.eye(2), -f)
        x = x + delta
        if np.linalg.norm(delta) < tolerance:
            break
    return x, iteration


@program(_system, 8, 200)
def jacobi(A, b):
    x = np.zeros_like(b)
    D = np.diag(A)
    R = A - np.diagflat(D)
    for k in range(1000):
        x_new = (b - R @ x) / D
        if np.linalg.norm(x_new - x, ord=np.inf) < 1e-10:
            return x_new, k
        x = x_new
    raise ValueError("did not converge")


@program(_system, 8, 300)
def conjugate_gradient(A, b):
    x = np.zeros(A.shape[0])
    r = b - A @ x
    p = r.copy()
    rs = r @ r
    steps = 0
    while np.sqrt(rs) > 1e-10:
        Ap = A @ p
        alpha = rs / (p @ Ap)
        x += alpha * p
        r -= alpha * Ap
        new = r @ r
        p = r + (new / rs) * p
        rs = new
        steps += 1
    return x, steps


@program(_system, 8, 300)
def power_iteration(A, b):
    x = b / np.linalg.norm(b)
    value, error = 0.0, 1.0
    while error > 1e-10:
        y = A @ x
        new = np.dot(x, y)
        x = y / np.linalg.norm(y)
        error = abs(new - value)
        value = new
    return value, x


@program(lambda n: (np.random.default_rng(0).random((n, 2)), 4, 20), 30, 3000)
def k_means(points, k, limit):
    centres = points[:k].copy()
    for iteration in range(limit):
        distance = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
        labels = np.argmin(distance, axis=1)
        new = np.zeros_like(centres)
        for j in range(k):
            members = points[labels == j]
            if len(members) > 0:
                new[j] = members.mean(axis=0)
            else:
                new[j] = centres[j]
        if np.allclose(new, centres):
            break
        centres = new
    return centres, labels, iteration


@program(lambda n: (1.0, 2.0, 1e-12), 1, 1)
def bisection(a, b, tolerance):
    f = lambda x: x**3 - x - 2
    fa = f(a)
    while b - a > tolerance:
        c = (a + b) / 2
        fc = f(c)
        if fc == 0:
            return c
        if fa * fc < 0:
            b = c
        else:
            a, fa = c, fc
    return (a + b) / 2


def _ridge(n):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 5))
    y = (x @ np.array([1.0, -2.0, 0.5, 0, 0]) > 0).astype(float)
    return x, y, 0.5


@program(_ridge, 20, 500)
def logistic_descent(X, y, rate):
    w, b = np.zeros(X.shape[1]), 0.0
    old = np.inf
    history = []
    for epoch in range(200):
        p = 1 / (1 + np.exp(-(X @ w + b)))
        loss = -np.mean(y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12))
        history.append(loss)
        if abs(old - loss) < 1e-4:
            break
        old = loss
        dz = p - y
        w -= rate * X.T @ dz / len(y)
        b -= rate * np.mean(dz)
    return w, b, history


@program(_ridge, 20, 500)
def lasso_coordinates(X, y, rate):
    n, m = X.shape
    w = np.zeros(m)
    norms = (X**2).sum(axis=0)
    for sweep in range(100):
        biggest = 0.0
        for j in range(m):
            residual = y - X @ w + X[:, j] * w[j]
            rho = X[:, j] @ residual
            new = np.sign(rho) * max(abs(rho) - rate, 0.0) / norms[j]
            biggest = max(biggest, abs(new - w[j]))
            w[j] = new
        if biggest < 1e-8:
            break
    return w


@program(lambda n: (np.random.default_rng(0).random((n, n)),), 8, 300)
def sinkhorn(K):
    K = np.exp(-K)
    u, v = np.ones(len(K)), np.ones(len(K))
    for it in range(500):
        previous = u
        u = 1.0 / (K @ v)
        v = 1.0 / (K.T @ u)
        if it % 10 == 0 and np.max(np.abs(u - previous)) < 1e-9:
            break
    return u[:, None] * K * v[None, :], it

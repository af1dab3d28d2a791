"""Loops over arrays that are kept as loops: stencils, triangular solvers, dynamic programming."""

import numpy as np
import pytest
from helpers.loops import control_nodes

RNG = np.random.default_rng(7)
X = RNG.normal(size=80)
A = RNG.normal(size=(19, 23))
S = RNG.normal(size=(8, 8))
SPD = S @ S.T + 8 * np.eye(8)
B = RNG.normal(size=8)
V = RNG.normal(size=(6, 7, 8))


def smooth(x, n):
    for _ in range(n):
        x = 0.25 * np.roll(x, 1) + 0.5 * x + 0.25 * np.roll(x, -1)
    return x


def stencil_in_place(x):
    for i in range(1, len(x) - 1):
        x[i] = (x[i - 1] + x[i] + x[i + 1]) / 3
    return x


def stencil_two_arrays(x):
    y = np.zeros_like(x)
    for i in range(1, x.shape[0] - 1):
        y[i] = x[i - 1] - 2 * x[i] + x[i + 1]
    return y


def stencil_2d(a):
    b = a.copy()
    for i in range(1, a.shape[0] - 1):
        for j in range(1, a.shape[1] - 1):
            b[i, j] = 0.2 * (a[i, j] + a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1])
    return b


def stencil_3d(a):
    b = np.zeros_like(a)
    n, m, k = a.shape
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            for p in range(1, k - 1):
                b[i, j, p] = a[i - 1, j, p] + a[i + 1, j, p] + a[i, j - 1, p] - a[i, j, p + 1]
    return b


def heat(t, steps):
    for _ in range(steps):
        t[1:-1] = t[1:-1] + 0.1 * (t[2:] - 2 * t[1:-1] + t[:-2])
    return t


def jacobi(u, steps):
    new = np.zeros_like(u)
    for _ in range(steps):
        new[1:-1, 1:-1] = (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]) / 4
        u[:] = new
    return u


def gauss_seidel(a, b, x, sweeps):
    n = len(b)
    for _ in range(sweeps):
        for i in range(n):
            s = a[i, :i] @ x[:i] + a[i, i + 1 :] @ x[i + 1 :]
            x[i] = (b[i] - s) / a[i, i]
    return x


def seidel_2d(a, steps):
    n, m = a.shape
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                a[i, j] = (a[i - 1, j] + a[i, j - 1] + a[i, j] + a[i, j + 1] + a[i + 1, j]) / 5.0
    return a


def cholesky(a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[j, :j]
            a[i, j] /= a[j, j]
        a[i, i] -= a[i, :i] @ a[i, :i]
        a[i, i] = np.sqrt(a[i, i])
    return a


def lu(a):
    n = a.shape[0]
    for k in range(n - 1):
        for i in range(k + 1, n):
            a[i, k] = a[i, k] / a[k, k]
            for j in range(k + 1, n):
                a[i, j] = a[i, j] - a[i, k] * a[k, j]
    return a


def lu_by_rows(a):
    for i in range(a.shape[0]):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[:j, j]
            a[i, j] /= a[j, j]
        for j in range(i, a.shape[0]):
            a[i, j] -= a[i, :i] @ a[:i, j]
    return a


def gram_schmidt(a):
    q = np.zeros_like(a)
    r = np.zeros((a.shape[1], a.shape[1]))
    for k in range(a.shape[1]):
        nrm = np.dot(a[:, k], a[:, k])
        r[k, k] = np.sqrt(nrm)
        q[:, k] = a[:, k] / r[k, k]
        for j in range(k + 1, a.shape[1]):
            r[k, j] = np.dot(q[:, k], a[:, j])
            a[:, j] -= q[:, k] * r[k, j]
    return q, r


def forward_substitution(a, b):
    x = np.zeros_like(b)
    for i in range(len(b)):
        x[i] = (b[i] - a[i, :i] @ x[:i]) / a[i, i]
    return x


def backward_substitution(a, b):
    n = len(b)
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        x[i] = (b[i] - a[i, i + 1 :] @ x[i + 1 :]) / a[i, i]
    return x


def triangular_product(alpha, a, b):
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            b[i, j] += np.dot(a[i + 1 :, i], b[i + 1 :, j])
    b *= alpha
    return b


def symmetric_rank_update(alpha, beta, c, a):
    for i in range(a.shape[0]):
        c[i, : i + 1] *= beta
        for k in range(a.shape[1]):
            c[i, : i + 1] += alpha * a[i, k] * a[: i + 1, k]
    return c


def covariance(data):
    n = data.shape[0]
    m = data.shape[1]
    mean = np.mean(data, axis=0)
    data -= mean
    cov = np.zeros((m, m))
    for i in range(m):
        cov[i:m, i] = data[:, i] @ data[:, i:m] / (n - 1.0)
        cov[i, i:m] = cov[i:m, i]
    return cov


def floyd_warshall(path):
    for k in range(path.shape[0]):
        path[:] = np.minimum(path[:], np.add.outer(path[:, k], path[k, :]))
    return path


def edit_distance(a, b):
    n, m = len(a), len(b)
    d = np.zeros((n + 1, m + 1), np.int64)
    d[:, 0] = np.arange(n + 1)
    d[0, :] = np.arange(m + 1)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = np.where(a[i - 1] == b[j - 1], 0, 1)
            d[i, j] = np.minimum(np.minimum(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + cost)
    return d[n, m]


def knapsack(weights, values, capacity):
    best = np.zeros(capacity + 1)
    for k in range(len(weights)):
        w = weights[k]
        taken = np.zeros(capacity + 1)
        taken[w:] = best[: capacity + 1 - w] + values[k]
        best = np.maximum(best, taken)
    return best


def scan_rows(a):
    total = np.zeros(a.shape[1])
    out = np.empty_like(a)
    for i in range(a.shape[0]):
        total = total * 0.5 + a[i]
        out[i] = total
    return out


def durbin(r):
    y = np.empty_like(r)
    alpha = -r[0]
    beta = 1.0
    y[0] = -r[0]
    for k in range(1, r.shape[0]):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha
    return y


def adi(u, steps):
    n = u.shape[0]
    p = np.zeros_like(u)
    q = np.zeros_like(u)
    for _ in range(steps):
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = 1.0
        for j in range(1, n - 1):
            p[1:-1, j] = -0.3 / (0.4 * p[1:-1, j - 1] + 1.7)
            q[1:-1, j] = (u[j, 1:-1] - 0.4 * q[1:-1, j - 1]) / (0.4 * p[1:-1, j - 1] + 1.7)
        u[1:-1, n - 1] = 1.0
        for j in range(n - 2, 0, -1):
            u[1:-1, j] = p[1:-1, j] * u[1:-1, j + 1] + q[1:-1, j]
    return u


def fdtd(ex, ey, hz, fict):
    for t in range(len(fict)):
        ey[0, :] = fict[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
    return hz


def nussinov_like(table):
    n = table.shape[0]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            table[i, j] = np.maximum(table[i, j], table[i, j - 1])
            table[i, j] = np.maximum(table[i, j], table[i + 1, j])
            for k in range(i + 1, j):
                table[i, j] = np.maximum(table[i, j], table[i, k] + table[k + 1, j])
    return table


def convolution(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            out[i, j] = np.sum(image[i : i + h, j : j + w] * kernel)
    return out


def max_pooling(image):
    out = np.empty((image.shape[0] // 2, image.shape[1] // 2))
    for i in range(image.shape[0] // 2):
        for j in range(image.shape[1] // 2):
            out[i, j] = np.max(image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2])
    return out


def histogram(values, bins):
    counts = np.zeros(bins, np.int64)
    for i in range(len(values)):
        counts[values[i]] += 1
    return counts


def sparse_product(data, indices, indptr, x):
    y = np.zeros(len(indptr) - 1)
    for i in range(len(indptr) - 1):
        for k in range(indptr[i], indptr[i + 1]):
            y[i] += data[k] * x[indices[k]]
    return y


def sparse_product_by_slices(data, indices, indptr, x):
    y = np.empty(len(indptr) - 1)
    for i in range(len(indptr) - 1):
        cols = indices[indptr[i] : indptr[i + 1]]
        vals = data[indptr[i] : indptr[i + 1]]
        y[i] = vals @ x[cols]
    return y


def n_body(position, velocity, mass, steps):
    n = mass.shape[0]
    for _ in range(steps):
        force = np.zeros_like(position)
        for i in range(n):
            for j in range(n):
                d = position[j] - position[i]
                force[i] += mass[j] * d / (np.sum(d * d) + 0.1) ** 1.5
        velocity += 0.01 * force
        position += 0.01 * velocity
    return position


def negative_indices(x):
    for i in range(1, len(x)):
        x[-i - 1] += 0.5 * x[-i]
    return x


def steps_of_two(x):
    for i in range(0, len(x) - 1, 2):
        x[i], x[i + 1] = x[i + 1], x[i]
    return x


def blocks(x, size):
    out = np.zeros(len(x))
    for i in range(0, len(x), size):
        out[i : i + size] = np.cumsum(x[i : i + size])
    return out


SPARSE = RNG.integers(0, 80, 80), np.minimum(np.arange(31) ** 2 // 9, 80)

CASES = [
    (smooth, (X, 40), (X, 7)),
    (stencil_in_place, (X,)),
    (stencil_two_arrays, (X,)),
    (stencil_2d, (A,)),
    (stencil_3d, (V,)),
    (heat, (X, 30), (X, 3)),
    (jacobi, (A, 25)),
    (gauss_seidel, (SPD, B, np.zeros(8), 20)),
    (seidel_2d, (A, 6)),
    (cholesky, (SPD,)),
    (lu, (SPD,)),
    (lu_by_rows, (SPD,)),
    (gram_schmidt, (A[:, :7].copy(),)),
    (forward_substitution, (SPD, B)),
    (backward_substitution, (SPD, B)),
    (triangular_product, (1.5, SPD, A[:8].copy())),
    (symmetric_rank_update, (1.5, 0.5, SPD, A[:8].copy())),
    (covariance, (A,)),
    (floyd_warshall, (np.abs(SPD),)),
    (edit_distance, (np.arange(9) % 4, np.arange(7) % 3)),
    (knapsack, (np.array([3, 1, 4, 2, 2, 5]), np.array([4.0, 1, 6, 2, 3, 5]), 12)),
    (scan_rows, (A,)),
    (durbin, (X[:9].copy(),)),
    (adi, (SPD, 7)),
    (fdtd, (SPD, SPD * 2, SPD + 1, X[:9].copy())),
    (nussinov_like, (SPD,)),
    (convolution, (A, S[:3, :3].copy())),
    (max_pooling, (np.tile(A, (3, 3)),)),
    (histogram, (np.arange(90) ** 2 % 6, 6)),
    (
        sparse_product,
        (X, *SPARSE, X),
    ),
    (
        sparse_product_by_slices,
        (X, *SPARSE, X),
    ),
    (n_body, (A[:6, :3].copy(), A[:6, 3:6].copy(), np.abs(X[:6]), 8)),
    (negative_indices, (X,)),
    (steps_of_two, (X,)),
    (blocks, (X, 5)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_captured(case, check_loops):
    function, *calls = case
    report = check_loops(function, *calls)
    assert "for" in control_nodes(report)
    assert report.breaks == 0
    assert report.pieces == len(report.journal.pieces) <= len(calls)


@pytest.mark.parametrize(
    "function, args",
    [(stencil_two_arrays, (X,)), (cholesky, (SPD,)), (heat, (X, 30))],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_captured_with_symbolic_extents(function, args, check_loops):
    smaller = tuple(
        v[:5, :5].copy() if np.ndim(v) == 2 else v[:6].copy() if np.ndim(v) else v for v in args
    )
    report = check_loops(function, args, smaller, dynamic=True)
    assert report.pieces == 1

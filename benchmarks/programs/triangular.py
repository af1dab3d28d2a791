"""Triangular loops: factorisations, substitutions, symmetric updates."""

import math

import numpy as np

from benchmarks.programs.registry import program


def _matrix(n):
    return (np.random.default_rng(0).random((n, n)),)


def _positive(n):
    a = np.random.default_rng(0).random((n, n))
    return (a @ a.T + n * np.eye(n),)


def _system(n):
    rng = np.random.default_rng(0)
    return np.tril(rng.random((n, n))) + n * np.eye(n), rng.random(n)


def _data(n):
    return (np.random.default_rng(0).random((2 * n, n)),)


@program(_positive, 7, 60)
def cholesky_by_element(a):
    n = a.shape[0]
    l = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            total = 0.0
            for k in range(j):
                total += l[i, k] * l[j, k]
            if i == j:
                l[i, j] = math.sqrt(a[i, i] - total)
            else:
                l[i, j] = (a[i, j] - total) / l[j, j]
    return l


@program(_positive, 7, 150)
def cholesky_in_place(A):
    for i in range(A.shape[0]):
        for j in range(i):
            A[i, j] -= np.dot(A[i, :j], A[j, :j])
            A[i, j] /= A[j, j]
        A[i, i] -= np.dot(A[i, :i], A[i, :i])
        A[i, i] = np.sqrt(A[i, i])
    return np.tril(A)


@program(_positive, 7, 200)
def cholesky_by_column(a):
    a = a.copy()
    n = len(a)
    for k in range(n):
        a[k, k] = np.sqrt(a[k, k])
        a[k + 1 :, k] /= a[k, k]
        for j in range(k + 1, n):
            a[j:, j] -= a[j:, k] * a[j, k]
    return np.tril(a)


@program(_positive, 7, 200)
def lu_outer_products(A):
    n = A.shape[0]
    for k in range(n - 1):
        A[k + 1 :, k] /= A[k, k]
        A[k + 1 :, k + 1 :] -= np.outer(A[k + 1 :, k], A[k, k + 1 :])
    return A


@program(_matrix, 7, 150)
def lu_with_pivots(a):
    """Rows change places where the pivot is not the largest."""
    n = a.shape[0]
    lu = a.astype(float)
    order = np.arange(n)
    for k in range(n - 1):
        p = k + np.argmax(np.abs(lu[k:, k]))
        if p != k:
            lu[[k, p]] = lu[[p, k]]
            order[[k, p]] = order[[p, k]]
        for i in range(k + 1, n):
            lu[i, k] /= lu[k, k]
            lu[i, k + 1 :] -= lu[i, k] * lu[k, k + 1 :]
    return lu, order


@program(lambda n: (_positive(n)[0], np.arange(float(n))), 7, 150)
def gaussian_elimination(a, b):
    n = len(b)
    for i in range(n):
        if a[i, i] == 0:
            raise ZeroDivisionError("a pivot is zero")
        for j in range(i + 1, n):
            factor = a[j, i] / a[i, i]
            a[j, i:] = a[j, i:] - factor * a[i, i:]
            b[j] = b[j] - factor * b[i]
    x = np.zeros(n)
    for i in reversed(range(n)):
        x[i] = (b[i] - a[i, i + 1 :] @ x[i + 1 :]) / a[i, i]
    return x


@program(_system, 8, 400)
def forward_substitution(l, b):
    x = np.zeros_like(b)
    for i in range(len(b)):
        x[i] = (b[i] - np.dot(l[i, :i], x[:i])) / l[i, i]
    return x


@program(_system, 8, 150)
def triangular_inverse(l, b):
    n = len(b)
    inverse = np.eye(n)
    for col in range(n):
        for i in range(col, n):
            for j in range(col, i):
                inverse[i, col] -= l[i, j] * inverse[j, col]
            inverse[i, col] /= l[i, i]
    return inverse @ b


@program(_data, 6, 100)
def gram_schmidt(A):
    m, n = A.shape
    Q, R = np.zeros((m, n)), np.zeros((n, n))
    for k in range(n):
        R[k, k] = np.sqrt(np.dot(A[:, k], A[:, k]))
        Q[:, k] = A[:, k] / R[k, k]
        for j in range(k + 1, n):
            R[k, j] = np.dot(Q[:, k], A[:, j])
            A[:, j] -= Q[:, k] * R[k, j]
    return Q, R


@program(_data, 6, 100)
def householder(A):
    m, n = A.shape
    R = A.copy()
    Q = np.eye(m)
    for k in range(n):
        x = R[k:, k]
        e = np.zeros_like(x)
        e[0] = np.copysign(np.linalg.norm(x), -A[k, k])
        v = x - e
        v = v / np.linalg.norm(v)
        R[k:] -= 2.0 * np.outer(v, v @ R[k:])
        Q[:, k:] -= 2.0 * np.outer(Q[:, k:] @ v, v)
    return Q, np.triu(R)


@program(_data, 6, 100)
def covariance(data):
    n, m = data.shape
    mean = np.mean(data, axis=0)
    data -= mean
    cov = np.zeros((m, m), dtype=data.dtype)
    for i in range(m):
        for j in range(i, m):
            cov[i, j] = np.sum(data[:, i] * data[:, j]) / (n - 1.0)
            cov[j, i] = cov[i, j]
    return cov


@program(_data, 6, 120)
def correlation(data):
    n, m = data.shape
    mean, stddev = np.mean(data, axis=0), np.std(data, axis=0)
    stddev[stddev <= 0.1] = 1.0
    data = (data - mean) / (np.sqrt(n) * stddev)
    corr = np.eye(m, dtype=data.dtype)
    for i in range(m - 1):
        corr[i + 1 : m, i] = corr[i, i + 1 : m] = data[:, i] @ data[:, i + 1 : m]
    return corr


@program(lambda n: (1.5, 0.5, *(np.random.default_rng(k).random((n, n)) for k in range(3))), 6, 100)
def symmetric_product(alpha, beta, C, A, B):
    """A is symmetric and only its lower half is read."""
    temp = np.empty(C.shape[1])
    C *= beta
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            C[:i, j] += alpha * B[i, j] * A[i, :i]
            temp[j] = B[:i, j] @ A[i, :i]
        C[i, :] += alpha * B[i, :] * A[i, i] + alpha * temp
    return C


@program(lambda n: (1.5, 0.5, np.ones((n, n)), _matrix(n)[0]), 6, 150)
def symmetric_rank_update(alpha, beta, C, A):
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += alpha * A[i, k] * A[: i + 1, k]
    return C

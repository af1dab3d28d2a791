"""Sparse matrices held as plain arrays."""

import numpy as np

from benchmarks.programs.registry import program


def _csr(n):
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 6, n)
    row = np.concatenate(([0], np.cumsum(lengths)))
    return row, rng.integers(0, n, row[-1]), rng.random(row[-1]), rng.random(n)


@program(_csr, 12, 3_000)
def spmv_rows(row, col, val, x):
    y = np.empty(row.size - 1, dtype=val.dtype)
    for i in range(row.size - 1):
        cols = col[row[i] : row[i + 1]]
        vals = val[row[i] : row[i + 1]]
        y[i] = vals @ x[cols]
    return y


@program(_csr, 12, 5_000)
def spmv_elements(indptr, indices, data, x):
    n = len(indptr) - 1
    y = np.zeros(n)
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            y[i] += data[k] * x[indices[k]]
    return y


@program(_csr, 12, 5_000)
def spmv_segments(row, col, val, x):
    products = np.append(val * x[col], 0.0)
    y = np.add.reduceat(products, row[:-1])
    y[row[1:] == row[:-1]] = 0.0
    return y


@program(_csr, 12, 3_000)
def spmv_transposed(row, col, val, x):
    y = np.zeros(len(x))
    for i in range(len(row) - 1):
        lo, hi = row[i], row[i + 1]
        np.add.at(y, col[lo:hi], val[lo:hi] * x[i])
    return y


@program(_csr, 12, 3_000)
def page_rank(row, col, val, x):
    n = len(row) - 1
    out = np.diff(row)
    rank = np.ones(n) / n
    source = np.repeat(np.arange(n), out)
    for _ in range(20):
        share = np.where(out > 0, rank / np.maximum(out, 1), 0.0)
        new = 0.15 / n + 0.85 * np.bincount(col, weights=share[source], minlength=n)
        if np.abs(new - rank).sum() < 1e-8:
            break
        rank = new
    return rank


@program(_csr, 12, 2_000)
def csr_gauss_seidel(row, col, val, b):
    n = len(b)
    x = np.zeros(n)
    for _ in range(3):
        for i in range(n):
            total, diagonal = 0.0, 4.0
            for k in range(row[i], row[i + 1]):
                if col[k] == i:
                    diagonal += val[k]
                else:
                    total += val[k] * x[col[k]]
            x[i] = (b[i] - total) / diagonal
    return x

"""Loops over grids of indices: `np.ndindex`, `np.ndenumerate`, `itertools.product` of ranges."""

import itertools
from itertools import product

import numpy as np
import pytest
from helpers.loops import control_nodes

A = np.random.default_rng(4).normal(size=(12, 9))
K = np.random.default_rng(5).normal(size=(3, 3))


def convolution(image, kernel):
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    out = np.zeros((rows, columns))
    for i, j in np.ndindex(rows, columns):
        out[i, j] = np.sum(image[i : i + 3, j : j + 3] * kernel)
    return out


def positive_sum(a):
    total = 0.0
    for place in np.ndindex(a.shape):
        if a[place] > 0:
            total += a[place]
    return total


def largest(a):
    best, where = -np.inf, (0, 0)
    for (i, j), value in np.ndenumerate(a):
        if value > best:
            best, where = value, (i, j)
    return best, where


def neighbours(a, n):
    out = np.zeros_like(a)
    for i, j in product(range(1, n), range(n - 1, 0, -1)):
        out[i, j] = a[i - 1, j] + a[i, j - 1] + i * j
        if out[i, j] > 40:
            break
    return out


def cubes(n):
    found = 0
    for i, j, k in itertools.product(range(n), repeat=3):
        if i * i + j * j == k * k + 1:
            found += 1
    return found, np.float64(i + j + k)


def below(a, n):
    places = []
    for i, j in np.ndindex(n, n):
        if a[i, j] < 0:
            places.append((i, j))
    return places


def out_of_bounds(a, n):
    total = 0.0
    for i, j in np.ndindex(n, n):
        total += a[i, j]
    return total


def printing(a):
    for i, j in np.ndindex(2, 3):
        print(i, j, a[i, j] > 0)
    for place, value in np.ndenumerate(a[:2, :2] > 0):
        print(place, value)


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        (convolution, [(A, K), (A[:8], K), (A[:3, :3], K), (A.T, K)]),
        (positive_sum, [(A,), (A[0],), (A[:0],), (A.reshape(4, 3, 9),), (A[::2].T,)]),
        (largest, [(A,), (A.T,), (-abs(A),)]),
        (neighbours, [(A, 8), (A, 9), (A, 0), (A, 1)]),
        (cubes, [(9,), (12,)]),
        (below, [(A, 8), (A, 9), (A, 0)]),
    ],
)
def test_captured(check_loops, function, calls):
    report = check_loops(function, *calls)
    assert control_nodes(report)
    assert "runs in Python" not in str(report)


def test_effects_in_a_loop_over_a_grid(check_loops):
    check_loops(printing, (A,), (A,))


def test_exceptions(check_loops):
    check_loops(out_of_bounds, (A, 9), (A, 10), (A, 8))
    check_loops(below, (A, -1), (A, 3))

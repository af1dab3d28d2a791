"""Loops over all positions of a grid: `itertools.product`, `numpy.ndindex`, `numpy.ndenumerate`."""

import itertools

import numpy as np
import pytest
from helpers.loops import control_nodes

RNG = np.random.default_rng(2)


def product_sum(x):
    total = 0.0
    for i, j in itertools.product(range(x.shape[0]), range(1, x.shape[1], 2)):
        total += x[i, j] * i - j
    return total


def pool(x, k):
    n, c, h, w = x.shape
    out = np.zeros((n, c, h // k, w // k))
    where = np.zeros(out.shape, int)
    for b, m, i, j in itertools.product(range(n), range(c), range(h // k), range(w // k)):
        patch = x[b, m, i * k : (i + 1) * k, j * k : (j + 1) * k]
        out[b, m, i, j] = patch.max()
        where[b, m, i, j] = patch.argmax()
    return out, where


def indices_of_largest(x):
    best, place = -np.inf, None
    rows, columns = 0, 0
    for i, j in np.ndindex(x.shape):
        if x[i, j] > best:
            best = x[i, j]
            rows, columns = i, j
    return best, rows, columns, place


def weighted(x):
    total = 0.0
    for (i, j), value in np.ndenumerate(x):
        if value < 0:
            continue
        total += value * (i + 2 * j)
    return total


@pytest.mark.parametrize("program", [product_sum, indices_of_largest, weighted])
def test_grids_of_two_axes(program, check_loops):
    shapes = [(30, 20), (20, 30), (1, 9), (7, 1)]
    report = check_loops(program, *((RNG.normal(size=shape),) for shape in shapes))
    assert "for" in control_nodes(report)
    check_loops(program, (np.zeros((0, 5)),), (np.zeros((5, 0)),))


def test_a_grid_of_four_axes(check_loops):
    report = check_loops(pool, (RNG.normal(size=(2, 3, 8, 6)), 2))
    assert control_nodes(report) == ["for"]


def test_grids_are_taken_apart_by_python_too(check_loops):
    def taken(x):
        grid = itertools.product(range(2), range(3))
        first = next(grid)
        places = np.ndindex(2, 2)
        corner = next(places)
        print(first, corner)
        rest = list(grid), list(places), list(itertools.product("ab", [1, 2]))
        found = list(np.ndenumerate(x))
        return first, corner, rest, found, x + 1

    check_loops(taken, (np.arange(4.0).reshape(2, 2),))


def test_a_grid_that_is_left_early(check_loops):
    def found(x, limit):
        for i, j in itertools.product(range(x.shape[0]), range(x.shape[1])):
            if x[i, j] > limit:
                return i, j
        else:
            return -1, -1

    check_loops(found, (RNG.normal(size=(20, 30)), 2.0), (RNG.normal(size=(20, 30)), 99.0))


def test_extents_that_are_negative_raise(check_loops):
    def visited(x, n):
        try:
            for i, j in np.ndindex(3, n):
                x[i, j] += 1
        except ValueError as error:
            return str(error)
        return x

    calls = [(np.zeros((3, 4)), n) for n in (2, 3, 0, -1, 4, -2)]
    check_loops(visited, *calls)


@pytest.mark.parametrize("shape", [(2, 3), [2, 3], (2.0, 3), 2.5, "2", 2])
def test_shapes_of_ndindex_that_numpy_declines(check, shape):
    def f(x, shape):
        for place in np.ndindex(shape):
            x = x + sum(place)
        return x

    check(f, (np.arange(3.0), shape))

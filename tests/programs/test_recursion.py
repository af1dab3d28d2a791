"""Functions that call themselves: a piece for each level, not one for each depth."""

import math
import sys

import numpy as np

import jitflow
from benchmarks.programs.recursion import adaptive_simpson, determinant


def test_recursion_that_data_end_has_the_pieces_of_one_level(check):
    report = check(adaptive_simpson, (np.sin, 0.0, 3.0, 1e-6))
    assert report.pieces <= 5


def test_recursion_that_would_be_too_large_is_not_inlined(check):
    report = check(determinant, (np.random.default_rng(0).random((6, 6)),))
    assert all(piece.operators < 2000 for piece in report.journal.pieces)


def test_small_recursion_is_one_piece(check):
    def power(x, n):
        if n == 0:
            return np.eye(len(x))
        half = power(x, n // 2)
        return half @ half @ x if n % 2 else half @ half

    report = check(power, (np.random.default_rng(0).random((3, 3)), 6))
    assert (report.pieces, report.breaks) == (1, 0)


def test_levels_that_are_compiled_themselves():
    @jitflow.compile
    def merge_sort(x):
        if len(x) < 2:
            return x
        left, right = merge_sort(x[: len(x) // 2]), merge_sort(x[len(x) // 2 :])
        out, i, j = np.empty_like(x), 0, 0
        for k in range(len(x)):
            if j == len(right) or (i < len(left) and left[i] <= right[j]):
                out[k] = left[i]
                i += 1
            else:
                out[k] = right[j]
                j += 1
        return out

    x = np.random.default_rng(0).random(13)
    with jitflow.config().override(strict=True, measure=False):
        for _ in range(2):
            np.testing.assert_array_equal(merge_sort(x), np.sort(x))


def test_mutual_recursion_that_breaks(check):
    def even(x, depth):
        print(depth)
        return x if depth == 0 else odd(np.sqrt(x), depth - 1)

    def odd(x, depth):
        return x if depth == 0 else even(x * 2, depth - 1)

    check(even, (np.arange(5.0), 5))
    assert math.isfinite(even(np.ones(1), 1)[0])


def test_recursion_gets_as_deep_as_python_lets_it():
    """A call between pieces takes more of the interpreter's stack than an eager one."""

    @jitflow.compile
    def down(n, x):
        return x if n == 0 else down(n - 1, x + 1)

    assert (down(50, np.zeros(2)) == 50).all()
    depth = sys.getrecursionlimit() // 3
    assert down(depth, 0) == depth
    assert (down(depth, np.zeros(2)) == depth).all()

"""Functions that call themselves: a piece for each level, not one for each depth."""

import math
import sys

import numpy as np

import jitflow
from benchmarks.programs.recursion import adaptive_simpson, determinant
from jitflow.tracer.interpreter import Interpreter
from jitflow.tracer.regions import MAX_STEPS


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


def test_recursion_inside_loops_over_data_is_given_up_early(check, monkeypatch):
    """It would be traced as loops in loops; what was too long once is not tried again."""
    traced = 0
    step = Interpreter.step

    def counted(self):
        nonlocal traced
        traced += 1
        step(self)

    monkeypatch.setattr(Interpreter, "step", counted)

    def queens(n):
        count = 0
        columns = np.zeros(n, bool)
        rising = np.zeros(2 * n, bool)
        falling = np.zeros(2 * n, bool)

        def place(row):
            nonlocal count
            if row == n:
                count += 1
                return
            for column in range(n):
                if not (columns[column] or rising[row + column] or falling[row - column + n]):
                    columns[column] = rising[row + column] = falling[row - column + n] = True
                    place(row + 1)
                    columns[column] = rising[row + column] = falling[row - column + n] = False

        place(0)
        return count

    check(queens, (8,))
    assert 0 < traced < 3 * MAX_STEPS


class Node:
    def __init__(self, value, children):
        self.value, self.children = value, children


def walked(root, x):
    seen, order = set(), []

    def visit(node):
        if node not in seen:
            seen.add(node)
            for child in node.children:
                visit(child)
            order.append(node)

    visit(root)
    total = 0.0
    for node in order:
        total += node.value
    return total + x


def test_a_walk_over_thousands_of_objects_is_left_to_python():
    """What it would have to check of them takes longer than the walk."""
    nodes = [Node(0.5 * k, []) for k in range(3000)]
    for k, node in enumerate(nodes[1:], 1):
        nodes[(k - 1) // 3].children.append(node)
    compiled = jitflow.compile(walked)
    x = np.ones(3)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(nodes[0], x), walked(nodes[0], x))
    codes = {code for code, _ in compiled.report().journal.eager}
    assert "JF-B015" in codes
    small = jitflow.compile(walked)
    np.testing.assert_array_equal(small(nodes[2990], x), walked(nodes[2990], x))
    assert small.report().pieces == 1

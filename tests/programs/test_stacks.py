"""Lists used as stacks in captured loops: ``pop()`` beside ``append``."""

from functools import partial

import numpy as np
import pytest
from helpers import agreement

DATA = np.random.default_rng(0).integers(0, 10, (12, 14))


agrees = partial(agreement.agrees, trace_everything=True)


def filled(a, row, column):
    n, m = a.shape
    seen = np.zeros((n, m), dtype=bool)
    seen[row, column] = True
    stack, count = [(row, column)], 0
    while len(stack) > 0:
        y, x = stack.pop()
        count += 1
        for dy, dx in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            v, u = y + dy, x + dx
            if 0 <= v < n and 0 <= u < m and not seen[v, u] and a[v, u] < 7:
                seen[v, u] = True
                stack.append((v, u))
    return count, seen


def test_flood_fill():
    agrees(filled, DATA, 5, 5, pieces=1)
    agrees(filled, np.zeros((40, 30), int), 0, 0, pieces=1)


def test_reverse_polish():
    def total(n):
        stack = [0.0]
        for i in range(n):
            stack.append(i * 1.5)
            if i % 3 == 2:
                a = stack.pop()
                b = stack.pop()
                stack.append(a * 0.5 + b)
        return stack, len(stack), stack[-1]

    agrees(total, 90)


def test_an_empty_stack():
    def drained(n, limit):
        stack, taken = [n], 0
        for _ in range(limit):
            taken += stack.pop()
            if taken < n * 3:
                stack.append(taken)
        return taken, stack

    agrees(drained, 5, 4)
    agrees(drained, 5, 40)  # IndexError


def test_a_stack_of_the_caller():
    def used(stack, n):
        total = 0
        while stack:
            x = stack.pop()
            total += x
            if x > n:
                stack.append(x // 2)
                stack.append(x // 3)
        return total

    agrees(used, [3, 70, 500], 4)
    agrees(used, [], 4)

    def left(stack, n):
        for _ in range(n):
            stack.pop()
        return len(stack)

    agrees(left, list(range(90)), 80)
    agrees(left, [1.5, 2.5, 3.5], 2)
    agrees(left, [1, 2.5, "a"], 2)


@pytest.mark.parametrize("size", [5, 60])
def test_sort_with_a_stack(size):
    def ordered(a):
        stack = [(0, len(a) - 1)]
        while stack:
            low, high = stack.pop()
            if low >= high:
                continue
            pivot, i, j = a[(low + high) // 2], low, high
            while i <= j:
                while a[i] < pivot:
                    i += 1
                while a[j] > pivot:
                    j -= 1
                if i <= j:
                    a[i], a[j] = a[j], a[i]
                    i += 1
                    j -= 1
            stack.append((low, j))
            stack.append((i, high))
        return a

    agrees(ordered, np.random.default_rng(1).normal(size=size))
    agrees(ordered, np.random.default_rng(1).normal(size=size).tolist())


def test_elements_are_read_before_what_branches_write():
    """The old number, not the new one; and no copy of the array in each iteration."""

    def steps(a, n):
        b = np.zeros(1 << 12)
        total = 0.0
        for i in range(n):
            x = b[i]
            if a[i] > 0.5:
                b[i] = x + 1
                b[i + 1] = x + 2
            if a[i] > 0.1:
                b[i + 2] = x * 0.5
            total += x
        return total, b[:n]

    agrees(steps, np.random.default_rng(2).random(300), 300, pieces=1)


def test_lists_of_pairs_are_unpacked():
    def joined(n, edges):
        parent, parts = list(range(n)), n
        for a, b in edges:
            while parent[a] != a:
                a = parent[a]
            while parent[b] != b:
                b = parent[b]
            if a != b:
                parent[a] = b
                parts -= 1
        return parts, parent

    edges = np.random.default_rng(3).integers(0, 50, (60, 2)).tolist()
    agrees(joined, 50, edges)
    agrees(joined, 50, [[1, 2, 3]] * 40)

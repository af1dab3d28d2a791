"""Deques that a program keeps: experience for replay, windows of the last values."""

import heapq
import random
from collections import deque

import numpy as np

import jitflow

X = np.arange(3.0)


def remember(memory, x):
    if len(memory) < 3:
        memory.append(x * 2)
        return x.sum()
    memory.appendleft((x, len(memory)))
    return x * len(memory)


def both(program, calls, maxlen=None):
    """What eager and compiled calls give, with what is left in the deque."""
    found = []
    compiled = jitflow.compile(program)
    for function in (program, compiled):
        memory = deque([1.0], maxlen=maxlen)
        results = [function(memory, X + i) for i in range(calls)]
        found.append((results, list(memory), memory.maxlen))
    return found, compiled.report()


def test_items_are_appended_and_counted():
    for maxlen in (None, 2, 5):
        (expected, got), report = both(remember, 8, maxlen)
        np.testing.assert_equal(got, expected)
        assert not report.breaks, str(report)


def test_what_is_inside_is_left_to_python(check):
    def f(memory, x):
        memory.append(x + 1)
        return memory[0] + sum(item.sum() for item in memory), memory.popleft()

    check(f, (deque([X, X * 2]), X))


def test_algorithms_of_the_library_break_as_a_whole():
    def f(items, x):
        random.seed(3)
        chosen = random.sample(items, 2)
        heap = [(float(x[0]), 1), (float(x[1]), 0), (float(x[2]), 2)]
        heapq.heapify(heap)
        return [item * 2 for item in chosen], heapq.heappop(heap)

    items = [X, X * 2, X * 3, X * 4, X * 5]
    compiled = jitflow.compile(f)
    for i in range(4):
        np.testing.assert_equal(compiled(items, X + i), f(items, X + i))
    text = str(compiled.report())
    assert "Random.sample:" not in text, text
    assert "_siftup:" not in text, text

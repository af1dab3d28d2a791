"""Queues in captured loops: deques, and lists whose first item is taken."""

from collections import deque
from functools import partial

import numpy as np
import pytest
from helpers import agreement

GRID = np.random.default_rng(0).random((12, 14)) < 0.25


agrees = partial(agreement.agrees, pieces=1, trace_everything=True)


def distances(grid, row, column):
    n, m = grid.shape
    found = np.full((n, m), -1)
    found[row, column] = 0
    queue = deque([(row, column)])
    while queue:
        y, x = queue.popleft()
        for dy, dx in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            v, u = y + dy, x + dx
            if 0 <= v < n and 0 <= u < m and not grid[v, u] and found[v, u] < 0:
                found[v, u] = found[y, x] + 1
                queue.append((v, u))
    return found


def distances_by_list(grid, row, column):
    n, m = grid.shape
    found = np.full((n, m), -1)
    found[row, column] = 0
    queue = [(row, column)]
    while len(queue) > 0:
        y, x = queue.pop(0)
        for dy, dx in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            v, u = y + dy, x + dx
            if 0 <= v < n and 0 <= u < m and not grid[v, u] and found[v, u] < 0:
                found[v, u] = found[y, x] + 1
                queue.append((v, u))
    return found


@pytest.mark.parametrize("program", [distances, distances_by_list])
def test_breadth_first_search(program):
    agrees(program, GRID, 5, 5)
    agrees(program, np.zeros((40, 30), bool), 0, 0)


def test_largest_numbers_of_windows():
    def program(a, width):
        queue, found = deque(), []
        for i in range(len(a)):
            while queue and a[queue[-1]] <= a[i]:
                queue.pop()
            queue.append(i)
            if queue[0] <= i - width:
                queue.popleft()
            if i >= width - 1:
                found.append(a[queue[0]])
        return found, queue

    agrees(program, [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5] * 12, 4)


@pytest.mark.parametrize("maxlen", [0, 1, 5, 400])
def test_bounded_deques(maxlen):
    def program(a, maxlen):
        last, found, total = deque(maxlen=maxlen), [], 0.0
        for x in a:
            if len(last) == maxlen and maxlen:
                total -= last[0]
            last.append(x)
            if maxlen:
                total += last[-1]
            found.append(total)
        return found, last, last.maxlen

    agrees(lambda a: program(a, maxlen), np.arange(200.0) % 7)


def test_both_ends():
    def program(count):
        queue, total = deque([1, 2, 3], maxlen=9), 0
        for k in range(count):
            if k % 3 == 0:
                queue.appendleft(k)
            elif k % 3 == 1:
                queue.append(-k)
            elif len(queue) > 4:
                total += queue.pop() * queue.popleft()
            queue[0] = queue[-1] + k
        return queue, total, len(queue)

    agrees(program, 100)


def test_a_list_as_a_queue_of_the_caller():
    def program(items, count):
        total = 0
        for k in range(count):
            total = (total + items.pop(0) * k) % 1000
            items.append(total)
            if k % 5 == 0:
                items.insert(0, k)
        return total

    agrees(program, [1, 2, 3, 4], 80)


def test_the_ring_goes_around():
    def program(count):
        queue = [0, 1, 2]
        total = 0
        while total < count:
            total += 1
            queue.append(queue.pop(0) + 3)
        return queue, total

    agrees(program, 300_000)


def test_queues_that_become_empty():
    def program(items, count):
        total = 0
        for _ in range(count):
            total += items.popleft() if False else items.pop(0)
        return total

    agrees(program, [5, 6, 7] * 20, 40)
    agrees(program, [5, 6, 7] * 20, 61, pieces=None)  # IndexError


def test_an_exception_in_the_middle():
    def program(items, a):
        queue = deque([1])
        for k in range(40):
            items.append(k)
            queue.append(a[k])
            queue.popleft()
        return queue

    agrees(program, [], np.arange(40), pieces=None)
    agrees(program, [], np.arange(20), pieces=None)


def test_queues_in_other_objects():
    def program(count):
        queue = deque([0])
        both = {"one": queue, "two": [queue]}
        for k in range(count):
            both["one"].append(k)
            if len(queue) > 3:
                queue.popleft()
        return both, both["one"] is queue

    agrees(program, 60)


def test_reading_a_queue():
    def program(count):
        queue, total = deque([2, 3]), 0
        for k in range(count):
            queue.append(k)
            if len(queue) > 5:
                queue.popleft()
            for x in queue:
                total += x
            total += sum(queue) + max(queue)
        return total, list(queue), [x + 1 for x in queue]

    agrees(program, 50)


def test_a_deque_that_changes_while_it_is_iterated():
    def program(count):
        queue = deque(range(4))
        for k in range(count):
            queue.append(k)
        for x in queue:
            if x == 3:
                queue.append(x)
        return queue

    agrees(program, 30, pieces=None)


def test_clear():
    def program(count):
        queue, total = deque([1.5]), 0.0
        for k in range(count):
            queue.append(k * 0.5)
            if len(queue) == 7:
                total += queue[3]
                queue.clear()
        return queue, total

    agrees(program, 60)


def test_what_numpy_makes_of_a_deque():
    def program(a):
        last = deque(maxlen=4)
        found = []
        for x in a:
            last.append(x)
            found.append(np.mean(last))
        return found, np.array(last)

    agrees(program, np.arange(30.0), pieces=None)


def test_other_operations_stay_with_python():
    def program(count):
        queue = deque([3, 1, 2])
        for k in range(count):
            queue.append(k)
            queue.rotate(1)
        queue.remove(3)
        return (
            queue,
            queue.index(1),
            queue.count(2),
            queue == deque(queue),
            queue != [1],
            2 in queue,
        )

    agrees(program, 30, pieces=None)

"""Heaps and sorted lists in captured loops: `heapq` and `bisect` by their own comparisons."""

import bisect
import heapq
from functools import partial
from heapq import heapify, heappop, heappush

import numpy as np
import pytest
from helpers import agreement

agrees = partial(agreement.agrees, pieces=1, trace_everything=True)


WEIGHTS = np.random.default_rng(1).integers(0, 6, (24, 24)) * 0.5


def shortest(weights, source):
    n = weights.shape[0]
    found = [float("inf")] * n
    found[source] = 0.0
    heap = [(0.0, source)]
    while heap:
        distance, u = heappop(heap)
        if distance > found[u]:
            continue
        for v in range(n):
            if weights[u, v] > 0:
                other = distance + float(weights[u, v])
                if other < found[v]:
                    found[v] = other
                    heappush(heap, (other, v))
    return found


def test_shortest_paths():
    agrees(shortest, WEIGHTS, 3)
    agrees(shortest, np.zeros((24, 24)), 0)


def test_events_with_ties():
    def program(count):
        heap, number, served, at = [(0, 0, 1)], 0, [], 0
        while heap and number < count:
            at, _, kind = heapq.heappop(heap)
            number += 1
            served.append((at, kind))
            heapq.heappush(heap, (at + number % 3, -number, kind + 1))
            if number % 4 == 0:
                heapq.heappush(heap, (at, number, 0))
        return served, heap

    agrees(program, 200)


@pytest.mark.parametrize("count", [2, 7, 40])
def test_the_order_of_a_heap(count):
    def program(a, count):
        heap, out = [0.5], []
        for k in range(60):
            heapq.heappush(heap, float(a[k]))
            if len(heap) > count:
                out.append(heapq.heapreplace(heap, float(a[-k])))
                out.append(heapq.heappushpop(heap, float(a[k] * 0.5)))
                out.append(heapq.heappop(heap))
        return heap, out

    agrees(program, np.random.default_rng(2).integers(0, 9, 80) / 4, count)


def test_heapify():
    def program(a, count):
        found = []
        for k in range(count):
            heap = [0] * 9
            for j in range(9):
                heap[j] = int(a[(j * 7 + k) % 9])
            heapify(heap)
            found.append(heap[0] * 100 + heap[4] * 10 + heap[8])
        return found

    agrees(program, np.array([5, 2, 8, 1, 9, 3, 7, 7, 0]), 30)


def test_an_empty_heap():
    def program(a, count):
        heap, total = [1.0, 2.0], 0.0
        for k in range(count):
            total += heappop(heap)
            if k < 30:
                heappush(heap, total)
        return total, heap

    agrees(program, [1], 30)
    agrees(program, [1], 40, pieces=None)  # IndexError


def test_longest_rising_subsequence():
    def program(a, count):
        tails = [float(a[0])]
        for k in range(1, count):
            x = float(a[k])
            at = bisect.bisect_left(tails, x)
            if at == len(tails):
                tails.append(x)
            else:
                tails[at] = x
        return tails, bisect.bisect_right(tails, 3.0)

    agrees(program, np.random.default_rng(3).integers(0, 50, 100), 100, pieces=None)


def test_heaps_of_the_caller():
    def program(heap, count):
        total = 0
        for k in range(count):
            heapq.heappush(heap, k * 7 % 11)
            total += heapq.heappop(heap)
        return total

    agrees(program, [4, 6, 9], 50, pieces=None)
    agrees(program, list(range(0, 400, 3)), 50, pieces=None)


def test_items_that_cannot_be_compared():
    def program(count):
        heap = []
        for k in range(count):
            heapq.heappush(heap, (k % 2, "a" if k < 6 else k))
        return heap

    agrees(program, 5, pieces=None)
    agrees(program, 12, pieces=None)  # TypeError


def test_nan_in_a_heap():
    def program(a):
        heap = [(0.0, 0)]
        for k in range(len(a)):
            heapq.heappush(heap, (float(a[k]), k))
        return [heapq.heappop(heap) for _ in range(len(a))], heap

    a = np.arange(20.0)[::-1].copy()
    a[[3, 8]] = np.nan
    agrees(program, a, pieces=None)


def test_a_list_that_a_loop_grew_before():
    def program(a, count):
        heap = []
        for k in range(count):
            heap.append(int(a[k % 9]))
            heap = heap + [k]
            heapq.heapify(heap)
            heapq.heappush(heap, 3)
            heap = sorted(heap)[:4]
        return heap

    agrees(program, np.arange(9)[::-1].copy(), 6, pieces=None)

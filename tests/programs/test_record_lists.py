"""Edges, points and lists of neighbours: lists of tuples, and of lists of different lengths."""

import heapq

import numpy as np
import pytest
from helpers.loops import control_nodes

RNG = np.random.default_rng(7)


def neighbours(n, most, seed):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, n, rng.integers(0, most)).tolist() for _ in range(n)]


def weighted(n, most, seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most, n)
    return [[(int(v), float(w)) for v, w in rng.random((k, 2)) * n] for k in counts]


def edges(n, count, seed):
    rng = np.random.default_rng(seed)
    pairs = zip(rng.integers(0, n, count), rng.integers(0, n, count), rng.random(count))
    return [(int(u), int(v), float(w)) for u, v, w in pairs]


def breadth_first(adjacent):
    distance = [-1] * len(adjacent)
    distance[0], queue = 0, [0]
    while queue:
        u = queue.pop(0)
        for v in adjacent[u]:
            if distance[v] < 0:
                distance[v] = distance[u] + 1
                queue.append(v)
    return distance


def rank(adjacent):
    n = len(adjacent)
    r = np.ones(n) / n
    for _ in range(20):
        new = np.full(n, 0.15 / n)
        for u in range(n):
            if len(adjacent[u]) > 0:
                share = 0.85 * r[u] / len(adjacent[u])
                for v in adjacent[u]:
                    new[v] += share
        r = new
    return r


def averages(adjacent):
    x = np.arange(len(adjacent)) * 0.5
    for _ in range(3):
        y = x.copy()
        for i, row in enumerate(adjacent):
            if row:
                y[i] = np.mean(x[row]) + row[-1] - sum(row[1:3])
        x = y
    return x


def depth_first(adjacent):
    seen, order, stack = [False] * len(adjacent), [], [0]
    while stack:
        u = stack.pop()
        if seen[u]:
            continue
        seen[u] = True
        order.append(u)
        for v in reversed(adjacent[u]):
            if not seen[v]:
                stack.append(v)
    return order


@pytest.mark.parametrize("program", [breadth_first, rank, averages, depth_first])
def test_lists_of_neighbours(check_loops, program):
    report = check_loops(program, (neighbours(60, 6, 0),), (neighbours(41, 9, 1),))
    assert any(name in ("for", "while") for name in control_nodes(report))
    assert not report.journal.breaks


def test_weighted_neighbours(check_loops):
    def f(adjacent):
        distance = np.full(len(adjacent), np.inf)
        distance[0], heap = 0.0, [(0.0, 0)]
        while heap:
            d, u = heapq.heappop(heap)
            if d > distance[u]:
                continue
            for v, w in adjacent[u]:
                if d + w < distance[v]:
                    distance[v] = d + w
                    heapq.heappush(heap, (d + w, v))
        return distance

    report = check_loops(f, (weighted(50, 6, 0),), (weighted(44, 9, 1),))
    assert "while" in control_nodes(report)


def test_edges(check_loops):
    def f(edges, n):
        distance = np.full(n, np.inf)
        distance[0] = 0.0
        for _ in range(n - 1):
            changed = False
            for u, v, w in edges:
                if distance[u] + w < distance[v]:
                    distance[v] = distance[u] + w
                    changed = True
            if not changed:
                break
        first, last = edges[0], edges[-1]
        return distance, len(edges), first[0] + last[1]

    report = check_loops(f, (edges(30, 120, 0), 30), (edges(30, 91, 1), 30))
    assert "for" in control_nodes(report)
    assert not report.journal.breaks


def test_pairs_of_points(check_loops):
    def f(points):
        best = 1e9
        for i in range(len(points)):
            x, y = points[i]
            for j in range(i + 1, len(points)):
                u, v = points[j]
                best = min(best, (x - u) ** 2 + (y - v) ** 2)
        return best

    points = [(float(x), float(y)) for x, y in RNG.random((90, 2))]
    report = check_loops(f, (points,), (points[:70],))
    assert "for" in control_nodes(report)


# What the arrays cannot stand for


def grows_in_the_loop(rows):
    for u in range(len(rows)):
        if len(rows[u]) < 3:
            rows[u].append(u)
    return rows


def changes_an_item(rows):
    total = 0
    for u in range(len(rows)):
        for v in rows[u]:
            total += v * u
    rows[3] = [9, 9]
    rows[5].sort()
    return total, rows


def hands_one_out(rows):
    best, found = -1, None
    for u in range(len(rows)):
        if sum(rows[u]) > best:
            best, found = sum(rows[u]), rows[u]
    found.append(-1)
    return found, best, rows


def hands_out_a_known_one(rows):
    total = 0
    for row in rows:
        for v in row:
            total += v
    return rows[2], rows[2] is rows[2], total


def the_same_twice(rows):
    rows[1] = rows[0]
    rows[0].append(5)
    total = 0
    for u in range(len(rows)):
        total += len(rows[u])
    return total, rows[1] is rows[0]


@pytest.mark.parametrize(
    "program",
    [grows_in_the_loop, changes_an_item, hands_one_out, hands_out_a_known_one, the_same_twice],
)
def test_lists_that_are_objects(check_loops, program):
    check_loops(program, (neighbours(40, 6, 0),), (neighbours(33, 9, 1),))


def test_the_caller_has_a_row(check_loops):
    def f(rows, row):
        total = 0
        for u in range(len(rows)):
            row[0] = u
            for v in rows[u]:
                total += v
        return total

    rows = neighbours(40, 6, 2)
    rows[4] = [3, 1]
    check_loops(f, (rows, rows[4]), (rows, [0]), (rows, rows[4]))


def test_tuples_of_other_kinds(check_loops):
    def f(items):
        total = 0.0
        for item in items:
            total += item[0]
        return total, items[-1]

    calls = [
        [(k, k * 0.5) for k in range(80)],
        [(k * 0.5, k) for k in range(80)],
        [(k,) for k in range(80)],
        [(k, "name") for k in range(40)],
        [(2**70, 1)] * 70,
        [*((k, 1) for k in range(70)), [3, 4]],
    ]
    check_loops(f, *[(items,) for items in calls])


def test_outside_of_a_row(check_loops):
    def f(rows, x):
        total = 0.0
        for u in range(len(rows)):
            x[u] = 1.0
            total += x[rows[u][1]]
        return total

    rows = [[k % 5, k % 3, k % 7][: 2 + k % 2] for k in range(50)]
    short = [*rows[:30], [1], *rows[30:]]
    check_loops(f, (rows, np.zeros(51)), (short, np.zeros(51)))


def test_lists_that_are_padded_are_objects(check):
    """Lengths of the lists decide shapes: three batches are three known numbers of tokens."""

    def f(documents, size):
        rows = []
        for k in range(0, len(documents), size):
            batch = documents[k : k + size]
            ids = np.zeros((len(batch), max(len(b) for b in batch)))
            for i, b in enumerate(batch):
                ids[i, : len(b)] = b
            rows.append(np.tanh(ids).sum(axis=1) / ids.shape[1])
        return np.concatenate(rows)

    documents = [[(3 * i + j) % 11 for j in range(5 + (7 * i) % 13)] for i in range(12)]
    report = check(f, (documents, 4))
    assert not report.journal.breaks

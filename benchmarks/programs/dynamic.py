"""Dynamic programming: tables that are filled from what they already hold."""

import numpy as np

from benchmarks.programs.registry import program


def _words(n):
    rng = np.random.default_rng(0)
    return rng.integers(0, 4, n), rng.integers(0, 4, n + 3)


@program(_words, 9, 200)
def edit_distance(a, b):
    d = np.zeros((len(a) + 1, len(b) + 1), dtype=np.int64)
    d[:, 0] = np.arange(len(a) + 1)
    d[0, :] = np.arange(len(b) + 1)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            cost = 0 if a[i - 1] == b[j - 1] else 1
            d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + cost)
    return d[-1, -1], d


@program(_words, 9, 200)
def longest_common_subsequence(x, y):
    table = np.zeros((len(x) + 1, len(y) + 1), dtype=int)
    for i in range(len(x)):
        for j in range(len(y)):
            if x[i] == y[j]:
                table[i + 1][j + 1] = table[i][j] + 1
            else:
                table[i + 1][j + 1] = max(table[i][j + 1], table[i + 1][j])
    i, j = len(x), len(y)
    length = 0
    while i > 0 and j > 0:
        if x[i - 1] == y[j - 1]:
            length += 1
            i -= 1
            j -= 1
        elif table[i - 1][j] >= table[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return length, table


@program(_words, 9, 200)
def smith_waterman(a, b):
    h = np.zeros((a.size + 1, b.size + 1))
    best, place = 0.0, (0, 0)
    for i in range(1, h.shape[0]):
        for j in range(1, h.shape[1]):
            match = h[i - 1, j - 1] + (3.0 if a[i - 1] == b[j - 1] else -3.0)
            delete = h[i - 1, j] - 2.0
            insert = h[i, j - 1] - 2.0
            h[i, j] = max(0.0, match, delete, insert)
            if h[i, j] > best:
                best, place = h[i, j], (i, j)
    return best, place


@program(lambda n: (np.random.default_rng(2).integers(0, 4, n),), 9, 60)
def base_pairs(seq):
    """Nussinov's table: from the diagonal outwards, with a cut at every place."""
    n = len(seq)
    table = np.zeros((n, n), dtype=np.int32)
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            if j - 1 >= 0:
                table[i, j] = max(table[i, j], table[i, j - 1])
            if i + 1 < n:
                table[i, j] = max(table[i, j], table[i + 1, j])
            if j - 1 >= 0 and i + 1 < n:
                if i < j - 1:
                    pair = 1 if seq[i] + seq[j] == 3 else 0
                    table[i, j] = max(table[i, j], table[i + 1, j - 1] + pair)
                else:
                    table[i, j] = max(table[i, j], table[i + 1, j - 1])
            for k in range(i + 1, j):
                table[i, j] = max(table[i, j], table[i, k] + table[k + 1, j])
    return table


def _graph(n):
    return (np.random.default_rng(0).integers(1, 100, (n, n)).astype(np.float64),)


@program(_graph, 7, 150)
def floyd_warshall_rows(path):
    n = path.shape[0]
    for k in range(n):
        path[:] = np.minimum(path[:], np.add.outer(path[:, k], path[k, :]))
    return path


@program(_graph, 7, 60)
def floyd_warshall_by_element(path):
    n = len(path)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                if path[i, k] + path[k, j] < path[i, j]:
                    path[i, j] = path[i, k] + path[k, j]
    return path


@program(
    lambda n: (np.random.default_rng(1).integers(1, 20, n), np.arange(n) * 7 % 31 + 1, 5 * n),
    8, 100,
)  # fmt: skip
def knapsack(weights, values, capacity):
    best = np.zeros(capacity + 1, dtype=np.int64)
    for w, v in zip(weights, values):
        for c in range(capacity, w - 1, -1):
            best[c] = max(best[c], best[c - w] + v)
    return best[capacity]


def _chain(n):
    rng = np.random.default_rng(0)
    transition = rng.random((4, 4))
    emission = rng.random((4, 6))
    return (
        np.log(np.full(4, 0.25)),
        np.log(transition / transition.sum(1, keepdims=True)),
        np.log(emission / emission.sum(1, keepdims=True)),
        rng.integers(0, 6, n),
    )


@program(_chain, 9, 2000)
def viterbi(start, transition, emission, seen):
    steps, states = len(seen), len(start)
    score = np.zeros((steps, states))
    back = np.zeros((steps, states), dtype=int)
    score[0] = start + emission[:, seen[0]]
    for t in range(1, steps):
        ways = score[t - 1][:, None] + transition
        back[t] = np.argmax(ways, axis=0)
        score[t] = np.max(ways, axis=0) + emission[:, seen[t]]
    path = np.zeros(steps, dtype=int)
    path[-1] = np.argmax(score[-1])
    for t in range(steps - 2, -1, -1):
        path[t] = back[t + 1, path[t + 1]]
    return path, score[-1].max()


@program(lambda n: (np.random.default_rng(0).random((n, n)),), 8, 300)
def seam(energy):
    """The cheapest way down, one pixel to the left or right each row."""
    rows, cols = energy.shape
    cost = energy.copy()
    for i in range(1, rows):
        left = np.r_[np.inf, cost[i - 1, :-1]]
        right = np.r_[cost[i - 1, 1:], np.inf]
        cost[i] += np.minimum(np.minimum(left, cost[i - 1]), right)
    seam = np.empty(rows, dtype=int)
    seam[-1] = np.argmin(cost[-1])
    for i in range(rows - 2, -1, -1):
        low = max(seam[i + 1] - 1, 0)
        high = min(seam[i + 1] + 2, cols)
        seam[i] = low + np.argmin(cost[i, low:high])
    return seam, cost[-1].min()

"""Histograms and scatters: the index of a write is data."""

import numpy as np

from benchmarks.programs.registry import program


def _values(n):
    rng = np.random.default_rng(0)
    return rng.random(n), rng.standard_normal(n)


@program(_values, 20, 50_000)
def histogram_by_element(x, w):
    bins = 10
    counts = np.zeros(bins, dtype=np.int64)
    low, high = x.min(), x.max()
    for value in x:
        k = int((value - low) / (high - low) * bins)
        if k == bins:
            k = bins - 1
        counts[k] += 1
    return counts


@program(_values, 20, 50_000)
def weighted_histogram(x, w):
    k = np.minimum((x * 16).astype(int), 15)
    total, count = np.zeros(16), np.zeros(16, dtype=int)
    np.add.at(total, k, w)
    np.add.at(count, k, 1)
    least = np.full(16, np.inf)
    np.minimum.at(least, k, w)
    return total / np.maximum(count, 1), least, np.bincount(k, weights=w, minlength=16)


@program(_values, 20, 20_000)
def azimuthal_mean(radius, data):
    bins, high = 8, radius.max()
    result = np.zeros(bins)
    for i in range(bins):
        r1, r2 = high * i / bins, high * (i + 1) / bins
        inside = np.logical_and(r1 <= radius, radius < r2)
        values = data[inside]
        result[i] = values.mean() if len(values) else 0.0
    return result


@program(lambda n: (np.random.default_rng(0).random((n, 2)) * 9, np.zeros((10, 10))), 20, 20_000)
def cloud_in_cell(position, density):
    for p in range(len(position)):
        x, y = position[p]
        i, j = int(x), int(y)
        fx, fy = x - i, y - j
        density[i, j] += (1 - fx) * (1 - fy)
        density[i + 1, j] += fx * (1 - fy)
        density[i, j + 1] += (1 - fx) * fy
        density[i + 1, j + 1] += fx * fy
    return density


@program(lambda n: (np.random.default_rng(0).integers(0, 50, n),), 20, 20_000)
def counting_sort(keys):
    counts = np.zeros(keys.max() + 1, dtype=np.intp)
    for k in keys:
        counts[k] += 1
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    out = np.empty_like(keys)
    for k in keys:
        out[starts[k]] = k
        starts[k] += 1
    return out


@program(lambda n: (np.random.default_rng(0).integers(0, 256, (n, n)).astype(np.uint8),), 8, 200)
def equalise(image):
    hist, edges = np.histogram(image.ravel(), 256, (0, 256))
    cdf = hist.cumsum()
    cdf = (cdf - cdf.min()) * 255 / (cdf.max() - cdf.min())
    return cdf.astype(np.uint8)[image]


@program(lambda n: (np.random.default_rng(0).integers(0, n, (3 * n, 2)), n), 9, 3_000)
def connected_components(edges, n):
    """Labels go down along edges until nothing changes."""
    label = np.arange(n)
    changed = True
    while changed:
        before = label.copy()
        np.minimum.at(label, edges[:, 0], before[edges[:, 1]])
        np.minimum.at(label, edges[:, 1], before[edges[:, 0]])
        changed = not np.array_equal(before, label)
    return label, len(np.unique(label))


@program(lambda n: (np.random.default_rng(0).integers(0, n, (2 * n, 2)), n), 9, 3_000)
def union_find(edges, n):
    parent = np.arange(n)
    for a, b in edges:
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            b = parent[b]
        if a != b:
            parent[max(a, b)] = min(a, b)
    return parent

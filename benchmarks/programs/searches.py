"""Searches: the best of candidates, whose number of rows may differ, and paths that grow."""

import numpy as np

from benchmarks.programs.registry import program


def _points(n):
    rng = np.random.default_rng(0)
    x = rng.random(n)
    y = np.where(rng.random(n) < 0.6, 0.7 * x + 0.1 + 0.01 * rng.standard_normal(n), rng.random(n))
    return x, y, rng.integers(0, n, (200, 2))


@program(_points, 30, 300)
def consensus_line(x, y, pairs):
    best = inliers = None
    for i, j in pairs:
        if x[i] == x[j]:
            continue
        slope = (y[j] - y[i]) / (x[j] - x[i])
        offset = y[i] - slope * x[i]
        found = np.nonzero(np.abs(y - slope * x - offset) < 0.03)[0]
        if inliers is None or len(found) > len(inliers):
            best, inliers = (slope, offset), found
    return best, inliers


def _predicted(state, speed, turn, dt, horizon):
    path = state.copy()
    elapsed = 0.0
    while elapsed <= horizon:
        heading = state[2] + turn * dt
        step = speed * dt * np.array([np.cos(heading), np.sin(heading)])
        state = np.array([state[0] + step[0], state[1] + step[1], heading])
        path = np.vstack((path, state))
        elapsed += dt
    return path


@program(lambda n: (np.zeros(3), np.random.default_rng(1).random((n, 2)) * 8 + 1), 4, 15)
def motion_window(state, obstacles):
    goal = np.array([10.0, 10.0])
    least, best, chosen = np.inf, [0.0, 0.0], None
    for speed in np.arange(0.2, 1.0, 0.1):
        for turn in np.arange(-0.5, 0.5 + speed * 0.1, 0.1):
            path = _predicted(state, speed, turn, 0.1, 3.0)
            far = np.hypot(*(goal - path[-1, :2]))
            dx = path[:, 0] - obstacles[:, 0][:, None]
            dy = path[:, 1] - obstacles[:, 1][:, None]
            cost = far + 1.0 / np.min(np.hypot(dx, dy))
            if cost <= least:
                least, best, chosen = cost, [speed, turn], path
    return best, chosen, least


def _classes(n):
    rng = np.random.default_rng(2)
    x = rng.random((n, 4))
    return x, (x[:, 2] + 0.1 * rng.standard_normal(n) > 0.6).astype(np.int64)


@program(_classes, 12, 200)
def decision_stump(x, labels):
    best, left = None, None
    least = np.inf
    for feature in range(x.shape[1]):
        for threshold in x[:, feature]:
            below = labels[x[:, feature] <= threshold]
            above = labels[x[:, feature] > threshold]
            if below.size == 0 or above.size == 0:
                continue
            p, q = below.mean(), above.mean()
            impurity = (below.size * p * (1 - p) + above.size * q * (1 - q)) / labels.size
            if impurity < least:
                least, best, left = impurity, (feature, threshold), below
    return best, left, least

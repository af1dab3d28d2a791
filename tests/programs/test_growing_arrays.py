"""Arrays whose number of rows changes: append, concatenate, vstack, the best one of several."""

import numpy as np
import pytest
from helpers.loops import control_nodes

from jitflow.tracer import shrinking

X = np.linspace(0.0, 1.0, 7)


def appended(n):
    x = np.array([1.0])
    for i in range(n):
        x = np.append(x, x[-1] * 0.9 + i)
    return x, len(x)


def concatenated(x, n):
    for i in range(n):
        x = np.concatenate((x, [x[-1] + i, x[0] * i]))
    return x.sum(), x


def trajectory(n):
    v = np.array([1.0, 0.0])
    path = v.reshape(1, 2)
    for _ in range(n):
        v = v + 0.1 * np.array([-v[1], v[0]])
        path = np.vstack((path, v))
    return path, path.shape, path[-1]


def from_nothing(n):
    xs, ts = np.array([]), np.array([])
    for i in range(n):
        xs = np.append(xs, np.sin(i))
        ts = np.append(ts, i * 0.1)
    return xs * ts, xs.size


def with_an_end(x, limit):
    found = np.zeros(1)
    for v in x:
        found = np.append(found, found[-1] + v)
        if found[-1] > limit:
            break
    else:
        return None
    return found


def nested(a):
    for i in range(2):
        rows = np.zeros((0, a.shape[1]))
        for j in range(a.shape[0]):
            rows = np.concatenate((rows, a[j : j + 1] * (i + 1)))
        a = rows + 1
    return a


def conditional(x):
    large = np.array([0.0])
    for v in x:
        if v > 0.4:
            large = np.append(large, v)
    return large


def of_other_type(n):
    x = np.array([1, 2])
    for i in range(n):
        x = np.append(x, i / 2)
    return x


def too_far(x, n):
    y = np.zeros(2)
    for i in range(n):
        y = np.append(y, x[i])
    return y


def columns(a, n):
    for _ in range(n):
        a = np.hstack((a, a[:, :1]))
    return a


def aliased(n):
    x = np.ones(2)
    kept = x
    for _ in range(n):
        x = np.append(x, 0.5)
        x[0] += 1.0
    return x, kept, kept is x


def history(x, n):
    states = x.reshape(2, 1)
    for i in range(n):
        x = x * 0.9 + i
        states = np.hstack((states, x.reshape(2, 1)))
    return states, states[:, -1]


def until(x, end):
    t = 0.0
    path = np.array(x)
    while t <= end:
        x = x + 0.1 * np.array([x[1], -x[0]])
        path = np.vstack((path, x))
        t += 0.05
    return path, path.shape


def until_both(a, end):
    t, marks, a = 0.0, np.zeros(0), a + 1
    while t < end:
        t += 0.25
        a = np.concatenate((a, a[:, :1] * t), axis=1)
        marks = np.append(marks, a[0, -1])
    return a, marks


def longest(a):
    best = np.zeros((1, a.shape[1]))
    for i in range(len(a)):
        rows = a[i : i + 1].copy()
        while rows[-1, 0] < 0.6:
            rows = np.vstack((rows, rows[-1] + 0.05 * (i + 1)))
        if len(rows) > len(best):
            best = rows
    return best, best[0]


def inliers(x, y, n):
    chosen, line = np.zeros(0), (x[0], y[0])
    for i in range(n):
        slope = (y[i + 1] - y[i]) / (x[i + 1] - x[i])
        found = x[np.abs(y - y[i] - slope * (x - x[i])) < 0.2]
        if found.size >= chosen.size:
            chosen, line = found, (slope, y[i] - slope * x[i])
    return chosen, line


def grid(low, high, step):
    best, least = [0.0, 0.0], np.inf
    for v in np.arange(low, high, step):
        for w in np.arange(v, high + 1, step * 2):
            cost = abs(v * w - 1.5)
            if cost <= least:
                best, least = [v, w], cost
    return best, least


def consensus(x, y, n):
    best = chosen = None
    for k in range(n):
        i, j = k % len(x), (k * 7 + 1) % len(x)
        if i == j:
            continue
        slope = (y[j] - y[i]) / (x[j] - x[i])
        found = np.nonzero(np.abs(y - y[i] - slope * (x - x[i])) < 0.3)[0]
        if chosen is None or len(found) > len(chosen):
            chosen, best = found, (slope, y[i])
    return best, chosen


def first_above(a, limit):
    row = None
    for i in range(len(a)):
        if row is None and a[i].sum() > limit:
            row = a[i] * 2.0
    return row, None if row is None else row.sum()


def kept(a, limit):
    best, last = None, np.zeros(a.shape[1])
    for i in range(len(a)):
        last = last + a[i]
        if a[i, 0] > limit:
            best = last
        last[0] += 1.0
    return best, last, best is last


def last_part(a, limit):
    for k in range(len(a)):
        if a[k, 0] > limit:
            break
        part = a[: k + 1, k % 2] * 2.0
    return part.sum(), part


PROGRAMS = [
    (last_part, (np.outer(X, X + 1), 0.8), (np.outer(X, X + 1), 9.0), (np.outer(X, X + 1), -1.0)),
    (consensus, (X + np.arange(7), np.sin(9 * X), 30), (X, X, 0), (X, X, 1), (X, X * 2, 9)),
    (first_above, (np.outer(X, X), 1.0), (np.outer(X, X), 100.0), (np.outer(X, X), -1.0)),
    (kept, (np.outer(X, X + 1), 0.4), (np.outer(X, X), 9.0), (np.outer(X[::-1], X + 1), 0.4)),
    (history, (X[:2], 30), (X[:2], 0), (X[1:3], 61)),
    (until, (X[:2], 2.0), (X[1:3], 0.0), (X[:2], -1.0), (X[:2], 3.5)),
    (until_both, (np.outer(X, X[:1]), 9.0), (np.outer(X, X), 0.0), (np.outer(X, X), 5.0)),
    (longest, (np.outer(X, X) * 0.9 + 0.02,), (np.outer(X, X[2:]) + 0.02,)),
    (inliers, (np.tile(X, 3) + np.arange(21), np.sin(np.arange(21.0)), 18)),
    (grid, (0.1, 1.5, 0.1), (0.5, 0.2, 0.1), (np.float64(-1.0), 1.0, 0.25), (0, 1.0, 0.125)),
    (appended, (40,), (0,), (1,), (73,)),
    (concatenated, (X, 30), (X, 0), (X[:1], 30)),
    (trajectory, (30,), (50,), (0,)),
    (from_nothing, (40,), (0,), (1,)),
    (with_an_end, (X, 1.5), (X, 100.0), (np.ones(60), 30.5)),
    (
        nested,
        (np.outer(X, X),),
    ),
    (conditional, (np.tile(X, 9),), (X - 5,)),
    (
        of_other_type,
        (30,),
    ),
    (too_far, (np.tile(X, 9), 60), (np.tile(X, 9), 64)),
    (columns, (np.outer(X, X), 20)),
    (aliased, (30,), (0,)),
]


@pytest.mark.parametrize(("program", "calls"), [(p, c) for p, *c in PROGRAMS])
def test_as_python(check_loops, program, calls):
    check_loops(program, *calls)


MORE = [history, until, until_both, longest, inliers, grid, consensus, first_above, last_part]


@pytest.mark.parametrize(
    "program", [appended, concatenated, trajectory, from_nothing, too_far, *MORE]
)
def test_in_one_piece(check_loops, program):
    calls = next(calls for known, *calls in PROGRAMS if known is program)
    report = check_loops(program, calls[0])
    assert report.breaks == 0
    assert report.pieces == 1
    assert {"for", "while"} & set(control_nodes(report))


def test_result_owns_its_memory(check_loops):
    def f(n):
        x = np.zeros(3)
        for i in range(n):
            x = np.append(x, i)
        return x.base is None, x.flags.owndata, x.flags.c_contiguous, x.nbytes

    check_loops(f, (50,))


def test_more_rows_than_there_is_room_for(check_loops, monkeypatch):
    monkeypatch.setattr(shrinking, "_ROOM", 64)
    check_loops(until, (X[:2], 9.0), (X[:2], 2.0), (X[:2], 30.0))
    check_loops(longest, (np.outer(X, X) * 0.001 + 0.02,))

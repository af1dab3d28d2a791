"""Arrays to which each iteration of a loop adds rows: append, concatenate, vstack."""

import numpy as np
import pytest
from helpers.loops import control_nodes

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


PROGRAMS = [
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


@pytest.mark.parametrize("program", [appended, concatenated, trajectory, from_nothing, too_far])
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

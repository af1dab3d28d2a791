"""Lists that grow in loops: their items become rows, and a list when the piece ends."""

import numpy as np
import pytest
from helpers.loops import control_nodes

import jitflow

X = np.random.default_rng(2).normal(size=50)
M = np.random.default_rng(3).normal(size=(6, 6)) / 3


def loss_history(x, rate):
    w, history = 0.0, []
    for _ in range(80):
        w -= rate * np.mean(w - x)
        history.append(np.mean((w - x) ** 2))
    return w, history


def two_trajectories(y, dt, n):
    times, values = [0.0], [y]
    for k in range(n):
        y = y + dt * (-2 * y)
        times.append((k + 1) * dt)
        values.append(y)
    return np.array(times), np.array(values), len(times)


def local_maxima(x):
    peaks, kinds = [], []
    for i in range(1, len(x) - 1):
        if x[i] > x[i - 1] and x[i] > x[i + 1]:
            peaks.append(i)
            kinds.append(x[i] > 0)
        elif x[i] < -1:
            peaks.append(-i)
    return peaks, kinds


def primes(n):
    is_prime = np.ones(n, dtype=bool)
    found = []
    for i in range(2, n):
        if is_prime[i]:
            found.append(i)
            for j in range(i * i, n, i):
                is_prime[j] = False
    return found, len(found)


def collatz(n):
    path = [n]
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        path.append(n)
    return path


def recurrence(n):
    terms = [0, 1]
    for _ in range(n):
        terms.append((terms[-1] + terms[-2]) % 1000)
    return terms, terms[5:8], terms[n]


def runs(x):
    found = []
    before, count = x[0], 1
    for value in x[1:]:
        if value == before:
            count += 1
        else:
            found.append((before, count))
            before, count = value, 1
    found.append((before, count))
    return found


def pairs(x):
    found = []
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            if abs(x[i] - x[j]) < 0.01:
                found.append((i, j, x[i] - x[j]))
    return found


def states(h, w, n):
    out = []
    for _ in range(n):
        h = np.tanh(w @ h + 0.1)
        out.append(h)
    return np.array(out), np.stack(out, axis=1), h


def list_of_states(h, w, n):
    out = [h]
    for _ in range(n):
        h = np.tanh(w @ h + 0.1)
        out.append(h)
    return out


def snapshots(u, n):
    found = []
    for step in range(n):
        u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
        if step % 7 == 0:
            found.append(u.copy())
    return np.array(found), np.mean(found, axis=0)


def early(x, limit):
    seen = []
    for value in x:
        if value > limit:
            break
        seen.append(value)
    else:
        seen.append(0.5)
    seen.append(1.5)
    return seen


def of_either_kind(x):
    found = [0.0]
    for value in x:
        found.append(value if value > 0 else 0.0)
    return found, found[-1], np.array(found)


def one_object_twice(h, w, n):
    out = []
    for _ in range(n):
        h = w @ h
        out.append(h)
    return out, h


def written_later(h, w, n):
    out = []
    for _ in range(n):
        h = w @ h
        out.append(h)
        h += 1
    return out


def one_array_many_times(h, n):
    out = []
    for i in range(n):
        h[:] = np.tanh(h) + i
        out.append(h)
    return out


class Log:
    def __init__(self):
        self.energies, self.names = [], ["a"]

    def run(self, x, n):
        for step in range(n):
            x = x * 0.5 + step
            self.energies.append(0.5 * x**2)
        return x


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        (loss_history, [(X, 0.1), (X[:9], 0.5)]),
        (two_trajectories, [(1.0, 0.1, 50), (2.0, 0.1, 70), (2.0, 0.1, 0)]),
        (local_maxima, [(X,), (X[:30],), (X[:2],), (abs(X),)]),
        (primes, [(100,), (300,), (3,)]),
        (collatz, [(27,), (97,), (1,)]),
        (recurrence, [(30,), (40,)]),
        (runs, [(np.array([1, 1, 2, 3, 3, 3] * 5),), (np.array([1.0] * 30),)]),
        (pairs, [(X,), (X[:20],), (X[:0],)]),
        (states, [(np.ones(6), M, 30), (np.ones(6), M, 40)]),
        (list_of_states, [(np.ones(6), M, 30), (np.ones(6), M, 40)]),
        (snapshots, [(X.copy(), 50), (X.copy(), 90)]),
        (early, [(X, 2.0), (X, 99.0), (X, -99.0), (X[:0], 0.0)]),
        (of_either_kind, [(X,), (abs(X),), (-abs(X),)]),
    ],
)
def test_captured(check_loops, function, calls):
    report = check_loops(function, *calls)
    assert control_nodes(report)
    assert "runs in Python" not in str(report)
    assert report.breaks == 0


@pytest.mark.parametrize("function", [one_object_twice, written_later])
def test_arrays_stay_themselves(check_loops, function):
    check_loops(function, (np.ones(6), M, 30), (np.ones(6), M, 25))


def test_identity():
    with jitflow.config().override(strict=True):
        out, last = jitflow.compile(one_object_twice)(np.ones(6), M, 30)
        assert out[-1] is last
        start = np.ones(6)
        assert jitflow.compile(list_of_states)(start, M, 30)[0] is start
        found = jitflow.compile(one_array_many_times)(start, 30)
        assert all(item is start for item in found)


def test_a_list_that_was_there_before(check_loops):
    report = check_loops(Log.run, (Log(), 1.0, 30), (Log(), 2.0, 40))
    assert control_nodes(report)

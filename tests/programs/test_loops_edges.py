"""Edges of loops and branches: what is written last, read by nobody, empty, or out of range."""

import numpy as np
import pytest

import jitflow
from jitflow.runtime.replay import Replayer

X = np.linspace(-1, 1, 9)
N = np.arange(9)


def same_contents_each_time(a, b, n):
    v = a.copy()
    for i, x in enumerate(a):
        if n % 2 == 0:
            v[0] = 1.0
        b.fill(0.25)
    else:
        b[:-1] = b[1:-1]
    return v


def input_in_one_branch(a, b, c):
    if a.sum() > 0:
        b = b * 2
        if c.sum() > 0:
            a += c
    b[::2] = 4
    return a, b


def value_for_nobody_in_one_branch(m, a, n):
    for i in range(n):
        t = a[i]
        m[2:, 1] = 3
        if m[-i, 1] == 0.25:
            t = (t + 0.5) * 0.5
        else:
            n = 3
    return m, n


def index_for_nobody(b, p):
    if (b[[0, -1, 1]] > 0).any():
        p += 1
    return b


def some_of_chosen(b):
    return b[[0, -1, 3]][:2]


def return_from_inner_loop(a, limit):
    for i in range(len(a)):
        for j in range(1, len(a)):
            if a[i] * a[j] > limit:
                return a[i] + j
    return a[0]


def step_of_data(a, c):
    for i in range(0, 9, c[0]):
        a[i] += 1
    return a


def slice_of_nothing(v, n):
    w = n
    total = 0.0
    while w > 0:
        w -= 1
        if (v[:w] > 0).any():
            total = total + 1
    return total


CASES = [
    (same_contents_each_time, (X, X * 2, 2), (X, X * 2, 3)),
    (input_in_one_branch, (X, X, X), (X + 1, X, X + 1), (X + 1, X, X - 1)),
    (value_for_nobody_in_one_branch, (np.ones((6, 9)), X, 4)),
    (index_for_nobody, (X, 1.0), (X[:1].copy(), 1.0)),
    (some_of_chosen, (X,), (X[:2].copy(),)),
    (return_from_inner_loop, (X, 0.5), (X, 5.0)),
    (step_of_data, (X, np.array([2, 1])), (X, np.array([0, 1])), (X, np.array([-1, 1]))),
    (slice_of_nothing, (X[:0].copy(), 7), (X, 7)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_edge(case, check_loops):
    function, *calls = case
    check_loops(function, *calls)


NUMBERS = (np.nan, np.float64(np.nan), np.float32(1e30), 2.0**63, -(2.0**63), 127.9, 128.0, -128.9)
NUMBERS += (np.float64(-129.0), np.float32(-0.5), -1.0, np.int64(300), np.uint64(2**63), 300)


def assigned_to_an_element(a, value):
    a[0] = value
    return a


def assigned_to_a_slice(a, value):
    a[1:] = value
    return a


def assigned_by_indices(a, value):
    a[[0, 1]] = value
    return a


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64])
@pytest.mark.parametrize(
    "function", [assigned_to_an_element, assigned_to_a_slice, assigned_by_indices]
)
def test_number_that_is_no_such_integer(function, dtype, check_loops):
    """NumPy converts a number by `int`, which raises; one among indices it casts."""
    check_loops(function, *((N[:3].astype(dtype), value) for value in NUMBERS))


def test_harmless_values_keep_flags_clear_in_loops(monkeypatch):
    def f(x, y):
        out = np.zeros(len(x))
        total = -np.inf
        for i in range(len(x)):
            safe = np.where(y[i] != 0, y[i], 1.0)
            out[i] = np.where(y[i] != 0, x[i] / safe, 0.0)
            total = np.logaddexp(total, out[i] - np.inf)
        return out, total

    settled = []
    monkeypatch.setattr(Replayer, "settle", lambda *args: settled.append(args))
    x = np.array([0.0, 1.0, -2.0, 3.0, 0.0, 5.0] * 4)
    y = np.array([0.0, 0.0, 4.0, 0.5, 2.0, 0.0] * 4)
    compiled = jitflow.compile(f)
    for _ in range(2):
        for expected, got in zip(f(x, y), compiled(x, y), strict=True):
            np.testing.assert_array_equal(got, expected)
    assert compiled.report().pieces == 1
    assert not settled


def test_what_an_arm_makes_is_not_lost_where_the_other_arm_binds_nothing(check_loops):
    def numbers(x):
        if x.sum() > 0:
            pass
        else:
            found = [x * k for k in range(3)]
        return found

    def entries(x):
        for i in range(len(x)):
            if x[i] > 0.5:
                entry = {"place": i, "values": [x[i]]}
        return entry

    x = np.linspace(0.0, 1.0, 9)
    check_loops(numbers, (-x,), (x,), (-x,))
    check_loops(entries, (x,), (x - 2,), (x,))


def test_arrays_made_by_their_class(check_loops):
    def filled(x, n):
        energy = np.ndarray(n + 1, dtype=np.float64)
        table = np.ndarray((2, n), np.float32, order="F")
        plain = np.ndarray(shape=(n,))
        for i in range(n + 1):
            energy[i] = x[i] * 2
        table[:] = energy[:n]
        plain[...] = 1
        view = np.ndarray((2,), np.float64, buffer=x)
        return energy, table, plain, view + 1, isinstance(x, np.ndarray), np.ndarray.sum(x)

    check_loops(filled, (np.arange(9.0), 5), (np.arange(9.0), 8))

"""Loops and branches that data decide: `while`, `break`, `continue`, `if`, exceptions."""

import numpy as np
import pytest
from helpers.loops import control_nodes

RNG = np.random.default_rng(11)
X = RNG.normal(size=80)
S = RNG.normal(size=(8, 8))
SPD = S @ S.T + 8 * np.eye(8)
B = RNG.normal(size=8)


def newton(a):
    x = a
    while abs(x * x - a) > 1e-10:
        x = 0.5 * (x + a / x)
    return x


def newton_with_limit(a, limit):
    x = 1.0
    n = 0
    while abs(x * x - a) > 1e-12 and n < limit:
        x = 0.5 * (x + a / x)
        n += 1
    return x, n


def conjugate_gradient(a, b, tol):
    x = np.zeros_like(b)
    r = b - a @ x
    p = r.copy()
    rs = r @ r
    while np.sqrt(rs) > tol:
        ap = a @ p
        alpha = rs / (p @ ap)
        x = x + alpha * p
        r = r - alpha * ap
        new = r @ r
        p = r + (new / rs) * p
        rs = new
    return x


def power_iteration(a, tol):
    v = np.ones(a.shape[0])
    old = 0.0
    err = 1.0
    while err > tol:
        w = a @ v
        value = np.sqrt(w @ w)
        v = w / value
        err = abs(value - old)
        old = value
    return old, v


def jacobi_until(a, b, tol):
    x = np.zeros(len(b))
    d = np.diag(a)
    while True:
        new = (b - (a @ x - d * x)) / d
        if np.max(np.abs(new - x)) < tol:
            break
        x = new
    return x


def mandelbrot(xs, ys, limit):
    out = np.zeros((len(ys), len(xs)), np.int64)
    for i in range(len(ys)):
        for j in range(len(xs)):
            c = complex(xs[j], ys[i])
            z = 0j
            n = 0
            while abs(z) <= 2 and n < limit:
                z = z * z + c
                n += 1
            out[i, j] = n
    return out


def mandelbrot_real(xs, ys, limit):
    out = np.zeros((len(ys), len(xs)), np.int64)
    for i in range(len(ys)):
        for j in range(len(xs)):
            x = y = 0.0
            for n in range(limit):
                if x * x + y * y > 4.0:
                    out[i, j] = n
                    break
                x, y = x * x - y * y + xs[j], 2 * x * y + ys[i]
    return out


def clip(x):
    for i in range(len(x)):
        if x[i] < -0.5:
            x[i] = -0.5
        elif x[i] > 0.5:
            x[i] = 0.5
    return x


def relu_sum(x):
    total = 0.0
    for i in range(x.shape[0]):
        if x[i] > 0:
            total += x[i]
    return total


def skip_negative(x):
    total = np.float64(0.0)
    for i in range(len(x)):
        if x[i] < 0:
            continue
        total = total + np.sqrt(x[i])
    return total


def first_above(x, limit):
    for i in range(len(x)):
        if x[i] > limit:
            return i
    return -1


def first_above_with_else(x, limit):
    found = -1
    for i in range(len(x)):
        if x[i] > limit:
            found = i
            break
    else:
        found = -2
    return found


def count_signs(x):
    positive = negative = zero = 0
    for i in range(len(x)):
        if x[i] > 0:
            positive += 1
        elif x[i] < 0:
            negative += 1
        else:
            zero += 1
    return positive, negative, zero


def bubble_sort(x):
    n = len(x)
    for i in range(n):
        for j in range(n - i - 1):
            if x[j] > x[j + 1]:
                x[j], x[j + 1] = x[j + 1], x[j]
    return x


def insertion_sort(x):
    for i in range(1, len(x)):
        key = x[i]
        j = i - 1
        while j >= 0 and x[j] > key:
            x[j + 1] = x[j]
            j -= 1
        x[j + 1] = key
    return x


def binary_search(x, key):
    low, high = 0, len(x)
    while low < high:
        middle = (low + high) // 2
        if x[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


def fibonacci_hash(n):
    h = 17
    for i in range(n):
        h = (h * 31 + i) % 1000003
    return h


def xorshift(seed, n):
    out = np.zeros(n, np.int64)
    state = seed
    for i in range(n):
        state ^= (state * 8) % 65536
        state ^= state // 32
        state = state % 65536
        out[i] = state
    return out


def collatz(n):
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


def greatest_common_divisor(a, b):
    while b:
        a, b = b, a % b
    return a


def edit_distance(a, b):
    n, m = len(a), len(b)
    d = np.zeros((n + 1, m + 1), np.int64)
    for i in range(n + 1):
        d[i, 0] = i
    for j in range(m + 1):
        d[0, j] = j
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            if a[i - 1] == b[j - 1]:
                d[i, j] = d[i - 1, j - 1]
            else:
                d[i, j] = 1 + min(d[i - 1, j], d[i, j - 1], d[i - 1, j - 1])
    return d[n, m]


def bisection(low, high):
    while high - low > 1e-9:
        middle = 0.5 * (low + high)
        if middle**3 - middle - 2 > 0:
            high = middle
        else:
            low = middle
    return low


def raises_in_the_middle(x, k):
    total = np.zeros(3)
    for i in range(len(x)):
        x[i] += 1
        total[0] = total[0] + x[i + k]
    return total


def checked_values(x):
    total = np.float64(0)
    for i in range(len(x)):
        if x[i] < -100:
            raise ValueError(f"bad value at {i}")
        total = total + x[i]
    return total


def uses_helper(x):
    out = np.empty_like(x)
    for i in range(len(x)):
        out[i] = leaky(x[i])
    return out


def leaky(v):
    if v < 0:
        return 0.1 * v
    return v * 1.0


def branch_outside(x):
    if x.sum() > 0:
        y = x * 2
    else:
        y = x - 1
    return y + 1


def branch_on_a_norm(x, limit):
    norm = np.sqrt((x * x).sum())
    if norm > limit:
        x = x * (limit / norm)
    return x + 0


def nested_branches(x):
    total = x.sum()
    if total > 0:
        if total > 10:
            y = x / total
        else:
            y = x + total
    else:
        y = -x
    return y.max()


class Counter:
    def __init__(self):
        self.total = 0.0
        self.count = 0

    def add(self, value):
        self.total += value
        self.count += 1


def object_state(x):
    counter = Counter()
    for i in range(len(x)):
        counter.add(x[i] * 2)
    return counter.total, counter.count


def given_object_state(counter, x):
    for i in range(len(x)):
        counter.add(x[i])
    return counter.count


def closure_state(x):
    best = x[0]

    def update(v):
        nonlocal best
        best = max(best, v)

    for i in range(len(x)):
        update(x[i])
    return best


def rows(a):
    total = np.zeros(a.shape[1])
    for row in a:
        total += row * row.max()
    return total


def enumerated(a):
    out = np.zeros(len(a))
    for i, row in enumerate(a):
        out[i] = i * row.sum()
    return out


def zipped(x, y):
    total = np.float64(0)
    for a, b in zip(x, y):
        total += a * b
    return total


def backwards(x):
    for i in reversed(range(len(x) - 1)):
        x[i] += 0.5 * x[i + 1]
    return x


def state_in_tuple(x):
    pair = (np.float64(0), np.float64(1))
    for i in range(len(x)):
        pair = (pair[1] * 0.5, pair[0] + x[i])
    return pair


def loop_variable_after(x):
    for i in range(len(x)):
        last = x[i] * i
    return i, last


def data_trips(x, n):
    total = np.float64(0)
    for i in range(int(n[0])):
        total += x[i] * i
    return total


def filter_iir(b, a, x):
    y = np.zeros_like(x)
    for n in range(len(x)):
        acc = b[0] * x[n]
        for k in range(1, len(b)):
            if n - k >= 0:
                acc = acc + b[k] * x[n - k] - a[k] * y[n - k]
        y[n] = acc
    return y


CAPTURED = [
    (newton, (2.0,), (9.0,)),
    (newton_with_limit, (2.0, 50), (3.0, 50)),
    (conjugate_gradient, (SPD, B, 1e-9)),
    (power_iteration, (SPD, 1e-10)),
    (jacobi_until, (SPD + 20 * np.eye(8), B, 1e-10)),
    (mandelbrot, (np.linspace(-2, 1, 9), np.linspace(-1, 1, 7), 20)),
    (mandelbrot_real, (np.linspace(-2, 1, 9), np.linspace(-1, 1, 7), 20)),
    (clip, (X,)),
    (skip_negative, (X,)),
    (first_above, (X, 1.0), (X, 100.0)),
    (first_above_with_else, (X, 1.0), (X, 100.0)),
    (count_signs, (X,)),
    (bubble_sort, (X[:20].copy(),)),
    (insertion_sort, (X[:20].copy(),)),
    (binary_search, (np.sort(X), 0.3), (np.sort(X), 9.0)),
    (fibonacci_hash, (1000,)),
    (xorshift, (12345, 50)),
    (edit_distance, (np.arange(9) % 4, np.arange(17) % 3)),
    (bisection, (0.0, 3.0)),
    (checked_values, (X,)),
    (uses_helper, (X,)),
    (branch_outside, (X,), (-X,), (np.abs(X),)),
    (branch_on_a_norm, (X, 1.0), (X, 1000.0)),
    (nested_branches, (X,), (np.abs(X),), (np.abs(X) / 100,), (-np.abs(X),)),
    (object_state, (X,)),
    (given_object_state, (Counter(), X)),
    (closure_state, (X,)),
    (rows, (np.outer(X, B),)),
    (enumerated, (np.outer(X, B),)),
    (zipped, (X, X + 1)),
    (backwards, (X,)),
    (state_in_tuple, (X,)),
    (loop_variable_after, (X,)),
    (data_trips, (X, np.array([7.0])), (X, np.array([0.0])), (X, np.array([50.0]))),
    (filter_iir, (np.array([0.2, 0.3, 0.1]), np.array([1.0, -0.4, 0.2]), X)),
]


@pytest.mark.parametrize("case", CAPTURED, ids=lambda case: case[0].__name__)
def test_captured(case, check_loops):
    function, *calls = case
    report = check_loops(function, *calls)
    assert report.breaks == 0
    assert control_nodes(report)
    assert report.pieces == len(report.journal.pieces) <= len(calls)


def test_a_sum_whose_kind_depends_on_data_is_right(check_loops):
    """Python's float becomes a NumPy scalar only where the branch is taken."""
    check_loops(relu_sum, (np.abs(X) + 1,), (X,))


@pytest.mark.parametrize("case", [(collatz, (27,)), (greatest_common_divisor, (84, 36))])
def test_integers(case, check_loops):
    function, *calls = case
    check_loops(function, *calls, dynamic=True)


@pytest.mark.parametrize("k", [0, 1, 5])
def test_exception_in_the_middle(k, check_loops):
    check_loops(raises_in_the_middle, (X, k))


def test_exception_that_a_check_stands_for(check_loops):
    report = check_loops(checked_values, (X,), (np.where(X < -1, -200, X),))
    assert report.pieces == 1

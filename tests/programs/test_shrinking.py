"""Arrays that lose rows in captured loops: their number is carried beside them."""

import numpy as np
import pytest
from helpers.loops import control_nodes

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=60), RNG.normal(size=60)
ROWS = RNG.normal(size=(50, 3))


def survivors(x, n):
    lost = 0
    for i in range(n):
        keep = np.abs(x) > 0.01 * i
        lost += (~keep).sum()
        x = x[keep] * 0.99
    return x, lost


def together(x, y, n):
    for i in range(n):
        keep = x * y < 2 - i * 0.02
        x, y = x[keep], y[keep]
        x = x + y * 0.1
        y -= x * 0.1
    return x, y


def until_none(z, c, n):
    total = 0.0
    for i in range(n):
        if not len(z):
            break
        z = z * z + c
        keep = np.abs(z) < 2
        total += z[~keep].sum()
        z, c = z[keep], c[keep]
    return z, c, total, i


def escape(z, c, place, n):
    counts = np.zeros(len(z), dtype=np.int64)
    last = np.zeros(len(z))
    for i in range(n):
        np.multiply(z, z, z)
        np.add(z, c, z)
        out = np.abs(z) > 2
        counts[place[out]] = i + 1
        last[place[out]] = z[out]
        np.logical_not(out, out)
        z = z[out]
        place, c = place[out], c[out]
    return counts, last, z


def sieve(n):
    left = np.arange(2, n)
    primes = 0
    total = 0
    while len(left) > 0:
        p = left[0]
        total += p
        primes += 1
        left = left[left % p != 0]
    return primes, total


def rows(x, n):
    for i in range(n):
        x = x[x[:, 0] < 3 - 0.1 * i]
        x = x + x.sum(axis=0) * 0.01
    return x, x.shape


def sometimes(x, n):
    for i in range(n):
        if x.sum() > i:
            x = x[x < 2 - 0.02 * i]
        x = x * 0.95 + 0.01
    return x


def inner(x, n):
    for i in range(n):
        y = x
        for j in range(n):
            y = y[y < 2 - 0.01 * (i + j)]
        x = x * 0.99 + y.sum() * 1e-3
    return x, y


def apart(x, y, n):
    for i in range(n):
        x = x[x < 2 - 0.03 * i]
        if i % 2:
            y = y[y < 2 - 0.02 * i]
    return x, y * 2


CASES = [
    (survivors, [(X, 40), (X * 0, 40)]),
    (together, [(X, Y, 40), (X * 9, Y, 40)]),
    (until_none, [(X, Y, 40), (X + 9, Y, 40), (X * 0, Y * 0, 40)]),
    (escape, [(X * 0, Y, np.arange(60), 40), (X * 0, Y + 9, np.arange(60), 40)]),
    (sieve, [(200,), (500,)]),
    (rows, [(ROWS, 40), (ROWS - 9, 40)]),
    (sometimes, [(X, 40), (X - 9, 40)]),
    (inner, [(X, 20)]),
    (apart, [(X, Y, 40)]),
]


@pytest.mark.parametrize(
    ("function", "calls"), CASES, ids=lambda item: getattr(item, "__name__", "")
)
def test_lengths_that_shrink(check_loops, function, calls):
    report = check_loops(function, *calls)
    assert {"for", "while"} & set(control_nodes(report))
    assert not report.breaks


def growing(x, n):
    for i in range(n):
        x = np.concatenate([x, x[x > 1.5 + 0.1 * i]])
    return x


def another_rank(x, n):
    for i in range(n):
        x = x[x < 3 - 0.01 * i]
        if x.sum() > 1000:
            x = x.reshape(-1, 1)[:, 0]
    return x


@pytest.mark.parametrize("function", [growing, another_rank])
def test_other_changes_of_shape_are_right(check_loops, function):
    check_loops(function, (X, 40))


def test_lengths_of_an_attempt_that_was_given_up_are_forgotten(check_loops):
    def f(a, m, limit):
        s = 0.0
        v = a.copy()
        for x in a[::-1]:
            s += x * 0.5
            if a.sum() > limit or a.sum() > 0.5:
                continue
            v = m[2, :-1] * 0.5
        return s, v.sum()

    a, m = RNG.normal(size=7), RNG.normal(size=(6, 7))
    check_loops(f, (a, m, 0.3), (-a, m, 0.3), (a, m, -100.0))


def experts(top, x, weights, room):
    out, dropped = np.zeros_like(x), 0
    for k in range(len(weights)):
        token, slot = np.where(top == k)
        if len(token) == 0:
            continue
        if len(token) > room:
            dropped += len(token) - room
            token, slot = token[:room], slot[:room]
        np.add.at(out, token, np.maximum(x[token] @ weights[k], 0) * (1 + slot[:, None]))
    return out, dropped


def thinned(values, most, step):
    kept = values[values > 0]
    if len(kept) > most:
        kept = kept[::step]
    if len(kept) > most:
        kept = kept[-most:]
    return kept * 2, len(kept)


def test_a_part_of_an_array_in_one_arm(check_loops):
    rng = np.random.default_rng(8)
    top, x, weights = rng.integers(0, 6, (40, 2)), rng.standard_normal((40, 5)), np.ones((8, 5, 5))
    report = check_loops(experts, *((top, x, weights, room) for room in (11, 3, 0, 80)))
    assert report.breaks == 0
    values = rng.standard_normal(50)
    calls = [(values, 9, 2), (values, 12, 3), (-np.abs(values), 4, 2), (values, 60, 5)]
    assert check_loops(thinned, *calls).breaks == 0

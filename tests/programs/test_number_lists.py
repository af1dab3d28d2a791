"""Lists of numbers that loops iterate, change in place and go over with the built-in functions."""

import copy

import numpy as np
import pytest
from helpers.loops import control_nodes

import jitflow

FLOATS = [((i * 37) % 101) / 7 for i in range(90)]
INTEGERS = [(i * 37) % 101 for i in range(90)]
TRUTHS = [i % 3 == 0 for i in range(90)]


def bubble_sort(x):
    n = len(x)
    for i in range(n):
        swapped = False
        for j in range(n - 1 - i):
            if x[j] > x[j + 1]:
                x[j], x[j + 1] = x[j + 1], x[j]
                swapped = True
        if not swapped:
            break
    return i


def insertion_sort_of_a_copy(x):
    y = list(x)
    for i in range(1, len(y)):
        key, j = y[i], i - 1
        while j >= 0 and y[j] > key:
            y[j + 1] = y[j]
            j -= 1
        y[j + 1] = key
    return y, x


def sieve(n):
    is_prime = [True] * (n + 1)
    is_prime[0] = is_prime[1] = False
    i = 2
    while i * i <= n:
        if is_prime[i]:
            for j in range(i * i, n + 1, i):
                is_prime[j] = False
        i += 1
    return sum(is_prime), [k for k in range(n) if is_prime[k]][-3:]


def longest_increasing(a):
    lengths = [1] * len(a)
    for i in range(len(a)):
        for j in range(i):
            if a[j] < a[i] and lengths[j] + 1 > lengths[i]:
                lengths[i] = lengths[j] + 1
    return max(lengths), sum(lengths), min(lengths)


def two_lists(x, y):
    for i in range(len(x) - 1):
        x[i + 1] = x[i] + y[i]
        y[i] = x[i] - 1
    return x is y, sum(x)


def index_out_of_range(x, n):
    for i in range(n):
        x[i] = x[i] * 2
    return x


def becomes_another_type(x, at):
    for i in range(len(x)):
        x[i] = x[i] + 1 if i != at else 0.5
    return x


def grows_behind(x):
    for v in x:
        if v > 90 and len(x) < 100:
            x.append(0)
    x.append(1)
    return x


def flips(bits, n):
    for i in range(n):
        k = (i * i) % len(bits)
        bits[k] = not bits[k]
    return bits, sum(bits), any(bits), all(bits)


def smoothed(x, a):
    out, s = [], x[0]
    for k, v in enumerate(x):
        s = a * v + (1 - a) * s
        if k % 2 == 0:
            out.append(s)
    return out


def zipped(x, y):
    total = 0.0
    for a, b in zip(x, y):
        total += a * b
    return total, sum(a * b for a, b in zip(x, y)), [a - b for a, b in zip(x, y)]


def views_of_the_list(x):
    y = x[10:80]
    z = x.copy()
    for i in range(len(y)):
        y[i] = y[i] + z[i]
        z[i] = 0.0
    return y, z, x


PROGRAMS = [
    (bubble_sort, (FLOATS,), (INTEGERS,), (FLOATS[:70],), (sorted(FLOATS),)),
    (insertion_sort_of_a_copy, (FLOATS,), (INTEGERS,)),
    (sieve, (100,), (2000,), (3,)),
    (longest_increasing, (INTEGERS,), (FLOATS,)),
    (two_lists, (FLOATS, list(FLOATS))),
    (index_out_of_range, (FLOATS, 90), (FLOATS, 95), (INTEGERS, 95)),
    (becomes_another_type, (INTEGERS, 40), (INTEGERS, 200), (FLOATS, 40)),
    (grows_behind, (INTEGERS,), (INTEGERS[:80],)),
    (flips, (TRUTHS, 200), (TRUTHS[:70], 50)),
    (smoothed, (FLOATS, 0.3), (INTEGERS, 0.3)),
    (zipped, (FLOATS, FLOATS[::-1]), (FLOATS, FLOATS[:70]), (FLOATS, INTEGERS)),
    (views_of_the_list, (FLOATS,)),
]


@pytest.mark.parametrize(("program", "calls"), [(p, c) for p, *c in PROGRAMS])
def test_as_python(check_loops, program, calls):
    check_loops(program, *calls)


@pytest.mark.parametrize("program", [bubble_sort, longest_increasing, flips, zipped, smoothed])
def test_in_one_piece(check_loops, program):
    calls = next(calls for known, *calls in PROGRAMS if known is program)
    report = check_loops(program, calls[0])
    assert report.breaks == 0
    assert {"for", "while"} & set(control_nodes(report))


def test_one_list_given_twice():
    compiled = jitflow.compile(two_lists)
    with jitflow.config().override(strict=True):
        for twice in (False, True, True, False):
            x = copy.copy(FLOATS)
            y = x if twice else x.copy()
            a = copy.copy(FLOATS)
            b = a if twice else a.copy()
            assert compiled(x, y) == two_lists(a, b)
            assert (x, y) == (a, b)


def test_integers_beyond_64_bits(check_loops):
    def f(x, n):
        for i in range(n):
            x[i] = x[i] * x[i]
        return x

    large = [3**i for i in range(30)] + [1] * 60
    check_loops(f, (INTEGERS, 90), (large, 15), (large, 90))


def test_arrays_of_lists_that_changed(check_loops):
    def f(x, n):
        for i in range(n):
            x[i] = x[i] + 0.5
        return np.array(x) * 2, len(x), x[-1], x[3:5]

    check_loops(f, (FLOATS, 90), (FLOATS, 10))


def test_empty_parts_are_false(check_loops):
    def f(x, n):
        part, rest = x[n:], x[:n]
        return bool(part), not rest, len(part or [1, 2]), [1] if rest else [0]

    check_loops(f, (FLOATS, 90), (FLOATS, 0), (FLOATS, 40), (FLOATS, 200))


def unit_vectors(n):
    total = 0.0
    for i in range(n):
        e = [0] * n
        e[i] = 1
        total += e[i] + 2 * e[n - 1 - i]
    return total


def weights_of_each(x):
    out = np.zeros((x.size, x.size))
    for i in range(x.size):
        w = [0.0] * x.size
        w[i] = 2.5
        w[-1] += 1.0
        out[i] = x * np.array(w)
    return out


def changed_in_an_arm(x):
    out = np.zeros(x.size)
    for i in range(x.size):
        w = [0.5] * x.size
        if x[i] > 0.3:
            w[i] = 2.5
        out[i] = w[7]
    return out


def marked_by_another(x):
    def mark(items, at):
        items[at] = -1
        return items

    out = np.zeros(x.size)
    for i in range(x.size):
        w = [3] * 40
        v = mark(w, i % 40)
        out[i] = v[i % 7] + len(w)
    return out


@pytest.mark.parametrize(
    ("program", "calls"),
    [
        (unit_vectors, ((100,), (110,))),
        (weights_of_each, ((np.linspace(0, 1, 100),), (np.linspace(1, 2, 110),))),
        (changed_in_an_arm, ((np.linspace(0, 1, 100),),)),
        (marked_by_another, ((np.linspace(0, 1, 100),),)),
    ],
)
def test_lists_that_each_iteration_makes(check_loops, program, calls):
    report = check_loops(program, *calls)
    assert report.breaks == 0, str(report)
    assert "runs in Python" not in str(report), str(report)

"""Arrays that a loop or a branch replaces under a condition: the caller's own, or new ones."""

import numpy as np
import pytest

import jitflow

X = np.linspace(-1.0, 1.0, 6)


def descend(x, rate, count):
    for _ in range(count):
        new = x - rate * 2.0 * (x - 1.0)
        if np.sqrt(np.sum((new - x) ** 2)) < 1e-3:
            break
        x = new
    return x


def descend_and_count(x, rate, count):
    for i in range(count):
        new = x - rate * 2.0 * (x - 1.0)
        if np.sqrt(np.sum((new - x) ** 2)) < 1e-3:
            return x, i
        x = new
    return x, count


def search(p, count, first):
    cost = np.sum(p**2) + first
    d = np.sin(np.arange(p.size) * 1.0)
    for i in range(count):
        q = p + d * np.cos(i * 1.0)
        c = np.sum(q**2)
        if c < cost:
            p, cost = q, c
    return p, cost


def bisect(a, b, count):
    k = 0
    while k < count:
        m = (a + b) / 2
        if m.sum() > 0.3:
            b = m
        else:
            a = m
        k += 1
    return a, b


def either(x, y, t):
    if t.sum() > 0:
        x = y
    elif t.sum() < -5:
        x = x * 2
    return x


def either_of_two_in_a_loop(x, y, t, count):
    best, least = x, np.inf
    for i in range(count):
        cost = t[i]
        if cost < least:
            best, least = (y if cost < 0.5 else x + cost), cost
    return best, x


def inner(x, count):
    for i in range(count):
        p = x
        for j in range(i):
            q = p * 0.5 + j
            if q.sum() > 1.0:
                p = q
        x = p
    return x


def previous(x, count):
    before = x
    for i in range(count):
        new = x * 0.9 + 0.1
        if new.sum() > 5.5:
            break
        before, x = x, new
    return before, x


def changed_behind(x, count):
    p = x
    for i in range(count):
        q = p * 0.5
        if q.sum() > 0.7:
            p = q
    x[0] = 7.0
    return p


def best_and_last(x, count):
    best, least = x, np.inf
    for i in range(count):
        x = x - 0.4 * (x - 0.5) + 0.2 * np.sin(i * 1.0)
        cost = np.sum((x - 0.5) ** 2)
        if cost < least:
            best, least = x, cost
    return best, x


def best_seen(x, count):
    best, _ = best_and_last(x, count)
    return best


def anneal_to_both(x, noise, count):
    best = current = x
    for i in range(count):
        candidate = current + noise[i % 5]
        if candidate.sum() < current.sum() + 0.1:
            current = candidate
            if current.sum() < best.sum():
                best = current
    return best, current


def anneal(x, noise, count):
    return anneal_to_both(x, noise, count)[0]


def written_behind(x, count):
    best = x
    for i in range(count):
        x = x * 0.5 + i
        if x.sum() > 3.0:
            best = x
    x[0] = 9.0
    return best


def written_in_it(x, count):
    best = x * 1.0
    x = x * 1.0
    for i in range(count):
        x = x * 0.5 + i
        if x.sum() > 3.0:
            best = x
        x[1] += 1.0
    return best


class Search:
    def __init__(self, x):
        self.x = self.best = x
        self.least = np.inf

    def run(self, count):
        for i in range(count):
            self.x = self.x * 0.9 + 0.01 * i
            cost = (self.x**2).sum()
            if cost < self.least:
                self.least, self.best = cost, self.x
        return self.best


def search_of_an_object(x, count):
    search = Search(x)
    found = search.run(count)
    return found, search.best, search.least


NOISE = np.sin(np.arange(30.0)).reshape(5, 6)

CALLS = [
    *((descend, (0.1, n)) for n in (0, 1, 3, 200)),
    *((descend, (1e-9, n)) for n in (0, 1, 3)),
    *((descend_and_count, (0.1, n)) for n in (0, 1, 200)),
    (descend_and_count, (1e-9, 5)),
    *((search, (n, first)) for n in (0, 1, 30) for first in (0.0, -100.0)),
    *((bisect, (X + shift, n)) for n in (0, 1, 9) for shift in (0.0, 3.0, -9.0)),
    *((either, (X + 1, np.array([t]))) for t in (1.0, -1.0, -9.0)),
    *(
        (either_of_two_in_a_loop, (X + 1, np.array(t), n))
        for t in ([3.0, 2.0, 0.1], [3.0, 4.0, 5.0], [np.inf] * 3, [0.1, 3.0, 3.0])
        for n in (0, 1, 3)
    ),
    *((inner, (n,)) for n in (0, 1, 2, 5)),
    *((previous, (n,)) for n in (0, 1, 2, 9)),
    *((f, (n,)) for f in (best_seen, best_and_last, search_of_an_object) for n in (0, 1, 9)),
    *((f, (n,)) for f in (written_behind, written_in_it) for n in (0, 1, 2, 9)),
    *((f, (NOISE, n)) for f in (anneal, anneal_to_both) for n in (0, 1, 9)),
    *((changed_behind, (n,)) for n in (0, 2, 9)),
]


def names(value, arguments):
    """What each array of a result is: the position of an argument, or of an earlier result."""
    found, seen = [], list(arguments)
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, np.ndarray):
            found.append(next((k for k, other in enumerate(seen) if other is item), "new"))
            found.append([np.shares_memory(item, other) for other in arguments if np.ndim(other)])
            seen.append(item)
    return found


@pytest.mark.parametrize("offset", [0.0, 0.9])
def test_the_array_is_the_older_one_or_a_new_one(offset):
    for function, rest in CALLS:
        compiled = jitflow.compile(function)
        with jitflow.config().override(strict=True, verify_ir=True, capture_loops=True):
            for _ in range(3):
                arguments = [(X + offset, *rest), (X + offset, *rest)]
                results = [
                    f(*args) for f, args in zip((function, compiled), arguments, strict=True)
                ]
                np.testing.assert_equal(results[1], results[0])
                owners = [names(r, a) for r, a in zip(results, arguments, strict=True)]
                assert owners[1] == owners[0], (function.__name__, rest)


@pytest.mark.parametrize(
    ("function", "rest"),
    [
        (descend, (0.1, 200)),
        (descend_and_count, (0.1, 200)),
        (search, (30, 0.0)),
        (bisect, (X + 3, 9)),
        (either_of_two_in_a_loop, (X + 1, np.array([3.0, 2.0, 0.1]), 3)),
        (previous, (9,)),
        (best_seen, (9,)),
        (anneal, (NOISE, 9)),
        (search_of_an_object, (9,)),
    ],
)
def test_the_loop_is_captured(function, rest):
    compiled = jitflow.compile(function)
    with jitflow.config().override(capture_loops=True):
        compiled(X.copy(), *rest)
    report = compiled.report().as_dict()
    assert len(report["pieces"]) == 1
    assert not report["breaks"]

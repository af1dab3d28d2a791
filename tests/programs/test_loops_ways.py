"""Loops that lead to several places where what follows cannot be traced as one: each is a piece."""

import numpy as np
import pytest

ASCENDING = np.arange(10.0)


def test_search_that_finds_nothing(check_loops):
    def f(x, limit):
        for i in range(len(x)):
            if x[i] > limit:
                return i
        return None

    report = check_loops(f, (ASCENDING, 3.0), (ASCENDING, 30.0), (ASCENDING, -1.0))
    assert report.breaks == 0


def test_search_in_two_loops(check_loops):
    def f(a, wanted):
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                if a[i, j] == wanted:
                    return i, j
        return "absent"

    a = np.arange(42.0).reshape(6, 7)
    check_loops(f, (a, 17.0), (a, 99.0), (a, 0.0), (a, 41.0))


def test_else_of_another_type(check_loops):
    def f(x, limit):
        for i in range(len(x)):
            x[i] *= 2.0
            if x[i] > limit:
                place = i
                break
        else:
            place = "nowhere"
        return place, x + 1.0

    check_loops(f, (ASCENDING.copy(), 5.0), (ASCENDING.copy(), 500.0))


def test_raise_behind_the_loop(check_loops):
    def f(x, limit):
        i = 0
        while i < len(x):
            if x[i] > limit:
                break
            i += 1
        else:
            raise LookupError("nothing found")
        return x[i] * 2

    check_loops(f, (ASCENDING, 5.0), (ASCENDING, 50.0))


def test_call_of_numpy_behind_one_way(check_loops):
    def f(a, limit):
        for i in range(len(a)):
            if a[i, i] < limit:
                return np.linalg.inv(a + 10 * np.eye(len(a)))
        return a.sum()

    a = np.arange(36.0).reshape(6, 6) % 5 + 1
    check_loops(f, (a, 2.0), (a, 0.0))


def test_search_in_a_called_function(check_loops):
    def first(x, limit):
        for i in range(len(x)):
            if x[i] > limit:
                return i
        return None

    def f(x, limit):
        place = first(x, limit)
        if place is None:
            return x * 0
        return x[place:] * 2

    check_loops(f, (ASCENDING, 3.0), (ASCENDING, 30.0), (ASCENDING, 8.5))


def test_lists_and_attributes_survive(check_loops):
    class Log:
        pass

    def f(x, limit, log):
        log.seen = []
        log.total = x.sum()
        for i in range(len(x)):
            if x[i] > limit:
                log.seen.append(i)
                return log.total
        log.seen.append("none")
        return log.seen, x - log.total

    check_loops(f, (ASCENDING, 3.0, Log()), (ASCENDING, 30.0, Log()))


def count_up(x, stop):
    i = 0
    steps = 0
    while 0 <= i < stop:
        if x[i % len(x)] > 4.0:
            i += 2
        else:
            i += 1
        steps += 1
    return i, steps


def sum_inside(x, stop):
    total = 0.0
    for i in range(stop):
        k = x[i % len(x)] + i
        if not 0 <= k < 25:
            break
        total += k
    return total, i


def return_inside(x, stop):
    total = 0.0
    for i in range(stop):
        k = x[i % len(x)] + i
        if 0 <= k < 25:
            total += k
        else:
            return total, -1
    return total, i


def runs(x, stop):
    total = 0
    for i in range(stop):
        j = i
        while 0 <= j < len(x) and x[j] > 2.0:
            j += 1
            total += 1
        if 3 <= j <= 4 <= total < 1000:
            continue
        total += 2
    return total


@pytest.mark.parametrize("function", [count_up, sum_inside, return_inside, runs])
def test_chained_comparisons(function, check_loops):
    """The operand that is compared twice is on the stack where the first comparison is false."""
    report = check_loops(function, (ASCENDING, 90), (ASCENDING, 9), (ASCENDING, 70))
    assert "in Python" not in str(report)
    assert report.breaks == 0

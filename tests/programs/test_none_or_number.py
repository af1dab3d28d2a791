"""Searches that begin with None: ``best = None``, and a number once something was found."""

import numpy as np
import pytest
from helpers.loops import control_nodes

import jitflow

RNG = np.random.default_rng(0)
X, Y = RNG.random((30, 3)), RNG.random(30)


def best_split(x, y):
    best, threshold, most = None, None, -1.0
    for k in range(x.shape[1]):
        for value in x[:, k]:
            left = x[:, k] <= value
            count = left.sum()
            if count < 1 or len(y) - count < 1:
                continue
            gain = abs((y * left).sum() / count - (y * ~left).sum() / (len(y) - count))
            if gain > most:
                most, best, threshold = gain, k, value
    return best, threshold, most


def test_the_best_split_of_a_tree(check_loops):
    report = check_loops(best_split, (X, Y), (X, Y * np.nan), (X[:1], Y[:1]), (X[:2], Y[:2]))
    assert "for" in control_nodes(report)


def test_what_is_found_or_none_is_returned(check_loops):
    def f(x, y):
        best, threshold, most = best_split(x, y)
        if best is None or most <= 0:
            return None
        return best, threshold, x[:, best] <= threshold

    check_loops(f, (X, Y), (X, Y * np.nan), (X[:1], Y[:1]))


def test_the_first_that_fits(check_loops):
    def f(a, limit):
        found = None
        for k in range(len(a)):
            if a[k] > limit:
                found = k
                break
        if found is None:
            return "nothing"
        return found, a[found]

    check_loops(f, (Y, 0.9), (Y, 2.0), (Y[:0], 0.0))


def test_the_place_of_the_least(check_loops):
    def f(a):
        best = None
        for k in range(len(a)):
            if best is None or a[k] < a[best]:
                best = k
        return best

    check_loops(f, (Y,), (Y[:1],), (Y[:0],), (np.array([2.0, np.nan, 1.0] * 30),))


def test_the_last_one_but_for_the_first(check_loops):
    def f(a, steps):
        before, total = None, 0.0
        for k in range(steps):
            if a[k % len(a)] > 0.5:
                if before is not None:
                    total += abs(a[k % len(a)] - before)
                before = a[k % len(a)]
        return total, before

    check_loops(f, (Y, 90), (Y * 0.1, 90), (Y, 2))


def test_a_while_loop(check_loops):
    def f(a, limit):
        k, found, size = 0, None, None
        while k < 200 and found is None:
            k += 1
            size = np.abs(a).sum()
            if size < limit:
                found = k
            a = a * 0.9
        return found, size, a

    check_loops(f, (Y, 0.5), (Y, -1.0), (Y * 0, 1.0))


def test_truth_and_defaults(check_loops):
    def f(a, limit):
        best = None
        for k in range(len(a)):
            if a[k] > limit:
                best = k
        if best:
            return best * 2
        return (best or 7), not best, best == 0, best is not None

    check_loops(f, (Y, 0.5), (Y, 2.0), (Y[:1], 0.0))


def test_pairs(check_loops):
    def f(a, limit):
        best = None
        for k in range(len(a)):
            for j in range(k):
                if a[k] * a[j] > limit:
                    best = (k, a[j])
        return best

    check_loops(f, (Y, 0.5), (Y, 2.0))


def test_none_where_a_number_is_needed():
    def f(a, limit):
        best = None
        for k in range(len(a)):
            if a[k] > limit:
                best = k
        return best + 1

    compiled = jitflow.compile(f)
    for limit in (0.5, 0.6, 2.0, 0.5):
        if limit < 1:
            assert compiled(Y, limit) == f(Y, limit)
        else:
            with pytest.raises(TypeError, match="NoneType"):
                compiled(Y, limit)


def test_printed_and_kept_in_containers(check_loops):
    def f(a, limit):
        best, kept = None, []
        for k in range(len(a)):
            if a[k] > limit:
                best = k
        kept.append(best)
        print("best", best)
        return kept, {"best": best}, [best] * 2

    check_loops(f, (Y, 0.5), (Y, 2.0))


def test_numbers_and_none_in_a_list_that_grows(check_loops):
    def f(a, log):
        best = None
        for k in range(len(a)):
            if a[k] > 0.5:
                best = a[k] * 2
            log.append(best)
            log.append(k)
        return log, np.array(log[1::2])

    check_loops(f, (Y, []), (Y, [1, None]), (Y * 0.1, [None]))

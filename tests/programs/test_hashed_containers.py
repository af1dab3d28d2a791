"""Dicts and sets by keys that data decide, in captured loops."""

from collections import defaultdict
from functools import partial

import numpy as np
import pytest
from helpers import agreement

agrees = partial(agreement.agrees, pieces=1, trace_everything=True)


NUMBERS = np.random.default_rng(0).integers(-40, 40, 300)


def test_counts():
    def program(a):
        counts = {}
        for x in a:
            key = int(x)
            counts[key] = counts.get(key, 0) + 1
        return counts

    agrees(program, NUMBERS)
    agrees(program, NUMBERS * 2**40)


def test_counts_by_a_branch():
    def program(a):
        counts = {}
        for k in range(len(a)):
            if a[k] in counts:
                counts[a[k]] += 1
            else:
                counts[a[k]] = 1
        return counts, len(counts)

    agrees(program, NUMBERS.tolist())


def test_default_dicts():
    def program(a):
        counts, sums = defaultdict(int), defaultdict(float)
        for x in a:
            counts[int(x) % 7] += 1
            sums[int(x) % 5] += float(x) * 0.5
        return counts, sums

    agrees(program, NUMBERS)


def test_a_walk():
    def program(steps):
        y = x = again = 0
        seen = {(0, 0)}
        for step in steps:
            if step % 4 == 0:
                x += 1
            elif step % 4 == 1:
                x -= 1
            elif step % 4 == 2:
                y += 1
            else:
                y -= 1
            if (x, y) in seen:
                again += 1
                continue
            seen.add((x, y))
        return again, len(seen), seen

    agrees(program, (NUMBERS + 40).tolist())


def test_remembered_lengths():
    def program(count):
        known, best = {1: 0}, 0
        for first in range(2, count):
            n, steps = first, 0
            while n not in known:
                n = n // 2 if n % 2 == 0 else 3 * n + 1
                steps += 1
            known[first] = steps + known[n]
            best = max(best, known[first])
        return best, known

    agrees(program, 120)


def test_two_that_sum_up():
    def program(a, total):
        places = {}
        for k in range(len(a)):
            if total - a[k] in places:
                return places[total - a[k]], k
            places[a[k]] = k
        return None

    agrees(program, list(range(0, 400, 2)), 701, pieces=None)
    agrees(program, list(range(0, 400, 2)), 702, pieces=None)


def test_those_of_the_caller():
    def program(counts, seen, a):
        for x in a:
            key = int(x) % 13
            counts[key] = counts.get(key, 0) + 2
            seen.add(key - 3)
        return len(counts)

    agrees(program, {5: 1, 100: 2}, {-2, -1, 70}, NUMBERS)
    agrees(program, {}, set(), NUMBERS)


def test_a_missing_key():
    def program(counts, a):
        total = 0
        for k in range(len(a)):
            counts[int(a[k])] = k
            total += counts[int(a[k]) - int(k == 200)]
        return total

    agrees(program, {}, np.arange(150), pieces=None)
    agrees(program, {}, np.arange(250) * 2, pieces=None)  # KeyError


def test_pairs_as_keys():
    def program(n):
        values = {(0, 0): 1}
        for i in range(1, n):
            for j in range(i + 1):
                up = values.get((i - 1, j), 0)
                left = values.get((i - 1, j - 1), 0)
                values[i, j] = (up + left) % 1000
        return values[n - 1, n // 2], len(values)

    agrees(program, 20)


def test_other_kinds_of_keys_and_values():
    def program(a, as_float):
        found = {}
        for k in range(len(a)):
            key = float(a[k]) if as_float else int(a[k])
            found[key] = found.get(key, 0.5) + k
        return found

    agrees(program, NUMBERS, False, pieces=None)
    agrees(program, NUMBERS, True, pieces=None)

    def mixed(a):
        found = {}
        for k in range(len(a)):
            found[int(a[k]) % 9] = k if k % 2 else k * 0.5
            found[k % 3, 1] = k
        return found

    agrees(mixed, NUMBERS, pieces=None)


def test_taking_keys_out():
    def program(a):
        open_, total = {}, 0
        for k in range(len(a)):
            key = int(a[k]) % 11
            if key in open_:
                total += k - open_.pop(key)
            else:
                open_[key] = k
        return total, open_

    agrees(program, NUMBERS, pieces=None)


def test_a_table_that_one_way_fills():
    def program(a, limit):
        seen, total = set(), 0
        for k in range(len(a)):
            if a[k] > limit:
                seen.add(int(a[k]))
            elif int(a[k]) + 5 in seen:
                total += 1
        other = set()
        for k in range(len(a)):
            other.add(int(a[k]) // 3)
        return total, seen, sorted(other)

    agrees(program, NUMBERS, 10, pieces=None)
    agrees(program, NUMBERS, 100, pieces=None)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_iterations(count):
    def program(a, count):
        found, seen = {}, set()
        for k in range(count):
            found[int(a[k]) % 3] = k
            seen.add(int(a[k]))
        return found, seen

    agrees(program, NUMBERS, count, pieces=None)


def test_a_dict_seen_elsewhere():
    def program(a):
        counts = {}
        both = [counts, {"same": counts}]
        for x in a:
            counts[int(x) % 9] = counts.get(int(x) % 9, 0) + 1
        return both, both[0] is counts, max(counts.values()), sorted(counts.items())

    agrees(program, NUMBERS, pieces=None)


def test_an_exception_in_the_middle():
    def program(counts, a, n):
        for k in range(n):
            counts[int(a[k]) % 5] = k
        return len(counts)

    agrees(program, {1: 1}, NUMBERS, 200, pieces=None)
    agrees(program, {1: 1}, NUMBERS, 400, pieces=None)  # IndexError

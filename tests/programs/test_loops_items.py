"""Lists whose items a captured loop changes at positions that are known only at run time."""

import copy

import numpy as np
import pytest

import jitflow

DATA = np.random.default_rng(0).integers(0, 12, 60)
REALS = np.random.default_rng(1).normal(size=60)


def outcome(function, args):
    try:
        return function(*args)
    except Exception as error:
        return type(error), str(error)


def types_of(value):
    if isinstance(value, (list, tuple)):
        return type(value), [types_of(item) for item in value]
    return type(value)


def agrees(function, *args, pieces=None):
    """Compare two calls with eager ones, arguments and types included; the report."""
    compiled = jitflow.compile(function)
    with jitflow.config().override(measure=False):
        for _ in range(2):
            one, other = copy.deepcopy(args), copy.deepcopy(args)
            expected, got = outcome(function, one), outcome(compiled, other)
            assert types_of(got) == types_of(expected)
            for left, right in ((expected, got), (one, other)):
                np.testing.assert_equal(right, left)
            assert types_of(one) == types_of(other)
    report = compiled.report()
    if pieces is not None:
        assert (report.pieces, report.breaks) == (pieces, 0), str(report)
    return report


def test_counts():
    def counts(data, n):
        found = [0] * n
        for value in data:
            found[int(value)] += 1
        return found

    agrees(counts, DATA, 12, pieces=1)
    agrees(counts, DATA, 5)  # IndexError
    agrees(counts, DATA, 3000, pieces=1)


def test_a_table_that_is_filled():
    def coins(values, total):
        ways = [0] + [10**9] * total
        for value in values:
            for i in range(value, total + 1):
                ways[i] = min(ways[i], ways[i - value] + 1)
        return ways[total], len(ways), ways[-1]

    agrees(coins, (1, 5, 10, 25), 300, pieces=1)


def test_positions_from_the_end_and_beyond():
    def move(data, step):
        line = [0.0, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5]
        for value in data:
            k = int(value) - 6
            line[k] = line[k - step] + 0.25
        return line

    agrees(move, DATA, 1, pieces=1)
    agrees(move, DATA, 9)  # IndexError


def test_a_list_of_the_caller():
    def change(line, data):
        other = line
        for k in range(len(data)):
            if data[k] > 0:
                line[k % 10] = line[(k + 3) % 10] * 2.0
        return other is line, other[3], sum(line)

    agrees(change, [1.0, 2.0] * 5, REALS)
    agrees(change, [1.0] * 9, REALS)  # IndexError, after some changes


def test_a_list_of_an_object():
    class Model:
        def __init__(self):
            self.counts = [0] * 12

        def add(self, data):
            for value in data:
                self.counts[value] += 1
            return self.counts[3]

    one, other = Model(), Model()
    compiled = jitflow.compile(Model.add)
    for _ in range(4):
        assert compiled(one, DATA) == other.add(DATA)
        assert one.counts == other.counts


@pytest.mark.parametrize("first", [0, 0.0, True, np.float64(1.0)])
def test_items_of_other_kinds(first):
    def mix(data, first):
        line = [first] * 8
        for k in range(len(data)):
            if data[k] > 0.5:
                line[k % 8] = data[k]
            elif data[k] > -0.5:
                line[k % 8] = float(data[k]) + 1
        return line

    agrees(mix, REALS, first)


def test_append_and_change():
    def both(data):
        line = [1]
        for value in data:
            line.append(int(value))
            line[int(value) % len(line)] += 3
        return line

    agrees(both, DATA)


def test_change_in_an_inner_loop_and_afterwards():
    def passes(data, n):
        flags = [True] * n
        flags[0] = flags[1] = False
        for i in range(2, n):
            if flags[i]:
                for j in range(i * i, n, i):
                    flags[j] = False
        flags[int(data[0]) % n] = True
        return [i for i in range(n) if flags[i]], flags.count(True)

    agrees(passes, DATA, 90)


def test_large_integers_stay_exact():
    def grow(data):
        line = [1] * 6
        for value in data:
            line[int(value) % 6] *= 9
        return line

    agrees(grow, np.repeat(DATA, 4))


def test_new_lists_in_each_iteration():
    def smooth(data, steps):
        totals = []
        for step in range(steps):
            line = [0.0] * 20
            for k in range(len(data)):
                line[(k + step) % 20] += data[k]
            totals.append(line[step % 20])
        return totals

    agrees(smooth, REALS, 9)


def test_strings_and_arrays_stay_as_they_were():
    def words(data):
        names = ["a"] * 12
        rows = [np.zeros(2)] * 12
        for value in data:
            names[int(value)] = names[int(value)] + "b"
            rows[int(value)] = rows[int(value)] + 1.0
        return names, rows

    agrees(words, DATA)


def test_numbers_of_two_pairs_of_kinds_meet():
    def meet(data, line, n):
        t = 0
        for i in range(n):
            if min(line[i % 4] - min(int(data[i]), 1), t) > line[0]:
                line[i % 5] = data[i] - t
            line[i % 3] += 0.5
        return line, t

    agrees(meet, np.arange(30.0) % 7 - 3, [0.5] * 10, 12)


def test_what_an_iteration_before_the_loop_leaves_behind():
    def last(data, n):
        line, t = [0.0] * 8, 0
        for i in range(n):
            t = abs(line[-1])
            line[i % 5] = abs(data[i])
        return line, t

    agrees(last, np.arange(30.0) % 7, 30)

"""Lists from outside that are appended to: a log is no reason for another variant."""

import numpy as np
import pytest

import jitflow


class Model:
    def __init__(self):
        self.weights, self.history, self.log = np.ones(3), [], []

    def step(self, x):
        error = self.weights @ x - 1
        self.weights = self.weights - 0.1 * error * x
        self.history.append(error)
        return error


def test_a_history_that_grows_is_one_variant(backend):
    step = jitflow.compile(Model.step, backend=backend)
    model, copy = Model(), Model()
    for k in range(5):
        x = np.arange(3.0) + k
        assert np.isclose(step(model, x), copy.step(x))
    np.testing.assert_allclose(model.history, copy.history)
    assert (step.report().pieces, step.report().recompiles) == (1, 0), str(step.report())


def test_lists_that_grow_and_are_looked_at(check):
    def run(x, log, other):
        log.append(x.sum())
        log.append(2)
        other.append(log)
        if len(log) > 3:
            log[0] = 5
        return log[-1] * x, log

    check(run, (np.ones(3), [], []), (np.ones(3), [1, 2, 3], [4]))


def test_one_list_under_two_names(check):
    def run(x, pair):
        pair[0].append(x * 2)
        pair[1].append(x.max())
        return x + 1

    shared = []
    check(run, (np.ones(3), ([], [])), (np.ones(3), (shared, shared)), (np.ones(3), ([], [7])))
    check(run, (np.ones(3), (shared, shared)), (np.ones(3), ([], [])))


def test_a_list_that_grows_and_one_that_is_read(check):
    def run(x, log, other):
        log.append(x.max())
        return x * len(other), other

    shared = [1.0]
    check(run, (np.ones(3), [], [2.0]), (np.ones(3), shared, shared))
    check(run, (np.ones(3), shared, shared), (np.ones(3), [], [2.0]))


def test_appends_before_and_after_a_break(check):
    def run(x, log):
        log.append(1)
        print("here")
        log.append(x * 2)
        y = x + 1
        log.append(y)
        return y

    check(run, (np.ones(3), []), (np.ones(3), [0]))


def test_appends_in_a_loop(check_loops):
    def run(x, log, n):
        for k in range(n):
            x = x * 0.5 + k
            log.append(float(x[0]))
        return x

    check_loops(run, (np.ones(3), [], 5), (np.ones(3), [2], 100))


def test_an_append_that_is_undone(check):
    def run(x, log):
        try:
            log.append(x.sum())
            return x.reshape(2, 2)
        except ValueError:
            return len(log)

    check(run, (np.ones(3), []), (np.ones(4), []))


def test_ints_and_floats_in_a_list_that_grows(check_loops):
    def run(x, log, n):
        found = []
        for k in range(n):
            log.append(max(0, float(x[k])))
            found.append(float(x[k]) if x[k] > 0 else 7)
        return log[-1], found[0], found

    x = np.random.default_rng(0).normal(size=40)
    check_loops(run, (x, [], 40), (-np.abs(x), [2], 30), (np.abs(x), [2.5, None], 20))


def test_arrays_of_a_length_that_the_loop_finds(check):
    def run(x, count):
        v, log = x, []
        for k in range(count[0], len(x)):
            if k == 0:
                v = x[[0, 1, 1]]
            log.append(v)
        return log

    x = np.arange(9.0)
    check(run, (x, np.array([0])), (x, np.array([1])))


def same_array(x, n):
    kept, found = x * 2, []
    for k in range(n):
        for _ in range(k + 2):
            x[0] += x[1] * 0.5
        found.append(kept)
    return found


def same_array_of_a_list_with_numbers(x, n):
    kept, found = x.copy(), [0.5]
    while len(found) <= n:
        found.append(kept)
    return found


def new_arrays(x, n):
    found = []
    for k in range(n):
        new = x + k
        found.append(new)
    return found


@pytest.mark.parametrize("function", [same_array, same_array_of_a_list_with_numbers, new_arrays])
def test_arrays_in_lists_are_the_objects_that_were_appended(function):
    with jitflow.config().override(measure=False, capture_loops=True, strict=True):
        compiled = jitflow.compile(function)
        for n in (40, 40, 7):
            expected, got = function(np.ones(5), n), compiled(np.ones(5), n)
            for item, other in zip(expected, got, strict=True):
                assert [item is x for x in expected] == [other is x for x in got]
                assert np.array_equal(item, other)


def test_numbers_and_none_in_a_list_that_grows(check_loops):
    def run(x, log):
        for k in range(len(x)):
            log.append(float(x[k]) if x[k] > 0 else None)
        return log[-1], len(log)

    x = np.random.default_rng(1).normal(size=30)
    check_loops(run, (x, []), (x, [None, 1.5]), (x, [2.5]))


def test_a_list_that_gets_more_items_in_each_iteration_than_there_was_room_for(check_loops):
    """The first attempt at the outer loop has room for fewer, and its own counts tell."""

    def run(a, c, m, items):
        s, t = np.float64(0.0), np.float64(1.5)
        log = []
        for i1 in range(20 - 1, 0, -1):
            for _ in c:
                log.append(-1)
                if 0 <= 1 < i1:
                    if (a[c % 3] > 0).any() and 0 <= 0 < 0:
                        items[0] = s / m[i1 % len(a), i1 % 5]
                else:
                    t -= s
                items[0] = a[3 % 4] - t
        return np.array(log)

    def inputs(first):
        return np.arange(8.0) - 3, np.arange(8), np.ones((8, 5)), [first]

    check_loops(run, inputs(1), inputs(2.0))


def test_rows_of_another_length_than_the_first(check):
    def f(x, first):
        rows = [first]
        for i in range(len(x) - 1):
            rows.append(x[:2] + i)
        return np.array(rows)

    check(f, *((np.arange(40.0), np.ones(n)) for n in (2, 5, 4, 2)))

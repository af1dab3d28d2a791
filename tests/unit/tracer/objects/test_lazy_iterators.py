"""Iterators take items when they are asked for, and go on where they were after a break."""

import itertools

import numpy as np
import pytest

import jitflow


def counted(log, count):
    for number in range(count):
        log.append(number)
        yield number


BASE = [1, 2, 3, 4, 5]
CASES = {
    "chain": lambda log, base: itertools.chain(counted(log, 2), [7], counted(log, 2)),
    "chain of containers": lambda log, base: itertools.chain(base, (8, 9)),
    "from_iterable": lambda log, base: itertools.chain.from_iterable([base, (1, 2), "ab"]),
    "islice": lambda log, base: itertools.islice(counted(log, 9), 1, 7, 2),
    "islice to the end": lambda log, base: itertools.islice(base, 2, None),
    "takewhile": lambda log, base: itertools.takewhile(lambda x: x < 3, counted(log, 9)),
    "takewhile of count": lambda log, base: itertools.takewhile(lambda x: x < 3, itertools.count()),
    "accumulate": lambda log, base: itertools.accumulate(counted(log, 4)),
    "accumulate with initial": lambda log, base: itertools.accumulate(
        base, lambda a, b: a * b, initial=2
    ),
    "accumulate to None": lambda log, base: itertools.accumulate(base, lambda a, b: None),
    "pairwise": lambda log, base: itertools.pairwise(base),
    "zip_longest": lambda log, base: itertools.zip_longest(base, "ab", fillvalue=0),
    "starmap": lambda log, base: itertools.starmap(pow, [(2, 3), (3, 2)]),
    "reversed": lambda log, base: reversed(base),
    "strict zip": lambda log, base: zip(base, base, strict=True),
    "list": lambda log, base: iter(base),
}


def program(make, breaks):
    log, seen, base = [], [], list(BASE)
    iterator = make(log, base)
    for item in iterator:
        seen.append((item, len(log)))
        if len(seen) == 2:
            if breaks:
                np.lib.stride_tricks.as_strided(np.zeros(1))
            base.append(100)
        if len(seen) > 9:
            break
    if breaks == 2:
        return seen, log, type(iterator), list(iterator)
    return seen, log, next(iterator, "end"), list(iterator), float(np.zeros(2).sum())


@pytest.mark.parametrize("breaks", [0, 1, 2])
@pytest.mark.parametrize("case", CASES)
def test_lazy(case, breaks):
    with jitflow.config().override(strict=True, trace_everything=True):
        assert jitflow.compile(program)(CASES[case], breaks) == program(CASES[case], breaks)


def delete_while_iterated(d):
    for key in d:
        del d[key]
        d[key] = 0
    return d


def add_after_a_loop(d):
    for _ in d:
        pass
    d["new"] = 1
    return d


@pytest.mark.parametrize("function", [delete_while_iterated, add_after_a_loop])
def test_dict_that_changes(function):
    def outcome(call):
        try:
            return call({"a": 1})
        except RuntimeError as error:
            return str(error)

    with jitflow.config().override(strict=True, trace_everything=True):
        assert outcome(jitflow.compile(function)) == outcome(function)


def test_comparison_that_takes_items_away():
    def f():
        class Clears:
            def __eq__(self, other):
                right.clear()
                left.clear()
                return NotImplemented

            __hash__ = None

        left, right = [Clears()], [3]
        return left == right

    with jitflow.config().override(strict=True, trace_everything=True):
        assert jitflow.compile(f)() == f()


def test_long_repeat_is_no_list():
    def f():
        iterator = itertools.repeat("x", 10**12)
        first = next(iterator)
        return first, repr(iterator), list(itertools.repeat(1, 3)), list(itertools.repeat(1, -3))

    with jitflow.config().override(strict=True, trace_everything=True):
        assert jitflow.compile(f)() == f()


def test_special_methods_that_decline():
    class Declines:
        def __eq__(self, other):
            return NotImplemented

        def __divmod__(self, other):
            return "divmod", other

        __hash__ = None

    def f(x, y):
        return x == y, x != y, divmod(x, 1)

    x, y = Declines(), Declines()
    with jitflow.config().override(strict=True, trace_everything=True):
        assert jitflow.compile(f)(x, y) == f(x, y)


def test_objects_are_not_shown_when_they_are_guarded():
    class Silent:
        def __repr__(self):
            raise AssertionError("shown")

    silent = Silent()

    def f(x):
        return x + 1, x is silent

    with jitflow.config().override(strict=True):
        assert jitflow.compile(lambda x: (x + 1, silent))(np.ones(2))[1] is silent
        assert jitflow.compile(f)(np.ones(2))[1] is False

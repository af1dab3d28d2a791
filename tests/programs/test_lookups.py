"""Indices that are looked up are checked, also where what they address is the same everywhere."""

import numpy as np
import pytest

import jitflow


def of_zeros(x, i):
    return np.zeros(len(x))[i] + 1


def of_a_list_of_indices(x, i):
    return np.zeros(len(x))[[0, -1, 3]] + x[0]


def sum_of_full(x, i):
    return np.full(len(x), x[0])[i].sum()


def columns_of_a_row_repeated(x, i):
    return np.broadcast_to(x, (2, len(x)))[i]


def of_an_axis_of_one(x, i):
    return x[None][i], x[:, None][:, i]


def not_used(x, i):
    np.ones(3)[i]
    return x * 2


def taken_and_not_used(x, i):
    np.take(np.ones(3), i)
    return x * 2


def in_a_loop(x, i):
    total = 0.0
    for k in range(3):
        total += np.zeros(k + 3)[i].sum()
    return total


def largest_of_zeros(x, i):
    return np.zeros((3, 4))[i].max(axis=0), x


PROGRAMS = [
    of_zeros,
    of_a_list_of_indices,
    sum_of_full,
    columns_of_a_row_repeated,
    of_an_axis_of_one,
    not_used,
    taken_and_not_used,
    in_a_loop,
    largest_of_zeros,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("index", [0, 2, 7, -9])
def test_an_index_out_of_bounds_raises(check, program, index):
    check(program, (np.arange(1.0, 4.0), np.array([0, index])))


def from_it_on(x, k):
    return x[k:].sum(), x[:k].sum(), x[::k].sum() if k else 0


def back_from_it(x, k):
    x[k::-k] += x[k::-k]
    return x


def before_a_break(x, k):
    part = x[:: k - 2]
    print(k)
    return part


@pytest.mark.parametrize("program", [from_it_on, back_from_it, before_a_break])
@pytest.mark.parametrize("first", [0, 2, 3])
def test_steps_that_are_zero_raise_and_long_bounds_are_cut(check, program, first):
    numbers = (first, 3, 2, 1, 0, -2, 2**62, 2**63, -(2**64), 10**5000)
    check(program, *((np.arange(1.0, 6.0), k) for k in numbers))


def thinned(x, k):
    rows = x
    for i in range(k, -1, -1):
        for y in x:
            rows = rows[::i] + y
    return rows


def test_a_loop_whose_step_becomes_zero(check):
    check(thinned, *((np.arange(1.0, 6.0), k) for k in (3, 0, 2)))


def compares(x, k):
    if k < 2**70:
        x = x + (k == 10**5000) + (2 * k > 2**63)
    return x + (k > -(2**65)) * 4


def multiplies(x, k):
    for _ in range(2):
        k = k * k
    return x + (k > 5), k


def looks_up(x, k):
    known = {k: 2.0, 3: 5.0}
    return x * known[k]


@pytest.mark.parametrize("program", [compares, multiplies, looks_up])
@pytest.mark.parametrize("first", [3, 10**5000], ids=["short", "long"])
def test_integers_with_more_digits_than_python_shows(check, program, first):
    numbers = (first, 3, 4, 5, 2**62, 2**63 - 1, 2**64 + 1, 10**5000, 10**5000 + 1, -(10**5000))
    check(program, *((np.arange(3.0), k) for k in numbers))


class Loud(type):
    def __repr__(cls):
        print("shown")
        return "Loud"


class Key(metaclass=Loud):
    def __repr__(self):
        print("shown")
        return "Key"


class Other(Key):
    pass


KEY = Key()


def misses_a_key(x, key):
    try:
        return {1: x}[key]
    except KeyError:
        return x + 1


def removes(x, key):
    try:
        {1}.remove(key)
    except KeyError:
        return x + 1


def chooses(x, key):
    return x * 2 if key is KEY or key is Key else x * 3


def finds(x, key):
    return x * {key: 2.0}.get(KEY, 5.0)


def asks_for_the_class(x, key):
    try:
        return x + isinstance(x, key)
    except TypeError:
        return x + 1


@pytest.mark.parametrize(
    "program", [misses_a_key, removes, chooses, finds, asks_for_the_class], ids=lambda f: f.__name__
)
def test_objects_of_the_program_are_not_shown(check, program):
    check(program, *((np.arange(3.0), key) for key in (KEY, Key(), Other(), Key, Other, Key)))


def test_reports_show_no_objects_of_the_program(capsys):
    compiled = jitflow.compile(misses_a_key)
    for key in (KEY, Other(), Key):
        compiled(np.arange(3.0), key)
    str(compiled.report())
    assert not capsys.readouterr().out


def squares(x, k):
    for i in range(3):
        print(i)
        k = k * k if k > 1 else k
        x = x[: k + 2] + (k < 9)
    return x


def test_integers_that_outgrow_what_a_guard_compares(check):
    check(squares, *((np.arange(12.0), k) for k in (1, 2, 3, 10**3, 10**2000, 4)))

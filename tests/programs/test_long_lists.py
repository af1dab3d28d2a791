"""Long lists of Python numbers: iterated, and changed item by item, as in plain Python numerics."""

import copy

import numpy as np
import pytest

import jitflow


def numbers(count=100, seed=0):
    return np.random.default_rng(seed).random(count).tolist()


def integers(count=100):
    return np.random.default_rng(3).integers(1, 1000, count).tolist()


def agree(function, backend, *args, calls=3):
    """The report after calls that are compared with eager: results, arguments, exceptions."""
    compiled = jitflow.compile(function, backend=backend)
    with jitflow.config().override(measure=False, trace_everything=True):
        for _ in range(calls):
            mine, other = copy.deepcopy(args), copy.deepcopy(args)
            assert outcome(compiled, other) == outcome(function, mine)
            assert other == mine
            kinds = [[type(item) for item in found] for found in other if type(found) is list]
            assert kinds == [
                [type(item) for item in known] for known in mine if type(known) is list
            ]
    return compiled.report()


def outcome(function, args):
    try:
        result = function(*args)
    except Exception as error:
        return type(error), str(error)
    return type(result), result


def bubble(a):
    for i in range(len(a)):
        for j in range(len(a) - 1 - i):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]


def insertion(a):
    for i in range(1, len(a)):
        key, j = a[i], i - 1
        while j >= 0 and a[j] > key:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = key


def horner(a):
    total = 0.0
    for x in reversed(a):
        total = total * 0.5 + x
    return total


def weighted(a):
    total = 0.0
    for i, x in enumerate(a, 1):
        total += i * x
    return total


def pairs(a):
    count = 0
    for x in a:
        for y in a:
            if x < y:
                count += 1
    return count


def compact(a):
    n = 0
    for x in a:
        if x > 0.5:
            a[n] = x
            n += 1
    return n


def until(a):
    for i, x in enumerate(a):
        if x > 0.9:
            break
        a[i] = 0.0
    return i


def from_the_end(a):
    for i in range(5):
        a[-1 - i] = a[i] + 1


def of_a_copy(a):
    b = a.copy()
    for i in range(len(b)):
        b[i] = -b[i]
    return b, a[0]


def mirrored(a):
    for i, x in enumerate(reversed(a)):
        a[i] = x + 1


def set_and_append(a):
    a[2] = 9.0
    a.append(4.0)
    a[-1] += 1
    a[0] = 7.0
    return len(a)


def once_in_an_arm(a):
    if a[1] > a[2]:
        a[0] = 99.0
    return a[0]


@pytest.mark.parametrize(
    "function",
    [bubble, insertion, horner, weighted, pairs, compact, until, from_the_end, of_a_copy]
    + [mirrored, once_in_an_arm],
)
def test_floats(function, backend):
    report = agree(function, backend, numbers())
    assert (report.breaks, report.pieces) == (0, 1), str(report)


def test_a_list_that_is_set_and_grows(backend):
    agree(set_and_append, backend, numbers())


@pytest.mark.parametrize("function", [bubble, insertion, pairs, from_the_end, mirrored])
def test_integers(function, backend):
    assert agree(function, backend, integers()).breaks == 0


def test_two_lists(backend):
    def doubled(a, b):
        for i in range(len(a)):
            b[i] = a[i] * 2
        total = 0.0
        for x, y in zip(a, b, strict=False):
            total += x * y
        return total

    assert agree(doubled, backend, numbers(), numbers(120, 1)).breaks == 0
    one = numbers()
    agree(doubled, backend, one, one)


def test_a_list_of_an_object(backend):
    class Holder:
        pass

    def raised(holder):
        for i in range(len(holder.items)):
            holder.items[i] += 1
        holder.count = len(holder.items)

    compiled = jitflow.compile(raised, backend=backend)
    holder, known = Holder(), numbers()
    holder.items = items = known[:]
    compiled(holder)
    assert holder.items is items
    assert (items, holder.count) == ([x + 1 for x in known], len(known))


@pytest.mark.parametrize("end", [0, 1])
def test_positions_beyond_the_end(end, backend):
    def fill(a):
        for i in range(len(a) + end):
            a[i] = float(i)

    agree(fill, backend, numbers())


def test_a_failure_in_the_middle_leaves_what_was_set(backend):
    def inverse(a):
        for i in range(len(a)):
            a[i] = 1 / (a[i] - 0.25)

    agree(inverse, backend, [*numbers(70), 0.25, *numbers(10)])


@pytest.mark.parametrize("item", [1, 2.5, True, 1j, "x", None])
def test_items_of_other_types(item, backend):
    def put(a):
        a[3] = item
        return a[3], a[4]

    agree(put, backend, numbers())
    agree(put, backend, integers())


def test_integers_that_overflow(backend):
    def grow(a):
        for i in range(len(a)):
            a[i] = a[i] * 10**17

    agree(grow, backend, integers())


def test_slices_are_copies(backend):
    def part(a):
        b = a[2:10]
        b[0] = 5.0
        a[3] = 2.0
        return b

    agree(part, backend, numbers())


def test_output_in_between(backend, capsys):
    def show(a):
        for i in range(3):
            a[i] = i * 1.0
            print(a[i], a[i + 1])

    agree(show, backend, numbers(), calls=1)
    first, second = np.array_split(capsys.readouterr().out.split("\n")[:-1], 2)
    assert first.tolist() == second.tolist()

"""Sets that were there before and change by operators, methods and both."""

import numpy as np
import pytest

import jitflow


def united(x, s, t):
    s |= t
    return x + len(s)


def intersected(x, s, t):
    s &= t
    return x + len(s)


def subtracted(x, s, t):
    s -= t
    return x + len(s)


def either(x, s, t):
    s ^= t
    return x + len(s)


def with_itself(x, s, t):
    s |= s
    t ^= t
    return x + len(s)


def operators_and_methods(x, s, t):
    s.add(40)
    s |= t
    s.discard(2)
    s.add(50)
    t.clear()
    t |= {1, 2, 40}
    t.update([7])
    t.remove(1)
    return x + len(s)


def walked(x, s, t):
    made = {3, 1}
    made |= t
    made &= {1, 3, 6, 17, 33, 9}
    for number in made:
        x = x * 2 + number
    return x


def changed_while_walked(x, s, t):
    for number in s:
        s |= {number}
        x = x + number
        if number == 6:
            s |= t
    return x


PROGRAMS = [
    united,
    intersected,
    subtracted,
    either,
    with_itself,
    operators_and_methods,
    walked,
    changed_while_walked,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("other", [{4, 5}, set(), {2, 4, 6}, {9, 17, 33}])
def test_sets_that_change_in_place(program, other):
    compiled = jitflow.compile(program)
    for _ in range(3):
        outcomes = []
        for function in (program, compiled):
            s, t = {2, 4, 6}, set(other)
            try:
                found = function(np.arange(3.0), s, t).tolist()
            except RuntimeError as error:
                found = str(error)
            outcomes.append((found, [*s], [*t]))
        assert outcomes[0] == outcomes[1]


def from_others(x, s, t):
    s.update([9, 1, 17], (33,), range(3))
    s.update({25: 1, 41: 2})
    s |= {49}
    t |= s
    s ^= t
    return x + len(t)


def made_and_changed(x, s, t):
    new = {len(s), 17}
    s |= new
    new.add(65)
    t -= new
    t.clear()
    t |= new
    return x + len(t)


@pytest.mark.parametrize("program", [from_others, made_and_changed])
def test_what_they_change_by(program):
    test_sets_that_change_in_place(program, {9, 17, 33})

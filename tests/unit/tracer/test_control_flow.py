"""Loops of a code object, and where branches come together again."""

import pytest

from jitflow.tracer.control_flow import RETURN, join_of, leads_to, loops, successors
from jitflow.tracer.instructions import decode


def plain(x):
    if x:
        y = 1
    else:
        y = 2
    return y


def with_loops(n, x):
    for i in range(n):
        for j in range(i):
            if x[j] > 1:
                break
            if x[j] < -1:
                continue
            x[j] += i
        else:
            x[i] = 0
        while x[i] > 0 and i:
            x[i] -= 1
            if x[i] == 5:
                return i
    return n


def early(x):
    if x > 3:
        return 1
    if x > 2:
        x += 1
    elif x > 1 or x < -5:
        x -= 1
    else:
        raise ValueError(x)
    return x


FUNCTIONS = (plain, with_loops, early)


def reached(code, start, without, ends):
    """The places that a way from `start` comes to that does not pass `without`."""
    found, work = set(), [start]
    while work:
        at = work.pop()
        if at not in found and at != without:
            found.add(at)
            if at not in ends and at != RETURN:
                work.extend(successors(code)[at])
    return found


def join_by_definition(code, starts, ends, normal):
    everywhere = set().union(*(reached(code, start, None, ends) for start in starts))
    if any(normal not in reached(code, start, None, ends) for start in starts):
        return None
    passed = [
        at for at in everywhere if all(normal not in reached(code, s, at, ends) for s in starts)
    ]
    # The first one: from it a way leads to every other one.
    return next(at for at in passed if set(passed) <= reached(code, at, None, ends))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_join_of_every_branch(function):
    code = function.__code__
    branches = [following for following in successors(code) if len(following) == 2]
    assert branches
    for starts in branches:
        assert join_of(code, starts, frozenset(), RETURN) == join_by_definition(
            code, starts, {RETURN}, RETURN
        )
        for loop in loops(code).values():
            stops = frozenset((loop.header, *loop.exits))
            expected = join_by_definition(code, starts, {*stops, RETURN}, loop.header)
            assert join_of(code, starts, stops, loop.header) == expected


def test_loops_and_their_exits():
    found = loops(with_loops.__code__)
    assert len(found) == 3
    names = with_loops.__code__.co_varnames
    outer = max(found.values(), key=lambda loop: len(loop.body))
    assert {names[slot] for slot in outer.stored} == {"i", "j"}
    assert all(other.body < outer.body for other in found.values() if other is not outer)
    assert outer.header not in outer.exits


def chained(x, n):
    i = 0
    while 0 <= i < n:
        i += x[i]
    return i


def test_an_operand_left_on_the_stack_is_removed_in_the_loop():
    (loop,) = loops(chained.__code__).values()
    program = decode(chained.__code__)
    exits = [[operation.op for operation in program[at].operations] for at in loop.exits]
    assert exits
    assert ["POP"] not in exits
    inside = [operation.op for at in loop.body for operation in program[at].operations]
    assert "POP" in inside


def breaking(x):
    for i in x:
        if i > 3:
            break


def test_the_iterator_is_removed_behind_the_loop():
    (loop,) = loops(breaking.__code__).values()
    program = decode(breaking.__code__)
    inside = [operation.op for at in loop.body for operation in program[at].operations]
    assert "POP" not in inside


def test_leads_to_stops_at_stops():
    code = plain.__code__
    (branch,) = [following for following in successors(code) if len(following) == 2]
    assert leads_to(code, branch[0], frozenset(), RETURN)
    assert not leads_to(code, branch[0], frozenset(branch), branch[1])

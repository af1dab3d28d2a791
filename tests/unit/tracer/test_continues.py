"""One header for a ``while`` loop with ``continue``."""

import pytest

from jitflow.tracer.control_flow import loops
from jitflow.tracer.instructions import decode


def plain(a, k):
    while k < 10:
        k += 1
        if a[k]:
            continue
        k += a[k]
    return k


def compound(a, k):
    while k < 10 and a and k > -3:
        k += 1
        if a[k]:
            continue
        k += a[k]


def endless(a, k):
    while True:
        k += 1
        if a[k]:
            continue
        if k > 5:
            return k


@pytest.mark.parametrize("function", [plain, compound, endless])
def test_there_is_one_loop(function):
    assert len(loops(function.__code__)) == 1


def test_a_jump_says_where_it_leads():
    for instruction in decode(plain.__code__):
        if instruction.target is not None and instruction.operations:
            last = instruction.operations[-1]
            assert last.arg == instruction.target or not last.op.startswith("JUMP")


def two(a, k):
    while k < 10:
        k += 1
        if a[k]:
            continue
        while k < 20:
            k += a[k]
    return k


def test_loops_in_loops_stay_two():
    assert len(loops(two.__code__)) == 2

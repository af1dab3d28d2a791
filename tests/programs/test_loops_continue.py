"""``continue`` in ``while`` loops, whose condition CPython writes twice."""

import numpy as np
import pytest

import jitflow


def nonzero(a, limit):
    k, total = 0, 0.0
    while k < limit and total < 50:
        k += 1
        if a[k - 1] == 0:
            continue
        total += a[k - 1]
        if total < 0:
            break
    return k, total


def either(a, limit):
    k, total = 0, 0.0
    while k < limit or total < 3:
        k += 1
        if a[k % len(a)] == 0:
            continue
        if a[k % len(a)] == 2:
            total += 1
            continue
        total += 0.5
    else:
        total += 100
    return k, total


def returning(a, limit):
    k = 0
    while k < limit:
        k += 1
        if a[k - 1] == 0:
            continue
        if a[k - 1] > 3:
            return k


def nested(a, limit):
    k, total = 0, 0
    while k < limit:
        k += 1
        j = 0
        while j < k:
            j += 1
            if a[j - 1] == a[k - 1]:
                continue
            total += j
        if total % 2:
            continue
        total += 1
    return total


@pytest.mark.parametrize("program", [nonzero, either, returning, nested])
@pytest.mark.parametrize("limit", [0, 1, 30])
def test_as_python(program, limit):
    a = np.random.default_rng(0).integers(0, 4, 40)
    compiled = jitflow.compile(program)
    with jitflow.config().override(measure=False, trace_everything=True):
        for _ in range(2):
            assert compiled(a, limit) == program(a, limit)
    if limit == 30 and program is not either:
        assert (compiled.report().pieces, compiled.report().breaks) == (1, 0)

"""Loops and branches that are captured, and what they leave in globals, lists and dicts."""

import copy

import numpy as np
import pytest

import jitflow

COUNT = 0
TOTAL = 0.0
SEEN = [0]
TABLE = {"n": 0}


def bump(by=1):
    global COUNT
    COUNT += by
    return COUNT


def counted(y):
    for _ in range(100):
        bump()
    return y


def until(y):
    for k in range(100):
        if y[k % 3] > 5:
            break
        bump(k)
        SEEN[0] += 1


def either(y):
    global TOTAL
    for k in range(100):
        if y[k % 3] > 0:
            TOTAL = TOTAL + y[k % 3]
        else:
            TABLE["n"] += bump()


@pytest.mark.parametrize("program", [counted, until, either], ids=lambda f: f.__name__)
def test_globals_are_written(program):
    def run(function):
        global COUNT, TOTAL
        COUNT, TOTAL, SEEN[0], TABLE["n"] = 0, 0.0, 0, 0
        states = []
        for y in ([1.0, 2, 3], [1.0, -2, 3], [1.0, 2, 6], [-1.0, -1, -1]) * 2:
            function(np.array(y))
            states.append(copy.deepcopy((COUNT, float(TOTAL), SEEN, TABLE)))
        return states

    with jitflow.config().override(strict=True):
        assert run(jitflow.compile(program)) == run(program)

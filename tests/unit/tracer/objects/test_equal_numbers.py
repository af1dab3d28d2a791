"""Arithmetic on Python numbers that meets the same operands again."""

import numpy as np
import pytest
from running import trace_call

import jitflow


def powers_of_each(x, b, t):
    return [v * (1 - b**t) for v in (x, x + 1, x + 2)]


def count(function, *args, name):
    return sum(node.operator.name == name for node in trace_call(function, *args).graph.walk())


def test_a_power_is_computed_once():
    x = np.arange(4.0)
    for name in ("power", "isfinite", "require", "subtract"):
        once = count(lambda x, b, t: x * (1 - b**t), x, 0.9, 2.5, name=name)
        assert count(powers_of_each, x, 0.9, 2.5, name=name) == once
    compiled = jitflow.compile(powers_of_each)
    for found, expected in zip(compiled(x, 0.8, 1.5), powers_of_each(x, 0.8, 1.5), strict=True):
        assert np.array_equal(found, expected)


def test_each_result_is_an_object_of_its_own():
    def both(x, a):
        return x + a / 3.0, a / 3.0, a / 3.0

    found = jitflow.compile(both)(np.ones(3), 2.0)
    assert found[1] == found[2]
    assert found[1] is not found[2]


def test_checks_in_an_arm_hold_for_the_arm_alone():
    def choose(x, a, b):
        y = x.sum()
        if y > 0:
            y = y + a / b
        if y < 10:
            y = y + a / b
        return y

    compiled = jitflow.compile(choose)
    assert compiled(np.ones(3), 1.0, 2.0) == choose(np.ones(3), 1.0, 2.0)
    assert compiled(np.full(3, 9.0), 1.0, 2.0) == choose(np.full(3, 9.0), 1.0, 2.0)
    assert compiled(np.full(3, -9.0), 1.0, 2.0) == choose(np.full(3, -9.0), 1.0, 2.0)
    with pytest.raises(ZeroDivisionError):
        compiled(np.ones(3), 1.0, 0.0)
    with pytest.raises(ZeroDivisionError):
        compiled(np.full(3, -9.0), 1.0, 0.0)

"""Integers that are looked up or written as text: no variant for each of their values for ever."""

import numpy as np
import pytest

import jitflow


class Counter:
    def __init__(self):
        self.count = 0


def by_text(state, x):
    state.count += 1
    y = x * 2.0 + 1.0
    return f"step {state.count}", (y * y).sum()


def by_key(state, x):
    state.count += 1
    y = x * 2.0 + 1.0
    return {1: 1.0, 2: 2.0, 3: 3.0}.get(state.count, 0.5), (y * y).sum()


def by_index(state, x):
    state.count += 1
    scale = [1.0, "two", 3.0, None, 5.0][state.count % 5]
    y = x * 2.0 + 1.0
    return scale, (y * y).sum()


@pytest.mark.parametrize("function", [by_text, by_key, by_index])
def test_a_counter_that_is_looked_up(function):
    compiled = jitflow.compile(function)
    expected, got = Counter(), Counter()
    x = np.arange(5.0)
    with jitflow.config().override(measure=False):
        for _ in range(30):
            assert compiled(got, x) == function(expected, x)
    report = compiled.report()
    assert got.count == expected.count == 30
    assert report.recompiles <= 16
    assert report.recompiles == compiled.report().recompiles


def test_a_whole_graph_keeps_its_variants():
    compiled = jitflow.compile(by_key, fullgraph=True)
    expected, got = Counter(), Counter()
    x = np.arange(5.0)
    for _ in range(8):
        assert compiled(got, x) == by_key(expected, x)
    assert not compiled.report().breaks

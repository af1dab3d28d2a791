"""How often a loop is traced before it is captured."""

import numpy as np
import pytest

import jitflow
from jitflow.tracer import loops


@pytest.fixture
def attempts(monkeypatch):
    """Source lines of the loops that were tried, one entry for each attempt."""
    found, run = [], loops._Attempt.run

    def noted(self, *args):
        found.append(self.frame.program[self.loop.header].location.line)
        return run(self, *args)

    monkeypatch.setattr(loops._Attempt, "run", noted)
    return found


def test_lists_that_grow_are_found_together(attempts):
    @jitflow.compile
    def f(x, n):
        sums, squares, states, pairs = [], [], [x], []
        for k in range(n):
            sums.append(x[k % 4] + k)
            squares.append(k * k)
            states.append(states[-1] * 0.5)
            pairs.append((k, x[0]))
        return sums, squares, states, pairs

    x = np.arange(4.0)
    compiled, expected = f(x, 30), f.__wrapped__(x, 30)
    assert compiled[:2] == expected[:2]
    assert compiled[3] == expected[3]
    np.testing.assert_array_equal(np.array(compiled[2]), np.array(expected[2]))
    assert len(attempts) == 2


def test_a_list_that_each_iteration_makes_is_not_waited_for(attempts):
    class Network:
        def forward(self, x):
            self.states = [x]
            for k in range(20):
                self.states.append(np.tanh(self.states[-1] + k))
            return self.states[-1]

    @jitflow.compile
    def train(network, x, n):
        network.states = []
        for _ in range(n):
            x = x + network.forward(x).sum()
        return x

    x = np.arange(3.0)
    expected = train.__wrapped__(Network(), x, 12)
    np.testing.assert_allclose(train(Network(), x, 12), expected, rtol=1e-12)
    outer = train.__wrapped__.__code__.co_firstlineno + 3
    assert attempts.count(outer) <= 3

"""Lists of states that a loop reads while it appends: ``states[-1]`` of integrators and networks."""

import numpy as np
import pytest
from helpers.loops import control_nodes

import jitflow

RNG = np.random.default_rng(0)
START = np.array([1.0, 0.25])


def field(y):
    return np.array([y[1], -np.sin(y[0])])


def euler(start, n, step):
    states = [start]
    for _ in range(n):
        states.append(states[-1] + step * field(states[-1]))
    return np.array(states)


def midpoint(start, n, step):
    states, times = [np.array(start)], [0.0]
    for _ in range(n):
        y = states[-1]
        middle = y + 0.5 * step * field(y)
        states.append(y + step * field(middle))
        times.append(times[-1] + step)
    return states, np.array(times)


def leapfrog_pairs(start, n, step):
    history = [(0.0, start)]
    for k in range(n):
        t, y = history[-1]
        history.append((t + step, y - step * y * k))
    return history


def two_steps(start, n, step):
    states = [start, start + step * field(start)]
    for k in range(1, n):
        states.append(states[k] + step * (1.5 * field(states[k]) - 0.5 * field(states[k - 1])))
    return states[-1]


def backward(xs, w, start):
    hidden = [start]
    for x in xs:
        hidden.append(np.tanh(w @ hidden[-1] + x))
    gradient, slope = np.zeros_like(w), np.zeros_like(start)
    for t in range(len(xs) - 1, -1, -1):
        delta = (1 - hidden[t + 1] ** 2) * (slope + hidden[t + 1])
        gradient += np.outer(delta, hidden[t])
        slope = w.T @ delta
    return gradient, hidden[-1], hidden[0]


def accepted_steps(start, n, step):
    states = [start]
    for k in range(n):
        new = states[-1] + step * field(states[-1])
        if new[0] > 0.2 * (k % 3):
            states.append(new)
    return len(states), states[-1] * 2


@pytest.mark.parametrize("f", [euler, midpoint, leapfrog_pairs, two_steps, accepted_steps])
def test_integrators(check_loops, f):
    report = check_loops(f, (START, 40, 0.1), (START, 25, 0.2), (START, 2, 0.1))
    assert "for" in control_nodes(report)


def test_networks(check_loops):
    xs, w = RNG.standard_normal((30, 4)), RNG.standard_normal((4, 4)) * 0.4
    report = check_loops(backward, (xs, w, np.zeros(4)), (xs[:21], w, np.ones(4)))
    assert control_nodes(report)[:2] == ["for", "for"]


def test_states_in_an_attribute(check_loops):
    class Network:
        def __init__(self, w):
            self.w, self.states = w, []

        def forward(self, xs):
            self.states = [np.zeros(3)]
            for x in xs:
                self.states.append(np.tanh(self.w @ self.states[-1] + x))
            return self.states[-1]

    def f(w, xs):
        network = Network(w)
        last = network.forward(xs)
        return last.sum(), network.states

    xs, w = RNG.standard_normal((24, 3)), RNG.standard_normal((3, 3))
    check_loops(f, (w, xs), (w.T.copy(), xs[:9]))


# What the arrays in front are, and what becomes of them


def test_the_first_state_is_the_object_itself():
    @jitflow.compile
    def f(start, n):
        states = [start]
        for _ in range(n):
            states.append(states[-1] * 0.5)
        return states

    for n in (30, 30, 12):
        start = np.array([4.0, 8.0])
        found = f(start, n)
        assert found[0] is start
        assert len(found) == n + 1
        assert len({id(item) for item in found}) == n + 1
        np.testing.assert_array_equal(found[-1], start * 0.5**n)


def test_the_last_state_is_the_one_in_the_list():
    @jitflow.compile
    def both(start, n):
        states = [start]
        for _ in range(n):
            states.append(states[-1] * 0.5)
        return states, states[-1]

    @jitflow.compile
    def twice(start, n):
        states = [start]
        for _ in range(n):
            states.append(states[-1] * 0.5)
        return states[-1], states[-1], states[-2]

    for n in (20, 20, 7, 0, 1):
        start = np.array([4.0, 8.0])
        states, last = both(start, n)
        assert last is states[-1]
        if n:
            first, second, other = twice(start, n)
            assert first is second
            assert other is not first
            np.testing.assert_array_equal(other, first * 2)


def test_no_state_but_the_first():
    @jitflow.compile
    def f(start, n):
        states = [start]
        for _ in range(n):
            states.append(states[-1] * 0.5)
        return states[-1]

    start = np.array([4.0, 8.0])
    np.testing.assert_array_equal(f(start, 9), start * 0.5**9)
    for n in (8, 0, 0, 3):
        result = f(start, n)
        assert (result is start) == (n == 0)
        np.testing.assert_array_equal(result, start * 0.5**n)


def written_in_the_loop(start, n):
    y = start * 1.0
    states = [y]
    for k in range(n):
        y += 0.1 * k
        states.append(states[0] * 2 + states[-1])
    return np.array(states), y


def written_behind_the_loop(start, n):
    states = [start]
    for _ in range(n):
        states.append(states[-1] * 0.5 + 1)
    start[0] = 7.0
    return np.array(states), states[0] + states[-1], sum(s[0] for s in states)


def written_between_loops(start, n):
    states = [start]
    for _ in range(n):
        states.append(states[-1] * 0.5 + 1)
    start *= 3
    total = np.zeros(2)
    for k in range(n):
        total += states[k] * k
    states[0][1] = -1.0
    return total, states


def a_view_in_front(start, n):
    table = np.outer(start, start)
    states = [table[0]]
    for k in range(n):
        table[0, 1] += 0.5 * k
        states.append(states[0] - states[-1] * 0.25)
    return states, table


def an_item_is_written(start, n):
    states = [start * 1.0]
    for _ in range(n):
        states.append(states[-1] * 0.5)
        states[-1][0] += 1.0
    return states


def of_another_dtype(start, n):
    states = [(start * 4).astype(int)]
    for _ in range(n):
        states.append(states[-1] * 0.5)
    return states


def of_another_shape(start, n):
    states = [np.ones(3), start]
    for _ in range(n):
        states.append(states[-1] * 0.5)
    return states


def fails_in_the_middle(start, n):
    states = [start]
    for k in range(n):
        states.append(states[-1] / 2)
        if states[-1][0] < 1e-3:
            raise ValueError(f"too small after {k}")
    return states[-1]


@pytest.mark.parametrize(
    "f",
    [
        written_in_the_loop,
        written_behind_the_loop,
        written_between_loops,
        a_view_in_front,
        an_item_is_written,
        of_another_dtype,
        of_another_shape,
        fails_in_the_middle,
    ],
)
def test_arrays_in_front(check_loops, f):
    check_loops(f, (START.copy(), 30), (START.copy(), 5), (START.copy(), 1), (START.copy(), 0))


# Arrays that the program has elsewhere


def descent(start, n):
    path, x = [], start
    for _ in range(n):
        path.append(x)
        x = x - 0.1 * np.array([2 * x[0], 4 * x[1]])
    return np.array(path)


def metropolis(start, n):
    rng = np.random.default_rng(3)
    x, score, chain, accepted = start, -(start @ start), [], 0
    for _ in range(n):
        new = x + 0.5 * rng.standard_normal(2)
        other = -(new @ new)
        if np.log(rng.random()) < other - score:
            x, score = new, other
            accepted += 1
        chain.append(x)
    return np.array(chain), accepted


@pytest.mark.parametrize("f", [descent, metropolis])
def test_paths(check_loops, f):
    report = check_loops(f, (START, 60), (START, 25), (START, 1), (START, 0))
    assert "for" in control_nodes(report)


def the_list_is_handed_out(start, n):
    path, x = [], start
    for k in range(n):
        if k % 3 == 0:
            x = x * 0.5
        path.append(x)
    return path, [a is b for a, b in zip(path, path[1:], strict=False)], path and path[0] is start


def written_later(start, n):
    path, x = [], start
    for k in range(n):
        path.append(x)
        if k % 2:
            x = x + 1
    start[0] = 50.0
    return np.array(path)


def written_in_place(start, n):
    path, x = [], start * 1.0
    for k in range(n):
        path.append(x)
        x += k
        if k % 4 == 3:
            x = x * 0.5
    return np.array(path), x


def another_is_written(start, n):
    path, x, y = [], start, start * 2
    for k in range(n):
        path.append(y if k % 2 else x)
        y[0] += 1
        x = x + y
    return np.array(path)


def read_beside(start, n):
    path, x, total = [start], start, 0.0
    for k in range(n):
        if path[-1][0] > 0.5:
            x = x * 0.9
        path.append(x)
        total += path[k // 2].sum()
    return np.array(path), total


def in_an_attribute(start, n):
    class Log:
        def __init__(self):
            self.path = []

    log, x = Log(), start
    for k in range(n):
        log.path.append(x)
        x = x * (1 - 0.01 * k)
    return np.array(log.path).sum(0), len(log.path), log.path[-1] if n else None


def views(start, n):
    table, path = np.outer(start, start), []
    for k in range(n):
        path.append(table[k % 2])
        table[0] += 1
    return np.array(path)


def twice_in_one_iteration(start, n):
    path, x = [], start
    for _ in range(n):
        y = x * 0.5
        path.append(x)
        path.append(y)
        path.append(y)
        x = y
    result = np.array(path)
    x = x + 1
    return result, x


@pytest.mark.parametrize(
    "f",
    [
        the_list_is_handed_out,
        written_later,
        written_in_place,
        another_is_written,
        read_beside,
        in_an_attribute,
        views,
        twice_in_one_iteration,
    ],
)
def test_arrays_known_elsewhere(check_loops, f):
    check_loops(f, (START.copy(), 30), (START.copy(), 5), (START.copy(), 1), (START.copy(), 0))

"""Small arrays in lists and tuples that captured loops read at positions known only at run time."""

import numpy as np
from helpers.loops import control_nodes

RNG = np.random.default_rng(0)
STATES = [RNG.standard_normal((4, 3)) for _ in range(5)]


def test_states_read_by_their_time(check_loops):
    def f(states, n):
        total = np.zeros((4, 3))
        for step in range(n):
            total = 0.5 * total + states[step % 5] * states[-1 - step % 5]
        return total

    report = check_loops(f, (STATES, 90), (STATES, 33))
    assert "for" in control_nodes(report)


def test_backward_through_time(check_loops):
    def f(x, w, steps):
        states = [np.zeros(3)]
        for step in range(12):
            states.append(np.tanh(w @ states[-1] + x))
        gradient, slope = np.zeros_like(w), np.ones(3)
        for _ in range(steps):
            for step in range(11, -1, -1):
                slope = slope * (1 - states[step + 1] ** 2)
                gradient += np.outer(slope, states[step])
                slope = w.T @ slope
        return gradient, states

    w = RNG.standard_normal((3, 3)) * 0.3
    check_loops(f, (RNG.standard_normal(3), w, 2), (RNG.standard_normal(3), w, 3))


def test_out_of_range(check_loops):
    def f(states, n):
        total = 0.0
        for step in range(n):
            total += states[step].sum()
        return total

    check_loops(f, (STATES[:3] * 30, 70), (STATES[:3] * 30, 91))


def test_arrays_that_the_loop_writes(check_loops):
    def f(states, n):
        total = np.zeros(3)
        for step in range(n):
            total += states[step % 5][1]
            states[0][1] += 0.1
            states[step % 3][2] *= 0.5
        return total

    check_loops(f, (STATES, 90), (STATES, 70))


def test_the_array_itself_is_handed_out(check_loops):
    def f(states, n):
        best, low = None, np.inf
        for step in range(n):
            state = states[step % 5]
            size = np.abs(state).sum() * (1 + step % 7)
            if size < low:
                best, low = state, size
        best[0] = 9.0
        return best, low, [best is state for state in states], states

    check_loops(f, (STATES, 90), (STATES, 70))


def test_arrays_that_are_not_alike(check_loops):
    def f(states, n):
        total = 0.0
        for step in range(n):
            total += states[step % 3].sum()
        return total

    alike = [np.ones((3, 4)), np.asfortranarray(RNG.standard_normal((3, 4))), np.ones((4, 3)).T]
    check_loops(f, (alike, 90), ([np.ones(3), np.ones(3, "f4"), np.ones(4)], 90))


def test_tuples_of_arrays_and_numbers(check_loops):
    def f(layers, x, n):
        for step in range(n):
            w, b, rate = layers[step % 2]
            x = np.tanh(w @ x + b) * rate
        return x

    layers = [(RNG.standard_normal((3, 3)), RNG.standard_normal(3), 0.9 + i) for i in range(2)]
    check_loops(f, (layers, np.ones(3), 90), (layers, np.ones(3), 71))

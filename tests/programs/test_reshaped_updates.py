"""Writes through reshapes that merge axes."""

import numpy as np


def one_piece(report):
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_put(check):
    def f(x):
        y = x * 2
        np.put(y, [0, 7, -1], 9)
        return y

    one_piece(check(f, (np.arange(24.0).reshape(4, 6),)))


def test_slices_of_the_flat_array(check):
    def f(x, v):
        x.reshape(-1)[3:13:2] = v
        return x + 1

    one_piece(check(f, (np.arange(24.0).reshape(4, 6), np.ones(5))))


def test_slices_of_a_flat_part(check):
    def f(x, v):
        y = x.copy()
        y[1::2].reshape(-1)[:5] = v  # a copy: y stays
        y[1:3].reshape(-1)[3:8] += v
        return y

    one_piece(check(f, (np.arange(24.0).reshape(4, 6), np.ones(5))))


def test_gates_on_reshaped_states(check):
    def f(state, qubits):
        for q in range(qubits - 1):
            s = state.reshape(2**q, 2, 2, -1)
            s[:, 1, 1, :] *= np.exp(1j * np.pi / 2 ** (q + 1))
            state = s.reshape(-1)
        return state

    check(f, (np.arange(16) + 1j, 4))

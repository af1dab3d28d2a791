"""Loops whose iterations are large through what they call: a piece each, not one for all."""

import numpy as np

import jitflow


def escape(z, limit):
    c = z
    for n in range(limit):
        if abs(z) > 2:
            return n
        z = z * z + c
    return limit


def test_loops_in_calls_of_a_comprehension(check_loops):
    def picture(shift):
        xs = [-2.0 + 3.0 * i / 12 + float(shift[0]) for i in range(12)]
        return [escape(complex(x, y), 9) for x in xs for y in xs]

    report = check_loops(picture, (np.zeros(1),))
    assert all(piece.operators < 1500 for piece in report.journal.pieces), str(report)


def test_a_long_list_of_small_steps_is_one_piece(check_loops):
    def chain(x, steps):
        for factor in steps:
            x = x * factor + 1
        return x

    report = check_loops(chain, (np.ones(3), [0.5] * 40))
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_the_limit_is_on_one_loop():
    def few(x):
        return [escape(complex(x[0]) + k, 3) for k in range(4)]

    step, x = jitflow.compile(few), np.ones(1)
    with jitflow.config().override(strict=True, capture_loops=True):
        assert step(x) == few(x)
    assert step.report().pieces == 1, str(step.report())

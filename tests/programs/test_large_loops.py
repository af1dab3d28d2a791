"""Loops whose iterations are large through what they call: a piece each, not one for all."""

import numpy as np

import jitflow
from jitflow.tracer import interpreter_control, regions


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


def test_a_short_loop_with_much_in_it_stays_a_loop(check_loops, monkeypatch):
    monkeypatch.setattr(interpreter_control, "MAX_UNROLLED_NODES", 60)

    def rotated(y, turn):
        for k in range(3):
            y = np.array([y[0] - turn * y[1], y[1] + turn * y[2], y[2] + k])
        return y

    def program(x):
        y = x
        for i in range(3):
            y = rotated(y, 0.5)
            y = rotated(y, 0.25) * 0.5
            y[i] = i
        return y

    report = check_loops(program, (np.linspace(0, 3, 3),))
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_loops_in_one_that_is_too_long_are_kept(check_loops, monkeypatch):
    monkeypatch.setattr(regions, "MAX_STEPS", 400)
    many = "        x = x + np.sin(x) - np.cos(x) * 0.5\n" * 30
    namespace = {"np": np}
    exec(
        "def program(x, total=0.0):\n"
        f"    for step in range(30):\n{many}"
        "        for k in range(x.size):\n            total = total * 0.5 + float(x[k])\n"
        "    return total\n",
        namespace,
    )
    report = str(check_loops(namespace["program"], (np.linspace(0, 3, 300),)))
    assert ":2 runs in Python" in report, report
    assert ":33 runs in Python" not in report, report

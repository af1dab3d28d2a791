"""Warnings that raise: nothing behind the line has happened, and tracebacks show the program alone."""

import traceback
import warnings

import numpy as np
import pytest

import jitflow


class Box:
    count = 0


BOX = Box()


def scalar_then_store(x, y):
    s = x[-1] / y[-1]
    x[1] = len(y)
    return s


def array_then_sweep(x, y):
    s = x / y
    x += 1
    return s


def in_place(x, y):
    x /= y


def in_place_by_name(x, y):
    np.divide(x[1:], y[1:], out=x[1:])
    return x


def assigned(x, y):
    x[:] = x / y
    return x


def another_is_divided(x, y):
    w = x.copy()
    w /= y
    x[:] = 1
    return w


def stored_after(x, y):
    x /= y
    x[0] = 7
    return x


def stored_before(x, y):
    x[0] = 7
    x /= y
    return x


def between_attributes(x, y):
    BOX.count = 1
    x /= y
    BOX.count = 2
    return x


def filtered_by_itself(x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s = x[-1] / y[-1]
        x[1] = len(y)
    return s


PROGRAMS = [
    scalar_then_store,
    array_then_sweep,
    in_place,
    in_place_by_name,
    assigned,
    another_is_divided,
    stored_after,
    stored_before,
    between_attributes,
    filtered_by_itself,
]


def observed(function, size, zero, mode):
    x, y, calls = np.ones(size), np.ones(size), []
    y[2] = y[-1] = 1 - zero
    BOX.count = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(all=mode, call=lambda *args: calls.append(args)):
            try:
                result, lines = repr(function(x, y)), []
            except (Warning, FloatingPointError) as error:
                frames = traceback.extract_tb(error.__traceback__)[1:]
                result, lines = repr(error), [(frame.name, frame.lineno) for frame in frames]
    return result, lines, x.tolist(), BOX.count, calls


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("mode", ["warn", "raise", "call"])
@pytest.mark.parametrize("size", [4, 5000])
def test_what_follows_has_not_happened(program, mode, size):
    compiled = jitflow.compile(program)
    for zero in (1, 1, 0, 1, 0, 1):
        expected = observed(program, size, zero, mode)
        assert observed(compiled, size, zero, mode) == expected


def test_tracebacks_of_native_calls_show_the_program_alone():
    def f(x, i):
        return x[i] + 1

    compiled = jitflow.compile(f)
    with jitflow.config().override(measure=False):
        for x, i in ((np.arange(3.0), 1), (np.arange(3.0), 9), (np.arange(4.0), 9), ([1], 0)):
            shown = []
            for function in (f, compiled):
                try:
                    function(x, i)
                except (IndexError, TypeError) as error:
                    frames = traceback.extract_tb(error.__traceback__)[1:]
                    shown.append([(frame.name, frame.lineno) for frame in frames])
            assert len(shown) in (0, 2)
            assert shown[:1] == shown[1:]


def test_a_frame_is_in_the_traceback_once():
    def f(x, m):
        total = 0.0
        for v in x:
            total += v
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x /= m
            x = m[1 % 4]
        return total

    compiled = jitflow.compile(f)
    with jitflow.config().override(measure=False):
        for zero in (1, 0, 0):
            shown = []
            for function in (f, compiled):
                try:
                    function(np.zeros(4), np.full(4, float(zero)))
                except RuntimeWarning as error:
                    frames = traceback.extract_tb(error.__traceback__)[1:]
                    shown.append([(frame.name, frame.lineno) for frame in frames])
            assert len(shown) == 2 * (zero == 0)
            assert shown[:1] == shown[1:]

"""Warnings and log records that name the line of a caller, from every way of running Python."""

import linecache
import logging
import warnings

import numpy as np
import pytest

import jitflow
from jitflow.runtime import driver


def warns_above(x, limit):
    y = x * 2
    if y.sum() > limit:
        warnings.warn("large", stacklevel=2)
    return y + 1


def warns_two_above(x, limit):
    y = x * 2
    if y.sum() > limit:
        warnings.warn("large", UserWarning, 3)
    return y + 1


def between(x, limit):
    return warns_two_above(x + 1, limit) * 2


def warns_in_callee(x, limit):
    y = warns_above(x + 1, limit)
    z = between(y, limit)
    return z - 1


def lines(function, *args):
    """The lines that the warnings of a call name, relative to this function."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*args)
    assert {w.filename for w in caught} <= {__file__}
    return [w.lineno for w in caught], result


@pytest.mark.parametrize("function", [warns_above, between, warns_in_callee])
@pytest.mark.parametrize("settings", [{}, {"measure": False}, {"trace_everything": True}])
def test_stack_levels(function, settings):
    compiled = jitflow.compile(function)
    with jitflow.config().override(**settings):
        for limit in (1e9, 0.0, 0.0, 1e9, 0.0, 0.0, 0.0, 0.0):
            expected, got = (lines(f, np.ones(5), limit) for f in (function, compiled))
            assert got[0] == expected[0]
            np.testing.assert_array_equal(got[1], expected[1])
    assert expected[0]


def test_what_warns_rarely_is_compiled():
    compiled = jitflow.compile(warns_in_callee)
    before = jitflow.stats()["ops_run_native"]
    compiled(np.ones(5), 1e9)
    assert jitflow.stats()["ops_run_native"] - before >= 3


def test_stack_levels_of_a_method():
    class Model:
        @jitflow.compile
        def step(self, x):
            warnings.warn("here", stacklevel=2)
            return x + 1

    model = Model()
    found = [lines(lambda x: model.step(x), np.ones(3))[0] for _ in range(3)]
    assert found == [[test_stack_levels_of_a_method.__code__.co_firstlineno + 8]] * 3


def test_stack_levels_of_log_records(caplog):
    @jitflow.compile
    def step(x):
        y = x * 2
        logging.getLogger("jitflow test").warning("here", stacklevel=2)
        return y + 1

    for _ in range(3):
        step(np.ones(3))
    assert {record.filename for record in caplog.records} == {"test_tracebacks.py"}
    first = test_stack_levels_of_log_records.__code__.co_firstlineno
    assert {record.lineno for record in caplog.records} == {first + 8}


def test_tracebacks_have_the_text_of_unseen_functions():
    code = driver.run.__code__
    linecache.lazycache(code.co_filename, vars(driver))
    assert linecache.getline(code.co_filename, code.co_firstlineno) == "@unseen\n"

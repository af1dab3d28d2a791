"""Whole programs: compiled against eager, on each back end, with internal errors raised."""

import copy
import io
import warnings
from contextlib import redirect_stdout

import numpy as np
import pytest
from helpers.loops import run_captured

import jitflow


@pytest.fixture(params=["reference", "auto"])
def backend(request):
    return request.param


@pytest.fixture(autouse=True)
def strict():
    with jitflow.config().override(strict=True, verify_ir=True):
        yield


def outcome(function, args, kwargs):
    """Result or exception, printed text, warnings, and the arguments after the call."""
    text = io.StringIO()
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(text):
        warnings.simplefilter("always")
        try:
            result = ("returned", function(*args, **kwargs))
        except Exception as error:
            result = ("raised", type(error), str(error))
    messages = [(w.category, str(w.message), w.lineno) for w in caught]
    return result, text.getvalue(), messages, args, kwargs


def assert_same(expected, got, place="result"):
    """Equal type, dtype, shape, strides; floats up to rounding, everything else exactly."""
    assert type(expected) is type(got), f"{place}: {type(expected)} and {type(got)}"
    if isinstance(expected, np.ndarray | np.generic):
        assert expected.dtype == got.dtype, f"{place}: {expected.dtype} and {got.dtype}"
        assert expected.shape == got.shape, f"{place}: {expected.shape} and {got.shape}"
        if isinstance(expected, np.ndarray) and expected.size > 1:
            assert expected.strides == got.strides, f"{place}: strides"
        if expected.dtype.kind in "fc":
            eps = np.finfo(expected.dtype).eps
            with np.errstate(all="ignore"):
                scale = np.nanmax(np.abs(np.where(np.isfinite(expected), expected, 0)), initial=0)
            np.testing.assert_allclose(
                got, expected, rtol=64 * eps, atol=64 * eps * max(scale, 1.0), err_msg=place
            )
        else:
            np.testing.assert_array_equal(got, expected, err_msg=place)
    elif isinstance(expected, tuple | list):
        assert len(expected) == len(got), place
        for i, (a, b) in enumerate(zip(expected, got, strict=True)):
            assert_same(a, b, f"{place}[{i}]")
    elif isinstance(expected, dict):
        assert list(expected) == list(got), place
        for key in expected:
            assert_same(expected[key], got[key], f"{place}[{key!r}]")
    elif isinstance(expected, float):
        assert got == pytest.approx(expected, rel=1e-12, nan_ok=True), place
    elif hasattr(expected, "__dict__") and not callable(expected):
        assert_same(vars(expected), vars(got), place)
    elif isinstance(expected, int | str | bytes | complex | type | None):
        assert expected == got, place


@pytest.fixture
def check(backend):
    """``check(f, *calls)``: f eager against compiled on each tuple of arguments; gives the report."""

    def run(function, *calls, **options):
        compiled = jitflow.compile(function, backend=backend, **options)
        for args in calls:
            expected = outcome(function, copy.deepcopy(args), {})
            got = outcome(compiled, copy.deepcopy(args), {})
            for a, b, place in zip(
                expected,
                got,
                ("result", "output", "warnings", "arguments", "keywords"),
                strict=True,
            ):
                assert_same(a, b, place)
        return compiled.report()

    return run


@pytest.fixture(params=["reference", "auto"])
def check_loops(request):
    """As `check`, with loops and branches captured."""

    def compare(function, compiled, args):
        expected = outcome(function, copy.deepcopy(args), {})
        got = outcome(compiled, copy.deepcopy(args), {})
        for a, b, place in zip(
            expected, got, ("result", "output", "warnings", "arguments", "keywords"), strict=True
        ):
            assert_same(a, b, place)

    def run(function, *calls, **options):
        return run_captured(compare, function, calls, request.param, **options)

    return run

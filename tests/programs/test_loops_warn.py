"""Warnings of what a loop or a branch computes though its result changes nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import jitflow
from jitflow.runtime import replay


def store_where_it_is(a: np.ndarray, n: int) -> np.ndarray:
    s = a[0] / a[1]
    for i in range(n):
        if a[2] == s:
            a[i::2] = a[i::2]
    return a


def store_once(a: np.ndarray, n: int) -> np.ndarray:
    s = a[0] / a[1]
    if a[2] == s:
        a[::2] = a[::2]
    return a


def overflow_second(a: np.ndarray, n: int) -> tuple[Any, Any]:
    s, t = np.float64(1.0), np.float64(1e308)
    for i in range(n):
        s = s + a[i % 3]
        t = t * a[2]
    return s, t


def observe(function: Callable[..., Any], n: int) -> tuple[Any, ...]:
    """The result, and the messages and lines of the warnings."""
    a = np.array([1.0, 0.0, 3.0])
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        result = function(a, n)
    return str(result), a.tolist(), [(str(item.message), item.lineno) for item in found]


@pytest.mark.parametrize("program", [store_where_it_is, store_once])
def test_what_decides_between_equal_arms_warns(program: Callable[..., Any]) -> None:
    compiled = jitflow.compile(program)
    for n in (4, 3, 5):
        expected = observe(program, n)
        assert expected[2]
        assert observe(compiled, n) == expected


def test_a_replay_that_takes_too_long_is_left_to_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_LONGEST_REPLAY", -1.0)
    monkeypatch.setattr(replay, "_LEARNING", 0.0)
    compiled = jitflow.compile(overflow_second)
    for _ in range(2 * replay._PYTHON_RUNS):
        expected = observe(overflow_second, 40)
        assert "multiply" in expected[2][0][0]
        assert observe(compiled, 40) == expected

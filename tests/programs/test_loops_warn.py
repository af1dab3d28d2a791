"""Warnings of what a loop or a branch computes though its result changes nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import jitflow
from jitflow.runtime import replay

GIVEN = np.array([1.0, 0.0, 3.0])
MANY = np.arange(1.0, 6.0)


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


def exchange(a: np.ndarray, b: np.ndarray, m: np.ndarray, n: int) -> np.float64:
    s, t = np.float64(0.0), np.float64(1.5)
    for i in range(len(a) - 1, n):
        for _ in range(1, len(a) - 1):
            for _ in range(i):
                b[i % 5] /= m[1 % len(a), 1 % 4]
        s, t = t, s
        t *= s / t
    return s


def overflow_second(a: np.ndarray, n: int) -> tuple[Any, Any]:
    s, t = np.float64(1.0), np.float64(1e308)
    for i in range(n):
        s = s + a[i % 3]
        t = t * a[2]
    return s, t


def observe(function: Callable[..., Any], *arguments: Any) -> tuple[Any, ...]:
    """The result, and the messages and lines of the warnings."""
    copies = [np.copy(item) if isinstance(item, np.ndarray) else item for item in arguments]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        result = function(*copies)
    return str(result), str(copies), [(str(item.message), item.lineno) for item in found]


@pytest.mark.parametrize("program", [store_where_it_is, store_once])
def test_what_decides_between_equal_arms_warns(program: Callable[..., Any]) -> None:
    compiled = jitflow.compile(program)
    for n in (4, 3, 5):
        expected = observe(program, GIVEN, n)
        assert expected[2]
        assert observe(compiled, GIVEN, n) == expected


def test_what_the_last_iteration_of_a_short_loop_computes_warns() -> None:
    compiled = jitflow.compile(exchange)
    for n in (5, 5, 6):
        expected = observe(exchange, MANY, MANY * 2, np.outer(MANY, MANY), n)
        assert "divide by zero" in expected[2][0][0]
        assert observe(compiled, MANY, MANY * 2, np.outer(MANY, MANY), n) == expected


def test_a_replay_that_takes_too_long_is_left_to_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_LONGEST_REPLAY", -1.0)
    monkeypatch.setattr(replay, "_LEARNING", 0.0)
    compiled = jitflow.compile(overflow_second)
    for _ in range(2 * replay._PYTHON_RUNS):
        expected = observe(overflow_second, GIVEN, 40)
        assert "multiply" in expected[2][0][0]
        assert observe(compiled, GIVEN, 40) == expected

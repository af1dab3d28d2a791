"""Kernels that differ in numbers and names alone are one function, and give what they gave."""

from __future__ import annotations

import numpy as np
import pytest

import jitflow
from jitflow.codegen.cpu import compile as compiling
from jitflow.core.config import config


@pytest.fixture
def functions(monkeypatch):
    """The kernels of the functions that are compiled, as text, one list for each segment."""
    found = []

    def noted(*arguments, original=compiling.functions_of):
        made = original(*arguments)
        found.append([str(family.kernel) for family in made.functions])
        return made

    monkeypatch.setattr(compiling, "functions_of", noted)
    return found


def check(function, *arguments):
    """Compare compiled with eager, bit by bit; loops of Python stay as they are."""
    expected = function(*arguments)
    with config().override(measure=False):
        results = jitflow.compile(function, fullgraph=True)(*arguments)
    for found, wanted in zip(results, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def parameters(count, dtype=np.float32):
    rng = np.random.default_rng(count)
    shapes = [(256 * k, 5 + k) if k % 2 else (256 * k + 256,) for k in range(count)]
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def momentum(values, rates):
    return [0.9 * value + np.abs(rate) * 0.1 for value, rate in zip(values, rates, strict=True)]


@pytest.mark.parametrize("count", [4, 12])
def test_one_function_updates_parameters_of_all_shapes(functions, count):
    values = parameters(count)
    check(momentum, values, [value - 1 for value in values])
    assert [len(texts) for texts in functions] == [1]


def test_a_single_kernel_keeps_its_numbers(functions):
    check(lambda x: [x + 1], np.ones((100, 7)))
    assert "in 0..700 {" in functions[0][0]


def test_a_length_that_leaves_a_rest_is_a_long_loops_own(functions):
    values = [np.linspace(0, 1, size) for size in (40_000, 50_001, 60_003)]
    check(lambda values: [np.abs(value) for value in values], values)
    lengths = [text.split("0..")[1].split(" {")[0] for text in functions[0]]
    assert sorted(lengths) == ["40000", "n0"]


def test_short_rows_keep_their_length(functions):
    def function(x, y):
        return x + np.arange(4.0)[None], y + np.arange(3.0)[None], x.T - 1, y.T - 1

    check(function, np.ones((200, 4)), np.ones((300, 3)))
    rows = [text for text in functions[0] if "for i0" in text and "0..4 {" in text]
    assert rows


def test_constants_are_arguments(functions):
    def function(x, y):
        return np.minimum(x, 2.5), np.minimum(y, -0.0), np.minimum(x * 3, 0.0)

    check(function, np.linspace(-3, 3, 40), np.linspace(-1, 1, 30))
    assert len(functions[0]) == 2


def test_the_sign_of_zero_is_a_constants_own(functions):
    def function(x, y):
        return np.copysign(x, 0.0), np.copysign(y, -0.0)

    check(function, np.linspace(-3, 3, 40), np.linspace(-1, 1, 40))
    assert [len(texts) for texts in functions] == [1]


def test_divisors_in_loops_stay_constants(functions):
    check(lambda x, y: (x / 3.0, y / 4.0), np.arange(100.0), np.arange(100.0))
    assert len(functions[0]) == 2


def test_sums_of_floats_keep_their_length(functions):
    check(lambda x, y: (x.sum(), y.sum()), np.linspace(0, 1, 1000), np.linspace(0, 1, 900))
    assert len(functions[0]) == 2


def test_counts_and_questions_share(functions):
    def function(x, y):
        return np.isfinite(x).all(), np.isfinite(y).all(), (x > 0).sum(), (y > 0).sum()

    check(function, np.linspace(-1, 1, 4096), np.append(np.linspace(0, 1, 511), np.inf))
    assert len(functions[0]) == 1


def test_strides_differ(functions):
    def function(x, y):
        return x[:, :64] * 2, y[:, :64] * 2

    rng = np.random.default_rng(0)
    check(function, rng.random((30, 70)), rng.random((50, 90)))
    assert len(functions[0]) == 1


def test_neighbours_keep_their_offsets(functions):
    def function(x, y):
        return x[2:] - x[:-2], y[3:] - y[:-3]

    check(function, np.arange(100.0) ** 2, np.arange(77.0) ** 2)
    assert len(functions[0]) == 2


def test_symbols_have_the_names_of_arguments(functions):
    def function(x, y):
        first, second = x[x > 0], y[y > 0]
        return np.sqrt(first), np.sqrt(second)

    check(function, np.linspace(-1, 1, 50), np.linspace(-2, 1, 50))
    assert len({text for texts in functions for text in texts if "sqrt" in text}) == 1


def test_large_arrays_are_divided_among_threads(functions):
    def function(x, y):
        return np.exp(x) * 2, np.exp(y) * 2

    arguments = np.linspace(0, 1, 300_000), np.linspace(0, 1, 200_000)
    expected = function(*arguments)
    with config().override(threads=2, measure=False):
        found = jitflow.compile(function, fullgraph=True)(*arguments)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-15)
    assert len(functions[0]) == 1


def test_empty_arrays_share_with_others(functions):
    check(momentum, [np.ones(0), np.ones(70), np.ones((2, 0))], [np.ones(0), np.ones(70), 1.0])
    assert len(functions[0]) >= 1


def test_loops_of_programs_share_no_lengths_of_short_kernels(functions):
    def function(x, y, steps):
        for _ in range(steps):
            x = x * 0.5 + 1
            y = y * 0.5 + 1
        return x, y

    check(function, np.ones(3), np.ones(4), 500)
    assert "0..3 {" in "".join(functions[0])
    assert "0..4 {" in "".join(functions[0])

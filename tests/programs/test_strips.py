"""Sweeps along columns: loops that are done for some rows at a time, compared with eager NumPy."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import jitflow
from jitflow.ir import verifier
from jitflow.ir.graph import Graph
from jitflow.ir.passes import strips

ROWS, COLUMNS = 27, 19


@pytest.fixture(autouse=True)
def small_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of tests are small: so are caches."""
    monkeypatch.setattr(strips, "WAYS", 0)
    monkeypatch.setattr(strips, "FEWEST", 2)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many loops each graph got by the pass."""
    found: list[int] = []
    before = strips.MineStrips.run

    def run(self: strips.MineStrips, graph: Graph) -> Graph:
        new = before(self, graph)
        verifier.verify(new)
        counts = [sum(n.operator.name == "for" for n in g.walk()) for g in (graph, new)]
        found.append(counts[1] - counts[0])
        return new

    monkeypatch.setattr(strips.MineStrips, "run", run)
    yield found


def same(function: Callable[..., Any], *arguments: Any) -> None:
    """Compiled as eager, twice, to the last bit; what is written too."""
    with jitflow.config().override(strict=True, measure=False):
        compiled = jitflow.compile(function)
        for _ in range(2):
            given, other = copy.deepcopy(arguments), copy.deepcopy(arguments)
            expected, got = function(*given), compiled(*other)
            results = [x if isinstance(x, tuple) else (x,) for x in (expected, got)]
            for a, b in zip((*results[0], *given), (*results[1], *other), strict=True):
                np.testing.assert_array_equal(a, b)


def plane(order: str = "C", rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    return np.asarray(np.random.default_rng(0).random((rows, columns)) + 1, order=order)


def recurrence(a, c):
    for j in range(1, a.shape[1]):
        a[:, j] = a[:, j] - c * a[:, j - 1]


def backwards(a, c):
    for j in range(a.shape[1] - 2, -1, -1):
        a[2:-1, j] += c * a[2:-1, j + 1]


def two_steps_back(a, c):
    for j in range(2, a.shape[1], 2):
        a[:, j] = a[:, j - 2] * c + a[:, j - 1]


def filtered(a, c):
    state, out = np.zeros(a.shape[0]), np.empty_like(a)
    for t in range(a.shape[1]):
        state = c * state + a[:, t]
        out[:, t] = state
    return out, state


def tridiagonal(a, c):
    first, second = np.empty_like(a), np.empty_like(a)
    first[:, 0], second[:, 0] = c / a[:, 0], 1 / a[:, 0]
    for j in range(1, a.shape[1]):
        m = a[:, j] - c * first[:, j - 1]
        first[:, j] = c / m
        second[:, j] = (a[:, j] - c * second[:, j - 1]) / m
    x = second.copy()
    for j in range(a.shape[1] - 2, -1, -1):
        x[:, j] = second[:, j] - first[:, j] * x[:, j + 1]
    return x


def edges(a, c):
    b = a * 2
    for j in range(1, a.shape[1]):
        b[1:-1, j] = b[1:-1, j - 1] * c + a[:-2, j] - a[2:, j] + b[0, j] - b[-1, j]
    return b


def across(a, c):
    v = np.ones((a.shape[1], a.shape[0]))
    for j in range(1, a.shape[1]):
        v[j] = v[j - 1] * c + a[:, j]
    return v


def decaying(a, c):
    scale, total = 1.0, np.zeros(a.shape[0])
    for j in range(a.shape[1]):
        scale *= c
        total += scale * a[:, j]
    return total, scale


def in_time(a, c):
    for _ in range(3):
        for j in range(1, a.shape[1]):
            a[:, j] += c * a[:, j - 1]
        for i in range(1, a.shape[0]):
            a[i] += c * a[i - 1]


STRIPPED = (
    recurrence, backwards, two_steps_back, filtered, tridiagonal, edges, across, decaying, in_time,
)  # fmt: skip


@pytest.mark.parametrize("function", STRIPPED)
def test_loops_in_strips(function, made):
    same(function, plane(), 0.3)
    assert max(made) > 0


@pytest.mark.parametrize("dtype", [np.float32, np.complex128, np.int64])
def test_dtypes(dtype, made):
    same(recurrence, (plane() * 8).astype(dtype), dtype(3))
    assert max(made) > 0


@pytest.mark.parametrize("rows", [2, 7, 8, 9, 16, 17])
def test_rests(rows, made):
    same(filtered, plane(rows=rows), 0.3)
    assert max(made) > 0


def deep(a, c):
    for k in range(1, a.shape[2]):
        a[:, :, k] = c * a[:, :, k - 1] + a[:, :, k]


def pairs(a, c):
    for k in range(1, a.shape[1]):
        a[:, k, :] = c * a[:, k - 1, :] + a[:, k, :]


@pytest.mark.parametrize("function", [deep, pairs])
def test_three_axes(function, made):
    shape = (11, 12, 13) if function is deep else (21, 12, 2)
    same(function, np.random.default_rng(0).random(shape), 0.3)
    assert max(made) > 0


def shifted_rows(a, c):
    for j in range(1, a.shape[1]):
        a[1:, j] = a[:-1, j - 1] * c


def summed(a, c):
    for j in range(1, a.shape[1]):
        a[:, j] = a[:, j - 1] * c / a[:, j].sum()


def fixed_row(a, c):
    for j in range(1, a.shape[1]):
        a[:, j] = a[:, j - 1] * c + a[3, j]


def also_a_row(a, c):
    for j in range(1, a.shape[1]):
        a[1:, j] = a[1:, j - 1] * c + a[0, j]
        a[0] += 1


def reversed_rows(a, c):
    for j in range(1, a.shape[1]):
        a[:, j] = a[::-1, j - 1] * c


def products(a, c):
    m = a[:, :1] * np.ones(a.shape[0])
    for j in range(1, a.shape[1]):
        a[:, j] = m @ a[:, j - 1] * c


@pytest.mark.parametrize(
    "function", [shifted_rows, summed, fixed_row, also_a_row, reversed_rows, products]
)
def test_rows_that_need_others(function, made):
    """These loops stay as they are."""
    same(function, plane(), 0.3)
    assert max(made) == 0


def test_columns_that_lie_together(made):
    """In Fortran order columns are contiguous."""
    same(recurrence, plane("F"), 0.3)
    same(across, plane("F"), 0.3)
    assert max(made) == 0


def test_rows_of_fortran_order(made):
    def rows(a, c):
        for i in range(1, a.shape[0]):
            a[i] = a[i] - c * a[i - 1]

    same(rows, plane("F"), 0.3)
    assert max(made) > 0


def test_warnings_as_in_eager_code(made):
    a = plane()
    a[5, 7] = 0

    def reciprocals(a):
        out = np.ones_like(a)
        for j in range(1, a.shape[1]):
            out[:, j] = out[:, j - 1] / a[:, j]
        return out

    with jitflow.config().override(strict=True, measure=False):
        compiled = jitflow.compile(reciprocals)
        for _ in range(4):
            with pytest.warns(RuntimeWarning, match="divide by zero"):
                compiled(a)
    assert max(made) > 0


def random_sweep(seed: int) -> str:
    """A sweep over columns or rows of parts of some arrays."""
    draw = random.Random(seed)
    low, high = draw.choice([(0, ROWS), (1, ROWS - 1), (2, ROWS)])
    lines = ["def program(A, B, v):"]
    start, stop, step = draw.choice([(2, COLUMNS - 2, 1), (2, COLUMNS - 2, 3), (16, 1, -1)])
    lines.append("    s, t = v * 2, 1.0")
    lines.append(f"    for j in range({start}, {stop}, {step}):")
    for _ in range(draw.randint(1, 4)):
        terms = []
        for _ in range(draw.randint(1, 3)):
            shift = draw.choice([0, 0, 0, 0, 1, -1]) if 0 < low and high < ROWS else 0
            rows = f"{low + shift}:{high + shift}"
            column = f"j{draw.choice([-2, -1, 0, 1, 2]):+}"
            terms.append(draw.choice([
                f"A[{rows}, {column}]", f"B[{rows}, {column}]", f"v[{rows}]", f"s[{low}:{high}]",
                "t", "0.5", f"A[{draw.randrange(ROWS)}, {column}]",
            ]))  # fmt: skip
        value = draw.choice([" + ", " - ", " * "]).join(terms)
        target = draw.choice([
            f"A[{low}:{high}, j] = ", f"B[{low}:{high}, j] = ", f"A[{low}:{high}, j] += ",
            f"s[{low}:{high}] = ", "s = s * 0.5 + v * ", "t = t * 0.5 + 0.25 # ",
        ])  # fmt: skip
        if target.startswith("s = "):
            value = "t"
        lines.append(f"        {target}{value}")
    lines.append("    return A, B, s, t")
    return "\n".join(lines)


@pytest.mark.parametrize("first", range(0, 60, 15))
def test_random_sweeps(first, made):
    for seed in range(first, first + 15):
        source = random_sweep(seed)
        space: dict[str, Any] = {}
        exec(source, space)
        draw = np.random.default_rng(seed)
        arrays = draw.random((ROWS, COLUMNS)), draw.random((ROWS, COLUMNS)), draw.random(ROWS)
        with np.errstate(all="ignore"):
            try:
                same(space["program"], *arrays)
            except AssertionError as error:
                raise AssertionError(source) from error
    assert max(made) > 0

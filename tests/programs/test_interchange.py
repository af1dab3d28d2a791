"""Loops in loops that change places: compiled against eager NumPy, to the last bit."""

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
from jitflow.ir.passes import interchange

ROWS, COLUMNS = 14, 11
RNG = np.random.default_rng(0)
PLANE = RNG.random((ROWS, COLUMNS))


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """For each graph whether loops changed places."""
    found: list[bool] = []
    before = interchange.InterchangeLoops.run

    def run(self: interchange.InterchangeLoops, graph: Graph) -> Graph:
        new = before(self, graph)
        verifier.verify(new)
        found.append(new is not graph)
        return new

    monkeypatch.setattr(interchange.InterchangeLoops, "run", run)
    yield found


def same(function: Callable[..., Any], *arguments: Any) -> None:
    """Compiled as eager; what is written too."""
    given, other = copy.deepcopy(arguments), copy.deepcopy(arguments)
    with jitflow.config().override(strict=True, measure=False):
        expected, got = function(*given), jitflow.compile(function)(*other)
    for a, b in zip((expected, *given), (got, *other), strict=True):
        np.testing.assert_array_equal(a, b)


def gauss_seidel(u):
    for j in range(1, u.shape[1] - 1):
        for i in range(1, u.shape[0] - 1):
            u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])


def distances(u):
    for j in range(1, u.shape[1]):
        for i in range(1, u.shape[0]):
            if u[i, 0] > u[0, j]:
                u[i, j] = u[i - 1, j - 1]
            else:
                u[i, j] = 1 + min(u[i - 1, j], u[i, j - 1])


def backwards(u):
    for j in range(u.shape[1] - 2, -1, -1):
        for i in range(u.shape[0] - 2, -1, -1):
            u[i, j] = 0.5 * (u[i + 1, j] + u[i, j + 1])


def product(u):
    c = np.zeros((u.shape[0], u.shape[0]))
    b = u.T * 1.0
    for j in range(c.shape[1]):
        for k in range(u.shape[1]):
            for i in range(c.shape[0]):
                c[i, j] += u[i, k] * b[k, j]
    return c


def both_ways(u):
    for j in range(1, u.shape[1]):
        for i in range(u.shape[0] - 2, -1, -1):
            u[i, j] = u[i + 1, j] + u[i, j - 1] + u[i + 1, j - 1] + u[i, 0]


def every_other(u):
    for j in range(2, u.shape[1], 2):
        for i in range(1, u.shape[0]):
            u[i, j] = u[i - 1, j] - u[i, j - 2]


def rows_in_order(u):
    """Fortran order wants the rows inside: see below."""
    for i in range(1, u.shape[0]):
        for j in range(1, u.shape[1]):
            u[i, j] = u[i - 1, j] - u[i, j - 1]


@pytest.mark.parametrize(
    "function", [gauss_seidel, distances, backwards, product, every_other, both_ways]
)
def test_loops_that_change_places(function, changed):
    same(function, PLANE)
    assert any(changed)


def test_the_layout_decides(changed):
    same(rows_in_order, PLANE)
    same(gauss_seidel, np.asfortranarray(PLANE))
    assert not any(changed)
    same(rows_in_order, np.asfortranarray(PLANE))
    assert any(changed)


def across(u):
    for j in range(1, u.shape[1]):
        for i in range(u.shape[0] - 1):
            u[i, j] = u[i + 1, j - 1] + u[i, j]


def against(u):
    for j in range(1, u.shape[1]):
        for i in range(u.shape[0] - 2, 0, -1):
            u[i, j] = u[i + 1, j] + u[i - 1, j - 1]


def triangle(u):
    for j in range(1, u.shape[1]):
        for i in range(j, u.shape[0]):
            u[i, j] = u[i - 1, j] + u[i, j - 1]


def one_place(u):
    for j in range(1, u.shape[1]):
        for i in range(1, u.shape[0]):
            u[0, 0] = u[0, 0] * 0.5 + u[i, j]


def with_a_number(u):
    total = 1.0
    for j in range(1, u.shape[1]):
        for i in range(1, u.shape[0]):
            total = total * 0.5 + u[i, j]
            u[i, j] = total + u[i - 1, j]
    return total


@pytest.mark.parametrize("function", [across, against, triangle, one_place, with_a_number])
def test_loops_that_stay(function, changed):
    same(function, PLANE)
    assert not any(changed)


def test_an_index_out_of_bounds(changed):
    """Everything before it is done, nothing after, in the program's order."""

    def beyond(u):
        for j in range(1, u.shape[1]):
            for i in range(1, u.shape[0] + 1):
                u[i, j] = u[i - 1, j] + u[i, j - 1]

    expected, got = PLANE.copy(), PLANE.copy()
    with pytest.raises(IndexError):
        beyond(expected)
    with jitflow.config().override(strict=True), pytest.raises(IndexError):
        jitflow.compile(beyond)(got)
    np.testing.assert_array_equal(expected, got)


def random_nest(seed: int) -> str:
    """Two or three loops over parts of arrays with elements that need each other."""
    draw = random.Random(seed)
    loops = [
        draw.choice(["for j in range(2, 9):", "for j in range(8, 1, -1):", "for j in range(2, 9, 2):"]),
        draw.choice(["for i in range(2, 11):", "for i in range(10, 1, -1):", "for i in range(3, 10, 3):"]),
    ]  # fmt: skip
    draw.shuffle(loops)
    if draw.random() < 0.4:
        loops.insert(draw.randrange(3), "for k in range(3):")

    def place() -> str:
        row, column = (draw.choice([-2, -1, -1, 0, 0, 0, 1]) for _ in range(2))
        return draw.choice(["A", "A", "B"]) + f"[i{row:+}, j{column:+}]"

    lines = ["def program(A, B):"]
    lines += ["    " * (1 + k) + loop for k, loop in enumerate(loops)]
    for _ in range(draw.randint(1, 2)):
        value = draw.choice([" + ", " - "]).join(place() for _ in range(draw.randint(1, 3)))
        target = draw.choice(["A[i, j]", "A[i, j]", "B[i, j]", "A[i, 0]", "B[1, j]"])
        lines.append("    " * (1 + len(loops)) + f"{target} {draw.choice(['=', '+='])} {value}")
    return "\n".join(lines)


def test_random_nests(changed):
    for seed in range(80):
        source = random_nest(seed)
        space: dict[str, Any] = {}
        exec(source, space)
        draw = np.random.default_rng(seed)
        arrays = [draw.integers(-9, 9, (ROWS, COLUMNS)).astype(float) for _ in range(2)]
        try:
            same(space["program"], *arrays)
        except AssertionError as error:
            raise AssertionError(source) from error
    assert sum(changed) > 5

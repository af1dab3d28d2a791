"""Loops whose iterations threads share: same bits, failures, warnings and signals as on one."""

from __future__ import annotations

import contextlib
import copy
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import jitflow
from jitflow.codegen.cpu import divided_loops, shared

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no POSIX threads")

RNG = np.random.default_rng(0)
PLANE = RNG.random((160, 90))


@pytest.fixture
def divided(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The divisions that are made."""
    found: list[Any] = []
    before = divided_loops.division_of

    def division_of(*arguments: Any) -> Any:
        made = before(*arguments)
        if made is not None:
            found.append(made)
        return made

    monkeypatch.setattr(divided_loops, "division_of", division_of)
    yield found


def compiled(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """A version for a number of threads; where it is called first it must be compiled."""
    settings = jitflow.config()

    def call(*arguments: Any) -> Any:
        with settings.override(threads=count, measure=False, strict=True):
            return version(*arguments)

    version = jitflow.compile(function)
    return call


def mandelbrot(out, most):
    height, width = out.shape
    for i in range(height):
        for j in range(width):
            c = complex(-2 + 3 * j / width, -1.5 + 3 * i / height)
            z, k = 0j, 0
            while k < most and z.real * z.real + z.imag * z.imag <= 4:
                z = z * z + c
                k += 1
            out[i, j] = k


def collatz(out, _):
    for i in range(1, len(out)):
        n, steps = i, 0
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        out[i] = steps


def newton(x, most):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y = x[i, j]
            for _ in range(most):
                step = (y * y - x[i, j]) / (2 * y)
                y -= step
                if abs(step) < 1e-12:
                    break
            x[i, j] = y


def relaxed_rows(x, most):
    """Each row is an array that changes hands."""
    for i in range(x.shape[0]):
        row = x[i].copy()
        for _ in range(most):
            new = row.copy()
            new[1:-1] = (row[:-2] + row[2:]) * 0.5
            row = new
        x[i] = row


def large_rows(x, most):
    """What one iteration needs does not fit a stack."""
    for i in range(x.shape[0]):
        row = np.zeros(5000)
        for k in range(most):
            row[k::50] += x[i, k]
            row[1:] += row[:-1] * 0.25
        x[i, 0] = row[-1]


def backwards(x, most):
    for i in range(x.shape[0] - 1, 0, -2):
        y = x[i, 1] + 1.0
        while y < most:
            y = y * 1.01 + x[i, 2]
        x[i, 0] = y


def columns(x, most):
    """Strips of rows are shared, too."""
    for _ in range(most):
        for j in range(1, x.shape[1]):
            x[:, j] = x[:, j] - 0.25 * x[:, j - 1]


def counted(x, most):
    inside, steps, less = 3, 0, -1
    for i in range(x.shape[0]):
        y = x[i, 1] + 1.0
        while y < most:
            y = y * 1.01 + x[i, 2]
            steps += 1
        if y > most * 1.005:
            inside += 1
        else:
            less -= i
        x[i, 0] = y
    x[0, 0], x[0, 1], x[0, 2] = inside, steps, less


PROGRAMS = [
    (mandelbrot, np.zeros((60, 50), int), 60),
    (collatz, np.zeros(3000, int), 0),
    (newton, PLANE + 0.5, 40),
    (relaxed_rows, PLANE, 30),
    (large_rows, PLANE, 30),
    (backwards, RNG.random((2000, 5)), 50),
    (counted, RNG.random((2000, 5)), 50),
    (columns, RNG.random((3000, 100)), 3),
]


@pytest.mark.parametrize(("function", "array", "most"), PROGRAMS)
def test_as_on_one_thread(function, array, most, divided):
    results = []
    for count in (1, 2, 3):
        made = array.copy()
        call = compiled(function, count)
        call(made, most)
        made = array.copy()
        call(made, most)
        results.append(made)
        assert bool(divided) is (count > 1)
    eager = array.copy()
    function(eager, most)
    np.testing.assert_array_equal(results[0], eager)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def neighbours(x, most):
    for i in range(1, x.shape[0]):
        y = x[i - 1, 0]
        while y < most:
            y = y * 1.01 + x[i, 2]
        x[i, 0] = y - most


def one_place(x, most):
    for i in range(x.shape[0]):
        y = x[0, 0]
        while y < most:
            y = y * 1.01 + x[i, 2]
        x[0, 0] = y - most


def counting_on(x, most):
    """A count that is used as it grows."""
    count = 0
    for i in range(x.shape[0]):
        y = x[i, 1] + 1.0
        while y < most:
            y = y * 1.01 + x[i, 2]
        count += int(y)
        x[i, 0] = count


def indexed(x, most):
    """A count that is an index."""
    count = 0
    for i in range(x.shape[0]):
        y = x[i, 1] + 1.0
        while y < most:
            y = y * 1.01 + PLANE[count % 90, count // 90]
        if y > most * 1.005:
            count += 1
        x[i, 0] = y


def summed(x, most):
    """A sum of floats depends on its order."""
    total = 0.0
    for i in range(x.shape[0]):
        y = x[i, 1] + 1.0
        while y < most:
            y = y * 1.01 + x[i, 2]
        total += y
        x[i, 0] = y
    x[0, 0] = total


def by_data(x, most):
    """Places that data decide may be one."""
    for i in range(x.shape[0]):
        place = int(x[i, 1] * 10)
        y = x[place, 0]
        while y < most:
            y = y * 1.01 + x[i, 2]
        x[place, 0] = y - most


@pytest.mark.parametrize("function", [neighbours, one_place, counting_on, indexed, summed, by_data])
def test_iterations_that_need_each_other(function, divided):
    rows = RNG.random((2000, 5))
    eager, made = rows.copy(), rows.copy()
    function(eager, 50)
    compiled(function, 3)(made, 50)
    np.testing.assert_array_equal(eager, made)
    assert not divided


def test_sizes_that_change(divided):
    call = compiled(newton, 2)
    for rows in (160, 150, 9, 1, 0, 120):
        eager, made = PLANE[:rows] + 0.5, PLANE[:rows] + 0.5
        newton(eager, 40)
        call(made, 40)
        np.testing.assert_array_equal(eager, made)
    assert divided


def test_an_index_out_of_bounds_in_the_middle(divided):
    def picked(x, places, most):
        for i in range(x.shape[0]):
            y = x[i, 0]
            while y < most:
                y = y * 1.01 + x[i, places[i]]
            x[i, 0] = y

    rows, places = RNG.random((2000, 5)) + 1, np.full(2000, 3)
    call = compiled(picked, 2)
    call(rows.copy(), places, 50)
    places[1400] = 90
    eager, made = rows.copy(), rows.copy()
    for function, array in ((picked, eager), (call, made)):
        with pytest.raises(IndexError, match="index 90 is out of bounds"):
            function(array, places, 50)
    np.testing.assert_array_equal(eager, made)
    assert divided


def test_warnings_of_any_thread(divided):
    def ratios(x, out, most):
        for i in range(x.shape[0]):
            y = x[i, 0]
            while y < most:
                y = y * 1.01 + x[i, 1]
            out[i] = np.float64(1.0) / (y - y * x[i, 2])

    call = compiled(ratios, 2)
    rows = RNG.random((2000, 5)) * 0.5
    call(rows, np.zeros(2000), 50)
    for row in (0, 1000, 1999):
        other = rows.copy()
        other[row, 2] = 1
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            call(other, np.zeros(2000), 50)
    assert divided


def test_sums_that_do_not_fit(divided):
    """Python's integers have no end."""

    def large(x, most, start):
        total = start
        for i in range(x.shape[0]):
            y = x[i, 1] + 1.0
            while y < most:
                y = y * 1.01 + x[i, 2]
            total += 2**50 if y > most * 1.0001 else 2**49
            x[i, 0] = y
        return total

    call, rows = compiled(large, 2), RNG.random((2000, 5))
    for start in (0, 5, 2**62, 2**63 - 2**60, -(2**62)):
        eager, made = rows.copy(), rows.copy()
        assert call(made, 50, start) == large(eager, 50, start)
        np.testing.assert_array_equal(eager, made)
    assert divided


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
def test_a_signal_ends_the_loop(divided):
    """It would run for minutes; the array is as it was."""

    class Stop(BaseException):
        pass

    def stop(*_: object) -> None:
        raise Stop

    def slow(x, most):
        for i in range(x.shape[0]):
            y = x[i, 0]
            while y < most:
                y = y + x[i, 1]
            x[i, 0] = y

    call = compiled(slow, 2)
    rows = RNG.random((4000, 2)) + 1
    for most in (30, 40, 50):
        call(rows.copy(), most)
    made = copy.copy(rows)
    before = signal.signal(signal.SIGALRM, stop)
    started = time.perf_counter()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5, 4.0)
        with pytest.raises(Stop):
            call(made, 20_000_000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.perf_counter() - started < 20
    np.testing.assert_array_equal(made, rows)
    assert divided


def test_work_of_one_call_ends_before_the_next(divided):
    """Many short jobs, one after the other."""
    call = compiled(collatz, 3)
    expected = np.zeros(400, int)
    collatz(expected, 0)
    for _ in range(200):
        made = np.zeros(400, int)
        call(made, 0)
        np.testing.assert_array_equal(made, expected)
    with contextlib.suppress(IndexError):
        assert divided[0].own


STATEMENTS = (
    "s = s * 0.5 + A[{row}, {column}]",
    "s += B[{row}, {column}]",
    "A[i, {column}] = s",
    "v[i] += B[{row}, 1]",
    "B[i, 1:4] = A[{row}, :3] + s",
    "A[i, :] = B[{row}, :] * 0.25",
    "n += int(s)",
    "for j in range({count}, 6):\n            A[i, j] = A[i, j - 1] * 0.5 + s",
    "for j in range(6):\n            s = s * 0.5 + A[{row}, j]",
    "while s < {count}:\n            s = s * 1.5 + 0.3\n            n += 1",
    "if s > 0.5:\n            A[i, {column}] = s\n            m -= 2\n"
    "        else:\n            B[i, {column}] = -s",
    "t = A[i].copy()\n        t[1:] += t[:-1]\n        A[i] = t * 0.5",
    "t = np.zeros(6)\n        for j in range(5):\n            t[j + 1] = t[j] * 0.5 + A[i, j]\n"
    "        B[i] = t",
)


def random_loop(seed: int) -> str:
    """A loop over rows of two arrays, whose iterations are independent or not."""
    draw = random.Random(seed)
    lines = ["def program(A, B, v, k):", "    n, m = 0, 5"]
    indices = ["1, 20", "19, 0, -1", "1, 20, 2", "k, 20"]
    lines.append(f"    for i in range({draw.choice(indices)}):")
    lines.append("        s = A[i, 2] * 0.5")
    for _ in range(draw.randint(2, 5)):
        row = draw.choice(["i", "i", "i", "i", "i - 1", "0", "i + 1"])
        column, count = draw.randrange(6), draw.randint(1, 3)
        lines.append(
            "        " + draw.choice(STATEMENTS).format(row=row, column=column, count=count)
        )
    return "\n".join([*lines, "    return n, m"])


def test_random_loops(divided, monkeypatch):
    """Everything that may be divided is, in parts of one iteration."""
    monkeypatch.setattr(divided_loops, "FEWEST", 2)
    for module in (shared, divided_loops):
        monkeypatch.setattr(module, "estimated", lambda work, known: 10**9)
    for seed in range(50):
        source = random_loop(seed)
        space: dict[str, Any] = {"np": np}
        exec(source, space)
        draw = np.random.default_rng(seed)
        given = draw.random((21, 6)), draw.random((21, 6)), draw.random(21)
        other = copy.deepcopy(given)
        with np.errstate(all="ignore"):
            expected = space["program"](*given, 2)
            got = compiled(space["program"], 3)(*other, 2)
        assert expected == got, source
        for a, b in zip(given, other, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=source)
    assert len(divided) > 10

"""Never slower than NumPy: every family of operators, on small, medium and large arrays.

Run pinned: ``taskset -c 1 python -m benchmarks.sweep [words...] [--sizes 10 10000 1000000]``. An
expression is run by plain NumPy and compiled, in turns; times are CPU times, the least of the
turns. What looks slower is measured again for longer. Cases are printed worst first: the ratio is
ours over NumPy's. Words choose the cases that contain one of them.
"""

# ruff: noqa: E402  (threads are limited before NumPy is imported)

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np

import jitflow
from benchmarks.sweep_cases import CASES, operands

LIMIT = 1.05
"""Ratio above which a case is measured again, and then reported as slower."""


@dataclass(frozen=True)
class Result:
    """Times of one expression in seconds: NumPy's, ours, and that of the first call."""

    expression: str
    dtype: str
    size: int
    numpy: float
    ours: float
    first: float

    @property
    def ratio(self) -> float:
        return self.ours / max(self.numpy, 1e-9)

    def __str__(self) -> str:
        times = f"{self.ratio:6.2f} {self.numpy * 1e6:10.2f} {self.ours * 1e6:10.2f}"
        case = f"{self.size:>8} {self.dtype:10} {self.expression}"
        return f"{times} {self.first * 1e3:8.1f}  {case}"


def function_of(expression: str) -> Callable[..., Any]:
    """A function of the one-letter names in an expression (or in statements that end in one)."""
    names = sorted(set(operands("float64", 10)) & names_in(expression))
    *statements, last = expression.split("; ")
    lines = [f"def f({', '.join(names)}):", *(f"    {s}" for s in statements)]
    scope: dict[str, Any] = {"np": np}
    source = "\n".join([*lines, f"    return {last}"])
    exec(compile(source, f"<{expression}>", "exec"), scope)
    made: Callable[..., Any] = scope["f"]
    return made


def names_in(expression: str) -> set[str]:
    return set(compile(expression.replace("; ", "\n"), "<names>", "exec").co_names)


def looped(function: Callable[..., Any], arguments: list[Any]) -> Callable[[int], float]:
    """CPU time of a number of calls, with nothing but the loop around them."""
    names = [f"x{k}" for k in range(len(arguments))]
    scope = {
        "function": function,
        "clock": time.thread_time,
        **dict(zip(names, arguments, strict=True)),
    }
    given = ", ".join(f"{name}={name}" for name in scope)
    scope["repeat"] = range
    exec(
        f"def loop(n, {given}):\n    start = clock()\n    for _ in repeat(n):\n"
        f"        function({', '.join(names)})\n    return clock() - start",
        scope,
    )
    made: Callable[[int], float] = scope["loop"]
    return made


def least(calls: list[Callable[[int], float]], seconds: float) -> list[float]:
    """The least time of each, taken in turns."""
    counts = []
    for call in calls:
        once = min(call(1) for _ in range(3))
        counts.append(max(1, int(3e-4 / max(once, 1e-7))))
    best = [float("inf")] * len(calls)
    end = time.perf_counter() + seconds
    rounds = 0
    while time.perf_counter() < end or rounds < 4:
        rounds += 1
        for number, (call, count) in enumerate(zip(calls, counts, strict=True)):
            best[number] = min(best[number], call(count) / count)
    return best


def check_equal(got: Any, expected: Any) -> None:
    """Raise where a result is wrong by more than a sum in another order explains."""
    if isinstance(expected, (tuple, list)):
        for one, other in zip(got, expected, strict=True):
            check_equal(one, other)
    elif isinstance(expected, np.ndarray | np.generic):
        assert got.dtype == expected.dtype
        assert got.shape == expected.shape
        eps = np.finfo(expected.dtype).eps if expected.dtype.kind in "fc" else 0
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=1) if eps else 0
        np.testing.assert_allclose(got, expected, rtol=1e3 * eps, atol=1e3 * eps * scale)


def measure(expression: str, dtype: str, size: int) -> Result:
    plain = function_of(expression)
    compiled = jitflow.compile(function_of(expression))
    given = operands(dtype, size)
    names = plain.__code__.co_varnames[: plain.__code__.co_argcount]
    arguments = [given[name] for name in names]
    expected = plain(*arguments)
    start = time.thread_time()
    got = compiled(*arguments)
    first = time.thread_time() - start
    if "empty" not in expression:
        check_equal(got, expected)
        check_equal(compiled(*arguments), expected)
    calls = [looped(function, arguments) for function in (plain, compiled)]
    best = least(calls, 0.03)
    if best[1] > LIMIT * best[0]:
        best = [min(pair) for pair in zip(best, least(calls, 0.3), strict=True)]
    return Result(expression, dtype, size, *best, first)


def results(words: list[str], sizes: list[int]) -> Iterator[Result]:
    for dtype in dict.fromkeys(dtype for _, dtypes in CASES for dtype in dtypes):
        for size in sizes:
            for expression, dtypes in CASES:
                case = f"{expression} {dtype}"
                if dtype not in dtypes or (words and not any(word in case for word in words)):
                    continue
                try:
                    yield measure(expression, dtype, size)
                except Exception as error:
                    print(f"failed: {case} {size}: {error}", file=sys.stderr)
            jitflow.reset()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--sizes", nargs="+", type=int, default=[10, 10_000, 1_000_000])
    parser.add_argument("--above", type=float, default=0.0, help="print only larger ratios")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = []
    for row in results(options.words, options.sizes):
        found.append(row)
        if row.ratio > LIMIT:
            print(row, file=sys.stderr, flush=True)
    found.sort(key=lambda row: row.ratio, reverse=True)
    print(f"{'ratio':>6} {'NumPy us':>10} {'ours us':>10} {'first ms':>8}")
    for row in found:
        if row.ratio >= options.above:
            print(row)
    slower = [row for row in found if row.ratio > LIMIT]
    print(f"{len(slower)} of {len(found)} slower than NumPy by more than {LIMIT - 1:.0%}")


if __name__ == "__main__":
    main()

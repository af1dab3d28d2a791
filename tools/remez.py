"""Minimax polynomials by Remez exchange, in extended precision, rounded to a machine format.

Owns the numerical method; `tools/fit_polynomials.py` owns what is fitted.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np

Real = Callable[[mp.mpf], mp.mpf]


def chebyshev_points(low: mp.mpf, high: mp.mpf, count: int) -> list[mp.mpf]:
    """Extrema of the Chebyshev polynomial of degree ``count - 1``, scaled to the interval."""
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle - half * mp.cos(mp.pi * i / (count - 1)) for i in range(count)]


def _solve(
    points: list[mp.mpf], target: Real, weight: Real, powers: list[int]
) -> tuple[list[mp.mpf], mp.mpf]:
    """Coefficients whose weighted error alternates in sign, equal in size, over `points`."""
    size = len(points)
    matrix, right = mp.matrix(size, size), mp.matrix(size, 1)
    for i, x in enumerate(points):
        for j, power in enumerate(powers):
            matrix[i, j] = x**power * weight(x)
        matrix[i, size - 1] = (-1) ** i
        right[i] = target(x) * weight(x)
    solution = mp.lu_solve(matrix, right)
    return [solution[j] for j in range(size - 1)], abs(solution[size - 1])


def _extrema(errors: list[mp.mpf], grid: list[mp.mpf], count: int) -> list[mp.mpf] | None:
    """One extremum of the error per run of one sign; the `count` best neighbours of them."""
    chosen: list[int] = []
    for i, error in enumerate(errors):
        if chosen and (error > 0) == (errors[chosen[-1]] > 0):
            if abs(error) > abs(errors[chosen[-1]]):
                chosen[-1] = i
        else:
            chosen.append(i)
    while len(chosen) > count:
        ends = (0, -1)
        chosen.pop(min(ends, key=lambda end: abs(errors[chosen[end]])))
    return [grid[i] for i in chosen] if len(chosen) == count else None


def minimax(
    target: Real, weight: Real, low: float, high: float, powers: list[int]
) -> tuple[list[mp.mpf], mp.mpf]:
    """Coefficients of ``sum(c[j] * x**powers[j])`` nearest `target`, and the weighted error."""
    a, b = mp.mpf(low), mp.mpf(high)
    count = len(powers) + 1
    nudge = (b - a) / (64 * count)  # weights may vanish in the middle: keep off it
    points = [x + nudge for x in chebyshev_points(a, b, count + 2)[1:-1]]
    grid = chebyshev_points(a, b, 24 * count)
    values = [(x, target(x), weight(x)) for x in grid]
    best: tuple[mp.mpf, list[mp.mpf]] | None = None
    for _ in range(12):
        coefficients, level = _solve(points, target, weight, powers)
        errors = [
            (mp.fsum(c * x**p for c, p in zip(coefficients, powers, strict=True)) - f) * w
            for x, f, w in values
        ]
        worst = max(abs(error) for error in errors)
        if best is None or worst < best[0]:
            best = worst, coefficients
        exchanged = _extrema(errors, grid, count)
        if exchanged is None or worst < level * mp.mpf("1.002"):
            break
        points = exchanged
    assert best is not None
    return best[1], best[0]


def fit(
    target: Real,
    weight: Real,
    interval: tuple[float, float],
    degree: int,
    dtype: str,
    first: int = 0,
) -> tuple[list[float], float]:
    """Coefficients of degree `first` to `degree` in `dtype`, lowest first, and the error.

    The lowest coefficient is rounded first and the others are fitted again to what remains, so
    that rounding costs no accuracy where the polynomial is small.
    """
    round_to = np.float32 if dtype == "f32" else np.float64
    fixed: list[float] = []
    error = mp.mpf(0)
    for power in range(first, degree + 1):
        powers = list(range(power, degree + 1))

        def rest(x: mp.mpf) -> mp.mpf:
            known = mp.fsum(mp.mpf(c) * x ** (first + i) for i, c in enumerate(fixed))
            return target(x) - known

        coefficients, error = minimax(rest, weight, *interval, powers)
        if len(powers) > 6 or power == first or dtype == "f32":
            fixed.append(float(round_to(float(coefficients[0]))))
        else:
            fixed += [float(round_to(float(c))) for c in coefficients]
            break
    return fixed, float(error)

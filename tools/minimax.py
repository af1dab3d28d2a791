"""Near-minimax polynomials in extended precision, rounded to a machine format.

Owns the numerical method (Lawson's iteration: least squares at Chebyshev points, reweighted by the
error until it is level); `tools/fit_polynomials.py` owns what is fitted.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np

Real = Callable[[mp.mpf], mp.mpf]
ITERATIONS = 14


def chebyshev_points(low: mp.mpf, high: mp.mpf, count: int) -> list[mp.mpf]:
    """Zeros of the Chebyshev polynomial of degree `count`, scaled to the interval."""
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle - half * mp.cos(mp.pi * (i + mp.mpf("0.5")) / count) for i in range(count)]


def _least_squares(
    basis: list[list[mp.mpf]], values: list[mp.mpf], weights: list[mp.mpf]
) -> list[mp.mpf]:
    """Solution of the weighted normal equations; the working precision absorbs their condition."""
    size = len(basis)
    matrix, right = mp.matrix(size, size), mp.matrix(size, 1)
    for i, row in enumerate(basis):
        weighted = [w * x for w, x in zip(weights, row, strict=True)]
        right[i] = mp.fdot(weighted, values)
        for j in range(i, size):
            matrix[i, j] = matrix[j, i] = mp.fdot(weighted, basis[j])
    return list(mp.lu_solve(matrix, right))


def minimax(
    points: list[mp.mpf], values: list[mp.mpf], weights: list[mp.mpf], powers: list[int]
) -> tuple[list[mp.mpf], mp.mpf]:
    """Coefficients of ``sum(c[j] * x**powers[j])`` nearest `values`, and the weighted error."""
    keep = [i for i, weight in enumerate(weights) if weight]
    weights = [weights[i] for i in keep]
    basis = [[points[i] ** p * w for i, w in zip(keep, weights, strict=True)] for p in powers]
    target = [values[i] * w for i, w in zip(keep, weights, strict=True)]
    emphasis = [mp.mpf(1)] * len(keep)
    best: tuple[mp.mpf, list[mp.mpf]] | None = None
    for _ in range(ITERATIONS):
        coefficients = _least_squares(basis, target, emphasis)
        errors = [
            abs(mp.fdot(coefficients, [row[i] for row in basis]) - target[i])
            for i in range(len(keep))
        ]
        worst = max(errors)
        if best is None or worst < best[0]:
            best = worst, coefficients
        emphasis = [e * error / worst for e, error in zip(emphasis, errors, strict=True)]
        emphasis = [e + mp.mpf(10) ** -9 for e in emphasis]
    assert best is not None
    return best[1], best[0]


def fit(
    target: Real, weight: Real, interval: tuple[float, float], degree: int, dtype: str
) -> tuple[list[float], float]:
    """Coefficients of degree 0 to `degree` in `dtype`, lowest first, and the weighted error.

    The lowest coefficients are rounded first and the others are fitted again to what remains, so
    that rounding costs little accuracy.
    """
    round_to = np.float32 if dtype == "f32" else np.float64
    points = chebyshev_points(mp.mpf(interval[0]), mp.mpf(interval[1]), 10 * (degree + 2))
    values, weights = [target(x) for x in points], [weight(x) for x in points]
    fixed: list[float] = []
    for power in range(degree + 1):
        powers = list(range(power, degree + 1))
        coefficients, _ = minimax(points, values, weights, powers)
        if power < 3 and power < degree:
            coefficients = coefficients[:1]
        rounded = [float(round_to(float(c))) for c in coefficients]
        fixed += rounded
        for p, c in zip(powers, rounded, strict=False):
            values = [v - mp.mpf(c) * x**p for v, x in zip(values, points, strict=True)]
        if len(rounded) == len(powers):
            break
    return fixed, float(max(abs(v * w) for v, w in zip(values, weights, strict=True)))

"""Operands for the differential tests: random values mixed with the special ones of the dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from jitflow.core.dtypes import DType

Shape = tuple[int, ...]
if TYPE_CHECKING:  # numpy.random is imported when first used, not with jitflow
    Samples: TypeAlias = Callable[[np.random.Generator, DType, Shape], tuple[np.ndarray, ...]]


def special_values(dtype: DType) -> np.ndarray:
    """Zeros of both signs, units, extremes, and for floats NaN, infinities and denormals."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.is_integer:
        bounds = np.iinfo(dtype.numpy)
        integers = {0, 1, 2, bounds.max, bounds.max - 1, bounds.min}
        if dtype.kind == "i":
            integers |= {-1, -2, bounds.min + 1}
        return np.array(sorted(integers), dtype.numpy)
    real = dtype.real.numpy
    info = np.finfo(real)
    magnitudes = [0.0, 1.0, 0.5, 2.0, info.max, info.tiny, info.smallest_subnormal, np.inf, np.nan]
    values = np.array([sign * value for value in magnitudes for sign in (1, -1)], real)
    if dtype.is_complex:
        parts = np.empty((values.size, 6), dtype.numpy)
        parts.real, parts.imag = values[:, None], values[:6]
        return parts.ravel()
    return values


def random_values(
    rng: np.random.Generator, dtype: DType, shape: Shape, low: float = -10.0, high: float = 10.0
) -> np.ndarray:
    """Uniform in ``[low, high)``, clipped to what the dtype holds."""
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.is_integer:
        info = np.iinfo(dtype.numpy)
        first, last = max(int(low), info.min), min(int(high), info.max)
        return rng.integers(first, max(first, last) + 1, shape).astype(dtype.numpy)
    real = rng.uniform(low, high, shape)
    if dtype.is_complex:
        return np.asarray(real + 1j * rng.uniform(low, high, shape)).astype(dtype.numpy)
    return np.asarray(real).astype(dtype.numpy)


def mixed(
    rng: np.random.Generator,
    dtype: DType,
    shape: Shape,
    low: float = -10.0,
    high: float = 10.0,
    share: float = 0.3,
) -> np.ndarray:
    """Random values of which a `share` are special ones."""
    values = np.array(random_values(rng, dtype, shape, low, high))
    special = special_values(dtype)
    chosen = rng.random(shape) < share
    values[chosen] = rng.choice(special, int(np.sum(chosen)))
    return values


def interesting(count: int, low: float = -10.0, high: float = 10.0) -> Samples:
    """`count` operands over the whole dtype, mostly within ``[low, high)``."""

    def samples(rng: np.random.Generator, dtype: DType, shape: Shape) -> tuple[np.ndarray, ...]:
        return tuple(mixed(rng, dtype, shape, low, high) for _ in range(count))

    return samples


def uniform(*bounds: tuple[float, float]) -> Samples:
    """One operand for each pair of bounds, with no special values (where the operator fails)."""

    def samples(rng: np.random.Generator, dtype: DType, shape: Shape) -> tuple[np.ndarray, ...]:
        return tuple(random_values(rng, dtype, shape, low, high) for low, high in bounds)

    return samples


def with_divisor(rng: np.random.Generator, dtype: DType, shape: Shape) -> tuple[Any, ...]:
    """A dividend and a divisor; integer divisors avoid zero and overflow, where the check fails."""
    dividend = mixed(rng, dtype, shape)
    divisor = mixed(rng, dtype, shape)
    if dtype.is_integer:
        bad = (divisor == 0) | (divisor == np.array(-1).astype(dtype.numpy))
        divisor = np.where(bad, np.array(3, dtype.numpy), divisor)
    return dividend, divisor

"""Exact comparison of arrays, and distance in units in the last place."""

from __future__ import annotations

from typing import Any

import numpy as np


def assert_same(found: Any, expected: Any, ulp: int = 0, signs: bool = True) -> None:
    """Same dtype, shape and values; floats by bits (NaNs are equal), or within `ulp`.

    With `signs` False zeros of either sign are equal.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype, f"{found.dtype} is not {expected.dtype}"
    assert found.shape == expected.shape, f"{found.shape} is not {expected.shape}"
    if found.dtype.kind == "c":
        assert_same(found.real, expected.real, ulp, signs)
        assert_same(found.imag, expected.imag, ulp, signs)
        return
    if found.dtype.kind != "f" or (ulp == 0 and not signs):
        np.testing.assert_array_equal(found, expected)
        return
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(found), ~numbers)
    distance = ulp_distance(found[numbers], expected[numbers], signs)
    worst = int(np.max(distance, initial=0))
    if worst > ulp:
        where = int(np.argmax(distance))
        pair = found[numbers].ravel()[where], expected[numbers].ravel()[where]
        raise AssertionError(f"{pair[0]!r} is not {pair[1]!r}: {worst} ULP apart (limit {ulp})")


def ulp_distance(x: np.ndarray, y: np.ndarray, signs: bool = True) -> np.ndarray:
    """Floats between two arrays of floats; -0.0 and 0.0 are one apart with `signs`."""

    def position(values: np.ndarray) -> np.ndarray:
        bits = np.ascontiguousarray(values).view(f"i{values.dtype.itemsize}").astype(object)
        least = 1 << (8 * values.dtype.itemsize - 1)
        negative = bits < 0
        return np.where(negative, -(bits + least) - int(signs), bits)

    return np.abs(position(x.ravel()) - position(y.ravel()))

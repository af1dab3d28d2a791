"""Axes that the user marked as dynamic, kept beside the arrays and gone with them."""

from __future__ import annotations

import weakref
from functools import partial

import numpy as np

_axes: dict[int, tuple[weakref.ref[np.ndarray], set[int]]] = {}


def mark(array: np.ndarray, axis: int) -> None:
    """Mark extent `axis` of `array` as symbolic."""
    key = id(array)
    if key not in _axes or _axes[key][0]() is not array:
        _axes[key] = (weakref.ref(array, partial(_axes.pop, key)), set())
    _axes[key][1].add(axis)


def is_marked(array: np.ndarray, axis: int) -> bool:
    """Whether the user marked this axis of this very array."""
    known = _axes.get(id(array))
    return known is not None and known[0]() is array and axis in known[1]

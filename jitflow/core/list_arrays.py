"""Arrays of lists of Python numbers, by native code where there is any.

Owns neither: the runtime says how to get the native code (`use`), which is made when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Reader = Callable[[list[Any], int, int], bool]
"""Copies a list of a length to an address; False where an item is of another type."""

_DTYPES: dict[type, Any] = {int: np.int64, float: np.float64}
_makers: list[Callable[[type], Reader]] = []
_readers: dict[type, Reader] = {}


def use(maker: Callable[[type], Reader]) -> None:
    """Read lists by what `maker` gives for int and float."""
    _makers[:] = [maker]


def array_of(items: Any, kind: type) -> np.ndarray | None:
    """The array of a list whose items are all of type `kind`, int or float; else None."""
    if type(items) is not list or not items:
        return None
    reader = _readers.get(kind)
    if reader is None and _makers:
        reader = _readers[kind] = _makers[0](kind)
    if reader is not None:
        found = np.empty(len(items), _DTYPES[kind])
        address = found.__array_interface__["data"][0]
        return found if reader(items, len(found), address) else None
    return _by_numpy(items, kind)


def _by_numpy(items: list[Any], kind: type) -> np.ndarray | None:
    if set(map(type, items)) != {kind}:
        return None
    try:
        return np.array(items, _DTYPES[kind])
    except OverflowError:
        return None

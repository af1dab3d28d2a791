"""Texts of a program's values, for people: no code of the program runs for them, and none fails."""

from __future__ import annotations

import types
from enum import Enum
from reprlib import Repr
from typing import Any

import numpy as np

MOST_CHARACTERS = 60

MOST_BITS = 256
"""Size of integers that are shown digit by digit; Python refuses to for very long ones."""

_CONTAINERS = frozenset({tuple, list, dict, set, frozenset})

_PLAIN = frozenset(
    {
        *(str, bytes, bool, float, complex, type(None), type(Ellipsis), type(NotImplemented)),
        *(types.FunctionType, types.BuiltinFunctionType, np.ufunc),
        *(set(np.sctypeDict.values()) - {np.void, np.object_}),
    }
)
"""Classes whose `repr` is Python's or NumPy's own and asks no other object."""


class _Shown(Repr):
    """As `repr`, but the class alone of what may have a `__repr__` of the program's."""

    def repr1(self, x: Any, level: int) -> str:
        """The text of one value; containers of exact types alone are looked into."""
        kind = type(x)
        if kind is int:
            return _integer(x)
        if kind in _PLAIN:
            return repr(x)
        if kind in _CONTAINERS:
            return super().repr1(x, level)
        if issubclass(kind, type):
            return type.__repr__(x)
        if issubclass(kind, Enum):
            return f"{kind.__name__}.{object.__getattribute__(x, '_name_')}"
        if issubclass(kind, np.dtype):
            return np.dtype.__repr__(x)
        return object.__repr__(x)


_SHOWN = _Shown()


def shown(value: Any) -> str:
    """A text for any value, mostly as `repr`; parts of long containers are left out."""
    return _SHOWN.repr(value)


def briefly(value: Any) -> str:
    """As `shown`, of 60 characters at most."""
    text = shown(value)
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 3] + "..."


def _integer(value: int) -> str:
    """Digits, or for a very long integer its size."""
    bits = value.bit_length()
    return str(value) if bits <= MOST_BITS else f"an integer of {bits} bits"

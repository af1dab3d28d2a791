"""Addresses of the C functions of CPython and of NumPy's array API."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

_NUMPY_SLOTS = {
    "PyArray_CopyInto": 50,
    "PyArray_Scalar": 60,
    "PyArray_NewCopy": 85,
    "PyArray_NewFromDescr": 94,
}


def python_function(name: str) -> int:
    """Address of a C function of CPython or of NumPy's array API."""
    if name in _NUMPY_SLOTS:
        return int(_array_api()[_NUMPY_SLOTS[name]])
    return c_address(getattr(ctypes.pythonapi, name))


def c_address(function: object) -> int:
    """Address of a function that `ctypes` has found."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


@functools.cache
def _array_api() -> Any:
    """NumPy's table of C functions."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(c_address(pointer))
    capsule = np._core._multiarray_umath._ARRAY_API  # type: ignore[attr-defined]
    return ctypes.cast(get(capsule, None), ctypes.POINTER(ctypes.c_void_p))

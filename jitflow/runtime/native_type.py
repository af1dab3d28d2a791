"""A base class whose instances have a vectorcall pointer of their own, made with ctypes alone.

CPython calls such an instance through its pointer where there is one, and through ``__call__``
where it is NULL (`_PyObject_MakeTpCall` in ``Objects/call.c``). Nothing here needs a compiler.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

from jitflow.core import platform

_VECTORCALL, _TARGET, _LOOKER, _LEFT, _CALL, _SIZE = 16, 24, 32, 40, 48, 56
_FLAGS_OFFSET = 168  # PyTypeObject.tp_flags
_DEFAULT_BASETYPE = 1 << 10
_HAVE_VECTORCALL = 1 << 11
_METHOD_DESCRIPTOR = 1 << 17
_TP_MEMBERS = 72
_SSIZE, _READONLY = 19, 1


class _Member(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Slot(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int), ("function", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    )


_keep: list[Any] = []


def vectorcall_base() -> type | None:
    """A new base class, or None where this interpreter does not fit.

    Its subclasses need `enable`.
    """
    if not platform.is_supported() or not _flags_fit():
        return None
    members = (_Member * 2)(_Member(b"__vectorcalloffset__", _SSIZE, _VECTORCALL, _READONLY, None))
    slots = (_Slot * 2)(_Slot(_TP_MEMBERS, ctypes.addressof(members)))
    spec = _Spec(b"jitflow.runtime.native_type.Vectorcall", _SIZE, 0, _DEFAULT_BASETYPE, slots)
    _keep.extend((members, slots, spec))
    address = ctypes.cast(ctypes.pythonapi.PyType_FromSpec, ctypes.c_void_p).value
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(address or 0)
    base: type = make(ctypes.addressof(spec))
    return base


def enable(cls: type) -> None:
    """Let CPython use the pointers of instances of `cls`, and bind them as methods for free."""
    flags = ctypes.c_ulong.from_address(id(cls) + _FLAGS_OFFSET)
    flags.value |= _HAVE_VECTORCALL | _METHOD_DESCRIPTOR
    address = ctypes.cast(ctypes.pythonapi.PyType_Modified, ctypes.c_void_p).value
    ctypes.PYFUNCTYPE(None, ctypes.py_object)(address or 0)(cls)


def set_pointer(instance: Any, address: int) -> None:
    """Set the vectorcall pointer of `instance`; 0 for none. One store: other threads may call."""
    ctypes.c_int64.from_address(id(instance) + _VECTORCALL).value = address


def set_forwarding(instance: Any, target: Any, looker: Any, count: int) -> None:
    """Set what `forwarding` reads: `count` calls go to `target`, those behind them to `looker`.

    Whoever sets them keeps them alive.
    """
    words = (ctypes.c_int64 * 4).from_address(id(instance) + _TARGET)
    words[:] = [id(target), id(looker), count, _call_address()]


@functools.cache
def _call_address() -> int:
    return ctypes.cast(ctypes.pythonapi.PyObject_Vectorcall, ctypes.c_void_p).value or 0


def _flags_fit() -> bool:
    class Sample:
        pass

    samples = (Sample, int, type(_flags_fit))
    return all(
        ctypes.c_ulong.from_address(id(cls) + _FLAGS_OFFSET).value == cls.__flags__
        for cls in samples
    )

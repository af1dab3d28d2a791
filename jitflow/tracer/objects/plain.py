"""Facts about real classes and objects: which follow Python's plain protocols."""

from __future__ import annotations

import enum
import types
from typing import Any

import numpy as np

from jitflow.core.weak import per_object

IMMUTABLE = (
    int,
    bool,
    str,
    bytes,
    float,
    complex,
    type(None),
    type(Ellipsis),
    type(NotImplemented),
)
"""Built-in types whose objects are constants once their value is known."""


_GENERIC = ("__getattribute__", "__setattr__", "__delattr__")


def overrides(cls: type, name: str) -> bool:
    """Whether `cls` has a `name` of its own instead of that of `object`."""
    if cls is types.SimpleNamespace and name in _GENERIC:
        return False
    return getattr(cls, name, None) is not getattr(object, name, None)


def is_constant(obj: Any) -> bool:
    """Whether an object is immutable and stands for itself."""
    return type(obj) in IMMUTABLE or isinstance(obj, type | enum.Enum)


def is_hashable_key(obj: Any) -> bool:
    """Whether a dict may be followed by this key: hashing and comparing it runs no user code."""
    if isinstance(obj, tuple) and type(obj) is tuple:
        return all(is_hashable_key(item) for item in obj)
    kind = type(obj)
    return (
        kind in IMMUTABLE
        or isinstance(obj, enum.Enum | type | types.FunctionType | np.dtype)
        or not (overrides(kind, "__hash__") or overrides(kind, "__eq__"))
    )


def is_told_by_identity(obj: Any) -> bool:
    """Whether an object is hashed by its address: sets have it in no order that one can tell."""
    return isinstance(obj, types.FunctionType) or not (
        is_constant(obj) or isinstance(obj, tuple | np.dtype) or overrides(type(obj), "__hash__")
    )


_OF_SEQUENCES = (
    *("__getitem__", "__len__", "__bool__", "__contains__", "__iter__", "__hash__"),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"),
    *("__array__", "__getattribute__"),
)


def is_generated_tuple(kind: type) -> bool:
    """Whether a named tuple is made by the constructor that `collections.namedtuple` writes.

    One that is compared, searched or taken apart in a way of its own is none; its arithmetic may
    be its own.
    """
    is_generated = str(getattr(kind.__new__, "__module__", "")).startswith("namedtuple_")
    return is_generated and not any(has_own(kind, name) for name in _OF_SEQUENCES)


def has_own(kind: type, name: str) -> bool:
    """Whether a subclass of `tuple` has a special method that is not `tuple`'s."""
    return getattr(kind, name, None) is not getattr(tuple, name, None)


def is_plain_class(kind: type) -> bool:
    """Whether instances follow the plain protocol: no base but object, no __getattribute__."""
    return not overrides(kind, "__getattribute__") and all(
        base is object or is_written_in_python(base) or base.__module__ == "typing"
        for base in kind.__mro__
    )


_IMMUTABLE_TYPE, _HEAP_TYPE = 1 << 8, 1 << 9
"""``Py_TPFLAGS_IMMUTABLETYPE`` and ``Py_TPFLAGS_HEAPTYPE``."""
_NATIVE_PARTS = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
)


@per_object
def is_written_in_python(cls: type) -> bool:
    """Whether a class statement made `cls`: native code makes heap types too."""
    return (
        cls.__flags__ & (_IMMUTABLE_TYPE | _HEAP_TYPE) == _HEAP_TYPE
        and not isinstance(vars(cls).get("__new__"), types.BuiltinMethodType)
        and not any(
            isinstance(part, _NATIVE_PARTS) and part.__objclass__ is cls
            for part in vars(cls).values()
        )
    )


def has_own_constructor(cls: type) -> bool:
    """Whether ``__new__`` of `cls` or one of its bases is written in Python."""
    return isinstance(cls.__new__, types.FunctionType)


def python_function(obj: Any) -> types.FunctionType | None:
    """The function that an entry of a class is, compiled by jitflow or not; None for others."""
    return obj if isinstance(obj, types.FunctionType) else compiled_function(obj)


def compiled_function(obj: Any) -> types.FunctionType | None:
    """The Python function behind a function that jitflow compiled; such a callee is inlined."""
    if type(obj).__module__.partition(".")[0] != "jitflow":
        return None
    original = getattr(obj, "__wrapped__", None)
    return original if type(original) is types.FunctionType else None

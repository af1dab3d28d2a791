"""Records of arrays from nothing, or from one element, and of `concatenate`."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dims import Dim
from jitflow.core.dtypes import ALL, FLOATS, I64, INTEGERS, from_device
from jitflow.core.types import ArrayType
from jitflow.ops import shapes
from jitflow.ops.kinds import Types
from jitflow.ops.record import Attributes, Kind, Operator, register


def _infer_full(types: Types, attributes: Attributes) -> Types:
    (value,) = types
    if value.rank:
        raise TypeError(f"full takes a scalar, not rank {value.rank}")
    return (value.with_shape(attributes["shape"]),)


full = register(
    Operator(
        "full",
        Kind.CREATION,
        ("value",),
        _infer_full,
        lambda value, *, shape: np.full(shape, value, np.asarray(value).dtype),
        attributes=("shape",),
        cpu=lambda e, value, **_: value,
        cost=0,
        extra={"dtypes": ALL},
        doc="An array with one value everywhere.",
    )
)


def _infer_uninitialised(types: Types, attributes: Attributes) -> Types:
    return (ArrayType(attributes["dtype"], attributes["shape"]),)


uninitialised = register(
    Operator(
        "uninitialised",
        Kind.CREATION,
        (),
        _infer_uninitialised,
        lambda *, shape, dtype: np.zeros(shape, dtype.numpy),
        attributes=("shape", "dtype"),
        cost=0,
        extra={"dtypes": ALL},
        doc="An array whose elements may be anything: zeros where it is not stored.",
    )
)


def _infer_iota(types: Types, attributes: Attributes) -> Types:
    dtype, length = attributes["dtype"], attributes["length"]
    if dtype not in INTEGERS and dtype not in FLOATS:
        raise TypeError(f"iota does not make {dtype}")
    if isinstance(length, int) and length < 0:
        raise TypeError(f"iota of negative length {length}")
    return (ArrayType(dtype, (length,)),)


iota = register(
    Operator(
        "iota",
        Kind.CREATION,
        (),
        _infer_iota,
        lambda *, length, dtype: np.arange(length).astype(dtype.numpy),
        attributes=("length", "dtype"),
        cpu=lambda e, position, *, dtype, **_: e.cast(position, dtype),
        extra={"dtypes": (*INTEGERS, *FLOATS)},
        doc="0, 1, 2, ...: integers as any dtype; the body takes the position as i64.",
    )
)


def _infer_constant(types: Types, attributes: Attributes) -> Types:
    value = attributes["value"]
    dtype = from_device(value.dtype) if isinstance(value, np.ndarray) else None
    if dtype is None:
        raise TypeError(f"constant of {type(value).__name__} is not an array that compiles")
    return (ArrayType(dtype, value.shape),)


constant = register(
    Operator(
        "constant",
        Kind.CREATION,
        (),
        _infer_constant,
        lambda *, value: value,
        attributes=("value",),
        cost=0,
        extra={"dtypes": ALL},
        doc="A read-only array known at trace time.",
    )
)


def _infer_concatenate(types: Types, attributes: Attributes) -> Types:
    axis = attributes["axis"]
    if not types:
        raise TypeError("need at least one array to concatenate")
    first = types[0]
    shapes.check_axes((axis,), first.rank)
    total: Dim = 0
    for type in types:
        if type.dtype is not first.dtype or type.rank != first.rank:
            raise TypeError(f"concatenate does not take {first} and {type}")
        if shapes.without_axes(type.shape, (axis,)) != shapes.without_axes(first.shape, (axis,)):
            raise TypeError(f"concatenate of {first} and {type} along axis {axis}")
        total = total + type.shape[axis]
    return (first.with_shape((*first.shape[:axis], total, *first.shape[axis + 1 :])),)


concatenate = register(
    Operator(
        "concatenate",
        Kind.CONCATENATE,
        ("*arrays",),
        _infer_concatenate,
        lambda *arrays, axis: np.concatenate(arrays, axis),
        attributes=("axis",),
        extra={"dtypes": ALL},
        doc="Arrays of one dtype side by side along an axis.",
    )
)


def _infer_dimension(types: Types, attributes: Attributes) -> Types:
    return (ArrayType(I64),)


dimension = register(
    Operator(
        "dimension",
        Kind.SYMBOL,
        (),
        _infer_dimension,
        lambda *, dim: np.int64(dim),
        attributes=("dim",),
        cost=0,
        extra={"dtypes": (I64,)},
        doc="The value of a dimension as i64.",
    )
)


def _call(*arrays: Any, function: Any, types: Any, effect: bool) -> tuple[Any, ...]:
    results = function(*arrays)
    if len(types) == 1 and not isinstance(results, tuple | list):
        results = (results,)
    return tuple(map(_typed, results)) if results is not None else ()


def _typed(result: Any) -> Any:
    """A Python number as an array of its dtype."""
    return result if isinstance(result, np.ndarray | np.generic) else np.asarray(result)


call_out = register(
    Operator(
        "call_out",
        Kind.CALL_OUT,
        ("*arrays",),
        lambda types, attributes: tuple(attributes["types"]),
        _call,
        attributes=("function", "types", "effect"),
        cost=1000,
        extra={"dtypes": ALL},
        doc="function(*arrays) in Python; the result types are promised and checked.",
    )
)

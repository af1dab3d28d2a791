"""Linear algebra that is made of other operations: norms and powers of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dims import Dim
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, external
from jitflow.tracer.numpy.arguments import is_none, raises, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.table import function, function_named
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue


@function(np.linalg.norm, signature="x, ord=None, axis=None, keepdims=False")
def norm(
    context: TraceContext,
    x: PyValue,
    ord: PyValue,
    axis: PyValue,
    keepdims: PyValue,
) -> PyValue:
    """Norm of a vector, a matrix, or of all vectors or matrices in an array."""
    n = Composer(context)
    array = n.array(x)
    if array.dtype.kind not in "fc":
        array = n.array(n.method(array, "astype", np.float64))
    kind = arguments.constant(context, ord, "ord")
    rank = len(array.shape)
    keep = arguments.flag(context, keepdims, "keepdims")
    if is_none(axis):
        whole = kind is None or (kind in ("f", "fro") and rank == 2) or (kind == 2 and rank == 1)
        if whole:
            return _euclidean(n, array, keep)
        axes: tuple[int, ...] = tuple(range(rank))
    else:
        axes = arguments.axes(context, axis, rank)
    if len(axes) == 1:
        return _vector_norm(n, array, kind, axes[0], keep)
    if len(axes) == 2:
        return _matrix_norm(context, n, array, kind, axes, keepdims)
    raise raises("Improper number of dimensions to norm.")


def _euclidean(n: Composer, array: ArrayValue, keep: bool) -> PyValue:
    flat = n.array(n(np.ravel, array))
    if array.dtype.is_complex:
        real, imag = n.attribute(flat, "real"), n.attribute(flat, "imag")
        total = n.add(n(np.dot, real, real), n(np.dot, imag, imag))
    else:
        total = n(np.dot, flat, flat)
    root = n(np.sqrt, total)
    shape: tuple[Dim, ...] = (1,) * len(array.shape)
    return n(np.reshape, root, shape) if keep else root


def _vector_norm(n: Composer, array: ArrayValue, kind: Any, axis: int, keep: bool) -> PyValue:
    how: dict[str, Any] = {"axis": axis, "keepdims": keep}
    size = n(np.abs, array)
    if kind is None or kind == 2:
        return n(np.sqrt, n(np.add.reduce, _squares(n, array), **how))
    if kind == np.inf:
        return n(np.max, size, **how)
    if kind == -np.inf:
        return n(np.min, size, **how)
    if kind == 0:
        nonzero = n.method(n.compare("ne", array, 0), "astype", array.dtype.real.numpy)
        return n(np.sum, nonzero, **how)
    if kind == 1:
        return n(np.add.reduce, size, **how)
    if isinstance(kind, str):
        raise raises(f"Invalid norm order '{kind}' for vectors")
    total = n(np.add.reduce, n.binary("pow", size, kind), **how)
    power = n(np.reciprocal, n(array.dtype.real.numpy.type, kind))
    return n.binary("pow", total, power)


def _squares(n: Composer, array: ArrayValue) -> PyValue:
    if not array.dtype.is_complex:
        return n.mul(array, array)
    return n.attribute(n.mul(n(np.conjugate, array), array), "real")


def _matrix_norm(
    context: TraceContext,
    n: Composer,
    array: ArrayValue,
    kind: Any,
    axes: tuple[int, ...],
    keepdims: PyValue,
) -> PyValue:
    keep = arguments.flag(context, keepdims, "keepdims")
    if kind in (None, "fro", "f"):
        return n(np.sqrt, n(np.add.reduce, _squares(n, array), axis=axes, keepdims=keep))
    if kind in (1, -1, np.inf, -np.inf):
        first, second = axes if abs(kind) == 1 else axes[::-1]
        extreme = np.max if kind > 0 else np.min
        sums = n(np.add.reduce, n(np.abs, array), axis=first, keepdims=keep)
        place = second if keep or second < first else second - 1
        return n(extreme, sums, axis=place, keepdims=keep)
    given = {"ord": ConstantValue(kind), "axis": _pair(axes), "keepdims": keepdims}
    return external.run(context, np.linalg.norm, [array], given)


def _pair(axes: tuple[int, ...]) -> PyValue:
    return arguments.sequence(axes)


@function_named("linalg.vector_norm", signature="x, *, axis=None, keepdims=False, ord=2")
def vector_norm(
    context: TraceContext,
    x: PyValue,
    axis: PyValue,
    keepdims: PyValue,
    ord: PyValue,
) -> PyValue:
    """Norm over one axis."""
    if is_none(axis):
        raise unsupported("vector_norm over all axes")
    return Composer(context)(np.linalg.norm, x, ord=ord, axis=axis, keepdims=keepdims)


@function(np.linalg.matrix_power, signature="a, n")
def matrix_power(context: TraceContext, a: PyValue, n: PyValue) -> PyValue:
    """Product of a square matrix with itself, by repeated squaring."""
    np_ = Composer(context)
    power = arguments.as_int(context, n, "n")
    array = np_.array(a)
    if len(array.shape) < 2 or not np_.decide(array.shape[-1], "==", array.shape[-2]):
        raise raises("Last 2 dimensions of the array must be square")
    if power <= 0:
        return external.run(context, np.linalg.matrix_power, [array, n], {})
    if power == 1:
        return array
    if power == 3:
        return np_(np.matmul, np_(np.matmul, array, array), array)
    result: PyValue | None = None
    square: PyValue = array
    while power:
        if power & 1:
            result = square if result is None else np_(np.matmul, result, square)
        power >>= 1
        if power:
            square = np_(np.matmul, square, square)
    assert result is not None
    return result

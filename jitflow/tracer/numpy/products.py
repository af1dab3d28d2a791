"""Products of matrices and vectors: matmul, dot, inner, outer, tensordot, vdot, kron, cross."""

from __future__ import annotations

import numpy as np

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BF16, DType
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, ufuncs, views
from jitflow.tracer.numpy.arguments import is_none, raises, supported_dtype, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.operands import (
    Operand,
    as_array,
    broadcast_shapes,
    conform,
    emit,
    emit_wide,
    graph_value,
    operand,
    promoted,
)
from jitflow.tracer.numpy.table import function, function_named
from jitflow.tracer.numpy.ufunc_methods import deliver
from jitflow.tracer.values import ConstantValue, PyValue


def multiply_matrices(context: TraceContext, left: Value, right: Value) -> Value:
    """``left @ right`` of equal dtypes and ranks of at least 1, as the IR's `matmul`."""
    rank_left, rank_right = left.type.rank, right.type.rank
    if rank_left == 1:
        left = emit(context, "expand_dims", left, axes=(0,))
    if rank_right == 1:
        right = emit(context, "expand_dims", right, axes=(1,))
    inner, other = left.type.shape[-1], right.type.shape[-2]
    if not facts.decide(context, inner, "==", other):
        raise raises(f"matmul: size {other} is different from {inner}")
    batch = broadcast_shapes(context, [left.type.shape[:-2], right.type.shape[:-2]])
    left = conform(context, left, (*batch, *left.type.shape[-2:]))
    right = conform(context, right, (*batch, inner, right.type.shape[-1]))
    result = emit_wide(context, "matmul", left, right)
    dropped = [axis for axis, rank in ((-2, rank_left), (-1, rank_right)) if rank == 1]
    if dropped:
        axes = tuple(sorted(result.type.rank + axis for axis in dropped))
        result = emit(context, "squeeze", result, axes=axes)
    return result


def _product_dtype(left: Operand, right: Operand) -> DType:
    if left.dtype is right.dtype is BF16:
        return BF16  # as devices multiply; NumPy has no such loop
    try:
        types = np.matmul.resolve_dtypes((left.dtype.numpy, right.dtype.numpy, None))
    except TypeError as error:
        raise raises(str(error)) from None
    return supported_dtype(types[2])


def matmul(context: TraceContext, left: PyValue, right: PyValue) -> PyValue:
    """``left @ right``."""
    first, second = operand(context, left), operand(context, right)
    if not first.shape or not second.shape:
        raise raises("matmul: Input operand does not have enough dimensions")
    dtype = _product_dtype(first, second)
    values = [graph_value(context, item, dtype) for item in (first, second)]
    return arrays.boxed(context, multiply_matrices(context, *values))


@function(np.matmul, signature="x1, x2, out=None, **options")
def matmul_function(
    context: TraceContext, x1: PyValue, x2: PyValue, out: PyValue, **options: PyValue
) -> PyValue:
    """``numpy.matmul(x1, x2, out)``."""
    if options:
        raise unsupported(f"matmul with {', '.join(options)}")
    return into(context, matmul(context, x1, x2), out)


def into(context: TraceContext, result: PyValue, out: PyValue) -> PyValue:
    """The result, stored in `out` where that is given."""
    (target,) = ufuncs.out_arguments(context, out)
    if target is None:
        return result
    item = operand(context, result)
    if not np.can_cast(item.dtype.numpy, target.dtype.numpy, "same_kind"):
        raise raises("cannot cast the result to out")
    return deliver(context, graph_value(context, item), (), target)


def _exact_out(context: TraceContext, result: PyValue, out: PyValue) -> PyValue:
    (target,) = ufuncs.out_arguments(context, out)
    if target is None:
        return result
    item = operand(context, result)
    if item.dtype is not target.dtype or not arrays.is_contiguous(context, target):
        raise raises("output array is not acceptable")
    return deliver(context, graph_value(context, item), (), target)


@function(np.dot, signature="a, b, out=None", method="dot")
def dot(context: TraceContext, a: PyValue, b: PyValue, out: PyValue) -> PyValue:
    """Sum over the last axis of `a` and the last but one of `b`."""
    first, second = operand(context, a), operand(context, b)
    if not first.shape or not second.shape:
        return _exact_out(context, _scaled(context, first, second), out)
    axis = max(len(second.shape) - 2, 0)
    result = contracted(context, first, second, (len(first.shape) - 1,), (axis,))
    return _exact_out(context, arrays.boxed(context, result), out)


def _scaled(context: TraceContext, left: Operand, right: Operand) -> PyValue:
    """A product with a number: numbers count as arrays, and the result is in C order."""
    dtype = promoted(left.dtype, right.dtype)
    values = [graph_value(context, item, dtype) for item in (left, right)]
    return arrays.boxed(context, emit_wide(context, "multiply", *values))


def contracted(
    context: TraceContext,
    left: Operand,
    right: Operand,
    left_axes: tuple[int, ...],
    right_axes: tuple[int, ...],
) -> Value:
    """Sum of products over pairs of axes; the other axes of `left`, then those of `right`."""
    for one, other in zip(left_axes, right_axes, strict=True):
        if not facts.decide(context, left.shape[one], "==", right.shape[other]):
            raise raises("shapes are not aligned")
    dtype = promoted(left.dtype, right.dtype)
    kept_left = [axis for axis in range(len(left.shape)) if axis not in left_axes]
    kept_right = [axis for axis in range(len(right.shape)) if axis not in right_axes]
    a = graph_value(context, left, dtype)
    b = graph_value(context, right, dtype)
    inner = dims.product(tuple(left.shape[axis] for axis in left_axes))
    outer_left = tuple(left.shape[axis] for axis in kept_left)
    outer_right = tuple(right.shape[axis] for axis in kept_right)
    a = matrix(context, a, (*kept_left, *left_axes), (dims.product(outer_left), inner))
    b = matrix(context, b, (*right_axes, *kept_right), (inner, dims.product(outer_right)))
    result = emit_wide(context, "matmul", a, b)
    shape = (*outer_left, *outer_right)
    return result if result.type.shape == shape else emit(context, "reshape", result, shape=shape)


def matrix(
    context: TraceContext, value: Value, axes: tuple[int, ...], shape: tuple[Dim, ...]
) -> Value:
    """`value` with its axes permuted and merged."""
    if axes != tuple(range(len(axes))):
        value = emit(context, "transpose", value, axes=axes)
    return value if value.type.shape == shape else emit(context, "reshape", value, shape=shape)


@function(np.inner, signature="a, b")
def inner(context: TraceContext, a: PyValue, b: PyValue) -> PyValue:
    """Sum over the last axes."""
    first, second = operand(context, a), operand(context, b)
    if not first.shape or not second.shape:
        return _scaled(context, first, second)
    last = (len(first.shape) - 1,), (len(second.shape) - 1,)
    return arrays.boxed(context, contracted(context, first, second, *last))


@function(np.vdot, signature="a, b")
def vdot(context: TraceContext, a: PyValue, b: PyValue) -> PyValue:
    """Sum of products over all elements, the first conjugated."""
    n = Composer(context)
    left, right = n.array(n(np.ravel, a)), n.array(n(np.ravel, b))
    first = operand(context, n(np.conjugate, left) if left.dtype.is_complex else left)
    return arrays.boxed(context, contracted(context, first, operand(context, right), (0,), (0,)))


@function_named("vecdot", "linalg.vecdot", signature="x1, x2, **options")
def vecdot(context: TraceContext, x1: PyValue, x2: PyValue, **options: PyValue) -> PyValue:
    """Sum of products along the last axis, the first conjugated."""
    if any(name != "axis" for name in options):
        raise unsupported("vecdot with options")
    n = Composer(context)
    left = n(np.conjugate, x1) if n.kind(x1) == "c" else x1
    axis = options.get("axis", ConstantValue(-1))
    common = promoted(operand(context, x1), operand(context, x2))
    return n(np.sum, n(np.multiply, left, x2), axis=axis, dtype=common.numpy)


@function_named("outer", "linalg.outer", signature="a, b, out=None")
def outer(context: TraceContext, a: PyValue, b: PyValue, out: PyValue) -> PyValue:
    """Products of every pair of elements."""
    n = Composer(context)
    left = n.item(n.array(n(np.ravel, a)), slice(None), None)
    right = n.item(n.array(n(np.ravel, b)), None, slice(None))
    return n(np.multiply, left, right, out=out)


@function_named("tensordot", "linalg.tensordot", signature="a, b, axes=2")
def tensordot(context: TraceContext, a: PyValue, b: PyValue, axes: PyValue) -> PyValue:
    """Sum of products over several axes."""
    left, right = operand(context, as_array(context, a)), operand(context, as_array(context, b))
    found = arguments.constant(context, axes, "axes")
    if isinstance(found, (tuple, list)):
        given = [item if isinstance(item, (tuple, list)) else (item,) for item in found]
        first = arguments.normalise_axes(given[0], len(left.shape))
        second = arguments.normalise_axes(given[1], len(right.shape))
    else:
        rank = len(left.shape)
        if found > min(rank, len(right.shape)):
            raise raises("tuple index out of range")
        first, second = tuple(range(rank - found, rank)), tuple(range(found))
    if len(first) != len(second):
        raise raises("shape-mismatch for sum")
    result = contracted(context, left, right, first, second)
    return arrays.fresh(context, result)


@function(np.trace, signature="a, offset=0, axis1=0, axis2=1, dtype=None, out=None", method="trace")
def trace(
    context: TraceContext,
    a: PyValue,
    offset: PyValue,
    axis1: PyValue,
    axis2: PyValue,
    dtype: PyValue,
    out: PyValue,
) -> PyValue:
    """Sum along a diagonal."""
    n = Composer(context)
    diagonal = n(np.diagonal, n.array(a), offset, axis1, axis2)
    return n(np.sum, diagonal, axis=-1, dtype=dtype, out=out)


@function(np.kron, signature="a, b")
def kron(context: TraceContext, a: PyValue, b: PyValue) -> PyValue:
    """Kronecker product."""
    n = Composer(context)
    right = n.array(b)
    left = n.array(n(np.array, a, copy=None, ndmin=len(right.shape)))
    if not left.shape or not right.shape:
        return n(np.multiply, left, right)
    rank = max(len(left.shape), len(right.shape))
    left_shape = (1,) * (rank - len(left.shape)) + left.shape
    right_shape = (1,) * (rank - len(right.shape)) + right.shape
    spread_left = tuple(dim for extent in left_shape for dim in (extent, 1))
    spread_right = tuple(dim for extent in right_shape for dim in (1, extent))
    product = n(
        np.multiply,
        views.reshaped(context, left, spread_left),
        views.reshaped(context, right, spread_right),
    )
    final = tuple(one * other for one, other in zip(left_shape, right_shape, strict=True))
    return views.reshaped(context, n.array(product), final)


@function(np.cross, signature="a, b, axisa=-1, axisb=-1, axisc=-1, axis=None")
def cross(
    context: TraceContext,
    a: PyValue,
    b: PyValue,
    axisa: PyValue,
    axisb: PyValue,
    axisc: PyValue,
    axis: PyValue,
) -> PyValue:
    """Vector product of vectors of three components."""
    n = Composer(context)
    if not is_none(axis):
        axisa = axisb = axisc = axis
    left = n.array(n(np.moveaxis, n.array(a), axisa, -1))
    right = n.array(n(np.moveaxis, n.array(b), axisb, -1))
    if left.shape[-1] != 3 or right.shape[-1] != 3:
        raise unsupported("cross of vectors of two components")
    shape = broadcast_shapes(context, [left.shape[:-1], right.shape[:-1]])
    dtype = promoted(left.dtype, right.dtype)
    result = n(np.empty, (*shape, 3), dtype=dtype.numpy)
    x = [n.item(left, Ellipsis, i) for i in range(3)]
    y = [n.item(right, Ellipsis, i) for i in range(3)]
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        part = n.sub(n(np.multiply, x[j], y[k]), n(np.multiply, x[k], y[j]))
        n.store(result, (Ellipsis, i), part)
    return n(np.moveaxis, result, -1, axisc)

"""New arrays by rules for their elements: ranges, equal distances, identities, triangles."""

from __future__ import annotations

import numpy as np

from jitflow.core.dims import Dim
from jitflow.core.dtypes import F64, I64, DType
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.arguments import is_none, raises, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.creation import fresh_order
from jitflow.tracer.numpy.float_ranges import float_range
from jitflow.tracer.numpy.operands import cast, constant_as, emit, operand, promoted
from jitflow.tracer.numpy.table import function
from jitflow.tracer.objects.model import RangeValue
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue


@function(np.arange, signature="start, stop=_, step=1, dtype=None, *, device=None, like=None")
def arange(
    context: TraceContext,
    start: PyValue,
    stop: PyValue,
    step: PyValue,
    dtype: PyValue,
    device: PyValue,
    like: PyValue,
) -> PyValue:
    """Integers (or floats) at equal distances; the length must not depend on data."""
    if is_none(stop):
        start, stop = ConstantValue(0), start
    wanted = arguments.dtype(context, dtype)
    kinds = [operand(context, value) for value in (start, stop, step)]
    if any(item.dtype.kind not in "biu" for item in kinds):
        return float_range(context, start, stop, step, wanted)
    low, high = arguments.dim(context, start), arguments.dim(context, stop)
    short = [item.weak is None and item.dtype is not I64 for item in kinds]
    if any(short) and (short[0] or low != 0):  # NumPy computes with them as they are, and wraps
        raise unsupported(f"arange between a number and one of {promoted(*kinds)}")
    stride = arguments.as_int(context, step, "step")
    if stride == 0:
        raise raises("Maximum allowed size exceeded")
    first, last = (low, high) if stride > 0 else (high, low)
    width = facts.span(context, last - first)
    length = facts.quotient(context, width + (abs(stride) - 1), abs(stride))
    result = wanted or promoted(I64, *kinds)  # NumPy makes no shorter integers unasked
    if result.kind not in "iuf" or (wanted is None and result is not I64):
        raise unsupported(f"arange of {result}")
    return arrays.fresh(context, _progression(context, low, stride, length, result))


def array_of_range(context: TraceContext, value: RangeValue) -> ArrayValue:
    """``numpy.array(range(...))``: int64, as the items are."""
    bounds = (value.start, value.stop, value.step)
    return Composer(context).array(Composer(context)(np.arange, *bounds, dtype=np.int64))


def _progression(context: TraceContext, low: Dim, stride: int, length: Dim, dtype: DType) -> Value:
    length = arguments.settle(context, length)
    value = emit(context, "iota", length=length, dtype=I64)
    if stride != 1:
        step = emit(context, "constant", value=constant_as(stride, I64))
        value = emit(context, "multiply", value, step)
    if low != 0:
        value = emit(context, "add", value, emit(context, "dimension", dim=low))
    return cast(context, value, dtype)


@function(
    np.linspace,
    signature="start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, "
    "device=None",
)
def linspace(
    context: TraceContext,
    start: PyValue,
    stop: PyValue,
    num: PyValue,
    endpoint: PyValue,
    retstep: PyValue,
    dtype: PyValue,
    axis: PyValue,
    device: PyValue,
) -> PyValue:
    """Numbers at equal distances between two ends, as NumPy computes them."""
    n = Composer(context)
    count = arguments.dim(context, num, "num")
    ends = arguments.flag(context, endpoint, "endpoint")
    if not n.decide(0, "<=", count):
        raise raises("Number of samples must be non-negative")
    if n.rank(start) or n.rank(stop) or arguments.as_int(context, axis, "axis"):
        raise unsupported("linspace between arrays")
    first, last = n.array(start), n.array(stop)
    common = promoted(operand(context, start), operand(context, stop))
    if common.kind in "biu":
        common = F64
    wanted = arguments.dtype(context, dtype) or common
    parts = count - 1 if ends else count
    if not n.decide(0, "<", parts):
        raise unsupported("linspace of fewer than two samples")
    delta = n(np.subtract, last, first, dtype=common.numpy)
    y = n(np.arange, 0, count, dtype=common.numpy)
    step = n.div(delta, parts)
    spread = n(np.where, n.compare("eq", step, 0), n.mul(n.div(y, parts), delta), n.mul(y, step))
    y = n.binary("iadd", spread, first)
    if ends and n.decide(1, "<", count):
        n.store(y, (-1, Ellipsis), last)
    if wanted.is_integer:
        y = n(np.floor, y)
    result = n.method(y, "astype", wanted.numpy, copy=False)
    if arguments.flag(context, retstep, "retstep"):
        return SequenceValue(tuple, [result, step])
    return result


@function(np.eye, signature="N, M=None, k=0, dtype=None, order='C', *, device=None, like=None")
def eye(
    context: TraceContext,
    N: PyValue,  # noqa: N803
    M: PyValue,  # noqa: N803
    k: PyValue,
    dtype: PyValue,
    order: PyValue,
    device: PyValue,
    like: PyValue,
) -> PyValue:
    """Ones on one diagonal."""
    value = _ones(context, (N, M, k), dtype, "equal")
    return arrays.fresh(context, value, fresh_order(context, order, 2))


def _ones(
    context: TraceContext, extents: tuple[PyValue, ...], dtype: PyValue, relation: str
) -> Value:
    """A matrix of ones where `diagonal_mask` holds, from the arguments ``N, M, k``."""
    rows, columns, k = extents
    height = arguments.settle(context, arguments.dim(context, rows))
    width = (
        height if is_none(columns) else arguments.settle(context, arguments.dim(context, columns))
    )
    mask = diagonal_mask(context, height, width, arguments.dim(context, k), relation)
    return cast(context, mask, arguments.dtype(context, dtype) or F64)


def diagonal_mask(context: TraceContext, rows: Dim, columns: Dim, k: Dim, relation: str) -> Value:
    """bool[rows, columns]: whether ``column relation row + k``."""
    row = emit(context, "iota", length=rows, dtype=I64)
    if k != 0:
        row = emit(context, "add", row, emit(context, "dimension", dim=k))
    row = emit(context, "reshape", row, shape=(rows, 1))
    column = emit(context, "iota", length=columns, dtype=I64)
    column = emit(context, "reshape", column, shape=(1, columns))
    return emit(context, relation, column, row)


@function(np.identity, signature="n, dtype=None, *, like=None")
def identity(context: TraceContext, n: PyValue, dtype: PyValue, like: PyValue) -> PyValue:
    """The identity matrix."""
    return Composer(context)(np.eye, n, dtype=dtype)


@function(np.tri, signature="N, M=None, k=0, dtype=None, *, like=None")
def tri(
    context: TraceContext,
    N: PyValue,  # noqa: N803
    M: PyValue,  # noqa: N803
    k: PyValue,
    dtype: PyValue,
    like: PyValue,
) -> PyValue:
    """Ones on and below one diagonal."""
    return arrays.fresh(context, _ones(context, (N, M, k), dtype, "less_equal"))

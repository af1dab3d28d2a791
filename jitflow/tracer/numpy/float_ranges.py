"""``numpy.arange`` of floats, whose length may depend on data."""

from __future__ import annotations

import numpy as np

from jitflow.core.dtypes import F64, I64, DType
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.arguments import unsupported
from jitflow.tracer.numpy.operands import Operand, emit, graph_value, operand, promoted
from jitflow.tracer.objects.either import exact_float
from jitflow.tracer.objects.number_values import constant_float
from jitflow.tracer.values import ArrayValue, PyValue, ScalarValue

_LONGEST = 2.0**31
"""A range that is not shorter is left to NumPy."""


def float_range(
    context: TraceContext, start: PyValue, stop: PyValue, step: PyValue, dtype: DType | None
) -> PyValue:
    """A range of floats; NumPy makes it where its bounds are known, whatever its size."""
    bounds = (start, stop, step)
    kinds = [operand(context, value) for value in bounds]
    is_float64 = promoted(F64, *kinds) is F64 and dtype in (None, F64)
    if is_float64 and not all(arguments.is_known(context, value) for value in bounds):
        return _late_range(context, *kinds)
    known = [arguments.constant(context, value, "arange") for value in bounds]
    result = np.arange(*known, dtype=dtype.numpy if dtype else None)
    return arrays.constant(context, result)


def _late_range(context: TraceContext, start: Operand, stop: Operand, step: Operand) -> PyValue:
    """float64 numbers between bounds that data decide; eager NumPy raises where there is no length.

    The first two are what Python makes of the bounds, the others come by the distance of these two
    (`numpy.arange`).
    """
    first, last, stride = (_as_float(context, item) for item in (start, stop, step))
    length = _length(context, emit(context, "subtract", last, first), stride)
    extent = facts.late_extent(context, length)
    second = emit(context, "add", first, stride)
    places = emit(context, "iota", length=extent, dtype=I64)
    distance = emit(context, "subtract", second, first)
    numbers = emit(context, "multiply", emit(context, "cast", places, dtype=F64), distance)
    result = emit(context, "add", first, numbers)
    for place, known in ((1, second), (0, first)):
        is_there = emit(context, "equal", places, emit(context, "dimension", dim=place))
        result = emit(context, "where", is_there, known, result)
    return arrays.fresh(context, result)


def _as_float(context: TraceContext, item: Operand) -> Value:
    if isinstance(item.value, ArrayValue):
        raise unsupported("arange of arrays")
    if isinstance(item.value, ScalarValue) and item.dtype.is_integer:
        return exact_float(context, graph_value(context, item, I64))
    return graph_value(context, item, F64)


def _length(context: TraceContext, width: Value, stride: Value) -> Value:
    """The number of items (i64), where it is known to be that: of finite bounds, not underflown."""
    zero, limit = constant_float(context, 0.0), constant_float(context, _LONGEST)
    is_step = emit(context, "not_equal", stride, zero)
    facts.require(context, emit(context, "logical_and", is_step, emit(context, "isfinite", width)))
    ratio = emit(context, "divide", width, stride)
    is_whole = emit(context, "equal", width, zero)
    is_there = emit(context, "logical_or", is_whole, emit(context, "not_equal", ratio, zero))
    is_short = emit(context, "less", emit(context, "absolute", ratio), limit)
    facts.require(context, emit(context, "logical_and", is_there, is_short))
    count = emit(context, "cast", emit(context, "ceil", ratio), dtype=I64)
    return emit(context, "maximum", count, emit(context, "dimension", dim=0))

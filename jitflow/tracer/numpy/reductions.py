"""Reductions and scans: sum, prod, min, max, any, all, argmin, argmax, counts, running sums."""

from __future__ import annotations

import numpy as np

from jitflow.core import dims
from jitflow.core.dtypes import I64
from jitflow.ir.graph import Value
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, ufunc_methods, ufuncs
from jitflow.tracer.numpy.arguments import raises
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.operands import emit, emit_wide, graph_value, operand
from jitflow.tracer.numpy.table import Handler, function, function_named
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, ScalarValue

_FULL = "a, axis=None, dtype=None, out=None, keepdims=False, initial=_, where=_"
_EXTREME = "a, axis=None, out=None, keepdims=False, initial=_, where=_"
_LOGICAL = "a, axis=None, out=None, keepdims=False, *, where=_"
_SCAN = "a, axis=None, dtype=None, out=None"


def _register_reduction(ufunc: np.ufunc, signature: str, names: str, method: str) -> None:
    def handler(context: TraceContext, a: PyValue, **keywords: PyValue) -> PyValue:
        return ufunc_methods.reduce(context, ufunc, a, **keywords)

    function_named(*names.split(), signature=signature, method=method)(handler)


for _row in (
    (np.add, _FULL, "sum", "sum"),
    (np.multiply, _FULL, "prod", "prod"),
    (np.maximum, _EXTREME, "max amax", "max"),
    (np.minimum, _EXTREME, "min amin", "min"),
    (np.logical_or, _LOGICAL, "any", "any"),
    (np.logical_and, _LOGICAL, "all", "all"),
):
    _register_reduction(*_row)


@function(np.ptp, signature="a, axis=None, out=None, keepdims=False")
def ptp(
    context: TraceContext, a: PyValue, axis: PyValue, out: PyValue, keepdims: PyValue
) -> PyValue:
    """Range of values: maximum less minimum."""
    n = Composer(context)
    high = n(np.max, a, axis=axis, keepdims=keepdims)
    low = n(np.min, a, axis=axis, keepdims=keepdims)
    return n(np.subtract, high, low, out=out)


def _search(record: str) -> Handler:
    def handler(
        context: TraceContext, a: PyValue, axis: PyValue, out: PyValue, keepdims: PyValue
    ) -> PyValue:
        item = operand(context, a)
        value = graph_value(context, item)
        rank = len(item.shape)
        keep = arguments.flag(context, keepdims, "keepdims")
        shape: tuple[dims.Dim, ...]
        if arguments.is_none(axis):
            position, shape = 0, (1,) * rank if keep else ()
            value = emit(context, "reshape", value, shape=(dims.product(item.shape),))
        else:
            position = arguments.axis(context, axis, max(rank, 1))
            value = value if rank else emit(context, "reshape", value, shape=(1,))
            extents = list(item.shape) or [1]
            extents[position : position + 1] = [1] if keep and rank else []
            shape = tuple(extents)
        if facts.decide(context, value.type.shape[position], "==", 0):
            raise raises(f"attempt to get {record} of an empty sequence")
        if value.type.shape[position] == 1:
            found = _first_positions(context, value, position)
        else:
            found = emit_wide(context, record, value, axes=(position,), keepdims=False)
        if found.type.shape != shape:
            found = emit(context, "reshape", found, shape=shape)
        (target,) = ufuncs.out_arguments(context, out)
        if target is not None and target.dtype is not I64:
            raise arguments.unsupported(f"{record} with out of {target.dtype}")
        return ufunc_methods.deliver(context, found, tuple(range(len(shape))), target)

    return handler


def _first_positions(context: TraceContext, value: Value, axis: int) -> Value:
    """Zeros: the positions of the only elements along an axis."""
    zero = np.zeros((), np.int64)
    zero.flags.writeable = False
    scalar = emit(context, "constant", value=zero)
    shape = value.type.shape[:axis] + value.type.shape[axis + 1 :]
    return emit(context, "full", scalar, shape=shape) if shape else scalar


for _name in ("argmax", "argmin"):
    function_named(_name, signature="a, axis=None, out=None, *, keepdims=False", method=_name)(
        _search(_name)
    )


@function(np.count_nonzero, signature="a, axis=None, *, keepdims=False")
def count_nonzero(context: TraceContext, a: PyValue, axis: PyValue, keepdims: PyValue) -> PyValue:
    """Number of elements that are not zero; for the whole array a number."""
    n = Composer(context)
    chosen = n(np.not_equal, a, np.bool_(False) if n.kind(a) == "b" else 0)
    if arguments.is_none(axis) and not arguments.flag(context, keepdims, "keepdims"):
        total = n(np.sum, chosen, dtype=np.intp)
        if _COUNT_TYPE is int and isinstance(total, ScalarValue):
            return ScalarValue("int", I64, total.value)
        return total
    return n(np.sum, chosen, axis=axis, dtype=np.intp, keepdims=keepdims)


_COUNT_TYPE: type = type(np.count_nonzero(np.zeros(1)))


def _register_scan(ufunc: np.ufunc, names: str, method: str, cumulative: str) -> None:
    def handler(context: TraceContext, a: PyValue, axis: PyValue, **rest: PyValue) -> PyValue:
        n = Composer(context)
        array: PyValue = n.array(a)
        if arguments.is_none(axis) and n.rank(array) != 1:
            array, axis = n(np.ravel, array), ConstantValue(0)
        elif arguments.is_none(axis):
            axis = ConstantValue(0)
        return ufunc_methods.accumulate(context, ufunc, array, axis, **rest)

    def standard(
        context: TraceContext,
        x: PyValue,
        axis: PyValue,
        dtype: PyValue,
        out: PyValue,
        include_initial: PyValue,
    ) -> PyValue:
        n = Composer(context)
        if arguments.flag(context, include_initial, "include_initial"):
            raise arguments.unsupported("include_initial")
        if arguments.is_none(axis) and n.rank(x) > 1:
            raise raises("for arrays which have more than one dimension axis is required")
        return handler(context, x, axis, dtype=dtype, out=out)

    function_named(*names.split(), signature=_SCAN, method=method)(handler)
    function_named(
        cumulative, signature="x, *, axis=None, dtype=None, out=None, include_initial=False"
    )(standard)


_register_scan(np.add, "cumsum", "cumsum", "cumulative_sum")
_register_scan(np.multiply, "cumprod", "cumprod", "cumulative_prod")


@function(
    np.mean,
    signature="a, axis=None, dtype=None, out=None, keepdims=False, *, where=_",
    method="mean",
)
def mean(
    context: TraceContext,
    a: PyValue,
    axis: PyValue,
    dtype: PyValue,
    out: PyValue,
    keepdims: PyValue,
    where: PyValue,
) -> PyValue:
    """Arithmetic mean, summed in the dtype that NumPy chooses."""
    n = Composer(context)
    mask = None if arguments.is_missing(where) else ufuncs.where_argument(context, where)
    own = n.dtype(a)
    half = arguments.is_none(dtype) and own.is_half
    if arguments.is_none(dtype) and own.kind in "biu":
        dtype = ConstantValue(np.dtype(np.float64))
    elif half:
        dtype = ConstantValue(np.dtype(np.float32))
    if mask is None:
        count = reduced_count(context, n.shape(a), axis)
        if n.decide(count, "==", 0):
            raise arguments.unsupported("mean of an empty slice, which warns")
        total = n(np.sum, a, axis=axis, dtype=dtype, out=out, keepdims=keepdims)
        result = divide_by_count(n, total, n(np.intp, count))
    else:
        chosen = n(np.broadcast_to, where, n.shape(a))
        items = n(np.sum, chosen, axis=axis, dtype=np.intp, keepdims=keepdims)
        n.require_all(n.compare("gt", items, 0))
        total = n(np.sum, a, axis=axis, dtype=dtype, out=out, keepdims=keepdims, where=where)
        result = divide_by_count(n, total, items)
    if half and arguments.is_none(out):
        if isinstance(result, ArrayValue):
            return n.method(result, "astype", own.numpy)
        return n(np.float16, result)
    return result


def reduced_count(context: TraceContext, shape: tuple[dims.Dim, ...], axis: PyValue) -> dims.Dim:
    """Number of elements that one result of a reduction is made of."""
    axes = arguments.axes(context, axis, len(shape))
    return dims.product(tuple(shape[position] for position in axes))


def divide_by_count(n: Composer, total: PyValue, count: PyValue) -> PyValue:
    """``total / count`` in the dtype of `total`: in place for an array."""
    if isinstance(total, ArrayValue):
        return n(np.true_divide, total, count, out=total, casting="unsafe")
    return n.real_type(total, n.div(total, count))


@function(
    np.var,
    signature="a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=_, "
    "mean=_, correction=_",
    method="var",
)
def var(
    context: TraceContext,
    a: PyValue,
    axis: PyValue,
    dtype: PyValue,
    out: PyValue,
    ddof: PyValue,
    keepdims: PyValue,
    where: PyValue,
    mean: PyValue,
    correction: PyValue,
) -> PyValue:
    """Variance: the mean squared distance from the mean."""
    n = Composer(context)
    mask = None if arguments.is_missing(where) else ufuncs.where_argument(context, where)
    ddof = lost_degrees(ddof, correction)
    array = n.array(a)
    if arguments.is_none(dtype) and array.dtype.kind in "biu":
        dtype = ConstantValue(np.dtype(np.float64))
    count = reduced_count(context, array.shape, axis)
    degrees = arguments.constant(context, ddof, "ddof")
    if mask is not None:
        given = {"axis": axis, "dtype": dtype, "where": where}
        return _masked_variance(n, array, mean, degrees, given, out=out, keepdims=keepdims)
    if n.decide(count, "<=", int(np.ceil(degrees))):
        raise arguments.unsupported("var without degrees of freedom, which warns")
    items = n(np.intp, count)
    middle = mean
    if arguments.is_missing(mean):
        total = n(np.sum, array, axis=axis, dtype=dtype, keepdims=True)
        middle = divide_by_count(n, total, items)
    apart = n.sub(array, middle)
    squares = squared_magnitude(n, apart)
    total = n(np.sum, squares, axis=axis, dtype=dtype, out=out, keepdims=keepdims)
    freedom = n.sub(items, degrees)
    return divide_by_count(n, total, freedom)


def _masked_variance(
    n: Composer,
    array: ArrayValue,
    mean: PyValue,
    degrees: float,
    given: dict[str, PyValue],
    **result: PyValue,
) -> PyValue:
    """The variance of the elements that ``where`` chooses; Python warns where they are too few."""
    axis, keepdims = given["axis"], result["keepdims"]
    chosen = n(np.broadcast_to, given["where"], array.shape)
    items = n(np.sum, chosen, axis=axis, dtype=np.intp, keepdims=keepdims)
    n.require_all(n.compare("gt", items, degrees))
    if arguments.is_missing(mean):
        counts = n(np.sum, chosen, axis=axis, dtype=np.intp, keepdims=True)
        mean = divide_by_count(n, n(np.sum, array, keepdims=True, **given), counts)
    squares = squared_magnitude(n, n.sub(array, mean))
    total = n(np.sum, squares, **given, **result)
    return divide_by_count(n, total, n(np.maximum, n.sub(items, degrees), 0))


def lost_degrees(ddof: PyValue, correction: PyValue) -> PyValue:
    """Degrees of freedom that are lost, by whichever name they were given."""
    if arguments.is_missing(correction):
        return ddof
    if not (isinstance(ddof, ConstantValue) and ddof.value == 0):
        raise arguments.raises("ddof and correction can't be provided simultaneously.")
    return correction


def squared_magnitude(n: Composer, apart: PyValue) -> PyValue:
    """``|apart|**2`` as a real array."""
    if n.kind(apart) != "c":
        return n.mul(apart, apart)
    real, imag = n.attribute(apart, "real"), n.attribute(apart, "imag")
    return n.add(n.mul(real, real), n.mul(imag, imag))


@function(
    np.std,
    signature="a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=_, "
    "mean=_, correction=_",
    method="std",
)
def std(context: TraceContext, out: PyValue, **rest: PyValue) -> PyValue:
    """Standard deviation: the root of the variance."""
    n = Composer(context)
    variance = var(context, out=out, **rest)
    if isinstance(variance, ArrayValue):
        return n(np.sqrt, variance, out=variance)
    return n.real_type(variance, n(np.sqrt, variance))

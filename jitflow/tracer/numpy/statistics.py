"""Statistics made of reductions: averages, reductions that skip NaN, differences, integrals."""

from __future__ import annotations

import numpy as np

from jitflow.core.dtypes import F64
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.arguments import is_missing, is_none, raises, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.operands import promoted, same_shape
from jitflow.tracer.numpy.reductions import divide_by_count, lost_degrees, squared_magnitude
from jitflow.tracer.numpy.table import function, function_named
from jitflow.tracer.values import ArrayValue, PyValue

_NAN_SUM = "a, axis=None, dtype=None, out=None, keepdims=False, initial=_, where=_"
_NAN_EXTREME = "a, axis=None, out=None, keepdims=False, initial=_, where=_"


@function(np.average, signature="a, axis=None, weights=None, returned=False, *, keepdims=False")
def average(
    context: TraceContext,
    a: PyValue,
    axis: PyValue,
    weights: PyValue,
    returned: PyValue,
    keepdims: PyValue,
) -> PyValue:
    """Mean with weights; weights that sum to zero are left to NumPy, which raises."""
    n = Composer(context)
    array = n.array(a)
    if arguments.flag(context, returned, "returned"):
        raise unsupported("average with returned")
    if is_none(weights):
        return n(np.mean, array, axis=axis, keepdims=keepdims)
    weight = n.array(weights)
    extra = [F64] if array.dtype.kind in "biu" else []
    dtype = promoted(array.dtype, weight.dtype, *extra).numpy
    if not same_shape(context, weight.shape, array.shape):
        weight = _spread_weights(n, array, weight, axis)
    scale = n(np.sum, weight, axis=axis, dtype=dtype, keepdims=keepdims)
    n.require_all(n.compare("ne", scale, 0.0))
    total = n(np.sum, n(np.multiply, array, weight, dtype=dtype), axis=axis, keepdims=keepdims)
    return n.div(total, scale)


def _spread_weights(
    n: Composer, array: ArrayValue, weight: ArrayValue, axis: PyValue
) -> ArrayValue:
    if is_none(axis):
        raise raises("Axis must be specified when shapes of a and weights differ.")
    axes = arguments.axes(n.context, axis, len(array.shape))
    if len(axes) != 1 or len(weight.shape) != 1:
        raise unsupported("average with weights of several axes")
    if not n.decide(weight.shape[0], "==", array.shape[axes[0]]):
        raise raises("Shape of weights must be consistent with shape of a along specified axis.")
    shape = tuple(-1 if place == axes[0] else 1 for place in range(len(array.shape)))
    return n.array(n(np.reshape, weight, shape))


# Reductions that skip NaN


def without_nan(n: Composer, a: PyValue, number: float) -> tuple[ArrayValue, PyValue | None]:
    """The array with NaN replaced, and where it was; no mask for dtypes without NaN."""
    array = n.array(a)
    if array.dtype.kind not in "fc":
        return array, None
    mask = n(np.isnan, array)
    filled = n.array(n(np.array, array, copy=True))
    n(np.copyto, filled, number, where=mask)
    return filled, mask


def _register_nan_sum(name: str, plain: str, number: float, signature: str) -> None:
    reduction = getattr(np, plain)

    def handler(context: TraceContext, a: PyValue, **keywords: PyValue) -> PyValue:
        n = Composer(context)
        given = {key: value for key, value in keywords.items() if not is_missing(value)}
        return n(reduction, without_nan(n, a, number)[0], **given)

    function_named(name, signature=signature)(handler)


_register_nan_sum("nansum", "sum", 0, _NAN_SUM)
_register_nan_sum("nanprod", "prod", 1, _NAN_SUM)
_register_nan_sum("nancumsum", "cumsum", 0, "a, axis=None, dtype=None, out=None")
_register_nan_sum("nancumprod", "cumprod", 1, "a, axis=None, dtype=None, out=None")


def _register_nan_extreme(name: str, plain: str, number: float) -> None:
    reduction = getattr(np, plain)

    def handler(
        context: TraceContext,
        a: PyValue,
        axis: PyValue,
        out: PyValue,
        keepdims: PyValue,
        initial: PyValue,
        where: PyValue,
    ) -> PyValue:
        n = Composer(context)
        if not (is_missing(initial) and is_missing(where)):
            raise unsupported(f"{name} with initial or where")
        filled, mask = without_nan(n, a, number)
        if mask is not None:
            n.require_all(n(np.logical_not, n(np.all, mask, axis=axis)))
        return n(reduction, filled, axis=axis, out=out, keepdims=keepdims)

    function_named(name, signature=_NAN_EXTREME)(handler)


_register_nan_extreme("nanmin", "min", np.inf)
_register_nan_extreme("nanmax", "max", -np.inf)


def _register_nan_search(name: str, plain: str, number: float) -> None:
    search = getattr(np, plain)

    def handler(
        context: TraceContext, a: PyValue, axis: PyValue, out: PyValue, keepdims: PyValue
    ) -> PyValue:
        n = Composer(context)
        filled, mask = without_nan(n, a, number)
        if mask is not None:
            n.require_all(n(np.logical_not, n(np.all, mask, axis=axis)))
        return n(search, filled, axis=axis, out=out, keepdims=keepdims)

    function_named(name, signature="a, axis=None, out=None, *, keepdims=False")(handler)


_register_nan_search("nanargmin", "argmin", np.inf)
_register_nan_search("nanargmax", "argmax", -np.inf)


@function(np.nanmean, signature="a, axis=None, dtype=None, out=None, keepdims=False, *, where=_")
def nanmean(
    context: TraceContext,
    a: PyValue,
    axis: PyValue,
    dtype: PyValue,
    out: PyValue,
    keepdims: PyValue,
    where: PyValue,
) -> PyValue:
    """Mean of what is not NaN; a slice without any is left to NumPy, which warns."""
    n = Composer(context)
    if not is_missing(where):
        raise unsupported("nanmean with where")
    filled, mask = without_nan(n, a, 0)
    if mask is None:
        return n(np.mean, filled, axis=axis, dtype=dtype, out=out, keepdims=keepdims)
    present = n(np.logical_not, mask)
    count = n(np.sum, present, axis=axis, dtype=np.intp, keepdims=keepdims)
    n.require_all(n.compare("ne", count, 0))
    total = n(np.sum, filled, axis=axis, dtype=dtype, out=out, keepdims=keepdims)
    return divide_by_count(n, total, count)


_NAN_VAR = (
    "a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=_, mean=_, correction=_"
)


@function(np.nanvar, signature=_NAN_VAR)
def nanvar(
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
    """Variance of what is not NaN."""
    n = Composer(context)
    if not (is_missing(where) and is_missing(mean) and is_none(out)):
        raise unsupported("nanvar with where, mean or out")
    filled, mask = without_nan(n, a, 0)
    freedom = lost_degrees(ddof, correction)
    if mask is None:
        return n(np.var, filled, axis=axis, dtype=dtype, ddof=freedom, keepdims=keepdims)
    present = n(np.logical_not, mask)
    count = n(np.sum, present, axis=axis, dtype=np.intp, keepdims=True)
    n.require_all(n.compare("gt", n.sub(count, freedom), 0))
    middle = divide_by_count(n, n(np.sum, filled, axis=axis, dtype=dtype, keepdims=True), count)
    n(np.subtract, filled, middle, out=filled, casting="unsafe")
    n(np.copyto, filled, 0, where=mask)
    squares = squared_magnitude(n, filled)
    total = n(np.sum, squares, axis=axis, dtype=dtype, keepdims=keepdims)
    items = count if arguments.flag(context, keepdims, "keepdims") else _dropped(n, count, axis)
    return divide_by_count(n, total, n.sub(items, freedom))


def _dropped(n: Composer, count: PyValue, axis: PyValue) -> PyValue:
    axes = arguments.axes(n.context, axis, n.rank(count))
    if len(axes) == n.rank(count):
        return n.item(count, (0,) * len(axes)) if axes else count
    return n(np.squeeze, count, axis=axes)


@function(np.nanstd, signature=_NAN_VAR)
def nanstd(context: TraceContext, **given: PyValue) -> PyValue:
    """Standard deviation of what is not NaN."""
    n = Composer(context)
    variance = nanvar(context, **given)
    if isinstance(variance, ArrayValue):
        return n(np.sqrt, variance, out=variance)
    return n.real_type(variance, n(np.sqrt, variance))


# Differences and integrals


@function(np.diff, signature="a, n=1, axis=-1, prepend=_, append=_", fold=False)
def diff(
    context: TraceContext,
    a: PyValue,
    n: PyValue,
    axis: PyValue,
    prepend: PyValue,
    append: PyValue,
) -> PyValue:
    """Differences of neighbours along an axis."""
    np_ = Composer(context)
    array = np_.array(a)
    times = arguments.as_int(context, n, "n")
    if times == 0:
        return a
    if times < 0:
        raise raises("order must be non-negative")
    if not array.shape:
        raise raises("diff requires input that is at least one dimensional")
    place = arguments.axis(context, axis, len(array.shape))
    parts: list[PyValue] = [array]
    for value, end in ((prepend, 0), (append, 1)):
        if not is_missing(value):
            parts.insert(len(parts) * end, _border(np_, value, array, place))
    if len(parts) > 1:
        array = np_.array(np_(np.concatenate, parts, axis=place))
    before = (slice(None),) * place
    ufunc = np.not_equal if array.dtype.kind == "b" else np.subtract
    for _ in range(times):
        later = np_.item(array, (*before, slice(1, None)))
        earlier = np_.item(array, (*before, slice(None, -1)))
        array = np_.array(np_(ufunc, later, earlier))
    return array


def _border(n: Composer, value: PyValue, array: ArrayValue, place: int) -> PyValue:
    edge = n.array(value)
    if edge.shape:
        return edge
    shape = (*array.shape[:place], 1, *array.shape[place + 1 :])
    return n(np.broadcast_to, edge, shape)


@function(np.ediff1d, signature="ary, to_end=None, to_begin=None")
def ediff1d(context: TraceContext, ary: PyValue, to_end: PyValue, to_begin: PyValue) -> PyValue:
    """Differences of neighbours of the flat array."""
    n = Composer(context)
    if not (is_none(to_end) and is_none(to_begin)):
        raise unsupported("ediff1d with ends")
    flat = n(np.ravel, n.array(ary))
    return n(np.subtract, n.item(flat, slice(1, None)), n.item(flat, slice(None, -1)))


@function_named("trapezoid", "trapz", signature="y, x=None, dx=1.0, axis=-1")
def trapezoid(context: TraceContext, y: PyValue, x: PyValue, dx: PyValue, axis: PyValue) -> PyValue:
    """Integral by the trapezoidal rule."""
    n = Composer(context)
    values = n.array(y)
    place = arguments.axis(context, axis, len(values.shape))
    width = dx
    if not is_none(x):
        points = n.array(x)
        width = n(np.diff, points, axis=-1 if len(points.shape) == 1 else place)
        if len(points.shape) == 1:
            shape = tuple(-1 if axis_ == place else 1 for axis_ in range(len(values.shape)))
            width = n(np.reshape, width, shape)
    before = (slice(None),) * place
    later = n.item(values, (*before, slice(1, None)))
    earlier = n.item(values, (*before, slice(None, -1)))
    area = n.div(n.mul(width, n.add(later, earlier)), 2.0)
    return n(np.sum, area, axis=place)

"""Methods of ufuncs: reduce, accumulate, outer, at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jitflow.core.dims import Dim
from jitflow.core.dtypes import BOOL, F16, F32, DType, from_device
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts, layout
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, ufuncs
from jitflow.tracer.numpy.arguments import raises, unsupported
from jitflow.tracer.numpy.callouts import Callee, Slot, call_out
from jitflow.tracer.numpy.operands import (
    Operand,
    broadcast_shapes,
    cast,
    conform,
    emit,
    graph_value,
    operand,
    same_shape,
)
from jitflow.tracer.numpy.table import MISSING, Entry, bind, parse_signature
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue

_REDUCTIONS: dict[np.ufunc, str] = {
    np.add: "sum",
    np.multiply: "prod",
    np.maximum: "max",
    np.minimum: "min",
    np.logical_or: "any",
    np.logical_and: "all",
}
_SCANS: dict[np.ufunc, str] = {np.add: "cumsum", np.multiply: "cumprod"}
_SCATTERS: dict[np.ufunc, str] = {
    np.add: "add",
    np.subtract: "add",
    np.multiply: "multiply",
    np.minimum: "minimum",
    np.maximum: "maximum",
}
_NONE = ConstantValue(None)
_ZERO = ConstantValue(0)
_FALSE = ConstantValue(False)
_NOT_GIVEN = ConstantValue(MISSING)


def call(
    context: TraceContext,
    ufunc: np.ufunc,
    name: str,
    args: list[PyValue],
    kwargs: dict[str, PyValue],
) -> PyValue:
    """``ufunc.name(*args, **kwargs)``."""
    rule = _METHODS.get(name)
    if rule is None:
        raise unsupported(f"np.{ufunc.__name__}.{name}")
    handler, signature = rule
    entry = Entry(handler, parse_signature(signature), name=f"np.{ufunc.__name__}.{name}")
    return handler(context, ufunc, **bind(entry, args, kwargs))


def reduce(
    context: TraceContext,
    ufunc: np.ufunc,
    array: PyValue,
    axis: PyValue = _NONE,
    dtype: PyValue = _NONE,
    out: PyValue = _NONE,
    keepdims: PyValue = _FALSE,
    initial: PyValue = _NOT_GIVEN,
    where: PyValue = _NOT_GIVEN,
) -> PyValue:
    """``ufunc.reduce(array, axis, dtype, out, keepdims, initial, where)``."""
    item = operand(context, array)
    axes = arguments.axes(context, axis, len(item.shape))
    keep = arguments.flag(context, keepdims, "keepdims")
    (target,) = ufuncs.out_arguments(context, out)
    wanted = arguments.numpy_dtype(context, dtype)
    loop, result = _reduction_loop(ufunc, item, wanted, target)
    mask = ufuncs.where_argument(context, where)
    _check_identity(context, ufunc, item, axes, initial, mask)
    value = graph_value(context, item, loop)
    if mask is not None:
        value = _masked(context, ufunc, value, mask)
    order = reduction_order(context, item, axes, keep)
    folded = _folded(context, ufunc, value, axes, keep)
    if not arguments.is_none(initial):
        if ufunc is np.add and loop.kind in "fc" and _may_be_negative_zero(initial):
            raise unsupported("an initial value that may be -0.0")  # sums begin with 0.0
        start = graph_value(context, operand(context, initial), loop)
        folded = ufuncs.element_wise(context, ufunc, [start, folded], [loop])[0]
    return deliver(context, cast(context, folded, result), order, target)


def _may_be_negative_zero(value: PyValue) -> bool:
    start = value.value if isinstance(value, ConstantValue) else -0.0
    return start == 0 and bool(np.signbit(np.real(start)) or np.signbit(np.imag(start)))


def _reduction_loop(
    ufunc: np.ufunc, item: Operand, dtype: np.dtype | None, out: ArrayValue | None
) -> tuple[DType, DType]:
    """Dtypes of the operand and of the result of the loop that a reduction runs."""
    if dtype is None and out is not None:
        dtype = out.dtype.numpy
    small = item.dtype.kind in "biu" and item.dtype.itemsize < np.dtype(int).itemsize
    if dtype is None and small and ufunc in (np.add, np.multiply):
        dtype = np.dtype(np.uint64 if item.dtype.kind == "u" else np.int64)
    chosen = {} if dtype is None else {"signature": (dtype, None, None)}
    if ufunc in (np.logical_and, np.logical_or):
        return BOOL, BOOL
    try:
        types = ufunc.resolve_dtypes(
            (None, item.dtype.numpy, None), reduction=True, casting="unsafe", **chosen
        )
    except (TypeError, ValueError) as error:
        raise raises(str(error)) from None
    loop, result = from_device(types[1]), from_device(types[2])
    if loop is None or result is None:
        raise Unsupported("JF-B007", f"np.{ufunc.__name__}.reduce in {types[1]}")
    if out is not None and not np.can_cast(result.numpy, out.dtype.numpy, "same_kind"):
        raise raises("cannot cast the result of a reduction to out")
    return loop, result


def _check_identity(
    context: TraceContext,
    ufunc: np.ufunc,
    item: Operand,
    axes: tuple[int, ...],
    initial: PyValue,
    mask: Operand | None,
) -> None:
    """A reduction without identity of nothing raises; with a mask it needs `initial`."""
    if ufunc.identity is not None or not arguments.is_none(initial):
        return
    if mask is not None:
        raise raises(f"reduction operation '{ufunc.__name__}' needs an initial value with where")
    for axis in axes:
        if facts.decide(context, item.shape[axis], "==", 0):
            raise raises(f"zero-size array to reduction operation {ufunc.__name__}")


def _masked(context: TraceContext, ufunc: np.ufunc, value: Value, mask: Operand) -> Value:
    """The operand with the neutral element where the mask is false."""
    neutral = neutral_element(ufunc, value.type.dtype)
    neutral.flags.writeable = False
    scalar = emit(context, "constant", value=neutral)
    condition = conform(context, graph_value(context, mask), value.type.shape)
    shape = broadcast_shapes(context, [condition.type.shape, value.type.shape])
    if shape != value.type.shape:
        raise unsupported("a where mask that is larger than the operand")
    return emit(context, "where", condition, value, scalar)


def neutral_element(ufunc: np.ufunc, dtype: DType) -> np.ndarray:
    """The element that changes no result, as a 0-d array."""
    if ufunc in (np.maximum, np.minimum):
        least = ufunc is np.maximum
        if dtype.kind in "iu":
            info = np.iinfo(dtype.numpy)
            return np.array(info.min if least else info.max, dtype.numpy)
        if dtype is BOOL:
            return np.array(not least)
        return np.array(-np.inf if least else np.inf, dtype.numpy)
    return np.array(ufunc.identity, dtype.numpy)


def _folded(
    context: TraceContext, ufunc: np.ufunc, value: Value, axes: tuple[int, ...], keep: bool
) -> Value:
    name = _REDUCTIONS.get(ufunc)
    if not axes and name is not None:
        inexact = value.type.dtype.is_float or value.type.dtype.is_complex
        return _plus_zero(context, value) if name == "sum" and inexact else value
    if name is not None:
        dtype = value.type.dtype
        is_wide = dtype is F16 and (name != "sum" or 1 < value.type.rank == len(axes))
        wide = cast(context, value, F32) if is_wide else value  # NumPy adds all in one run
        result = emit(context, name, wide, axes=axes, keepdims=keep)
        return cast(context, result, dtype)
    return _called(context, ufunc, value, axes, keep)


def _plus_zero(context: TraceContext, value: Value) -> Value:
    """The sums of single elements: NumPy starts at zero, so that there is no negative one."""
    zero = np.zeros((), value.type.dtype.numpy)
    zero.flags.writeable = False
    return emit(context, "add", value, emit(context, "constant", value=zero))


def _called(
    context: TraceContext, ufunc: np.ufunc, value: Value, axes: tuple[int, ...], keep: bool
) -> Value:
    """A reduction for which there is no operator: NumPy runs it."""
    kept = [
        1 if axis in axes else dim
        for axis, dim in enumerate(value.type.shape)
        if keep or axis not in axes
    ]
    axis = axes if len(axes) != 1 else axes[0]
    function = Callee(ufunc.reduce, (Slot(0),), (("axis", axis), ("keepdims", keep)))
    try:
        result = ufunc.resolve_dtypes((None, value.type.dtype.numpy, None), reduction=True)[2]
    except (TypeError, ValueError) as error:
        raise raises(str(error)) from None
    dtype = arguments.supported_dtype(result)
    if len(axes) > 1 and ufunc.identity is None and ufunc not in _COMMUTATIVE:
        raise raises(f"reduction operation '{ufunc.__name__}' is not reorderable")
    return call_out(context, function, [value], [dtype], tuple(kept))[0]


_COMMUTATIVE = (np.fmax, np.fmin)


def reduction_order(
    context: TraceContext, item: Operand, axes: tuple[int, ...], keep: bool
) -> layout.Order:
    """Memory order of a reduction's result: that of iterating over the operand."""
    if not isinstance(item.value, ArrayValue):
        return ()
    shape, strides, _ = arrays.described(context, item.value)
    order = layout.iteration_order(shape, [strides])
    if keep:
        return order
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    return tuple(kept.index(axis) for axis in order if axis in kept)


def deliver(
    context: TraceContext, value: Value, order: layout.Order, out: ArrayValue | None
) -> PyValue:
    """A result as NumPy gives it: in `out`, or fresh, or a NumPy scalar."""
    if out is None:
        return arrays.boxed(context, value, order)
    if not same_shape(context, value.type.shape, out.shape):
        raise raises("output parameter has a wrong shape")
    arrays.write(context, out, conform(context, cast(context, value, out.dtype), out.shape))
    return out


def accumulate(
    context: TraceContext,
    ufunc: np.ufunc,
    array: PyValue,
    axis: PyValue = _ZERO,
    dtype: PyValue = _NONE,
    out: PyValue = _NONE,
) -> PyValue:
    """``ufunc.accumulate(array, axis, dtype, out)``."""
    item = operand(context, array)
    if not isinstance(item.value, ArrayValue) or not item.shape:
        raise raises("cannot accumulate on a scalar")
    position = arguments.axis(context, axis, len(item.shape))
    (target,) = ufuncs.out_arguments(context, out)
    loop, result = _reduction_loop(ufunc, item, arguments.numpy_dtype(context, dtype), target)
    value = graph_value(context, item, loop)
    name = _SCANS.get(ufunc)
    if name is None or not _is_native_scan(ufunc, loop):
        keywords = (("axis", position), ("dtype", result.numpy if ufunc in _SCANS else None))
        function = Callee(ufunc.accumulate, (Slot(0),), keywords)
        (value,) = call_out(context, function, [value], [result], value.type.shape)
    else:
        value = emit(context, name, value, axis=position)
    shape, strides, _ = arrays.described(context, item.value)
    order = layout.iteration_order(shape, [strides])
    return deliver(context, cast(context, value, result), order, target)


def _is_native_scan(ufunc: np.ufunc, dtype: DType) -> bool:
    """Products of complex numbers have no neutral element: ``(1+0j) * inf`` has a NaN."""
    return dtype is not F16 and not (ufunc is np.multiply and dtype.is_complex)


def outer(
    context: TraceContext, ufunc: np.ufunc, left: PyValue, right: PyValue, **keywords: PyValue
) -> PyValue:
    """``ufunc.outer(left, right)``: every pair of elements."""
    first, second = operand(context, left), operand(context, right)
    spread: PyValue = first.value
    if isinstance(first.value, ArrayValue) and second.shape:
        rank = len(first.shape)
        ones: tuple[Dim, ...] = (1,) * len(second.shape)
        shape = (*first.shape, *ones)
        spread = arrays.view(
            first.value,
            (("expand_dims", {"axes": tuple(range(rank, len(shape)))}),),
            shape,
            (*first.value.strides, *(0,) * len(second.shape)),
            "reshape",
        )
    options = ufuncs.parse_options(context, ufunc, keywords)
    return ufuncs.apply(context, ufunc, [spread, second.value], options)


def at(
    context: TraceContext,
    ufunc: np.ufunc,
    array: PyValue,
    indices: PyValue,
    values: PyValue = _NOT_GIVEN,
) -> PyValue:
    """``ufunc.at(array, indices, values)``: unbuffered, so repeated indices add up."""
    from jitflow.tracer.numpy import advanced, keys
    from jitflow.tracer.numpy.indexing import fitted

    mode = _SCATTERS.get(ufunc)
    if not isinstance(array, ArrayValue):
        raise raises("first operand must be array")
    if mode is None or arguments.is_missing(values):
        raise unsupported(f"np.{ufunc.__name__}.at")
    arrays.check_writable(array)
    items = keys.parse(context, indices, len(array.shape))
    if not advanced.is_advanced(items) or any(isinstance(i, keys.Mask) for i in items):
        raise unsupported(f"np.{ufunc.__name__}.at without integer arrays")
    source = operand(context, values)
    loop = ufuncs.resolve(ufunc, [operand(context, array), source], ufuncs.Options(out=[None]))
    if from_device(loop[2]) is not array.dtype or from_device(loop[0]) is not array.dtype:
        raise unsupported(f"np.{ufunc.__name__}.at with a cast")
    selection = advanced.select(context, array, items)
    value = fitted(context, source, array.dtype, advanced.selected_shape(selection))
    if ufunc is np.subtract:  # exactly the sum with the negative, in every dtype
        value = emit(context, "negative", value)
    base = arrays.read(context, selection.view)
    new = advanced.scatter(context, base, value, selection, mode)
    arrays.write(context, selection.view, new)
    return ConstantValue(None)


_METHODS: dict[str, tuple[Callable[..., PyValue], str]] = {
    "reduce": (
        reduce,
        "array, axis=0, dtype=None, out=None, keepdims=False, initial=_, where=_",
    ),
    "accumulate": (accumulate, "array, axis=0, dtype=None, out=None"),
    "outer": (outer, "left, right, **keywords"),
    "at": (at, "array, indices, values=_"),
}

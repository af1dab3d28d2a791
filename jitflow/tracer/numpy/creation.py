"""New arrays: fills, and arrays from other arrays and lists."""

from __future__ import annotations

import enum

import numpy as np

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.dtypes import F64, DType
from jitflow.tracer import arrays, layout
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, views
from jitflow.tracer.numpy.arguments import is_none, raises, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.conversion import convert
from jitflow.tracer.numpy.nested import array_of
from jitflow.tracer.numpy.operands import (
    as_array,
    emit,
    operand,
)
from jitflow.tracer.numpy.table import function, function_named, method
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue

_NEW = "shape, dtype=None, order='C', *, device=None, like=None"
_LIKE = "a, dtype=None, order='K', subok=True, shape=None, *, device=None"


_LAZY = 2**30  # bytes


def filled(
    context: TraceContext,
    number: PyValue | None,
    dtype: DType,
    shape: tuple[Dim, ...],
    order: layout.Order,
) -> ArrayValue:
    """A fresh array with one number everywhere; with any numbers if there is none."""
    if number is None and shape:
        value = emit(context, "uninitialised", shape=shape, dtype=dtype)
        return arrays.fresh(context, value, order)
    number = number or ConstantValue(0)
    size = dims.product(shape)
    if isinstance(size, int) and size * dtype.itemsize >= _LAZY:
        raise unsupported("an array so large that NumPy leaves its memory to its first use")
    item = operand(context, number)
    value = convert(context, item, dtype)
    if value.type.shape:
        raise unsupported("fill with an array")
    if shape:
        value = emit(context, "full", value, shape=shape)
    return arrays.fresh(context, value, order)


def fresh_order(context: TraceContext, order: PyValue, rank: int) -> layout.Order:
    """Memory order of a new array, from an `order` argument "C" or "F"."""
    letter = arguments.constant(context, order, "order")
    if letter not in ("C", "F", None):
        raise raises("order must be 'C' or 'F'")
    return layout.f_order(rank) if letter == "F" else layout.c_order(rank)


def copied_order(context: TraceContext, array: ArrayValue, order: PyValue) -> layout.Order:
    """Memory order of a copy of `array` with an `order` argument "K", "A", "C" or "F"."""
    letter = arguments.constant(context, order, "order") or "K"
    rank = len(array.shape)
    if letter == "A":
        is_f = arrays.is_contiguous(context, array, "F")
        letter = "F" if is_f and not arrays.is_contiguous(context, array, "C") else "C"
    if letter == "K":
        return arrays.order_of(context, array)
    return layout.f_order(rank) if letter == "F" else layout.c_order(rank)


def _register_fill(name: str, number: PyValue | None) -> None:
    def new(
        context: TraceContext,
        shape: PyValue,
        dtype: PyValue,
        order: PyValue,
        device: PyValue,
        like: PyValue,
    ) -> PyValue:
        extents = arguments.sized_shape(context, shape)
        wanted = arguments.dtype(context, dtype) or F64
        places = fresh_order(context, order, len(extents))
        return filled(context, number, wanted, extents, places)

    def like_other(
        context: TraceContext,
        a: PyValue,
        dtype: PyValue,
        order: PyValue,
        subok: PyValue,
        shape: PyValue,
        device: PyValue,
    ) -> PyValue:
        return filled_like(context, a, number, dtype, order, shape)

    function_named(name, signature=_NEW, fold=False)(new)
    function_named(f"{name}_like", signature=_LIKE, fold=False)(like_other)


for _name, _number in (
    ("zeros", ConstantValue(0)), ("ones", ConstantValue(1)), ("empty", None),
):  # fmt: skip
    _register_fill(_name, _number)


@function(
    np.ndarray,
    signature="shape, dtype=None, buffer=None, offset=0, strides=None, order=None",
    fold=False,
)
def ndarray(
    context: TraceContext,
    shape: PyValue,
    dtype: PyValue,
    buffer: PyValue,
    offset: PyValue,
    strides: PyValue,
    order: PyValue,
) -> PyValue:
    """A new array whose contents are not set, as of `numpy.empty`."""
    is_own = is_none(buffer) and is_none(strides) and arguments.constant(context, offset, "") == 0
    if not is_own:
        raise unsupported("np.ndarray over memory that is there already")
    letter = ConstantValue("C") if is_none(order) else order
    extents = arguments.sized_shape(context, shape)
    wanted = arguments.dtype(context, dtype) or F64
    return filled(context, None, wanted, extents, fresh_order(context, letter, len(extents)))


def filled_like(
    context: TraceContext,
    a: PyValue,
    number: PyValue | None,
    dtype: PyValue,
    order: PyValue,
    shape: PyValue,
) -> ArrayValue:
    """A fresh array laid out like `a`."""
    array = as_array(context, a)
    wanted = arguments.dtype(context, dtype) or array.dtype
    places = copied_order(context, array, order)
    extents = array.shape
    if not is_none(shape):
        extents = arguments.sized_shape(context, shape)
        if len(extents) != len(array.shape):
            places = fresh_order(context, ConstantValue("C"), len(extents))
    return filled(context, number, wanted, extents, places)


@function(
    np.full,
    signature="shape, fill_value, dtype=None, order='C', *, device=None, like=None",
    fold=False,
)
def full(
    context: TraceContext,
    shape: PyValue,
    fill_value: PyValue,
    dtype: PyValue,
    order: PyValue,
    device: PyValue,
    like: PyValue,
) -> PyValue:
    """A new array of one value."""
    extents = arguments.sized_shape(context, shape)
    item = operand(context, fill_value)
    wanted = arguments.dtype(context, dtype) or item.dtype
    places = fresh_order(context, order, len(extents))
    if item.shape:
        result = filled(context, ConstantValue(0), wanted, extents, places)
        Composer(context).store(result, Ellipsis, fill_value)
        return result
    return filled(context, fill_value, wanted, extents, places)


@function(
    np.full_like,
    signature="a, fill_value, dtype=None, order='K', subok=True, shape=None, *, device=None",
    fold=False,
)
def full_like(
    context: TraceContext,
    a: PyValue,
    fill_value: PyValue,
    dtype: PyValue,
    order: PyValue,
    subok: PyValue,
    shape: PyValue,
    device: PyValue,
) -> PyValue:
    """A new array of one value, laid out like `a`."""
    return filled_like(context, a, fill_value, dtype, order, shape)


# Arrays from other values


def copied(
    context: TraceContext, array: ArrayValue, order: layout.Order, dtype: DType | None = None
) -> ArrayValue:
    """A fresh array with the contents of `array`."""
    item = operand(context, array)
    return arrays.fresh(context, convert(context, item, dtype or array.dtype), order)


@function(
    np.array,
    signature="object, dtype=None, *, copy=True, order='K', subok=False, ndmin=0, like=None",
)
def array(
    context: TraceContext,
    object: PyValue,
    dtype: PyValue,
    copy: PyValue,
    order: PyValue,
    subok: PyValue,
    ndmin: PyValue,
    like: PyValue,
) -> PyValue:
    """An array from an array, a number or nested lists."""
    result = converted(context, object, dtype, order, _must_copy(context, copy))
    missing = arguments.as_int(context, ndmin, "ndmin") - len(result.shape)
    if missing > 0:
        return views.reshaped(context, result, (*(1,) * missing, *result.shape))
    return result


def _must_copy(context: TraceContext, copy: PyValue) -> bool | None:
    """A `copy` argument: always, never, or None for only where it is needed."""
    given = arguments.constant(context, copy, "copy")
    modes = {"ALWAYS": True, "NEVER": False, "IF_NEEDED": None}
    if isinstance(given, enum.Enum):
        given = modes.get(given.name, given)
    if given is None or isinstance(given, bool | np.bool):
        return None if given is None else bool(given)
    raise unsupported(f"copy={given!r}")


def converted(
    context: TraceContext, value: PyValue, dtype: PyValue, order: PyValue, copy: bool | None
) -> ArrayValue:
    """``numpy.array(value, dtype, copy=copy, order=order)``; `copy` None copies only if needed."""
    value = context.resolve(value)
    wanted = arguments.dtype(context, dtype)
    letter = arguments.constant(context, order, "order") or "K"
    if not isinstance(value, ArrayValue):
        if copy is False:
            raise raises("unable to avoid copy while creating an array as requested")
        return _from_other(context, value, wanted, letter)
    fits = wanted is None or wanted is value.dtype
    if fits and letter in ("C", "F"):
        fits = arrays.is_contiguous(context, value, letter)
    if fits and not copy:
        return value
    if copy is False:
        raise raises("unable to avoid copy while creating an array as requested")
    return copied(context, value, copied_order(context, value, order), wanted)


def _from_other(
    context: TraceContext, value: PyValue, dtype: DType | None, letter: str
) -> ArrayValue:
    if isinstance(value, SequenceValue) or (
        isinstance(value, ConstantValue) and isinstance(value.value, (tuple, list))
    ):
        result = array_of(context, value, dtype)
    else:
        item = operand(context, value)
        result = arrays.fresh(context, convert(context, item, dtype or item.dtype))
    rank = len(result.shape)
    if letter == "F" and rank > 1:
        return copied(context, result, layout.f_order(rank))
    return result


@function(
    np.asarray,
    signature="a, dtype=None, order=None, *, device=None, copy=None, like=None",
    fold=False,
)
def asarray(
    context: TraceContext,
    a: PyValue,
    dtype: PyValue,
    order: PyValue,
    device: PyValue,
    copy: PyValue,
    like: PyValue,
) -> PyValue:
    """The array itself where it fits, else a new one."""
    return converted(context, a, dtype, order, _must_copy(context, copy))


@function(
    np.asanyarray,
    signature="a, dtype=None, order=None, *, device=None, copy=None, like=None",
    fold=False,
)
def asanyarray(context: TraceContext, **given: PyValue) -> PyValue:
    """As `asarray`: there are no subclasses here."""
    return asarray(context, **given)


def _register_contiguous(name: str, letter: str) -> None:
    def handler(context: TraceContext, a: PyValue, dtype: PyValue, like: PyValue) -> PyValue:
        result = converted(context, a, dtype, ConstantValue(letter), None)
        return result if result.shape else views.reshaped(context, result, (1,))

    function_named(name, signature="a, dtype=None, *, like=None", fold=False)(handler)


_register_contiguous("ascontiguousarray", "C")
_register_contiguous("asfortranarray", "F")


@function_named("asarray_chkfinite", signature="a, dtype=None, order=None", fold=False)
def asarray_chkfinite(context: TraceContext, a: PyValue, dtype: PyValue, order: PyValue) -> PyValue:
    """As `asarray`, and the values must be finite."""
    n = Composer(context)
    result = converted(context, a, dtype, order, None)
    if result.dtype.kind in "fc":
        n.require_all(n(np.isfinite, result))
    return result


@function(np.copy, signature="a, order='K', subok=False", fold=False)
def copy(context: TraceContext, a: PyValue, order: PyValue, subok: PyValue) -> PyValue:
    """A fresh copy."""
    return converted(context, a, ConstantValue(None), order, True)


@method("copy", signature="a, order='C'")
def copy_method(context: TraceContext, a: PyValue, order: PyValue) -> PyValue:
    """``array.copy()``; a number is its own copy."""
    if not isinstance(a, ArrayValue):
        return a
    return converted(context, a, ConstantValue(None), order, True)


@method("__copy__", signature="a")
def copy_protocol(context: TraceContext, a: PyValue) -> PyValue:
    """``copy.copy(array)``."""
    return copy_method(context, a, ConstantValue("K"))


@function_named("astype", signature="x, dtype, *, copy=True, device=None", fold=False)
def astype_function(
    context: TraceContext, x: PyValue, dtype: PyValue, copy: PyValue, device: PyValue
) -> PyValue:
    """``numpy.astype(x, dtype)``."""
    if not isinstance(x, ArrayValue):
        raise raises("Input should be a NumPy array.")
    return astype(
        context, x, dtype, ConstantValue("K"), ConstantValue("unsafe"), ConstantValue(True), copy
    )


@method("astype", signature="a, dtype, order='K', casting='unsafe', subok=True, copy=True")
def astype(
    context: TraceContext,
    a: PyValue,
    dtype: PyValue,
    order: PyValue,
    casting: PyValue,
    subok: PyValue,
    copy: PyValue,
) -> PyValue:
    """The values as another dtype."""
    wanted = arguments.dtype(context, dtype) or F64
    item = operand(context, a)
    rule = arguments.constant(context, casting, "casting")
    if not np.can_cast(item.dtype.numpy, wanted.numpy, rule):
        raise raises(f"Cannot cast from {item.dtype.numpy} to {wanted.numpy}")
    if not isinstance(a, ArrayValue):
        return arrays.boxed(context, convert(context, item, wanted))
    may_copy = arguments.constant(context, copy, "copy")
    letter = arguments.constant(context, order, "order")
    in_order = letter in ("K", "A") or arrays.is_contiguous(context, a, letter)
    if not may_copy and wanted is a.dtype and in_order:
        return a
    return copied(context, a, copied_order(context, a, order), wanted)


# Ranges

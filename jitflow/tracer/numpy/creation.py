"""New arrays: fills, ranges, grids, identities, and arrays from other arrays and lists."""

from __future__ import annotations

import enum

import numpy as np

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.dtypes import F64, I64, DType
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts, layout
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, views
from jitflow.tracer.numpy.arguments import is_none, raises, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.conversion import convert
from jitflow.tracer.numpy.nested import array_of
from jitflow.tracer.numpy.operands import (
    as_array,
    cast,
    constant_as,
    emit,
    operand,
    promoted,
)
from jitflow.tracer.numpy.table import function, function_named, method
from jitflow.tracer.objects.model import RangeValue
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
        return _float_arange(context, start, stop, step, wanted)
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


def _float_arange(
    context: TraceContext, start: PyValue, stop: PyValue, step: PyValue, dtype: DType | None
) -> PyValue:
    """A range of floats whose bounds are known: NumPy makes it, whatever its size."""
    known = [arguments.constant(context, value, "arange") for value in (start, stop, step)]
    result = np.arange(*known, dtype=dtype.numpy if dtype else None)
    return arrays.constant(context, result)


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
    rows = arguments.settle(context, arguments.dim(context, N))
    columns = rows if is_none(M) else arguments.settle(context, arguments.dim(context, M))
    wanted = arguments.dtype(context, dtype) or F64
    value = diagonal_mask(context, rows, columns, arguments.dim(context, k), "equal")
    places = fresh_order(context, order, 2)
    return arrays.fresh(context, cast(context, value, wanted), places)


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
    rows = arguments.settle(context, arguments.dim(context, N))
    columns = rows if is_none(M) else arguments.settle(context, arguments.dim(context, M))
    wanted = arguments.dtype(context, dtype) or F64
    value = diagonal_mask(context, rows, columns, arguments.dim(context, k), "less_equal")
    return arrays.fresh(context, cast(context, value, wanted))

"""Choosing elements: where, select, take, masks, triangles, diagonals, repairs of NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.dtypes import BOOL, F16, I64
from jitflow.core.lazy import LazyModule
from jitflow.tracer import arrays
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, external, indexing, patterns, ufuncs, views
from jitflow.tracer.numpy.arguments import is_missing, is_none, raises, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.operands import (
    as_array,
    broadcast_shapes,
    cast,
    conform,
    emit,
    graph_value,
    operand,
    promoted,
    result_order,
    same_shape,
    undecided,
)
from jitflow.tracer.numpy.table import function, function_named, method
from jitflow.tracer.numpy.ufunc_methods import deliver
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, ScalarValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer import spans
else:
    spans = LazyModule("jitflow.tracer.spans")


@function(np.where, signature="condition, x=_, y=_, /")
def where(context: TraceContext, condition: PyValue, x: PyValue, y: PyValue) -> PyValue:
    """Elements of `x` where the condition holds, else of `y`; always an array."""
    if is_missing(x) and is_missing(y):
        return Composer(context)(np.nonzero, condition)
    if is_missing(x) or is_missing(y):
        raise raises("either both or neither of x and y should be given")
    items = [operand(context, value) for value in (condition, x, y)]
    dtype = promoted(*items[1:])
    shape = broadcast_shapes(context, [item.shape for item in items])
    values = [
        conform(context, graph_value(context, item, wanted), shape)
        for item, wanted in zip(items, (BOOL, dtype, dtype), strict=True)
    ]
    value = emit(context, "where", *values)
    return arrays.fresh(context, value, result_order(context, shape, items, trivial=False))


@function(np.select, signature="condlist, choicelist, default=0")
def select(
    context: TraceContext, condlist: PyValue, choicelist: PyValue, default: PyValue
) -> PyValue:
    """For each element the choice of the first condition that holds."""
    n = Composer(context)
    conditions = [n.array(c) for c in arguments.items_of(context, condlist, "condlist")]
    choices = arguments.items_of(context, choicelist, "choicelist")
    if len(conditions) != len(choices) or not conditions:
        raise raises("list of cases must be same length as list of conditions")
    if any(condition.dtype is not BOOL for condition in conditions):
        raise raises("invalid entry in condlist: should be boolean ndarray")
    dtype = promoted(*(operand(context, choice) for choice in (*choices, default)))
    shapes = [item.shape for item in conditions]
    shapes += [n.shape(choice) for choice in (*choices, default)]
    shape = broadcast_shapes(context, shapes)
    result = n(np.full, shape, default, dtype=dtype.numpy)
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        n(np.copyto, result, choice, where=condition)
    return n.item(result, ()) if not shape else result


_MOST_CHOICES, _MOST_AXES = 62, 32
"""Limits of ``numpy.choose``."""


@function(np.choose, signature="a, choices, out=None, mode='raise'", method="choose")
def choose(
    context: TraceContext, a: PyValue, choices: PyValue, out: PyValue, mode: PyValue
) -> PyValue:
    """For each element the choice with its number."""
    n = Composer(context)
    if arguments.constant(context, mode, "mode") != "raise" or not is_none(out):
        raise unsupported("choose with mode or out")
    index = n.array(a)
    given = [context.resolve(item) for item in arguments.items_of(context, choices, "choices")]
    items = [n.array(item) for item in given]
    if index.dtype.kind not in "biu" or not all(isinstance(v, ArrayValue) for v in given):
        raise unsupported("choose by or among numbers")
    if len(items) > _MOST_CHOICES or any(len(v.shape) > _MOST_AXES for v in (index, *items)):
        raise raises("choose: too many choices or axes")
    n.require_all(n(np.logical_and, n.compare("ge", index, 0), n.compare("lt", index, len(items))))
    common = promoted(*(item.dtype for item in items)).numpy
    shape = broadcast_shapes(context, [index.shape, *(item.shape for item in items)])
    result = n(np.empty, shape, dtype=common)
    n.store(result, Ellipsis, items[-1])
    for number, item in enumerate(items[:-1]):
        n(np.copyto, result, item, where=n.compare("eq", index, number))
    return n.item(result, ()) if not shape else result


# By index


@function(np.take, signature="a, indices, axis=None, out=None, mode='raise'", method="take")
def take(
    context: TraceContext,
    a: PyValue,
    indices: PyValue,
    axis: PyValue,
    out: PyValue,
    mode: PyValue,
) -> PyValue:
    """Slices along an axis by number; in C order."""
    n = Composer(context)
    array = n.array(a)
    if is_none(axis):
        array, axis = n.array(n(np.ravel, array)), ConstantValue(0)
    place = arguments.axis(context, axis, len(array.shape))
    index = operand(context, indices)
    if index.dtype is BOOL or not index.dtype.is_integer:
        raise raises("Cannot cast the indices of take according to the rule 'safe'")
    rule = arguments.constant(context, mode, "mode")
    value = graph_value(context, index, I64)
    if rule in ("wrap", "clip"):
        value = _confined(context, value, array.shape[place], rule)
    elif rule != "raise":
        raise raises("mode must be raise, wrap or clip")
    base = arrays.read(context, array)
    result = emit(context, "gather", base, value, axes=(place,))
    count = len(index.shape)
    if place and count:
        rest = range(count, count + len(array.shape) - 1)
        order = (*rest[:place], *range(count), *rest[place:])
        result = emit(context, "transpose", result, axes=order)
    (target,) = ufuncs.out_arguments(context, out)
    if target is not None and target.dtype is not array.dtype:
        raise unsupported("take with out of another dtype")
    return deliver(context, result, tuple(range(result.type.rank)), target)


def _confined(context: TraceContext, value: Any, extent: Any, rule: str) -> Any:
    size = emit(context, "dimension", dim=extent)
    if rule == "wrap":
        return emit(context, "remainder", value, size)
    zero, last = emit(context, "dimension", dim=0), emit(context, "dimension", dim=extent - 1)
    return emit(context, "minimum", emit(context, "maximum", value, zero), last)


def _along_axis_key(
    n: Composer, array: ArrayValue, indices: ArrayValue, axis: int
) -> tuple[PyValue, ...]:
    rank = len(array.shape)
    if len(indices.shape) != rank:
        raise raises("`indices` and `arr` must have the same number of dimensions")
    key: list[PyValue] = []
    for place in range(rank):
        if place == axis:
            key.append(indices)
            continue
        shape = tuple(-1 if other == place else 1 for other in range(rank))
        key.append(n(np.reshape, n(np.arange, array.shape[place]), shape))
    return tuple(key)


@function(np.take_along_axis, signature="arr, indices, axis=-1")
def take_along_axis(
    context: TraceContext, arr: PyValue, indices: PyValue, axis: PyValue
) -> PyValue:
    """Elements along an axis, by an index array of the same rank."""
    n = Composer(context)
    array, index = n.array(arr), n.array(indices)
    if is_none(axis):
        array, axis = n.array(n(np.ravel, array)), ConstantValue(0)
    place = arguments.axis(context, axis, len(array.shape))
    return n.item(array, _along_axis_key(n, array, index, place))


@function(np.put_along_axis, signature="arr, indices, values, axis", fold=False)
def put_along_axis(
    context: TraceContext, arr: PyValue, indices: PyValue, values: PyValue, axis: PyValue
) -> PyValue:
    """Set elements along an axis, by an index array of the same rank."""
    n = Composer(context)
    if not isinstance(arr, ArrayValue) or is_none(axis):
        raise unsupported("put_along_axis on a flat array")
    place = arguments.axis(context, axis, len(arr.shape))
    n.store(arr, _along_axis_key(n, arr, n.array(indices), place), values)
    return ConstantValue(None)


@function(np.copyto, signature="dst, src, casting='same_kind', where=True", fold=False)
def copyto(
    context: TraceContext, dst: PyValue, src: PyValue, casting: PyValue, where: PyValue
) -> PyValue:
    """Copy values into an array, where a mask holds."""
    if not isinstance(dst, ArrayValue):
        raise raises("copyto() argument 1 must be numpy.ndarray")
    arrays.check_writable(dst)
    source = operand(context, src)
    rule = arguments.constant(context, casting, "casting")
    if source.otherwise is not None:
        raise undecided()
    if source.weak is None and not np.can_cast(source.dtype.numpy, dst.dtype.numpy, rule):
        raise raises("Cannot cast array data according to the rule")
    is_alike = promoted(dst.dtype, source).kind == dst.dtype.kind and rule not in ("no", "equiv")
    if source.weak is not None and not is_alike:
        raise raises("Cannot cast scalar according to the rule")
    mask = ufuncs.where_argument(context, where)
    value = indexing.fitted(context, source, dst.dtype, dst.shape)
    if mask is not None:
        shape = broadcast_shapes(context, [mask.shape, dst.shape])
        if not same_shape(context, shape, dst.shape):
            raise raises("could not broadcast where mask")
        chosen = conform(context, graph_value(context, mask), dst.shape)
        value = emit(context, "where", chosen, value, arrays.read(context, dst))
    arrays.write(context, dst, value)
    return ConstantValue(None)


@function(np.putmask, signature="a, /, mask, values", fold=False)
def putmask(context: TraceContext, a: PyValue, mask: PyValue, values: PyValue) -> PyValue:
    """Set elements where a mask holds."""
    n = Composer(context)
    if not isinstance(a, ArrayValue):
        raise raises("argument 1 must be numpy.ndarray")
    chosen, source = n.array(mask), operand(context, values)
    if not same_shape(context, chosen.shape, a.shape):
        raise raises("putmask: mask and data must be the same size")
    if source.shape and not same_shape(context, source.shape, a.shape):
        raise unsupported("putmask with repeated values")
    value = indexing.fitted(context, source, a.dtype, a.shape)
    condition = conform(context, cast(context, arrays.read(context, chosen), BOOL), a.shape)
    arrays.write(context, a, emit(context, "where", condition, value, arrays.read(context, a)))
    return ConstantValue(None)


@method("fill", signature="a, value")
def fill(context: TraceContext, a: PyValue, value: PyValue) -> PyValue:
    """Set every element to one number."""
    if operand(context, value).shape:
        raise unsupported("fill with an array")
    Composer(context).store(a, Ellipsis, value)
    return ConstantValue(None)


@function(np.fill_diagonal, signature="a, val, wrap=False", fold=False)
def fill_diagonal(context: TraceContext, a: PyValue, val: PyValue, wrap: PyValue) -> PyValue:
    """Set the main diagonal to a number."""
    if not isinstance(a, ArrayValue) or len(a.shape) != 2 or arguments.flag(context, wrap, "wrap"):
        raise unsupported("fill_diagonal of this array")
    source = operand(context, val)
    if source.shape:
        raise unsupported("fill_diagonal with an array")
    arrays.check_writable(a)
    target = views.diagonal(context, a, 0, 0, 1)
    target.writeable = True
    indexing.assign(context, target, source)
    return ConstantValue(None)


# Triangles and diagonals


def _register_triangle(name: str, lower: bool) -> None:
    def handler(context: TraceContext, m: PyValue, k: PyValue) -> PyValue:
        n = Composer(context)
        array = n.array(m)
        if len(array.shape) == 1:
            array = n.array(n(np.broadcast_to, array, array.shape * 2))
        if not array.shape:
            raise raises("Tri needs at least one dimension")
        distance = arguments.dim(context, k)
        rows, columns = array.shape[-2:]
        mask = patterns.diagonal_mask(
            context, rows, columns, distance if lower else distance - 1, "less_equal"
        )
        condition = arrays.fresh(context, mask)
        zero = n(array.dtype.numpy.type, 0)
        return n(np.where, condition, *((array, zero) if lower else (zero, array)))

    function_named(name, signature="m, k=0")(handler)


_register_triangle("tril", True)
_register_triangle("triu", False)


@function(np.diag, signature="v, k=0", fold=False)
def diag(context: TraceContext, v: PyValue, k: PyValue) -> PyValue:
    """A diagonal as a vector, or a matrix with a vector on a diagonal."""
    n = Composer(context)
    array = n.array(v)
    distance = arguments.as_int(context, k, "k")
    if len(array.shape) == 2:
        return n(np.diagonal, array, distance)
    if len(array.shape) != 1:
        raise raises("Input must be 1- or 2-d.")
    extent = array.shape[0] + abs(distance)
    result = n.array(n(np.zeros, (extent, extent), dtype=array.dtype.numpy))
    target = views.diagonal(context, result, distance, 0, 1)
    target.writeable = True
    indexing.assign(context, target, operand(context, array))
    return result


@function(np.diagflat, signature="v, k=0")
def diagflat(context: TraceContext, v: PyValue, k: PyValue) -> PyValue:
    """A matrix with all elements on a diagonal."""
    n = Composer(context)
    return n(np.diag, n(np.ravel, n.array(v)), k)


@function(np.vander, signature="x, N=None, increasing=False")
def vander(
    context: TraceContext,
    x: PyValue,
    N: PyValue,  # noqa: N803
    increasing: PyValue,
) -> PyValue:
    """Powers of a vector as columns."""
    n = Composer(context)
    array = n.array(x)
    count = array.shape[0] if is_none(N) else arguments.as_int(context, N, "N")
    if not isinstance(count, int) or len(array.shape) != 1:
        raise unsupported("vander of this array")
    common = promoted(array.dtype, I64)
    result = n(np.empty, (array.shape[0], count), dtype=common.numpy)
    target = result
    if not arguments.flag(context, increasing, "increasing"):
        target = n.item(result, slice(None), slice(None, None, -1))
    power: PyValue = n(np.ones, array.shape, dtype=common.numpy)
    for column in range(count):
        n.store(target, (slice(None), column), power)
        power = n.mul(power, array)
    return result


# Comparison and repair


def _check_tolerances(n: Composer, *tolerances: PyValue) -> None:
    """Tolerances that are not finite make NumPy warn."""
    for value in tolerances:
        if not isinstance(value, ConstantValue) or not np.all(np.isfinite(value.value)):
            raise unsupported("isclose with a tolerance that may not be finite")


@function(np.isclose, signature="a, b, rtol=1e-05, atol=1e-08, equal_nan=False")
def isclose(
    context: TraceContext,
    a: PyValue,
    b: PyValue,
    rtol: PyValue,
    atol: PyValue,
    equal_nan: PyValue,
) -> PyValue:
    """Element-wise equality within a tolerance."""
    n = Composer(context)
    _check_tolerances(n, rtol, atol)
    b = context.resolve(b)
    if any(isinstance(v, ScalarValue) and v.box != "scalar" for v in (b, rtol, atol)):
        raise unsupported("isclose with a Python number that is known at run time only")
    other = b
    if isinstance(b, ConstantValue) and isinstance(b.value, int):
        other = ConstantValue(float(b.value))
    elif n.kind(b) not in "fc":
        other = n(np.multiply, b, 1.0)
    finite = n(np.isfinite, other)
    apart = n(np.abs, n(np.subtract, a, other))
    size: PyValue = n(np.abs, other)
    if isinstance(other, ConstantValue) and type(other.value) in (float, complex):
        size = ConstantValue(abs(other.value))  # stays a Python number, which promotes nothing
    limit = n.add(atol, n.mul(rtol, size))
    near = n(np.less_equal, apart, limit)
    result = n(np.logical_or, n(np.logical_and, near, finite), n(np.equal, a, other))
    if arguments.flag(context, equal_nan, "equal_nan"):
        both = n(np.logical_and, n(np.isnan, a), n(np.isnan, other))
        result = n(np.logical_or, result, both)
    return result


@function(np.allclose, signature="a, b, rtol=1e-05, atol=1e-08, equal_nan=False")
def allclose(context: TraceContext, **given: PyValue) -> PyValue:
    """Whether all elements are equal within a tolerance: a Python bool."""
    from jitflow.tracer.numpy.conversion import to_python

    n = Composer(context)
    return to_python(context, bool, n(np.all, isclose(context, **given)))


@function(np.array_equal, signature="a1, a2, equal_nan=False")
def array_equal(context: TraceContext, a1: PyValue, a2: PyValue, equal_nan: PyValue) -> PyValue:
    """Whether two arrays have the same shape and elements: a Python bool."""
    from jitflow.tracer.numpy.conversion import to_python

    n = Composer(context)
    left, right = n.array(a1), n.array(a2)
    if not same_shape(context, left.shape, right.shape):
        return ConstantValue(False)
    equal = n.compare("eq", left, right)
    if arguments.flag(context, equal_nan, "equal_nan"):
        both = n(np.logical_and, n(np.isnan, left), n(np.isnan, right))
        equal = n(np.logical_or, equal, both)
    return to_python(context, bool, n(np.all, equal))


@function(np.nan_to_num, signature="x, copy=True, nan=0.0, posinf=None, neginf=None")
def nan_to_num(
    context: TraceContext,
    x: PyValue,
    copy: PyValue,
    nan: PyValue,
    posinf: PyValue,
    neginf: PyValue,
) -> PyValue:
    """NaN and infinities replaced by numbers."""
    n = Composer(context)
    if not arguments.flag(context, copy, "copy"):
        raise unsupported("nan_to_num in place")
    is_scalar = not isinstance(context.resolve(x), ArrayValue) and not n.rank(x)
    array = n.array(n(np.array, x))
    if array.dtype.kind in "biu":
        return n.item(array, ()) if is_scalar else array
    if array.dtype.is_complex:
        raise unsupported("nan_to_num of complex numbers")
    info = np.finfo(array.dtype.numpy)
    high = float(info.max) if is_none(posinf) else posinf
    low = float(info.min) if is_none(neginf) else neginf
    infinite = [n(np.isnan, array), n(np.isposinf, array), n(np.isneginf, array)]
    for mask, number in zip(infinite, (nan, high, low), strict=True):
        n(np.copyto, array, number, where=mask)
    return n.item(array, ()) if is_scalar else array


def _register_infinite(name: str, negative: bool) -> None:
    def handler(context: TraceContext, x: PyValue, out: PyValue) -> PyValue:
        n = Composer(context)
        if n.kind(x) == "c":
            raise raises("This operation is not supported for complex values")
        sign = n(np.signbit, x) if n.kind(x) == "f" else n(np.less, x, 0)
        chosen = sign if negative else n(np.logical_not, sign)
        return n(np.logical_and, n(np.isinf, x), chosen, out)

    function_named(name, signature="x, out=None")(handler)


_register_infinite("isposinf", False)
_register_infinite("isneginf", True)


def _register_round(name: str) -> None:
    def handler(context: TraceContext, a: PyValue, decimals: PyValue, out: PyValue) -> PyValue:
        n = Composer(context)
        digits = arguments.as_int(context, decimals, "decimals")
        kind = n.kind(a)
        if kind in "iu" and digits >= 0:
            return n(np.positive, a, out=out)
        if kind not in "f" or (digits and n.dtype(a) is F16):
            keywords = {} if is_none(out) else {"out": out}
            return external.run(context, np.round, [a, decimals], keywords)
        if digits == 0:
            return n(np.rint, a, out=out)
        return _round_to_digits(n, a, digits, out)

    function_named(name, signature="a, decimals=0, out=None", method="round")(handler)


def _round_to_digits(n: Composer, a: PyValue, digits: int, out: PyValue) -> PyValue:
    """Scaled by a power of ten, rounded and scaled back, in the operand's dtype."""
    scale = 10.0 ** abs(digits)
    before, after = (np.multiply, np.divide) if digits > 0 else (np.divide, np.multiply)
    scaled = n(before, a, scale, out=out)
    whole = n(np.rint, scaled, out=scaled if isinstance(scaled, ArrayValue) else None)
    return n(after, whole, scale, out=whole if isinstance(whole, ArrayValue) else None)


for _name in ("round", "around"):
    _register_round(_name)


@function_named("fix", signature="x, out=None")
def fix(context: TraceContext, x: PyValue, out: PyValue) -> PyValue:
    """Rounded towards zero."""
    return Composer(context)(np.trunc, x, out=out)


@function(np.angle, signature="z, deg=False")
def angle(context: TraceContext, z: PyValue, deg: PyValue) -> PyValue:
    """Argument of complex numbers."""
    n = Composer(context)
    value = n.array(z) if isinstance(z, ConstantValue | SequenceValue) else z
    if n.kind(value) == "c":
        imag, real = n.attribute(value, "imag"), n.attribute(value, "real")
    else:
        imag, real = ConstantValue(0), value
    result = n(np.arctan2, imag, real)
    if arguments.flag(context, deg, "deg"):
        result = n.mul(result, 180 / np.pi)
    return result


@method("conj", "conjugate", signature="a, out=None")
def conjugate(context: TraceContext, a: PyValue, out: PyValue) -> PyValue:
    """Complex conjugate; a real array itself."""
    if operand(context, a).dtype.kind != "c" and is_none(out):
        return a
    return Composer(context)(np.conjugate, a, out=out)


def _register_part(name: str) -> None:
    def handler(context: TraceContext, val: PyValue) -> PyValue:
        value: PyValue = val
        if isinstance(value, SequenceValue):
            value = as_array(context, value)
        return Composer(context).attribute(value, name)

    function_named(name, signature="val", fold=False)(handler)


_register_part("real")
_register_part("imag")


def _register_kind_test(name: str, kinds: str) -> None:
    def handler(context: TraceContext, x: PyValue) -> PyValue:
        return ConstantValue(operand(context, x).dtype.kind in kinds)

    function_named(name, signature="x", fold=False)(handler)


_register_kind_test("iscomplexobj", "c")
_register_kind_test("isrealobj", "biuf")

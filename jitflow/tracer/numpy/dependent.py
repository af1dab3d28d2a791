"""Results whose extents depend on data: masks, nonzero, unique, counts, set operations.

NumPy runs the selection between two segments. An extent that is computed first (how many elements
of a mask are true) is a late symbol: `tracer.facts` checks what is assumed about it at run time.
Functions whose extents are known only afterwards give arrays of the greatest possible extent, and
their true extent beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BOOL, F64, I64, DType
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.arguments import is_none, raises, unsupported
from jitflow.tracer.numpy.callouts import call_out
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.operands import as_array, cast, emit, graph_value, operand
from jitflow.tracer.numpy.places import true_places
from jitflow.tracer.numpy.table import function, function_named, method
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue

# Places of true elements


def truth(context: TraceContext, value: PyValue) -> Value:
    """``value.astype(bool)`` as a graph value."""
    return graph_value(context, operand(context, as_array(context, value)), BOOL)


def nonzero_of(context: TraceContext, a: PyValue) -> list[ArrayValue]:
    """The arrays of ``numpy.nonzero(a)``."""
    mask = truth(context, a)
    if not mask.type.rank:
        raise raises("Calling nonzero on 0d arrays is not allowed.")
    return true_places(context, mask)


@function(np.nonzero, signature="a", method="nonzero")
def nonzero(context: TraceContext, a: PyValue) -> PyValue:
    """Places of the elements that are not zero, an array for each axis."""
    return SequenceValue(tuple, list(nonzero_of(context, a)))


@function(np.flatnonzero, signature="a")
def flatnonzero(context: TraceContext, a: PyValue) -> PyValue:
    """Places of the elements of the flat array that are not zero."""
    return nonzero_of(context, Composer(context)(np.ravel, a))[0]


@function(np.argwhere, signature="a")
def argwhere(context: TraceContext, a: PyValue) -> PyValue:
    """Places of the elements that are not zero, one row for each."""
    n = Composer(context)
    return n(np.transpose, n(np.stack, nonzero_of(context, a)))


@function(np.compress, signature="condition, a, axis=None, out=None")
def compress(
    context: TraceContext, condition: PyValue, a: PyValue, axis: PyValue, out: PyValue
) -> PyValue:
    """Slices along an axis where a condition is true."""
    n = Composer(context)
    if n.rank(condition) != 1:
        raise raises("condition must be a 1-d array")
    return n(np.take, a, nonzero_of(context, condition)[0], axis=axis, out=out)


@method("compress", signature="a, condition, axis=None, out=None")
def compress_method(context: TraceContext, a: PyValue, **rest: PyValue) -> PyValue:
    """``a.compress(condition, axis, out)``."""
    return compress(context, a=a, **rest)


@function(np.extract, signature="condition, arr")
def extract(context: TraceContext, condition: PyValue, arr: PyValue) -> PyValue:
    """Elements of the flat array where a condition is true."""
    n = Composer(context)
    flat = n(np.ravel, arr)
    return n(np.take, flat, nonzero_of(context, n(np.ravel, condition))[0])


# Repetition


def repeated(context: TraceContext, array: ArrayValue, counts: PyValue, axis: int) -> PyValue:
    """``numpy.repeat(array, counts, axis)`` with a count for each slice, known at run time."""
    n = Composer(context)
    number = operand(context, counts)
    if not number.dtype.is_integer and number.dtype is not BOOL:
        raise raises("Cannot cast the counts of repeat according to the rule 'safe'")
    spread = n(np.broadcast_to, counts, (array.shape[axis],))
    value = graph_value(context, operand(context, spread), I64)
    zero = emit(context, "dimension", dim=0)
    fine = emit(context, "less_equal", zero, value)
    facts.require(context, emit(context, "all", fine, axes=(0,), keepdims=False))
    total = emit(context, "sum", value, axes=(0,), keepdims=False)
    extent = facts.late_extent(context, total)
    (places,) = call_out(context, _repeated_places, [value], [I64], (extent,))
    return n(np.take, array, arrays.fresh(context, places), axis=axis)


def _repeated_places(counts: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


# Extents known afterwards


class _Padded:
    """A function whose one-dimensional results are filled up to a common length.

    Gives the true length, then the results; the length of the last operand is the common one, and
    results numbered in `whole` stay as they are.
    """

    def __init__(self, call: Any, name: str, whole: Sequence[int] = ()) -> None:
        self.call, self.__name__, self.whole = call, name, whole

    def __call__(self, *operands: np.ndarray) -> tuple[Any, ...]:
        *given, capacity = operands
        results = self.call(*given)
        results = results if isinstance(results, tuple) else (results,)
        padded = [
            item if index in self.whole else _filled(item, int(capacity))
            for index, item in enumerate(results)
        ]
        return (np.asarray(len(results[0])), *padded)


def _filled(array: np.ndarray, length: int) -> np.ndarray:
    result = np.zeros(length, array.dtype)
    result[: len(array)] = array
    return result


def _run_padded(
    context: TraceContext,
    call: _Padded,
    operands: list[Value],
    results: list[DType],
    capacity: Dim,
    whole: dict[int, tuple[Dim, ...]] | None = None,
) -> list[ArrayValue]:
    """Call, then cut the results to the length that came about."""
    whole = whole or {}
    shapes = [whole.get(index, (capacity,)) for index in range(len(results))]
    limit = emit(context, "dimension", dim=capacity)
    length, *values = call_out(
        context, call, [*operands, limit], [I64, *results], shapes=[(), *shapes]
    )
    extent = facts.late_extent(context, length)
    return [
        arrays.fresh(context, value if index in whole else _cut(context, value, extent))
        for index, value in enumerate(values)
    ]


def _cut(context: TraceContext, value: Value, extent: Dim) -> Value:
    return emit(context, "slice", value, starts=(0,), steps=(1,), shape=(extent,))


@function(
    np.unique,
    signature="ar, return_index=False, return_inverse=False, return_counts=False, axis=None, "
    "**rest",
)
def unique(
    context: TraceContext,
    ar: PyValue,
    return_index: PyValue,
    return_inverse: PyValue,
    return_counts: PyValue,
    axis: PyValue,
    **rest: PyValue,
) -> PyValue:
    """Sorted elements without repetition."""
    if not is_none(axis):
        raise unsupported("np.unique along an axis")
    array = as_array(context, ar)
    wanted = {
        "return_index": arguments.flag(context, return_index, "return_index"),
        "return_inverse": arguments.flag(context, return_inverse, "return_inverse"),
        "return_counts": arguments.flag(context, return_counts, "return_counts"),
    }
    options = {name: arguments.constant(context, value, name) for name, value in rest.items()}
    results, whole = [array.dtype, *[I64] * sum(wanted.values())], {}
    if wanted["return_inverse"]:
        place = 1 + wanted["return_index"]
        sample = np.unique(np.zeros((1,) * len(array.shape)), return_inverse=True)[1]
        flat = np.ndim(sample) <= 1
        whole[place] = (dims.product(array.shape),) if flat else array.shape
    call = _Padded(_Unique(wanted | options), "unique", tuple(whole))
    value = arrays.read(context, array)
    found = _run_padded(context, call, [value], results, dims.product(array.shape), whole)
    return found[0] if len(found) == 1 else SequenceValue(tuple, list(found))


class _Unique:
    """``numpy.unique`` with its options."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def __call__(self, array: np.ndarray) -> Any:
        return np.unique(array, **self.options)


def _register_set_operation(name: str, signature: str) -> None:
    callee = getattr(np, name)

    def handler(
        context: TraceContext, ar1: PyValue, ar2: PyValue, assume_unique: PyValue = _FALSE
    ) -> PyValue:
        first, second = as_array(context, ar1), as_array(context, ar2)
        known = {}
        if arguments.flag(context, assume_unique, "assume_unique"):
            known["assume_unique"] = True
        result = np.result_type(first.dtype.numpy, second.dtype.numpy)
        if name == "setdiff1d":
            result = first.dtype.numpy
        capacity = dims.product(first.shape) + dims.product(second.shape)
        call = _Padded(_SetOperation(callee, known), name)
        values = [arrays.read(context, item) for item in (first, second)]
        return _run_padded(context, call, values, [arguments.supported_dtype(result)], capacity)[0]

    function_named(name, signature=signature)(handler)


_FALSE = ConstantValue(False)


class _SetOperation:
    def __init__(self, callee: Any, options: dict[str, Any]) -> None:
        self.callee, self.options = callee, options

    def __call__(self, first: np.ndarray, second: np.ndarray) -> Any:
        return self.callee(first, second, **self.options)


for _name in ("setdiff1d", "intersect1d", "setxor1d"):
    _register_set_operation(_name, "ar1, ar2, assume_unique=False")
_register_set_operation("union1d", "ar1, ar2")


@function(np.bincount, signature="x, weights=None, minlength=0")
def bincount(context: TraceContext, x: PyValue, weights: PyValue, minlength: PyValue) -> PyValue:
    """How often each number occurs (or the sum of its weights)."""
    n = Composer(context)
    array = n.array(x)
    if len(array.shape) != 1 or array.dtype.kind not in "iub" or array.dtype.itemsize > 8:
        raise raises("bincount of these numbers")
    if not np.can_cast(array.dtype.numpy, np.int64, "safe"):
        raise raises("Cannot cast array data to int64 according to the rule 'safe'")
    least = arguments.dim(context, minlength, "minlength")
    if not n.decide(0, "<=", least):
        raise raises("'minlength' must not be negative")
    values = [graph_value(context, operand(context, array), I64)]
    if not is_none(weights):
        weight = n.array(weights)
        if len(weight.shape) != 1 or weight.dtype.kind == "c":
            raise raises("The weights and list don't have the same length.")
        n.decide(weight.shape[0], "==", array.shape[0])
        values.append(cast(context, arrays.read(context, weight), F64))
    length = _counts_length(context, values[0], least)
    result = I64 if len(values) == 1 else F64
    operands = [*values, emit(context, "dimension", dim=length)]
    (counts,) = call_out(context, _bincount, operands, [result], (length,))
    return arrays.fresh(context, counts)


def _bincount(x: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    weights = rest[0] if len(rest) == 2 else None
    return np.bincount(x, weights, int(rest[-1]))


def _counts_length(context: TraceContext, value: Value, least: Dim) -> Dim:
    """Extent of the counts; with a minimum it is usually just that, and checked."""
    one = emit(context, "dimension", dim=1)
    (extent,) = value.type.shape
    if extent == 0:
        return least
    top = emit(context, "add", _greatest(context, value), one)
    if least == 0:
        return facts.late_extent(context, top)
    facts.require(context, emit(context, "less_equal", top, emit(context, "dimension", dim=least)))
    return arguments.settle(context, least)


def _greatest(context: TraceContext, value: Value) -> Value:
    """The greatest number, -1 of none; a negative number leaves the piece: eager NumPy raises."""
    zero = emit(context, "dimension", dim=0)
    fine = emit(context, "less_equal", zero, value)
    facts.require(context, emit(context, "all", fine, axes=(0,), keepdims=False))
    if facts.prove(context, 0, "<", value.type.shape[0]):
        return emit(context, "max", value, axes=(0,), keepdims=False)
    before = emit(context, "reshape", emit(context, "dimension", dim=-1), shape=(1,))
    value = emit(context, "concatenate", before, value, axis=0)
    return emit(context, "max", value, axes=(0,), keepdims=False)

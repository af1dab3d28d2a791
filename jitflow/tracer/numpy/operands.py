"""Operands of array operations: what counts as array or number, promotion, casts, broadcasting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jitflow.core import dtypes
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BF16, BOOL, F16, F32, F64, I64, DType
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts, layout
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy.arguments import raises, supported_dtype, unsupported
from jitflow.tracer.objects.model import RangeValue
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    EitherValue,
    NumbersValue,
    PyValue,
    ScalarValue,
    SequenceValue,
)

_WEAK = {"int": int, "float": float, "complex": complex}


@dataclass(frozen=True, eq=False)
class Operand:
    """An array or number as NumPy's promotion sees it.

    `weak` is the Python type of a Python number (bool is not weak), else None; `dtype` is then the
    dtype that it has alone. A number that is a NumPy scalar or a Python number, as data decide,
    counts as the first; `otherwise` is the type of the second.
    """

    value: ArrayValue | ScalarValue | ConstantValue
    dtype: DType
    weak: type | None = None
    otherwise: type | None = None

    @property
    def shape(self) -> tuple[Dim, ...]:
        """Extents; empty for numbers."""
        return self.value.shape if isinstance(self.value, ArrayValue) else ()

    @property
    def promotes_as(self) -> Any:
        """What `numpy.ufunc.resolve_dtypes` takes for it."""
        return self.weak or self.dtype.numpy


def operand(context: TraceContext, value: PyValue) -> Operand:
    """The operand that a value is; sequences become arrays as `numpy.asarray` makes them."""
    value = context.resolve(value)
    if isinstance(value, ArrayValue):
        return Operand(value, value.dtype)
    if isinstance(value, ScalarValue):
        return Operand(value, value.dtype, _WEAK.get(value.box))
    if isinstance(value, EitherValue):
        if value.box == "int" and value.dtype is not I64:  # which is another dtype alone
            raise undecided()
        return Operand(value.as_numpy, value.dtype, None, _WEAK.get(value.box))
    if isinstance(value, ConstantValue):
        if isinstance(value.value, range):
            return operand(context, arrays.constant(context, np.array(value.value)))
        return _constant_operand(value)
    if isinstance(value, SequenceValue):
        from jitflow.tracer.numpy.nested import array_of

        return operand(context, array_of(context, value))
    if isinstance(value, NumbersValue):
        return operand(context, arrays.fresh(context, value.contents))
    if isinstance(value, RangeValue):
        from jitflow.tracer.numpy.patterns import array_of_range

        return operand(context, array_of_range(context, value))
    raise unsupported(f"operand of {value.python_type.__name__}")


def _constant_operand(value: ConstantValue) -> Operand:
    number = value.value
    if type(number) is int:
        return Operand(value, I64, int)
    if type(number) in (float, complex):
        return Operand(value, F64 if type(number) is float else dtypes.C128, type(number))
    if type(number) is bool:
        return Operand(value, BOOL)
    if isinstance(number, np.generic):
        found = dtypes.from_numpy(number.dtype)
        if found is None:
            raise Unsupported("JF-B007", f"number of {number.dtype}")
        return Operand(value, found)
    raise unsupported(f"operand of {type(number).__name__}")


def is_operand(value: PyValue) -> bool:
    """Whether a value is an array or a number, of those that `operand` takes without converting."""
    if isinstance(value, ConstantValue):
        number = value.value
        known = (int, float, complex, bool, range)
        return type(number) in known or isinstance(number, np.generic)
    return isinstance(value, (ArrayValue, ScalarValue, EitherValue, RangeValue, NumbersValue))


def graph_value(context: TraceContext, item: Operand, dtype: DType | None = None) -> Value:
    """The graph value of an operand, cast to `dtype` (default: its own)."""
    dtype = dtype or item.dtype
    value = item.value
    if isinstance(value, ArrayValue):
        return cast(context, arrays.read(context, value), dtype)
    if isinstance(value, ConstantValue):
        if _overflows(value.value, dtype):  # NumPy warns each time
            own = F64 if item.dtype.is_integer else item.dtype
            wide = context.builder.emit("constant", value=constant_as(value.value, own))
            return cast(context, wide, dtype)
        return context.builder.emit("constant", value=constant_as(value.value, dtype))
    if value.box == "int":
        return _integer_as(context, value, dtype)
    return cast(context, context.scalar_graph_value(value), dtype)


def _overflows(number: Any, dtype: DType) -> bool:
    """Whether a number becomes infinite as `dtype`."""
    if not isinstance(number, (int, float, complex, np.number)) or dtype.real not in (F16, F32):
        return False
    largest = float(np.finfo(dtype.real.numpy).max)
    if isinstance(number, np.generic):
        number = number.item()
    return any(
        part not in (math.inf, -math.inf) and abs(part) > largest
        for part in (number.real, number.imag)
    )


def constant_as(number: Any, dtype: DType) -> np.ndarray:
    """A number as a read-only 0-d array; JF-B009 for a Python integer out of bounds."""
    try:
        if isinstance(number, np.generic):
            result = np.asarray(number).astype(dtype.numpy)
        elif type(number) is int and dtype.is_integer:
            result = np.asarray(np.array([0], dtype.numpy).dtype.type(number))
        else:
            result = np.array(number, dtype=dtype.numpy)
    except (OverflowError, TypeError, ValueError) as error:
        raise raises(str(error)) from None
    result = result.reshape(())
    result.flags.writeable = False
    return result


def _integer_as(context: TraceContext, value: ScalarValue, dtype: DType) -> Value:
    """A Python int known at run time, as `dtype`; its range is relied on, or checked."""
    number = context.scalar_graph_value(value)
    if dtype is I64:
        return number
    if dtype.is_integer:
        info = np.iinfo(dtype.numpy)
        low, high = int(info.min), min(int(info.max), 2**63 - 1)
        if value.dim is not None:
            for left, right in ((low, value.dim), (value.dim, high)):
                if not facts.decide(context, left, "<=", right):
                    raise raises(f"Python integer out of bounds for {dtype.numpy}")
        else:
            _check_range(context, number, low, high)
        return cast(context, number, dtype)
    if dtype.is_float or dtype.is_complex:
        number = cast(context, number, F64)
    return cast(context, number, dtype)


def _check_range(context: TraceContext, number: Value, low: int, high: int) -> None:
    emit = context.builder.emit
    for bound, relation in ((low, "greater_equal"), (high, "less_equal")):
        if -(2**63) < bound < 2**63 - 1:
            limit = emit("constant", value=constant_as(bound, I64))
            facts.require(context, emit(relation, number, limit))


def cast(context: TraceContext, value: Value, dtype: DType) -> Value:
    """`value` as `dtype`; JF-B008 where NumPy warns that imaginary parts are lost."""
    if value.type.dtype is dtype:
        return value
    if value.type.dtype.is_complex and not dtype.is_complex and dtype is not BOOL:
        raise unsupported("a complex value becomes real: NumPy warns that parts are lost")
    return context.builder.emit("cast", value, dtype=dtype)


def emit(context: TraceContext, name: str, *operands: Value, **attributes: Any) -> Value:
    """Append a node; JF-B008 where there is no record, or none for these dtypes."""
    try:
        return context.builder.emit(name, *operands, **attributes)
    except (KeyError, TypeError) as error:
        raise unsupported(f"{name}: {error}") from None


def emit_wide(context: TraceContext, name: str, *operands: Value, **attributes: Any) -> Value:
    """`emit` with half precision computed in single precision and rounded back, as NumPy does."""
    if not any(value.type.dtype is F16 for value in operands):
        return emit(context, name, *operands, **attributes)
    wide = [cast(context, v, F32) if v.type.dtype is F16 else v for v in operands]
    result = emit(context, name, *wide, **attributes)
    return cast(context, result, F16) if result.type.dtype is F32 else result


def ordered_by_parts(context: TraceContext, name: str, left: Value, right: Value) -> Value:
    """A comparison of complex numbers in which a NaN counts only where it decides."""
    (x, x_imaginary), (y, y_imaginary) = (
        (emit(context, "real", number), emit(context, "imag", number)) for number in (left, right)
    )
    imaginary = emit(context, name, x_imaginary, y_imaginary)
    real = emit(context, name, x, y)
    return emit(context, "where", emit(context, "equal", x, y), imaginary, real)


# Broadcasting


def broadcast_shapes(context: TraceContext, shapes: Sequence[tuple[Dim, ...]]) -> tuple[Dim, ...]:
    """The shape that operands broadcast to; JF-B009 where they do not."""
    rank = max((len(shape) for shape in shapes), default=0)
    result: list[Dim] = [1] * rank
    for shape in shapes:
        for position, extent in enumerate(shape, rank - len(shape)):
            result[position] = _common_extent(context, result[position], extent)
    return tuple(result)


def _common_extent(context: TraceContext, left: Dim, right: Dim) -> Dim:
    if left == right or right == 1:
        return left
    if left == 1:
        return right
    sizes = [facts.evaluate(context, extent) for extent in (left, right)]
    is_late = any(facts.is_late_extent(context, extent) for extent in (left, right))
    if is_late and (None in sizes or sizes[0] == sizes[1]):
        facts.rely_on(context, left, "==", right)
        return right if facts.is_late_extent(context, left) else left
    if facts.decide(context, left, "==", right):
        return left if isinstance(left, int) else right if isinstance(right, int) else left
    if facts.decide(context, right, "==", 1):
        return left
    if facts.decide(context, left, "==", 1):
        return right
    raise raises(f"operands could not be broadcast together: {left} and {right}")


def conform(context: TraceContext, value: Value, shape: tuple[Dim, ...]) -> Value:
    """`value` with the very extents of `shape` where they are known to be equal.

    Extents that are equal at run time but differ as expressions are made one expression, so that
    the records see that the operands broadcast. Axes of extent 1 stay, and those
    that are found to be 1 become it.
    """
    own = value.type.shape
    target = shape[len(shape) - len(own) :]
    pairs = zip(own, target, strict=True)
    wanted = tuple(1 if _is_repeated(context, a, b) else b for a, b in pairs)
    if wanted == own:
        return value
    return emit(context, "reshape", value, shape=wanted)


def _is_repeated(context: TraceContext, own: Dim, extent: Dim) -> bool:
    """Whether an axis is repeated to have `extent`: `broadcast_shapes` relies on what holds."""
    if own in (1, extent):
        return own == 1
    if facts.evaluate(context, own) != 1 or facts.evaluate(context, extent) == 1:
        return False
    return facts.decide(context, own, "==", 1)


def same_shape(context: TraceContext, left: tuple[Dim, ...], right: tuple[Dim, ...]) -> bool:
    """Whether two shapes are equal."""
    return len(left) == len(right) and all(
        facts.decide(context, a, "==", b) for a, b in zip(left, right, strict=True)
    )


def result_order(
    context: TraceContext,
    shape: tuple[Dim, ...],
    items: Sequence[Operand],
    trivial: bool = True,
) -> layout.Order:
    """Memory order of a fresh element-wise result."""
    described = [
        arrays.described(context, item.value)
        for item in items
        if isinstance(item.value, ArrayValue) and item.shape
    ]
    return layout.elementwise_order(facts.estimates(context, shape), described, trivial)


def promoted(*items: Operand | DType) -> DType:
    """`numpy.result_type` of operands."""
    known = [item if isinstance(item, DType) else item.dtype for item in items]
    if BF16 in known:
        return _promoted_as_operands(items)
    examples = [item.numpy if isinstance(item, DType) else _example(item) for item in items]
    found = np.result_type(*examples)
    if any(isinstance(item, Operand) and item.otherwise for item in items):
        others = [
            item.otherwise(0) if isinstance(item, Operand) and item.otherwise else example
            for item, example in zip(items, examples, strict=True)
        ]
        if np.result_type(*others) != found:
            raise undecided()
    return supported_dtype(found)


def _promoted_as_operands(items: Sequence[Operand | DType]) -> DType:
    """What bf16 and others become where they are added: devices choose among operands so."""
    types = [item.numpy if isinstance(item, DType) else item.promotes_as for item in items]
    found = types[0]
    for other in types[1:]:
        found = np.add.resolve_dtypes((found, other, None))[2]
    return supported_dtype(found)


def undecided() -> Unsupported:
    """What is raised where the dtype depends on which of two kinds a number is."""
    return unsupported("a dtype that depends on whether a number is Python's or NumPy's")


def _example(item: Operand) -> Any:
    if item.weak is None:
        return item.dtype.numpy
    if isinstance(item.value, ConstantValue):
        return item.value.value
    return item.weak(0)


def as_array(context: TraceContext, value: PyValue) -> ArrayValue:
    """`numpy.asarray`: an array itself, a number as a fresh 0-d array, a sequence as an array."""
    item = operand(context, value)
    if isinstance(item.value, ArrayValue):
        return item.value
    if isinstance(item.value, ConstantValue):
        try:
            return arrays.constant(context, np.asarray(item.value.value))
        except OverflowError as error:
            raise Unsupported("JF-B007", str(error)) from None
    return arrays.fresh(context, graph_value(context, item))

"""Numbers that are Python's in some calls and NumPy's in others: `EitherValue`.

``total = 0.0`` before a loop that adds elements under a condition is one: a float where nothing was
added, else a `numpy.float64`. With another NumPy operand both mean the same operation, as long as
promotion gives one dtype; with Python numbers the result is again one or the other.
"""

from __future__ import annotations

import numpy as np

from jitflow.core.dtypes import BOOL, F32, F64, I64, DType
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.ir.rules import splat
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.objects import scalars
from jitflow.tracer.objects.number_values import box_of, boxed
from jitflow.tracer.values import ArrayValue, ConstantValue, EitherValue, PyValue, ScalarValue

_WEAK = {"float": 0.0, "int": 0, "bool": False, "complex": 0j}


def as_numpy(value: PyValue) -> PyValue:
    """The NumPy scalar that `value` is, or may be."""
    return value.as_numpy if isinstance(value, EitherValue) else value


def as_python(context: TraceContext, value: PyValue) -> PyValue:
    """The Python number that `value` is, or may be."""
    if not isinstance(value, EitherValue):
        return value
    if value.box == "int" and value.dtype is not I64:
        return boxed("int", context.builder.emit("cast", value.value, dtype=I64))
    if value.dtype is F32:
        return boxed("float", _exact(context, value))
    return ScalarValue(value.box, value.dtype, value.value)


def _exact(context: TraceContext, value: EitherValue) -> Value:
    """The f64 that is equal to a number that may be in single precision."""
    if value.exact is not None or value.dtype is F64:
        return value.exact or value.value
    return context.builder.emit("cast", value.value, dtype=F64)


def as_equal(value: PyValue) -> PyValue:
    """A number that is equal to `value`, whatever it is: Python's, but for single precision."""
    if not isinstance(value, EitherValue):
        return value
    if value.dtype is F32:
        return value.as_numpy if value.exact is None else boxed("float", value.exact)
    return ScalarValue(_BOXES[value.dtype], value.dtype, value.value)


def is_alike(left: PyValue, right: PyValue) -> bool:
    """Whether an operation of NumPy on both gives the same for either kind of each."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, EitherValue):
            dtype = _numpy_dtype(other)
            if one.dtype is BOOL or dtype is None:
                return False
            strong = np.result_type(one.dtype.numpy, dtype)
            if np.result_type(_WEAK[one.box], dtype) != strong:
                return False
            if one.dtype is F32 and strong != F32.numpy:  # Python's number is not rounded then
                return False
    return True


def _numpy_dtype(value: PyValue) -> np.dtype | None:
    """The dtype of an array or NumPy scalar."""
    if isinstance(value, ArrayValue) or (isinstance(value, ScalarValue) and value.box == "scalar"):
        return value.dtype.numpy
    if isinstance(value, ConstantValue) and isinstance(value.value, np.generic):
        return value.value.dtype
    return None


def is_numpy(context: TraceContext, *values: PyValue) -> Value:
    """Whether (bool[]) NumPy decides what an operation on `values` means."""
    tags = [value.is_numpy for value in values if isinstance(value, EitherValue)]
    result = tags[0]
    for tag in tags[1:]:
        result = context.builder.emit("logical_or", result, tag)
    return result


def binary(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right`` of such numbers and Python's."""
    allowed = ("+", "-", "*", "/")
    if any(_is_spread(value) for value in (left, right)):
        return _of_spread(context, op, left, right)
    if any(isinstance(value, EitherValue) and value.dtype is F32 for value in (left, right)):
        return _of_single(context, op, left, right)
    floats = all(_is_simple(value, "float") for value in (left, right))
    integers = all(_is_simple(value, "int") for value in (left, right))
    if not ((floats and op in allowed) or (integers and op in allowed[:3])):
        raise unknown(left if isinstance(left, EitherValue) else right)
    result = scalars.binary(context, op, as_python(context, left), as_python(context, right))
    assert isinstance(result, ScalarValue)
    tag = is_numpy(context, left, right)
    number = context.scalar_graph_value(result)
    if floats:  # NumPy would warn where Python does not
        _require_finite(context, number, tag)
    return EitherValue(result.box, result.dtype, number, tag)


_RECORDS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}


def _of_single(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """As `binary`, where one is a float or a float32: both are computed, as they round apart."""
    emit, sides = context.builder.emit, (left, right)
    boxes = {value.box if isinstance(value, EitherValue) else box_of(value) for value in sides}
    is_float = op == "/" or "float" in boxes
    if op not in _RECORDS or not is_float or not all(map(_is_single_or_python, sides)):
        raise unknown(next(value for value in sides if isinstance(value, EitherValue)))
    exact = scalars.binary(context, op, *(as_python(context, side) for side in sides))
    number = context.scalar_graph_value(exact, F64)
    singles = [
        side.value if isinstance(side, EitherValue) else _rounded(context, side) for side in sides
    ]
    single, tag = emit(_RECORDS[op], *singles), is_numpy(context, left, right)
    _require_finite(context, single, tag)
    number = emit("where", tag, emit("cast", single, dtype=F64), number)
    return EitherValue("float", F32, emit("cast", number, dtype=F32), tag, number)


def _is_single(value: PyValue) -> bool:
    return isinstance(value, EitherValue) and value.dtype is F32


def _is_single_or_python(value: PyValue) -> bool:
    return _is_single(value) if isinstance(value, EitherValue) else _is_simple(value, "float")


def _rounded(context: TraceContext, value: PyValue) -> Value:
    """Python's number in single precision, as NumPy takes it beside a float32."""
    number = context.scalar_graph_value(value, F64)
    single = context.builder.emit("cast", number, dtype=F32)
    emit = context.builder.emit
    is_there = emit("equal", emit("isfinite", single), emit("isfinite", number))
    facts.require(context, is_there)  # NumPy would warn
    return single


def in_single(context: TraceContext, value: EitherValue) -> Value:
    """The number in single precision, which is checked to be equal to it."""
    if value.exact is not None:
        emit = context.builder.emit
        is_same = emit("equal", emit("cast", value.value, dtype=F64), value.exact)
        is_same = emit("logical_or", is_same, emit("isnan", value.exact))
        facts.require(context, emit("logical_or", is_same, value.is_numpy))
    return value.value


def _require_finite(context: TraceContext, number: Value, tag: Value) -> None:
    emit = context.builder.emit
    finite, is_python = emit("isfinite", number), emit("logical_not", tag)
    facts.require(context, emit("logical_or", finite, is_python))


def _is_spread(value: PyValue) -> bool:
    """Whether a number is an int or a float64, which holds both."""
    return isinstance(value, EitherValue) and value.box == "int" and value.dtype is F64


def _of_spread(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """As `binary`, where one is an int or a float64: ints stay so small that it holds them."""
    sides = (left, right)
    boxes = {value.box if isinstance(value, EitherValue) else box_of(value) for value in sides}
    is_float = "float" in boxes or op == "/"
    allowed = ("+", "-", "*", "/") if is_float else ("+", "-")  # 0 * -1 is no -0.0
    if op not in allowed or not boxes <= {"int", "float"}:
        raise unknown(next(value for value in sides if isinstance(value, EitherValue)))
    first, second = (boxed("float", held_as_float(context, value)) for value in sides)
    result = scalars.binary(context, op, first, second)
    assert isinstance(result, ScalarValue)
    number, tag = context.scalar_graph_value(result), is_numpy(context, left, right)
    _require_finite(context, number, tag)
    if not is_float:
        is_small = _is_small(context, number)
        facts.require(context, context.builder.emit("logical_or", is_small, tag))
    return EitherValue("float" if is_float else "int", F64, number, tag)


def held_as_float(context: TraceContext, value: PyValue) -> Value:
    """The f64 that is equal to a number; checked to be exact."""
    if isinstance(value, EitherValue):
        return context.scalar_graph_value(as_equal(value), F64)
    if box_of(value) == "int":
        return exact_float(context, context.scalar_graph_value(value, I64))
    return context.scalar_graph_value(value, F64)


def exact_float(context: TraceContext, integer: Value) -> Value:
    """An i64 as f64; that it is small enough is known or checked."""
    number = context.builder.emit("cast", integer, dtype=F64)
    producer = integer.producer
    known = producer.attributes if producer and producer.operator.name == "constant" else None
    if known is None or abs(int(known["value"])) >= _EXACT:
        facts.require(context, _is_small(context, number))
    return number


def exact_single(context: TraceContext, number: Value) -> Value:
    """An f64 as f32; that it is the same number is known or checked."""
    emit = context.builder.emit
    single = emit("cast", number, dtype=F32)
    known = splat(number)
    if known is None:
        is_same = emit("equal", emit("cast", single, dtype=F64), number)
        facts.require(context, emit("logical_or", is_same, emit("isnan", number)))
    elif not (is_single(known) or known != known):
        raise Unsupported("JF-B005", f"a number is float or numpy {F32}")
    return single


def is_single(number: float) -> bool:
    """Whether a float is the same number in single precision."""
    with np.errstate(over="ignore"):
        return float(np.float32(number)) == number


def _is_small(context: TraceContext, number: Value) -> Value:
    emit = context.builder.emit
    limit = np.array(float(_EXACT))
    limit.flags.writeable = False
    return emit("less", emit("absolute", number), emit("constant", value=limit))


_EXACT = 2**53
"""Integers below it are held by a float64."""


def _is_simple(value: PyValue, box: str) -> bool:
    """Whether a number is held by a graph value of one dtype for both kinds."""
    if isinstance(value, EitherValue):
        return value.box == box and value.dtype is (F64 if box == "float" else I64)
    return box_of(value) == box or (box == "float" and box_of(value) == "int")


def compare(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right`` of such numbers and Python's."""
    if not all(isinstance(v, EitherValue) or box_of(v) for v in (left, right)):
        raise unknown(left if isinstance(left, EitherValue) else right)
    if _is_single(left) or _is_single(right):
        return _compare_single(context, op, left, right)
    result = scalars.compare(context, op, as_equal(left), as_equal(right))
    number = context.scalar_graph_value(result, BOOL)
    return EitherValue("bool", BOOL, number, is_numpy(context, left, right))


def _compare_single(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """As `compare`, where one is a float or a float32, beside which Python's are rounded."""
    sides = (left, right)
    if not all(map(_is_single_or_python, sides)):
        raise unknown(left if isinstance(left, EitherValue) else right)
    exact = scalars.compare(context, op, *(as_python(context, side) for side in sides))
    singles = [
        side.value if isinstance(side, EitherValue) else _rounded(context, side) for side in sides
    ]
    rounded = (boxed("float", context.builder.emit("cast", one, dtype=F64)) for one in singles)
    single = scalars.compare(context, op, *rounded)
    results = [context.scalar_graph_value(one, BOOL) for one in (single, exact)]
    tag = is_numpy(context, left, right)
    return EitherValue("bool", BOOL, context.builder.emit("where", tag, *results), tag)


def unary(context: TraceContext, op: str, value: EitherValue) -> PyValue:
    """``-``, ``+``, or ``abs`` for `op` "abs"."""
    if value.box != "float" or op == "~":
        raise unknown(value)
    record = {"-": "negative", "abs": "absolute", "+": "positive"}[op]
    emit = context.builder.emit
    exact = None if value.exact is None else emit(record, value.exact)
    return EitherValue("float", value.dtype, emit(record, value.value), value.is_numpy, exact)


def truth(context: TraceContext, value: EitherValue) -> PyValue:
    """``bool(value)``."""
    number = as_python(context, value) if value.dtype is F32 else as_equal(value)
    assert isinstance(number, ScalarValue)
    return scalars.truth(context, number)


_BOXES: dict[DType, str] = {F64: "float", I64: "int", BOOL: "bool"}


def choose(context: TraceContext, condition: Value, left: PyValue, right: PyValue) -> PyValue:
    """``left if condition else right`` of numbers of one type, or of Python's and NumPy's."""
    boxes = {box for value in (left, right) if (box := _box_in(value))}
    dtypes = {dtype for value in (left, right) if (dtype := _dtype_in(value))}
    pair = (*boxes, *dtypes)
    is_held = pair in PAIRS or pair == ("float", F32)
    is_held &= not any(isinstance(value, ArrayValue) for value in (left, right))
    if len(boxes) != 1 or len(dtypes) != 1 or not is_held:
        raise Unsupported("JF-B005", "the type of min() or max() depends on data")
    (box,), (dtype,) = boxes, dtypes
    sides = [_held(context, value, dtype) for value in (left, right)]
    emit = context.builder.emit
    number, tag = (emit("where", condition, *each) for each in zip(*sides, strict=True))
    if dtype is not F32 or all(map(_fits_single, (left, right))):
        return EitherValue(box, dtype, number, tag)
    exact = [
        _exact(context, value)
        if isinstance(value, EitherValue)
        else emit("cast", context.scalar_graph_value(value), dtype=F64)
        for value in (left, right)
    ]
    return EitherValue(box, dtype, number, tag, emit("where", condition, *exact))


def _fits_single(value: PyValue) -> bool:
    """Whether a number is the same in single precision."""
    if isinstance(value, EitherValue):
        return value.exact is None
    is_numpy = box_of(value) is None
    return is_numpy or (isinstance(value, ConstantValue) and is_single(value.value))


PAIRS = frozenset({("float", F64), ("int", I64), ("bool", BOOL), ("int", F64)})
"""Kinds of Python numbers and dtypes that a graph value of that dtype can hold (small ints)."""


def _box_in(value: PyValue) -> str | None:
    return value.box if isinstance(value, EitherValue) else box_of(value)


def _dtype_in(value: PyValue) -> DType | None:
    if isinstance(value, EitherValue | ScalarValue):
        return None if box_of(value) else value.dtype
    return None


def _held(context: TraceContext, value: PyValue, dtype: DType) -> tuple[Value, Value]:
    """The number, and whether it is NumPy's."""
    if isinstance(value, EitherValue):
        return value.value, value.is_numpy
    if box_of(value) == "int" and dtype is F64:
        return held_as_float(context, value), context.truth(False)
    if dtype is F32 and box_of(value):
        number = context.scalar_graph_value(value, F64)
        return context.builder.emit("cast", number, dtype=F32), context.truth(False)
    return context.scalar_graph_value(value, dtype), context.truth(box_of(value) is None)


def unknown(value: PyValue) -> Unsupported:
    """What is raised where the type decides."""
    assert isinstance(value, EitherValue)
    return Unsupported("JF-B005", f"a number is {value.box} or numpy {value.dtype}")

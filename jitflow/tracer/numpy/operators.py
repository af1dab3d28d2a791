"""Python's operators on arrays and NumPy scalars: which ufunc each one is."""

from __future__ import annotations

import numpy as np

from jitflow.tracer import arrays
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import ufuncs
from jitflow.tracer.numpy.arguments import raises, supported_dtype, unsupported
from jitflow.tracer.numpy.operands import emit, graph_value, is_operand, operand, ordered_by_parts
from jitflow.tracer.numpy.scalar_checks import checked
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, ScalarValue, SequenceValue

_BINARY: dict[str, np.ufunc] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "and_": np.bitwise_and,
    "or_": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
    "divmod": np.divmod,
}
_UNARY: dict[str, np.ufunc] = {
    "neg": np.negative,
    "pos": np.positive,
    "invert": np.invert,
    "abs": np.absolute,
}
_COMPARE: dict[str, np.ufunc] = {
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
_IN_PLACE = {f"i{name.rstrip('_')}": name for name in (*_BINARY, "matmul")}


def binary_operator(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right``; the in-place form writes an array on the left and gives it back."""
    in_place = op in _IN_PLACE
    name = _IN_PLACE.get(op, op)
    _check_operands(name, left, right)
    out = left if in_place and isinstance(left, ArrayValue) else None
    if name == "matmul":
        return _matmul(context, left, right, out)
    ufunc = _BINARY.get(name)
    if ufunc is None:
        raise unsupported(f"operator {op}")
    if ufunc is np.bitwise_and or name in ("or_", "xor"):
        _check_bits(context, left, right)
    options = ufuncs.Options(out=[out] + [None] * (ufunc.nout - 1))
    options.scalar_power = name == "pow" and not isinstance(left, ArrayValue)
    options.is_operator = True
    known = _checked_scalar(context, ufunc, [left, right])
    return known or ufuncs.apply(context, ufunc, [left, right], options)


def _check_operands(name: str, left: PyValue, right: PyValue) -> None:
    """Decline objects whose own operators might answer."""
    for value in (left, right):
        if isinstance(value, SequenceValue) and value.kind in (list, tuple):
            continue
        if not is_operand(value):
            raise unsupported(f"{name} with {value.python_type.__name__}")


def _check_bits(context: TraceContext, left: PyValue, right: PyValue) -> None:
    for value in (left, right):
        if operand(context, value).dtype.kind not in "biu":
            raise raises("bitwise operators take integers")


def _matmul(
    context: TraceContext, left: PyValue, right: PyValue, out: ArrayValue | None
) -> PyValue:
    from jitflow.tracer.numpy import products

    result = products.matmul(context, left, right)
    if out is None:
        return result
    if not isinstance(result, ArrayValue):
        raise unsupported("in-place matmul of vectors")
    from jitflow.tracer.numpy.indexing import assign

    if result.shape != out.shape:
        raise raises("matmul result does not fit")
    if not np.can_cast(result.dtype.numpy, out.dtype.numpy, "same_kind"):
        raise raises("cannot cast matmul result")
    assign(context, out, operand(context, result))
    return out


def unary_operator(context: TraceContext, op: str, value: PyValue) -> PyValue:
    """``-x``, ``+x``, ``~x``, ``abs(x)``."""
    if not is_operand(value):
        raise unsupported(f"{op} of {value.python_type.__name__}")
    known = _checked_scalar(context, _UNARY[op], [value])
    return known or ufuncs.apply(context, _UNARY[op], [value])


def _checked_scalar(
    context: TraceContext, ufunc: np.ufunc, values: list[PyValue]
) -> PyValue | None:
    """Integer scalars warn on overflow where arrays do not: the result, if the check gives it."""
    if not all(isinstance(value, (ConstantValue, ScalarValue)) for value in values):
        return None
    items = [operand(context, value) for value in values]
    if any(item.dtype.kind not in "biu" for item in items):
        return None
    loop = ufuncs.resolve(ufunc, items, ufuncs.Options(out=[None] * ufunc.nout))
    result = checked(context, ufunc, items, supported_dtype(loop[-1]))
    return None if result is None else ScalarValue("scalar", result.type.dtype, result)


def comparison(context: TraceContext, op: str, left: PyValue, right: PyValue) -> PyValue:
    """``left op right``."""
    for value, other in ((left, right), (right, left)):
        if isinstance(value, ConstantValue) and value.value is None and op in ("eq", "ne"):
            return _compare_none(context, op, other)
    _check_operands(op, left, right)
    known = None if op in ("eq", "ne") else _ordered_scalars(context, op, [left, right])
    return known or ufuncs.apply(context, _COMPARE[op], [left, right])


def _ordered_scalars(context: TraceContext, op: str, values: list[PyValue]) -> PyValue | None:
    """Complex scalars of one dtype: imaginary parts decide where real ones are equal.

    So NaN has another meaning than in NumPy's loops, which order all other operands.
    """
    if not all(isinstance(value, (ConstantValue, ScalarValue)) for value in values):
        return None
    ufunc, items = _COMPARE[op], [operand(context, value) for value in values]
    common = ufuncs.resolve(ufunc, items, ufuncs.Options(out=[None]))[0]
    own = [item.dtype.numpy for item in items if item.weak is None]
    if common.kind != "c" or common not in own:
        return None
    dtype, name = supported_dtype(common), ufunc.__name__
    numbers = [graph_value(context, item, dtype) for item in items]
    result = ordered_by_parts(context, name, *numbers)
    return ScalarValue("scalar", result.type.dtype, result)


def _compare_none(context: TraceContext, op: str, other: PyValue) -> PyValue:
    answer = np.asarray(op == "ne")
    if isinstance(other, ScalarValue):
        return ConstantValue(bool(answer))
    if not isinstance(other, ArrayValue):
        raise unsupported("comparison with None")
    answer.flags.writeable = False
    scalar = emit(context, "constant", value=answer)
    if not other.shape:
        return arrays.boxed(context, scalar)
    return arrays.boxed(context, emit(context, "full", scalar, shape=other.shape))

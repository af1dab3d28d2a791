"""Calls of ufuncs: dtype resolution by NumPy itself, casts, `out`, `where`, memory order.

`apply` is the one way in which element-wise results come about; operators, methods and the other
families go through it. Results of rank 0 are NumPy scalars unless `out` is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.core.dtypes import ALL, BOOL, F16, F32, I64, U64, DType, from_device
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.arguments import raises, unsupported
from jitflow.tracer.numpy.callouts import call_out
from jitflow.tracer.numpy.operands import (
    Operand,
    broadcast_shapes,
    cast,
    conform,
    emit,
    emit_wide,
    graph_value,
    operand,
    result_order,
    same_shape,
    undecided,
)
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, ScalarValue, SequenceValue

_SAME_OPERATOR = {"deg2rad": "radians", "rad2deg": "degrees", "fabs": "absolute"}
_CALLED = frozenset({"gcd", "lcm", "modf", "frexp"})
_NATIVE_HALF = frozenset({"maximum", "minimum", "fmax", "fmin"})
"""Loops that choose among equal zeros of f16 otherwise than among those of f32."""

_EXACT_HALF = frozenset({"nextafter", "spacing"})
_CLASSIFY = {"isnan": False, "isinf": False, "isfinite": True}
_HARMLESS = {"arctanh": 0.0, "arcsin": 0.0, "arccos": 0.0, "expm1": 0.0}


@dataclass
class Options:
    """Keyword arguments of a ufunc call.

    `scalar_power` is set for ``**`` of a NumPy scalar, which has no shortcut for known exponents;
    `is_operator` for every operator: the square of bools is int8 there, and int64 by `numpy.power`.
    """

    out: list[ArrayValue | None] = field(default_factory=list)
    where: Operand | None = None
    dtype: np.dtype | None = None
    casting: str = "same_kind"
    scalar_power: bool = False
    is_operator: bool = False


def call(
    context: TraceContext, ufunc: np.ufunc, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """``ufunc(*args, **kwargs)``."""
    if ufunc.signature is not None:
        raise unsupported(f"np.{ufunc.__name__} is a generalised ufunc")
    given, rest = args[: ufunc.nin], args[ufunc.nin :]
    if len(given) < ufunc.nin or len(rest) > ufunc.nout:
        raise raises(f"np.{ufunc.__name__} takes {ufunc.nin} inputs")
    keywords = dict(kwargs)
    if rest and ufunc in (np.maximum, np.minimum):
        raise unsupported(f"np.{ufunc.__name__} with a positional out, which is deprecated")
    if rest:
        keywords["out"] = SequenceValue(tuple, list(rest))
    options = parse_options(context, ufunc, keywords)
    if options.where is not None and any(target is None for target in options.out):
        raise unsupported(f"np.{ufunc.__name__} with where and without out, which warns")
    return apply(context, ufunc, given, options)


def parse_options(context: TraceContext, ufunc: np.ufunc, keywords: dict[str, PyValue]) -> Options:
    """The keyword arguments of a call."""
    options = Options(out=[None] * ufunc.nout)
    for name, value in keywords.items():
        value = context.resolve(value)
        if name == "out":
            options.out = out_arguments(context, value, ufunc.nout)
        elif name == "where":
            options.where = where_argument(context, value)
        elif name == "dtype":
            options.dtype = arguments.numpy_dtype(context, value)
        elif name == "casting":
            options.casting = arguments.constant(context, value, name)
        elif (
            name == "order" and arguments.constant(context, value, name) == "K"
        ) or name == "subok":
            continue
        else:
            raise unsupported(f"np.{ufunc.__name__} with {name}")
    return options


def out_arguments(context: TraceContext, value: PyValue, count: int = 1) -> list[ArrayValue | None]:
    """The `out` argument: arrays or None, one for each result."""
    if arguments.is_none(value):
        return [None] * count
    if isinstance(value, ArrayValue) and count == 1:
        return [value]
    if isinstance(value, ArrayValue):
        raise raises("'out' must be a tuple of arrays")
    items = arguments.items_of(context, value, "out")
    if len(items) != count:
        raise raises("the number of arrays in out is not the number of results")
    result: list[ArrayValue | None] = []
    for item in items:
        if not (isinstance(item, ArrayValue) or arguments.is_none(item)):
            raise unsupported("out that is no array")
        result.append(item if isinstance(item, ArrayValue) else None)
    return result


def where_argument(context: TraceContext, value: PyValue) -> Operand | None:
    """The `where` argument; None where it is True or was not given."""
    if isinstance(value, ConstantValue) and (value.value is True or arguments.is_missing(value)):
        return None
    mask = operand(context, value)
    if mask.dtype is not BOOL:
        raise raises("where must be of dtype bool")
    return mask


def apply(
    context: TraceContext,
    ufunc: np.ufunc,
    inputs: Sequence[PyValue],
    options: Options | None = None,
) -> PyValue:
    """The result of a ufunc: a scalar, an array, or a tuple where it has several results."""
    options = options or Options(out=[None] * ufunc.nout)
    if ufunc is np.power and not options.scalar_power:
        shortcut = _power_shortcut(context, inputs, options)
        if shortcut is not None:
            ufunc, options.dtype = shortcut
            inputs = inputs[:1]
    items = [operand(context, value) for value in inputs]
    loop = resolve(ufunc, items, options)
    shape = _result_shape(context, items, options)
    mask = options.where
    casts = needs_iterator(items, loop) or mask is not None
    order = result_order(context, shape, items, trivial=not casts)
    values = _compute(context, ufunc, items, loop, mask, shape)
    results = [
        _deliver(context, value, shape, order, out, mask)
        for value, out in zip(values, options.out, strict=True)
    ]
    return results[0] if len(results) == 1 else SequenceValue(tuple, results)


def needs_iterator(items: Sequence[Operand], loop: Sequence[np.dtype]) -> bool:
    """Whether NumPy casts operands in buffers of `nditer`; numbers and rows it copies before."""
    return any(
        len(item.shape) > 1 and item.dtype.numpy != dtype
        for item, dtype in zip(items, loop, strict=False)
    )


def _power_shortcut(
    context: TraceContext, inputs: Sequence[PyValue], options: Options
) -> tuple[np.ufunc, np.dtype | None] | None:
    """The ufunc and loop that `numpy.power` takes for known exponents -1, 0.5, 1 and 2."""
    base = operand(context, inputs[0])
    is_of_bools = base.dtype is BOOL and options.is_operator
    number = _known_power(context, inputs[1], is_of_bools)
    if type(number) is bool or not isinstance(number, (int, float, np.integer, np.floating)):
        return None
    if is_of_bools and type(number) is int and number == 2:
        return np.square, options.dtype
    loop = resolve(np.power, [base, operand(context, inputs[1])], options)[0]
    found: dict[Any, np.ufunc] = {2: np.square, 1: np.positive}
    if loop.kind in "fc":
        found |= {-1: np.reciprocal, 0.5: np.sqrt}
    ufunc = found.get(number)
    return None if ufunc is None else (ufunc, loop)


def _known_power(context: TraceContext, exponent: PyValue, is_of_bools: bool) -> Any:
    """The exponent, if it is known; whether an int is 2 decides the dtype of powers of bools."""
    if isinstance(exponent, ConstantValue):
        return exponent.value
    if not is_of_bools or not isinstance(exponent, ScalarValue) or exponent.box != "int":
        return None
    if exponent.dim is None:
        raise unsupported("a power of bools that data decide")
    return 2 if facts.decide(context, exponent.dim, "==", 2) else None


def resolve(ufunc: np.ufunc, items: Sequence[Operand], options: Options) -> list[np.dtype]:
    """Dtypes of the loop: inputs, then results; JF-B009 where NumPy has none."""
    outputs = [None if out is None else out.dtype.numpy for out in options.out]
    types = [*(item.promotes_as for item in items), *outputs]
    keywords: dict[str, Any] = {"casting": options.casting}
    if options.dtype is not None:
        keywords["signature"] = (None,) * ufunc.nin + (options.dtype,) * ufunc.nout
    others = [*(item.otherwise or item.promotes_as for item in items), *outputs]
    try:
        found = ufunc.resolve_dtypes(tuple(types), **keywords)
        if others != types and ufunc.resolve_dtypes(tuple(others), **keywords) != found:
            raise undecided()
        return list(found)
    except (TypeError, ValueError) as error:
        raise raises(str(error)) from None


def _result_shape(
    context: TraceContext, items: Sequence[Operand], options: Options
) -> tuple[Dim, ...]:
    shapes = [item.shape for item in items]
    if options.where is not None:
        shapes.append(options.where.shape)
    outs = [out for out in options.out if out is not None]
    shape = broadcast_shapes(context, [*shapes, *(out.shape for out in outs)])
    for out in outs:
        arrays.check_writable(out)
        if not same_shape(context, out.shape, shape):
            raise raises(f"non-broadcastable output operand with shape {out.shape}")
    return shape


def _compute(
    context: TraceContext,
    ufunc: np.ufunc,
    items: Sequence[Operand],
    loop: list[np.dtype],
    mask: Operand | None,
    shape: tuple[Dim, ...],
) -> list[Value]:
    # Operands of one size and kind are the same numbers, whatever C calls them (``qQ->?``).
    taken = [_BY_KIND_AND_SIZE.get((t.kind, t.itemsize), t) for t in loop[: ufunc.nin]]
    loop_types = [_loop_dtype(ufunc, dtype) for dtype in (*taken, *loop[ufunc.nin :])]
    values = [
        conform(context, graph_value(context, item, dtype), shape)
        for item, dtype in zip(items, loop_types[: ufunc.nin], strict=True)
    ]
    if mask is not None:
        chosen = conform(context, graph_value(context, mask), shape)
        values = harmless_where(context, ufunc.__name__, values, chosen)
    results = element_wise(context, ufunc, values, loop_types[ufunc.nin :])
    return [cast(context, v, d) for v, d in zip(results, loop_types[ufunc.nin :], strict=True)]


_BY_KIND_AND_SIZE = {(t.kind, t.itemsize): t.numpy for t in ALL}


def _loop_dtype(ufunc: np.ufunc, dtype: np.dtype) -> DType:
    found = from_device(dtype)
    if found is None:
        raise Unsupported("JF-B007", f"np.{ufunc.__name__} with a loop of {dtype}")
    return found


def harmless_where(
    context: TraceContext, name: str, values: list[Value], mask: Value
) -> list[Value]:
    """Operands with a number in place of masked elements for which `name` raises no flag."""
    results = []
    for value in values:
        dtype = value.type.dtype
        if dtype is BOOL:
            results.append(value)
            continue
        number = np.asarray(_HARMLESS.get(name, 1.0)).astype(dtype.numpy)
        number.flags.writeable = False
        safe = emit(context, "constant", value=number)
        results.append(emit(context, "where", mask, value, safe))
    return results


def _deliver(
    context: TraceContext,
    value: Value,
    shape: tuple[Dim, ...],
    order: tuple[int, ...],
    out: ArrayValue | None,
    mask: Operand | None,
) -> PyValue:
    if out is None:
        if value.type.shape != shape:
            value = emit(context, "broadcast", value, shape=shape)
        return arrays.boxed(context, value, order)
    value = cast(context, value, out.dtype)
    if mask is not None:
        chosen = conform(context, graph_value(context, mask), shape)
        value = emit(context, "where", chosen, value, arrays.read(context, out))
    arrays.write(context, out, conform(context, value, out.shape))
    return out


# The loops


def element_wise(
    context: TraceContext,
    ufunc: np.ufunc,
    values: list[Value],
    results: list[DType],
) -> list[Value]:
    """The nodes of one loop on operands of the loop's dtypes."""
    name = ufunc.__name__
    special = _SPECIAL.get(name)
    if special is not None:
        found = special(context, values)
        if found is not None:
            return found
    half = any(value.type.dtype is F16 for value in values)
    if name in _CALLED or (half and name in _EXACT_HALF):
        return call_out(context, ufunc, values, results)
    if half and name in _NATIVE_HALF:
        return [emit(context, name, *values)]
    return [emit_wide(context, _SAME_OPERATOR.get(name, name), *values)]


def _divmod(context: TraceContext, values: list[Value]) -> list[Value]:
    return [emit_wide(context, name, *values) for name in ("floor_divide", "remainder")]


def _float_power(context: TraceContext, values: list[Value]) -> list[Value]:
    return [emit_wide(context, "power", *values)]


def _power(context: TraceContext, values: list[Value]) -> list[Value] | None:
    base, exponent = values
    if base.type.dtype.kind != "i":
        return None
    known = _known_number(exponent)
    if known is not None:
        if known < 0:
            raise raises("Integers to negative integer powers are not allowed.")
        return None
    zero = emit(context, "constant", value=np.zeros((), exponent.type.dtype.numpy))
    fine = emit(context, "greater_equal", exponent, zero)
    axes = tuple(range(fine.type.rank))
    if axes:
        fine = emit(context, "all", fine, axes=axes, keepdims=False)
    facts.require(context, fine)
    return None


def _known_number(value: Value) -> Any:
    """The least number of a constant operand; None where it is not one."""
    if value.producer is not None and value.producer.operator.name == "constant":
        contents = value.producer.attributes["value"]
        return contents.min() if contents.size else 0
    return None


def _classifier(name: str) -> Callable[[TraceContext, list[Value]], list[Value] | None]:
    def classify(context: TraceContext, values: list[Value]) -> list[Value] | None:
        (value,) = values
        answer = _CLASSIFY[name]
        if value.type.dtype.kind in "fc" or answer is None:
            return None
        number = np.asarray(answer)
        number.flags.writeable = False
        scalar = emit(context, "constant", value=number)
        if not value.type.shape:
            return [scalar]
        return [emit(context, "full", scalar, shape=value.type.shape)]

    return classify


def _mixed_comparison(name: str) -> Callable[[TraceContext, list[Value]], list[Value] | None]:
    """Comparison of signed with unsigned 64-bit integers, which has a loop of its own."""

    def compare(context: TraceContext, values: list[Value]) -> list[Value] | None:
        kinds = [value.type.dtype for value in values]
        if kinds not in ([I64, U64], [U64, I64]):
            return None
        signed = kinds.index(I64)
        zero = emit(context, "constant", value=np.zeros((), np.int64))
        negative = emit(context, "less", values[signed], zero)
        unsigned = [cast(context, value, U64) for value in values]
        result = emit(context, name, *unsigned)
        smaller = signed == 0
        true_if_negative = {
            "less": smaller,
            "less_equal": smaller,
            "greater": not smaller,
            "greater_equal": not smaller,
            "equal": False,
            "not_equal": True,
        }[name]
        if true_if_negative:
            return [emit(context, "logical_or", negative, result)]
        positive = emit(context, "logical_not", negative)
        return [emit(context, "logical_and", positive, result)]

    return compare


def _fabs(context: TraceContext, values: list[Value]) -> list[Value]:
    return [emit_wide(context, "absolute", *values)]


def _positive(context: TraceContext, values: list[Value]) -> list[Value]:
    return [values[0]]


def _ldexp(context: TraceContext, values: list[Value]) -> list[Value]:
    number, exponent = values
    if number.type.dtype is F16:
        number = cast(context, number, F32)
        return [cast(context, emit(context, "ldexp", number, exponent), F16)]
    return [emit(context, "ldexp", number, exponent)]


_SPECIAL: dict[str, Callable[[TraceContext, list[Value]], list[Value] | None]] = {
    "divmod": _divmod,
    "float_power": _float_power,
    "power": _power,
    "fabs": _fabs,
    "positive": _positive,
    "ldexp": _ldexp,
    **{name: _classifier(name) for name in ("isnan", "isinf", "isfinite")},
    **{
        name: _mixed_comparison(name)
        for name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
    },
}

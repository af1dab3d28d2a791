"""Draws in loops and branches that native code makes itself, by the C functions that NumPy uses.

A method is taken where its arguments are numbers (and a size); what it checks is checked before the
draw, and where it would raise, Python runs the piece. Everything else is a call-out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dtypes import BOOL, F64, I64
from jitflow.core.errors import Unsupported
from jitflow.guards.sources import ConstantSource, Source
from jitflow.ir.graph import Value
from jitflow.ops import draws
from jitflow.ops.record import operator
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.arguments import raises, unsupported
from jitflow.tracer.numpy.operands import graph_value, operand
from jitflow.tracer.numpy.table import Entry, bind, parse_signature
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    ScalarValue,
    SequenceValue,
)

Numbers = dict[str, PyValue]
Parameters = Callable[[TraceContext, Numbers], list[Value]]
"""The operands of a record behind the first one, of the arguments of a method."""


@dataclass(frozen=True, eq=False)
class Method:
    """A method of generators: its signature, the record of its draw, and how Python sees a number.

    `sample` are arguments and the operands that they become, to try the record with.
    """

    signature: str
    record: str
    parameters: Parameters
    box: str = "float"
    sample: tuple[tuple[Any, ...], tuple[Any, ...]] = ((), ())


def draw(
    context: TraceContext,
    drawn: Any,
    source: Source | None,
    args: list[PyValue],
    kwargs: dict[str, PyValue],
) -> PyValue | None:
    """The draw as a node; None where NumPy has to make it."""
    owner = drawn.__self__
    is_new = isinstance(owner, np.random.Generator)
    method = (_NEW if is_new else _OLD).get(drawn.__name__)
    if method is None or not _is_exact(is_new, drawn.__name__):
        return None
    place = source or ConstantSource(owner, "numpy.random")
    mark, guards = len(context.builder.block.nodes), len(context.guards)
    try:
        return _drawn(context, method, place, args, kwargs)
    except Unsupported:
        del context.builder.block.nodes[mark:]
        context.drop_guards(guards)
        return None


def _drawn(
    context: TraceContext,
    method: Method,
    source: Source,
    args: list[PyValue],
    kwargs: dict[str, PyValue],
) -> PyValue:
    entry = Entry(_no_handler, parse_signature(method.signature), name=method.record)
    bound = bind(entry, args, kwargs)
    size = bound.pop("size")
    if method.signature.startswith("*") and isinstance(size, SequenceValue) and not size.items:
        size = ConstantValue(None)
    shape = None if arguments.is_none(size) else arguments.sized_shape(context, size)
    if shape == ():
        raise unsupported("an array of rank 0")
    numbers = method.parameters(context, bound)
    function: draws.CFunction = operator(method.record).extra["function"]
    address = draws.older_state if function.is_older else draws.bits_of
    bits = context.made_number(address, source)
    value = context.builder.emit(method.record, bits, *numbers, shape=shape or (), effect=True)
    if shape is None:
        return ScalarValue(method.box, value.type.dtype, value)
    return arrays.fresh(context, value)


def _no_handler(*args: Any, **kwargs: Any) -> PyValue:
    raise AssertionError("only the signature of a draw is used")


@functools.cache
def _is_exact(is_new: bool, name: str) -> bool:
    """Whether the record draws what the method of this NumPy gives: it is tried."""
    method = (_NEW if is_new else _OLD)[name]
    function: draws.CFunction = operator(method.record).extra["function"]
    if not function.is_older and draws.address(function.symbol) is None:
        return False
    make = np.random.default_rng if is_new else np.random.RandomState
    mine, theirs = make(5), make(5)
    if function.is_older:
        return draws.is_older_known()
    given, operands = method.sample
    expected = [getattr(theirs, name)(*given) for _ in range(9)]
    several = {} if method.signature.startswith("*") else {"size": 9}
    given = given if several else (*given, 9)
    expected += list(getattr(theirs, name)(*given, **several))
    found = [draws.call(function, draws.bits_of(mine), operands, 1)[0] for _ in range(9)]
    found += list(draws.call(function, draws.bits_of(mine), operands, 9))
    return found == expected and bool(mine.random() == theirs.random())


# Parameters


def _nothing(context: TraceContext, bound: Numbers) -> list[Value]:
    return []


def _number(context: TraceContext, value: PyValue) -> Value | float:
    """A number as f64: known now, or a value of the graph."""
    item = operand(context, value)
    if isinstance(item.value, ArrayValue) or item.dtype.is_complex:
        raise unsupported("a draw with arrays")
    if isinstance(item.value, ConstantValue):
        return float(item.value.value)
    return graph_value(context, item, F64)


def _value(context: TraceContext, number: Value | float) -> Value:
    if isinstance(number, Value):
        return number
    return context.builder.emit("constant", value=np.array(number))


def _quiet(value: Value) -> Value:
    """A value whose computation gives no warning."""
    if value.producer is not None:
        value.producer.location = replace(value.producer.location, quiet=True)
    return value


def _not_negative(context: TraceContext, number: Value | float) -> Value:
    """A number that must not have a sign, as NumPy checks it."""
    if not isinstance(number, Value):
        if not math.isnan(number) and math.copysign(1, number) < 0:
            raise raises("a negative parameter of a draw")
        return _value(context, number)
    emit = context.builder.emit
    facts.require(context, emit("logical_not", emit("signbit", number)))
    return number


def _with_scale(*names: str) -> Parameters:
    """Numbers in this order, of which the last one must not be negative."""

    def parameters(context: TraceContext, bound: Numbers) -> list[Value]:
        numbers = [_number(context, bound[name]) for name in names]
        last = _not_negative(context, numbers.pop())
        return [*(_value(context, number) for number in numbers), last]

    return parameters


def _all_positive(*names: str) -> Parameters:
    """Numbers in this order, none of which may be negative."""

    def parameters(context: TraceContext, bound: Numbers) -> list[Value]:
        return [_not_negative(context, _number(context, bound[name])) for name in names]

    return parameters


def _range(is_new: bool) -> Parameters:
    """The lower bound, and how far the upper one is from it: a finite number."""

    def parameters(context: TraceContext, bound: Numbers) -> list[Value]:
        low, high = _number(context, bound["low"]), _number(context, bound["high"])
        emit = context.builder.emit
        width: Value | float
        if isinstance(low, Value) or isinstance(high, Value):
            low, high = _value(context, low), _value(context, high)
            width = _quiet(emit("subtract", high, low))
            facts.require(context, emit("isfinite", width))
        else:
            width = high - low
            if not math.isfinite(width):
                raise raises("a range of a draw that is not finite")
        found = _not_negative(context, width) if is_new else _value(context, width)
        return [_value(context, low), found]

    return parameters


def _integers(context: TraceContext, bound: Numbers) -> list[Value]:
    """The lower bound, and the distance to the largest number."""
    low, high = bound["low"], bound["high"]
    if arguments.is_none(high):
        low, high = ConstantValue(0), low
    closed = bound.get("endpoint", ConstantValue(False))
    if not isinstance(closed, ConstantValue) or type(closed.value) is not bool:
        raise unsupported("integers with this endpoint")
    first, last = _integer(context, low), _integer(context, high)
    emit = context.builder.emit
    relation = "<=" if closed.value else "<"
    if isinstance(first, int) and isinstance(last, int):
        largest = last - (not closed.value)
        if not -(2**63) <= first <= largest < 2**63:
            raise raises("bounds of integers")
        width = (largest - first + 2**63) % 2**64 - 2**63
        return [emit("constant", value=np.array(n, np.int64)) for n in (first, width)]
    if not _is_assured(context, low, relation, high):
        record = "less_equal" if closed.value else "less"
        facts.require(context, emit(record, *map(_integer_value(context), (first, last))))
    sides = [_integer_value(context)(number) for number in (first, last)]
    width_value = _quiet(emit("subtract", sides[1], sides[0]))
    if not closed.value:
        one = emit("constant", value=np.array(1, np.int64))
        width_value = _quiet(emit("subtract", width_value, one))
    return [sides[0], width_value]


def _is_assured(context: TraceContext, low: PyValue, relation: str, high: PyValue) -> bool:
    sides = [_dim(context, value) for value in (low, high)]
    if sides[0] is None or sides[1] is None:
        return False
    return bool(facts.assured(context, sides[0], relation, sides[1]))


def _dim(context: TraceContext, value: PyValue) -> Any:
    value = context.resolve(value)
    if isinstance(value, ConstantValue):
        return value.value if type(value.value) is int else None
    return value.dim if isinstance(value, ScalarValue) and value.box == "int" else None


def _integer(context: TraceContext, value: PyValue) -> Value | int:
    """An integer as i64: known now, or a value of the graph."""
    item = operand(context, value)
    fits = item.dtype is BOOL or (item.dtype.is_integer and item.dtype.name != "u64")
    if isinstance(item.value, ArrayValue) or not fits:
        raise unsupported("integers with these bounds")
    if isinstance(item.value, ConstantValue):
        return int(item.value.value)
    return graph_value(context, item, I64)


def _integer_value(context: TraceContext) -> Callable[[Value | int], Value]:
    def value(number: Value | int) -> Value:
        if isinstance(number, Value):
            return number
        if not -(2**63) <= number < 2**63:
            raise raises("bounds of integers")
        return context.builder.emit("constant", value=np.array(number, np.int64))

    return value


# Methods

_UNIFORM = "low=0.0, high=1.0, size=None"
_UNIFORM_SAMPLE = (-2.0, 5.5), (-2.0, 7.5)
_BOUNDS_SAMPLE = (-3, 95), (-3, 97)

_NEW: dict[str, Method] = {
    "random": Method("size=None", "draw_random", _nothing),
    "standard_normal": Method("size=None", "draw_standard_normal", _nothing),
    "standard_exponential": Method("size=None", "draw_standard_exponential", _nothing),
    "uniform": Method(_UNIFORM, "draw_uniform", _range(True), sample=_UNIFORM_SAMPLE),
    "normal": Method(
        "loc=0.0, scale=1.0, size=None", "draw_normal", _with_scale("loc", "scale"),
        sample=((1.5, 0.3), (1.5, 0.3)),
    ),
    "lognormal": Method(
        "mean=0.0, sigma=1.0, size=None", "draw_lognormal", _with_scale("mean", "sigma"),
        sample=((1.5, 0.3), (1.5, 0.3)),
    ),
    "laplace": Method(
        "loc=0.0, scale=1.0, size=None", "draw_laplace", _with_scale("loc", "scale"),
        sample=((1.5, 0.3), (1.5, 0.3)),
    ),
    "exponential": Method(
        "scale=1.0, size=None", "draw_exponential", _with_scale("scale"), sample=((2.5,), (2.5,))
    ),
    "gamma": Method(
        "shape, scale=1.0, size=None", "draw_gamma", _all_positive("shape", "scale"),
        sample=((1.5, 0.3), (1.5, 0.3)),
    ),
    "integers": Method(
        "low, high=None, size=None, *, endpoint=False", "draw_integers", _integers, "scalar",
        _BOUNDS_SAMPLE,
    ),
}  # fmt: skip

_OLD: dict[str, Method] = {
    "random": Method("size=None", "draw_random", _nothing),
    "random_sample": Method("size=None", "draw_random", _nothing),
    "rand": Method("*size", "draw_random", _nothing),
    "uniform": Method(_UNIFORM, "draw_uniform", _range(False), sample=_UNIFORM_SAMPLE),
    "standard_normal": Method("size=None", "draw_older_standard_normal", _nothing),
    "randn": Method("*size", "draw_older_standard_normal", _nothing),
    "normal": Method(
        "loc=0.0, scale=1.0, size=None", "draw_older_normal", _with_scale("loc", "scale"),
        sample=((1.5, 0.3), (1.5, 0.3)),
    ),
    "exponential": Method(
        "scale=1.0, size=None", "draw_older_exponential", _with_scale("scale"),
        sample=((2.5,), (2.5,)),
    ),
    "randint": Method(
        "low, high=None, size=None", "draw_masked_integers", _integers, "int", _BOUNDS_SAMPLE
    ),
}  # fmt: skip

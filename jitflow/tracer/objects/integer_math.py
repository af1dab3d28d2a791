"""`math` functions of integers and of sequences, on numbers known only at run time.

Those of integers are spelled out in Python, which the tracer runs in their place; where the
arguments are none that they take, Python makes the call itself.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from jitflow.core.dims import symbols_of
from jitflow.core.dtypes import F64, I64
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.guards.sources import ConstantSource
from jitflow.tracer import arrays, facts
from jitflow.tracer.numpy.callouts import Callee, Slot, call_out
from jitflow.tracer.numpy.nested import array_of
from jitflow.tracer.objects.iterators import items_of
from jitflow.tracer.objects.nested import call_nested
from jitflow.tracer.objects.number_values import box_of, boxed, evaluate, graph_value
from jitflow.tracer.objects.operators import binary
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import function_value, resolve
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    NumbersValue,
    PyValue,
    ScalarValue,
    SequenceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer import list_items
else:
    list_items = LazyModule("jitflow.tracer.list_items")


# What the tracer runs instead


def _gcd(*integers: int) -> int:
    found = 0
    for number in integers:
        other = abs(number)
        while other:
            found, other = other, found % other
    return found


def _lcm(*integers: int) -> int:
    found = 1
    for number in integers:
        product = abs(number) * found
        found = product // _gcd(found, number) if product else 0
    return found


def _isqrt(n: int) -> int:
    root = int(math.sqrt(n))
    if root * root > n:
        root -= 1
    elif (root + 1) * (root + 1) <= n:
        root += 1
    return root


def _factorial(n: int) -> int:
    found = 1
    for factor in range(2, n + 1):
        found *= factor
    return found


def _comb(n: int, k: int) -> int:
    if k > n:
        return 0
    found = 1
    for step in range(1, min(k, n - k) + 1):
        found = found * (n - step + 1) // step
    return found


def _perm(n: int, k: int) -> int:
    if k > n:
        return 0
    found = 1
    for step in range(k):
        found *= n - step
    return found


def _of_integers(
    function: Callable[..., Any],
    spelled: Callable[..., int],
    counts: range,
    *,
    natural: bool = False,
    grows: bool = False,
) -> Callable[..., PyValue]:
    """`spelled` where all arguments are integers, none of them negative if `natural`.

    What `grows` soon needs more than 64 bits, and then floats are made of it: in a short loop its
    arguments have to be known.
    """

    def handler(tracer: Tracer, *args: PyValue) -> PyValue:
        values = [resolve(tracer, arg) for arg in args]
        if all(isinstance(value, ConstantValue) for value in values):
            return evaluate(function, *(v.value for v in values))  # type: ignore[attr-defined]
        if len(values) not in counts:
            raise Unsupported("JF-B003", f"math.{function.__name__} of {len(values)} arguments")
        integers = [_integer(tracer, function, value) for value in values]
        if natural:
            _require_natural(tracer, integers)
        if grows:
            _ask_for_items(tracer, integers)
        assert isinstance(spelled, FunctionType)
        made = function_value(tracer, spelled, ConstantSource(spelled, function.__name__))
        return call_nested(tracer, made, *integers)

    return handler


def _integer(tracer: Tracer, function: Callable[..., Any], value: PyValue) -> PyValue:
    """A Python int; an integer of NumPy's or a bool as one."""
    box = box_of(value)
    if box == "int":
        return value
    is_scalar = isinstance(value, ScalarValue) and value.box == "scalar"
    if box == "bool" or (is_scalar and value.dtype.is_integer):  # type: ignore[attr-defined]
        return boxed("int", graph_value(tracer.context, value, I64))
    kind = value.python_type.__name__
    raise Unsupported("JF-B009", f"TypeError: math.{function.__name__} of a {kind}")


def _require_natural(tracer: Tracer, integers: list[PyValue]) -> None:
    """Leave the piece where Python raises ValueError; constants are known to be fine."""
    context = tracer.context
    zero = context.builder.emit("dimension", dim=0)
    for value in integers:
        if isinstance(value, ConstantValue) and value.value < 0:
            raise Unsupported("JF-B009", "ValueError: a negative integer")
        is_known = isinstance(value, ScalarValue) and value.dim is not None
        if is_known and facts.prove(context, 0, "<=", value.dim):  # type: ignore[attr-defined]
            continue
        number = graph_value(context, value, I64)
        facts.require(context, context.builder.emit("less_equal", zero, number))


_SHORT = 64


def _ask_for_items(tracer: Tracer, integers: list[PyValue]) -> None:
    """Decline the indices of a loop that can be unrolled."""
    ranges = tracer.context.ranges
    for value in integers:
        dim = value.dim if isinstance(value, ScalarValue) else None
        bounds = [ranges.get(str(symbol)) for symbol in symbols_of(dim or 0)]
        for (low, *_), (high, *_) in filter(None, bounds):
            if isinstance(low, int) and isinstance(high, int) and high - low < _SHORT:
                raise Unsupported("JF-B010", "an index of a short loop")


# Sequences


def _exact_sum(tracer: Tracer, iterable: PyValue) -> PyValue:
    """``math.fsum``: of an array of floats, which Python adds up."""
    value = list_items.resolve(tracer, iterable)  # type: ignore[arg-type]
    context = tracer.context
    if isinstance(value, NumbersValue):
        value = arrays.fresh(context, value.contents)
    if not isinstance(value, ArrayValue):
        items = SequenceValue(list, [resolve(tracer, item) for item in items_of(tracer, iterable)])
        if all(isinstance(item, ConstantValue) for item in items.items):
            return evaluate(math.fsum, [item.value for item in items.items])  # type: ignore[attr-defined]
        if not all(_is_float(item) for item in items.items):
            raise Unsupported("JF-B003", "math.fsum of other than floats")
        value = array_of(context, items, F64)
    if value.type.rank != 1 or value.dtype is not F64:
        raise Unsupported("JF-B003", f"math.fsum of {value.type}")
    callee = Callee(math.fsum, (Slot(0),))
    return boxed("float", call_out(context, callee, [arrays.read(context, value)], [F64], ())[0])


def _is_float(item: PyValue) -> bool:
    is_scalar = isinstance(item, ScalarValue) and item.dtype is F64
    return is_scalar or box_of(item) in ("int", "float")


def _distance(tracer: Tracer, p: PyValue, q: PyValue) -> PyValue:
    """``math.dist`` of points whose number of coordinates is known."""
    points = [[resolve(tracer, item) for item in items_of(tracer, point)] for point in (p, q)]
    if len(points[0]) != len(points[1]):
        raise Unsupported("JF-B009", "ValueError: both points must have as many dimensions")
    if not all(_is_float(item) for point in points for item in point):
        raise Unsupported("JF-B003", "math.dist of other than floats")
    floats = [[_as_float(tracer, item) for item in point] for point in points]
    differences = [binary(tracer, "-", a, b) for a, b in zip(*floats, strict=True)]
    hypot = ConstantValue(math.hypot)
    return call_nested(tracer, hypot, *differences)


def _as_float(tracer: Tracer, item: PyValue) -> PyValue:
    return call_nested(tracer, ConstantValue(builtins.float), item)


HANDLERS: dict[Any, Callable[..., PyValue]] = {
    math.gcd: _of_integers(math.gcd, _gcd, range(100)),
    math.lcm: _of_integers(math.lcm, _lcm, range(100)),
    math.isqrt: _of_integers(math.isqrt, _isqrt, range(1, 2), natural=True),
    math.factorial: _of_integers(math.factorial, _factorial, range(1, 2), natural=True, grows=True),
    math.comb: _of_integers(math.comb, _comb, range(2, 3), natural=True, grows=True),
    math.perm: _of_integers(math.perm, _perm, range(2, 3), natural=True, grows=True),
    math.fsum: _exact_sum,
    math.dist: _distance,
}

"""Relations between symbolic dimensions: proved, or decided as in the traced call and relied on.

A relation that the polynomials do not settle takes the side that holds in the call being traced;
a guard (or, for symbols that a node defines, a `require` in the graph) makes the variant rely on
it.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from jitflow.core import dims
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.core.dtypes import I64
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.guards.predicates import Relation
from jitflow.guards.sources import DimensionSource, Source
from jitflow.ir.graph import DimensionOf, Value
from jitflow.tracer import ranges
from jitflow.tracer.context import TraceContext
from jitflow.tracer.trace import ANY_VALUE

if TYPE_CHECKING:
    from jitflow.tracer import conditions
else:
    conditions = LazyModule("jitflow.tracer.conditions")

_HOLDS = {"==": operator.eq, "!=": operator.ne, "<=": operator.le, "<": operator.lt}
_RECORDS = {"==": "equal", "!=": "not_equal", "<=": "less_equal", "<": "less"}


def decide(
    context: TraceContext, left: Dim, relation: str, right: Dim, *, alike: bool = True
) -> bool:
    """Whether ``left relation right`` (``==``, ``!=``, ``<=``, ``<``) holds.

    `alike`: what is compared are extents, which are usually equal; strides, which are made of them,
    are not.

    Raises
    ------
    Unsupported
        JF-B005 where a symbol has no value at trace time.
    """
    proved = prove(context, left, relation, right)
    if proved is not None:
        return proved
    first, second = evaluate(context, left), evaluate(context, right)
    if first is None or second is None:
        result = _usual(context, left, relation, right, alike)
        if result is None:
            raise Unsupported("JF-B005", f"{left} {relation} {right}")
    else:
        result = bool(_HOLDS[relation](first, second))
    fact = (left, relation, right) if result else _negated(left, relation, right)
    rely_on(context, *fact)
    return result


def least(context: TraceContext, left: Dim, right: Dim) -> Dim:
    """The smaller of two extents; a symbol where data decide which one that is."""
    if evaluate(context, left) is not None and evaluate(context, right) is not None:
        return right if decide(context, right, "<", left) else left
    for one, other in ((left, right), (right, left)):
        if prove(context, one, "<=", other):
            return one
    emit = context.builder.emit
    sides = (emit("dimension", dim=dim) for dim in (left, right))
    return late_extent(context, emit("minimum", *sides), left)


def fixed(context: TraceContext, dim: Dim | None) -> int | None:
    """The value of `dim` in the traced call, on which the trace then relies.

    None where it is known only at run time, or is another one each time.
    """
    known = None if dim is None else evaluate(context, dim)
    if known is None or dim is None or isinstance(dim, int):
        return known
    if ANY_VALUE in context.dynamic:
        return None
    rely_on(context, dim, "==", known)
    return known


def _usual(context: TraceContext, left: Dim, relation: str, right: Dim, alike: bool) -> bool | None:
    """What usually holds for an extent that data decides; the caller checks it at run time.

    It is none of 0 and 1, and it equals what it is compared with, if that is an extent too.
    """
    sides = (left, right)
    unknown = [side for side in sides if evaluate(context, side) is None]
    if not all(is_late_extent(context, side) for side in unknown):
        return None
    difference = right - left
    terms = difference.terms if isinstance(difference, SymbolicDim) else ()
    signs = {coefficient > 0 for _, coefficient in terms}
    if relation in ("==", "!="):
        apart = not alike or len(signs) == 1 or any(side in (0, 1) for side in sides)
        return (relation == "!=") == apart
    if left in (0, 1):
        return True
    if right in (0, 1):
        return False
    return signs.pop() if len(signs) == 1 and not alike else None


def is_late_extent(context: TraceContext, dim: Dim) -> bool:
    """Whether `dim` is an extent that is known at run time only, after other nodes have run."""
    return isinstance(dim, SymbolicDim) and dim.symbols() <= context.late_extents


def late_extent(context: TraceContext, value: Value, ceiling: Dim | None = None) -> Dim:
    """A symbol for an extent, 0 and 1 included, that the rank-0 i64 `value` of a node gives.

    `ceiling`: what it does not exceed.
    """
    dim = late_symbol(context, value, None)
    assert isinstance(dim, SymbolicDim)
    _mark_extents(context, dim.symbols())
    if ceiling is not None:
        context.ceilings[str(dim)] = ceiling
    return dim


def ceilings_of(context: TraceContext, dim: Dim) -> list[Dim]:
    """The dimension, a bound of it, a bound of that, ..."""
    found, offset = [dim], 0
    if isinstance(dim, SymbolicDim) and len(dim.terms) == 2:
        offset = dict(dim.terms).get((), 0)
    while str(found[-1] - offset) in context.ceilings:
        found.append(context.ceilings[str(found[-1] - offset)] + offset)
    return found


def note_ceiling(context: TraceContext, dim: Dim, ceiling: Dim) -> None:
    """A dimension that data decide, if it is one, does not exceed `ceiling`."""
    name = str(dim)
    is_late = isinstance(dim, SymbolicDim) and dim.symbols() <= context.late_symbols
    if is_late and name not in context.ceilings and dim not in ceilings_of(context, ceiling):
        context.ceilings[name] = ceiling


def _mark_extents(context: TraceContext, names: frozenset[str]) -> None:
    before = context.late_extents
    context.objects.journal.append((context, {"late_extents": before}))
    context.late_extents = before | names


def span(context: TraceContext, width: Dim) -> Dim:
    """``max(width, 0)``, the length of a range: by a node where data decides it."""
    if assured(context, 0, "<=", width):
        return width
    if evaluate(context, width) is not None:
        return width if decide(context, 0, "<", width) else 0
    emit = context.builder.emit
    zero, value = emit("dimension", dim=0), emit("dimension", dim=width)
    return late_extent(context, emit("maximum", value, zero))


def expect_extent(context: TraceContext, dim: Dim) -> None:
    """Check at run time that an integer that data decides can be an extent."""
    if isinstance(dim, int) or evaluate(context, dim) is not None:
        return
    unknown = dim.symbols() - context.trace_values.keys()
    if unknown <= context.late_symbols and not unknown <= context.late_extents:
        rely_on(context, 0, "<=", dim)
        if dim == dims.symbol(next(iter(unknown))):
            _mark_extents(context, unknown)


def clamped(context: TraceContext, dim: Dim, low: Dim, high: Dim) -> Dim:
    """``min(max(dim, low), high)``, by nodes where the relations are not known."""
    for name, limit, relation in (("maximum", low, "<="), ("minimum", high, "<=")):
        sides = (limit, dim) if name == "maximum" else (dim, limit)
        proved = assured(context, sides[0], relation, sides[1])
        if proved is None:
            operands = [context.builder.emit("dimension", dim=side) for side in (dim, limit)]
            dim = late_symbol(context, context.builder.emit(name, *operands), None)
        elif not proved:
            dim = limit
    return dim


def rely_on(context: TraceContext, left: Dim, relation: str, right: Dim) -> None:
    """Guard a relation, or check it in the graph where a node defines one of its symbols."""
    symbols = sorted(dims.symbols_of(left) | dims.symbols_of(right))
    if any(name in context.late_symbols for name in symbols):
        operands = [context.builder.emit("dimension", dim=dim) for dim in (left, right)]
        condition = context.builder.emit(_RECORDS[relation], *operands)
        if not conditions.decided(context, condition):
            require(context, condition)
        return
    context.guard(Relation(symbol_source(context, symbols[0]), left, relation, right))


def require(context: TraceContext, condition: Value) -> None:
    """A run-time check that `condition` (bool[]) is true."""
    context.builder.emit_many("require", condition)


def symbol_source(context: TraceContext, name: str) -> Source:
    """Where the value of a symbol that an input defines comes from."""
    definition = context.builder.graph.symbols[name]
    for value, fact in zip(context.builder.graph.inputs, context.inputs, strict=True):
        if value is definition.value:
            if isinstance(definition, DimensionOf):
                return DimensionSource(fact.source, definition.axis)
            return fact.source
    raise KeyError(name)


def prove(context: TraceContext, left: Dim, relation: str, right: Dim) -> bool | None:
    """Whether the polynomials alone settle the relation; None where they do not."""
    difference = right - left
    if isinstance(difference, int):
        return bool(_HOLDS[relation](0, difference))
    if not (fits(left) and fits(right)):  # what runs has 64 bits: the number's sign decides
        numbers = (side if isinstance(side, int) else 0 for side in (left, right))
        return bool(_HOLDS[relation](*numbers))
    low, high = bounds(context, difference)
    if relation in ("==", "!="):
        apart = (low is not None and low > 0) or (high is not None and high < 0)
        return (relation == "!=") if apart else None
    least = 0 if relation == "<=" else 1
    if low is not None and low >= least:
        return True
    if high is not None and high < least:
        return False
    return None


def fits(dim: Dim) -> bool:
    """Whether `dim` is no number beyond 64 bits."""
    return not isinstance(dim, int) or -(2**63) <= dim < 2**63


def bounds(context: TraceContext, dim: Dim) -> tuple[int | None, int | None]:
    """Least and greatest value of a polynomial, as far as known.

    Extents of inputs are at least 2.
    """
    if isinstance(dim, int):
        return dim, dim
    low, high = _plain_bounds(context, dim)
    if not dim.symbols().isdisjoint(context.ranges):
        lows = [bounds(context, rest)[0] for rest in ranges.lower_limits(context, dim, bounds)]
        highs = [bounds(context, rest)[0] for rest in ranges.lower_limits(context, -dim, bounds)]
        low = max((x for x in (low, *lows) if x is not None), default=None)
        high = min((-x for x in highs if x is not None), default=high)
    return low, high


def _plain_bounds(context: TraceContext, dim: SymbolicDim) -> tuple[int | None, int | None]:
    low: int | None = 0
    high: int | None = 0
    for monomial, coefficient in dim.terms:
        if not monomial:
            low = None if low is None else low + coefficient
            high = None if high is None else high + coefficient
            continue
        least = _least(context, monomial)
        bound = None if least is None else least * coefficient
        if coefficient > 0:
            low, high = (None if low is None or bound is None else low + bound), None
        else:
            low, high = None, (None if high is None or bound is None else high + bound)
    return low, high


def _least(context: TraceContext, monomial: tuple[str, ...]) -> int | None:
    """The least value of a product of symbols; None where one of them is no extent."""
    result = 1
    for name in monomial:
        if name in context.late_extents:
            result = 0
        elif isinstance(context.builder.graph.symbols.get(name), DimensionOf):
            result *= 2
        else:
            return None
    return result


def _negated(left: Dim, relation: str, right: Dim) -> tuple[Dim, str, Dim]:
    if relation in ("==", "!="):
        return left, "!=" if relation == "==" else "==", right
    return right, "<" if relation == "<=" else "<=", left


def assured(context: TraceContext, left: Dim, relation: str, right: Dim) -> bool | None:
    """`prove`, but also relies on a relation of inputs that settles it for a whole loop.

    ``i < len(x)`` in ``for i in range(n)`` holds where ``n <= len(x)`` does: a guard, instead of
    a check in each iteration.
    """
    proved = prove(context, left, relation, right)
    if proved is not None or relation not in ("<", "<="):
        return proved
    least = right - left - (1 if relation == "<" else 0)
    if isinstance(least, int) or least.symbols().isdisjoint(context.ranges):
        return None
    for rest in ranges.lower_limits(context, least, bounds):
        known = evaluate(context, rest)
        if known is not None and known >= 0 and not _is_late(context, rest):
            rely_on(context, 0, "<=", rest)
            return True
    return None


def _is_late(context: TraceContext, dim: Dim) -> bool:
    return not dims.symbols_of(dim).isdisjoint(context.late_symbols)


def evaluate(context: TraceContext, dim: Dim) -> int | None:
    """Value of a dimension in the traced call; None where a symbol has none."""
    if isinstance(dim, int):
        return dim
    if not dim.symbols() <= context.trace_values.keys():
        return None
    return dim.evaluate(context.trace_values)


def estimate(context: TraceContext, dim: Dim) -> int:
    """Value in the traced call, with 2 for a symbol that has none; for comparing strides."""
    if isinstance(dim, int):
        return dim
    return dim.evaluate({name: context.trace_values.get(name, 2) for name in dim.symbols()})


def estimates(context: TraceContext, shape: tuple[Dim, ...]) -> tuple[int, ...]:
    """`estimate` of each."""
    return tuple(estimate(context, dim) for dim in shape)


def late_symbol(context: TraceContext, value: Value, known: int | None) -> Dim:
    """A symbol for the rank-0 i64 `value` of a node, with its value in the traced call if known."""
    if value.type.dtype is not I64:
        value = context.builder.emit("cast", value, dtype=I64)
    dim = context.builder.scalar_symbol(value)
    if not any(value is known_value for known_value in context.builder.graph.inputs):
        context.late_symbols.add(str(dim))
    if known is not None:
        context.trace_values[str(dim)] = known
    return dim


def is_zero(context: TraceContext, step: Dim) -> bool:
    """Whether a step is 0, as in the traced call."""
    return evaluate(context, step) == 0 and decide(context, step, "==", 0)


def ascends(context: TraceContext, step: Dim) -> bool:
    """Whether a step is positive: proved, as in the traced call, or else checked at run time.

    A step that is 0 in the traced call counts as neither: ask `is_zero` first.
    """
    for sides, result in (((0, step), True), ((step, 0), False)):
        if prove(context, sides[0], "<", sides[1]):
            return result
    known = evaluate(context, step)
    if known is not None:
        return decide(context, 0, "<", step) if known > 0 else not decide(context, step, "<", 0)
    is_negative = isinstance(step, SymbolicDim) and all(c < 0 for _, c in step.terms)
    rely_on(context, *((step, "<", 0) if is_negative else (0, "<", step)))
    return not is_negative


def stepped(context: TraceContext, width: Dim, step: Dim) -> Dim:
    """How many of `width` items every `step`-th one takes, from the first; both not negative."""
    if step == 1:
        return width
    if isinstance(step, int):
        return quotient(context, width + (step - 1), step)
    emit = context.builder.emit
    value, by = (emit("dimension", dim=dim) for dim in (width + (step - 1), step))
    first, second = evaluate(context, width), evaluate(context, step)
    result = late_symbol(
        context,
        emit("floor_divide", value, by),
        None if first is None or not second else -(-first // second),
    )
    _mark_extents(context, dims.symbols_of(result))
    return result


def quotient(context: TraceContext, dim: Dim, divisor: int) -> Dim:
    """``dim // divisor`` for a positive divisor: exact where it divides every coefficient."""
    if isinstance(dim, int):
        return dim // divisor
    if all(coefficient % divisor == 0 for _, coefficient in dim.terms):
        return _normalised(dim, divisor)
    value = context.builder.emit("dimension", dim=dim)
    by = context.builder.emit("dimension", dim=divisor)
    known = evaluate(context, dim)
    result = context.builder.emit("floor_divide", value, by)
    quotient_dim = late_symbol(context, result, None if known is None else known // divisor)
    if prove(context, 0, "<=", dim):
        _mark_extents(context, dims.symbols_of(quotient_dim))
    return quotient_dim


def _normalised(dim: SymbolicDim, divisor: int) -> Dim:
    return SymbolicDim(tuple((m, c // divisor) for m, c in dim.terms))


def divide_exactly(context: TraceContext, dim: Dim, divisor: Dim) -> Dim | None:
    """``dim / divisor`` where the polynomials divide; None where they do not."""
    if isinstance(dim, int) and isinstance(divisor, int):
        return dim // divisor if divisor and dim % divisor == 0 else None
    if dim == 0 or divisor == 1:
        return dim
    if dim == divisor:
        return 1
    terms = divisor.terms if isinstance(divisor, SymbolicDim) else (((), divisor),)
    if len(terms) != 1 or not isinstance(dim, SymbolicDim):
        return None
    factor, scale = terms[0]
    result: Dim = 0
    for monomial, coefficient in dim.terms:
        rest = list(monomial)
        for name in factor:
            if name not in rest:
                return None
            rest.remove(name)
        if coefficient % scale:
            return None
        product: Dim = coefficient // scale
        for name in rest:
            product = product * dims.symbol(name)
        result = result + product
    return result

"""Result types of functions that NumPy runs itself, found by running them on small stand-ins.

Each extent of the operands is replaced by a prime, the function runs twice with different primes,
and the extents of the results are recognised as expressions of those of the operands.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.core.errors import Unsupported
from jitflow.tracer import arrays, facts, layout
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy.arguments import raises, supported_dtype, unsupported
from jitflow.tracer.values import ArrayValue, ScalarValue

StandIn = Callable[[Any], Any]
_PRIMES = ((7, 11, 17, 23, 29, 37, 43, 53), (13, 19, 31, 41, 47, 59, 61, 67))
_SMALL = ((5, 7, 11, 13, 17, 19), (7, 11, 13, 17, 19, 23))
"""For many extents, which one array may have all."""

_LARGE = ((101, 107, 127, 137), (103, 109, 131, 139))
"""For calls that refuse small stand-ins: ``np.argpartition(x, 20)``."""

_MOST_ELEMENTS = 1 << 23
"""Size of a stand-in that is made."""


@dataclass(frozen=True)
class ResultType:
    """Type of one result: `python` is its class where it is no array (a NumPy scalar, a float)."""

    dtype: DType
    shape: tuple[Dim, ...]
    order: layout.Order
    python: type = np.ndarray


@dataclass
class Extents:
    """The extents of a call's operands and what stands for them in one probe."""

    primes: Sequence[int]
    found: dict[Dim, int] = field(default_factory=dict)

    def assign(self, context: TraceContext, extents: set[Dim], equal: dict[Dim, Dim]) -> None:
        """Give each extent above 3 a prime, in order of size, so that comparisons stay right.

        One of `equal` gets that of the extent that it equals.
        """
        large = sorted(
            (e for e in extents - equal.keys() if not (isinstance(e, int) and e <= 3)),
            key=lambda extent: facts.estimate(context, extent),
        )
        if len(large) > len(self.primes):
            raise unsupported("a call with so many different extents")
        self.found = {e: e for e in extents if isinstance(e, int) and e <= 3}
        self.found.update(zip(large, self.primes, strict=False))
        self.found.update({extent: self.found[other] for extent, other in equal.items()})

    def size(self, shape: Iterable[Dim]) -> int:
        """Elements of the stand-in of an array of this shape."""
        return math.prod(self.found[extent] for extent in shape)


def result_types(
    context: TraceContext,
    call: Callable[[StandIn], Any],
    operands: Sequence[ArrayValue],
    integers: Sequence[Dim] = (),
    *,
    goes_through_all: bool = False,
    varies: bool = False,
) -> tuple[Any, list[ResultType]]:
    """Run `call` with stand-ins for operands and symbolic integers.

    `goes_through_all`: its work grows with the product of all extents. `varies`: integers in arrays
    are others in the second probe, as no extent of a result may depend on them.

    Returns one result, for its structure, and the types of the results.

    Raises
    ------
    Unsupported
        JF-B009 where the function refuses the stand-ins, JF-B008 where it warns about them, or
        where an extent of a result is not understood.
    """
    extents = {extent for array in operands for extent in array.shape} | {*integers}
    shapes = [*(array.shape for array in operands), integers]
    shapes += [tuple(extents)] if goes_through_all else []
    try:
        choices = _SMALL if 5 <= len(extents) <= len(_SMALL[0]) else _PRIMES
        probes, results = _probed(context, call, extents, choices, shapes=shapes, varies=varies)
    except Unsupported as error:
        try:
            probes, results = _probed(context, call, extents, _LARGE, shapes=shapes, varies=varies)
        except Unsupported:
            probes, results = _probed_as_equal(context, call, extents, error, shapes, varies)
    flat = [flatten(result) for result in results]
    if len(flat[0]) != len(flat[1]):
        raise unsupported("a call with a varying number of results")
    types = [_result_type(context, probes, left, right) for left, right in zip(*flat, strict=True)]
    return results[0], types


def memory_order(
    context: TraceContext, call: Callable[[StandIn], Any], operands: Sequence[ArrayValue]
) -> layout.Order:
    """Memory order of the array that `call` gives, where it depends on the operands' layouts alone.

    Two elements along an axis then stand for any number of them.
    """
    extents = {extent for array in operands for extent in array.shape}
    few = {extent: min(extent, 2) if isinstance(extent, int) else 2 for extent in extents}
    result = _run(context, call, few)
    return layout.memory_order(result.shape, result.strides, result.itemsize)


def _probed_as_equal(
    context: TraceContext,
    call: Callable[[StandIn], Any],
    extents: set[Dim],
    error: Unsupported,
    shapes: Sequence[Sequence[Dim]],
    varies: bool,
) -> tuple[list[Extents], list[Any]]:
    """As `_probed`, relying on it that extents are equal which are so now: of a square matrix."""
    mark = len(context.guards)
    first: dict[int, Dim] = {}
    equal: dict[Dim, Dim] = {}
    for extent in sorted(extents, key=lambda extent: (not isinstance(extent, int), str(extent))):
        now = facts.evaluate(context, extent)
        other = extent if now is None else first.setdefault(now, extent)
        if other is not extent and facts.decide(context, extent, "==", other):
            equal[extent] = other
    if not equal:
        raise error
    try:
        return _probed(context, call, extents, _PRIMES, equal, shapes, varies)
    except Unsupported:
        context.drop_guards(mark)
        raise error from None


def _probed(
    context: TraceContext,
    call: Callable[[StandIn], Any],
    extents: set[Dim],
    choices: Sequence[Sequence[int]],
    equal: dict[Dim, Dim] | None = None,
    shapes: Sequence[Sequence[Dim]] = (),
    varies: bool = False,
) -> tuple[list[Extents], list[Any]]:
    """The call's result for each choice of extents; `shapes` are those that arrays may have."""
    probes: list[Extents] = []
    results: list[Any] = []
    for primes in choices:
        probe = Extents(primes)
        probe.assign(context, extents, equal or {})
        if any(probe.size(shape) > _MOST_ELEMENTS for shape in shapes):
            raise unsupported("a call with so many different extents")
        probes.append(probe)
        results.append(_run(context, call, probe.found, least=len(results) if varies else 0))
    return probes, results


def _run(
    context: TraceContext,
    call: Callable[[StandIn], Any],
    found: Mapping[Dim, int],
    least: int = 0,
) -> Any:
    generator = np.random.default_rng(0)

    def stand_in(array: ArrayValue | ScalarValue) -> Any:
        if isinstance(array, ScalarValue):
            return found[array.dim] if array.dim is not None else 1
        shape = tuple(found[extent] for extent in array.shape)
        contents = _contents(generator, shape, array.dtype, arrays.order_of(context, array))
        if array.dtype.is_integer:
            contents += array.dtype.numpy.type(least)
        first = tuple(slice(0, 1) if step == 0 else slice(None) for step in array.strides)
        return (
            np.broadcast_to(np.copy(contents[first], "K"), shape)
            if 0 in array.strides
            else contents
        )

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            result = call(stand_in)
    except Exception as error:
        raise raises(f"{type(error).__name__}: {error}") from None
    if given:
        raise unsupported(f"a call that warns: {given[0].message}")
    return result


def _contents(
    generator: np.random.Generator, shape: tuple[int, ...], dtype: DType, order: layout.Order
) -> np.ndarray:
    """Harmless contents: sorted along the last axis; square matrices are positive definite."""
    values = np.sort(generator.random(shape), axis=-1) if shape else generator.random(shape)
    if len(shape) >= 2 and shape[-1] == shape[-2]:
        values = values @ np.swapaxes(values, -1, -2) + np.eye(shape[-1])
    memory = np.zeros(tuple(shape[axis] for axis in order), dtype.numpy)
    result = memory.transpose(np.argsort(order)) if order else memory
    result[...] = values
    return result


def flatten(result: Any) -> list[Any]:
    """The arrays and numbers of a result, in order."""
    if isinstance(result, (tuple, list)):
        return [item for part in result for item in flatten(part)]
    return [result]


def _result_type(context: TraceContext, probes: list[Extents], left: Any, right: Any) -> ResultType:
    if not isinstance(left, (np.ndarray, np.generic, float, int, complex, bool)):
        raise unsupported(f"a call that gives {type(left).__name__}")
    array = np.asarray(left)
    shape = tuple(
        _extent(context, probes, pair) for pair in zip(np.shape(left), np.shape(right), strict=True)
    )
    order = layout.memory_order(array.shape, array.strides, array.itemsize)
    return ResultType(supported_dtype(array.dtype), shape, order, type(left))


def _extent(context: TraceContext, probes: list[Extents], pair: tuple[int, int]) -> Dim:
    for expression, values in _candidates(context, probes):
        if values == pair:
            found: Dim = expression() if callable(expression) else expression
            return found
    if pair[0] == pair[1]:
        return pair[0]
    raise unsupported("a call whose result has an unusual shape")


def _candidates(
    context: TraceContext, probes: list[Extents]
) -> Iterator[tuple[Any, tuple[int, int]]]:
    first, second = (probe.found for probe in probes)
    items: list[tuple[Dim, tuple[int, int]]] = [
        (extent, (first[extent], second[extent])) for extent in first if first[extent] > 3
    ]
    for extent, (a, b) in items:
        yield extent, (a, b)
        for offset in (-1, 1, -2, 2):
            yield extent + offset, (a + offset, b + offset)
        yield (lambda e=extent: facts.quotient(context, e, 2) + 1), (a // 2 + 1, b // 2 + 1)
        yield 2 * extent - 2, (2 * a - 2, 2 * b - 2)
        for count in (2, 3):
            yield count * extent, (count * a, count * b)
    for one, (a, b) in items:
        for other, (c, d) in items:
            yield one * other, (a * c, b * d)
            for offset in (0, -1, 1):
                yield one + other + offset, (a + c + offset, b + d + offset)
                yield one - other + offset, (a - c + offset, b - d + offset)

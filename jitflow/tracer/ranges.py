"""Bounds of polynomials in which symbols run over ranges: indices of captured loops.

A symbol is replaced by its own lower or upper bound, as its coefficient asks, inner loops first;
what is left has only symbols of inputs in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jitflow.core import dims
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.tracer.context import TraceContext

Bounds = Callable[[TraceContext, Dim], tuple[int | None, int | None]]

MAX_LIMITS = 8
"""Ways of replacing symbols that are tried for one polynomial."""


def lower_limits(context: TraceContext, dim: Dim, bounds: Bounds) -> list[Dim]:
    """Polynomials without symbols of ranges that `dim` is certainly not below."""
    found: list[Dim] = []
    for limit in _lower_limits(context, dim, bounds):
        found.append(limit)
        if len(found) == MAX_LIMITS:
            break
    return found


def _lower_limits(context: TraceContext, dim: Dim, bounds: Bounds) -> Iterator[Dim]:
    names = dims.symbols_of(dim)
    name = next((name for name in reversed(context.ranges) if name in names), None)
    if name is None or isinstance(dim, int):
        yield dim
        return
    split = _split(dim, name)
    if split is None:
        return
    factor, rest = split
    low, high = bounds(context, factor)
    lows, highs = context.ranges[name]
    if low is not None and low >= 0:
        limits = lows
    elif high is not None and high <= 0:
        limits = highs
    else:
        return
    for limit in limits:
        yield from _lower_limits(context, factor * limit + rest, bounds)


def _split(dim: SymbolicDim, name: str) -> tuple[Dim, Dim] | None:
    """``dim`` as ``factor * name + rest``; None where the symbol has a higher power."""
    factor: Dim = 0
    rest: Dim = 0
    for monomial, coefficient in dim.terms:
        product: Dim = coefficient
        count = monomial.count(name)
        if count > 1:
            return None
        for symbol in monomial:
            if symbol != name:
                product = product * dims.symbol(symbol)
        if count:
            factor = factor + product
        else:
            rest = rest + product
    return factor, rest

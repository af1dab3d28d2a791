"""The least value of a polynomial over indices of loops and sizes: what proves that places differ.

An index is replaced by the end of its range at which the polynomial is least, innermost loops
first, so that a range may depend on the loops around: for `j` in ``k + 1..n`` the least of ``j -
k`` is 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from jitflow.core import dims
from jitflow.core.dims import Dim

Ends = tuple[Dim | None, Dim | None]
"""First and last number of a range, where they are known."""


class Ranges:
    """What is known of symbols in the body of some loops.

    Parameters
    ----------
    sizes : iterable of str
        Symbols that are not negative.
    """

    def __init__(self, sizes: Iterable[str] = ()) -> None:
        self._floors = dict.fromkeys(sizes, 0)
        self._loops: list[tuple[str, Ends]] = []

    def inside(self, index: str, first: Dim | None, last: Dim | None) -> Ranges:
        """The same in the body of a loop over a range: there is an iteration."""
        made = Ranges()
        made._floors, made._loops = dict(self._floors), list(self._loops)
        if first is not None and last is not None:
            made._learn(last - first)
        made._loops.append((index, (first, last)))
        return made

    def _learn(self, distance: Dim) -> None:
        """Note what it says of sizes, and of loops around, that a number is not negative."""
        for name, floor in self._floors.items():
            factor, rest = linear(distance, name) or (0, 0)
            if factor == 1 and isinstance(rest, int):
                self._floors[name] = max(floor, -rest)
        for number, (index, (first, last)) in enumerate(self._loops):
            factor, rest = linear(distance, index) or (0, 0)
            inner = {name for name, _ in self._loops[number:]}
            if factor not in (1, -1) or inner & dims.symbols_of(rest):
                continue
            if factor == 1 and self._is_in_order(first, -rest):
                first = -rest
            if factor == -1 and self._is_in_order(rest, last):
                last = rest
            self._loops[number] = index, (first, last)

    def _is_in_order(self, low: Dim | None, high: Dim | None) -> bool:
        """Whether a number is seen to be no greater than another; None is the farther one."""
        if low is None or high is None:
            return True
        distance = self.least(high - low)
        return distance is not None and distance >= 0

    def least(self, dim: Dim) -> int | None:
        """A number that a polynomial is never below; None where there is none to be seen."""
        for index, ends in reversed(self._loops):
            if isinstance(dim, int):
                return dim
            lower = self._lowered(dim, index, ends)
            if lower is None:
                return None
            dim = lower
        above = {name: dims.symbol(name) + floor for name, floor in self._floors.items()}
        dim = dims.substitute(dim, above)
        if isinstance(dim, int):
            return dim
        terms = dict(dim.terms)
        constant = terms.pop((), 0)
        is_size = all(name in self._floors for monomial in terms for name in monomial)
        return constant if is_size and min(terms.values()) > 0 else None

    def _lowered(self, dim: Dim, index: str, ends: Ends) -> Dim | None:
        """A polynomial without an index that is nowhere above `dim`."""
        split = linear(dim, index)
        if split is None:
            return None
        factor, rest = split
        if factor == 0:
            return rest
        for end, sign in zip(ends, (1, -1), strict=True):
            lowest = self.least(factor * sign)
            if end is not None and lowest is not None and lowest >= 0:
                return rest + factor * end
        return None

    def never_meet(self, distance: Dim, here: int, there: int) -> bool:
        """Whether `here` bytes do not meet `there` bytes that begin at a distance from them."""
        for gap, size in ((distance, here), (-distance, there)):
            lowest = self.least(gap)
            if lowest is not None and lowest >= size:
                return True
        return _miss(distance, here, there)


def linear(dim: Dim, index: str) -> tuple[Dim, Dim] | None:
    """Factor and rest of a polynomial that an index occurs in once or not at all."""
    if isinstance(dim, int) or index not in dim.symbols():
        return 0, dim
    rest = dims.substitute(dim, {index: 0})
    factor = dims.substitute(dim, {index: 1}) - rest
    if index in dims.symbols_of(factor) or rest + factor * dims.symbol(index) != dim:
        return None
    return factor, rest


def _miss(distance: Dim, here: int, there: int) -> bool:
    """Whether all steps share a divisor that keeps the bytes apart: even and odd elements."""
    terms: Mapping[tuple[str, ...], int]
    terms = {(): distance} if isinstance(distance, int) else dict(distance.terms)
    divisor = math.gcd(*(factor for monomial, factor in terms.items() if monomial))
    if not divisor:
        return False
    rest = terms.get((), 0) % divisor
    return here <= rest <= divisor - there

"""Arithmetic of integer intervals: what an operator gives for operands inside of intervals.

Nothing wraps here: a result may lie outside of its dtype, which `ir.intervals` looks at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jitflow.core.dims import Dim
from jitflow.core.dtypes import BOOL, DType
from jitflow.ir.graph import Value


class Interval(NamedTuple):
    """The integers from `low` to `high`, none above one of `tops`, which are symbolic."""

    low: int
    high: int
    tops: tuple[Dim, ...] = ()

    def holds(self, number: int) -> bool:
        """Whether a number is inside."""
        return self.low <= number <= self.high

    @property
    def only(self) -> int | None:
        """The one number inside, if it is one."""
        return self.low if self.low == self.high else None

    def __add__(self, other: object) -> Interval:
        """Sums of the numbers of both."""
        assert isinstance(other, Interval)
        tops = [top + other.high for top in self.tops] if other.only is not None else []
        if self.only is not None:
            tops += [top + self.high for top in other.tops]
        return Interval(self.low + other.low, self.high + other.high, tuple(tops))

    def __neg__(self) -> Interval:
        """The numbers with the other sign."""
        return Interval(-self.high, -self.low)

    def __mul__(self, other: object) -> Interval:
        """Products of the numbers of both."""
        assert isinstance(other, Interval)
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(ends), max(ends))

    def both(self, other: Interval) -> Interval:
        """The numbers in both; `self` where there are none: nothing runs there."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        if low > high:
            return self
        return Interval(low, high, tuple(dict.fromkeys((*self.tops, *other.tops))))


def full(dtype: DType) -> Interval:
    """All numbers of an integer dtype, or of bool."""
    if dtype is BOOL:
        return Interval(0, 1)
    if dtype.kind == "u":
        return Interval(0, 2**dtype.bits - 1)
    return Interval(-(2 ** (dtype.bits - 1)), 2 ** (dtype.bits - 1) - 1)


def is_counted(value: Value) -> bool:
    """Whether a value has an interval."""
    return value.type.rank == 0 and (value.type.dtype.is_integer or value.type.dtype is BOOL)


def answer(known: bool | None) -> Interval:
    """The interval of a bool that may be known."""
    return Interval(0, 1) if known is None else Interval(known, known)


def _remainder(a: Interval, b: Interval) -> Interval:
    """Python's: of the divisor's sign."""
    if b.low > 0:
        return Interval(0, min(b.high - 1, a.high) if a.low >= 0 else b.high - 1)
    return Interval(min(b.low + 1, 0), max(b.high - 1, 0))


def _quotient(a: Interval, b: Interval) -> Interval:
    if b.low <= 0:
        return Interval(min(a.low, -a.high) - 1, max(a.high, -a.low) + 1)
    ends = [x // y for x in (a.low, a.high) for y in (b.low, b.high)]
    return Interval(min(ends), max(ends))


def _magnitude(a: Interval) -> Interval:
    low = 0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
    return Interval(low, max(abs(a.low), abs(a.high)))


def _low_bits(a: Interval, b: Interval) -> Interval:
    """Bits that both have: none above those of an operand that is not negative."""
    tops = [x.high for x in (a, b) if x.low >= 0]
    return Interval(0, min(tops)) if tops else Interval(min(a.low, b.low) * 2, max(a.high, b.high))


def _shifted(a: Interval, b: Interval) -> Interval:
    if b.low < 0 or b.high > 63:
        return Interval(min(a.low, -1), max(a.high, 0))
    ends = [x >> y for x in (a.low, a.high) for y in (b.low, b.high)]
    return Interval(min(ends), max(ends))


def _larger(a: Interval, b: Interval) -> Interval:
    return Interval(max(a.low, b.low), max(a.high, b.high))


def _smaller(a: Interval, b: Interval) -> Interval:
    return Interval(min(a.low, b.low), min(a.high, b.high), (*a.tops, *b.tops))


TRANSFERS: dict[str, Callable[..., Interval]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a + -b,
    "multiply": lambda a, b: a * b,
    "negative": lambda a: -a,
    "absolute": _magnitude,
    "maximum": _larger,
    "minimum": _smaller,
    "remainder": _remainder,
    "floor_divide": _quotient,
    "bitwise_and": _low_bits,
    "right_shift": _shifted,
    "cast": lambda a: a,
    "logical_and": lambda a, b: Interval(min(a.low, b.low), min(a.high, b.high)),
    "logical_or": lambda a, b: Interval(max(a.low, b.low), max(a.high, b.high)),
    "logical_not": lambda a: Interval(1 - a.high, 1 - a.low),
}

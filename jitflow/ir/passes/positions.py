"""Where the iterations of a loop read and write: whether each keeps to elements of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.ir.graph import Value

View: TypeAlias = tuple[str, dict[str, Any]]


class NotIndependent(Exception):
    """The loop stays: what it does cannot be shown to be independent, or is not worth it."""


@dataclass(frozen=True)
class Counter:
    """The index of a loop: ``start + step * k`` for k in ``0..count``.

    Attributes
    ----------
    symbols : frozenset of str
        The symbols that stand for it in dimensions.
    """

    symbols: frozenset[str]
    start: Dim
    step: int
    count: Dim

    def split(self, dim: Dim) -> tuple[int, Dim] | None:
        """``(step, start)`` of a dimension over the iterations; None where it stays the same.

        Raises
        ------
        NotIndependent
            It does not grow evenly.
        """
        if not isinstance(dim, SymbolicDim) or not self.symbols & dim.symbols():
            return None
        factor = 0
        for monomial, coefficient in dim.terms:
            if self.symbols.isdisjoint(monomial):
                continue
            if len(monomial) != 1:
                raise NotIndependent
            factor += coefficient
        first = dims.substitute(dim, dict.fromkeys(self.symbols, self.start))
        if factor == 0:
            return None
        return factor * self.step, first

    def moving(self, dim: Dim) -> tuple[int, Dim]:
        """As `split`, of a dimension that changes."""
        found = self.split(dim)
        assert found is not None
        return found

    def depends(self, dim: Dim) -> bool:
        """Whether a dimension is another one in each iteration."""
        return self.split(dim) is not None


@dataclass(frozen=True)
class Area:
    """The elements of an array that a slice shows in one iteration."""

    starts: tuple[Dim, ...]
    steps: tuple[Dim, ...]
    shape: tuple[Dim, ...]

    def axes(self, counter: Counter) -> list[int]:
        """The axes along which it moves from iteration to iteration."""
        return [axis for axis, start in enumerate(self.starts) if counter.depends(start)]

    def bounds(self, axis: int, counter: Counter) -> tuple[Dim, Dim] | None:
        """First and last position along an axis, over all iterations."""
        start, step = self.starts[axis], self.steps[axis]
        reach = (self.shape[axis] - 1) * step
        if not isinstance(step, int):
            return None
        low, high = (start, start + reach) if step > 0 else (start + reach, start)
        moving = counter.split(start)
        if moving is None:
            return low, high
        each, first = moving
        ends = first, first + (counter.count - 1) * each
        rest = low - start, high - start
        lowest, highest = ends if each > 0 else ends[::-1]
        return lowest + rest[0], highest + rest[1]


@dataclass(eq=False)
class Traffic:
    """What a loop does with one array that it carries."""

    reads: list[Area] = field(default_factory=list)
    writes: list[Area] = field(default_factory=list)

    def check(self, counter: Counter, inner: frozenset[str]) -> None:
        """Raise `NotIndependent` unless no iteration meets what another one writes.

        Parameters
        ----------
        inner : frozenset of str
            Symbols that change within an iteration: nothing is known of them.
        """
        if not self.writes:
            raise NotIndependent
        common = frozenset.intersection(*(_places(area, counter) for area in self.writes))
        own = {place for place in common if not inner & dims.symbols_of(place[1])}
        if not own:
            raise NotIndependent
        for area in self.reads:
            is_own = not own.isdisjoint(_places(area, counter))
            if not is_own and not all(apart(area, w, counter, inner) for w in self.writes):
                raise NotIndependent


def _places(area: Area, counter: Counter) -> frozenset[tuple[int, Dim]]:
    """The axes along which an area is in one place in each iteration, another one in each."""
    axes = area.axes(counter)
    return frozenset((axis, area.starts[axis]) for axis in axes if area.shape[axis] == 1)


def apart(one: Area, other: Area, counter: Counter, inner: frozenset[str]) -> bool:
    """Whether two areas never meet, whatever iterations they are taken from."""
    for axis in range(len(one.starts)):
        bounds = one.bounds(axis, counter), other.bounds(axis, counter)
        if bounds[0] is None or bounds[1] is None:
            continue
        if any(inner & dims.symbols_of(dim) for pair in bounds if pair for dim in pair):
            continue
        for gap in (bounds[0][0] - bounds[1][1], bounds[1][0] - bounds[0][1]):
            if isinstance(gap, int) and gap > 0:
                return True
    return False


def area_of(attributes: dict[str, Any]) -> Area:
    """What a slice shows."""
    names = ("starts", "steps", "shape")
    return Area(*(tuple(attributes[name]) for name in names))


def least(dim: Dim, ranges: dict[str, tuple[int, int]]) -> int | None:
    """The least that a dimension can be, given the first and last values of symbols."""
    if isinstance(dim, int):
        return dim
    total = 0
    for monomial, coefficient in dim.terms:
        if not monomial:
            total += coefficient
            continue
        if len(monomial) != 1 or monomial[0] not in ranges:
            return None
        low, high = ranges[monomial[0]]
        total += coefficient * (low if coefficient > 0 else high)
    return total


def dim_of(value: Value, names: dict[int, str]) -> Dim | None:
    """The dimension that an i64 is, if it is one; `names`: symbols by the identity of values."""
    name = names.get(id(value))
    if name is not None:
        return dims.symbol(name)
    node = value.producer
    if node is None:
        return None
    kind = node.operator.name
    if kind == "constant":
        array = node.attributes["value"]
        return int(array) if array.dtype.kind == "i" and not array.ndim else None
    if kind == "dimension":
        dim: Dim = node.attributes["dim"]
        return dim
    if kind not in ("add", "subtract", "checked_add", "checked_subtract"):
        return None
    left, right = (dim_of(operand, names) for operand in node.operands)
    if left is None or right is None:
        return None
    return left + right if kind.endswith("add") else left - right


def elements(shapes: Iterable[Sequence[Dim]]) -> Dim | None:
    """The size of the largest of some shapes; None where it is not known."""
    largest = 0
    for shape in shapes:
        size = dims.product(tuple(shape))
        if not isinstance(size, int):
            return None
        largest = max(largest, size)
    return largest

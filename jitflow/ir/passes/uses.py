"""Which values are wholly used: each element reaches an output, a write, a check or an effect.

What is computed in front of a branch and used in one arm alone has to be computed for its flags,
too; but a compiler moves a number's computation into the arm. So such numbers count as unused here.
Arrays are computed where they stand in the program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.ir.flags import is_loud
from jitflow.ir.graph import Block, DimensionOf, Graph, Node, Value
from jitflow.ir.passes.dce import must_stay
from jitflow.ir.regions import BOUNDS, carried, known_range, symbols_in, walk_block
from jitflow.ops.record import Kind
from jitflow.ops.shapes import Shape
from jitflow.ops.views import shows_all

_COUNTED = 4096
"""Elements of an array for which it is looked up one by one whether slices take them."""

_FEW = 16
"""Elements of an array whose computation a compiler may move like that of a number."""

_UNROLLED = 64
"""Iterations of a loop that a compiler may write one after the other."""

_SELECTING = frozenset({"slice", "diagonal"})
_DECIDING = frozenset({"logical_and", "logical_or"})
"""Of two conditions for a jump the second may be computed where the first leaves it open."""


class _Slice(NamedTuple):
    """The attributes of a slice."""

    starts: tuple[Any, ...]
    steps: tuple[int, ...]
    shape: Shape


class Uses:
    """Walks a graph from its outputs to its inputs.

    Parameters
    ----------
    graph : Graph

    Attributes
    ----------
    unused : set
        Identities of the loud nodes (`ir.flags.is_loud`) with an element that nobody uses, or that
        some way through the program does not use. What they are computed from counts as used. None
        are in conditions of `while` loops, which have no place for more results.
    """

    def __init__(self, graph: Graph) -> None:
        self.unused: set[int] = set()
        self._symbols = graph.symbols
        self._used: set[int] = set()
        self._sure: list[set[int]] = [set()]
        self._sure_in: dict[int, set[int]] = {}
        self._parts: dict[int, dict[int, Node]] = {}
        self._mark(graph.outputs)
        self._mark(version for _, version in graph.writes)
        definitions = graph.symbols.values()
        self._mark(d.value for d in definitions if not isinstance(d, DimensionOf))
        if any(node.regions for node in graph.nodes):
            self._block(graph.body, False)  # what loops carry for a use is known only at their end
        self._block(graph.body, True)

    def _mark(self, values: Iterable[Value], is_sure: bool = True) -> None:
        """Mark what is used; the last set in `_sure` has what all ways from here on use."""
        found = set(map(id, values))
        self._used |= found
        if is_sure:
            self._sure[-1] |= found

    def _is_used(self, value: Value) -> bool:
        return id(value) in self._used

    def _is_sure(self, value: Value) -> bool:
        """Whether what is used is used on every way."""
        return bool(value.type.rank) or id(value) in self._sure[-1]

    def _is_touched(self, value: Value) -> bool:
        return id(value) in self._used or id(value) in self._parts

    def _block(self, block: Block, watches: bool) -> bool:
        """Mark what a block uses; whether anything in it has to stay."""
        stays = False
        for node in reversed(block.nodes):
            if node.regions:
                stays |= self._control(node, watches)
            else:
                stays |= self._plain(node, watches)
        return stays

    def _plain(self, node: Node, watches: bool) -> bool:
        is_unused = id(node) in self.unused
        is_used = is_unused or any(map(self._is_used, node.results)) or self._is_covered(node)
        is_sure = is_used and (not node.results or any(map(self._is_sure, node.results)))
        if watches and not is_sure and is_loud(node):
            self.unused.add(id(node))
            is_unused = True
        stays = is_unused or must_stay(node)
        is_used |= stays
        is_sure |= stays
        is_sure &= node.operator.name not in _DECIDING
        is_part = is_used or any(map(self._is_touched, node.results))
        is_empty = bool(node.results) and all(_is_empty(value) for value in node.results)
        spreads = any(value.type.rank for value in node.results) and self._may_be_empty(node)
        for position, value in enumerate(node.operands):
            is_skipped = _selects(node, position) or (is_empty and not _is_empty(value))
            if is_used and not is_skipped:
                self._mark((value,), is_sure and not (spreads and not value.type.rank))
            elif is_part:
                self._parts.setdefault(id(value), {})[id(node)] = node
        return stays

    def _may_be_empty(self, node: Node) -> bool:
        """Whether a node perhaps computes, or writes, no element at all."""
        shapes = [value.type.shape for value in node.results]
        if node.operator.kind is Kind.UPDATE:
            shapes = [view.get("shape", ()) for _, view in node.attributes["views"]]
        return not all(self._is_positive(dim) for shape in shapes for dim in shape)

    def _is_positive(self, dim: Dim) -> bool:
        """Whether an extent is at least 1; extents of inputs that symbols stand for are."""
        if isinstance(dim, int):
            return dim > 0
        symbols = (self._symbols[name] for name in dims.symbols_of(dim))
        is_given = all(isinstance(symbol, DimensionOf) for symbol in symbols)
        return is_given and all(factor > 0 for _, factor in dim.terms)

    def _is_covered(self, node: Node) -> bool:
        return any(
            _cover(value, _looked_up(node), self._parts[id(value)].values())
            for value in node.results
            if id(value) in self._parts
        )

    def _control(self, node: Node, watches: bool) -> bool:
        """Regions until nothing more is carried for a use; whether the node has to stay."""
        stays = node.operator.name == "while"
        count = BOUNDS.get(node.operator.name)
        before: tuple[int, ...] = ()
        while before != (before := self._size()):
            kept = self._kept(node)
            if count is None:
                stays |= self._arms(node, kept, watches)
            else:
                stays |= self._loop(node, kept, watches)
                self._carry(node.operands[count:], kept, lambda k: self._is_read(node, k))
        if count is None and not stays:
            kept = [k for k in kept if not _is_same(node, k)]
        if stays or kept:
            is_sure = stays or any(self._is_sure(node.results[k]) for k in kept)
            self._mark(node.operands if count is None else node.operands[:count], is_sure)
        return stays

    def _size(self) -> tuple[int, ...]:
        """Something that grows with everything that is found."""
        return len(self._used), len(self._parts), len(self.unused), len(self._sure[-1])

    def _carry(
        self, values: Sequence[Value], kept: list[int], is_sure: Callable[[int], bool]
    ) -> None:
        for k in kept:
            self._mark((values[k],), is_sure(k))

    def _arms(self, node: Node, kept: list[int], watches: bool) -> bool:
        """Mark what the arms of a branch use: for sure what all of them do."""
        stays, found = False, []
        sure = {k for k in kept if self._is_sure(node.results[k])}
        for region in node.regions:
            self._sure.append(self._sure_in.setdefault(id(region), set()))
            self._carry(region.results, kept, sure.__contains__)
            stays |= self._block(region, watches)
            found.append(self._sure.pop())
        self._sure[-1] |= set.intersection(*found)
        return stays

    def _loop(self, node: Node, kept: list[int], watches: bool) -> bool:
        """Mark what a loop uses."""
        stays, body = False, node.regions[-1]
        for region in node.regions:
            if region is body:
                passed_on = [k for k in kept if not _is_replaced(node, k)]
                self._carry(region.results, passed_on, lambda k: self._is_needed(node, k))
            else:
                self._mark(region.results)
            stays |= self._block(region, watches and region is body)
        return stays

    def _is_read(self, node: Node, k: int) -> bool:
        """Whether each iteration surely uses what a loop carries at place `k`."""
        return any(self._is_sure(carried(node, region)[k]) for region in node.regions)

    def _is_needed(self, node: Node, k: int) -> bool:
        """Whether every iteration's value is used: of one that is only replaced, the last is.

        What the last one gives for a next one is computed, unless a compiler unrolls the loop.
        """
        inside = (carried(node, region)[k] for region in node.regions)
        is_last_used = self._is_sure(node.results[k])
        is_passed_on = is_last_used and any(map(self._is_touched, inside))
        is_unrolled = _has_few_iterations(node) and not is_last_used
        return is_passed_on or (self._is_read(node, k) and not is_unrolled)

    def _kept(self, node: Node) -> list[int]:
        """Numbers of the results that are used, behind the node or in the next iteration."""
        groups = [node.results]
        if node.operator.name in BOUNDS:
            groups += [tuple(carried(node, region)) for region in node.regions]
        return [
            k
            for k in range(len(node.results))
            if any(self._is_touched(group[k]) for group in groups)
        ]


def _is_same(node: Node, k: int) -> bool:
    """Whether all arms of a branch give the same value: nobody can tell which one was taken."""
    first, *others = (region.results[k] for region in node.regions)
    return all(other is first for other in others)


def _has_few_iterations(node: Node) -> bool:
    """Whether a loop runs a few times, as is known before the program runs."""
    indices = known_range(node)
    return indices is not None and not indices[_UNROLLED:]


def _is_replaced(node: Node, k: int) -> bool:
    """Whether a few elements, which a compiler has in registers, are of use behind a loop alone."""
    type = node.results[k].type
    if not type.rank or not isinstance(type.size, int) or type.size > _FEW:
        return False
    found = {id(carried(node, region)[k]) for region in node.regions}
    looked_at = {id(value) for region in node.regions for value in region.results}
    for region in node.regions:
        for item in walk_block(region):
            looked_at.update(map(id, item.operands))
            looked_at.update(id(value) for inner in item.regions for value in inner.results)
    return found.isdisjoint(looked_at)


def _is_empty(value: Value) -> bool:
    """Whether there is no element, so that nothing is computed from any other value."""
    return value.type.size == 0


def _selects(node: Node, position: int) -> bool:
    """Whether only some elements of an operand are used."""
    if position:
        return False
    if node.operator.name == "strided":
        return not shows_all(node.operands[0].type.shape, node.attributes)
    return node.operator.name in _SELECTING or node.operator.kind is Kind.GATHER


def _looked_up(node: Node) -> int | None:
    """How many leading axes of a result matter: an index of a gather stands for whole rows."""
    if node.operator.kind is not Kind.GATHER:
        return None
    return max(index.type.rank for index in node.operands[1:])


def _cover(value: Value, axes: int | None, users: Iterable[Node]) -> bool:
    """Whether slices take every element together: ``u[1:] - u[:-1]``, ``k[0] + k[1]``."""
    slices = [
        _Slice(*(user.attributes[part][:axes] for part in ("starts", "steps", "shape")))
        for user in users
        if user.operands[0] is value and user.operator.name == "slice"
    ]
    shape = value.type.shape[:axes]
    if any(_cover_along(axis, shape, slices) for axis in range(len(shape))):
        return True
    size = dims.product(shape)
    return bool(slices) and isinstance(size, int) and size <= _COUNTED and _cover_all(shape, slices)


def _cover_all(shape: Any, slices: Iterable[_Slice]) -> bool:
    """Whether each element of a small array is in a slice."""
    rest = np.full(shape, True)
    for found in slices:
        if not any(symbols_in(found)):
            rest[tuple(map(_along, *found))] = False
    return not rest.any()


def _along(start: Any, step: int, count: Any) -> slice:
    """The elements of one axis that a slice takes."""
    if not count:
        return slice(0, 0)
    stop = start + step * count
    return slice(start, stop if stop >= 0 else None, step)


def _cover_along(axis: int, shape: Shape, slices: Iterable[_Slice]) -> bool:
    """Whether slices that are whole along the other axes leave no gap along this one."""
    ranges: list[tuple[Dim, Dim]] = [
        (found.starts[axis], found.starts[axis] + found.shape[axis])
        for found in slices
        if found.steps[axis] == 1
        and all(found.shape[k] == shape[k] for k in range(len(shape)) if k != axis)
    ]
    reach: Dim = 0
    for _ in range(len(ranges)):
        joined = (stop for start, stop in ranges if _at_most(start, reach))
        reach = next((stop for stop in joined if not _at_most(stop, reach)), reach)
        if reach == shape[axis]:
            return True
    return False


def _at_most(start: Dim, end: Dim) -> bool:
    """Whether ``start <= end`` for every size but the least."""
    gap = end - start
    if isinstance(gap, int):
        return gap >= 0
    return all(factor > 0 for symbols, factor in gap.terms if symbols)

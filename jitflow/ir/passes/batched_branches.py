"""Branches in bodies that are batched: both arms are computed, and each iteration takes one.

An operation that may set a floating-point flag or fail a check sees harmless operands in the
iterations that do not take its arm. An update writes there what was there before.
"""

from __future__ import annotations

import numpy as np

from jitflow.core.dims import Dim
from jitflow.ir.flags import is_silent
from jitflow.ir.graph import Block, Node, Value
from jitflow.ir.passes.batched_loops import LoopBatcher
from jitflow.ir.passes.batching import Batched
from jitflow.ir.passes.positions import Area, Counter, NotIndependent, View, least
from jitflow.ir.regions import walk_block
from jitflow.ir.rewriter import Rewriter
from jitflow.ops.record import Kind

_IN_ARMS = frozenset({Kind.ELEMENTWISE, Kind.VIEW, Kind.UPDATE, Kind.CREATION})
_SINGLE = frozenset({"cond", "require", "dimension"})
_HARMLESS = {"arccosh": 1.5}
"""Operands at which an operator neither sets a flag nor fails a check, where `_HALF` does.

They are neutral for no operator: LLVM takes ``x / where(m, y, 1)`` for ``where(m, x / y, x)``.
"""

_HALF, _THREE = 0.5, 3


class BranchBatcher(LoopBatcher):
    """A batcher that knows of branches, too.

    Attributes
    ----------
    mask : Value or None
        The iterations that take the arm that is being written.
    opposite : dict
        For the masks of two arms that leave no iteration out each other's mask, by identity.
    stand_ins : dict
        For the second arm the arrays as the first one leaves them, by the identity of those that
        the branch began with.
    follows : dict
        For an array that is updated in an arm the one before, by identity.
    removed : dict
        Arrays whose update became part of a later one, by identity.
    """

    def __init__(
        self,
        rewriter: Rewriter,
        counter: Counter,
        own: dict[str, Value],
        ranges: dict[str, tuple[int, int]],
    ) -> None:
        super().__init__(rewriter, counter, own)
        self.ranges = ranges
        self.mask: Value | None = None
        self.opposite: dict[int, Value] = {}
        self.stand_ins: dict[int, Value] = {}
        self.follows: dict[int, Value] = {}
        self.removed: dict[int, Value] = {}
        self.spreads: dict[tuple[int, int], Value] = {}

    def of(self, value: Value) -> Batched:
        item = super().of(value)
        if item.root is None:
            return item
        array = item.value
        while id(array) in self.stand_ins:
            array = self.stand_ins[id(array)]
        return Batched(array, item.is_batched, item.root)

    def of_carried(self, node: Node, given: list[Batched]) -> Batched:
        before = super().of(node.operands[0])
        if node.operator.name == "slice" and id(before.value) not in self.removed:
            given = [before]  # the first arm wrote nothing that an iteration of the second reads
        if id(given[0].value) in self.removed:
            raise NotIndependent
        return super().of_carried(node, given)

    def node(self, node: Node) -> None:
        if self.mask is not None:
            kind, name = node.operator.kind, node.operator.name
            if kind not in _IN_ARMS and name not in _SINGLE:
                raise NotIndependent
        if node.operator.name == "cond":
            self.branch(node)
        else:
            super().node(node)

    # Branches

    def branch(self, node: Node) -> None:
        """Both arms, the second one on the arrays that the first one leaves."""
        predicate = self.spread(self.of(node.operands[0]))
        starts = self.captured(node)
        masks = self.masks(predicate)
        known, stand_ins = self.known, dict(self.stand_ins)
        found: list[list[Batched]] = []
        for region, mask in zip(node.regions, masks, strict=True):
            self.known = dict(known)
            found.append(self.arm(region, mask))
            for item in found[-1]:
                if item.root is not None:
                    self.replace(starts.get(item.root), item.value)
        self.known, self.stand_ins = known, stand_ins
        for result, one, other in zip(node.results, *found, strict=True):
            if one.root != other.root:
                raise NotIndependent
            if other.root is None:
                other = self.choice(predicate, one, other, result.type.rank)
            self.known[id(result)] = other

    def captured(self, node: Node) -> dict[int, Value]:
        """The array that the arms begin with, for each carried array that they name."""
        starts: dict[int, Value] = {}
        for region in node.regions:
            used = [value for inside in walk_block(region) for value in inside.operands]
            for value in (*used, *region.results):
                item = self.of(value) if id(value) in self.known else None
                if item is None or item.root is None:
                    continue
                if starts.setdefault(item.root, item.value) is not item.value:
                    raise NotIndependent
        return starts

    def masks(self, taken: Value) -> tuple[Value, Value]:
        """The iterations that take each arm."""
        left = self.emit("logical_not", taken)
        if self.mask is not None:
            outer = self.mask
            return self.emit("logical_and", outer, taken), self.emit("logical_and", outer, left)
        self.opposite |= {id(taken): left, id(left): taken}
        return taken, left

    def arm(self, region: Block, mask: Value) -> list[Batched]:
        """Write an arm; its results."""
        before, self.mask = self.mask, mask
        try:
            self.block(region)
        finally:
            self.mask = before
        return [self.of(value) for value in region.results]

    def replace(self, start: Value | None, value: Value) -> None:
        """Let an array stand for the one that a branch began with, of which it is made."""
        if start is None or id(value) in self.removed:
            raise NotIndependent
        last, link = self.stand_ins.get(id(start), start), value
        while link is not last:
            if id(link) not in self.follows:
                raise NotIndependent
            link = self.follows[id(link)]
        if value is not start:
            self.stand_ins[id(start)] = value

    def choice(self, taken: Value, one: Batched, other: Batched, rank: int) -> Batched:
        """What each iteration has of two numbers."""
        values = [self.aligned(item, rank) for item in (one, other)]
        return Batched(self.emit("where", self.spread_mask(taken, rank), *values), True)

    def spread_mask(self, mask: Value, rank: int) -> Value:
        """A mask for values of `rank` axes besides the iterations."""
        key = id(mask), max(rank, 0)
        if key not in self.spreads:
            self.spreads[key] = self.aligned(Batched(mask, True), rank)
        return self.spreads[key]

    # What stands in arms

    def plain(self, node: Node, given: list[Batched]) -> Batched:
        is_element = node.operator.kind is Kind.ELEMENTWISE
        if self.mask is not None and is_element and not is_silent(node):
            given = [self.harmless(node, item) for item in given]
        return super().plain(node, given)

    def harmless(self, node: Node, item: Batched) -> Batched:
        """An operand, with a harmless number in the iterations that do not take the arm."""
        assert self.mask is not None
        dtype = item.value.type.dtype
        if dtype.kind == "b":
            return item
        rank = item.value.type.rank - item.is_batched
        usual = _THREE if dtype.is_integer else _HALF
        number = np.array(_HARMLESS.get(node.operator.name, usual), dtype.numpy)
        number.flags.writeable = False
        mask, other = self.spread_mask(self.mask, rank), self.emit("constant", value=number)
        return Batched(self.emit("where", mask, item.value, other), True)

    def require(self, condition: Batched) -> None:
        if self.mask is not None:
            others = self.emit("logical_not", self.mask)
            condition = Batched(self.emit("logical_or", others, condition.value), True)
        super().require(condition)

    def slice(self, source: Value, area: Area) -> Batched:
        if self.mask is not None:
            self.check_inside(source.type.shape, area)
        return super().slice(source, area)

    def check_inside(self, shape: tuple[Dim, ...], area: Area) -> None:
        """Raise unless the parts that all iterations would see lie in an array."""
        for axis, extent in enumerate(shape):
            bounds = area.bounds(axis, self.counter)
            if bounds is None:
                raise NotIndependent
            for gap in (bounds[0], extent - 1 - bounds[1]):
                lowest = least(gap, self.ranges)
                if lowest is None or lowest < 0:
                    raise NotIndependent

    def write(
        self, base: Batched, value: Value, area: Area, views: tuple[View, ...], rank: int
    ) -> Batched:
        if self.mask is None:
            return super().write(base, value, area, views, rank)
        self.check_inside(base.value.type.shape, area)
        start, before, old = base.value, base.value.producer, None
        if before is not None and self.is_overwritten(before, views):
            self.rewriter.drop(before)
            self.removed[id(start)] = start
            start, old = before.operands
        if old is None:
            old = start
            for name, attributes in views:
                old = self.emit(name, old, **attributes)
        updated = self.emit("update", start, self.merged(value, old, rank), views=views)
        self.follows[id(updated)] = base.value
        return Batched(updated, False, base.root)

    def is_overwritten(self, node: Node, views: tuple[View, ...]) -> bool:
        """Whether a node is an update of the same places that nothing has read yet."""
        if node.operator.name != "update" or node.attributes["views"] != views:
            return False
        later = self.rewriter.since(node)
        return later is not None and not any(node.result in other.operands for other in later)

    def merged(self, value: Value, old: Value, rank: int) -> Value:
        """What is stored: `value` where the arm is taken, else what was there."""
        assert self.mask is not None
        mask, maker = self.spread_mask(self.mask, rank), old.producer
        other = self.opposite.get(id(self.mask))
        if maker is not None and maker.operator.name == "where" and other is not None:
            taken, new, _ = maker.operands
            if taken is self.spread_mask(other, rank):
                return self.emit("where", taken, new, value)
        return self.emit("where", mask, value, old)

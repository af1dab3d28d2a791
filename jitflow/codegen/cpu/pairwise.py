"""Sums in NumPy's order: eight interleaved partial sums, blocks of 128, a balanced tree of blocks.

NumPy adds a contiguous run of floats as ``numpy/_core/src/umath/loops_utils.h.src`` states: up to
128 elements go to eight accumulators (four for complex), which are joined as a balanced tree, and
what is left of a multiple of eight is added one by one; longer runs are halved, each half a
multiple of eight long. The eight accumulators are lanes of one vector here, so the same bits come
out, and the error grows with the logarithm of the length.

A vector loop that sums runs over the blocks of this tree, from left to right, with a stack of the
sums that wait for their right neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from jitflow.codegen.cpu.accumulators import Accumulator
from jitflow.codegen.cpu.emit import LlvmEmitter
from jitflow.codegen.cpu.text import Scope
from jitflow.codegen.cpu.values import (
    Register,
    scalar_type,
    shuffle_mask,
    vector_type,
)
from jitflow.codegen.cpu.widths import LoopWidth
from jitflow.codegen.loop_ir import Begin, Fold, Loop, walk
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dtypes import BOOL, F16, F32, I64, DType
from jitflow.core.lazy import LazyModule

if TYPE_CHECKING:
    from jitflow.codegen.cpu import equal_blocks as equal
    from jitflow.codegen.cpu.loops import LoopWriter
else:
    equal = LazyModule("jitflow.codegen.cpu.equal_blocks")

BLOCK = 128
"""Elements of a run that is not halved (half of it for complex elements)."""

WAYS = 8
"""Blocks of one known length that are written one after the other, without a look at the stack."""

UNROLL = 16
"""Vectors in one iteration where a vector is the eight sums; the block should be few instructions,
so that the processor sees the next one while the chain of additions of this one goes on."""

SHORT_BODY = 6
"""Cost up to which a vector is the eight sums: wider ones would have to be taken apart again."""

_LEVELS = 64
"""Depth of the stack: the length of a run has fewer bits."""


def is_pairwise(begin: Begin) -> bool:
    """Whether NumPy sums pairwise what this accumulator folds."""
    return bool(begin.operator.extra.get("pairwise")) and begin.dtype.kind in "fc"


def sums_of(loop: Loop, begun: dict[str, Begin]) -> tuple[str, ...]:
    """The accumulators that a vector loop sums pairwise: all of one kind, in its own body."""
    inside = [s for s in loop.body if isinstance(s, Fold)]
    if len(inside) != sum(isinstance(s, Fold) for s in walk(loop.body)):
        return ()
    plain = [s for s in inside if not s.result and not s.any_order]
    names = [s.accumulator for s in plain if s.accumulator in begun]
    names = [name for name in names if is_pairwise(begun[name])]
    groups = {begun[name].dtype.is_complex for name in names}
    return tuple(names) if len(groups) == 1 else ()


def costs_nothing(loop: Loop, is_complex: bool, width: LoopWidth) -> bool:
    """Whether this order is as fast as wide vectors: in short runs, and in plain sums.

    Not in long runs of costly bodies, nor where blocks differ in length: there the chain of
    additions shows. Where the length is known at run time only, the order is NumPy's.
    """
    group, block = (4, BLOCK // 2) if is_complex else (8, BLOCK)
    if not isinstance(loop.extent, int) or loop.extent <= block:
        return True
    sizes = _block_sizes(loop.extent, block, group)
    if len(sizes) != 1:
        return False
    is_cheap = width.cost <= SHORT_BODY and equal.is_joined_at_once(loop.extent, min(sizes), group)
    return width.cost <= 1 or is_cheap


def lanes_of(loop: Loop, is_complex: bool, width: LoopWidth) -> int:
    """Lanes of such a loop; two registers where that leaves no rest in any block but the last."""
    group, block = (4, BLOCK // 2) if is_complex else (8, BLOCK)
    if width.cost <= SHORT_BODY:
        return group
    lanes = 2 * width.native
    if isinstance(loop.extent, int):
        sizes = _block_sizes(loop.extent, block, group)
        if lanes > loop.extent or any(size % lanes for size in sizes):
            lanes = width.native
        while lanes > group and lanes // 2 >= loop.extent:
            lanes //= 2
    return max(lanes, group)


@cache
def _block_sizes(extent: int, block: int, group: int) -> frozenset[int]:
    """The lengths of the blocks of a run."""
    if extent <= block:
        return frozenset([extent])
    left = extent // 2 - extent // 2 % group
    return _block_sizes(left, block, group) | _block_sizes(extent - left, block, group)


@dataclass(eq=False, repr=False)
class _Sum:
    """One accumulator while its loop is written.

    `total` is the accumulator outside of the loop. `last` is memory for the elements of the vector
    at the end of a block, `stack` for the sums that wait; one name for each component.
    """

    total: Accumulator
    dtype: DType
    last: list[str] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)

    def add(self, emitter: LlvmEmitter, x: Register, y: Register) -> Register:
        """The sum of two values."""
        body = self.total.operator.cpu
        assert body is not None
        result: Register = body(emitter, x, y)
        return result


def chain_of(name: str) -> str:
    """The accumulator of a block."""
    return f"{name}.block"


class PairwiseLoop:
    """Writes one vector loop that sums."""

    def __init__(self, writer: LoopWriter, loop: Loop, names: tuple[str, ...]) -> None:
        self.writer, self.loop = writer, loop
        self.text, self.emitter = writer.text, writer.emitter
        self.width = writer.widths[id(loop)]
        self.sums = {name: self.open(name) for name in names}
        is_complex = any(item.dtype.is_complex for item in self.sums.values())
        self.group, self.block = (4, BLOCK // 2) if is_complex else (8, BLOCK)
        self.is_short = self.width.lanes == self.group
        self.summed_until: Register | None = None
        self.start: Register | None = None

    def open(self, name: str) -> _Sum:
        total = self.writer.accumulators.open[name]
        return _Sum(total, F32 if total.dtype is F16 else total.dtype)

    def write(self) -> None:
        """The whole loop."""
        extent, accumulators = self.writer.memory.dim(self.loop.extent), self.writer.accumulators
        outer, self.writer.sums = self.writer.sums, self
        for item in self.sums.values():
            item.last = [self.memory(f, self.width.lanes) for f in self.components(item.dtype)]
        if extent.literal and int(extent.text) <= self.block:
            values = self.write_block(self.text.integer(0), extent)
        elif (size := equal.equal_blocks(self, extent)) is not None:
            values = equal.write_equal_blocks(self, extent, size)
        else:
            values = self.write_tree(extent)
        self.writer.sums = outer
        for (name, item), value in zip(self.sums.items(), values, strict=True):
            del accumulators.open[chain_of(name)]
            before = self.emitter.cast(item.total.parts[0], item.dtype)
            after = self.emitter.cast(item.add(self.emitter, before, value), item.total.dtype)
            item.total.parts = [after]

    def chain(self, name: str) -> Accumulator:
        """The interleaved sums of the block that is being written."""
        return self.writer.accumulators.open[chain_of(name)]

    # Elements

    def fold(self, name: str, operand: Register, mask: str) -> None:
        """Add the vectors of `operand` to the interleaved sums of `name`."""
        item, chain = self.sums[name], self.chain(name)
        lanes = self.width.lanes
        operand = self.text.broadcast(self.emitter.cast(operand, item.dtype), lanes)
        if mask:
            self.keep(item, operand)
            zero = self.text.broadcast(self.emitter.constant(0, item.dtype), lanes)
            chosen = Register(self.whole_groups(), BOOL, lanes, self.text.depth)
            operand = self.emitter.select(chosen, operand, zero)
        total = chain.parts[0]
        for start in range(0, lanes, self.group):
            part = self.lanes(operand, list(range(start, start + self.group)))
            total = item.add(self.emitter, total, part)
        chain.parts = [total]

    def keep(self, item: _Sum, operand: Register) -> None:
        """Store the elements of the vector at the end of a block: some are added one by one."""
        parts = [operand.text, operand.imaginary]
        for place, part in zip(item.last, parts, strict=False):
            type = vector_type(scalar_type(item.dtype), operand.lanes)
            self.text.write(f"store {type} {part}, ptr {place}, align 8")

    def whole_groups(self) -> str:
        """The lanes in front of what is left of a multiple of the group."""
        assert self.start is not None
        assert self.summed_until is not None
        return self.writer.mask(self.start, self.summed_until, self.width.lanes)

    # Blocks

    def write_blocks(self, start: Register, sizes: list[Register]) -> list[Register]:
        """Sum neighbouring blocks, from left to right; the sums joined as a tree.

        Nothing of a block waits for the one before: the processor overlaps them.
        """
        found = []
        for size in sizes:
            found.append(self.write_block(start, size))
            start = self.text.add(start, size)
        while len(found) > 1:
            found = [self.sum_of(*pair) for pair in zip(found[::2], found[1::2], strict=True)]
        return found[0]

    def sum_of(self, left: list[Register], right: list[Register]) -> list[Register]:
        """The sums of each accumulator over two neighbouring runs."""
        rows = zip(self.sums.values(), left, right, strict=True)
        return [item.add(self.emitter, x, y) for item, x, y in rows]

    def write_block(self, start: Register, size: Register) -> list[Register]:
        """Sum the `size` elements of a block; the sum of each accumulator."""
        self.write_interleaved(start, size)
        return self.close_block(size)

    def write_interleaved(self, start: Register, size: Register) -> None:
        """Add the elements of a block to its interleaved sums, under the names of the chains."""
        text, writer, lanes = self.text, self.writer, self.width.lanes
        for name, item in self.sums.items():
            neutral = self.emitter.constant(0, item.dtype)
            parts = [text.broadcast(neutral, self.group)]
            chain = Accumulator(item.total.operator, item.dtype, self.group, parts)
            writer.accumulators.open[chain_of(name)] = chain
        whole = self.multiple(size, self.group)
        end, self.summed_until = text.add(start, size), text.add(start, whole)
        done = text.integer(0)
        for step in (4 * lanes, lanes) if self.is_short and not size.literal else (lanes,):
            full = self.multiple(size, step)
            after, rest = text.add(start, done), self.minus(full, done)
            self.steps(after, rest, lambda index: writer.full_body(self.loop, index), step)
            done = full
        after, rest = text.add(start, done), self.minus(size, done)
        self.steps(after, rest, lambda index: self.masked_body(index, end), lanes)

    def steps(
        self, start: Register, size: Register, write_body: Callable[[Register], None], step: int
    ) -> None:
        """Vectors over `size` elements, which may be none; `step` elements in one iteration."""
        if size.text == "0":
            return
        lanes = self.width.lanes
        if self.is_short and size.literal:
            while step < UNROLL * lanes and int(size.text) % (2 * step) == 0:
                step *= 2

        def write_bodies(index: Register) -> None:
            for number in range(0, step, lanes):
                write_body(self.text.add(index, self.text.integer(number)))

        end, is_dynamic = self.text.add(start, size), not size.literal
        chains = [Fold(chain_of(name), "") for name in self.sums]
        others = [s for s in self.loop.body if isinstance(s, Fold)]
        others = [s for s in others if s.accumulator not in self.sums]
        carrying = Loop(self.loop.variable, 0, "serial", [*chains, *others])
        self.writer.counted(carrying, start, end, step, is_dynamic, write_bodies)

    def masked_body(self, index: Register, end: Register) -> None:
        self.start = index
        self.writer.masked_body(self.loop, index, end)

    def close_block(self, size: Register) -> list[Register]:
        """Join the interleaved sums of a block; then add the elements that are left, in order."""
        chains = [chain_of(name) for name in self.sums]
        opened = self.writer.accumulators.open
        for chain, item in zip(chains, self.sums.values(), strict=True):
            value = self.joined(item, opened[chain].parts[0])
            opened[chain] = Accumulator(item.total.operator, item.dtype, 1, [value])
        whole = self.multiple(size, self.group)
        first = self.multiple(whole, self.width.lanes)
        skipped, left = self.minus(whole, first), self.minus(size, whole)
        if left.literal:
            for number in range(int(left.text)):
                self.add_element(self.text.add(skipped, self.text.integer(number)))
        else:
            rest = Loop("rest", 0, "serial", [Fold(chain, "") for chain in chains])
            end = self.text.add(skipped, left)
            self.writer.counted(rest, skipped, end, 1, True, self.add_element)
        return [opened[chain].parts[0] for chain in chains]

    def add_element(self, lane: Register) -> None:
        """Add one element of the last vector."""
        for name, item in self.sums.items():
            parts = []
            for place in item.last:
                element = scalar_type(item.dtype)
                at = self.text.value(f"getelementptr {element}, ptr {place}, i64 {lane.text}")
                size = item.dtype.real.itemsize
                parts.append(self.text.result(f"load {element}, ptr {at}, align {size}"))
            value = Register(parts[0], item.dtype, 1, self.text.depth, "".join(parts[1:]))
            chain = self.chain(name)
            chain.parts = [item.add(self.emitter, chain.parts[0], value)]

    def joined(self, item: _Sum, vector: Register) -> Register:
        """Neighbours added, until one is left."""
        while vector.lanes > 1:
            even, odd = (list(range(first, vector.lanes, 2)) for first in (0, 1))
            halves = self.lanes(vector, even), self.lanes(vector, odd)
            vector = item.add(self.emitter, *halves)
        return vector

    # The tree of blocks

    def write_tree(self, extent: Register) -> list[Register]:
        """Blocks from left to right; a sum waits on the stack for that of its right neighbour."""
        text = self.text
        sizes, stages = self.memory("i64", _LEVELS), self.memory("i64", _LEVELS)
        level, position = self.memory("i64", 1), self.memory("i64", 1)
        for item in self.sums.values():
            item.stack = [self.memory(f, _LEVELS) for f in self.components(item.dtype)]
        for place, value in ((sizes, extent.text), (stages, "0"), (level, "0"), (position, "0")):
            text.write(f"store i64 {value}, ptr {place}, align 8")

        known = self.known_sizes(extent)

        def some_blocks() -> str:
            size = self.descend(sizes, stages, level, sum(int(size.text) for size in known))
            start = self.integer_at(position)
            values = self.write_blocks(start, known or [size])
            self.store_integer(text.add(start, size), position)
            return self.ascend(values, sizes, stages, level)

        self.repeat(some_blocks)
        zero = text.integer(0)
        return [self.load_sum(item, zero) for item in self.sums.values()]

    def only_size(self, extent: Register) -> Register | None:
        """The length of all blocks, where they have one that is known."""
        if not extent.literal:
            return None
        found = _block_sizes(int(extent.text), self.block, self.group)
        return self.text.integer(min(found)) if len(found) == 1 else None

    def known_sizes(self, extent: Register) -> list[Register]:
        """The lengths of the blocks that go together, where all have one that is known."""
        size = self.only_size(extent)
        if size is None:
            return []
        return [size] * min(WAYS, int(extent.text) // int(size.text))

    def descend(self, sizes: str, stages: str, level: str, limit: int) -> Register:
        """Halve the run on top of the stack until it is at most `limit` long (0: a block)."""
        text = self.text
        head, split, done = (text.fresh(hint) for hint in ("descend", "split", "block"))
        text.write(f"br label %{head}")
        text.start_block(head)
        top = self.integer_at(level)
        size = self.integer_at(self.entry(sizes, top, "i64"))
        more = text.result(f"icmp sgt i64 {size.text}, {limit or self.block}")
        text.write(f"br i1 {more}, label %{split}, label %{done}")
        text.start_block(split)
        left, above = self.left_part(size), self.plus_one(top)
        self.store_integer(left, self.entry(sizes, above, "i64"))
        self.store_integer(text.integer(0), self.entry(stages, above, "i64"))
        self.store_integer(above, level)
        text.write(f"br label %{head}")
        text.start_block(done)
        return size

    def ascend(self, values: list[Register], sizes: str, stages: str, level: str) -> str:
        """Join what is complete; the condition that there is another block."""
        text, items = self.text, list(self.sums.values())
        zero = text.integer(0)
        names = [text.fresh(hint) for hint in ("ascend", "below", "join", "right", "next")]
        head, below, join, right, following = names
        for item, value in zip(items, values, strict=True):
            self.store_sum(item, self.integer_at(level), value)
        text.write(f"br label %{head}")
        text.start_block(head)
        top = self.integer_at(level)
        is_root = text.result(f"icmp eq i64 {top.text}, 0")
        text.write(f"br i1 {is_root}, label %{following}, label %{below}")
        text.start_block(below)
        parent = Register(text.result(f"sub i64 {top.text}, 1"), I64, 1, text.depth)
        stage = self.integer_at(self.entry(stages, parent, "i64"))
        is_left = text.result(f"icmp eq i64 {stage.text}, 0")
        text.write(f"br i1 {is_left}, label %{right}, label %{join}")
        text.start_block(join)
        for item in items:
            first, second = self.load_sum(item, parent), self.load_sum(item, top)
            self.store_sum(item, parent, item.add(self.emitter, first, second))
        self.store_integer(parent, level)
        text.write(f"br label %{head}")
        text.start_block(right)
        size = self.integer_at(self.entry(sizes, parent, "i64"))
        rest = self.minus(size, self.left_part(size))
        self.store_integer(rest, self.entry(sizes, top, "i64"))
        self.store_integer(zero, self.entry(stages, top, "i64"))
        self.store_integer(text.integer(1), self.entry(stages, parent, "i64"))
        for item in items:
            self.store_sum(item, parent, self.load_sum(item, top))
        text.write(f"br label %{following}")
        text.start_block(following)
        return f"xor i1 {is_root}, true"

    def left_part(self, size: Register) -> Register:
        """Half of a run, down to a multiple of the group."""
        half = Register(self.text.result(f"lshr i64 {size.text}, 1"), I64, 1, self.text.depth)
        return self.multiple(half, self.group)

    def repeat(self, write_body: Callable[[], str]) -> None:
        """A loop that goes on while the condition that `write_body` gives holds."""
        text, accumulators = self.text, self.writer.accumulators
        carried_names = [n for n in accumulators.folded_in(self.loop) if n not in self.sums]
        head, done = text.fresh("tree"), text.fresh("done")
        outer, before = text.label, accumulators.current(carried_names)
        scope = Scope(head)
        text.scopes.append(scope)
        carried = accumulators.carry(carried_names)
        more = text.result(write_body())
        self.emitter.flush_flags()
        text.write(f"br i1 {more}, label %{head}, label %{done}")
        latch, after = scope.label, accumulators.current(carried_names)
        text.scopes.pop()
        accumulators.leave_scope()
        text.write(f"br label %{head}")
        lines = text.scopes[-1].lines
        lines.append(f"{head}:")
        for phi, first, last in zip(carried, before, after, strict=True):
            type = self.emitter.type_of(phi)
            values = f"[ {first.text}, %{outer} ], [ {last.text}, %{latch} ]"
            lines.append(f"  {phi.text} = phi {type} {values}")
        lines += scope.lines
        text.start_block(done)

    # Memory of the function's own

    def memory(self, element: str, count: int) -> str:
        """A name for `count` elements on the stack."""
        name = f"%{self.text.fresh('sum')}"
        line = f"  {name} = alloca [{count} x {element}], align 64"
        self.text.scopes[0].lines.insert(0, line)
        return name

    def components(self, dtype: DType) -> list[str]:
        return [scalar_type(dtype)] * (2 if dtype.is_complex else 1)

    def entry(self, place: str, index: Register, element: str) -> str:
        return self.text.result(f"getelementptr {element}, ptr {place}, i64 {index.text}")

    def integer_at(self, place: str) -> Register:
        loaded = self.text.result(f"load i64, ptr {place}, align 8")
        return Register(loaded, I64, 1, self.text.depth)

    def store_integer(self, value: Register, place: str) -> None:
        self.text.write(f"store i64 {value.text}, ptr {place}, align 8")

    def load_sum(self, item: _Sum, index: Register) -> Register:
        element, size = scalar_type(item.dtype), item.dtype.real.itemsize
        parts = []
        for place in item.stack:
            at = self.entry(place, index, element)
            parts.append(self.text.result(f"load {element}, ptr {at}, align {size}"))
        return Register(parts[0], item.dtype, 1, self.text.depth, "".join(parts[1:]))

    def store_sum(self, item: _Sum, index: Register, value: Register) -> None:
        element, size = scalar_type(item.dtype), item.dtype.real.itemsize
        for place, part in zip(item.stack, (value.text, value.imaginary), strict=False):
            at = self.entry(place, index, element)
            self.text.write(f"store {element} {part}, ptr {at}, align {size}")

    # Small values

    def multiple(self, x: Register, of: int) -> Register:
        """`x` down to a multiple of a power of two."""
        if x.literal:
            return self.text.integer(int(x.text) // of * of)
        return Register(self.text.value(f"and i64 {x.text}, {-of}", x.depth), I64, 1, x.depth)

    def minus(self, x: Register, y: Register) -> Register:
        if x.literal and y.literal:
            return self.text.integer(int(x.text) - int(y.text))
        return Register(self.text.value(f"sub i64 {x.text}, {y.text}"), I64, 1, self.text.depth)

    def plus_one(self, x: Register) -> Register:
        return Register(self.text.value(f"add i64 {x.text}, 1"), I64, 1, self.text.depth)

    def lanes(self, x: Register, chosen: list[int]) -> Register:
        """Some lanes of a vector."""
        if chosen == list(range(x.lanes)):
            return x
        type, mask = vector_type(scalar_type(x.dtype), x.lanes), shuffle_mask(chosen)

        def of(part: str) -> str:
            if len(chosen) == 1:
                return self.text.value(f"extractelement {type} {part}, i32 {chosen[0]}")
            return self.text.value(f"shufflevector {type} {part}, {type} poison, {mask}")

        imaginary = of(x.imaginary) if x.imaginary else ""
        return Register(of(x.text), x.dtype, len(chosen), self.text.depth, imaginary)

"""Searches along a vector loop (argmax, argmin): the best value of each block, then its place.

A position for every lane would be as wide as an address and cost more than the comparison. So
blocks are folded like a plain maximum, the first block with the best value is remembered, and only
that one is looked through again for the first element that is equal (or NaN, where one won).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jitflow.codegen.access import variable
from jitflow.codegen.cpu.accumulators import Accumulator
from jitflow.codegen.cpu.rare import any_lane
from jitflow.codegen.cpu.text import Scope
from jitflow.codegen.cpu.values import Register, vector_type
from jitflow.codegen.loop_ir import Begin, Compute, Constant, Fold, Load, Loop, Position
from jitflow.core.dataclass import replace
from jitflow.core.dtypes import BOOL, I64, DType
from jitflow.core.lazy import LazyModule
from jitflow.ops.record import operator

if TYPE_CHECKING:
    from jitflow.codegen import folds
    from jitflow.codegen.cpu.loops import LoopWriter
else:
    folds = LazyModule("jitflow.codegen.folds")

BLOCK = 4096
"""Elements of a block."""

_PURE = (Load, Compute, Constant, Position)


def search_of(loop: Loop, begun: list[Begin]) -> Fold | None:
    """The search that a vector loop makes and nothing else; `begun` around it."""
    folds = [statement for statement in loop.body if isinstance(statement, Fold)]
    if len(folds) != 1 or not all(isinstance(s, (*_PURE, Fold)) for s in loop.body):
        return None
    begin = next((b for b in begun if b.accumulator == folds[0].accumulator), None)
    if begin is None or "search" not in begin.operator.extra or begin.dtype.is_complex:
        return None
    return folds[0] if folds[0].position == variable(loop.variable) else None


def without_position(loop: Loop, fold: Fold) -> Loop:
    """The loop as a plain fold, for the choice of its lanes."""
    body = [replace(s, position=None) if s is fold else s for s in loop.body]
    return Loop(loop.variable, loop.extent, loop.kind, body)


class SearchLoop:
    """Writes one vector loop that searches; `hit` is where elements are equal to the best."""

    def __init__(self, writer: LoopWriter, loop: Loop, name: str) -> None:
        self.writer, self.loop, self.name = writer, loop, name
        self.text, self.emitter = writer.text, writer.emitter
        self.lanes = writer.widths[id(loop)].lanes
        self.total = writer.accumulators.open[name]
        self.wanted: Register | None = None
        self.hit: Register | None = None

    @property
    def dtype(self) -> DType:
        return self.total.dtype

    def write(self) -> None:
        """The whole loop: the accumulator gets the value and the position of the best."""
        extent, text = self.writer.memory.dim(self.loop.extent), self.text
        outer, self.writer.search = self.writer.search, self
        if extent.literal and int(extent.text) <= BLOCK:
            self.total.parts = [self.extreme(text.integer(0), extent), text.integer(0)]
        else:
            blocks = Loop("block", 0, "serial", [Fold(self.name, "")])
            is_dynamic = not extent.literal
            self.writer.counted(
                blocks, text.integer(0), extent, BLOCK, is_dynamic,
                lambda start: self.block(start, extent),
            )  # fmt: skip
        best, start = self.total.parts
        self.total.parts = [best, self.find(start, self.end_of(start, extent), best)]
        self.writer.search = outer

    def end_of(self, start: Register, extent: Register) -> Register:
        """Where the block that begins at `start` ends."""
        if start.literal and extent.literal:
            return self.text.integer(min(int(start.text) + BLOCK, int(extent.text)))
        end = self.text.add(start, self.text.integer(BLOCK))
        return self.emitter.select(self.emitter.less(end, extent), end, extent)

    def block(self, start: Register, extent: Register) -> None:
        """Keep the value of a block and where it begins, if it beats those before."""
        value = self.extreme(start, self.end_of(start, extent))
        old, operator = self.total.parts, self.total.operator
        self.total.parts = folds.better(self.emitter, operator, old, [value, start], ordered=True)

    def fold(self, operand: Register, mask: str) -> None:
        """What the loop does with an element: fold it, or compare it with the best."""
        if self.wanted is None:
            chain = self.chain()
            assert chain.operator.cpu is not None
            chain.parts = [chain.operator.cpu(self.emitter, chain.parts[0], operand)]
            return
        e, best = self.emitter, self.wanted
        hit = e.equal(operand, best)
        if self.dtype.is_float:
            nan = e.bit_and(e.not_equal(operand, operand), e.not_equal(best, best))
            hit = e.bit_or(hit, nan)
        self.hit = self.text.broadcast(hit, self.lanes)
        if mask:
            self.hit = e.bit_and(self.hit, Register(mask, BOOL, self.lanes, self.text.depth))

    # The best value of a block

    def chain(self) -> Accumulator:
        return self.writer.accumulators.open[f"{self.name}.best"]

    def extreme(self, start: Register, end: Register) -> Register:
        """The best of the elements from `start` to `end`; masked lanes hold one of them."""
        writer, text, lanes = self.writer, self.text, self.lanes
        record = operator("max" if self.total.operator.name == "argmax" else "min")
        assert record.identity is not None
        neutral = self.emitter.constant(record.identity(self.dtype), self.dtype)
        parts = [text.broadcast(neutral, lanes)]
        writer.accumulators.open[f"{self.name}.best"] = Accumulator(
            record, self.dtype, lanes, parts
        )
        folding = Loop(self.loop.variable, 0, "serial", [Fold(f"{self.name}.best", "")])
        full = self.full_end(start, end)
        is_dynamic = not (start.literal and end.literal)
        writer.counted(
            folding, start, full, lanes, is_dynamic,
            lambda index: writer.full_body(self.loop, index),
        )  # fmt: skip
        if is_dynamic or full.text != end.text:
            writer.counted(
                folding, full, end, lanes, is_dynamic,
                lambda index: writer.masked_body(self.loop, index, end),
            )  # fmt: skip
        return self.joined(writer.accumulators.open.pop(f"{self.name}.best"))

    def full_end(self, start: Register, end: Register) -> Register:
        """Up to where the vectors are full; blocks begin at multiples of the lanes."""
        if start.literal and end.literal:
            rest = (int(end.text) - int(start.text)) % self.lanes
            return self.text.integer(int(end.text) - rest)
        name = self.text.value(f"and i64 {end.text}, {-self.lanes}")
        return Register(name, I64, 1, self.text.depth)

    def joined(self, chain: Accumulator) -> Register:
        """One value for all lanes."""
        accumulators, parts = self.writer.accumulators, chain.parts
        while parts[0].lanes > 1:
            half = parts[0].lanes // 2
            low, high = (accumulators.half(parts[0], first) for first in (0, half))
            parts = folds.combined(self.emitter, chain.operator, [low], [high])
        return parts[0]

    # Its place

    def find(self, start: Register, end: Register, best: Register) -> Register:
        """The first position from `start` on whose element is the best one: there is one."""
        text = self.text
        self.wanted = best
        place, done = f"%{text.fresh('place')}", text.fresh("found")
        text.scopes[0].lines.insert(0, f"  {place} = alloca i64")
        full = self.full_end(start, end)
        self.look_through(start, full, place, done, self.writer.full_body)
        if not (full.literal and full.text == end.text):
            self.look_through(
                full, end, place, done,
                lambda loop, index: self.writer.masked_body(loop, index, end),
            )  # fmt: skip
        text.write(f"br label %{done}")
        text.start_block(done)
        self.wanted = None
        return Register(text.result(f"load i64, ptr {place}"), I64, 1, text.depth)

    def look_through(
        self,
        start: Register,
        end: Register,
        place: str,
        done: str,
        write_body: Callable[[Loop, Register], None],
    ) -> None:
        """Vectors from `start` to `end`: where one is hit, store its position and leave."""
        text, outer = self.text, self.text.label
        head, hit, latch, after = (text.fresh(hint) for hint in ("find", "hit", "miss", "after"))
        scope = Scope(head)
        text.scopes.append(scope)
        index = Register(f"%i{text.fresh('x')}", I64, 1, text.depth)
        write_body(self.loop, index)
        self.emitter.flush_flags()
        assert self.hit is not None
        text.write(f"br i1 {any_lane(self.emitter, self.hit)}, label %{hit}, label %{latch}")
        text.start_block(hit)
        found = text.result(f"add i64 {index.text}, {self.first_lane(self.hit).text}")
        text.write(f"store i64 {found}, ptr {place}")
        text.write(f"br label %{done}")
        text.start_block(latch)
        following = text.result(f"add i64 {index.text}, {self.lanes}")
        more = text.result(f"icmp slt i64 {following}, {end.text}")
        text.write(f"br i1 {more}, label %{head}, label %{after}")
        text.scopes.pop()
        some = text.result(f"icmp slt i64 {start.text}, {end.text}")
        text.write(f"br i1 {some}, label %{head}, label %{after}")
        text.scopes[-1].lines += [
            f"{head}:",
            f"  {index.text} = phi i64 [ {start.text}, %{outer} ], [ {following}, %{latch} ]",
            *scope.lines,
        ]
        text.start_block(after)

    def first_lane(self, hit: Register) -> Register:
        """The number of the first lane that is set."""
        text, type = self.text, vector_type("i1", hit.lanes)
        bits = f"i{hit.lanes}"
        whole = text.result(f"bitcast {type} {hit.text} to {bits}")
        count = text.result(
            text.intrinsic(f"llvm.cttz.{bits}", bits, [(bits, whole), ("i1", "true")])
        )
        if hit.lanes != 64:
            count = text.result(f"{'zext' if hit.lanes < 64 else 'trunc'} {bits} {count} to i64")
        return Register(count, I64, 1, text.depth)

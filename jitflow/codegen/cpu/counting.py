"""Places of true elements, eight at a time: a processor that compresses vectors stores those of
true lanes side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.codegen.cpu.addresses import Lanes
from jitflow.codegen.cpu.memory import alignment
from jitflow.codegen.cpu.target import Target
from jitflow.codegen.cpu.values import Register, lane_numbers, vector_type
from jitflow.codegen.loop_ir import Compute, Fold, Load, Loop, Position, Store
from jitflow.core.dataclass import dataclass
from jitflow.core.dtypes import BOOL, I64

if TYPE_CHECKING:
    from jitflow.codegen.cpu.loops import LoopWriter

LANES = 8
_PARTS = (Load, Position, Compute, Fold, Store)


@dataclass(frozen=True, eq=False)
class Counting:
    """A loop that loads a mask, counts, and stores numbers where the mask is true."""

    mask: Load
    fold: Fold
    store: Store


def counting_of(loop: Loop, target: Target) -> Counting | None:
    """What a loop counts and stores, if a vector of it can be compressed."""
    if not target.is_x86 or "avx512f" not in target.features:
        return None
    if not all(isinstance(statement, _PARTS) for statement in loop.body):
        return None
    loads = [statement for statement in loop.body if isinstance(statement, Load)]
    folds = [statement for statement in loop.body if isinstance(statement, Fold)]
    stores = [statement for statement in loop.body if isinstance(statement, Store)]
    if not len(loads) == len(folds) == len(stores) == 1:
        return None
    found = Counting(loads[0], folds[0], stores[0])
    is_row = found.mask.dtype is BOOL and found.mask.address.coefficient(loop.variable) == 1
    counted = found.store.address.coefficient(found.fold.result) if found.fold.result else 0
    is_packed = found.store.dtype is I64 and counted == I64.itemsize
    is_mask = found.store.condition == found.mask.result
    return found if is_row and is_packed and is_mask else None


class CountingLoop:
    """Writes such a loop: whole vectors, then the rest one by one."""

    def __init__(self, writer: LoopWriter, loop: Loop, counting: Counting) -> None:
        self.writer, self.loop, self.counting = writer, loop, counting

    def write(self) -> None:
        """The loop."""
        writer, text = self.writer, self.writer.text
        end = writer.memory.dim(self.loop.extent)
        if isinstance(self.loop.extent, int):
            full = text.integer(self.loop.extent - self.loop.extent % LANES)
        else:
            whole = text.value(f"and i64 {end.text}, {-LANES}", end.depth)
            full = Register(whole, I64, 1, end.depth)
        writer.counted(self.loop, text.integer(0), full, LANES, True, self.vector)
        writer.counted(self.loop, full, end, 1, True, lambda index: writer.body(self.loop, index))

    def vector(self, index: Register) -> None:
        """The places of the true lanes, packed; only so many are stored."""
        writer, memory, text = self.writer, self.writer.memory, self.writer.text
        mask, fold, store = self.counting.mask, self.counting.fold, self.counting.store
        writer.set(self.loop.variable, index)
        memory.lanes = Lanes(self.loop.variable, LANES)
        for statement in self.loop.body:
            if isinstance(statement, (Load, Position)):
                writer.block([statement])
        memory.lanes = Lanes()
        accumulator = writer.accumulators.open[fold.accumulator]
        before = accumulator.parts[0]
        writer.set(fold.result, text.add(before, text.integer(1)))
        numbers = text.broadcast(writer.get(store.operand), LANES)
        chosen, masks = writer.get(mask.result).text, vector_type("i1", LANES)
        type = vector_type("i64", LANES)
        operands = [(type, numbers.text), (masks, chosen), (type, "poison")]
        name = f"llvm.experimental.vector.compress.v{LANES}i64"
        packed = text.result(text.intrinsic(name, type, operands))
        bits = text.value(f"bitcast {masks} {chosen} to i{LANES}")
        found = text.result(
            text.intrinsic(f"llvm.ctpop.i{LANES}", f"i{LANES}", [(f"i{LANES}", bits)])
        )
        count = Register(text.value(f"zext i{LANES} {found} to i64"), I64, 1, text.depth)
        spread = text.spread(count.text, "i64", LANES, text.depth, False)
        first = text.value(f"icmp ugt {type} {spread}, {lane_numbers(LANES, 'i64', 1)}")
        buffer = memory.buffers[store.buffer]
        pointer = memory.address(buffer, store.address).pointer
        memory.store_row(pointer, "i64", LANES, packed, alignment(buffer), first)
        accumulator.parts = [text.add(before, count)]

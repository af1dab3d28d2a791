"""Square tiles: loads that cross the vector loop, taken row by row and transposed in registers.

Where a vector loop over ``i`` meets elements that lie in a row along an inner loop ``j``, a vector
would touch a cache line for every lane. Instead the rows of a square of elements are loaded, each
in one piece, the square is transposed and put on the stack, and the inner loop reads vectors there.
"""

from __future__ import annotations

from jitflow.codegen.cpu.memory import Lanes, MemoryWriter, alignment
from jitflow.codegen.cpu.text import FunctionText
from jitflow.codegen.cpu.values import Register, memory_type, scalar_type, shuffle_mask, vector_type
from jitflow.codegen.loop_ir import Load, Loop
from jitflow.core.dtypes import BOOL, F16


def crossing_loads(loop: Loop, vector: str) -> list[Load]:
    """Loads in the body of `loop` that lie in a row along it and far apart along `vector`."""
    return [
        statement
        for statement in loop.body
        if isinstance(statement, Load)
        and not statement.dtype.is_complex
        and statement.dtype not in (BOOL, F16)
        and statement.address.coefficient(loop.variable) == statement.dtype.itemsize
        and statement.address.coefficient(vector) not in (0, statement.dtype.itemsize)
        and not any(atom.startswith("%") for atom in statement.address.atoms())
    ]


class Tiles:
    """The tiles of one inner loop: scratch memory and the loads that it stands for."""

    def __init__(self, text: FunctionText, memory: MemoryWriter, loads: list[Load]) -> None:
        self.text = text
        self.memory = memory
        self.size = memory.lanes.count
        self.slots = {id(load): (load, self.slot(load)) for load in loads}
        self.row: Register | None = None

    def slot(self, load: Load) -> str:
        """Memory on the stack for one tile; the instruction goes to the function's entry."""
        name = f"%{self.text.fresh('tile')}"
        count = self.size * self.size
        self.text.scopes[0].lines.insert(
            0, f"  {name} = alloca [{count} x {memory_type(load.dtype)}], align 64"
        )
        return name

    def fill(self) -> None:
        """Load and transpose the tiles at the current indices."""
        for load, slot in self.slots.values():
            columns = self.transposed(self.rows(load))
            element = scalar_type(load.dtype)
            type = vector_type(element, self.size)
            for number, column in enumerate(columns):
                offset = number * self.size * load.dtype.itemsize
                at = self.text.result(f"getelementptr i8, ptr {slot}, i64 {offset}")
                align = self.column_alignment(load)
                self.text.write(f"store {type} {column}, ptr {at}, align {align}")

    def column_alignment(self, load: Load) -> int:
        """Alignment of the columns, which lie one after the other in the square."""
        return min(64, self.size * load.dtype.itemsize)

    def rows(self, load: Load) -> tuple[list[str], str]:
        """Vectors along the inner loop, one for each lane of the vector loop."""
        memory, text = self.memory, self.text
        lanes = memory.lanes
        memory.lanes = Lanes()
        buffer = memory.buffers[load.buffer]
        start = memory.address(buffer, load.address).pointer
        memory.lanes = lanes
        step = memory.dim(load.address.coefficient(lanes.variable))
        type = vector_type(scalar_type(load.dtype), self.size)
        found = []
        for number in range(self.size):
            offset = text.multiply(step, text.integer(number))
            pointer = text.value(f"getelementptr i8, ptr {start}, i64 {offset.text}")
            found.append(text.result(f"load {type}, ptr {pointer}, align {alignment(buffer)}"))
        return found, type

    def transposed(self, given: tuple[list[str], str]) -> list[str]:
        """Columns of a square: blocks of 1, 2, 4, ... change places across the diagonal.

        These shuffles are mostly instructions of their own, without a table of lanes.
        """
        rows, type = list(given[0]), given[1]
        size, block = self.size, 1
        while block < size:
            first = [lane + size - block if lane & block else lane for lane in range(size)]
            second = [lane + size if lane & block else lane + block for lane in range(size)]
            for number in range(size):
                if number & block:
                    continue
                above, below = rows[number], rows[number + block]
                rows[number], rows[number + block] = (
                    self.text.value(
                        f"shufflevector {type} {above}, {type} {below}, {shuffle_mask(mask)}"
                    )
                    for mask in (first, second)
                )
            block *= 2
        return rows

    def load(self, load: Load) -> Register:
        """The vector of a crossing load in the current iteration of the inner loop."""
        assert self.row is not None
        _, slot = self.slots[id(load)]
        step = self.text.multiply(self.row, self.text.integer(self.size * load.dtype.itemsize))
        at = self.text.value(f"getelementptr i8, ptr {slot}, i64 {step.text}")
        type = vector_type(scalar_type(load.dtype), self.size)
        align = self.column_alignment(load)
        loaded = self.text.result(f"load {type}, ptr {at}, align {align}")
        return Register(loaded, load.dtype, self.size, self.text.depth)

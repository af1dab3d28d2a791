"""Accumulators of folds: neutral start, one combination an iteration, lanes joined at the end.

A fold has one part, a search two: the best value and its position (-1: none yet). An accumulator
that a vector loop folds has that loop's lanes until it is ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jitflow.codegen.cpu.emit import LlvmEmitter
from jitflow.codegen.cpu.text import FunctionText
from jitflow.codegen.cpu.values import Register, scalar_type, shuffle_mask, vector_type
from jitflow.codegen.loop_ir import Begin, End, Fold, Loop, walk
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dtypes import BOOL, F32, F64, DType
from jitflow.core.lazy import LazyModule
from jitflow.ops import bodies
from jitflow.ops.record import Operator

if TYPE_CHECKING:
    from jitflow.codegen import folds
else:
    folds = LazyModule("jitflow.codegen.folds")


@dataclass(eq=False, repr=False)
class Accumulator:
    """The parts of an accumulator that is being folded; complex values are two registers each."""

    operator: Operator
    dtype: DType
    lanes: int
    parts: list[Register]
    is_product: bool = False

    @property
    def is_search(self) -> bool:
        """Whether it looks for a position."""
        return folds.is_search(self.operator)


class Accumulators:
    """The accumulators of one function; `across`: lanes of those that a vector loop folds."""

    def __init__(self, text: FunctionText, emitter: LlvmEmitter) -> None:
        self.text = text
        self.emitter = emitter
        self.across: dict[str, int] = {}
        self.open: dict[str, Accumulator] = {}

    def fold_across(self, name: str, lanes: int) -> None:
        """A vector loop of `lanes` folds the accumulator: its lanes are joined at the end."""
        self.across[name] = max(lanes, self.across.get(name, 0))

    def begin(self, statement: Begin, lanes: int) -> None:
        """Start an accumulator with the lanes of the loop around it, or of the loop that folds."""
        lanes = max(lanes, self.across.get(statement.accumulator, 1))
        operator, dtype = statement.operator, statement.dtype
        start = folds.neutral(self.emitter, operator, dtype)
        parts = [self.text.broadcast(part, lanes) for part in start]
        self.open[statement.accumulator] = Accumulator(operator, dtype, lanes, parts)

    def fold(
        self, statement: Fold, operand: Register, position: Register | None, mask: str
    ) -> Register:
        """Combine one value into each lane; masked lanes keep what they had if lanes are joined."""
        accumulator = self.open[statement.accumulator]
        accumulator.is_product |= statement.any_order
        operand = self.text.broadcast(operand, accumulator.lanes)
        kept = accumulator.parts
        if accumulator.is_search:
            assert position is not None
            position = self.text.broadcast(position, accumulator.lanes)
            new = [operand, position]
            parts = folds.better(self.emitter, accumulator.operator, kept, new, ordered=True)
        else:
            parts = folds.combined(self.emitter, accumulator.operator, kept, [operand])
        if mask and statement.accumulator in self.across:
            chosen = Register(mask, BOOL, accumulator.lanes, self.text.depth)
            parts = [
                self.emitter.select(chosen, new, old) for new, old in zip(parts, kept, strict=True)
            ]
        accumulator.parts = parts
        running: Register = parts[0]
        return running

    def end(self, statement: End) -> Register:
        """The value of an accumulator, its lanes joined if a vector loop folded it."""
        accumulator = self.open.pop(statement.accumulator)
        parts, lanes = accumulator.parts, accumulator.lanes
        if statement.accumulator in self.across:
            while lanes > 1:
                lanes //= 2
                low = [self.half(part, 0) for part in parts]
                high = [self.half(part, lanes) for part in parts]
                parts = folds.combined(self.emitter, accumulator.operator, low, high)
        result: Register = parts[-1]
        if accumulator.is_product:
            self.note_infinity(result)
        return result

    def note_infinity(self, result: Register) -> None:
        """Report that an element of a matrix product is infinite: NumPy decides what that says.

        BLAS computes on lanes that no element belongs to, and an infinity may meet a zero there.
        """
        if result.dtype.real in (F32, F64) and not self.emitter.fastmath:
            parts = [self.emitter.real(result)]
            if result.dtype.is_complex:
                parts.append(self.emitter.imaginary(result))
            for part in parts:
                self.emitter.flag("invalid", bodies.is_infinite(self.emitter, part))

    def half(self, x: Register, start: int) -> Register:
        """The lower or upper half of the lanes; of two lanes, one as a scalar."""
        type, count = vector_type(scalar_type(x.dtype), x.lanes), x.lanes // 2
        mask = shuffle_mask(list(range(start, start + count)))

        def of(part: str) -> str:
            if count == 1:
                return self.text.value(f"extractelement {type} {part}, i32 {start}")
            return self.text.value(f"shufflevector {type} {part}, {type} poison, {mask}")

        imaginary = of(x.imaginary) if x.imaginary else ""
        return Register(of(x.text), x.dtype, count, self.text.depth, imaginary)

    # What loops carry

    def folded_in(self, loop: Loop) -> list[str]:
        """Open accumulators that a loop folds."""
        found = {
            statement.accumulator: None
            for statement in walk(loop.body)
            if isinstance(statement, Fold) and statement.accumulator in self.open
        }
        return list(found)

    def current(self, names: list[str]) -> list[Register]:
        """The registers of accumulators, one for each component."""
        return [
            component
            for name in names
            for part in self.open[name].parts
            for component in _components(part)
        ]

    def carry(self, names: list[str]) -> list[Register]:
        """Give every component a name of its own, to be defined at the head of a loop."""
        fresh = []
        for register in self.current(names):
            name = f"%a{self.text.fresh('x')}"
            fresh.append(Register(name, register.dtype, register.lanes, self.text.depth))
        self.restore(names, fresh)
        return fresh

    def leave_scope(self) -> None:
        """What a closed loop defined last is from now on known in the scope around it."""
        depth = self.text.depth
        for accumulator in self.open.values():
            accumulator.parts = [
                part if part.depth <= depth else replace(part, depth=depth)
                for part in accumulator.parts
            ]

    def restore(self, names: list[str], components: list[Register]) -> None:
        """Put registers back in the order in which `current` gave them."""
        rest = iter(components)
        for name in names:
            accumulator = self.open[name]
            accumulator.parts = [_joined(part, rest) for part in accumulator.parts]


def _components(part: Register) -> list[Register]:
    if not part.imaginary:
        return [part]
    real = part.dtype.real
    return [Register(text, real, part.lanes, part.depth) for text in (part.text, part.imaginary)]


def _joined(part: Register, rest: Iterator[Register]) -> Register:
    real = next(rest)
    if not part.imaginary:
        return real
    imaginary = next(rest)
    return Register(real.text, part.dtype, real.lanes, real.depth, imaginary.text)

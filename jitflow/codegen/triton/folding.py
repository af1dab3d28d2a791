"""Folds of a kernel along ``r``: block by block into accumulators, then across the block.

Across a block Triton combines by a function of its own, which is written from the operator's body.
Elements beyond the end of a row are replaced by what is neutral.
"""

from __future__ import annotations

from jitflow.codegen import folds
from jitflow.codegen.loop_ir import Begin, End
from jitflow.codegen.triton.addresses import Indices
from jitflow.codegen.triton.emit import TritonEmitter
from jitflow.codegen.triton.frame import Blocks
from jitflow.codegen.triton.text import SourceText
from jitflow.codegen.triton.values import TYPES, Value
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dtypes import F16, F32, I64, DType
from jitflow.ops.record import Operator

X, R = frozenset("x"), frozenset("r")


@dataclass(eq=False, repr=False)
class Accumulator:
    """An open fold: `names` of the variables that a loop over blocks carries, `result` after."""

    operator: Operator
    dtype: DType
    names: list[str] = field(default_factory=list)
    result: list[Value] = field(default_factory=list)


class Folds:
    """The accumulators of one kernel; `functions` has the texts of what combines them."""

    def __init__(self, emitter: TritonEmitter, indices: Indices, blocks: Blocks) -> None:
        self.e = emitter
        self.text = emitter.text
        self.indices = indices
        self.blocks = blocks
        self.axis, self.length = "r", blocks.r
        self.open: dict[str, Accumulator] = {}
        self.functions: dict[str, str] = {}

    def go_along(self, axis: str, length: int) -> None:
        """Fold along another axis of blocks."""
        self.axis, self.length = axis, length

    def begin(self, statement: Begin) -> None:
        """Note an accumulator; sums of f16 are made in f32, as in NumPy."""
        dtype = statement.dtype
        if dtype is F16 and statement.operator.extra.get("pairwise"):
            dtype = F32
        self.open[statement.accumulator] = Accumulator(statement.operator, dtype)

    def carry(self, name: str, along: bool) -> None:
        """Give variables to an accumulator in front of a loop: blocks, or one column of them."""
        accumulator = self.open[name]
        shape = f"[{self.blocks.x}, {self.length if along else 1}]"
        for part in self.neutral(accumulator):
            variable = self.text.fresh("acc")
            self.text.write(
                f"{variable} = tl.zeros({shape}, {TYPES[part.dtype.name]}) + {part.text}"
            )
            accumulator.names.append(variable)

    def neutral(self, accumulator: Accumulator) -> list[Value]:
        """Real parts of the neutral start."""
        start = folds.neutral(self.e, accumulator.operator, accumulator.dtype)
        return [part for value in start for part in self.parts(value)]

    def parts(self, value: Value) -> list[Value]:
        """The real values that a value is made of; of a complex one each may be a scalar."""
        if not value.dtype.is_complex:
            return [value]
        return [Value(text, value.dtype.real) for text in (value.text, value.imaginary)]

    def together(
        self, accumulator: Accumulator, texts: list[str], axes: frozenset[str]
    ) -> list[Value]:
        """Names of parts as values of the accumulator."""
        dtype = accumulator.dtype
        imaginary = texts[1] if dtype.is_complex else ""
        values = [Value(texts[0], dtype, axes, imaginary)]
        if folds.is_search(accumulator.operator):
            values.append(Value(texts[-1], I64, axes))
        return values

    def block_of(self, value: Value, neutral: Value) -> str:
        """A whole block with `neutral` beyond the end."""
        text, mask = value.text, self.indices.masks.get(self.axis)
        axes = value.axes
        if mask:
            text = self.text.value(f"tl.where({mask}, {text}, {neutral.text})")
            axes |= {self.axis}
        if self.axis not in axes or ("x" not in axes and self.blocks.x > 1):
            text = f"tl.broadcast_to({text}, [{self.blocks.x}, {self.length}])"
            text = self.text.value(text)
        return text

    def operand(
        self, accumulator: Accumulator, operand: Value, position: Value | None
    ) -> list[str]:
        """Blocks of the parts that are folded."""
        values = [self.e.cast(operand, accumulator.dtype)]
        if position is not None:
            values.append(position)
        parts = [part for value in values for part in self.parts(value)]
        neutral = self.neutral(accumulator)
        return [self.block_of(part, start) for part, start in zip(parts, neutral, strict=True)]

    def fold(self, name: str, operand: Value, position: Value | None) -> None:
        """Combine a block with what there is."""
        accumulator = self.open[name]
        if not self.indices.shapes.get("r"):
            accumulator.result = [self.e.cast(operand, accumulator.dtype)]
            accumulator.result += [position] if position is not None else []
            return
        new = self.operand(accumulator, operand, position)
        if not accumulator.names:
            accumulator.result = self.across(accumulator, new)
            return
        axes = X | R
        old = self.together(accumulator, accumulator.names, axes)
        values = folds.combined(
            self.e, accumulator.operator, old, self.together(accumulator, new, axes)
        )
        self.assign(accumulator, values)

    def assign(self, accumulator: Accumulator, values: list[Value]) -> None:
        """Give carried variables new values."""
        parts = [part.text for value in values for part in self.parts(value)]
        for variable, part in zip(accumulator.names, parts, strict=True):
            self.text.write(f"{variable} = {part}")
            self.text.forget(variable)

    def scan(self, name: str, operand: Value) -> Value:
        """The running values of a block; in a loop they go on from those of the block before."""
        accumulator = self.open[name]
        if not self.indices.shapes.get("r"):
            return operand
        new = self.operand(accumulator, operand, None)
        function = self.function(accumulator)
        texts = self.spread(f"tl.associative_scan({_tuple(new)}, 1, {function})", len(new))
        (running,) = self.together(accumulator, texts, X | R)
        if accumulator.names:
            old = self.together(accumulator, accumulator.names, X)
            (running,) = folds.combined(self.e, accumulator.operator, old, [running])
            total = self.across(accumulator, new)
            self.assign(accumulator, folds.combined(self.e, accumulator.operator, old, total))
        return running

    def finish(self, name: str) -> None:
        """Combine across the block, after a loop over blocks."""
        accumulator = self.open[name]
        if accumulator.names and not accumulator.result:
            accumulator.result = self.across(accumulator, accumulator.names)

    def dtypes(self, name: str) -> list[DType]:
        """Of the parts of an accumulator."""
        return [part.dtype for part in self.neutral(self.open[name])]

    def results(self, name: str) -> list[Value]:
        """The parts of an accumulator, after its fold."""
        return [part for value in self.open[name].result for part in self.parts(value)]

    def resume(self, name: str, parts: list[str]) -> None:
        """Combine blocks of what several programs have folded."""
        accumulator = self.open[name]
        accumulator.result = self.across(accumulator, parts)

    def end(self, statement: End) -> Value:
        """The value of an accumulator."""
        return self.e.cast(self.open.pop(statement.accumulator).result[-1], statement.dtype)

    def across(self, accumulator: Accumulator, parts: list[str]) -> list[Value]:
        """The parts combined along a block."""
        function = self.function(accumulator)
        call = f"tl.reduce({_tuple(parts)}, 1, {function}, keep_dims=True)"
        return self.together(accumulator, self.spread(call, len(parts)), X)

    def spread(self, call: str, count: int) -> list[str]:
        """Names of the results of a call with several."""
        names = [self.text.fresh() for _ in range(count)]
        self.text.write(f"{', '.join(names)} = {call}")
        return names

    def function(self, accumulator: Accumulator) -> str:
        """Name of the function that combines two accumulators."""
        text = SourceText()
        emitter = TritonEmitter(text, self.e.fastmath)
        count = len(self.neutral(accumulator))
        old, new = ([f"{side}{k}" for k in range(count)] for side in "ab")
        values = folds.combined(
            emitter,
            accumulator.operator,
            self.together(accumulator, old, frozenset()),
            self.together(accumulator, new, frozenset()),
        )
        parts = [part.text for value in values for part in self.parts(value)]
        lines = [*text.body(), f"    return {', '.join(parts)}"]
        body = "\n".join(lines)
        if body not in self.functions:
            self.functions[body] = f"combine{len(self.functions)}"
        return self.functions[body]

    def function_texts(self) -> list[str]:
        """Definitions of the functions, with their parameters."""
        found = []
        for body, name in self.functions.items():
            count = body.rsplit("return ", 1)[1].count(",") + 1
            names = ", ".join(f"{side}{k}" for side in "ab" for k in range(count))
            found.append(f"@triton.jit\ndef {name}({names}):\n{body}\n")
        return found


def _tuple(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"

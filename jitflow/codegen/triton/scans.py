"""Scans along few, long rows: parts of each row, by two kernels.

The first folds every part and leaves the totals in scratch memory; each program of the second
begins with what the parts before its own add up to, and writes the running values of its part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jitflow.codegen.loop_ir import Fold, Loop, Statement, Store
from jitflow.codegen.triton.frame import Frame, flattened
from jitflow.codegen.triton.interface import Blocks
from jitflow.codegen.triton.kernel import KernelWriter
from jitflow.codegen.triton.phases import Scratch, stages_of
from jitflow.core.dataclass import replace


def is_scan(frame: Frame) -> bool:
    """Whether the rows of a kernel have running values."""
    stages = stages_of(frame)
    return any(
        isinstance(item, Fold) and item.result for loop in stages for item in flattened(loop)
    )


class ScanWriter(KernelWriter):
    """Writes one of the two kernels."""

    def grid(self) -> tuple[Blocks, ...]:
        return Blocks(self.frame.rows, self.blocks.x), Blocks(self.phase.parts)

    def stage(self, loop: Loop) -> None:
        statements = list(flattened(loop))
        names = [item.accumulator for item in statements if isinstance(item, Fold)]
        self.stages += 1
        self.in_stage = True
        if self.phase.is_last:
            for name in names:
                self.folds.carry(name, along=False)
            self.each_partial(0, names, self.load_before)
            self.each_block(statements)
        else:
            kept = list(_totals(statements))
            folds = {item.accumulator: item for item in kept if isinstance(item, Fold)}
            self.looped(kept, folds)
            self.each_partial(0, names, self.store_partial)
            self.is_done = True
        self.in_stage = False

    def load_before(self, name: str, scratch: list[Scratch]) -> None:
        """Begin with the parts before the own one."""
        accumulator = self.folds.open[name]
        number = f"tl.arange(0, {self.phase.parts})[None, :]"
        is_before = self.text.value(f"{number} < {self.part()}")
        neutral = self.folds.neutral(accumulator)
        parts = [
            self.text.value(f"tl.where({is_before}, {text}, {start.text})")
            for text, start in zip(self.partials(scratch), neutral, strict=True)
        ]
        self.folds.assign(accumulator, self.folds.across(accumulator, parts))


def _totals(statements: Iterable[Statement]) -> Iterator[Statement]:
    """What the totals need: nothing is stored, and nothing made of running values."""
    missing: set[str] = set()
    for statement in statements:
        operands = set(getattr(statement, "operands", ()))
        address = getattr(statement, "address", None)
        if address is not None:
            operands |= set(address.atoms())
        if isinstance(statement, Fold):
            missing.add(statement.result)
            yield replace(statement, result="")
        elif not isinstance(statement, Store):
            if operands & missing:
                missing.add(getattr(statement, "result", ""))
            else:
                yield statement

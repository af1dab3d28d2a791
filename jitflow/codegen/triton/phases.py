"""Folds of few, long rows: split into parts that many programs fold, in one kernel per stage.

Kernel ``k`` folds stage ``k``: each program one part of the rows, whose accumulators it leaves in
scratch memory. Later kernels begin by combining what the parts left, and compute the statements
between the stages again; the last kernel runs what comes after the last fold. Each kernel writes
what its own stage stores, and the last one what stands outside of the stages. Running values take
two kernels (`scans`).
"""

from __future__ import annotations

from jitflow.codegen.loop_ir import Begin, Fold, Kernel, Loop, Store, walk
from jitflow.codegen.triton.frame import Blocks, Frame, Limits, flattened
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.core.dtypes import DType

MOST_PARTS = 256

LEAST_BLOCKS = 4
"""Blocks of a part: less is not worth a second kernel."""


@dataclass(frozen=True)
class Scratch:
    """Memory for one part of an accumulator: an element for each row and part."""

    name: str
    dtype: DType
    elements: Dim


@dataclass(eq=False, repr=False)
class Phase:
    """One of the kernels that a kernel becomes.

    Attributes
    ----------
    number : int
        Of the stage that it folds; of the last kernel the number of stages that fold.
    parts : int
        Programs for each row, a power of two.
    is_last : bool
        Whether it runs what comes after the folds.
    """

    number: int
    parts: int
    is_last: bool
    scratch: list[Scratch] = field(default_factory=list)


def stages_of(frame: Frame) -> list[Loop]:
    """The stages of a kernel."""
    return [statement for statement in frame.statements if isinstance(statement, Loop)]


def folding_stages(frame: Frame) -> int:
    """How many stages fold."""
    return sum(any(isinstance(s, Fold) for s in flattened(stage)) for stage in stages_of(frame))


def choose_parts(kernel: Kernel, frame: Frame, blocks: Blocks, limits: Limits) -> int:
    """Parts of each row; 1 where rows are many or short, or the kernel cannot be split."""
    if not blocks.looped or frame.serial or not isinstance(frame.rows, int):
        return 1
    if not any(isinstance(item, Begin) for item in walk(kernel.body)):
        return 1
    outside = (item for item in frame.statements if isinstance(item, Store))
    if any(item.operator is not None for item in outside) or not _may_run_in_parts(frame):
        return 1
    programs = -(-frame.rows // blocks.x)
    parts = min(MOST_PARTS, 2 * limits.programs // max(1, programs))
    columns = frame.columns
    if not isinstance(columns, SymbolicDim):
        parts = min(parts, columns // (LEAST_BLOCKS * blocks.r))
    return 1 << max(0, parts.bit_length() - 1)


def _may_run_in_parts(frame: Frame) -> bool:
    """Whether running values, if there are any, are all that is folded."""
    folds = [s for stage in stages_of(frame) for s in flattened(stage) if isinstance(s, Fold)]
    return len(folds) == 1 or not any(fold.result for fold in folds)

"""What a back end wants of the loop IR: the decisions above it that depend on the processor."""

from __future__ import annotations

from jitflow.core.dataclass import dataclass


@dataclass(frozen=True)
class LoopTarget:
    """Decisions about loops and memory.

    Attributes
    ----------
    keeps_rows : bool
        Whether an element that several stages of a kernel need is kept in a scratch row, and long
        columns are folded into rows of sums. A processor whose rows lie in registers, or that
        computes faster than it loads, computes such elements again.
    counts_elements : bool
        Whether the strides of strided inputs are passed as numbers of elements, not of bytes.
    """

    keeps_rows: bool = True
    counts_elements: bool = False


CPU = LoopTarget()
GPU = LoopTarget(keeps_rows=False, counts_elements=True)

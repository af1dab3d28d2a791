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
    has_caches : bool
        Whether a large matrix that two products read is read once, by blocks that stay in a cache.
    runs_masked : bool
        Whether a kernel over the true elements of a mask can go through the whole mask instead.
    streams_rows : bool
        Whether rows that a product reads are best made block by block, and never stored.
    folds_vectors : int
        Batches up to which long products with one row or column each are sums, which many programs
        share: of one row for each head there are no more programs than heads, however many keys.
    cheap : int
        Cost up to which computing an element again beats a trip through memory.
    products : frozenset of str
        Dtypes of which it multiplies matrices; empty: those that the BLAS of this process has.
    """

    keeps_rows: bool = True
    counts_elements: bool = False
    has_caches: bool = True
    runs_masked: bool = True
    streams_rows: bool = False
    folds_vectors: int = 0
    cheap: int = 3
    products: frozenset[str] = frozenset()


CPU = LoopTarget()
GPU = LoopTarget(
    keeps_rows=False,
    counts_elements=True,
    has_caches=False,
    runs_masked=False,
    streams_rows=True,
    folds_vectors=256,
    cheap=8,
    products=frozenset(("f16", "bf16", "f32", "f64", "c64", "c128")),
)

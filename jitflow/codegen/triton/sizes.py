"""Which of two sizes is the smaller one, whatever their symbols are."""

from __future__ import annotations

from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim, SymbolicDim


@dataclass(frozen=True)
class SizeOrder:
    """Comparisons that hold for all sizes: of dimensions whose symbols are all `extents`.

    What is compared are places in arrays that are accessed: none of their extents is 0.
    """

    extents: frozenset[str]

    def is_positive(self, dim: Dim) -> bool:
        """Whether a dimension is greater than 0."""
        return dim != 0 and self.at_most(1, dim)

    def at_most(self, left: Dim, right: Dim) -> bool:
        """Whether ``left <= right``."""
        rest = right - left
        names = dims.symbols_of(rest)
        if not names <= self.extents:
            return False
        rest = dims.substitute(rest, {name: dims.symbol(name) + 1 for name in names})
        if isinstance(rest, SymbolicDim):
            return all(coefficient > 0 for _, coefficient in rest.terms)
        return rest >= 0

    def least(self, left: Dim, right: Dim) -> Dim | None:
        """The smaller one; None where that is not known."""
        if self.at_most(left, right):
            return left
        return right if self.at_most(right, left) else None

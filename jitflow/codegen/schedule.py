"""Schedule: the order of a kernel's loops, which of them become one, and which is vectorised.

Decided from the byte strides of all accesses: the vector loop is the one along which most of memory
is contiguous; the others are ordered so that the last moves least; neighbours along which every
access moves as one longer axis are merged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jitflow.codegen.access import Affine
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim, SymbolicDim

ESTIMATE = 1024
"""What a symbolic extent is taken for when strides are compared."""


CACHE_LINE = 64
"""Bytes that memory hands over at once: elements further apart cost a line each."""

NEAR_PENALTY, FAR_PENALTY = 8, 12
"""What an access costs whose elements share lines, and one of which each takes a line."""

SET_BYTES, SET_PENALTY = 4096, 16
"""Lines that lie such a multiple apart fall into one set of a first-level cache: they drive each
other out, and what an access costs that meets them in turn."""

SHORT_FOLD, SHORT_COMPLEX_FOLD, SHORT_FOLD_PENALTY = 7, 3, 16
"""Extents up to which folding lanes of a row costs more than gathering across rows, and how much.

NumPy sums so few elements one by one, and more than that in an order that suits lanes of a row.
"""


@dataclass(eq=False, repr=False)
class Access:
    """One load, store or position: its address, the size of an element, and how much it matters."""

    address: Affine
    itemsize: int
    weight: int = 1


@dataclass(eq=False, repr=False)
class Schedule:
    """Loops from the outermost to the innermost.

    Attributes
    ----------
    outer, inner : list of str
        Variables in order; `inner` are those that are folded.
    extents : dict
        Extent of each variable in the lists.
    vector : str or None
        The variable of the vector loop.
    changes : dict
        What stands for the variables that are gone (merged, or of extent 1) in addresses.
    survivors : dict
        Merged variable to the variable that now counts for both.
    in_memory : list of str
        The folded variables as elements lie in memory; as axes go where accesses do not tell.
    """

    outer: list[str]
    inner: list[str]
    extents: dict[str, Dim]
    vector: str | None = None
    changes: dict[str, Affine] = field(default_factory=dict)
    survivors: dict[str, str] = field(default_factory=dict)
    in_memory: list[str] = field(default_factory=list)

    def surviving(self, names: frozenset[str]) -> frozenset[str]:
        """The loops that are left for a set of variables."""
        found = set()
        for name in names:
            while name in self.survivors:
                name = self.survivors[name]
            if name in self.extents:
                found.add(name)
        return frozenset(found)


def schedule(
    extents: Mapping[str, Dim],
    inner: Sequence[str],
    accesses: Sequence[Access],
    vectorisable: frozenset[str],
    estimates: Mapping[str, int],
    short_fold: int = SHORT_FOLD,
    is_in_order: bool = False,
) -> Schedule:
    """Order, merge and choose; `estimates` has guesses for symbols that are byte strides.

    Axes that are folded are merged first: they are one long run, however short the last one is.
    `is_in_order`: the loops have their order already.
    """
    live = {name: extent for name, extent in extents.items() if extent != 1}
    strides = _Strides(accesses, estimates)
    result = Schedule(
        outer=[name for name in live if name not in inner],
        inner=[name for name in live if name in inner],
        extents=dict(live),
        changes={name: Affine(0) for name in extents if name not in live},
    )
    axes = list(result.inner)
    if not is_in_order:
        result.inner.sort(key=strides.movement, reverse=True)
    _merge(result, result.inner, accesses, vectorisable)
    atoms = {atom for access in accesses for atom in access.address.atoms()}
    tells = atoms <= set(extents) and all(strides.movement(name) > (0,) for name in result.inner)
    order = list(result.inner) if tells else axes

    def penalty(name: str) -> tuple[int, int]:
        extent, (total, position) = result.extents[name], strides.penalty(name)
        short = name in inner and isinstance(extent, int) and extent <= short_fold
        return total + (SHORT_FOLD_PENALTY * len(accesses) if short else 0), position

    candidates = [name for name in result.extents if name in vectorisable]
    vector = min(candidates, key=penalty, default=None)
    for names in () if is_in_order else (result.outer, result.inner):
        names.sort(key=strides.movement, reverse=True)
        if vector in names:
            names.remove(vector)
            names.append(vector)
            _move_last(names, strides.crossing(vector))
    result.vector = vector
    _merge(result, result.outer, accesses)
    _merge(result, result.inner, accesses)
    result.in_memory = [name for name in order if name in result.inner]
    return result


def _move_last(names: list[str], name: str | None) -> None:
    if name in names:
        names.remove(name)
        names.append(name)


class _Strides:
    """Estimated byte strides of every access along every variable."""

    def __init__(self, accesses: Sequence[Access], estimates: Mapping[str, int]) -> None:
        self.accesses = accesses
        self.estimates = estimates
        self.tables = [
            {atom: self.estimate(c) for atom, c in access.address.terms} for access in accesses
        ]

    def estimate(self, dim: Dim) -> int:
        if not isinstance(dim, SymbolicDim):
            return dim
        return dim.evaluate({name: self.estimates.get(name, ESTIMATE) for name in dim.symbols()})

    def penalty(self, name: str) -> tuple[int, int]:
        """How badly the accesses suit vectors along a variable; later variables win ties."""
        total = 0
        for access, table in zip(self.accesses, self.tables, strict=True):
            stride = table.get(name, 0)
            if stride != 0 and stride != access.itemsize:
                total += _cost(stride) * access.weight
        gain = sum(
            access.weight
            for access, table in zip(self.accesses, self.tables, strict=True)
            if table.get(name, 0) == access.itemsize
        )
        return total - gain, -int(name[1:]) if name[1:].isdigit() else 0

    def crossing(self, vector: str) -> str | None:
        """A loop along which elements lie in a row that the vector loop meets far apart.

        It goes inside of the vector loop: the cache lines that a vector touches are then used up
        before the next vector touches others.
        """
        for access, table in zip(self.accesses, self.tables, strict=True):
            if table.get(vector, 0) not in (0, access.itemsize) and access.weight:
                for name, stride in table.items():
                    if stride == access.itemsize:
                        return name
        return None

    def movement(self, name: str) -> tuple[int, ...]:
        """Sort key of a loop: the distance that it moves, summed over the accesses by weight."""
        total = sum(
            abs(table.get(name, 0)) * access.weight
            for access, table in zip(self.accesses, self.tables, strict=True)
        )
        return (total,)


def _cost(stride: int) -> int:
    """What elements so far apart cost."""
    if abs(stride) < CACHE_LINE:
        return NEAR_PENALTY
    return FAR_PENALTY if stride % SET_BYTES else SET_PENALTY


def _merge(
    result: Schedule,
    names: list[str],
    accesses: Sequence[Access],
    alike: frozenset[str] = frozenset(),
) -> None:
    """Merge neighbours ``a, b`` into `b` where a step of `a` is ``extent(b)`` steps of `b`.

    Both of them are in `alike`, or neither.
    """
    position = len(names) - 1
    addresses = [access.address for access in accesses]
    while position > 0:
        first, second = names[position - 1], names[position]
        extent = result.extents[second]
        is_alike = (first in alike) == (second in alike)
        if is_alike and all(_is_one_axis(a, first, second, extent) for a in addresses):
            result.changes[first] = Affine(0)
            result.survivors[first] = second
            result.extents[second] = extent * result.extents.pop(first)
            names.pop(position - 1)
        position -= 1


def _is_one_axis(address: Affine, first: str, second: str, extent: Dim) -> bool:
    return address.coefficient(first) == address.coefficient(second) * extent

"""Scatters that replace elements: the last one in order wins, by a table of who was last.

Three kernels. The first two go over the indices alone: each clears its slot of the table, then
claims it with its position, and the largest position stays. The third computes the elements, all at
once, and stores those whose position is in their slot.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitflow.codegen.access import Affine
from jitflow.codegen.loop_ir import (
    Begin,
    Compute,
    Kernel,
    Load,
    Lookup,
    Position,
    Statement,
    Store,
    walk,
)
from jitflow.codegen.triton.frame import Frame, Limits, choose_blocks, frame_of
from jitflow.codegen.triton.interface import GeneratedKernel
from jitflow.codegen.triton.kernel import KernelWriter
from jitflow.codegen.triton.phases import Phase, Scratch
from jitflow.codegen.triton.values import Value
from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64

TABLE = "table"


@dataclass(eq=False, repr=False)
class Scatter:
    """A kernel that replaces elements at indices from memory.

    Attributes
    ----------
    lookups : list of Lookup
        Those that address the element: their values together are a slot of the table.
    indices : list of Statement
        What computes them.
    """

    kernel: Kernel
    frame: Frame
    lookups: list[Lookup]
    indices: list[Statement]

    @property
    def slots(self) -> Dim:
        """Size of the table."""
        return dims.product(tuple(lookup.extent for lookup in self.lookups))

    def slot(self) -> Affine:
        """The slot of an element."""
        return _linear([(lookup.result, lookup.extent) for lookup in self.lookups])

    def position(self) -> Affine:
        """The position in order of an element's index."""
        return _linear(self.frame.serial)


def _linear(axes: list[tuple[str, Dim]]) -> Affine:
    total = Affine(0)
    for atom, extent in axes:
        total = total.scaled(extent) + Affine(0, ((atom, 1),))
    return total


def scatter_of(kernel: Kernel) -> Scatter | None:
    """The scatter that a kernel is, if it is one and nothing else runs in order."""
    frame = frame_of(kernel)
    stores = [item for item in walk(kernel.body) if isinstance(item, Store)]
    if not frame.serial or len(stores) != 1 or stores[0].operator is not None:
        return None
    if any(isinstance(item, Begin) for item in walk(kernel.body)):
        return None
    atoms = stores[0].address.atoms()
    found = {item.result: item for item in frame.statements if isinstance(item, Lookup)}
    lookups = [found[atom] for atom in atoms if atom in found]
    indices = _needed(frame.statements, {lookup.result for lookup in lookups})
    loops = {name for name, _ in frame.outer}
    if not lookups or any(loops & set(_atoms(item)) for item in indices):
        return None
    return Scatter(kernel, frame, lookups, indices)


def _needed(statements: list[Statement], wanted: set[str]) -> list[Statement]:
    """The statements that some registers are computed by."""
    kept = []
    for statement in reversed(statements):
        if getattr(statement, "result", "") in wanted:
            kept.append(statement)
            wanted |= set(_atoms(statement))
            if isinstance(statement, Compute):
                wanted |= set(statement.operands)
            elif isinstance(statement, Lookup):
                wanted.add(statement.operand)
    return kept[::-1]


def _atoms(statement: Statement) -> tuple[str, ...]:
    return statement.address.atoms() if isinstance(statement, (Load, Position)) else ()


def generate_scatter(
    scatter: Scatter, scalars: frozenset[str], fastmath: bool, limits: Limits
) -> Iterator[tuple[GeneratedKernel, list[Scratch]]]:
    """The three kernels, and the table."""
    scratch = [Scratch(TABLE, I64, scatter.slots)]
    for writer in (ClearWriter, ClaimWriter, ReplaceWriter):
        made = writer(scatter, scalars, fastmath, limits, Phase(0, 1, True, scratch)).run()
        yield made, scratch


class _TableWriter(KernelWriter):
    """Writes a kernel over some of the loops of a scatter."""

    def __init__(
        self,
        scatter: Scatter,
        scalars: frozenset[str],
        fastmath: bool,
        limits: Limits,
        phase: Phase,
    ) -> None:
        self.scatter = scatter
        frame = self.choose_frame()
        blocks = choose_blocks(scatter.kernel, frame, limits)
        super().__init__(scatter.kernel, scalars, fastmath, frame, blocks, phase)

    def choose_frame(self) -> Frame:
        """The loops over the indices."""
        return Frame(outer=self.scatter.frame.serial, statements=self.scatter.indices)

    def slot(self) -> Value:
        """Offsets into the table."""
        return self.indices.widened(self.indices.affine(self.scatter.slot()), frozenset("x"))

    def order(self) -> Value:
        """Positions of the indices, in the blocks of slots."""
        value = self.indices.position(self.scatter.position())
        return self.indices.widened(value, frozenset("x"))


class ClearWriter(_TableWriter):
    """Writes -1 into every slot that is used."""

    def words(self) -> list[str]:
        return ["clear", "slots"]

    def block(self, statements: list[Statement]) -> None:
        super().block(statements)
        self.put(TABLE, self.slot(), "-1", "")


class ClaimWriter(_TableWriter):
    """Leaves the last position in every slot."""

    def words(self) -> list[str]:
        return ["claim", "slots"]

    def block(self, statements: list[Statement]) -> None:
        super().block(statements)
        self.put(TABLE, self.slot(), self.order().text, "max")


class ReplaceWriter(_TableWriter):
    """Stores the elements that are last at their place."""

    def choose_frame(self) -> Frame:
        before = self.scatter.frame
        return Frame(outer=[*before.serial, *before.outer], statements=before.statements)

    def words(self) -> list[str]:
        return [*super().words()[:3], "scatter"]

    def put(self, buffer: str, offset: Value, value: str, atomic: str) -> None:
        mask = self.indices.mask(frozenset("x"))
        masked = f", mask={mask}" if mask else ""
        last = self.text.value(f"tl.load({TABLE} + {self.slot().text}{masked})")
        wins = self.text.value(f"{last} == {self.order().text}")
        whole = self.indices.widened(offset, frozenset("x"))
        mask = self.indices.mask(frozenset("x"), wins)
        self.text.write(f"tl.store({buffer} + {whole.text}, {value}, mask={mask})")

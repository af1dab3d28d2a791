"""What fusion gives: an ordered list of steps, each a loop nest or a call, over stored values.

A `Loops` step is one kernel: variables with extents, the evaluations of values at indices that its
body makes, and the stores. A `Product` step is a matrix product of values that lie in memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitflow.codegen.access import Affine, Index, Shape, variable
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.ir.graph import Node, Value
from jitflow.ir.regions import symbols_in, symbols_of_node
from jitflow.ops.record import Kind


@dataclass(eq=False, repr=False)
class Evaluation:
    """`value` at `index` is needed in a kernel: loaded from memory, or computed by its node."""

    value: Value
    index: Index
    load: bool


@dataclass(eq=False, repr=False)
class Store:
    """Element `index` of the evaluated `value` is element `target_index` of `target` in memory.

    `mode` is ``"set"``, or the combination of a scatter, or ``"nonzero"``: of a true `value` the
    loop variables are stored, in the row of `target` that follows the one before.
    """

    value: Value
    index: Index
    target: Value
    target_index: Index
    mode: str = "set"


@dataclass(eq=False, repr=False)
class Lookup:
    """An atom of an index: the integer `value` at `index`, wrapped and checked for `extent`.

    `is_within`: it is known to need neither.
    """

    value: Value
    index: Index
    extent: Dim
    is_within: bool = False


@dataclass(frozen=True, eq=False)
class Masking:
    """A kernel goes through a whole mask instead of the places of its true elements.

    Of the `nonzero` node `node`, row number `row` of its result is the place `variables` where the
    mask is true. `row` is no loop: it stands in indices of values that have no place in memory.
    """

    node: Node
    row: str
    variables: tuple[str, ...]


@dataclass(eq=False, repr=False)
class Step:
    """One thing to run; later numbers run earlier, since fusion goes from outputs to inputs."""

    number: int


@dataclass(eq=False, repr=False)
class Loops(Step):
    """One kernel.

    Attributes
    ----------
    variables : dict
        Loop variable to extent.
    inner : tuple of str
        The variables that reductions fold (or scans run along); the rest are the outer ones.
    evaluations : list
        From the last needed to the first: operands come after what uses them.
    operand_index : dict
        For the reductions and scans of this kernel: the index of the operand.
    found_in : dict
        A value at an index to the array, and the index in it, that it is loaded from.
    lookups : dict
        The atoms of indices that are loaded at run time.
    stores : list
        What lies in memory afterwards.
    touched : set
        Every value that is evaluated here: what may be shared with another kernel.
    checks : list
        Evaluated bools that must hold.
    ordered : bool
        Whether the iterations must run in order (scatter, scan).
    masking : Masking or None
        The mask under which everything is evaluated and stored.
    """

    variables: dict[str, Dim] = field(default_factory=dict)
    inner: tuple[str, ...] = ()
    evaluations: list[Evaluation] = field(default_factory=list)
    operand_index: dict[tuple[Value, Index], Index] = field(default_factory=dict)
    found_in: dict[tuple[Value, Index], tuple[Value, Index]] = field(default_factory=dict)
    lookups: dict[str, Lookup] = field(default_factory=dict)
    stores: list[Store] = field(default_factory=list)
    checks: list[tuple[Value, Index]] = field(default_factory=list)
    touched: set[Value] = field(default_factory=set)
    ordered: bool = False
    masking: Masking | None = None

    @property
    def outer(self) -> tuple[str, ...]:
        """The variables that are not `inner`."""
        return tuple(name for name in self.variables if name not in self.inner)

    def identity(self) -> Index:
        """The index made of all variables in order."""
        return tuple(variable(name) for name in self.variables)

    def new_variables(self, shape: Shape) -> Index:
        """Add one variable for each axis and return the index made of them."""
        names = [f"i{len(self.variables) + k}" for k in range(len(shape))]
        self.variables.update(zip(names, shape, strict=True))
        return tuple(variable(name) for name in names)

    def lookup(self, value: Value, index: Index, extent: Dim, is_within: bool) -> Affine:
        """The atom for an index loaded at run time."""
        name = f"[{value.name}({', '.join(map(str, index))}) of {extent}]"
        self.lookups[name] = Lookup(value, index, extent, is_within)
        return variable(name)

    def atoms_of(self, index: Index) -> set[str]:
        """Loop variables that an index depends on, through run-time indices too."""
        found: set[str] = set()
        for component in index:
            for atom, _ in component.terms:
                lookup = self.lookups.get(atom)
                if lookup is not None:
                    found |= self.atoms_of(lookup.index)
                elif self.masking is not None and atom == self.masking.row:
                    found |= set(self.masking.variables)
                else:
                    found.add(atom)
        return found


@dataclass(eq=False, repr=False)
class Product(Step):
    """A matrix product; `operands` are (stored value, index over `variables`) once resolved.

    Variables: batch axes ``b0...``, rows ``i``, columns ``j``, the summed axis ``k``.
    """

    node: Node
    variables: dict[str, Dim] = field(default_factory=dict)
    operands: list[tuple[Value, Index]] = field(default_factory=list)


@dataclass(eq=False, repr=False)
class Control(Step):
    """A loop or a branch: `reads` is what must lie in memory when it begins.

    `has_checks`: it may leave with a failed check.
    """

    node: Node
    reads: list[Value] = field(default_factory=list)
    has_checks: bool = False


@dataclass(eq=False, repr=False)
class CallOut(Step):
    """A node that a function runs: `reads` is what must lie in memory when it is called.

    `may_leave`: the function is one of Python, which may raise.
    """

    node: Node
    reads: list[Value] = field(default_factory=list)
    may_leave: bool = True


@dataclass(eq=False, repr=False)
class Plan:
    """Steps in order of execution, and how values share memory.

    Attributes
    ----------
    aliases : dict
        Value to the value of whose C-contiguous memory it is another shape.
    bases : dict
        Result of an update or scatter to the value that it is a modified copy of.
    contiguous : set
        Values that must lie C-contiguous whatever order an output has.
    """

    steps: list[Step] = field(default_factory=list)
    aliases: dict[Value, Value] = field(default_factory=dict)
    bases: dict[Value, Value] = field(default_factory=dict)
    contiguous: set[Value] = field(default_factory=set)


def symbols_of_step(step: Step) -> Iterator[str]:
    """Symbols in the extents of what a step goes through, loads, stores or makes."""
    if isinstance(step, Control | CallOut):
        yield from symbols_of_node(step.node)
        return
    assert isinstance(step, (Loops, Product))
    yield from symbols_in(step.variables)
    if isinstance(step, Product):
        yield from symbols_in([value.type for value, _ in step.operands])
        return
    for evaluation in step.evaluations:
        node = evaluation.value.producer
        if evaluation.load:
            yield from symbols_in(evaluation.value.type)
        elif node is not None and node.operator.kind in (Kind.CREATION, Kind.SYMBOL):
            yield from symbols_in(node.attributes)
    yield from symbols_in([store.target.type for store in step.stores])
    yield from symbols_in([entry.extent for entry in step.lookups.values()])

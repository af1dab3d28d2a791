"""What fusion gives: an ordered list of steps, each a loop nest or a call, over stored values.

A `Loops` step is one kernel: variables with extents, the evaluations of values at indices that its
body makes, and the stores. A `Product` step is a matrix product of values that lie in memory.
`Demands` is what steps need of values while they are made: a kernel demands a value at indices, a
product addresses an operand as a matrix in memory. What is made of values then is in `fusion`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from jitflow.codegen import access
from jitflow.codegen.access import Affine, Index, Shape, variable
from jitflow.codegen.target import LoopTarget
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim, symbols_of
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Graph, Node, Value
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

    `may_leave`: the function is one of Python, which may raise, or finds no result.
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
    unfilled : set
        New arrays in whose memory nothing is stored at first.
    """

    steps: list[Step] = field(default_factory=list)
    aliases: dict[Value, Value] = field(default_factory=dict)
    bases: dict[Value, Value] = field(default_factory=dict)
    contiguous: set[Value] = field(default_factory=set)
    unfilled: set[Value] = field(default_factory=set)


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


Addressed = tuple[Product, int, Index]


class Memory(Protocol):
    """What fusion must know of where values will lie, and of the processor."""

    @property
    def target(self) -> LoopTarget:
        """The processor."""

    def is_contiguous(self, value: Value) -> bool:
        """Whether an input or constant lies in C order without gaps."""

    def is_product_operand(self, product: Product, slot: int, value: Value, index: Index) -> bool:
        """Whether a matrix product can read an operand where it lies."""


class Demands:
    """The steps made so far, and what they need of each value.

    Attributes
    ----------
    demands : dict
        Value to the kernels that load or compute it, and the indices at which they do.
    addressed : dict
        Value to the products that read it.
    needed_by : dict
        Value to the least numbers that its producer may have for steps that read its memory.
    forced : set
        Values that lie in memory whoever needs them.
    """

    def __init__(self, graph: Graph, memory: Memory) -> None:
        self.graph = graph
        self.memory = memory
        self.plan = Plan()
        self.steps: list[Step] = []
        self.demands: dict[Value, dict[Loops, dict[Index, None]]] = {}
        self.addressed: dict[Value, list[Addressed]] = {}
        self.needed_by: dict[Value, list[int]] = {}
        self.forced: set[Value] = {*graph.outputs, *(version for _, version in graph.writes)}

    def new_loops(self, shape: Shape = (), ordered: bool = False) -> tuple[Loops, Index]:
        loops = Loops(len(self.steps), ordered=ordered)
        self.steps.append(loops)
        return loops, loops.new_variables(shape)

    def demand(self, value: Value, loops: Loops, index: Index) -> None:
        self.demands.setdefault(value, {}).setdefault(loops, {})[index] = None
        loops.touched.add(value)

    def demanding(self, value: Value) -> dict[Loops, dict[Index, None]]:
        return self.demands.get(value, {})

    def load_all(self, value: Value, home: Step | None = None) -> None:
        """Every demand outside `home` becomes a load."""
        for loops, indices in self.demanding(value).items():
            if loops is not home:
                loops.evaluations.extend(Evaluation(value, index, True) for index in indices)

    def latest_start(self, value: Value) -> int:
        """The least number that a producer of `value` may have.

        That of the consumer that runs first, which may compute it; one more where a step needs it
        in memory when it starts.
        """
        return max(
            [loops.number for loops in self.demanding(value)]
            + [product.number + 1 for product, _, _ in self.addressed.get(value, ())]
            + self.needed_by.get(value, []),
            default=-1,
        )

    def alias(self, value: Value, operand: Value) -> None:
        """`value` is the C-contiguous memory of `operand` in another shape."""
        self.plan.aliases[value] = operand
        self.plan.contiguous.add(operand)
        self.forced.add(operand)

    # Matrix products

    def visit_product(self, node: Node, value: Value) -> None:
        left, right = node.operands
        batch = value.type.shape[:-2]
        product = Product(len(self.steps), node)
        self.steps.append(product)
        names = [f"b{k}" for k in range(len(batch))]
        product.variables.update(zip(names, batch, strict=True))
        product.variables |= {
            "i": value.type.shape[-2],
            "j": value.type.shape[-1],
            "k": left.type.shape[-1],
        }
        product.operands = [(left, ()), (right, ())]
        for slot, (operand, last) in enumerate(((left, "ik"), (right, "kj"))):
            index = access.broadcast_index(
                tuple(map(access.variable, names)), batch, operand.type.shape[:-2]
            )
            index = (*index, *map(access.variable, last))
            self.addressed.setdefault(operand, []).append((product, slot, index))
        self.load_all(value)

    def pack_operands(self, value: Value) -> None:
        """Settle how the products that use `value` read it: where it lies, or a packed copy."""
        direct = []
        for product, slot, index in self.addressed.pop(value, ()):
            if self.memory.is_product_operand(product, slot, value, index):
                product.operands[slot] = (value, index)
                direct.append((product, slot, index))
            else:
                self.pack(value, product, slot, index)
        if direct:
            self.addressed[value] = direct

    def pack(self, value: Value, product: Product, slot: int, index: Index) -> None:
        """Copy the elements of `value` that a product needs, in the order of its loops."""
        used = {atom for component in index for atom in component.atoms()}
        last = ("i", "k") if slot == 0 else ("k", "j")
        names = [n for n in product.variables if n in used and n not in "ijk"]
        loops, _ = self.new_loops()
        loops.variables.update({name: product.variables[name] for name in (*names, *last)})
        shape = tuple(loops.variables.values())
        copy = Value(f"{value.name}_packed{product.number}", ArrayType(value.type.dtype, shape))
        product.operands[slot] = (copy, loops.identity())
        loops.stores.append(Store(value, index, copy, loops.identity()))
        self.demand(value, loops, index)

    def define_symbol(self, number: Value) -> None:
        """`number` is the value of a symbol: it comes before every step that may use the symbol.

        That is, those made so far: copies for products are not left to the arrays' own turn.
        """
        names = {name for name, found in self.graph.symbols.items() if found.value is number}
        for value, users in list(self.addressed.items()):
            kept = []
            for product, slot, index in users:
                sizes = [*product.variables.values()]
                for component in index:
                    sizes += [component.constant, *(factor for _, factor in component.terms)]
                is_used = any(names & symbols_of(size) for size in sizes)
                if is_used and not self.is_in_place(value, product, slot, index):
                    self.pack(value, product, slot, index)
                else:
                    kept.append((product, slot, index))
            self.addressed[value] = kept
        self.needed_by.setdefault(number, []).append(len(self.steps))

    def is_in_place(self, value: Value, product: Product, slot: int, index: Index) -> bool:
        """Whether a product will read `value` where it lies, perhaps as a view of another array."""
        inside: Index | None = index
        while value.producer is not None and value.producer.operator.kind is Kind.VIEW:
            inside = access.operand_index(value.producer, index)
            if inside is None:
                break
            (value,), index = value.producer.operands, inside
        return self.memory.is_product_operand(product, slot, value, index)

    def pass_addresses(self, node: Node, value: Value, operand: Value) -> None:
        """Hand the products that read a view on to its operand, or to its other shape in memory."""
        for product, slot, index in self.addressed.pop(value, ()):
            inside = access.operand_index(node, index)
            if inside is not None:
                self.addressed.setdefault(operand, []).append((product, slot, inside))
                continue
            if value in self.forced and self.memory.is_product_operand(product, slot, value, index):
                product.operands[slot] = (value, index)  # it is stored in this shape anyway
                self.plan.contiguous.add(value)
                self.needed_by.setdefault(value, []).append(product.number + 1)
                continue
            self.alias(value, operand)
            if self.memory.is_product_operand(product, slot, value, index):
                product.operands[slot] = (value, index)
                self.needed_by.setdefault(operand, []).append(product.number + 1)
            else:
                self.pack(value, product, slot, index)

"""Drafts of kernels: the evaluations of a step as straight-line items, loops not yet chosen.

An item is a loop IR statement with what it uses, what it costs, and its *stage*: 0 before any fold,
one more after each fold that it depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from jitflow.codegen import access
from jitflow.codegen.access import Affine, Index, Layout
from jitflow.codegen.costs import operands_read
from jitflow.codegen.groups import Evaluation, Lookup, Loops, Masking, Store
from jitflow.codegen.lookups import gathered_index
from jitflow.codegen.loop_ir import Compute, Constant, End, Fold, Load, Position, Require, Statement
from jitflow.codegen.loop_ir import Lookup as LookupStatement
from jitflow.codegen.loop_ir import Store as StoreStatement
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dtypes import I64, DType
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Node, Value
from jitflow.ops.record import Kind, Operator, operator

if TYPE_CHECKING:
    from jitflow.codegen import masks
else:
    masks = LazyModule("jitflow.codegen.masks")


@dataclass(repr=False)
class Place:
    """Where a value lies: a storage, the layout in it, and whether elements are aligned."""

    storage: str
    layout: Layout
    aligned: bool = True


@dataclass(eq=False, repr=False)
class Item:
    """A statement of a draft.

    Attributes
    ----------
    uses : list of Item
        Items whose registers it reads.
    variables : frozenset of str
        Loop variables that its result depends on.
    cost : int
        Cost of computing it from loads.
    accumulator : tuple or None
        Of an `End`: the operator and dtype to begin with.
    fold : Item or None
        Of an `End`: the item of the `Fold` inside the loops.
    """

    statement: Statement
    uses: list[Item]
    variables: frozenset[str]
    stage: int = 0
    cost: int = 0
    accumulator: tuple[Operator, DType] | None = None
    fold: Item | None = None


@dataclass(eq=False, repr=False)
class Draft:
    """All items of a kernel in an order in which operands come first.

    With a `mask`, the items behind it are for the iterations in which it is true.
    """

    items: list[Item] = field(default_factory=list)
    storages: dict[str, Place] = field(default_factory=dict)
    checks: bool = False
    mask: Item | None = None


Key: TypeAlias = tuple[Value, Index]
Locate = Callable[[Value], Place]
LocateAll = Callable[[Value], list[Place]]


def draft(loops: Loops, load_from: Locate, store_to: LocateAll) -> Draft:
    """Turn the evaluations and stores of a step into items."""
    return _Drafter(loops, load_from, store_to).run()


class _Drafter:
    def __init__(self, loops: Loops, load_from: Locate, store_to: LocateAll) -> None:
        self.loops = loops
        self.load_from = load_from
        self.store_to = store_to
        self.draft = Draft()
        self.found: dict[tuple[Value, Index], Item] = {}
        self.lookups: dict[str, Item] = {}
        self.unit = {name: access.ZERO for name, extent in loops.variables.items() if extent == 1}

    def run(self) -> Draft:
        wanted = {(e.value, e.index): e for e in self.loops.evaluations}
        if self.loops.masking is not None:
            self.evaluate_mask(self.loops.masking, wanted)
        for key in self.in_order(wanted):
            self.evaluate_with_operands(key, wanted)
        for store in self.loops.stores:
            self.store(store)
        for key in self.loops.checks:
            self.add(Require(result_of(self.found[key])), [self.found[key]])
        return self.draft

    def evaluate_mask(self, masking: Masking, wanted: dict[Key, Evaluation]) -> None:
        """The mask comes first; what it is made of is made again for what it is true of."""
        (mask,) = masking.node.operands
        key = mask, tuple(map(access.variable, masking.variables))
        self.evaluate_with_operands(key, wanted)
        self.draft.mask = self.found[key]
        self.found, self.lookups = {}, {}

    def in_order(self, wanted: dict[Key, Evaluation]) -> list[Key]:
        """From what is stored to what it needs: equal kernels get equal texts."""
        roots = [(store.value, store.index) for store in self.loops.stores]
        if self.loops.masking is not None:
            chosen = [part for store in self.loops.stores for part in store.target_index]
            return [*self.looked_up(chosen), *(key for key in roots if key in wanted)]
        return [*(key for key in roots if key in wanted), *self.loops.checks, *reversed(wanted)]

    # Helpers

    def add(
        self, statement: Statement, uses: list[Item], variables: frozenset[str] = frozenset()
    ) -> Item:
        """Append an item; it depends on what it uses and on `variables`."""
        stage = cost = 0
        for used in uses:
            variables |= used.variables
            stage = max(stage, used.stage)
            cost += used.cost
        if isinstance(statement, Compute):
            cost += statement.operator.cost
            self.draft.checks |= statement.operator.checks
        self.draft.checks |= isinstance(statement, (LookupStatement, Require))
        item = Item(statement, uses, variables, stage, cost)
        self.draft.items.append(item)
        return item

    def name(self) -> str:
        return f"%{len(self.draft.items)}"

    def resolve(self, address: Affine) -> tuple[Affine, list[Item], frozenset[str]]:
        """Drop unit loops and put registers for looked-up indices."""
        changes: dict[str, Affine] = dict(self.unit)
        uses, variables = [], set()
        if self.loops.masking is not None:
            address = masks.straightened(self.loops, address)
        for atom, _ in address.terms:
            if atom in self.loops.lookups:
                item = self.lookup(atom)
                uses.append(item)
                changes[atom] = access.variable(result_of(item))
            elif atom not in self.unit:
                variables.add(atom)
        return address.replace(changes) if changes else address, uses, frozenset(variables)

    def lookup(self, atom: str) -> Item:
        if atom not in self.lookups:
            entry = self.loops.lookups[atom]
            index = self.found[entry.value, entry.index]
            if entry.is_within:
                self.lookups[atom] = index
                return index
            of_array = entry.value.type.rank > 0
            statement = LookupStatement(self.name(), result_of(index), entry.extent, of_array)
            self.lookups[atom] = self.add(statement, [index])
        return self.lookups[atom]

    # Evaluations

    def evaluate_with_operands(self, key: Key, wanted: dict[Key, Evaluation]) -> None:
        """Make the item of an evaluation, after those that it needs.

        Mostly they are there: evaluations come in the order of the graph. But an element may be
        addressed by an index that the graph computes later.
        """
        stack = [key]
        while stack:
            if stack[-1] in self.found:
                stack.pop()
                continue
            missing = [n for n in self.needs(wanted[stack[-1]]) if n not in self.found]
            if missing:
                stack.extend(missing)
            else:
                key = stack.pop()
                self.found[key] = self.evaluate(wanted[key])

    def looked_up(self, index: Iterable[Affine]) -> list[Key]:
        """The indices in memory that an index depends on."""
        entries = [
            self.loops.lookups[atom]
            for component in index
            for atom in component.atoms()
            if atom in self.loops.lookups
        ]
        if self.loops.masking is not None:
            entries = [entry for entry in entries if masks.axis_of(self.loops, entry) is None]
        return [(entry.value, entry.index) for entry in entries]

    def needs(self, evaluation: Evaluation) -> list[Key]:
        """What must be evaluated before."""
        value, index, node = evaluation.value, evaluation.index, evaluation.value.producer
        if self.place_in_mask(value, index) is not None:
            return []
        found = self.looked_up(index)
        if evaluation.load or node is None:
            return found
        if (value, index) in self.loops.found_in:
            return [*found, self.loops.found_in[value, index]]
        kind = node.operator.kind
        if kind is Kind.VIEW:
            inside = access.operand_index(node, index)
            assert inside is not None
            return [*found, (node.operands[0], inside)]
        if kind in (Kind.REDUCTION, Kind.SCAN):
            return [*found, (node.operands[0], self.loops.operand_index[value, index])]
        if kind is Kind.GATHER:
            source, *keys = node.operands
            inside = gathered_index(self.loops, node, source, tuple(keys), index)
            return [*found, (source, inside)]
        return found + [
            (operand, access.broadcast_index(index, value.type.shape, operand.type.shape))
            for operand in operands_read(node)
        ]

    def place_in_mask(self, value: Value, index: Index) -> str | None:
        """The loop whose variable an element is: a place in the kernel's mask, as a number."""
        if self.loops.masking is None or value.type.dtype is not I64:
            return None
        return masks.axis_of(self.loops, Lookup(value, index, 0))

    def evaluate(self, evaluation: Evaluation) -> Item:
        value, index = evaluation.value, evaluation.index
        axis = self.place_in_mask(value, index)
        if axis is not None:
            return self.position(access.variable(axis))
        if evaluation.load:
            return self.load(value, index)
        node = value.producer
        if node is None:
            return self.load(value, index)
        if (value, index) in self.loops.found_in:
            return self.found[self.loops.found_in[value, index]]
        kind = node.operator.kind
        if kind is Kind.VIEW:
            inside = access.operand_index(node, index)
            assert inside is not None
            return self.found[node.operands[0], inside]
        if kind in (Kind.REDUCTION, Kind.SCAN):
            return self.fold(node, value, index)
        if kind is Kind.GATHER:
            return self.gather(node, index)
        if kind in (Kind.CREATION, Kind.SYMBOL):
            return self.create(node, index)
        return self.compute(node, value, index)

    def load(self, value: Value, index: Index) -> Item:
        place = self.load_from(value)
        self.draft.storages[place.storage] = place
        address, uses, variables = self.resolve(place.layout.address(index))
        return self.add(
            Load(self.name(), place.storage, address, value.type.dtype), uses, variables
        )

    def compute(self, node: Node, value: Value, index: Index) -> Item:
        uses = [
            self.found[operand, access.broadcast_index(index, value.type.shape, operand.type.shape)]
            for operand in operands_read(node)
        ]
        if node.operator.kind is Kind.UPDATE:
            return uses[0]
        registers = tuple(map(result_of, uses))
        dtype = value.type.dtype
        scalar = value.type.rank == 0
        return self.add(
            Compute(self.name(), node.operator, registers, node.attributes, dtype, scalar), uses
        )

    def gather(self, node: Node, index: Index) -> Item:
        source, *keys = node.operands
        inside = gathered_index(self.loops, node, source, tuple(keys), index)
        for component in inside:
            self.resolve(component)  # what has no address, such as a constant, checks its index too
        return self.found[source, inside]

    def create(self, node: Node, index: Index) -> Item:
        name, dtype = node.operator.name, node.result.type.dtype
        if name == "full":
            return self.found[node.operands[0], ()]
        if name == "constant":
            value = np.asarray(node.attributes["value"])
            return self.add(Constant(self.name(), value.item(), dtype), [])
        if name == "uninitialised":
            return self.add(Constant(self.name(), 0, dtype), [])
        if name == "dimension":
            return self.add(Position(self.name(), Affine(node.attributes["dim"])), [])
        (component,) = index
        item = self.position(component)
        if dtype is I64:
            return item
        cast = operator("cast")
        return self.add(
            Compute(self.name(), cast, (result_of(item),), {"dtype": dtype}, dtype), [item]
        )

    def position(self, component: Affine) -> Item:
        """The value of a component of an index."""
        address, uses, variables = self.resolve(component)
        return self.add(Position(self.name(), address), uses, variables)

    def fold(self, node: Node, value: Value, index: Index) -> Item:
        at = self.loops.operand_index[value, index]
        operand = self.found[node.operands[0], at]
        accumulator = f"@{len(self.draft.items)}"
        position, uses, variables = None, [operand], frozenset(self.loops.inner)
        if node.operator.extra.get("search"):
            (axis,) = node.attributes["axes"]
            position, more, _ = self.resolve(at[axis % len(at)])
            uses += more
        scanning = node.operator.kind is Kind.SCAN
        result = self.name() if scanning else ""
        any_order = bool(node.attributes.get("any_order"))
        fold = Fold(accumulator, result_of(operand), position, result, any_order)
        item = self.add(fold, uses, variables)
        begin = (node.operator, node.operands[0].type.dtype)
        if scanning:
            item.accumulator = begin
            return item
        end = self.add(End(self.name(), accumulator, value.type.dtype), [item])
        end.accumulator, end.fold = begin, item
        end.stage, end.cost = item.stage + 1, 0
        end.variables = (item.variables | frozenset(self.loops.outer)) - frozenset(self.loops.inner)
        return end

    # Stores

    def store(self, store: Store) -> None:
        if store.mode == "nonzero":
            self.store_places(store)
            return
        item = self.found[store.value, store.index]
        record = None if store.mode == "set" else operator(_COMBINATIONS[store.mode])
        for place in self.store_to(store.target):
            self.draft.storages[place.storage] = place
            address, uses, variables = self.resolve(place.layout.address(store.target_index))
            variables |= self.loops.atoms_of(store.index) - set(self.unit)
            dtype = store.target.type.dtype
            self.add(
                StoreStatement(place.storage, address, result_of(item), dtype, record),
                [item, *uses],
                variables,
            )

    def store_places(self, store: Store) -> None:
        """Write the loop variables where the mask is true, one row after the other."""
        mask = self.found[store.value, store.index]
        cast, total = operator("cast"), operator("sum")
        one = Compute(self.name(), cast, (result_of(mask),), {"dtype": I64}, I64)
        step = self.add(one, [mask])
        fold = Fold(f"@{len(self.draft.items)}", result_of(step), None, self.name())
        count = self.add(fold, [step], frozenset(self.loops.inner) - set(self.unit))
        count.accumulator = (total, I64)
        row = access.variable(result_of(count)) + -1
        positions = [self.position(component) for component in store.index]
        for place in self.store_to(store.target):
            self.draft.storages[place.storage] = place
            for axis, position in enumerate(positions):
                column = (access.constant(axis),) if len(positions) > 1 else ()
                address = place.layout.address((row, *column))
                self.add(
                    StoreStatement(
                        place.storage,
                        address,
                        result_of(position),
                        I64,
                        condition=result_of(mask),
                    ),
                    [position, mask, count],
                )


_COMBINATIONS = {
    "add": "add", "multiply": "multiply", "minimum": "minimum", "maximum": "maximum"
}  # fmt: skip


def result_of(item: Item) -> str:
    """The register that an item defines."""
    result = getattr(item.statement, "result", "")
    assert result, "a statement with a result"
    return str(result)

"""Fusion: partitions a graph into kernels, in one pass from the outputs to the inputs.

Every value is *demanded* by kernels at indices (affine in the kernel's loop variables). When its
node is reached all its consumers are known, and it is decided: computed again wherever it is
demanded (inlined), or computed and stored once, in the kernel of its first consumer where the loops
fit, else in a kernel of its own that runs before. Kernels are numbered as they are made and run in
reverse, so a value may join any kernel that runs no later than its first consumer: there can be
no cycle. Time is linear in nodes and demands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jitflow.codegen import access, overlap
from jitflow.codegen.access import Index, Shape
from jitflow.codegen.blocks import roots_of
from jitflow.codegen.control import bases_of, may_leave, operands_in_memory
from jitflow.codegen.costs import costs, operands_read, repeats, shares_data
from jitflow.codegen.domains import bind_reduction, covers, index_of_reduction, reduction_axes
from jitflow.codegen.groups import CallOut, Control, Demands, Evaluation, Loops, Memory, Plan, Store
from jitflow.codegen.lookups import broadcast_shape, gathered_index
from jitflow.codegen.support import is_call_out
from jitflow.core import dims
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Graph, Node, ScalarValue, Value
from jitflow.ir.regions import has_effect
from jitflow.ops.record import Kind

if TYPE_CHECKING:
    from jitflow.codegen import masks
else:
    masks = LazyModule("jitflow.codegen.masks")

MAX_STORES = 8
"""Stores in one kernel that were put together only because their loops agree."""

_RAISING = frozenset({Kind.GATHER, Kind.SCATTER})
_CALLED = frozenset({Kind.DRAW, Kind.LIBRARY})


def fuse(graph: Graph, memory: Memory) -> Plan:
    """Partition `graph` into steps."""
    return _Fusion(graph, memory).run()


class _Fusion(Demands):
    """Makes the steps of one graph."""

    def __init__(self, graph: Graph, memory: Memory) -> None:
        super().__init__(graph, memory)
        self.symbol_values = {
            definition.value
            for definition in graph.symbols.values()
            if isinstance(definition, ScalarValue) and definition.value.producer is not None
        }
        self.forced |= self.symbol_values
        self.kept = set(self.forced)
        self.cost = costs(graph)
        self.uncounted: set[str] = set()
        self.recent: dict[Shape, Loops] = {}
        self.updated_at: dict[Value, int] = {}
        self.updates: dict[Value, list[tuple[Value, Loops, Index]]] = {}
        self.stored_by: dict[Value, list[tuple[Node, Loops]]] = {}
        self.handlers: dict[Kind, Callable[[Node, Value], None]] = {
            Kind.ELEMENTWISE: self.visit_pointwise,
            Kind.CREATION: self.visit_creation,
            Kind.SYMBOL: self.visit_pointwise,
            Kind.GATHER: self.visit_pointwise,
            Kind.VIEW: self.visit_view,
            Kind.REDUCTION: self.visit_reduction,
            Kind.SCAN: self.visit_scan,
            Kind.CONCATENATE: self.visit_concatenate,
            Kind.UPDATE: self.visit_update,
            Kind.SCATTER: self.visit_scatter,
            Kind.CONTRACTION: self.visit_product,
            Kind.NONZERO: self.visit_nonzero,
        }

    def run(self) -> Plan:
        for node in reversed(self.graph.nodes):
            if node.operator.kind is Kind.CONTROL:
                self.visit_control(node)
                continue
            if node.operator.kind in _CALLED or is_call_out(node):
                self.visit_call_out(node)
                continue
            if not node.results:
                self.visit_check(node)
                continue
            value = node.result
            if self.uncounted and value in self.symbol_values and self.is_needless(value):
                self.forced.discard(value)
                self.symbol_values.discard(value)
            if node.operator.kind in _RAISING and value not in self.demands:
                self.forced.add(value)  # an index that is out of bounds raises, whoever reads it
            if value in self.demands or value in self.forced or value in self.addressed:
                if value in self.symbol_values:
                    self.define_symbol(value)
                if node.operator.kind is not Kind.VIEW:
                    self.pack_operands(value)
                self.handlers[node.operator.kind](node, value)
        for value in self.graph.inputs:
            self.visit_input(value)
        self.plan.steps = self.steps[::-1]
        return self.plan

    # Homes of values

    def joinable(self, shape: Shape, value: Value, start: int) -> Loops | None:
        """A kernel over `shape` and shared data that runs early enough for `value`."""
        loops = self.recent.get(shape)
        if loops is None or loops.number < start:
            return None
        if len(loops.stores) >= MAX_STORES or value.producer is None or loops.masking:
            return None
        return loops if shares_data(loops, value.producer) else None

    def is_needless(self, value: Value) -> bool:
        """Whether nothing needs the number of true elements of a mask."""
        is_unused = value not in self.needed_by
        return is_unused and masks.is_needless(self.graph, self.steps, value, self.uncounted)

    # Element-wise values

    def visit_pointwise(self, node: Node, value: Value) -> None:
        if self.cost[value]:
            self.read_back(value)
        if value in self.addressed or value in self.forced or self.is_expensive(value):
            loops, index = self.home(value)
            self.store(value, loops, index)
            self.load_all(value, loops)
            indices = {index: None} | self.demanding(value).get(loops, {})
            self.evaluate(node, value, loops, indices)
            return
        for loops, indices in self.demanding(value).items():
            self.evaluate(node, value, loops, indices)

    def read_back(self, value: Value) -> None:
        """Let kernels that run after an update with `value` load it from the array it is now in.

        They would compute it again, mostly from several loads, and perhaps from an array that they
        write. It is there until the array is updated the next time.
        """
        for update, writer in self.stored_by.get(value, ()):
            for loops, indices in list(self.demanding(value).items()):
                inside = {index: access.updated_index(update, index) for index in indices}
                if not self.is_there(update.result, writer, loops, set(inside.values())):
                    continue
                for index, place in inside.items():
                    loops.evaluations.append(Evaluation(value, index, False))
                    loops.evaluations.append(Evaluation(update.result, place, True))
                    loops.found_in[value, index] = update.result, place
                del self.demands[value][loops]

    def is_there(self, array: Value, writer: Loops, reader: Loops, places: set[Index]) -> bool:
        """Whether a kernel finds in `array` what `writer` stored; it may overwrite it there."""
        last = self.updated_at.get(array, -1)
        if reader.number == last:
            own = [s for s in reader.stores if self.plan.bases.get(s.target) is array]
            return reader.number < writer.number and {s.target_index for s in own} == places
        return last < reader.number < writer.number

    def visit_creation(self, node: Node, value: Value) -> None:
        if node.operator.name == "constant" and value.type.rank:
            self.visit_input(value)
        elif self.is_stored(value) and self.is_unfilled(node, value):
            self.plan.unfilled.add(value)
            self.load_all(value)  # there is nothing to store
        else:
            self.visit_pointwise(node, value)

    def is_unfilled(self, node: Node, value: Value) -> bool:
        """Whether no element of a new array is read before something else is stored there."""
        if node.operator.name == "uninitialised":
            return True
        parts = []
        version = value
        while self.is_only_updated(version):
            version, loops, index = self.updates[version][0]
            parts.append((index, loops.variables))
        return bool(parts) and overlap.fill(value.type.shape, parts)

    def is_only_updated(self, value: Value) -> bool:
        """Whether all that is done with an array is one update."""
        uses = len(self.updates.get(value, ())), len(self.needed_by.get(value, ()))
        is_read = value in self.addressed or bool(self.demanding(value))
        return uses == (1, 1) and not is_read and value not in self.kept

    def is_stored(self, value: Value) -> bool:
        """Whether a value must lie in memory."""
        return value in self.addressed or value in self.forced

    def is_expensive(self, value: Value) -> bool:
        """Whether storing `value` beats computing it at every place where it is demanded."""
        if self.cost[value] <= self.memory.target.cheap:
            return False
        demanding = self.demanding(value)
        places = sum(len(indices) for indices in demanding.values())
        if places > 1:
            return True
        return any(
            repeats(loops, index, value.type)
            for loops, indices in demanding.items()
            for index in indices
        )

    def home(self, value: Value) -> tuple[Loops, Index]:
        """The kernel that stores `value`, and the index at which it has it."""
        start, shape = self.latest_start(value), value.type.shape
        if self.cost[value] > self.memory.target.cheap:  # several elements at once are loaded
            several = [k.number for k, indices in self.demanding(value).items() if len(indices) > 1]
            start = max([start, *(number + 1 for number in several)])
        for loops, indices in self.demanding(value).items():
            if loops.number == start and not loops.ordered and loops.masking is None:
                for index in indices:
                    if covers(loops, index, shape):
                        return loops, index
        joined = self.joinable(shape, value, start)
        if joined is not None:
            return joined, joined.identity()[: len(shape)]
        loops, index = self.new_loops(shape)
        self.recent[shape] = loops
        return loops, index

    def store(self, value: Value, loops: Loops, index: Index) -> None:
        loops.stores.append(Store(value, index, value, index))

    def evaluate(self, node: Node, value: Value, loops: Loops, indices: dict[Index, None]) -> None:
        """Compute `value` in a kernel: demand the operands there."""
        for index in indices:
            loops.evaluations.append(Evaluation(value, index, False))
            if node.operator.kind is Kind.GATHER:
                self.demand_gather(node, loops, index)
                continue
            for operand in operands_read(node):
                shape = operand.type.shape
                self.demand(operand, loops, access.broadcast_index(index, value.type.shape, shape))

    def demand_gather(self, node: Node, loops: Loops, index: Index) -> None:
        source, *keys = node.operands
        self.demand(source, loops, self.gathered_index(node, source, tuple(keys), loops, index))

    def gathered_index(
        self, node: Node, source: Value, keys: tuple[Value, ...], loops: Loops, index: Index
    ) -> Index:
        """Index into the source of a gather (or base of a scatter); demands the index arrays."""
        inside = gathered_index(loops, node, source, keys, index)
        for component in inside:
            for atom in component.atoms():
                if atom in loops.lookups and loops.lookups[atom].value in keys:
                    self.demand(loops.lookups[atom].value, loops, loops.lookups[atom].index)
        return inside

    # Views, reductions, scans

    def visit_view(self, node: Node, value: Value) -> None:
        (operand,) = node.operands
        self.pass_addresses(node, value, operand)
        home = None
        if self.is_read_after_update(node, value):
            loops, index = self.new_loops(value.type.shape)
            self.store(value, loops, index)
            self.load_all(value)
            self.demands[value] = {}
            self.demand(value, loops, index)
        elif value in self.forced:
            home = self.store_view(node, value, operand)
        for loops, indices in self.demanding(value).items():
            for index in indices:
                inside = access.operand_index(node, index)
                if inside is None:
                    if home is None or home.number <= loops.number:
                        self.alias(value, operand)
                        self.needed_by.setdefault(operand, []).append(loops.number + 1)
                    loops.evaluations.append(Evaluation(value, index, True))
                else:
                    self.demand(operand, loops, inside)
                    loops.evaluations.append(Evaluation(value, index, False))

    def is_read_after_update(self, node: Node, value: Value) -> bool:
        """Whether a kernel that runs after an update of the array reads a part of the old one.

        Then the part is stored before, or the whole array would have to be copied.
        """
        root = node.operands[0]
        while root.producer is not None and root.producer.operator.kind is Kind.VIEW:
            root = root.producer.operands[0]
        update = self.updated_at.get(root)
        if update is None or access.operand_index(node, access.zeros(value.type.rank)) is None:
            return False
        return any(loops.number < update for loops in self.demanding(value))

    def store_view(self, node: Node, value: Value, operand: Value) -> Loops:
        """Store a view that must lie in memory; through a reshape, with the operand's loops."""
        shape = operand.type.shape
        if node.operator.name == "reshape":
            loops, index = self.new_loops(shape)
            target = access.view_index("reshape", {}, value.type.shape, shape, index)
            if target is not None:
                loops.stores.append(Store(operand, index, value, target))
                self.demand(operand, loops, index)
                return loops
            self.steps.pop()
        loops, index = self.home(value)
        self.store(value, loops, index)
        self.demand(value, loops, index)
        return loops

    def visit_reduction(self, node: Node, value: Value) -> None:
        (operand,) = node.operands
        found = self.reduction_in_consumer(node, value) or self.reduction_beside(node, value)
        if found is None:
            axes = reduction_axes(node)
            loops, at = self.new_loops(operand.type.shape)
            names = tuple(loops.variables)
            loops.inner = tuple(names[axis] for axis in axes)
            self.recent[operand.type.shape] = loops
            found = loops, at, index_of_reduction(node, at)
        loops, at, index = found
        others = any(user is not loops for user in self.demanding(value))
        if others or value in self.forced or value in self.addressed:
            self.store(value, loops, index)
            self.load_all(value, loops)
        for demanded in {index: None} | self.demanding(value).get(loops, {}):
            loops.operand_index[value, demanded] = at
            loops.evaluations.append(Evaluation(value, demanded, False))
        self.demand(operand, loops, at)

    def reduction_in_consumer(self, node: Node, value: Value) -> tuple[Loops, Index, Index] | None:
        """Fold inside the kernel of the first consumer, if its loops are those of the fold."""
        start = self.latest_start(value)
        for loops, indices in self.demanding(value).items():
            if loops.number == start and not loops.ordered and loops.masking is None:
                if loops.inner and not loops.outer and not shares_data(loops, node):
                    continue  # nothing is gained, and what is alike would not be one kernel
                at = bind_reduction(node, loops, list(indices))
                if at is not None:
                    return loops, at, next(iter(indices))
        return None

    def reduction_beside(self, node: Node, value: Value) -> tuple[Loops, Index, Index] | None:
        """Fold beside another fold of the same loops over shared data."""
        shape = node.operands[0].type.shape
        loops = self.joinable(shape, value, self.latest_start(value))
        if loops is None or self.demanding(value).get(loops):
            return None
        names = tuple(loops.variables)
        inner = tuple(names[axis] for axis in reduction_axes(node))
        if loops.inner not in ((), inner) or len(names) != len(shape):
            return None
        loops.inner = inner
        at = loops.identity()
        return loops, at, index_of_reduction(node, at)

    def visit_scan(self, node: Node, value: Value) -> None:
        (operand,) = node.operands
        loops, index = self.new_loops(value.type.shape, ordered=True)
        axis = node.attributes["axis"] % value.type.rank
        loops.inner = (tuple(loops.variables)[axis],)
        loops.operand_index[value, index] = index
        loops.evaluations.append(Evaluation(value, index, False))
        self.finish_stored(value, value, loops, index, index)
        self.demand(operand, loops, index)

    # Values that are always stored

    def finish_stored(
        self, target: Value, value: Value, loops: Loops, index: Index, target_index: Index
    ) -> None:
        loops.stores.append(Store(value, index, target, target_index))
        self.load_all(target)

    def visit_concatenate(self, node: Node, value: Value) -> None:
        axis = node.attributes["axis"] % value.type.rank
        start = value.type.shape[axis]
        for operand in reversed(node.operands):
            start = start - operand.type.shape[axis]
            loops, index = self.new_loops(operand.type.shape)
            target = (*index[:axis], index[axis] + start, *index[axis + 1 :])
            loops.stores.append(Store(operand, index, value, target))
            self.demand(operand, loops, index)
        self.load_all(value)

    def visit_update(self, node: Node, value: Value) -> None:
        base, new = node.operands
        if access.covers_base(node):
            self.visit_pointwise(node, value)
            return
        shape = base.type.shape
        for name, attributes in node.attributes["views"]:
            shape = access.view_shape(name, attributes, shape)
        loops, index = self.new_loops(shape)
        inside = access.broadcast_index(index, shape, new.type.shape)
        target = access.updated_index(node, index)
        self.finish_stored(value, new, loops, inside, target)
        self.take_base(value, base, loops)
        self.updates.setdefault(base, []).append((value, loops, target))
        self.demand(new, loops, inside)
        if inside == index:
            self.stored_by.setdefault(new, []).append((node, loops))

    def take_base(self, value: Value, base: Value, loops: Loops) -> None:
        """`value` is made in a copy, or in the memory, of `base`, which must be there before."""
        self.plan.bases[value] = base
        self.updated_at[base] = max(loops.number, self.updated_at.get(base, -1))
        self.forced.add(base)
        self.needed_by.setdefault(base, []).append(loops.number + 1)

    def visit_scatter(self, node: Node, value: Value) -> None:
        base, new, *keys = node.operands
        rest = [
            extent
            for axis, extent in enumerate(base.type.shape)
            if axis not in {a % base.type.rank for a in node.attributes["axes"]}
        ]
        shape = (*broadcast_shape([key.type.shape for key in keys]), *rest)
        loops, index = self.new_loops(shape, ordered=True)
        target = self.gathered_index(node, base, tuple(keys), loops, index)
        inside = access.broadcast_index(index, shape, new.type.shape)
        loops.stores.append(Store(new, inside, value, target, node.attributes["mode"]))
        self.load_all(value)
        self.take_base(value, base, loops)
        self.demand(new, loops, inside)

    def visit_nonzero(self, node: Node, value: Value) -> None:
        """Go through the mask and count, unless every kernel can do without the places."""
        (mask,) = node.operands
        for loops, indices in list(self.demanding(value).items()):
            if self.memory.target.runs_masked and masks.go_through_mask(loops, node, indices):
                del self.demands[value][loops]
                assert loops.masking is not None
                self.demand(mask, loops, tuple(map(access.variable, loops.masking.variables)))
        is_needed = self.is_stored(value) or bool(self.demanding(value))
        is_computed = mask.producer and mask.producer.operator.kind is Kind.ELEMENTWISE
        if is_computed and (is_needed or len(self.demanding(mask)) > 1):
            self.forced.add(mask)  # bytes are read faster than made again
        if not is_needed:
            self.uncounted.update(dims.symbols_of(node.attributes["count"]))
            return
        loops, index = self.new_loops(mask.type.shape, ordered=True)
        loops.inner = tuple(loops.variables)
        loops.stores.append(Store(mask, index, value, access.zeros(value.type.rank), "nonzero"))
        self.load_all(value)
        self.demand(mask, loops, index)

    def visit_check(self, node: Node) -> None:
        loops, _ = self.new_loops()
        loops.checks.append((node.operands[0], ()))
        self.demand(node.operands[0], loops, ())

    # Loops and branches

    def visit_control(self, node: Node) -> None:
        """One step, if anything of it is wanted: it reads memory and gives values in memory."""
        checks = may_leave(node)
        acts = checks or has_effect(node)
        wanted = [self.demands, self.forced, self.addressed]
        if not acts and not any(value in group for value in node.results for group in wanted):
            return
        for value in node.results:
            if value in self.symbol_values:
                self.define_symbol(value)
            self.pack_operands(value)
        reads = list(dict.fromkeys((*operands_in_memory(node), *roots_of(node))))
        step = Control(len(self.steps), node, reads, checks)
        self.steps.append(step)
        for value in node.results:
            self.load_all(value)
        for value, base in zip(node.results, bases_of(node), strict=True):
            if base is not None:
                self.plan.bases[value] = base
                self.updated_at[base] = max(step.number, self.updated_at.get(base, -1))
        for value in reads:
            self.forced.add(value)
            self.needed_by.setdefault(value, []).append(step.number + 1)

    def visit_call_out(self, node: Node) -> None:
        """One step: steps keep the order of the nodes, and so do their effects."""
        is_draw = node.operator.kind is Kind.DRAW
        may_leave = node.operator.checks or is_call_out(node)
        step = CallOut(len(self.steps), node, list(dict.fromkeys(node.operands)), may_leave)
        self.steps.append(step)
        if is_draw:
            self.plan.contiguous.update(node.results)
        for value in node.results:
            self.pack_operands(value)
            self.load_all(value)
        for value in step.reads:
            self.forced.add(value)
            self.needed_by.setdefault(value, []).append(step.number + 1)

    def visit_input(self, value: Value) -> None:
        """An input, or a constant array: it lies in memory already."""
        self.pack_operands(value)
        packed = value in self.plan.contiguous and not self.memory.is_contiguous(value)
        if packed or value in self.graph.outputs:
            loops, index = self.home(value)
            self.store(value, loops, index)
            self.demand(value, loops, index)
        self.load_all(value)

"""Buffers: where every stored value lies, updates turned back into writes in place, the arena.

An update shares the memory of its base where nothing reads the old version afterwards, else the
base is copied first. Written inputs are written in their own memory, after every check of the
segment and every read of the old version; where that is not possible the new version is made
elsewhere and copied at the end. A step that reads other elements of the memory that it writes
stores into a temporary first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.codegen import access
from jitflow.codegen.access import Layout
from jitflow.codegen.blocks import roots_of
from jitflow.codegen.control import rotation
from jitflow.codegen.draft import Place
from jitflow.codegen.groups import CallOut, Control, Evaluation, Loops, Plan, Product, Step, Store
from jitflow.codegen.lookups import may_fail
from jitflow.codegen.overlap import conflicts
from jitflow.codegen.places import Given, is_matrix_place, is_packed
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value

if TYPE_CHECKING:
    from jitflow.codegen import masks
else:
    masks = LazyModule("jitflow.codegen.masks")


@dataclass(eq=False, repr=False)
class Copy(Step):
    """``target[...] = source[...]``, element by element over `shape`."""

    shape: access.Shape = ()
    dtype: DType | None = None
    source: Place | None = None
    target: Place | None = None


@dataclass(eq=False, repr=False)
class Temporary:
    """A storage in the arena: its size in bytes; `is_scalar`: one element, of rank 0."""

    size: Dim
    itemsize: int
    is_scalar: bool = False


@dataclass(eq=False, repr=False)
class Memory:
    """The result: steps with copies put in, and the place of every value.

    Attributes
    ----------
    primary : dict
        Value to the place that it is loaded from.
    aliases : dict
        Value that is read in the memory of another one to its place there. It may have places of
        its own too, where it is stored.
    stores : dict
        Value to all the places that are written where it is computed.
    rings : dict
        Storage whose address changes as a loop runs to the temporaries that it may be.
    ring_starts : dict
        Result of a loop that lies in such a storage to where it begins.
    """

    given: Given
    steps: list[Step] = field(default_factory=list)
    primary: dict[Value, Place] = field(default_factory=dict)
    aliases: dict[Value, Place] = field(default_factory=dict)
    stores: dict[Value, list[Place]] = field(default_factory=dict)
    temporaries: dict[str, Temporary] = field(default_factory=dict)
    rings: dict[str, list[str]] = field(default_factory=dict)
    ring_starts: dict[Value, Place] = field(default_factory=dict)

    def load_from(self, value: Value) -> Place:
        """Place that `value` is read from."""
        return self.aliases.get(value) or self.primary[value]

    def store_to(self, value: Value) -> list[Place]:
        """Places that a step writes when it computes `value`."""
        return self.stores[value]

    def temporary(self, shape: access.Shape, dtype: DType) -> Place:
        """A new contiguous storage in the arena."""
        name = f"tmp{len(self.temporaries)}"
        size = access.byte_size(shape, dtype.itemsize)
        self.temporaries[name] = Temporary(size, dtype.itemsize, not shape)
        return Place(name, access.contiguous(shape, dtype.itemsize))

    def ring(self, shape: access.Shape, dtype: DType, storages: list[str]) -> Place:
        """A storage whose address is that of one of `storages`, and changes."""
        name = f"ring{len(self.rings)}"
        self.rings[name] = storages
        return Place(name, access.contiguous(shape, dtype.itemsize))


def assign(plan: Plan, given: Given, around: Memory | None = None) -> Memory:
    """Give every stored value its memory; a region adds to the temporaries of what is `around`."""
    memory = Memory(given)
    if around is not None:
        memory.temporaries, memory.rings = around.temporaries, around.rings
    return _Assigner(plan, given, memory).run()


class _Assigner:
    def __init__(self, plan: Plan, given: Given, memory: Memory) -> None:
        self.plan = plan
        self.graph = given.segment.graph
        self.memory = memory
        self.written_at: dict[Value, int] = {}
        self.read_at: dict[Value, list[int]] = {}
        self.last_check = -1
        for time, step in enumerate(plan.steps):
            self.survey(time, step)
        self.finals: list[tuple[Value, Place]] = []
        self.outputs: dict[Value, list[Place]] = {}
        for value, place in zip(self.graph.outputs, given.outputs, strict=True):
            self.outputs.setdefault(value, []).append(place)
        self.versions = {version for _, version in self.graph.writes}
        self.preferred: dict[Value, Place] = {}
        for value, places in self.outputs.items():
            self.prefer(value, places[0])

    def prefer(self, value: Value, place: Place) -> None:
        """Let an output's chain of updates be made in the output's memory from its start."""
        while value not in self.preferred and value.producer is not None:
            self.preferred[value] = place
            base, time = self.plan.bases.get(value), self.written_at.get(value, -1)
            if base is None or time < 0 or base in self.plan.aliases:
                return
            if base in self.memory.given.inputs or base in self.memory.primary:
                return
            step = self.plan.steps[time]
            rotates = isinstance(step, Control) and value.index in rotation(step.node)
            if rotates or not self.may_share(value, base, time, step):
                return
            value = base

    def survey(self, time: int, step: Step) -> None:
        """Note when a step reads, writes and checks."""
        if isinstance(step, Product):
            for operand, _ in step.operands:
                self.read_at.setdefault(self.root(operand), []).append(time)
            self.written_at[step.node.result] = time
            return
        if isinstance(step, Control | CallOut):
            for value in step.reads:
                self.read_at.setdefault(self.root(value), []).append(time)
            self.written_at.update(dict.fromkeys(step.node.results, time))
            if step.may_leave if isinstance(step, CallOut) else step.has_checks:
                self.last_check = time
            return
        assert isinstance(step, Loops)
        for evaluation in step.evaluations:
            if evaluation.load:
                self.read_at.setdefault(self.root(evaluation.value), []).append(time)
            elif evaluation.value.producer and may_fail(evaluation.value.producer):
                self.last_check = time
        for store in step.stores:
            self.written_at[store.target] = time
        if step.checks or not all(entry.is_within for entry in step.lookups.values()):
            self.last_check = time

    def root(self, value: Value) -> Value:
        """The value whose memory an alias is."""
        while value in self.plan.aliases:
            value = self.plan.aliases[value]
        return value

    # Places

    def run(self) -> Memory:
        memory = self.memory
        memory.primary.update(memory.given.inputs)
        self.place_written_inputs()
        for time, step in enumerate(self.plan.steps):
            for operand in _stored_operands(step):
                self.place_operand(operand)
            for target in _targets(step):
                self.place_target(target, time, step)
            memory.steps.append(step)
            self.avoid_conflicts(step)
        self.copy_back()
        return memory

    def place_operand(self, value: Value) -> None:
        """Places of what a step loads: constants, and other shapes of stored values."""
        memory = self.memory
        if value in self.plan.aliases:
            root = self.root(value)
            self.place_operand(root)
            place = self.packed_place(root)
            layout = access.contiguous(value.type.shape, value.type.dtype.itemsize)
            memory.aliases[value] = Place(place.storage, layout, place.aligned)
            return
        if value in memory.primary:
            return
        given = memory.given.place(value) or self.uninitialised(value)
        assert given is not None, f"%{value.name} is loaded and not stored"
        memory.primary[value] = given

    def uninitialised(self, value: Value) -> Place | None:
        """Memory for an array that nothing is stored to at first."""
        if value not in self.plan.unfilled:
            return None
        preferred = self.preferred.get(value)
        if preferred is not None and is_packed(preferred, value):
            return preferred
        return self.memory.temporary(value.type.shape, value.type.dtype)

    def packed_place(self, value: Value) -> Place:
        places = [self.memory.primary[value], *self.memory.stores.get(value, ())]
        packed: Place = next(place for place in places if is_packed(place, value))
        return packed

    def place_target(self, value: Value, time: int, step: Step) -> None:
        memory = self.memory
        if value in memory.stores:
            return
        base = self.plan.bases.get(value)
        if base is not None and self.written_at[value] == time and value not in memory.primary:
            self.place_update(value, base, time, step)
            return
        places = list(self.outputs.get(value, ()))
        if not places and value in self.preferred:
            places = [self.preferred[value]]
        if value in memory.primary and value not in memory.given.inputs:
            places.insert(0, memory.primary[value])
        needs_packed = value in self.plan.contiguous
        if isinstance(step, Product) and places and not is_matrix_place(places[0], value):
            needs_packed = True
        if value in memory.given.inputs and needs_packed and not places:
            places = [memory.temporary(value.type.shape, value.type.dtype)]
        elif not places or (needs_packed and not any(is_packed(p, value) for p in places)):
            places.insert(0, memory.temporary(value.type.shape, value.type.dtype))
        memory.stores[value] = places
        memory.primary.setdefault(value, places[0])

    def place_update(self, value: Value, base: Value, time: int, step: Step) -> None:
        """Share the memory of the base, or copy it."""
        memory = self.memory
        self.place_operand(base)
        place = memory.load_from(base)
        rotates = isinstance(step, Control) and value.index in rotation(step.node)
        if not self.may_share(value, base, time, step):
            wanted = None if rotates else self.preferred.get(value)
            source = place
            place = wanted or memory.temporary(value.type.shape, value.type.dtype)
            memory.steps.append(
                Copy(-1, value.type.shape, value.type.dtype, source=source, target=place)
            )
        if rotates:
            place = self.place_ring(value, place)
        memory.primary[value] = place
        memory.stores[value] = [place]
        self.finals.extend(
            (value, other) for other in self.outputs.get(value, ()) if other != place
        )

    def place_ring(self, value: Value, place: Place) -> Place:
        """A storage whose address changes, which begins at `place` or a temporary copy of it."""
        memory, start = self.memory, place
        given = (*memory.given.inputs.values(), *memory.given.outputs)
        others = {other.storage for other in given}
        is_own = place.storage in memory.temporaries and place.storage not in others
        if not is_own or not is_packed(place, value):
            start = memory.temporary(value.type.shape, value.type.dtype)
            self.copy(value, place, start)
        memory.ring_starts[value] = start
        return memory.ring(value.type.shape, value.type.dtype, [start.storage])

    def may_share(self, value: Value, base: Value, time: int, step: Step) -> bool:
        """Whether an update may overwrite its base."""
        base = self.root(base)
        if base in self.outputs or base in self.versions or base.type != value.type:
            return False
        if any(when > time for when in self.read_at.get(base, ())):
            return False
        if any(
            other is not value and self.root(of) is base
            for other, of in self.plan.bases.items()
            if self.written_at.get(other, -1) >= time
        ):
            return False
        if isinstance(step, Loops) and step.ordered and time in self.read_at.get(base, ()):
            return False
        if isinstance(step, Control) and self.is_read_by_regions(base, step):
            return False
        if isinstance(step, Loops) and step.masking and self.is_read_elsewhere(base, step):
            return False
        if base in self.memory.given.inputs:
            return self.is_written_from(base, value) and self.may_write(time)
        return self.memory.given.place(base) is None

    def is_read_elsewhere(self, base: Value, step: Loops) -> bool:
        """Whether a kernel under a mask reads other elements of an array than those it writes.

        What it stores cannot be held back: it stores only where the mask is true.
        """
        (store,) = step.stores
        written = [masks.straightened(step, component) for component in store.target_index]
        for evaluation in step.evaluations:
            if evaluation.load and self.root(evaluation.value) is base:
                read = [masks.straightened(step, component) for component in evaluation.index]
                if evaluation.value is not base or read != written:
                    return True
        return False

    def is_read_by_regions(self, base: Value, step: Control) -> bool:
        """Whether a loop reads, by a name of its own, the array that it would write."""
        node = step.node
        if node.operator.name == "cond":
            return False
        starts = [self.root(operand) for operand in node.operands]
        return starts.count(base) > 1 or any(self.root(v) is base for v in roots_of(node))

    def may_write(self, time: int) -> bool:
        """Whether written inputs may be written at `time`: no check may fail from then on."""
        return not self.memory.given.checks_come_first or time > self.last_check

    def is_written_from(self, base: Value, value: Value) -> bool:
        """Whether `value` is on the chain of updates from an input to the version it must hold."""
        target = next((version for given, version in self.graph.writes if given is base), None)
        while target is not None:
            if target is value:
                return True
            target = self.plan.bases.get(target)
        return False

    # Written inputs

    def place_written_inputs(self) -> None:
        """A version that no update chain leads to is computed straight into the input's memory."""
        for given, version in self.graph.writes:
            time = self.written_at.get(version, -1)
            free = (
                version in self.written_at
                and version not in self.plan.bases
                and version not in self.memory.primary
                and version not in self.plan.contiguous
                and version not in self.outputs
                and self.may_write(time)
                and all(when <= time for when in self.read_at.get(given, ()))
                and not any(self.root(base) is given for base in self.plan.bases.values())
                and given not in self.outputs
                and given not in self.versions
            )
            if free and isinstance(self.plan.steps[time], Loops):
                self.memory.primary[version] = self.memory.given.inputs[given]

    def copy_back(self) -> None:
        """Copies at the end: versions that were made elsewhere, outputs that share a chain."""
        memory = self.memory
        late = [(value, memory.primary[value], place) for value, place in self.finals]
        for given, version in self.graph.writes:
            self.place_operand(version)
            source = memory.primary.get(version) or memory.load_from(version)
            place = memory.given.inputs[given]
            if source == place:
                continue
            if version in memory.given.inputs:
                held = memory.temporary(version.type.shape, version.type.dtype)
                self.copy(version, source, held)
                source = held  # for this copy alone: the steps before it read the input
            late.append((version, source, place))
        for value, source, place in late:
            self.copy(value, source, place)

    def copy(self, value: Value, source: Place, target: Place) -> None:
        self.memory.steps.append(
            Copy(-1, value.type.shape, value.type.dtype, source=source, target=target)
        )

    # Reads and writes of one memory in one step

    def avoid_conflicts(self, step: Step) -> None:
        """Store into a temporary where a step reads elements that it overwrites, then copy."""
        if not isinstance(step, Loops):
            return
        memory = self.memory
        loads = [evaluation for evaluation in step.evaluations if evaluation.load]
        for number, store in enumerate(step.stores):
            for position, place in enumerate(memory.stores[store.target]):
                if self.is_overwritten(step, store, place, loads):
                    self.detour(step, number, store, position, place)

    def is_overwritten(
        self, step: Loops, store: Store, place: Place, loads: list[Evaluation]
    ) -> bool:
        if store.mode != "set":
            return False
        return any(
            source.storage == place.storage and conflicts(step, store, place, load, source)
            for load, source in ((load, self.memory.load_from(load.value)) for load in loads)
        )

    def detour(self, step: Loops, number: int, store: Store, position: int, place: Place) -> None:
        memory = self.memory
        names = [n for n in step.variables if n in step.atoms_of(store.target_index)]
        shape = tuple(step.variables[name] for name in names)
        dtype = store.target.type.dtype
        held = memory.temporary(shape, dtype)
        address = place.layout.address(store.target_index)
        strides = tuple(address.coefficient(name) for name in names)
        region = Place(place.storage, Layout(strides, address.constant), place.aligned)
        copy = Value(f"{store.target.name}_held", store.target.type.with_shape(shape))
        memory.stores[copy] = [held]
        index = tuple(access.variable(name) for name in names)
        others = [p for k, p in enumerate(memory.stores[store.target]) if k != position]
        step.stores[number] = Store(store.value, store.index, copy, index)
        if others:
            rest = Value(f"{store.target.name}_rest", store.target.type)
            memory.stores[rest] = others
            step.stores.append(Store(store.value, store.index, rest, store.target_index))
        memory.steps.append(Copy(-1, shape, dtype, source=held, target=region))


def _stored_operands(step: Step) -> list[Value]:
    if isinstance(step, Product):
        return [operand for operand, _ in step.operands]
    if isinstance(step, Control | CallOut):
        return step.reads
    assert isinstance(step, Loops)
    return [evaluation.value for evaluation in step.evaluations if evaluation.load]


def _targets(step: Step) -> list[Value]:
    if isinstance(step, Product):
        return [step.node.result]
    if isinstance(step, Control | CallOut):
        return list(step.node.results)
    assert isinstance(step, Loops)
    return [store.target for store in step.stores]

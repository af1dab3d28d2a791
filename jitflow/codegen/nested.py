"""Loops and branches of programs: each region becomes commands of its own over the same memory.

A carried value has one place. Its version at the end of an iteration is a *write* to that place, as
a version of a written input is a write to the input's memory: what is updated is updated in place,
and the rest is computed straight into it or copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.codegen.blocks import BlockGraph, block_graph
from jitflow.codegen.buffers import Copy, assign
from jitflow.codegen.commands import (
    Bound,
    Branch,
    Command,
    DefineSymbol,
    Pointer,
    Repeat,
    Turn,
    While,
)
from jitflow.codegen.control import bases_of, known_bound, rotation
from jitflow.codegen.decompose import decompose
from jitflow.codegen.draft import Place
from jitflow.codegen.fusion import fuse
from jitflow.codegen.groups import Control
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BOOL, I64
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Block, Graph, Value

if TYPE_CHECKING:
    from jitflow.codegen.program import ProgramBuilder
    from jitflow.ir import bits
    from jitflow.ir.passes import iterations
else:
    bits = LazyModule("jitflow.ir.bits")
    iterations = LazyModule("jitflow.ir.passes.iterations")

ESTIMATED_TRIPS = 64
"""Iterations that a loop of unknown length is taken to have, for the estimate of work."""


class NestedBuilder:
    """Adds the commands of one control step to those around it."""

    def __init__(self, outer: ProgramBuilder, step: Control) -> None:
        self.outer = outer
        self.memory = outer.memory
        self.node = step.node
        self.symbols = outer.memory.given.segment.graph.symbols
        self.places = [self.memory.store_to(value)[0] for value in self.node.results]
        kept = [self.memory.load_from(value) for value in step.reads]
        self.kept = tuple(pointer_to(place) for place in (*kept, *self.places))
        self.turns = rotation(self.node)
        self.spare: dict[int, Place] = {}
        self.begin_rings()

    def add(self) -> None:
        """Add the loop or branch, and what its results are needed for."""
        write = {"for": self.range, "while": self.loop, "cond": self.branch}
        self.outer.commands.append(write[self.node.operator.name]())
        for value in self.node.results:
            first, *others = self.memory.store_to(value)
            for other in others:
                self.outer.copy(Copy(-1, value.type.shape, value.type.dtype, first, other))
        self.outer.define_symbols(self.node.results)

    def range(self) -> Command:
        """A `for`."""
        index = self.memory.temporary((), I64)
        start, stop, step = (self.bound(value) for value in self.node.operands[:3])
        before = self.outer.work
        body = self.carrying(self.node.regions[0], [index], _trips(start, stop, step))
        sums = iterations.sums_of_independent(self.node, self.symbols)
        return Repeat(
            pointer_to(index), start, stop, step, body, self.kept, sums is not None,
            self.outer.work - before, tuple(self.places[k].storage for k in sums or ()),
        )  # fmt: skip

    def loop(self) -> Command:
        """A `while`."""
        condition, body = self.node.regions
        flag = self.memory.temporary((), BOOL)
        inside = self.graph(condition)
        inside.graph.body.results = tuple(inside.results)
        places = self.inputs(inside, self.places)
        test = self.commands(inside.graph, places, [flag], ESTIMATED_TRIPS)
        again = self.carrying(body, [], ESTIMATED_TRIPS)
        most = bits.MOST if bits.uses_up_bits(self.node) else 0
        return While(test, pointer_to(flag), again, self.kept, most)

    def branch(self) -> Command:
        """A `cond`."""
        flag = pointer_to(self.memory.load_from(self.node.operands[0]))
        then, otherwise = (self.alternative(region) for region in self.node.regions)
        return Branch(flag, then, otherwise, self.kept)

    # Arrays whose memory changes hands

    def begin_rings(self) -> None:
        """Let rings begin where the initial values are, with spare memory for what is made anew."""
        memory, starts = self.memory, {}
        for number, source in self.turns.items():
            value = self.node.results[number]
            starts[self.places[number].storage] = memory.ring_starts[value].storage
            if source is None:
                held = memory.temporary(value.type.shape, value.type.dtype)
                place = memory.ring(value.type.shape, value.type.dtype, [])
                starts[place.storage] = held.storage
                self.spare[number] = place
        for ring in starts:
            memory.rings[ring] = list(starts.values())
        if starts:
            turn = Turn(tuple(starts), tuple(map(Pointer, starts.values())))
            self.outer.commands.append(turn)
        self.kept += tuple(map(Pointer, starts))

    def turn(self) -> list[Command]:
        """At the end of an iteration each array is where its version was made."""
        if not self.turns:
            return []
        names = {number: self.places[number].storage for number in self.turns}
        made = {
            names[number]: self.spare[number].storage if source is None else names[source]
            for number, source in self.turns.items()
        }
        free = [name for name in names.values() if name not in made.values()]
        for place, name in zip(self.spare.values(), free, strict=True):
            made[place.storage] = name
        return [Turn(tuple(made), tuple(map(Pointer, made.values())))]

    # Regions

    def bound(self, value: Value) -> Bound:
        """An operand as a number that is known, or where it lies."""
        known = known_bound(value)
        return pointer_to(self.memory.load_from(value)) if known is None else known

    def graph(self, region: Block) -> BlockGraph:
        """A region as a graph of its own."""
        return block_graph(region, self.symbols, self.memory.given.segment.graph.name)

    def inputs(self, inside: BlockGraph, parameters: list[Place]) -> dict[Value, Place]:
        """Places of a region's parameters and of what it captures."""
        captured = [self.memory.load_from(root) for root in inside.roots]
        return dict(zip(inside.graph.inputs, (*parameters, *captured), strict=True))

    def carrying(self, region: Block, first: list[Place], trips: Dim) -> list[Command]:
        """A region whose results go where its parameters, after those in `first`, are."""
        inside = self.graph(region)
        carried = inside.parameters[len(first) :]
        fresh: list[Place] = []
        for number, value in enumerate(inside.results):
            source = self.turns.get(number, number)
            if source is None:
                inside.graph.body.results = (*inside.graph.outputs, value)
                fresh.append(self.spare[number])
            else:
                inside.graph.writes.append((carried[source], value))
        places = self.inputs(inside, [*first, *self.places])
        return [*self.commands(inside.graph, places, fresh, trips), *self.turn()]

    def alternative(self, region: Block) -> list[Command]:
        """A region of a branch: its results are updates in place, or new values."""
        inside, bases = self.graph(region), bases_of(self.node)
        places = self.inputs(inside, [])
        fresh: list[tuple[Value, Place]] = []
        for base, result, place in zip(bases, inside.results, self.places, strict=True):
            if base is None:
                fresh.append((result, place))
                continue
            start = inside.input_of(base)
            if start is None or bases.count(base) > 1:
                start = Value(f"{base.name}_here", base.type)
                inside.graph.inputs.append(start)
            places[start] = place
            inside.graph.writes.append((start, result))
        inside.graph.body.results = tuple(value for value, _ in fresh)
        return self.commands(inside.graph, places, [place for _, place in fresh], 1)

    def commands(
        self, graph: Graph, inputs: dict[Value, Place], outputs: list[Place], trips: Dim
    ) -> list[Command]:
        """Commands of the graph of a region."""
        graph = decompose(graph, self.memory.given.target)
        given = self.memory.given.inside(graph, inputs, outputs)
        memory = assign(fuse(graph, given), given, self.memory)
        builder = type(self.outer)(memory, self.outer.program, self.outer.numbers)
        builder.is_guarded = self.outer.is_guarded or self.node.operator.name == "cond"
        for name, definition in graph.symbols.items():
            if definition.value in inputs:
                pointer = pointer_to(inputs[definition.value])
                builder.commands.append(DefineSymbol(name, pointer))
        builder.add_all()
        self.outer.work = self.outer.work + (builder.work + len(builder.commands)) * trips
        return builder.commands


def _trips(start: Bound, stop: Bound, step: Bound) -> Dim:
    """The number of iterations, or a guess."""
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int) and step:
        return len(range(start, stop, step))
    if isinstance(start, Pointer) or isinstance(stop, Pointer) or step != 1:
        return ESTIMATED_TRIPS
    return stop - start


def pointer_to(place: Place) -> Pointer:
    """Where a place begins."""
    return Pointer(place.storage, place.layout.offset)

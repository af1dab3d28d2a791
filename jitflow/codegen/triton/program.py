"""A segment for the GPU: kernels as Triton source, and the commands of its program.

The program is lowered as for the CPU, with the GPU's decisions (`codegen.target.GPU`). Numbers that
the caller passes become parameters by value; equal kernels are generated once; where a check may
have failed, the host looks before anything that cannot be taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from jitflow.codegen import arena as memory
from jitflow.codegen.buffers import Temporary
from jitflow.codegen.commands import (
    Branch,
    CallKernel,
    Check,
    Command,
    Pointer,
    Repeat,
    While,
    parts_of,
)
from jitflow.codegen.interface import Segment
from jitflow.codegen.loop_ir import Compute, Kernel, Lookup, Require, Store, walk
from jitflow.codegen.program import Lowered, lower
from jitflow.codegen.target import GPU
from jitflow.codegen.triton.frame import LIMITS, Limits
from jitflow.codegen.triton.interface import (
    FAILED,
    Allocation,
    GeneratedKernel,
    GeneratedProgram,
)
from jitflow.codegen.triton.iterations import count_uses, run_at_once
from jitflow.codegen.triton.joining import Joiner
from jitflow.codegen.triton.lower import generate
from jitflow.codegen.triton.phases import Scratch
from jitflow.codegen.triton.streams import generate_tile
from jitflow.codegen.triton.tiles import Tile

MOST_ALONE = 1 << 27
"""Multiplications that take a GPU some microseconds, also in f32: as long as calling a library."""


def compile_segment(
    segment: Segment,
    limits: Limits = LIMITS,
    wraps_indices: bool = False,
    for_graphs: bool = False,
) -> GeneratedProgram:
    """Triton kernels and commands for `segment`; every node satisfies `codegen.supports`.

    `wraps_indices` as in `core.devices.ArrayKind`. `for_graphs`: launches that follow each other
    are replayed together, which calls of a library between them would end: small products are
    kernels like others.
    """
    return _ProgramWriter(segment, limits, wraps_indices, for_graphs).run()


class _ProgramWriter:
    def __init__(
        self, segment: Segment, limits: Limits, wraps_indices: bool, for_graphs: bool
    ) -> None:
        self.segment = segment
        self.limits = limits
        self.most_alone = MOST_ALONE if for_graphs else 0
        self.lowered = lower(segment, GPU)
        if wraps_indices:
            for kernel in self.lowered.program.kernels:
                _wrap_indices(kernel)
        self.lowered.program.commands = run_at_once(self.lowered)
        uses: Counter[str] = Counter()
        count_uses(self.lowered.program.commands, uses)
        temporaries = self.lowered.temporaries
        self.private = frozenset(name for name in temporaries if uses[name] == 2)
        rings = self.lowered.rings.items()
        self.rings = {name: ring for ring, storages in rings for name in storages}
        self.kernels: list[GeneratedKernel] = []
        self.numbers: dict[tuple[int, frozenset[str]], list[tuple[int, list[Scratch]]]] = {}
        self.by_value = {
            f"in{number}"
            for number, spec in enumerate(segment.inputs)
            if spec.layout == "scalar" and not spec.dtype.is_complex
        }

    def run(self) -> GeneratedProgram:
        commands = self.with_checks(self.commands(self.lowered.program.commands))
        graph, inputs = self.segment.graph, set(self.segment.graph.inputs)
        temporaries, size = allocate(self.lowered, commands)
        written = {value for value, _ in graph.writes}
        return GeneratedProgram(
            self.kernels,
            commands,
            self.segment.inputs,
            self.segment.outputs,
            tuple(name for name, known in graph.symbols.items() if known.value in inputs),
            temporaries,
            size,
            tuple(self.lowered.rings),
            self.lowered.constants,
            any(kernel.checks for kernel in self.kernels),
            tuple(k for k, value in enumerate(graph.inputs) if value in written),
            str(self.lowered.program),
        )

    # Kernels

    def commands(self, commands: list[Command]) -> list[Command]:
        """The same commands, calling generated kernels."""
        out: list[Command] = []
        joiner = Joiner(
            commands,
            self.lowered.program.kernels,
            self.private,
            self.rings,
            self.segment.fastmath,
            self.most_alone,
        )
        for command in joiner.run():
            out += [self.tile(command)] if isinstance(command, Tile) else self.command(command)
        return out

    def tile(self, tile: Tile) -> CallKernel:
        """The call of a kernel that makes a product and what is around it."""
        arguments = list(tile.arguments())
        scalars = frozenset(b.name for b, pointer in arguments if pointer.storage in self.by_value)
        made = generate_tile(tile, scalars, self.segment.fastmath)
        made.stores = tuple(_stored(tile.kernel(), made))
        if tile.after is None:
            made.stores += (len(arguments) - 1,)
        number = next((k for k, old in enumerate(self.kernels) if old.source == made.source), None)
        if number is None:
            number = len(self.kernels)
            self.kernels.append(made)
        return CallKernel(number, tuple(pointer for _, pointer in arguments))

    def command(self, command: Command) -> list[Command]:
        if isinstance(command, CallKernel):
            return self.call(command)
        if isinstance(command, (Repeat, While, Branch)):
            for _, inside in parts_of(command):
                inside[:] = self.commands(inside)
            if isinstance(command, While) and self.may_fail([command]):
                command.body.append(Check(Pointer(FAILED)))
        return [command]

    def call(self, command: CallKernel) -> list[Command]:
        """Calls of what a kernel became."""
        kernel = self.lowered.program.kernels[command.kernel]
        scalars = self.scalars(kernel, command.pointers)
        key = command.kernel, scalars
        if key not in self.numbers:
            self.numbers[key] = []
            generated = generate(kernel, scalars, self.segment.fastmath, self.limits)
            for made, scratch in generated:
                made.stores = tuple(_stored(kernel, made))
                self.numbers[key].append((len(self.kernels), scratch))
                self.kernels.append(made)
        pointers = self.scratch(self.numbers[key][-1][1])
        return [
            CallKernel(number, (*command.pointers, *pointers[: len(used)]))
            for number, used in self.numbers[key]
        ]

    def scalars(self, kernel: Kernel, pointers: tuple[Pointer, ...]) -> frozenset[str]:
        """Buffers of a kernel that are numbers of the caller's."""
        return frozenset(
            buffer.name
            for buffer, pointer in zip(kernel.buffers, pointers, strict=True)
            if pointer.storage in self.by_value
        )

    def scratch(self, wanted: list[Scratch]) -> list[Pointer]:
        """Memory for the accumulators of one call."""
        pointers = []
        for item in wanted:
            name = f"part{len(self.lowered.temporaries)}"
            size = item.elements * item.dtype.itemsize
            self.lowered.temporaries[name] = Temporary(size, item.dtype.itemsize)
            pointers.append(Pointer(name))
        return pointers

    # Checks

    def with_checks(self, commands: list[Command]) -> list[Command]:
        """The host looks for a failed check before the first write of an input, and at the end."""
        out: list[Command] = []
        pending = False
        for command in commands:
            if pending and self.writes_input([command]):
                out.append(Check(Pointer(FAILED)))
                pending = False
            out.append(command)
            pending |= self.may_fail([command])
        return [*out, Check(Pointer(FAILED))] if pending else out

    def calls(self, commands: list[Command]) -> Iterator[CallKernel]:
        """Every call of a kernel, in loops and branches too."""
        for command in commands:
            if isinstance(command, CallKernel):
                yield command
            elif isinstance(command, (Repeat, While, Branch)):
                for _, inside in parts_of(command):
                    yield from self.calls(inside)

    def may_fail(self, commands: list[Command]) -> bool:
        return any(self.kernels[call.kernel].checks for call in self.calls(commands))

    def writes_input(self, commands: list[Command]) -> bool:
        return any(
            call.pointers[position].storage.startswith("in")
            for call in self.calls(commands)
            for position in self.kernels[call.kernel].stores
        )


def _wrap_indices(kernel: Kernel) -> None:
    """Let indices from arrays go around; what is left decides whether a kernel checks."""
    statements = list(walk(kernel.body))
    for item in statements:
        if isinstance(item, Lookup):
            item.wraps = item.of_array and item.extent != 0
    kernel.checks = any(
        isinstance(item, Require)
        or (isinstance(item, Lookup) and not item.wraps)
        or (isinstance(item, Compute) and item.operator.checks)
        for item in statements
    )


def _stored(kernel: Kernel, made: GeneratedKernel) -> Iterator[int]:
    """Positions of the parameters through which a kernel writes buffers."""
    names = {item.buffer for item in walk(kernel.body) if isinstance(item, Store)}
    return (k for k, parameter in enumerate(made.parameters) if parameter.name in names)


def allocate(lowered: Lowered, commands: list[Command]) -> tuple[dict[str, Allocation], int]:
    """Where temporaries lie: those of static size share an arena, the others have their own."""
    lives = memory.lifetimes(commands)
    for ring, storages in lowered.rings.items():
        for storage in storages if ring in lives else ():
            memory.extend(lives, storage, lives[ring])
    used = {name: item for name, item in lowered.temporaries.items() if name in lives}
    static = {name: item for name, item in used.items() if isinstance(item.size, int)}
    arena = memory.Arena()
    memory.place_static(arena, static, lives)
    offsets = {name: offset for name, offset in arena.offsets.items() if isinstance(offset, int)}
    found = {name: Allocation(used[name].size, offset) for name, offset in offsets.items()}
    assert isinstance(arena.size, int)
    uses = _uses(commands)
    for ring, storages in lowered.rings.items():
        for storage in storages if ring in uses else ():
            memory.extend(uses, storage, uses[ring])
    for name in used.keys() - static.keys():
        first, last = uses[name]
        found[name] = Allocation(used[name].size, None, first, last)
    return dict(sorted(found.items())), arena.size


def _uses(commands: list[Command]) -> dict[str, tuple[int, int]]:
    """Positions of the top-level commands that first and last use each storage."""
    found: dict[str, tuple[int, int]] = {}
    for position, command in enumerate(commands):
        for storage in memory.lifetimes([command]):
            memory.extend(found, storage, (position, position))
    return found

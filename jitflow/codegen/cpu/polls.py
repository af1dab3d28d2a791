"""Where captured loops look for signals, and how often.

A loop that may run for long counts the nanoseconds that its iterations are estimated to take. Every
few ten thousand of them it asks `jf.poll`, which looks at the clock and, twenty times a second,
lets Python run the handlers of signals that have come. So a loop becomes a loop over parts of it:
nothing but the number of iterations changes in the inner one, which LLVM optimises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.codegen.commands import (
    Branch,
    CallDraw,
    CallKernel,
    CallLibrary,
    CallProduct,
    CallPython,
    CallShared,
    Command,
    Control,
    Repeat,
    Turn,
    While,
    every,
    parts_of,
)
from jitflow.codegen.cpu import entry_helpers
from jitflow.codegen.loop_ir import Kernel, Store, walk

if TYPE_CHECKING:
    from jitflow.codegen.cpu.text import FunctionText
    from jitflow.codegen.program import Lowered

PERIOD = 50_000
"""Estimated nanoseconds between two looks at the clock."""

SHORT = 20_000_000
"""Estimated nanoseconds of a program that need not look at all."""

MOST = 64
"""Iterations without a look of a loop with loops of unknown length in it."""

_UNKNOWN = 200
"""Nanoseconds that an inner loop of unknown length takes at least."""

_CALL = 400
"""Nanoseconds of a call whose work is known only as it runs."""

NEVER = 2**62
"""Nanoseconds that are never counted down."""


class Polls:
    """The polls of one body.

    Attributes
    ----------
    are_wanted : bool
        Whether loops may run for long; the body then takes one more argument, an ``i1`` that
        allows to look.
    early : tuple of int
        Inputs that the body may have written when it looks.
    """

    def __init__(self, lowered: Lowered) -> None:
        self.lowered = lowered
        self.text: FunctionText | None = None
        commands = lowered.program.commands
        self.are_wanted = self._is_long(commands)
        self.early = _early(lowered) if self.are_wanted else ()

    def _is_long(self, commands: list[Command]) -> bool:
        """Whether the loops may run for long; calls of Python see to signals themselves."""
        if any(isinstance(command, (CallPython, CallDraw)) for command in every(commands)):
            return False
        loops = [command for command in every(commands) if isinstance(command, (Repeat, While))]
        if not loops:
            return False
        return any(map(self._is_open, loops)) or self.cost(commands) > SHORT

    # Estimates

    def cost(self, commands: list[Command]) -> int:
        """Nanoseconds of one run of commands, at least."""
        return sum(map(self._cost, commands))

    def _cost(self, command: Command) -> int:
        if isinstance(command, CallKernel):
            return max(1, command.work) if isinstance(command.work, int) else _CALL
        if isinstance(command, (CallProduct, CallShared, CallLibrary)):
            return _CALL
        if isinstance(command, Repeat):
            count = trips(command)
            return _UNKNOWN if count is None else count * self.cost(command.body)
        if isinstance(command, While):
            inside = self.cost(command.condition) + self.cost(command.body)
            return command.most * inside if command.most else _UNKNOWN
        if isinstance(command, Branch):
            return max(self.cost(inside) for _, inside in parts_of(command))
        return int(isinstance(command, Turn))

    def _is_open(self, command: Control) -> bool:
        """Whether a loop has no known number of iterations."""
        return isinstance(command, (Repeat, While)) and trips(command) is None

    def part(self, command: Repeat | While) -> int:
        """Iterations of a loop that run without a look for signals; 0 if all do."""
        inside = [c for _, commands in parts_of(command) for c in commands]
        each = max(1, self.cost(inside))
        part = max(1, PERIOD // each)
        if self.has_open(command):
            return min(part, MOST)
        count = trips(command)
        return 0 if count is not None and count <= part else part

    def has_open(self, command: Repeat | While) -> bool:
        """Whether there is a loop of unknown length in a loop."""
        inside = [c for _, commands in parts_of(command) for c in commands]
        return any(isinstance(c, (Repeat, While)) and self._is_open(c) for c in every(inside))

    # Text

    def begin(self, text: FunctionText, parameters: list[str], variables: list[str]) -> None:
        """The argument that allows it, and what is counted."""
        self.text = text
        parameters.append("i1 %polls")
        variables += ["  %ticks = alloca i64", "  %deadline = alloca i64"]
        text.write(f"%polls.first = select i1 %polls, i64 {PERIOD}, i64 {NEVER}")
        text.write("store i64 %polls.first, ptr %ticks")
        text.write("store i64 0, ptr %deadline")
        name = "jf.poll"
        entry_helpers.provide([name])
        text.declare(
            f"declare i32 @{name}(ptr) cold memory(argmem: readwrite, inaccessiblemem: readwrite)"
        )
        text.names.externals[name] = entry_helpers.address(name)

    def count(self, nanoseconds: int) -> None:
        """Count time, at the end of an iteration; look when there is enough of it."""
        text = self.text
        if text is None:
            return
        before = text.result("load i64, ptr %ticks")
        left = text.result(f"sub i64 {before}, {max(1, min(nanoseconds, PERIOD))}")
        text.write(f"store i64 {left}, ptr %ticks")
        due = text.result(f"icmp slt i64 {left}, 0")
        poll, on = text.fresh("poll"), text.fresh("on")
        text.write(f"br i1 {due}, label %{poll}, label %{on}, !prof !0")
        text.start_block(poll)
        text.write(f"store i64 {PERIOD}, ptr %ticks")
        raised = text.result("call i32 @jf.poll(ptr %deadline)")
        leaves = text.result(f"icmp ne i32 {raised}, 0")
        text.write(f"br i1 {leaves}, label %raised, label %{on}")
        text.start_block(on)


def trips(command: Repeat | While) -> int | None:
    """The number of iterations, if it is known, or a bound of it."""
    if isinstance(command, While):
        return command.most or None
    start, stop, step = command.start, command.stop, command.step
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int) and step:
        return len(range(start, stop, step))
    return None


def _early(lowered: Lowered) -> tuple[int, ...]:
    """Written inputs whose memory some command up to the last loop stores into."""
    given, commands = lowered.given, lowered.program.commands
    last = max(
        (
            k
            for k, c in enumerate(commands)
            if any(isinstance(i, (Repeat, While)) for i in every([c]))
        ),
        default=-1,
    )
    stored: set[str] = set()
    for command in every(commands[: last + 1]):
        stored |= _stored_by(command, lowered.program.kernels)
    graph = given.segment.graph
    written = {target for target, _ in graph.writes}
    return tuple(
        number
        for number, value in enumerate(graph.inputs)
        if value in written and f"in{number}" in stored
    )


def _stored_by(command: Command, kernels: list[Kernel]) -> set[str]:
    """Storages that a command may store into."""
    if isinstance(command, CallKernel):
        kernel = kernels[command.kernel]
        names = {s.buffer for s in walk(kernel.body) if isinstance(s, Store)}
        pairs = zip(kernel.buffers, command.pointers, strict=True)
        return {pointer.storage for buffer, pointer in pairs if buffer.name in names}
    if isinstance(command, CallProduct):
        return {command.result.pointer.storage}
    if isinstance(command, CallLibrary):
        return {command.result.pointer.storage}
    if isinstance(command, CallShared):
        return {product.result.storage for product in command.products}
    if isinstance(command, Turn):
        return {source.storage for source in command.sources}
    return set()

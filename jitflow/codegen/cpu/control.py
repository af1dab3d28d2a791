"""Loops and branches between the calls of kernels, and the memory that programs with loops need.

Single elements are variables of the function: kernels without loops are inlined, and LLVM keeps
them in registers. Arrays whose size is found inside of a loop have memory that grows.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jitflow.codegen.commands import Bound, Branch, Command, Control, Pointer, Repeat, Turn, While
from jitflow.codegen.cpu.text import Scope
from jitflow.codegen.cpu.values import Register
from jitflow.core.dtypes import I64
from jitflow.core.lazy import LazyModule

if TYPE_CHECKING:
    from jitflow.codegen.cpu import apart, rare
    from jitflow.codegen.cpu.body import BodyWriter
    from jitflow.codegen.cpu.polls import Polls
else:
    apart = LazyModule("jitflow.codegen.cpu.apart")
    rare = LazyModule("jitflow.codegen.cpu.rare")

_RESERVE = """define internal ptr @reserve(ptr %slot, ptr %room, i64 %size) {
  %held = load i64, ptr %room
  %fits = icmp ule i64 %size, %held
  br i1 %fits, label %done, label %grow
grow:
  %old = load ptr, ptr %slot
  call void @free(ptr %old)
  %padded = add i64 %size, 256
  %new = call ptr @malloc(i64 %padded)
  store ptr %new, ptr %slot
  store i64 %size, ptr %room
  br label %done
done:
  %memory = load ptr, ptr %slot
  %address = ptrtoint ptr %memory to i64
  %up = add i64 %address, 63
  %rounded = and i64 %up, -64
  %aligned = inttoptr i64 %rounded to ptr
  ret ptr %aligned
}"""


class ControlWriter:
    """Writes the control commands of one body; `variables` go to the start of the function."""

    def __init__(self, body: BodyWriter) -> None:
        self.body = body
        self.text = body.text
        self.variables: list[str] = []
        self.growing: list[str] = []

    # Memory

    def declare_variables(self, own: Container[str] | None = None) -> None:
        """Memory on the stack for single elements and for pointers to memory that grows.

        `own`: the storages that belong to the function, if not all do.
        """
        arena = self.body.lowered.arena
        self.growing = [name for name in arena.growing if own is None or name in own]
        for name, size in arena.scalars.items():
            if own is not None and name not in own:
                continue
            self.variables.append(f"  %{name} = alloca [{size} x i8], align 16")
            self.body.storages[name] = f"%{name}"
        for name in self.growing:
            self.variables += [
                f"  %{name}_slot = alloca ptr", f"  %{name}_room = alloca i64",
                f"  store ptr null, ptr %{name}_slot", f"  store i64 0, ptr %{name}_room",
            ]  # fmt: skip
        rings = [name for name in arena.rings if own is None or name in own]
        self.variables += [f"  %{name} = alloca ptr" for name in rings]
        if self.growing:
            names = self.text.names
            self.text.declare("declare ptr @malloc(i64)")
            self.text.declare("declare void @free(ptr)")
            names.helpers["reserve"] = _RESERVE
            for name in ("malloc", "free"):
                names.externals[name] = rare.c_function(name)

    def reserve(self, name: str) -> str:
        """Pointer to the memory of a temporary that grows, large enough now."""
        size = self.body.memory.dim(self.body.lowered.arena.growing[name])
        return self.text.value(
            f"call ptr @reserve(ptr %{name}_slot, ptr %{name}_room, i64 {size.text})"
        )

    def turn(self, command: Turn) -> None:
        """Give storages new addresses."""
        sources = [self.body.pointer(source) for source in command.sources]
        for name, source in zip(command.targets, sources, strict=True):
            self.text.write(f"store ptr {source}, ptr %{name}")

    def release(self) -> list[str]:
        """What ends the function: memory that grew is given back."""
        lines = []
        for name in self.growing:
            end = self.text.fresh("end")
            lines.append(f"  %{end} = load ptr, ptr %{name}_slot")
            lines.append(f"  call void @free(ptr %{end})")
        return lines

    # Commands

    def write(self, command: Control) -> None:
        """Write a loop or a branch."""
        if isinstance(command, Repeat):
            self.repeat(command)
        elif isinstance(command, While):
            self.loop(command)
        else:
            self.branch(command)

    def bound(self, bound: Bound) -> Register:
        """A number in a register."""
        if isinstance(bound, Pointer):
            loaded = self.text.result(f"load i64, ptr {self.body.pointer(bound)}")
            return Register(loaded, I64, 1, self.text.depth)
        return self.body.memory.dim(bound)

    def inside(self, label: str, commands: list[Command], first: list[str]) -> Scope:
        """Write commands into a scope of their own, after the lines in `first`."""
        scope = Scope(label)
        scope.lines += first
        self.text.scopes.append(scope)
        known = dict(self.body.symbols)
        self.body.commands(commands)
        self.body.symbols.clear()
        self.body.symbols.update(known)
        self.text.scopes.pop()
        return scope

    def truth(self, flag: Pointer) -> str:
        """The i1 of a byte in memory."""
        loaded = self.text.result(f"load i8, ptr {self.body.pointer(flag)}")
        return self.text.result(f"icmp ne i8 {loaded}, 0")

    def repeat(self, command: Repeat) -> None:
        """Count iterations from 0: no bound and no step can overflow."""
        start, stop, step = map(self.bound, (command.start, command.stop, command.step))
        plain = step.text == "1"
        first = start.text if plain else "0"
        end = stop.text if plain else self.trips(start, stop, step)
        polls = self.body.polls
        part = polls.part(command) if polls else 0
        if not (polls and part):
            self.counted(command, start, step, (first, end))
            return
        with self.parts(polls, command, (first, end), part) as ends:
            self.counted(command, start, step, ends)

    def counted(
        self, command: Repeat, start: Register, step: Register, ends: tuple[str, str]
    ) -> None:
        """The loop itself, from the first count to the one behind the last."""
        text, (first, end) = self.text, ends
        head, label, done = (text.fresh(hint) for hint in ("repeat", "body", "after"))
        count = f"%k{text.fresh('x')}"
        slot = self.body.pointer(command.slot)
        index, lines = count, []
        if step.text != "1":
            index = f"%{text.fresh('index')}"
            lines = [
                f"  {index}.far = mul i64 {count}, {step.text}",
                f"  {index} = add i64 {start.text}, {index}.far",
            ]
        lines.append(f"  store i64 {index}, ptr {slot}")
        with self.around(command, ends):
            before = text.label
            scope, note = self.iteration(command, label, lines)
            text.scopes[-1].lines += [
                f"  br label %{head}",
                f"{head}:",
                f"  {count} = phi i64 [ {first}, %{before} ], [ {count}.next, %{scope.label} ]",
                f"  {count}.more = icmp slt i64 {count}, {end}",
                f"  br i1 {count}.more, label %{label}, label %{done}",
                f"{label}:",
                *scope.lines,
                f"  {count}.next = add nsw i64 {count}, 1",
                f"  br label %{head}{note}",
            ]
            text.start_block(done)

    @contextmanager
    def around(self, command: Repeat, ends: tuple[str, str]) -> Iterator[None]:
        """What stands around the iterations of a loop, where there are any."""
        if not (command.before or command.after):
            yield
            return
        text = self.text
        some, none = text.fresh("some"), text.fresh("none")
        text.scopes.append(Scope(some))
        known = dict(self.body.symbols)
        self.body.commands(command.before)
        yield
        self.body.commands(command.after)
        self.body.symbols.clear()
        self.body.symbols.update(known)
        scope = text.scopes.pop()
        more = text.result(f"icmp slt i64 {ends[0]}, {ends[1]}")
        text.write(f"br i1 {more}, label %{some}, label %{none}")
        text.scopes[-1].lines += [f"{some}:", *scope.lines, f"  br label %{none}"]
        text.start_block(none)

    def iteration(self, command: Repeat, label: str, lines: list[str]) -> tuple[Scope, str]:
        """The body of a loop after `lines`, and what the branch back to its head says of it."""
        if not apart.keeps_apart(command, self.body.lowered):
            return self.inside(label, command.body, lines), ""
        names = self.text.names
        self.body.access_group = group = names.note("")
        scope = self.inside(label, command.body, lines)
        self.body.access_group = ""
        together = names.note(f'!"llvm.loop.parallel_accesses", {group}')
        return scope, f", !llvm.loop {names.note(f'self, {together}')}"

    @contextmanager
    def parts(
        self, polls: Polls, command: Repeat, ends: tuple[str, str], part: int
    ) -> Iterator[tuple[str, str]]:
        """A loop over parts of a range, for one over a part, whose ends are given.

        The last part of a light loop is not counted: what is around it counts its time.
        """
        text, (first, end) = self.text, ends
        head, some, done = text.fresh("parts"), text.fresh("part"), text.fresh("whole")
        start, before = f"%p{text.fresh('x')}", text.label
        text.scopes.append(Scope(some))
        left = text.result(f"sub i64 {end}, {start}")
        is_long = text.result(f"icmp ugt i64 {left}, {part}")
        following = text.result(f"add i64 {start}, {part}")
        stop = text.result(f"select i1 {is_long}, i64 {following}, i64 {end}")
        yield start, stop
        if not polls.has_open(command):
            look = text.fresh("look")
            text.write(f"br i1 {is_long}, label %{look}, label %{done}, !prof !0")
            text.start_block(look)
        polls.count(part * polls.cost(command.body))
        scope = text.scopes.pop()
        text.scopes[-1].lines += [
            f"  br label %{head}",
            f"{head}:",
            f"  {start} = phi i64 [ {first}, %{before} ], [ {stop}, %{scope.label} ]",
            f"  {start}.more = icmp slt i64 {start}, {end}",
            f"  br i1 {start}.more, label %{some}, label %{done}",
            f"{some}:",
            *scope.lines,
            f"  br label %{head}",
        ]
        text.start_block(done)

    def trips(self, start: Register, stop: Register, step: Register) -> str:
        """Number of indices in a range; differences are taken without sign, so none overflows."""
        value = self.text.value
        up = value(f"icmp sgt i64 {step.text}, 0")
        low = value(f"select i1 {up}, i64 {start.text}, i64 {stop.text}")
        high = value(f"select i1 {up}, i64 {stop.text}, i64 {start.text}")
        negative = value(f"sub i64 0, {step.text}")
        size = value(f"select i1 {up}, i64 {step.text}, i64 {negative}")
        some = value(f"icmp slt i64 {low}, {high}")
        distance = value(f"sub i64 {high}, {low}")
        last = value(f"sub i64 {distance}, 1")
        whole = value(f"udiv i64 {last}, {size}")
        count = value(f"add i64 {whole}, 1")
        return value(f"select i1 {some}, i64 {count}, i64 0")

    def loop(self, command: While) -> None:
        """The condition's commands at the head, those of the body behind it."""
        text, polls = self.text, self.body.polls
        part = polls.part(command) if polls else 0
        head, label, done = (text.fresh(hint) for hint in ("while", "body", "after"))
        test = Scope(head)
        text.scopes.append(test)
        known = dict(self.body.symbols)
        self.body.commands(command.condition)
        holds = self.truth(command.flag)
        self.body.symbols.clear()
        self.body.symbols.update(known)
        text.scopes.pop()
        scope = self.inside(label, command.body, [])
        first, going_on = [f"  br label %{head}"], label
        if polls and part:
            count, going_on = f"%k{text.fresh('x')}", text.fresh("check")
            start = text.fresh("begin")
            first = self.look(polls, command, part, (count, start, going_on, head, label))
            entries = f"[ {part}, %{start} ], [ {count}.next, %{scope.label} ]"
            test.lines.insert(0, f"  {count} = phi i64 {entries}")
            scope.lines.append(f"  {count}.next = add i64 {count}, -1")
        text.scopes[-1].lines += [
            *first,
            f"{head}:",
            *test.lines,
            f"  br i1 {holds}, label %{going_on}, label %{done}",
            f"{label}:",
            *scope.lines,
            f"  br label %{head}",
        ]
        text.start_block(done)

    def look(
        self, polls: Polls, command: While, part: int, names: tuple[str, str, str, str, str]
    ) -> list[str]:
        """What looks for signals after some iterations, in front of the head of a loop.

        The count is compared behind the condition, in a block of its own: LLVM unrolls such a
        loop, and then compares it once for many iterations.
        """
        text = self.text
        count, start, check, head, label = names
        look = Scope(text.fresh("look"))
        text.scopes.append(look)
        first = look.label
        polls.count(part * (polls.cost(command.condition) + polls.cost(command.body)))
        text.scopes.pop()
        return [
            f"  br label %{start}",
            f"{first}:",
            *look.lines,
            f"  br label %{start}",
            f"{check}:",
            f"  {count}.more = icmp ne i64 {count}, 0",
            f"  br i1 {count}.more, label %{label}, label %{first}, !prof !1",
            f"{start}:",
            f"  br label %{head}",
        ]

    def branch(self, command: Branch) -> None:
        """Two lists of commands that meet again."""
        text = self.text
        holds = self.truth(command.flag)
        then, otherwise, done = (text.fresh(hint) for hint in ("then", "else", "after"))
        parts = (then, command.then), (otherwise, command.otherwise)
        scopes = [(label, self.inside(label, commands, [])) for label, commands in parts]
        text.write(f"br i1 {holds}, label %{then}, label %{otherwise}")
        for label, scope in scopes:
            text.scopes[-1].lines += [f"{label}:", *scope.lines, f"  br label %{done}"]
        text.start_block(done)

"""Which commands of a program can be replayed as one CUDA graph, and what stands between them.

Launches, in loops too whose bounds the host knows: a loop of the graph whose iterations depend on
each other becomes one graph of all its launches. What the host reads back, or asks of a library,
ends a stretch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TypeAlias

from jitflow.codegen.commands import (
    Branch,
    CallKernel,
    CallProduct,
    Check,
    Command,
    DefineSymbol,
    Pointer,
    Repeat,
    Turn,
    While,
)
from jitflow.core.dataclass import dataclass


@dataclass(eq=False)
class Together:
    """Commands that become launches of one graph."""

    commands: list[Command]


Step: TypeAlias = Command | Together


def grouped(commands: list[Command], read_back: Collection[str]) -> list[Step]:
    """Commands, those of a stretch together; `read_back`: symbols that memory depends on."""
    out: list[Step] = []
    stretch: list[Command] = []
    for command in commands:
        if _is_recordable(command, frozenset(), read_back):
            stretch.append(command)
        else:
            out += _closed(stretch)
            out.append(command)
            stretch = []
    return [*out, *_closed(stretch)]


def _closed(stretch: list[Command]) -> list[Step]:
    launches = sum(isinstance(command, CallKernel) for command in stretch)
    has_loop = any(isinstance(command, Repeat) for command in stretch)
    return [Together(stretch)] if launches > 1 or has_loop else list(stretch)


def _is_recordable(command: Command, slots: frozenset[str], read_back: Collection[str]) -> bool:
    """Whether it needs nothing but launches; `slots` hold the indices of the loops around it."""
    if isinstance(command, DefineSymbol):
        return command.pointer.storage in slots and command.name not in read_back
    if isinstance(command, Repeat):
        bounds = (command.start, command.stop, command.step)
        known = (not isinstance(bound, Pointer) or bound.storage in slots for bound in bounds)
        inside = slots | {command.slot.storage}
        return all(known) and all(_is_recordable(c, inside, read_back) for c in command.body)
    return isinstance(command, CallKernel | Turn)


_WORDS = {
    CallKernel: "single launches",
    CallProduct: "products of the library",
    While: "loops with a condition on the device",
    Branch: "branches on data of the device",
    Check: "checks",
    DefineSymbol: "sizes that the device finds",
    Repeat: "loops with such things in them, or bounds on the device",
}


def left_out(steps: list[Step]) -> str:
    """What is in no graph, counted; empty if all is."""
    found = Counter(_WORDS[type(step)] for step in steps if type(step) in _WORDS)
    return ", ".join(f"{count} {word}" for word, count in found.items())

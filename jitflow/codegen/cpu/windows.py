"""Windows: loads of elements that overlap from one iteration of a vector loop to the next.

A stencil reads ``a[i-1], a[i], a[i+1]`` in one row. Only the foremost of them is loaded; the others
are put together from it and from what the iteration before has loaded. A vector that starts
inside a cache line is two accesses, and most stencils are bound by those.
"""

from __future__ import annotations

from typing import TypeAlias

from jitflow.codegen.cpu.memory import Lanes, MemoryWriter
from jitflow.codegen.cpu.target import Target
from jitflow.codegen.cpu.text import FunctionText, Scope
from jitflow.codegen.cpu.values import Register, memory_type, shuffle_mask, vector_type
from jitflow.codegen.loop_ir import Load, Loop, Store, Where
from jitflow.core.dataclass import dataclass

SIZES = (4, 8)
"""Bytes of the elements for which a processor shifts pairs of vectors in one instruction."""

FARTHEST = 4
"""Elements between the foremost load of a window and the others."""


Phi: TypeAlias = tuple[str, str, str, str]
"""Name, type, first value and following value of what a loop carries."""


@dataclass(eq=False, repr=False)
class Window:
    """Loads of one row: the foremost one, and by how many elements the others are behind it.

    `before` and `now` are the vectors of the foremost load in the last iteration and in this one.
    """

    front: Load
    behind: dict[int, int]
    before: str = ""
    now: Register | None = None


def windows_of(loop: Loop, target: Target) -> list[Window]:
    """The windows of the loads in the body of a vector loop."""
    if target.vector_bits < 512 or any(isinstance(inside, (Loop, Where)) for inside in loop.body):
        return []
    stored = {inside.buffer for inside in loop.body if isinstance(inside, Store)}
    loads = [
        load
        for load in loop.body
        if isinstance(load, Load)
        and load.buffer not in stored
        and load.dtype.itemsize in SIZES
        and not load.dtype.is_complex
        and load.address.coefficient(loop.variable) == load.dtype.itemsize
        and not any(atom.startswith("%") for atom in load.address.atoms())
    ]
    found: list[Window] = []
    for front in _foremost_first(loads):
        if any(id(front) in window.behind for window in found):
            continue
        behind = {id(load): gap for load in loads if (gap := _gap(front, load)) is not None}
        if any(behind.values()):
            found.append(Window(front, behind))
    return found


def _foremost_first(loads: list[Load]) -> list[Load]:
    """Loads with nothing in front of them, then those that only such are in front of."""
    return sorted(loads, key=lambda load: sum(_gap(other, load) is not None for other in loads))


def _gap(front: Load, load: Load) -> int | None:
    """By how many elements `load` is behind `front` in the same row; None where it is not near."""
    if load.buffer != front.buffer or load.address.terms != front.address.terms:
        return None
    if load.dtype is not front.dtype:
        return None
    apart = front.address.constant - load.address.constant
    size = load.dtype.itemsize
    if not isinstance(apart, int) or apart % size or not 0 <= apart <= FARTHEST * size:
        return None
    return apart // size


class Windows:
    """The windows of a loop that is being written."""

    def __init__(self, text: FunctionText, memory: MemoryWriter, windows: list[Window]) -> None:
        self.text = text
        self.memory = memory
        self.windows = {number: window for window in windows for number in window.behind}
        self.all = windows

    def carry(self) -> None:
        """Name the vectors of the iteration before, in the scope of the loop."""
        for window in self.all:
            window.before, window.now = f"%{self.text.fresh('before')}", None

    def load(self, load: Load) -> Register:
        """The vector of a load."""
        window = self.windows[id(load)]
        if window.now is None:
            buffer = self.memory.buffers[window.front.buffer]
            window.now = self.memory.load(buffer, window.front.address, window.front.dtype)
        gap, lanes = window.behind[id(load)], window.now.lanes
        if not gap:
            return window.now
        type = vector_type(memory_type(load.dtype), lanes)
        mask = shuffle_mask(list(range(lanes - gap, 2 * lanes - gap)))
        shifted = self.text.value(
            f"shufflevector {type} {window.before}, {type} {window.now.text}, {mask}"
        )
        return Register(shifted, load.dtype, lanes, self.text.depth)

    def enter(self, label: str, head: str, lanes: int) -> tuple[list[Phi], list[str]]:
        """What the loop carries, and the block in front of it.

        The first value is what an iteration before the first would have loaded, of that only what
        is needed: it lies between elements that the program reads.
        """
        text = self.text
        scope = Scope(label)
        text.scopes.append(scope)
        self.memory.lanes = Lanes()
        carried = [self.carried(window, lanes) for window in self.all]
        text.scopes.pop()
        return carried, [f"{label}:", *scope.lines, f"  br label %{head}"]

    def carried(self, window: Window, lanes: int) -> Phi:
        """A window's vector of the iteration before."""
        front, first = window.front, "poison"
        element, size = memory_type(front.dtype), front.dtype.itemsize
        type, buffer = vector_type(element, lanes), self.memory.buffers[front.buffer]
        for gap in range(1, max(window.behind.values()) + 1):
            address = front.address + -gap * size
            loaded = self.memory.load(buffer, address, front.dtype).text
            place = f"i32 {lanes - gap}"
            first = self.text.result(f"insertelement {type} {first}, {element} {loaded}, {place}")
        assert window.now is not None
        return window.before, type, first, window.now.text

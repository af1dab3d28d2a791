"""Calls of NumPy's C loops over matrices from bodies.

A loop tells by a floating-point flag that there is no result, and it must not be set before: so the
flags are put aside, as for a call of Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.codegen.commands import CallLibrary
from jitflow.codegen.cpu import entry_helpers
from jitflow.codegen.cpu.entry_spec import INVALID
from jitflow.codegen.cpu.python_calls import CallWriter
from jitflow.core.dims import Dim

if TYPE_CHECKING:
    from jitflow.codegen.cpu.body import BodyWriter

_HELPERS = "jf.hold_flags", "jf.read_flags", "jf.resume_flags"


def write_library(body: BodyWriter, command: CallLibrary) -> None:
    """Write a call; the body is left where it finds no result."""
    entry_helpers.provide(_HELPERS)
    _LibraryWriter(body).library(command)


class _LibraryWriter(CallWriter):
    """Writes one call of a loop."""

    def library(self, command: CallLibrary) -> None:
        """The whole call."""
        text, function = self.text, command.function
        loop = function.loop(command.result.dtype)
        assert loop is not None, "a call is traced where there is its loop"
        symbol = loop.symbol
        text.names.externals[symbol] = loop.address
        text.declare(f"declare void @{symbol}(ptr, ptr, ptr, ptr)")
        arrays = (*command.operands, command.result)
        pointers = self.variable(len(arrays))
        for index, array in enumerate(arrays):
            at = self.offset(pointers, 8 * index)
            text.write(f"store ptr {self.body.pointer(array.pointer)}, ptr {at}")
        none: tuple[Dim, ...] = (0,) * len(arrays)  # from one stack of matrices to the next
        steps = self.words(sum((array.strides for array in arrays), none))
        extents = self.words((1, *command.extents))
        held = self.call("jf.hold_flags", "i32")
        text.write(f"call void @{symbol}(ptr {pointers}, ptr {extents}, ptr {steps}, ptr null)")
        flags = self.call("jf.read_flags", "i32", f"i32 {INVALID}") if function.fails else ""
        keeps = str(not function.fails).lower()
        self.call("jf.resume_flags", "void", f"i32 {held}", f"i1 {keeps}")
        if flags:
            self.leave_if(flags)

    def leave_if(self, flags: str) -> None:
        """Leave with a failed check where a flag is set."""
        self.body.checked = True
        failed, going_on = self.text.result(f"icmp ne i32 {flags}, 0"), self.text.fresh("found")
        self.text.write(f"br i1 {failed}, label %fail, label %{going_on}")
        self.text.start_block(going_on)

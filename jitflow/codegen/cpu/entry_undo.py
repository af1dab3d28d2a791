"""How an entry puts back what its body wrote before the handler of a signal raised.

The copies of written inputs that are made for floating-point warnings serve for that, too. Where
there is none, the body is not allowed to look for signals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from jitflow.codegen.cpu import object_layout as layout
from jitflow.codegen.cpu.entry_inputs import Inputs
from jitflow.codegen.cpu.entry_writer import Writer
from jitflow.codegen.interface import InputSpec

MEMCPY = "llvm.memcpy.p0.p0.i64"


class Undo:
    """What puts inputs back.

    Parameters
    ----------
    writer : Writer
    specs : sequence of InputSpec
        Of all inputs.
    written : tuple of int
        The inputs in question.
    inputs : Inputs
        All inputs, loaded.
    copies : mapping
        For the inputs that have a copy the array (NULL, or None where it is too large) and the
        memory ("" where there is none) that may have it.
    """

    def __init__(
        self,
        writer: Writer,
        specs: Sequence[InputSpec],
        written: tuple[int, ...],
        inputs: Inputs,
        copies: Mapping[int, tuple[str, str]],
    ) -> None:
        self._writer, self._specs, self._inputs = writer, specs, inputs
        self._written, self._copies = written, copies
        self._never = any(k not in copies or specs[k].layout == "strided" for k in written)

    def is_possible(self) -> str:
        """An i1: whether there is a copy of everything."""
        writer = self._writer
        if self._never:
            return "false"
        possible = ""
        for index in self._written:
            none = writer.constant(None)
            there = writer.assign(f"icmp ne ptr {self._copies[index][0]}, {none}", "c")
            possible = writer.both(possible, there)
        return possible or "true"

    def write(self) -> None:
        """Copy everything back."""
        for index in () if self._never else self._written:
            self._put_back(index)

    def _put_back(self, index: int) -> None:
        writer, spec = self._writer, self._specs[index]
        array, memory = self._copies[index]
        data = writer.load("ptr", self._inputs.loaded[index].value, layout.ARRAY_DATA)
        size = writer.dim(math.prod(spec.shape, start=spec.dtype.itemsize))
        on_stack, in_array, done = (writer.block("undo") for _ in range(3))
        is_small = writer.assign(f"icmp eq ptr {array}, null", "c")
        writer.branch(is_small, on_stack, in_array)
        writer.begin(on_stack)
        if memory:
            writer.call(MEMCPY, data, memory, size, "false")
        writer.jump(done)
        writer.begin(in_array)
        copy = writer.load("ptr", array, layout.ARRAY_DATA)
        writer.call(MEMCPY, data, copy, size, "false")
        writer.jump(done)
        writer.begin(done)

"""Writes the text of one LLVM function: scopes, fresh names, value numbering, declarations.

A scope is the body of a loop. An instruction without effect is written once for each scope chain
and may be put into an outer scope (`hoist`), in front of the loop that is being written there: the
text of a loop joins the outer scope only when the loop is closed.
"""

from __future__ import annotations

from typing import Any

from jitflow.codegen.cpu.values import Register, scalar_type, splat_text, vector_type
from jitflow.core.dtypes import I64, DType


class Scope:
    """Instructions of one loop body, what they compute, and the label of the block at the end."""

    def __init__(self, label: str) -> None:
        self.lines: list[str] = []
        self.known: dict[str, str] = {}
        self.label = label


class Names:
    """What all functions of a module share: declarations, constants, helper functions.

    `objects` are the Python objects that it refers to, by symbol; `metadata` has numbers from 2.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.declarations: dict[str, None] = {}
        self.helpers: dict[str, str] = {}
        self.externals: dict[str, int] = {}
        self.metadata: list[str] = []
        self.counter = 0

    def note(self, content: str) -> str:
        """The name of new metadata; `content` may say ``self``."""
        name = f"!{len(self.metadata) + 2}"
        self.metadata.append(f"{name} = distinct !{{{content.replace('self', name)}}}")
        return name


class FunctionText:
    """The instructions of a function as they are written."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.counter = 0
        self.scopes = [Scope("entry")]
        self.splats: dict[tuple[str, int], str] = {}

    @property
    def depth(self) -> int:
        """Depth of the innermost scope."""
        return len(self.scopes) - 1

    @property
    def label(self) -> str:
        """Label of the block that is being written."""
        return self.scopes[-1].label

    def fresh(self, hint: str = "") -> str:
        """A name that was not used in this function."""
        self.counter += 1
        return f"{hint}{self.counter}" if hint else f"v{self.counter}"

    def write(self, line: str) -> None:
        """Append an instruction that has an effect."""
        self.scopes[-1].lines.append("  " + line)

    def start_block(self, label: str) -> None:
        """Begin a basic block; the one before has ended with a branch."""
        self.scopes[-1].lines.append(f"{label}:")
        self.scopes[-1].label = label

    def value(self, instruction: str, hoist: int | None = None) -> str:
        """Name of the result of an instruction without effect, written if it is not there yet."""
        for scope in self.scopes:
            found = scope.known.get(instruction)
            if found is not None:
                return found
        scope = self.scopes[-1 if hoist is None else hoist]
        self.counter += 1
        name = f"%v{self.counter}"
        scope.lines.append(f"  {name} = {instruction}")
        scope.known[instruction] = name
        return name

    def result(self, instruction: str) -> str:
        """Name of the result of an instruction that must be written here (a load, a call)."""
        self.counter += 1
        name = f"%v{self.counter}"
        self.scopes[-1].lines.append(f"  {name} = {instruction}")
        return name

    def declare(self, declaration: str) -> None:
        """State that the module uses an external function."""
        self.names.declarations[declaration] = None

    def intrinsic(self, name: str, result: str, operands: list[tuple[str, str]]) -> str:
        """Text of a call of an LLVM intrinsic or external function; declares it."""
        types = ", ".join(type for type, _ in operands)
        self.declare(f"declare {result} @{name}({types})")
        arguments = ", ".join(f"{type} {value}" for type, value in operands)
        return f"call {result} @{name}({arguments})"

    # Scalars and vectors

    def spread(self, text: str, element: str, lanes: int, depth: int, literal: bool) -> str:
        """`text` in every lane; written where the scalar was defined, outside of the loops."""
        if lanes == 1:
            return text
        if literal:
            return splat_text(text, element, lanes)
        vector = vector_type(element, lanes)
        first = self.value(f"insertelement {vector} poison, {element} {text}, i32 0", depth)
        return self.value(
            f"shufflevector {vector} {first}, {vector} poison, <{lanes} x i32> zeroinitializer",
            depth,
        )

    def broadcast(self, register: Register, lanes: int) -> Register:
        """`register` with `lanes` lanes; it has that many or one."""
        if register.lanes == lanes:
            return register
        element = scalar_type(register.dtype)
        spread = [
            self.spread(part, element, lanes, register.depth, register.literal)
            for part in (register.text, register.imaginary)
            if part
        ]
        imaginary = spread[1] if register.imaginary else ""
        return Register(spread[0], register.dtype, lanes, register.depth, imaginary)

    # Scalar integers, for addresses and extents

    def integer(self, value: int) -> Register:
        """A constant i64."""
        return Register(str(value), I64, literal=True)

    def add(self, x: Register, y: Register) -> Register:
        """Sum of scalar i64, as far out as its operands allow."""
        if x.text == "0":
            return y
        if y.text == "0":
            return x
        if x.literal and y.literal:
            return self.integer(int(x.text) + int(y.text))
        return self._binary("add", x, y)

    def multiply(self, x: Register, y: Register) -> Register:
        """Product of scalar i64, as far out as its operands allow."""
        if x.text == "1":
            return y
        if y.text == "1":
            return x
        if x.literal and y.literal:
            return self.integer(int(x.text) * int(y.text))
        return self._binary("mul", x, y)

    def _binary(self, name: str, x: Register, y: Register) -> Register:
        depth = max(x.depth, y.depth)
        return Register(self.value(f"{name} i64 {x.text}, {y.text}", depth), I64, 1, depth)

    def real_type(self, dtype: DType, lanes: int) -> str:
        """LLVM type of a register (of one part, for complex)."""
        return vector_type(scalar_type(dtype), lanes)

"""Calls of BLAS in LLVM text: sizes, leading dimensions and scalars in the library's types."""

from __future__ import annotations

from jitflow.codegen.cpu.blas import PREFIXES, Blas
from jitflow.codegen.cpu.memory import MemoryWriter
from jitflow.codegen.cpu.text import FunctionText
from jitflow.codegen.cpu.values import Register, constant_text, scalar_type
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64, DType


class BlasWriter:
    """Writes calls for one dtype into one function."""

    def __init__(
        self, text: FunctionText, memory: MemoryWriter, library: Blas, dtype: DType
    ) -> None:
        self.text = text
        self.memory = memory
        self.library = library
        self.dtype = dtype
        self.letter = PREFIXES[dtype.name]
        self.size = dtype.itemsize

    def dim(self, dim: Dim) -> Register:
        return self.memory.dim(dim)

    def elements(self, stride: Dim) -> Register:
        """A byte stride in elements."""
        if isinstance(stride, int):
            return self.text.integer(stride // self.size)
        value = self.dim(stride)
        return Register(self.text.value(f"sdiv exact i64 {value.text}, {self.size}"), I64)

    def at_least(self, leading: Register, least: Register) -> Register:
        """BLAS refuses a leading dimension below the row length, or of 0."""
        if leading.literal and least.literal:
            return self.text.integer(max(int(leading.text), int(least.text), 1))
        text = self.text
        for bound in (least.text, "1"):
            larger = text.value(f"icmp sgt i64 {leading.text}, {bound}")
            leading = Register(
                text.value(f"select i1 {larger}, i64 {leading.text}, i64 {bound}"), I64
            )
        return leading

    def integer(self, value: Register) -> str:
        bits = self.library.integer_bits
        if bits == 64 or value.literal:
            return f"i{bits} {value.text}"
        return f"i{bits} {self.text.value(f'trunc i64 {value.text} to i{bits}')}"

    def scalar(self, value: int) -> str:
        dtype = self.dtype
        element = scalar_type(dtype)
        if not dtype.is_complex:
            return f"{element} {constant_text(value, dtype)}"
        name = f"complex_{dtype.name}_{value}"
        real, zero = constant_text(value, dtype.real), constant_text(0, dtype.real)
        self.text.names.helpers[name] = (
            f"@{name} = private constant [2 x {element}] [{element} {real}, {element} {zero}]"
        )
        return f"ptr @{name}"

    def write(self, name: str, arguments: list[str], returns: str = "void") -> str:
        """Call a function of the library; the name of what it returns."""
        self.text.declare(self.library.declaration(name))
        symbol = self.library.symbol(name)
        self.text.names.externals[symbol] = self.library.addresses[name]
        call = f"call {returns} @{symbol}({', '.join(arguments)})"
        if returns != "void":
            return self.text.result(call)
        self.text.write(call)
        return ""

"""The border of the GPU back end: kernels as Triton source, and the program that launches them.

The code generator makes a `GeneratedProgram` without importing Triton. The runtime compiles the
kernels, gives storages memory on the device, evaluates grids and symbols, and runs the commands,
which are those of `codegen.loop_ir`: the CPU's body function is written from the same list.

Storages: ``in0...`` and ``out0...`` are the segment's inputs and outputs, ``const0...`` constant
arrays, ``tmp0...`` temporaries; `FAILED` is one i32 of every program that checks. A symbol
``in0_stride1`` is the stride of an axis of a strided input, counted in *elements*; other symbols
are those of the segment's graph, or defined on the way by `DefineSymbol`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from jitflow.codegen.commands import Command
from jitflow.codegen.interface import InputSpec, OutputSpec
from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType

MOST_NARROW = 2**31 - 1
"""The largest number that a kernel with 32-bit indices may meet."""

ALIGNMENT = 16
"""Bytes to which pointers are aligned in the variant of a kernel that loads vectors."""

FAILED = "failed"
"""Storage of the i32 that a failed check sets; 0 when a program starts."""

_TYPES = {
    "bool": "u8", "f16": "fp16", "f32": "fp32", "f64": "fp64", "c64": "fp32", "c128": "fp64",
}  # fmt: skip


def triton_type(dtype: DType) -> str:
    """Triton's word for an element in memory; of a complex one, for its parts."""
    return _TYPES.get(dtype.name, dtype.name)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kernel.

    Attributes
    ----------
    kind : str
        ``"pointer"``; ``"scalar"``, a number passed by value (a rank-0 input of the segment: for
        bool one byte, never complex); ``"index"``, an integer that is 32 or 64 bits wide by the
        variant; ``"constexpr"``, a number in the kernel's code.
    dtype : DType, optional
        Of what a pointer points to, or of a scalar.
    dim : Dim
        Value of an index.
    value : int
        Value of a constexpr.
    """

    name: str
    kind: str
    dtype: DType | None = None
    dim: Dim = 0
    value: int = 0

    def type(self, wide: bool) -> str:
        """The type in a Triton signature."""
        if self.kind == "index":
            return "i64" if wide else "i32"
        if self.dtype is None:
            return "constexpr"
        word = triton_type(self.dtype)
        return word if self.kind == "scalar" else f"*{word}"


@dataclass(frozen=True)
class Blocks:
    """One axis of a grid: as many programs as blocks of `size` cover `extent`; none of 0."""

    extent: Dim
    size: int = 1

    def count(self, symbols: Mapping[str, int]) -> int:
        """Number of programs."""
        return -(-dims.evaluate(self.extent, symbols) // self.size)


@dataclass(frozen=True)
class Options:
    """What `triton.compile` is told: no contraction and no flush to zero unless fastmath."""

    num_warps: int = 4
    num_stages: int = 2
    fastmath: bool = False

    def as_dict(self) -> dict[str, int | bool]:
        """The options under Triton's names."""
        return {
            "num_warps": self.num_warps,
            "num_stages": self.num_stages,
            "enable_fp_fusion": self.fastmath,
            "enable_reflect_ftz": self.fastmath,
        }


WIDE = "WIDE"
"""The constexpr that every kernel ends with: 1 in the variant with 64-bit indices."""


@dataclass(eq=False, repr=False)
class GeneratedKernel:
    """One kernel.

    The parameters in order: what `CallKernel.pointers` names (pointers and scalars), the pointer
    `FAILED` if `checks`, indices, constexprs, of which the last is `WIDE`.

    Attributes
    ----------
    source : str
        A Python module with the function `name`; imports included.
    grid : tuple of Blocks
        One to three axes. Where one is empty nothing is launched.
    spans : tuple of tuples of Dim
        What bounds every index and element offset, each as the sum of the absolute values of some
        dimensions: up to `MOST_NARROW` they fit 32 bits.
    stores : tuple of int
        Positions of the pointers that it writes through.
    multiples : frozenset of str
        Indices that must be multiples of `ALIGNMENT` for neighbours to be loaded as vectors:
        strides, and the extent of the axis that is contiguous.
    loops : str
        The loop IR that it was made from, for the report.
    alternatives : callable, optional
        Gives kernels that may stand for it, which take the same pointers and numbers.
    """

    name: str
    source: str
    parameters: tuple[Parameter, ...]
    grid: tuple[Blocks, ...]
    options: Options = Options()
    spans: tuple[tuple[Dim, ...], ...] = ()
    checks: bool = False
    loops: str = ""
    stores: tuple[int, ...] = ()
    multiples: frozenset[str] = frozenset()
    alternatives: Callable[[], list[GeneratedKernel]] | None = None

    def is_wide(self, symbols: Mapping[str, int]) -> bool:
        """Whether these sizes need 64-bit indices."""
        return any(
            sum(abs(dims.evaluate(dim, symbols)) for dim in span) > MOST_NARROW
            for span in self.spans
        )

    def may_be_wide(self) -> bool:
        """Whether any sizes may need 64-bit indices."""
        unknown = any(dims.symbols_of(dim) for span in self.spans for dim in span)
        return unknown or self.is_wide({})

    def signature(self, wide: bool) -> dict[str, str]:
        """Parameter to type, for `ASTSource`."""
        return {parameter.name: parameter.type(wide) for parameter in self.parameters}

    def constexprs(self, wide: bool) -> dict[str, int]:
        """Constexpr to value, for `ASTSource`."""
        values = {p.name: p.value for p in self.parameters if p.kind == "constexpr"}
        return values | {WIDE: int(wide)}

    def divisible(self) -> Iterator[int]:
        """Positions of the parameters that the aligned variant takes for multiples of `ALIGNMENT`:
        addresses, and the integers in `multiples`.
        """
        for position, parameter in enumerate(self.parameters):
            if parameter.kind == "pointer" or parameter.name in self.multiples:
                yield position

    def common_bits(self, symbols: Mapping[str, int]) -> int:
        """The integers in `multiples`, joined by or: a multiple of `ALIGNMENT` if all are."""
        found = 0
        for parameter in self.parameters:
            if parameter.name in self.multiples:
                found |= dims.evaluate(parameter.dim, symbols)
        return found


@dataclass(frozen=True)
class Allocation:
    """A temporary: bytes at an offset of the arena, or memory of its own.

    `offset` is None where the size is symbolic: `first` and `last` are then the positions of the
    top-level commands that first and last use it; its size may need symbols that they define.
    """

    size: Dim
    offset: int | None = None
    first: int = 0
    last: int = 0


@dataclass(eq=False, repr=False)
class GeneratedProgram:
    """A segment for the GPU.

    Attributes
    ----------
    symbols : tuple of str
        Symbols of the graph that the caller gives, besides the strides of strided inputs.
    arena : int
        Bytes in which temporaries of static size share memory by lifetime.
    rings : tuple of str
        Storages whose address is a variable of the host, set by `Turn`.
    checks : bool
        Whether it may leave with a failed check; a `Check` command stands where it does.
    written : tuple of int
        Numbers of the inputs that it writes in place.
    """

    kernels: list[GeneratedKernel]
    commands: list[Command]
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    symbols: tuple[str, ...] = ()
    temporaries: dict[str, Allocation] = field(default_factory=dict)
    arena: int = 0
    rings: tuple[str, ...] = ()
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    checks: bool = False
    written: tuple[int, ...] = ()
    loops: str = ""

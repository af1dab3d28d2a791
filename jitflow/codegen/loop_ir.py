"""Loop IR: kernels as loop nests over buffers, shared by back ends; `commands` has what calls them.

A kernel is a tree of statements. Registers are written once and named ``%n``; addresses are byte
offsets, affine in loop variables and registers. An accumulator is begun, folded into inside loops,
and ended; how many lanes it has is the back end's choice. `str` of a kernel is its text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from jitflow.codegen.access import Affine
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.ops.record import Operator


@dataclass(eq=False, repr=False)
class Given:
    """A number that the caller of a kernel gives, in the place of a constant."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(eq=False, repr=False)
class Constant:
    """``result`` is a number known now; or `value` is one of the kernel's arguments."""

    result: str
    value: Any
    dtype: DType

    def __str__(self) -> str:
        return f"{self.result} = constant {self.dtype} {self.value}"


@dataclass(eq=False, repr=False)
class Position:
    """``result`` is the i64 value of an affine expression."""

    result: str
    address: Affine

    def __str__(self) -> str:
        return f"{self.result} = position {self.address}"


@dataclass(eq=False, repr=False)
class Load:
    """``result`` is the element of `buffer` at byte offset `address`."""

    result: str
    buffer: str
    address: Affine
    dtype: DType

    def __str__(self) -> str:
        return f"{self.result} = load {self.dtype} {self.buffer}[{self.address}]"


@dataclass(eq=False, repr=False)
class Compute:
    """``result`` is an operator's scalar body on registers; `is_scalar`: not of an array."""

    result: str
    operator: Operator
    operands: tuple[str, ...]
    attributes: Mapping[str, Any]
    dtype: DType
    is_scalar: bool = False

    def __str__(self) -> str:
        given = "".join(f" {k}={v}" for k, v in self.attributes.items())
        return f"{self.result} = {self.operator.name} {', '.join(self.operands)}{given}"


@dataclass(eq=False, repr=False)
class Lookup:
    """``result`` is an index that came from memory: negative ones wrap, others are checked.

    `of_array`: it is an element of an array of indices. `wraps`: others wrap as well, any number of
    times, as some devices have it for such elements.
    """

    result: str
    operand: str
    extent: Dim
    of_array: bool = False
    wraps: bool = False

    def __str__(self) -> str:
        how = " wrapped" if self.wraps else ""
        return f"{self.result} = lookup {self.operand} of {self.extent}{how}"


@dataclass(eq=False, repr=False)
class Require:
    """Leave with a failed check unless `operand` holds."""

    operand: str

    def __str__(self) -> str:
        return f"require {self.operand}"


@dataclass(eq=False, repr=False)
class Begin:
    """Start an accumulator with the operator's neutral element (a search: with nothing)."""

    accumulator: str
    operator: Operator
    dtype: DType

    def __str__(self) -> str:
        return f"begin {self.accumulator} = {self.operator.name} {self.dtype}"


@dataclass(eq=False, repr=False)
class Fold:
    """Combine `operand` into an accumulator; ``result``, if any, is the running value.

    A search also takes `position`, the index of the element along the folded axis. `any_order`: a
    product of matrices, which NumPy leaves to BLAS; other sums are in NumPy's order.
    """

    accumulator: str
    operand: str
    position: Affine | None = None
    result: str = ""
    any_order: bool = False

    def __str__(self) -> str:
        result = f"{self.result} = " if self.result else ""
        at = f" at {self.position}" if self.position is not None else ""
        order = " in any order" if self.any_order else ""
        return f"{result}fold {self.accumulator}, {self.operand}{at}{order}"


@dataclass(eq=False, repr=False)
class End:
    """``result`` is the value of an accumulator (of a search: the position found)."""

    result: str
    accumulator: str
    dtype: DType

    def __str__(self) -> str:
        return f"{self.result} = end {self.accumulator}"


@dataclass(eq=False, repr=False)
class Store:
    """Write `operand` to `buffer` at `address`; with an operator, combined with what is there.

    With a `condition`, a bool in a scalar loop, only where that holds: the address may be beyond
    the buffer elsewhere.
    """

    buffer: str
    address: Affine
    operand: str
    dtype: DType
    operator: Operator | None = None
    condition: str = ""

    def __str__(self) -> str:
        name = self.operator.name if self.operator else "store"
        rest = f" if {self.condition}" if self.condition else ""
        return f"{name} {self.dtype} {self.buffer}[{self.address}], {self.operand}{rest}"


@dataclass(eq=False, repr=False)
class Loop:
    """``for variable in 0..extent``; `kind` is ``serial`` or ``vector`` (iterations in any order,
    many at a time).

    `independent`: whether the iterations of a loop outside of folds may run in any order, or at
    once on several processors; what stands in the loop implies it. `multiple`: what the extent is a
    multiple of, where it is no number.
    """

    variable: str
    extent: Dim
    kind: str
    body: list[Statement]
    independent: bool = True
    multiple: int = 1

    def __str__(self) -> str:
        head = "vector for" if self.kind == "vector" else "for"
        by = f" by {self.multiple}" if self.multiple > 1 else ""
        return f"{head} {self.variable} in 0..{self.extent}{by}"


@dataclass(eq=False, repr=False)
class Where:
    """The body, with loops in it and no folds, for the iterations in which `mask` holds.

    It computes on what the others have nowhere: they leave no floating-point flag behind, fail no
    check and store nothing.
    """

    mask: str
    body: list[Statement]

    def __str__(self) -> str:
        return f"where {self.mask}"


Statement: TypeAlias = (
    Constant
    | Position
    | Load
    | Compute
    | Lookup
    | Require
    | Begin
    | Fold
    | End
    | Store
    | Loop
    | Where
)


@dataclass(eq=False, repr=False)
class Buffer:
    """A pointer argument of a kernel; `aligned`: to the size of its elements."""

    name: str
    dtype: DType
    aligned: bool = True

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}{'' if self.aligned else ' unaligned'}"


@dataclass(eq=False, repr=False)
class Kernel:
    """A function over buffers and integer symbols; `checks` if it may leave with a failed check.

    `guarded`: it runs under a condition, and nothing of it may be computed where that is false.
    `private`: buffers that hold what one iteration of the outer loops needs, and their bytes.
    `numbers`: arguments that stand for constants.
    """

    buffers: list[Buffer]
    symbols: list[str]
    body: list[Statement]
    checks: bool = False
    guarded: bool = False
    private: Mapping[str, Dim] = field(default_factory=dict)
    numbers: Mapping[str, DType] = field(default_factory=dict)

    @property
    def has_loops(self) -> bool:
        """Whether it is more than a sequence of instructions on single elements."""
        return any(isinstance(statement, Loop) for statement in walk(self.body))

    @property
    def may_be_speculated(self) -> bool:
        """Whether LLVM might move floating-point arithmetic in front of a branch to it."""
        return not self.has_loops and any(
            isinstance(item, Compute) and (item.dtype.kind in "fc" or item.operator.name == "cast")
            for item in walk(self.body)
        )

    def __str__(self) -> str:
        numbers = (f"{name}: {dtype}" for name, dtype in self.numbers.items())
        head = ", ".join([*map(str, self.buffers), *self.symbols, *numbers])
        word = "guarded kernel" if self.guarded else "kernel"
        return "\n".join([f"{word} ({head}) {{", *_lines(self.body, "  "), "}"])


def _lines(body: list[Statement], indent: str) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, (Loop, Where)):
            yield f"{indent}{statement} {{"
            yield from _lines(statement.body, indent + "  ")
            yield f"{indent}}}"
        else:
            yield f"{indent}{statement}"


def walk(body: list[Statement]) -> Iterator[Statement]:
    """Every statement, loops and masks before what is in them."""
    for statement in body:
        yield statement
        if isinstance(statement, (Loop, Where)):
            yield from walk(statement.body)

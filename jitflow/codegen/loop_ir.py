"""Loop IR: kernels as loop nests over buffers, and programs that call them; shared by back ends.

A kernel is a tree of statements. Registers are written once and named ``%n``; addresses are byte
offsets, affine in loop variables and registers. An accumulator is begun, folded into inside loops,
and ended; how many lanes it has is the back end's choice. `str` of a kernel is its text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from jitflow.codegen.access import Affine
from jitflow.codegen.interface import PythonCall
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.ops.record import Operator

if TYPE_CHECKING:
    from jitflow.ops.draws import CFunction


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
    """``result`` is an index that came from memory: negative ones wrap, others are checked."""

    result: str
    operand: str
    extent: Dim

    def __str__(self) -> str:
        return f"{self.result} = lookup {self.operand} of {self.extent}"


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


@dataclass(eq=False, repr=False)
class Pointer:
    """An address at run time: a storage and a byte offset."""

    storage: str
    offset: Dim = 0

    def __str__(self) -> str:
        return self.storage if self.offset == 0 else f"{self.storage} + {self.offset}"


@dataclass(eq=False, repr=False)
class CallKernel:
    """Run a kernel on these pointers; `work`: estimated nanoseconds."""

    kernel: int
    pointers: tuple[Pointer, ...]
    work: Dim = 0

    def __str__(self) -> str:
        return f"kernel{self.kernel}({', '.join(map(str, self.pointers))})"


@dataclass(eq=False, repr=False)
class Matrix:
    """An operand of a product: byte strides of rows and columns, and of the batch axes."""

    pointer: Pointer
    row: Dim
    column: Dim
    batch: tuple[Dim, ...] = ()

    def __str__(self) -> str:
        strides = ", ".join(map(str, (*self.batch, self.row, self.column)))
        return f"{self.pointer} [{strides}]"


@dataclass(eq=False, repr=False)
class CallProduct:
    """``result = left @ right`` for each index of the batch axes."""

    dtype: DType
    rows: Dim
    columns: Dim
    inner: Dim
    batch: tuple[Dim, ...]
    left: Matrix
    right: Matrix
    result: Matrix

    def __str__(self) -> str:
        size = "x".join(map(str, (*self.batch, self.rows, self.inner, self.columns)))
        return f"{self.result} = product {self.dtype} {size} {self.left}, {self.right}"


@dataclass(eq=False, repr=False)
class VectorProduct:
    """A product of a matrix, whose rows lie in memory one by one, with a vector.

    `is_down`: of the vector with each column, else with each row. `pitch`, `step` and `stride` are
    the byte strides of the rows, of the vector and of the result.
    """

    dtype: DType
    rows: int
    columns: int
    matrix: Pointer
    pitch: int
    vector: Pointer
    step: int
    result: Pointer
    stride: int
    is_down: bool

    def __str__(self) -> str:
        word = "columns" if self.is_down else "rows"
        return f"{self.result} [{self.stride}] = {self.vector} [{self.step}] by {word}"


@dataclass(eq=False, repr=False)
class CallShared:
    """Two products with one matrix, by blocks of its rows; the second may read the first's."""

    products: tuple[VectorProduct, VectorProduct]

    def __str__(self) -> str:
        one = self.products[0]
        size = f"{one.dtype} {one.rows}x{one.columns} {one.matrix} [{one.pitch}]"
        return f"products {size}: {', '.join(map(str, self.products))}"


@dataclass(eq=False, repr=False)
class Strided:
    """An array in memory; `strides` are in bytes."""

    pointer: Pointer
    dtype: DType
    shape: tuple[Dim, ...]
    strides: tuple[Dim, ...]

    @property
    def is_contiguous(self) -> bool:
        """Whether it lies in C order without gaps."""
        step: Dim = self.dtype.itemsize
        for extent, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if extent != 1 and stride != step:
                return False
            step = step * extent
        return True

    def __str__(self) -> str:
        return f"{self.pointer} {self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(eq=False, repr=False)
class CallPython:
    """``results = call(*operands)``, in Python."""

    call: PythonCall
    operands: tuple[Strided, ...]
    results: tuple[Strided, ...]

    def __str__(self) -> str:
        results, operands = (", ".join(map(str, part)) for part in (self.results, self.operands))
        name = getattr(self.call.function, "__name__", "python")
        return f"{results} = {name}({operands})"


@dataclass(eq=False, repr=False)
class CallDraw:
    """``result = function(bits, numbers)``: random numbers; the result lies in C order."""

    function: CFunction
    bits: Pointer
    numbers: tuple[Pointer, ...]
    count: Dim
    result: Pointer

    def __str__(self) -> str:
        numbers = ", ".join(map(str, (self.bits, *self.numbers)))
        return f"{self.result} [{self.count}] = {self.function.symbol}({numbers})"


@dataclass(eq=False, repr=False)
class DefineSymbol:
    """A symbol gets its value from an i64 in memory."""

    name: str
    pointer: Pointer

    def __str__(self) -> str:
        return f"{self.name} = {self.pointer}"


@dataclass(eq=False, repr=False)
class Check:
    """Leave with a failed check if a kernel has left a true i32 there.

    For back ends whose kernels run on when a check fails; others leave where it does.
    """

    pointer: Pointer

    def __str__(self) -> str:
        return f"check {self.pointer}"


@dataclass(eq=False, repr=False)
class Turn:
    """Storages get new addresses, all at once."""

    targets: tuple[str, ...]
    sources: tuple[Pointer, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.targets)} = {', '.join(map(str, self.sources))}"


Bound: TypeAlias = Dim | Pointer
"""A number that a loop begins or ends with: known before, or an i64 in memory."""


@dataclass(eq=False, repr=False)
class Repeat:
    """The body for each index of a range, which is put into `slot`; `kept` lives through it."""

    slot: Pointer
    start: Bound
    stop: Bound
    step: Bound
    body: list[Command]
    kept: tuple[Pointer, ...] = ()

    def __str__(self) -> str:
        return f"for {self.slot} in range({self.start}, {self.stop}, {self.step})"


@dataclass(eq=False, repr=False)
class While:
    """The body as long as the condition leaves a true byte in `flag`."""

    condition: list[Command]
    flag: Pointer
    body: list[Command]
    kept: tuple[Pointer, ...] = ()

    def __str__(self) -> str:
        return f"while {self.flag}"


@dataclass(eq=False, repr=False)
class Branch:
    """One of two lists of commands, by the byte in `flag`."""

    flag: Pointer
    then: list[Command]
    otherwise: list[Command]
    kept: tuple[Pointer, ...] = ()

    def __str__(self) -> str:
        return f"if {self.flag}"


Control: TypeAlias = Repeat | While | Branch
Call: TypeAlias = CallKernel | CallProduct | CallShared | CallPython | CallDraw
Command: TypeAlias = Call | DefineSymbol | Check | Turn | Control


def parts_of(command: Control) -> tuple[tuple[str, list[Command]], ...]:
    """The lists of commands inside of a loop or branch, each with a word for it."""
    if isinstance(command, Repeat):
        return (("", command.body),)
    if isinstance(command, While):
        return (("", command.condition), ("do", command.body))
    return (("", command.then), ("else", command.otherwise))


def every(commands: list[Command]) -> Iterator[Command]:
    """Commands, and those inside of loops and branches."""
    for command in commands:
        yield command
        if isinstance(command, (Repeat, While, Branch)):
            for _, inside in parts_of(command):
                yield from every(inside)


def _command_lines(commands: list[Command], indent: str) -> Iterator[str]:
    for command in commands:
        if not isinstance(command, (Repeat, While, Branch)):
            yield f"{indent}{command}"
            continue
        head = str(command)
        for word, inside in parts_of(command):
            yield f"{indent}{word or head} {{"
            yield from _command_lines(inside, indent + "  ")
            yield f"{indent}}}"


@dataclass(eq=False, repr=False)
class Program:
    """The whole of a segment: kernels (each once) and the commands that use them."""

    kernels: list[Kernel] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)

    @property
    def calls_python(self) -> bool:
        """Whether some command calls Python."""
        return any(isinstance(command, CallPython) for command in every(self.commands))

    @property
    def needs_gil(self) -> bool:
        """Whether some command calls Python, or changes one of its objects."""
        draws = (command for command in every(self.commands) if isinstance(command, CallDraw))
        return self.calls_python or any(draw.function.method for draw in draws)

    @property
    def has_scalar_loops(self) -> bool:
        """Whether some loop, or a branch outside of loops, does nothing but scalar arithmetic."""
        return any(
            self._has_scalar_loop(command) or self._is_scalar(command)
            for command in self.commands
            if isinstance(command, (Repeat, While, Branch))
        )

    def _has_scalar_loop(self, command: Command) -> bool:
        """Whether a loop in `command` is scalar, or it is one."""
        if not isinstance(command, (Repeat, While, Branch)):
            return False
        if not isinstance(command, Branch) and self._is_scalar(command):
            return True
        return any(self._has_scalar_loop(c) for _, commands in parts_of(command) for c in commands)

    def _is_scalar(self, command: Command) -> bool:
        """Whether `command` computes single elements alone."""
        if isinstance(command, (Repeat, While, Branch)):
            return all(self._is_scalar(c) for _, commands in parts_of(command) for c in commands)
        if isinstance(command, CallKernel):
            return not self.kernels[command.kernel].has_loops
        return not isinstance(command, (CallProduct, CallShared))

    def __str__(self) -> str:
        parts = [f"#{number} {kernel}" for number, kernel in enumerate(self.kernels)]
        return "\n".join([*parts, *_command_lines(self.commands, ""), ""])

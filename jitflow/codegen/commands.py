"""Programs over kernels of the loop IR: what a segment does, in order; shared by back ends.

A command calls a kernel, a product of matrices, Python or a draw, or repeats and chooses among
others. `str` of a program is its text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from jitflow.codegen.interface import PythonCall
from jitflow.codegen.loop_ir import Kernel
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType

if TYPE_CHECKING:
    from jitflow.ops.draws import CFunction
    from jitflow.ops.linalg import LibraryFunction


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
class CallLibrary:
    """``result = function(*operands)`` of matrices, where they lie."""

    function: LibraryFunction
    extents: tuple[Dim, ...]
    operands: tuple[Strided, ...]
    result: Strided

    def __str__(self) -> str:
        return f"{self.result} = {self.function.name}({', '.join(map(str, self.operands))})"


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
    """The body for each index of a range, which is put into `slot`; `kept` lives through it.

    `independent`: the iterations may run at once. `work`: estimated nanoseconds of all of them.
    `sums`: where the integers lie to which independent iterations add. `before` and `after` run
    around iterations, where there are any: around all of them, or each part of them.
    """

    slot: Pointer
    start: Bound
    stop: Bound
    step: Bound
    body: list[Command]
    kept: tuple[Pointer, ...] = ()
    independent: bool = False
    work: Dim = 0
    sums: tuple[str, ...] = ()
    before: list[Command] = field(default_factory=list)
    after: list[Command] = field(default_factory=list)

    def __str__(self) -> str:
        return f"for {self.slot} in range({self.start}, {self.stop}, {self.step})"


@dataclass(eq=False, repr=False)
class While:
    """The body as long as the condition leaves a true byte in `flag`.

    `most`: iterations that it has at most, where that is known, else 0.
    """

    condition: list[Command]
    flag: Pointer
    body: list[Command]
    kept: tuple[Pointer, ...] = ()
    most: int = 0

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
Call: TypeAlias = CallKernel | CallProduct | CallShared | CallPython | CallDraw | CallLibrary
Command: TypeAlias = Call | DefineSymbol | Check | Turn | Control


def parts_of(command: Control) -> tuple[tuple[str, list[Command]], ...]:
    """The lists of commands inside of a loop or branch, each with a word for it."""
    if isinstance(command, Repeat):
        around = ("before", command.before), ("after", command.after)
        before, after = (((word, inside),) if inside else () for word, inside in around)
        return (*before, ("", command.body), *after)
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
        return not isinstance(command, (CallProduct, CallShared, CallLibrary))

    def __str__(self) -> str:
        parts = [f"#{number} {kernel}" for number, kernel in enumerate(self.kernels)]
        return "\n".join([*parts, *_command_lines(self.commands, ""), ""])

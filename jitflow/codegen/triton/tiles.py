"""What one kernel makes of a matrix product and of the kernels around it.

A tile's operands lie in memory, or are made by a kernel that is written into the loop over the
inner axis; what is done to the result is written behind it. Kernels meet a product by addresses:
the loops of a kernel that go through a matrix are axes of the product.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from jitflow.codegen.access import Affine, variable
from jitflow.codegen.commands import CallProduct, Matrix, Pointer
from jitflow.codegen.loop_ir import (
    Begin,
    Buffer,
    Compute,
    Kernel,
    Load,
    Lookup,
    Loop,
    Require,
    Statement,
    Store,
    walk,
)
from jitflow.codegen.streaming import Streamed
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import F32, DType
from jitflow.ops.record import operator

ROWS, COLUMNS, INNER, DEEP = "i", "j", "k", "h"
"""Axes of a product; the last is the inner axis of a product that makes an operand."""

BATCH = "b"
RESULT = "result"
"""The parameter for the result of a product that nothing else is done to."""


@dataclass(eq=False, repr=False)
class Part:
    """A kernel as a part of another, under names of its own.

    Attributes
    ----------
    buffer : str
        The one that is no longer stored, or loaded: what the kernel has in common with the product.
    atoms : dict
        Loop variable to its value in axes of the product.
    narrow : str
        Of one that makes an operand: the register with its value of 16 bits before it is widened.
    stream : Streamed or None
        Of one that makes rows block by block.
    """

    kernel: Kernel
    pointers: tuple[Pointer, ...]
    buffer: str
    atoms: dict[str, Affine]
    narrow: str = ""
    stream: Streamed | None = None

    @property
    def narrow_dtype(self) -> DType | None:
        """The dtype of the register `narrow`."""
        made = (i for i in walk(self.kernel.body) if isinstance(i, Compute | Load))
        return next((item.dtype for item in made if item.result == self.narrow), None)

    def arguments(self, *without: str) -> Iterator[tuple[Buffer, Pointer]]:
        """Buffers that stay parameters, and what is passed."""
        for buffer, pointer in zip(self.kernel.buffers, self.pointers, strict=True):
            if buffer.name not in (self.buffer, *without):
                yield buffer, pointer

    def written(self) -> Iterator[str]:
        """Storages that it still writes."""
        stored = {item.buffer for item in walk(self.kernel.body) if isinstance(item, Store)}
        for buffer, pointer in self.arguments():
            if buffer.name in stored:
                yield pointer.storage


@dataclass(eq=False, repr=False)
class Source:
    """An operand of a product: in memory, or what `part` makes of elements, or of `product`.

    Attributes
    ----------
    name : str
        Of its parameter.
    dtype : DType
        Of the product.
    product : Tile or None
        What makes the elements that `part` reads from `read`.
    """

    name: str
    matrix: Matrix
    dtype: DType
    part: Part | None = None
    product: Tile | None = None
    read: str = ""

    def arguments(self) -> Iterator[tuple[Buffer, Pointer]]:
        """What the kernel takes for it."""
        if self.product is not None:
            yield from self.product.operands()
        yield from self.own_arguments()

    def own_arguments(self) -> Iterator[tuple[Buffer, Pointer]]:
        """What it takes besides the operands of `product`."""
        if self.part is None:
            yield Buffer(self.name, self.dtype), self.matrix.pointer
        else:
            yield from self.part.arguments(self.read)

    @property
    def narrow(self) -> DType | None:
        """What all elements are numbers of, before they are widened."""
        return None if self.part is None else self.part.narrow_dtype


@dataclass(eq=False, repr=False)
class Tile:
    """A product whose operands and whose result are what the parts make of them."""

    product: CallProduct
    left: Source
    right: Source
    after: Part | None = None

    @property
    def dtype(self) -> DType:
        """Of the operands when they are multiplied."""
        narrow = self.left.narrow
        is_narrow = narrow is self.right.narrow and self.product.dtype is F32
        return narrow if is_narrow and narrow is not None else self.product.dtype

    @property
    def is_streamed(self) -> bool:
        """Whether the left operand is what a row kernel makes of another product."""
        return self.left.product is not None

    def sources(self) -> Iterator[Source]:
        """Every operand."""
        for source in (self.left, self.right):
            yield source
            if source.product is not None:
                yield from source.product.sources()

    def parts(self) -> Iterator[Part]:
        """Every kernel that is a part."""
        for source in self.sources():
            if source.part is not None:
                yield source.part
        if self.after is not None:
            yield self.after

    def products(self) -> Iterator[CallProduct]:
        """Every product."""
        yield self.product
        for source in (self.left, self.right):
            if source.product is not None:
                yield from source.product.products()

    def operands(self) -> Iterator[tuple[Buffer, Pointer]]:
        """What the kernel takes for the operands."""
        for source in (self.left, self.right):
            yield from source.arguments()

    def arguments(self) -> Iterator[tuple[Buffer, Pointer]]:
        """Parameters and what is passed, in order."""
        yield from self.operands()
        if self.after is not None:
            yield from self.after.arguments()
        else:
            yield Buffer(RESULT, self.product.dtype), self.product.result.pointer

    def kernel(self) -> Kernel:
        """All parts as one kernel without loops of its own."""
        body: list[Statement] = []
        symbols: dict[str, None] = {}
        for part in self.parts():
            body += part.kernel.body
            symbols |= dict.fromkeys(part.kernel.symbols)
        return Kernel([buffer for buffer, _ in self.arguments()], list(symbols), body)


def transposed(product: CallProduct) -> CallProduct:
    """The same product as ``result.T = right.T @ left.T``."""
    left, right, result = (
        replace(matrix, row=matrix.column, column=matrix.row)
        for matrix in (product.left, product.right, product.result)
    )
    return replace(
        product, rows=product.columns, columns=product.rows, left=right, right=left, result=result
    )


# Axes


def extents(product: CallProduct) -> dict[str, Dim]:
    """Axis of a product to its extent."""
    batch = {f"{BATCH}{k}": extent for k, extent in enumerate(product.batch)}
    return {**batch, ROWS: product.rows, COLUMNS: product.columns, INNER: product.inner}


def steps(matrix: Matrix, rows: str, columns: str) -> dict[str, Dim]:
    """Axis to the bytes that a matrix moves along it."""
    batch = {f"{BATCH}{k}": step for k, step in enumerate(matrix.batch)}
    return {**batch, rows: matrix.row, columns: matrix.column}


def offset(matrix: Matrix, rows: str, columns: str, along: Mapping[str, Dim]) -> Affine:
    """Byte offset of an element, without axes of one element."""
    moves = steps(matrix, rows, columns).items()
    kept = sorted((axis, step) for axis, step in moves if step != 0 and along[axis] != 1)
    return Affine(0, tuple(kept))


def bind(address: Affine, loops: Iterable[tuple[str, Dim]], axes: Affine, along: Mapping[str, Dim]
) -> dict[str, Affine] | None:  # fmt: skip
    """Which axes each loop runs along, if the loops go through a matrix element by element.

    `address` is the kernel's in its loops, `axes` the matrix's in its axes.
    """
    left = dict(axes.terms)
    atoms: dict[str, Affine] = {}
    if address.constant != 0 or set(address.atoms()) - {name for name, _ in loops}:
        return None
    for name, extent in loops:
        step = address.coefficient(name)
        value, total = Affine(0), 1
        while total != extent:
            axis = next((a for a, s in left.items() if s == step * total), None)
            if axis is None:
                return None
            del left[axis]
            value += variable(axis).scaled(total)
            total = total * along[axis]  # type: ignore[assignment]
        atoms[name] = value
    return None if left else atoms


# Kernels


def loops_of(kernel: Kernel) -> list[tuple[str, Dim]]:
    """Every loop of a kernel once."""
    found = {item.variable: item.extent for item in walk(kernel.body) if isinstance(item, Loop)}
    return list(found.items())


def is_pointwise(kernel: Kernel) -> bool:
    """Whether elements of a kernel have nothing to do with each other."""
    no = (Begin, Lookup, Require)
    loops = [item for item in walk(kernel.body) if isinstance(item, Loop)]
    return (
        not kernel.checks
        and all(loop.independent for loop in loops)
        and not any(isinstance(item, no) for item in walk(kernel.body))
        and not any(isinstance(item, Store) and item.operator for item in walk(kernel.body))
    )


def stores_in(kernel: Kernel) -> list[Store]:
    """Stores of a kernel."""
    return [item for item in walk(kernel.body) if isinstance(item, Store)]


def loads_from(kernel: Kernel, buffer: str) -> list[Load]:
    """Loads of a kernel from one buffer."""
    return [i for i in walk(kernel.body) if isinstance(i, Load) and i.buffer == buffer]


def work_of(kernel: Kernel) -> int:
    """What one element costs."""
    computed = {i.result: i.operator.cost for i in walk(kernel.body) if isinstance(i, Compute)}
    return sum(computed.values())


def narrow_of(kernel: Kernel, store: Store) -> str:
    """The register with the number of 16 bits that a store of f32 writes, if it is one."""
    cast = operator("cast")
    found = {i.result: i for i in walk(kernel.body) if isinstance(i, (Compute, Load))}
    stored = found.get(store.operand)
    if store.dtype is not F32 or not isinstance(stored, Compute) or stored.operator is not cast:
        return ""
    before = found.get(stored.operands[0])
    return stored.operands[0] if before is not None and before.dtype.is_half else ""

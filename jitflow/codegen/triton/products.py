"""Matrix products fused with what is done to their elements: one kernel, nothing stored between.

A program makes one tile of the result, in f32 registers, and runs the statements of the kernel
that would have read it. Plain products are left to the vendor's library; so are those whose long
inner sums it makes faster, by more than storing and reading the result again costs.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitflow.codegen.access import Affine
from jitflow.codegen.commands import CallKernel, CallProduct, Matrix, Pointer
from jitflow.codegen.loop_ir import Begin, Buffer, Kernel, Load, Store, walk
from jitflow.codegen.triton.addresses import INDEX, dim_text
from jitflow.codegen.triton.frame import Blocks as BlockSizes
from jitflow.codegen.triton.frame import Frame, frame_of
from jitflow.codegen.triton.interface import Blocks, GeneratedKernel, Options
from jitflow.codegen.triton.kernel import KernelWriter
from jitflow.codegen.triton.phases import Phase
from jitflow.codegen.triton.values import TYPES, Value
from jitflow.core import dims
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.core.dtypes import F16, F32, I64

LONGEST_EXACT = 256
"""Inner extent up to which an f32 product is made without the tensor cores."""

MOST_BATCHES = 65535
GROUP = 8
"""Rows of tiles that neighbouring programs share, so that what they read stays in the cache."""

LEFT, RIGHT = "left", "right"


@dataclass(eq=False, repr=False)
class Fused:
    """A product and the kernel that reads its result.

    Attributes
    ----------
    buffer : str
        The kernel's buffer that is the result; it is no longer stored.
    atoms : dict
        Loop variable of the kernel to its value in terms of ``i``, ``j`` and batch axes.
    """

    product: CallProduct
    kernel: Kernel
    pointers: tuple[Pointer, ...]
    buffer: str
    atoms: dict[str, Affine]

    @property
    def arguments(self) -> tuple[Pointer, ...]:
        """The operands, and what the kernel reads and writes besides."""
        names = [buffer.name for buffer in self.kernel.buffers]
        rest = zip(names, self.pointers, strict=True)
        operands = (self.product.left.pointer, self.product.right.pointer)
        return (*operands, *(pointer for name, pointer in rest if name != self.buffer))


def is_worth_fusing(product: CallProduct, fastmath: bool) -> bool:
    """Whether a tile of our own is about as fast as the library's."""
    if product.dtype is F16 or (product.dtype is F32 and fastmath):
        return True
    inner = product.inner
    return product.dtype is F32 and isinstance(inner, int) and inner <= LONGEST_EXACT


def fuse(product: CallProduct, call: CallKernel, kernel: Kernel, fastmath: bool) -> Fused | None:
    """The two as one kernel, if the second reads each element of the result where it is made."""
    result = product.result.pointer
    batches = dims.product(product.batch)
    if not is_worth_fusing(product, fastmath) or isinstance(batches, SymbolicDim):
        return None
    found = [k for k, pointer in enumerate(call.pointers) if pointer.storage == result.storage]
    if len(found) != 1 or call.pointers[found[0]].offset != result.offset:
        return None
    if batches > MOST_BATCHES or not _is_plain(product, call, kernel):
        return None
    buffer = kernel.buffers[found[0]].name
    loads = [item for item in walk(kernel.body) if isinstance(item, Load) and item.buffer == buffer]
    stores = [item.buffer for item in walk(kernel.body) if isinstance(item, Store)]
    frame = frame_of(kernel)
    if not loads or buffer in stores or any(item.address != loads[0].address for item in loads):
        return None
    atoms = _atoms(product, loads[0].address, frame)
    if atoms is None:
        return None
    return Fused(product, kernel, call.pointers, buffer, atoms)


def _is_plain(product: CallProduct, call: CallKernel, kernel: Kernel) -> bool:
    """Whether a kernel is element-wise, and writes nothing that the product reads."""
    if any(isinstance(item, Begin) for item in walk(kernel.body)) or frame_of(kernel).serial:
        return False
    written = {item.buffer for item in walk(kernel.body) if isinstance(item, Store)}
    storages = {
        pointer.storage
        for buffer, pointer in zip(kernel.buffers, call.pointers, strict=True)
        if buffer.name in written
    }
    return not storages & {product.left.pointer.storage, product.right.pointer.storage}


def _atoms(product: CallProduct, address: Affine, frame: Frame) -> dict[str, Affine] | None:
    """Which loop of a kernel runs along which axis of the result; None where that is not clear."""
    size = product.dtype.itemsize
    axes: list[tuple[str, Dim, Dim]] = [
        *((f"b{k}", extent, step) for k, (extent, step) in
          enumerate(zip(product.batch, product.result.batch, strict=True))),
        ("i", product.rows, product.result.row),
        ("j", product.columns, product.result.column),
    ]  # fmt: skip
    axes = [axis for axis in axes if axis[1] != 1]
    atoms: dict[str, Affine] = {}
    if address.constant != 0 or product.result.column != size:
        return None
    for variable, extent in reversed(frame.outer):
        step = address.coefficient(variable)
        if not axes or axes[-1][2] != step:
            return None
        value = Affine(0)
        total: Dim = 1
        while axes and total != extent:
            name, length, at = axes[-1]
            if at != step * total:
                return None
            value += Affine(0, ((name, total),))
            total = total * length
            axes.pop()
        if total != extent:
            return None
        atoms[variable] = value
    return None if axes else atoms


class ProductWriter(KernelWriter):
    """Writes the kernel of a product and of what is done to its elements.

    The axis ``x`` is that of the rows of a tile, ``r`` that of its columns.
    """

    def __init__(self, fused: Fused, scalars: frozenset[str], fastmath: bool) -> None:
        self.fused, self.product = fused, fused.product
        self.rows, self.columns, self.inner = tile_of(self.product)
        kernel = fused.kernel
        operands = [Buffer(name, self.product.dtype) for name in (LEFT, RIGHT)]
        buffers = [buffer for buffer in kernel.buffers if buffer.name != fused.buffer]
        symbols = dict.fromkeys(kernel.symbols) | dict.fromkeys(self.symbols())
        changed = replace(kernel, buffers=[*operands, *buffers], symbols=list(symbols))
        frame = frame_of(changed)
        warps = 8 if self.rows * self.columns >= 128 * 128 else 4
        blocks = BlockSizes(self.rows, self.columns, warps=warps)
        super().__init__(changed, scalars, fastmath, frame, blocks, Phase(0, 1, True))

    def symbols(self) -> Iterator[str]:
        """Symbols of the product."""
        product = self.product
        found: list[Dim] = [product.rows, product.columns, product.inner]
        for matrix in (product.left, product.right):
            found += [matrix.row, matrix.column, *matrix.batch]
        for dim in found:
            yield from sorted(dims.symbols_of(dim))

    def words(self) -> list[str]:
        return ["product", *super().words()][:4]

    def options(self) -> Options:
        return Options(self.blocks.warps, 3, self.fastmath)

    def grid(self) -> tuple[Blocks, ...]:
        product = self.product
        rows, columns = Blocks(product.rows, self.rows), Blocks(product.columns, self.columns)
        batches = dims.product(product.batch)
        return (rows, columns) if batches == 1 else (rows, columns, Blocks(batches))

    # The tile

    def begin_axes(self) -> None:
        """The place of the tile, its elements, and the loops of the kernel along them."""
        indices, product = self.indices, self.product
        indices.shapes = {"x": f"[{self.rows}, 1]", "r": f"[1, {self.columns}]"}
        across, down = self.place()
        for axis, name, atom, size, extent, along in (
            ("x", across, "i", self.rows, product.rows, "[:, None]"),
            ("r", down, "j", self.columns, product.columns, "[None, :]"),
        ):
            text = self.text.value(f"{name} * {size} + tl.arange(0, {size}){along}")
            self.bind(atom, text, axis, extent)
            self.limit(axis, text, extent, size)
        self.batches()
        tile = self.tile()
        for variable, value in self.fused.atoms.items():
            indices.atoms[variable] = indices.affine(value)
            indices.extents[variable] = dict(self.frame.outer)[variable]
        self.result = self.e.cast(tile, product.dtype)

    def bind(self, atom: str, text: str, axis: str, extent: Dim) -> None:
        """Give a loop of the product its value."""
        self.indices.atoms[atom] = Value(text, I64, frozenset((axis,)) if axis else frozenset())
        self.indices.extents[atom] = extent

    def limit(self, axis: str, text: str, extent: Dim, size: int) -> None:
        """Mask an axis, where its last block is not full."""
        if not isinstance(extent, int) or extent % size or not extent:
            self.indices.masks[axis] = self.text.value(f"{text} < {dim_text(extent)}")

    def place(self) -> tuple[str, str]:
        """Numbers of the tile: programs that follow each other take a few rows of tiles."""
        value = self.text.value
        rows, columns = value("tl.num_programs(0)"), value("tl.num_programs(1)")
        number = value(f"tl.program_id(0) + tl.program_id(1) * {rows}")
        width = value(f"{GROUP} * {columns}")
        first = value(f"{number} // {width} * {GROUP}")
        height = value(f"tl.minimum({rows} - {first}, {GROUP})")
        inside = value(f"{number} % {width}")
        across = value(f"({first} + {inside} % {height}).to({INDEX})")
        return across, value(f"({inside} // {height}).to({INDEX})")

    def batches(self) -> None:
        """Indices of the batch axes."""
        loops = [(f"b{k}", extent) for k, extent in enumerate(self.product.batch)]
        for name, extent in loops:
            self.bind(name, "0", "", extent)
        long = [(name, extent) for name, extent in loops if extent != 1]
        if long:
            number = self.text.value(f"tl.program_id(2).to({INDEX})")
            self.indices.split(number, long, "")

    def tile(self) -> Value:
        """The elements of the tile of the product."""
        product, size = self.product, self.inner
        dtype = F32 if product.dtype is F16 else product.dtype
        total = self.text.fresh("acc")
        shape = f"[{self.rows}, {self.columns}]"
        self.text.write(f"{total} = tl.zeros({shape}, {TYPES[dtype.name]})")
        start = self.text.fresh("start")
        self.text.write(f"for {start} in range(0, {dim_text(product.inner)}, {size}):")
        precision = "tf32" if self.fastmath else "ieee"
        with self.text.scope():
            left = self.operand(LEFT, product.left, "i", start, "[None, :]")
            right = self.operand(RIGHT, product.right, "j", start, "[:, None]")
            dot = f'tl.dot({left}, {right}, {total}, input_precision="{precision}")'
            self.text.write(f"{total} = {dot}")
        return Value(total, dtype, frozenset("xr"))

    def operand(self, name: str, matrix: Matrix, atom: str, start: str, along: str) -> str:
        """A block of an operand, zero beyond the ends."""
        positions = f"{start} + tl.arange(0, {self.inner}){along}.to({INDEX})"
        text = self.text.value(positions)
        self.bind("k", text, "k", self.product.inner)
        self.limit("k", text, self.product.inner, self.inner)
        pair = (matrix.row, matrix.column) if name == LEFT else (matrix.column, matrix.row)
        batch = ((f"b{k}", step) for k, step in enumerate(matrix.batch))
        terms = [*batch, (atom, pair[0]), ("k", pair[1])]
        kept = tuple(sorted((atom, step) for atom, step in terms if step != 0))
        offset = self.indices.affine(Affine(0, kept), self.product.dtype.itemsize)
        axis = "x" if atom == "i" else "r"
        mask = self.indices.mask(frozenset((axis, "k")))
        self.indices.masks.pop("k", None)
        masked = f", mask={mask}, other=0.0" if mask else ""
        return self.text.value(f"tl.load({name} + {offset.text}{masked})")

    # The kernel

    def load(self, statement: Load) -> None:
        if statement.buffer == self.fused.buffer:
            self.registers[statement.result] = self.result
        else:
            super().load(statement)

    def spans(self) -> Iterator[tuple[Dim, ...]]:
        product = self.product
        yield product.rows, self.rows
        yield product.columns, self.columns
        yield product.inner, self.inner
        yield from self.indices.spans

    def multiples(self) -> frozenset[str]:
        symbols = frozenset(f"n_{name}" for name in self.symbols())
        return super().multiples() | symbols


def tile_of(product: CallProduct) -> tuple[int, int, int]:
    """Rows and columns of a tile, and how much of the inner axis is read at a time."""
    side, inner = (128, 64) if product.dtype is F16 else (64, 32)
    return _size(product.rows, side), _size(product.columns, side), _size(product.inner, inner)


def _size(extent: Dim, most: int) -> int:
    """A power of two: at least 16, as the tensor cores have it."""
    if isinstance(extent, SymbolicDim):
        return most
    return max(16, min(most, 1 << max(0, extent - 1).bit_length()))


def generate_product(fused: Fused, scalars: frozenset[str], fastmath: bool) -> GeneratedKernel:
    """Triton source of a product and what is done to its elements."""
    return ProductWriter(fused, scalars, fastmath).run()

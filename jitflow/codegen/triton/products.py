"""Matrix products fused with what makes their operands and what is done to their elements.

A program makes one tile of the result, in f32 registers, and runs the statements of the kernel
that would have read it. Blocks of operands are loaded, or computed from what is loaded. Plain
products are left to the vendor's library; so are those whose long inner sums it makes faster, by
more than storing and reading the result again costs (`joining`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jitflow.codegen.access import Affine
from jitflow.codegen.loop_ir import Load, Loop, Statement, Store, walk
from jitflow.codegen.triton import tiles
from jitflow.codegen.triton.addresses import INDEX, dim_text
from jitflow.codegen.triton.frame import Blocks as BlockSizes
from jitflow.codegen.triton.frame import Frame
from jitflow.codegen.triton.interface import Blocks, Options
from jitflow.codegen.triton.kernel import KernelWriter
from jitflow.codegen.triton.phases import Phase
from jitflow.codegen.triton.tile_sizes import H, K, R, TileSizes, X
from jitflow.codegen.triton.tiles import (
    BATCH,
    COLUMNS,
    INNER,
    RESULT,
    ROWS,
    Part,
    Source,
    Tile,
)
from jitflow.codegen.triton.values import TYPES, Value
from jitflow.core import dims
from jitflow.core.dataclass import replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import F32, F64, I64, DType

GROUP = 8
"""Rows of tiles that neighbouring programs share, so that what they read stays in the cache."""

DOWN, ALONG = "[:, None]", "[None, :]"


class ProductWriter(KernelWriter):
    """Writes the kernel of a tile.

    The axis ``x`` is that of the rows of a tile, ``r`` that of its columns, ``k`` the inner one.
    """

    def __init__(
        self, tile: Tile, scalars: frozenset[str], fastmath: bool, sizes: TileSizes
    ) -> None:
        self.tile, self.product, self.sizes = tile, tile.product, sizes
        kernel = tile.kernel()
        symbols = dict.fromkeys(kernel.symbols) | dict.fromkeys(self.symbols())
        kernel = replace(kernel, symbols=list(symbols))
        frame = Frame(statements=_without_loops(tile.after))
        blocks = BlockSizes(sizes.rows, sizes.columns, warps=sizes.warps)
        super().__init__(kernel, scalars, fastmath, frame, blocks, Phase(0, 1, True))
        self.hidden = {part.buffer for part in tile.parts()}
        self.tiles: dict[str, Value] = {}

    def symbols(self) -> Iterator[str]:
        """Symbols of the products."""
        for product in self.tile.products():
            found: list[Dim] = [product.rows, product.columns, product.inner]
            for matrix in (product.left, product.right, product.result):
                found += [matrix.row, matrix.column, *matrix.batch]
            for dim in found:
                yield from sorted(dims.symbols_of(dim))

    def words(self) -> list[str]:
        return ["product", *super().words()][:4]

    def options(self) -> Options:
        return Options(self.sizes.warps, self.sizes.stages, self.fastmath)

    def grid(self) -> tuple[Blocks, ...]:
        product, sizes = self.product, self.sizes
        rows, columns = Blocks(product.rows, sizes.rows), Blocks(product.columns, sizes.columns)
        batches = dims.product(product.batch)
        return (rows, columns) if batches == 1 else (rows, columns, Blocks(batches))

    # The tile

    def begin_axes(self) -> None:
        """The place of the tile, its elements, and the loops of the kernel along them."""
        indices, product, sizes = self.indices, self.product, self.sizes
        indices.shapes = {
            X: f"[{sizes.rows}, 1]", R: f"[1, {sizes.columns}]", K: f"[1, {sizes.inner}]"
        }  # fmt: skip
        across, down = self.place()
        self.begin_axis(ROWS, X, _times(across, sizes.rows), product.rows, DOWN)
        self.begin_axis(COLUMNS, R, _times(down, sizes.columns), product.columns, ALONG)
        self.batches()
        self.finish(self.e.cast(self.whole_tile(), product.dtype))

    def begin_axis(self, atom: str, axis: str, first: str, extent: Dim, along: str) -> str:
        """Positions along an axis from `first` on, and their mask; the name of the positions."""
        size = self.sizes.along(axis)
        head = f"{first} + " if first else ""
        text = self.text.value(f"{head}tl.arange(0, {size}){along}{_index(axis)}")
        self.indices.masks.pop(axis, None)
        self.bind(atom, text, axis, extent)
        if not isinstance(extent, int) or extent % size or not extent:
            self.indices.masks[axis] = self.text.value(f"{text} < {dim_text(extent)}")
        return text

    def bind(self, atom: str, text: str, axis: str, extent: Dim) -> None:
        """Give an axis of the product its position."""
        self.indices.atoms[atom] = Value(text, I64, frozenset((axis,)) if axis else frozenset())
        self.indices.extents[atom] = extent

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
        loops = [(f"{BATCH}{k}", extent) for k, extent in enumerate(self.product.batch)]
        for name, extent in loops:
            self.bind(name, "0", "", extent)
        long = [(name, extent) for name, extent in loops if extent != 1]
        if long:
            number = self.text.value(f"tl.program_id(2).to({INDEX})")
            self.indices.split(number, long, "")

    def whole_tile(self) -> Value:
        """The elements of the tile of the product."""
        total = self.zeros("acc", self.tile.dtype, self.sizes.columns)
        start = self.text.fresh("start")
        inner, size = self.product.inner, self.sizes.inner
        self.text.write(f"for {start} in range(0, {dim_text(inner)}, {size}):")
        with self.text.scope():
            self.begin_axis(INNER, K, start, inner, ALONG)
            left = self.block_of(self.tile.left, (ROWS, INNER), (X, K), self.tile.dtype)
            self.begin_axis(INNER, K, start, inner, DOWN)
            right = self.block_of(self.tile.right, (INNER, COLUMNS), (K, R), self.tile.dtype)
            self.text.write(f"{total.text} = {self.dot(left, right, total)}")
        self.indices.masks.pop(K, None)
        return total

    def zeros(self, hint: str, dtype: DType, columns: int) -> Value:
        """A variable for sums of products."""
        name = self.text.fresh(hint)
        wide = F64 if dtype is F64 else F32
        shape = f"[{self.sizes.rows}, {columns}]"
        self.text.write(f"{name} = tl.zeros({shape}, {TYPES[wide.name]})")
        return Value(name, wide, frozenset((X, R)))

    def dot(self, left: str, right: str, total: Value) -> str:
        """The sum of `total` and a product of blocks."""
        precision = "tf32" if self.fastmath else "ieee"
        wide = ", out_dtype=tl.float64" if total.dtype is F64 else ""
        return f'tl.dot({left}, {right}, {total.text}, input_precision="{precision}"{wide})'

    # Operands

    def block_of(
        self, source: Source, atoms: tuple[str, str], axes: tuple[str, str], dtype: DType
    ) -> str:
        """A block of an operand, zero beyond the end of the inner axis."""
        if source.part is None:
            return self.whole(self.loaded_block(source, atoms, axes), axes)
        part = source.part
        self.enter(part)
        self.block(_without_loops(part))
        (store,) = tiles.stores_in(part.kernel)
        value = self.registers[part.narrow if dtype.is_half and part.narrow else store.operand]
        return self.whole(self.limited(value, axes), axes)

    def loaded_block(self, source: Source, atoms: tuple[str, str], axes: tuple[str, str]) -> Value:
        """A block of a matrix in memory."""
        dtype = source.dtype
        steps = tiles.steps(source.matrix, *atoms).items()
        kept = tuple(sorted((atom, step) for atom, step in steps if step != 0))
        offset = self.indices.affine(Affine(0, kept), dtype.itemsize)
        mask = self.indices.mask(offset.axes & frozenset(axes))
        masked = f", mask={mask}, other=0.0" if mask else ""
        text = self.text.value(f"tl.load({source.name} + {offset.text}{masked})")
        return self.limited(Value(text, dtype, offset.axes), axes, is_limited=bool(mask))

    def limited(self, value: Value, axes: tuple[str, str], is_limited: bool = False) -> Value:
        """A block with zeros beyond the end of the inner axis."""
        inner = next(axis for axis in axes if axis in (K, H))
        mask = self.indices.masks.get(inner)
        if mask is None or (is_limited and inner in value.axes):
            return value
        zero = self.e.constant(0, value.dtype)
        text = self.text.value(f"tl.where({mask}, {value.text}, {zero.text})")
        return Value(text, value.dtype, value.axes | {inner})

    def whole(self, value: Value, axes: tuple[str, str]) -> str:
        """A value as a block along both axes."""
        if value.axes >= frozenset(axes):
            return value.text
        shape = ", ".join(str(self.sizes.along(axis)) for axis in axes)
        return self.text.value(f"tl.broadcast_to({value.text}, [{shape}])")

    def enter(self, part: Part, without: str = "") -> None:
        """Let the loops of a part run along the axes of the tile, but for those along one axis."""
        extents = dict(tiles.loops_of(part.kernel))
        for variable, value in part.atoms.items():
            if without in value.atoms():
                continue
            self.indices.atoms[variable] = self.indices.affine(value)
            self.indices.extents[variable] = extents[variable]

    # What is done to the result

    def finish(self, result: Value) -> None:
        """Store the result, or begin with the kernel that reads it."""
        after, product = self.tile.after, self.product
        if after is not None:
            self.enter(after)
            self.tiles[after.buffer] = result
            return
        along = tiles.extents(product)
        place = tiles.offset(product.result, ROWS, COLUMNS, along)
        offset = self.indices.affine(place, product.dtype.itemsize)
        offset = self.indices.widened(offset, result.axes)
        self.put(RESULT, offset, result.text, "")

    def load(self, statement: Load) -> None:
        made = self.tiles.get(statement.buffer)
        if made is None:
            super().load(statement)
        else:
            self.registers[statement.result] = made

    def store(self, statement: Store) -> None:
        if statement.buffer not in self.hidden:
            super().store(statement)

    def spans(self) -> Iterator[tuple[Dim, ...]]:
        sizes = self.sizes
        yield self.product.rows, sizes.rows
        yield self.product.columns, sizes.columns
        yield self.product.inner, sizes.inner
        yield from self.indices.spans

    def multiples(self) -> frozenset[str]:
        symbols = frozenset(f"n_{name}" for name in self.symbols())
        return super().multiples() | symbols


def _times(number: str, size: int) -> str:
    """Where a block begins; nothing for the only one."""
    return f"{number} * {size}" if number else ""


def _index(axis: str) -> str:
    """How positions along an axis get their dtype: those of the tile have it from its number."""
    return "" if axis in (X, R) else f".to({INDEX})"


def _without_loops(part: Part | None) -> list[Statement]:
    """The statements of a part of which all elements are made alike."""
    body: Iterable[Statement] = () if part is None else walk(part.kernel.body)
    return [statement for statement in body if not isinstance(statement, Loop)]

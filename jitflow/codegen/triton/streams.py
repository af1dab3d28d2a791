"""A product whose left operand is made by a row kernel from another product: attention.

A program has some rows of the result. It goes through the row that the first product would have,
block by block, and keeps of it what the row kernel folds and the sum of the second product
(`codegen.streaming` says what of the row kernel goes where). Neither product's operand is stored.
"""

from __future__ import annotations

from jitflow.codegen import folds as combining
from jitflow.codegen.loop_ir import Fold
from jitflow.codegen.streaming import Chain, Streamed
from jitflow.codegen.triton.addresses import INDEX, dim_text
from jitflow.codegen.triton.interface import Blocks, GeneratedKernel
from jitflow.codegen.triton.products import (
    ALONG,
    DOWN,
    K,
    ProductWriter,
    R,
    TileSizes,
    X,
    power,
    sizes_of,
)
from jitflow.codegen.triton.products import H as DEEP
from jitflow.codegen.triton.tiles import COLUMNS, INNER, ROWS, Part, Tile
from jitflow.codegen.triton.values import Value
from jitflow.core import dims
from jitflow.core.dtypes import F16, F64, DType

ROW = frozenset((X,))


class StreamWriter(ProductWriter):
    """Writes the kernel of a tile that is streamed."""

    def __init__(
        self, tile: Tile, scalars: frozenset[str], fastmath: bool, sizes: TileSizes
    ) -> None:
        super().__init__(tile, scalars, fastmath, sizes)
        self.folds.go_along(K, sizes.inner)
        assert tile.left.part is not None
        assert tile.left.part.stream is not None
        assert tile.left.product is not None
        self.maker: Part = tile.left.part
        self.stream: Streamed = tile.left.part.stream
        self.inside: Tile = tile.left.product
        self.peak: Value | None = None

    def words(self) -> list[str]:
        return ["stream", *super().words()][:5]

    def grid(self) -> tuple[Blocks, ...]:
        rows = Blocks(self.product.rows, self.sizes.rows)
        batches = dims.product(self.product.batch)
        return (rows,) if batches == 1 else (rows, Blocks(1), Blocks(batches))

    def place(self) -> tuple[str, str]:
        """One tile has all columns."""
        return self.text.value(f"tl.program_id(0).to({INDEX})"), ""

    def whole_tile(self) -> Value:
        query = self.query()
        self.enter(self.maker, without=INNER)
        self.block(self.stream.rows)
        for begin in self.stream.begins.values():
            self.folds.begin(begin)
            self.folds.carry(begin.accumulator, along=False)
        total = self.zeros("acc", self.tile.dtype, self.sizes.columns)
        start = self.text.fresh("start")
        inner, size = self.product.inner, self.sizes.inner
        self.text.write(f"for {start} in range(0, {dim_text(inner)}, {size}):")
        with self.text.scope():
            self.tiles[self.tile.left.read] = self.scores(query, start)
            weight = self.weights(total)
            self.begin_axis(INNER, K, start, inner, DOWN)
            right = self.block_of(self.tile.right, (INNER, COLUMNS), (K, R), self.dot_dtype)
            self.text.write(f"{total.text} = {self.dot(weight, right, total)}")
        self.indices.masks.pop(K, None)
        return self.completed(total)

    @property
    def dot_dtype(self) -> DType:
        """Of the operands of the second product."""
        return F16 if self.is_half else self.product.dtype

    @property
    def is_half(self) -> bool:
        """Whether weights and the right operand are f16 numbers."""
        if self.product.dtype is F16:
            return True
        return self.tile.right.is_narrow and self.tile.left.is_narrow

    # The first product

    def query(self) -> str:
        """The left operand of the first product: it stays for all blocks."""
        inside = self.inside
        self.begin_axis(INNER, DEEP, "", inside.product.inner, ALONG)
        return self.block_of(inside.left, (ROWS, INNER), (X, DEEP), inside.dtype)

    def scores(self, query: str, start: str) -> Value:
        """A block of the first product; afterwards the inner axis runs along its columns."""
        inside, columns = self.inside, self.indices.atoms[COLUMNS]
        extent = self.indices.extents[COLUMNS]
        self.begin_axis(INNER, DEEP, "", inside.product.inner, DOWN)
        text = self.begin_axis(COLUMNS, K, start, self.product.inner, ALONG)
        key = self.block_of(inside.right, (INNER, COLUMNS), (DEEP, K), inside.dtype)
        self.indices.masks.pop(DEEP, None)
        self.indices.atoms[COLUMNS], self.indices.extents[COLUMNS] = columns, extent
        self.bind(INNER, text, K, self.product.inner)
        scores = self.zeros("scores", inside.dtype, self.sizes.inner)
        made = self.text.result(self.dot(query, key, scores))
        value = Value(made, scores.dtype, frozenset((X, K)))
        return self.e.cast(value, inside.product.dtype)

    # A block of rows

    def weights(self, total: Value) -> str:
        """What the block of rows is multiplied by; folds, and sums so far, are brought up to it."""
        stream = self.stream
        self.enter(self.maker)
        self.block(stream.elements)
        changed = [(fold, self.folded(fold)) for fold in stream.plain]
        element = self.registers[stream.start]
        if stream.shift:
            element = self.shifted(element, total)
        for fold, chain in stream.sums:
            self.add_up(fold, self.replayed(chain, element))
        for fold, values in changed:
            self.folds.assign(self.folds.open[fold.accumulator], values)
        weight = self.e.cast(self.replayed(stream.weight, element), self.dot_dtype)
        return self.whole(self.limited(weight, (X, K)), (X, K))

    def folded(self, fold: Fold) -> list[Value]:
        """The accumulator with the block."""
        accumulator = self.folds.open[fold.accumulator]
        operand = self.registers[fold.operand]
        new = self.folds.across(accumulator, self.folds.operand(accumulator, operand, None))
        old = self.folds.together(accumulator, accumulator.names, ROW)
        made = combining.combined(self.e, accumulator.operator, old, new)
        if fold.accumulator == self.stream.peak:
            (self.peak,) = made
        return made

    def shifted(self, element: Value, total: Value) -> Value:
        """The exponentials of a block; what was added up before is made relative to its peak.

        As long as all elements are -inf the peak counts as 0: nothing has been added up.
        """
        stream, e = self.stream, self.e
        assert self.peak is not None
        peak = self.replayed(stream.level, self.peak)
        least, zero = (e.constant(number, peak.dtype) for number in (float("-inf"), 0))
        self.registers[stream.largest] = e.select(e.equal(peak, least), zero, peak)
        accumulator = self.folds.open[stream.peak]
        old = Value(accumulator.names[0], accumulator.dtype, ROW)
        old = self.replayed(stream.level, old)
        factor = self.replayed(stream.shift, old, total.dtype)
        for fold, _ in stream.sums:
            self.multiply(self.folds.open[fold.accumulator].names[0], factor)
        self.multiply(total.text, factor)
        return self.replayed(stream.shift, element)

    def multiply(self, name: str, factor: Value) -> None:
        self.text.write(f"{name} = {name} * {factor.text}")
        self.text.forget(name)

    def add_up(self, fold: Fold, operand: Value) -> None:
        """Add a block to a sum."""
        accumulator = self.folds.open[fold.accumulator]
        (new,) = self.folds.across(accumulator, self.folds.operand(accumulator, operand, None))
        (name,) = accumulator.names
        self.text.write(f"{name} = {name} + {new.text}")
        self.text.forget(name)

    def replayed(self, chain: Chain, value: Value, dtype: DType | None = None) -> Value:
        """`value` through the links of a chain; without rounding, where a `dtype` is given."""
        for link in chain:
            statement, body = link.statement, link.statement.operator.cpu
            assert body is not None
            operands = [self.registers[name] for name in statement.operands[: link.position]]
            operands.append(value)
            operands += [self.registers[name] for name in statement.operands[link.position + 1 :]]
            if dtype is None:
                value = body(self.e, *operands, **statement.attributes)
            elif "dtype" not in statement.attributes:
                value = body(self.e, *(self.e.cast(operand, dtype) for operand in operands))
        return value if dtype is None else self.e.cast(value, dtype)

    # The end of the row

    def completed(self, total: Value) -> Value:
        """The tile with what is done to whole rows."""
        stream = self.stream
        for name, accumulator in self.folds.open.items():
            results = self.folds.together(accumulator, accumulator.names, ROW)
            corrected = any(fold.accumulator == name for fold, _ in stream.sums)
            accumulator.result = [self.defined(v) for v in results] if corrected else results
        if stream.shift:
            total = self.defined(total)
        self.enter(self.maker, without=INNER)
        self.block(stream.after)
        if stream.rescale:
            peak = self.registers[stream.largest]
            total = self.e.multiply(total, self.replayed(stream.rescale, peak, total.dtype))
        return self.replayed(stream.tail, total, total.dtype)

    def defined(self, value: Value) -> Value:
        """NaN where all elements of a row are -inf: the difference of two infinities."""
        accumulator = self.folds.open[self.stream.peak]
        (name,) = accumulator.names
        peak = self.e.cast(Value(name, accumulator.dtype, ROW), value.dtype)
        return self.e.add(value, self.e.subtract(peak, peak))


def stream_sizes(tile: Tile) -> TileSizes:
    """Rows of a tile, and how many elements of a row are made at a time."""
    assert tile.left.product is not None
    inside, product = tile.left.product.product, tile.product
    deep, columns = power(inside.inner, 256), power(product.columns, 256)
    most = max(deep, columns)
    if F64 in (inside.dtype, product.dtype):
        side, inner, warps = 32, 16, 4
    elif tile.left.product.dtype is F16:
        side, inner, warps = (128, 64, 8) if most <= 128 else (64, 32, 8)
    else:
        side, inner, warps = 64, 32 if most <= 128 else 16, 8
    rows = power(product.rows, side)
    return TileSizes(rows, columns, power(product.inner, inner), deep, warps, 2)


def generate_tile(tile: Tile, scalars: frozenset[str], fastmath: bool) -> GeneratedKernel:
    """Triton source of a product and what is done to its elements."""
    if tile.is_streamed:
        return StreamWriter(tile, scalars, fastmath, stream_sizes(tile)).run()
    return ProductWriter(tile, scalars, fastmath, sizes_of(tile)).run()

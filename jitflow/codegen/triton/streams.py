"""A product whose left operand is made by a row kernel from another product: attention.

A program has some rows of the result. It goes through the row that the first product would have,
block by block, and keeps of it what the row kernel folds and the sum of the second product
(`codegen.streaming` says what of the row kernel goes where). Neither product's operand is stored.
"""

from __future__ import annotations

import functools

from jitflow.codegen import folds as combining
from jitflow.codegen.hidden import Hidden
from jitflow.codegen.loop_ir import Constant, Fold
from jitflow.codegen.streaming import Chain, Streamed
from jitflow.codegen.triton.addresses import INDEX, dim_text
from jitflow.codegen.triton.interface import Blocks, GeneratedKernel
from jitflow.codegen.triton.products import ALONG, DOWN, ProductWriter
from jitflow.codegen.triton.tile_sizes import H as DEEP
from jitflow.codegen.triton.tile_sizes import K, R, TileSizes, X, other_sizes, sizes_of
from jitflow.codegen.triton.tiles import COLUMNS, INNER, ROWS, Part, Tile
from jitflow.codegen.triton.values import TYPES, Value
from jitflow.core import dims
from jitflow.core.dataclass import replace
from jitflow.core.dims import SymbolicDim
from jitflow.core.dtypes import BOOL, F16, DType

ROW = frozenset((X,))

FEWEST = 16
"""Rows of the smallest product of blocks."""

MANY = 16
"""Logarithm to base 2 of the keys of which the sum cannot overflow, where they are not known."""

LOWEST = -1e4
"""A fill that is lower hides, where arithmetic may be fast."""


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
        """One tile has all columns; rows of which most is visible come first."""
        number = "tl.program_id(0)"
        if self.stream.hidden is not None:
            number = f"tl.num_programs(0) - 1 - {number}"
        return self.text.value(f"({number}).to({INDEX})"), ""

    def whole_tile(self) -> Value:
        query, stream = self.query(), self.stream
        self.enter(self.maker, without=INNER)
        self.block(stream.rows)
        for begin in stream.begins.values():
            self.folds.begin(begin)
            self.folds.carry(begin.accumulator, along=False)
        total = self.zeros("acc", self.tile.dtype, self.sizes.columns)
        if stream.hidden is None:
            self.go_through(query, total, "0", dim_text(self.product.inner))
        else:
            self.go_through_visible(query, total, stream.hidden)
        return self.completed(total)

    def go_through(self, query: str, total: Value, first: str, end: str) -> None:
        """A loop over blocks of the row."""
        start, inner = self.text.fresh("start"), self.product.inner
        self.text.write(f"for {start} in range({first}, {end}, {self.sizes.inner}):")
        with self.text.scope():
            self.tiles[self.tile.left.read] = self.scores(query, start)
            weight = self.weights(total)
            self.begin_axis(INNER, K, start, inner, DOWN)
            right = self.block_of(self.tile.right, (INNER, COLUMNS), (K, R), self.dot_dtype)
            self.text.write(f"{total.text} = {self.dot(weight, right, total)}")
        self.indices.masks.pop(K, None)

    # Hidden elements

    def go_through_visible(self, query: str, total: Value, hidden: Hidden) -> None:
        """The blocks that a mask lets through; all others at once."""
        text, end, size = self.text, dim_text(self.product.inner), self.sizes.inner
        blocks = text.value(f"(tl.maximum({self.last_bound(hidden)}, 0) + {size - 1}) // {size}")
        last = text.value(f"tl.minimum({blocks} * {size}, {end})")
        self.go_through(query, total, "0", last)
        if not (self.fastmath and self.is_nothing(hidden)):
            self.add_hidden(total, hidden, last)

    def last_bound(self, hidden: Hidden) -> str:
        """Where the last row of the tile begins to be hidden."""
        rows, extent = self.indices.atoms[ROWS], self.indices.extents[ROWS]
        place, size = self.place()[0], self.sizes.rows
        step = sum(
            1 if isinstance(value, SymbolicDim) or value > 0 else 0
            for name, value in hidden.bound.terms
            if ROWS in self.maker.atoms[name].atoms()
        )
        self.bind(ROWS, f"({place} * {size} + {size - 1 if step else 0})", "", extent)
        self.enter(self.maker, without=INNER)
        found = self.indices.affine(hidden.bound)
        self.indices.atoms[ROWS], self.indices.extents[ROWS] = rows, extent
        self.enter(self.maker, without=INNER)
        return found.text

    def is_nothing(self, hidden: Hidden) -> bool:
        """Whether a fill is so low that fast arithmetic may leave it out."""
        made = (item for item in self.stream.rows if isinstance(item, Constant))
        return any(item.result == hidden.fill and item.value <= LOWEST for item in made)

    def add_hidden(self, total: Value, hidden: Hidden, last: str) -> None:
        """Add what is hidden: as many times one weight as there are, and as the sum of the rows
        of the right operand; 0 times what is not finite is NaN.
        """
        e, stream, end = self.e, self.stream, dim_text(self.product.inner)
        fill = self.registers[hidden.fill]
        for statement in hidden.conversions:
            fill = e.cast(fill, statement.dtype)
        rows, scale = self.sum_of_rows(total, last)
        is_any = Value(self.text.value(f"{last} < {end}"), BOOL)
        fill = e.select(is_any, fill, e.constant(float("-inf"), fill.dtype))
        accumulator = self.folds.open[stream.peak]
        old = self.folds.together(accumulator, accumulator.names, ROW)
        new = combining.combined(e, accumulator.operator, old, [e.cast(fill, accumulator.dtype)])
        (self.peak,) = new
        weight = self.shifted(fill, total)
        self.folds.assign(accumulator, new)
        many = self.text.value(f"({end} - {last}).to({TYPES[total.dtype.name]})")
        count = Value(many, total.dtype)
        for fold, chain in stream.sums:
            name = self.folds.open[fold.accumulator].names[0]
            part = e.multiply(e.cast(self.replayed(chain, weight), total.dtype), count)
            self.text.write(f"{name} = {name} + {part.text}")
        weight = e.cast(self.replayed(stream.weight, weight), total.dtype)
        weight = e.multiply(weight, e.constant(scale, total.dtype))
        self.text.write(f"{total.text} = {total.text} + {weight.text} * {rows}")

    def sum_of_rows(self, total: Value, first: str) -> tuple[str, float]:
        """The sum of the rows of the right operand from `first` on, divided by a power of two that
        keeps it from overflowing.
        """
        text, size, end = self.text, self.sizes.inner, self.product.inner
        is_half = self.dot_dtype.is_half
        many = end.bit_length() if isinstance(end, int) else MANY
        scale = 1.0 if self.dot_dtype is F16 else 2.0**many
        name, start = text.fresh("rows"), text.fresh("start")
        shape = f"[{FEWEST if is_half else size}, {self.sizes.columns}]"
        text.write(f"{name} = tl.zeros({shape}, {TYPES[total.dtype.name]})")
        ones = self.alike(1 / scale, size) if is_half else ""
        text.write(f"for {start} in range({first}, {dim_text(end)}, {size}):")
        with text.scope():
            self.begin_axis(INNER, K, start, end, DOWN)
            right = self.block_of(self.tile.right, (INNER, COLUMNS), (K, R), self.dot_dtype)
            dot = self.dot(ones, right, replace(total, text=name))
            text.write(f"{name} = {dot if is_half else f'{name} + {right} * {1 / scale!r}'}")
        self.indices.masks.pop(K, None)
        fold = "max" if is_half else "sum"
        return text.value(f"tl.{fold}({name}, 0, keep_dims=True)"), scale

    def alike(self, number: float, size: int) -> str:
        """The fewest rows that an operand of a product has, all of one number."""
        shape = f"[{FEWEST}, {size}]"
        if self.dot_dtype is F16:
            return self.text.value(f"tl.full({shape}, {number}, tl.float16)")
        wide = self.text.value(f"tl.full({shape}, {number!r}, tl.float32)")
        return self.text.value(f"{wide}.to({TYPES[self.dot_dtype.name]})")

    @property
    def dot_dtype(self) -> DType:
        """Of the operands of the second product: weights, and what is on the right."""
        return self.tile.dtype

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
        stream = self.stream
        assert self.peak is not None
        self.level(self.peak)
        accumulator = self.folds.open[stream.peak]
        old = Value(accumulator.names[0], accumulator.dtype, ROW)
        old = self.replayed(stream.level, old)
        factor = self.replayed(stream.shift, old, total.dtype)
        for fold, _ in stream.sums:
            self.multiply(self.folds.open[fold.accumulator].names[0], factor)
        self.multiply(total.text, factor)
        return self.replayed(stream.shift, element)

    def level(self, peak: Value) -> None:
        """Let `peak` be what is subtracted: 0 for -inf."""
        e, peak = self.e, self.replayed(self.stream.level, peak)
        least, zero = (e.constant(number, peak.dtype) for number in (float("-inf"), 0))
        self.registers[self.stream.largest] = e.select(e.equal(peak, least), zero, peak)

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


def generate_tile(tile: Tile, scalars: frozenset[str], fastmath: bool) -> GeneratedKernel:
    """Triton source of a product and what is done to its elements."""
    made = _written(tile, scalars, fastmath, sizes_of(tile, fastmath))
    made.alternatives = functools.partial(_alternatives, tile, scalars, fastmath)
    return made


def _alternatives(tile: Tile, scalars: frozenset[str], fastmath: bool) -> list[GeneratedKernel]:
    """The kernel with tiles of other sizes."""
    return [_written(tile, scalars, fastmath, sizes) for sizes in other_sizes(tile, fastmath)]


def _written(
    tile: Tile, scalars: frozenset[str], fastmath: bool, sizes: TileSizes
) -> GeneratedKernel:
    writer = StreamWriter if tile.is_streamed else ProductWriter
    return writer(tile, scalars, fastmath, sizes).run()

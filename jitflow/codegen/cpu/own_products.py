"""Which matrix products are made by code of our own instead of BLAS, and in which squares.

BLAS packs its operands and calls through several layers: that pays for large matrices alone. Our
own code reads them where they lie, which is faster while the right matrix stays near the core, and
most of all with few rows. BLAS also has threads of its own: where it would use them, it is left
to its work.
"""

from __future__ import annotations

import functools

from jitflow.codegen.cpu.blas import blas_threads
from jitflow.codegen.cpu.engine import Library, engine
from jitflow.codegen.cpu.product_code import (
    DRIVER,
    DRIVER_TEXT,
    ProductCode,
    Square,
    strip_name,
    strip_text,
)  # fmt: skip
from jitflow.codegen.cpu.target import Target
from jitflow.core.dims import Dim
from jitflow.core.dtypes import F32, F64, DType

RIGHT_BYTES = 4 << 20
"""Size of the right matrix above which its rows, read in strips, miss too many pages; with many
rows of the left one, a little more than the second-level cache is the limit."""

BLOCK_BYTES = 1 << 18
"""Size of the rows of the left matrix that go together."""

STRIP_BYTES = 1 << 19
"""Size of a strip of the right matrix that still stays in the second-level cache."""

FEW_ROWS, CONFLICT_BYTES, CONFLICT_ROWS = 64, 4096, 256
"""With more rows of the left matrix, rows of the right one that are many and this far apart are
worth packing: they would fall into the same sets of the cache."""

MOST_PADDING, PADDED_ROWS = 1.5, 16
"""Columns computed for each that is wanted, up to which narrow products of more rows are made."""

FEW_COLUMNS = 5
"""Columns below which long products are a few dot products."""

SHARED_WORK = 1 << 20
"""Multiplications above which BLAS works with all its threads."""

MANY_ROWS = 1000
"""What an unknown number of rows is taken for."""

_REGISTERS = {512: 32, 256: 16}


def choose(
    dtype: DType, rows: Dim, columns: Dim, inner: Dim, stride: Dim, target: Target
) -> tuple[ProductCode, int] | None:
    """The code for a product and how many rows go together; None if BLAS is to make it.

    `stride` is that of the rows of the right matrix, in bytes.
    """
    if dtype not in (F32, F64) or not target.has_fma or target.vector_bits not in _REGISTERS:
        return None
    if not isinstance(columns, int) or columns < 2 or (isinstance(rows, int) and rows < 2):
        return None
    depth = inner if isinstance(inner, int) else MANY_ROWS
    height = rows if isinstance(rows, int) else MANY_ROWS
    if columns < FEW_COLUMNS and depth > FEW_ROWS:
        return None
    limit = RIGHT_BYTES if height <= FEW_ROWS else target.l2_bytes * 5 // 4
    if depth == 0 or depth * columns * dtype.itemsize > limit:
        return None
    if _conflicts(stride, depth) and height > FEW_ROWS:
        return None
    if depth * columns * height > SHARED_WORK and blas_threads() != 1:
        return None
    code = _best_code(dtype, height, columns, target)
    if code is None or depth * code.square.columns * dtype.itemsize > STRIP_BYTES:
        return None
    if height > PADDED_ROWS and code.padded_columns > MOST_PADDING * max(columns, code.lanes):
        return None
    block = max(1, BLOCK_BYTES // (depth * dtype.itemsize) // code.square.rows) * code.square.rows
    return code, block


def _conflicts(stride: Dim, depth: int) -> bool:
    return not isinstance(stride, int) or (stride % CONFLICT_BYTES == 0 and depth >= CONFLICT_ROWS)


def functions_of(code: ProductCode) -> tuple[str, str | None]:
    """The symbols of the functions for a strip and for the rest; None for no rest."""
    rest = strip_name(code.dtype, code.rest) if code.rest else None
    return strip_name(code.dtype, code.square), rest


def addresses_of(code: ProductCode) -> dict[str, int]:
    """Addresses of the driver and of those functions, compiled when first asked for."""
    found = {DRIVER: _driver().address(DRIVER)}
    for square in filter(None, (code.square, code.rest)):
        name = strip_name(code.dtype, square)
        found[name] = _strip(code.dtype, square).address(name)
    return found


@functools.cache
def _driver() -> Library:
    return engine().add(DRIVER_TEXT, {})


@functools.cache
def _strip(dtype: DType, square: Square) -> Library:
    """Never unloaded: there are few, and code that is kept calls them."""
    return engine().add(strip_text(dtype, square), {})


def _best_code(dtype: DType, rows: int, columns: int, target: Target) -> ProductCode | None:
    """The squares that need the fewest cycles."""
    found = [
        code
        for vectors in range(1, 5)
        for height in range(1, _most_rows(vectors, target) + 1)
        if height <= rows and (code := _code(dtype, height, vectors, columns, target)) is not None
    ]
    return min(found, key=lambda code: _cycles(code, rows), default=None)


def _most_rows(vectors: int, target: Target) -> int:
    """Rows of a square whose accumulators, with a row and a broadcast, fill the registers."""
    return min(14, (_REGISTERS[target.vector_bits] - 1 - vectors) // vectors)


def _code(
    dtype: DType, height: int, vectors: int, columns: int, target: Target
) -> ProductCode | None:
    lanes = target.lanes(dtype.bits)
    while lanes > 2 and lanes // 2 >= columns:
        lanes //= 2
    width = vectors * lanes
    strips, rest = divmod(columns, width)
    if rest and rest % lanes and not target.has_masks:
        return None
    square = Square(height, vectors, lanes, lanes)
    last = None
    if rest:
        last = Square(height, -(-rest // lanes), lanes, (rest - 1) % lanes + 1)
    return ProductCode(dtype, square, strips, last)


def _cycles(code: ProductCode, rows: int) -> float:
    """Cycles for a step along the inner axis, roughly.

    Multiply-adds, of which each waits for the one before in its chain, and what loads add.
    """

    def of(square: Square) -> float:
        chains = square.rows * square.vectors
        return max(chains, 8) + 0.4 * (square.rows + square.vectors)

    strip = code.strips * of(code.square) + (of(code.rest) if code.rest else 0)
    return -(-rows // code.square.rows) * strip

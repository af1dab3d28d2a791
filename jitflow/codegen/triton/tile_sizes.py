"""How large the tiles of products are: the usual sizes, and others for a tuner to choose from.

The usual ones are from published figures and from what does not spill; f32 that is not rounded to
tf32 has no tensor cores, and takes registers for every element of its operands.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitflow.codegen.triton.tiles import Tile
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.core.dtypes import F64

X, R, K, H = "x", "r", "k", "h"
"""Axes of blocks: rows and columns of the tile, inner axis, inner axis of a product inside."""

WIDEST = 256
"""Columns, and inner extent of the product inside, of the widest tile that is streamed."""


@dataclass(frozen=True)
class TileSizes:
    """Elements of a tile along its axes; `deep`: the inner axis of a product inside, or 0."""

    rows: int
    columns: int
    inner: int
    deep: int = 0
    warps: int = 4
    stages: int = 3

    def along(self, axis: str) -> int:
        """Elements along an axis."""
        return {X: self.rows, R: self.columns, K: self.inner, H: self.deep}[axis]


def sizes_of(tile: Tile, fastmath: bool) -> TileSizes:
    """The usual sizes."""
    return _stream_sizes(tile, fastmath) if tile.is_streamed else _product_sizes(tile)


def _product_sizes(tile: Tile) -> TileSizes:
    product = tile.product
    side, inner = (128, 64) if tile.dtype.is_half else (64, 32)
    rows, columns = _power(product.rows, side), _power(product.columns, side)
    warps = 8 if rows * columns >= 128 * 128 else 4
    return TileSizes(rows, columns, _power(product.inner, inner), warps=warps)


def _stream_sizes(tile: Tile, fastmath: bool) -> TileSizes:
    """All columns, and the whole inner axis of the product inside."""
    assert tile.left.product is not None
    inside, product = tile.left.product.product, tile.product
    deep, columns = _power(inside.inner, WIDEST), _power(product.columns, WIDEST)
    most = max(deep, columns)
    if F64 in (inside.dtype, product.dtype):
        side, inner, warps = 32, 16, 4
    elif tile.left.product.dtype.is_half:
        side, inner, warps = (128, 64, 8) if most <= 128 else (64, 32, 8)
    else:
        side, inner, warps = 64, 32 if most <= (128 if fastmath else 64) else 16, 8
    rows = _power(product.rows, side)
    return TileSizes(rows, columns, _power(product.inner, inner), deep, warps, 2)


def other_sizes(tile: Tile, fastmath: bool) -> list[TileSizes]:
    """Other sizes than the usual ones, the nearest first."""
    usual = sizes_of(tile, fastmath)
    found = dict.fromkeys(_around(tile, usual))
    found.pop(usual, None)
    return sorted(found, key=lambda sizes: _distance(sizes, usual))


def _around(tile: Tile, usual: TileSizes) -> Iterator[TileSizes]:
    """Sizes of half and of twice as much; a tile that is streamed keeps its columns."""
    product = tile.product
    columns = [usual.columns] if tile.is_streamed else _near(usual.columns, product.columns)
    for rows in _near(usual.rows, product.rows):
        for width in columns:
            for inner in _near(usual.inner, product.inner):
                for warps in (4, 8):
                    for stages in (2, 3, 4):
                        yield replace(
                            usual, rows=rows, columns=width, inner=inner, warps=warps, stages=stages
                        )


def _near(size: int, extent: Dim) -> list[int]:
    """Sizes around one, of an axis that is no shorter."""
    return sorted({_power(extent, most) for most in (size // 2, size, size * 2) if most >= 16})


def _distance(sizes: TileSizes, usual: TileSizes) -> int:
    """How many numbers differ."""
    pairs = (
        (sizes.rows, usual.rows),
        (sizes.columns, usual.columns),
        (sizes.inner, usual.inner),
        (sizes.warps, usual.warps),
        (sizes.stages, usual.stages),
    )
    return sum(one != other for one, other in pairs)


def _power(extent: Dim, most: int) -> int:
    """A power of two: at least 16, as the tensor cores have it."""
    if isinstance(extent, SymbolicDim):
        return most
    return max(16, min(most, 1 << max(0, extent - 1).bit_length()))

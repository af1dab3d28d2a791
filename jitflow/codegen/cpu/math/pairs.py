"""Sums and products without error: the rounded result and what the rounding lost."""

from __future__ import annotations

from jitflow.codegen.cpu.math.lanes import Lanes, fma


def fast_two_sum(x: Lanes, y: Lanes) -> tuple[Lanes, Lanes]:
    """``x + y`` and what was lost, where `x` has no bits below those of `y`."""
    total = x + y
    return total, y - (total - x)


def two_product(x: Lanes, y: Lanes) -> tuple[Lanes, Lanes]:
    """``x * y`` and what was lost."""
    product = x * y
    return product, fma(x, y, -product)

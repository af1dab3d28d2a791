"""Sums and products without error: the rounded result and what the rounding lost."""

from __future__ import annotations

from jitflow.codegen.cpu.math.lanes import Lanes, fma


def fast_two_sum(x: Lanes, y: Lanes) -> tuple[Lanes, Lanes]:
    """``x + y`` and what was lost, where `x` is zero or not smaller than `y` in magnitude."""
    total = x + y
    return total, y - (total - x)


def two_sum(x: Lanes, y: Lanes) -> tuple[Lanes, Lanes]:
    """``x + y`` and what was lost."""
    total = x + y
    second = total - x
    return total, (x - (total - second)) + (y - second)


def two_product(x: Lanes, y: Lanes) -> tuple[Lanes, Lanes]:
    """``x * y`` and what was lost."""
    product = x * y
    return product, fma(x, y, -product)

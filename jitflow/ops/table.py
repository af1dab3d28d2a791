"""All operator records: importing this module registers them, in the order of the documentation."""

from jitflow.ops import (
    arithmetic,
    checks,
    contraction,
    control,
    conversion,
    creation,
    exponential,
    floating,
    indexed,
    logic,
    reductions,
    trigonometric,
    views,
)

__all__ = [
    "arithmetic",
    "checks",
    "contraction",
    "control",
    "conversion",
    "creation",
    "exponential",
    "floating",
    "indexed",
    "logic",
    "reductions",
    "trigonometric",
    "views",
]

"""Which nodes native code can be generated for; the others are run by their NumPy meaning."""

from __future__ import annotations

from jitflow.ir.graph import Node
from jitflow.ops.record import Kind

_STRUCTURAL = (
    Kind.VIEW, Kind.CREATION, Kind.UPDATE, Kind.GATHER, Kind.SCATTER, Kind.CONCATENATE,
    Kind.CONTRACTION, Kind.NONZERO,
)  # fmt: skip


def supports(node: Node) -> bool:
    """Whether `node` can be part of a segment."""
    kind, record = node.operator.kind, node.operator
    if kind is Kind.CONTROL:
        return all(supports(inner) for region in node.regions for inner in region.nodes)
    if kind in _STRUCTURAL:
        return True
    if kind is Kind.SYMBOL:
        return record.name in ("dimension", "require")
    if kind not in (Kind.ELEMENTWISE, Kind.REDUCTION, Kind.SCAN):
        return False
    return record.has_body(tuple(value.type for value in node.operands))

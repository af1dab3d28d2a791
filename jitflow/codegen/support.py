"""Which nodes native code can be generated for; the others are run by their NumPy meaning."""

from __future__ import annotations

from jitflow.ir.graph import Node
from jitflow.ir.regions import symbols_in
from jitflow.ops.record import Kind

_STRUCTURAL = (
    Kind.VIEW, Kind.CREATION, Kind.UPDATE, Kind.GATHER, Kind.SCATTER, Kind.CONCATENATE,
    Kind.CONTRACTION, Kind.NONZERO,
)  # fmt: skip

_C_FUNCTIONS = (Kind.DRAW, Kind.LIBRARY)
"""Called by address, on the host alone."""


def supports(node: Node) -> bool:
    """Whether `node` can be part of a segment; in loops and branches Python may be called."""
    if node.operator.kind is Kind.CONTROL:
        inside = (inner for region in node.regions for inner in region.nodes)
        return all(supports(inner) or _can_be_called(inner) for inner in inside)
    return node.operator.kind in _C_FUNCTIONS or _has_code(node)


def has_code(node: Node) -> bool:
    """Whether native code can be generated for `node`, with no call of Python."""
    if node.operator.kind is Kind.CONTROL:
        return all(has_code(inner) for region in node.regions for inner in region.nodes)
    return _has_code(node)


def is_call_out(node: Node) -> bool:
    """Whether a node of a segment is run by Python."""
    return node.operator.kind not in (Kind.CONTROL, *_C_FUNCTIONS) and not _has_code(node)


def _can_be_called(node: Node) -> bool:
    if node.operator.kind is Kind.CALL_OUT:
        return True
    return bool(node.results) and not any(symbols_in(node.attributes))


def _has_code(node: Node) -> bool:
    """Whether native code can be generated for a node without regions."""
    kind, record = node.operator.kind, node.operator
    if kind in _STRUCTURAL:
        return True
    if kind is Kind.SYMBOL:
        return record.name in ("dimension", "require")
    if kind not in (Kind.ELEMENTWISE, Kind.REDUCTION, Kind.SCAN):
        return False
    return record.has_body(tuple(value.type for value in node.operands))

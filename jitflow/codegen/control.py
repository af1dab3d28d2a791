"""What fusion and buffers ask about control nodes: their checks, and whose memory results take."""

from __future__ import annotations

from jitflow.codegen.blocks import is_sunk
from jitflow.ir.graph import Node, Value
from jitflow.ir.regions import defined_in, walk_block
from jitflow.ops.record import Kind


def has_checks(node: Node) -> bool:
    """Whether a node in the regions of `node` may fail."""
    return any(inner.operator.checks for region in node.regions for inner in walk_block(region))


def bases_of(node: Node) -> list[Value | None]:
    """For each result the value from outside whose memory it may take over.

    Of a loop it is the initial value. Of a branch it is the value that both regions update, or
    one does and the other leaves as it is.
    """
    if node.operator.name == "for":
        return list(node.operands[3:])
    if node.operator.name == "while":
        return list(node.operands)
    return [_common_base(node, number) for number in range(len(node.results))]


def _common_base(node: Node, number: int) -> Value | None:
    found: list[Value] = []
    for region in node.regions:
        base = updated_from(region.results[number])
        if base in set(defined_in(region)):
            return None
        found.append(base)
    base = found[0]
    same = base is found[1] and base.type == node.results[number].type
    return base if same and base.type.rank and not is_sunk(base) else None


def updated_from(value: Value) -> Value:
    """The value at the start of the chain of updates and loops that leads to `value`."""
    while value.producer is not None:
        node = value.producer
        if node.operator.kind in (Kind.UPDATE, Kind.SCATTER):
            value = node.operands[0]
            continue
        base = bases_of(node)[value.index] if node.operator.kind is Kind.CONTROL else None
        if base is None:
            break
        value = base
    return value

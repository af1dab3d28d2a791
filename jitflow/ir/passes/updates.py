"""Rules for updates: those that replace everything, that are overwritten, and reads of them."""

from __future__ import annotations

from jitflow.ir.graph import Node, Value
from jitflow.ir.passes.views import VIEWS, Step, _without_repetition, simplify_steps
from jitflow.ir.rewriter import Replacement, Rewriter
from jitflow.ir.rules import AnyRule, rule
from jitflow.ops.record import Kind

_LONGEST_CHAIN = 8


def chain_of(value: Value) -> tuple[Value, tuple[Step, ...]]:
    """The value that is viewed, and the steps that lead from it to `value`."""
    steps: list[Step] = []
    node = value.producer
    while node is not None and node.operator.kind is Kind.VIEW and len(steps) < _LONGEST_CHAIN:
        steps.append((node.operator.name, node.attributes))
        value = node.operands[0]
        node = value.producer
    return value, tuple(reversed(steps))


@rule("update(b, v) {views=[view, view]} -> update(b, v) {views=[view]}", "update")
def update_views(rewriter: Rewriter, node: Node) -> Replacement:
    """The views of an update merged as those of a value are."""
    base, value = node.operands
    views = tuple(simplify_steps(node.attributes["views"], base.type))
    if views == node.attributes["views"]:
        return None
    return rewriter.emit("update", base, value, views=views)


@rule("update(b, v) {views=[]} -> v", "update")
def update_all(rewriter: Rewriter, node: Node) -> Replacement:
    """An update of everything is its value."""
    base, value = node.operands
    return None if node.attributes["views"] else rewriter.fit(value, base.type)


@rule("update(b, broadcast(v)) -> update(b, v)", "update")
def update_repetition(rewriter: Rewriter, node: Node) -> Replacement:
    """The value of an update broadcasts by itself."""
    base, value = node.operands
    plain = _without_repetition(value)
    if plain is value:
        return None
    return rewriter.emit("update", base, plain, **node.attributes)


@rule("update(update(b, v) {views=V}, w) {views=V} -> update(b, w) {views=V}", "update")
def update_of_update(rewriter: Rewriter, node: Node) -> Replacement:
    """What is overwritten at once is not written.

    Where the value in between is read too, two arrays would be made of one: then both updates stay,
    unless the second one writes what is there.
    """
    base, value = node.operands
    inner = base.producer
    if inner is None or inner.operator.name != "update":
        return None
    if inner.attributes["views"] != node.attributes["views"]:
        return None
    if inner.operands[1] is value:
        return base
    if not rewriter.has_one_user(base):
        return None
    return rewriter.emit("update", inner.operands[0], value, **node.attributes)


@rule("update(b, view(b)) {views=[view]} -> b", "update")
def update_with_itself(rewriter: Rewriter, node: Node) -> Replacement:
    """Elements stored where they are."""
    base, value = node.operands
    root, steps = chain_of(value)
    return base if root is base and steps == node.attributes["views"] else None


@rule("view(update(b, v) {views=[view]}) -> v", *VIEWS)
def read_of_update(rewriter: Rewriter, node: Node) -> Replacement:
    """What was just stored there."""
    root, steps = chain_of(node.result)
    writer = root.producer
    if writer is None or writer.operator.name != "update":
        return None
    if writer.attributes["views"] != steps:
        return None
    return rewriter.fit(writer.operands[1], node.result.type)


UPDATE_RULES: tuple[AnyRule, ...] = (
    update_views,
    update_all,
    update_repetition,
    update_of_update,
    update_with_itself,
    read_of_update,
)

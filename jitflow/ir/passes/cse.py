"""Common subexpressions: nodes that compute the same value from the same operands."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass
from jitflow.ir.graph import Graph, Node
from jitflow.ir.rewriter import Replacement, Rewriter
from jitflow.ir.rules import COMMUTATIVE
from jitflow.ops.record import Kind

_CALLED = frozenset({Kind.CALL_OUT, Kind.DRAW})
_OWN_MEMORY = frozenset({"full", "uninitialised"})
"""What is mostly made to be written: shared, all but one of its users would copy it."""

_LARGEST_CONSTANT = 4096  # bytes that are compared


@dataclass(frozen=True)
class ShareEqual:
    """Merge equal nodes.

    Before: ``%a = exp %x; %b = exp %x; %c = add %a, %b``. After: ``%c = add %a, %a``. Call-outs
    stay: Python must be called as often as it was. A check that was made is not made again. Filled
    arrays stay.
    """

    def run(self, graph: Graph) -> Graph:
        """`graph` with every value computed once."""
        rule = _Share()
        used = {node.operator for node in graph.walk()}
        rules = {record.name: (rule,) for record in used if record.kind not in _CALLED}
        return Rewriter(graph, rules).run()


class _Share:
    """The rule, with what it has seen: a node dominates what follows in its block, regions too."""

    name = "share_equal"

    def __init__(self) -> None:
        self.seen: dict[Hashable, tuple[tuple[int, ...], Node]] = {}

    def apply(self, rewriter: Rewriter, node: Node) -> Replacement:
        """The earlier node's result."""
        if node.regions:
            return None
        key = _key(node)
        if key is None:
            return None
        scope, first = self.seen.get(key, (None, node))
        if scope is None or rewriter.scope[: len(scope)] != scope:
            self.seen[key] = rewriter.scope, node
            return None
        return first.results[0] if first.results else ()


def _key(node: Node) -> Hashable | None:
    name = node.operator.name
    if name in _OWN_MEMORY:
        return None
    if name == "constant":
        array: np.ndarray = node.attributes["value"]
        if array.nbytes > _LARGEST_CONSTANT:
            return None
        return name, array.dtype.str, array.shape, array.tobytes()
    operands: tuple[int, ...] = tuple(map(id, node.operands))
    if name in COMMUTATIVE and operands[0] > operands[1] and not _is_fused(node):
        operands = operands[::-1]
    quiet = node.location.quiet  # arithmetic on Python numbers must not hide NumPy's warnings
    if not node.attributes:
        return name, operands, quiet
    return name, operands, quiet, tuple(_freeze(item) for item in node.attributes.items())


def _is_fused(node: Node) -> bool:
    """Whether NumPy rounds one of two products first: which one it is makes the last bit."""
    return node.operator.name == "multiply" and node.operands[0].type.dtype.is_complex


def _freeze(value: Any) -> Hashable:
    if isinstance(value, tuple):
        return tuple(_freeze(item) for item in value)
    if isinstance(value, dict):
        return tuple((name, _freeze(item)) for name, item in value.items())
    if isinstance(value, float):
        return value.hex()
    plain: Hashable = value
    return plain

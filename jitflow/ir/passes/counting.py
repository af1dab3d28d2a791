"""Branches that do nothing but count or choose become arithmetic.

Before: ``if x <= 1: hits += 1``, a branch that a processor guesses wrong where data are random.
After: ``hits += (1 if x <= 1 else 0)``, which cannot overflow where the arm is not taken. LLVM
does this by itself where the addition is not checked. A branch that chooses between numbers that
are there, such as the answer of ``a and b``, is a `where`, or the condition itself.
"""

from __future__ import annotations

from jitflow.core.dtypes import BOOL
from jitflow.ir.graph import Graph, Node, Value
from jitflow.ir.rewriter import Rewriter
from jitflow.ir.rules import splat

MOST = 3
"""Counters of one branch."""

_NEUTRAL = {"checked_add": 0, "checked_subtract": 0, "checked_multiply": 1}


def without_branches(graph: Graph) -> Graph:
    """`graph` with arithmetic for branches that change counters alone; itself where all stay."""
    if not any(_is_superfluous(node) for node in graph.walk()):
        return graph
    return _Counter(graph, {}).run()


class _Counter(Rewriter):
    def _visit(self, node: Node) -> None:
        if not _is_superfluous(node):
            super()._visit(node)
            return
        predicate = self.new(node.operands[0])
        then, otherwise = node.regions
        for region in node.regions:
            for item in region.nodes:
                if item.operator.name == "constant":
                    self.append(item)
        for result, a, b in zip(node.results, then.results, otherwise.results, strict=True):
            self.current = node
            if _is_there(a, node) and _is_there(b, node):
                self.replaced[id(result)] = self.chosen(predicate, self.new(a), self.new(b))
                continue
            changed = _changed(a, b) is not None
            self.replaced[id(result)] = self.counted(a if changed else b, predicate, changed)

    def chosen(self, predicate: Value, one: Value, other: Value) -> Value:
        """One of two numbers; of True and False the condition itself."""
        answers = [splat(value) if value.type.dtype is BOOL else None for value in (one, other)]
        if answers == [True, False]:
            return predicate
        if answers == [False, True]:
            return self.emit("logical_not", predicate)
        return self.emit("where", predicate, one, other)

    def counted(self, value: Value, predicate: Value, is_then: bool) -> Value:
        """A counter with a neutral operand where its arm is not taken."""
        node = value.producer
        assert node is not None
        self.current = node
        first, second = (self.new(operand) for operand in node.operands)
        neutral = self.constant(_NEUTRAL[node.operator.name], second.type)
        pair = (second, neutral) if is_then else (neutral, second)
        return self.emit(node.operator.name, first, self.emit("where", predicate, *pair))


def _is_superfluous(node: Node) -> bool:
    """Whether a node is a branch that arithmetic replaces."""
    if node.operator.name != "cond" or any(value.type.rank for value in node.results):
        return False
    items = (item for region in node.regions for item in region.nodes)
    return _counts(node) or all(item.operator.name == "constant" for item in items)


def _is_there(value: Value, branch: Node) -> bool:
    """Whether a number is a constant, or no result of the work in a branch."""
    maker = value.producer
    if maker is not None and maker.operator.name == "constant":
        return True
    return all(maker is not item for region in branch.regions for item in region.nodes)


def _changed(value: Value, before: Value) -> Node | None:
    """The node that makes a counter of `before`, by a number."""
    node = value.producer
    if node is None or node.operator.name not in _NEUTRAL or value.type.rank:
        return None
    return node if node.operands[0] is before and node.operands[1] is not before else None


def _counts(node: Node) -> bool:
    """Whether one arm changes counters and nothing else happens."""
    then, otherwise = node.regions
    items = [item for region in node.regions for item in region.nodes]
    work = [item for item in items if item.operator.name != "constant"]
    if not 0 < len(work) <= MOST or len(work) != len(node.results):
        return False
    made = [
        _changed(a, b) or _changed(b, a)
        for a, b in zip(then.results, otherwise.results, strict=True)
    ]
    inside = {id(value) for item in work for value in item.results}
    if any(id(value) in inside for item in work for value in item.operands):
        return False
    return {id(item) for item in made} == {id(item) for item in work}

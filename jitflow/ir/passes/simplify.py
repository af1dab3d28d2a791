"""The rewriting passes: families of rules applied in one forward walk."""

from __future__ import annotations

import functools

from jitflow.core.dataclass import dataclass
from jitflow.ir.graph import Graph
from jitflow.ir.passes import algebra, casts, fold, gathers, updates, views
from jitflow.ir.rewriter import OnFire, Rewriter
from jitflow.ir.rules import AnyRule, FunctionRule, by_operator
from jitflow.ops.record import Kind, operators

FAMILIES = ("fold", "canonicalise", "algebra")


@functools.cache
def family(name: str) -> tuple[AnyRule, ...]:
    """The rules of a family: `fold`, `canonicalise` or `algebra`."""
    if name == "fold":
        return (*fold.FOLD_RULES, fold.make_fold(operators()))
    if name == "canonicalise":
        elementwise = tuple(o.name for o in operators() if o.kind is Kind.ELEMENTWISE)
        repetition = FunctionRule(
            "drop_repetition", "op(broadcast(x), y) -> op(x, y)", elementwise, views.drop_repetition
        )
        rules = (*casts.CAST_RULES, *updates.UPDATE_RULES, *views.VIEW_RULES)
        return (*rules, *gathers.GATHER_RULES, repetition)
    if name == "algebra":
        return algebra.RULES
    raise KeyError(name)


@functools.cache
def _table(families: tuple[str, ...]) -> dict[str, tuple[AnyRule, ...]]:
    return by_operator(item for name in families for item in family(name))


@dataclass(frozen=True)
class Simplify:
    """Apply rewrite rules to every node, operands first.

    Before: ``%a = transpose %x; %b = transpose %a; %c = multiply %b, 1``. After: uses of ``%c`` are
    uses of ``%x``. What is replaced stays until `RemoveDead`.

    Attributes
    ----------
    families : tuple of str
        Which rules: `fold` (constants), `canonicalise` (views, casts, updates), `algebra`.
    on_fire : callable, optional
        Told each rule's name and node when it fits.
    """

    families: tuple[str, ...] = FAMILIES
    on_fire: OnFire | None = None

    def run(self, graph: Graph) -> Graph:
        """`graph` simplified."""
        return Rewriter(graph, _table(self.families), self.on_fire).run()

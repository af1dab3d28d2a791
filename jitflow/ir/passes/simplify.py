"""The rewriting passes: families of rules applied in one forward walk."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

from jitflow.core.dataclass import dataclass
from jitflow.ir.graph import Graph
from jitflow.ir.passes import algebra, casts, fold, gathers, updates, views
from jitflow.ir.rewriter import OnFire, Rewriter
from jitflow.ir.rules import AnyRule, FunctionRule, by_operator
from jitflow.ops import table
from jitflow.ops.record import Kind, Operator, operator, operators

FAMILIES = ("fold", "canonicalise", "algebra")


@functools.cache
def family(name: str) -> tuple[AnyRule, ...]:
    """The rules of a family: `fold`, `canonicalise` or `algebra`."""
    return _rules(name, operators())


def _rules(name: str, records: tuple[Operator, ...]) -> tuple[AnyRule, ...]:
    """The rules of a family; those for all operators of a kind are for `records` alone."""
    if name == "fold":
        return (*fold.FOLD_RULES, fold.make_fold(records))
    if name == "canonicalise":
        elementwise = tuple(o.name for o in records if o.kind is Kind.ELEMENTWISE)
        repetition = FunctionRule(
            "drop_repetition", "op(broadcast(x), y) -> op(x, y)", elementwise, views.drop_repetition
        )
        rules = (*casts.CAST_RULES, *updates.UPDATE_RULES, *views.VIEW_RULES)
        return (*rules, *gathers.GATHER_RULES, repetition)
    if name == "algebra":
        return algebra.RULES
    raise KeyError(name)


class _Table(Mapping[str, tuple[AnyRule, ...]]):
    """The rules of some families for each operator, found when the operator is first met."""

    def __init__(self, families: tuple[str, ...]) -> None:
        self._families = families
        self._known: dict[str, tuple[AnyRule, ...]] = {}

    def __getitem__(self, name: str) -> tuple[AnyRule, ...]:
        found = self._known.get(name)
        if found is None:
            records = (operator(name),)
            rules = by_operator(item for one in self._families for item in _rules(one, records))
            found = self._known[name] = rules.get(name, ())
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(table.NAMES)

    def __len__(self) -> int:
        return len(table.NAMES)


_table = functools.cache(_Table)


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

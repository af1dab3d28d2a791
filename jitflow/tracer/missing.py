"""Kinds of what may be missing, as data decide: variables that are not bound, and None."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.tracer import carried, kinds
from jitflow.tracer.kinds import (
    Array,
    Either,
    Fixed,
    Group,
    IntOrFloat,
    Kind,
    Number,
    OrNone,
    Part,
    Perhaps,
    Unbound,
)
from jitflow.tracer.values import ConstantValue, PerhapsNone, PerhapsUnbound, PyValue

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter
    from jitflow.tracer.shrinking import Capacity


def may_be_none(kind: Kind) -> bool:
    """Whether values of a kind are None, or are so where data decide it."""
    if isinstance(kind, Fixed):
        return isinstance(kind.value, ConstantValue) and kind.value.value is None
    return isinstance(kind, OrNone)


def or_none(
    left: Kind,
    right: Kind,
    what: str,
    values: Iterable[PyValue | None] = (),
    capacity: Capacity | None = None,
) -> OrNone:
    """The kind of a value that is one of two, of which one may be None; as `carried.unified`."""
    sides = [kind.kind if isinstance(kind, OrNone) else kind for kind in (left, right)]
    known = [kind for kind in sides if not may_be_none(kind)]
    held = [value.value if isinstance(value, PerhapsNone) else value for value in values]
    if not known or not all(map(_may_be_missing, known)):
        text = f"{what} is {kinds.text_of(left)} or {kinds.text_of(right)}"
        raise Unsupported("JF-B006", text)
    return OrNone(_of_both(known, what, held, capacity))


def _of_both(
    known: Sequence[Kind], what: str, held: Iterable[PyValue | None], capacity: Capacity | None
) -> Kind:
    """The kind of what is there, if anything is."""
    kind = carried.unified(known[0], known[-1], what, held, capacity)
    if capacity is not None:
        kind = carried.known_outside(kind, what, capacity)
    return kinds.apart(kind, f"{what} or not")


def _may_be_missing(kind: Kind) -> bool:
    if isinstance(kind, Group):
        return bool(kind.items) and all(map(_may_be_missing, kind.items))
    return isinstance(kind, Number | Either | IntOrFloat | Array | Part | OrNone)


def or_none_converted(
    tracer: Interpreter, parts: list[Value], kind: Kind, wanted: OrNone
) -> list[Value]:
    """`parts` of a value of `kind` as those of a kind that `or_none` gave."""
    if isinstance(kind, OrNone):
        return [*carried.converted(tracer, parts[:-1], kind.kind, wanted.kind), parts[-1]]
    if may_be_none(kind):
        return [*carried.placeholders(tracer, wanted.kind), tracer.context.truth(False)]
    return [*carried.converted(tracer, parts, kind, wanted.kind), tracer.context.truth(True)]


def perhaps(
    left: Kind,
    right: Kind,
    what: str,
    values: Iterable[PyValue | None],
    capacity: Capacity | None = None,
) -> Kind:
    """The kind of a variable that is bound to a value of a kind, or not, as data decide."""
    sides = [kind.kind if isinstance(kind, Perhaps) else kind for kind in (left, right)]
    known = [kind for kind in sides if not isinstance(kind, Unbound)]
    held = [value.value if isinstance(value, PerhapsUnbound) else value for value in values]
    kind = _of_both(known, what, held, capacity)
    if not kinds.outlives_region(kind):
        raise Unsupported("JF-B006", f"{what} is {kinds.text_of(kind)} or unbound")
    return Perhaps(kind)


def perhaps_converted(
    tracer: Interpreter, parts: list[Value], kind: Kind, wanted: Perhaps
) -> list[Value]:
    """`parts` of a value of `kind` as those of a kind that `perhaps` gave."""
    if isinstance(kind, Unbound):
        return [*carried.placeholders(tracer, wanted.kind), tracer.context.truth(False)]
    if isinstance(kind, Perhaps):
        return [*carried.converted(tracer, parts[:-1], kind.kind, wanted.kind), parts[-1]]
    return [*carried.converted(tracer, parts, kind, wanted.kind), tracer.context.truth(True)]

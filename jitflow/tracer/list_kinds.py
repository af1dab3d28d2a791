"""The kinds of items of lists that captured loops grow or change (`list_rows`).

An array that is there before all loops that know the list, and that iterations put into tuples or
dicts of it again and again (``cache.append((x[t], weights))``), is *pinned*: no copies are made of
it, all items have this one object, and its kind is `Fixed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jitflow.core.dataclass import replace
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.tracer import carried, kinds, layout, operations
from jitflow.tracer.kinds import Array, Either, Fixed, Group, IntOrFloat, Kind, Made, Number, Row
from jitflow.tracer.objects.model import DictValue
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer import rolling
    from jitflow.tracer.interpreter import Interpreter
else:
    rolling = LazyModule("jitflow.tracer.rolling")


def is_stackable(kind: Kind) -> bool:
    """Whether items of a kind can be rows."""
    if isinstance(kind, Group | Made):
        is_known = isinstance(kind, Group) or kind.kind is dict
        return is_known and bool(kind.items) and all(map(is_stackable, kind.items))
    if isinstance(kind, Array):
        return kind.order == layout.c_order(kind.type.rank) and kind.type.rank > 0
    if isinstance(kind, Fixed):
        is_none = isinstance(kind.value, ConstantValue) and kind.value.value is None
        return is_none or isinstance(kind.value, ArrayValue)
    return isinstance(kind, Number | Either | IntOrFloat | Row)


def has_arrays(kind: Kind) -> bool:
    """Whether there are arrays or dicts in an item of a kind."""
    inner = kind.items if isinstance(kind, Group) else ()
    return isinstance(kind, Array | Made) or is_pinned(kind) or any(map(has_arrays, inner))


def has_dicts(kind: Kind) -> bool:
    """Whether there are dicts in an item of a kind."""
    inner = kind.items if isinstance(kind, Group) else ()
    return isinstance(kind, Made) or any(map(has_dicts, inner))


def item_kind(tracer: Interpreter, item: PyValue) -> Kind:
    """The kind of a value as an item of a list: lists of numbers have one, too, and dicts."""
    known = carried.describe(tracer, item)
    item = operations.resolve(tracer, item)
    if any(isinstance(owner, DictValue) for owner in rolling.lists_of(item)):
        known = rolling.kind_by_items(tracer, item)
        return known if is_stackable(known) else Fixed(item)
    if not isinstance(item, SequenceValue) or item.kind is not list:
        return known
    if not (item.host is None and item.source is None and item.lender is None):
        return Fixed(item)  # two lists have it
    if item.rows is not None:
        stack = item.rows.stack
        is_row = stack.is_full and isinstance(stack.item, Number | Either | IntOrFloat)
        return Row(stack.item, stack.capacity) if is_row else Fixed(item)
    try:
        kind = kind_of_all(tracer, item.fixed)
    except Unsupported:
        return Fixed(item)
    is_number = isinstance(kind, Number | Either | IntOrFloat)
    return Row(kind, len(item.fixed)) if is_number else Fixed(item)


def unified(kind: Kind, other: Kind, *values: PyValue) -> Kind:
    """As `carried.unified`, of items; rows are not None or a number as data decide."""
    wide = carried.unified(kind, other, "an item of a list", values)
    if wide != kind and not is_stackable(wide):
        raise Unsupported("JF-B006", f"a list of {kinds.text_of(wide)}")
    return wide


def kind_of_all(tracer: Interpreter, items: list[PyValue]) -> Kind:
    """The kind that all items have; those of ``[0] * n`` are one. JF-B006 where there is none."""
    kind: Kind | None = None
    for item in {id(item): item for item in items}.values():
        known = item_kind(tracer, item)
        kind = known if kind is None else unified(kind, known, item)
    if kind is None:
        raise Unsupported("JF-B006", "an item of an empty list")
    return kind


# Arrays that are one object in all items


def is_pinned(kind: Kind) -> bool:
    """Whether it is that of an array which is the same object in all items."""
    return isinstance(kind, Fixed) and isinstance(kind.value, ArrayValue)


def has_pinned(kind: Kind) -> bool:
    """Whether there is such an array in an item of a kind."""
    inner = kind.items if isinstance(kind, Group | Made) else ()
    return is_pinned(kind) or any(map(has_pinned, inner))


def pinned(tracer: Interpreter, owner: SequenceValue, item: PyValue) -> Kind:
    """The kind of an item of `owner`, with the arrays pinned that were there before."""
    kind = item_kind(tracer, item)
    around = [attempt for attempt in tracer.attempts if attempt.knows(owner)]
    if not around or not isinstance(kind, Group | Made):
        return kind
    return _with_pins(item, kind, around)


def _with_pins(item: PyValue | None, kind: Kind, around: list[Any]) -> Kind:
    value = settled(item)
    if isinstance(kind, Array):
        if not isinstance(value, ArrayValue) or value.views:
            return kind
        knows = all(id(value) in attempt.reach.objects for attempt in around)
        return Fixed(value) if knows or value.source is not None else kind
    if not isinstance(kind, Group | Made):
        return kind
    pairs = zip(contents_of(value), kind.items, strict=True)
    return replace(kind, items=tuple(_with_pins(v, k, around) for v, k in pairs))


def unpinned(tracer: Interpreter, kind: Kind) -> Kind:
    """The kind with copies of all arrays."""
    if is_pinned(kind):
        assert isinstance(kind, Fixed)
        return carried.describe(tracer, kind.value)
    if not isinstance(kind, Group | Made):
        return kind
    return replace(kind, items=tuple(unpinned(tracer, item) for item in kind.items))


def of_both(tracer: Interpreter, kind: Kind, other: Kind, *values: PyValue) -> Kind:
    """As `unified`; arrays stay pinned where both kinds pin the same ones."""
    if kind == other:
        return kind
    return unified(unpinned(tracer, kind), unpinned(tracer, other), *values)


def contents_of(value: PyValue | None) -> list[PyValue]:
    """The items of a tuple or a dict."""
    if isinstance(value, DictValue):
        return [item for _, item in value.items.values()]
    assert isinstance(value, SequenceValue)
    return value.items


def is_of(tracer: Interpreter, owner: SequenceValue, item: PyValue, kind: Kind) -> bool:
    """Whether an item of `owner` is of a kind, perhaps with copies of its arrays."""
    return kind in (pinned(tracer, owner, item), item_kind(tracer, item))


def copied(item: PyValue | None, kind: Kind) -> Iterator[ArrayValue]:
    """The arrays in an item of which the rows have copies."""
    value = settled(item)
    if isinstance(kind, Group | Made):
        for part, known in zip(contents_of(value), kind.items, strict=True):
            yield from copied(part, known)
    elif not is_pinned(kind) and value is not None:
        yield from carried.storages_of(value)

"""Lists of lists of Python numbers that are data: matrices and tables, all rows of one length.

Such a list becomes one array of two axes, whose extents are symbolic, that a `MadeSource` makes of
it in each call; no row may be there twice. What the program changes goes back into the rows at the
end. In the trace it is a list that has rows from the start (`tracer.list_rows`). Where the program
does more with it than such lists can, the trace is made again with a known number of lists.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

from jitflow.core import list_arrays
from jitflow.core.dtypes import BOOL, F64, I64
from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import IsObject, TypeIs
from jitflow.guards.sources import ConstantSource, MadeSource, Source
from jitflow.tracer import arrays, list_rows
from jitflow.tracer.kinds import Number, Row
from jitflow.tracer.objects.model import LazyValue
from jitflow.tracer.restart import Restart
from jitflow.tracer.values import SequenceValue

LARGE = 64
"""Numbers up to which lists of lists are structure, unless a loop needs them as data."""


def as_integers(items: Any) -> np.ndarray | None:
    """The array of a list of lists of Python integers; None of anything else."""
    return _array_of(items, int)


def as_floats(items: Any) -> np.ndarray | None:
    """The array of a list of lists of Python floats; None of anything else."""
    return _array_of(items, float)


def as_truths(items: Any) -> np.ndarray | None:
    """The array of a list of lists of bools; None of anything else."""
    if not _is_table(items) or set(map(type, chain.from_iterable(items))) != {bool}:
        return None
    return np.array(items, np.bool_)


def _is_table(items: Any) -> bool:
    """Whether these are different lists, all of one length that is not 0."""
    return (
        type(items) is list
        and set(map(type, items)) == {list}
        and len(set(map(id, items))) == len(items)
        and len(items[0]) > 0
        and set(map(len, items)) == {len(items[0])}
    )


def _array_of(items: Any, kind: type) -> np.ndarray | None:
    if not _is_table(items):
        return None
    numbers = list_arrays.array_of([*chain.from_iterable(items)], kind)
    return None if numbers is None else numbers.reshape(len(items), len(items[0]))


_MAKERS = {
    int: (ConstantSource(as_integers, "integers"), Number("int", I64)),
    float: (ConstantSource(as_floats, "floats"), Number("float", F64)),
    bool: (ConstantSource(as_truths, "truths"), Number("bool", BOOL)),
}


def are_apart(first: list[Any], second: list[Any]) -> bool:
    """Whether two lists, and the lists in them, have none in common."""
    one, other = ({id(x), *(id(item) for item in x if type(item) is list)} for x in (first, second))
    return one.isdisjoint(other)


APART = ConstantSource(are_apart, "are_apart")


def wrap_table(tracer: Any, items: list[Any], source: Source) -> SequenceValue | None:
    """The value of a real list of lists of numbers that is large, or that a loop needs; else None.

    The trace begins again where one of its lists is looked at in another way.
    """
    context = tracer.context
    table = context.objects
    first = items[0]
    if not first or id(items) in table.itemised or any(map(table.has_seen, items)):
        return None
    is_needed = len(items) * len(first) > LARGE or id(items) in table.tabled
    maker, kind = _MAKERS.get(type(first[0]), (None, None))
    contents = None if maker is None or not is_needed else maker.value(items)
    if maker is None or kind is None or contents is None:
        return None
    context.guard(TypeIs(source, list))
    array = context.input_array(contents, MadeSource(maker, (source,), 0), is_symbolic=True)
    extent, width = array.shape
    buffers = (arrays.read(context, array),)
    value = list_rows.full_list(tracer, Row(kind, width), buffers, extent, source)
    value.origin = id(items)
    table.in_tables.update((id(row), id(items)) for row in items)
    return value


def refuse_row(tracer: Any, row: Any, source: Source) -> None:
    """Trace again where a list is looked at that is in a table, too."""
    outer = tracer.context.objects.in_tables.get(id(row))
    if outer is not None:
        raise Restart(Unsupported("JF-B014", f"{source} is in a list of lists"), itemised=outer)


def ask_for(tracer: Any, owner: SequenceValue) -> None:
    """Trace again with a list of lists from outside as a table, which a loop needs it to be."""
    table = tracer.context.objects
    if owner.source is None or owner.kind is not list:
        return
    lists = [item.real for item in owner.fixed if isinstance(item, LazyValue)]
    outer = next((key for key, value in table.by_id.items() if value is owner), None)
    is_told = outer is None or outer in table.itemised or outer in table.tabled
    if is_told or len(lists) < len(owner.fixed):
        return
    if any(make.value(lists) is not None for make, _ in _MAKERS.values()):
        cause = Unsupported("JF-B006", "an item of a list at a position known only at run time")
        raise Restart(cause, tabled=outer)


def keep_apart(tracer: Any, value: Any, other: Any) -> None:
    """Rely on two lists, one changed and one a table, having no list in common."""
    if _is_from_outside(value) or _is_from_outside(other):
        made = MadeSource(APART, (value.source, other.source), 0)
        tracer.context.guard(IsObject(made, True))


def _is_from_outside(value: Any) -> bool:
    return isinstance(value, SequenceValue) and value.origin is not None

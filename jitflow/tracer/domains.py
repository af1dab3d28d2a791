"""What a captured ``for`` runs over: a range of indices, and the item behind each index."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim, count_in
from jitflow.core.dtypes import I64
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.tracer import facts, numpy, operations
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.objects.model import IteratorValue, RangeValue
from jitflow.tracer.objects.number_values import integer
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    NumbersValue,
    PyValue,
    ScalarValue,
    SequenceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer import list_items
    from jitflow.tracer.interpreter import Interpreter
    from jitflow.tracer.objects import cartesian, integer_lists
else:
    list_items = LazyModule("jitflow.tracer.list_items")
    integer_lists = LazyModule("jitflow.tracer.objects.integer_lists")
    cartesian = LazyModule("jitflow.tracer.objects.cartesian")

Item = Callable[[PyValue], PyValue]


@dataclass(frozen=True, eq=False)
class Domain:
    """``range(start, stop, step)`` and what the loop's variable is at each of its indices.

    `is_entered` tells that there is an index for sure.
    """

    start: Dim
    stop: Dim
    step: Dim
    item: Item
    descends: bool = False
    is_entered: bool = False

    @property
    def limits(self) -> tuple[Dim, Dim]:
        """Least and greatest index."""
        ends = self.start, self.stop, self.step
        if isinstance(self.start, int) and all(isinstance(end, int) for end in ends):
            last = range(*ends)[-1:]  # type: ignore[arg-type]
            if last:
                return min(self.start, last[0]), max(self.start, last[0])
        return (self.stop + 1, self.start) if self.descends else (self.start, self.stop - 1)

    @property
    def bounds(self) -> tuple[Dim, Dim]:
        """Two numbers, the first one below the second if there is any index."""
        return (self.stop, self.start) if self.descends else (self.start, self.stop)

    def trips(self, tracer: Interpreter) -> Dim:
        """How many indices there are."""
        low, high = self.bounds
        width = facts.span(tracer.context, high - low)
        return facts.stepped(tracer.context, width, -self.step if self.descends else self.step)


def domain_of(tracer: Interpreter, iterator: IteratorValue) -> Domain:
    """What is left of an iterator; JF-B006 where it is none over indices."""
    if iterator.exhausted or iterator.resume is not None:
        raise Unsupported("JF-B006", "an iterator that is under way")
    if iterator.kind == "range":
        return _range(tracer, iterator)
    length, item = _counted(tracer, iterator)
    return Domain(0, length, 1, item)


def length_of(tracer: Interpreter, iterator: IteratorValue) -> int | None:
    """How many items are left, where that is known and the iterator is one over indices."""
    if iterator.kind in ("enumerate", "zip"):
        lengths = [length_of(tracer, inner) for inner in iterator.inner]
        known = [length for length in lengths if length is not None]
        return min(known) if len(known) == len(lengths) and known else None
    if iterator.kind in ("product", "ndenumerate"):
        extents = cartesian.lengths(tracer, iterator)
        return None if extents is None else math.prod(extents) - iterator.position
    if isinstance(iterator.iterable, SequenceValue):
        return None
    if iterator.kind in ("numbers", "backwards"):
        assert isinstance(iterator.iterable, NumbersValue)
        count = iterator.iterable.contents.type.shape[0]
        return count - iterator.position if isinstance(count, int) else None
    if iterator.kind == "array":
        assert isinstance(iterator.iterable, ArrayValue)
        if iterator.start is not None:
            return None
        rows = iterator.iterable.shape[0]
        return rows - iterator.position if isinstance(rows, int) else None
    if iterator.kind != "range":
        return None
    parts = _parts(tracer, iterator)
    if not all(isinstance(part, int) for part in parts):
        return None
    start, stop, step = parts
    return count_in(range(start, stop, step))  # type: ignore[arg-type]


def _parts(tracer: Interpreter, iterator: IteratorValue) -> tuple[Dim, Dim, Dim]:
    value = iterator.iterable
    assert isinstance(value, RangeValue)
    start, stop, step = (
        arguments.dim(tracer.context, operations.resolve(tracer, part), "the bound of a range")
        for part in (value.start, value.stop, value.step)
    )
    return start + iterator.position * step, stop, step


def _range(tracer: Interpreter, iterator: IteratorValue) -> Domain:
    start, stop, step = _parts(tracer, iterator)
    descends = not facts.ascends(tracer.context, step)
    return Domain(start, stop, step, lambda index: index, descends)


def _counted(tracer: Interpreter, iterator: IteratorValue) -> tuple[Dim, Item]:
    """How many items are left, and the item at a position from 0."""
    rule = {"range": _counted_range, "array": _rows, "enumerate": _enumerate, "zip": _zip}
    rule |= {
        "backwards": _backwards,
        "numbers": _numbers,
        "rows": _list,
        "product": _grid,
        "ndenumerate": _grid,
    }
    if iterator.kind not in rule:
        raise Unsupported("JF-B006", f"iteration over {iterator.kind} items")
    return rule[iterator.kind](tracer, iterator)


def _counted_range(tracer: Interpreter, iterator: IteratorValue) -> tuple[Dim, Item]:
    context = tracer.context
    start, stop, step = _parts(tracer, iterator)
    if not isinstance(step, int) or step == 0:
        raise Unsupported("JF-B006", "a range whose step is known only at run time")
    width = facts.span(context, stop - start if step > 0 else start - stop)
    if abs(step) > 1:
        width = facts.quotient(context, width + (abs(step) - 1), abs(step))

    def item(index: PyValue) -> PyValue:
        dim = arguments.dim(context, index)
        return integer(context, start + dim * step)

    return width, item


def offset_of(context: TraceContext, iterator: IteratorValue) -> Dim:
    """Where an iterator over rows is."""
    if iterator.start is None:
        return iterator.position
    start = context.resolve(iterator.start)
    return arguments.dim(context, start) + iterator.position


def _rows(tracer: Interpreter, iterator: IteratorValue) -> tuple[Dim, Item]:
    array = iterator.iterable
    assert isinstance(array, ArrayValue)
    first = offset_of(tracer.context, iterator)

    def item(index: PyValue) -> PyValue:
        place = integer(tracer.context, arguments.dim(tracer.context, index) + first)
        return numpy.getitem(tracer.context, array, place)

    return array.shape[0] - first, item


def _numbers(tracer: Interpreter, iterator: IteratorValue) -> tuple[Dim, Item]:
    numbers, first = iterator.iterable, iterator.position
    assert isinstance(numbers, NumbersValue)

    def item(index: PyValue) -> PyValue:
        place = integer(tracer.context, arguments.dim(tracer.context, index) + first)
        return integer_lists.get_item(tracer, numbers, place)

    return numbers.contents.type.shape[0] - first, item


def _backwards(tracer: Interpreter, iterator: IteratorValue) -> tuple[Dim, Item]:
    """The items of a list of numbers, which may change, from the one that was the last."""
    numbers, start = iterator.iterable, iterator.start
    assert isinstance(numbers, NumbersValue | SequenceValue)
    assert start is not None
    left = arguments.dim(tracer.context, operations.resolve(tracer, start)) - iterator.position
    count = numbers.rows.count if isinstance(numbers, SequenceValue) and numbers.rows else None

    def item(index: PyValue) -> PyValue:
        place = integer(tracer.context, left - 1 - arguments.dim(tracer.context, index))
        if isinstance(numbers, SequenceValue):
            if numbers.rows is None or numbers.rows.count is not count:
                raise Unsupported("JF-B006", "a list changes its length while it is iterated")
            return list_items.get_item(tracer, numbers, place)
        return integer_lists.get_item(tracer, numbers, place)

    return left, item


def _list(tracer: Interpreter, iterator: IteratorValue) -> tuple[Dim, Item]:
    """The items of a list with rows, which may change but not grow or shrink."""
    owner, first = iterator.iterable, iterator.position
    assert isinstance(owner, SequenceValue)
    assert owner.rows is not None
    count = owner.rows.count
    length = arguments.dim(tracer.context, list_items.length(tracer, owner))

    def item(index: PyValue) -> PyValue:
        if owner.rows is None or owner.rows.count is not count:
            raise Unsupported("JF-B006", "a list grows while it is iterated")
        place = integer(tracer.context, arguments.dim(tracer.context, index) + first)
        return list_items.get_item(tracer, owner, place)

    return length - first, item


def _grid(tracer: Interpreter, iterator: IteratorValue) -> tuple[Dim, Item]:
    context, first = tracer.context, iterator.position
    counted = [_counted(tracer, inner) for inner in iterator.inner]
    axes = [(integer(context, length), item) for length, item in counted]

    def item(index: PyValue) -> PyValue:
        position = integer(context, arguments.dim(context, index) + first)
        return cartesian.item_at(tracer, iterator, position, axes)

    return dims.product(tuple(length for length, _ in counted)) - first, item


def _enumerate(tracer: Interpreter, iterator: IteratorValue) -> tuple[Dim, Item]:
    length, inner = _counted(tracer, iterator.inner[0])
    assert iterator.start is not None
    first = arguments.dim(tracer.context, operations.resolve(tracer, iterator.start))

    def item(index: PyValue) -> PyValue:
        dim = arguments.dim(tracer.context, index)
        number = integer(tracer.context, first + iterator.position + dim)
        return SequenceValue(tuple, [number, inner(index)])

    return length, item


def _zip(tracer: Interpreter, iterator: IteratorValue) -> tuple[Dim, Item]:
    found = [_counted(tracer, inner) for inner in iterator.inner]
    if not found:
        raise Unsupported("JF-B006", "zip of nothing")
    length = found[0][0]
    for other, _ in found[1:]:
        length = facts.least(tracer.context, length, other)

    def item(index: PyValue) -> PyValue:
        return SequenceValue(tuple, [inner(index) for _, inner in found])

    return length, item


def index_value(dim: Dim) -> PyValue:
    """The Python int of an index."""
    if isinstance(dim, int):
        return ConstantValue(dim)
    return ScalarValue("int", I64, None, dim)

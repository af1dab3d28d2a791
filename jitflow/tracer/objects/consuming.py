"""Generators that one call uses up: ``sum(x[i] * y[i] for i in range(n))``, ``any``, ``list``.

The generator's code runs as a function of its own, to its end; each ``yield`` hands the item to a
sink, which keeps what was found so far in cells. So its loops and branches are captured like any
others, and iterations are not unrolled. Other iterables are run through a generator of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitflow.core.errors import Unsupported
from jitflow.guards.sources import ConstantSource
from jitflow.tracer import facts, versions
from jitflow.tracer.objects import int_or_float
from jitflow.tracer.objects.comparison import truth
from jitflow.tracer.objects.effects import will_change
from jitflow.tracer.objects.model import CellValue, DequeValue, IteratorValue, RangeValue
from jitflow.tracer.objects.number_values import box_of
from jitflow.tracer.objects.operators import binary
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import function_value, resolve
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    IntOrFloatValue,
    NumbersValue,
    PerhapsUnbound,
    PyValue,
    ScalarValue,
    SequenceValue,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jitflow.ir.graph import Value

_MANY = 16
"""Items from which an array or a range is not looked at one by one."""


def is_consumed(tracer: Tracer, iterable: PyValue) -> bool:
    """Whether the items of an iterable go through a sink, one after the other."""
    value = resolve(tracer, iterable)
    if isinstance(value, IteratorValue):
        return value.resume is not None and not value.exhausted and value.resume.is_fresh  # type: ignore[attr-defined]
    if isinstance(value, ArrayValue):
        rows = value.shape[0] if value.shape else 0
        return not isinstance(rows, int) or rows > _MANY
    if isinstance(value, DequeValue):
        value = value.held
    if isinstance(value, SequenceValue):
        return value.rows is not None
    if isinstance(value, RangeValue):
        parts = (value.start, value.stop, value.step)
        return not all(isinstance(resolve(tracer, part), ConstantValue) for part in parts)
    return isinstance(value, NumbersValue)


def consume(tracer: Tracer, iterable: PyValue, sink: Sink) -> PyValue:
    """Give each item to `sink`, until it has enough; gives its result."""
    value = resolve(tracer, iterable)
    if not isinstance(value, IteratorValue):
        made = function_value(tracer, _items, ConstantSource(_items, "items"))  # type: ignore[arg-type]
        generator = tracer.run_nested(made, [value], {})
        assert isinstance(generator, IteratorValue)
        value = generator
    return tracer.use_up(value, sink)


def _items(iterable: Iterable[Any]) -> Iterator[Any]:
    for item in iterable:  # noqa: UP028 - the sink has to see each ``yield``
        yield item


Compensation = tuple[
    "Callable[[Tracer, PyValue, PyValue, PyValue], tuple[PyValue, PyValue]]",
    "Callable[[Tracer, PyValue, PyValue], PyValue]",
]
"""Adds a float to a sum and its error, and brings these together at the end."""


class Sink:
    """What takes the items; its state is in cells, so that loops carry it.

    Attributes
    ----------
    held : list of CellValue
    stopped : PyValue or None
        The result where an item was the last one that is looked at.
    """

    def __init__(self, tracer: Tracer, *contents: PyValue | None) -> None:
        self.tracer = tracer
        self.held = [CellValue(item) for item in contents]
        self.stopped: PyValue | None = None

    def take(self, item: PyValue) -> PyValue | None:
        """Look at an item; gives whether another one is wanted (a bool), or None for always."""
        raise NotImplementedError

    def result(self) -> PyValue:
        """What was found, behind the last item."""
        raise NotImplementedError

    def put(self, cell: CellValue, value: PyValue) -> None:
        """Change the contents of a cell."""
        will_change(self.tracer, cell)
        cell.contents = value


class Quantifier(Sink):
    """``any`` and ``all``."""

    def __init__(self, tracer: Tracer, stops_at: bool) -> None:
        super().__init__(tracer)
        self.stops_at = stops_at
        self.stopped = ConstantValue(stops_at)

    def take(self, item: PyValue) -> PyValue | None:
        """Whether the item does not decide."""
        found = truth(self.tracer, item)
        if isinstance(found, ConstantValue):
            return ConstantValue(bool(found.value) is not self.stops_at)
        assert isinstance(found, ScalarValue)
        if not self.stops_at:
            return found
        value = self.tracer.context.scalar_graph_value(found)
        opposite = self.tracer.context.builder.emit("logical_not", value)
        return ScalarValue("bool", found.dtype, opposite)

    def result(self) -> PyValue:
        """No item decided."""
        return ConstantValue(not self.stops_at)


class Total(Sink):
    """``sum``."""

    def __init__(self, tracer: Tracer, start: PyValue, add: Compensation) -> None:
        super().__init__(tracer, start, ConstantValue(0.0))
        self.add = add
        self.boxes: set[str | None] = set()

    def take(self, item: PyValue) -> PyValue | None:
        """Add an item; Python 3.12 makes up for the rounding of sums of floats."""
        total, low = self.held
        item = resolve(self.tracer, item)
        assert total.contents is not None
        assert low.contents is not None
        assert versions.current is not None
        self.boxes.add(box_of(item))
        if versions.current.compensates_sums and "float" in self.boxes:
            before = int_or_float.as_float(total.contents)
            if self.boxes != {"float"} or box_of(before) not in ("int", "float"):
                raise Unsupported("JF-B003", "sum() of floats and other numbers")
            high, rest = self.add[0](self.tracer, before, low.contents, item)
            self.put(total, high)
            self.put(low, rest)
            return None
        self.put(total, binary(self.tracer, "+", total.contents, item))
        return None

    def result(self) -> PyValue:
        """The sum."""
        total, low = self.held
        assert total.contents is not None
        assert low.contents is not None
        if isinstance(low.contents, ConstantValue):
            return total.contents
        before = int_or_float.as_float(total.contents)
        found = self.add[1](self.tracer, before, low.contents)
        if isinstance(total.contents, IntOrFloatValue):  # an int where there was no item
            value = self.tracer.context.scalar_graph_value(found)
            return IntOrFloatValue(value, total.contents.is_float, total.contents.largest)
        return found


class Best(Sink):
    """``min`` and ``max`` without a key.

    `choose` gives the better one of the best item so far, which there is if a bool[] is true, and
    another one.
    """

    def __init__(
        self, tracer: Tracer, choose: Callable[[PyValue, PyValue, Value | None], PyValue]
    ) -> None:
        super().__init__(tracer, None)
        self.held[0].may_be_empty = True
        self.choose = choose

    def take(self, item: PyValue) -> PyValue | None:
        """Keep the better one of two."""
        (best,) = self.held
        found: PyValue | None = best.contents
        is_bound = None
        if isinstance(found, PerhapsUnbound):
            is_bound = found.is_bound
            found = found.value
        item = resolve(self.tracer, item)
        self.put(best, item if found is None else self.choose(found, item, is_bound))
        return None

    def result(self) -> PyValue:
        """The best one; ValueError where there is none."""
        (best,) = self.held
        if best.contents is None:
            raise Unsupported("JF-B009", "ValueError: the sequence is empty")
        if isinstance(best.contents, PerhapsUnbound):
            facts.require(self.tracer.context, best.contents.is_bound)
            return best.contents.value
        return best.contents


class Items(Sink):
    """``list`` and ``tuple``, and ``extend`` of the list `into`, which has no result."""

    def __init__(self, tracer: Tracer, into: SequenceValue | None = None) -> None:
        self.items = into or SequenceValue(list, [])
        self.is_made = into is None
        super().__init__(tracer, self.items)

    def take(self, item: PyValue) -> PyValue | None:
        """Append an item."""
        from jitflow.tracer.objects.sequences import append

        append(self.tracer, self.items, item)
        return None

    def result(self) -> PyValue:
        """The list; None for one that was there before."""
        return self.items if self.is_made else ConstantValue(None)

"""What remains of the iterators of captured loops that are left in the middle.

Python goes on with such a loop, so it needs the iterator: one that is made anew from how many items
were taken, or the real one of an earlier piece, which is advanced.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64
from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import TypeIs
from jitflow.guards.sources import ConstantSource, MadeSource, Source
from jitflow.ir.graph import Value
from jitflow.tracer import operations
from jitflow.tracer.domains import Domain, offset_of
from jitflow.tracer.numpy import arguments
from jitflow.tracer.objects import effects
from jitflow.tracer.objects.model import IteratorValue, OpaqueValue, RangeValue
from jitflow.tracer.objects.number_values import boxed, integer
from jitflow.tracer.objects.wrap import symbolic_integer, wrap
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter

Tree = tuple[Any, ...]
"""The structure of an iterator: its kind, and what of it is no number."""


# Inside the trace


def rest_of(
    tracer: Interpreter, iterator: IteratorValue, domain: Domain, following: Dim
) -> IteratorValue:
    """What is left of the iterator of a loop over `domain` in front of the index `following`."""
    if iterator.kind == "range":
        found = iterator.iterable
        assert isinstance(found, RangeValue)
        start = integer(tracer.context, following)
        return _range(start, found.stop, found.step, iterator.source)
    rest = _after(tracer, iterator, following)
    rest.source = iterator.source
    return rest


def _range(
    start: PyValue, stop: PyValue, step: PyValue, source: Source | None = None
) -> IteratorValue:
    kind = type(iter(range(0)))
    rest = IteratorValue("range", RangeValue(start, stop, step), iterator_type=kind)
    rest.is_rest, rest.source = True, source
    return rest


def _after(tracer: Interpreter, iterator: IteratorValue, count: Dim) -> IteratorValue:
    """An iterator behind the next `count` items."""
    context = tracer.context
    if iterator.kind == "range":
        found = iterator.iterable
        assert isinstance(found, RangeValue)
        parts = (operations.resolve(tracer, part) for part in (found.start, found.step))
        start, step = (arguments.dim(context, part) for part in parts)
        taken = dims.product((count + iterator.position, step))
        return _range(integer(context, start + taken), found.stop, found.step)
    inner = [_after(tracer, part, count) for part in iterator.inner]
    rest = IteratorValue(
        iterator.kind, iterator.iterable, inner, iterator_type=iterator.iterator_type
    )
    rest.is_rest = True
    if iterator.kind == "array":
        rest.start = integer(context, count + offset_of(context, iterator))
    elif iterator.kind == "enumerate":
        assert iterator.start is not None
        first = arguments.dim(context, operations.resolve(tracer, iterator.start))
        rest.start = integer(context, first + iterator.position + count)
    elif iterator.kind != "zip":
        raise Unsupported("JF-B006", f"a loop over {iterator.kind} items is left in the middle")
    return rest


# Over the borders of regions


def describe(tracer: Interpreter, rest: IteratorValue) -> Tree:
    """The structure of what is left of an iterator."""
    own: tuple[Any, ...] = ()
    if rest.kind == "range":
        assert isinstance(rest.iterable, RangeValue)
        step = operations.resolve(tracer, rest.iterable.step)
        if not isinstance(step, ConstantValue):
            raise Unsupported("JF-B006", "a range whose step is known only at run time")
        own = (step.value,)
    elif rest.kind == "array":
        assert isinstance(rest.iterable, ArrayValue)
        if rest.iterable.source is None or rest.iterable.views:
            raise Unsupported("JF-B006", "a loop over rows is left in the middle")
        own = (rest.iterable,)
    inner = tuple(describe(tracer, part) for part in rest.inner)
    return (rest.kind, rest.iterator_type, own, inner)


def number_count(tree: Tree) -> int:
    """How many numbers there are in an iterator of a structure."""
    kind, _, _, inner = tree
    own = {"range": 2, "zip": 0}.get(kind, 1)
    return own + sum(map(number_count, inner))


def parts_of(tracer: Interpreter, rest: IteratorValue) -> list[Value]:
    """The numbers in what is left of an iterator."""
    numbers: list[PyValue] = []
    if rest.kind == "range":
        assert isinstance(rest.iterable, RangeValue)
        numbers = [rest.iterable.start, rest.iterable.stop]
    elif rest.start is not None:
        numbers = [rest.start]
    context = tracer.context
    found = [context.scalar_graph_value(operations.resolve(tracer, n), I64) for n in numbers]
    return [*found, *(part for inner in rest.inner for part in parts_of(tracer, inner))]


def build(tree: Tree, parts: Iterator[Value]) -> IteratorValue:
    """An iterator of a structure, of its numbers."""
    kind, iterator_type, own, inner = tree
    if kind == "range":
        bounds = [boxed("int", next(parts)) for _ in range(2)]
        return _range(bounds[0], bounds[1], ConstantValue(own[0]))
    rest = IteratorValue(kind, own[0] if own else None, iterator_type=iterator_type)
    rest.start = None if kind == "zip" else boxed("int", next(parts))
    rest.inner = [build(part, parts) for part in inner]
    rest.is_rest = True
    return rest


# Real iterators


_ARRAY_ITERATOR = type(iter(np.empty(0)))


def _state(iterator: Any) -> tuple[Any, ...]:
    """What makes an iterator again, without looking at its items."""
    found: tuple[Any, ...] = iterator.__reduce__()
    return found


def next_of(iterator: Any) -> int:
    """The next item of the iterator of a range."""
    _, (items, *_), *index = _state(iterator)
    skipped = index[0] if index and index[0] is not None else 0
    found: int = items.start + skipped * items.step
    return found


def stop_of(iterator: Any) -> int:
    """Where the iterator of a range stops."""
    found: int = _state(iterator)[1][0].stop
    return found


def step_of(iterator: Any) -> int:
    """The distance between two items of the iterator of a range."""
    found: int = _state(iterator)[1][0].step
    return found


def count_of(iterator: Any) -> int:
    """The next number of an `enumerate`."""
    found: int = _state(iterator)[1][1]
    return found


def first_inner(iterator: Any) -> Any:
    """The iterator, or the array, that an iterator is made of; the first one of several."""
    return _state(iterator)[1][0]


def second_inner(iterator: Any) -> Any:
    """The second iterator that a `zip` is made of."""
    return _state(iterator)[1][1]


def position_of(iterator: Any) -> int:
    """How many rows of its array an iterator has given; negative behind the last one."""
    state = _state(iterator)
    return state[2] if len(state) > 2 else -1


_RANGE_ITERATOR = type(iter(range(0)))
_MOST = 2**62


def take_over(tracer: Interpreter, value: OpaqueValue) -> IteratorValue | None:
    """The value of a real iterator whose state can be read and set; None of other ones."""
    return _taken_over(tracer, value.real, value.source)


def _taken_over(tracer: Interpreter, real: Any, source: Source) -> IteratorValue | None:
    kind = type(real)
    found = None
    if kind is _RANGE_ITERATOR:
        found = _range_taken_over(tracer, real, source)
    elif kind is enumerate:
        found = _made_of(tracer, "enumerate", real, source, (first_inner,))
        if found is not None:
            found.start = _progress(tracer, count_of, real, source)
    elif kind is zip and len(_state(real)[1]) == 2:
        found = _made_of(tracer, "zip", real, source, (first_inner, second_inner))
    elif kind is _ARRAY_ITERATOR and position_of(real) >= 0:
        array = operations.resolve(
            tracer, wrap(tracer, first_inner(real), _made(first_inner, source))
        )
        if isinstance(array, ArrayValue):
            found = IteratorValue("array", array, iterator_type=kind)
            found.start = _progress(tracer, position_of, real, source)
    if found is not None:
        tracer.context.guard(TypeIs(source, kind))
        found.source = source
    return found


def _made(function: Any, source: Source) -> Source:
    return MadeSource(ConstantSource(function, function.__name__), (source,), 0)


def _made_of(
    tracer: Interpreter, kind: str, real: Any, source: Source, parts: tuple[Any, ...]
) -> IteratorValue | None:
    """An iterator that is made of others, each of which is taken over."""
    inner = [_taken_over(tracer, part(real), _made(part, source)) for part in parts]
    known = [iterator for iterator in inner if iterator is not None]
    if len(known) < len(inner):
        return None
    return IteratorValue(kind, inner=known, iterator_type=type(real))


def _range_taken_over(tracer: Interpreter, real: Any, source: Source) -> IteratorValue | None:
    bounds = (next_of, stop_of, step_of)
    if not all(-_MOST < function(real) < _MOST for function in bounds):
        return None
    stop, step = (wrap(tracer, bound(real), _made(bound, source)) for bound in bounds[1:])
    numbers = RangeValue(_progress(tracer, next_of, real, source), stop, step)
    return IteratorValue("range", numbers, iterator_type=type(real))


def _progress(tracer: Interpreter, function: Any, real: Any, source: Source) -> PyValue:
    """How far an iterator has come: another number in each call, so never a known one."""
    return symbolic_integer(tracer, function(real), _made(function, source))


def note_taken(
    tracer: Interpreter, iterator: IteratorValue, domain: Domain, following: Dim | None
) -> None:
    """A loop took the items of a real iterator in front of the index `following`, or all."""
    if iterator.source is None:
        return
    if following is None:
        effects.call_for_effect(tracer, use_up, [iterator])
        return
    function = advance_to if iterator.kind == "range" else advance
    effects.call_for_effect(tracer, function, [iterator, integer(tracer.context, following)])


def advance_to(iterator: Any, following: int) -> None:
    """Let the iterator of a range go on at the item `following`."""
    advance(iterator, (following - next_of(iterator)) // step_of(iterator))


def advance(iterator: Any, count: int) -> None:
    """Take `count` items of an iterator."""
    deque(itertools.islice(iterator, count), maxlen=0)


def use_up(iterator: Any) -> None:
    """Take all the items of an iterator."""
    deque(iterator, maxlen=0)

"""Functions of the standard library that are native code there: spelled out in Python.

Captured loops run these in the place of `heapq` and `bisect`: with the comparisons that CPython's
`Modules/_heapqmodule.c` and `Modules/_bisectmodule.c` make, in the same order, so a heap has its
items where it has them in eager code.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.guards.sources import ConstantSource
from jitflow.tracer.objects.model import FunctionValue, LazyValue
from jitflow.tracer.objects.wrap import function_value, resolve
from jitflow.tracer.values import ConstantValue, PyValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer import capture, growing
else:
    capture = LazyModule("jitflow.tracer.capture")
    growing = LazyModule("jitflow.tracer.growing")


def _heap_push(heap: list[Any], item: Any) -> None:
    heap.append(item)
    _rise(heap, 0, len(heap) - 1)


def _heap_pop(heap: list[Any]) -> Any:
    last = heap.pop()
    if len(heap) > 0:
        first = heap[0]
        heap[0] = last
        _sink(heap, 0)
        last = first
    return last


def _heap_replace(heap: list[Any], item: Any) -> Any:
    first = heap[0]
    heap[0] = item
    _sink(heap, 0)
    return first


def _heap_push_pop(heap: list[Any], item: Any) -> Any:
    if len(heap) > 0 and heap[0] < item:
        first = heap[0]
        heap[0] = item
        _sink(heap, 0)
        item = first
    return item


def _heapify(heap: list[Any]) -> None:
    for position in range(len(heap) // 2 - 1, -1, -1):
        _sink(heap, position)


def _rise(heap: list[Any], start: int, position: int) -> None:
    """Let the item at a position change places with those above that are greater."""
    item = heap[position]
    while position > start and item < heap[(position - 1) >> 1]:
        heap[position] = heap[(position - 1) >> 1]
        position = (position - 1) >> 1
    heap[position] = item


def _sink(heap: list[Any], start: int) -> None:
    """Let the lesser items below come up, down to a leaf; the item rises from there."""
    position, end = start, len(heap)
    item = heap[start]
    below = 2 * start + 1
    while below < end:
        if below + 1 < end and not heap[below] < heap[below + 1]:
            below += 1
        heap[position] = heap[below]
        position = below
        below = 2 * position + 1
    heap[position] = item
    _rise(heap, start, position)


def _bisect_left(items: list[Any], x: Any) -> int:
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if items[middle] < x:
            low = middle + 1
        else:
            high = middle
    return low


def _bisect_right(items: list[Any], x: Any) -> int:
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if x < items[middle]:
            high = middle
        else:
            low = middle + 1
    return low


_OURS: dict[Any, Callable[..., Any]] = {
    heapq.heappush: _heap_push,
    heapq.heappop: _heap_pop,
    heapq.heapreplace: _heap_replace,
    heapq.heappushpop: _heap_push_pop,
    heapq.heapify: _heapify,
    bisect.bisect_left: _bisect_left,
    bisect.bisect_right: _bisect_right,
}


def spelled_out(tracer: Any, callee: PyValue, args: list[PyValue]) -> FunctionValue | None:
    """The Python code that stands for a native function of a list; None where Python runs it."""
    real = callee.value if isinstance(callee, ConstantValue) else None
    try:
        function = _OURS.get(real)
    except TypeError:
        return None
    if function is None or len(args) != function.__code__.co_argcount:
        return None
    if not _has_rows(tracer, args[0]):
        return None
    assert isinstance(function, FunctionType)
    return function_value(tracer, function, ConstantSource(function, function.__name__))


def _has_rows(tracer: Any, value: PyValue) -> bool:
    """Whether a list has rows, gets them here, or a loop that is captured will give it some."""
    is_inside = tracer.context.depth > 0
    if type(value) is LazyValue and value.resolved is None and not is_inside:
        _ask_for_loop(tracer)
        return False
    value = resolve(tracer, value)
    if not isinstance(value, SequenceValue) or value.kind is not list:
        return False
    if value.rows is not None or not value.fixed:
        return True
    if any(attempt.knows(value) for attempt in tracer.attempts):
        return True
    if value.source is not None:
        _ask_for_loop(tracer)
        return False
    return growing.give_rows(tracer, value)


def _ask_for_loop(tracer: Any) -> None:
    """Trace again with the loop around captured: there the list gets rows."""
    cause = Unsupported("JF-B003", "a heap outside of a captured loop")
    if tracer.frames and not tracer.frames[-1].nested:
        capture.ask_for_capture(tracer, tracer.frames[-1], cause)

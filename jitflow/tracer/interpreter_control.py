"""Handlers of jumps, loops and returns, and of what only Python can do.

A loop is unrolled where its length is known and small, decided before its first iteration. Every
other loop ends the piece at its header; Python takes the next item, and the body is a piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.core.config import config
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.tracer import operations
from jitflow.tracer.frame import SymbolicFrame
from jitflow.tracer.instructions import index_at
from jitflow.tracer.interpreter_stack import Handler
from jitflow.tracer.objects.model import DequeValue, IteratorValue, RangeValue
from jitflow.tracer.opcodes import Foreign
from jitflow.tracer.regions import return_from
from jitflow.tracer.restart import Restart
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    NumbersValue,
    PyValue,
    ScalarValue,
    SequenceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer import branches, capture, control_flow, leaving
    from jitflow.tracer.interpreter import Interpreter
else:
    capture = LazyModule("jitflow.tracer.capture")
    leaving = LazyModule("jitflow.tracer.leaving")
    branches = LazyModule("jitflow.tracer.branches")
    control_flow = LazyModule("jitflow.tracer.control_flow")


MAX_UNROLLED_NODES = 3000
"""Nodes that the iterations of one loop may make; more take seconds to compile."""
_MAX_UNTRIED_NODES, _LARGE_STEP = 600, 60
"""Likewise where the loop was not tried to be kept, if each iteration makes so many."""
MAX_UNROLLED_STEP = 100
"""Nodes in each iteration over a generator, whose length is not known: batches, not parameters."""
_NODES_OF_A_REGION = 50
_UNROLLED_WHILE, _LARGE_WHILE = 6, 300
"""Iterations and nodes from which a ``while`` on known numbers is kept as a loop."""
_FEW_STEPS = 3
"""Iterations from which it is, or left to Python, where each has that many nodes."""
_OF_OBJECTS = {"real": 4, "new": 16}
"""How much longer lists of objects may be that are unrolled: each item is of its own kind."""
_NEEDS_ITEMS = 3
"""How much larger a loop may be that looks up what it keeps by its index: in pieces, each iteration
would be compiled by itself."""


class LoopBreak(Unsupported):
    """A loop header that Python iterates; no graph break in the report."""

    def __init__(self, detail: str) -> None:
        super().__init__("JF-B006", detail)


class StepBreak(LoopBreak):
    """Likewise, where each iteration is large: later traces do not try to unroll the loop."""


# Jumps


def jump(tracer: Interpreter, frame: SymbolicFrame, target: int) -> None:
    """Continue at byte `target`; going back too often ends the piece at the loop's header."""
    origin = frame.program[frame.index - 1].offset
    frame.move_to(target)
    if target > origin or frame.instruction.name == "FOR_ITER":
        return
    for inner in [place for place in frame.jumps if target < place <= origin]:
        del frame.jumps[inner]
    frame.jumps[target] = frame.jumps.get(target, 0) + 1
    _check_while(tracer, frame, target)
    if frame.jumps[target] > config().max_unroll:
        reason = LoopBreak(f"more than {config().max_unroll} iterations of a while loop")
        place = (frame.code, target)
        if config().capture_loops and place not in tracer.limits.captures:
            raise Restart(reason, capture=place)
        raise Restart(reason, place=place)


def _check_while(tracer: Interpreter, frame: SymbolicFrame, target: int) -> None:
    """Keep a ``while`` on known numbers as a loop where its iterations turn out to be large.

    One that cannot be kept is left to Python, if each iteration is large enough for a piece.
    """
    builder, place = tracer.context.builder, (frame.code, target)
    size = builder.node_count + _NODES_OF_A_REGION * builder.region_count
    before = frame.sizes.setdefault(target, size)
    taken, made = frame.jumps[target], size - before
    is_step = taken >= _FEW_STEPS and made > _LARGE_WHILE * (taken - 1)
    if not is_step and (taken < _UNROLLED_WHILE or made <= _LARGE_WHILE):
        return
    text = f"{taken} iterations made {made} nodes"
    if config().capture_loops and place not in tracer.limits.captures:
        raise Restart(LoopBreak(text), capture=place)
    if is_step:
        raise Restart(StepBreak(text), place=place)


def _jump(tracer: Interpreter, frame: SymbolicFrame, target: int) -> None:
    jump(tracer, frame, target)


def known_truth(tracer: Interpreter, value: PyValue) -> bool:
    """The truth of a condition that is known at trace time; JF-B005 where data decide."""
    truth = operations.truth(tracer, value)
    if isinstance(truth, ConstantValue):
        return bool(truth.value)
    raise Unsupported("JF-B005", "")


def _jump_if(wanted: bool) -> Handler:
    def handler(tracer: Interpreter, frame: SymbolicFrame, target: int) -> None:
        _jump_where(tracer, frame, operations.truth(tracer, frame.pop()), wanted, target)

    return handler


def _jump_where(
    tracer: Interpreter, frame: SymbolicFrame, truth: PyValue, wanted: bool, target: int
) -> None:
    if not isinstance(truth, ConstantValue):
        _branch(tracer, frame, truth, wanted, (target, frame.stack), frame.stack)
    elif bool(truth.value) is wanted:
        jump(tracer, frame, target)


def _branch(
    tracer: Interpreter,
    frame: SymbolicFrame,
    truth: PyValue,
    wanted: bool,
    jumped: tuple[int, list[PyValue]],
    passed: list[PyValue],
) -> None:
    """A jump that data decide: captured, or JF-B005; with the operand stack of each way."""
    ways = [
        branches.Start(index_at(frame.code)[jumped[0]], jumped[1][:]),
        branches.Start(frame.index, passed[:]),
    ]
    capture.branch(tracer, frame, truth, *(ways if wanted else ways[::-1]))


def _jump_if_none(wanted: bool) -> Handler:
    def handler(tracer: Interpreter, frame: SymbolicFrame, target: int) -> None:
        _jump_where(tracer, frame, operations.is_none(tracer, frame.pop()), wanted, target)

    return handler


def _jump_or_pop(wanted: bool) -> Handler:
    def handler(tracer: Interpreter, frame: SymbolicFrame, target: int) -> None:
        truth = operations.truth(tracer, frame.stack[-1])
        if not isinstance(truth, ConstantValue):
            _branch(tracer, frame, truth, wanted, (target, frame.stack), frame.stack[:-1])
        elif bool(truth.value) is wanted:
            jump(tracer, frame, target)
        else:
            frame.pop()

    return handler


# Loops over iterators


_WITHOUT_NAME = (RangeValue, ArrayValue, NumbersValue, DequeValue)
"""Iterables of which each ``for`` makes an iterator of its own."""


def _get_iter(tracer: Interpreter, frame: SymbolicFrame, arg: object) -> None:
    value = operations.resolve(tracer, frame.pop())
    if isinstance(value, ArrayValue):
        rows = value.shape[0] if value.shape else 0
        is_long = not isinstance(rows, int) or rows > config().max_unroll
        if is_long and not config().capture_loops:
            raise LoopBreak(f"{rows} rows of an array")
    iterator = operations.get_iterator(tracer, value)
    if isinstance(iterator, IteratorValue) and isinstance(value, _WITHOUT_NAME):
        iterator.is_unnamed = True
    frame.push(iterator)


def _for_iter(tracer: Interpreter, frame: SymbolicFrame, target: int) -> None:
    found_there = operations.resolve(tracer, frame.stack[-1])
    is_ours = isinstance(found_there, IteratorValue)
    iterator = found_there if is_ours else leaving.taken_over(tracer, frame)
    if not isinstance(iterator, IteratorValue):
        raise LoopBreak("an iterator that was there before")
    found = capture.for_loop(tracer, frame, target)
    if found == "captured":
        return
    if iterator.source is not None:
        raise LoopBreak(tracer.reasons.get(id(iterator)) or "an iterator that was there before")
    if found != "peel":
        branches.check_not_around(tracer, frame)
        _check_length(tracer, frame, iterator)
    item = operations.next_item(tracer, iterator)
    if item is None:
        frame.pop()
        jump(tracer, frame, target)
    else:
        frame.push(item)


def _check_length(tracer: Interpreter, frame: SymbolicFrame, iterator: IteratorValue) -> None:
    """Decline a loop that is too long to unroll, before its first iteration."""
    limit = config().max_unroll * _OF_OBJECTS.get(_lists(iterator), 1)
    reason = tracer.reasons.get(id(iterator), "")
    remaining = remaining_length(tracer, iterator)
    if isinstance(remaining, int) and iterator.kind == "range":
        size = remaining * control_flow.body_size(frame.code, frame.program[frame.index - 1].offset)
        most = config().max_unrolled_size
        if id(iterator) in tracer.needs_items:
            most *= _NEEDS_ITEMS
        if remaining > 2 and size > most:
            raise LoopBreak(reason or f"{remaining} iterations of a large body")
    if remaining is not None and not isinstance(remaining, int):
        raise LoopBreak(reason or "the number of iterations is known only at run time")
    taken = tracer.count_iteration(iterator)
    if max(remaining or 0, taken) > limit:
        raise LoopBreak(reason or f"{remaining or taken} iterations are more than {limit}")
    _check_growth(tracer, frame, iterator, taken, remaining or 0)


def _lists(iterator: IteratorValue) -> str:
    """Whether an iterator goes over a list of objects, and whether the piece made that list."""
    kinds = {_lists(inner) for inner in iterator.inner}
    if iterator.kind in ("sequence", "reversed"):
        iterable = iterator.iterable
        items = getattr(iterable, "items", None)
        if isinstance(iterable, SequenceValue) and items and not _is_number(items[0]):
            kinds.add("real" if iterable.source is not None else "new")
    return next((kind for kind in ("real", "new") if kind in kinds), "")


def _is_number(value: PyValue) -> bool:
    return isinstance(value, ScalarValue) or issubclass(value.python_type, int | float | complex)


def _check_growth(
    tracer: Interpreter, frame: SymbolicFrame, iterator: IteratorValue, taken: int, remaining: int
) -> None:
    """End unrolling a loop whose iterations turn out to be large, with what they call.

    The trace begins again, and keeps the loop. Where it cannot, each iteration is a piece, and they
    are one.
    """
    builder = tracer.context.builder
    size = builder.node_count + _NODES_OF_A_REGION * builder.region_count
    before = tracer.sizes.setdefault(id(iterator), size)
    if not taken:
        return
    each = (size - before) / taken
    is_step = iterator.kind == "generator" and each > MAX_UNROLLED_STEP and taken > 1
    reason = tracer.reasons.get(id(iterator))
    place = frame.code, frame.program[frame.index - 1].offset
    was_tried = place in tracer.limits.captures or reason is not None
    was_tried |= iterator.kind not in capture.KEPT
    most = MAX_UNROLLED_NODES
    if not (was_tried or _lists(iterator)) and each >= _LARGE_STEP:
        most = _MAX_UNTRIED_NODES
    most *= 1 if taken > 1 else 2  # the first iteration may be the largest
    if not is_step and each * (taken + remaining) <= most:
        return
    text = reason or f"unrolling it would make about {each:.0f} nodes each time"
    cause = StepBreak(text) if is_step else LoopBreak(text)
    if was_tried:
        raise Restart(cause, place=place)
    raise Restart(cause, capture=place)


_WITH_LENGTH = ("sequence", "reversed", "range", "array", "numbers", "rows")
_OF_UNKNOWN_LENGTH = ("chain", "islice", "zip_longest")
"""Iterators that do not end with the shortest of those they are made of."""


def remaining_length(tracer: Interpreter, iterator: IteratorValue) -> int | PyValue | None:
    """Items that an iterator still gives: a number, a run-time integer, or None if unknown."""
    if iterator.kind in _OF_UNKNOWN_LENGTH:
        return None
    if iterator.inner:
        lengths = [remaining_length(tracer, inner) for inner in iterator.inner]
        numbers = [length for length in lengths if isinstance(length, int)]
        unknown = [length for length in lengths if length is not None]
        return min(numbers) if numbers else next(iter(unknown), None)
    if iterator.iterable is None or iterator.kind not in _WITH_LENGTH:
        return None  # generators, and itertools without an end
    length = operations.length(tracer, iterator.iterable)
    if isinstance(length, ConstantValue):
        return max(0, int(length.value) - iterator.position)
    return length


# Leaving


def _return(tracer: Interpreter, frame: SymbolicFrame, arg: object) -> None:
    value = frame.pop()
    return_from(tracer, frame, value if frame.sink is None else frame.sink.result())


_DETAILS = {
    "LOAD_BUILD_CLASS": "a class statement",
    "MATCH_CLASS": "a class pattern",
    "MATCH_KEYS": "a mapping pattern",
    "RAISE_VARARGS": "raise",
    "RERAISE": "the exception is raised again",
}


def _unsupported(tracer: Interpreter, frame: SymbolicFrame, foreign: Foreign) -> None:
    raise Unsupported(foreign.code, _DETAILS.get(foreign.name, foreign.name))


HANDLERS: dict[str, Handler] = {
    "JUMP": _jump,
    "JUMP_IF_FALSE": _jump_if(False),
    "JUMP_IF_TRUE": _jump_if(True),
    "JUMP_IF_NONE": _jump_if_none(True),
    "JUMP_IF_NOT_NONE": _jump_if_none(False),
    "JUMP_IF_FALSE_OR_POP": _jump_or_pop(False),
    "JUMP_IF_TRUE_OR_POP": _jump_or_pop(True),
    "GET_ITER": _get_iter,
    "FOR_ITER": _for_iter,
    "RETURN": _return,
    "UNSUPPORTED": _unsupported,
    "RAISE": _unsupported,
}

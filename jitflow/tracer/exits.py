"""How a trace ends: recipes for the state of every frame, and the finished record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.core.errors import Unsupported
from jitflow.core.location import Location
from jitflow.tracer import operations, recipes
from jitflow.tracer.frame import NullValue, SymbolicFrame
from jitflow.tracer.instructions import handler_of, index_at
from jitflow.tracer.liveness import live_slots
from jitflow.tracer.objects.model import DictValue, LazyValue
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.recipes import Recipe
from jitflow.tracer.trace import FrameShape, FrameState
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PerhapsUnbound,
    PyValue,
    ScalarValue,
    SequenceValue,
)

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter


_NUMBERS = frozenset({bool, int, float, complex, type(None)})
_DEEPEST = 8
"""Containers in each other."""


class NotMaterialised(Exception):
    """A live value has no recipe: the trace must end before the value is made."""

    def __init__(self, value: PyValue, cause: Unsupported) -> None:
        super().__init__(cause.detail)
        self.value, self.cause = value, cause


def recipe_of(tracer: Interpreter, value: PyValue) -> Recipe:
    """The recipe of a live value."""
    if isinstance(value, NullValue):
        return recipes.NULL
    try:
        return operations.recipe_of(tracer, value)
    except Unsupported as error:
        raise NotMaterialised(value, error) from error


def frame_states(tracer: Interpreter) -> tuple[FrameState, ...]:
    """The states of all frames at a break before the innermost frame's next instruction."""
    return tuple(_frame_state(tracer, frame) for frame in tracer.frames)


def _frame_state(tracer: Interpreter, frame: SymbolicFrame) -> FrameState:
    live = _live(frame)
    bound = [
        (slot, value)
        for slot, value in enumerate(frame.slots)
        if value is not None and not (slot not in live and _is_data(value))
    ]
    shape = FrameShape(
        frame.code,
        frame.instruction.offset,
        tuple(frame.names[slot] for slot, _ in bound),
        tuple(not isinstance(value, NullValue) for value in frame.stack),
        frame.resume,
    )
    variables = tuple(recipe_of(tracer, value) for _, value in bound)
    stack = tuple(recipe_of(tracer, value) for value in frame.stack)
    return FrameState(shape, frame.globals, variables, stack)


def _live(frame: SymbolicFrame) -> frozenset[int]:
    """Slots that may be read from here on, also by a handler of the call that is under way."""
    live = live_slots(frame.code)
    slots = live[frame.index]
    if frame.resume:
        row = handler_of(frame.code, frame.program[frame.index - 1])
        if row is not None:
            slots |= live[index_at(frame.code)[row.target]]
    return slots


def _is_data(value: PyValue, depth: int = 0) -> bool:
    """Whether nobody can tell that a value goes before its variable does.

    A number, an array that the piece made, or a list, tuple or dict of such that it made. What the
    last iteration of a loop left costs work to make, and would make another compile point.
    """
    value = settled(value)
    if isinstance(value, LazyValue):
        return type(value.real) in _NUMBERS
    if isinstance(value, ConstantValue):
        return type(value.value) in _NUMBERS
    if isinstance(value, ScalarValue | PerhapsUnbound):
        return True
    if value.source is not None or depth > _DEEPEST:
        return False
    if isinstance(value, SequenceValue) and value.rows is None and value.host is None:
        return all(_is_data(item, depth + 1) for item in value.items)
    if isinstance(value, DictValue) and value.kind is dict and value.owner is None:
        return all(_is_data(item, depth + 1) for _, item in value.items.values())
    return isinstance(value, ArrayValue)


def stack_locations(frames: list[SymbolicFrame], innermost: Location) -> tuple[Location, ...]:
    """Where each frame is, outermost first."""
    callers = [frame.program[frame.index - 1].location for frame in frames[:-1]]
    return (*callers, innermost)

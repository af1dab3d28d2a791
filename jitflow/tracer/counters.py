"""Integers that are others the next time: known from the code, or from what a piece leaves.

They are symbolic from the start, so that the second call needs no variant of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType

from jitflow.guards.predicates import Equals
from jitflow.guards.sources import AttributeSource, ItemSource
from jitflow.tracer import recipes
from jitflow.tracer.control_flow import Loop, loops
from jitflow.tracer.instructions import decode, index_at
from jitflow.tracer.trace import BreakExit, Trace


def counters(code: CodeType, offset: int) -> frozenset[str]:
    """Names of the variables that the loops around the instruction at `offset` count with.

    Those are the targets of ``for`` and what operators like ``+=`` update.
    """
    slots = {
        slot
        for loop in _around(code, offset)
        for slot in (*_targets(code, loop), *_updated(code, loop))
    }
    return frozenset(code.co_varnames[slot] for slot in slots if slot < len(code.co_varnames))


def changed(record: Trace) -> frozenset[str]:
    """Texts of the sources of integers that a piece relies on and leaves as others.

    The next call finds the value that this one wrote: an attribute that counts calls, a variable
    of a loop that Python runs.
    """
    relied: dict[str, int] = {
        str(guard.source): guard.expected
        for guard in record.guards
        if isinstance(guard, Equals) and type(guard.expected) is int
    }
    if not relied:
        return frozenset()
    left = {**dict(_left_by_effects(record)), **dict(_left_in_variables(record))}
    return frozenset(text for text, value in left.items() if relied.get(text, value) != value)


def _around(code: CodeType, offset: int) -> list[Loop]:
    at = index_at(code).get(offset)
    return [loop for loop in loops(code).values() if at in loop.body]


def _targets(code: CodeType, loop: Loop) -> Iterator[int]:
    """The slots that the items of a ``for`` are put into."""
    program = decode(code)
    if program[loop.header].name != "FOR_ITER":
        return
    wanted = 1
    for instruction in program[loop.header + 1 :]:
        for operation in instruction.operations:
            if operation.op == "UNPACK":
                wanted += operation.arg - 1
            elif operation.op == "STORE_FAST":
                wanted -= 1
                yield operation.arg
            else:
                return
        if wanted <= 0:
            return


def _updated(code: CodeType, loop: Loop) -> Iterator[int]:
    """The slots of variables that are updated in place."""
    program = decode(code)
    for at in loop.body:
        before = program[at - 1].operations if at else ()
        for operation in program[at].operations:
            is_update = bool(before) and before[-1].op == "BINARY" and before[-1].arg[-1] == "="
            if operation.op == "STORE_FAST" and is_update:
                yield operation.arg
            before = (operation,)


def _left_by_effects(record: Trace) -> Iterator[tuple[str, int]]:
    """Attributes and items that are set to integers; of several, the last one counts."""
    for effect in record.effects:
        if not isinstance(effect, recipes.SetAttribute | recipes.SetItem):
            continue
        target, value = effect.target, effect.value
        number = _integer(value)
        if number is None or not isinstance(target, recipes.FromSource):
            continue
        if isinstance(effect, recipes.SetAttribute):
            if effect.hidden:
                continue
            yield str(AttributeSource(target.source, effect.name)), number
        elif isinstance(effect.key, recipes.Constant):
            yield str(ItemSource(target.source, effect.key.value)), number


def _left_in_variables(record: Trace) -> Iterator[tuple[str, int]]:
    """Variables of frames that come back to the loop in which the piece begins."""
    if not isinstance(record.exit, BreakExit):
        return
    for start, end in zip(record.point.frames, record.exit.frames, strict=False):
        inside = index_at(end.shape.code).get(end.shape.offset)
        if start.code is not end.shape.code or not any(
            inside in loop.body for loop in _around(start.code, start.offset)
        ):
            return
        for name, value in zip(end.shape.bound, end.variables, strict=True):
            number = _integer(value)
            if number is not None:
                yield name, number


def _integer(value: recipes.Recipe) -> int | None:
    if isinstance(value, recipes.Constant) and type(value.value) is int:
        return value.value
    return None

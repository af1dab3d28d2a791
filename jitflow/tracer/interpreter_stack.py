"""Handlers of the operand stack and of variables: locals, cells, globals, constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jitflow.core.errors import Unsupported
from jitflow.core.shown import shown
from jitflow.guards.sources import ConstantSource
from jitflow.tracer import facts, operations
from jitflow.tracer.frame import NULL, SymbolicFrame
from jitflow.tracer.objects.model import CellValue, LazyValue, SetValue
from jitflow.tracer.values import ConstantValue, PerhapsUnbound, PyValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter


def constant_value(tracer: Interpreter, constant: Any) -> PyValue:
    """The value of a constant in a code object; one value for each object."""
    if type(constant) not in (tuple, frozenset):
        return ConstantValue(constant)
    known = tracer.constants.get(id(constant))
    if known is None:
        items = [constant_value(tracer, item) for item in constant]
        source = ConstantSource(constant, shown(constant))
        if type(constant) is tuple:
            known = SequenceValue(tuple, items, source)
        else:
            known = SetValue(dict(zip(constant, items, strict=True)), frozenset, source)
        tracer.constants[id(constant)] = known
    return known


def _pop(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    frame.pop()


def _push_null(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    frame.push(NULL)


def _copy(tracer: Interpreter, frame: SymbolicFrame, depth: int) -> None:
    frame.push(frame.stack[-depth])


def _swap(tracer: Interpreter, frame: SymbolicFrame, depth: int) -> None:
    stack = frame.stack
    stack[-1], stack[-depth] = stack[-depth], stack[-1]


def _load_const(tracer: Interpreter, frame: SymbolicFrame, constant: Any) -> None:
    frame.push(constant_value(tracer, constant))


def _load_fast(tracer: Interpreter, frame: SymbolicFrame, slot: int) -> None:
    frame.push(_bound(tracer, frame, slot))


def _bound(tracer: Interpreter, frame: SymbolicFrame, slot: int) -> PyValue:
    """What a variable holds; JF-B009 where it is unbound."""
    value = frame.slots[slot]
    if value is None:
        tracer.unbound = (frame, slot)
        raise Unsupported("JF-B009", f"local variable {frame.names[slot]!r} has no value")
    if isinstance(value, PerhapsUnbound):
        facts.require(tracer.context, value.is_bound)
        value = value.value
        if not tracer.regions:
            frame.slots[slot] = value
    return value


def _load_fast_and_clear(tracer: Interpreter, frame: SymbolicFrame, slot: int) -> None:
    value = frame.slots[slot]
    frame.push(NULL if value is None else value)
    frame.slots[slot] = None


def _store_fast(tracer: Interpreter, frame: SymbolicFrame, slot: int) -> None:
    value = frame.pop()
    frame.slots[slot] = None if value is NULL else value


def _delete_fast(tracer: Interpreter, frame: SymbolicFrame, slot: int) -> None:
    _bound(tracer, frame, slot)
    frame.slots[slot] = None


def _make_cell(tracer: Interpreter, frame: SymbolicFrame, slot: int) -> None:
    frame.slots[slot] = CellValue(frame.slots[slot])


def _copy_free_vars(tracer: Interpreter, frame: SymbolicFrame, count: int) -> None:
    if frame.closure:  # else the compile point's state has brought the cells
        frame.slots[len(frame.slots) - count :] = frame.closure


def _cell(frame: SymbolicFrame, slot: int) -> PyValue:
    cell = frame.slots[slot]
    if cell is None:
        raise Unsupported("JF-B009", f"variable {frame.names[slot]!r} has no value")
    return cell


def push_loaded(tracer: Interpreter, frame: SymbolicFrame, value: PyValue) -> None:
    """Push what a name or an attribute gave: it must be there, even if nobody looks at it."""
    if type(value) is LazyValue and value.resolved is None:
        tracer.context.loads.append(value)
    frame.push(value)


def _load_deref(tracer: Interpreter, frame: SymbolicFrame, slot: int) -> None:
    push_loaded(tracer, frame, operations.load_cell(tracer, _cell(frame, slot)))


def _store_deref(tracer: Interpreter, frame: SymbolicFrame, slot: int) -> None:
    operations.store_cell(tracer, _cell(frame, slot), frame.pop())


def _delete_deref(tracer: Interpreter, frame: SymbolicFrame, slot: int) -> None:
    cell = _cell(frame, slot)
    operations.load_cell(tracer, cell)
    operations.store_cell(tracer, cell, None)


def _load_global(tracer: Interpreter, frame: SymbolicFrame, name: str) -> None:
    push_loaded(tracer, frame, operations.load_global(tracer, frame.globals, name))


def _store_global(tracer: Interpreter, frame: SymbolicFrame, name: str) -> None:
    operations.store_global(tracer, frame.globals, name, frame.pop())


def _delete_global(tracer: Interpreter, frame: SymbolicFrame, name: str) -> None:
    operations.delete_global(tracer, frame.globals, name)


Handler = Callable[["Interpreter", SymbolicFrame, Any], None]

HANDLERS: dict[str, Handler] = {
    "POP": _pop,
    "PUSH_NULL": _push_null,
    "COPY": _copy,
    "SWAP": _swap,
    "LOAD_CONST": _load_const,
    "LOAD_FAST": _load_fast,
    "LOAD_FAST_AND_CLEAR": _load_fast_and_clear,
    "STORE_FAST": _store_fast,
    "DELETE_FAST": _delete_fast,
    "MAKE_CELL": _make_cell,
    "COPY_FREE_VARS": _copy_free_vars,
    "LOAD_DEREF": _load_deref,
    "STORE_DEREF": _store_deref,
    "DELETE_DEREF": _delete_deref,
    "LOAD_GLOBAL": _load_global,
    "STORE_GLOBAL": _store_global,
    "DELETE_GLOBAL": _delete_global,
}

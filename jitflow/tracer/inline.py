"""Calls that enter Python functions: which may be inlined, and how arguments become variables."""

from __future__ import annotations

import inspect
from types import CodeType
from typing import TYPE_CHECKING

from jitflow.core.errors import Unsupported
from jitflow.core.weak import per_object
from jitflow.tracer import operations
from jitflow.tracer.frame import SymbolicFrame
from jitflow.tracer.liveness import looks_at_frames, looks_at_references, looks_past_caller
from jitflow.tracer.objects.model import FunctionValue, OpaqueValue
from jitflow.tracer.restart import Restart
from jitflow.tracer.values import ConstantValue, PyValue

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter

MAX_DEPTH = 200
"""Frames inlined into each other before a call is left to Python (deep recursion)."""
RECURSION_NODES = 1000
"""Nodes that a function which calls itself may make before it is not inlined any more."""

_COROUTINE = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})
"""Functions of their own up to CPython 3.11: one step of Python, not one for each item."""
_STACK_WALKERS = frozenset({"stack", "getouterframes", "extract_stack", "print_stack"})


@per_object
def refusal(code: CodeType) -> str:
    """Why calls of `code` are not inlined: what it would see of its callers or of us; '' if not."""
    if code.co_flags & _COROUTINE:
        return f"{code.co_qualname} is a coroutine"
    if looks_at_frames(code):
        return f"{code.co_qualname} may look at the frame of its caller"
    if looks_at_references(code):
        return f"{code.co_qualname} may look at reference counts"
    if {"inspect", "traceback"} & set(code.co_names) and _STACK_WALKERS & set(code.co_names):
        return f"{code.co_qualname} may look at the stack"
    return ""


def enter(
    tracer: Interpreter, function: FunctionValue, args: list[PyValue], kwargs: dict[str, PyValue]
) -> SymbolicFrame:
    """A frame that is about to run `function`.

    Raises
    ------
    Unsupported
        Where the function is not inlined, or the arguments do not fit (Python then raises).
    """
    code = function.code
    reason = refusal(code)
    if reason:
        cause = Unsupported("JF-B012" if code.co_flags & _COROUTINE else "JF-B003", reason)
        if looks_past_caller(code):
            _leave_inlined(tracer, cause)
        raise cause
    items = operations.resolve(tracer, args[0]) if code.co_name in _COMPREHENSIONS else None
    if isinstance(items, OpaqueValue):
        raise Unsupported("JF-B006", f"{code.co_name} over an iterator that was there before")
    if len(tracer.frames) >= MAX_DEPTH:
        raise Unsupported("JF-B003", f"{function.qualname} recurses deeply")
    nodes = tracer.context.builder.node_count
    if nodes > RECURSION_NODES:
        _check_recursion(tracer, function, nodes)
    frame = SymbolicFrame(code, function.globals, function.closure)
    frame.nodes = nodes
    tracer.has_handlers |= bool(code.co_exceptiontable)
    _bind(tracer, frame, function, args, kwargs)
    frame.generator = bool(code.co_flags & inspect.CO_GENERATOR)
    return frame


def _check_recursion(tracer: Interpreter, function: FunctionValue, nodes: int) -> None:
    """Leave a recursion that made many nodes; one that only looks at objects may go on."""
    first = next((frame for frame in tracer.frames if frame.code is function.code), None)
    if first is not None and nodes - first.nodes > RECURSION_NODES:
        cause = Unsupported("JF-B003", f"{function.qualname} recurses")
        leave_recursion(tracer, function.code, cause)


def leave_recursion(tracer: Interpreter, called: CodeType | None, cause: Unsupported) -> None:
    """Trace again and break at the first call of a function that calls itself, if there is one.

    So each level of the recursion has pieces of its own, which are the same ones, instead of a
    piece for each depth. `called` is the code that is about to be entered.
    """
    codes = [frame.code for frame in tracer.frames]
    later = [*codes, called] if called is not None else codes
    for depth in range(tracer.frames_at_start - 1, len(codes)):
        if codes[depth] in later[depth + 1 :]:
            frame = tracer.frames[depth]
            offset = frame.program[frame.index - 1].offset
            raise Restart(cause, place=(frame.code, offset))


def _leave_inlined(tracer: Interpreter, cause: Unsupported) -> None:
    """Trace again and break at the first call that was inlined: Python has frames for the rest."""
    outermost = tracer.frames_at_start - 1
    if len(tracer.frames) > tracer.frames_at_start:
        frame = tracer.frames[outermost]
        raise Restart(cause, place=(frame.code, frame.program[frame.index - 1].offset))


def _bind(
    tracer: Interpreter,
    frame: SymbolicFrame,
    function: FunctionValue,
    args: list[PyValue],
    kwargs: dict[str, PyValue],
) -> None:
    """Bind arguments to parameters as CPython's ``initialize_locals`` does."""
    code = function.code
    positional, total = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    frame.slots[: min(positional, len(args))] = args[:positional]
    rest = total
    if code.co_flags & inspect.CO_VARARGS:
        frame.slots[rest] = operations.build_sequence(tracer, tuple, args[positional:])
        rest += 1
    elif len(args) > positional:
        raise _wrong(function, f"takes {positional} positional arguments, {len(args)} were given")
    extra = _bind_keywords(frame, function, kwargs)
    if code.co_flags & inspect.CO_VARKEYWORDS:
        pairs = [(_constant(name), value) for name, value in extra.items()]
        frame.slots[rest] = operations.build_dict(tracer, pairs)
    elif extra:
        raise _wrong(function, f"got an unexpected keyword argument {next(iter(extra))!r}")
    _bind_defaults(frame, function)


def _bind_keywords(
    frame: SymbolicFrame, function: FunctionValue, kwargs: dict[str, PyValue]
) -> dict[str, PyValue]:
    """Bind keyword arguments to their parameters; the others are returned."""
    code = function.code
    total = code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames[code.co_posonlyargcount : total]
    extra: dict[str, PyValue] = {}
    for name, value in kwargs.items():
        if name not in names:
            extra[name] = value
            continue
        slot = code.co_posonlyargcount + names.index(name)
        if frame.slots[slot] is not None:
            raise _wrong(function, f"got multiple values for argument {name!r}")
        frame.slots[slot] = value
    return extra


def _bind_defaults(frame: SymbolicFrame, function: FunctionValue) -> None:
    code = function.code
    first = code.co_argcount - len(function.defaults)
    for slot in range(code.co_argcount + code.co_kwonlyargcount):
        if frame.slots[slot] is not None:
            continue
        name = code.co_varnames[slot]
        default = function.keyword_defaults.get(name)
        if slot < code.co_argcount:
            default = function.defaults[slot - first] if slot >= first else None
        if default is None:
            raise _wrong(function, f"misses the argument {name!r}")
        frame.slots[slot] = default


def _constant(name: str) -> PyValue:
    return ConstantValue(name)


def _wrong(function: FunctionValue, what: str) -> Unsupported:
    return Unsupported("JF-B009", f"{function.qualname}() {what}")

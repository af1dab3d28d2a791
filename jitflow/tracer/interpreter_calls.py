"""Handlers of calls, function objects, generators and imports.

A call of a Python function pushes a frame; everything else is `operations.call`.
"""

from __future__ import annotations

import contextlib
import types
from typing import TYPE_CHECKING, Any

from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.tracer import operations
from jitflow.tracer.control_flow import RETURN
from jitflow.tracer.frame import NULL, SymbolicFrame
from jitflow.tracer.inline import enter
from jitflow.tracer.instructions import handler_of, index_at, instruction_at
from jitflow.tracer.interpreter_stack import Handler
from jitflow.tracer.objects.calls import MANAGER
from jitflow.tracer.objects.model import (
    CellValue,
    DictValue,
    FunctionValue,
    InstanceValue,
    IteratorValue,
)
from jitflow.tracer.opcodes import Foreign
from jitflow.tracer.regions import return_from
from jitflow.tracer.values import ConstantValue, PyValue, SequenceValue

if TYPE_CHECKING:
    from jitflow.tracer import branches, capture
    from jitflow.tracer.interpreter import Interpreter
else:
    branches = LazyModule("jitflow.tracer.branches")
    capture = LazyModule("jitflow.tracer.capture")

_DEFAULTS, _KEYWORD_DEFAULTS, _ANNOTATIONS, _CLOSURE = 1, 2, 4, 8


# Calls


def _callee(frame: SymbolicFrame) -> tuple[PyValue, list[PyValue]]:
    """Pop the two entries below the arguments: a callable with a NULL on either side of it, or a
    method with its receiver, which becomes the first argument.
    """
    first, second = frame.pop_many(2)
    if first is NULL:
        return second, []
    return first, [] if second is NULL else [second]


def _call(tracer: Interpreter, frame: SymbolicFrame, count: int) -> None:
    args = frame.pop_many(count)
    callee, receiver = _callee(frame)
    _enter_or_call(tracer, frame, callee, receiver + args, {})


def _call_kw(tracer: Interpreter, frame: SymbolicFrame, count: int) -> None:
    names = _strings(tracer, frame.pop())
    args = frame.pop_many(count)
    callee, receiver = _callee(frame)
    first = len(args) - len(names)
    kwargs = dict(zip(names, args[first:], strict=True))
    _enter_or_call(tracer, frame, callee, receiver + args[:first], kwargs)


def _call_function_ex(tracer: Interpreter, frame: SymbolicFrame, has_keywords: bool) -> None:
    kwargs = _keyword_dict(tracer, frame.pop()) if has_keywords else {}
    args = operations.resolve(tracer, operations.to_tuple(tracer, frame.pop()))
    if not isinstance(args, SequenceValue):
        raise Unsupported("JF-B003", "a call with * of an unknown iterable")
    callee, receiver = _callee(frame)
    _enter_or_call(tracer, frame, callee, receiver + list(args.items), kwargs)


def _strings(tracer: Interpreter, value: PyValue) -> list[str]:
    value = operations.resolve(tracer, value)
    assert isinstance(value, SequenceValue)
    return [str(item.value) for item in value.items if isinstance(item, ConstantValue)]


def _keyword_dict(tracer: Interpreter, value: PyValue) -> dict[str, PyValue]:
    value = operations.resolve(tracer, value)
    if not isinstance(value, DictValue):
        raise Unsupported("JF-B003", "a call with ** of an unknown mapping")
    if not all(type(key) is str for key in value.items):
        raise Unsupported("JF-B009", "keywords must be strings")
    return {key: item for key, (_, item) in value.items.items()}


def _enter_or_call(
    tracer: Interpreter,
    frame: SymbolicFrame,
    callee: PyValue,
    args: list[PyValue],
    kwargs: dict[str, PyValue],
) -> None:
    callee = operations.resolve(tracer, callee)
    if not args and isinstance(callee, ConstantValue) and callee.value is super:
        args = _arguments_of_super(tracer, frame)
    request = operations.resolve_call(tracer, callee, args, kwargs)
    if request is None:
        frame.push(operations.call(tracer, callee, args, kwargs))
        return
    if operations.runs_whole(request.function):
        result = tracer.run_nested(request.function, request.arguments, request.keywords)
        frame.push(result if request.instance is None else request.instance)
        return
    callee_frame = enter(tracer, request.function, request.arguments, request.keywords)
    if callee_frame.generator:
        frame.push(make_generator(tracer, callee_frame))
        return
    if request.instance is not None:
        frame.push(request.instance)
    frame.resume = "push" if request.instance is None else "discard"
    tracer.frames.append(callee_frame)


def _arguments_of_super(tracer: Interpreter, frame: SymbolicFrame) -> list[PyValue]:
    """What ``super()`` finds in its frame: the cell ``__class__`` and the first argument."""
    slot = frame.free_slot("__class__")
    cell = frame.slots[slot] if slot is not None else None
    receiver = frame.slots[0] if frame.code.co_argcount else None
    if cell is None or receiver is None:
        raise Unsupported("JF-B009", "super(): no arguments")
    if frame.names[0] in frame.code.co_cellvars:
        receiver = operations.load_cell(tracer, receiver)
    return [operations.load_cell(tracer, cell), receiver]


def _load_super_attr(tracer: Interpreter, frame: SymbolicFrame, name: str) -> None:
    function, cls, receiver = frame.pop_many(3)
    function = operations.resolve(tracer, function)
    if not (isinstance(function, ConstantValue) and function.value is super):
        raise Unsupported("JF-B003", "super is not the built-in one")
    frame.push(operations.get_super_attribute(tracer, cls, receiver, name))


_MANAGERS_OF_STATE = ("numpy", "warnings", "decimal", "threading", "contextlib", "unittest")
"""Modules whose context managers change how Python runs, or keep a generator under way."""


_KNOWN_MANAGERS = frozenset({contextlib.nullcontext, MANAGER})


def _enter_with(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    """Enter a context manager written in Python; how it is left, the exception table knows."""
    manager = operations.resolve(tracer, frame.pop())
    kind = operations.python_type(tracer, manager)
    module = kind.__module__.partition(".")[0]
    plain = kind in _KNOWN_MANAGERS or module not in _MANAGERS_OF_STATE
    if not (isinstance(manager, InstanceValue) and plain):
        raise Unsupported("JF-B003", f"with {kind.__name__}")
    enter_method = operations.get_special(tracer, manager, "__enter__")
    frame.push(operations.get_special(tracer, manager, "__exit__"))
    _enter_or_call(tracer, frame, enter_method, [], {})


# Function objects


def _make_function(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    value = operations.resolve(tracer, frame.pop())
    if not isinstance(value, ConstantValue):  # the piece begins behind the load of the constant
        raise Unsupported("JF-B003", "a function that is being made")
    code: types.CodeType = value.value
    function = operations.make_function(
        tracer, code, frame.globals, code.co_qualname, None, None, None, None
    )
    frame.push(function)


def _set_function_attribute(tracer: Interpreter, frame: SymbolicFrame, flag: int) -> None:
    """Remake the function with one more part; nobody has seen the one below."""
    part, function = frame.pop_many(2)
    if not isinstance(function, FunctionValue):  # it was made before the piece
        raise Unsupported("JF-B003", "a function that is being made")
    part = operations.resolve(tracer, part)
    if flag == _DEFAULTS:
        assert isinstance(part, SequenceValue)
        function.defaults = list(part.items)
    elif flag == _KEYWORD_DEFAULTS:
        assert isinstance(part, DictValue)
        function.keyword_defaults = {key: item for key, (_, item) in part.items.items()}
    elif flag == _ANNOTATIONS:
        function.annotations = part
    elif flag == _CLOSURE:
        assert isinstance(part, SequenceValue)
        cells = [operations.resolve(tracer, cell) for cell in part.items]
        function.closure = tuple(cell for cell in cells if isinstance(cell, CellValue))
    frame.push(function)


# Generators

_NO_CLOSING = ("CALL_INTRINSIC_1 3", "CLEANUP_THROW")
"""Handlers that CPython writes: the second one closes the inner iterator of a ``yield from``."""


class GeneratorBody:
    """Runs a generator's frame from one ``yield`` to the next, inside the operation that asks."""

    def __init__(self, tracer: Interpreter, frame: SymbolicFrame) -> None:
        self.tracer, self.frame, self.started = tracer, frame, False

    def __call__(self) -> PyValue | None:
        """The next value that is yielded; None when the generator has returned."""
        frame, tracer = self.frame, self.tracer
        if frame.finished:
            return None
        table = tracer.context.objects
        table.save(frame)
        table.save(self)
        if self.started:
            frame.push(ConstantValue(None))  # what `next` sends
        self.started = True
        return tracer.run_frame(frame)

    @property
    def is_fresh(self) -> bool:
        """Whether it has not been asked for an item."""
        return not self.started

    def use_up(self, sink: Any) -> PyValue:
        """Run to the end as a function that gives its items to `sink`; gives the sink's result."""
        frame, tracer = self.frame, self.tracer
        table = tracer.context.objects
        table.save(frame)
        table.save(self)
        self.started = True
        frame.generator, frame.sink = False, sink
        result = tracer.run_frame(frame)
        frame.generator = frame.finished = True
        assert result is not None
        return result

    @property
    def needs_closing(self) -> bool:
        """Whether it waits where Python would run code to close it: in a ``try`` or ``with``."""
        frame = self.frame
        if frame.finished or not self.started:
            return False
        row = handler_of(frame.code, frame.program[frame.index - 1])
        if row is None:
            return False
        # CPython 3.12 wraps every generator in a handler that only turns StopIteration around.
        first = instruction_at(frame.code, row.target).operations[0]
        return not (isinstance(first.arg, Foreign) and first.arg.name in _NO_CLOSING)


def make_generator(tracer: Interpreter, frame: SymbolicFrame) -> IteratorValue:
    """The generator that a call gives; its frame runs when items are asked for."""
    iterator = IteratorValue("generator", iterator_type=types.GeneratorType)
    body = GeneratorBody(tracer, frame)
    iterator.resume = body
    tracer.generators.append((iterator, body))
    return iterator


def _start_generator(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    frame.push(NULL)  # the generator object, popped by the next instruction


def _yield(tracer: Interpreter, frame: SymbolicFrame, arg: Any) -> None:
    if not frame.nested:
        raise Unsupported("JF-B012", frame.code.co_qualname)
    if frame.sink is None:
        tracer.suspend(frame, frame.pop())
        return
    goes_on = frame.sink.take(frame.pop())
    frame.push(ConstantValue(None))  # what `next` sends
    if isinstance(goes_on, ConstantValue):
        if not goes_on.value:
            return_from(tracer, frame, frame.sink.stopped)
    elif goes_on is not None:
        following = branches.Start(frame.index, frame.stack[:])
        stopped = branches.Start(RETURN, [frame.sink.stopped])
        capture.branch(tracer, frame, goes_on, following, stopped)


def _send(pops_iterator: bool) -> Handler:
    """``yield from``: the next item of the iterator below, or the way on at its end."""

    def handler(tracer: Interpreter, frame: SymbolicFrame, target: int) -> None:
        iterator = operations.resolve(tracer, frame.stack[-2])
        sent = frame.pop()
        if not (isinstance(iterator, IteratorValue) and isinstance(sent, ConstantValue)):
            raise Unsupported("JF-B012", "yield from an iterator that was there before")
        item = operations.next_item(tracer, iterator)
        if item is not None:
            frame.push(item)
            return
        if iterator.kind == "generator" and not _drops_next(frame, target):
            raise Unsupported("JF-B012", "the value of a yield from")
        if pops_iterator:
            frame.pop()
        frame.push(ConstantValue(None))
        frame.move_to(target)

    return handler


def _drops_next(frame: SymbolicFrame, target: int) -> bool:
    """Whether the instruction at byte `target`, or the one behind ``END_SEND``, is ``POP_TOP``."""
    index = index_at(frame.code)[target]
    names = [instruction.name for instruction in frame.program[index : index + 2]]
    return names[0] == "POP_TOP" or names == ["END_SEND", "POP_TOP"]


# Imports


def _import_name(tracer: Interpreter, frame: SymbolicFrame, name: str) -> None:
    level, names = frame.pop_many(2)
    frame.push(operations.import_name(tracer, frame.globals, name, names, level))


def _import_from(tracer: Interpreter, frame: SymbolicFrame, name: str) -> None:
    frame.push(operations.import_from(tracer, frame.stack[-1], name))


HANDLERS: dict[str, Handler] = {
    "CALL": _call,
    "CALL_KW": _call_kw,
    "CALL_FUNCTION_EX": _call_function_ex,
    "LOAD_SUPER_ATTR": _load_super_attr,
    "ENTER_WITH": _enter_with,
    "MAKE_FUNCTION": _make_function,
    "SET_FUNCTION_ATTRIBUTE": _set_function_attribute,
    "START_GENERATOR": _start_generator,
    "YIELD": _yield,
    "SEND": _send(pops_iterator=True),
    "SEND_ON": _send(pops_iterator=False),
    "IMPORT_NAME": _import_name,
    "IMPORT_FROM": _import_from,
}

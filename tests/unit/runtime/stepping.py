"""Runs functions one instruction at a time: a dispatch that never compiles and always breaks."""

import contextlib
import functools
import inspect
import io
import traceback
import types

from jitflow.core.errors import Unsupported
from jitflow.runtime.driver import Broke, RunEagerly, Site, run
from jitflow.tracer.instructions import decode, index_at, instruction_at
from jitflow.tracer.trace import CompilePoint, FrameShape

GENERATORS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def bind(function, args, kwargs):
    """The shape at a function's entry and its state: parameters, then cells of its closure."""
    code = function.__code__
    plain = types.FunctionType(code, {}, None, function.__defaults__, function.__closure__)
    plain.__kwdefaults__ = function.__kwdefaults__  # but no __signature__ nor __wrapped__
    signature = inspect.signature(plain)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    # co_varnames: positional, keyword-only, *args, **kwargs; a Signature: *args before keyword-only
    names = code.co_varnames[:count]
    state = [bound.arguments[parameter_name(signature, name)] for name in names]
    cells = tuple(function.__closure__ or ())
    return FrameShape(code, 0, names + code.co_freevars), (*state, *cells)


def parameter_name(signature, name):
    """Comprehension functions of 3.11 call their parameter ``.0``; inspect says ``implicit0``."""
    return name if name in signature.parameters else f"implicit{name[1:]}"


def always_break(point, state):
    site = Site.of(point)
    return Broke(site, site.split(state))


def run_eagerly(point, state):
    return RunEagerly(point, state)


def run_eagerly_to_loops(point, state):
    return RunEagerly(point, state, rejoin=True)


def run_some_instructions(point, state, count=6):
    """Python runs to the instruction that is `count` further, or whatever is left of them."""
    shape = point.frames[-1]
    program, index = decode(shape.code), index_at(shape.code)
    at = min(index[shape.offset] + count, len(program) - 1)
    try:
        Site.of(point).run_until(program[at].offset, frozenset())
    except Unsupported:  # other ways lead there, too
        return always_break(point, state)
    return RunEagerly(point, state, rejoin=True, until=program[at].offset)


def inlining(point, state):
    """Break at every instruction; calls of Python functions with plain arguments get a frame."""
    site = Site.of(point)
    states = site.split(state)
    inner = inlined_call(point, states)
    if inner is None or len(point.frames) > 8:
        return Broke(site, states)
    (outer, outer_state), (frame, frame_state), namespace = inner
    frames = (*point.frames[:-1], outer, frame)
    return Broke(
        Site.make(frames, (*point.globals, namespace)), [*states[:-1], outer_state, frame_state]
    )


def inlined_call(point, states):
    shape = point.frames[-1]
    instruction = instruction_at(shape.code, shape.offset)
    operations = [operation.op for operation in instruction.operations]
    if operations != ["CALL"]:
        return None
    count = instruction.operations[0].arg
    entries = list(states[-1][len(shape.bound) :])
    stack = [entries.pop(0) if flag else None for flag in shape.stack]
    kept, (first, second), arguments = (
        stack[: -count - 2],
        stack[-count - 2 : len(stack) - count],
        stack[len(stack) - count :],
    )
    flags = shape.stack[-count - 2 : len(stack) - count]
    if all(flags):
        return None
    callee = first if flags[0] else second
    if type(callee) is types.MethodType:
        arguments.insert(0, callee.__self__)
        callee = callee.__func__
    resume, extra = "push", ()
    if isinstance(callee, type) and type(callee) is type and callee.__new__ is object.__new__:
        if not isinstance(callee.__init__, types.FunctionType):
            return None
        instance = callee.__new__(callee)
        arguments.insert(0, instance)
        callee, resume, extra = callee.__init__, "discard", (instance,)
    callee = getattr(callee, "stepped", callee)
    if not isinstance(callee, types.FunctionType) or callee.__code__.co_flags & GENERATORS:
        return None
    try:
        frame, frame_state = bind(callee, arguments, {})
    except TypeError:
        return None
    kept_flags = shape.stack[: -count - 2] + (True,) * len(extra)
    outer = FrameShape(shape.code, instruction.end, shape.bound, kept_flags, resume)
    kept = tuple(item for item, flag in zip(kept, shape.stack) if flag)
    outer_state = states[-1][: len(shape.bound)] + kept + extra
    return (outer, outer_state), (frame, frame_state), callee.__globals__


def stepped(function, dispatch=always_break):
    """`function`, run through the driver at each call."""
    if function.__code__.co_flags & GENERATORS:
        return function

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            shape, state = bind(function, args, kwargs)
        except TypeError:
            return function(*args, **kwargs)  # CPython's own message
        try:
            box = [state]
            del args, kwargs, state
            return run(CompilePoint((shape,), (function.__globals__,)), box.pop(), dispatch)
        except BaseException as error:
            error.__traceback__ = error.__traceback__.tb_next
            raise

    wrapper.stepped = function
    return wrapper


def outcome_of(function, *args, **kwargs):
    """What a call did: ``(kind, text of result or traceback, printed text)``."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            kind, value = "result", function(*args, **kwargs)
        except BaseException as error:
            error.__traceback__ = error.__traceback__.tb_next
            text = "".join(traceback.format_exception(error))
            kind, value = f"raised {type(error).__name__}", text
    return kind, value if isinstance(value, str) else repr(value), printed.getvalue()


def step_module(module, dispatch=always_break):
    """Replace every function and method of `module` by its stepped form."""
    for name, value in list(vars(module).items()):
        if isinstance(value, types.FunctionType) and value.__module__ == module.__name__:
            setattr(module, name, stepped(value, dispatch))
        elif isinstance(value, type) and value.__module__ == module.__name__:
            step_class(value, dispatch)


def step_class(cls, dispatch=always_break):
    for name, value in list(vars(cls).items()):
        if isinstance(value, types.FunctionType):
            setattr(cls, name, stepped(value, dispatch))
        elif isinstance(value, (classmethod, staticmethod)):
            inner = value.__func__
            if isinstance(inner, types.FunctionType):
                setattr(cls, name, type(value)(stepped(inner, dispatch)))
        elif isinstance(value, property) and isinstance(value.fget, types.FunctionType):
            setattr(cls, name, property(stepped(value.fget, dispatch), value.fset, value.fdel))

"""Traces one compile point: from real values to a `Trace` record.

Sets up the frames, runs the interpreter, and builds the exit. Where a live value at the exit cannot
be made again (a generator under way), the trace is repeated and ends before that value was made.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from jitflow.core.devices import HOST
from jitflow.core.dtypes import BOOL
from jitflow.core.errors import GraphBreak, Unsupported, forget_frames
from jitflow.core.lazy import LazyModule
from jitflow.guards.sources import ConstantSource, StateSource
from jitflow.ir.graph import Graph
from jitflow.tracer import operations, versions
from jitflow.tracer.branches import Split, Start
from jitflow.tracer.context import TraceContext
from jitflow.tracer.control_flow import RETURN
from jitflow.tracer.exits import NotMaterialised, frame_states, recipe_of, stack_locations
from jitflow.tracer.frame import NULL, SymbolicFrame
from jitflow.tracer.inline import leave_recursion, refusal
from jitflow.tracer.instructions import instruction_at
from jitflow.tracer.interpreter import Interpreter
from jitflow.tracer.interpreter_control import LoopBreak, StepBreak
from jitflow.tracer.restart import Budget, Limits, Place, Restart
from jitflow.tracer.trace import (
    BreakExit,
    CompilePoint,
    EagerExit,
    Exit,
    FrameShape,
    JumpExit,
    ReturnExit,
    SplitExit,
    Trace,
)
from jitflow.tracer.values import PyValue, ScalarValue

if TYPE_CHECKING:
    from jitflow.tracer import counters, list_items, stack_levels
else:
    counters = LazyModule("jitflow.tracer.counters")
    list_items = LazyModule("jitflow.tracer.list_items")
    stack_levels = LazyModule("jitflow.tracer.stack_levels")

MAX_RESTARTS = 40
"""Repetitions of one trace before the point is left to Python."""

_GENERATOR = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def trace(
    point: CompilePoint,
    state: tuple[Any, ...],
    *,
    name: str,
    dynamic: frozenset[str] = frozenset(),
    fullgraph: bool = False,
    inline_exclusions: Collection[Place] = (),
    left_loops: Mapping[Place, str] | None = None,
    budget: Budget | None = None,
) -> Trace:
    """Run the code at `point` symbolically, starting from the real values in `state`.

    Parameters
    ----------
    point : CompilePoint
        Where to start.
    state : tuple
        Values in the order that `CompilePoint` states.
    name : str
        Qualified name of the function, for the graph.
    dynamic : frozenset of str
        Texts of sources whose integers are symbolic.
    fullgraph : bool
        Raise `GraphBreak` where the trace would end in anything but a return.
    inline_exclusions : collection of (code, offset)
        Instructions at which the piece must end.
    left_loops : dict, optional
        `Trace.left_loops` of earlier traces.
    budget : Budget, optional
        How long it may take.
    """
    places = {place: Unsupported("JF-B003", "left to Python") for place in inline_exclusions}
    places.update((place, StepBreak(text)) for place, text in (left_loops or {}).items())
    record = _trace_within_limits(point, state, name, dynamic, Limits(places, budget=budget))
    exit = record.exit
    if fullgraph and isinstance(exit, BreakExit | EagerExit | SplitExit):
        raise GraphBreak(exit.code, exit.detail, exit.location)
    return record


def _trace_within_limits(
    point: CompilePoint,
    state: tuple[Any, ...],
    name: str,
    dynamic: frozenset[str],
    limits: Limits,
) -> Trace:
    cause = _refusal(point)
    for _ in range(MAX_RESTARTS):
        tracer = Interpreter(TraceContext(name, dynamic), limits)
        tracer.context.objects.looked = limits.looked
        tracer.context.objects.itemised = limits.itemised
        tracer.context.objects.tabled = limits.tabled
        tracer.context.resolve = partial(_resolve, tracer)
        if cause is not None:
            break
        try:
            _load(tracer, point, state)
            exit = _run(tracer)
            record = _finish(tracer, point, exit)
            record.left_loops.update(
                (place, found.detail)
                for place, found in limits.places.items()
                if isinstance(found, StepBreak)
            )
            leaves = bool(record.effects) or isinstance(record.exit, BreakExit)
            known = counters.changed(record) if leaves else frozenset[str]()
            if known <= dynamic:
                record.dynamic = dynamic
                return record
            dynamic |= known
        except Restart as restart:
            at_start = restart.step is not None and restart.step >= tracer.steps
            if restart.leave or at_start:
                cause = restart.cause
            limits = limits.tightened(restart)
            if limits.budget is not None:
                limits.budget.note_attempt(tracer.context.builder.graph.nodes)
            forget_frames(restart)
        finally:
            tracer.close()
    return _eager(name, point, cause or limits.newest)


def _resolve(tracer: Interpreter, value: PyValue) -> PyValue:
    """What NumPy sees of a value: a list that grew in a loop is an array to it."""
    return (
        list_items.resolve(tracer, value) if tracer.growing else operations.resolve(tracer, value)
    )


def _refusal(point: CompilePoint) -> Unsupported | None:
    """Why nothing can be traced from `point`."""
    if versions.current is None:
        return Unsupported("JF-B019", "")
    for shape in point.frames:
        if shape.code.co_flags & _GENERATOR:
            return Unsupported("JF-B012", shape.code.co_qualname)
        reason = refusal(shape.code)
        if reason:
            return Unsupported("JF-B003", reason)
    return None


# Frames of a compile point


def _load(tracer: Interpreter, point: CompilePoint, state: tuple[Any, ...]) -> None:
    """Push the frames of `point` with the values of `state`."""
    taken = 0
    for shape, namespace in zip(point.frames, point.globals, strict=True):
        closure = tuple(
            operations.wrap(tracer, cell, ConstantSource(cell, name))
            for cell, name in zip(point.closure, shape.code.co_freevars, strict=False)
        )
        frame = SymbolicFrame(shape.code, namespace, closure)
        names = shape.bound or (_parameters(shape) if point.is_entry else ())
        values = [
            operations.wrap(tracer, state[taken + i], StateSource(taken + i, variable))
            for i, variable in enumerate(names)
        ]
        taken += len(names)
        frame.restore(names, values)
        taken = _load_stack(tracer, frame, shape, state, taken)
        frame.move_to(shape.offset)
        frame.resume = shape.resume
        tracer.frames.append(frame)
    tracer.frames_at_start = len(tracer.frames)
    tracer.context.is_entry = point.is_entry


def _parameters(shape: FrameShape) -> tuple[str, ...]:
    code = shape.code
    flags = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + flags]


def _load_stack(
    tracer: Interpreter,
    frame: SymbolicFrame,
    shape: FrameShape,
    state: tuple[Any, ...],
    taken: int,
) -> int:
    """Fill the operand stack; gives the number of state values used so far."""
    names = [f"stack[{depth}]" for depth in range(len(shape.stack))]
    for operation in instruction_at(shape.code, shape.offset).operations[:1]:
        if operation.op == "STORE_FAST" and names:
            names[-1] = frame.names[operation.arg]  # the item of a loop, a call's result
    for name, has_value in zip(names, shape.stack, strict=True):
        value: PyValue = NULL
        if has_value:
            value = operations.wrap(tracer, state[taken], StateSource(taken, name))
            taken += 1
        frame.push(value)
    return taken


# The end


def _run(tracer: Interpreter) -> Exit:
    try:
        value = tracer.run()
    except Split as split:
        try:
            _check_generators(tracer)
            return _split(tracer, split)
        finally:
            forget_frames(split)
    except Unsupported as error:
        try:
            _check_generators(tracer)
            return _break(tracer, error)
        finally:
            forget_frames(error)
    _check_generators(tracer)
    try:
        return ReturnExit(recipe_of(tracer, value))
    except NotMaterialised as failed:
        raise _restart_before(tracer, failed) from failed


def _check_generators(tracer: Interpreter) -> None:
    """Leave generators to Python that were dropped where closing them runs code."""
    for iterator, body in tracer.generators:
        if body.needs_closing:
            cause = Unsupported("JF-B012", body.frame.code.co_qualname)
            raise _restart_before(tracer, NotMaterialised(iterator, cause))


def _break(tracer: Interpreter, error: Unsupported) -> BreakExit:
    assert tracer.failure is not None
    leave_recursion(tracer, None, error)
    stack_levels.check_break(tracer, error)
    location = tracer.failure[1]
    try:
        frames = frame_states(tracer)
    except NotMaterialised as failed:
        raise _restart_before(tracer, failed) from failed
    stack = stack_locations(tracer.frames, location)
    count = not isinstance(error, LoopBreak)
    return BreakExit(error.code, error.detail, location, frames, stack, count)


def _split(tracer: Interpreter, split: Split) -> SplitExit:
    stack_levels.check_break(tracer, split.cause)
    try:
        arms = tuple(
            (
                None if flag is None else recipe_of(tracer, ScalarValue("bool", BOOL, flag)),
                _arm_exit(tracer, start),
            )
            for flag, start in split.ways
        )
    except NotMaterialised as failed:
        raise _restart_before(tracer, failed) from failed
    cause = split.cause
    location = tracer.failure[1] if tracer.failure else tracer.frames[-1].instruction.location
    return SplitExit(cause.code, cause.detail, location, arms)


def _arm_exit(tracer: Interpreter, start: Start) -> ReturnExit | JumpExit:
    """The exit of one of several ways; the frames are afterwards as they were."""
    frames = tracer.frames[:]
    kept = [(frame, frame.stack[:], frame.index, frame.resume) for frame in frames[-2:]]
    innermost = frames[-1]
    try:
        if start.index != RETURN:
            innermost.index, innermost.stack = start.index, start.stack[:]
            return JumpExit(frame_states(tracer))
        tracer.leave(innermost, start.stack[0])
        if tracer.frames:
            return JumpExit(frame_states(tracer))
        return ReturnExit(recipe_of(tracer, start.stack[0]))
    finally:
        tracer.frames[:] = frames
        for frame, stack, index, resume in kept:
            frame.stack, frame.index, frame.resume = stack, index, resume


def _restart_before(tracer: Interpreter, failed: NotMaterialised) -> Restart:
    """End before the instruction that made the value; where that is unknown, try half way."""
    born = tracer.births.get(id(failed.value))
    if born is None or born >= tracer.steps:
        born = tracer.steps // 2
    return Restart(failed.cause, step=born)


def _finish(tracer: Interpreter, point: CompilePoint, exit: Exit) -> Trace:
    context = tracer.context
    try:
        effects = operations.effects(tracer)
    except Unsupported as error:
        raise Restart(error, step=tracer.steps // 2) from error
    graph = context.builder.finish(operations.graph_outputs(tracer))
    _drop_unknown_symbols(graph)
    graph.writes = [
        (storage.input, storage.version)
        for storage in context.storages
        if storage.written and storage.input is not None
    ]
    return Trace(
        point,
        graph,
        tuple(context.inputs),
        (*context.guards, *context.presence_guards(), *context.overlap_guards()),
        effects,
        exit,
        context.call_outs,
        tuple(tracer.locations.values()),
        tuple(context.calls),
        context.namespaces,
        context.kind or HOST,
        tuple(context.generators.items()),
        tracer.has_handlers or bool(point.frames[-1].code.co_exceptiontable),
    )


def _drop_unknown_symbols(graph: Graph) -> None:
    """Forget the symbols of loops and branches whose capture was given up."""
    known = {id(value) for value in graph.inputs}
    for node in graph.walk():
        known.update(id(value) for value in node.results)
        known.update(id(value) for region in node.regions for value in region.parameters)
    for name, definition in list(graph.symbols.items()):
        if id(definition.value) not in known:
            del graph.symbols[name]


def _eager(name: str, point: CompilePoint, cause: Unsupported) -> Trace:
    """The record of a point that is left to Python."""
    shape = point.frames[-1]
    location = instruction_at(shape.code, shape.offset).location
    exit = EagerExit(cause.code, cause.detail, location)
    return Trace(point, Graph(name), (), (), (), exit)

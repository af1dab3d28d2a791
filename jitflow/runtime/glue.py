"""Generates the Python function of a variant: guards, inputs, native segments, effects, exit.

A variant's function takes the state of its compile point and returns the user's value, or one of
the marks of `runtime.marks`. It exists for pieces that are more than one native function over
their arguments; simple pieces also get a native entry that needs no Python at all.
"""

from __future__ import annotations

import functools
import linecache
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jitflow.core.config import config
from jitflow.guards.checks import CheckWriter, ConstantPool, Let, Step, Test, write_input_checks
from jitflow.guards.predicates import NoOverlap, Relation
from jitflow.ir.graph import DimensionOf, Node, ScalarValue, Value
from jitflow.runtime.driver import Broke, Site
from jitflow.runtime.frames import caller_at
from jitflow.runtime.marks import EAGER, FAILED, MISS
from jitflow.runtime.partition import CallOutPlan, Plan, SegmentPlan
from jitflow.runtime.recipes_code import RecipeWriter, walk
from jitflow.runtime.replay import Flagged, Replayer, joined, noted_flags
from jitflow.tracer import recipes as r
from jitflow.tracer.numpy.callouts import Callee
from jitflow.tracer.trace import BreakExit, ReturnExit, Trace

LOST = (AttributeError, KeyError, IndexError, TypeError, ValueError)
"""What evaluating a source may raise where an object has changed: the guard fails."""


@dataclass(frozen=True)
class GlueText:
    """Generated code: its source and the objects it refers to."""

    source: str
    objects: dict[str, Any]
    guards: tuple[str, ...]

    def compile(self, name: str) -> Callable[..., Any]:
        """The function, with its source known to tracebacks and debuggers."""
        filename = f"<jitflow {name}>"
        namespace = dict(self.objects)
        exec(compile(self.source, filename, "exec"), namespace)
        linecache.cache[filename] = (
            len(self.source),
            None,
            self.source.splitlines(keepends=True),
            filename,
        )
        function: Callable[..., Any] = namespace["variant"]
        return function


class _GlueWriter:
    def __init__(
        self,
        trace: Trace,
        plan: Plan,
        segments: Sequence[Callable[..., Any]],
        replayer: Replayer,
    ) -> None:
        self.trace, self.plan, self.segments = trace, plan, segments
        self.replayer = replayer
        self.known: list[str] = []
        self.since = -1
        self.pool = ConstantPool()
        self.checks = CheckWriter(self.pool)
        self.values: dict[int, str] = {}
        self.outputs: dict[int, str] = {}
        self.body: list[str] = []

    def write(self, state_size: int) -> GlueText:
        self._write_guards()
        if self._is_pointless():
            self.body.append(f"return {self.pool(EAGER)}")
        else:
            self._write_steps()
            self._write_exit()
        parameters = ", ".join(f"v{i}" for i in range(state_size))
        lines = [f"def variant({parameters}):", "    try:"]
        lines += [f"        {line}" for line in self._guard_lines()] or ["        pass"]
        lines += [f"    except {self.pool(LOST)}:", f"        return {self.pool(MISS)}"]
        lines += [f"    {line}" for line in self.body]
        texts = tuple(s.condition for s in self.checks.steps if isinstance(s, Test))
        return GlueText("\n".join(lines) + "\n", dict(self.pool.objects), texts)

    def _is_pointless(self) -> bool:
        """Whether the piece is a whole call without operators: Python does that best itself."""
        trace = self.trace
        whole = trace.point.is_entry and isinstance(trace.exit, ReturnExit)
        return whole and not trace.graph.nodes and not config().trace_everything

    # Guards and inputs

    def _write_guards(self) -> None:
        trace = self.trace
        self.checks.guards(trace.guards)
        for value, fact in zip(trace.graph.inputs, trace.inputs, strict=True):
            self.values[id(value)] = self.checks.source(fact.source)
        steps = self.plan.steps
        if not (steps and isinstance(steps[0], SegmentPlan)):
            late = [g for g in trace.guards if isinstance(g, NoOverlap | Relation)]
            for name, definition in trace.graph.symbols.items():
                value = definition.value
                if isinstance(definition, ScalarValue) and value.producer is None:
                    self.checks.steps.append(Let(name, self.values[id(value)]))
            write_input_checks(self.checks, trace.inputs, late)
        self._recipes = RecipeWriter(self.pool, self.checks, self._output)
        for recipe in self._exit_recipes():
            self._recipes.prefetch(recipe)
        for effect in trace.effects:
            for part in walk(effect):
                self._recipes.prefetch(part)

    def _exit_recipes(self) -> list[r.Recipe]:
        exit = self.trace.exit
        if isinstance(exit, ReturnExit):
            return [exit.value]
        assert isinstance(exit, BreakExit)
        return [item for frame in exit.frames for item in (*frame.variables, *frame.stack)]

    def _guard_lines(self) -> list[str]:
        return [_step_text(step, self.pool) for step in self.checks.steps]

    # Kernels and call-outs

    def _write_steps(self) -> None:
        functions = iter(self.segments)
        watches = self.replayer.can_warn
        if watches:
            self.body.append("flagged = None")
        for number, step in enumerate(self.plan.steps):
            if isinstance(step, SegmentPlan):
                self._segment(step, next(functions), is_first=number == 0)
                continue
            key = id(step.node.attributes)
            has_effect = bool(step.node.attributes.get("effect"))
            if has_effect and watches:
                self._settle(key)
            self._call_out(step)
            self.known.append(f"{key}: ({self._results_of(step.node)})")
            if has_effect:
                self.since = key
        if watches:
            self._settle(-1)

    def _results_of(self, node: Node) -> str:
        return "".join(f"{self.values[id(value)]}, " for value in node.results)

    def _settle(self, until: int) -> None:
        """Give the warnings up to here, or leave the piece to Python."""
        inputs = "".join(f"{self.values[id(value)]}, " for value in self.trace.graph.inputs)
        known = ", ".join(self.known)
        settle = self.pool(self.replayer.settle)
        span, first = (self.since, until), self.since == -1
        call = f"{settle}(flagged, ({inputs}), {{{known}}}, {span}, {first})"
        self.body.append(f"if flagged is not None and {call}: return {self.pool(FAILED)}")
        if until != -1:
            self.body.append("flagged = None")

    def _segment(self, plan: SegmentPlan, function: Callable[..., Any], is_first: bool) -> None:
        arguments = ", ".join(self.values[id(value)] for value in plan.takes)
        result = f"x{len(self.values)}" if plan.gives else "_"
        self.body.append(f"{result} = {self.pool(function)}({arguments})")
        marks = [MISS, FAILED] if is_first else [FAILED]
        for mark in marks:
            self.body.append(f"if {result} is {self.pool(mark)}: return {self.pool(mark)}")
        if self.replayer.can_warn:
            flagged = f"flagged, {result} = {self.pool(joined)}(flagged, {result}), {result}.result"
            self.body.append(f"if type({result}) is {self.pool(Flagged)}: {flagged}")
        names = [f"y{len(self.outputs)}_{len(self.values)}_{i}" for i in range(len(plan.gives))]
        if len(names) == 1:
            names = [result]
        elif names:
            self.body.append(f"{', '.join(names)} = {result}")
        for name, give in zip(names, plan.gives, strict=True):
            if give.output is not None:
                self.outputs[give.output] = name
            if give.output is None or id(give.value) not in self.values:
                self.values[id(give.value)] = name

    def _call_out(self, plan: CallOutPlan) -> None:
        node = plan.node
        arguments = [self.values[id(value)] for value in node.operands]
        names = [f"c{len(self.values)}_{i}" for i in range(len(node.results))]
        target = f"{', '.join(names) or '_'}{',' if len(names) > 1 else ''}"
        if node.operator.name != "call_out" and self.replayer.can_warn:
            target = f"flagged, ({target})"
            callee: Any = watched(node)
            arguments.insert(0, "flagged")
        else:
            callee = call_out_function(node, self.trace.namespaces)
        self.body.append(f"{target} = {self.pool(callee)}({', '.join(arguments)})")
        for name, value in zip(names, node.results, strict=True):
            self.values[id(value)] = name
            self._symbols_of_result(value, name)
        for index, value in enumerate(self.trace.graph.outputs):
            if value.producer is node and index not in self.outputs:
                self.outputs[index] = self.values[id(value)]

    def _symbols_of_result(self, value: Value, name: str) -> None:
        for symbol, definition in self.trace.graph.symbols.items():
            if isinstance(definition, DimensionOf) and definition.value is value:
                self.body.append(f"{symbol} = {name}.shape[{definition.axis}]")

    # Exit

    def _output(self, recipe: r.FromGraph) -> str:
        value = self.trace.graph.outputs[recipe.index]
        name = self.outputs.get(recipe.index)
        if name is None:
            return _boxed_in_python(self.values[id(value)], recipe.box, self.pool)
        maker = value.producer
        if maker is not None and any(maker is c.node for c in self.plan.call_outs):
            return _boxed_in_python(name, recipe.box, self.pool)
        return name

    def _write_exit(self) -> None:
        exit, writer = self.trace.exit, self._recipes
        for effect in self.trace.effects:
            writer.effect(effect)
        if isinstance(exit, ReturnExit):
            result = writer.build(exit.value)
        else:
            assert isinstance(exit, BreakExit)
            result = self._broken_frames(exit)
        self.body += [*writer.lines, f"return {result}"]

    def _broken_frames(self, exit: BreakExit) -> str:
        shapes = tuple(frame.shape for frame in exit.frames)
        namespaces = tuple(frame.globals for frame in exit.frames)
        states = []
        for frame in exit.frames:
            variables = "".join(self._recipes.build(item) + ", " for item in frame.variables)
            stack = "".join(
                self._recipes.build(item) + ", "
                for item, present in zip(frame.stack, frame.shape.stack, strict=True)
                if present
            )
            states.append(f"({variables}{stack})")
        site = Site.make(shapes, namespaces)
        return f"{self.pool(Broke)}({self.pool(site)}, [{', '.join(states)}])"


def write_glue(
    trace: Trace,
    plan: Plan,
    segments: Sequence[Callable[..., Any]],
    state_size: int,
    replayer: Replayer,
) -> GlueText:
    """Source of the variant function of `trace`; `segments` are its native functions in order."""
    return _GlueWriter(trace, plan, segments, replayer).write(state_size)


def call_out_function(node: Node, namespaces: dict[str, dict[str, Any]]) -> Callable[..., Any]:
    """What runs a call-out: its function, or the record's NumPy meaning with the attributes."""
    if node.operator.name == "call_out":
        return _call_out_checked(node, namespaces.get(node.location.filename, {}))
    meaning, attributes = node.operator.numpy, node.attributes

    def evaluate(*operands: Any) -> Any:
        result = meaning(*operands, **attributes)
        return tuple(map(np.asarray, result)) if type(result) is tuple else np.asarray(result)

    return evaluate


def watched(node: Node) -> Callable[..., Any]:
    """Runs a node by its NumPy meaning and joins the flags that it sets to those before."""
    evaluate = call_out_function(node, {})

    def run(flagged: Flagged | None, *operands: Any) -> tuple[Flagged | None, Any]:
        with noted_flags() as flags:
            result = evaluate(*operands)
        if flags:
            flagged = joined(flagged, Flagged(functools.reduce(operator.or_, flags), None))
        return flagged, result

    return run


def _call_out_checked(node: Node, namespace: dict[str, Any]) -> Callable[..., Any]:
    """The call-out's function, called as if from the program: it may warn there."""
    function = node.attributes["function"]
    types = tuple(value.type for value in node.results)
    from_there = caller_at(node.location, namespace)

    def call(*operands: Any) -> Any:
        callee, keywords, arguments = function, {}, operands
        if isinstance(function, Callee):
            callee, arguments, keywords = function.bound(operands)
        result = from_there(callee, arguments, keywords)
        results = result if isinstance(result, tuple) else (result,)
        arrays = tuple(np.ascontiguousarray(item).reshape(np.shape(item)) for item in results)
        for array, type in zip(arrays, types, strict=True):
            if array.dtype != type.dtype.numpy or array.ndim != type.rank:
                raise TypeError(f"{function} returned {array.dtype}, not {type}")
        return arrays if len(types) != 1 else arrays[0]

    return call


def _boxed_in_python(name: str, box: str, pool: ConstantPool) -> str:
    if box == "array":
        return name
    if box == "scalar":
        return f"{name}[()]"
    return f"{name}.item()"


def _step_text(step: Step, pool: ConstantPool) -> str:
    if isinstance(step, Let):
        return f"{step.name} = {step.expression}"
    return f"if not ({step.condition}): return {pool(MISS)}"

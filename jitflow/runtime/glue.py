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
from typing import TYPE_CHECKING, Any

from jitflow.core.config import config
from jitflow.core.dataclass import dataclass
from jitflow.core.lazy import LazyModule
from jitflow.guards.checks import CheckWriter, ConstantPool, Let, Step, write_input_checks
from jitflow.guards.predicates import NoOverlap, Relation
from jitflow.guards.sources import Source
from jitflow.ir.graph import DimensionOf, Node, ScalarValue, Value
from jitflow.ir.regions import has_effect
from jitflow.ops.record import Kind
from jitflow.runtime.call_outs import arranged, call_out_function, contiguous
from jitflow.runtime.driver import Broke, Jump, Site
from jitflow.runtime.marks import EAGER, FAILED, MISS
from jitflow.runtime.partition import CallOutPlan, Plan, SegmentPlan, may_fail
from jitflow.runtime.recipes_code import RecipeWriter, walk
from jitflow.runtime.replay import Flagged, Replayer, joined, noted_flags
from jitflow.runtime.tracebacks import UNSEEN
from jitflow.tracer import recipes as r
from jitflow.tracer.numpy.callouts import Callee
from jitflow.tracer.trace import (
    BreakExit,
    Exit,
    FrameState,
    JumpExit,
    ReturnExit,
    SplitExit,
    Trace,
    recipes_of,
)

if TYPE_CHECKING:
    from jitflow.runtime import generators
else:
    generators = LazyModule("jitflow.runtime.generators")

LOST = (AttributeError, KeyError, IndexError, TypeError, ValueError)
"""What evaluating a source may raise where an object has changed: the guard fails."""


@dataclass(frozen=True)
class GlueText:
    """Generated code: the steps of its guards, what follows, and the objects it refers to."""

    name: str
    state_size: int
    steps: tuple[Step, ...]
    body: tuple[str, ...]
    objects: dict[str, Any]

    @property
    def source(self) -> str:
        """The function that checks its guards and gives `MISS` where one does not hold."""
        guards = [f"        {_step_text(step)}" for step in self.steps]
        lines = [self._head, "    try:", *(guards or ["        pass"])]
        lines += ["    except LOST:", "        return MISS", *self._body]
        return "\n".join(lines) + "\n"

    def compile(self) -> Callable[..., Any]:
        """The function with guards, its source known to tracebacks and debuggers."""
        return self._compile(self.source, f"<jitflow {self.name}{UNSEEN}>")

    def compile_unguarded(self) -> Callable[..., Any]:
        """The function for states whose guards hold: it only names what the guards name."""
        lets = [f"    {_step_text(step)}" for step in self.steps if isinstance(step, Let)]
        text = "\n".join([self._head, *lets, *self._body]) + "\n"
        return self._compile(text, f"<jitflow {self.name}, unguarded{UNSEEN}>")

    @property
    def _head(self) -> str:
        return f"def variant({', '.join(f'v{i}' for i in range(self.state_size))}):"

    @property
    def _body(self) -> list[str]:
        return [f"    {line}" for line in self.body]

    def _compile(self, source: str, filename: str) -> Callable[..., Any]:
        namespace = {**self.objects, "LOST": LOST, "MISS": MISS}
        exec(compile(source, filename, "exec"), namespace)
        lines = source.splitlines(keepends=True)
        linecache.cache[filename] = (len(source), None, lines, filename)
        function: Callable[..., Any] = namespace["variant"]
        return function


class _GlueWriter:
    def __init__(
        self,
        trace: Trace,
        plan: Plan,
        segments: Sequence[Callable[..., Any]],
        replayer: Replayer,
        pool: ConstantPool,
    ) -> None:
        self.trace, self.plan, self.segments = trace, plan, segments
        self.replayer = replayer
        self.known: list[str] = []
        self.since = -1
        self.failure = f"return {pool(FAILED)}"
        self.may_repeat = self.may_undo = True
        self.pool = pool
        self.checks = CheckWriter(self.pool)
        self.values: dict[int, str] = {}
        self.outputs: dict[int, str] = {}
        self.called: set[int] = set()  # the outputs that call-outs give as they are
        self.body: list[str] = []

    def write(self, state_size: int) -> GlueText:
        self._write_guards()
        if self._is_pointless():
            self.body.append(f"return {self.pool(EAGER)}")
        else:
            self._write_steps()
            self._write_exit()
        steps, body = tuple(self.checks.steps), tuple(self.body)
        return GlueText(self.trace.graph.name, state_size, steps, body, dict(self.pool.objects))

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
                place = self.values.get(id(definition.value))
                if isinstance(definition, ScalarValue) and place is not None:
                    self.checks.steps.append(Let(name, place))
            write_input_checks(self.checks, trace.inputs, late)
        self._recipes = RecipeWriter(self.pool, self.checks, self._output)
        recipes: list[r.Recipe | r.Effect] = [*recipes_of(trace.exit), *trace.effects]
        self._recipes.prefetch(recipes)
        self._shown = {part.index for part in walk(recipes) if isinstance(part, r.FromGraph)}
        for call in self.plan.call_outs:
            if (receiver := _receiver(call.node)) is not None:
                self.checks.source(receiver)

    # Kernels and call-outs

    def _write_steps(self) -> None:
        functions = iter(self.segments)
        watches = self.replayer.can_warn
        if watches:
            flags = self.replayer.constant_flags
            first = f"{self.pool(Flagged)}({flags}, None)" if flags else None
            self.body.append(f"flagged = {first}")
        for number, step in enumerate(self.plan.steps):
            if not any(map(_changes_state, self.plan.steps[:number])) and _changes_state(step):
                self._before_effects(number)
            if isinstance(step, SegmentPlan):
                self._segment(step, next(functions), is_first=number == 0)
                continue
            key = id(step.node.attributes)
            has_effect = bool(step.node.attributes.get("effect"))
            if has_effect and watches and (step.is_in_order or self.may_repeat):
                self._settle(key, step.is_in_order)
            self._call_out(step)
            self.known.append(f"{key}: ({self._results_of(step.node)})")
            if has_effect:
                self.may_repeat = self.may_undo
                if step.is_in_order:
                    self.since = key
        if watches:
            self._settle(-1)

    def _before_effects(self, number: int) -> None:
        """Save the state of the generators where the piece may be run again after it drew."""
        drawn_from = self.trace.generators
        if not drawn_from:
            return
        first, *rest = self.plan.steps[number:]
        if not (isinstance(first, SegmentPlan) or any(map(_may_fail, rest))):
            self.may_undo = False
            return
        names = "".join(f"{self.checks.source(source)}, " for source, _ in drawn_from)
        how = tuple(is_whole for _, is_whole in drawn_from)
        self.body.append(f"saved = {self.pool(generators.save)}(({names}), {how})")
        self.failure = f"return {self.pool(generators.undo)}(saved)"

    def _results_of(self, node: Node) -> str:
        return "".join(f"{self.values[id(value)]}, " for value in node.results)

    def _inputs(self) -> str:
        return "".join(f"{self.values[id(value)]}, " for value in self.trace.graph.inputs)

    def _settle(self, until: int, warns: bool = True) -> None:
        """Give the warnings up to here, or leave the piece to Python.

        The flags stay for the next time: a segment also computes what comes later in the program.
        What stands in front of a call-out may be computed behind it: then it does not warn here.
        """
        known = ", ".join(self.known)
        settle = self.pool(self.replayer.settle)
        span, first = (self.since, until), self.may_repeat
        call = f"{settle}(flagged, ({self._inputs()}), {{{known}}}, {span}, {first}, {warns})"
        self.body.append(f"if flagged is not None and {call}: {self.failure}")

    def _segment(self, plan: SegmentPlan, function: Callable[..., Any], is_first: bool) -> None:
        arguments = ", ".join(self.values[id(value)] for value in plan.takes)
        gives = [g for g in plan.gives if g.output is None or g.output in self._shown]
        result = f"x{len(self.values)}" if gives else "_"
        first = is_first and not self.replayer.constant_flags
        if plan.graph.writes and not first and self.replayer.can_warn:
            keep = f"{self.pool(self.replayer.keep)}(flagged, ({self._inputs()}))"
            self.body.append(f"if flagged is not None: flagged = {keep}")
        call = f"{result} = {self.pool(function)}({arguments})"
        drawn_from = "".join(f"{self.checks.source(s)}, " for s, _ in self.trace.generators)
        if drawn_from and any(node.operator.kind is Kind.DRAW for node in plan.graph.walk()):
            self.body += [f"with {self.pool(generators.Held)}(({drawn_from})):", f"    {call}"]
        else:
            self.body.append(call)
        if is_first:
            self.body.append(f"if {result} is {self.pool(MISS)}: return {self.pool(MISS)}")
        self.body.append(f"if {result} is {self.pool(FAILED)}: {self.failure}")
        if self.replayer.can_warn:
            flagged = f"flagged, {result} = {self.pool(joined)}(flagged, {result}), {result}.result"
            self.body.append(f"if type({result}) is {self.pool(Flagged)}: {flagged}")
        names = [f"y{len(self.outputs)}_{len(self.values)}_{i}" for i in range(len(gives))]
        if len(names) == 1:
            names = [result]
        elif names:
            self.body.append(f"{', '.join(names)} = {result}")
        for name, give in zip(names, gives, strict=True):
            if give.output is not None:
                self.outputs[give.output] = name
                self.called.discard(give.output)
            if give.output is None or id(give.value) not in self.values:
                self.values[id(give.value)] = name

    def _call_out(self, plan: CallOutPlan) -> None:
        node = plan.node
        arguments = [self.values[id(value)] for value in node.operands]
        if (receiver := _receiver(node)) is not None:
            arguments.insert(0, self.checks.source(receiver))
        names = [f"c{len(self.values)}_{i}" for i in range(len(node.results))]
        target = names[0] if len(names) == 1 else f"c{len(self.values)}"
        may_repeat = self.may_repeat
        if node.operator.name != "call_out" and self.replayer.can_warn:
            callee: Any = watched(node, may_repeat)
            arguments.insert(0, "flagged")
            self.body.append(f"flagged, {target} = {self.pool(callee)}({', '.join(arguments)})")
        else:
            callee = call_out_function(node, self.trace.namespaces, may_repeat, self.may_undo)
            self.body.append(f"{target} = {self.pool(callee)}({', '.join(arguments)})")
        self.body.append(f"if {target} is {self.pool(FAILED)}: {self.failure}")
        if len(names) > 1:
            self.body.append(f"{', '.join(names)} = {target}")
        self._results_of_call_out(node, names)

    def _results_of_call_out(self, node: Node, names: list[str]) -> None:
        """Outputs are what the call gave; segments take it in C order."""
        for name, value in zip(names, node.results, strict=True):
            self.body.append(f"{name}_c = {self.pool(contiguous)}({name})")
            self.values[id(value)] = f"{name}_c"
            self._symbols_of_result(value, name)
        results = {id(value): name for value, name in zip(node.results, names, strict=True)}
        for index, value in enumerate(self.trace.graph.outputs):
            if value.producer is node and index not in self.outputs:
                self.outputs[index] = results[id(value)]
                self.called.add(index)

    def _symbols_of_result(self, value: Value, name: str) -> None:
        for symbol, definition in self.trace.graph.symbols.items():
            if isinstance(definition, DimensionOf) and definition.value is value:
                self.body.append(f"{symbol} = {name}.shape[{definition.axis}]")

    # Exit

    def _output(self, recipe: r.FromGraph) -> str:
        value = self.trace.graph.outputs[recipe.index]
        name = self.outputs.get(recipe.index)
        if name is None:
            return _boxed_in_python(self.values[id(value)], recipe, self.pool)
        return _boxed_in_python(name, recipe, self.pool) if recipe.index in self.called else name

    def _write_exit(self) -> None:
        exit, writer = self.trace.exit, self._recipes
        for effect in self.trace.effects:
            writer.effect(effect)
        arms = exit.arms if isinstance(exit, SplitExit) else ((None, exit),)
        for condition, arm in arms:
            test = "" if condition is None else f"if {writer.build(condition)}: "
            result = self._result_of(arm)
            self.body += [*writer.lines, f"{test}return {result}"]
            writer.lines.clear()

    def _result_of(self, exit: Exit | JumpExit) -> str:
        """What the variant gives."""
        if isinstance(exit, ReturnExit):
            return self._recipes.build(exit.value)
        assert isinstance(exit, BreakExit | JumpExit)
        states = [self._state_of(frame) for frame in exit.frames]
        shapes = tuple(frame.shape for frame in exit.frames)
        site = self.pool(Site.make(shapes, tuple(frame.globals for frame in exit.frames)))
        if isinstance(exit, JumpExit):
            return f"{self.pool(Jump)}({site}, ({''.join(states)}))"
        return f"{self.pool(Broke)}({site}, [{', '.join(f'({state})' for state in states)}])"

    def _state_of(self, frame: FrameState) -> str:
        """The items of a frame's state, each with a comma behind it."""
        shown = [*frame.variables]
        shown += [i for i, has in zip(frame.stack, frame.shape.stack, strict=True) if has]
        return "".join(f"{self._recipes.build(item)}, " for item in shown)


def write_glue(
    trace: Trace,
    plan: Plan,
    segments: Sequence[Callable[..., Any]],
    state_size: int,
    replayer: Replayer,
    pool: ConstantPool,
) -> GlueText:
    """The code of the variant of `trace`; `segments` are its native functions in order.

    Variants of one compile point share a `pool`, so that equal guards are equal text.
    """
    return _GlueWriter(trace, plan, segments, replayer, pool).write(state_size)


def _changes_state(step: SegmentPlan | CallOutPlan) -> bool:
    """Whether a step draws random numbers."""
    nodes = [step.node] if isinstance(step, CallOutPlan) else step.graph.nodes
    return any(map(has_effect, nodes))


def _may_fail(step: SegmentPlan | CallOutPlan) -> bool:
    """Whether a step may find out that Python has to run the piece."""
    if isinstance(step, CallOutPlan):
        return bool(step.node.operands) or step.node.operator.name != "call_out"
    return any(map(may_fail, step.graph.nodes))


def _receiver(node: Node) -> Source | None:
    """Where the object comes from that a call-out calls a method of."""
    called = node.attributes.get("function")
    return called.receiver if isinstance(called, Callee) else None


def watched(node: Node, may_repeat: bool) -> Callable[..., Any]:
    """Runs a node by its NumPy meaning and joins the flags that it sets to those before."""
    evaluate = call_out_function(node, {}, may_repeat)

    def run(flagged: Flagged | None, *operands: Any) -> tuple[Flagged | None, Any]:
        with noted_flags() as flags:
            result = evaluate(*operands)
        if flags:
            flagged = joined(flagged, Flagged(functools.reduce(operator.or_, flags), None))
        return flagged, result

    return run


def _boxed_in_python(name: str, recipe: r.FromGraph, pool: ConstantPool) -> str:
    if recipe.box == "array":
        order = recipe.order
        return name if len(order) < 2 else f"{pool(arranged)}({name}, {order!r})"
    if recipe.box == "scalar":
        return f"{name}[()]"
    return f"{name}.item()"


def _step_text(step: Step) -> str:
    if isinstance(step, Let):
        return f"{step.name} = {step.expression}"
    return f"if not ({step.condition}): return MISS"

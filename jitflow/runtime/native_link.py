"""The native back end: segments and whole functions as machine code behind native entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jitflow import codegen
from jitflow.codegen.cpu import entry
from jitflow.codegen.cpu.compile import compile_segment
from jitflow.codegen.cpu.entry_spec import (
    EntrySpec,
    Existing,
    Known,
    NativeEntry,
    Output,
    Parameters,
    Result,
    TupleOf,
)
from jitflow.codegen.interface import Body, InputSpec, OutputSpec, Segment
from jitflow.core.dataclass import replace
from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import ArrayFact, Guard, ScalarFact
from jitflow.guards.sources import Source, StateSource
from jitflow.ir.graph import Node, Value
from jitflow.runtime import native
from jitflow.runtime.marks import FAILED, HIDDEN, MISS
from jitflow.runtime.partition import Plan, SegmentPlan
from jitflow.runtime.reference import MadeSegment
from jitflow.runtime.replay import Replayer, SegmentFlags
from jitflow.runtime.tracebacks import hide_frames, unseen
from jitflow.tracer import recipes as r
from jitflow.tracer.trace import ReturnExit, Trace

if TYPE_CHECKING:
    from jitflow.runtime.dispatch import Dispatcher
    from jitflow.runtime.link import SegmentRequest


def supports(node: Node) -> bool:
    """Whether code generation takes this node."""
    return codegen.supports(node)


def make_segment(request: SegmentRequest) -> MadeSegment:
    """A native function of the segment's inputs; it returns what the segment gives."""
    segment, body = compiled(request)
    count = len(segment.inputs)
    spec = EntrySpec(
        segment.graph.name,
        Parameters(count),
        _local_facts(request),
        _results(request.boxes),
        _local_guards(request),
        fallback=Known(MISS),
        on_failed_check=Known(FAILED),
        on_flags=request.flags,
        kept=request.kept,
        limit=request.flags.limit if request.flags else None,
        checked=request.checked,
    )
    function = native.link(spec, segment, body).callable
    return MadeSegment(function, {"loops": body.loops, "llvm": body.text + body.kernels})


def make_segment_later(request: SegmentRequest) -> MadeSegment:
    """The same as `make_segment`, linked when it is called first."""
    made: list[Callable[..., Any]] = []

    def run(*inputs: Any) -> Any:
        if not made:
            made.append(make_segment(request).function)
        return made[0](*inputs)

    _, body = compiled(request)
    return MadeSegment(run, {"loops": body.loops, "llvm": body.text + body.kernels})


def compiled(request: SegmentRequest) -> tuple[Segment, Body]:
    """The segment of `request` and its code, made once."""
    if request.code is None:
        request.code = _compile(request)
    made: tuple[Segment, Body] = request.code
    return made


def _compile(request: SegmentRequest) -> tuple[Segment, Body]:
    segment = segment_of(request)
    return segment, compile_segment(segment)


def segment_of(request: SegmentRequest) -> Segment:
    """The segment: its graph, and how inputs arrive and outputs leave."""
    graph = request.plan.graph
    inputs = tuple(
        _input_spec(value, fact) for value, fact in zip(graph.inputs, request.facts, strict=True)
    )
    outputs = tuple(
        OutputSpec(give.value.type.dtype, give.value.type.shape, order)
        for give, (_, order) in zip(request.plan.gives, request.boxes, strict=True)
    )
    return Segment(graph, inputs, outputs, request.fastmath, request.python_call, request.polls)


def _input_spec(value: Value, fact: ArrayFact | ScalarFact | None) -> InputSpec:
    type = value.type
    if isinstance(fact, ScalarFact):
        return InputSpec(type.dtype, (), "scalar")
    if fact is None:
        return InputSpec(type.dtype, type.shape, "C")
    return InputSpec(type.dtype, type.shape, fact.layout, fact.unit_axis, fact.aligned)


def _results(boxes: tuple[tuple[str, tuple[int, ...]], ...]) -> Result:
    outputs = tuple(Output(index, box) for index, (box, _) in enumerate(boxes) if box != HIDDEN)
    if len(outputs) == 1:
        return outputs[0]
    return TupleOf(outputs) if outputs else Known(None)


def _local_facts(request: SegmentRequest) -> tuple[ArrayFact | ScalarFact, ...]:
    """The facts with parameter numbers for sources."""
    return tuple(
        ArrayFact(StateSource(index, value.name), value.type.dtype, value.type.shape)
        if fact is None
        else replace(fact, source=StateSource(index, value.name))
        for index, (value, fact) in enumerate(
            zip(request.plan.graph.inputs, request.facts, strict=True)
        )
    )


def _local_guards(request: SegmentRequest) -> tuple[Guard, ...]:
    places: dict[Source, StateSource] = {
        fact.source: StateSource(index, str(fact.source))
        for index, fact in enumerate(request.facts)
        if fact is not None
    }

    known: dict[int, StateSource | None] = {}  # by identity: thousands of pairs name few sources

    def place(source: Source | None) -> StateSource | None:
        if source is not None and id(source) not in known:
            known[id(source)] = places.get(source)
        return known.get(id(source))

    def local(guard: Guard) -> Guard:
        found = ((name, place(getattr(guard, name, None))) for name in ("source", "other"))
        return replace(guard, **{name: source for name, source in found if source is not None})

    return tuple(local(guard) for guard in request.late)


def make_entry(
    trace: Trace,
    plan: Plan,
    requests: list[SegmentRequest],
    dispatcher: Dispatcher,
    replayer: Replayer,
) -> NativeEntry | None:
    """A native entry for the whole function; None where the piece needs glue."""
    parameters = Parameters.of(dispatcher.function)
    if not dispatcher.allows_native or not native.is_available():
        return None
    if parameters is None or not _is_whole(trace, plan):
        return None
    (request,) = requests
    exit = trace.exit
    assert isinstance(exit, ReturnExit)
    positions = {give.output: i for i, give in enumerate(request.plan.gives)}
    result = _native_result(exit.value, positions)
    if result is None or not entry.supports((*trace.guards, *trace.inputs)):
        return None
    segment, body = compiled(request)
    sources = tuple(fact.source for fact in trace.inputs)
    spec = EntrySpec(
        segment.graph.name,
        parameters,
        trace.inputs,
        result,
        trace.guards,
        fallback=dispatcher.newest_native() or dispatcher.missed,
        on_failed_check=dispatcher.failed_check,
        on_flags=_flags_of_call(dispatcher, request.flags, replayer, sources),
        kept=request.kept,
        limit=request.flags.limit if request.flags else None,
    )
    try:
        return native.link(spec, segment, body)
    except Unsupported:
        return None


def _is_whole(trace: Trace, plan: Plan) -> bool:
    one_segment = len(plan.steps) == 1 and isinstance(plan.steps[0], SegmentPlan)
    return (
        one_segment
        and bool(trace.graph.nodes)
        and not trace.effects
        and not trace.generators
        and isinstance(trace.exit, ReturnExit)
    )


def _native_result(recipe: r.Recipe, positions: dict[int | None, int]) -> Result | None:
    if isinstance(recipe, r.FromGraph):
        return Output(positions[recipe.index], recipe.box)
    if isinstance(recipe, r.Constant):
        return Known(recipe.value)
    if isinstance(recipe, r.FromSource):
        return Existing(recipe.source)
    if isinstance(recipe, r.BuildSequence) and recipe.kind is tuple and recipe.items:
        items = [_native_result(item, positions) for item in recipe.items]
        if len({id(item) for item in recipe.items}) == len(items) and all(items):
            return TupleOf(tuple(item for item in items if item is not None))
    return None


def _flags_of_call(
    dispatcher: Dispatcher,
    flags_of_segment: SegmentFlags | None,
    replayer: Replayer,
    sources: tuple[Source, ...],
) -> Callable[..., Any] | None:
    if flags_of_segment is None:
        return None

    @unseen
    def on_flags(flags: int, result: Any, *args: Any, **kwargs: Any) -> Any:
        flagged = flags_of_segment(flags, result)
        inputs = dispatcher.values_of(sources, args, kwargs)
        try:
            if replayer.settle(flagged, inputs):
                return dispatcher.run_again(*args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            raise
        return flagged.result

    return on_flags

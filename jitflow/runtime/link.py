"""Links a trace into a variant: passes, partition, segments, glue, and the native entry."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jitflow.codegen.interface import PythonCall, no_python
from jitflow.core import platform
from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.guards.checks import ConstantPool
from jitflow.guards.predicates import ArrayFact, Guard, NoOverlap, Relation, ScalarFact
from jitflow.ir import pipeline
from jitflow.ir.flags import can_warn, constant_flags
from jitflow.ir.graph import Node, Value
from jitflow.ops.record import Kind
from jitflow.runtime import native_link, reference
from jitflow.runtime.call_outs import python_call
from jitflow.runtime.glue import write_glue
from jitflow.runtime.marks import HIDDEN
from jitflow.runtime.outline import outline
from jitflow.runtime.partition import Plan, SegmentPlan, partition
from jitflow.runtime.recipes_code import walk
from jitflow.runtime.replay import Replayer, SegmentFlags
from jitflow.runtime.variant import Variant
from jitflow.runtime.worth import pays
from jitflow.tracer import recipes as r
from jitflow.tracer.trace import Trace, recipes_of

if TYPE_CHECKING:
    from jitflow.codegen import far
    from jitflow.ir import printer
    from jitflow.runtime.device import segments
    from jitflow.runtime.dispatch import Dispatcher
    from jitflow.runtime.options import Options
else:
    far = LazyModule("jitflow.codegen.far")
    printer = LazyModule("jitflow.ir.printer")
    segments = LazyModule("jitflow.runtime.device.segments")


@dataclass(frozen=True)
class Texts:
    """What the report shows of a piece; `captured` as in `events.PieceCompiled`."""

    call_outs: int
    captured: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)


class LazyTexts(Mapping[str, str]):
    """Texts that are made when they are looked at: guards show objects of the program."""

    def __init__(self, makers: dict[str, Callable[[], str]]) -> None:
        self._makers = makers

    def __getitem__(self, key: str) -> str:
        return self._makers[key]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __deepcopy__(self, memo: Any) -> dict[str, str]:
        return dict(self)


@dataclass(eq=False)
class SegmentRequest:
    """A segment to be made into a Python callable.

    Attributes
    ----------
    plan : SegmentPlan
    facts : tuple
        For each input what it is: a number, or an array of some layout; None for arrays that the
        piece itself made, which are in C order.
    late : tuple of Guard
        Overlap and relation guards, checked with the inputs.
    boxes : tuple of (box, order)
        How each value it gives is boxed: the `box` and `order` of `recipes.FromGraph`; a value
        that no recipe refers to is `HIDDEN`: it is computed and not handed out.
    fastmath : bool
    flags : callable or None
        What is called where floating-point flags are set; None where nothing of it can warn.
    kept : tuple of int
        The inputs that it writes and whose contents before are given to `flags`.
    checked : bool
        Whether the segment checks its inputs: the first one does.
    python_call : callable
        What native code calls for a node that Python runs.
    polls : bool
        Whether its loops may look for signals.
    code : object
        What the back end has already made of it.
    """

    plan: SegmentPlan
    facts: tuple[ArrayFact | ScalarFact | None, ...]
    late: tuple[Guard, ...]
    boxes: tuple[tuple[str, tuple[int, ...]], ...]
    fastmath: bool = False
    flags: SegmentFlags | None = None
    kept: tuple[int, ...] = ()
    checked: bool = False
    python_call: Callable[[Node], PythonCall] = no_python
    polls: bool = False
    code: Any = None


def link(
    trace: Trace,
    state_size: int,
    options: Options,
    dispatcher: Dispatcher,
    pool: ConstantPool,
) -> tuple[Variant, Texts]:
    """Compile `trace` and wrap it in a function of its compile point's state."""
    backend = _backend(trace, options)
    traced = trace.graph
    takes = _takes(backend)
    trace.graph = outline(pipeline.run(traced, _passes(trace)), takes)
    replayer = Replayer(trace, traced)
    if trace.kind.is_host:
        replayer.constant_flags = constant_flags(trace.graph)
    boxes = _boxes(trace)
    grows = trace.kind.is_host
    plan = partition(trace.graph, takes, lambda index: _is_plain(boxes.get(index)), grows)
    _first_segment_takes_all(trace, plan)
    steps = [step for step in plan.steps if isinstance(step, SegmentPlan)]
    requests = [_request(trace, plan, step, boxes, options) for step in steps]
    for request in requests if trace.kind.is_host else ():
        _watch_flags(request, trace, replayer)
    native = None
    if trace.point.is_entry and backend is native_link and not replayer.constant_flags:
        native = native_link.make_entry(trace, plan, requests, dispatcher, replayer)
    make = native_link.make_segment_later if native else backend.make_segment
    made = [make(request) for request in requests]
    functions = [segment.function for segment in made]
    glue = write_glue(trace, plan, functions, state_size, replayer, pool)
    graph, facts = trace.graph, (*trace.guards, *trace.inputs)
    keys = dict.fromkeys(key for segment in made for key in segment.texts)
    parts = [segment.texts for segment in made]
    texts = LazyTexts(
        {
            "graph": lambda: printer.print_graph(graph),
            "guards": lambda: "\n".join(map(str, facts)),
            "glue": lambda: glue.source,
            **{key: functools.partial(_joined, parts, key) for key in keys},
        }
    )
    captured = tuple(node.operator.name for node in traced.walk() if node.regions)
    is_poor = not pays(trace.graph)
    variant = Variant(trace, glue.compile(), glue, native, is_poor)
    return variant, Texts(len(plan.call_outs), captured, texts)


def _joined(parts: Sequence[Mapping[str, str]], key: str) -> str:
    return "\n".join(texts.get(key, "") for texts in parts)


def _passes(trace: Trace) -> tuple[pipeline.Pass, ...]:
    """The passes for a trace: its loops are ordered by the layouts of its inputs."""
    if not trace.kind.is_host:
        return pipeline.SILENT
    graph = trace.graph
    if not any(node.operator.name == "for" for node in graph.walk()):
        return pipeline.PIPELINE
    orders = {
        value: fact.order
        for value, fact in zip(graph.inputs, trace.inputs, strict=True)
        if isinstance(fact, ArrayFact)
    }
    return pipeline.with_layouts(far.Layouts(graph, orders.get).stride)


def _backend(trace: Trace, options: Options) -> Any:
    """What makes the segments: by where the arrays are, unless the user asks for another way."""
    if trace.kind.is_host:
        return reference if options.backend == "reference" else native_link
    if not options.takes_devices:
        raise Unsupported("JF-B022", f"arrays are on {trace.kind}, backend={options.backend!r}")
    return segments.DeviceBackend(trace.kind, options.mode)


def _watch_flags(request: SegmentRequest, trace: Trace, replayer: Replayer) -> None:
    """Say what the segment does where flags are set."""
    plan = request.plan
    if not any(can_warn(node) for node in plan.graph.walk()):
        return
    places = {id(value): index for index, value in enumerate(trace.graph.inputs)}
    own = {id(value): index for index, value in enumerate(plan.graph.inputs)}
    written = [own[id(target)] for target, _ in plan.graph.writes]
    kept = [k for k in written if places[id(plan.takes[k])] in replayer.kept_inputs]
    request.kept = tuple(kept)
    request.flags = SegmentFlags(tuple(places[id(plan.takes[k])] for k in kept))


def _takes(backend: Any) -> Callable[[Node], bool]:
    known: dict[Node, bool] = {}

    def is_native(node: Node) -> bool:
        found = known.get(node)
        if found is None:
            is_call = node.operator.kind is Kind.CALL_OUT
            found = known[node] = not is_call and bool(backend.supports(node))
        return found

    return is_native


def _first_segment_takes_all(trace: Trace, plan: Plan) -> None:
    """Let the first step, where it is a segment, take and check every input and their symbols."""
    if not (plan.steps and isinstance(plan.steps[0], SegmentPlan)):
        return
    first = plan.steps[0]
    by_value = dict(zip(map(id, first.takes), first.graph.inputs, strict=True))
    inputs = []
    for value in trace.graph.inputs:
        known = by_value.pop(id(value)) if id(value) in by_value else None
        inputs.append(known or Value(value.name, value.type))
    assert not by_value, "the first segment takes a value that the piece does not have yet"
    first.takes[:] = trace.graph.inputs
    first.graph.body.parameters[:] = inputs
    own = {id(value): copy for value, copy in zip(trace.graph.inputs, inputs, strict=True)}
    symbols = {
        name: replace(definition, value=own[id(definition.value)])
        for name, definition in trace.graph.symbols.items()
        if id(definition.value) in own
    }
    first.graph.symbols = {**symbols, **first.graph.symbols}


def _boxes(trace: Trace) -> dict[int, r.FromGraph]:
    """For each graph output the recipe that says how it is boxed."""
    found: dict[int, r.FromGraph] = {}
    for recipe in _recipes(trace):
        if isinstance(recipe, r.FromGraph):
            found[recipe.index] = recipe
    return found


def _is_plain(recipe: r.FromGraph | None) -> bool:
    """Whether an output is an ordinary array in C order for Python."""
    if recipe is None or recipe.box != "array":
        return False
    return recipe.order == tuple(range(len(recipe.order)))


def _recipes(trace: Trace) -> list[r.Recipe]:
    return walk([*recipes_of(trace.exit), *trace.effects])


def _may_be_left(trace: Trace, plan: Plan) -> bool:
    """Whether an exception may leave the piece as if it had come when the piece began.

    Nothing else in it may have happened by then, and no handler in it may wait for the exception.
    """
    return (
        platform.HAS_SIGNALS
        and len(plan.steps) == 1
        and not trace.has_handlers
        and not trace.generators
    )


def _request(
    trace: Trace,
    plan: Plan,
    step: SegmentPlan,
    boxes: dict[int, r.FromGraph],
    options: Options,
) -> SegmentRequest:
    is_first = step is plan.steps[0]
    late = tuple(g for g in trace.guards if isinstance(g, NoOverlap | Relation))
    how = []
    for give in step.gives:
        rank = give.value.type.rank
        recipe = boxes.get(give.output) if give.output is not None else None
        order = recipe.order if recipe and len(recipe.order) == rank else tuple(range(rank))
        box = "array" if give.output is None else HIDDEN
        how.append((recipe.box if recipe else box, order))
    known = dict(zip(map(id, trace.graph.inputs), trace.inputs, strict=True))
    facts = tuple(known.get(id(value)) for value in step.takes)
    late_here = late if is_first else ()
    return SegmentRequest(
        step,
        facts,
        late_here,
        tuple(how),
        options.fastmath,
        checked=is_first,
        python_call=functools.partial(python_call, trace.namespaces),
        polls=_may_be_left(trace, plan),
    )

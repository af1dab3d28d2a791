"""Splits a piece's graph at call-outs into segments of native code.

A call-out ends a level: everything that can run before it is in the segment of its level or an
earlier one, and what needs its result comes later. Pure call-outs of one level share it; call-outs
with an effect keep their order. A node that code generation declines is a call-out of the record's
own NumPy meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import DimensionOf, Graph, Node, ScalarValue, Value
from jitflow.ir.regions import (
    captured,
    copy_node,
    has_effect,
    symbols_in,
    symbols_of_node,
    walk_nodes,
)

if TYPE_CHECKING:
    from jitflow.runtime import crossing
else:
    crossing = LazyModule("jitflow.runtime.crossing")


@dataclass(frozen=True)
class Give:
    """A value that a segment hands out, and which output of the piece it is (None: internal)."""

    value: Value
    output: int | None = None


@dataclass(eq=False)
class SegmentPlan:
    """A subgraph: which values of the piece it takes and gives, in order.

    `graph` has its own input values; ``takes[i]`` is the piece's value behind graph input ``i``.
    """

    graph: Graph
    takes: list[Value]
    gives: list[Give]


@dataclass(eq=False)
class CallOutPlan:
    """A node that Python runs, with the piece's values as operands.

    `is_in_order`: everything in front of it in the program has run by then, nothing runs later.
    """

    node: Node
    is_in_order: bool = True


@dataclass(eq=False)
class Plan:
    """Segments and call-outs in the order in which they run."""

    steps: list[SegmentPlan | CallOutPlan] = field(default_factory=list)

    @property
    def segments(self) -> list[SegmentPlan]:
        """The native steps."""
        return [step for step in self.steps if isinstance(step, SegmentPlan)]

    @property
    def call_outs(self) -> list[CallOutPlan]:
        """The Python steps."""
        return [step for step in self.steps if isinstance(step, CallOutPlan)]


def partition(
    graph: Graph,
    is_native: Callable[[Node], bool],
    is_plain: Callable[[int], bool] = lambda index: True,
    grows: bool = False,
) -> Plan:
    """Split `graph`; `is_native` says which nodes code generation takes.

    `grows`: a segment can have memory whose size it computes itself. `is_plain` says of a graph
    output whether Python's object for it is an array in C order, which later steps can take as it
    is; for other outputs they get an array of their own.
    """
    levels = _levels(graph, is_native, grows)
    last = _last_level(graph, levels, is_native)
    plan = Plan()
    native: list[list[Node]] = [[] for _ in range(last + 1)]
    calls: list[list[Node]] = [[] for _ in range(last + 1)]
    latest, delayed = 0, set()
    for node in graph.nodes:
        (native if is_native(node) else calls)[levels[id(node)]].append(node)
        latest = max(latest, levels[id(node)])
        if levels[id(node)] < latest:
            delayed.add(id(node))
    needed_after = _needed_after(graph, levels, is_native, is_plain)
    for level in range(last + 1):
        writes = graph.writes if level == last else []
        gives = needed_after[level]
        if native[level] or gives or writes:
            segment = _segment(graph, native[level], gives, writes, level)
            if segment.graph.nodes or segment.gives or segment.graph.writes:
                plan.steps.append(segment)
        plan.steps.extend(CallOutPlan(node, id(node) not in delayed) for node in calls[level])
    return plan


def _last_level(graph: Graph, levels: dict[int, int], is_native: Callable[[Node], bool]) -> int:
    """The level of the segment that writes inputs and copies outputs: after what gives them.

    Inputs are written after every call-out: where one raises, the piece is run again.
    """
    makers = [value.producer for value in graph.outputs if value.producer is not None]
    if graph.writes:
        makers = graph.nodes
    after = [levels[id(node)] + (not is_native(node)) for node in makers]
    return max([*levels.values(), *after], default=0)


def _levels(graph: Graph, is_native: Callable[[Node], bool], grows: bool) -> dict[int, int]:
    """Level of each node by identity; a call-out's results are available one level later.

    So are arrays whose size a node computes: memory is taken before a segment runs, but for arrays
    that no other segment sees. Call-outs with an effect keep their order, and come after every
    check that does not need them: the piece can be run again when one fails.
    """
    has_effects = any(map(has_effect, graph.nodes))
    if grows and not has_effects and all(map(is_native, graph.nodes)):
        inner = _inner_symbols(graph)
        levels = _assign_levels(graph, is_native, None, inner)
        if not _crosses(graph, levels, inner):
            return levels
    free = _assign_levels(graph, is_native, None)
    if not has_effects:
        return free
    moved = _after_effects(graph)
    checks = [free[id(node)] for node in graph.nodes if may_fail(node) and id(node) not in moved]
    return _assign_levels(graph, is_native, max(checks, default=0))


def may_fail(node: Node) -> bool:
    """Whether a node has checks, or what is called in its regions may raise."""
    return any(inner.operator.checks or inner.regions for inner in walk_nodes([node]))


def _inner_symbols(graph: Graph) -> frozenset[str]:
    """Symbols that nodes define and no output has in its type."""
    names = {
        name
        for name, definition in graph.symbols.items()
        if isinstance(definition, ScalarValue) and definition.value.producer is not None
    }
    return frozenset(names.difference(symbols_in([value.type for value in graph.outputs])))


def _crosses(graph: Graph, levels: dict[int, int], symbols: frozenset[str]) -> bool:
    """Whether an array with one of `symbols` in its type goes from one level to another."""
    for node in graph.nodes if symbols else ():
        for value in (*node.operands, *captured(node)):
            maker = value.producer
            here = levels[id(node)]
            is_earlier = maker is not None and levels.get(id(maker), here) < here
            if is_earlier and not symbols.isdisjoint(symbols_in(value.type)):
                return True
    return False


def _after_effects(graph: Graph) -> set[int]:
    """The nodes, by identity, that need the result of a call-out with an effect."""
    found: set[int] = set()
    for node in graph.nodes:
        makers = [value.producer for value in (*node.operands, *captured(node))]
        if has_effect(node) or any(id(m) in found for m in makers if m is not None):
            found.add(id(node))
    return found


def _assign_levels(
    graph: Graph,
    is_native: Callable[[Node], bool],
    effects_from: int | None,
    inner: frozenset[str] = frozenset(),
) -> dict[int, int]:
    """Levels by what each node needs; `effects_from` is the first for effects, None for any.

    The symbols in `inner` may be sizes in the segment that defines them.
    """
    levels: dict[int, int] = {}
    available: dict[int, int] = {}
    sizes: dict[int, int] = {}
    symbol_values = {
        name: definition.value
        for name, definition in graph.symbols.items()
        if isinstance(definition, ScalarValue)
    }
    effects = {id(node) for node in graph.nodes if has_effect(node)}
    effect_level, called = effects_from or 0, 0
    for node in graph.nodes:
        used = (*node.operands, *captured(node))
        level = max((available.get(id(value), 0) for value in used), default=0)
        if symbol_values:
            sized = _symbols_used(node) - inner
            for names, known in ((sized, sizes), (_symbols_read(node), available)):
                for name in names & symbol_values.keys():
                    level = max(level, known.get(id(symbol_values[name]), 0))
        native = is_native(node)
        if id(node) in effects and effects_from is not None:
            level = max(level, effect_level, called if native else 0)
            effect_level, called = level, called if native else level + 1
        levels[id(node)] = level
        for result in node.results:
            available[id(result)] = level if native else level + 1
            sizes[id(result)] = level + 1
    return levels


def _symbols_read(node: Node) -> set[str]:
    return set(symbols_of_node(node))


def _symbols_used(node: Node) -> frozenset[str]:
    names: frozenset[str] = frozenset()
    for result in node.results:
        for dim in result.type.shape:
            names |= dims.symbols_of(dim)
    return names


def _needed_after(
    graph: Graph,
    levels: dict[int, int],
    is_native: Callable[[Node], bool],
    is_plain: Callable[[int], bool],
) -> list[list[Give]]:
    """For each level what its segment hands out: outputs, and values for later steps.

    An output that is a graph input, or the same value as an earlier output, is a copy that the
    last segment makes: every output is an object of its own.
    """
    last = _last_level(graph, levels, is_native)

    def home(value: Value) -> int | None:
        maker = value.producer
        if maker is None or id(maker) not in levels or not is_native(maker):
            return None  # an input, a call-out's result, or a value inside of a region
        return levels[id(maker)]

    gives: list[dict[int, Give]] = [{} for _ in range(last + 1)]
    boxed: list[list[Give]] = [[] for _ in range(last + 1)]
    copies: list[Give] = []
    for give in _distinct_outputs(graph, copies):
        level = home(give.value)
        if level is not None and give.output is not None and is_plain(give.output):
            gives[level][id(give.value)] = give
        elif level is not None:
            boxed[level].append(give)

    for value, user_level, by_python in _uses(graph, levels, is_native, copies):
        level = home(value)
        if level is not None and (by_python or user_level > level):
            gives[level].setdefault(id(value), Give(value))
    result = [[*out, *level.values()] for out, level in zip(boxed, gives, strict=True)]
    result[last].extend(copies)
    return result


def _uses(
    graph: Graph,
    levels: dict[int, int],
    is_native: Callable[[Node], bool],
    copies: list[Give],
) -> Iterator[tuple[Value, int, bool]]:
    """Each use of a value: at which level, and whether Python needs it there."""
    last = _last_level(graph, levels, is_native)
    for node in graph.nodes:
        for value in (*node.operands, *captured(node)):
            yield value, levels[id(node)], not is_native(node)
    sizes = [d.value for d in graph.symbols.values() if isinstance(d, ScalarValue)]
    stored = [*(version for _, version in graph.writes), *(give.value for give in copies)]
    for value in (*stored, *sizes):
        yield value, last, False


def _distinct_outputs(graph: Graph, copies: list[Give]) -> list[Give]:
    """Outputs that a step makes; the others are added to `copies`."""
    seen: set[int] = set()
    result: list[Give] = []
    for index, value in enumerate(graph.outputs):
        is_copy = id(value) in seen or value.producer is None
        (copies if is_copy else result).append(Give(value, index))
        seen.add(id(value))
    return result


def _segment(
    graph: Graph,
    nodes: list[Node],
    gives: list[Give],
    writes: list[tuple[Value, Value]],
    level: int,
) -> SegmentPlan:
    """Copy `nodes` into a graph of their own; values from outside become inputs."""
    result = Graph(f"{graph.name}" if level == 0 else f"{graph.name}_{level}")
    mapping: dict[Value, Value] = {}
    takes: list[Value] = []

    def local(value: Value) -> Value:
        mapped = mapping.get(value)
        if mapped is None:
            mapped = mapping[value] = Value(value.name, value.type)
            result.inputs.append(mapped)
            takes.append(value)
        return mapped

    here = {id(node) for node in nodes}
    readers = [
        give.output is None and crossing.reader_of(graph, give.value, here) for give in gives
    ]
    read = [reader for reader in readers if reader]
    symbols = _symbols_needed([*nodes, *read], [give.value for give in gives], writes)
    if level == 0:
        for value in graph.inputs:
            if any(
                isinstance(d, DimensionOf | ScalarValue) and d.value is value and name in symbols
                for name, d in graph.symbols.items()
            ):
                local(value)
    for node in nodes:
        result.nodes.append(copy_node(node, local, mapping))
    handed = []
    for give, reader in zip(gives, readers, strict=True):
        value = local(give.value)
        if reader:
            added, value = crossing.rows_of(reader, value)
            result.nodes.extend(added)
        handed.append(value)
    result.body.results = tuple(handed)
    result.writes = [(local(target), local(version)) for target, version in writes]
    _define_symbols(graph, result, takes, local, symbols)
    return SegmentPlan(result, takes, gives)


def _symbols_needed(
    nodes: list[Node], gives: list[Value], writes: list[tuple[Value, Value]]
) -> set[str]:
    found = {name for node in nodes for name in symbols_of_node(node)}
    for value in (*gives, *(value for pair in writes for value in pair)):
        found.update(symbols_in(value.type))
    return found


def _define_symbols(
    graph: Graph,
    result: Graph,
    takes: list[Value],
    local: Callable[[Value], Value],
    needed: set[str],
) -> None:
    """Define every symbol that the segment needs, from its own inputs where possible."""
    for name, definition in graph.symbols.items():
        if name not in needed:
            continue
        if isinstance(definition, DimensionOf) and definition.value not in takes:
            found = _find_axis(takes, name)
            if found is not None:
                result.symbols[name] = DimensionOf(local(takes[found[0]]), found[1])
                continue
        value = local(definition.value)
        if isinstance(definition, DimensionOf):
            result.symbols[name] = DimensionOf(value, definition.axis)
        else:
            result.symbols[name] = ScalarValue(value)


def _find_axis(takes: list[Value], name: str) -> tuple[int, int] | None:
    for position, value in enumerate(takes):
        for axis, dim in enumerate(value.type.shape):
            if dim == dims.symbol(name):
                return position, axis
    return None

"""Notes each NumPy call of the user's program that can warn: what was called, with what.

NumPy's warnings name the function that was called, and some come from NumPy's own Python code. So
where flags were set, the calls themselves are made again, and not the nodes that they became.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from jitflow.core.dataclass import replace
from jitflow.ir import graph as ir
from jitflow.ir.flags import can_warn
from jitflow.ir.graph import Node, Value
from jitflow.ir.regions import symbols_of_node
from jitflow.ops.record import Kind
from jitflow.tracer.context import TraceContext
from jitflow.tracer.trace import OperandSlot, UserCall
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)


@contextmanager
def noted(
    context: TraceContext,
    function: Callable[..., Any] | str,
    arguments: Iterable[PyValue],
    keywords: dict[str, PyValue] | None = None,
) -> Iterator[None]:
    """Note the call if what the block emits can warn; calls within a call are part of it."""
    if context.in_call or (context.kind is not None and not context.kind.is_host):
        yield
        return
    template = _Template(context)
    given = [template.of(value) for value in arguments]
    named = {name: template.of(value) for name, value in (keywords or {}).items()}
    nodes = context.builder.block.nodes
    start = len(nodes)
    context.in_call = True
    try:
        yield
    finally:
        context.in_call = False
    if template.is_known and context.builder.block.nodes is nodes:
        _note(context, function, (tuple(given), named), template, nodes[start:])


def _note(
    context: TraceContext,
    function: Callable[..., Any] | str,
    how: tuple[tuple[Any, ...], dict[str, Any]],
    template: _Template,
    nodes: list[Node],
) -> None:
    loud = tuple(node for node in nodes if can_warn(node))
    if not loud or any(node.operator.kind in (Kind.CALL_OUT, Kind.DRAW) for node in nodes):
        return
    operands, written = template.operands()
    last = context.builder.block.nodes[-1]
    place = context.location, context.namespace
    context.calls.append(UserCall(function, *how, operands, written, loud, last, *place))


class _Template:
    """Collects the operands of a call; arrays as they are before it."""

    def __init__(self, context: TraceContext) -> None:
        self.context = context
        self.is_known = True
        self._found: list[tuple[ArrayValue | ScalarValue, Value | None]] = []

    def of(self, value: PyValue) -> Any:
        """The argument, with slots for what is known at run time only."""
        value = self.context.resolve(value)
        if isinstance(value, ConstantValue):
            return value.value
        if isinstance(value, ArrayValue):
            self._found.append((value, value.storage.version))
            return OperandSlot(len(self._found) - 1)
        if isinstance(value, ScalarValue):
            self._found.append((value, None))
            return OperandSlot(len(self._found) - 1, value.box)
        if isinstance(value, SequenceValue) and value.kind in (list, tuple):
            return value.kind(self.of(item) for item in value.items)
        if isinstance(value, SliceValue):
            return slice(*(self.of(part) for part in (value.start, value.stop, value.step)))
        self.is_known = False
        return None

    def operands(self) -> tuple[tuple[Value, ...], frozenset[int]]:
        """The graph values of the slots, and which of them were written since."""
        values, written = [], set()
        for index, (value, version) in enumerate(self._found):
            if isinstance(value, ScalarValue):
                values.append(self.context.scalar_graph_value(value))
                continue
            assert version is not None
            if value.storage.version is not version:
                written.add(index)
            for name, attributes in value.views:
                version = self.context.builder.emit(name, version, **attributes)
            values.append(version)
        return tuple(values), frozenset(written)


def silenced(nodes: Iterable[Node], symbols: dict[str, ir.SymbolDefinition]) -> Iterator[Node]:
    """Of nodes that an undone operation left those without effect; they warn nobody.

    Loops, branches and effects go, and what was computed from them; `symbols` loses those that were
    such values.
    """
    gone: set[int] = set()
    names: set[str] = set()
    defined = {
        id(definition.value): name
        for name, definition in symbols.items()
        if isinstance(definition, ir.ScalarValue)
    }
    for node in nodes:
        is_lost = any(id(value) in gone for value in node.operands)
        is_lost = is_lost or bool(names and names.intersection(symbols_of_node(node)))
        if node.regions or is_lost or node.attributes.get("effect"):
            gone.update(id(value) for value in node.results)
            names.update(defined[id(value)] for value in node.results if id(value) in defined)
        elif node.results:
            node.location = replace(node.location, quiet=True)
            yield node
    for name in names:
        del symbols[name]

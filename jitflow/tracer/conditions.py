"""Conditions on numbers that were there before: decided at trace time, and guarded.

``if self.dropout > 0`` and ``if step % 10 == 0`` ask for numbers of any value, but their answer
seldom changes. Where a condition is a short computation with such numbers alone, the piece relies
on its answer (`guards.predicates.Holds`): it stays free of branches, and the other answer makes
another variant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import Holds, ScalarFact, TypeIs
from jitflow.guards.sources import DimensionSource, Source, StateSource
from jitflow.ir.graph import DimensionOf, Node, Value
from jitflow.tracer.context import TraceContext

_LONGEST = 12
"""Operations of a condition that a guard may evaluate in every call."""

_LARGE = 200
"""Nodes of a piece behind a break that is not compiled again for another answer of a condition."""

_OPERATORS = {
    "equal": "({} == {})",
    "not_equal": "({} != {})",
    "less": "({} < {})",
    "less_equal": "({} <= {})",
    "greater": "({} > {})",
    "greater_equal": "({} >= {})",
    "logical_not": "(not {})",
    "logical_and": "({} and {})",
    "logical_or": "({} or {})",
    "add": "({} + {})",
    "subtract": "({} - {})",
    "multiply": "({} * {})",
    "negative": "(-{})",
    "absolute": "abs({})",
}
_DIVISIONS = {"floor_divide": "({} // {})", "remainder": "({} % {})"}
"""Python's meaning is NumPy's for integers and divisors above zero."""

_NUMBERS = (int, float, bool)


@dataclass
class _Text:
    """A condition being written: a template, and the numbers that go into it."""

    context: TraceContext
    sources: list[Source] = field(default_factory=list)
    numbers: list[Any] = field(default_factory=list)
    length: int = 0

    def of(self, value: Value) -> str | None:
        """Python's expression for a rank-0 value; None where it is more than numbers."""
        node = value.producer
        if node is None:
            return self._input(value)
        self.length += 1
        name = node.operator.name
        if self.length > _LONGEST or value.type.shape:
            return None
        if name == "constant":
            return self._constant(node)
        if name == "dimension":
            return self._dimension(node.attributes["dim"])
        if name == "cast":
            return self._cast(node)
        if name in _DIVISIONS:
            return self._division(node)
        if name not in _OPERATORS or value.type.dtype.kind == "c":
            return None
        operands = [self.of(operand) for operand in node.operands]
        return None if None in operands else _OPERATORS[name].format(*operands)

    def _input(self, value: Value) -> str | None:
        context = self.context
        for known, fact in zip(context.builder.graph.inputs, context.inputs, strict=True):
            if known is value and isinstance(fact, ScalarFact) and fact.type in _NUMBERS:
                return self._number(fact.source, context.numbers[fact.source])
        return None

    def _number(self, source: Source, number: Any) -> str:
        if source not in self.sources:
            self.sources.append(source)
            self.numbers.append(number)
        return f"{{{self.sources.index(source)}}}"

    @staticmethod
    def _constant(node: Node) -> str | None:
        number = np.asarray(node.attributes["value"]).item()
        return f"({number!r})" if type(number) in _NUMBERS and number - number == 0 else None

    def _cast(self, node: Node) -> str | None:
        operand = self.of(node.operands[0])
        kinds = node.operands[0].type.dtype.kind, node.result.type.dtype.kind
        if operand is None or node.result.type.dtype.itemsize != 8 or kinds[1] not in "if":
            return None
        if kinds[0] == kinds[1] or kinds == ("b", "i"):
            return operand
        return f"float({operand})" if kinds in (("i", "f"), ("b", "f")) else None

    def _division(self, node: Node) -> str | None:
        text, divisor = (self.of(operand) for operand in node.operands)
        if text is None or divisor is None or node.result.type.dtype.kind != "i":
            return None
        by = _constant_of(node.operands[1])
        return _DIVISIONS[node.operator.name].format(text, divisor) if by and by > 0 else None

    def _dimension(self, dim: Dim) -> str | None:
        if isinstance(dim, int):
            return f"({dim})"
        terms = []
        for monomial, coefficient in dim.terms:
            factors = [self._symbol(name) for name in monomial]
            if None in factors:
                return None
            terms.append("*".join([f"({coefficient})", *map(str, factors)]))
        return f"({' + '.join(terms)})"

    def _symbol(self, name: str) -> str | None:
        definition = self.context.builder.graph.symbols.get(name)
        if definition is None:
            return None
        if not isinstance(definition, DimensionOf):
            return self.of(definition.value)
        for value, fact in zip(self.context.builder.graph.inputs, self.context.inputs, strict=True):
            if value is definition.value:
                source = DimensionSource(fact.source, definition.axis)
                return self._number(source, self.context.trace_values[name])
        return None


def _constant_of(value: Value) -> int | None:
    node = value.producer
    if node is None or node.operator.name not in ("constant", "dimension"):
        return None
    found = node.attributes.get("dim", node.attributes.get("value"))
    return int(found) if isinstance(found, int | np.ndarray) else None


def check_not_counter(context: TraceContext, *sides: Dim, code: str = "JF-B005") -> None:
    """End a large piece behind a break in front of ``step % 10 == 0`` and ``f"{step}"``.

    A variant for each answer would compile the work of the step again.
    """
    if context.is_entry or context.depth or context.builder.node_count <= _LARGE:
        return
    text = _Text(context)
    for dim in sides:
        text.of(context.builder.emit("dimension", dim=dim))
    if any(isinstance(source, StateSource) for source in text.sources):
        raise Unsupported(code, "another value would compile the piece again")


def decided(context: TraceContext, condition: Value, is_setting: bool = False) -> bool | None:
    """The answer of `condition` (bool[]) in the traced call, which the piece then relies on.

    None where it is not a short computation with numbers from outside, and for a point whose
    variants are many. With `is_setting` None, too, where it asks for arguments or variables: these
    change more often than attributes, globals and items do.
    """
    if "*" in context.dynamic:
        return None
    text = _Text(context)
    template = text.of(condition)
    if template is None or not text.sources:
        return None
    if is_setting and any(isinstance(source, StateSource) for source in text.sources):
        return None
    names = [f"x{position}" for position in range(len(text.sources))]
    answer = bool(eval(template.format(*names), dict(zip(names, text.numbers, strict=True))))
    for source, number in zip(text.sources, text.numbers, strict=True):
        context.guard(TypeIs(source, type(number)))
    template = template if answer else f"not {template}"
    context.guard(Holds(text.sources[0], template, tuple(text.sources)))
    return answer

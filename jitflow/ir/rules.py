"""Rewrite rules as text: ``add(x, 0) -> x`` with the dtypes where it holds.

A pattern is an application of operators to variables and literals. A variable that occurs twice
must be the same value. A literal matches an array with that number everywhere; a zero matches only
a zero of the same sign. Commutative operators match in either order. The dtypes of a rule are those
of the first operand of the whole pattern.

Rules for rules: the result is the same for every operand of the dtype, bit for bit (NaN payloads
aside): -0.0, NaN, infinities, denormals, integer extremes; it raises no floating-point flag that
the pattern does not raise and keeps those that it does; it is no more expensive.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass
from jitflow.core.dtypes import ALL, DType
from jitflow.core.lazy import lazy_property
from jitflow.ir.graph import Node, Value
from jitflow.ir.rewriter import Replacement, Rewriter

COMMUTATIVE = frozenset(
    {
        "add",
        "multiply",
        "equal",
        "not_equal",
        "logical_and",
        "logical_or",
        "logical_xor",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "checked_add",
        "checked_multiply",
    }
)

Bindings = dict[str, Value]


@dataclass(frozen=True)
class Rule:
    """A rule in text.

    Attributes
    ----------
    name : str
    text : str
        ``pattern -> replacement``.
    dtypes : tuple of DType
        Dtypes of the first operand where it holds.
    least_rank : int
        Of the result.
    """

    name: str
    text: str
    dtypes: tuple[DType, ...] = ALL
    least_rank: int = 0

    @lazy_property
    def pattern(self) -> ast.Call:
        """The left side."""
        tree = self._parse(0)
        assert isinstance(tree, ast.Call)
        return tree

    @lazy_property
    def replacement(self) -> ast.expr:
        """The right side."""
        return self._parse(1)

    def _parse(self, side: int) -> ast.expr:
        return ast.parse(self.text.split("->")[side].strip(), mode="eval").body

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators whose nodes it may fit."""
        return (_operator_name(self.pattern),)

    @lazy_property
    def shape(self) -> tuple[Any, ...]:
        """What each operand must be: an operator's name, a literal, "" for anything."""
        return tuple(map(_requirement, self.pattern.args))

    def may_fit(self, node: Node) -> bool:
        """A cheap test that most nodes fail."""
        operands, shape = node.operands, self.shape
        if len(shape) == 2 and node.operator.name in COMMUTATIVE:
            one, two = operands
            return (_may_be(shape[0], one) and _may_be(shape[1], two)) or (
                _may_be(shape[0], two) and _may_be(shape[1], one)
            )
        return all(map(_may_be, shape, operands))

    def apply(self, rewriter: Rewriter, node: Node) -> Replacement:
        """The replacement of `node` where the pattern fits."""
        if not self.may_fit(node) or node.operands[0].type.dtype not in self.dtypes:
            return None
        if node.result.type.rank < self.least_rank:
            return None
        for bindings in _match_node(self.pattern, node):
            value = _build(rewriter, self.replacement, bindings, node)
            return rewriter.fit(value, node.result.type)
        return None


@dataclass(frozen=True)
class FunctionRule:
    """A rule whose replacement is computed: ``apply(rewriter, node)``."""

    name: str
    text: str
    operators: tuple[str, ...]
    function: Callable[[Rewriter, Node], Replacement]

    def apply(self, rewriter: Rewriter, node: Node) -> Replacement:
        """The replacement of `node`, or None."""
        return self.function(rewriter, node)


AnyRule = Rule | FunctionRule


def rule(text: str, *operators: str) -> Callable[[Callable[..., Replacement]], FunctionRule]:
    """Make a `FunctionRule` of a function, named after it; `text` shows before -> after."""

    def make(function: Callable[..., Replacement]) -> FunctionRule:
        return FunctionRule(function.__name__, text, operators, function)

    return make


def by_operator(rules: Iterable[AnyRule]) -> dict[str, tuple[AnyRule, ...]]:
    """For each operator the rules that may fit its nodes, in order."""
    table: dict[str, list[AnyRule]] = {}
    for item in rules:
        for name in item.operators:
            table.setdefault(name, []).append(item)
    return {name: tuple(items) for name, items in table.items()}


def splat(value: Value) -> Any:
    """The NumPy scalar that `value` holds everywhere, or None where that is not known."""
    node = value.producer
    while node is not None:
        name = node.operator.name
        if name == "constant":
            array = node.attributes["value"]
            return array.reshape(-1)[0] if array.size == 1 else None
        if name not in ("full", "broadcast"):
            return None
        node = node.operands[0].producer
    return None


_REPEATING = frozenset({"constant", "full", "broadcast"})


def _requirement(pattern: ast.expr) -> Any:
    if isinstance(pattern, ast.Call):
        return _operator_name(pattern)
    return "" if isinstance(pattern, ast.Name) else ast.literal_eval(pattern)


def _may_be(requirement: Any, value: Value) -> bool:
    if requirement == "":
        return True
    node = value.producer
    if node is None:
        return False
    name = node.operator.name
    if isinstance(requirement, str):
        return name == requirement
    if name not in _REPEATING:
        return False
    number = splat(value)
    return number is not None and is_number(number, requirement)


def _operator_name(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Name)
    return call.func.id


def _match_node(pattern: ast.Call, node: Node) -> Iterable[Bindings]:
    """Every way in which `pattern` fits `node`."""
    if node.operator.name != _operator_name(pattern) or len(pattern.args) != len(node.operands):
        return
    orders = [node.operands]
    if node.operator.name in COMMUTATIVE:
        orders.append(node.operands[::-1])
    for operands in orders:
        yield from _match_all(pattern.args, operands, {})


def _match_all(
    patterns: list[ast.expr], values: tuple[Value, ...], bindings: Bindings
) -> Iterable[Bindings]:
    if not patterns:
        yield bindings
        return
    for found in _match(patterns[0], values[0], bindings):
        yield from _match_all(patterns[1:], values[1:], found)


def _match(pattern: ast.expr, value: Value, bindings: Bindings) -> Iterable[Bindings]:
    if isinstance(pattern, ast.Name):
        bound = bindings.get(pattern.id)
        if bound is None:
            yield {**bindings, pattern.id: value}
        elif bound is value:
            yield bindings
        return
    if isinstance(pattern, ast.Call):
        if value.producer is not None:
            for found in _match_node(pattern, value.producer):
                if all(bindings.get(name, held) is held for name, held in found.items()):
                    yield {**bindings, **found}
        return
    number = splat(value)
    if number is not None and is_number(number, ast.literal_eval(pattern)):
        yield bindings


def is_number(number: Any, literal: Any) -> bool:
    """Whether a NumPy scalar is `literal`; zeros of floats must have the literal's sign."""
    if isinstance(literal, bool) != (number.dtype.kind == "b") or number != literal:
        return False
    if number.dtype.kind == "f" and literal == 0:
        return bool(np.signbit(number)) == bool(np.signbit(float(literal)))
    return True


def _build(rewriter: Rewriter, tree: ast.expr, bindings: Bindings, node: Node) -> Value:
    if isinstance(tree, ast.Name):
        return bindings[tree.id]
    if isinstance(tree, ast.Call):
        operands = [_build(rewriter, item, bindings, node) for item in tree.args]
        return rewriter.emit(_operator_name(tree), *operands)
    return rewriter.constant(ast.literal_eval(tree), node.result.type)

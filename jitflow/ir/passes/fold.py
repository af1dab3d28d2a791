"""Rules that compute what is known: small constants, dimensions, checks that hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dims import SymbolicDim
from jitflow.core.errors import CheckFailed
from jitflow.ir.graph import Node, ScalarValue, Value
from jitflow.ir.regions import symbols_in
from jitflow.ir.rewriter import Replacement, Rewriter
from jitflow.ir.rules import AnyRule, FunctionRule, rule, splat
from jitflow.ops.record import Kind, Operator

_LARGEST = 256
_FOLDED_KINDS = frozenset(
    {
        Kind.ELEMENTWISE,
        Kind.VIEW,
        Kind.UPDATE,
        Kind.REDUCTION,
        Kind.SCAN,
        Kind.CONTRACTION,
        Kind.CONCATENATE,
    }
)


def is_foldable(record: Operator) -> bool:
    """Whether nodes of `record` over constants may be computed by the compiler."""
    return record.kind in _FOLDED_KINDS


def _constant_of(value: Value) -> np.ndarray | None:
    node = value.producer
    if node is None or node.operator.name != "constant":
        return None
    array: np.ndarray = node.attributes["value"]
    return array if array.size <= _LARGEST else None


def _warns(node: Node) -> bool:
    """Whether it is a cast at which NumPy warns that it drops imaginary parts."""
    drops = node.operands[0].type.dtype.is_complex and not node.result.type.dtype.is_complex
    return drops and node.operator.name == "cast"


def _compute(node: Node, operands: list[Any]) -> np.ndarray | None:
    """The node's NumPy meaning; None where it raises or would warn: that is for run time."""
    if any(symbols_in(node.attributes)):
        return None
    try:
        with np.errstate(all="raise"):
            result = node.operator.numpy(*operands, **node.attributes)
    except (ArithmeticError, ValueError, IndexError, CheckFailed):
        return None
    return np.array(result)


def fold(rewriter: Rewriter, node: Node) -> Replacement:
    """A node over constants as the constant that it gives."""
    if not node.operands or len(node.results) != 1 or _warns(node):
        return None
    known: list[np.ndarray] = []
    for value in node.operands:
        array = _constant_of(value)
        if array is None:
            return _fold_splats(rewriter, node)
        known.append(array)
    size = node.result.type.size
    if not isinstance(size, int) or size > _LARGEST:
        return None
    result = _compute(node, known)
    if result is None:
        return None
    result.flags.writeable = False
    return rewriter.emit("constant", value=result)


def _fold_splats(rewriter: Rewriter, node: Node) -> Replacement:
    """An element-wise node over repeated numbers as one number repeated."""
    if node.operator.kind is not Kind.ELEMENTWISE or node.result.type.rank == 0:
        return None
    numbers = []
    for value in node.operands:
        number = splat(value)
        if number is None:
            return None
        numbers.append(number)
    result = _compute(node, numbers)
    return None if result is None else rewriter.constant(result, node.result.type)


@rule("dimension {dim=3} -> constant {value=i64[](3)}", "dimension")
def constant_dimension(rewriter: Rewriter, node: Node) -> Replacement:
    """A dimension that is known."""
    dim = node.attributes["dim"]
    if isinstance(dim, SymbolicDim):
        return None
    return rewriter.constant(dim, node.result.type)


@rule("dimension {dim=s0} -> n   where s0 is the value of n", "dimension")
def dimension_of_scalar(rewriter: Rewriter, node: Node) -> Replacement:
    """A symbol that is a value already."""
    dim = node.attributes["dim"]
    if not isinstance(dim, SymbolicDim):
        return None
    definition = rewriter.graph.symbols.get(str(dim))
    return rewriter.new(definition.value) if isinstance(definition, ScalarValue) else None


@rule("require(true) -> nothing", "require")
def require_true(rewriter: Rewriter, node: Node) -> Replacement:
    """A check that holds."""
    return () if splat(node.operands[0]) else None


FOLD_RULES: tuple[AnyRule, ...] = (constant_dimension, dimension_of_scalar, require_true)


def make_fold(records: tuple[Operator, ...]) -> FunctionRule:
    """The folding rule over the operators that are in the table."""
    names = tuple(record.name for record in records if is_foldable(record))
    return FunctionRule("fold", "op(constant, constant) -> constant", names, fold)

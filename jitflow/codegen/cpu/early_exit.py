"""Loops that may end early: what they fold is decided and they do nothing else.

``any`` is decided by a true element, ``all`` by a false one. What is skipped must not be able to
set a floating-point flag: eager NumPy computes all of it.
"""

from __future__ import annotations

from jitflow.codegen.cpu.accumulators import Accumulator, Accumulators
from jitflow.codegen.cpu.text import FunctionText
from jitflow.codegen.cpu.values import vector_type
from jitflow.codegen.loop_ir import Compute, Constant, Fold, Load, Loop, Position, Statement, walk
from jitflow.core.dtypes import BOOL

_ABSORBING = "absorbing"


def open_condition(text: FunctionText, loop: Loop, accumulators: Accumulators) -> str:
    """The condition to go on with a loop; empty where only the end of its range ends it."""
    name = _deciding(loop, accumulators)
    if not name:
        return ""
    return is_open(text, accumulators.open[name], name in accumulators.across)


def _deciding(loop: Loop, accumulators: Accumulators) -> str:
    """The accumulator that ends the loop when it is decided, if there is one."""
    folds = [statement for statement in walk(loop.body) if isinstance(statement, Fold)]
    if len(folds) != 1 or folds[0].result or folds[0].accumulator not in accumulators.open:
        return ""
    name = folds[0].accumulator
    is_decided_once = _ABSORBING in accumulators.open[name].operator.extra
    return name if is_decided_once and all(map(_may_be_skipped, walk(loop.body))) else ""


def _may_be_skipped(statement: Statement) -> bool:
    if isinstance(statement, Compute):
        return statement.dtype is BOOL
    return isinstance(statement, (Load, Fold, Constant, Position, Loop))


def is_open(text: FunctionText, accumulator: Accumulator, is_joined: bool) -> str:
    """The condition that it is not decided yet.

    `is_joined`: the lanes become one value, which one lane decides; else each is a value.
    """
    absorbing = accumulator.operator.extra[_ABSORBING]
    (part,) = accumulator.parts
    value = part.text
    if part.lanes > 1:
        type = vector_type("i1", part.lanes)
        name = f"llvm.vector.reduce.{'or' if absorbing is is_joined else 'and'}.v{part.lanes}i1"
        value = text.result(text.intrinsic(name, "i1", [(type, value)]))
    return text.result(f"xor i1 {value}, true") if absorbing else value

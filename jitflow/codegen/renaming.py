"""Kernels under other names, so that several of them can be written as one."""

from __future__ import annotations

from typing import Any

from jitflow.codegen.access import Affine
from jitflow.codegen.loop_ir import Kernel, Loop, Statement, Where
from jitflow.core.dataclass import replace

_NAMES = ("result", "operand", "accumulator", "buffer", "condition", "mask", "variable")
_INDICES = ("address", "position")


def renamed(kernel: Kernel, prefix: str) -> Kernel:
    """`kernel` with `prefix` in front of its buffers, registers, accumulators and loops."""
    if not prefix:
        return kernel
    buffers = [replace(buffer, name=prefix + buffer.name) for buffer in kernel.buffers]
    return replace(kernel, buffers=buffers, body=_body(kernel.body, prefix))


def _body(body: list[Statement], prefix: str) -> list[Statement]:
    return [_statement(statement, prefix) for statement in body]


def _statement(statement: Statement, prefix: str) -> Statement:
    changes: dict[str, Any] = {}
    for name in _NAMES:
        value = getattr(statement, name, "")
        if value:
            changes[name] = prefix + value
    for name in _INDICES:
        index = getattr(statement, name, None)
        if index is not None:
            changes[name] = _affine(index, prefix)
    operands = getattr(statement, "operands", ())
    if operands:
        changes["operands"] = tuple(prefix + name for name in operands)
    if isinstance(statement, (Loop, Where)):
        changes["body"] = _body(statement.body, prefix)
    return replace(statement, **changes)


def _affine(index: Affine, prefix: str) -> Affine:
    terms = ((prefix + atom, coefficient) for atom, coefficient in index.terms)
    return Affine(index.constant, tuple(sorted(terms)))

"""Functions that warn, or log, at the line of a caller: where they break, Python needs its frame.

While a broken frame that was inlined goes on, its callers are not on Python's stack. So a piece
does not end inside such a function: it ends where the function is called.
"""

from __future__ import annotations

from itertools import pairwise
from types import CodeType
from typing import TYPE_CHECKING

from jitflow.core.errors import Unsupported
from jitflow.core.weak import per_object
from jitflow.tracer.instructions import decode
from jitflow.tracer.opcodes import Operation
from jitflow.tracer.restart import Restart

if TYPE_CHECKING:
    from jitflow.tracer.interpreter import Interpreter

_ANY = 1000
_POSITION = 3
"""``warnings.warn(message, category, stacklevel)``."""


@per_object
def callers_named(code: CodeType) -> int:
    """How many frames above that of `code` its warnings may name."""
    operations = [item for instruction in decode(code) for item in instruction.operations]
    warns = "warn" in code.co_names
    levels = [1]
    for (before, names), call in zip(pairwise(operations), operations[2:], strict=False):
        if call.op == "CALL_KW" and "stacklevel" in names.arg:
            is_last = names.arg[-1] == "stacklevel"
            levels.append(_constant(before, _ANY) if is_last else _ANY)
        elif warns and call.op == "CALL" and call.arg >= _POSITION:
            levels.append(_constant(names, 2))
    return max(levels) - 1


def _constant(operation: Operation, otherwise: int) -> int:
    is_known = operation.op == "LOAD_CONST" and type(operation.arg) is int
    return operation.arg if is_known else otherwise


def check_break(tracer: Interpreter, cause: Unsupported) -> None:
    """Trace again and end at the call of a function that was inlined and may name its callers.

    Raises
    ------
    Restart
    """
    start = tracer.frames_at_start
    for depth in range(max(start, 1), len(tracer.frames)):
        count = callers_named(tracer.frames[depth].code)
        if count:
            caller = tracer.frames[max(depth - count, start - 1)]
            raise Restart(cause, place=(caller.code, caller.program[caller.index - 1].offset))

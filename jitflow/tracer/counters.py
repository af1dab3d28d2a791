"""Variables of ``for`` loops: they have another value whenever Python comes back to the loop."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType

from jitflow.tracer.control_flow import Loop, loops
from jitflow.tracer.instructions import decode, index_at


def counters(code: CodeType, offset: int) -> frozenset[str]:
    """Names of those of the loops around the instruction at `offset`."""
    at = index_at(code).get(offset)
    around = [loop for loop in loops(code).values() if at in loop.body]
    slots = {slot for loop in around for slot in _targets(code, loop)}
    return frozenset(code.co_varnames[slot] for slot in slots if slot < len(code.co_varnames))


def _targets(code: CodeType, loop: Loop) -> Iterator[int]:
    """The slots that the items of a ``for`` are put into."""
    program = decode(code)
    if program[loop.header].name != "FOR_ITER":
        return
    wanted = 1
    for instruction in program[loop.header + 1 :]:
        for operation in instruction.operations:
            if operation.op == "UNPACK":
                wanted += operation.arg - 1
            elif operation.op == "STORE_FAST":
                wanted -= 1
                yield operation.arg
            else:
                return
        if wanted <= 0:
            return

"""Statements under a mask: skipped where no lane is true, else computed in every lane.

Lanes in which the mask is false repeat the first one in which it is true: they load its elements,
have its position, and store nothing. So whatever sets a flag or fails a check is of a true lane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitflow.codegen.cpu.addresses import Lanes
from jitflow.codegen.cpu.text import Scope
from jitflow.codegen.cpu.values import Register, vector_type
from jitflow.codegen.loop_ir import Where
from jitflow.core.dataclass import replace
from jitflow.core.dtypes import I64

if TYPE_CHECKING:
    from jitflow.codegen.cpu.lower import KernelWriter


def write_where(writer: KernelWriter, statement: Where) -> None:
    """Write the body behind a branch."""
    text, memory, mask = writer.text, writer.memory, writer.get(statement.mask)
    writer.emitter.flush_flags()
    outer, held = memory.lanes, writer.holds_loads
    if mask.lanes == 1:
        some, writer.holds_loads = mask.text, True
    else:
        some, memory.lanes = _true_lanes(writer, mask, outer)
    inside, done = text.fresh("where"), text.fresh("done")
    scope = Scope(inside)
    text.scopes.append(scope)
    if mask.lanes > 1:
        memory.lanes = replace(memory.lanes, first=_first(writer, memory.lanes))
    writer.block(statement.body)
    writer.emitter.flush_flags()
    text.scopes.pop()
    writer.accumulators.leave_scope()
    text.write(f"br i1 {some}, label %{inside}, label %{done}")
    text.scopes[-1].lines += [f"{inside}:", *scope.lines, f"  br label %{done}"]
    text.start_block(done)
    memory.lanes, writer.holds_loads = outer, held


def _true_lanes(writer: KernelWriter, mask: Register, outer: Lanes) -> tuple[str, Lanes]:
    """Whether some lane is true, and the lanes with the mask."""
    text, combined = writer.text, mask.text
    if outer.mask:
        combined = text.value(f"and {vector_type('i1', mask.lanes)} {combined}, {outer.mask}")
    bits = text.value(f"bitcast {vector_type('i1', mask.lanes)} {combined} to i{mask.lanes}")
    some = text.value(f"icmp ne i{mask.lanes} {bits}, 0")
    return some, replace(outer, mask=combined)


def _first(writer: KernelWriter, lanes: Lanes) -> Register:
    """The number of the first true lane."""
    text, type = writer.text, f"i{lanes.count}"
    bits = text.value(f"bitcast {vector_type('i1', lanes.count)} {lanes.mask} to {type}")
    call = text.intrinsic(f"llvm.cttz.{type}", type, [(type, bits), ("i1", "true")])
    number = text.result(call)
    if lanes.count != 64:
        word = "zext" if lanes.count < 64 else "trunc"
        number = text.value(f"{word} {type} {number} to i64")
    return Register(number, I64, 1, text.depth)

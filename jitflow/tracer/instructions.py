"""Decodes code objects: normalised instructions, exception table, variables; cached per object.

An `Instruction` is the unit at which a piece can break: one CPython instruction with its prefixes
(``EXTENDED_ARG``, ``KW_NAMES``, ``PRECALL``) and inline caches.
"""

from __future__ import annotations

import dis
from bisect import bisect_right
from collections.abc import Iterator
from types import CodeType
from typing import TYPE_CHECKING, Any, TypeVar

from jitflow.core.dataclass import dataclass
from jitflow.core.lazy import LazyModule
from jitflow.core.location import Location
from jitflow.core.weak import per_object
from jitflow.tracer import versions
from jitflow.tracer.opcodes import SIMPLE, Operation, falls_through, stack_effect

if TYPE_CHECKING:
    from jitflow.tracer import continues
else:
    continues = LazyModule("jitflow.tracer.continues")

T = TypeVar("T")

ENTRY = frozenset({"MAKE_CELL", "COPY_FREE_VARS"})
"""Instructions that make a function's cells: no frame is left before they have run."""
UNBROKEN = ENTRY | {"SET_FUNCTION_ATTRIBUTE"}
"""Before these no piece ends: a function without its closure cannot be on a frame's stack."""


@dataclass(frozen=True)
class Instruction:
    """One instruction of a code object.

    Attributes
    ----------
    index : int
        Position in ``decode(code)``.
    offset, end : int
        Byte range; `end` is the next instruction's offset.
    name : str
        CPython's name.
    operations : tuple of Operation
        What it does; none for ``NOP`` and the like.
    location : Location
        Its range in the source.
    target : int or None
        Offset at which execution continues when it jumps.
    is_simple : bool
        Whether it touches nothing but the frame.
    """

    index: int
    offset: int
    end: int
    name: str
    operations: tuple[Operation, ...]
    location: Location
    target: int | None = None
    is_simple: bool = False

    @property
    def falls_through(self) -> bool:
        """Whether the next instruction may run after this one."""
        return all(falls_through(operation) for operation in self.operations)

    def stack_effect(self, jump: bool = False) -> int:
        """Change of the operand stack's depth; the last operation is the one that jumps."""
        if not self.operations:
            return 0
        *before, last = self.operations
        return sum(map(stack_effect, before)) + stack_effect(last, jump)


@dataclass(frozen=True)
class HandlerRange:
    """A row of the exception table: instructions in [start, end) are handled at `target`.

    `depth` is the stack's depth at the handler before the exception is pushed; `lasti` says
    whether the raising instruction's offset is pushed below it.
    """

    start: int
    end: int
    target: int
    depth: int
    lasti: bool


@dataclass(frozen=True)
class _Raw:
    """A CPython instruction; `offset` is that of its first EXTENDED_ARG."""

    offset: int
    position: int
    end: int
    name: str
    arg: int


def _raw_instructions(code: CodeType) -> Iterator[_Raw]:
    data = code.co_code
    extended, start, position = 0, None, 0
    while position < len(data):
        opcode, low = data[position], data[position + 1]
        arg, begin = extended | low, position if start is None else start
        if dis.opname[opcode] == "EXTENDED_ARG":
            extended, start = arg << 8, begin
            position += 2
            continue
        end = position + 2
        while end < len(data) and data[end] == 0:  # inline caches are opcode 0
            end += 2
        yield _Raw(begin, position, end, dis.opname[opcode], arg)
        extended, start, position = 0, None, end


def _jump_target(raw: _Raw) -> int | None:
    opcode = dis.opmap[raw.name]
    if opcode not in dis.hasjrel:
        return None
    sign = -1 if raw.name in versions.BACKWARD else 1
    target = raw.end + sign * 2 * raw.arg
    if raw.name == "FOR_ITER" and versions.current is not None:
        target += versions.current.for_iter_skip
    return target


@per_object
def decode(code: CodeType) -> tuple[Instruction, ...]:
    """The instructions of `code` in order of their offsets."""
    positions = list(code.co_positions())
    result: list[Instruction] = []
    start: int | None = None
    keywords: Any = None
    for raw in _raw_instructions(code):
        start = raw.offset if start is None else start
        if raw.name == "KW_NAMES":
            keywords = code.co_consts[raw.arg]
        if raw.name in versions.PREFIXES:
            continue
        target = _jump_target(raw)
        operands = versions.Operands(code.co_consts, code.co_names, target)
        operations = versions.expand(raw.name, raw.arg, operands, keywords)
        location = _location(code, positions[raw.position // 2])
        simple = all(operation.op in SIMPLE for operation in operations)
        result.append(
            Instruction(len(result), start, raw.end, raw.name, operations, location, target, simple)
        )
        start = keywords = None
    has_loops = any(found.target is not None and found.target <= found.offset for found in result)
    return continues.with_one_header(tuple(result)) if has_loops else tuple(result)


def _location(code: CodeType, position: tuple[int | None, ...]) -> Location:
    line, end_line, column, end_column = position
    if line is None:
        line, end_line, column, end_column = code.co_firstlineno, None, None, None
    return Location(code.co_filename, line, code.co_qualname, end_line, column, end_column)


@per_object
def index_at(code: CodeType) -> dict[int, int]:
    """Offset of each instruction to its index in ``decode(code)``."""
    return {instruction.offset: instruction.index for instruction in decode(code)}


def instruction_at(code: CodeType, offset: int) -> Instruction:
    """The instruction that starts at byte `offset`."""
    return decode(code)[index_at(code)[offset]]


@per_object
def handler_ranges(code: CodeType) -> tuple[HandlerRange, ...]:
    """The exception table, in order; format: CPython ``Objects/exception_handling_notes.txt``."""
    data = iter(code.co_exceptiontable)
    result: list[HandlerRange] = []
    for first in data:
        start = _varint(first, data) * 2
        length = _varint(next(data), data) * 2
        target = _varint(next(data), data) * 2
        depth_lasti = _varint(next(data), data)
        result.append(
            HandlerRange(start, start + length, target, depth_lasti >> 1, bool(depth_lasti & 1))
        )
    return tuple(result)


def _varint(first: int, data: Iterator[int]) -> int:
    value = first & 63
    while first & 64:
        first = next(data)
        value = value << 6 | first & 63
    return value


def _start(row: HandlerRange) -> int:
    return row.start


def handler_of(code: CodeType, instruction: Instruction) -> HandlerRange | None:
    """The row of the exception table that covers `instruction`."""
    ranges = handler_ranges(code)
    place = bisect_right(ranges, instruction.offset, key=_start) - 1
    if place >= 0 and instruction.offset < ranges[place].end:
        return ranges[place]
    return None


@per_object
def variables(code: CodeType) -> tuple[str, ...]:
    """Names of the slots: locals, then cells that are no locals, then free variables.

    A free variable may have the name of a local: an inlined comprehension (3.12) whose iteration
    variable is free in the function.
    """
    cells = tuple(name for name in code.co_cellvars if name not in code.co_varnames)
    return code.co_varnames + cells + code.co_freevars

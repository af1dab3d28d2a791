"""The byte formats of a code object: instructions, exception table, location table.

Owns writing them; reading is `instructions`. Formats: CPython ``Objects/exception_handling_notes
.txt`` and ``Objects/locations.md``.
"""

from __future__ import annotations

import dis
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType
from typing import TypeVar

from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.errors import Unsupported
from jitflow.core.weak import per_object
from jitflow.tracer.instructions import HandlerRange

T = TypeVar("T")

Position = tuple[int | None, int | None, int | None, int | None]
"""Line, end line, column, end column, as `code.co_positions` gives them."""

_CACHES = {"UNPACK_SEQUENCE": 1, "LOAD_ATTR": 4}
"""Inline cache words of the instructions that are written anew; ``LOAD_ATTR``: 3.11's."""

_EXTENDED_ARG = dis.opmap["EXTENDED_ARG"]
_PAIRS = {"LOAD_FAST_LOAD_FAST", "STORE_FAST_LOAD_FAST", "STORE_FAST_STORE_FAST"}


def emit(name: str, arg: int = 0, caches: bytes | None = None) -> bytes:
    """The bytes of one instruction with its prefixes and empty (or given) inline caches."""
    data = bytes((dis.opmap[name], arg & 255))
    while arg := arg >> 8:
        data = bytes((_EXTENDED_ARG, arg & 255)) + data
    return data + (bytes(2 * _CACHES.get(name, 0)) if caches is None else caches)


def jump_back(start: int, target: int) -> bytes:
    """A jump at byte `start` back to `target`; does not look for pending signals."""
    size, data = 0, b""
    while len(data) != size or not data:
        size = len(data)
        data = emit("JUMP_BACKWARD_NO_INTERRUPT", (start + size - target) // 2)
    return data


def permutation(current: Sequence[T], wanted: Sequence[T]) -> Iterator[bytes]:
    """``SWAP`` instructions that bring the stack from `current` to `wanted`, bottom first."""
    stack, place = list(current), {item: at for at, item in enumerate(wanted)}
    top = len(stack) - 1
    while stack:
        to = place[stack[top]]
        if to == top:
            misplaced = [at for at, item in enumerate(stack) if place[item] != at]
            if not misplaced:
                return
            to = misplaced[-1]
        stack[top], stack[to] = stack[to], stack[top]
        yield emit("SWAP", top - to + 1)


def shift_slots(data: bytes) -> bytes:
    """Instructions whose variables are each one slot higher."""
    result = bytearray(data)
    slots = {*dis.haslocal, *dis.hasfree}
    for at in range(0, len(data), 2):
        if data[at] not in slots:
            continue
        pair = dis.opname[data[at]] in _PAIRS
        if data[at + 1] == 255 or (pair and data[at + 1] & 15 == 15):
            raise Unsupported("JF-B002", "more than 255 free variables")
        result[at + 1] += 17 if pair else 1
    return bytes(result)


@dataclass
class Section:
    """Instructions at the end of a code object, from byte `start` on.

    Attributes
    ----------
    position : Position
        Where in the source the instructions are that are added from now on.
    lines : list of (Position, int)
        Source positions of what was added, and their bytes.
    rows : list of HandlerRange
    """

    start: int
    position: Position
    data: bytes = b""
    lines: list[tuple[Position, int]] = field(default_factory=list)
    rows: list[HandlerRange] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Where the next instruction will be."""
        return self.start + len(self.data)

    def add(self, data: bytes, row: HandlerRange | None = None) -> None:
        """Append `data`, with the handler of `row`."""
        begin = self.end
        self.data += data
        self.lines.append((self.position, len(data)))
        if row is not None:
            self.rows.append(replace(row, start=begin, end=self.end))


def with_row(rows: Iterable[HandlerRange], new: HandlerRange) -> list[HandlerRange]:
    """The exception table's `rows` in order, with `new` instead of what covers its range."""
    result = [new]
    for row in rows:
        before = replace(row, end=min(row.end, new.start))
        behind = replace(row, start=max(row.start, new.end))
        result += [part for part in (before, behind) if part.start < part.end]
    return sorted(result, key=lambda row: row.start)


def exception_table(rows: Iterable[HandlerRange]) -> bytes:
    """The exception table of `rows`, which are in order."""
    result = bytearray()
    for row in rows:
        depth = row.depth << 1 | row.lasti
        fields = [row.start // 2, (row.end - row.start) // 2, row.target // 2, depth]
        for number, value in enumerate(fields):
            result += _big_endian(value, first=0 if number else 128)
    return bytes(result)


def moved(row: HandlerRange, by: int) -> HandlerRange:
    """`row` with its range and target `by` bytes further."""
    return replace(row, start=row.start + by, end=row.end + by, target=row.target + by)


def _big_endian(value: int, first: int) -> bytes:
    groups = [value & 63]
    while value := value >> 6:
        groups.append(value & 63 | 64)
    groups.reverse()
    groups[0] |= first
    return bytes(groups)


@per_object
def positions(code: CodeType) -> tuple[Position, ...]:
    """The source range of each code unit."""
    return tuple(code.co_positions())


def location_table(code: CodeType, before: int, behind: Iterable[tuple[Position, int]]) -> bytes:
    """The location table of `code` between added instructions.

    `before` bytes at the start have no location; `behind` gives positions and bytes at the end.
    """
    lines = (entry[0] for entry in reversed(positions(code)) if entry[0] is not None)
    line = next(lines, code.co_firstlineno)
    result = bytearray()
    for words in _runs(before // 2):
        result.append(0x80 | 15 << 3 | words - 1)
    result += code.co_linetable
    for position, size in behind:
        for words in _runs(size // 2):
            result += _location(position, words, line)
            line = position[0] or line
    return bytes(result)


def _runs(words: int) -> Iterator[int]:
    """Lengths of entries for `words` code units; an entry covers 8 at most."""
    while words > 0:
        yield min(words, 8)
        words -= 8


def _location(position: Position, words: int, previous: int) -> bytes:
    line, end_line, column, end_column = position
    if line is None:
        return bytes((0x80 | 15 << 3 | words - 1,))
    change = line - previous
    delta = _little_endian(-change << 1 | 1 if change < 0 else change << 1)
    if end_line is None or column is None or end_column is None:
        return bytes((0x80 | 13 << 3 | words - 1,)) + delta
    rest = (end_line - line, column + 1, end_column + 1)
    return bytes((0x80 | 14 << 3 | words - 1,)) + delta + b"".join(map(_little_endian, rest))


def _little_endian(value: int) -> bytes:
    result = bytearray()
    while value >= 64:
        result.append(value & 63 | 64)
        value >>= 6
    result.append(value)
    return bytes(result)

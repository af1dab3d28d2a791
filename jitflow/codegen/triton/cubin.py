"""What a cubin says of its kernel: registers and stack, read from the file, no device asked."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from jitflow.core.dataclass import dataclass

_HEADERS, _COUNTS = 0x28, 0x3A  # of an ELF64 header: where section headers are; their size, number
_INFO = b".nv.info"
_SIZED = 4  # format of an attribute whose payload has the length that follows
_FRAME, _REGISTERS = 0x11, 0x2F
_PAIR = 8  # bytes of a payload of a symbol and a number


@dataclass(frozen=True)
class Resources:
    """What a thread takes: registers, and bytes of its frame in memory, where spilled ones go."""

    registers: int = 0
    frame: int = 0


def resources(image: bytes) -> Resources:
    """Of the kernel of a cubin; zeros where the file says nothing, or is in another format."""
    try:
        numbers = dict(_attributes(_section(image, _INFO)))
    except (struct.error, IndexError, OverflowError):
        return Resources()
    return Resources(numbers.get(_REGISTERS, 0), numbers.get(_FRAME, 0))


def _section(image: bytes, name: bytes) -> bytes:
    """The contents of a section."""
    (start,) = struct.unpack_from("<Q", image, _HEADERS)
    size, count, names = struct.unpack_from("<3H", image, _COUNTS)
    headers = [struct.unpack_from("<IIQQQQ", image, start + k * size) for k in range(count)]
    table = headers[names][4]
    for at, _, _, _, offset, length in headers:
        if image[table + at : table + at + len(name) + 1] == name + b"\0":
            return image[offset : offset + length]
    return b""


def _attributes(data: bytes) -> Iterator[tuple[int, int]]:
    """Attributes that are the number of a symbol; a cubin of one kernel has each once."""
    at = 0
    while at + 4 <= len(data):
        form, attribute, size = struct.unpack_from("<BBH", data, at)
        at += 4
        if form == _SIZED:
            if size == _PAIR:
                yield attribute, struct.unpack_from("<II", data, at)[1]
            at += size

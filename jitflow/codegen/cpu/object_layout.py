"""Where CPython and NumPy keep what native code reads: offsets in bytes, and a check of them.

The offsets are those of 64-bit builds with a GIL, CPython 3.11 to 3.13 and NumPy 2. `is_supported`
compares them once with known objects; where one differs, no native entry is made.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from types import CellType
from typing import Any

import numpy as np

from jitflow.core import platform
from jitflow.core.dataclass import dataclass

OBJECT_TYPE = 8
SIZE = 16  # ob_size of tuples and lists
TUPLE_ITEMS = 24
LIST_ITEMS = 24
CELL_CONTENTS = 16
NUMBER = 16  # float, complex, and NumPy scalars
BYTES_DATA = bytes.__basicsize__ - 1
ARRAY_DATA, ARRAY_RANK, ARRAY_SHAPE, ARRAY_STRIDES = 16, 24, 32, 40
ARRAY_DTYPE, ARRAY_FLAGS = 56, 64
DTYPE_BYTE_ORDER, DTYPE_NUMBER, DTYPE_METADATA = 26, 28, 56
DICT_KEYS, DICT_VALUES = 32, 40
KEYS_SHAPE, KEYS_COUNT, KEYS_TABLE = 8, 24, 32  # PyDictKeysObject; three bytes of shape

C_CONTIGUOUS, F_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x2, 0x100, 0x400

_GENERAL_KEYS = 0


@dataclass(frozen=True)
class DictPlace:
    """Where a dict keeps an item: valid as long as the table has `shape` and the entry its key.

    Attributes
    ----------
    shape : int
        Three bytes that tell the sizes of the table and the kind of its entries.
    index : int
        Number of the entry.
    offset : int
        Bytes from the table's head to the entry's key; its value follows the key.
    """

    shape: int
    index: int
    offset: int


def find_item(namespace: dict[str, Any], key: str) -> DictPlace | None:
    """The place of ``namespace[key]``; None where it is not found by the identity of `key`."""
    keys = int(_word(namespace, DICT_KEYS))
    if _word(namespace, DICT_VALUES):
        return None
    shape, count = struct.unpack("I12xq", ctypes.string_at(keys + KEYS_SHAPE, 24))
    index_bytes, kind = 1 << (shape >> 8 & 0xFF), shape >> 16 & 0xFF
    words, key_word = (3, 1) if kind == _GENERAL_KEYS else (2, 0)
    start = KEYS_TABLE + index_bytes
    table = np.frombuffer(ctypes.string_at(keys + start, count * words * 8), np.uint64)
    found = np.flatnonzero(table[key_word::words] == id(key))
    if len(found) != 1 or int(table[found[0] * words + key_word + 1]) != id(namespace.get(key)):
        return None
    index = int(found[0])
    return DictPlace(shape & 0xFFFFFF, index, start + (index * words + key_word) * 8)


@functools.cache
def is_supported() -> bool:
    """Whether this interpreter and this NumPy keep their objects as this module says."""
    return platform.is_supported() and all(
        fits() for fits in (_arrays_fit, _dtypes_fit, _numbers_fit, _containers_fit)
    )


def _word(value: Any, offset: int, code: str = "q") -> int | float:
    """The field of `value` at `offset`, of the type `code` of `struct`."""
    raw = ctypes.string_at(id(value) + offset, struct.calcsize(code))
    number: int | float = struct.unpack(code, raw)[0]
    return number


def _arrays_fit() -> bool:
    array = np.zeros((5, 7, 3), np.float32)[1:4, ::2].transpose(2, 0, 1)
    address = array.__array_interface__["data"][0]
    if _word(array, ARRAY_DATA) != address or _word(array, ARRAY_RANK, "i") != 3:
        return False
    shape = ctypes.string_at(int(_word(array, ARRAY_SHAPE)), 24)
    strides = ctypes.string_at(int(_word(array, ARRAY_STRIDES)), 24)
    dense = np.zeros((2, 3), np.float32)
    dense.flags.writeable = False
    return (
        struct.unpack("3q", shape) == array.shape
        and struct.unpack("3q", strides) == array.strides
        and _word(array, OBJECT_TYPE) == id(np.ndarray)
        and _word(array, ARRAY_DTYPE) == id(array.dtype)
        and _word(array, ARRAY_FLAGS, "i") == array.flags.num
        and _word(dense, ARRAY_FLAGS, "i") == C_CONTIGUOUS | ALIGNED | dense.flags.owndata * 4
    )


def _dtypes_fit() -> bool:
    note = {"note": 1}
    plain, swapped = np.dtype(np.int32), np.dtype(np.int32).newbyteorder("S")
    noted: Any = np.dtype(np.int32, metadata=note)
    metadata = ctypes.cast(int(_word(noted, DTYPE_METADATA)), ctypes.py_object).value
    return (
        _word(plain, DTYPE_NUMBER, "i") == plain.num
        and _word(plain, DTYPE_BYTE_ORDER, "b") == ord("=")
        and _word(swapped, DTYPE_BYTE_ORDER, "b") == ord(swapped.byteorder)
        and _word(np.dtype(np.int8), DTYPE_BYTE_ORDER, "b") == ord("|")
        and _word(plain, DTYPE_METADATA) == 0
        and metadata == note
    )


def _numbers_fit() -> bool:
    samples: list[tuple[Any, str]] = [
        (1.375, "d"),
        (1.375 + 2j, "d"),
        (np.float16(1.375), "e"),
        (np.float32(1.375), "f"),
        (np.float64(1.375), "d"),
        (np.complex64(1.375 + 2j), "f"),
        (np.complex128(1.375 + 2j), "d"),
        (np.int8(91), "b"),
        (np.int32(0x12345678), "i"),
        (np.int64(0x1234567812345678), "q"),
        (np.uint64(0x1234567812345678), "Q"),
        (np.bool_(True), "b"),
    ]
    return all(_word(number, NUMBER, code) == number.real for number, code in samples)


def _containers_fit() -> bool:
    first, second = object(), object()
    pair, items, cell = (first, second), [first, second], CellType(second)
    stored = int(_word(items, LIST_ITEMS))
    return (
        _word(pair, SIZE) == _word(items, SIZE) == 2
        and _word(pair, TUPLE_ITEMS + 8) == id(second)
        and ctypes.c_int64.from_address(stored + 8).value == id(second)
        and _word(cell, CELL_CONTENTS) == id(second)
    )

"""Values of the LLVM emitter, and how types and constants are spelt in LLVM's text."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass
from jitflow.core.dtypes import BOOL, F16, F32, DType

_SCALAR = {"f16": "half", "f32": "float", "f64": "double", "bool": "i1"}


@dataclass(eq=False, repr=False)
class Register:
    """An LLVM value: `text` is its name or, where `literal`, a scalar constant.

    Attributes
    ----------
    lanes : int
        Elements of the vector; 1 is a scalar, which stands for the same value in every lane.
    imaginary : str
        Name of the imaginary part of a complex value; `text` is then the real part.
    depth : int
        The scope in which it was defined: 0 is the function's entry.
    """

    text: str
    dtype: DType
    lanes: int = 1
    depth: int = 0
    imaginary: str = ""
    literal: bool = False


def scalar_type(dtype: DType) -> str:
    """LLVM type of one element (of one component, for complex) in a register."""
    return _SCALAR.get(dtype.name) or _SCALAR.get(dtype.real.name) or f"i{dtype.bits}"


def memory_type(dtype: DType) -> str:
    """LLVM type of one element in memory: booleans take a byte."""
    return "i8" if dtype is BOOL else scalar_type(dtype)


def vector_type(element: str, lanes: int) -> str:
    """`element` itself for one lane."""
    return element if lanes == 1 else f"<{lanes} x {element}>"


def constant_text(value: Any, dtype: DType) -> str:
    """A scalar constant of a real dtype; floats by their bits."""
    if dtype is BOOL:
        return "true" if value else "false"
    if dtype.is_integer:
        return str(int(np.asarray(value).astype(dtype.numpy)))
    if dtype is F16:
        return f"0xH{int(np.float16(value).view(np.uint16)):04X}"
    with np.errstate(over="ignore", invalid="ignore"):
        wide = float(np.float32(value)) if dtype is F32 else float(value)
    return f"0x{struct.unpack('<Q', struct.pack('<d', wide))[0]:016X}"


def value_of_text(text: str) -> float:
    """The value of a float constant that `constant_text` spelled."""
    if text.startswith("0xH"):
        return float(np.uint16(int(text[3:], 16)).view(np.float16))
    found: float = struct.unpack("<d", struct.pack("<Q", int(text, 16)))[0]
    return found


def is_zero_text(text: str) -> bool:
    """Whether a constant is plus zero, which masks give for nothing."""
    return not text.strip("0x")


def splat_text(text: str, element: str, lanes: int) -> str:
    """A scalar constant in every lane."""
    return text if lanes == 1 else f"splat ({element} {text})"


def lane_numbers(lanes: int, element: str = "i32", step: int = 1) -> str:
    """The constant vector 0, 1, 2, ... times `step`."""
    return "<" + ", ".join(f"{element} {lane * step}" for lane in range(lanes)) + ">"


def shuffle_mask(lanes: list[int]) -> str:
    """A constant mask for ``shufflevector``."""
    body = ", ".join(f"i32 {lane}" for lane in lanes)
    return f"<{len(lanes)} x i32> <{body}>"

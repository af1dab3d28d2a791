"""Element types: the closed set of NumPy dtypes that jitflow compiles.

Owns the names used in the text of the IR (``f32``, ``i64``, ``bool``) and their relation to
`numpy.dtype`. Knows nothing of promotion: NumPy itself is asked for that, at trace time.
`BF16` is a way to store numbers, on devices alone: arithmetic is that of f32, rounded.
"""

from __future__ import annotations

import importlib

import numpy as np

from jitflow.core.dataclass import dataclass


@dataclass(frozen=True, eq=False)
class DType:
    """One element type; instances are singletons, compared by identity.

    Attributes
    ----------
    name : str
        Name in the text of the IR, such as ``"f32"``.
    kind : str
        ``"b"`` bool, ``"i"`` signed, ``"u"`` unsigned, ``"f"`` floating, ``"c"`` complex.
    itemsize : int
        Size in bytes.
    numpy : numpy.dtype
        The NumPy dtype, native byte order.
    """

    name: str
    kind: str
    itemsize: int
    numpy: np.dtype

    @property
    def bits(self) -> int:
        """Width of one element in bits."""
        return 8 * self.itemsize

    @property
    def is_float(self) -> bool:
        """Whether this is a real floating-point type."""
        return self.kind == "f"

    @property
    def is_half(self) -> bool:
        """Whether this is a floating-point type of 16 bits."""
        return self.kind == "f" and self.itemsize == 2

    @property
    def digits(self) -> int:
        """Bits of the significand of a floating-point type, with the one that is not stored."""
        return 8 if self is BF16 else int(np.finfo(self.real.numpy).nmant) + 1

    @property
    def is_complex(self) -> bool:
        """Whether this is a complex type."""
        return self.kind == "c"

    @property
    def is_integer(self) -> bool:
        """Whether this is a signed or unsigned integer type (bool is not)."""
        return self.kind in "iu"

    @property
    def real(self) -> DType:
        """The type of the real part: the component of a complex type, else itself."""
        return {"c64": F32, "c128": F64}.get(self.name, self)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return parse_dtype, (self.name,)


class _Bfloat16(DType):
    """A dtype that NumPy has once `ml_dtypes` is imported: then alone there are arrays of it."""

    numpy: np.dtype

    def __init__(self) -> None:
        vars(self).update(name="bf16", kind="f", itemsize=2)

    def __getattr__(self, name: str) -> np.dtype:
        if name != "numpy":
            raise AttributeError(name)
        found: np.dtype = np.dtype(importlib.import_module("ml_dtypes").bfloat16)
        vars(self)["numpy"] = found
        return found


def _make(name: str, numpy_name: str) -> DType:
    dtype = np.dtype(numpy_name)
    return DType(name, dtype.kind, dtype.itemsize, dtype)


BOOL = _make("bool", "bool")
I8, I16, I32, I64 = (_make(f"i{b}", f"int{b}") for b in (8, 16, 32, 64))
U8, U16, U32, U64 = (_make(f"u{b}", f"uint{b}") for b in (8, 16, 32, 64))
F16, F32, F64 = (_make(f"f{b}", f"float{b}") for b in (16, 32, 64))
BF16: DType = _Bfloat16()
C64, C128 = (_make(f"c{b}", f"complex{b}") for b in (64, 128))

SIGNED = (I8, I16, I32, I64)
UNSIGNED = (U8, U16, U32, U64)
INTEGERS = SIGNED + UNSIGNED
FLOATS = (F16, F32, F64)
COMPLEX = (C64, C128)
INEXACT = FLOATS + COMPLEX
NUMBERS = INTEGERS + INEXACT
REAL = (BOOL, *INTEGERS, *FLOATS)
ALL = (BOOL, *NUMBERS)

HALVES = (F16, BF16)

_BY_NAME = {dtype.name: dtype for dtype in (*ALL, BF16)}
_BY_NUMBER = {dtype.numpy.num: dtype for dtype in ALL}


def parse_dtype(name: str) -> DType:
    """Return the dtype called `name` in the text of the IR; KeyError if there is none."""
    return _BY_NAME[name]


def from_numpy(dtype: np.dtype) -> DType | None:
    """Return our dtype for a NumPy dtype, or None where jitflow does not compile it.

    Object, string, datetime, structured, extended-precision and byte-swapped dtypes give None, and
    so do dtypes with metadata or fields, and the second of two C types of one size (`longlong`
    where `int64` is `long`): NumPy hands all of that on to results.
    """
    if not dtype.isnative or dtype.metadata is not None or dtype.fields is not None:
        return None
    return _BY_NUMBER.get(dtype.num)


def from_device(dtype: np.dtype) -> DType | None:
    """As `from_numpy`, of arrays that need not be on the host: those of bf16 as well."""
    found = from_numpy(dtype)
    return BF16 if found is None and _is_bfloat16(dtype) else found


def _is_bfloat16(dtype: np.dtype) -> bool:
    """Whether a dtype is that of `ml_dtypes`, which is known by its name alone."""
    return dtype.name == "bfloat16" and dtype.isnative and dtype.metadata is None

"""The BLAS that NumPy itself uses, found by address, so that machine code can call it.

NumPy's extension module is asked for the C interface's functions; the dynamic linker searches the
libraries that it loaded. Where that finds nothing that passes a small product, there is no BLAS
and products are left to `numpy.matmul`.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from jitflow.core.dataclass import dataclass, field

ROW_MAJOR, COLUMN_MAJOR = 101, 102
NO_TRANSPOSE, TRANSPOSE, CONJUGATE_TRANSPOSE = 111, 112, 113
UPPER, LOWER = 121, 122

_DECORATIONS = (
    ("scipy_cblas_", "64_"),
    ("cblas_", "64_"),
    ("cblas_", "$NEWLAPACK$ILP64"),
    ("cblas_", "$NEWLAPACK"),
    ("scipy_cblas_", ""),
    ("cblas_", ""),
)

_SIGNATURES = {
    "gemm": ("void", "enum enum enum int int int scalar ptr int ptr int scalar ptr int"),
    "gemv": ("void", "enum enum int int scalar ptr int ptr int scalar ptr int"),
    "syrk": ("void", "enum enum enum int int scalar ptr int scalar ptr int"),
    "dot": ("scalar", "int ptr int ptr int"),
    "dotu_sub": ("void", "int ptr int ptr int ptr"),
    "dotc_sub": ("void", "int ptr int ptr int ptr"),
    "axpy": ("void", "int scalar ptr int ptr int"),
    "scal": ("void", "int scalar ptr int"),
}
_REAL, _COMPLEX = {"s": "float", "d": "double"}, {"c": "ptr", "z": "ptr"}

PREFIXES = {"f32": "s", "f64": "d", "c64": "c", "c128": "z"}
"""First letter of the functions for a dtype, by the dtype's name."""


@dataclass(frozen=True)
class Blas:
    """A BLAS with the C interface.

    Its functions go by names such as ``sgemm``; in LLVM IR they are the symbols ``cblas_sgemm``.

    Attributes
    ----------
    integer_bits : int
        Width of its integers: 32 or 64.
    addresses : dict
        Name, such as ``"dgemm"``, to address.
    decoration : tuple of str
        What the library puts before and after the names.
    """

    integer_bits: int
    addresses: dict[str, int] = field(repr=False)
    decoration: tuple[str, str]

    def has(self, name: str) -> bool:
        """Whether the library has the function."""
        return name in self.addresses

    def symbol(self, name: str) -> str:
        """The symbol of a function in LLVM IR; bind it to ``addresses[name]``."""
        return f"cblas_{name}"

    def declaration(self, name: str) -> str:
        """The LLVM declaration of a function.

        Enumerations are i32, integers `integer_bits` wide, real scalars by value, complex scalars
        by pointer.
        """
        result, parameters = _SIGNATURES[name[1:]]
        types = {"enum": "i32", "int": f"i{self.integer_bits}", "ptr": "ptr", "void": "void"}
        types["scalar"] = (_REAL | _COMPLEX)[name[0]]
        listed = ", ".join(types[kind] for kind in parameters.split())
        return f"declare {types[result]} @{self.symbol(name)}({listed})"

    def function(self, name: str) -> Callable[..., Any]:
        """A function as ctypes calls it."""
        result, parameters = _SIGNATURES[name[1:]]
        types: dict[str, Any] = {"enum": ctypes.c_int, "ptr": ctypes.c_void_p, "void": None}
        types["int"] = ctypes.c_int64 if self.integer_bits == 64 else ctypes.c_int32
        scalars = {"s": ctypes.c_float, "d": ctypes.c_double}
        types["scalar"] = scalars.get(name[0], ctypes.c_void_p)
        made = ctypes.CFUNCTYPE(types[result], *(types[kind] for kind in parameters.split()))
        return made(self.addresses[name])


@functools.cache
def blas() -> Blas | None:
    """The BLAS of NumPy; None where none is found, or where it fails the check."""
    try:
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    except (OSError, AttributeError):
        return None
    for decoration in _DECORATIONS:
        addresses = _addresses(library, *decoration)
        if not addresses.keys() >= {"sgemm", "dgemm", "dscal"}:
            continue
        found = Blas(_integer_bits(addresses["dscal"]), addresses, decoration)
        if _multiplies(found, "s", np.float32) and _multiplies(found, "d", np.float64):
            return found
    return None


@functools.cache
def _thread_counter() -> Callable[[], int] | None:
    library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    for before, after in (("scipy_", "64_"), ("", "64_"), ("scipy_", ""), ("", "")):
        found = getattr(library, f"{before}openblas_get_num_threads{after}", None)
        if found is not None:
            return cast(Callable[[], int], found)
    return None


def blas_threads() -> int:
    """How many threads the BLAS may use now; 0 if it does not say."""
    counter = _thread_counter()
    return counter() if counter is not None else 0


def _addresses(library: ctypes.CDLL, before: str, after: str) -> dict[str, int]:
    addresses = {}
    for kind in _SIGNATURES:
        for letter in "cz" if kind.endswith("_sub") else "sd" if kind == "dot" else "sdcz":
            try:
                function = library[f"{before}{letter}{kind}{after}"]
            except AttributeError:
                continue
            address = ctypes.cast(function, ctypes.c_void_p).value
            if address:
                addresses[f"{letter}{kind}"] = address
    return addresses


def _integer_bits(dscal: int) -> int:
    """32 or 64, by scaling a vector whose length is 1 in the low half and negative as a whole."""
    vector = np.ones(1)
    kinds = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p, ctypes.c_int64
    ctypes.CFUNCTYPE(None, *kinds)(dscal)(1 - (1 << 32), 2.0, vector.ctypes.data, 1)
    return 32 if vector[0] == 2.0 else 64


def _multiplies(found: Blas, letter: str, dtype: type) -> bool:
    left: np.ndarray = np.arange(6, dtype=dtype).reshape(2, 3)
    right: np.ndarray = np.arange(12, dtype=dtype).reshape(3, 4)
    out: np.ndarray = np.ones((2, 4), dtype)
    shape, plain = (2, 4, 3), (ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE)
    data = left.ctypes.data, 3, right.ctypes.data, 4
    found.function(f"{letter}gemm")(*plain, *shape, 1.0, *data, 2.0, out.ctypes.data, 4)
    expected = [[22.0, 25.0, 28.0, 31.0], [58.0, 70.0, 82.0, 94.0]]
    return bool(np.array_equal(out, expected))

"""The C library: functions that LLVM calls of its own accord, and what becomes of freed memory.

Those functions are for intrinsics, and for what a processor lacks. Most come from the C library;
the conversion of f64 to f16 belongs to the compiler's run-time library, which a process need not
have loaded: it is written here.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys

_IN_C_LIBRARY = (
    *("memcpy", "memmove", "memset", "fma", "fmaf", "fmod", "fmodf"),
    *(f"{name}{suffix}" for name in ("floor", "ceil", "trunc", "rint") for suffix in ("", "f")),
)

_OF_GCC = ("__extendhfsf2", "__truncsfhf2")  # on x86 processors without F16C alone

TRUNCATE = "__truncdfhf2"
TRUNCATE_TEXT = f"""
; By way of f32, rounded to odd: the second rounding then rounds as if it were the only one.
define half @{TRUNCATE}(double %x) {{
  %near = fptrunc double %x to float
  %back = fpext float %near to double
  %is.exact = fcmp ueq double %back, %x
  %size = call double @llvm.fabs.f64(double %x)
  %back.size = call double @llvm.fabs.f64(double %back)
  %is.above = fcmp ogt double %back.size, %size
  %bits = bitcast float %near to i32
  %step = zext i1 %is.above to i32
  %below = sub i32 %bits, %step
  %odd = or i32 %below, 1
  %chosen = select i1 %is.exact, i32 %bits, i32 %odd
  %float = bitcast i32 %chosen to float
  %half = fptrunc float %float to half
  ret half %half
}}
declare double @llvm.fabs.f64(double)
"""


_LARGE = 16 << 20
"""Bytes of an array that many programs free; the C library keeps about twice that at most."""


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, as it does where a program frees large arrays.

    glibc hands the end of its heap back to the system as soon as 128 KiB of it are free, until a
    larger piece of memory is freed (mallopt(3), M_MMAP_THRESHOLD). Eager programs free temporaries
    and are soon beyond that; compiled ones have none, and would meet new pages in each call.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.restype, library.free.argtypes = None, [ctypes.c_void_p]
    library.free(library.malloc(_LARGE))


@functools.cache
def addresses() -> dict[str, int]:
    """Address of each function that this process has, by its symbol."""
    found: dict[str, int] = {}
    for library, names in ((None, _IN_C_LIBRARY), ("libgcc_s.so.1", _OF_GCC)):
        with contextlib.suppress(OSError, TypeError):  # TypeError: no such notion on Windows
            found |= _look_up(ctypes.CDLL(library), names)
    return found


def _look_up(library: ctypes.CDLL, names: tuple[str, ...]) -> dict[str, int]:
    functions = {name: getattr(library, name, None) for name in names}
    pointers = {name: ctypes.cast(f, ctypes.c_void_p).value for name, f in functions.items() if f}
    return {name: address for name, address in pointers.items() if address}

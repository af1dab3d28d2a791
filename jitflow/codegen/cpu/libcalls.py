"""Functions that LLVM calls of its own accord, for intrinsics and for what a processor lacks.

Most come from the C library. The conversion of f64 to f16 belongs to the compiler's run-time
library, which a process need not have loaded: it is written here.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools

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

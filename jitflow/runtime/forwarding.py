"""Machine code that hands calls to another object and asks again after some of them.

It is there before any code generator is: a decorated function that is left to Python costs little
more than the function itself. The code is `SOURCE`, as LLVM translates it; it refers to nothing
but the object whose vectorcall it is (`native_type` has the words).
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import sys

from jitflow.core.platform import is_supported

SOURCE = """
define ptr @forward(ptr %self, ptr %args, i64 %nargsf, ptr %names) {
  %left.p = getelementptr i8, ptr %self, i64 40
  %left = load i64, ptr %left.p
  %next = sub i64 %left, 1
  store i64 %next, ptr %left.p
  %spent = icmp slt i64 %next, 0
  %target.p = getelementptr i8, ptr %self, i64 24
  %looker.p = getelementptr i8, ptr %self, i64 32
  %from = select i1 %spent, ptr %looker.p, ptr %target.p
  %target = load ptr, ptr %from
  %call.p = getelementptr i8, ptr %self, i64 48
  %call = load ptr, ptr %call.p
  %result = musttail call ptr %call(ptr %target, ptr %args, i64 %nargsf, ptr %names)
  ret ptr %result
}
"""
CODE = {
    "x86_64": "488b4728 4c8b4730 48ffc8 48894728 48c1e83f 488b7cc718 41ffe0",
    "aarch64": "099042a9 0a038052 0b048052 e80300aa 290500f1 6a418a9a 091500f9 00686af8 80001fd6",
}
"""By machines of Linux."""


@functools.cache
def address() -> int:
    """Of the code in memory; 0 where there is none."""
    if not (sys.platform == "linux" and is_supported()):
        return 0
    code = bytes.fromhex(CODE.get(os.uname().machine, ""))
    return _loaded(code) if code else 0


def _loaded(code: bytes) -> int:
    try:
        memory = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:
        return 0
    memory.write(code)
    first = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    _keep.append(memory)
    protect = ctypes.pythonapi.mprotect
    protect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    is_refused = protect(first, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC)
    return 0 if is_refused else first


_keep: list[mmap.mmap] = []

"""The thread pool: native threads that share the iterations of a kernel's outermost loop.

The threads never touch Python. They are started by the first job that is long enough, sleep when
there is none for some microseconds, and are forgotten by a child process, which starts its own.
A job is refused, and then runs where it is called, while another thread's job is under way.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from jitflow.codegen.cpu import rare
from jitflow.codegen.cpu.engine import Engine, engine, symbols_in, text_beside
from jitflow.codegen.cpu.target import Target
from jitflow.core.config import config
from jitflow.core.locks import compiler_lock

PARALLEL = "jf.parallel"
"""Its C signature: (function, context, extent, work, multiple, threads) -> i32; see threads.ll."""

GRAIN = 30_000
"""Nanoseconds of work that a part of a job has at least: a thread wakes up in a third of that."""

LEAST = 4
"""Parts from which on a job is divided."""

PARTS = 64
"""Parts for each thread, at most: one that takes longer than was thought holds up the others."""

SPINS = 1500
"""Turns of a loop, some 40 cycles each, for which a worker looks for a job before it sleeps."""

_FORGET = "jf.forget_threads"
_X86_FLAGS = """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
declare void @llvm.x86.sse2.pause()

define internal void @keep_control() {
  call void @llvm.x86.sse.stmxcsr(ptr @control)
  ret void
}

define internal void @take_control() {
  %mine = alloca i32
  %control = load i32, ptr @control
  %clear = and i32 %control, -64
  store i32 %clear, ptr %mine
  call void @llvm.x86.sse.ldmxcsr(ptr %mine)
  ret void
}

define internal void @give_flags() {
  %mine = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %mine)
  %control = load i32, ptr %mine
  %set = and i32 %control, 63
  %before = atomicrmw or ptr @flags, i32 %set seq_cst
  ret void
}

define internal void @raise() {
  %mine = alloca i32
  %flags = load i32, ptr @flags
  call void @llvm.x86.sse.stmxcsr(ptr %mine)
  %control = load i32, ptr %mine
  %all = or i32 %control, %flags
  store i32 %all, ptr %mine
  call void @llvm.x86.sse.ldmxcsr(ptr %mine)
  ret void
}
"""
_LIBM_FLAGS = """
declare i32 @feclearexcept(i32)
declare i32 @fetestexcept(i32)
declare i32 @feraiseexcept(i32)

define internal void @keep_control() {
  ret void
}

define internal void @take_control() {
  call i32 @feclearexcept(i32 31)
  ret void
}

define internal void @give_flags() {
  %set = call i32 @fetestexcept(i32 31)
  %before = atomicrmw or ptr @flags, i32 %set seq_cst
  ret void
}

define internal void @raise() {
  %flags = load i32, ptr @flags
  call i32 @feraiseexcept(i32 %flags)
  ret void
}
"""


def limit(target: Target) -> int:
    """Threads that a kernel compiled now may use: ``config().threads``, or those of `target`.

    1 where a system has no POSIX threads.
    """
    if sys.platform == "win32":
        return 1
    return config().threads or target.cores


def address() -> int:
    """Address of `PARALLEL`, compiled when it is first asked for."""
    global _pool
    if _pool is None:
        with compiler_lock:
            if _pool is None:
                _pool = _Pool(engine())
    return _pool.address


class _Pool:
    def __init__(self, the_engine: Engine) -> None:
        text = _text(the_engine.target)
        externals = {name: rare.c_function(name) for name in symbols_in(text).imports}
        self.library = the_engine.add(text, externals, 0, 1)
        self.library.detach()
        self.address = self.library.address(PARALLEL)
        self.forget = ctypes.CFUNCTYPE(None)(self.library.address(_FORGET))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)


def _text(target: Target) -> str:
    pause = "call void @llvm.x86.sse2.pause()" if target.is_x86 else "fence seq_cst"
    given = {
        "GRAIN": GRAIN, "LEAST": LEAST, "PARTS": PARTS, "SPINS": SPINS, "PAUSE": pause,
        "SET_MASK": int(getattr(signal, "SIG_SETMASK", 0)),
    }  # fmt: skip
    source = text_beside(__spec__, "threads.ll")
    for name, value in given.items():
        source = source.replace(f"${name}", str(value))
    return source + (_X86_FLAGS if target.is_x86 else _LIBM_FLAGS)


_pool: _Pool | None = None

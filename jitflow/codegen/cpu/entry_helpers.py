"""Helpers that native entries call, compiled when an entry first needs them and bound by address.

Their text is ``entry_helpers.ll`` and the access to the floating-point flags below. A program needs
few of them, so those that an entry lacks are compiled together, with what they call themselves.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from jitflow.codegen.cpu import object_layout
from jitflow.codegen.cpu.engine import Engine, Library, engine, symbols_in, text_beside
from jitflow.codegen.cpu.entry_spec import DIVIDE, INVALID, OVERFLOW, UNDERFLOW
from jitflow.core.locks import compiler_lock

_OBJECTS = {
    "PyTuple_Type": tuple,
    "PyList_Type": list,
    "PyDict_Type": dict,
    "PyLong_Type": int,
    "PyFloat_Type": float,
    "PyBool_Type": bool,
    "PyArray_Type": np.ndarray,
    "PyExc_Exception": Exception,
    "Py_True": True,
}
_LIBRARY = (
    "feclearexcept", "fetestexcept", "feraiseexcept", "log", "clock_gettime", "pthread_self",
)  # fmt: skip
_ARENA = ctypes.c_int64(0)  # the process's cached block of scratch memory
_MAIN_THREAD = ctypes.c_int64(threading.main_thread().ident or 0)
_POLL_PERIOD = 50_000_000  # nanoseconds between two looks for signals, where it takes the GIL
_SWITCH_PERIOD = 5_000_000  # and where it has the GIL, as in Python


def _note_main_thread() -> None:
    """The thread that forked is the first one of the child."""
    _MAIN_THREAD.value = threading.get_ident()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_main_thread)

_X86_BITS = 4, 8, 16, 1  # divide, overflow, underflow, invalid in MXCSR
_ARM_BITS = 2, 4, 8, 1  # the same in <fenv.h> of 64-bit ARM

_addresses: dict[str, int] = {}
_libraries: list[Library] = []  # for ever: every entry may refer to them


def provide(names: Iterable[str]) -> None:
    """Compile those helpers of `names` that are not there yet, in one go."""
    with compiler_lock:
        missing = [name for name in names if name not in _addresses]
        if not missing:
            return
        the_engine = engine()
        text = _text(the_engine, missing)
        # At level 2 a call gains 2 ns, and the first compilation of a process loses 25 ms.
        library = the_engine.add(text, _externals(text), level=0)
        _libraries.append(library)
        for name in missing:
            _addresses[name] = library.address(name)


def address(name: str) -> int:
    """Address of a helper."""
    provide([name])
    return _addresses[name]


def list_reader(kind: type) -> Callable[[list[Any], int, int], bool]:
    """What copies the numbers of a list to memory: of the list, its length and an address.

    `kind` is int or float. It gives False where an item is of another type, or too large.
    """
    name = "jf.floats_of_list" if kind is float else "jf.integers_of_list"
    kinds = ctypes.py_object, ctypes.c_int64, ctypes.c_void_p
    return ctypes.PYFUNCTYPE(ctypes.c_bool, *kinds)(address(name))


# C functions of CPython and of NumPy's array API

_NUMPY_SLOTS = {
    "PyArray_CopyInto": 50,
    "PyArray_Scalar": 60,
    "PyArray_NewCopy": 85,
    "PyArray_NewFromDescr": 94,
}


def python_function(name: str) -> int:
    """Address of a C function of CPython or of NumPy's array API."""
    if name in _NUMPY_SLOTS:
        return int(_array_api()[_NUMPY_SLOTS[name]])
    return c_address(getattr(ctypes.pythonapi, name))


def c_address(function: object) -> int:
    """Address of a function that `ctypes` has found."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


@functools.cache
def _array_api() -> Any:
    """NumPy's table of C functions."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(c_address(pointer))
    capsule = np._core._multiarray_umath._ARRAY_API  # type: ignore[attr-defined]
    return ctypes.cast(get(capsule, None), ctypes.POINTER(ctypes.c_void_p))


# Texts


def _externals(text: str) -> dict[str, int]:
    """Address of everything that helpers refer to."""
    found = {}
    for name in symbols_in(text).imports:
        if name in _OBJECTS:
            found[name] = id(_OBJECTS[name])
        elif name == "jf.arena":
            found[name] = ctypes.addressof(_ARENA)
        elif name == "jf.main_thread":
            found[name] = ctypes.addressof(_MAIN_THREAD)
        elif name in _LIBRARY:
            found[name] = c_address(getattr(ctypes.CDLL(None), name))
        else:
            found[name] = python_function(name)
    return found


def _text(the_engine: Engine, names: list[str]) -> str:
    """The text of `names` and of all that they refer to."""
    pieces = _pieces(the_engine.target.is_x86)
    needed = dict.fromkeys(names)
    todo = list(names)
    while todo:
        for word in pieces[todo.pop()].split("@")[1:]:
            name = _leading_name(word)
            if name not in needed:
                needed[name] = None
                todo.append(name)
    return "\n".join(pieces[name] for name in needed)


@functools.cache
def _pieces(is_x86: bool) -> dict[str, str]:
    """Each function, declaration and variable of the text, by name."""
    pieces: dict[str, str] = {}
    flags = _x86_flags() if is_x86 else _libm_flags(_ARM_BITS)
    name = ""  # of the function that the line is in
    for line in (_source() + flags).split("\n"):
        if name:
            pieces[name] += f"\n{line}"
        elif line.startswith(("define ", "declare ", "@")):
            name = _leading_name(line.partition("@")[2])
            pieces[name] = line
        if line == "}" or line.startswith(("declare ", "@")):
            name = ""
    return pieces


def _leading_name(text: str) -> str:
    end = 0
    while end < len(text) and (text[end].isalnum() or text[end] in "._$"):
        end += 1
    return text[:end]


def _source() -> str:
    source = text_beside(__spec__, "entry_helpers.ll")
    offsets = {name: value for name, value in vars(object_layout).items() if name.isupper()}
    offsets |= {"CLOCK": _clock(), "POLL_PERIOD": _POLL_PERIOD}
    offsets["SWITCH_PERIOD"] = _SWITCH_PERIOD
    for name in sorted(offsets, key=len, reverse=True):
        source = source.replace(f"${name}", str(offsets[name]))
    return source


def _clock() -> int:
    """A monotonic clock of the system; Linux has one that is a load from memory, every 4 ms."""
    coarse = 6  # CLOCK_MONOTONIC_COARSE, which Python does not name
    return coarse if sys.platform == "linux" else getattr(time, "CLOCK_MONOTONIC", 0)


# Floating-point flags


def _x86_flags() -> str:
    head = """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)

define void @jf.clear_flags() {
  %state.p = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %state.p)
  %state = load i32, ptr %state.p
  %set = and i32 %state, 29
  %is.clear = icmp eq i32 %set, 0
  br i1 %is.clear, label %done, label %clear
clear:
  %cleared = and i32 %state, -64
  store i32 %cleared, ptr %state.p
  call void @llvm.x86.sse.ldmxcsr(ptr %state.p)
  ret void
done:
  ret void
}

define i32 @jf.read_flags(i32 %wanted) {
  %state.p = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %state.p)
  %state = load i32, ptr %state.p
"""
    return f"{head}{_to_numpy_flags(_X86_BITS)}}}\n{_X86_HOLD}"


_X86_HOLD = """
define i32 @jf.hold_flags() {
  %state.p = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %state.p)
  %state = load i32, ptr %state.p
  call void @jf.clear_flags()
  ret i32 %state
}

define void @jf.resume_flags(i32 %held, i1 %keep) {
  %state.p = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %state.p)
  %state = load i32, ptr %state.p
  %own = and i32 %state, 63
  %kept = select i1 %keep, i32 %own, i32 0
  %joined = or i32 %held, %kept
  %same = icmp eq i32 %joined, %state
  br i1 %same, label %done, label %load
load:
  store i32 %joined, ptr %state.p
  call void @llvm.x86.sse.ldmxcsr(ptr %state.p)
  ret void
done:
  ret void
}
"""


def _libm_flags(bits: tuple[int, int, int, int]) -> str:
    head = f"""
declare i32 @feclearexcept(i32)
declare i32 @fetestexcept(i32)

define void @jf.clear_flags() {{
  %r = call i32 @feclearexcept(i32 {sum(bits)})
  ret void
}}

define i32 @jf.read_flags(i32 %wanted) {{
  %state = call i32 @fetestexcept(i32 {sum(bits)})
"""
    hold = f"""
declare i32 @feraiseexcept(i32)

define i32 @jf.hold_flags() {{
  %state = call i32 @fetestexcept(i32 {sum(bits)})
  call void @jf.clear_flags()
  ret i32 %state
}}

define void @jf.resume_flags(i32 %held, i1 %keep) {{
  br i1 %keep, label %raise, label %clear
clear:
  call void @jf.clear_flags()
  br label %raise
raise:
  %r = call i32 @feraiseexcept(i32 %held)
  ret void
}}
"""
    return f"{head}{_to_numpy_flags(bits)}}}\n{hold}"


def _to_numpy_flags(bits: tuple[int, int, int, int]) -> str:
    """Instructions that return ``%state`` in NumPy's numbering, masked with ``%wanted``."""
    lines, total = [], "0"
    for number, bit in zip((DIVIDE, OVERFLOW, UNDERFLOW, INVALID), bits, strict=True):
        lines += [
            f"  %bit{number} = and i32 %state, {bit}",
            f"  %is{number} = icmp ne i32 %bit{number}, 0",
            f"  %flag{number} = select i1 %is{number}, i32 {number}, i32 0",
            f"  %sum{number} = or i32 {total}, %flag{number}",
        ]
        total = f"%sum{number}"
    lines += [f"  %masked = and i32 {total}, %wanted", "  ret i32 %masked", ""]
    return "\n".join(lines)

"""Helpers that every native entry calls, compiled once per process and bound by address.

Their text is ``entry_helpers.ll`` and the access to the floating-point flags below. Also the table
from which keyword arguments and defaults are bound, and addresses of C functions.
"""

from __future__ import annotations

import ctypes
import functools
from importlib import resources
from string import Template
from typing import Any

import numpy as np

from jitflow.codegen.cpu import object_layout
from jitflow.codegen.cpu.engine import Engine, Library, engine
from jitflow.codegen.cpu.entry_spec import DIVIDE, INVALID, OVERFLOW, UNDERFLOW, Parameters

_CLASSES = {"PyTuple_Type": tuple, "PyList_Type": list, "PyDict_Type": dict, "PyLong_Type": int}
_USED = (
    "PyObject_Vectorcall",
    "PyDict_GetItemWithError",
    "PyErr_Clear",
    "PyErr_NoMemory",
    "PyFunction_GetDefaults",
    "PyFunction_GetKwDefaults",
    "PyLong_AsLongLongAndOverflow",
    "PyLong_FromLongLong",
    "PyMem_RawMalloc",
    "PyMem_RawFree",
    "Py_IncRef",
    "Py_DecRef",
)
_NUMPY_SLOTS = {"PyArray_Scalar": 60, "PyArray_NewCopy": 85, "PyArray_NewFromDescr": 94}
_ARENA = ctypes.c_int64(0)  # the process's cached block of scratch memory

_X86_BITS = 4, 8, 16, 1  # divide, overflow, underflow, invalid in MXCSR
_ARM_BITS = 2, 4, 8, 1  # the same in <fenv.h> of 64-bit ARM


class BindingTable:
    """What ``jf.bind`` reads: counts, then the name and the default of each parameter.

    Words: count, positional only, most positional, function, its defaults, its keyword defaults;
    then for each parameter its name and its default (0 for none).
    """

    def __init__(self, parameters: Parameters) -> None:
        function: Any = parameters.function
        defaults = (function.__defaults__ if function else None) or ()
        by_keyword = (function.__kwdefaults__ if function else None) or {}
        most_positional = parameters.count - parameters.keyword_only
        first = most_positional - len(defaults)
        by_name = dict(zip(parameters.names[first:most_positional], defaults, strict=True))
        by_name |= by_keyword
        self._keep = parameters, defaults, by_keyword, by_name
        words = [parameters.count, parameters.positional_only, most_positional]
        words += [id(item) if item else 0 for item in (function, defaults, by_keyword)]
        for name in parameters.names:
            words += [id(name), id(by_name[name]) if name in by_name else 0]
        self._words = (ctypes.c_int64 * len(words))(*words)

    @property
    def address(self) -> int:
        """Address of the first word."""
        return ctypes.addressof(self._words)


def c_function(name: str) -> int:
    """Address of a C function of CPython, of NumPy's array API, or of the helpers (``jf.*``)."""
    if name.startswith("jf."):
        return helpers().address(name)
    if name in _NUMPY_SLOTS:
        return int(_array_api()[_NUMPY_SLOTS[name]])
    return _address(getattr(ctypes.pythonapi, name))


@functools.cache
def helpers() -> Library:
    """The helpers, compiled when first needed."""
    the_engine = engine()
    externals = {name: c_function(name) for name in _USED}
    externals |= {symbol: id(cls) for symbol, cls in _CLASSES.items()}
    externals["jf.arena"] = ctypes.addressof(_ARENA)
    if not the_engine.target.is_x86:
        libm = ctypes.CDLL(None)
        externals |= {name: _address(getattr(libm, name)) for name in _FENV}
    # At level 2 a call gains 2 ns, and the first compilation of a process loses 25 ms.
    return the_engine.add(_text(the_engine), externals, level=0)


def _text(the_engine: Engine) -> str:
    source = resources.files(__package__).joinpath("entry_helpers.ll").read_text()
    offsets = {name: value for name, value in vars(object_layout).items() if name.isupper()}
    flags = _x86_flags() if the_engine.target.is_x86 else _libm_flags(_ARM_BITS)
    return Template(source).substitute(offsets) + flags


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@functools.cache
def _array_api() -> Any:
    """NumPy's table of C functions."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(_address(pointer))
    capsule = np._core._multiarray_umath._ARRAY_API  # type: ignore[attr-defined]
    return ctypes.cast(get(capsule, None), ctypes.POINTER(ctypes.c_void_p))


# Floating-point flags

_FENV = "feclearexcept", "fetestexcept"


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
    return f"{head}{_to_numpy_flags(_X86_BITS)}}}\n"


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
    return f"{head}{_to_numpy_flags(bits)}}}\n"


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

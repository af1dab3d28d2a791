"""LLVM, as the engine uses it: parse, optimise, emit, link.

llvmlite's Python layer declares some five hundred functions and imports a hundred modules, which
takes 20 to 30 ms; a compilation calls twenty. So the shared library that llvmlite ships is called
directly where its version is one whose interface is known, and through llvmlite (`llvm_binding`)
elsewhere. The interface is the same: the classes below.

Every module lives in an LLVM context of its own: memory does not grow with what was compiled, and
what a program does with llvmlite in other threads does not meet what happens here.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from ctypes import POINTER, byref, c_bool, c_char_p, c_int, c_size_t, c_uint8, c_uint64, c_void_p
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jitflow.codegen.cpu.llvm_binding import Binding

KNOWN_VERSIONS = ((0, 48), (0, 50))
"""First and last version of llvmlite whose library has the interface below."""

_LIBRARY_NAMES = {"linux": "libllvmlite.so", "darwin": "libllvmlite.dylib", "win32": "llvmlite.dll"}
_OBJECT_FILE = 2
_OUT = POINTER(c_char_p)


class _Part(ctypes.Structure):
    _fields_ = (("kind", c_uint8), ("bytes", c_char_p), ("size", c_size_t))


class _Symbol(ctypes.Structure):
    _fields_ = (("name", c_char_p), ("address", c_uint64))


_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "InitializeNativeTarget": (None, ()),
    "InitializeNativeAsmPrinter": (None, ()),
    "GetProcessTriple": (None, (_OUT,)),
    "GetHostCPUName": (None, (_OUT,)),
    "GetHostCPUFeatures": (c_int, (_OUT,)),
    "DisposeString": (None, (c_char_p,)),
    "ContextCreate": (c_void_p, ()),
    "ContextDispose": (None, (c_void_p,)),
    "ParseAssembly": (c_void_p, (c_void_p, c_char_p, _OUT)),
    "VerifyModule": (c_bool, (c_void_p, _OUT)),
    "DisposeModule": (None, (c_void_p,)),
    "GetTargetFromTriple": (c_void_p, (c_char_p, _OUT)),
    "CreateTargetMachine": (
        c_void_p,
        (c_void_p, *(c_char_p,) * 3, c_int, c_char_p, c_char_p, c_int, c_int, c_char_p),
    ),
    "TargetMachineEmitToMemory": (c_void_p, (c_void_p, c_void_p, c_int, _OUT)),
    "GetBufferStart": (c_void_p, (c_void_p,)),
    "GetBufferSize": (c_size_t, (c_void_p,)),
    "DisposeMemoryBuffer": (None, (c_void_p,)),
    "CreatePipelineTuningOptions": (c_void_p, ()),
    "PTOSetLoopVectorization": (None, (c_void_p, c_bool)),
    "PTOSetSLPVectorization": (None, (c_void_p, c_bool)),
    "DisposePipelineTuningOptions": (None, (c_void_p,)),
    "CreatePassBuilder": (c_void_p, (c_void_p, c_void_p)),
    "DisposePassBuilder": (None, (c_void_p,)),
    "buildPerModuleDefaultPipeline": (c_void_p, (c_void_p, c_int)),
    "RunNewModulePassManager": (None, (c_void_p, c_void_p, c_void_p)),
    "DisposeNewModulePassManger": (None, (c_void_p,)),  # spelt so
    "CreateLLJITCompiler": (c_void_p, (c_void_p, c_bool, c_bool, _OUT)),
    "LLJIT_Link": (
        c_void_p,
        (c_void_p, c_char_p, *(POINTER(_Part), c_size_t), *(POINTER(_Symbol), c_size_t) * 2, _OUT),
    ),
    "LLJIT_Dylib_Tracker_Dispose": (c_bool, (c_void_p, _OUT)),
}


class Llvm:
    """The shared library at `path`.

    Raises
    ------
    OSError, AttributeError
        It cannot be loaded, or lacks a function.
    """

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, f"LLVMPY_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """A function of the library."""

    def initialize(self) -> None:
        """Make the host's target known; any number of times."""
        self.InitializeNativeTarget()
        self.InitializeNativeAsmPrinter()

    def host(self) -> tuple[str, str, frozenset[str]]:
        """Triple, processor and features of this process's machine, as LLVM names them."""
        features = self.text(self.GetHostCPUFeatures).split(",")
        has = frozenset(feature[1:] for feature in features if feature.startswith("+"))
        return self.text(self.GetProcessTriple), self.text(self.GetHostCPUName), has

    def text(self, function: Any, *arguments: Any) -> str:
        """The string that `function` gives by its last argument."""
        out = c_char_p()
        function(*arguments, byref(out))
        return self.take(out)

    def take(self, out: c_char_p) -> str:
        """The text at `out`, which is freed; '' for none."""
        text = (out.value or b"").decode()
        if out:
            self.DisposeString(out)
        return text

    def call(self, function: Any, *arguments: Any) -> Any:
        """The pointer that `function` gives; RuntimeError with LLVM's message where it fails."""
        out = c_char_p()
        pointer = function(*arguments, byref(out))
        message = self.take(out)
        if not pointer:
            raise RuntimeError(message or "LLVM failed")
        return pointer

    def machine(self, triple: str, cpu: str, features: str, level: int) -> Machine:
        """A code generator of effort `level` for position-independent code."""
        return Machine(self, triple, cpu, features, level)

    def parse(self, text: str) -> Module:
        """A module from LLVM IR; RuntimeError where the text is wrong."""
        return Module(self, text)

    def jit(self, machine: Machine) -> Linker:
        """A linker into this process; it takes `machine` over."""
        return Linker(self, machine)


class Machine:
    """A code generator; it lives as long as the process."""

    def __init__(self, llvm: Llvm, triple: str, cpu: str, features: str, level: int) -> None:
        target = llvm.call(llvm.GetTargetFromTriple, triple.encode())
        how = cpu.encode(), features.encode(), level, b"pic", b"small", 0, 0, b""
        self.pointer = llvm.CreateTargetMachine(target, triple.encode(), *how)
        if not self.pointer:
            raise RuntimeError(f"LLVM cannot generate code for {triple} {cpu}")


class Module:
    """LLVM IR in memory with a context of its own, until it is closed."""

    def __init__(self, llvm: Llvm, text: str) -> None:
        self._llvm = llvm
        self._pointer = None
        self._context = llvm.ContextCreate()
        try:
            self._pointer = llvm.call(llvm.ParseAssembly, self._context, text.encode())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Free it; in a ``__del__``, an exception of a signal's handler would be lost."""
        pointer, self._pointer = self._pointer, None
        if pointer:
            self._llvm.DisposeModule(pointer)
        context, self._context = self._context, None
        if context:
            self._llvm.ContextDispose(context)

    def verify(self) -> None:
        """RuntimeError where the module breaks a rule of LLVM."""
        out = c_char_p()
        is_wrong = self._llvm.VerifyModule(self._pointer, byref(out))
        message = self._llvm.take(out)
        if is_wrong:
            raise RuntimeError(message)

    def optimise(self, machine: Machine, speed: int) -> None:
        """Run LLVM's default pipeline of level `speed`."""
        llvm = self._llvm
        options = llvm.CreatePipelineTuningOptions()
        llvm.PTOSetLoopVectorization(options, speed > 1)
        llvm.PTOSetSLPVectorization(options, speed > 1)
        builder = llvm.CreatePassBuilder(machine.pointer, options)
        passes = llvm.buildPerModuleDefaultPipeline(builder, speed)
        llvm.RunNewModulePassManager(passes, self._pointer, builder)
        llvm.DisposeNewModulePassManger(passes)
        llvm.DisposePassBuilder(builder)
        llvm.DisposePipelineTuningOptions(options)

    def object_code(self, machine: Machine) -> bytes:
        """The object file of this module."""
        return self._emit(machine, 1)

    def assembly(self, machine: Machine) -> str:
        """The machine code of this module in assembly language."""
        return self._emit(machine, 0).decode()

    def _emit(self, machine: Machine, kind: int) -> bytes:
        llvm = self._llvm
        function = llvm.TargetMachineEmitToMemory
        buffer = llvm.call(function, machine.pointer, self._pointer, kind)
        try:
            return ctypes.string_at(llvm.GetBufferStart(buffer), llvm.GetBufferSize(buffer))
        finally:
            llvm.DisposeMemoryBuffer(buffer)


class Linker:
    """Loads object files into this process."""

    def __init__(self, llvm: Llvm, machine: Machine) -> None:
        self._llvm = llvm
        self._pointer = llvm.call(llvm.CreateLLJITCompiler, machine.pointer, False, False)

    def link(
        self, name: str, images: Sequence[bytes], imports: Mapping[str, int], exports: Iterable[str]
    ) -> Tracker:
        """Load `images` as the library `name`; each name can be used once."""
        parts = (_Part * len(images))(*(_Part(_OBJECT_FILE, i, len(i)) for i in images))
        given = (_Symbol * len(imports))(*(_Symbol(n.encode(), a) for n, a in imports.items()))
        names = sorted(set(exports))
        wanted = (_Symbol * len(names))(*(_Symbol(name.encode(), 0) for name in names))
        tables = parts, len(parts), given, len(given), wanted, len(wanted)
        llvm = self._llvm
        pointer = llvm.call(llvm.LLJIT_Link, self._pointer, name.encode(), *tables)
        addresses = {name: symbol.address for name, symbol in zip(names, wanted, strict=True)}
        return Tracker(llvm, pointer, addresses)

    def detach(self) -> None:
        """Nothing to do: what is not freed explicitly stays."""


class Tracker:
    """A library in memory until it is closed."""

    def __init__(self, llvm: Llvm, pointer: Any, addresses: Mapping[str, int]) -> None:
        self._llvm, self._pointer, self.addresses = llvm, pointer, addresses

    def close(self) -> None:
        """Free the library; its code must not run any more."""
        pointer, self._pointer = self._pointer, None
        if pointer:
            out = c_char_p()
            self._llvm.LLJIT_Dylib_Tracker_Dispose(pointer, byref(out))
            self._llvm.take(out)

    def detach(self) -> None:
        """Leave the library in memory for ever."""
        self._pointer = None


@functools.cache
def llvm() -> Llvm | Binding:
    """LLVM for this process, with the host's target ready."""
    path = _library()
    made: Llvm | Binding
    try:
        made = Llvm(path) if path else _binding()
    except (OSError, AttributeError):
        made = _binding()
    made.initialize()
    return made


def _binding() -> Binding:
    from jitflow.codegen.cpu.llvm_binding import Binding

    return Binding()


def _library() -> str | None:
    """The shared library of llvmlite, if its version is known."""
    found = importlib.util.find_spec("llvmlite")
    for place in (found.submodule_search_locations or ()) if found else ():
        library = os.path.join(place, "binding", _LIBRARY_NAMES.get(sys.platform, ""))
        first, last = KNOWN_VERSIONS
        if first <= _version(place) <= last and os.path.isfile(library):
            return library
    return None


def _version(place: str) -> tuple[int, ...]:
    """Version of the llvmlite in a directory; () where it is not found."""
    try:
        with open(os.path.join(place, "_version.py")) as file:
            text = file.read()
    except OSError:
        return ()
    number = text.partition("version_version = '")[2].partition("'")[0]
    major_minor = number.split(".")[:2]
    return tuple(map(int, major_minor)) if all(map(str.isdecimal, major_minor)) else ()

"""The engine: LLVM IR text in, machine code in this process out.

One linker per process, made when first asked for. Text holds no addresses: what the
process provides (C functions, Python objects) is declared in the text and bound by name when the
object code is loaded, so object code can be kept on disk.

Code-generation level 0 is for scalar code alone: LLVM's fast instruction selection aborts the
process on AVX-512 masks.
"""

from __future__ import annotations

import atexit
import itertools
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from importlib.machinery import ModuleSpec
from typing import Any, NamedTuple

from jitflow.codegen.cpu import libcalls
from jitflow.codegen.cpu.llvm import llvm
from jitflow.codegen.cpu.target import Target, host
from jitflow.core.config import config
from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.locks import compiler_lock
from jitflow.core.weak import Living

_GROUP = "#900"

KEPT_BYTES = 4 << 20
"""Object code that is kept for the next equal text."""


@dataclass(frozen=True)
class ObjectCode:
    """Compiled text that is not loaded yet.

    Attributes
    ----------
    image : bytes
        An object file.
    exports, imports : tuple of str
        Symbols that the text defines for others, and those that it declares.
    milliseconds : dict
        Time of each step: ``parse``, ``optimise``, ``codegen``.
    """

    image: bytes
    exports: tuple[str, ...]
    imports: tuple[str, ...]
    milliseconds: dict[str, float] = field(default_factory=dict, compare=False)


def text_beside(module: ModuleSpec, name: str) -> str:
    """A file of LLVM IR in the folder of a module, from an archive too."""
    loader: Any = module.loader
    path = os.path.join(os.path.dirname(str(module.origin)), name)
    return str(loader.get_data(path).decode())


class Symbols(NamedTuple):
    """What a text defines for others, and what it declares."""

    exports: tuple[str, ...]
    imports: tuple[str, ...]


def symbols_in(text: str) -> Symbols:
    """The symbols of LLVM IR; its functions and variables start at the head of a line."""
    exports, imports = [], []
    for line in text.split("\n"):
        if line.startswith("define "):
            if not line.startswith(("define internal ", "define private ")):
                exports.append(line.partition("@")[2].partition("(")[0])
        elif line.startswith("declare "):
            name = line.partition("@")[2].partition("(")[0]
            if not name.startswith("llvm."):
                imports.append(name)
        elif line.startswith("@") and " = external " in line:
            imports.append(line[1:].partition(" ")[0])
    return Symbols(tuple(exports), tuple(imports))


def _with_group(line: str) -> str:
    """The head of a function with the group of its attributes, which metadata may follow."""
    if not line.startswith("define ") or not line.endswith(" {"):
        return line
    place = line.find(" !", line.rfind(")"))
    place = len(line) - 2 if place < 0 else place
    return f"{line[:place]} {_GROUP}{line[place:]}"


class Library:
    """Machine code in memory; the engine frees it some time after this object died.

    Attributes
    ----------
    milliseconds : dict
        Time of each step: ``parse``, ``optimise``, ``codegen``, ``link``.
    """

    def __init__(self, tracker: Any, milliseconds: dict[str, float]) -> None:
        self._tracker, self.milliseconds = tracker, milliseconds

    def address(self, symbol: str) -> int:
        """Address of a function that the text defines; KeyError if it defines none such."""
        return int(self._tracker.addresses[symbol])

    def detach(self) -> None:
        """Leave the code in memory for ever: other threads may run it while Python ends."""
        self._tracker.detach()


class Engine:
    """A compiler and linker for one target; safe to use from many threads and across fork.

    Parameters
    ----------
    target : Target
        Processor to generate code for; it must be able to run here for `load` to make sense.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._llvm = llvm()
        self._lock = compiler_lock
        self._machines: dict[int, Any] = {}
        self._made: dict[tuple[str, int, int, bool], ObjectCode] = {}
        self._made_bytes = 0
        self._names = itertools.count()
        self._truncate: Library | None = None
        self._libraries: Living[Library, Any] = Living()  # their trackers remain
        self._jit = self._llvm.jit(self._create_machine(1))
        atexit.register(self._detach)

    def add(
        self, text: str, externals: Mapping[str, int], optimise: int = 0, level: int = 2
    ) -> Library:
        """Compile `text` and load it.

        Parameters
        ----------
        text : str
            LLVM IR without target lines.
        externals : mapping
            Address of every symbol that the text declares and does not define.
        optimise : int
            0: no pass runs; 1 to 3: LLVM's default pipeline of that level.
        level : int
            Effort of code generation: 0 (scalar code alone), 1 or 2.
        """
        return self.load([self.compile(text, optimise, level)], externals)

    def compile(self, text: str, optimise: int = 0, level: int = 2) -> ObjectCode:
        """Compile `text` to position-independent object code; equal text only once."""
        key = text, optimise, level, config().verify_ir
        with self._lock:
            milliseconds: dict[str, float] = {}
            made = self._made.pop(key, None)
            if made is None:
                made, milliseconds = self._compile(text, optimise, level)
                self._made_bytes += len(text) + len(made.image)
            self._made[key] = made
            while self._made_bytes > KEPT_BYTES and len(self._made) > 1:  # the oldest goes
                oldest = next(iter(self._made))
                self._made_bytes -= len(oldest[0]) + len(self._made.pop(oldest).image)
        return replace(made, milliseconds=milliseconds)

    def _compile(self, text: str, optimise: int, level: int) -> tuple[ObjectCode, dict[str, float]]:
        image, milliseconds = self._emit(text, optimise, level)
        symbols = symbols_in(text)
        return ObjectCode(image, symbols.exports, symbols.imports), milliseconds

    def _emit(self, text: str, optimise: int, level: int) -> tuple[bytes, dict[str, float]]:
        """Object code and the time of each step; LLVM's objects are freed under the lock."""
        milliseconds: dict[str, float] = {}
        with _timed(milliseconds, "parse"):
            parsed = self._llvm.parse(self._with_attributes(text))
        with closing(parsed) as module:
            if config().verify_ir:
                module.verify()
            machine = self._machine(level)
            if optimise:
                with _timed(milliseconds, "optimise"):
                    module.optimise(machine, optimise)
            with _timed(milliseconds, "codegen"):
                image = module.object_code(machine)
        return image, milliseconds

    def load(self, objects: Sequence[ObjectCode], externals: Mapping[str, int]) -> Library:
        """Link `objects` with each other and with `externals` into this process.

        Raises
        ------
        LookupError
            A symbol is declared that neither `objects` nor `externals` have.
        """
        exports = [symbol for code in objects for symbol in code.exports]
        imports = {symbol for code in objects for symbol in code.imports}
        bound = {**self._libcalls(objects), **externals}
        missing = imports - bound.keys() - set(exports)
        if missing:
            raise LookupError(f"not provided: {', '.join(sorted(missing))}")
        milliseconds: dict[str, float] = {}
        for code in objects:
            for step, spent in code.milliseconds.items():
                milliseconds[step] = milliseconds.get(step, 0.0) + spent
        images = [code.image for code in objects]
        with self._lock, _timed(milliseconds, "link"):
            self._free()
            name = f"library{next(self._names)}"
            tracker = self._jit.link(name, images, bound, exports)
        library = Library(tracker, milliseconds)
        self._libraries.add(library, tracker)
        return library

    def _free(self) -> None:
        """Unload what nobody can call any more; the caller holds the lock."""
        for tracker in self._libraries.gone():
            tracker.close()

    def _libcalls(self, objects: Sequence[ObjectCode]) -> dict[str, int]:
        """Functions that LLVM calls of its own accord and `objects` mention."""
        found = libcalls.addresses()
        used = {
            name: address
            for name, address in found.items()
            if any(name.encode() in code.image for code in objects)
        }
        name = libcalls.TRUNCATE
        if any(name.encode() in code.image and name not in code.exports for code in objects):
            with self._lock:
                if self._truncate is None:
                    self._truncate = self.add(libcalls.TRUNCATE_TEXT, {})
            used[name] = self._truncate.address(name)
        return used

    def assembly(self, text: str, optimise: int = 0, level: int = 2) -> str:
        """The machine code of `text` in assembly language, for reports."""
        with self._lock:
            machine = self._machine(level)
            with closing(self._llvm.parse(self._with_attributes(text))) as module:
                if optimise:
                    module.optimise(machine, optimise)
                return str(module.assembly(machine))

    def _with_attributes(self, text: str) -> str:
        attributes = ["nounwind"]
        if self.target.vector_bits >= 512:
            attributes.append('"prefer-vector-width"="512"')
        marked = "\n".join(_with_group(line) for line in text.split("\n"))
        triple = f'target triple = "{self.target.triple}"\n'
        return f"{triple}{marked}\nattributes {_GROUP} = {{ {' '.join(attributes)} }}\n"

    def _machine(self, level: int) -> Any:
        machine = self._machines.get(level)
        if machine is None:
            machine = self._machines[level] = self._create_machine(level)
        return machine

    def _create_machine(self, level: int) -> Any:
        target = self.target
        return self._llvm.machine(target.triple, target.cpu, target.feature_string, level)

    def _detach(self) -> None:
        for library in self._libraries.objects():
            library.detach()
        for tracker in self._libraries.gone():
            tracker.detach()
        self._jit.detach()


_engine: Engine | None = None


def engine() -> Engine:
    """The engine of this process, for the processor of this machine."""
    global _engine
    if _engine is None:
        with compiler_lock:
            if _engine is None:
                libcalls.keep_freed_memory()
                _engine = Engine(host())
    return _engine


@contextmanager
def _timed(milliseconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        milliseconds[step] = (time.perf_counter() - start) * 1e3

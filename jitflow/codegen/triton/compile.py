"""From Triton source to a cubin (for AMD an hsaco) and all that a launch needs; no GPU takes part.

The one module that imports Triton, and only where an artifact is not on disk. Nothing of Triton's
own launcher is used: the parameter list is derived from the PTX and checked against the arguments.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import linecache
import re
import time
import types
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from typing import Any

from jitflow.codegen.artifacts import Artifact, digest, store
from jitflow.codegen.triton import listings
from jitflow.codegen.triton.cubin import Resources, resources
from jitflow.codegen.triton.interface import ALIGNMENT, GeneratedKernel
from jitflow.core.config import config
from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.errors import Unsupported
from jitflow.core.locks import compiler_lock

_FORMAT = "3"
"""Part of every key; another number makes all artifacts before it unknown."""

LEAST_VERSION = (3, 6)
_WARP, _AMD_WARP = 32, 64
_MOST_HIDDEN = 2
"""Pointers that Triton appends to the parameters: global scratch memory, profiling memory."""

SIZES = {
    "i1": 1, "i8": 1, "u8": 1, "i16": 2, "u16": 2, "fp16": 2, "bf16": 2, "i32": 4, "u32": 4,
    "fp32": 4, "i64": 8, "u64": 8, "fp64": 8,
}  # fmt: skip
"""Bytes of a parameter by its type; pointers have 8."""


@dataclass(frozen=True)
class KernelBinary:
    """A kernel for one compute capability.

    Attributes
    ----------
    name : str
        Of the function in the image.
    image : bytes
        The cubin, or the hsaco.
    types : tuple of str
        Types of the arguments, constexprs left out: ``*fp32``, ``i32``, ``fp64``.
    hidden : int
        How many pointers follow the arguments; they are null.
    threads : int
        Of a block.
    shared : int
        Bytes of dynamic shared memory.
    registers, frame : int
        Of a thread: registers, and bytes in memory, where spilled ones go.
    origin : str
        Where this process has it from, for the report.
    """

    name: str
    image: bytes
    types: tuple[str, ...]
    hidden: int
    threads: int
    shared: int = 0
    registers: int = 0
    frame: int = 0
    origin: str = field(default="", compare=False)


_KEPT = ("name", "types", "hidden", "threads", "shared", "registers", "frame")
_UNUSED = {
    "num_ctas": 1,
    "global_scratch_size": 0,
    "profile_scratch_size": 0,
    "launch_cooperative_grid": False,
    "launch_pdl": False,
}
"""Properties of a kernel that would need more of the launch, and the values that do not."""


@dataclass(frozen=True)
class Request:
    """A kernel to compile: which of its variants, and for what.

    Attributes
    ----------
    wide : bool
        With 64-bit indices.
    aligned : bool
        For pointers that are all multiples of `ALIGNMENT`, and integers where that matters.
    capability : int or str
        Of the device: 90 for 9.0; an architecture of AMD's by its name, ``gfx942``.
    """

    kernel: GeneratedKernel
    wide: bool
    aligned: bool
    capability: int | str

    def target(self) -> tuple[str, int | str, int]:
        """Triton's back end, its word for the device, threads of a warp."""
        if isinstance(self.capability, str):
            return "hip", self.capability, _AMD_WARP
        return "cuda", self.capability, _WARP

    def signature(self) -> dict[str, str]:
        """Every parameter and its type."""
        return self.kernel.signature(self.wide)

    def types(self) -> tuple[str, ...]:
        """Types of what is passed."""
        return tuple(type for type in self.signature().values() if type != "constexpr")

    def divisibility(self) -> dict[tuple[int], list[list[Any]]]:
        """What `ASTSource` is told about addresses."""
        if not self.aligned:
            return {}
        return {(at,): [["tt.divisibility", ALIGNMENT]] for at in self.kernel.divisible()}

    def key(self, version: str) -> str:
        """The digest of everything that the artifact depends on."""
        kernel = self.kernel
        about = {
            "name": kernel.name,
            "signature": list(self.signature().items()),
            "constexprs": list(kernel.constexprs(self.wide).items()),
            "divisibility": [list(at) for at in self.divisibility()],
            "options": kernel.options.as_dict(),
            "target": list(self.target()),
            "triton": version,
        }
        return digest(_FORMAT, kernel.source, json.dumps(about, sort_keys=True))


@functools.cache
def triton_version() -> str:
    """The installed version of Triton; it is not imported.

    Raises
    ------
    Unsupported
        JF-B022 where there is none, or one too old.
    """
    try:
        version = metadata.version("triton")
    except metadata.PackageNotFoundError:
        raise Unsupported("JF-B022", "Triton is not installed") from None
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < LEAST_VERSION:
        raise Unsupported("JF-B022", f"Triton {version} is too old")
    return version


def compile_kernel(request: Request) -> KernelBinary:
    """The binary of a kernel, from the disk where it is known.

    Raises
    ------
    Unsupported
        JF-B022 without Triton; JF-B023 where the kernel does not compile.
    """
    key = request.key(triton_version())
    with compiler_lock:
        found = _known.get(key)
        if found is None:
            loaded = _load(key, request)
            found = loaded if isinstance(loaded, KernelBinary) else _make(key, request, loaded)
            _known[key] = found
    return found


def compile_all(
    requests: Sequence[Request], threads: int, is_late: Callable[[], bool] = lambda: False
) -> list[KernelBinary | None]:
    """Binaries of many kernels, those that are not on the disk in a pool of threads.

    None for a kernel that does not compile, and for those not begun when `is_late` says so.
    """
    version = triton_version()

    def find(request: Request) -> KernelBinary | None:
        key = request.key(version)
        found = _known.get(key)
        if found is None and not is_late():
            loaded = _load(key, request)
            try:
                found = loaded if isinstance(loaded, KernelBinary) else _make(key, request, loaded)
            except Unsupported:
                return None
            _known[key] = found
        return found

    with compiler_lock:
        importlib.import_module("triton.compiler")  # once, before the threads ask for it
        with ThreadPoolExecutor(max(1, threads)) as pool:
            return list(pool.map(find, requests))


_known: dict[str, KernelBinary] = {}


def forget() -> None:
    """Forget what this process has compiled or loaded; artifacts on disk stay."""
    _known.clear()


def _load(key: str, request: Request) -> KernelBinary | str:
    """The binary on disk, or why there is none that can be used."""
    if not config().disk_cache:
        return ""
    artifact = store().look_up(key)
    if isinstance(artifact, str):
        return artifact
    if artifact.about.keys() != set(_KEPT):
        return "it is the artifact of another version"
    fields = {**artifact.about, "types": tuple(artifact.about["types"])}
    if fields["types"] != request.types():
        return "it has other parameters"
    return KernelBinary(image=artifact.code, origin="from the disk", **fields)


def _make(key: str, request: Request, ignored: str) -> KernelBinary:
    """Compile a kernel and keep it; `ignored`: why what lies on the disk is not used."""
    start = time.perf_counter()
    try:
        binary = _compile(request)
    except Unsupported:
        raise
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        detail = f"{request.kernel.name}: {type(error).__name__}: {first}"
        raise Unsupported("JF-B023", detail) from error
    origin = f"compiled in {1e3 * (time.perf_counter() - start):.0f} ms"
    if config().disk_cache:
        about = {name: getattr(binary, name) for name in _KEPT}
        store().save(key, Artifact({**about, "types": list(binary.types)}, binary.image))
    return replace(binary, origin=origin + f" (on the disk: {ignored})" * bool(ignored))


def _compile(request: Request) -> KernelBinary:
    triton = importlib.import_module("triton")
    compiler = importlib.import_module("triton.compiler")
    backend = importlib.import_module("triton.backends.compiler")
    kernel = request.kernel
    source = compiler.ASTSource(
        fn=load_function(kernel.source, kernel.name),
        signature=request.signature(),
        constexprs=kernel.constexprs(request.wide),
        attrs=request.divisibility(),
    )
    target = backend.GPUTarget(*request.target())
    compiled = triton.compile(source, target=target, options=kernel.options.as_dict())
    return _describe(compiled, request)


def _describe(compiled: Any, request: Request) -> KernelBinary:
    """The binary, after its own parameter list was compared with what will be passed."""
    about, types = compiled.metadata, request.types()
    sizes, image, found = _read(compiled, request)
    hidden = len(sizes) - len(types)
    if not 0 <= hidden <= _MOST_HIDDEN or any(size != 8 for size in sizes[len(types) :]):
        raise Unsupported("JF-B023", f"unknown parameters: {sizes} for {types}")
    for type, size in zip(types, sizes, strict=False):
        if size != (8 if type.startswith("*") else SIZES[type]):
            raise Unsupported("JF-B023", f"a parameter of type {type} has {size} bytes")
    for name, expected in _UNUSED.items():
        if getattr(about, name, expected) != expected:
            raise Unsupported("JF-B023", f"{name} is {getattr(about, name)}")
    return KernelBinary(
        name=compiled.name,
        image=image,
        types=types,
        hidden=hidden,
        threads=request.target()[2] * about.num_warps,
        shared=about.shared,
        registers=found.registers,
        frame=found.frame,
    )


def _read(compiled: Any, request: Request) -> tuple[list[int], bytes, Resources]:
    """Sizes of the parameters, the image, and what a thread takes."""
    if request.target()[0] == "hip":
        text = compiled.asm["amdgcn"]
        return listings.amd_sizes(text), bytes(compiled.asm["hsaco"]), listings.amd_resources(text)
    image = bytes(compiled.asm["cubin"])
    return listings.ptx_sizes(compiled.asm["ptx"]), image, resources(image)


def load_function(source: str, name: str) -> Any:
    """The function `name` of a module whose text is `source`, known to `inspect`.

    Triton reads a kernel's text by its file name: the line cache has it, no file is written.
    """
    tag = hashlib.sha256(source.encode()).hexdigest()[:16]
    filename = f"<jitflow kernel {tag}>"
    lines = source.splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)
    module = types.ModuleType(f"jitflow_kernel_{tag}")
    module.__file__ = filename
    exec(compile(source, filename, "exec"), module.__dict__)
    return module.__dict__[name]

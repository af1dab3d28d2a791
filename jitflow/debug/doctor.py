"""``python -m jitflow doctor``: what this machine can do, and what would make it do more.

Every check stands alone and never raises: a broken installation is what it is there to describe.
"""

from __future__ import annotations

import importlib
import json
import os
import platform as host_platform
import re
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

import numpy as np

from jitflow.codegen.artifacts import Store, cache_folder
from jitflow.core import platform
from jitflow.core.config import config
from jitflow.core.dataclass import dataclass
from jitflow.runtime.device import machine

GPU_PACKAGES = {
    "Triton": (("triton",), (3, 6), "pip install 'triton>=3.6'"),
    "CuPy": (
        ("cupy-cuda13x", "cupy-cuda12x", "cupy"),
        (14, 0),
        "pip install cupy-cuda13x (cupy-cuda12x for a driver older than CUDA 13)",
    ),
}
"""Package: names of its distributions, oldest version that is supported, how to get it."""

LEAST_CAPABILITY = 80
_LEAST_CUDA = 12_000
_WORDS = {"ok": "ok", "missing": "missing", "problem": "PROBLEM"}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's.

    Attributes
    ----------
    name : str
    status : str
        ``ok``; ``missing``: something optional is not there; ``problem``: something is wrong.
    detail : str
        What was found.
    remedy : str
        What to do about it; empty where all is well.
    needed : bool
        Whether compiling for the CPU depends on it.
    """

    name: str
    status: str
    detail: str
    remedy: str = ""
    needed: bool = False


Check = Callable[[], Iterator[Finding]]


def examine() -> list[Finding]:
    """Run every check."""
    found: list[Finding] = []
    for name, check, needed in _CHECKS:
        try:
            found += check()
        except Exception as error:
            detail = f"the check itself failed: {type(error).__name__}: {error}"
            found.append(Finding(name, "problem", detail, "please report this", needed))
    return found


def is_healthy(findings: list[Finding]) -> bool:
    """Whether functions can be compiled for the CPU here."""
    return not any(finding.needed and finding.status != "ok" for finding in findings)


def as_text(findings: list[Finding]) -> str:
    """One line for each finding, the remedy below it."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{_WORDS[finding.status]:>8}  {finding.name:<{width}}  {finding.detail}")
        if finding.remedy:
            lines.append(f"{'':>10}{'':<{width}}  try: {finding.remedy}")
    return "\n".join(lines)


def as_json(findings: list[Finding]) -> str:
    """The same as data."""
    keys = ("name", "status", "detail", "remedy", "needed")
    rows = [{key: getattr(finding, key) for key in keys} for finding in findings]
    return json.dumps({"healthy": is_healthy(findings), "findings": rows}, indent=2)


def main(arguments: list[str]) -> int:
    """Print what was found; 0 where the CPU can be compiled for."""
    findings = examine()
    print(as_json(findings) if "--json" in arguments else as_text(findings))
    return 0 if is_healthy(findings) else 1


# What jitflow cannot do without


def _python() -> Iterator[Finding]:
    detail = f"{host_platform.python_implementation()} {sys.version.split()[0]}"
    detail += f", {host_platform.system()} {host_platform.machine()}"
    if platform.is_supported():
        yield Finding("Python", "ok", detail, needed=True)
    else:
        first, last = (".".join(map(str, v)) for v in (platform.VERSIONS[0], platform.VERSIONS[-1]))
        remedy = f"run 64-bit CPython {first} to {last} with the GIL; here functions run eagerly"
        yield Finding("Python", "problem", detail, remedy, needed=True)


def _numpy() -> Iterator[Finding]:
    if _numbers(np.__version__) >= (2, 0):
        yield Finding("NumPy", "ok", np.__version__, needed=True)
    else:
        yield Finding("NumPy", "problem", np.__version__, "pip install 'numpy>=2'", needed=True)


def _llvm() -> Iterator[Finding]:
    remedy = "pip install 'llvmlite>=0.45'"
    version = _version_of("llvmlite")
    if version is None:
        yield Finding("llvmlite", "missing", "not installed", remedy, needed=True)
        return
    if _numbers(version) < (0, 45):
        yield Finding("llvmlite", "problem", version, remedy, needed=True)
        return
    target = importlib.import_module("jitflow.codegen.cpu.target").host()
    yield Finding("llvmlite", "ok", f"{version}, target {target.triple}", needed=True)
    shown = [f for f in ("avx2", "avx512f", "fma", "f16c", "neon", "sve") if f in target.features]
    detail = f"{target.cpu}: {' '.join(shown) or 'no vector extension that is used'}"
    detail += f"; vectors of {target.vector_bits} bits, {target.cores} cores"
    detail += f", caches {target.l1_bytes >> 10} and {target.l2_bytes >> 10} KiB"
    yield Finding("processor", "ok", detail)


def _blas() -> Iterator[Finding]:
    module = importlib.import_module("jitflow.codegen.cpu.blas")
    found = module.blas()
    if found is None:
        detail = "none was found in NumPy; large products are left to numpy.matmul"
        yield Finding("BLAS", "missing", detail, "install NumPy's own wheel: pip install numpy")
        return
    before, after = found.decoration
    threads = module.blas_threads()
    detail = f"NumPy's own, {before}*{after}, {found.integer_bits}-bit integers"
    yield Finding("BLAS", "ok", detail + (f", {threads} threads" if threads else ""))


def _entry() -> Iterator[Finding]:
    if not config().native_entry:
        remedy = "unset JITFLOW_NATIVE_ENTRY"
        yield Finding("native entry", "problem", "switched off by JITFLOW_NATIVE_ENTRY", remedy)
        return
    if not importlib.import_module("jitflow.runtime.native").is_available():
        detail = "objects of this Python or NumPy are laid out in a way that is not known"
        yield Finding(
            "native entry",
            "problem",
            f"{detail}; calls go through Python and cost microseconds more",
            "use a released version of CPython and NumPy, or report the versions above",
        )
        return
    yield Finding("native entry", "ok", "object layouts pass the self-check")


def _sample(a: Any, b: Any) -> Any:
    return np.maximum(a * b + 1, 0).sum()


def _compiles() -> Iterator[Finding]:
    api = importlib.import_module("jitflow.api")

    x = np.linspace(-2, 2, 1000)
    compiled = api.compile(_sample)
    expected = _sample(x, x)
    results = [compiled(x, x) for _ in range(3)]
    if not np.allclose(results, expected, rtol=1e-12, atol=0):
        yield Finding("a small function", "problem", f"{results} for {expected}", "report this")
        return
    if not compiled.native_address:
        detail = "gives the right result, but not by native code"
        yield Finding("a small function", "problem", detail, "see the lines above, or report this")
        return
    yield Finding("a small function", "ok", "compiled, right, native", needed=True)


# What the GPU back end needs


def _gpu() -> Iterator[Finding]:
    found = machine.probe()
    if not found.has_library:
        yield Finding("GPU driver", "missing", found.problem, "install the NVIDIA driver")
        return
    if found.problem:
        remedy = "run nvidia-smi; in a container, pass the devices in"
        yield Finding("GPU driver", "problem", found.problem, remedy)
        return
    version = f"CUDA {found.version // 1000}.{found.version % 1000 // 10}"
    if found.version < _LEAST_CUDA:
        yield Finding("GPU driver", "problem", version, "install a driver for CUDA 12 or newer")
    else:
        yield Finding("GPU driver", "ok", version)
    for index, device in enumerate(found.devices):
        capability = f"{device.capability // 10}.{device.capability % 10}"
        detail = f"{device.name}, capability {capability}, {device.memory / 2**30:.0f} GiB"
        detail += f", {device.multiprocessors} multiprocessors"
        if device.capability < LEAST_CAPABILITY:
            remedy = "capability 8.0 or newer is supported; arrays there are computed by CuPy"
            yield Finding(f"GPU {index}", "problem", detail, remedy)
        else:
            yield Finding(f"GPU {index}", "ok", detail)


def _packages() -> Iterator[Finding]:
    for name, (distributions, least, remedy) in GPU_PACKAGES.items():
        version = next(filter(None, map(_version_of, distributions)), None)
        if version is None:
            yield Finding(name, "missing", "not installed (needed for a GPU only)", remedy)
        elif _numbers(version) < least:
            wanted = ".".join(map(str, least))
            yield Finding(name, "problem", f"{version}; {wanted} or newer is needed", remedy)
        else:
            yield Finding(name, "ok", version)


def _compiles_for_gpu() -> Iterator[Finding]:
    """A small function on the GPU itself, where there is one and the packages for it."""
    name, found = "a small function on the GPU", machine.probe()
    packages = [item for item in _packages() if item.status != "ok"]
    if (
        found.problem
        or packages
        or not any(device.capability >= LEAST_CAPABILITY for device in found.devices)
    ):
        return
    api = importlib.import_module("jitflow.api")
    compiled = api.compile(_sample)
    x = np.linspace(-2, 2, 1000)
    try:
        given = api.to_device(x, "cuda")
        results = api.to_device([compiled(given, given) for _ in range(2)], "cpu")
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        remedy = (
            "python -c 'import cupy; print(cupy.ones(3).sum())' says more; report it if that works"
        )
        yield Finding(name, "problem", f"{type(error).__name__}: {first}", remedy)
        return
    if not np.allclose(results, _sample(x, x), rtol=1e-12, atol=0):
        yield Finding(name, "problem", f"{results} for {_sample(x, x)}", "report this")
    elif not compiled.report().pieces:
        text = "; ".join(str(compiled.report()).splitlines()[1:3]).strip()
        remedy = "see the reason above, or report it"
        yield Finding(name, "problem", f"right, but run by CuPy: {text}", remedy)
    else:
        yield Finding(name, "ok", "compiled, right")


def _cache() -> Iterator[Finding]:
    folder = cache_folder()
    if not config().disk_cache:
        yield Finding("cache folder", "problem", "switched off", "unset JITFLOW_DISK_CACHE")
        return
    kept = Store(folder)
    refusal = kept.refusal()
    parent = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if refusal:
        remedy = f"chmod 700 {folder}, or name another folder in JITFLOW_CACHE_DIR"
        yield Finding("cache folder", "problem", refusal, remedy)
    elif not os.access(parent, os.W_OK | os.X_OK):
        remedy = "name a folder of yours in JITFLOW_CACHE_DIR"
        yield Finding("cache folder", "problem", f"{parent} cannot be written", remedy)
    else:
        count, size = kept.usage()
        yield Finding("cache folder", "ok", f"{folder}: {count} artifacts, {size / 2**20:.1f} MiB")


_CHECKS: tuple[tuple[str, Check, bool], ...] = (
    ("Python", _python, True),
    ("NumPy", _numpy, True),
    ("llvmlite", _llvm, True),
    ("BLAS", _blas, False),
    ("native entry", _entry, False),
    ("a small function", _compiles, True),
    ("GPU driver", _gpu, False),
    ("packages for the GPU", _packages, False),
    ("a small function on the GPU", _compiles_for_gpu, False),
    ("cache folder", _cache, False),
)
"""Name, check, and whether compiling for the CPU depends on it."""


def _version_of(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))

"""The processor that native code is made for: name, features, vector width, cache sizes.

LLVM is asked once per process; nothing here loads it before `host` is called.
"""

from __future__ import annotations

import functools
import math
import os
import sys

from jitflow.codegen.cpu.llvm import llvm
from jitflow.core.dataclass import dataclass

_CGROUPS = "/sys/fs/cgroup"
_MOST_CACHES = 8
_DEFAULT_L1, _DEFAULT_L2 = 32 * 1024, 512 * 1024
_AVX512 = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"})


@dataclass(frozen=True)
class Target:
    """A processor, as code generation sees it.

    Attributes
    ----------
    triple : str
        LLVM target triple.
    cpu : str
        LLVM's name of the processor.
    features : frozenset of str
        LLVM's names of the features that it has.
    vector_bits : int
        Widest vector register worth using.
    has_fma, has_f16c : bool
        Fused multiply-add; conversion between f16 and f32 in hardware.
    has_masks : bool
        Masked loads and stores cost what plain ones do.
    l1_bytes, l2_bytes : int
        Data caches of one core.
    cores : int
        Processors that this process may run on.
    """

    triple: str
    cpu: str
    features: frozenset[str]
    vector_bits: int
    has_fma: bool
    has_f16c: bool
    has_masks: bool
    l1_bytes: int
    l2_bytes: int
    cores: int

    @property
    def is_x86(self) -> bool:
        """Whether this is a 64-bit x86 processor."""
        return self.triple.startswith("x86_64")

    @property
    def feature_string(self) -> str:
        """Features in LLVM's form: ``+avx2,+fma``."""
        return ",".join(f"+{name}" for name in sorted(self.features))

    def lanes(self, bits: int) -> int:
        """Elements of `bits` bits in a vector register."""
        return max(1, self.vector_bits // bits)


@functools.cache
def host() -> Target:
    """The processor of this machine."""
    return describe(*llvm().host())


def describe(triple: str, cpu: str, features: frozenset[str]) -> Target:
    """A target with what follows from its features; caches and cores are this machine's."""
    is_arm = triple.startswith(("aarch64", "arm64"))
    has_avx512 = features >= _AVX512
    return Target(
        triple=triple,
        cpu=cpu,
        features=features,
        vector_bits=512 if has_avx512 else 256 if "avx2" in features else 128,
        has_fma=is_arm or "fma" in features,
        has_f16c=is_arm or "f16c" in features,
        has_masks=has_avx512,
        l1_bytes=_cache_bytes(1) or _DEFAULT_L1,
        l2_bytes=_cache_bytes(2) or _DEFAULT_L2,
        cores=_cores(),
    )


def _cores() -> int:
    """Processors that the process may use; in a container no more than its quota gives time of."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0)) or 1
    else:
        count = os.cpu_count() or 1
    return min(count, _quota(_CGROUPS) or count) if sys.platform == "linux" else count


def _quota(root: str) -> int:
    """Processors that the control group at `root` gives time of, 0 where it does not say.

    A container sees its own group there (Linux, Documentation/admin-guide/cgroup-v2.rst and
    cgroup-v1, "CFS bandwidth control").
    """
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            words = [word for name in names for word in _words_of(f"{root}/{name}")]
            quota, period = map(float, words)
        except (OSError, ValueError):  # there is no such file, or no limit ("max")
            continue
        if quota > 0 and period > 0:
            return math.ceil(quota / period)
    return 0


def _words_of(path: str) -> list[str]:
    with open(path) as file:
        return file.read().split()


def _cache_bytes(level: int) -> int:
    """Size of the data or unified cache of `level`, 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    for index in range(_MOST_CACHES):
        try:
            if int(_about_cache(index, "level")) != level:
                continue
            if _about_cache(index, "type") == "Instruction":
                continue
            size = _about_cache(index, "size")
        except (OSError, ValueError):
            continue
        factor = {"K": 1024, "M": 1024**2}.get(size[-1:], 1)
        digits = size.rstrip("KM")
        return int(digits) * factor if digits.isdigit() else 0
    return 0


def _about_cache(index: int, what: str) -> str:
    """What Linux says about a cache of the first processor."""
    with open(f"/sys/devices/system/cpu/cpu0/cache/index{index}/{what}") as file:
        return file.read().strip()

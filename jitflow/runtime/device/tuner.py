"""The tuner: which blocks, warps and stages suit a kernel on this device, by running them.

Candidates are compiled in threads and dropped before any run if they want more shared memory or
registers than there are, or spill registers where others do not. Those left run on copies of what
the first call works on, as many as no cache holds; choices are kept on the disk.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jitflow.codegen.artifacts import Artifact, digest, store
from jitflow.codegen.commands import CallKernel
from jitflow.codegen.triton.candidates import other_options
from jitflow.codegen.triton.compile import KernelBinary
from jitflow.codegen.triton.interface import FAILED, GeneratedKernel
from jitflow.core.config import config
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.errors import Unsupported
from jitflow.runtime.device.calls import KernelCall, KernelVariants
from jitflow.runtime.device.driver import DriverError
from jitflow.runtime.device.interface import Device, DeviceOutOfMemory

if TYPE_CHECKING:
    from jitflow.runtime.device.run import Run

_FORMAT = "tuned 1"
_MOST_CANDIDATES = 20
_REGISTERS = 65536  # of a multiprocessor, which the threads of a block share
_ROTATION = 256 << 20  # bytes of copies: more than any cache holds
_MOST_COPIES = 8
_BATCH_MS, _BATCHES = 2.0, 3
_HOPELESS = 1.5
"""Times the best time in the first run, from which on a candidate is not measured."""


@dataclass(frozen=True)
class Choice:
    """What was chosen for a kernel, and how, for the report."""

    kernel: GeneratedKernel
    how: str


class Tuner:
    """Tunes the kernels of one program while its first call runs.

    Parameters
    ----------
    device : Device
    count : int
        Kernels of the program; they share the time there is.

    Attributes
    ----------
    choices : dict
        Of each kernel that was seen, by its number.
    """

    def __init__(self, device: Device, count: int) -> None:
        self._device, self._left = device, count
        self._deadline: float | None = None
        self.choices: dict[int, Choice] = {}

    def tune(self, command: CallKernel, kernel: GeneratedKernel, run: Run) -> None:
        """Choose for the kernel of a call that `run` is about to make; `run` is not changed."""
        now = time.perf_counter()
        if self._deadline is None:
            self._deadline = now + config().tune_seconds
        share = max(self._deadline - now, 0.0) / max(self._left, 1)
        self._left -= 1
        try:
            self.choices[command.kernel] = self._choose(command, kernel, run, now + share)
        except (DeviceOutOfMemory, DriverError, Unsupported) as error:
            self.choices[command.kernel] = Choice(kernel, f"not tuned: {error}")

    def _choose(
        self, command: CallKernel, kernel: GeneratedKernel, run: Run, deadline: float
    ) -> Choice:
        found = candidates_of(kernel)
        if len(found) == 1:
            return Choice(kernel, "not tuned: there is one way")
        key = self._key(found, command, run)
        known = _known_choice(key, found)
        if known is not None:
            return Choice(known, "tuned before")
        ready = self._compiled(found, deadline)
        trials = _Trials(self._device, command, run)
        times: dict[int, float] = {}
        progress = Progress(f"tuning {kernel.name}", len(ready))
        for number in ready:
            if times and time.perf_counter() > deadline:
                break
            best = min(times.values(), default=float("inf"))
            times[number] = trials.measure(found[number], best)
            progress.step(min(times.values()))
        progress.close()
        if not times:
            return Choice(kernel, "not tuned: no candidate compiles")
        best_one = min(times, key=lambda number: times[number])
        _keep_choice(key, found[best_one], times[best_one])
        how = f"tuned: {times[best_one] * 1e3:.1f} us, best of {len(times)} of {len(found)}"
        return Choice(found[best_one], how)

    def _key(self, found: list[GeneratedKernel], command: CallKernel, run: Run) -> str:
        sizes = KernelCall(command, KernelVariants(found[0], self._device)).sizes(run)
        return digest(_FORMAT, self._device.about, repr(sizes), *map(_name_of, found))

    def _compiled(self, found: list[GeneratedKernel], deadline: float) -> list[int]:
        """Numbers of the candidates that may run, the usual one first."""
        start = time.perf_counter()
        half = start + (deadline - start) / 2
        threads = max(1, (os.cpu_count() or 1) - 1)
        late = [False]  # the first is always compiled

        def is_late() -> bool:
            was, late[0] = late[0], time.perf_counter() > half
            return was

        made = self._device.compile_all(found, threads, is_late)
        return prune(made, self._device.most_shared)


def candidates_of(kernel: GeneratedKernel) -> list[GeneratedKernel]:
    """The kernel, and what may stand for it."""
    made = kernel.alternatives() if kernel.alternatives is not None else other_options(kernel)
    passed = _passed(kernel)
    fitting = [other for other in made if _passed(other) == passed]
    same = [replace(other, stores=kernel.stores) for other in fitting]
    return [kernel, *same[: _MOST_CANDIDATES - 1]]


def _passed(kernel: GeneratedKernel) -> list[tuple[str, str]]:
    return [(p.name, p.kind) for p in kernel.parameters if p.kind in ("pointer", "scalar")]


def prune(made: list[KernelBinary | None], most_shared: int) -> list[int]:
    """Numbers of the binaries that fit a multiprocessor; those that spill if all do."""
    fitting = [
        (number, binary)
        for number, binary in enumerate(made)
        if binary is not None
        and binary.shared <= most_shared
        and binary.threads * binary.registers <= _REGISTERS
    ]
    clean = [number for number, binary in fitting if not binary.frame]
    return clean or [number for number, _ in fitting]


class _Trials:
    """Runs of candidates on copies of a call's memory."""

    def __init__(self, device: Device, command: CallKernel, run: Run) -> None:
        self._device, self._command = device, command
        storages = {pointer.storage for pointer in command.pointers} - run.numbers.keys()
        used: dict[str, tuple[int, int]] = {}
        for name in sorted(storages | (run.addresses.keys() & {FAILED})):
            span = run.span(name)
            if span is None:
                raise Unsupported("JF-B022", f"the size of {name} is not known")
            used[name] = span
        size = sum(count for _, count in used.values())
        copies = max(1, min(_MOST_COPIES, _ROTATION // max(size, 1)))
        self._runs = [self._copied(run, used)]
        while len(self._runs) < copies:
            try:
                self._runs.append(self._copied(run, used))
            except DeviceOutOfMemory:
                break

    def _copied(self, run: Run, used: dict[str, tuple[int, int]]) -> Run:
        addresses, keep = dict(run.addresses), {}
        for name, (start, size) in used.items():
            shift = start % 256  # an address is aligned as it was
            place, keep[name] = self._device.allocate(size + shift)
            self._device.copy(place + shift, start, size)
            addresses[name] += place + shift - start
        return replace(run, addresses=addresses, keep=keep, tuner=None)

    def measure(self, kernel: GeneratedKernel, best: float) -> float:
        """Milliseconds of a launch; of the first run alone if it is far from `best`."""
        call = KernelCall(self._command, KernelVariants(kernel, self._device))
        call(self._runs[0])
        once = self._device.elapsed(lambda: call(self._runs[-1]))
        if once > _HOPELESS * best and once > 10 * best:
            return once
        count = max(len(self._runs), min(200, int(_BATCH_MS / max(once, 1e-3))))
        first = self._batch(call, count)
        if first > _HOPELESS * best:
            return first
        return statistics.median([first, *(self._batch(call, count) for _ in range(_BATCHES - 1))])

    def _batch(self, call: KernelCall, count: int) -> float:
        runs = self._runs

        def batch() -> None:
            for number in range(count):
                call(runs[number % len(runs)])

        return self._device.elapsed(batch) / count


def _name_of(kernel: GeneratedKernel) -> str:
    return f"{kernel.options} {kernel.constexprs(False)} {digest(kernel.source)}"


def _known_choice(key: str, found: list[GeneratedKernel]) -> GeneratedKernel | None:
    if not config().disk_cache:
        return None
    artifact = store().load(key)
    name = artifact.about.get("chosen") if artifact else None
    return next((kernel for kernel in found if digest(_name_of(kernel)) == name), None)


def _keep_choice(key: str, kernel: GeneratedKernel, milliseconds: float) -> None:
    if config().disk_cache:
        about: dict[str, Any] = {"chosen": digest(_name_of(kernel)), "ms": milliseconds}
        store().save(key, Artifact(about, b""))


class Progress:
    """A bar on a terminal's standard error; nothing elsewhere."""

    _WIDTH = 24

    def __init__(self, title: str, total: int, write: Callable[[str], Any] | None = None) -> None:
        self._title, self._total, self._done = title, total, 0
        is_shown = write is None and sys.stderr is not None and sys.stderr.isatty()
        self._write = sys.stderr.write if is_shown else write

    def step(self, best: float) -> None:
        """One more is done; `best`: milliseconds of the best so far."""
        self._done += 1
        if self._write:
            filled = self._WIDTH * self._done // max(self._total, 1)
            bar = "#" * filled + "." * (self._WIDTH - filled)
            count = f"{self._done}/{self._total}"
            self._write(f"\r{self._title} [{bar}] {count}, best {best * 1e3:.1f} us ")

    def close(self) -> None:
        """End the line."""
        if self._write and self._done:
            self._write("\n")

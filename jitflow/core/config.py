"""Settings: one frozen dataclass, read from the environment, overridden by a context manager."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


def _flag(name: str, default: bool) -> Any:
    return field(default_factory=lambda: os.environ.get(name, str(int(default))) not in ("0", ""))


def _number(name: str, default: int) -> Any:
    return field(default_factory=lambda: int(os.environ.get(name, default)))


def _count(name: str) -> int:
    """A positive number; 0 where the variable is not set, or something else (``OMP`` lists)."""
    text = os.environ.get(name, "").partition(",")[0].strip()
    return int(text) if text.isdigit() else 0


@dataclass(frozen=True)
class Config:
    """Every setting of the compiler; each field may be set by ``JITFLOW_<NAME>``.

    Attributes
    ----------
    strict : bool
        Raise internal errors instead of running eagerly.
    verify_ir : bool
        Run the IR verifier after every pass.
    logs : tuple of str
        Kinds of messages written to standard error: ``breaks``, ``recompiles``, ``guards``,
        ``graphs``, ``kernels``.
    max_variants : int
        Variants of one compile point before the next one is generic.
    max_unroll : int
        Iterations of a Python loop that are unrolled into one piece.
    max_unrolled_size : int
        Instructions that unrolling a loop over a range may make, inner loops estimated.
    capture_loops : bool
        Keep loops, and branches on data, as regions of the graph.
    max_nodes : int
        Nodes of one piece before it is ended.
    max_compile_seconds : int
        Seconds of compilation, in many pieces of one function, after which no more are made.
    max_poor_pieces : int
        Consecutive pieces that do too little before Python runs on to the next loop.
    native_entry : bool
        Use the native entry where its self-check passes.
    threads : int
        Threads that one call may use for long work; 0: as many as the process has processors, or
        ``OMP_NUM_THREADS``.
    measure : bool
        Time calls that Python takes part in, compiled and eager, and stay with the faster way.
    cache_dir : str
        Folder of compiled artifacts; empty: ``jitflow`` in the user's cache folder.
    disk_cache : bool
        Keep compiled artifacts on disk.
    tune_seconds : int
        Seconds in which the kernels of a piece are tuned with ``mode="max-autotune"``.
    trace_everything : bool
        Trace functions that have nothing to do with arrays too, and run what comes of it: for
        testing the tracer on programs that were not made for it.
    """

    strict: bool = _flag("JITFLOW_STRICT", False)
    verify_ir: bool = _flag("JITFLOW_VERIFY_IR", False)
    logs: tuple[str, ...] = field(
        default_factory=lambda: tuple(filter(None, os.environ.get("JITFLOW_LOGS", "").split(",")))
    )
    max_variants: int = _number("JITFLOW_MAX_VARIANTS", 8)
    max_unroll: int = _number("JITFLOW_MAX_UNROLL", 64)
    max_unrolled_size: int = _number("JITFLOW_MAX_UNROLLED_SIZE", 1500)
    capture_loops: bool = _flag("JITFLOW_CAPTURE_LOOPS", True)
    max_nodes: int = _number("JITFLOW_MAX_NODES", 20_000)
    max_compile_seconds: int = _number("JITFLOW_MAX_COMPILE_SECONDS", 10)
    max_poor_pieces: int = _number("JITFLOW_MAX_POOR_PIECES", 2)
    native_entry: bool = _flag("JITFLOW_NATIVE_ENTRY", True)
    threads: int = field(
        default_factory=lambda: _count("JITFLOW_THREADS") or _count("OMP_NUM_THREADS")
    )
    measure: bool = _flag("JITFLOW_MEASURE", True)
    cache_dir: str = field(default_factory=lambda: os.environ.get("JITFLOW_CACHE_DIR", ""))
    disk_cache: bool = _flag("JITFLOW_DISK_CACHE", True)
    tune_seconds: int = _number("JITFLOW_TUNE_SECONDS", 30)
    trace_everything: bool = _flag("JITFLOW_TRACE_EVERYTHING", False)

    @contextmanager
    def override(self, **changes: Any) -> Iterator[Config]:
        """Change fields within a ``with`` block: ``with config().override(strict=True): ...``."""
        global _current
        before = _current
        _current = dataclasses.replace(before, **changes)
        try:
            yield _current
        finally:
            _current = before


_current = Config()


def config() -> Config:
    """The settings in force."""
    return _current

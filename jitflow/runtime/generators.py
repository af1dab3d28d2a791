"""The state of generators of random numbers, saved before a piece draws from them.

Where a check fails later, Python runs the piece again, and must draw the same numbers. The usual
bit generators keep their state in a few bytes that are copied; whether they do is tried once for
each class. Any other state is asked for, and set, as programs do it.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from jitflow.ops.draws import (
    STATE,
    bit_generator,
    is_older_known,
    keeps_state_there,
    older_state,
    state_in_memory,
)
from jitflow.runtime.marks import FAILED
from jitflow.tracer.random_types import is_python_generator

Restore = Callable[[], None]

_POINTER = ctypes.sizeof(ctypes.c_void_p)
_KEPT = 16  # bytes: whether a RandomState keeps a normal number, and the number
_SIZES = {"MT19937": (2500, 0), "PCG64": (16, 32), "PCG64DXSM": (16, 32)}
"""Bytes of the state, and of what its first word points to."""


def save(generators: tuple[Any, ...], are_whole: tuple[bool, ...]) -> list[Restore]:
    """What puts each generator back to the state that it has now.

    Where `are_whole` says so, with the normal number that one of the older kind keeps.
    """
    return [_saved(*row) for row in zip(generators, are_whole, strict=True)]


def undo(saved: list[Restore]) -> Any:
    """Put the generators back, the last one first: two may share one state. Gives `FAILED`."""
    for restore in reversed(saved):
        restore()
    return FAILED


class Held:
    """Keeps other threads from drawing from generators while native code does."""

    def __init__(self, generators: tuple[Any, ...]) -> None:
        own = [item for item in generators if not is_python_generator(item)]  # the GIL is theirs
        locks = {id(bits.lock): bits.lock for bits in map(bit_generator, own)}
        self._locks = [locks[key] for key in sorted(locks)]  # in one order, for all threads

    def __enter__(self) -> None:
        for lock in self._locks:
            lock.acquire()
        _here.held.append(self._locks)

    def __exit__(self, *error: object) -> None:
        for lock in _here.held.pop():
            lock.release()


class _Here(threading.local):
    """The locks that pieces of this thread hold; none where one called Python."""

    def __init__(self) -> None:
        self.held: list[list[Any]] = []


_here = _Here()


def unlocked(run: Callable[..., Any]) -> Callable[..., Any]:
    """`run` as native code calls it: with the locks free that it would wait for.

    NumPy's generators have locks that a thread can take twice from 2.4 on.
    """
    if "numpy.random" not in sys.modules or _locks_nest():
        return run

    def call(*operands: Any) -> Any:
        held = _here.held[-1] if _here.held else []
        for lock in held:
            lock.release()
        _here.held.append([])
        try:
            return run(*operands)
        finally:
            _here.held.pop()
            for lock in held:
                lock.acquire()

    return call


@functools.cache
def _locks_nest() -> bool:
    return isinstance(np.random.PCG64(0).lock, type(threading.RLock()))


def _saved(generator: Any, is_whole: bool) -> Restore:
    if is_python_generator(generator):
        return _saved_of_python(generator)
    bits = bit_generator(generator)
    if is_whole and not is_older_known():
        return functools.partial(generator.set_state, generator.get_state(legacy=False))
    kind: Any = type(bits)
    copied = _is_copied(kind)
    restore = _copied(bits) if copied else functools.partial(setattr, bits, "state", bits.state)
    if not is_whole:
        return restore
    place = older_state(generator) + _POINTER
    kept = ctypes.string_at(place, _KEPT)

    def restore_both() -> None:
        restore()
        ctypes.memmove(place, kept, _KEPT)

    return restore_both


def _saved_of_python(generator: Any) -> Restore:
    """The state of a generator of the standard library, and the normal number that it keeps."""
    kind: Any = type(generator)
    if not keeps_state_there(kind):
        return functools.partial(generator.setstate, generator.getstate())
    contents, kept = state_in_memory(generator), generator.gauss_next

    def restore() -> None:
        ctypes.memmove(id(generator) + STATE, contents, len(contents))
        generator.gauss_next = kept

    return restore


def _copied(bits: Any) -> Restore:
    """The bytes of the state."""
    size, pointed = _SIZES[type(bits).__name__]
    address = bits.ctypes.state_address
    with bits.lock:
        parts = [(address, ctypes.string_at(address, size))]
        if pointed:
            inner = int.from_bytes(parts[0][1][:_POINTER], "little")
            parts.append((inner, ctypes.string_at(inner, pointed)))

    def restore() -> None:
        with bits.lock:
            for place, contents in parts:
                ctypes.memmove(place, contents, len(contents))

    return restore


@functools.cache
def _is_copied(kind: type) -> bool:
    """Whether the state of this class is what `_copied` takes it to be: it is tried."""
    if kind.__module__.partition(".")[0] != "numpy" or kind.__name__ not in _SIZES:
        return False
    bits = kind(0)
    draw = np.random.Generator(bits)
    draw.integers(2**31, dtype=np.uint32)  # half of a word is kept
    before = repr(bits.state)
    restore = _copied(bits)
    draw.random(700)
    restore()
    return repr(bits.state) == before

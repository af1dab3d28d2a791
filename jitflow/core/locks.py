"""Locks that survive fork: a child never waits for a thread that it does not have."""

from __future__ import annotations

import os
import threading
from types import TracebackType

from jitflow.core.weak import Living

_locks: Living[ForkSafeLock, None] = Living()


class ForkSafeLock:
    """A re-entrant lock that is free in a child process, whoever held it in the parent.

    What it guards must be consistent between any two statements: the child sees it as it was when
    the process forked.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self, None)

    def acquire(self) -> None:
        """Wait until no other thread has it."""
        self._lock.acquire()

    def release(self) -> None:
        """Let another thread have it."""
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    def renew(self) -> None:
        """Forget who holds it."""
        self._lock = threading.RLock()


def _renew_all() -> None:
    for lock in _locks.objects():
        lock.renew()


compiler_lock = ForkSafeLock()
"""Held while anything is traced, compiled, linked, or imported for that; never during a fork.

A child that inherited a half-imported module, or LLVM in the middle of its work, could not go on.
"""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=compiler_lock.acquire,
        after_in_parent=compiler_lock.release,
        after_in_child=_renew_all,
    )

"""The stance: what calls of compiled functions may do at the moment, for the whole process."""

from __future__ import annotations

from types import TracebackType
from typing import Literal

Stance = Literal["default", "eager", "fail_on_recompile", "fail_on_break"]
STANCES: tuple[Stance, ...] = ("default", "eager", "fail_on_recompile", "fail_on_break")

_current: Stance = "default"


def stance() -> Stance:
    """The stance in force."""
    return _current


class set_stance:  # noqa: N801 - a function that also works in a ``with`` statement
    """Set the stance; as a context manager, set it for a block.

    Parameters
    ----------
    stance : {"default", "eager", "fail_on_recompile", "fail_on_break"}
        ``eager`` runs every compiled function as ordinary Python.

    Raises
    ------
    ValueError
        If there is no such stance.
    """

    def __init__(self, stance: Stance) -> None:
        global _current
        if stance not in STANCES:
            raise ValueError(f"stance must be one of {', '.join(STANCES)}, not {stance!r}")
        self._before = _current
        _current = stance
        _notify()

    def __enter__(self) -> set_stance:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        global _current
        _current = self._before
        _notify()


_watchers: list[object] = []


def watch(callback: object) -> None:
    """Call ``callback()`` whenever the stance changes."""
    _watchers.append(callback)


def _notify() -> None:
    for callback in _watchers:
        callback()  # type: ignore[operator]

"""Keeps jitflow's own frames out of the user's tracebacks."""

from __future__ import annotations

from types import FrameType, TracebackType


def hide_frames(error: BaseException) -> None:
    """Take jitflow's own leading entries out of the traceback; a bare ``raise`` must follow.

    CPython adds a frame's entry when an exception enters it and not when a handler passes the
    exception on, so a function that does this in its outermost handler leaves no trace.
    """
    entry: TracebackType | None = error.__traceback__
    while entry is not None and _is_ours(entry.tb_frame):
        entry = entry.tb_next
    error.__traceback__ = entry


def _is_ours(frame: FrameType) -> bool:
    module: object = frame.f_globals.get("__name__")
    if type(module) is str and module.startswith("jitflow.runtime"):
        return True
    return frame.f_code.co_filename.startswith("<jitflow ")

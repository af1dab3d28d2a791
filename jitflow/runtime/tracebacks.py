"""Keeps jitflow's own frames out of the user's tracebacks, and out of ``stacklevel``.

`warnings` and `logging` walk up the stack to the line of a caller. Both pass over the frames of
the import system, which they know by file names that have two words in them (CPython,
Python/_warnings.c, is_internal_frame). The functions that stand between a program's frames get
such file names, too: what runs as Python then warns at the lines of eager Python.
"""

from __future__ import annotations

from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any, TypeVar

F = TypeVar("F")

UNSEEN = " <importlib._bootstrap>"
"""Behind the file name: not in angle brackets as a whole, so tracebacks still find the text."""


def hide_frames(error: BaseException) -> None:
    """Take jitflow's own leading entries out of the traceback; a bare ``raise`` must follow.

    CPython adds a frame's entry when an exception enters it and not when a handler passes the
    exception on, so a function that does this in its outermost handler leaves no trace.
    """
    entry: TracebackType | None = error.__traceback__
    while entry is not None and _is_ours(entry.tb_frame):
        entry = entry.tb_next
    error.__traceback__ = entry


def without_innermost(error: BaseException) -> None:
    """Take the frame that raised out of the traceback, where it is not the only one."""
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        if entry.tb_next.tb_next is None:
            entry.tb_next = None
            return
        entry = entry.tb_next


def _is_ours(frame: FrameType) -> bool:
    module: object = frame.f_globals.get("__name__")
    if type(module) is str and module.startswith("jitflow.runtime"):
        return True
    return frame.f_code.co_filename.startswith("<jitflow ")


def unseen(function: F) -> F:
    """`function`, which programs run under, so that no stack level counts its frame."""
    made: Any = function
    assert type(made) is FunctionType
    made.__code__ = _marked(made.__code__)
    return function


def _marked(code: CodeType) -> CodeType:
    constants = tuple(_marked(item) if type(item) is CodeType else item for item in code.co_consts)
    return code.replace(co_filename=code.co_filename + UNSEEN, co_consts=constants)

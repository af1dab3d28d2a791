"""Errors of jitflow, and the one internal signal by which a stage declines work."""

from __future__ import annotations

from typing import Any

from jitflow.core.breaks import BREAKS
from jitflow.core.location import UNKNOWN, Location


class JitflowError(Exception):
    """Base of every error that jitflow itself raises."""


class GraphBreak(JitflowError):
    """A graph break under ``fullgraph=True`` or the stance ``fail_on_break``.

    The message has the break's code and title, the source line with carets, why it happened and
    what to try.
    """

    def __init__(self, code: str, detail: str = "", location: Location = UNKNOWN) -> None:
        self.code, self.detail, self.location = code, detail, location
        super().__init__(describe_break(code, detail, location))


class RecompileError(JitflowError):
    """A recompile under the stance ``fail_on_recompile``."""


class VerifyError(JitflowError):
    """``verify=True`` found a difference between the eager and the compiled result."""


class InvalidGraph(JitflowError):
    """The verifier refused a graph, or the parser refused its text.

    `line` is the line of the text where known, `node` the node at fault.
    """

    def __init__(self, message: str, *, line: int | None = None, node: Any = None) -> None:
        self.line, self.node = line, node
        super().__init__(message if line is None else f"line {line}: {message}")


class CheckFailed(Exception):
    """Internal: a run-time check of a piece did not hold; the piece runs again eagerly."""


class Unsupported(Exception):
    """Internal: the tracer or code generation declines something; becomes a break.

    Parameters
    ----------
    code : str
        A code of `core.breaks.BREAKS`.
    detail : str
        What exactly, in the user's names.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code}: {detail}")


def describe_break(code: str, detail: str, location: Location) -> str:
    """The text of a break: one format for reports, logs and ``fullgraph=True``."""
    row = BREAKS[code]
    title = f"{row.title}: {detail}" if detail else row.title
    where = f"  {location} in {location.function}" if location.function else f"  {location}"
    lines = [f"{code}: {title}", where]
    excerpt = location.excerpt()
    if excerpt:
        lines += [f"  {line}" for line in excerpt.split("\n")]
    return "\n".join([*lines, f"  why: {row.why}", f"  try: {row.remedy}"])


def forget_frames(error: BaseException) -> None:
    """Let go of the frames that `error`, and what led to it, were raised through.

    They hold the values of a trace and the arguments of the call, and often the error itself: a
    cycle that only the garbage collector would find.
    """
    left: list[BaseException | None] = [error]
    while left:
        found = left.pop()
        if found is not None:
            left += [found.__cause__, found.__context__, getattr(found, "cause", None)]
            found.__traceback__ = found.__cause__ = found.__context__ = None

"""Where in the user's source a thing came from."""

from __future__ import annotations

import linecache

from jitflow.core.dataclass import dataclass


@dataclass(frozen=True)
class Location:
    """A range of source text: 1-based lines, 0-based columns as CPython gives them.

    `column` and `end_column` are byte offsets and may be None where the code object has none.
    `quiet` marks arithmetic on Python numbers, which gives no floating-point warnings. `operation`
    is the operator that NumPy's warnings name, where a rewrite rule put another in its place.
    """

    filename: str
    line: int
    function: str = ""
    end_line: int | None = None
    column: int | None = None
    end_column: int | None = None
    quiet: bool = False
    operation: str = ""

    def __str__(self) -> str:
        return f"{self.filename.rsplit('/', 1)[-1]}:{self.line}"

    def source_line(self) -> str:
        """The text of the line, or '' where the source is not at hand."""
        return linecache.getline(self.filename, self.line).rstrip("\n")

    def excerpt(self) -> str:
        """The line with its number and carets under the range; '' without source."""
        text = self.source_line()
        if not text.strip():
            return ""
        number = f"{self.line:>6} | "
        if self.column is None or self.end_column is None:
            return number + text
        end = self.end_column if self.end_line in (None, self.line) else len(text.encode())
        before = len(text.encode()[: self.column].decode(errors="replace"))
        width = max(1, len(text.encode()[self.column : end].decode(errors="replace")))
        return f"{number}{text}\n{' ' * (len(number) - 2)}| {' ' * before}{'^' * width}"


UNKNOWN = Location("<unknown>", 0)

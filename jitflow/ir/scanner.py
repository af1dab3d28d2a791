"""Tokens of the text of the IR."""

from __future__ import annotations

import re

from jitflow.core.dataclass import dataclass
from jitflow.core.errors import InvalidGraph

# Longest first where one begins like another; a comment runs from a hash to the end of its line.
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\#[^\n]*)
      | (?P<newline>\n)
      | (?P<value>%[\w.]+)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<place>@(?:"(?:[^"\\\n]|\\.)*"|[^\s"(){},]+))
      | (?P<arrow>->)
      | (?P<atom>[-+\w.*]+)
      | (?P<mark>[(){}\[\],:=])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """A piece of the text: its kind, its characters and the line where it stands."""

    kind: str
    text: str
    line: int


END = "end"


def scan(text: str) -> list[Token]:
    """The tokens of `text`, without spaces and comments; newlines count only in token lines."""
    tokens: list[Token] = []
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise InvalidGraph(f"unexpected character {text[position]!r}", line=line)
        kind = match.lastgroup or ""
        if kind == "newline":
            line += 1
        elif kind != "space":
            tokens.append(Token(kind, match.group(), line))
        position = match.end()
    tokens.append(Token(END, "end of text", line))
    return tokens

"""Private results of generated code: marks that no user ever sees."""

from __future__ import annotations


class Mark:
    """A private result, told apart by identity."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


HIDDEN = "hidden"
"""The box of an output of native code that nobody is shown."""

MISS = Mark("guard failed")
FAILED = Mark("run-time check failed")
EAGER = Mark("nothing to win")

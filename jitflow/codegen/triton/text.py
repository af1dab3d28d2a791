"""Writes the text of one Triton function: scopes, fresh names, value numbering."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class SourceText:
    """The statements of a function as they are written; a scope is the body of a loop."""

    def __init__(self) -> None:
        self.constants: dict[str, str] = {}
        self.lines: list[str] = []
        self.known: list[dict[str, str]] = [{}]
        self.counter = 0

    def fresh(self, hint: str = "v") -> str:
        """A name that was not used in this function."""
        self.counter += 1
        return f"{hint}{self.counter}"

    def write(self, line: str) -> None:
        """Append a statement that has an effect."""
        self.lines.append("    " * len(self.known) + line)

    def value(self, expression: str) -> str:
        """Name of the result of an expression without effect, written if it is not there yet."""
        for scope in self.known:
            if expression in scope:
                return scope[expression]
        name = self.result(expression)
        self.known[-1][expression] = name
        return name

    def result(self, expression: str) -> str:
        """Name of the result of an expression that must be written here."""
        name = self.fresh()
        self.write(f"{name} = {expression}")
        return name

    def constant(self, expression: str) -> str:
        """Name of a constant, which is made at the start of the function."""
        if expression not in self.constants:
            self.constants[expression] = f"c{len(self.constants)}"
        return self.constants[expression]

    def forget(self, part: str) -> None:
        """Drop known expressions that contain `part`: what they give may have changed."""
        for scope in self.known:
            for expression in [e for e in scope if part in e]:
                del scope[expression]

    @contextmanager
    def scope(self) -> Iterator[None]:
        """The body of a loop, whose head has just been written."""
        self.known.append({})
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.write("pass")
        self.known.pop()

    def body(self) -> list[str]:
        """The lines of the function, constants first."""
        return [*(f"    {name} = {text}" for text, name in self.constants.items()), *self.lines]

"""How a run-time value is reached when a piece starts: a root and a path of steps.

Roots are the values of a compile point's state (arguments, locals, operand stack) and constant
objects (the globals dictionary of a function, a closure cell). `str` of a source is its name for
people; `guards.checks` writes the code that evaluates it.
"""

from __future__ import annotations

from typing import Any

from jitflow.core.dataclass import dataclass
from jitflow.core.shown import shown


@dataclass(frozen=True)
class Source:
    """Base of all sources."""


@dataclass(frozen=True)
class StateSource(Source):
    """Value number `index` of the compile point's state, called `name` by the user."""

    index: int
    name: str

    def __str__(self) -> str:
        return self.name


def keys_of(source: Source) -> str:
    """What stands for the keys of the dict at `source`, where they are others in each call."""
    return f"keys({source})"


def items_of(source: Source) -> str:
    """What stands for the integers in the list at `source`, where they are others in each call."""
    return f"{source}[*]"


def text_of(source: Source) -> str:
    """The name, among those of integers that change, of a string that does."""
    return f"text of {source}"


@dataclass(frozen=True, eq=False)
class ConstantSource(Source):
    """An object that is the same in every call: reached by reference."""

    value: Any
    name: str

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"ConstantSource({self.name})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConstantSource) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


@dataclass(frozen=True)
class GlobalSource(Source):
    """``namespace[name]`` where `namespace` is a module's dictionary (a global or a builtin)."""

    namespace: ConstantSource
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class CellSource(Source):
    """Contents of a closure cell."""

    cell: Source
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class AttributeSource(Source):
    """``base.name`` by the plain protocol (instance dictionary, slot, class, module)."""

    base: Source
    name: str

    def __str__(self) -> str:
        return f"{self.base}.{self.name}"


@dataclass(frozen=True)
class ItemSource(Source):
    """``base[key]`` of an exact tuple, list or dict; `key` is an int, str or other constant."""

    base: Source
    key: Any

    def __str__(self) -> str:
        return f"{self.base}[{shown(self.key)}]"


@dataclass(frozen=True)
class DictKeySource(Source):
    """Key number `index` of a dict, in its order; for keys that are not constants."""

    base: Source
    index: int

    def __str__(self) -> str:
        return f"list({self.base})[{self.index}]"


@dataclass(frozen=True)
class MadeSource(Source):
    """``function(*arguments)``: an object that the piece makes once in each call.

    Making it must have no effect; `serial` tells apart objects that are made in the same way.
    """

    function: ConstantSource
    arguments: tuple[Source, ...]
    serial: int

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True)
class ReferentSource(Source):
    """``base()`` of a weak reference: what it leads to when the piece starts, or None."""

    base: Source

    def __str__(self) -> str:
        return f"{self.base}()"


@dataclass(frozen=True)
class TypeSource(Source):
    """``type(base)``."""

    base: Source

    def __str__(self) -> str:
        return f"type({self.base})"


@dataclass(frozen=True)
class DimensionSource(Source):
    """``base.shape[axis]`` of an array."""

    base: Source
    axis: int

    def __str__(self) -> str:
        return f"{self.base}.shape[{self.axis}]"

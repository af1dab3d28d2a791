"""How Python objects are made when a piece ends: recipes, and the effects that are replayed.

A recipe is compared by identity: one recipe object used in two places is one Python object. The
runtime turns recipes into generated code (`runtime.glue`).
"""

from __future__ import annotations

from types import CodeType
from typing import Any

from jitflow.core.dataclass import dataclass, field
from jitflow.guards.sources import Source


@dataclass(eq=False)
class Recipe:
    """Base of all recipes."""


@dataclass(eq=False)
class FromSource(Recipe):
    """An object that was there before the piece, reached by its source as it was at the start."""

    source: Source


@dataclass(eq=False)
class FromGraph(Recipe):
    """Output number `index` of the graph.

    `box` says what Python sees: ``"array"`` an ndarray (rank 0 included), ``"scalar"`` a NumPy
    scalar, or ``"float"``, ``"int"``, ``"bool"``, ``"complex"`` a Python number. `order` is the
    memory order of a fresh array: axes from the slowest to the fastest.
    """

    index: int
    box: str = "array"
    order: tuple[int, ...] = ()


@dataclass(eq=False)
class Constant(Recipe):
    """An object known at trace time."""

    value: Any


@dataclass(eq=False)
class ViewOf(Recipe):
    """A NumPy view of another recipe's array, made by NumPy itself.

    `method` is ``"getitem"`` (argument: the key), ``"transpose"`` (axes), ``"reshape"`` (shape),
    ``"broadcast_to"`` (shape), ``"real"``, ``"imag"``, or another attribute or method name;
    arguments may be recipes (symbolic integers).
    """

    base: Recipe
    method: str
    arguments: tuple[Any, ...] = ()


@dataclass(eq=False)
class BuildSequence(Recipe):
    """A tuple, list, set or frozenset of items; `kind` is the class."""

    kind: type
    items: tuple[Recipe, ...]


@dataclass(eq=False)
class BuildDict(Recipe):
    """A dict from pairs of recipes, in order."""

    items: tuple[tuple[Recipe, Recipe], ...]


@dataclass(eq=False)
class BuildSlice(Recipe):
    """A slice object."""

    start: Recipe
    stop: Recipe
    step: Recipe


@dataclass(eq=False)
class BuildObject(Recipe):
    """An instance made without running its constructor again: class, then attributes in order.

    Those that are `hidden` are in its dictionary only: the class has a descriptor of that name.
    """

    cls: type
    attributes: dict[str, Recipe] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)


@dataclass(eq=False)
class BuildCell(Recipe):
    """A new closure cell; `contents` None leaves it empty."""

    contents: Recipe | None


@dataclass(eq=False)
class BuildFunction(Recipe):
    """A function object made in the piece."""

    code: CodeType
    globals: dict[str, Any]
    name: str
    qualname: str
    defaults: tuple[Recipe, ...] | None
    keyword_defaults: dict[str, Recipe] | None
    closure: tuple[Recipe, ...]
    annotations: Recipe | None = None


@dataclass(eq=False)
class BuildCall(Recipe):
    """The result of a harmless call that makes a fresh object.

    ``iter(x)``, a bound method, ``functools.partial``, ``range``, ``enumerate`` at its start.
    """

    function: Any
    arguments: tuple[Recipe, ...]
    keywords: dict[str, Recipe] = field(default_factory=dict)


@dataclass(eq=False)
class BuildReference(Recipe):
    """A weak reference to an object that leaves the piece as well; a dead one without."""

    referent: Recipe | None = None


@dataclass(eq=False)
class Choose(Recipe):
    """One of two objects, both of which can be made."""

    condition: Recipe
    when_true: Recipe
    when_false: Recipe


class Null(Recipe):
    """The NULL that CPython keeps on an operand stack beside callables."""


NULL = Null()


# Effects, replayed in order at the exit.


@dataclass(eq=False)
class Effect:
    """Base of all effects."""


@dataclass(eq=False)
class SetAttribute(Effect):
    """``target.name = value``; a plain attribute.

    One that is `hidden` is set in the dictionary: the class has a descriptor of that name.
    """

    target: Recipe
    name: str
    value: Recipe
    hidden: bool = False


@dataclass(eq=False)
class DeleteAttribute(Effect):
    """``del target.name``."""

    target: Recipe
    name: str


@dataclass(eq=False)
class SetItem(Effect):
    """``target[key] = value`` of an exact dict or list."""

    target: Recipe
    key: Recipe
    value: Recipe


@dataclass(eq=False)
class DeleteItem(Effect):
    """``del target[key]`` of an exact dict or list."""

    target: Recipe
    key: Recipe


@dataclass(eq=False)
class ReplaceItems(Effect):
    """``target[:] = items`` of a list, or clear-and-update of a dict or set."""

    target: Recipe
    items: Recipe


@dataclass(eq=False)
class SetGlobal(Effect):
    """``namespace[name] = value`` in a module's dictionary; `value` None deletes it."""

    namespace: dict[str, Any]
    name: str
    value: Recipe | None


@dataclass(eq=False)
class SetCell(Effect):
    """``cell.cell_contents = value``; `value` None empties it."""

    cell: Recipe
    value: Recipe | None


@dataclass(eq=False)
class CallEffect(Effect):
    """A call made for its effect alone, its result ignored.

    ``iterator.__next__`` advances a real iterator.
    """

    function: Any
    arguments: tuple[Recipe, ...]
    keywords: dict[str, Recipe] = field(default_factory=dict)

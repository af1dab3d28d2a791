"""Turns recipes and effects into Python statements: the end of a piece, as generated code."""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jitflow.guards.checks import CheckWriter, ConstantPool
from jitflow.tracer import recipes as r


def new_object(cls: type) -> Any:
    """An instance of `cls` without its constructor: what `object.__new__` gives."""
    return object.__new__(cls)


class RecipeWriter:
    """Writes statements that build recipes; a recipe used twice is built once.

    Parameters
    ----------
    pool : ConstantPool
        Names of constant objects.
    sources : CheckWriter
        Knows the names of sources that the guards have already evaluated.
    output : callable
        ``output(recipe)`` is the text of a graph output, boxed.
    """

    def __init__(
        self,
        pool: ConstantPool,
        sources: CheckWriter,
        output: Callable[[r.FromGraph], str],
    ) -> None:
        self.pool, self.sources, self.output = pool, sources, output
        self.lines: list[str] = []
        self._names: dict[int, str] = {}
        self._keep: list[r.Recipe] = []

    def prefetch(self, recipes: Sequence[r.Recipe | r.Effect]) -> None:
        """Evaluate the sources in `recipes` now: effects must not change what they mean."""
        for part in walk(recipes):
            if isinstance(part, r.FromSource):
                self.sources.source(part.source)

    def build(self, recipe: r.Recipe) -> str:
        """Text of the object of `recipe`, after the statements that make it."""
        if isinstance(recipe, r.Constant):
            return self.pool(recipe.value)
        name = self._names.get(id(recipe))
        if name is None:
            text = _BUILDERS[type(recipe)](self, recipe)
            if isinstance(recipe, r.FromSource):
                name = text
            else:
                name = f"r{len(self._keep)}"
                self.lines.append(f"{name} = {text}")
            self._names[id(recipe)] = name
            self._keep.append(recipe)
        return name

    def argument(self, value: Any) -> str:
        """Text of an argument that is a recipe, a tuple or slice of arguments, or a constant."""
        if isinstance(value, r.Recipe):
            return self.build(value)
        if type(value) is tuple:
            return f"({''.join(self.argument(item) + ', ' for item in value)})"
        if type(value) is slice:
            parts = (value.start, value.stop, value.step)
            return f"{self.pool(slice)}({', '.join(self.argument(part) for part in parts)})"
        return self.pool(value)

    def call(
        self, function: Any, arguments: tuple[r.Recipe, ...], keywords: dict[str, r.Recipe]
    ) -> str:
        """Text of a call."""
        callee = self.argument(function)
        parts = [self.build(item) for item in arguments]
        parts += [f"{name}={self.build(item)}" for name, item in keywords.items()]
        return f"{callee}({', '.join(parts)})"

    def effect(self, effect: r.Effect) -> None:
        """Append the statements of one effect."""
        self.lines += _EFFECTS[type(effect)](self, effect)


def walk(recipe: Any) -> list[r.Recipe]:
    """`recipe` and every recipe inside it, outer first; each once."""
    found: list[r.Recipe] = []
    seen: set[int] = set()
    todo = [recipe]
    while todo:
        item = todo.pop()
        if isinstance(item, tuple | list):
            todo.extend(reversed(item))
        elif isinstance(item, dict):
            todo.extend(reversed(list(item.values())))
        elif isinstance(item, slice):
            todo.extend((item.step, item.stop, item.start))
        elif isinstance(item, r.Recipe | r.Effect) and id(item) not in seen:
            seen.add(id(item))
            if isinstance(item, r.Recipe):
                found.append(item)
            todo.extend(reversed(list(vars(item).values())))
    return found


def _from_source(w: RecipeWriter, recipe: r.FromSource) -> str:
    return w.sources.source(recipe.source)


def _from_graph(w: RecipeWriter, recipe: r.FromGraph) -> str:
    return w.output(recipe)


def _broadcast_like_another(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What `numpy.broadcast_arrays` makes of one of several arrays."""
    other = np.broadcast_to(np.empty((), np.bool_), (*shape, 2))
    return np.broadcast_arrays(array[..., np.newaxis], other)[0][..., 0]


_VIEW_FUNCTIONS = {
    "broadcast_to": np.broadcast_to,
    "broadcast_arrays": _broadcast_like_another,
    "sliding_window_view": np.lib.stride_tricks.sliding_window_view,
    "as_strided": np.lib.stride_tricks.as_strided,
}


def _view_of(w: RecipeWriter, recipe: r.ViewOf) -> str:
    base = w.build(recipe.base)
    arguments = [w.argument(item) for item in recipe.arguments]
    if recipe.method == "getitem":
        return f"{base}[{arguments[0]}]"
    if recipe.method in ("real", "imag", "T", "mT", "flags", "flat"):
        return f"{base}.{recipe.method}"
    if recipe.method in _VIEW_FUNCTIONS:
        view = w.pool(_VIEW_FUNCTIONS[recipe.method])
        return f"{view}({base}, {', '.join(arguments)})"
    return f"{base}.{recipe.method}({', '.join(arguments)})"


def _sequence(w: RecipeWriter, recipe: r.BuildSequence) -> str:
    items = [w.build(item) for item in recipe.items]
    if recipe.kind is list:
        return f"[{', '.join(items)}]"
    text = f"({''.join(item + ', ' for item in items)})"
    return text if recipe.kind is tuple else f"{w.pool(recipe.kind)}({text})"


def _dict(w: RecipeWriter, recipe: r.BuildDict) -> str:
    return f"{{{', '.join(f'{w.build(key)}: {w.build(item)}' for key, item in recipe.items)}}}"


def _slice(w: RecipeWriter, recipe: r.BuildSlice) -> str:
    parts = (recipe.start, recipe.stop, recipe.step)
    return f"{w.pool(slice)}({', '.join(w.build(part) for part in parts)})"


def _object(w: RecipeWriter, recipe: r.BuildObject) -> str:
    name = f"o{id(recipe):x}"
    w.lines.append(f"{name} = {w.pool(new_object)}({w.pool(recipe.cls)})")
    w._names[id(recipe)] = name
    w._keep.append(recipe)
    setter, dictionary = w.pool(object.__setattr__), w.pool(vars)
    for key, item in recipe.attributes.items():
        built = w.build(item)
        if key in recipe.hidden:
            w.lines.append(f"{dictionary}({name})[{key!r}] = {built}")
        else:
            w.lines.append(f"{setter}({name}, {key!r}, {built})")
    return name


def _cell(w: RecipeWriter, recipe: r.BuildCell) -> str:
    contents = "" if recipe.contents is None else w.build(recipe.contents)
    return f"{w.pool(types.CellType)}({contents})"


def _function(w: RecipeWriter, recipe: r.BuildFunction) -> str:
    closure = f"({''.join(w.build(cell) + ', ' for cell in recipe.closure)})"
    defaults = "None"
    if recipe.defaults is not None:
        defaults = f"({''.join(w.build(item) + ', ' for item in recipe.defaults)})"
    make = w.pool(types.FunctionType)
    arguments = [w.pool(recipe.code), w.pool(recipe.globals), repr(recipe.name), defaults]
    name = f"f{id(recipe):x}"
    w.lines.append(
        f"{name} = {make}({', '.join(arguments)}, {closure if recipe.closure else None})"
    )
    w.lines.append(f"{name}.__qualname__ = {recipe.qualname!r}")
    if recipe.keyword_defaults:
        pairs = (f"{key!r}: {w.build(item)}" for key, item in recipe.keyword_defaults.items())
        w.lines.append(f"{name}.__kwdefaults__ = {{{', '.join(pairs)}}}")
    if recipe.annotations is not None:
        w.lines.append(f"{name}.__annotations__ = {w.build(recipe.annotations)}")
    return name


def _call(w: RecipeWriter, recipe: r.BuildCall) -> str:
    return w.call(recipe.function, recipe.arguments, recipe.keywords)


def _dead_reference() -> weakref.ref[set[None]]:
    return weakref.ref(set())


def _reference(w: RecipeWriter, recipe: r.BuildReference) -> str:
    if recipe.referent is None:
        return f"{w.pool(_dead_reference)}()"
    return f"{w.pool(weakref.ref)}({w.build(recipe.referent)})"


def _choose(w: RecipeWriter, recipe: r.Choose) -> str:
    parts = (recipe.when_true, recipe.condition, recipe.when_false)
    return "({} if {} else {})".format(*map(w.build, parts))


def _null(w: RecipeWriter, recipe: r.Null) -> str:
    return "None"


_BUILDERS: dict[type, Callable[[RecipeWriter, Any], str]] = {
    r.FromSource: _from_source,
    r.FromGraph: _from_graph,
    r.ViewOf: _view_of,
    r.BuildSequence: _sequence,
    r.BuildDict: _dict,
    r.BuildSlice: _slice,
    r.BuildObject: _object,
    r.BuildCell: _cell,
    r.BuildFunction: _function,
    r.BuildCall: _call,
    r.BuildReference: _reference,
    r.Choose: _choose,
    r.Null: _null,
}


def _set_attribute(w: RecipeWriter, e: r.SetAttribute) -> list[str]:
    target, value = w.build(e.target), w.build(e.value)
    if e.hidden:
        return [f"{w.pool(vars)}({target})[{e.name!r}] = {value}"]
    if e.name.isidentifier() and not e.name.startswith("__"):
        return [f"{target}.{e.name} = {value}"]
    return [f"{w.pool(setattr)}({target}, {e.name!r}, {value})"]


def _delete_attribute(w: RecipeWriter, e: r.DeleteAttribute) -> list[str]:
    return [f"{w.pool(delattr)}({w.build(e.target)}, {e.name!r})"]


def _set_item(w: RecipeWriter, e: r.SetItem) -> list[str]:
    key, value = w.build(e.key), w.build(e.value)
    return [f"{w.build(e.target)}[{key}] = {value}"]


def _delete_item(w: RecipeWriter, e: r.DeleteItem) -> list[str]:
    return [f"del {w.build(e.target)}[{w.build(e.key)}]"]


def replace_items(target: Any, items: Any) -> None:
    """Make `target` (list, dict or set) hold exactly `items`; the object stays itself."""
    if isinstance(target, list):
        target[:] = items
    else:
        target.clear()
        target.update(items)


def _replace_items(w: RecipeWriter, e: r.ReplaceItems) -> list[str]:
    items = w.build(e.items)
    return [f"{w.pool(replace_items)}({w.build(e.target)}, {items})"]


def _set_global(w: RecipeWriter, e: r.SetGlobal) -> list[str]:
    if e.value is None:
        return [f"del {w.pool(e.namespace)}[{e.name!r}]"]
    return [f"{w.pool(e.namespace)}[{e.name!r}] = {w.build(e.value)}"]


def _set_cell(w: RecipeWriter, e: r.SetCell) -> list[str]:
    if e.value is None:
        return [f"del {w.build(e.cell)}.cell_contents"]
    value = w.build(e.value)
    return [f"{w.build(e.cell)}.cell_contents = {value}"]


def _call_effect(w: RecipeWriter, e: r.CallEffect) -> list[str]:
    return [w.call(e.function, e.arguments, e.keywords)]


_EFFECTS: dict[type, Callable[[RecipeWriter, Any], list[str]]] = {
    r.SetAttribute: _set_attribute,
    r.DeleteAttribute: _delete_attribute,
    r.SetItem: _set_item,
    r.DeleteItem: _delete_item,
    r.ReplaceItems: _replace_items,
    r.SetGlobal: _set_global,
    r.SetCell: _set_cell,
    r.CallEffect: _call_effect,
}

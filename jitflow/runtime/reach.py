"""Whether a call can have anything to do with arrays: if not, tracing it cannot win.

A cheap look at what the call can reach: its arguments, a few levels deep, and the globals of its
function and of the classes and functions among them. It errs on the side of tracing. No code of the
program's is run for it: objects may answer to attributes and to iteration in ways of their own.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from jitflow.core.config import config
from jitflow.core.devices import is_array_type
from jitflow.runtime.compiled import Compiled

_ATOMS = (int, float, complex, bool, str, bytes, type(None), type(Ellipsis), slice, range)
_DEFINED = (FunctionType, BuiltinFunctionType, type)
_DEPTH = 5
_OBJECTS = 400
_RUN = 16
"""Numbers or strings in a row after which no more items of a list are looked at."""


def _careful(question: Callable[..., bool]) -> Callable[..., bool]:
    """Whatever fails in looking at strange objects, the tracer may see to them."""

    @functools.wraps(question)
    def ask(*args: Any, **kwargs: Any) -> bool:
        try:
            return question(*args, **kwargs)
        except Exception:
            if config().strict:
                raise
            return True

    return ask


@_careful
def function_reaches(function: FunctionType) -> bool:
    """Whether NumPy or an array is within reach of a function's globals and closure."""
    return _Search().function(function, _DEPTH)


@_careful
def values_reach(values: tuple[Any, ...]) -> bool:
    """Whether NumPy, an array or a NumPy scalar is within reach of the arguments of a call."""
    search = _Search()
    return any(search.value(value, _DEPTH) for value in values)


@_careful
def call_reaches(
    function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any], by_name: bool = False
) -> bool:
    """Whether the arguments of a call, or what stands for them, lead to NumPy or an array.

    With `by_name` a class does whose methods name it, not one whose module knows it.
    """
    search = _Search(by_name)
    values = (*args, *kwargs.values(), function.__defaults__, function.__kwdefaults__)
    return any(search.value(value, _DEPTH) for value in values)


@_careful
def names_numpy(function: FunctionType) -> bool:
    """Whether the code of a function has names, closures and all, that lead to NumPy or an array.

    Closer than `function_reaches`, for which a function of a module that knows NumPy may use it.
    """
    return _Search(by_name=True).function(function, _DEPTH)


class _Search:
    """`by_name`: what the module of a function knows counts where its code names it."""

    def __init__(self, by_name: bool = False) -> None:
        self.left = _OBJECTS
        self.seen: set[int] = set()
        self.methods: set[int] = set()
        self.by_name = by_name

    def value(self, value: Any, depth: int) -> bool:
        """Whether `value` is or holds something of NumPy's."""
        kind = type(value)
        if kind in _ATOMS:
            return False
        if issubclass(kind, np.ndarray | np.generic | np.ufunc | np.dtype):
            return True
        if is_array_type(kind):
            return True  # of a device
        if id(value) in self.seen:
            return False
        self.seen.add(id(value))
        self.left -= 1
        if self.left <= 0:
            return True  # too much to look at: let the tracer see
        if depth == 0:
            return False
        return self._inside(value, kind, depth - 1)

    def _inside(self, value: Any, kind: type, depth: int) -> bool:
        if issubclass(kind, ModuleType):
            return _is_numpy(_name_of(value)) or _knows_numpy(_attributes(value))
        if issubclass(kind, Compiled):
            value, kind = value._function, FunctionType
        if issubclass(kind, FunctionType):
            return self.function(value, depth)
        if issubclass(kind, MethodType):
            return self.value(value.__func__, depth) or self.value(value.__self__, depth)
        if issubclass(kind, BuiltinFunctionType):
            return _is_numpy(_module_of(value))
        if issubclass(kind, type):
            return self._class(value, depth)
        if issubclass(kind, dict):
            return any(self.value(item, depth) for item in list(dict.values(value)))
        for container in (list, tuple, set, frozenset):
            if issubclass(kind, container):
                return self._items(container.__iter__(value), depth)
        if self._class(kind, depth):
            return True
        return any(self.value(item, depth) for item in list(_attributes(value).values()))

    def _items(self, items: Iterator[Any], depth: int) -> bool:
        """Whether items lead to NumPy: a long list of numbers is not read to its end."""
        run = 0
        for item in list(islice(items, _OBJECTS)):
            run = run + 1 if type(item) in _ATOMS else 0
            if run > _RUN:
                return False
            if not run and self.value(item, depth):
                return True
        return False

    def _class(self, cls: type, depth: int) -> bool:
        """Whether a class comes from a module that knows NumPy; by name, whether methods do."""
        for base in cls.__mro__:
            name = _module_of(base)
            if _is_numpy(name):
                return True
            module = sys.modules.get(name)
            if name in _PLAIN or module is None:
                continue
            found = (
                self._methods(base, depth) if self.by_name else _knows_numpy(_attributes(module))
            )
            if found:
                return True
        return False

    def _methods(self, cls: type, depth: int) -> bool:
        if id(cls) in self.methods:
            return False
        self.methods.add(id(cls))
        found = list(vars(cls).values())
        found = [getattr(value, "fget", getattr(value, "__func__", value)) for value in found]
        functions = [value for value in found if isinstance(value, FunctionType | Compiled)]
        return any(self.value(function, depth) for function in functions)

    def function(self, function: FunctionType, depth: int) -> bool:
        """Whether a function's globals or closure lead to NumPy."""
        wrapped = getattr(function, "__wrapped__", None)
        if _is_numpy(_module_of(function)):
            return True
        if not self.by_name and _knows_numpy(function.__globals__):
            return True
        for cell in function.__closure__ or ():
            try:
                if self.value(cell.cell_contents, depth):
                    return True
            except ValueError:
                continue
        namespace = function.__globals__
        names = (name for name in _names_in(function.__code__) if name in namespace)
        known = (wrapped, *(namespace[name] for name in names))
        return any(self.value(item, depth) for item in known)


def _names_in(code: CodeType) -> Iterator[str]:
    """Names of globals and attributes in code and in the functions that it makes."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


_PLAIN = frozenset({"builtins", "abc", "typing", "enum", "dataclasses", "collections", "functools"})


def _is_numpy(name: str) -> bool:
    return name == "numpy" or name.startswith("numpy.")


def _knows_numpy(namespace: dict[str, Any]) -> bool:
    """Whether a module's dictionary holds NumPy, an array, or anything defined by NumPy."""
    return any(_is_of_numpy(value) for value in list(namespace.values()))


def _is_of_numpy(value: Any) -> bool:
    kind = type(value)
    if kind is ModuleType:
        return _is_numpy(_name_of(value))
    if kind in _DEFINED:
        return _is_numpy(_module_of(value))
    return issubclass(kind, np.ndarray | np.generic | np.ufunc)


def _attributes(value: Any) -> dict[str, Any]:
    """The dictionary of an object, whatever its class says of attributes."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def _module_of(value: Any) -> str:
    """Name of the module of a class or function; a metaclass may have another meaning for it."""
    name = getattr(value, "__module__", None)
    return name if type(name) is str else ""


def _name_of(module: ModuleType) -> str:
    name = _attributes(module).get("__name__")
    return name if type(name) is str else ""

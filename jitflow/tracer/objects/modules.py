"""Modules and global names: a module's dictionary with what the piece read or set."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.core.shown import shown
from jitflow.guards.predicates import HasNoItem, IsThere
from jitflow.guards.sources import ConstantSource, GlobalSource
from jitflow.tracer.objects.effects import will_change
from jitflow.tracer.objects.keys import key_of
from jitflow.tracer.objects.model import LazyValue, NamespaceValue
from jitflow.tracer.objects.namespaces import namespace_value
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.wrap import real_of, resolve
from jitflow.tracer.values import ConstantValue, PyValue, SequenceValue

_LOADED_LATE = frozenset({"fft", "linalg", "polynomial", "random"})


class AttributeMissing(Unsupported):
    """The attribute or name does not exist: AttributeError, unless the caller has a default."""

    def __init__(self, detail: str) -> None:
        super().__init__("JF-B009", detail)


def find_name(tracer: Tracer, namespace: dict[str, Any], name: str) -> PyValue | None:
    """The value of `name` in a module's dictionary, or None (guarded) where it has none."""
    value = namespace_value(tracer, namespace)
    if name in value.items:
        return value.items[name]
    source = value.source
    assert isinstance(source, ConstantSource)
    if name not in namespace:
        tracer.context.guard(HasNoItem(source, name))
        return None
    item = LazyValue(namespace[name], GlobalSource(source, name))
    value.items[name] = item
    return item


def load_global(tracer: Tracer, namespace: dict[str, Any], name: str) -> PyValue:
    """A global name, else a builtin one; JF-B009 where neither has it."""
    found = find_name(tracer, namespace, name)
    if found is None:
        found = find_name(tracer, builtins_of(namespace), name)
    if found is None:
        raise Unsupported("JF-B009", f"NameError: name {name!r} is not defined")
    return found


def builtins_of(namespace: dict[str, Any]) -> dict[str, Any]:
    """The dictionary of builtin names that functions with these globals see."""
    found = namespace.get("__builtins__", builtins)
    return found if isinstance(found, dict) else vars(found)


def store_global(
    tracer: Tracer, namespace: dict[str, Any], name: str, value: PyValue | None
) -> None:
    """Set a global name; None deletes it."""
    if value is None and not _has(tracer, namespace, name):
        raise Unsupported("JF-B009", f"NameError: name {name!r} is not defined")
    target = namespace_value(tracer, namespace)
    will_change(tracer, target)
    target.items[name] = value
    target.written[name] = None


def get_item(tracer: Tracer, value: NamespaceValue, key: PyValue) -> PyValue:
    """``globals()[key]``."""
    name = _name(tracer, key)
    found = find_name(tracer, value.real, name)
    if found is None:
        raise Unsupported("JF-B009", f"KeyError: {shown(name)}")
    return found


def set_item(tracer: Tracer, value: NamespaceValue, key: PyValue, new: PyValue | None) -> None:
    """``globals()[key] = new``; None deletes."""
    store_global(tracer, value.real, _name(tracer, key), new)


def contains(tracer: Tracer, value: NamespaceValue, key: PyValue) -> bool:
    """``key in globals()``."""
    return _has(tracer, value.real, _name(tracer, key))


def _has(tracer: Tracer, namespace: dict[str, Any], name: str) -> bool:
    """Whether there is such a name, guarded: its value may never be looked at."""
    found = find_name(tracer, namespace, name)
    if isinstance(found, LazyValue):
        tracer.context.guard(IsThere(found.source))
    return found is not None


def get_or_default(
    tracer: Tracer, value: NamespaceValue, key: PyValue, default: PyValue | None = None
) -> PyValue:
    """``globals().get(key, default)``."""
    found = find_name(tracer, value.real, _name(tracer, key))
    return found or default or ConstantValue(None)


def _name(tracer: Tracer, key: PyValue) -> str:
    name = key_of(tracer, key)
    if type(name) is not str:
        raise Unsupported("JF-B013", "a global name that is no string")
    return name


def module_attribute(tracer: Tracer, module: ModuleType, name: str) -> PyValue:
    """``module.name``; parts of NumPy that it loads when they are first asked for are loaded."""
    if module is np and name in _LOADED_LATE and name not in vars(module):
        importlib.import_module(f"numpy.{name}")
    found = find_name(tracer, vars(module), name)
    if found is not None:
        return found
    if type(module) is not ModuleType or "__getattr__" in vars(module):
        raise Unsupported("JF-B013", f"{module.__name__}.{name}")
    if name == "__dict__":
        return namespace_value(tracer, vars(module))
    raise AttributeMissing(f"module {module.__name__!r} has no attribute {name!r}")


def import_name(
    tracer: Tracer, namespace: dict[str, Any], name: str, names: PyValue, level: PyValue
) -> PyValue:
    """An ``import`` statement of a module that is loaded already."""
    depth = real_of(resolve(tracer, level))
    full = name
    if depth:
        package = namespace.get("__package__") or ""
        try:
            full = importlib.util.resolve_name("." * depth + name, package)
        except ImportError:
            raise Unsupported("JF-B009", f"import of {name!r}") from None
    if full not in sys.modules:
        raise Unsupported("JF-B004", f"import of {full!r}, which is not loaded yet")
    has_names = not (isinstance(names, ConstantValue) and not names.value)
    if not has_names and not depth:
        full = full.partition(".")[0]
    module = sys.modules[full]
    for item in _names_of(tracer, names):
        if item not in vars(module) and f"{full}.{item}" not in sys.modules:
            raise Unsupported("JF-B004", f"import of {item!r} from {full!r}, not loaded yet")
    modules = ConstantSource(sys.modules, "sys.modules")
    return LazyValue(module, GlobalSource(modules, full))


def _names_of(tracer: Tracer, names: PyValue) -> list[str]:
    """The names that ``from module import ...`` asks for."""
    names = resolve(tracer, names)
    if isinstance(names, SequenceValue):
        return [real_of(resolve(tracer, item)) for item in names.items]
    return list(real_of(names) or ())


def import_from(tracer: Tracer, module: PyValue, name: str) -> PyValue:
    """``from module import name``."""
    real = real_of(resolve(tracer, module))
    if not isinstance(real, ModuleType):
        raise Unsupported("JF-B002", f"from {shown(real)} import {name}")
    try:
        return module_attribute(tracer, real, name)
    except AttributeMissing:
        full = f"{real.__name__}.{name}"
        if full not in sys.modules:
            raise
        modules = ConstantSource(sys.modules, "sys.modules")
        return LazyValue(sys.modules[full], GlobalSource(modules, full))

"""The dictionaries of modules as objects: ``globals()``, ``vars(module)``, ``module.__dict__``.

There is one value for each, whether names or subscripts lead to it.
"""

from __future__ import annotations

from typing import Any

from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import IsObject
from jitflow.guards.sources import ConstantSource, Source
from jitflow.tracer.objects.model import NamespaceValue
from jitflow.tracer.objects.protocol import Tracer


def is_namespace(tracer: Tracer, obj: dict[Any, Any]) -> bool:
    """Whether a dict holds the global names of functions."""
    return "__builtins__" in obj or id(obj) in tracer.context.objects.namespaces


def namespace_value(tracer: Tracer, namespace: dict[str, Any]) -> NamespaceValue:
    """The value of a module's dictionary."""
    table = tracer.context.objects
    value = table.namespaces.get(id(namespace))
    if value is None:
        if id(namespace) in table.by_id:
            raise Unsupported("JF-B013", "a dict that turns out to hold global names")
        name = str(namespace.get("__name__", "globals"))
        value = NamespaceValue(namespace, ConstantSource(namespace, name))
        table.namespaces[id(namespace)] = value
        table.keep.append(namespace)
    return value


def namespace_at(tracer: Tracer, namespace: dict[str, Any], source: Source) -> NamespaceValue:
    """The value of a module's dictionary that the piece reaches as an object."""
    value = namespace_value(tracer, namespace)
    if source != value.source:
        tracer.context.guard(IsObject(source, namespace))
    return value

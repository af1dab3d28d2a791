"""Finds the handler of a call, method, operator or attribute, and undoes what a declined one did."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.tracer.context import TraceContext
from jitflow.tracer.values import PyValue


def is_known(function: Any) -> bool:
    owner = getattr(function, "__self__", None)
    if isinstance(owner, (np.ufunc, np.random.Generator, np.random.RandomState)):
        return True
    if isinstance(function, type):
        return issubclass(function, (np.generic, np.dtype))
    return isinstance(function, np.ufunc)


def call(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "call")


def method(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "method")


def has_method(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "has_method")


def attribute(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "attribute")


def set_attribute(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "set_attribute")


def binary(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "binary")


def unary(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "unary")


def compare(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "compare")


def getitem(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "getitem")


def setitem(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "setitem")


def length(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "length")


def iterate(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "iterate")


def contains(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "contains")


def to_python(*arguments: Any) -> Any:
    raise Unsupported("JF-B008", "to_python")

"""Attributes that are computed when first read, and modules that are imported when first used.

`functools.cached_property` holds a lock until CPython 3.12; a process that forks while another
thread computes such an attribute would wait for ever in the child.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, Generic, TypeVar, overload

from jitflow.core.locks import compiler_lock

T = TypeVar("T")


class lazy_property(Generic[T]):  # noqa: N801 - a decorator, named as `property` is
    """A property that is computed once; two threads at a time may both compute it."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> lazy_property[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        value = vars(instance)[self._name] = self._compute(instance)
        return value


class LazyModule:
    """A module that is imported when an attribute of it is first asked for.

    Most programs need few parts of the compiler, and each takes time to load. Type checkers and the
    check of layers see the real import::

        if TYPE_CHECKING:
            from jitflow.ir import printer
        else:
            printer = LazyModule("jitflow.ir.printer")
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: ModuleType | None = None

    def __getattr__(self, attribute: str) -> Any:
        if self._module is None:
            with compiler_lock:  # no fork while a module is half imported
                self._module = importlib.import_module(self._name)
        return getattr(self._module, attribute)

"""Objects that are held weakly, and what is kept for as long as they live.

The callbacks of these references run no Python code. One that does (those of `weakref.WeakSet`,
`WeakValueDictionary`, `finalize`, or a ``__del__``) may be where Python handles a signal, and what
its handler raises there is printed and lost: the user's Ctrl-C would do nothing.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from functools import partial, wraps
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
R = TypeVar("R")


class _Reference(weakref.ref[Any]):
    """A weak reference with what remains of its object."""

    __slots__ = ("remains",)
    remains: Any


class Living(Generic[V, R]):
    """Objects, each with something that remains when it is gone, until `gone` gives it."""

    def __init__(self) -> None:
        self._references: dict[int, _Reference] = {}
        self._dead: deque[_Reference] = deque()

    def add(self, obj: V, remains: R) -> None:
        """Hold `obj` weakly, and `remains` until `gone` gives it."""
        reference = _Reference(obj, self._dead.append)
        reference.remains = remains
        self._references[id(reference)] = reference

    def objects(self) -> list[V]:
        """Those that are alive, in the order in which they were added."""
        found = [reference() for reference in list(self._references.values())]
        return [obj for obj in found if obj is not None]

    def gone(self) -> Iterator[R]:
        """What remains of those that died, once each."""
        while self._dead:
            try:
                reference = self._dead.popleft()
            except IndexError:  # another thread took the last one
                return
            remains: R = self._references.pop(id(reference)).remains
            yield remains


class WeakValues(Generic[K, V]):
    """A table whose entries go when their values die; keys are hashed by native code alone."""

    def __init__(self) -> None:
        self._table: dict[K, weakref.ref[Any]] = {}

    def __len__(self) -> int:
        return len(self._table)

    def items(self) -> list[tuple[K, V]]:
        """Keys and values that are alive, in the order in which they were entered."""
        found = [(key, reference()) for key, reference in list(self._table.items())]
        return [(key, value) for key, value in found if value is not None]

    def get(self, key: K) -> V | None:
        """The value of `key` while it is alive."""
        reference = self._table.get(key)
        return None if reference is None else reference()

    def add(self, key: K, value: V) -> V:
        """Enter `value`; where a living one is there already, that one stays and is given."""
        known = self.get(key)
        if known is not None:
            return known
        self._table[key] = weakref.ref(value, partial(self._table.pop, key))
        return value


def per_object(function: Callable[[V], R]) -> Callable[[V], R]:
    """Cache a function of an object by its identity, for as long as the object lives."""
    cache: dict[int, tuple[weakref.ref[Any], R]] = {}

    @wraps(function)
    def cached(obj: V) -> R:
        key = id(obj)
        entry = cache.get(key)
        if entry is not None and entry[0]() is obj:
            return entry[1]
        result = function(obj)
        cache[key] = (weakref.ref(obj, partial(cache.pop, key)), result)
        return result

    return cached

"""Values that are neither numbers nor arrays: containers, functions, classes, iterators.

Data only; the rules are in the modules beside this one. A *virtual* value was made in the piece and
has no source. A *sourced* one was there before: its fields hold the newest state, and what changed
is written back when the piece ends.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from types import CodeType, MappingProxyType
from typing import Any

from jitflow.core.errors import Unsupported
from jitflow.guards.sources import ConstantSource, Source
from jitflow.tracer.values import PyValue, SequenceValue


class LazyValue(PyValue):
    """An object that was there before and has not been looked at: it adds no guard.

    `operations.resolve` turns it into the value that it stands for; every operation does so with
    its operands. Moving one between locals, cells and containers does not.
    """

    source: Source

    def __init__(self, real: Any, source: Source) -> None:
        self.real, self.source = real, source
        self.resolved: PyValue | None = None

    @property
    def python_type(self) -> type:
        return type(self.real)

    def __repr__(self) -> str:
        return f"LazyValue({self.source})"


class OpaqueValue(PyValue):
    """A real object that the tracer can hand on, compare by identity and nothing else."""

    source: Source

    def __init__(self, real: Any, source: Source) -> None:
        self.real, self.source = real, source

    @property
    def python_type(self) -> type:
        return type(self.real)

    def __repr__(self) -> str:
        return f"OpaqueValue({self.source})"


class GrownListValue(SequenceValue):
    """What was appended to a list from outside that nothing else was asked about.

    Its length is not guarded: a log that grows with each call, or with each stretch of a loop that
    prints now and then, stays one variant. Where the list turns out to be looked at, the trace is
    made again without this. No operation on lists gets to see it but appending.
    """

    source: Source

    def __init__(self, source: Source) -> None:
        super().__init__(list, [], source)


class GrownDictValue(PyValue):
    """What was stored in a dict from outside that nothing else was asked about.

    Its keys are not guarded: a table of snapshots has others each time. Where the dict turns out to
    be looked at, the trace is made again without this.
    """

    source: Source

    def __init__(self, source: Source) -> None:
        self.source = source
        self.stored: tuple[tuple[PyValue, PyValue], ...] = ()
        self.changed = False

    @property
    def python_type(self) -> type:
        return dict


class Hashed:
    """The lists that a dict or set consists of whose keys data decide (`objects.hashing`).

    `first` are the keys that it had before.
    """

    def __init__(
        self,
        keys: SequenceValue,
        values: SequenceValue | None,
        homes: SequenceValue,
        slots: SequenceValue,
        first: tuple[Any, ...],
    ) -> None:
        self.keys, self.values, self.homes, self.slots = keys, values, homes, slots
        self.first = first
        found = (keys, values, homes, slots)
        self.parts = tuple(part for part in found if part is not None)


class KeyedValue(PyValue):
    """A dict or set: `items` are known at trace time; or data decide, and they are `hashed`."""

    kind: type

    def __init__(self, items: dict[Any, Any]) -> None:
        self.known = items
        self.hashed: Hashed | None = None
        self.iterators: list[IteratorValue] = []
        self.changed = False

    @property
    def items(self) -> dict[Any, Any]:
        """The items by their keys; JF-B006 where data decide them."""
        if self.hashed is not None:
            text = f"the keys of a {self.kind.__name__} are known only at run time"
            raise Unsupported("JF-B006", text)
        return self.known

    @items.setter
    def items(self, items: dict[Any, Any]) -> None:
        self.known = items


class DictValue(KeyedValue):
    """An exact dict (or `kind`, a subclass without behaviour of its own on the paths traced).

    `items` maps the key's Python object to (key value, value); keys are constants.
    `default_factory` is set for `collections.defaultdict`; `owner` for the dictionary of an
    instance, where what is set through one is seen through the other. One that is lent is an item
    of a list with rows, or may be one: it is good for reading.
    """

    def __init__(
        self,
        items: dict[Any, tuple[PyValue, PyValue]],
        source: Source | None = None,
        kind: type = dict,
        default_factory: PyValue | None = None,
        owner: InstanceValue | None = None,
    ) -> None:
        super().__init__(items)
        self.source, self.kind = source, kind
        self.default_factory, self.owner = default_factory, owner
        self.is_lent = False

    @property
    def python_type(self) -> type:
        return self.kind

    def __repr__(self) -> str:
        return f"{self.kind.__name__}({list(self.known)})"


class DictViewValue(PyValue):
    """``d.keys()``, ``d.values()`` or ``d.items()``, by `part`."""

    def __init__(self, mapping: DictValue, part: str) -> None:
        self.mapping, self.part = mapping, part

    @property
    def python_type(self) -> type:
        return type(getattr({}, self.part)())


class SetValue(KeyedValue):
    """A set or frozenset, by `kind`, of constants; `items` keeps the order of insertion.

    `by_insertion` tells that it was made by single insertions, which fixes its order of iteration.
    `log` has the methods that changed it, with their arguments.
    """

    def __init__(
        self, items: dict[Any, PyValue], kind: type = set, source: Source | None = None
    ) -> None:
        super().__init__(items)
        self.kind, self.source = kind, source
        self.by_insertion = source is None
        self.log: tuple[tuple[Any, tuple[PyValue, ...]], ...] = ()

    @property
    def python_type(self) -> type:
        return self.kind


class DequeValue(PyValue):
    """A `collections.deque` that the piece made; `held` has its items."""

    def __init__(self, held: SequenceValue, maxlen: int | None) -> None:
        self.held, self.maxlen = held, maxlen
        self.iterators: list[IteratorValue] = []

    @property
    def python_type(self) -> type:
        return deque


class RangeValue(PyValue):
    """A range; start and stop may be run-time integers."""

    def __init__(
        self, start: PyValue, stop: PyValue, step: PyValue, source: Source | None = None
    ) -> None:
        self.start, self.stop, self.step, self.source = start, stop, step, source

    @property
    def python_type(self) -> type:
        return range


class CellValue(PyValue):
    """A closure cell; `contents` None means empty, or `PerhapsUnbound` where data decide it.

    `may_be_empty` tells that this is nothing unusual.
    """

    may_be_empty = False

    def __init__(self, contents: PyValue | None, source: Source | None = None) -> None:
        self.contents, self.source = contents, source
        self.changed = False

    @property
    def python_type(self) -> type:
        return type((lambda x: lambda: x)(0).__closure__[0])  # type: ignore[index]


class FunctionValue(PyValue):
    """A Python function.

    Attributes
    ----------
    code : code object
    globals : dict
        The real dictionary of its module.
    name, qualname : str
    defaults : list of PyValue
        Of the last positional parameters.
    keyword_defaults : dict of str to PyValue
    closure : tuple of CellValue
        In `co_freevars` order.
    real : function or None
        The function itself where it was there before; None where the piece made it.
    annotations : PyValue or None
    attributes : dict of str to PyValue
        Attributes set in the piece (``f.calls = 0``).
    """

    def __init__(
        self,
        code: CodeType,
        globals: dict[str, Any],
        name: str,
        qualname: str,
        defaults: list[PyValue],
        keyword_defaults: dict[str, PyValue],
        closure: tuple[CellValue, ...],
        real: Any = None,
        source: Source | None = None,
        annotations: PyValue | None = None,
    ) -> None:
        self.code, self.globals, self.name, self.qualname = code, globals, name, qualname
        self.defaults, self.keyword_defaults = defaults, keyword_defaults
        self.closure, self.real, self.source = closure, real, source
        self.annotations = annotations
        self.attributes: dict[str, PyValue] = {}
        self.changed = False

    @property
    def python_type(self) -> type:
        return type(_example)

    def __repr__(self) -> str:
        return f"FunctionValue({self.qualname})"


def _example() -> None:
    """Gives the class of Python functions."""


class MethodValue(PyValue):
    """A bound method: a function value with its first argument."""

    def __init__(self, function: PyValue, receiver: PyValue, name: str = "") -> None:
        self.function, self.receiver, self.name = function, receiver, name

    @property
    def python_type(self) -> type:
        return type(_Example().method)

    def __repr__(self) -> str:
        return f"MethodValue({self.function}, {self.receiver})"


class _Example:
    def method(self) -> None:
        """Gives the class of bound methods."""


class BuiltinMethodValue(PyValue):
    """A method of a built-in object, such as ``items.append``: receiver and name."""

    def __init__(self, receiver: PyValue, name: str) -> None:
        self.receiver, self.name = receiver, name

    @property
    def python_type(self) -> type:
        return type([].append)

    def __repr__(self) -> str:
        return f"BuiltinMethodValue({self.receiver}, {self.name})"


class ArrayMethodValue(PyValue):
    """A method of an array or NumPy scalar, not called yet."""

    def __init__(self, receiver: PyValue, name: str) -> None:
        self.receiver, self.name = receiver, name

    @property
    def python_type(self) -> type:
        return type([].append)

    def __repr__(self) -> str:
        return f"ArrayMethodValue({self.receiver}, {self.name})"


class PartialValue(PyValue):
    """``functools.partial(function, *args, **keywords)``."""

    def __init__(
        self,
        function: PyValue,
        arguments: list[PyValue],
        keywords: dict[str, PyValue],
        source: Source | None = None,
    ) -> None:
        self.function, self.arguments, self.keywords = function, arguments, keywords
        self.source = source

    @property
    def python_type(self) -> type:
        from functools import partial

        return partial


class InstanceValue(PyValue):
    """An instance of a Python class.

    Attributes
    ----------
    cls : type
    real : object or None
        The instance itself where it was there before.
    attributes : dict of str to PyValue
        Instance attributes that the piece has read or set; for a sourced instance the others are
        as they were in `real`.
    written : dict of str to None
        Names of attributes that were set or deleted, in order; sourced instances only.
    deleted : set of str
        Names that were there before and are gone.
    dictionary : DictValue or None
        ``vars(instance)``, once it was asked for.
    """

    def __init__(self, cls: type, real: Any = None, source: Source | None = None) -> None:
        self.cls, self.real, self.source = cls, real, source
        self.attributes: dict[str, PyValue] = {}
        self.written: dict[str, None] = {}
        self.deleted: set[str] = set()
        self.dictionary: DictValue | None = None
        self.changed = False

    @property
    def python_type(self) -> type:
        return self.cls

    def __repr__(self) -> str:
        return f"InstanceValue({self.cls.__name__})"


class NamespaceValue(PyValue):
    """The dictionary of a module: `items` are the names read or set; None is a deleted name."""

    def __init__(self, real: dict[str, Any], source: Source) -> None:
        self.real, self.source = real, source
        self.items: dict[str, PyValue | None] = {}
        self.written: dict[str, None] = {}
        self.changed = False

    @property
    def python_type(self) -> type:
        return dict


class ClassDictionaryValue(PyValue):
    """What the piece has set of the attributes of a class.

    Attributes
    ----------
    items : dict of str to PyValue
        The newest values.
    originals : dict of str to PyValue
        Those at the start of the piece.
    written : dict of str to None
        Names in the order in which they were first set.
    """

    def __init__(self, real: type) -> None:
        self.real = real
        self.source = ConstantSource(real, real.__name__)
        self.items: dict[str, PyValue] = {}
        self.originals: dict[str, PyValue] = {}
        self.written: dict[str, None] = {}
        self.changed = False

    @property
    def python_type(self) -> type:
        return MappingProxyType


class WeakReferenceValue(PyValue):
    """A `weakref.ref` without a callback; `real` where it was there before."""

    def __init__(
        self, referent: PyValue | None, real: Any = None, source: Source | None = None
    ) -> None:
        self.referent, self.real, self.source = referent, real, source

    @property
    def python_type(self) -> type:
        return weakref.ref


class IdentityValue(PyValue):
    """``id(value)``: an integer that is good for telling objects apart, and nothing else."""

    def __init__(self, value: PyValue) -> None:
        self.value = value

    @property
    def python_type(self) -> type:
        return int


class SuperValue(PyValue):
    """``super(cls, receiver)``."""

    def __init__(self, cls: type, receiver: PyValue) -> None:
        self.cls, self.receiver = cls, receiver

    @property
    def python_type(self) -> type:
        return super


class ObjectCallValue(PyValue):
    """A fresh object that a harmless call will make if it escapes, such as an exception."""

    def __init__(
        self, function: type, arguments: list[PyValue], keywords: dict[str, PyValue]
    ) -> None:
        self.function, self.arguments, self.keywords = function, arguments, keywords

    @property
    def python_type(self) -> type:
        return self.function

    def __repr__(self) -> str:
        return f"ObjectCallValue({self.function.__name__})"


class IteratorValue(PyValue):
    """An iterator made in the piece.

    Attributes
    ----------
    kind : str
        ``"sequence"`` (list, tuple, dict view, string: `iterable` is that value), ``"range"``,
        ``"array"``, ``"numbers"`` and ``"backwards"`` (a list of numbers), ``"enumerate"``,
        ``"zip"``, ``"map"``, ``"filter"``, ``"reversed"``, ``"generator"``, and those of
        itertools under their names.
    iterable : PyValue or None
        What is iterated, for the kinds that have one.
    owner : DequeValue or None
        The deque that has `iterable`.
    inner : list of IteratorValue
        The iterators below, for those made of others.
    function : PyValue or None
        For ``map`` and ``filter``.
    size : int or None
        Length of a dict or set when its iteration began: it must not change.
    position : int
        Items taken so far.
    start, step : PyValue or None
        For ``enumerate`` and ``count``: the number of the first item, and between two items; for
        ``repeat`` and ``cycle`` `start` is what comes again.
    window : tuple or None
        For ``islice``: items taken so far, the next one to give, where to stop, the step.
    resume : callable or None
        Runs a generator to its next item.
    is_unnamed : bool
        Whether a ``for`` made it from something else: nothing but that loop can know it.
    is_rest : bool
        Whether it is what is left of the iterator of a captured loop; see `tracer.remaining`.
    """

    def __init__(
        self,
        kind: str,
        iterable: PyValue | None = None,
        inner: list[IteratorValue] | None = None,
        function: PyValue | None = None,
        start: PyValue | None = None,
        iterator_type: type = object,
    ) -> None:
        self.kind, self.iterable, self.inner = kind, iterable, inner or []
        self.function, self.start = function, start
        self.step: PyValue | None = None
        self.owner: DequeValue | None = None
        self.is_unnamed = False
        self.is_rest = False
        self.size: int | None = None
        self.window: tuple[int, int, int | None, int] | None = None
        self.position = 0
        self.iterator_type = iterator_type
        self.exhausted = False
        self.resume: Callable[[], PyValue | None] | None = None

    @property
    def python_type(self) -> type:
        return self.iterator_type

    def __repr__(self) -> str:
        return f"IteratorValue({self.kind}, {self.position})"

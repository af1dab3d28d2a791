"""Guards in machine code: how sources are reached, and how facts about them are checked.

A source is evaluated once, when first needed; the trace's order of guards makes that safe. What
`PyObject_GetAttr` returns is held until the call ends, everything else is borrowed: nothing runs
Python code between a guard and the kernel.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import combinations
from typing import Any

from jitflow.codegen.cpu import object_layout as layout
from jitflow.codegen.cpu.entry_writer import Writer
from jitflow.core.errors import Unsupported
from jitflow.guards import predicates as g
from jitflow.guards import sources as s

_EQUAL = 2  # Py_EQ
_COMPARABLE = (int, str, bytes)
_MOST_PAIRED = 24
"""Objects of one `Distinct` that machine code compares in pairs."""


class Guards:
    """Checks guards in the text of `writer`.

    Parameters
    ----------
    writer : Writer
    parameters : list of str
        The values of the parameters: what `StateSource` means.
    """

    def __init__(self, writer: Writer, parameters: list[str]) -> None:
        self._writer = writer
        self._parameters = parameters
        self._values: dict[s.Source, str] = {}
        self._held: set[str] = set(parameters)

    # Sources

    def value(self, source: s.Source) -> str:
        """The object at `source`, a borrowed reference."""
        if isinstance(source, s.StateSource):
            return self._parameters[source.index]
        known = self._values.get(source)
        if known is None:
            known = self._values[source] = self._read(source)
        return known

    def hold(self, source: s.Source) -> str:
        """The object at `source`, kept alive until the call ends."""
        value = self.value(source)
        if value not in self._held and not value.startswith("@"):
            self._writer.call("Py_IncRef", value)
            self._writer.own(value)
            self._held.add(value)
        return value

    def _read(self, source: s.Source) -> str:
        reader = _READERS.get(type(source))
        if reader is None:
            raise Unsupported("JF-B010", f"{source} has no native form")
        return reader(self, source)

    def _constant(self, source: s.ConstantSource) -> str:
        return self._writer.constant(source.value)

    def _global(self, source: s.GlobalSource) -> str:
        namespace = self.value(source.namespace)
        key = self._writer.constant(source.name)
        return self._found(self._writer.call("PyDict_GetItemWithError", namespace, key))

    def _cell(self, source: s.CellSource) -> str:
        cell = self.value(source.cell)
        return self._found(self._writer.load("ptr", cell, layout.CELL_CONTENTS))

    def _attribute(self, source: s.AttributeSource) -> str:
        base = self.value(source.base)
        value = self._writer.call("PyObject_GetAttr", base, self._writer.constant(source.name))
        self._found(value)
        self._held.add(value)
        return self._writer.own(value)

    def _item(self, source: s.ItemSource) -> str:
        index = source.key if type(source.key) is int else 0
        key = self._writer.constant(source.key)
        base = self.value(source.base)
        return self._found(self._writer.call("jf.item", base, key, str(index)))

    def _type(self, source: s.TypeSource) -> str:
        return self.type_of(self.value(source.base))

    def _found(self, value: str) -> str:
        """Go on only if `value` is not NULL; an exception may be pending where it is."""
        is_there = self._writer.assign(f"icmp ne ptr {value}, null", "c")
        self._writer.require(is_there, clear_error=True)
        return value

    def type_of(self, value: str) -> str:
        """The class of an object."""
        return self._writer.load("ptr", value, layout.OBJECT_TYPE)

    # Guards

    def check(self, guard: g.Guard) -> None:
        """Go on only if `guard` holds."""
        checker = _CHECKERS.get(type(guard))
        if checker is None:
            raise Unsupported("JF-B010", f"{type(guard).__name__} has no native form")
        checker(self, guard)

    def require_same(self, value: str, expected: Any) -> None:
        """Go on only if `value` is the object `expected`."""
        constant = self._writer.constant(expected)
        self._writer.require(self._writer.assign(f"icmp eq ptr {value}, {constant}", "c"))

    def require_type(self, value: str, expected: type) -> None:
        """Go on only if the class of `value` is `expected`."""
        self.require_same(self.type_of(value), expected)

    def _is_there(self, guard: g.IsThere) -> None:
        self.value(guard.source)

    def _type_is(self, guard: g.TypeIs) -> None:
        self.require_type(self.value(guard.source), guard.expected)

    def _is_object(self, guard: g.IsObject) -> None:
        source = guard.source
        if isinstance(source, s.GlobalSource) and source not in self._values:
            self._require_item(source, guard.expected)
        else:
            self.require_same(self.value(source), guard.expected)
        if not isinstance(source, s.StateSource):
            self._values[source] = self._writer.constant(guard.expected)

    def _require_item(self, source: s.GlobalSource, expected: Any) -> None:
        """A global that is `expected`: where it was in the dictionary, it mostly still is."""
        namespace = source.namespace.value
        place = layout.find_item(namespace, source.name) if type(namespace) is dict else None
        shape, index, offset = (place.shape, place.index, place.offset) if place else (-1, 0, 0)
        known = (self._writer.constant(item) for item in (namespace, source.name, expected))
        numbers = (str(number) for number in (shape, index, offset))
        self._writer.require(self._writer.call("jf.has_item", *known, *numbers))

    def _equals(self, guard: g.Equals) -> None:
        value, expected = self.value(guard.source), guard.expected
        if expected is None or type(expected) is bool:
            self.require_same(value, expected)
        elif type(expected) is float:
            self.require_type(value, float)
            bits = struct.unpack("q", struct.pack("d", expected))[0]
            found = self._writer.load("i64", value, layout.NUMBER)
            self._writer.require(self._writer.assign(f"icmp eq i64 {found}, {bits}", "c"))
        elif type(expected) in _COMPARABLE:
            self._equals_object(value, expected)
        else:
            raise Unsupported("JF-B010", f"equality of {type(expected).__name__}")

    def _equals_object(self, value: str, expected: Any) -> None:
        """Identity first: small integers and interned strings are found that way."""
        writer = self._writer
        constant, done, other = writer.constant(expected), writer.block(), writer.block()
        writer.branch(writer.assign(f"icmp eq ptr {value}, {constant}", "c"), done, other)
        writer.begin(other)
        self.require_type(value, type(expected))
        equal = writer.call("PyObject_RichCompareBool", value, constant, str(_EQUAL))
        writer.require(writer.assign(f"icmp eq i32 {equal}, 1", "c"))
        writer.jump(done)
        writer.begin(done)

    def _length_is(self, guard: g.LengthIs) -> None:
        length = self._writer.call("PyObject_Size", self.value(guard.source))
        fits = self._writer.assign(f"icmp eq i64 {length}, {guard.expected}", "c")
        self._writer.require(fits, clear_error=True)

    def _has_no_item(self, guard: g.HasNoItem) -> None:
        key = self._writer.constant(guard.key)
        found = self._writer.call("PyDict_GetItemWithError", self.value(guard.source), key)
        absent = self._writer.assign(f"icmp eq ptr {found}, null", "c")
        self._writer.require(absent)

    def _compare_sources(self, guard: g.NotSame | g.SameObject) -> None:
        relation = "eq" if isinstance(guard, g.SameObject) else "ne"
        left, right = self.value(guard.source), self.value(guard.other)
        self._writer.require(self._writer.assign(f"icmp {relation} ptr {left}, {right}", "c"))

    def _distinct(self, guard: g.Distinct) -> None:
        for left, right in combinations((guard.source, *guard.others), 2):
            self._compare_sources(g.NotSame(left, right))

    def _searches_class(self, guard: g.SearchesClass) -> None:
        name = self._writer.constant(guard.name)
        found = self._writer.call("_PyType_Lookup", self.value(guard.source), name)
        expected = "null"
        if guard.expected is not g.MISSING:
            expected = self._writer.constant(guard.expected)
        self._writer.require(self._writer.assign(f"icmp eq ptr {found}, {expected}", "c"))


_READERS: dict[type, Callable[[Guards, Any], str]] = {
    s.ConstantSource: Guards._constant,
    s.GlobalSource: Guards._global,
    s.CellSource: Guards._cell,
    s.AttributeSource: Guards._attribute,
    s.ItemSource: Guards._item,
    s.TypeSource: Guards._type,
}

_CHECKERS: dict[type, Callable[[Guards, Any], None]] = {
    g.IsThere: Guards._is_there,
    g.TypeIs: Guards._type_is,
    g.IsObject: Guards._is_object,
    g.Equals: Guards._equals,
    g.LengthIs: Guards._length_is,
    g.HasNoItem: Guards._has_no_item,
    g.NotSame: Guards._compare_sources,
    g.Distinct: Guards._distinct,
    g.SameObject: Guards._compare_sources,
    g.SearchesClass: Guards._searches_class,
}


def reads(source: s.Source) -> bool:
    """Whether a source has a native form."""
    if isinstance(source, s.StateSource | s.ConstantSource):
        return True
    base = getattr(source, "base", None) or getattr(source, "cell", None)
    base = base or getattr(source, "namespace", None)
    return type(source) in _READERS and base is not None and reads(base)


def supports(guard: g.Guard) -> bool:
    """Whether `Guards.check` (or the checks of inputs) can check this guard."""
    if not reads(guard.source):
        return False
    if isinstance(guard, g.NotSame | g.SameObject | g.NoOverlap):
        return reads(guard.other)
    if isinstance(guard, g.Distinct):
        return len(guard.others) < _MOST_PAIRED and all(map(reads, guard.others))
    if isinstance(guard, g.Equals):
        return type(guard.expected) in (*_COMPARABLE, float, bool, type(None))
    return type(guard) in _CHECKERS or isinstance(guard, g.Relation | g.ArrayFact | g.ScalarFact)

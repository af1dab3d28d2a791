"""Turns guards into Python statements: `CheckWriter` names sources once and tests facts on them.

The generated text is a sequence of `Let` and `Test` steps. Equal prefixes of two variants are equal
text, so that a decision tree over variants can share them. Evaluating a step may raise
`AttributeError`, `KeyError`, `IndexError` or `TypeError` where an object has lost what a source
expects; whoever runs the steps treats that as a failed guard.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field
from jitflow.guards import predicates as p
from jitflow.guards.sources import (
    AttributeSource,
    CellSource,
    ConstantSource,
    DictKeySource,
    DimensionSource,
    GlobalSource,
    ItemSource,
    MadeSource,
    ReferentSource,
    Source,
    StateSource,
    TypeSource,
)

_INLINE_CONSTANTS = (int, str, bool, bytes, type(None))

_MOST_BITS = 4096
"""Size of integers that are written out; Python refuses to for very long ones."""


@dataclass(frozen=True)
class Let:
    """``name = expression``."""

    name: str
    expression: str


@dataclass(frozen=True)
class Test:
    """The variant fits only if `condition` is true."""

    __test__ = False  # not a test case, whatever pytest thinks of the name

    condition: str


Step = Let | Test


@dataclass
class ConstantPool:
    """Names for the objects that generated code refers to; one object has one name."""

    names: dict[int, str] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)

    def __call__(self, value: Any) -> str:
        """The name of `value`, the same at every call."""
        is_long = type(value) is int and value.bit_length() > _MOST_BITS
        if type(value) in _INLINE_CONSTANTS and not is_long:
            return repr(value)
        name = self.names.get(id(value))
        if name is None:
            name = self.names[id(value)] = f"k{len(self.names)}"
            self.objects[name] = value
        return name


class CheckWriter:
    """Writes the steps of one variant; sources are evaluated once, bases first."""

    def __init__(self, pool: ConstantPool) -> None:
        self.pool = pool
        self.steps: list[Step] = []
        self._names: dict[Source, str] = {}

    def source(self, source: Source) -> str:
        """Name of the value of `source`, evaluating it and what it hangs on where new."""
        if isinstance(source, StateSource):
            return f"v{source.index}"
        if isinstance(source, ConstantSource):
            return self.pool(source.value)
        name = self._names.get(source)
        if name is None:
            expression = self._expression(source)
            name = f"t{len(self._names)}"
            self._names[source] = name
            self.steps.append(Let(name, expression))
        return name

    def fork(self) -> CheckWriter:
        """A writer that knows the same names and appends to a list of its own."""
        other = CheckWriter(self.pool)
        other._names = dict(self._names)
        return other

    def _expression(self, source: Source) -> str:
        if isinstance(source, GlobalSource):
            return f"{self.source(source.namespace)}[{source.name!r}]"
        if isinstance(source, CellSource):
            return f"{self.source(source.cell)}.cell_contents"
        if isinstance(source, AttributeSource):
            return self._attribute(source)
        if isinstance(source, ItemSource):
            return f"{self.source(source.base)}[{self.pool(source.key)}]"
        if isinstance(source, DictKeySource):
            return f"list({self.source(source.base)})[{source.index}]"
        if isinstance(source, MadeSource):
            arguments = ", ".join(map(self.source, source.arguments))
            return f"{self.source(source.function)}({arguments})"
        if isinstance(source, ReferentSource):
            return f"{self.source(source.base)}()"
        if isinstance(source, TypeSource):
            return f"type({self.source(source.base)})"
        if isinstance(source, DimensionSource):
            return f"{self.source(source.base)}.shape[{source.axis}]"
        raise TypeError(f"no code for the source {source!r}")

    def _attribute(self, source: AttributeSource) -> str:
        base = source.base
        if isinstance(base, ConstantSource) and isinstance(base.value, ModuleType):
            return f"{self.pool(vars(base.value))}[{source.name!r}]"
        if source.name.isidentifier():
            return f"{self.source(base)}.{source.name}"
        return f"getattr({self.source(base)}, {source.name!r})"

    def guards(self, guards: Iterable[p.Guard]) -> None:
        """Append the steps of `guards` in order; facts on graph inputs are checked elsewhere."""
        for guard in guards:
            self.guard(guard)

    def guard(self, guard: p.Guard) -> None:
        """Append the steps of one guard."""
        write = _WRITERS[type(guard)]
        condition = write(self, guard)
        if condition:
            self.steps.append(Test(condition))


def _is_there(w: CheckWriter, guard: p.IsThere) -> str:
    w.source(guard.source)
    return ""


def _type_is(w: CheckWriter, guard: p.TypeIs) -> str:
    return f"type({w.source(guard.source)}) is {w.pool(guard.expected)}"


def _is_object(w: CheckWriter, guard: p.IsObject) -> str:
    return f"{w.source(guard.source)} is {w.pool(guard.expected)}"


def _equals(w: CheckWriter, guard: p.Equals) -> str:
    name, expected = w.source(guard.source), guard.expected
    if expected is None or isinstance(expected, bool):
        return f"{name} is {expected!r}"
    kind = w.pool(type(expected))
    if isinstance(expected, float):
        bits = struct.pack("<d", expected)
        return f"type({name}) is {kind} and {w.pool(struct.pack)}('<d', {name}) == {bits!r}"
    return f"type({name}) is {kind} and {name} == {w.pool(expected)}"


def _length_is(w: CheckWriter, guard: p.LengthIs) -> str:
    return f"len({w.source(guard.source)}) == {guard.expected}"


def _keys_are(w: CheckWriter, guard: p.KeysAre) -> str:
    return f"tuple({w.source(guard.source)}) == {w.pool(guard.expected)}"


def _has_no_item(w: CheckWriter, guard: p.HasNoItem) -> str:
    return f"{w.pool(guard.key)} not in {w.source(guard.source)}"


def _not_same(w: CheckWriter, guard: p.NotSame) -> str:
    return f"{w.source(guard.source)} is not {w.source(guard.other)}"


def _distinct(w: CheckWriter, guard: p.Distinct) -> str:
    sources = (guard.source, *guard.others)
    identity = w.pool(id)
    found = ", ".join(f"{identity}({w.source(source)})" for source in sources)
    return f"len({{{found}}}) == {len(sources)}"


def _same_object(w: CheckWriter, guard: p.SameObject) -> str:
    return f"{w.source(guard.source)} is {w.source(guard.other)}"


def search_class(cls: type, name: str) -> Any:
    """The raw class-dictionary entry that `name` has on `cls`, or `predicates.MISSING`."""
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return p.MISSING


def _searches_class(w: CheckWriter, guard: p.SearchesClass) -> str:
    find = w.pool(search_class)
    found = f"{find}({w.source(guard.source)}, {guard.name!r})"
    return f"{found} is {w.pool(guard.expected)}"


def _holds(w: CheckWriter, guard: p.Holds) -> str:
    return guard.text.format(*map(w.source, guard.sources))


def _checked_natively(w: CheckWriter, guard: p.Guard) -> str:
    return ""


def write_input_checks(
    w: CheckWriter, inputs: Iterable[p.ArrayFact | p.ScalarFact], late: Iterable[p.Guard]
) -> None:
    """Append Python checks of facts that native code would check: inputs, overlap, relations.

    For pieces without a native segment at their start, and where the native entry is not to be had.
    Symbols become variables of their own name.
    """
    bound: set[str] = set()
    for fact in inputs:
        name = w.source(fact.source)
        if isinstance(fact, p.ScalarFact):
            w.steps.append(Test(f"type({name}) is {w.pool(fact.type)}"))
        else:
            _array_checks(w, fact, name, bound)
    for guard in late:
        if isinstance(guard, p.NoOverlap):
            shares = w.pool(np.may_share_memory)
            w.steps.append(Test(f"not {shares}({w.source(guard.source)}, {w.source(guard.other)})"))
        elif isinstance(guard, p.Relation):
            w.steps.append(Test(f"{guard.left} {guard.relation} {guard.right}"))


def _array_checks(w: CheckWriter, fact: p.ArrayFact, name: str, bound: set[str]) -> None:
    kind = fact.kind
    w.steps.append(Test(f"type({name}) is {w.pool(kind.type)}"))
    w.steps += [Test(condition.format(name)) for condition in kind.conditions]
    dtype = fact.dtype.numpy
    is_same = f"{name}.dtype == {w.pool(dtype)} and {name}.dtype.num == {dtype.num}"
    w.steps.append(Test(f"{is_same} and {name}.dtype.metadata is None"))
    w.steps.append(Let(f"{name}_shape", f"{name}.shape"))
    _shape_checks(w, fact, f"{name}_shape", bound)
    if fact.layout in kind.contiguous:
        w.steps.append(Test(kind.contiguous[fact.layout].format(name)))
    if kind.has_flags:
        flags = ["aligned"] * fact.aligned + ["writeable"] * fact.writeable
        w.steps += [Test(f"{name}.flags.{flag}") for flag in flags]
    if fact.layout == "strided":
        for slow, fast in pairwise(fact.order):
            relation = ">=" if slow < fast else ">"
            sizes = (f"abs({name}.strides[{axis}])" for axis in (slow, fast))
            w.steps.append(Test(f" {relation} ".join(sizes)))
        if fact.unit_axis is not None:
            w.steps.append(Test(f"{name}.strides[{fact.unit_axis}] == {name}.itemsize"))


def _shape_checks(w: CheckWriter, fact: p.ArrayFact, shape: str, bound: set[str]) -> None:
    if all(isinstance(dim, int) for dim in fact.shape):
        w.steps.append(Test(f"{shape} == {fact.shape!r}"))
        return
    w.steps.append(Test(f"len({shape}) == {len(fact.shape)}"))
    for axis, dim in enumerate(fact.shape):
        extent = f"{shape}[{axis}]"
        new = dims.symbols_of(dim) - bound
        if new:
            w.steps.append(Let(str(dim), extent))
            bound |= new
        else:
            w.steps.append(Test(f"{extent} == {dim}"))


_WRITERS: dict[type[p.Guard], Any] = {
    p.IsThere: _is_there,
    p.TypeIs: _type_is,
    p.IsObject: _is_object,
    p.Equals: _equals,
    p.LengthIs: _length_is,
    p.KeysAre: _keys_are,
    p.HasNoItem: _has_no_item,
    p.NotSame: _not_same,
    p.Distinct: _distinct,
    p.SameObject: _same_object,
    p.SearchesClass: _searches_class,
    p.Holds: _holds,
    p.ScalarFact: _checked_natively,
    p.ArrayFact: _checked_natively,
    p.NoOverlap: _checked_natively,
    p.Relation: _checked_natively,
}

"""The inputs of a segment in machine code: checks, and the arguments of the body."""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np

from jitflow.codegen.cpu import object_layout as layout
from jitflow.codegen.cpu.entry_guards import Guards
from jitflow.codegen.cpu.entry_writer import Writer
from jitflow.codegen.interface import InputSpec
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.core.dtypes import DType, from_numpy
from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import ArrayFact, NoOverlap, Relation, ScalarFact

LLVM_TYPES = {
    "bool": "i8",
    "f16": "half",
    "f32": "float",
    "f64": "double",
    "c64": "float",
    "c128": "double",
    **{f"{sign}{bits}": f"i{bits}" for sign in "iu" for bits in (8, 16, 32, 64)},
}
"""LLVM type of a value, or of each of the two parts of a complex value, by the dtype's name."""

_MOST_CALLS = 12
"""Pairs of arrays whose memory is compared by a call each."""
_ORDERS = {"==": "eq", "!=": "ne", "<=": "sle", "<": "slt"}


@dataclass
class Loaded:
    """An input in the text: the object, the arguments it gives to the body, its strides."""

    value: str
    itemsize: int
    arguments: list[str] = field(default_factory=list)
    strides: list[str] = field(default_factory=list)


class Inputs:
    """Checks and loads the inputs of a segment, and binds the symbols of their shapes.

    Parameters
    ----------
    writer, guards
        Where the text goes.
    checked : bool
        False to load without checks.
    """

    def __init__(self, writer: Writer, guards: Guards, checked: bool) -> None:
        self._writer, self._guards, self._checked = writer, guards, checked
        self._later: list[tuple[str, Dim]] = []
        self.loaded: list[Loaded] = []

    def take(self, fact: ArrayFact | ScalarFact, spec: InputSpec) -> Loaded:
        """Check one input and load what the body takes of it."""
        value = self._guards.hold(fact.source)
        if isinstance(fact, ScalarFact):
            arguments = self._number(value, fact.type, spec.dtype)
            loaded = Loaded(value, spec.dtype.itemsize, arguments)
        else:
            loaded = self._array(value, fact, spec)
        self.loaded.append(loaded)
        return loaded

    def finish(self, facts: tuple[NoOverlap | Relation, ...]) -> None:
        """Check the dimensions that wait for symbols, then relations and overlaps."""
        if not self._checked:
            return
        writer = self._writer
        condition = ""
        for found, dim in self._later:
            equal = writer.assign(f"icmp eq i64 {found}, {writer.dim(dim)}", "c")
            condition = writer.both(condition, equal)
        for fact in facts:
            if isinstance(fact, Relation):
                left, right = writer.dim(fact.left), writer.dim(fact.right)
                order = _ORDERS[fact.relation]
                holds = writer.assign(f"icmp {order} i64 {left}, {right}", "c")
                condition = writer.both(condition, holds)
        writer.require(condition)
        self._check_overlaps([fact for fact in facts if isinstance(fact, NoOverlap)])

    def _check_overlaps(self, facts: list[NoOverlap]) -> None:
        places = {loaded.value: place for place, loaded in enumerate(self.loaded)}
        pairs = []
        for fact in facts:
            both = [self._guards.value(source) for source in (fact.source, fact.other)]
            if not all(value in places for value in both):
                raise Unsupported("JF-B017", f"{fact.source} or {fact.other} is no input")
            pairs.append((places[both[0]], places[both[1]]))
        if len(pairs) > _MOST_CALLS:
            self._check_table(pairs)
            return
        for first, second in pairs:
            one, other = self.loaded[first], self.loaded[second]
            sizes = str(one.itemsize), str(other.itemsize)
            self._writer.require(self._writer.call("jf.disjoint", one.value, other.value, *sizes))

    def _check_table(self, pairs: list[tuple[int, int]]) -> None:
        """One call for many pairs: the code is as long as the inputs are many."""
        writer, count = self._writer, len(self.loaded)
        arrays, sizes = writer.alloca(f"[{count} x ptr]"), writer.alloca(f"[{count} x i64]")
        for place in sorted({place for pair in pairs for place in pair}):
            loaded = self.loaded[place]
            writer.store("ptr", loaded.value, arrays, 8 * place)
            writer.store("i64", str(loaded.itemsize), sizes, 8 * place)
        table = writer.constant(b"".join(struct.pack("=ii", *pair) for pair in pairs))
        apart = writer.call("jf.all_disjoint", arrays, sizes, table, str(len(pairs)))
        writer.require(apart)

    # Arrays

    def _array(self, value: str, fact: ArrayFact, spec: InputSpec) -> Loaded:
        if self._checked:
            self._check_header(value, fact)
        self._bind_shape(value, fact.shape)
        loaded = Loaded(value, fact.dtype.itemsize)
        if spec.layout == "strided":
            self._load_strides(loaded, fact)
        data = self._writer.load("ptr", value, layout.ARRAY_DATA, "data")
        loaded.arguments = [f"ptr {data}", *(f"i64 {stride}" for stride in loaded.strides)]
        return loaded

    def _check_header(self, value: str, fact: ArrayFact) -> None:
        writer = self._writer
        self._guards.require_type(value, np.ndarray)
        rank = writer.load("i32", value, layout.ARRAY_RANK)
        condition = writer.assign(f"icmp eq i32 {rank}, {len(fact.shape)}", "c")
        wanted = _flags(fact)
        if wanted:
            flags = writer.load("i32", value, layout.ARRAY_FLAGS)
            has = writer.assign(f"and i32 {flags}, {wanted}")
            condition = writer.both(condition, writer.assign(f"icmp eq i32 {has}, {wanted}", "c"))
        writer.require(condition)
        self._check_dtype(value, fact.dtype)

    def _check_dtype(self, value: str, dtype: DType) -> None:
        writer = self._writer
        found = writer.load("ptr", value, layout.ARRAY_DTYPE)
        singleton, same, other = writer.constant(dtype.numpy), writer.block(), writer.block()
        writer.branch(writer.assign(f"icmp eq ptr {found}, {singleton}", "c"), same, other)
        writer.begin(other)
        writer.require(writer.call("jf.same_dtype", found, str(dtype.numpy.num)))
        writer.jump(same)
        writer.begin(same)

    def _bind_shape(self, value: str, shape: tuple[Dim, ...]) -> None:
        writer = self._writer
        if not shape or (not self._checked and all(isinstance(dim, int) for dim in shape)):
            return
        extents = writer.load("ptr", value, layout.ARRAY_SHAPE)
        condition = ""
        for axis, dim in enumerate(shape):
            name = _symbol(dim)
            if name is not None and name not in writer.symbols:
                writer.symbols[name] = writer.load("i64", extents, 8 * axis, f"{name}.")
            elif self._checked:
                found = writer.load("i64", extents, 8 * axis)
                if writer.is_bound(dim):
                    equal = writer.assign(f"icmp eq i64 {found}, {writer.dim(dim)}", "c")
                    condition = writer.both(condition, equal)
                else:
                    self._later.append((found, dim))
        writer.require(condition)

    def _load_strides(self, loaded: Loaded, fact: ArrayFact) -> None:
        writer, rank = self._writer, len(fact.shape)
        if not rank:
            return
        base = writer.load("ptr", loaded.value, layout.ARRAY_STRIDES)
        loaded.strides = [writer.load("i64", base, 8 * axis, "stride") for axis in range(rank)]
        if not self._checked:
            return
        condition = ""
        if fact.unit_axis is not None:
            unit = loaded.strides[fact.unit_axis]
            condition = writer.assign(f"icmp eq i64 {unit}, {fact.dtype.itemsize}", "c")
        writer.require(writer.both(condition, self._in_order(loaded.strides, fact.order)))

    def _in_order(self, strides: list[str], order: tuple[int, ...]) -> str:
        """The strides fall in size along `order`; equal ones have their axes in rising order."""
        writer = self._writer
        sizes = {}
        if len(order) > 1:
            for axis in order:
                flipped = writer.assign(f"sub i64 0, {strides[axis]}")
                negative = writer.assign(f"icmp slt i64 {strides[axis]}, 0", "c")
                text = f"select i1 {negative}, i64 {flipped}, i64 {strides[axis]}"
                sizes[axis] = writer.assign(text)
        condition = ""
        for slow, fast in pairwise(order):
            relation = "sge" if slow < fast else "sgt"
            falls = writer.assign(f"icmp {relation} i64 {sizes[slow]}, {sizes[fast]}", "c")
            condition = writer.both(condition, falls)
        return condition

    # Numbers

    def _number(self, value: str, kind: type, dtype: DType) -> list[str]:
        if kind is bool:
            return [f"i8 {self._boolean(value)}"]
        if self._checked:
            self._guards.require_type(value, kind)
        if kind is int:
            return [f"i64 {self._integer(value, dtype)}"]
        natural = from_numpy(np.dtype(kind))
        if natural is not dtype:
            raise Unsupported("JF-B010", f"{kind.__name__} as {dtype}")
        llvm = LLVM_TYPES[dtype.name]
        parts = [self._writer.load(llvm, value, layout.NUMBER)]
        if dtype.is_complex:
            offset = layout.NUMBER + dtype.itemsize // 2
            parts.append(self._writer.load(llvm, value, offset))
        return [f"{llvm} {part}" for part in parts]

    def _boolean(self, value: str) -> str:
        writer = self._writer
        true = writer.assign(f"icmp eq ptr {value}, {writer.constant(True)}", "c")
        if self._checked:
            false = writer.assign(f"icmp eq ptr {value}, {writer.constant(False)}", "c")
            writer.require(writer.assign(f"or i1 {true}, {false}", "c"))
        return writer.assign(f"zext i1 {true} to i8")

    def _integer(self, value: str, dtype: DType) -> str:
        if dtype.name != "i64":
            raise Unsupported("JF-B010", f"int as {dtype}")
        slot = self._writer.alloca("i64")
        fits = self._writer.call("jf.to_integer", value, slot)
        self._writer.require(fits)
        return self._writer.load("i64", slot)


def _flags(fact: ArrayFact) -> int:
    wanted = {"C": layout.C_CONTIGUOUS, "F": layout.F_CONTIGUOUS}.get(fact.layout, 0)
    wanted |= layout.ALIGNED if fact.aligned else 0
    return wanted | (layout.WRITEABLE if fact.writeable else 0)


def _symbol(dim: Dim) -> str | None:
    """The name of the symbol, where `dim` is just that."""
    if isinstance(dim, SymbolicDim) and len(dim.terms) == 1:
        monomial, coefficient = dim.terms[0]
        if coefficient == 1 and len(monomial) == 1:
            return monomial[0]
    return None

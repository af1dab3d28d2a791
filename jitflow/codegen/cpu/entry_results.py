"""The results of an entry in machine code: memory for outputs, and the objects returned."""

from __future__ import annotations

from collections import Counter

import numpy as np

from jitflow.codegen.cpu import object_layout as layout
from jitflow.codegen.cpu.entry_guards import Guards
from jitflow.codegen.cpu.entry_inputs import LLVM_TYPES
from jitflow.codegen.cpu.entry_spec import Existing, Known, Output, Result, TupleOf
from jitflow.codegen.cpu.entry_writer import Writer
from jitflow.codegen.interface import OutputSpec
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.errors import Unsupported


@dataclass
class Memory:
    """Where the body writes an output: `data`, inside the array `array` where that is not empty."""

    data: str
    array: str = ""


class Results:
    """Makes the outputs' memory before the body runs, and the result object after it.

    Parameters
    ----------
    writer, guards
        Where the text goes.
    outputs : tuple of OutputSpec
    result : Result
    """

    def __init__(
        self, writer: Writer, guards: Guards, outputs: tuple[OutputSpec, ...], result: Result
    ) -> None:
        self._writer, self._guards = writer, guards
        self._outputs, self._result = outputs, result
        made = [leaf for leaf in leaves(result) if isinstance(leaf, Output)]
        self._boxes = {leaf.index: leaf.box for leaf in made}
        self._uses = Counter(made)
        self._made: dict[Output, str] = {}
        self.memory: list[Memory] = []

    def prepare(self) -> None:
        """Reach the existing objects that are returned; sizes must not be negative."""
        for leaf in leaves(self._result):
            if isinstance(leaf, Existing):
                self._guards.hold(leaf.source)
        writer = self._writer
        condition = ""
        for dim in {dim: None for output in self._outputs for dim in output.shape}:
            if not isinstance(dim, int) and any(factor < 0 for _, factor in dim.terms):
                fits = writer.assign(f"icmp sge i64 {writer.dim(dim)}, 0", "c")
                condition = writer.both(condition, fits)
        writer.require(condition)

    def allocate(self) -> None:
        """Memory for every output; arrays are held until they are returned."""
        for index, output in enumerate(self._outputs):
            if self._boxes.get(index, "array" if output.shape else "hidden") == "array":
                self.memory.append(self._new_array(output))
            else:
                self.memory.append(Memory(self._writer.alloca("[16 x i8]", 16)))

    def _new_array(self, output: OutputSpec) -> Memory:
        writer, rank = self._writer, len(output.shape)
        shape = self._words(output.shape)
        strides, flags = "null", "0"
        if output.order != tuple(range(rank)):
            if output.order == tuple(reversed(range(rank))):
                flags = str(layout.F_CONTIGUOUS)
            else:
                strides = self._words(_strides(output))
        dtype = writer.constant(output.dtype.numpy)
        writer.call("Py_IncRef", dtype)
        array = writer.call(
            "PyArray_NewFromDescr",
            *(writer.constant(np.ndarray), dtype, str(rank), shape, strides, "null", flags, "null"),
            hint="array",
        )
        writer.require_result(array)
        writer.own(array)
        return Memory(writer.load("ptr", array, layout.ARRAY_DATA, "out"), array)

    def _words(self, dims: tuple[Dim, ...]) -> str:
        if not dims:
            return "null"
        words = self._writer.alloca(f"[{len(dims)} x i64]")
        for axis, dim in enumerate(dims):
            self._writer.store("i64", self._writer.dim(dim), words, 8 * axis)
        return words

    def box(self) -> str:
        """The result object, a new reference; everything else is still held."""
        return self._box(self._result)

    def _box(self, result: Result) -> str:
        if isinstance(result, Known):
            return self._new_reference(self._writer.constant(result.value))
        if isinstance(result, Existing):
            return self._new_reference(self._guards.value(result.source))
        if isinstance(result, TupleOf):
            return self._tuple(result)
        assert isinstance(result, Output)
        memory = self.memory[result.index]
        value = memory.array or self._made.get(result, "")
        if not value:
            value = self._made[result] = self._number(result, memory.data)
            self._writer.own(value)
        self._uses[result] -= 1
        if self._uses[result]:
            return self._new_reference(value)
        self._writer.disown(value)
        return value

    def _new_reference(self, value: str) -> str:
        self._writer.call("Py_IncRef", value)
        return value

    def _tuple(self, result: TupleOf) -> str:
        """Numbers are made before the tuple, which is never seen half filled."""
        writer = self._writer
        items = []
        for item in result.items:
            items.append(self._box(item))
            writer.own(items[-1])
        made = writer.call("PyTuple_New", str(len(items)))
        writer.require_result(made)
        for index, item_value in enumerate(items):
            writer.store("ptr", item_value, made, layout.TUPLE_ITEMS + 8 * index)
            writer.disown(item_value)
        return made

    # Numbers

    def _number(self, result: Output, data: str) -> str:
        dtype = self._outputs[result.index].dtype
        if result.box == "bool":
            return self._boolean(data)
        if result.box == "scalar":
            singleton = self._writer.constant(dtype.numpy)
            made = self._writer.call("PyArray_Scalar", data, singleton, "null")
        elif result.box == "int" and dtype.kind in "iub":
            made = self._integer(data, dtype.name, dtype.bits, dtype.kind)
        elif result.box == "float" and dtype.is_float:
            made = self._writer.call("PyFloat_FromDouble", self._double(data, dtype.name))
        elif result.box == "complex" and dtype.is_complex:
            imaginary = self._writer.offset(data, dtype.itemsize // 2)
            parts = [self._double(at, dtype.real.name) for at in (data, imaginary)]
            made = self._writer.call("PyComplex_FromDoubles", *parts)
        else:
            raise Unsupported("JF-B010", f"{dtype} as a Python {result.box}")
        self._writer.require_result(made)
        return made

    def _boolean(self, data: str) -> str:
        writer = self._writer
        is_set = writer.assign(f"icmp ne i8 {writer.load('i8', data)}, 0", "c")
        true, false = writer.constant(True), writer.constant(False)
        return self._new_reference(
            writer.assign(f"select i1 {is_set}, ptr {true}, ptr {false}", "bool")
        )

    def _integer(self, data: str, name: str, bits: int, kind: str) -> str:
        value = self._writer.load(LLVM_TYPES[name], data)
        if bits < 64:
            extend = "sext" if kind == "i" else "zext"
            value = self._writer.assign(f"{extend} {LLVM_TYPES[name]} {value} to i64")
        unsigned = kind == "u" and bits == 64
        maker = "PyLong_FromUnsignedLongLong" if unsigned else "PyLong_FromLongLong"
        return self._writer.call(maker, value)

    def _double(self, data: str, name: str) -> str:
        value = self._writer.load(LLVM_TYPES[name], data)
        if name == "f64":
            return value
        return self._writer.assign(f"fpext {LLVM_TYPES[name]} {value} to double")


def leaves(result: Result) -> list[Result]:
    """Everything in a result that is not a tuple."""
    if isinstance(result, TupleOf):
        return [leaf for item in result.items for leaf in leaves(item)]
    return [result]


def _strides(output: OutputSpec) -> tuple[Dim, ...]:
    """Byte strides of a dense array whose axes lie in memory as `order` says."""
    strides: dict[int, Dim] = {}
    step: Dim = output.dtype.itemsize
    for axis in reversed(output.order):
        strides[axis] = step
        step = step * output.shape[axis]
    return tuple(strides[axis] for axis in range(len(output.shape)))

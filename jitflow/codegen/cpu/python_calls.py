"""Calls of Python from the middle of a body, which then holds the GIL.

Operands are handed over as objects of their own: what is called may keep them. Results are copied
to where the program has them. The processor's floating-point flags are put aside before the call,
so that NumPy sees its own alone, and put back after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitflow.codegen.commands import CallPython, Strided
from jitflow.codegen.cpu import entry_helpers
from jitflow.codegen.cpu.entry_helpers import python_function
from jitflow.codegen.cpu.object_layout import TUPLE_ITEMS
from jitflow.codegen.cpu.values import memory_type
from jitflow.core import dims
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType

if TYPE_CHECKING:
    from jitflow.codegen.cpu.body import BodyWriter

_PLAIN = {"i64": int, "f64": float, "bool": bool, "c128": complex}
"""Python's classes of numbers that results of a dtype may have."""


_HELPERS = (
    "jf.hold_flags", "jf.resume_flags", "jf.call_python", "jf.array", "jf.object", "jf.put_array",
    "jf.put_number",
)  # fmt: skip


def write_call(body: BodyWriter, command: CallPython) -> None:
    """Write a call; the body is left where it raises, or gives what it was not expected to give."""
    entry_helpers.provide(_HELPERS)
    CallWriter(body).write(command)


class CallWriter:
    """Writes calls of C functions with objects and arrays into a body."""

    def __init__(self, body: BodyWriter) -> None:
        self.body, self.text = body, body.text

    def write(self, command: CallPython) -> None:
        """The whole call."""
        count = len(command.operands)
        held = self.call("jf.hold_flags", "i32")
        arguments, result = self.variable(max(count, 1)), self.variable(1)
        for index, (operand, box) in enumerate(
            zip(command.operands, command.call.boxes, strict=True)
        ):
            made = self.boxed(operand, box)
            self.text.write(f"store ptr {made}, ptr {self.offset(arguments, 8 * index)}")
        function = self.object(command.call.function)
        status = self.call(
            "jf.call_python", "i32", f"ptr {function}", f"ptr {arguments}", f"i64 {count}",
            f"i64 {len(command.results)}", f"ptr {result}",
        )  # fmt: skip
        self.leave_unless_done(status)
        made = self.text.result(f"load ptr, ptr {result}")
        fits = self.put_all(made, command.results)
        self.call("Py_DecRef", "void", f"ptr {made}")
        keeps = "true" if command.call.keeps_flags else "false"
        self.call("jf.resume_flags", "void", f"i32 {held}", f"i1 {keeps}")
        going_on = self.text.fresh("called")
        self.text.write(f"br i1 {fits}, label %{going_on}, label %fail")
        self.text.start_block(going_on)

    def leave_unless_done(self, status: str) -> None:
        """Leave where an exception came up."""
        done, other = self.text.fresh("done"), self.text.fresh("other")
        is_done = self.text.result(f"icmp eq i32 {status}, 0")
        self.text.write(f"br i1 {is_done}, label %{done}, label %{other}")
        self.text.start_block(other)
        again = self.text.result(f"icmp eq i32 {status}, 1")
        self.text.write(f"br i1 {again}, label %fail, label %raised")
        self.text.start_block(done)

    # Operands

    def boxed(self, operand: Strided, box: str) -> str:
        """An operand as an object, a new reference; NULL where there is no memory."""
        data, dtype = self.body.pointer(operand.pointer), operand.dtype
        if box == "array":
            return self.call("jf.array", "ptr", f"ptr {self.dtype(dtype)}", *self.layout(operand))
        if box == "scalar":
            singleton = self.dtype(dtype)
            return self.call("PyArray_Scalar", "ptr", f"ptr {data}", f"ptr {singleton}", "ptr null")
        if box == "object":
            return self.call("jf.object", "ptr", f"i64 {self.load(dtype, data)}")
        if box == "bool":
            truth = self.text.result(f"zext i8 {self.load(dtype, data)} to i64")
            return self.call("PyBool_FromLong", "ptr", f"i64 {truth}")
        if box == "int":
            return self.call("PyLong_FromLongLong", "ptr", f"i64 {self.load(dtype, data)}")
        if box == "float":
            return self.call("PyFloat_FromDouble", "ptr", f"double {self.load(dtype, data)}")
        assert box == "complex"
        parts = [self.load(dtype.real, self.offset(data, at)) for at in (0, dtype.itemsize // 2)]
        return self.call("PyComplex_FromDoubles", "ptr", *(f"double {part}" for part in parts))

    def layout(self, array: Strided) -> tuple[str, ...]:
        """Rank, extents, strides (NULL in C order), address and size, as arguments."""
        strides = "null" if array.is_contiguous else self.words(array.strides)
        size = self.body.memory.dim(dims.product(array.shape) * array.dtype.itemsize).text
        data = self.body.pointer(array.pointer)
        extents = self.words(array.shape)
        rank = len(array.shape)
        return f"i32 {rank}", f"ptr {extents}", f"ptr {strides}", f"ptr {data}", f"i64 {size}"

    # Results

    def put_all(self, made: str, results: tuple[Strided, ...]) -> str:
        """Put what was made where it belongs; an i1 that tells whether it was of these types."""
        if len(results) == 1:
            return self.put(made, results[0])
        fits = "true"
        for index, result in enumerate(results):
            at = self.offset(made, TUPLE_ITEMS + 8 * index)
            is_right = self.put(self.text.result(f"load ptr, ptr {at}"), result)
            fits = self.text.result(f"and i1 {fits}, {is_right}")
        return fits

    def put(self, item: str, result: Strided) -> str:
        """Put one result where it belongs."""
        dtype = result.dtype
        as_array = (
            f"ptr {item}", f"ptr {self.dtype(dtype)}", f"i32 {dtype.numpy.num}",
            *self.layout(result),
        )  # fmt: skip
        if result.shape:
            return self.call("jf.put_array", "i1", *as_array)
        scalar = self.object(dtype.numpy.type)
        plain = self.object(_PLAIN.get(dtype.name, dtype.numpy.type))
        data = self.body.pointer(result.pointer)
        is_number = self.call(
            "jf.put_number", "i1", f"ptr {item}", f"ptr {scalar}", f"ptr {plain}", f"ptr {data}",
            f"i64 {dtype.itemsize}",
        )  # fmt: skip
        other, after, before = self.text.fresh("array"), self.text.fresh("put"), self.text.label
        self.text.write(f"br i1 {is_number}, label %{after}, label %{other}")
        self.text.start_block(other)
        is_array = self.call("jf.put_array", "i1", *as_array)
        last = self.text.label
        self.text.write(f"br label %{after}")
        self.text.start_block(after)
        return self.text.result(f"phi i1 [ true, %{before} ], [ {is_array}, %{last} ]")

    # Text

    def call(self, name: str, returns: str, *arguments: str) -> str:
        """Call a helper or a function of CPython or NumPy; arguments with their types."""
        names = self.text.names
        types = ", ".join(argument.split()[0] for argument in arguments)
        self.text.declare(f"declare {returns} @{name}({types})")
        if name not in names.externals:
            find = entry_helpers.address if name.startswith("jf.") else python_function
            names.externals[name] = find(name)
        call = f"call {returns} @{name}({', '.join(arguments)})"
        if returns != "void":
            return self.text.result(call)
        self.text.write(call)
        return ""

    def object(self, item: Any) -> str:
        """The symbol of a Python object."""
        known = self.text.names.objects
        name = next((name for name, other in known.items() if other is item), None)
        if name is None:
            name = f"object{len(known)}"
            known[name] = item
        return f"@{name}"

    def dtype(self, dtype: DType) -> str:
        """The symbol of NumPy's object for a dtype."""
        return self.object(dtype.numpy)

    def variable(self, count: int) -> str:
        """Words on the stack, made once."""
        name = f"%{self.text.fresh('words')}"
        self.body.control.variables.append(f"  {name} = alloca [{count} x i64]")
        return name

    def words(self, numbers: tuple[Dim, ...]) -> str:
        """Where integers lie in a row."""
        if not numbers:
            return "null"
        words = self.variable(len(numbers))
        for index, number in enumerate(numbers):
            value = self.body.memory.dim(number).text
            self.text.write(f"store i64 {value}, ptr {self.offset(words, 8 * index)}")
        return words

    def offset(self, base: str, offset: int) -> str:
        """The address some bytes behind another one."""
        if not offset:
            return base
        return self.text.result(f"getelementptr i8, ptr {base}, i64 {offset}")

    def load(self, dtype: DType, data: str) -> str:
        """A number in memory, as it lies there."""
        return self.text.result(f"load {memory_type(dtype)}, ptr {data}")

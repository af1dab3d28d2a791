"""Matrix products: batch axes become loops; each is a call of our own code, or of BLAS.

For BLAS strides become transpose flags.
"""

from __future__ import annotations

from jitflow.codegen.commands import CallProduct, Matrix
from jitflow.codegen.cpu.blas import (
    NO_TRANSPOSE,
    PREFIXES,
    ROW_MAJOR,
    TRANSPOSE,
    UPPER,
    Blas,
    blas,
)  # fmt: skip
from jitflow.codegen.cpu.blas_calls import BlasWriter
from jitflow.codegen.cpu.memory import MemoryWriter
from jitflow.codegen.cpu.own_products import addresses_of, choose, functions_of
from jitflow.codegen.cpu.product_code import DRIVER
from jitflow.codegen.cpu.target import Target
from jitflow.codegen.cpu.text import FunctionText, Scope
from jitflow.codegen.cpu.values import Register, scalar_type
from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64, DType

LEAST_SYMMETRIC = 48
"""Rows from which half of a product of a matrix with itself is worth a copy of that half."""


def has_product(dtype: DType) -> bool:
    """Whether BLAS multiplies matrices of `dtype`."""
    library = blas()
    return (
        library is not None
        and dtype.name in PREFIXES
        and library.has(PREFIXES[dtype.name] + "gemm")
    )


@dataclass(eq=False, repr=False)
class _Operand:
    """A matrix as BLAS takes it: pointer, transpose flag, leading dimension in elements."""

    pointer: str
    flag: int
    leading: Register


def write_product(
    text: FunctionText,
    memory: MemoryWriter,
    call: CallProduct,
    pointers: list[str],
    target: Target,
) -> None:
    """Write the calls for a product, in loops over its batch axes."""
    library = blas()
    assert library is not None
    _ProductWriter(text, memory, call, library, target).batch(0, pointers)


class _ProductWriter(BlasWriter):
    def __init__(
        self,
        text: FunctionText,
        memory: MemoryWriter,
        call: CallProduct,
        library: Blas,
        target: Target,
    ) -> None:
        super().__init__(text, memory, library, call.dtype)
        self.target = target
        self.call = call

    def batch(self, axis: int, pointers: list[str]) -> None:
        """A loop for each batch axis, then the product."""
        call, text = self.call, self.text
        if axis == len(call.batch):
            self.product(*pointers)
            return
        extent = self.memory.dim(call.batch[axis])
        if extent.text == "1":
            self.batch(axis + 1, pointers)
            return
        head, body, done = text.fresh("batch"), text.fresh("matrix"), text.fresh("after")
        before = text.label
        scope = Scope(body)
        text.scopes.append(scope)
        index = f"%b{text.fresh('x')}"
        moved = []
        for pointer, matrix in zip(pointers, (call.left, call.right, call.result), strict=True):
            step = text.multiply(Register(index, I64, 1, text.depth), self.dim(matrix.batch[axis]))
            moved.append(text.result(f"getelementptr i8, ptr {pointer}, i64 {step.text}"))
        self.batch(axis + 1, moved)
        text.scopes.pop()
        lines = text.scopes[-1].lines
        lines += [
            f"  br label %{head}",
            f"{head}:",
            f"  {index} = phi i64 [ 0, %{before} ], [ {index}.next, %{scope.label} ]",
            f"  {index}.more = icmp slt i64 {index}, {extent.text}",
            f"  br i1 {index}.more, label %{body}, label %{done}",
            f"{body}:",
            *scope.lines,
            f"  {index}.next = add nsw i64 {index}, 1",
            f"  br label %{head}",
        ]
        text.start_block(done)

    def product(self, left: str, right: str, result: str) -> None:
        call = self.call
        if self.dot(left, right, result) or self.vector(left, right, result):
            return
        if self.symmetric(left, right, result):
            return
        a, b, into, rows, columns = call.left, call.right, call.result, call.rows, call.columns
        if not self.is_row_major(call.result, rows, columns):
            left, right = right, left
            a, b = _transposed(call.right), _transposed(call.left)
            rows, columns, into = columns, rows, _transposed(into)
        if self.own(a, b, into, rows, columns, (left, right, result)):
            return
        x = self.operand(a, left, rows, call.inner)
        y = self.operand(b, right, call.inner, columns)
        leading = self.at_least(self.elements(into.row), self.dim(columns))
        name = self.letter + "gemm"
        one, zero = self.scalar(1), self.scalar(0)
        self.write(name, [
            f"i32 {ROW_MAJOR}", f"i32 {x.flag}", f"i32 {y.flag}",
            self.integer(self.dim(rows)), self.integer(self.dim(columns)),
            self.integer(self.dim(call.inner)), one, f"ptr {x.pointer}", self.integer(x.leading),
            f"ptr {y.pointer}", self.integer(y.leading), zero, f"ptr {result}",
            self.integer(leading),
        ])  # fmt: skip

    def own(
        self,
        a: Matrix,
        b: Matrix,
        into: Matrix,
        rows: Dim,
        columns: Dim,
        pointers: tuple[str, str, str],
    ) -> bool:
        """A call of code of our own, where that is faster and memory lies so that it can."""
        call = self.call
        if b.column != self.size or into.column != self.size:
            return False
        chosen = choose(call.dtype, rows, columns, call.inner, b.row, self.target)
        if chosen is None:
            return False
        code, block = chosen
        extents = self.dim(rows), self.dim(call.inner), self.text.integer(block)
        strides = [(self.dim(a.row), self.dim(a.column)), (self.dim(b.row),), (self.dim(into.row),)]
        strip, rest = functions_of(code)
        arguments = [f"ptr @{strip}", f"ptr @{rest}" if rest else "ptr null"]
        arguments += [f"i64 {code.width}", f"i64 {code.strips}"]
        arguments += [f"i64 {extent.text}" for extent in extents]
        for pointer, steps in zip(pointers, strides, strict=True):
            arguments += [f"ptr {pointer}", *(f"i64 {step.text}" for step in steps)]
        types = ", ".join(argument.split()[0] for argument in arguments)
        self.text.declare(f"declare void @{DRIVER}({types})")
        for name in filter(None, (strip, rest)):
            self.text.declare(f"declare void @{name}()")
        self.text.names.externals.update(addresses_of(code))
        self.text.write(f"call void @{DRIVER}({', '.join(arguments)})")
        return True

    def dot(self, left: str, right: str, result: str) -> bool:
        """A row times a column."""
        call = self.call
        name = self.letter + ("dotu_sub" if call.dtype.is_complex else "dot")
        if call.rows != 1 or call.columns != 1 or not self.library.has(name):
            return False
        arguments = [self.integer(self.dim(call.inner))]
        for pointer, stride in ((left, call.left.column), (right, call.right.row)):
            arguments += [f"ptr {pointer}", self.integer(self.elements(stride))]
        if call.dtype.is_complex:
            self.write(name, [*arguments, f"ptr {result}"])
            return True
        element = scalar_type(call.dtype)
        value = self.write(name, arguments, element)
        self.text.write(f"store {element} {value}, ptr {result}, align {self.size}")
        return True

    def symmetric(self, left: str, right: str, result: str) -> bool:
        """A matrix times its own transpose: half of the work, and a copy of the other half."""
        call = self.call
        is_own = (call.left.row, call.left.column) == (call.right.column, call.right.row)
        name = self.letter + "syrk"
        if left != right or not is_own or call.rows != call.columns or call.dtype.is_complex:
            return False
        if not isinstance(call.rows, int) or call.rows < LEAST_SYMMETRIC:
            return False
        if not self.library.has(name) or call.result.column != self.size:
            return False
        x = self.operand(call.left, left, call.rows, call.inner)
        rows, inner = (self.integer(self.dim(extent)) for extent in (call.rows, call.inner))
        leading = self.elements(call.result.row)
        self.write(name, [
            f"i32 {ROW_MAJOR}", f"i32 {UPPER}", f"i32 {x.flag}", rows, inner, self.scalar(1),
            f"ptr {left}", self.integer(x.leading), self.scalar(0), f"ptr {result}",
            self.integer(leading),
        ])  # fmt: skip
        element = scalar_type(call.dtype)
        self.text.names.helpers[f"mirror_{element}"] = mirror_text(element)
        self.text.write(
            f"call void @mirror_{element}(ptr {result}, i64 {call.rows}, i64 {leading.text})"
        )
        return True

    def vector(self, left: str, right: str, result: str) -> bool:
        """A product with one row or one column, as matrix times vector."""
        call = self.call
        name = self.letter + "gemv"
        if not self.library.has(name) or call.inner == 0:
            return False
        if call.columns == 1 and call.rows != 1:
            matrix, pointer, rows = call.left, left, call.rows
            x, step, out = right, call.right.row, call.result.row
        elif call.rows == 1 and call.columns != 1:
            matrix, pointer, rows = _transposed(call.right), right, call.columns
            x, step, out = left, call.left.column, call.result.column
        else:
            return False
        if not isinstance(rows, int) or not isinstance(call.inner, int):
            return False
        operand = self.operand(matrix, pointer, rows, call.inner)
        shape = [rows, call.inner] if operand.flag == NO_TRANSPOSE else [call.inner, rows]
        self.write(name, [
            f"i32 {ROW_MAJOR}", f"i32 {operand.flag}",
            *(self.integer(self.text.integer(extent)) for extent in shape), self.scalar(1),
            f"ptr {pointer}", self.integer(operand.leading), f"ptr {x}",
            self.integer(self.elements(step if call.inner != 1 else self.size)), self.scalar(0),
            f"ptr {result}", self.integer(self.elements(out if rows != 1 else self.size)),
        ])  # fmt: skip
        return True

    def is_row_major(self, matrix: Matrix, rows: Dim, columns: Dim) -> bool:
        return matrix.column == self.size or columns == 1 or matrix.row != self.size

    def operand(self, matrix: Matrix, pointer: str, rows: Dim, columns: Dim) -> _Operand:
        """The flags of a matrix; of its two strides one is an element."""
        plain = matrix.column == self.size or columns == 1
        if plain and not (matrix.row == self.size and rows != 1 and columns == 1):
            leading = self.at_least(self.elements(matrix.row), self.dim(columns))
            return _Operand(pointer, NO_TRANSPOSE, leading)
        leading = self.at_least(self.elements(matrix.column), self.dim(rows))
        return _Operand(pointer, TRANSPOSE, leading)


def mirror_text(element: str) -> str:
    """``void @mirror(matrix, rows, leading)``: the upper triangle is copied to the lower one."""
    return f"""define internal void @mirror_{element}(ptr %matrix, i64 %rows, i64 %leading) {{
entry:
  br label %row
row:
  %i = phi i64 [ 0, %entry ], [ %i.next, %done ]
  %start = mul i64 %i, %leading
  %some = icmp sgt i64 %i, 0
  br i1 %some, label %element, label %done
element:
  %j = phi i64 [ 0, %row ], [ %j.next, %element ]
  %above = mul i64 %j, %leading
  %from = add i64 %above, %i
  %to = add i64 %start, %j
  %source = getelementptr {element}, ptr %matrix, i64 %from
  %target = getelementptr {element}, ptr %matrix, i64 %to
  %value = load {element}, ptr %source
  store {element} %value, ptr %target
  %j.next = add i64 %j, 1
  %more = icmp slt i64 %j.next, %i
  br i1 %more, label %element, label %done
done:
  %i.next = add i64 %i, 1
  %again = icmp slt i64 %i.next, %rows
  br i1 %again, label %row, label %end
end:
  ret void
}}"""


def _transposed(matrix: Matrix) -> Matrix:
    return replace(matrix, row=matrix.column, column=matrix.row)

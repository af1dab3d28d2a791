"""Two products of one matrix with vectors: a loop over blocks of its rows with a call for each.

A block stays in the cache from the first call to the second.
"""

from __future__ import annotations

from collections.abc import Callable

from jitflow.codegen.commands import CallShared, Pointer, VectorProduct
from jitflow.codegen.cpu.blas import NO_TRANSPOSE, ROW_MAJOR, TRANSPOSE, blas, blas_threads
from jitflow.codegen.cpu.blas_calls import BlasWriter
from jitflow.codegen.cpu.memory import MemoryWriter
from jitflow.codegen.cpu.text import FunctionText, Scope
from jitflow.codegen.cpu.values import Register
from jitflow.core.dtypes import I64

BLOCK_BYTES = 1 << 18
"""Bytes of the rows that go together."""

MOST_THREADS = 4
"""Threads of BLAS from which on all rows go together: more of them read memory faster than one."""


def write_shared(
    text: FunctionText, memory: MemoryWriter, call: CallShared, at: Callable[[Pointer], str]
) -> None:
    """Write the loop and the calls in it."""
    library = blas()
    assert library is not None
    one = call.products[0]
    writer = BlasWriter(text, memory, library, one.dtype)
    block = max(1, BLOCK_BYTES // (one.columns * one.dtype.itemsize))
    if blas_threads() > MOST_THREADS:
        block = one.rows
    pointers = [[at(p) for p in (x.matrix, x.vector, x.result)] for x in call.products]
    head, done, before = text.fresh("block"), text.fresh("after"), text.label
    scope = Scope(head)
    text.scopes.append(scope)
    start = Register(f"%r{text.fresh('x')}", I64, 1, text.depth)
    left = text.value(f"sub i64 {one.rows}, {start.text}")
    is_last = text.value(f"icmp sle i64 {left}, {block}")
    rows = text.value(f"select i1 {is_last}, i64 {left}, i64 {block}")
    for product, given in zip(call.products, pointers, strict=True):
        _write_block(writer, product, given, start, Register(rows, I64, 1, text.depth))
    following = text.value(f"add nsw i64 {start.text}, {block}")
    text.write(f"br i1 {is_last}, label %{done}, label %{head}")
    text.scopes.pop()
    text.write(f"br label %{head}")
    text.scopes[-1].lines += [
        f"{head}:",
        f"  {start.text} = phi i64 [ 0, %{before} ], [ {following}, %{scope.label} ]",
        *scope.lines,
    ]
    text.start_block(done)


def _write_block(
    writer: BlasWriter, product: VectorProduct, given: list[str], start: Register, rows: Register
) -> None:
    """The call for some rows: they give elements of the result, or add to all of it."""
    text = writer.text
    matrix, vector, result = given
    keep = writer.scalar(0)
    matrix = _moved(writer, matrix, start, product.pitch)
    if product.is_down:
        vector = _moved(writer, vector, start, product.step)
        is_first = text.value(f"icmp eq i64 {start.text}, 0")
        type = keep.split()[0]
        keep = f"{type} " + text.value(f"select i1 {is_first}, {keep}, {writer.scalar(1)}")
    else:
        result = _moved(writer, result, start, product.stride)
    flag = TRANSPOSE if product.is_down else NO_TRANSPOSE
    columns = text.integer(product.columns)
    leading = writer.at_least(writer.elements(product.pitch), columns)
    steps = [writer.integer(writer.elements(step)) for step in (product.step, product.stride)]
    writer.write(writer.letter + "gemv", [
        f"i32 {ROW_MAJOR}", f"i32 {flag}", writer.integer(rows), writer.integer(columns),
        writer.scalar(1), f"ptr {matrix}", writer.integer(leading), f"ptr {vector}", steps[0],
        keep, f"ptr {result}", steps[1],
    ])  # fmt: skip


def _moved(writer: BlasWriter, pointer: str, rows: Register, stride: int) -> str:
    """A pointer some rows further."""
    distance = writer.text.multiply(rows, writer.text.integer(stride))
    return writer.text.value(f"getelementptr i8, ptr {pointer}, i64 {distance.text}")

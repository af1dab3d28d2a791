"""Products of one large matrix with two vectors, made together so that it is read once.

``(A @ x) @ A``, or ``A @ x`` and ``y @ A``: each is bound by reading the matrix from memory. By
blocks of rows that stay in the cache both take the time of one.
"""

from __future__ import annotations

from collections.abc import Sequence

from jitflow.codegen.commands import (
    CallKernel,
    CallProduct,
    CallShared,
    Command,
    Pointer,
    VectorProduct,
)
from jitflow.codegen.loop_ir import Kernel, Store, walk

LEAST_BYTES = 4 << 20
"""Size of a matrix that does not stay in the cache between two products."""


def share(commands: list[Command], kernels: Sequence[Kernel]) -> list[Command]:
    """`commands` with the second of two such products made beside the first."""
    found = list(commands)
    for place, command in enumerate(found):
        first = vector_product(command)
        if first is None:
            continue
        later = _partner(found, place, first, kernels)
        if later is not None:
            second = vector_product(found[later])
            assert second is not None
            found[place] = CallShared((first, second))
            return share([*found[:later], *found[later + 1 :]], kernels)
    return found


def vector_product(command: Command) -> VectorProduct | None:
    """A product of a large matrix with a vector, seen from the matrix's rows in memory."""
    if not isinstance(command, CallProduct) or command.batch:
        return None
    if command.columns == 1:
        matrix, rows, columns, is_down = command.left, command.rows, command.inner, False
        vector, result = command.right, command.result
        step, stride = vector.row, result.row
    elif command.rows == 1:
        matrix, rows, columns, is_down = command.right, command.inner, command.columns, True
        vector, result = command.left, command.result
        step, stride = vector.column, result.column
    else:
        return None
    size = command.dtype.itemsize
    pitch, unit = matrix.row, matrix.column
    if unit != size:
        pitch, unit, rows, columns, is_down = unit, pitch, columns, rows, not is_down
    if not (isinstance(rows, int) and isinstance(columns, int) and isinstance(pitch, int)):
        return None
    if not (isinstance(step, int) and isinstance(stride, int)):
        return None
    if unit != size or rows * columns * size < LEAST_BYTES or pitch < columns * size:
        return None
    return VectorProduct(
        command.dtype, rows, columns, matrix.pointer, pitch,
        vector.pointer, step, result.pointer, stride, is_down,
    )  # fmt: skip


def _partner(
    commands: list[Command], place: int, first: VectorProduct, kernels: Sequence[Kernel]
) -> int | None:
    """A later product with the same matrix that may as well be made now."""
    read: set[str] = set()
    written: set[str] = set()
    for later in range(place + 1, len(commands)):
        command = commands[later]
        second = vector_product(command)
        if second is not None and _is_same(first, second):
            needed = {second.matrix.storage, second.vector.storage}
            apart = second.result.storage not in read | written and not needed & written
            return later if apart and _may_go_together(first, second) else None
        if not isinstance(command, CallKernel) or kernels[command.kernel].checks:
            return None
        kernel = kernels[command.kernel]
        stored = {item.buffer for item in walk(kernel.body) if isinstance(item, Store)}
        for buffer, pointer in zip(kernel.buffers, command.pointers, strict=True):
            (written if buffer.name in stored else read).add(pointer.storage)
    return None


def _is_same(first: VectorProduct, second: VectorProduct) -> bool:
    """Whether two products are with one matrix."""
    return (
        first.dtype is second.dtype
        and (first.rows, first.columns) == (second.rows, second.columns)
        and _at(first.matrix, first.pitch) == _at(second.matrix, second.pitch)
        and first.matrix.storage == second.matrix.storage
    )


def _may_go_together(first: VectorProduct, second: VectorProduct) -> bool:
    """Whether the second needs of the first at most the rows that are made already."""
    results = first.result.storage, second.result.storage
    given = {first.matrix.storage, first.vector.storage}
    if results[0] == results[1] or given & set(results):
        return False
    if second.vector.storage != results[0]:
        return second.vector.storage != results[1]
    in_turn = not first.is_down and second.is_down
    return in_turn and _at(first.result, first.stride) == _at(second.vector, second.step)


def _at(pointer: Pointer, step: int) -> tuple[object, ...]:
    return pointer.offset, step

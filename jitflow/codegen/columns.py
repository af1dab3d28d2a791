"""Folds of long columns: row by row into a row of sums, instead of column by column.

A vector loop with the folded loop inside reads a few cache lines of each row, and comes back to all
rows for the next columns. Where the array is larger than the cache that fetches every page many
times. So the sums lie in a row of memory that stays in the cache, and the array is read from front
to back. The elements of a column are combined in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from jitflow.codegen.access import Affine
from jitflow.codegen.draft import Item, result_of
from jitflow.codegen.loop_ir import (
    Compute,
    Constant,
    End,
    Fold,
    Load,
    Loop,
    Position,
    Statement,
    Store,
)
from jitflow.codegen.schedule import Schedule
from jitflow.core.dtypes import BOOL, F16, DType
from jitflow.ops.record import Operator

LEAST_BYTES = 1 << 19
"""What a fold reads, in bytes, below which it stays in the cache anyway."""

MOST_ROW_BYTES = 1 << 18
"""Size of the rows of sums that stay in the cache."""

LEAST_COLUMNS, LEAST_ROWS = 64, 8

CHEAP = 8
"""Cost of what is the same for all rows up to which it may be computed for each."""

_PURE = (Load, Compute, Constant, Position)

Begins = Mapping[Item, tuple[Operator, DType]]
Row = tuple[str, Affine, DType]


def suits(plan: Schedule, inside: Sequence[Item], outside: Sequence[Item], begins: Begins) -> bool:
    """Whether a kernel folds long columns, once, and does nothing else to the elements."""
    vector = plan.vector
    if vector is None or not plan.inner or not plan.outer or plan.outer[-1] != vector:
        return False
    rows = 1
    for name in plan.inner:
        extent = plan.extents[name]
        rows *= extent if isinstance(extent, int) else 0
    columns = plan.extents[vector]
    if not isinstance(columns, int) or columns < LEAST_COLUMNS or rows < LEAST_ROWS:
        return False
    if not all(_is_plain(item, begins) for item in inside):
        return False
    before = [item for item in outside if item.stage == 0]
    if not all(isinstance(item.statement, _PURE) and item.cost <= CHEAP for item in before):
        return False
    widths = [begins[item][1].itemsize for item in inside if isinstance(item.statement, Fold)]
    return rows * columns * max(widths) >= LEAST_BYTES and columns * sum(widths) <= MOST_ROW_BYTES


def _is_plain(item: Item, begins: Begins) -> bool:
    """Whether an item of the inner loops may be computed row by row."""
    statement = item.statement
    if item.stage > 0:
        return False
    if not isinstance(statement, Fold):
        return isinstance(statement, _PURE)
    dtype = begins[item][1]
    is_number = not dtype.is_complex and dtype not in (BOOL, F16)
    return is_number and statement.position is None and not statement.result


def place(
    plan: Schedule,
    inside: Sequence[Item],
    outside: Sequence[Item],
    begins: Begins,
    make_row: Callable[[DType], Row],
) -> tuple[list[Statement], list[Statement]]:
    """The loops that fill the rows of sums, and the statements of the loop that reads them."""
    vector = plan.vector
    assert vector is not None
    columns = plan.extents[vector]
    rows = {
        item.statement.accumulator: make_row(begins[item][1])
        for item in inside
        if isinstance(item.statement, Fold)
    }
    start: list[Statement] = []
    body: list[Statement] = [item.statement for item in outside if item.stage == 0]
    for item in inside:
        statement = item.statement
        if not isinstance(statement, Fold):
            body.append(statement)
            continue
        record, dtype = begins[item]
        buffer, address, _ = rows[statement.accumulator]
        assert record.identity is not None
        neutral = f"%start{len(start)}"
        start.append(Constant(neutral, record.identity(dtype), dtype))
        start.append(Store(buffer, address, neutral, dtype))
        body.append(Store(buffer, address, statement.operand, dtype, record))
    loops: list[Statement] = [Loop(vector, columns, "vector", body)]
    for name in reversed(plan.inner):
        loops = [Loop(name, plan.extents[name], "serial", loops)]
    after: list[Statement] = []
    for item in outside:
        if isinstance(item.statement, End):
            buffer, address, dtype = rows[item.statement.accumulator]
            after.append(Load(result_of(item), buffer, address, dtype))
        else:
            after.append(item.statement)
    return [Loop(vector, columns, "vector", start), *loops], after

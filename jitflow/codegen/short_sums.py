"""Short sums over all of an array in NumPy's order, where its axes do not lie in a row.

NumPy copies such elements to a buffer, as they lie in memory, and sums that as one run; so they go
to a row of the kernel's own here, and a loop over the row folds them. Only where that run is one
block: longer ones are not in NumPy's order anyway, and would be read twice.
"""

from __future__ import annotations

from jitflow.codegen import access
from jitflow.codegen.access import Affine
from jitflow.codegen.draft import Item
from jitflow.codegen.loop_ir import Fold, Load, Loop, Statement
from jitflow.codegen.schedule import Schedule
from jitflow.core import dims
from jitflow.core.dataclass import replace
from jitflow.core.dtypes import F16, DType
from jitflow.ops.record import Operator

LONGEST = 128
"""Elements of a run that NumPy does not halve; half of it for complex ones."""


def suits(plan: Schedule, item: Item, begun: tuple[Operator, DType]) -> bool:
    """Whether a fold is a short sum over all loops of its kernel, which are several."""
    fold, (_, dtype) = item.statement, begun
    assert isinstance(fold, Fold)
    if fold.any_order or fold.result or fold.position is not None or not _is_pairwise(begun):
        return False
    if plan.outer or len(plan.inner) < 2 or set(plan.in_memory) != set(plan.inner):
        return False
    extent = dims.product(tuple(plan.extents[name] for name in plan.inner))
    return isinstance(extent, int) and extent <= (LONGEST // 2 if dtype.is_complex else LONGEST)


def _is_pairwise(begun: tuple[Operator, DType]) -> bool:
    operator, dtype = begun
    return bool(operator.extra.get("pairwise")) and dtype.kind in "fc" and dtype is not F16


def address_of(plan: Schedule, dtype: DType) -> Affine:
    """The place of an element in the row."""
    names = plan.in_memory
    linear = access.linear_index(
        [access.variable(name) for name in names], [plan.extents[name] for name in names]
    )
    return linear.scaled(dtype.itemsize)


def loop_over(plan: Schedule, fold: Fold, row: str, dtype: DType) -> Loop:
    """The loop that folds the elements of a row."""
    name, loaded = f"{plan.inner[-1]}.row", f"{fold.operand}.row"
    extent = dims.product(tuple(plan.extents[name] for name in plan.inner))
    address = access.variable(name).scaled(dtype.itemsize)
    body: list[Statement] = [Load(loaded, row, address, dtype), replace(fold, operand=loaded)]
    return Loop(name, extent, "vector", body, True)

"""Which kernels may be divided: iterations of their outermost loop run at once, in any order."""

from __future__ import annotations

from jitflow.codegen.loop_ir import Begin, End, Fold, Kernel, Load, Loop, Store, Where, walk
from jitflow.core.dims import Dim

MOST_PRIVATE = 32 << 10
"""Bytes of rows that each thread keeps on its stack."""


def divided_loop(kernel: Kernel) -> Loop | None:
    """The loop whose iterations several threads may share, if the kernel has one.

    Every iteration writes elements of its own and reads none that another one writes; what stands
    in front of the loop is computed by each thread.
    """
    if kernel.guarded:
        return None
    loops = [statement for statement in kernel.body if isinstance(statement, Loop)]
    if len(loops) != 1 or kernel.body[-1] is not loops[0] or not loops[0].independent:
        return None
    if any(isinstance(statement, (Begin, Fold, End, Store, Where)) for statement in kernel.body):
        return None
    private: Dim = 0
    for size in kernel.private.values():
        private = private + size
    if not isinstance(private, int) or private > MOST_PRIVATE:
        return None
    return loops[0] if _keeps_apart(kernel, loops[0]) else None


def _keeps_apart(kernel: Kernel, loop: Loop) -> bool:
    """Whether the elements that an iteration writes are its own."""
    variables = {inside.variable for inside in walk([loop]) if isinstance(inside, Loop)}
    written: dict[str, list[Store]] = {}
    for inside in walk(loop.body):
        if not isinstance(inside, Store) or inside.buffer in kernel.private:
            continue
        if inside.operator is not None or not variables.issuperset(inside.address.atoms()):
            return False
        if inside.address.coefficient(loop.variable) == 0:
            return False
        written.setdefault(inside.buffer, []).append(inside)
    for inside in walk(kernel.body):
        if isinstance(inside, Load):
            stores = written.get(inside.buffer, [])
            if stores and all(inside.address != store.address for store in stores):
                return False
    return bool(written)

"""How many lanes a vector loop gets: from the widest element, the size of its body, its extent."""

from __future__ import annotations

from jitflow.codegen.cpu.target import Target
from jitflow.codegen.cpu.tiles import crossing_loads
from jitflow.codegen.loop_ir import Compute, Fold, Load, Lookup, Loop, Position, Store, Where, walk
from jitflow.core.dataclass import dataclass

LONG_BODY = 24
"""Cost above which a body is written once, always under the mask."""

SHORT_BODY = 6
"""Cost up to which a fold takes four registers: it needs several sums at once. Other bodies take
two: a polynomial is a long chain, and schedulers hold too few instructions to overlap more."""

CHEAP_COLUMN = 3
"""Cost up to which the fold of columns takes sixteen registers: whole cache lines of each row."""

MOST_APART = 64
"""Lanes whose elements do not lie in a row, each of which has an address of its own, or which have
a mask that is looked at."""

WIDE, MEDIUM_BODY = 512, 40
"""Bits of a vector below which there are fewer registers: bodies up to this cost still get two."""


@dataclass(eq=False, repr=False)
class LoopWidth:
    """Lanes of a vector loop; `masked`: every iteration is; `folds`: it folds across lanes.

    `native`: lanes of one register; `cost`: of the body; `sums`: accumulators that it sums in
    NumPy's order; `search`: the one that it searches for.
    """

    lanes: int
    masked: bool
    folds: bool = False
    native: int = 1
    cost: int = 0
    sums: tuple[str, ...] = ()
    search: str = ""


def choose_width(loop: Loop, target: Target) -> LoopWidth:
    """Lanes for `loop`."""
    cost, bits, folds, nested = _survey(loop)
    native = max(1, target.vector_bits // bits)
    unroll = 2
    if target.vector_bits < WIDE:
        unroll = 4 if cost <= SHORT_BODY else 2 if cost <= MEDIUM_BODY else 1
    if folds:
        unroll = 4 if cost <= SHORT_BODY else 2
    if nested and crosses(loop):
        return LoopWidth(native, False, native=native)
    if nested:
        unroll = 16 if cost <= CHEAP_COLUMN else 4
    lanes = native * unroll
    if lanes > MOST_APART and (_lie_apart(loop) or _is_masked(loop)):
        lanes = max(native, MOST_APART)
    if isinstance(loop.extent, int):
        lanes = _fit(loop.extent, native, lanes)
    return LoopWidth(lanes, cost > LONG_BODY, native=native, cost=cost)


def crosses(loop: Loop) -> bool:
    """Whether a loop inside reads rows that lie across the vectors."""
    return any(
        isinstance(inside, Loop) and crossing_loads(inside, loop.variable) for inside in loop.body
    )


def _lie_apart(loop: Loop) -> bool:
    """Whether the lanes of some load or store are not neighbours in memory."""
    for statement in walk(loop.body):
        if isinstance(statement, (Load, Store)):
            stride = statement.address.coefficient(loop.variable)
            if stride not in (0, statement.dtype.itemsize):
                return True
    return False


def _is_masked(loop: Loop) -> bool:
    return any(isinstance(statement, Where) for statement in walk(loop.body))


def _fit(extent: int, native: int, lanes: int) -> int:
    """Fewer lanes for a short loop, or where fewer leave no rest."""
    while lanes > 1 and lanes // 2 >= extent:
        lanes //= 2
    if extent % lanes and lanes > native and extent < 16 * lanes:
        for fewer in (lanes // 2, lanes // 4):
            if fewer >= native and extent % fewer == 0:
                return fewer
        if extent < 2 * lanes:
            return max(native, lanes // 2)
    return lanes


def _survey(loop: Loop) -> tuple[int, int, bool, bool]:
    """Cost of the body, bits of its widest element, whether it folds, whether it has loops."""
    cost, bits, folds, nested = 0, 8, False, False
    for statement in walk(loop.body):
        if isinstance(statement, Compute):
            cost += statement.operator.cost
            bits = max(bits, statement.dtype.real.bits)
        elif isinstance(statement, (Load, Store)):
            cost += isinstance(statement, Store)
            bits = max(bits, statement.dtype.real.bits)
        elif isinstance(statement, (Position, Lookup)):
            bits = 64
        elif isinstance(statement, Fold):
            cost += 1
            folds = True
            bits = 64 if statement.position is not None else bits
        elif isinstance(statement, Loop):
            nested = True
    return cost, bits, folds, nested

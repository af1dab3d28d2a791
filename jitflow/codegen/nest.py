"""Nests: puts the items of a draft into the loops that a schedule chose, and gives a kernel.

An item stands in the outermost loop where all that it depends on is known. Where a kernel folds,
the inner loops are made once for each stage: stage 1 can use what stage 0 folded. An expensive
element that several stages need is kept in a scratch row, a cheap one is computed again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jitflow.codegen import access, columns
from jitflow.codegen.access import Affine
from jitflow.codegen.draft import Draft, Item, result_of
from jitflow.codegen.groups import Loops
from jitflow.codegen.loop_ir import (
    Begin,
    Buffer,
    Compute,
    End,
    Fold,
    Kernel,
    Load,
    Lookup,
    Loop,
    Position,
    Require,
    Statement,
    Store,
    Where,
    walk,
)
from jitflow.codegen.schedule import (
    SHORT_COMPLEX_FOLD,
    SHORT_FOLD,
    Access,
    Schedule,
    schedule,
)
from jitflow.codegen.target import CPU, LoopTarget
from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import F16, DType
from jitflow.core.lazy import LazyModule

if TYPE_CHECKING:
    from jitflow.codegen import short_sums
else:
    short_sums = LazyModule("jitflow.codegen.short_sums")

KEEP = 4
"""Cost above which an element that several stages need is kept rather than computed again."""


@dataclass(eq=False, repr=False)
class Scratch:
    """Memory of a kernel's own."""

    name: str
    dtype: DType
    extent: Dim


@dataclass(eq=False, repr=False)
class Nest:
    """A kernel before its pointers are named: `buffers` are storages in order of first use."""

    kernel: Kernel
    storages: list[str]
    offsets: list[Dim]
    scratch: list[Scratch] = field(default_factory=list)


def accesses_of(items: Iterable[Item]) -> list[Access]:
    """What a schedule looks at."""
    found = []
    for item in items:
        statement = item.statement
        if isinstance(statement, Load):
            found.append(Access(statement.address, statement.dtype.itemsize))
        elif isinstance(statement, Store):
            found.append(Access(statement.address, statement.dtype.itemsize, 2))
        elif isinstance(statement, Position):
            found.append(Access(statement.address, 1, 0))
        elif isinstance(statement, Fold) and statement.position is not None:
            found.append(Access(statement.position, 1, 0))
    return found


def vectorisable(loops: Loops, items: Iterable[Item]) -> frozenset[str]:
    """Loops whose iterations may run many at a time.

    A scan's axis is not, nor is a loop of a scatter that may meet an element twice. A scan of
    integers along rows takes a cycle for each element: nothing is gained across rows.
    """
    if not loops.ordered:
        return frozenset(loops.variables) - _copied(loops, items)
    if _is_quick_scan(loops, items):
        return frozenset()
    return _independent(loops) - frozenset(loops.inner)


def _independent(loops: Loops) -> frozenset[str]:
    """Loops, besides those that are folded, whose iterations may run in any order."""
    names = frozenset(loops.variables)
    for entry in loops.lookups.values() if loops.ordered else ():
        names -= loops.atoms_of(entry.index)
    return names


def _copied(loops: Loops, items: Iterable[Item]) -> frozenset[str]:
    """Loops over places in memory from where complex elements are copied and nothing else.

    To gather their parts takes longer than to load and store them one by one.
    """
    if not loops.lookups or any(isinstance(item.statement, Compute | Fold) for item in items):
        return frozenset()
    loads = [item.statement for item in items if isinstance(item.statement, Load)]
    if not any(load.dtype.is_complex for load in loads):
        return frozenset()
    places = [loops.atoms_of(entry.index) for entry in loops.lookups.values()]
    return frozenset().union(*places)


def _is_in_order(loops: Loops) -> bool:
    """Whether the order of several loops matters: they count, or may meet an element twice."""
    if any(store.mode == "nonzero" for store in loops.stores):
        return True
    dependent = frozenset(loops.variables) - _independent(loops)
    return sum(loops.variables[name] != 1 for name in dependent) > 1


def _is_quick_scan(loops: Loops, items: Iterable[Item]) -> bool:
    if len(loops.inner) != 1:
        return False
    for item in items:
        statement = item.statement
        if isinstance(statement, (Load, Store)):
            stride = statement.address.coefficient(loops.inner[0])
            if stride not in (0, statement.dtype.itemsize):
                return False
        begun = item.accumulator
        if isinstance(statement, Fold) and (begun is None or not begun[1].is_integer):
            return False
    return True


def build(loops: Loops, draft: Draft, estimates: dict[str, int], target: LoopTarget = CPU) -> Nest:
    """Schedule a draft and put it into loops."""
    plan = schedule(
        loops.variables,
        loops.inner,
        accesses_of(draft.items),
        vectorisable(loops, draft.items),
        estimates,
        _short_fold(draft),
        _is_in_order(loops),
    )
    return _Nester(loops, draft, plan, target).run()


def _short_fold(draft: Draft) -> int:
    """Extent up to which a row may be folded one element after the other."""
    begun = [item.accumulator for item in draft.items if item.accumulator]
    summed = [dtype for operator, dtype in begun if operator.extra.get("pairwise")]
    if F16 in summed:  # rounded after each element across rows, and not along one
        return 0
    return SHORT_COMPLEX_FOLD if any(dtype.is_complex for dtype in summed) else SHORT_FOLD


class _Nester:
    def __init__(self, loops: Loops, draft: Draft, plan: Schedule, target: LoopTarget) -> None:
        self.loops = loops
        self.draft = draft
        self.plan = plan
        self.target = target
        self.dependent = plan.surviving(frozenset(loops.variables) - _independent(loops))
        self.scratch: list[Scratch] = []
        self.blocks: list[list[Statement]] = [[] for _ in range(len(plan.outer) + 1)]
        self.inner = frozenset(plan.inner)
        self.folds = any(isinstance(item.statement, Fold) for item in draft.items)
        self.begins = {
            item.fold or item: item.accumulator for item in draft.items if item.accumulator
        }
        for item in draft.items:
            item.variables = plan.surviving(item.variables)
            item.statement = _moved(item.statement, plan.changes)

    def run(self) -> Nest:
        if self.draft.mask is not None:
            self.place_masked(self.draft.mask)
        elif not self.folds:
            self.place_outer(self.draft.items)
        else:
            self.place_stages()
        body = self.close_loops()
        return self.finish(body)

    # Outer loops

    def place_outer(self, items: Iterable[Item]) -> None:
        for item in items:
            self.blocks[self.depth(item)].append(item.statement)

    def place_masked(self, mask: Item) -> None:
        """What computes the mask, then everything else, where the mask is known, under it."""
        number = self.draft.items.index(mask) + 1
        self.place_outer(self.draft.items[:number])
        depth = self.depth(mask)
        before, self.blocks[depth] = self.blocks[depth], []
        self.place_outer(self.draft.items[number:])
        for position in range(len(self.plan.outer) - 1, depth - 1, -1):
            self.close_loop(position)
        self.blocks[depth] = [*before, Where(result_of(mask), self.blocks[depth])]
        del self.plan.outer[depth:]

    def depth(self, item: Item) -> int:
        if item.stage > 0:
            return len(self.plan.outer)
        return _depth(self.plan.outer, item.variables)

    def close_loops(self) -> list[Statement]:
        for position in range(len(self.plan.outer) - 1, -1, -1):
            self.close_loop(position)
        return self.blocks[0]

    def close_loop(self, position: int) -> None:
        """Put the block inside of a loop into the one around it."""
        name = self.plan.outer[position]
        self.blocks[position].append(self.loop(name, self.blocks[position + 1]))

    def loop(self, name: str, body: list[Statement]) -> Loop:
        kind = "vector" if name == self.plan.vector else "serial"
        return Loop(name, self.plan.extents[name], kind, body, name not in self.dependent)

    # Stages

    def place_stages(self) -> None:
        inside, outside = self.divide()
        keeps = self.target.keeps_rows
        if keeps and columns.suits(self.plan, inside, outside, self.begins):
            loops, after = columns.place(self.plan, inside, outside, self.begins, self.column_row)
            self.blocks[-2].extend(loops)
            self.blocks[-1].extend(after)
            return
        needed = self.stages_needed(inside)
        kept = self.kept_items(inside, needed)
        last = max(item.stage for item in self.draft.items)
        for stage in range(last + 1):
            self.place_outer(item for item in outside if item.stage == stage)
            members = [item for item in inside if stage in needed[item]]
            if members:
                self.place_stage(stage, members, needed, kept)

    def divide(self) -> tuple[list[Item], list[Item]]:
        """Items of the inner loops, and the others."""
        inside: dict[Item, None] = {}
        outside = []
        for item in self.draft.items:
            is_fold, is_end = (isinstance(item.statement, kind) for kind in (Fold, End))
            running = not is_end and any(used in inside for used in item.uses)
            if is_fold or running or item.variables & self.inner:
                inside[item] = None
            else:
                outside.append(item)
        return list(inside), outside

    def stages_needed(self, inside: list[Item]) -> dict[Item, set[int]]:
        """For each item of the inner loops, the stages that read its register."""
        needed: dict[Item, set[int]] = {item: set() for item in inside}
        for item in reversed(inside):
            is_unread_check = _checks(item.statement) and not needed[item]
            if is_unread_check or isinstance(item.statement, (Fold, Store)):
                needed[item].add(item.stage)
            stages = needed[item]
            if len(stages) > 1 and self.worth_keeping(item):
                stages = {min(stages)}
            for used in item.uses:
                if used in needed:
                    needed[used] |= stages
        return needed

    def worth_keeping(self, item: Item) -> bool:
        is_costly = isinstance(item.statement, Compute) and item.cost > KEEP
        return is_costly and self.target.keeps_rows

    def kept_items(
        self, inside: list[Item], needed: dict[Item, set[int]]
    ) -> dict[Item, tuple[str, Affine, DType]]:
        """Where the items lie that later stages load: in what is stored anyway, or in a row."""
        stored = {
            item.uses[0]: item.statement
            for item in inside
            if isinstance(item.statement, Store) and item.statement.operator is None
        }
        kept = {}
        for item in inside:
            if len(needed[item]) < 2 or not self.worth_keeping(item):
                continue
            assert isinstance(item.statement, Compute)
            dtype, store = item.statement.dtype, stored.get(item)
            if store is not None and item.stage == min(needed[item]):
                kept[item] = store.buffer, store.address, dtype
            else:
                kept[item] = self.row(dtype)
        return kept

    def row(self, dtype: DType) -> tuple[str, Affine, DType]:
        """A scratch row over the inner loops (and the vector loop, where that is an outer one)."""
        names = list(self.plan.inner)
        if self.plan.vector is not None and self.plan.vector not in names:
            names.append(self.plan.vector)
        return self.row_over(names, dtype)

    def column_row(self, dtype: DType) -> tuple[str, Affine, DType]:
        """A scratch row over the vector loop alone."""
        assert self.plan.vector is not None
        return self.row_over([self.plan.vector], dtype)

    def row_over(self, names: list[str], dtype: DType) -> tuple[str, Affine, DType]:
        """A scratch row over some loops."""
        extents = [self.plan.extents[name] for name in names]
        linear = access.linear_index([access.variable(name) for name in names], extents)
        row = Scratch(f"row{len(self.scratch)}", dtype, dims.product(tuple(extents)))
        self.scratch.append(row)
        return row.name, linear.scaled(dtype.itemsize), dtype

    def place_stage(
        self,
        stage: int,
        members: list[Item],
        needed: dict[Item, set[int]],
        kept: dict[Item, tuple[str, Affine, DType]],
    ) -> None:
        blocks: list[list[Statement]] = [[] for _ in range(len(self.plan.inner) + 1)]
        before = self.blocks[-1]
        after: list[Statement] = []
        for item in members:
            if item in kept and stage != min(needed[item]):
                buffer, address, dtype = kept[item]
                blocks[-1].append(Load(result_of(item), buffer, address, dtype))
                continue
            if isinstance(item.statement, Fold):
                self.begin(item, before)
                blocks[-1].append(self.folding(item, after))
                continue
            blocks[_depth(self.plan.inner, item.variables)].append(item.statement)
            if item in kept and kept[item][0].startswith("row"):
                buffer, address, dtype = kept[item]
                blocks[-1].append(Store(buffer, address, result_of(item), dtype))
        for position in range(len(self.plan.inner) - 1, -1, -1):
            loop = self.loop(self.plan.inner[position], blocks[position + 1])
            blocks[position].append(loop)
        before.extend(blocks[0] + after)

    def folding(self, item: Item, after: list[Statement]) -> Statement:
        """What folds an element; where elements go to a row first, `after` gets the folding."""
        fold, begun = item.statement, self.begins[item]
        assert isinstance(fold, Fold)
        if not self.target.keeps_rows or not short_sums.suits(self.plan, item, begun):
            return fold
        name, _, dtype = self.row_over(self.plan.in_memory, begun[1])
        after.append(short_sums.loop_over(self.plan, fold, name, dtype))
        return Store(name, short_sums.address_of(self.plan, dtype), fold.operand, dtype)

    def begin(self, item: Item, before: list[Statement]) -> None:
        """Start the accumulator of a fold in front of its loops."""
        assert isinstance(item.statement, Fold)
        before.append(Begin(item.statement.accumulator, *self.begins[item]))

    # The kernel

    def finish(self, body: list[Statement]) -> Nest:
        """Name the buffers by first use; a constant offset goes into the pointer."""
        names: dict[str, str] = {}
        offsets: dict[str, Dim] = {}
        dtypes: dict[str, DType] = {}
        for statement in walk(body):
            if isinstance(statement, (Load, Store)) and statement.buffer not in names:
                names[statement.buffer] = f"b{len(names)}"
                offsets[statement.buffer] = statement.address.constant
                dtypes[statement.buffer] = statement.dtype
        body = _renamed(body, names, offsets)
        aligned = {name: place.aligned for name, place in self.draft.storages.items()}
        buffers = [Buffer(new, dtypes[old], aligned.get(old, True)) for old, new in names.items()]
        kernel = Kernel(buffers, symbols_in(body), body, self.draft.checks)
        kernel.private = {
            names[row.name]: row.extent * row.dtype.itemsize
            for row in self.scratch
            if row.name in names
        }
        return Nest(kernel, list(names), [offsets[name] for name in names], self.scratch)


def _checks(statement: Statement) -> bool:
    """Whether a statement may leave the piece, also where nobody reads what it gives."""
    if isinstance(statement, Compute):
        return statement.operator.checks
    return isinstance(statement, (Lookup, Require))


def _depth(order: list[str], variables: frozenset[str]) -> int:
    return max((order.index(name) + 1 for name in variables if name in order), default=0)


def _moved(statement: Statement, changes: dict[str, Affine]) -> Statement:
    """The statement with the variables that are left."""
    if not changes:
        return statement
    if isinstance(statement, (Load, Store, Position)):
        return replace(statement, address=statement.address.replace(changes))
    if isinstance(statement, Fold) and statement.position is not None:
        return replace(statement, position=statement.position.replace(changes))
    return statement


def _renamed(
    body: list[Statement], names: dict[str, str], offsets: dict[str, Dim]
) -> list[Statement]:
    out: list[Statement] = []
    for statement in body:
        if isinstance(statement, (Loop, Where)):
            statement = replace(statement, body=_renamed(statement.body, names, offsets))
        elif isinstance(statement, (Load, Store)):
            statement = replace(
                statement,
                buffer=names[statement.buffer],
                address=statement.address + -offsets[statement.buffer],
            )
        out.append(statement)
    return out


def symbols_in(body: list[Statement]) -> list[str]:
    """Symbols in extents and addresses, in order of first use."""
    found: dict[str, None] = {}
    for statement in walk(body):
        for dim in _dims_of(statement):
            found.update(dict.fromkeys(sorted(dims.symbols_of(dim))))
    return list(found)


def _dims_of(statement: Statement) -> Iterable[Dim]:
    extent = getattr(statement, "extent", None)
    if extent is not None:
        yield extent
    for name in ("address", "position"):
        address = getattr(statement, name, None)
        if address is not None:
            yield address.constant
            yield from (coefficient for _, coefficient in address.terms)

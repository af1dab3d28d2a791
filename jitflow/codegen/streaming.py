"""Row kernels in front of a matrix product, for back ends that make both block by block.

``softmax(x) @ v`` needs no row of the softmax in memory. What a row is multiplied with is linear in
``exp(x - max(x))``: blocks of the row can be multiplied as they come with the largest element so
far, and what was added up before is corrected by ``exp(old - new)`` when a larger one comes.
Factors of the whole row, ``1 / sum``, are left to the end.

Before::

    m = max(x); t = sum(exp(x - m)); p = exp(x - m) / t; y = p @ v

After, for each block of the row::

    new = max(m, max(x)); c = exp(m - new); e = exp(x - new)
    t = t * c + sum(e); y = y * c + e @ v; m = new
    y = y / t                                                 at the end
"""

from __future__ import annotations

from collections.abc import Iterator

from jitflow.codegen.hidden import Hidden, hidden_part
from jitflow.codegen.loop_ir import (
    Begin,
    Compute,
    Constant,
    End,
    Fold,
    Kernel,
    Load,
    Loop,
    Position,
    Statement,
    Store,
    walk,
)
from jitflow.core.dataclass import dataclass, field
from jitflow.ops.record import operator

EXPONENTIALS = frozenset(("exp", "exp2"))
DIFFERENCE, EXTREME = "subtract", "max"

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Link:
    """A step of a chain: a computation, and which of its operands is the link before."""

    statement: Compute
    position: int


Chain = tuple[Link, ...]


@dataclass(eq=False, repr=False)
class Streamed:
    """A row kernel by what becomes of its statements.

    Attributes
    ----------
    rows : list of Statement
        Outside of the row's loops, known before them.
    elements : list of Statement
        Of each element, independent of folds; stores among them.
    plain : list of Fold
        Those whose operands are independent of other folds.
    peak : str
        The accumulator of the largest element, or nothing: then nothing is corrected.
    level : Chain
        Conversions from `peak`'s value to what is subtracted.
    largest : str
        The register of what is subtracted.
    start : str
        The register where `shift` begins; in the place of an element it takes an old peak as well.
    shift : Chain
        From `start` to the exponential.
    sums : list of (Fold, Chain)
        Sums of what the chain makes of the exponential.
    weight : Chain
        From the exponential to what is multiplied by the matrix.
    rescale : Chain
        From what is subtracted in `shift` to the factor that the weights have in the end: what is
        subtracted from them is another number of the row, such as the logarithm of the sum.
    after : list of Statement
        Outside of the row's loops, with what the folds gave.
    tail : Chain
        From a row of the product to what it is with its factors.
    hidden : Hidden or None
        Elements that are nothing but a number of the row.
    """

    begins: dict[str, Begin]
    rows: list[Statement] = field(default_factory=list)
    elements: list[Statement] = field(default_factory=list)
    plain: list[Fold] = field(default_factory=list)
    peak: str = ""
    level: Chain = ()
    largest: str = ""
    start: str = ""
    shift: Chain = ()
    sums: list[tuple[Fold, Chain]] = field(default_factory=list)
    weight: Chain = ()
    rescale: Chain = ()
    after: list[Statement] = field(default_factory=list)
    tail: Chain = ()
    hidden: Hidden | None = None


class _NotStreamed(Exception):
    """A row is needed as a whole."""


def stream(
    kernel: Kernel, statements: list[Statement], inner: frozenset[str], buffer: str
) -> Streamed | None:
    """How the rows that a kernel stores in `buffer` come block by block; None where they do not.

    `statements` are the body of its outer loops, `inner` the variables of the loops in them.
    """
    if kernel.checks:
        return None
    try:
        return _Analysis(statements, inner, buffer).run()
    except _NotStreamed:
        return None


class _Analysis:
    def __init__(self, statements: list[Statement], inner: frozenset[str], buffer: str) -> None:
        self.statements = statements
        self.inner = inner
        self.buffer = buffer
        self.definitions: dict[str, Statement] = {}
        self.folds: dict[str, Fold] = {}
        self.needs: dict[str, frozenset[str]] = {}
        self.varying: set[str] = set()
        self.found = Streamed({})

    def run(self) -> Streamed:
        for statement in walk(self.statements):
            self.define(statement)
        self.settle_rows()
        stored = self.settle_elements()
        weight, tail = self.settle_weight(stored)
        for fold in self.folds.values():
            self.settle_fold(fold)
        self.found.weight, self.found.tail = weight, tail
        self.found.hidden = self.hidden()
        return self.found

    # What depends on what

    def define(self, statement: Statement) -> None:
        """Note what a statement needs: accumulators, and the position in the row."""
        if isinstance(statement, Begin):
            self.found.begins[statement.accumulator] = statement
        elif isinstance(statement, Fold):
            if statement.result or statement.position is not None:
                raise _NotStreamed
            self.folds[statement.accumulator] = statement
        elif isinstance(statement, Loop | Store):
            pass
        elif not isinstance(statement, Compute | Constant | Position | Load | End):
            raise _NotStreamed
        elif statement.result not in self.definitions:
            self.definitions[statement.result] = statement
            self.needs[statement.result] = self.needs_of(statement)
            if self.varies(statement):
                self.varying.add(statement.result)

    def needs_of(self, statement: Statement) -> frozenset[str]:
        if isinstance(statement, End):
            operand = self.folds[statement.accumulator].operand
            return self.needs[operand] | {statement.accumulator}
        if isinstance(statement, Compute):
            return NOTHING.union(*(self.needs[name] for name in statement.operands))
        return NOTHING

    def varies(self, statement: Statement) -> bool:
        """Whether a value is another one for each element of the row."""
        if isinstance(statement, Compute):
            return any(name in self.varying for name in statement.operands)
        if isinstance(statement, Load | Position):
            return bool(self.inner & set(statement.address.atoms()))
        return False

    def is_free(self, name: str) -> bool:
        """Whether a register depends on no fold."""
        return not self.needs[name]

    # Statements

    def settle_rows(self) -> None:
        """Sort what stands outside of the row's loops."""
        for statement in self.statements:
            if isinstance(statement, Loop | Begin):
                continue
            if isinstance(statement, Store):
                self.found.after.append(statement)
                continue
            early = self.is_free(statement.result)  # type: ignore[union-attr]
            (self.found.rows if early else self.found.after).append(statement)

    def settle_elements(self) -> str:
        """Sort what stands in the loops, each once; the register that is stored in the buffer."""
        stored, seen = [], set()
        for statement in self.inside():
            if isinstance(statement, Store):
                if statement.buffer == self.buffer and statement.operator is None:
                    stored.append(statement.operand)
                elif statement.operator is None and self.is_free(statement.operand):
                    self.found.elements.append(statement)
                else:
                    raise _NotStreamed
            elif not isinstance(statement, Loop | Fold):
                name = statement.result  # type: ignore[union-attr]
                if name not in seen and self.is_free(name):
                    seen.add(name)
                    self.found.elements.append(statement)
        if len(stored) != 1:
            raise _NotStreamed
        return stored[0]

    def inside(self) -> Iterator[Statement]:
        """The statements in the row's loops."""
        for statement in self.statements:
            if isinstance(statement, Loop):
                yield from walk([statement])

    def hidden(self) -> Hidden | None:
        """What a mask hides, where an exponential of 0 changes nothing but the product."""
        found = self.found
        chains = (found.weight, *(chain for _, chain in found.sums))
        cast = operator("cast")
        if any(link.statement.operator is not cast for chain in chains for link in chain):
            return None
        stores = any(isinstance(item, Store) for item in found.elements)
        if stores or not found.peak or len(found.plain) != 1 or len(self.inner) != 1:
            return None
        (variable,) = self.inner
        return hidden_part(self.definitions, self.varying, found.start, variable)

    # Chains

    def settle_weight(self, stored: str) -> tuple[Chain, Chain]:
        """The chain from the exponential to what is stored, in two: of elements, and of rows."""
        links, start = self.chain(stored)
        self.begin_at(start)
        weight: list[Link] = []
        tail: list[Link] = []
        for link in links:
            (weight if self.is_free_but_for(link) else tail).append(link)
        if tail and not self.found.shift:
            raise _NotStreamed  # what nothing bounds may overflow before it meets the factor
        return tuple(weight), tuple(tail)

    def settle_fold(self, fold: Fold) -> None:
        """A fold as a plain one, or as a corrected sum."""
        if self.is_free(fold.operand):
            self.found.plain.append(fold)
            return
        links, start = self.chain(fold.operand)
        begin = self.found.begins[fold.accumulator]
        own = self.found.shift
        is_same = bool(own) and own[-1].statement.result == start
        if not is_same or not begin.operator.extra.get("pairwise"):
            raise _NotStreamed
        if not all(map(self.is_free_but_for, links)):
            raise _NotStreamed
        self.found.sums.append((fold, links))

    def is_free_but_for(self, link: Link) -> bool:
        """Whether a link depends on folds through the link before it alone."""
        return all(map(self.is_free, _others(link)))

    def chain(self, name: str) -> tuple[Chain, str]:
        """Steps in which a register is linear, and where they begin: an exponential, or an element
        that depends on no fold.
        """
        links: list[Link] = []
        while not self.is_free(name):
            statement = self.definitions[name]
            if not isinstance(statement, Compute):
                raise _NotStreamed
            if statement.operator.name in EXPONENTIALS:
                break
            links.append(self.link(statement))
            name = statement.operands[links[-1].position]
        return tuple(reversed(links)), name

    def link(self, statement: Compute) -> Link:
        """A computation that is linear in one operand, and has the others for whole rows, or
        independent of folds.
        """
        if not statement.dtype.is_float:
            raise _NotStreamed
        for position in statement.operator.extra.get("linear", ()):
            link = Link(statement, position)
            if statement.operands[position] in self.varying and all(
                name not in self.varying or self.is_free(name) for name in _others(link)
            ):
                return link
        raise _NotStreamed

    def begin_at(self, name: str) -> None:
        """Note the exponential and its peak."""
        if self.is_free(name):
            self.found.start = name
            return
        shift = self.shift_of(name)
        first = shift[0].statement
        if self.peak_of(*first.operands):
            self.subtract(shift)
            return
        for own in self.shifts():
            element, largest = own[0].statement.operands
            if element == first.operands[0] and self.peak_of(element, largest):
                self.subtract(own)
                self.found.rescale = shift
                return
        raise _NotStreamed

    def subtract(self, shift: Chain) -> None:
        """Note how an element becomes an exponential."""
        self.found.start, self.found.largest = shift[0].statement.operands
        self.found.peak = self.peak_of(*shift[0].statement.operands)
        self.found.level = self.level_of(self.found.largest)
        self.found.shift = shift

    def shifts(self) -> Iterator[Chain]:
        """The chains to the exponentials that are summed."""
        for fold in self.folds.values():
            if not self.is_free(fold.operand):
                yield self.shift_of(self.chain(fold.operand)[1])

    def shift_of(self, name: str) -> Chain:
        """The chain from an element to an exponential of its difference to a number of the row."""
        statement = self.definitions[name]
        links: list[Link] = []
        while isinstance(statement, Compute) and statement.operator.name != DIFFERENCE:
            links.append(Link(statement, 0) if not links else self.link(statement))
            if any(other in self.varying for other in _others(links[-1])):
                raise _NotStreamed
            statement = self.definitions[statement.operands[links[-1].position]]
        if not isinstance(statement, Compute) or not links:
            raise _NotStreamed
        element, number = statement.operands
        if not self.is_free(element) or number in self.varying:
            raise _NotStreamed
        return (Link(statement, 0), *reversed(links))

    def level_of(self, largest: str) -> Chain:
        """The conversions from the value of an accumulator."""
        links: list[Link] = []
        statement = self.definitions[largest]
        while isinstance(statement, Compute) and statement.operator is operator("cast"):
            links.append(Link(statement, 0))
            statement = self.definitions[statement.operands[0]]
        return tuple(reversed(links))

    def peak_of(self, element: str, largest: str) -> str:
        """The accumulator that `largest` is the value of: the largest `element` of the row."""
        level = self.level_of(largest)
        end = self.definitions[level[0].statement.operands[0] if level else largest]
        if not isinstance(end, End) or not end.dtype.is_float:
            return ""
        fold, begin = self.folds[end.accumulator], self.found.begins[end.accumulator]
        is_peak = begin.operator.name == EXTREME and fold.operand == element
        return end.accumulator if is_peak else ""


def _others(link: Link) -> Iterator[str]:
    """The operands of a link besides the link before it."""
    names = link.statement.operands
    return (name for k, name in enumerate(names) if k != link.position)
